"""The books of any broker: reports, balances, transactions, previews, and what happens without us."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.book.transactions import TransactionKind, balance_of
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvalidInput
from thetaloom.testing import builders as b
from thetaloom.testing.broker_contract.rig import Ability, Register, Rig

scenario = Register()
SECOND = ClientOrderId("tl-order-2")
SHORT, LONG = (leg.contract for leg in b.legs())


def opened(rig: Rig, quantity: int = 2) -> Order:
    """Open put credit spreads."""
    return rig.done(b.order(limit="0.90", quantity=quantity))


def agrees(rig: Rig) -> None:
    """Check that cash, contracts and shares are what the transactions add up to."""
    account, balance = rig.broker.account(), balance_of(Money(100_000), rig.broker.transactions(0))
    assert account.cash == balance.cash
    assert rig.broker.holdings() == balance.contracts
    assert {symbol: held for symbol, held in (account.shares or {}).items() if held} == balance.shares


def is_refused(act: Callable[[], None]) -> bool:
    """Tell whether something cannot be."""
    try:
        act()
    except InvalidInput:
        return True
    return False


@scenario()
def _reports_are_read_by_sequence(rig: Rig) -> None:
    first, second = b.order(limit="1.50"), b.order(limit="1.50", client_order_id=SECOND)
    rig.broker.submit(first)
    seen = rig.broker.reports_since(0)[-1].sequence
    rig.broker.submit(second)
    rig.broker.cancel(first.client_order_id)
    news = rig.broker.reports_since(seen)
    assert [(one.kind, one.client_order_id) for one in news] == [
        (K.ACCEPTED, SECOND),
        (K.CANCELED, first.client_order_id),
    ]


@scenario()
def _sequences_of_reports_grow_and_are_never_reused(rig: Rig) -> None:
    opened(rig)
    rig.reopen().submit(b.order(limit="1.50", client_order_id=SECOND))
    sequences = [one.sequence for one in rig.broker.reports_since(0)]
    assert sequences == sorted(set(sequences))


@scenario()
def _reports_are_kept_over_a_restart(rig: Rig) -> None:
    opened(rig)
    before = rig.broker.reports_since(0)
    assert rig.reopen().reports_since(0) == before


@scenario()
def _each_report_wakes_whoever_listens(rig: Rig) -> None:
    wakes: list[int] = []
    rig.broker.on_report(lambda: wakes.append(len(rig.broker.reports_since(0))))
    opened(rig)
    assert wakes == [1, 2]


@scenario()
def _the_account_says_what_it_is(rig: Rig) -> None:
    account = rig.broker.account()
    assert account.account_id == rig.broker.account_id == b.ACCOUNT
    assert account.is_live is not rig.broker.simulated
    assert account.cash == account.net_liquidating_value == account.buying_power == Money(100_000)


@scenario()
def _the_broker_says_what_it_can(rig: Rig) -> None:
    can = rig.broker.capabilities
    assert can.legs_max >= 1 and can.absence_seconds >= 0 and can.orders_per_second >= 1


@scenario()
def _every_leg_of_a_fill_is_a_transaction(rig: Rig) -> None:
    order = opened(rig)
    short, long = rig.broker.transactions(0)
    assert (short.contract, short.quantity, long.contract, long.quantity) == (SHORT, -2, LONG, 2)
    assert {short.kind, long.kind} == {TransactionKind.TRADE}
    assert short.cash + long.cash == Money(180) and short.fees + long.fees == Money("-2.60")
    assert {short.client_order_id, long.client_order_id} == {order.client_order_id}
    assert short.symbol == "SPY" and short.transaction_id != long.transaction_id


@scenario()
def _cash_and_holdings_are_the_sum_of_transactions_at_every_step(rig: Rig) -> None:
    agrees(rig)
    opening = opened(rig, 3)
    agrees(rig)
    for number in range(3):
        rig.done(b.closing(opening, limit="-0.33", quantity=1, client_order_id=ClientOrderId(f"tl-close-{number}")))
        agrees(rig)


@scenario()
def _transactions_are_read_by_sequence(rig: Rig) -> None:
    opening = opened(rig)
    seen = rig.broker.transactions(0)[-1].sequence
    rig.done(b.closing(opening, limit="-1.10"))
    news = rig.broker.transactions(seen)
    assert [one.contract for one in news] == [SHORT, LONG] and rig.broker.transactions(news[-1].sequence) == []


@scenario()
def _transactions_are_kept_over_a_restart(rig: Rig) -> None:
    opened(rig)
    before = rig.broker.transactions(0)
    assert rig.reopen().transactions(0) == before


@scenario()
def _an_order_that_does_not_fill_moves_nothing(rig: Rig) -> None:
    order = b.order(limit="1.50")
    rig.broker.submit(order)
    rig.broker.cancel(order.client_order_id)
    assert rig.broker.transactions(0) == [] and rig.broker.account().cash == Money(100_000)


@scenario()
def _a_preview_places_nothing(rig: Rig) -> None:
    order = b.order(limit="0.90")
    rig.broker.preview(order)
    assert rig.broker.find(order.client_order_id) is None and rig.broker.open_orders() == []
    assert rig.broker.reports_since(0) == []


@scenario()
def _a_preview_tells_effect_and_fees(rig: Rig) -> None:
    told = rig.broker.preview(b.order(limit="0.90", quantity=2))
    assert told.buying_power_effect == Money("822.60") and told.fees == Money("-2.60") and told.refusal is None
    assert told.buying_power_after == Money(100_000) - Money("822.60")


@scenario()
def _the_fees_of_a_preview_are_those_of_the_fill(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=3)
    told = rig.broker.preview(order)
    rig.done(order)
    fill = rig.reports(order.client_order_id)[-1].fill
    assert fill is not None and told.fees == fill.fees


@scenario(Ability.JUDGES)
def _a_preview_is_what_the_working_order_ties_up(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=3)
    told = rig.broker.preview(order)
    rig.broker.submit(order)
    assert rig.broker.account().buying_power == told.buying_power_after


@scenario(Ability.JUDGES)
def _a_preview_is_what_the_filled_order_ties_up(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=3)
    told = rig.broker.preview(order)
    rig.done(order)
    assert rig.broker.account().buying_power == told.buying_power_after


@scenario(Ability.JUDGES)
def _a_preview_of_a_close_frees_what_the_close_frees(rig: Rig) -> None:
    closing = b.closing(opened(rig), limit="-1.10")
    told = rig.broker.preview(closing)
    rig.done(closing)
    assert told.buying_power_effect is not None and told.buying_power_effect < 0
    assert rig.broker.account().buying_power == told.buying_power_after


@scenario(Ability.JUDGES)
def _a_preview_refuses_what_would_be_refused(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=1000)
    told = rig.broker.preview(order)
    rig.broker.submit(order)
    (report,) = rig.reports(order.client_order_id)
    assert told.refusal is not None and (report.refusal, report.message) == (told.refusal, told.message)


@scenario(Ability.JUDGES)
def _a_canceled_order_gives_its_buying_power_back(rig: Rig) -> None:
    order = b.order(limit="1.50", quantity=3)
    rig.broker.submit(order)
    rig.broker.cancel(order.client_order_id)
    assert rig.broker.account().buying_power == Money(100_000)


@scenario(Ability.OUTSIDE)
def _an_assigned_put_becomes_shares_at_its_strike(rig: Rig) -> None:
    opened(rig)
    rig.world.assign(SHORT)
    assert rig.broker.holdings() == {LONG: 2} and rig.broker.account().shares == {"SPY": 200}
    gone, came = rig.broker.transactions(0)[-2:]
    assert (gone.kind, gone.contract, gone.quantity) == (TransactionKind.ASSIGNMENT, SHORT, 2)
    assert (came.kind, came.quantity, came.price, came.cash) == (
        TransactionKind.ASSIGNMENT,
        200,
        Price(560),
        Money(-112_000),
    )
    agrees(rig)


@scenario(Ability.OUTSIDE)
def _an_exercised_put_delivers_shares_at_its_strike(rig: Rig) -> None:
    opened(rig)
    rig.world.exercise(LONG)
    assert rig.broker.holdings() == {SHORT: -2} and rig.broker.account().shares == {"SPY": -200}
    assert [one.kind for one in rig.broker.transactions(0)[-2:]] == [TransactionKind.EXERCISE] * 2
    agrees(rig)


@scenario(Ability.OUTSIDE)
def _a_part_of_what_is_sold_is_assigned(rig: Rig) -> None:
    opened(rig, 3)
    rig.world.assign(SHORT, 1)
    assert rig.broker.holdings() == {SHORT: -2, LONG: 3} and rig.broker.account().shares == {"SPY": 100}
    agrees(rig)


@scenario(Ability.OUTSIDE)
def _an_assigned_call_sells_shares(rig: Rig) -> None:
    call = b.contract("SPY 2026-01-16 C 580")
    rig.done(b.order("-1 SPY 2026-01-16 C 580", "+1 SPY 2026-01-16 C 590", limit="3.00"))
    rig.world.assign(call)
    assert call not in rig.broker.holdings() and rig.broker.account().shares == {"SPY": -100}
    assert rig.broker.transactions(0)[-1].cash == Money(58_000)
    agrees(rig)


@scenario(Ability.OUTSIDE)
def _assignment_and_exercise_of_both_legs_leave_the_width(rig: Rig) -> None:
    opened(rig, 1)
    before = rig.broker.account().cash
    rig.world.assign(SHORT)
    rig.world.exercise(LONG)
    after = rig.broker.account().cash
    assert before is not None and after is not None and after - before == Money(-500)
    assert rig.broker.holdings() == {} and not rig.broker.account().shares
    agrees(rig)


@scenario(Ability.OUTSIDE)
def _no_more_is_assigned_than_is_sold(rig: Rig) -> None:
    opened(rig, 1)
    before = rig.broker.transactions(0)
    assert is_refused(partial(rig.world.assign, SHORT, 2))
    assert is_refused(partial(rig.world.assign, LONG))
    assert is_refused(partial(rig.world.exercise, SHORT))
    assert rig.broker.transactions(0) == before


@scenario(Ability.OUTSIDE)
def _a_leg_liquidated_by_the_broker_is_told_without_an_order(rig: Rig) -> None:
    opened(rig)
    rig.world.liquidate(LONG, 1, Price("0.80"))
    last = rig.broker.transactions(0)[-1]
    assert rig.broker.holdings() == {SHORT: -2, LONG: 1}
    assert (last.kind, last.quantity, last.client_order_id) == (TransactionKind.TRADE, -1, None)
    assert last.cash == Money(80) and last.fees < 0
    agrees(rig)


@scenario(Ability.OUTSIDE)
def _a_trade_elsewhere_is_told_without_an_order(rig: Rig) -> None:
    opened(rig)
    before = len(rig.broker.reports_since(0))
    rig.world.trade_elsewhere([replace(leg, ratio=-leg.ratio) for leg in b.legs()], 1, Price("-1.00"))
    assert set(map(abs, rig.broker.holdings().values())) == {1}
    assert len(rig.broker.reports_since(0)) == before
    assert {one.client_order_id for one in rig.broker.transactions(0)[-2:]} == {None}
    agrees(rig)


@scenario(Ability.OUTSIDE)
def _shares_traded_elsewhere_are_told(rig: Rig) -> None:
    rig.world.trade_shares_elsewhere("SPY", 100, Price("575.25"))
    rig.world.trade_shares_elsewhere("SPY", -40, Price(576))
    assert rig.broker.account().shares == {"SPY": 60}
    assert [one.cash for one in rig.broker.transactions(0)] == [Money(-57_525), Money(23_040)]
    agrees(rig)


@scenario(Ability.OUTSIDE)
def _what_happens_outside_wakes_whoever_listens(rig: Rig) -> None:
    opened(rig)
    wakes: list[int] = []
    rig.broker.on_report(lambda: wakes.append(len(rig.broker.transactions(0))))
    rig.world.assign(SHORT, 1)
    assert wakes == [4]


SCENARIOS = scenario.scenarios
