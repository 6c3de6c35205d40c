"""The books of any broker: reports, balances, transactions, previews, and what happens without us."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from thetaloom.domain.book.elsewhere import trade_name
from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.book.transactions import TransactionKind, balance_of
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvalidInput
from thetaloom.testing import builders as b
from thetaloom.testing.broker_contract.abilities import Ability
from thetaloom.testing.broker_contract.rig import Rig
from thetaloom.testing.broker_contract.scenarios import Register

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


@scenario("LAT-001")
def _reports_are_read_by_sequence(rig: Rig) -> None:
    first, second = b.order(limit="1.50"), b.order(limit="1.50", client_order_id=SECOND)
    rig.submit(first)
    seen = rig.broker.reports_since(0)[-1].sequence
    rig.submit(second)
    rig.cancel(first.client_order_id)
    news = rig.broker.reports_since(seen)
    assert [(one.kind, one.client_order_id) for one in news] == [
        (K.ACCEPTED, SECOND),
        (K.CANCELED, first.client_order_id),
    ]


@scenario("LAT-002")
def _sequences_of_reports_grow_and_are_never_reused(rig: Rig) -> None:
    opened(rig)
    rig.restart()
    rig.submit(b.order(limit="1.50", client_order_id=SECOND))
    sequences = [one.sequence for one in rig.broker.reports_since(0)]
    assert sequences == sorted(set(sequences))


@scenario("RST-001")
def _reports_are_kept_over_a_restart(rig: Rig) -> None:
    opened(rig)
    before = rig.broker.reports_since(0)
    assert rig.restart().reports_since(0) == before


@scenario("LAT-003")
def _each_report_wakes_whoever_listens(rig: Rig) -> None:
    wakes: list[int] = []
    rig.broker.on_report(lambda: wakes.append(len(rig.broker.reports_since(0))))
    opened(rig)
    told = len(rig.broker.reports_since(0))
    assert rig.wait_for(lambda: bool(wakes) and wakes[-1] == told) and wakes == sorted(wakes)


@scenario("ACC-001")
def _the_account_says_what_it_is(rig: Rig) -> None:
    account = rig.broker.account()
    assert account.account_id == rig.broker.account_id
    assert not account.is_live  # a rig is no real money, whatever its broker is
    assert account.cash == account.net_liquidating_value == account.buying_power == Money(100_000)


@scenario("CON-001")
def _the_broker_says_what_it_can(rig: Rig) -> None:
    can = rig.broker.capabilities
    assert can.legs_max >= 1 and can.absence_seconds >= 0 and can.orders_per_second >= 1


@scenario("POS-001")
def _every_leg_of_a_fill_is_a_transaction(rig: Rig) -> None:
    order = opened(rig)
    short, long = sorted(rig.moves(0), key=lambda one: one.quantity)
    assert (short.contract, short.quantity, long.contract, long.quantity) == (SHORT, -2, LONG, 2)
    assert {short.kind, long.kind} == {TransactionKind.TRADE}
    assert short.cash + long.cash == Money(180)
    rig.charges(Money("-2.60"))
    assert {short.client_order_id, long.client_order_id} == {order.client_order_id}
    assert short.symbol == "SPY" and short.transaction_id != long.transaction_id


@scenario("POS-002")
def _cash_and_holdings_are_the_sum_of_transactions_at_every_step(rig: Rig) -> None:
    agrees(rig)
    opening = opened(rig, 3)
    agrees(rig)
    for number in range(3):
        rig.done(b.closing(opening, limit="-0.33", quantity=1, client_order_id=ClientOrderId(f"tl-close-{number}")))
        agrees(rig)


@scenario("POS-003")
def _transactions_are_read_by_sequence(rig: Rig) -> None:
    opening = opened(rig)
    seen = rig.moves(0)[-1].sequence
    rig.done(b.closing(opening, limit="-1.10"))
    news = rig.moves(seen)
    assert {one.contract for one in news} == {SHORT, LONG} and rig.moves(news[-1].sequence) == []


@scenario("RST-002")
def _transactions_are_kept_over_a_restart(rig: Rig) -> None:
    opened(rig)
    before = rig.moves(0)
    rig.restart()
    assert rig.moves(0) == before


@scenario("POS-004")
def _an_order_that_does_not_fill_moves_nothing(rig: Rig) -> None:
    order = b.order(limit="1.50")
    rig.submit(order)
    rig.cancel(order.client_order_id)
    assert rig.moves(0) == [] and rig.broker.account().cash == Money(100_000)


@scenario("REC-010", cites="else reconciliation books one fill twice, and its position has twice the targets")
def _a_fill_is_told_under_one_id_by_its_report_and_by_its_transactions(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=3)
    rig.plan_parts(order, (1,))
    rig.submit(order)
    rig.fill(order)
    rig.fill(order)
    assert rig.followed(order).status is OrderStatus.FILLED
    told = rig.broker.reports_since(0)
    known = {one.fill.fill_id for one in told if one.fill} | {
        one.execution.execution_id for one in told if one.execution
    }
    moved = rig.moves(0)
    assert {trade_name(one) for one in moved} == known
    assert {one.client_order_id for one in moved} == {order.client_order_id}


@scenario("DRY-001", Ability.PREVIEW)
def _a_preview_places_nothing(rig: Rig) -> None:
    order = b.order(limit="0.90")
    rig.preview(order)
    assert rig.broker.find(order.client_order_id) is None and rig.broker.open_orders() == []
    assert rig.broker.reports_since(0) == []


@scenario("DRY-002", Ability.PREVIEW)
def _a_preview_tells_effect_and_fees(rig: Rig) -> None:
    told = rig.preview(b.order(limit="0.90", quantity=2))
    assert told.buying_power_effect == Money("822.60") and told.fees == Money("-2.60") and told.refusal is None
    assert told.buying_power_after == Money(100_000) - Money("822.60")


@scenario("DRY-003", Ability.PREVIEW, Ability.FEES)
def _the_fees_of_a_preview_are_those_of_the_fill(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=3)
    told = rig.preview(order)
    rig.done(order)
    fill = rig.reports(order.client_order_id)[-1].fill
    assert fill is not None and told.fees == fill.fees


@scenario("DRY-004", Ability.JUDGES, Ability.PREVIEW)
def _a_preview_is_what_the_working_order_ties_up(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=3)
    told = rig.preview(order)
    rig.submit(order)
    assert rig.broker.account().buying_power == told.buying_power_after


@scenario("DRY-005", Ability.JUDGES, Ability.PREVIEW)
def _a_preview_is_what_the_filled_order_ties_up(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=3)
    told = rig.preview(order)
    rig.done(order)
    assert rig.broker.account().buying_power == told.buying_power_after


@scenario("DRY-006", Ability.JUDGES, Ability.PREVIEW)
def _a_preview_of_a_close_frees_what_the_close_frees(rig: Rig) -> None:
    closing = b.closing(opened(rig), limit="-1.10")
    told = rig.preview(closing)
    rig.done(closing)
    assert told.buying_power_effect is not None and told.buying_power_effect < 0
    assert rig.broker.account().buying_power == told.buying_power_after


@scenario("DRY-007", Ability.JUDGES, Ability.PREVIEW)
def _a_preview_refuses_what_would_be_refused(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=1000)
    told = rig.preview(order)
    rig.submit(order)
    (report,) = rig.reports(order.client_order_id)
    assert told.refusal is not None and (report.refusal, report.message) == (told.refusal, told.message)


@scenario("ACC-002", Ability.JUDGES)
def _a_canceled_order_gives_its_buying_power_back(rig: Rig) -> None:
    order = b.order(limit="1.50", quantity=3)
    rig.submit(order)
    rig.cancel(order.client_order_id)
    assert rig.broker.account().buying_power == Money(100_000)


@scenario("ASG-001", Ability.OUTSIDE)
def _an_assigned_put_becomes_shares_at_its_strike(rig: Rig) -> None:
    opened(rig)
    rig.world.assign(SHORT)
    assert rig.broker.holdings() == {LONG: 2} and rig.broker.account().shares == {"SPY": 200}
    gone, came = rig.moves(0)[-2:]
    assert (gone.kind, gone.contract, gone.quantity) == (TransactionKind.ASSIGNMENT, SHORT, 2)
    assert (came.kind, came.quantity, came.price, came.cash) == (
        TransactionKind.ASSIGNMENT,
        200,
        Price(560),
        Money(-112_000),
    )
    agrees(rig)


@scenario("ASG-002", Ability.OUTSIDE)
def _an_exercised_put_delivers_shares_at_its_strike(rig: Rig) -> None:
    opened(rig)
    rig.world.exercise(LONG)
    assert rig.broker.holdings() == {SHORT: -2} and rig.broker.account().shares == {"SPY": -200}
    assert [one.kind for one in rig.moves(0)[-2:]] == [TransactionKind.EXERCISE] * 2
    agrees(rig)


@scenario("ASG-003", Ability.OUTSIDE)
def _a_part_of_what_is_sold_is_assigned(rig: Rig) -> None:
    opened(rig, 3)
    rig.world.assign(SHORT, 1)
    assert rig.broker.holdings() == {SHORT: -2, LONG: 3} and rig.broker.account().shares == {"SPY": 100}
    agrees(rig)


@scenario("ASG-004", Ability.OUTSIDE)
def _an_assigned_call_sells_shares(rig: Rig) -> None:
    call = b.contract("SPY 2026-01-16 C 580")
    rig.done(b.order("-1 SPY 2026-01-16 C 580", "+1 SPY 2026-01-16 C 590", limit="3.00"))
    rig.world.assign(call)
    assert call not in rig.broker.holdings() and rig.broker.account().shares == {"SPY": -100}
    assert rig.moves(0)[-1].cash == Money(58_000)
    agrees(rig)


@scenario("ASG-005", Ability.OUTSIDE)
def _assignment_and_exercise_of_both_legs_leave_the_width(rig: Rig) -> None:
    opened(rig, 1)
    before = rig.broker.account().cash
    rig.world.assign(SHORT)
    rig.world.exercise(LONG)
    after = rig.broker.account().cash
    assert before is not None and after is not None and after - before == Money(-500)
    assert rig.broker.holdings() == {} and not rig.broker.account().shares
    agrees(rig)


@scenario("ASG-006", Ability.OUTSIDE)
def _no_more_is_assigned_than_is_sold(rig: Rig) -> None:
    opened(rig, 1)
    before = rig.moves(0)
    assert is_refused(partial(rig.world.assign, SHORT, 2))
    assert is_refused(partial(rig.world.assign, LONG))
    assert is_refused(partial(rig.world.exercise, SHORT))
    assert rig.moves(0) == before


@scenario("ASG-007", Ability.OUTSIDE)
def _a_leg_liquidated_by_the_broker_is_told_without_an_order(rig: Rig) -> None:
    opened(rig)
    rig.world.liquidate(LONG, 1, Price("0.80"))
    last = rig.moves(0)[-1]
    assert rig.broker.holdings() == {SHORT: -2, LONG: 1}
    assert (last.kind, last.quantity, last.client_order_id) == (TransactionKind.TRADE, -1, None)
    assert last.cash == Money(80)
    rig.charges(Money("-3.25"))  # of the four contracts before, too: fees may be told apart and later
    agrees(rig)


@scenario("ASG-008", Ability.OUTSIDE)
def _a_trade_elsewhere_is_told_without_an_order(rig: Rig) -> None:
    opened(rig)
    before = len(rig.broker.reports_since(0))
    rig.world.trade_elsewhere([replace(leg, ratio=-leg.ratio) for leg in b.legs()], 1, Price("-1.00"))
    assert set(map(abs, rig.broker.holdings().values())) == {1}
    assert len(rig.broker.reports_since(0)) == before
    assert {one.client_order_id for one in rig.moves(0)[-2:]} == {None}
    agrees(rig)


@scenario("ASG-009", Ability.OUTSIDE)
def _shares_traded_elsewhere_are_told(rig: Rig) -> None:
    rig.world.trade_shares_elsewhere("SPY", 100, Price("575.25"))
    rig.world.trade_shares_elsewhere("SPY", -40, Price(576))
    assert rig.broker.account().shares == {"SPY": 60}
    assert [one.cash for one in rig.moves(0)] == [Money(-57_525), Money(23_040)]
    agrees(rig)


@scenario("ASG-010", Ability.OUTSIDE)
def _what_happens_outside_wakes_whoever_listens(rig: Rig) -> None:
    opened(rig)
    wakes: list[int] = []
    rig.broker.on_report(lambda: wakes.append(len(rig.moves(0))))
    rig.world.assign(SHORT, 1)
    rig.soon(lambda: bool(wakes) and wakes[-1] == 4)


SCENARIOS = scenario.scenarios
