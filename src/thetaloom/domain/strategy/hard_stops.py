"""What bars an entry whatever its score: the market's hours, old data, short history, events near, a range, a number.

What is not known bars the entry too and says which setting would supply it; what can't apply lets it pass.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from thetaloom.domain.market.view import MarketView
from thetaloom.domain.strategy.conditions import OPPOSITES, Condition
from thetaloom.domain.strategy.metrics import Metric
from thetaloom.domain.strategy.one_check import NO_DISTANCE, UNKNOWN, Check, make_check, number_text
from thetaloom.domain.strategy.score_rules import HardStops
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import ExerciseStyle
from thetaloom.domain.values.money import HUNDRED
from thetaloom.domain.values.reasons import ALLOWED, Reason, denied, unknown
from thetaloom.domain.values.symbols import canonical_symbol

POINT_PLACES = 6  # a percentage kept to ten places gives dollars exact to this
HOURS, AGE, HISTORY, EARNINGS = "market hours", "data age", "history", "earnings"
EX_DIVIDEND, RANGE, BARS = "ex-dividend", "range of 3 closes", " bars"
NAMES = frozenset({HOURS, AGE, HISTORY, EARNINGS, EX_DIVIDEND, RANGE})
FROM_EVENTS = "the setting events_file supplies it"
FROM_HISTORY = "the setting history_files supplies it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What is known of the moment an entry is judged at; ``None`` where another step has judged it before."""

    symbol: str
    today: date  # the exchange's
    has_short_american: bool  # whether the structure sells an option that can be exercised early
    is_open: bool | None = None
    next_open: str = ""
    data_age_seconds: int | None = None
    data_age_seconds_max: int | None = None


def sells_american(legs: tuple[Leg, ...]) -> bool:
    """Say whether a structure sells an option that its buyer may exercise before it expires."""
    return any(leg.ratio < 0 and leg.contract.exercise_style is ExerciseStyle.AMERICAN for leg in legs)


def needs_bars(stops: HardStops) -> bool:
    """Say whether a stop rests on daily bars."""
    return stops.history_sessions_min is not None or stops.range_3d_percent is not None


def needs_events(stops: HardStops) -> bool:
    """Say whether a stop rests on earnings or dividends that are announced."""
    return stops.earnings_within_days is not None or stops.ex_dividend_within_days is not None


def is_hard_stop(name: str) -> bool:
    """Tell by its name whether a check is a hard stop."""
    return name in NAMES or name.endswith(BARS)


def check_hard_stops(stops: HardStops | None, view: MarketView, moment: Moment) -> tuple[Check, ...]:
    """Return every hard stop's answer, those of the moment first."""
    return (*_moment_checks(moment), *(() if stops is None else _stop_checks(stops, view, moment)))


def _moment_checks(moment: Moment) -> Iterator[Check]:
    if moment.is_open is not None:
        verdict = ALLOWED if moment.is_open else denied(Reason.MARKET_CLOSED, next_open=moment.next_open)
        found = "open" if moment.is_open else "closed"
        yield make_check(HOURS, verdict, found, "open", f"wait until {moment.next_open}")
    if moment.data_age_seconds is not None and moment.data_age_seconds_max is not None:
        age, most = moment.data_age_seconds, moment.data_age_seconds_max
        verdict = ALLOWED
        if age > most:
            verdict = denied(Reason.STALE_MARKET_DATA, age_seconds=age, limit_seconds=most)
        yield make_check(AGE, verdict, f"{age} s", f"<= {most} s", str(most - age))


def _stop_checks(stops: HardStops, view: MarketView, moment: Moment) -> Iterator[Check]:
    if stops.history_sessions_min is not None:
        yield _check_history(stops.history_sessions_min, view)
    if stops.earnings_within_days is not None:
        reasons = (Reason.EARNINGS_NEAR, Reason.EARNINGS_UNKNOWN)
        yield _check_event(EARNINGS, Metric.DAYS_TO_EARNINGS, stops.earnings_within_days, view, moment, reasons)
    if stops.ex_dividend_within_days is not None:
        yield _check_ex_dividend(stops.ex_dividend_within_days, view, moment)
    if stops.range_3d_percent is not None:
        yield _check_range(stops, stops.range_3d_percent, view, moment.symbol)
    for condition in stops.blocked_when:
        yield _check_blocked(condition, view)


