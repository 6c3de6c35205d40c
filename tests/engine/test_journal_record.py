"""Each number of the journal against a calculation of its own, from the broker's transactions and the market set."""

from dataclasses import replace
from decimal import Decimal

import pytest

from thetaloom.domain.book.exit_market import ExitMarket
from thetaloom.domain.book.transactions import TransactionKind
from thetaloom.domain.run.runs import StepName
from thetaloom.domain.strategy.strategies import ExitKind, ExitRule, ExitUnit, SizeRule
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.money import Money, Price
from thetaloom.engine import commands
from thetaloom.engine.exit_markets import AGE_MAX, note_exit_markets
from thetaloom.engine.journal import read_entry
from thetaloom.engine.reconcile import reconcile
from thetaloom.engine.trade_record import JournalEntry
from thetaloom.testing import builders
from thetaloom.testing.desk import ANNA, DeskBench, exit_rule, put_credit_spread

TARGET = exit_rule(ExitKind.PROFIT_TARGET, 50, ExitUnit.PERCENT_OF_PREMIUM)
STOP = exit_rule(ExitKind.STOP_LOSS, 200, ExitUnit.PERCENT_OF_PREMIUM, priority=2)
LATE = exit_rule(ExitKind.DTE, 3, ExitUnit.DAYS, priority=3)
PLANNED = put_credit_spread(exits=(TARGET, STOP, LATE), size=SizeRule(quantity=2))
SHORT, LONG = builders.contract("SPY 2026-01-16 P 560"), builders.contract("SPY 2026-01-16 P 555")


def read(bench: DeskBench, run: RunId) -> JournalEntry:
    """The journal of a run's position."""
    position = bench.position(run)
    assert position is not None
    with bench.store.reading() as uow:
        return read_entry(bench.desk, uow, position, bench.clock.now())


def traded(bench: DeskBench, at: str, cost: float) -> RunId:
    """Two spreads sold and, a day later, bought back by the target."""
    run = bench.enter(PLANNED, at=at)
    bench.clock.move_to(builders.new_york("2026-01-06 11:00"))
    bench.market.set_spot("SPY", 578)
    bench.quote_spread(cost, half_width=0.02)
    bench.engine.settle()
    bench.broker.fill(bench.order(run).client_order_id)
    bench.engine.settle()
    bench.pass_time(seconds=10)
    return run


def test_each_number_is_what_the_brokers_transactions_make_it(bench: DeskBench) -> None:
    run = traded(bench, "0.98", 0.45)

    found = read(bench, run)
    told = bench.broker.transactions(0)
    nothing = Decimal(0)
    cash = [
        sum((Decimal(one.cash) for one in told if one.client_order_id == step.order_id), nothing)
        for step in found.steps
    ]
    fees = sum((Decimal(one.fees) for one in told), nothing)
    pnl = sum(cash, nothing) + fees
    entry_contracts = 2 * 2  # two structures of two legs
    assert cash[0] == Decimal("196.00") and fees == Decimal("-0.65") * 2 * entry_contracts
    assert (found.realized, found.fees, found.pnl) == (pnl - fees, fees, pnl)
    assert [(step.purpose, step.quantity, step.cash) for step in found.steps] == [
        ("entry", 2, cash[0]),
        ("exit", 2, cash[1]),
    ]
    assert [step.fees for step in found.steps] == [fees / 2, fees / 2]
    # the plan: 1.00 at mid for two; the target at half of what was received, the stop at twice that
    assert (found.planned_price, found.planned_exit_dte) == (Price("1.00"), 3)
    assert (found.planned_target, found.planned_stop) == (Money(98), Money(392))
    assert found.entry_slippage == Money("-4.00")  # two cents for two structures of a hundred
    # R is the smaller of the stop, 392, and what the 5 wide spreads sold for 0.98 can lose, 804
    assert found.risk == Money(392)
    assert found.r_multiple == (pnl / 392).quantize(Decimal("0.01"))
    assert found.max_loss == Money(800)  # as approved, at mid
    assert found.return_on_risk_percent == (pnl / 800 * 100).quantize(Decimal("0.01"))
    assert found.buying_power is not None and found.buying_power == bench.proposals(run)[-1].buying_power_effect
    assert found.return_on_capital_percent == (pnl / Decimal(found.buying_power) * 100).quantize(Decimal("0.01"))
    assert found.percent_of_max_profit == (pnl / 200 * 100).quantize(Decimal("0.01"))
    assert found.managed_at_half == (found.percent_of_max_profit >= 50)
    assert found.days_held == 1 and (found.entry_dte, found.exit_dte) == (11, 10)
    assert (found.entry_spot, found.exit_spot) == (Price(575), Price(578))
    exit_price = Decimal(cash[1]) / 200
    assert found.exit_price == Price(exit_price.quantize(Decimal("0.0001")))
    assert found.exit_slippage == Money((exit_price - Decimal("-0.45")) * 200)
    assert (found.width, found.breakevens) == (Price(5), (Price(559),))
    assert found.planned_rules == ("profit target 50 % of the premium", "stop loss 200 % of the premium", "dte 3 days")


