"""Executions in any order, with late commissions and corrections, count once and to the cent."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.book.transactions import TransactionKind
from thetaloom.domain.values.money import Money, Price
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.ibkr import telling
from thetaloom.testing.broker_servers.ibkr.rig import SHORT, Bench
from thetaloom.testing.broker_servers.ibkr.telling import ToldContract, ToldExecution


@pytest.fixture
def order(bench: Bench) -> Order:
    """An order that works."""
    made = b.order(limit="1.50")
    bench.connect().submit(made)
    return made


@pytest.fixture
def leg(bench: Bench, order: Order) -> ToldExecution:
    """An execution of its short leg, as TWS would tell it."""
    told = bench.server.shared.accounts.order(bench.number_of(order))
    assert told is not None
    return ToldExecution(
        execution_id="0000aaaa.0001.01.01",
        order_id=told.order_id,
        client_id=0,
        perm_id=told.perm_id,
        reference=order.client_order_id,
        account=told.account,
        contract=bench.server.shared.listing.told(SHORT),
        side="SLD",
        quantity=Decimal(1),
        price=Decimal("2.00"),
        cumulative=Decimal(1),
        at=bench.clock.now(),
        commission=Decimal("0.65"),
    )


@pytest.fixture
def say(bench: Bench) -> Callable[..., None]:
    """Has TWS say anything."""

    def to_all(*messages: bytes) -> None:
        bench.server.do(lambda: bench.server.say_raw(*messages))

    return to_all


@pytest.fixture
def in_tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own time is nobody's here."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_commission_before_its_execution_is_kept_for_it(
    bench: Bench, order: Order, leg: ToldExecution, say: Callable[..., None]
) -> None:
    say(telling.commission(leg), telling.execution(leg))
    bench.until(lambda: K.LEG_FILLED in bench.kinds(order))

    done = bench.reports(order.client_order_id)[-1].execution
    assert done is not None and (done.quantity, done.price, done.fees) == (-1, Price("2.00"), Money("-0.65"))


def test_an_execution_told_again_and_again_counts_once(
    bench: Bench, order: Order, leg: ToldExecution, say: Callable[..., None]
) -> None:
    other = replace(leg, execution_id="0000aaaa.0002.01.01")
    say(*[telling.execution(leg), telling.commission(leg)] * 3)
    say(telling.execution(other), telling.commission(other))
    bench.until(lambda: bench.kinds(order).count(K.LEG_FILLED) >= 2)

    assert bench.kinds(order) == [K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED]
    assert len(bench.connection.broker.transactions(0)) == 2


def test_an_execution_whose_commission_is_late_is_told_without_it_and_the_fee_is_booked_when_it_comes(
    bench: Bench, order: Order, leg: ToldExecution, say: Callable[..., None]
) -> None:
    say(telling.execution(leg))
    bench.until(lambda: K.LEG_FILLED in bench.kinds(order))
    say(telling.commission(leg))
    bench.until(lambda: len(bench.connection.broker.transactions(0)) == 2)

    trade, fee = bench.connection.broker.transactions(0)
    assert (trade.fees, fee.kind, fee.fees) == (Money(0), TransactionKind.FEE, Money("-0.65"))


def test_a_correction_takes_the_trade_back_and_stands_in_its_place(
    bench: Bench, order: Order, leg: ToldExecution, say: Callable[..., None]
) -> None:
    corrected = replace(leg, execution_id="0000aaaa.0001.01.02", price=Decimal("2.05"))
    again = replace(leg, execution_id="0000aaaa.0001.01.03", quantity=Decimal(0))
    for told in (leg, corrected, corrected, leg, again):
        say(telling.execution(told), telling.commission(told))
    bench.until(lambda: len(bench.connection.broker.transactions(0)) == 4)

    trade, back, now, busted = bench.connection.broker.transactions(0)
    assert [(one.quantity, one.cash) for one in (trade, back)] == [(-1, Money(200)), (1, Money(-200))]
    assert (now.quantity, now.cash, now.fees) == (-1, Money(205), Money(0))
    assert (busted.quantity, busted.cash, busted.corrects) == (1, Money(-205), now.transaction_id)
    assert back.corrects == now.corrects == trade.transaction_id
    assert bench.kinds(order) == [K.ACCEPTED, K.LEG_FILLED]


def test_a_bust_of_what_was_never_told_is_nothing(
    bench: Bench, order: Order, leg: ToldExecution, say: Callable[..., None]
) -> None:
    busted = replace(leg, execution_id="0000aaaa.0001.01.02", quantity=Decimal(0))
    other = replace(leg, execution_id="0000aaaa.0002.01.01")
    for told in (busted, other):
        say(telling.execution(told), telling.commission(told))
    bench.until(lambda: K.LEG_FILLED in bench.kinds(order))

    assert len(bench.connection.broker.transactions(0)) == 1


@pytest.mark.parametrize(
    "told", ["20260105-15:00:00", "20260105 15:00:00 UTC", "20260105 16:00:00 Europe/Berlin", "20260105 10:00:00 EST"]
)
@pytest.mark.usefixtures("in_tokyo")
def test_an_execution_happened_when_it_did_in_whatever_zone_tws_tells_it(
    bench: Bench, order: Order, leg: ToldExecution, say: Callable[..., None], told: str
) -> None:
    at = b.new_york("2026-01-05 10:00")
    said = telling.execution(replace(leg, at=at)).replace(telling.stamp(at).encode(), told.encode())
    say((len(said) - 4).to_bytes(4) + said[4:], telling.commission(leg))
    bench.until(lambda: K.LEG_FILLED in bench.kinds(order))

    assert bench.connection.broker.transactions(0)[0].happened_at == at


def test_the_summary_of_a_combination_is_no_execution(
    bench: Bench, order: Order, leg: ToldExecution, say: Callable[..., None]
) -> None:
    bag = replace(leg, execution_id="0000aaaa.0009.01.01", contract=bench.server.shared.listing.bag(order.legs))
    say(telling.execution(bag), telling.commission(bag), telling.execution(leg), telling.commission(leg))
    bench.until(lambda: K.LEG_FILLED in bench.kinds(order))

    assert [one.contract for one in bench.connection.broker.transactions(0)] == [SHORT]


def test_an_execution_of_another_account_is_not_ours(
    bench: Bench, order: Order, leg: ToldExecution, say: Callable[..., None]
) -> None:
    theirs = replace(leg, execution_id="0000aaaa.0008.01.01", account="DU7777777")
    say(telling.execution(theirs), telling.commission(theirs), telling.execution(leg), telling.commission(leg))
    bench.until(lambda: K.LEG_FILLED in bench.kinds(order))

    assert len(bench.connection.broker.transactions(0)) == 1


@pytest.mark.parametrize(
    ("kind", "symbol"), [("CASH", "EUR"), ("FUT", "ES"), ("FOP", "ES"), ("BOND", "US-T"), ("OPT", "SPX")]
)
def test_what_is_neither_shares_nor_an_option_that_can_be_read_is_not_booked_as_shares(
    bench: Bench, order: Order, leg: ToldExecution, say: Callable[..., None], kind: str, symbol: str
) -> None:
    other = ToldContract(conid=12087792, symbol=symbol, kind=kind, exchange="IDEALPRO", trading_class="SPX")
    theirs = replace(
        leg, contract=other, order_id=0, perm_id=4711, reference="", execution_id="0000aaaa.0009.01.01", side="BOT"
    )
    say(telling.execution(theirs), telling.commission(theirs), telling.execution(leg), telling.commission(leg))
    bench.until(lambda: K.LEG_FILLED in bench.kinds(order))

    assert [one.contract for one in bench.connection.broker.transactions(0)] == [SHORT]


def test_an_order_that_the_sdk_takes_for_canceled_works_on_and_fills(bench: Bench, order: Order) -> None:
    told = bench.server.shared.accounts.order(bench.number_of(order))
    assert told is not None

    # ib_async#191: the SDK marks an order as canceled for any error that it has no entry for.
    bench.server.say_error(478, "Parameters in request conflicts with contract parameters", told.order_id)
    bench.server.say_error(399, "Order message: your order will not be placed until 09:30", told.order_id)
    bench.fill(order)
    bench.until(lambda: len(bench.kinds(order)) == 3)

    assert bench.kinds(order) == [K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED]


def test_an_order_that_worked_and_is_rejected_at_the_open_ends(bench: Bench, order: Order) -> None:
    told = bench.server.shared.accounts.order(bench.number_of(order))
    assert told is not None

    bench.server.say_error(201, "Order rejected - reason:MARGIN REQUIRED", told.order_id)
    bench.until(lambda: len(bench.kinds(order)) == 2)

    assert bench.kinds(order) == [K.ACCEPTED, K.REJECTED]
