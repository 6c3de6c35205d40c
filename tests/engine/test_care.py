"""Alerts by distance, who protects a position and for how long nobody did, and the journal that fills itself."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.engine.test_targets import Trade, trident
from thetaloom.domain.book.alerts import Alert, Priority, Urgency
from thetaloom.domain.book.distance_alerts import priority_of
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.protection import Cause, Protection, ProtectionShown, trading_time
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.strategy.strategies import ExitKind, ExitUnit
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.money import Money, Price
from thetaloom.engine import commands
from thetaloom.engine.alerts import raise_alert
from thetaloom.engine.journal import read_entry, read_protection
from thetaloom.engine.trade_record import JournalEntry
from thetaloom.errors import NotFound
from thetaloom.testing import builders
from thetaloom.testing.desk import ANNA, BERT, DeskBench, exit_rule, put_credit_spread

STOP = exit_rule(ExitKind.STOP_LOSS, 100, ExitUnit.PERCENT_OF_PREMIUM)
TARGET = exit_rule(ExitKind.PROFIT_TARGET, 50, ExitUnit.PERCENT_OF_PREMIUM)
GUARDED = put_credit_spread(exits=(STOP, TARGET))  # a credit of 1.00: the stop is met at 2.00, the target at 0.50


def held(desk: DeskBench, run: RunId) -> Position:
    """The run's position."""
    found = desk.position(run)
    assert found is not None
    return found


def standing(desk: DeskBench, run: RunId) -> dict[str, Alert]:
    """The alerts that stand about the run's position, by cause."""
    with desk.store.reading() as uow:
        return {one.cause: one for one in uow.alerts.standing_of(ANNA, held(desk, run).id)}


def protection(desk: DeskBench, run: RunId) -> ProtectionShown:
    """Who protects the run's position now."""
    with desk.store.reading() as uow:
        found = read_protection(desk.desk, uow, held(desk, run), desk.clock.now())
    assert found is not None
    return found


def journal(desk: DeskBench, run: RunId) -> JournalEntry:
    """The record of the run's trade."""
    with desk.store.reading() as uow:
        return read_entry(desk.desk, uow, held(desk, run), desk.clock.now())


def round_of(desk: DeskBench, mid: float) -> None:
    """Let the spread cost so much, and the light round pass."""
    desk.quote_spread(mid, half_width=0.05)
    desk.clock.advance(seconds=61)
    desk.engine.settle()


@pytest.mark.parametrize(
    ("percent", "band"),
    [("0", "critical"), ("2", "critical"), ("2.01", "high"), ("5", "high"), ("10", "medium"), ("10.1", "low")],
)
def test_the_bands_are_those_of_the_rules(percent: str, band: str) -> None:
    assert priority_of(Decimal(percent)).value == band


def test_a_stop_is_told_of_once_for_each_band_and_goes_away(lite: DeskBench) -> None:
    run = lite.enter(GUARDED, at="1.00")
    round_of(lite, 1.00)
    assert standing(lite, run) == {}

    round_of(lite, 1.90)  # 90 % lost of 100: a tenth away, and more than 15 % lost
    assert set(standing(lite, run)) == {"loss"}
    round_of(lite, 1.96)  # 4 % away
    near = standing(lite, run)["stop_loss:0"]
    assert (near.priority, near.urgency) == (Priority.HIGH, Urgency.END_OF_DAY)
    assert (near.current_value, near.threshold_value, near.unit) == (Decimal(96), Decimal(100), "percent_of_premium")
    assert (near.symbol, near.reason, near.order_type, near.limit_price) == (
        "SPY",
        "stop_loss",
        "LIMIT",
        Price("-1.96"),
    )
    told = lite.events(run).count(EventKind.ALERT_RAISED)
    for mid in (1.96, 1.97, 1.96):
        round_of(lite, mid)
    assert lite.events(run).count(EventKind.ALERT_RAISED) == told, "one a band, not one a quote"

    round_of(lite, 1.99)
    worse = standing(lite, run)["stop_loss:0"]
    assert (worse.id, worse.priority, worse.urgency) == (near.id, Priority.CRITICAL, Urgency.IMMEDIATE)
    assert "stop" in worse.recommended_action and "1.0 % away" in worse.details
    round_of(lite, 1.10)
    assert standing(lite, run) == {}
    assert lite.events(run).count(EventKind.ALERT_ENDED) == 2


