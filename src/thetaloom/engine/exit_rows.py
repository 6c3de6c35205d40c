"""Exit rules as rows of bare numbers, so that one pass over arrays tells which positions a rule may close.

A row is met where its rule is met, and a little before: what it finds is then decided exactly. A kind without a row
of its own is always looked at exactly.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import IntEnum

from thetaloom.domain.book.exit_numbers import (
    NUMBERS,
    Seen,
    max_loss_of,
    planned_risk,
    see,
    side_of,
    whole_threshold,
)
from thetaloom.domain.book.exits import FALLS_TO
from thetaloom.domain.book.marks import MarketFacts, Marks
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.watch import PositionWatch
from thetaloom.domain.strategy.strategies import ExitKind, ExitRule, ExitUnit
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import HUNDRED, Money
from thetaloom.domain.values.reasons import Reason, unknown

ENDLESS = math.inf
SLACK, SLACK_SHARE = 1e-6, 1e-9  # what floats may lose; a row is met this much before its rule


class Column(IntEnum):
    """What a row's bound is held against; one number a position and look."""

    ALWAYS = 0
    PROFIT = 1  # dollars, of what is held
    PEAK = 2  # the highest profit of what is held, entry at least
    BACK = 3  # dollars given back from there
    BACK_PERCENT = 4
    DAY = 5
    OPEN_DAY = 6  # the day, while the exchange is open
    MINUTE = 7  # of the day, while the exchange is open
    FIRST_DAY_MINUTE = 8  # zero on later days
    FRIDAY_MINUTE = 9  # zero unless an expiration ends its week today
    TO_CLOSE = 10
    SPOT = 11
    NET_DELTA = 12
    SHORT_DELTA = 13
    THETA = 14
    IV = 15


