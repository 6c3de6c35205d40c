"""The exchange behind simulated servers: ids, refusals, legs apart, and what it tells."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.values.money import Price
from thetaloom.testing import builders as b
from thetaloom.testing.bench import SPREAD_QUOTES
from thetaloom.testing.broker_servers.backend import Backend, Change, Changed, ServerTrouble, WireOrder
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.market import FixedMarket


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    clock = FakeClock()
    market = FixedMarket(clock, always_fresh=True)
    market.set_quotes(SPREAD_QUOTES)
    market.set_spot("SPY", 575)
    made = Backend(market, clock, b.trading_calendar(), tmp_path)
    yield made
    made.close()


def wire(limit: str = "1.50", quantity: int = 1, client: str = "tl-1", effect: Effect = Effect.OPEN) -> WireOrder:
    order = b.order(limit=limit)
    legs = order.legs if effect is Effect.OPEN else b.order(limit=limit, effect=effect).legs
    return WireOrder(legs=legs, quantity=quantity, limit_price=Price(limit), effect=effect, client_order_id=client)


def heard(backend: Backend) -> list[Change]:
    changes: list[Change] = []
    backend.on_change(changes.append)
    return changes


def test_two_orders_under_one_id_of_the_client_are_two(backend: Backend) -> None:
    first, second = backend.place(wire()), backend.place(wire())

    assert first.broker_order_id != second.broker_order_id
    assert [one.broker_order_id for one in backend.by_client_id("tl-1")] == [
        first.broker_order_id,
        second.broker_order_id,
    ]


def test_an_order_that_cannot_be_paid_is_rejected_with_its_reason(backend: Backend) -> None:
    shown = backend.place(wire(quantity=1000))

    refusal = backend.refusal_of(shown.broker_order_id)
    assert shown.status is OrderStatus.REJECTED
    assert refusal is not None and refusal[0] is Refusal.INSUFFICIENT_BUYING_POWER


def test_a_replacement_with_an_id_of_its_own_leaves_the_old_one_canceled(backend: Backend) -> None:
    before = backend.place(wire())

    after = backend.replace(before.broker_order_id, Price("1.40"), new_id=True, client_order_id="tl-1-r1")

    old = backend.order(before.broker_order_id)
    assert after is not None and after.limit_price == Price("1.40") and after.client_order_id == "tl-1-r1"
    assert old is not None and old.status is OrderStatus.CANCELED and old.limit_price == Price("1.50")
    assert backend.replaced_by(before.broker_order_id) == after.broker_order_id
    assert backend.replace(before.broker_order_id, Price("1.30"), new_id=True) is None


def test_a_fill_is_told_as_the_order_and_its_legs(backend: Backend) -> None:
    shown = backend.place(wire("0.90"))
    changes = heard(backend)

    backend.tick()

    kinds = [(one.of, one.broker_order_id) for one in changes]
    assert kinds == [(Changed.ORDER, shown.broker_order_id)] + [(Changed.EXECUTION, shown.broker_order_id)] * 2
    assert sum(abs(count) for count in backend.holdings().values()) == 2


def test_legs_done_apart_fill_the_order_when_all_are_there(backend: Backend) -> None:
    shown = backend.place(wire())
    short, long = shown.legs

    backend.execute(shown.broker_order_id, long.contract, 1, Price("1.00"))
    between = backend.order(shown.broker_order_id)
    backend.execute(shown.broker_order_id, short.contract, -1, Price("2.50"))

    after = backend.order(shown.broker_order_id)
    assert between is not None and between.filled == 0 and between.is_open
    assert after is not None and after.status is OrderStatus.FILLED
    assert backend.holdings() == {short.contract: -1, long.contract: 1}


def test_what_is_late_is_neither_in_the_books_nor_told_until_it_arrives(backend: Backend) -> None:
    changes = heard(backend)
    shown = backend.place(wire(), late=True)

    assert backend.order(shown.broker_order_id) is None and not backend.by_client_id("tl-1") and not changes
    backend.arrive()

    assert backend.order(shown.broker_order_id) is not None and len(changes) == 1


def test_streams_tell_twice_or_not_at_all_as_planned(backend: Backend) -> None:
    changes = heard(backend)
    backend.plan("stream", ServerTrouble.TWICE, ServerTrouble.NOT_TOLD)

    shown = backend.place(wire())
    backend.cancel(shown.broker_order_id)

    assert len(changes) == 2
    ended = backend.order(shown.broker_order_id)
    assert ended is not None and ended.status is OrderStatus.CANCELED


def test_an_order_from_elsewhere_has_an_id_and_can_be_canceled(backend: Backend) -> None:
    number = backend.world.place_elsewhere(b.order().legs, 1, Price("1.50"))

    theirs = backend.order(number)
    assert theirs is not None and theirs.client_order_id is None and theirs.is_open
    assert backend.cancel(number) and not backend.cancel(number)