def test_a_target_is_told_of_from_a_tenth_away_and_a_small_loss_not_at_all(lite: DeskBench) -> None:
    run = lite.enter(GUARDED, at="1.00")
    round_of(lite, 1.15)
    assert standing(lite, run) == {}, "15 % is not over 15 %"
    round_of(lite, 0.55)  # 45 of 50
    near = standing(lite, run)["profit_target:1"]
    assert (near.priority, near.urgency, near.limit_price) == (Priority.MEDIUM, Urgency.NEXT_SESSION, Price("-0.50"))
    round_of(lite, 0.56)
    assert standing(lite, run) == {}


def test_what_stood_is_over_when_the_position_is(lite: DeskBench) -> None:
    run = lite.enter(GUARDED, at="1.00")
    round_of(lite, 1.96)
    assert standing(lite, run)

    lite.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=held(lite, run).id))
    lite.engine.settle()
    lite.broker.fill(lite.order(run).client_order_id)
    lite.engine.settle()

    assert standing(lite, run) == {}


def test_unbelievable_quotes_end_no_alert_and_raise_the_one_that_matters(lite: DeskBench) -> None:
    run = lite.enter(GUARDED, at="1.00")
    round_of(lite, 1.96)
    before = set(standing(lite, run))
    lite.market.set_quote("SPY 2026-01-16 P 560", "9.00", "3.00")  # crossed
    lite.clock.advance(seconds=61)
    lite.engine.settle()

    assert set(standing(lite, run)) == before | {"unprotected"}
    assert protection(lite, run).cause is Cause.BLIND_QUOTES
    lite.clock.advance(minutes=30)
    lite.engine.settle()
    round_of(lite, 1.00)
    shown = protection(lite, run)
    assert (shown.state, standing(lite, run)) == (Protection.WATCHED, {})
    assert shown.by_cause == {"blind_quotes": 30 * 60 + 61}


def test_the_same_matter_raised_twice_is_one_alert(lite: DeskBench) -> None:
    alert = Alert(
        user_id=ANNA,
        account_id=lite.made.account_id,
        subject="order-1",
        cause="stuck",
        priority=Priority.HIGH,
        reason="stuck",
        details="It is stuck.",
        recommended_action="Look.",
        urgency=Urgency.IMMEDIATE,
        raised_at=lite.clock.now(),
    )
    lite.write(lambda uow: [raise_alert(uow, alert), raise_alert(uow, alert)])

    with lite.store.reading() as uow:
        assert len(uow.alerts.standing_of(ANNA, "order-1")) == 1
        assert uow.alerts.standing_of(BERT, "order-1") == ()
    assert lite.events().count(EventKind.ALERT_RAISED) == 1


def test_a_watched_position_is_unprotected_while_we_are_dead(lite: DeskBench) -> None:
    run = lite.enter(GUARDED, at="1.00")
    round_of(lite, 1.00)
    assert protection(lite, run).state is Protection.WATCHED
    dead_at = lite.clock.now()

    lite.clock.move_to(dead_at + timedelta(days=1))  # nobody works for a day
    seen = protection(lite, run)
    assert (seen.state, seen.cause) == (Protection.UNPROTECTED, Cause.ENGINE_DOWN)
    assert seen.unprotected_minutes == 390, "a trading day, wherever it begins"
    lite.restart()
    lite.engine.settle()

    after = protection(lite, run)
    assert (after.state, after.by_cause) == (Protection.WATCHED, {"engine_down": 390 * 60})
    lite.restart()
    assert protection(lite, run).by_cause == {"engine_down": 390 * 60}, "counted once"


