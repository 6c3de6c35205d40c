"""Alerts by distance: how near a position is to its stops and targets, and what it has lost."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from thetaloom.domain.book.alerts import Alert, Priority, Urgency
from thetaloom.domain.book.exit_numbers import profit_percent, see
from thetaloom.domain.book.exits import EXIT_REASONS, ExitDecision, RuleCheck, target_price
from thetaloom.domain.book.marks import Marks
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.watch import PositionWatch
from thetaloom.domain.strategy.exit_rules import ExitKind
from thetaloom.domain.values.money import HUNDRED

STOP_DISTANCE_MAX = Decimal(5)  # percent of the stop's own number
TARGET_DISTANCE_MAX = Decimal(10)
LOSS_PERCENT_MAX = Decimal(15)  # of the premium
BANDS = ((Decimal(2), Priority.CRITICAL), (Decimal(5), Priority.HIGH), (Decimal(10), Priority.MEDIUM))
# What is measured against a number of the market or of the position; clocks and calendars come without surprise.
STOPS = frozenset(
    {
        ExitKind.STOP_LOSS,
        ExitKind.TRAILING,
        ExitKind.ATR,
        ExitKind.UNDERLYING_ABOVE,
        ExitKind.UNDERLYING_BELOW,
        ExitKind.POSITION_DELTA,
        ExitKind.SHORT_DELTA,
    }
)
LOSS = "loss"
BY_DISTANCE = frozenset({LOSS, ExitKind.PROFIT_TARGET.value, *(kind.value for kind in STOPS)})  # first words of causes
_URGENCY = {Priority.CRITICAL: Urgency.IMMEDIATE, Priority.HIGH: Urgency.END_OF_DAY}


def priority_of(distance: Decimal) -> Priority:
    """Return the band of a distance in percent."""
    return next((band for bound, band in BANDS if distance <= bound), Priority.LOW)


def urgency_of(priority: Priority, *, is_open: bool) -> Urgency:
    """Return by when to act; while the exchange is closed nothing can be done before its next session."""
    return _URGENCY.get(priority, Urgency.NEXT_SESSION) if is_open else Urgency.NEXT_SESSION


def distance_alerts(
    position: Position, decision: ExitDecision, marks: Marks, watch: PositionWatch | None = None
) -> tuple[Alert, ...]:
    """Return what is near; nothing where no quote can be believed."""
    if not marks.quotes_verdict.is_allowed or not position.quantity:
        return ()
    rules = tuple(check.rule for check in decision.checks)
    found = [
        alert for index, check in enumerate(decision.checks) for alert in _near(position, check, index, marks, watch)
    ]
    lost = profit_percent(see(position, marks, watch, rules))
    if lost is not None and -lost > LOSS_PERCENT_MAX:
        found.append(_loss(position, -lost, decision, marks))
    return tuple(found)


def _near(
    position: Position, check: RuleCheck, index: int, marks: Marks, watch: PositionWatch | None
) -> Iterator[Alert]:
    rule, distance = check.rule, _percent(check)
    is_target = rule.kind is ExitKind.PROFIT_TARGET
    most = TARGET_DISTANCE_MAX if is_target else STOP_DISTANCE_MAX
    if distance is None or check.spent or not (is_target or rule.kind in STOPS) or distance > most:
        return
    word = rule.kind.value.replace("_", " ")
    where = "is met" if distance <= 0 else f"is {distance:.1f} % away"
    unit = rule.unit.value.replace("_", " ")
    alert = _alert(position, f"{rule.kind.value}:{index}", priority_of(distance), marks)
    action = (
        "Take the profit: close at the limit, or let the target do it."
        if is_target
        else ("Close now at the limit, or let the stop close it when it is met.")
    )
    limit = target_price(position, rule, marks, watch) if is_target else alert.limit_price
    yield replace(
        alert,
        reason=EXIT_REASONS[rule.kind].value,
        details=f"The {word} {where}: {check.value:.2f} of {check.threshold:.2f} {unit}.",
        recommended_action=action,
        current_value=check.value,
        threshold_value=check.threshold,
        unit=rule.unit.value,
        limit_price=limit,
    )


def _loss(position: Position, lost: Decimal, decision: ExitDecision, marks: Marks) -> Alert:
    stops = [d for check in decision.checks if check.rule.kind in STOPS and (d := _percent(check)) is not None]
    priority = priority_of(min(stops)) if stops else Priority.MEDIUM
    return replace(
        _alert(position, LOSS, priority, marks),
        reason=LOSS,
        details=f"The loss is {lost:.1f} % of the premium.",
        recommended_action="Look whether the reason for the trade still stands; close if not."
        if stops
        else "No stop watches this position: close it, or decide how far it may go.",
        current_value=lost,
        threshold_value=LOSS_PERCENT_MAX,
        unit="percent_of_premium",
    )


def _alert(position: Position, cause: str, priority: Priority, marks: Marks) -> Alert:
    return Alert(
        user_id=position.user_id,
        account_id=position.account_id,
        subject=position.id,
        position_id=position.id,
        symbol=position.symbol,
        cause=cause,
        priority=priority,
        reason=cause,
        details="",
        recommended_action="",
        urgency=urgency_of(priority, is_open=marks.minutes_to_close is not None),
        order_type="LIMIT",
        limit_price=marks.natural_close if priority is Priority.CRITICAL else marks.close_price,
        raised_at=marks.now,
    )


def _percent(check: RuleCheck) -> Decimal | None:
    if check.distance is None or not check.threshold:
        return None
    return check.distance / abs(check.threshold) * HUNDRED
