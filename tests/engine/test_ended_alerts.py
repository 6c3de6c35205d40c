"""An alert is over when what it is about is: for each way in which contracts and positions end."""

from datetime import timedelta

import pytest

from tests.engine.test_care import GUARDED, held, protection, round_of, standing
from thetaloom.domain.book.alerts import Alert, Priority, Urgency
from thetaloom.domain.book.outdated import is_outdated
from thetaloom.domain.book.protection import Cause, Protection
from thetaloom.domain.run.runs import Outcome, RunStatus
from thetaloom.domain.strategy.strategies import SizeRule
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.money import Price
from thetaloom.engine import commands
from thetaloom.testing import builders
from thetaloom.testing.desk import ANNA, DeskBench, put_credit_spread

SHORT, LONG = builders.contract("SPY 2026-01-16 P 560"), builders.contract("SPY 2026-01-16 P 555")
PIN = f"pin_risk {SHORT.notation}"
LAST_DAY = builders.new_york("2026-01-16 15:00")
AFTER_CLOSE = builders.new_york("2026-01-16 16:30")


def pinned(bench: DeskBench, quantity: int = 1) -> RunId:
    """Hold a losing spread near its strike on its last day, with the alerts for both."""
    run = bench.enter(put_credit_spread(size=SizeRule(quantity=quantity)), at="1.00")
    bench.market.set_spot("SPY", 558)
    bench.pass_time(to=LAST_DAY)
    round_of(bench, 3.20)
    assert {PIN, "loss"} <= set(standing(bench, run))
    return run


def test_a_fill_that_closes_the_position_ends_them_at_once(lite: DeskBench) -> None:
    run = pinned(lite)
    lite.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=held(lite, run).id))
    lite.engine.settle()
    lite.broker.fill(lite.order(run).client_order_id)
    lite.engine.settle()

    assert not held(lite, run).is_open and standing(lite, run) == {}


def test_a_worthless_expiration_ends_them(lite: DeskBench) -> None:
    run = pinned(lite)
    lite.pass_time(to=AFTER_CLOSE)
    assert PIN in standing(lite, run)  # until the broker tells, an exercise may still come

    lite.settle_expired(575)

    assert lite.run(run).outcome is Outcome.EXPIRED and standing(lite, run) == {}


def test_an_assignment_between_the_strikes_leaves_only_the_word_about_the_shares(lite: DeskBench) -> None:
    run = pinned(lite)
    lite.pass_time(to=AFTER_CLOSE)
    lite.settle_expired(558)

    assert held(lite, run).shares_held == 100 and not held(lite, run).holds_contracts
    lite.pass_time(minutes=2)
    assert set(standing(lite, run)) == {"unprotected"}
    shown = protection(lite, run)
    assert (shown.state, shown.cause) == (Protection.UNPROTECTED, Cause.SHARES_HELD)

    lite.broker.trade_shares_elsewhere("SPY", -100, Price(558))
    lite.engine.settle()

    assert lite.run(run).outcome is Outcome.ASSIGNED and standing(lite, run) == {}


def test_an_early_assignment_ends_what_was_about_the_contract_and_advises_anew_when_the_ways_change(
    lite: DeskBench,
) -> None:
    run = pinned(lite, quantity=2)
    lite.broker.assign(SHORT, 2)
    lite.engine.settle()
    first = standing(lite, run)
    assert not {PIN, "loss"} & set(first)
    assert "+200 SPY shares" in first["assigned_early"].details

    lite.broker.exercise(LONG, 1)
    lite.engine.settle()

    assert "+100 SPY shares" in standing(lite, run)["assigned_early"].details
    lite.broker.exercise(LONG, 1)
    lite.engine.settle()
    assert not held(lite, run).is_open and standing(lite, run) == {}


def test_a_cash_settlement_ends_them(lite: DeskBench) -> None:
    contracts = "XSP 2026-01-16 P 560", "XSP 2026-01-16 P 555"
    lite.market.set_spot("XSP", 575)
    lite.market.set_quotes({contracts[0]: (1.90, 2.10), contracts[1]: (0.90, 1.10)})
    lite.save(put_credit_spread())
    run = lite.start_run("XSP")
    lite.broker.fill(lite.order(run).client_order_id, at="1.00")
    lite.market.set_quote(contracts[0], "2.90", "3.10")
    lite.pass_time(minutes=2)
    assert "loss" in standing(lite, run)
    lite.pass_time(to=AFTER_CLOSE)

    lite.settle_expired(550)

    assert lite.run(run).outcome is Outcome.EXPIRED and standing(lite, run) == {}


def test_a_close_elsewhere_ends_them(lite: DeskBench) -> None:
    run = pinned(lite)
    lite.broker.trade_elsewhere(builders.legs(f"+1 {SHORT.notation}", f"-1 {LONG.notation}"), 1, Price(-3))
    lite.engine.handle(commands.Reconcile(user_id=ANNA))
    lite.engine.settle()

    assert not held(lite, run).is_open and standing(lite, run) == {}


def test_a_late_fill_that_opens_the_position_again_raises_anew_what_is_still_so(lite: DeskBench) -> None:
    lite.save(put_credit_spread(size=SizeRule(quantity=2)))
    run = lite.start_run()
    entry = lite.order(run)
    lite.broker.fill(entry.client_order_id, 1, at="1.00")
    lite.engine.handle(commands.CancelOrder(user_id=ANNA, client_order_id=entry.client_order_id))
    round_of(lite, 1.90)
    assert "loss" in standing(lite, run)
    lite.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=held(lite, run).id))
    lite.engine.settle()
    lite.broker.fill(lite.order(run).client_order_id)
    lite.engine.settle()
    assert standing(lite, run) == {}

    lite.broker.fill(entry.client_order_id, 1, at="1.00")
    lite.engine.settle()
    round_of(lite, 1.90)

    assert held(lite, run).is_open and "loss" in standing(lite, run)


@pytest.mark.parametrize("cause", ["legs_alone", "expiry_ladder:put", PIN, "stop_loss:0", "loss"])
def test_what_a_database_still_has_of_it_is_swept_at_the_next_round(lite: DeskBench, cause: str) -> None:
    run = lite.enter(GUARDED, at="1.00")
    position = held(lite, run)
    alert = Alert(
        id=f"old-{cause}",
        user_id=ANNA,
        account_id=position.account_id,
        subject=position.id,
        position_id=position.id,
        cause=cause,
        priority=Priority.HIGH,
        reason=cause.split(" ")[0],
        details="It stood before.",
        recommended_action="Look.",
        urgency=Urgency.IMMEDIATE,
        raised_at=lite.clock.now(),
        changed_at=lite.clock.now(),
    )
    assert is_outdated(alert, position) is (cause in {"legs_alone", "expiry_ladder:put"})
    lite.pass_time(to=AFTER_CLOSE)
    lite.settle_expired(558)
    assert lite.run(run).status is RunStatus.MONITORING
    lite.write(lambda uow: uow.alerts.add(alert))

    lite.clock.advance(seconds=61)
    lite.engine.settle()

    assert cause not in standing(lite, run)
    assert held(lite, run).shares_held == 100
    assert lite.clock.now() - AFTER_CLOSE < timedelta(hours=1)