def _check_history(least: int, view: MarketView) -> Check:
    measured = view.numbers.get(Metric.HISTORY_SESSIONS.value)
    said = f">= {least} sessions"
    if measured is None:
        verdict = unknown(Reason.HISTORY_TOO_SHORT, check=HISTORY, limit=said, advice=FROM_HISTORY)
        return make_check(HISTORY, verdict, UNKNOWN, said, UNKNOWN)
    found = int(measured.number)
    if found >= least:
        return make_check(HISTORY, ALLOWED, str(found), said, NO_DISTANCE)
    verdict = denied(
        Reason.HISTORY_TOO_SHORT, check=HISTORY, value=found, limit=said, distance=least - found, advice=FROM_HISTORY
    )
    return make_check(HISTORY, verdict, str(found), said, f"+{least - found}")


def _check_ex_dividend(within: int, view: MarketView, moment: Moment) -> Check:
    if not moment.has_short_american:
        said = f"> {within} days"
        return make_check(EX_DIVIDEND, ALLOWED, "no short American option", said, NO_DISTANCE)
    reasons = (Reason.EX_DIVIDEND_NEAR, Reason.EX_DIVIDEND_UNKNOWN)
    return _check_event(EX_DIVIDEND, Metric.DAYS_TO_EX_DIVIDEND, within, view, moment, reasons)


def _check_event(
    name: str, metric: Metric, within: int, view: MarketView, moment: Moment, reasons: tuple[Reason, Reason]
) -> Check:
    said = f"> {within} days"
    near, not_known = reasons
    measured = view.numbers.get(metric.value)
    if metric.value in view.none:
        return make_check(name, ALLOWED, f"none: {view.none[metric.value]}", said, NO_DISTANCE)
    if measured is None:
        why = view.unknown.get(metric.value, "")
        verdict = unknown(not_known, check=name, limit=said, why=why, advice=FROM_EVENTS)
        return make_check(name, verdict, UNKNOWN, said, UNKNOWN)
    days = int(measured.number)
    if days > within:
        return make_check(name, ALLOWED, f"{days} days", said, NO_DISTANCE)
    event_on = moment.today + timedelta(days=days)
    verdict = denied(
        near, check=name, days=days, limit=said, event_on=event_on, wait_until=event_on + timedelta(days=1)
    )
    return make_check(name, verdict, f"{days} days", said, f"wait until {event_on + timedelta(days=1)}")


def _check_range(stops: HardStops, percent: Decimal, view: MarketView, symbol: str) -> Check:
    name = RANGE
    points = next((one.points for one in stops.range_3d_points if canonical_symbol(one.symbol) == symbol), None)
    limit, unit = (percent, "%") if points is None else (points, "dollars")
    said = f"> {number_text(limit)} {unit}"
    found = _range_found(view, in_dollars=points is not None)
    if found is None:
        verdict = unknown(Reason.RANGE_BOUND, check=name, limit=said, advice=FROM_HISTORY)
        return make_check(name, verdict, UNKNOWN, said, UNKNOWN)
    shown = f"{number_text(found)} {unit}"
    if found > limit:
        return make_check(name, ALLOWED, shown, said, NO_DISTANCE)
    gap = f"more than +{number_text(limit - found)}"
    verdict = denied(Reason.RANGE_BOUND, check=name, value=number_text(found), limit=said, unit=unit, distance=gap)
    return make_check(name, verdict, shown, said, gap)


def _range_found(view: MarketView, *, in_dollars: bool) -> Decimal | None:
    percent, spot = view.numbers.get(Metric.RANGE_3D.value), view.numbers.get(Metric.UNDERLYING_PRICE.value)
    if percent is None or not in_dollars:
        return None if percent is None else percent.number
    return None if spot is None else round(percent.number * spot.number / HUNDRED, POINT_PLACES)


def _check_blocked(condition: Condition, view: MarketView) -> Check:
    name = f"{condition.metric.value}{BARS}"
    wished = OPPOSITES[condition.comparison]
    said = f"{wished} {number_text(condition.threshold)}"
    measured = view.numbers.get(condition.metric.value)
    if measured is None:
        why = view.unknown.get(condition.metric.value, "")
        verdict = unknown(Reason.INDICATOR_UNKNOWN, check=name, limit=said, why=why)
        return make_check(name, verdict, UNKNOWN, said, UNKNOWN)
    found = measured.number
    if not condition.comparison.holds(found, condition.threshold):
        return make_check(name, ALLOWED, number_text(found), said, NO_DISTANCE)
    change = condition.threshold - found
    gap = f"{'+' if change > 0 else ''}{number_text(change)}"
    verdict = denied(Reason.BLOCKED_BY_METRIC, check=name, value=number_text(found), limit=said, distance=gap)
    return make_check(name, verdict, number_text(found), said, gap)