def test_what_was_judged_at_the_entry_is_of_the_whole_position(bench: DeskBench) -> None:
    run = traded(bench, "1.00", 0.45)

    found, one = read(bench, run), bench.said(run, bench.steps(run).index(StepName.EVALUATE))["evaluation"]

    assert found.pop == Decimal(one["pop"]) and found.entry_delta == Decimal(one["net_delta"]) * 2
    assert found.expected_value == Money(one["expected_value"]) * 2
    assert found.touch == max(Decimal(touch["probability"]) for touch in one["touches"])
    assert found.rationale and found.biases


def test_the_market_of_the_exit_is_kept_once_and_stays(bench: DeskBench) -> None:
    run = traded(bench, "1.00", 0.45)
    position = bench.position(run)
    assert position is not None
    with bench.store.reading() as uow:
        first = uow.care.exit_market(position.id)
    bench.market.set_spot("SPY", 500)
    bench.restart()
    bench.pass_time(seconds=30)

    with bench.store.reading() as uow:
        kept = uow.care.exit_market(position.id)
    assert first is not None and kept == first and first.spot == Price(578)
    assert position.closed_at is not None and first.taken_at >= position.closed_at


def test_what_the_market_was_at_the_exit_is_shown_as_it_was_kept(bench: DeskBench) -> None:
    run = bench.enter(PLANNED, at="1.00")
    position = bench.position(run)
    assert position is not None
    bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    bench.engine.settle()
    bench.broker.fill(bench.order(run).client_order_id)
    rank, vix = Decimal("37.5"), Decimal("18.25")
    kept = ExitMarket(
        position_id=position.id,
        user_id=ANNA,
        taken_at=bench.clock.now(),
        spot=Price("574.5"),
        iv_rank=rank,
        vix=vix,
        regime="bull",
    )
    bench.write(lambda uow: uow.care.keep_exit_market(kept))
    bench.write(lambda uow: uow.care.keep_exit_market(replace(kept, vix=Decimal(99))))  # the first one stays
    bench.engine.settle()

    found = read(bench, run)
    assert (found.exit_iv_rank, found.exit_vix, found.exit_regime) == (rank, vix, "bull")
    assert found.exit_spot == Price(575)  # of the instant in which closing was decided


def test_a_market_read_too_late_is_unknown_and_not_another_days(lite: DeskBench) -> None:
    run = lite.enter(PLANNED, at="1.00")
    position = lite.position(run)
    assert position is not None
    reconcile(lite.desk)
    back = tuple(Leg(contract=leg.contract, ratio=-leg.ratio) for leg in position.legs)
    lite.broker.trade_elsewhere(back, 2, Price("-0.40"))
    reconcile(lite.desk)
    lite.clock.advance(seconds=AGE_MAX.total_seconds() + 1)

    found = read(lite, run)
    assert note_exit_markets(lite.desk) == 0
    assert (found.exit_spot, found.exit_vix, found.exit_regime, found.exit_delta) == (None, None, None, None)
    assert found.exit_slippage is None and found.exit_reason == "closed_elsewhere" and found.exit_dte == 11


def test_what_expires_has_the_market_of_its_end_and_no_slippage(lite: DeskBench) -> None:
    run = lite.enter(put_credit_spread(exits=()), at="1.00")
    lite.clock.move_to(builders.new_york("2026-01-16 16:00"))
    lite.market.set_spot("SPY", 570)
    lite.settle_expired(570)
    lite.pass_time(seconds=10)

    found = read(lite, run)

    kinds = {one.kind for one in lite.broker.transactions(0)}
    assert TransactionKind.EXPIRATION in kinds and (found.exit_spot, found.exit_dte) == (Price(570), 0)
    assert (found.planned_target, found.planned_stop, found.exit_slippage) == (None, None, None)
    assert found.risk == Money(400) and found.r_multiple == (Decimal(found.pnl) / 400).quantize(Decimal("0.01"))
    assert found.managed_at_half is False and found.percent_of_max_profit is not None


def test_a_person_and_a_held_position_leave_unknown_what_is_not_known_yet(lite: DeskBench) -> None:
    run = lite.enter(PLANNED, at="1.00")
    held = read(lite, run)
    position = lite.position(run)
    assert position is not None
    lite.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    lite.engine.settle()
    lite.broker.fill(lite.order(run).client_order_id)
    lite.engine.settle()
    closed = read(lite, run)

    assert (held.r_multiple, held.exit_dte, held.managed_at_half, held.exit_slippage) == (None, None, None, None)
    assert [step.purpose for step in held.steps] == ["entry"]
    assert closed.exit_slippage is not None and closed.r_multiple is not None
    assert closed.compliance["exit_by_rule"] is False


@pytest.mark.parametrize(
    ("rules", "risk"),
    [
        ((), 800),
        ((exit_rule(ExitKind.STOP_LOSS, 250, ExitUnit.DOLLARS),), 250),
        ((exit_rule(ExitKind.STOP_LOSS, 25, ExitUnit.PERCENT_OF_MAX_LOSS),), 200),
        ((replace(STOP, quantity_percent=50),), 800),
    ],
)
def test_one_r_is_the_smallest_stop_that_closes_all(lite: DeskBench, rules: tuple[ExitRule, ...], risk: int) -> None:
    run = lite.enter(replace(PLANNED, exits=rules), at="1.00")

    assert read(lite, run).risk == Money(risk)
