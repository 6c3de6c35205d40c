"""What every broker must do, as numbered cases; a real broker's adapter joins by a rig of its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.reports import ReportKind
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Money, Price
from thetaloom.ports.broker import Broker
from thetaloom.testing import builders as b
from thetaloom.testing.bench import PaperBench, followed, kinds_of
from thetaloom.testing.broker import ScriptedBroker
from thetaloom.testing.clock import FakeClock

K = ReportKind
UNKNOWN_ID = ClientOrderId("tl-never-sent")


@dataclass(frozen=True)
class Rig:
    """One broker under test and the hand that makes its market."""

    broker: Broker
    fill: Callable[[Order], object]  # lets a working order fill whole
    expire: Callable[[Order], object]  # lets it expire
    reopen: Callable[[], Broker]  # the same account after a restart of our side


@pytest.fixture(params=["scripted", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    if request.param == "scripted":
        scripted = ScriptedBroker(FakeClock())
        yield Rig(
            broker=scripted,
            fill=lambda order: scripted.fill(order.client_order_id),
            expire=lambda order: scripted.expire(order.client_order_id),
            reopen=lambda: scripted,
        )
        return
    bench = PaperBench(request.getfixturevalue(f"{request.param}_books"))
    yield Rig(
        broker=bench.broker,
        fill=lambda order: bench.tick(),
        expire=lambda order: bench.tick(b.new_york("2026-01-05 16:00")),
        reopen=bench.reopen,
    )
    bench.broker.close()


def test_01_an_order_is_accepted_and_works(rig: Rig) -> None:
    order = b.order(limit="0.90")

    rig.broker.submit(order)

    assert kinds_of(rig.broker, order.client_order_id) == [K.ACCEPTED]
    assert followed(rig.broker, order).status is OrderStatus.WORKING
    found = rig.broker.find(order.client_order_id)
    assert found is not None and found.is_open and found.filled == 0 and found.limit_price == Price("0.90")
    assert found.broker_order_id == followed(rig.broker, order).broker_order_id


def test_02_an_order_that_never_arrived_is_not_found(rig: Rig) -> None:
    assert rig.broker.find(UNKNOWN_ID) is None


def test_03_an_id_seen_before_is_not_a_second_order(rig: Rig) -> None:
    order = b.order(limit="0.90")
    rig.broker.submit(order)

    rig.broker.submit(order)
    rig.broker.submit(replace(order, quantity=5))
    rig.fill(order)
    rig.broker.submit(order)

    assert kinds_of(rig.broker, order.client_order_id) == [K.ACCEPTED, K.FILLED]
    assert followed(rig.broker, order).filled == 1


def test_04_a_fill_reports_its_price_legs_and_fees(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=2)
    rig.broker.submit(order)

    rig.fill(order)

    fill = rig.broker.reports_since(0)[-1].fill
    assert fill is not None
    assert (fill.quantity, fill.price, fill.cash, fill.fees) == (2, Price("0.90"), Money(180), Money("-2.60"))
    assert [leg.quantity for leg in fill.legs] == [-2, 2]
    assert followed(rig.broker, order).status is OrderStatus.FILLED


def test_05_holdings_and_cash_follow_from_fills(rig: Rig) -> None:
    before = rig.broker.account().cash
    opening = b.order(limit="0.90")
    closing = b.closing(opening, limit="-1.10")
    rig.broker.submit(opening)
    rig.fill(opening)
    held = rig.broker.holdings()
    rig.broker.submit(closing)
    rig.fill(closing)

    after = rig.broker.account().cash

    assert held == {leg.contract: leg.ratio for leg in opening.legs}
    assert rig.broker.holdings() == {}
    assert before is not None and after is not None and after - before == Money("-22.60")


def test_06_a_cancel_ends_a_working_order(rig: Rig) -> None:
    order = b.order(limit="1.50")
    rig.broker.submit(order)

    rig.broker.cancel(order.client_order_id)

    assert kinds_of(rig.broker, order.client_order_id) == [K.ACCEPTED, K.CANCELED]
    found = rig.broker.find(order.client_order_id)
    assert found is not None and not found.is_open


def test_07_a_cancel_that_lost_the_race_is_refused(rig: Rig) -> None:
    order = b.order(limit="0.90")
    rig.broker.submit(order)
    rig.fill(order)

    rig.broker.cancel(order.client_order_id)

    assert kinds_of(rig.broker, order.client_order_id) == [K.ACCEPTED, K.FILLED, K.CANCEL_REFUSED]
    assert followed(rig.broker, order).status is OrderStatus.FILLED


def test_08_requests_about_unknown_orders_are_refused(rig: Rig) -> None:
    rig.broker.cancel(UNKNOWN_ID)
    rig.broker.replace(UNKNOWN_ID, Price(1), 1)

    assert kinds_of(rig.broker, UNKNOWN_ID) == [K.CANCEL_REFUSED, K.REPLACE_REFUSED]


def test_09_a_replace_moves_the_limit(rig: Rig) -> None:
    order = b.order(limit="1.50")
    rig.broker.submit(order)

    rig.broker.replace(order.client_order_id, Price("0.85"), 1)
    rig.fill(order)

    assert kinds_of(rig.broker, order.client_order_id) == [K.ACCEPTED, K.REPLACED, K.FILLED]
    assert followed(rig.broker, order).limit_price == Price("0.85")
    fill = rig.broker.reports_since(0)[-1].fill
    assert fill is not None and fill.price == Price("0.85")


def test_10_a_revision_not_newer_than_the_last_changes_nothing(rig: Rig) -> None:
    order = b.order(limit="1.50")
    rig.broker.submit(order)
    rig.broker.replace(order.client_order_id, Price("1.40"), 2)

    rig.broker.replace(order.client_order_id, Price("1.45"), 1)
    rig.broker.replace(order.client_order_id, Price("1.35"), 2)

    found = rig.broker.find(order.client_order_id)
    assert found is not None and found.limit_price == Price("1.40")
    assert kinds_of(rig.broker, order.client_order_id) == [K.ACCEPTED, K.REPLACED]


def test_11_a_replace_of_what_is_over_is_refused(rig: Rig) -> None:
    order = b.order(limit="1.50")
    rig.broker.submit(order)
    rig.broker.cancel(order.client_order_id)

    rig.broker.replace(order.client_order_id, Price("1.40"), 1)

    assert kinds_of(rig.broker, order.client_order_id)[-1] is K.REPLACE_REFUSED


def test_12_an_order_that_does_not_fill_expires(rig: Rig) -> None:
    order = b.order(limit="1.50")
    rig.broker.submit(order)

    rig.expire(order)

    assert followed(rig.broker, order).status is OrderStatus.EXPIRED
    rig.broker.cancel(order.client_order_id)
    assert kinds_of(rig.broker, order.client_order_id) == [K.ACCEPTED, K.EXPIRED, K.CANCEL_REFUSED]


def test_13_reports_are_kept_and_read_by_sequence(rig: Rig) -> None:
    first, second = b.order(limit="1.50"), b.order(limit="1.50", client_order_id=ClientOrderId("tl-order-2"))
    rig.broker.submit(first)
    seen = rig.broker.reports_since(0)[-1].sequence
    rig.broker.submit(second)
    rig.broker.cancel(first.client_order_id)

    news = rig.broker.reports_since(seen)

    assert [(r.kind, r.client_order_id) for r in news] == [
        (K.ACCEPTED, second.client_order_id),
        (K.CANCELED, first.client_order_id),
    ]
    sequences = [report.sequence for report in rig.broker.reports_since(0)]
    assert sequences == sorted(set(sequences))
    assert rig.reopen().reports_since(seen) == news


def test_14_each_report_wakes_whoever_listens(rig: Rig) -> None:
    wakes: list[int] = []
    rig.broker.on_report(lambda: wakes.append(len(rig.broker.reports_since(0))))
    order = b.order(limit="0.90")

    rig.broker.submit(order)
    rig.fill(order)

    assert wakes == [1, 2]


def test_15_the_account_says_what_it_is(rig: Rig) -> None:
    account = rig.broker.account()

    assert account.account_id == rig.broker.account_id == b.ACCOUNT
    assert rig.broker.simulated and not account.is_live
    assert account.cash == account.net_liquidating_value == account.buying_power == Money(100_000)
    assert account.as_of == b.NOW