GREEK_COLUMNS = frozenset({Column.NET_DELTA, Column.SHORT_DELTA, Column.THETA, Column.IV})
FACT_KINDS = frozenset(
    {
        *(ExitKind.ATR, ExitKind.GAMMA_FLIP, ExitKind.ZERO_GAMMA, ExitKind.EARNINGS, ExitKind.AFTER_EARNINGS),
        *(ExitKind.OPPOSING_REGIME, ExitKind.OPPOSING_BIAS),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRow:
    """Met where ``sign`` times the column is at or above ``sign`` times the bound, and the profit lies within."""

    column: Column
    bound: float
    sign: int = 1
    at_minute: float = math.nan  # of a clock rule, whose bound depends on when the session ends
    needs_profit: bool = False
    profit_low: float = -ENDLESS
    profit_high: float = ENDLESS
    peak_low: float = -ENDLESS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    seen: Seen
    opened_on: date
    nearest: date


AT_ONCE = ExitRow(column=Column.ALWAYS, bound=0.0)
Rows = Iterator[ExitRow]


def rows_of(
    position: Position,
    rules: tuple[ExitRule, ...],
    watch: PositionWatch,
    facts: MarketFacts,
    opened_on: date,
    *,
    beside_target: bool,
) -> tuple[ExitRow, ...]:
    """Return the rows of all rules that could close something of a position."""
    if not position.quantity:
        return ()
    seen = see(position, _blank(facts), watch, rules)
    nearest = min(leg.contract.expires_on for leg in seen.legs)
    around = _Around(seen=seen, opened_on=opened_on, nearest=nearest)
    found: list[ExitRow] = []
    for index, rule in enumerate(rules):
        spent = index in position.exits_fired and rule.quantity_percent < HUNDRED
        if spent or (beside_target and rule.kind is ExitKind.PROFIT_TARGET):
            continue
        rows = ROWS.get(rule.kind, _always)(rule, around)
        found += (_conditioned(row, rule, seen) for row in rows) if rule.has_condition else rows
    return tuple(found)


def _blank(facts: MarketFacts) -> Marks:
    return Marks(
        now=datetime.min.replace(tzinfo=UTC),
        close_price=None,
        natural_close=None,
        spot=None,
        dte=0,
        days_held=0,
        minutes_to_close=None,
        structure_delta=None,
        short_deltas=(),
        quotes_verdict=unknown(Reason.NO_QUOTE),
        facts=facts,
    )


def _conditioned(row: ExitRow, rule: ExitRule, seen: Seen) -> ExitRow:
    percent = abs(float(seen.premium)) / 100
    above, below = rule.only_if_profit_above, rule.only_if_profit_below
    low = -ENDLESS if above is None else float(above) * percent
    high = min(0.0 if rule.only_if_loss else ENDLESS, ENDLESS if below is None else float(below) * percent)
    return replace(row, needs_profit=True, profit_low=low, profit_high=high)


def _always(rule: ExitRule, around: _Around) -> Rows:
    yield AT_ONCE


def _scale(unit: ExitUnit, seen: Seen) -> float | None:
    if unit is ExitUnit.DOLLARS:
        return 1.0
    if unit is ExitUnit.PERCENT_OF_PREMIUM:
        return abs(float(seen.premium)) / 100 or None
    whole: Money | None = max_loss_of(seen) if unit is ExitUnit.PERCENT_OF_MAX_LOSS else planned_risk(seen)
    if whole is None or whole <= 0:
        return None
    return float(whole) / (100 if unit is ExitUnit.PERCENT_OF_MAX_LOSS else 1)


def _profit(rule: ExitRule, around: _Around, sign: int = 1) -> Rows:
    seen = around.seen
    scale = _scale(rule.unit, seen)
    if scale is None:
        return
    done = float(seen.position.realized) if rule.unit is ExitUnit.DOLLARS else 0.0
    yield ExitRow(column=Column.PROFIT, sign=sign, bound=sign * float(rule.threshold) * scale - done)


def _loss(rule: ExitRule, around: _Around) -> Rows:
    return _profit(rule, around, -1)


def _trailing(rule: ExitRule, around: _Around) -> Rows:
    if rule.threshold <= 0:
        yield AT_ONCE
        return
    of_peak = rule.unit is ExitUnit.PERCENT_OF_PEAK
    scale = _scale(ExitUnit.PERCENT_OF_PREMIUM if of_peak else rule.unit, around.seen)
    if scale is None and (not of_peak or rule.activates_at is not None):
        return
    active = -ENDLESS if rule.activates_at is None else float(rule.activates_at) * (scale or 0.0)
    if of_peak:
        yield ExitRow(column=Column.BACK_PERCENT, bound=float(rule.threshold), peak_low=active)
    else:
        yield ExitRow(column=Column.BACK, bound=float(rule.threshold) * (scale or 0.0), peak_low=active)


def _dte(rule: ExitRule, around: _Around) -> Rows:
    yield ExitRow(column=Column.DAY, bound=around.nearest.toordinal() - float(rule.threshold))


def _days_held(rule: ExitRule, around: _Around) -> Rows:
    yield ExitRow(column=Column.DAY, bound=around.opened_on.toordinal() + float(rule.threshold))


def _clock(rule: ExitRule, around: _Around) -> Rows:
    column = Column.FIRST_DAY_MINUTE if rule.intraday_only else Column.MINUTE
    yield _by_the_clock(rule, column)


def _friday(rule: ExitRule, around: _Around) -> Rows:
    yield _by_the_clock(rule, Column.FRIDAY_MINUTE)


def _by_the_clock(rule: ExitRule, column: Column) -> ExitRow:
    at = rule.at_minute
    return ExitRow(column=column, bound=float(at or 1), at_minute=math.nan if at is None else float(at))


def _to_close(rule: ExitRule, around: _Around) -> Rows:
    yield ExitRow(column=Column.TO_CLOSE, sign=-1, bound=float(rule.threshold))


def _short_strike(rule: ExitRule, around: _Around) -> Rows:
    for leg in around.seen.legs:
        if leg.ratio < 0:
            strike, sign = leg.contract.strike, 1 if leg.contract.right is Right.CALL else -1
            beyond = strike * rule.threshold / HUNDRED if rule.unit is ExitUnit.PERCENT else rule.threshold
            yield ExitRow(column=Column.SPOT, sign=sign, bound=float(strike + sign * beyond))


def _above(rule: ExitRule, around: _Around) -> Rows:
    yield ExitRow(column=Column.SPOT, bound=float(rule.threshold))


def _below(rule: ExitRule, around: _Around) -> Rows:
    yield ExitRow(column=Column.SPOT, sign=-1, bound=float(rule.threshold))


def _greek(column: Column) -> Callable[[ExitRule, _Around], Rows]:
    def rows(rule: ExitRule, around: _Around) -> Rows:
        yield ExitRow(column=column, bound=float(rule.threshold))

    return rows


def _iv_crush(rule: ExitRule, around: _Around) -> Rows:
    before = around.seen.entry.iv
    if before is not None and before > 0:
        yield ExitRow(column=Column.IV, sign=-1, bound=float(before * (1 - rule.threshold)))


def _atr(rule: ExitRule, around: _Around) -> Rows:
    seen = around.seen
    before, side, unit = seen.entry.spot, side_of(seen), seen.entry.atr or seen.marks.facts.atr
    if before is None or side is None or not unit:
        return
    way = rule.threshold * unit
    if side <= 0:
        yield ExitRow(column=Column.SPOT, bound=float(Decimal(before) + way))
    if side >= 0:
        yield ExitRow(column=Column.SPOT, sign=-1, bound=float(Decimal(before) - way))


def _zero_gamma(rule: ExitRule, around: _Around) -> Rows:
    seen = around.seen
    level, old_level, old_spot = seen.marks.facts.zero_gamma, seen.entry.zero_gamma, seen.entry.spot
    if level is None or old_level is None or old_spot is None or not seen.premium:
        return
    if level <= 0:
        yield AT_ONCE
        return
    side = 1 if seen.premium > 0 else -1
    if side * (old_level - old_spot) < 0:
        past = float(level) * (1 - side * float(rule.threshold) / 100)
        yield ExitRow(column=Column.SPOT, sign=-side, bound=past)


def _after_earnings(rule: ExitRule, around: _Around) -> Rows:
    held = [day for day in around.seen.marks.facts.past_earnings or () if day >= around.opened_on]
    if held:
        yield ExitRow(column=Column.OPEN_DAY, bound=min(held).toordinal() + 1.0)


def _by_facts(rule: ExitRule, around: _Around) -> Rows:
    number = NUMBERS[rule.kind](rule, around.seen)
    threshold = whole_threshold(rule, around.seen.marks)
    if number is not None and (number <= threshold if rule.kind in FALLS_TO else number >= threshold):
        yield AT_ONCE


ROWS: dict[ExitKind, Callable[[ExitRule, _Around], Rows]] = {
    ExitKind.PROFIT_TARGET: _profit,
    ExitKind.STOP_LOSS: _loss,
    ExitKind.TRAILING: _trailing,
    ExitKind.DTE: _dte,
    ExitKind.DAYS_HELD: _days_held,
    ExitKind.CLOCK: _clock,
    ExitKind.MINUTES_TO_CLOSE: _to_close,
    ExitKind.EXPIRY_FRIDAY: _friday,
    ExitKind.POSITION_DELTA: _greek(Column.NET_DELTA),
    ExitKind.SHORT_DELTA: _greek(Column.SHORT_DELTA),
    ExitKind.SHORT_STRIKE: _short_strike,
    ExitKind.THETA: _greek(Column.THETA),
    ExitKind.IV_CRUSH: _iv_crush,
    ExitKind.ATR: _atr,
    ExitKind.UNDERLYING_ABOVE: _above,
    ExitKind.UNDERLYING_BELOW: _below,
    ExitKind.GAMMA_FLIP: _by_facts,
    ExitKind.ZERO_GAMMA: _zero_gamma,
    ExitKind.EARNINGS: _by_facts,
    ExitKind.AFTER_EARNINGS: _after_earnings,
    ExitKind.OPPOSING_REGIME: _by_facts,
    ExitKind.OPPOSING_BIAS: _by_facts,
}