def test_orders_at_the_broker_protect_a_position_while_we_are_dead(lite: DeskBench) -> None:
    lite.market.set_quotes({"SPY 2026-01-16 C 590": (1.70, 1.90), "SPY 2026-01-16 C 595": (0.70, 0.90)})
    run = Trade(lite, trident()).run
    lite.clock.advance(seconds=61)
    lite.engine.settle()
    assert protection(lite, run).state is Protection.BROKER

    lite.clock.advance(days=1)
    assert protection(lite, run).unprotected_minutes == 0
    lite.restart()
    assert (protection(lite, run).state, protection(lite, run).by_cause) == (Protection.BROKER, {})


def test_a_paused_run_protects_nothing(lite: DeskBench) -> None:
    run = lite.enter(GUARDED, at="1.00")
    lite.engine.handle(commands.PauseRun(user_id=ANNA, run_id=run))
    lite.restart()
    lite.engine.settle()

    assert protection(lite, run).cause is Cause.RUN_PAUSED
    assert standing(lite, run)["unprotected"].recommended_action.startswith("Resume the run")


def test_only_trading_hours_count() -> None:
    calendar = builders.trading_calendar()
    friday, monday = datetime(2026, 1, 9, 20, 0, tzinfo=UTC), datetime(2026, 1, 12, 15, 0, tzinfo=UTC)

    assert trading_time(calendar, friday, monday) == timedelta(hours=1, minutes=30)
    assert trading_time(calendar, monday, friday) == timedelta(0)


def test_the_journal_of_a_trade_fills_itself(lite: DeskBench) -> None:
    run = lite.enter(GUARDED, at="1.00")
    round_of(lite, 1.40)
    round_of(lite, 0.80)
    lite.quote_spread(0.50)
    lite.engine.settle()
    lite.broker.fill(lite.order(run).client_order_id)
    lite.engine.settle()

    found = journal(lite, run)
    closing = -Decimal(lite.order(run).limit_price)
    assert (found.entry_price, found.exit_price) == (Price(1), Price(-closing))
    assert found.realized == Money((1 - closing) * 100)
    assert found.pnl == found.realized + found.fees and found.is_winner
    assert (found.max_profit, found.max_loss) == (Money(100), Money(400))
    assert found.percent_of_max_profit == (Decimal(found.pnl)).quantize(Decimal("0.01"))
    assert found.return_on_risk_percent == (Decimal(found.pnl) / 4).quantize(Decimal("0.01"))
    assert found.mae == Money(-40)
    assert found.mfe == max(Money(20), found.realized)
    assert (found.exit_reason, found.entry_reason, found.days_held) == ("profit_target", "manual", 0)
    assert (found.entry_spot, found.structure) == (Price(575), "put_credit_spread")
    assert found.compliance == dict.fromkeys(found.compliance, True) and found.compliance_percent == 100


def test_a_persons_close_is_no_exit_by_rule_and_notes_stay(lite: DeskBench) -> None:
    run = lite.enter(GUARDED, at="1.00")
    position = held(lite, run).id
    lite.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position))
    lite.engine.settle()
    lite.broker.fill(lite.order(run).client_order_id)
    lite.engine.settle()

    lite.engine.handle(commands.NoteTrade(user_id=ANNA, position_id=position, note=" first "))
    lite.engine.handle(commands.NoteTrade(user_id=ANNA, position_id=position, note="left early"))
    found = journal(lite, run)
    assert (found.compliance["exit_by_rule"], found.note) == (False, "left early")
    assert found.compliance_percent == 80
    with pytest.raises(NotFound):
        lite.engine.handle(commands.NoteTrade(user_id=BERT, position_id=position, note="not mine"))
