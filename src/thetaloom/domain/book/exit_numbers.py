"""The number that each kind of exit watches, in the unit of its rule; ``None`` is unknown and meets nothing."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from thetaloom.domain.book.marks import Marks, believable_close
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.watch import EntryFacts, PositionWatch
from thetaloom.domain.market.words import DealerGamma, MarketBias, Regime
from thetaloom.domain.strategy.exit_rules import ExitKind, ExitRule, ExitUnit
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import HUNDRED, Money, Price

SIDE_DELTA_MIN = Decimal("0.05")  # per share; under it a structure takes no side
EARLY_CLOSE_MINUTES = 15  # where a session ends by a clock rule's time, the rule acts in its last minutes
YES, NO = Decimal(1), Decimal(0)
NOTHING_KNOWN = EntryFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A position, its marks and its memory, with what several rules ask for worked out once."""

    position: Position
    marks: Marks
    watch: PositionWatch | None
    rules: tuple[ExitRule, ...]
    close: Price | None  # that may be acted on
    unrealized: Money | None
    premium: Money  # of what is held, credit positive
    legs: tuple[Leg, ...]  # as held

    @property
    def entry(self) -> EntryFacts:
        """What was known at the position's opening."""
        return NOTHING_KNOWN if self.watch is None or self.watch.entry is None else self.watch.entry


Number = Callable[[ExitRule, Seen], Decimal | None]


def see(position: Position, marks: Marks, watch: PositionWatch | None, rules: tuple[ExitRule, ...]) -> Seen:
    """Work out what the rules share."""
    close = believable_close(marks)
    return Seen(
        position=position,
        marks=marks,
        watch=watch,
        rules=rules,
        close=close,
        unrealized=None if close is None else position.unrealized_pnl(close),
        premium=premium_of(position),
        legs=position.held_legs,
    )


def premium_of(position: Position) -> Money:
    """Return what was received for what is held; what was paid is negative."""
    # From the lots, not from the average price: an average of three lots may not be exact.
    return sum((spread.premium for spread in position.spreads), Money(0))


def profit_percent(seen: Seen) -> Decimal | None:
    """Return the profit in percent of the premium of what is held."""
    return None if seen.unrealized is None else _of_premium(Decimal(seen.unrealized), seen)


def whole_threshold(rule: ExitRule, marks: Marks) -> Decimal:
    """Return what the rule's number is held against: its threshold, its time, or 1 where it is met or not."""
    at = rule.at_minute
    if at is not None:
        ends = marks.close_minute
        return Decimal(at if ends is None or at < ends else ends - EARLY_CLOSE_MINUTES)
    return YES if rule.unit is ExitUnit.NONE else rule.threshold


def max_loss_of(seen: Seen) -> Money | None:
    """Return the most that what is held can lose at expiration, positive; unknown, or unlimited, is ``None``."""
    position, legs = seen.position, seen.legs
    if len({leg.contract.expires_on for leg in legs}) == 1:
        cost = closing_cost_max(legs)
        most = None if cost is None else cost.times(position.multiplier, position.quantity)
    else:  # what the later leg is worth then is a matter of models
        entry = seen.entry.closing_cost_max if legs == position.legs else None
        most = None if entry is None else entry * position.quantity
    return None if most is None else most - seen.premium


@lru_cache(maxsize=4096)
def closing_cost_max(legs: tuple[Leg, ...]) -> Price | None:
    """Return the most that closing one unit of ``legs`` can cost per share at expiration; ``None`` is unlimited."""
    if sum(leg.ratio for leg in legs if leg.contract.right is Right.CALL) < 0:
        return None
    levels = [Decimal(0), *(leg.contract.strike for leg in legs)]
    return Price(max(-sum((leg.ratio * _intrinsic(leg, level) for leg in legs), Decimal(0)) for level in levels))


def _intrinsic(leg: Leg, level: Decimal) -> Decimal:
    strike = leg.contract.strike
    return max(level - strike if leg.contract.right is Right.CALL else strike - level, Decimal(0))


def planned_risk(seen: Seen) -> Money | None:
    """Return what one R of what is held is: the smallest stop that closes all whatever else, or the max loss if less.

    ``None`` where there is no such stop and the max loss is unknown or has no limit.
    """
    position = seen.position
    held, opened = position.quantity, position.opened_quantity
    return risk_by_rules(seen.rules, seen.premium, max_loss_of(seen), held=held, opened=opened)


def risk_by_rules(
    rules: Iterable[ExitRule], premium: Money, most: Money | None, *, held: int, opened: int
) -> Money | None:
    """Return what one R of what is ``held`` is, by its premium and the most it can lose."""
    found = []
    for rule in rules:
        if rule.kind is not ExitKind.STOP_LOSS or rule.quantity_percent < HUNDRED or rule.has_condition:
            continue
        if rule.unit is ExitUnit.PERCENT_OF_PREMIUM:
            found.append(Money(abs(Decimal(premium)) * rule.threshold / HUNDRED))
        elif rule.unit is ExitUnit.DOLLARS:
            found.append(Money(rule.threshold * held / opened))
        elif rule.unit is ExitUnit.PERCENT_OF_MAX_LOSS and most is not None:
            found.append(most * (rule.threshold / HUNDRED))
    if most is not None:
        found.append(most)
    return min((risk for risk in found if risk > 0), default=None)


def money_of(rule: ExitRule, amount: Decimal, seen: Seen) -> Money | None:
    """Return how many dollars of what is held ``amount`` is in the rule's unit."""
    if rule.unit is ExitUnit.DOLLARS:
        return Money(amount)
    if rule.unit is ExitUnit.PERCENT_OF_PREMIUM:
        return abs(seen.premium) * (amount / HUNDRED)
    whole = max_loss_of(seen) if rule.unit is ExitUnit.PERCENT_OF_MAX_LOSS else planned_risk(seen)
    if whole is None:
        return None
    return whole * amount if rule.unit is ExitUnit.R else whole * (amount / HUNDRED)


def _profit(rule: ExitRule, seen: Seen) -> Decimal | None:
    if seen.unrealized is None:
        return None
    if rule.unit is ExitUnit.DOLLARS:  # of the whole position, hence with what a partial close has realized
        return Decimal(seen.unrealized + seen.position.realized)
    return _in_unit(rule.unit, Decimal(seen.unrealized), seen)


def _loss(rule: ExitRule, seen: Seen) -> Decimal | None:
    profit = _profit(rule, seen)
    return None if profit is None else -profit


def _given_back(rule: ExitRule, seen: Seen) -> Decimal | None:
    watch, position = seen.watch, seen.position
    if seen.unrealized is None or watch is None:
        return None
    high = watch.high_close if watch.legs == seen.legs else None
    peak = seen.unrealized
    if high is not None:
        peak = max(peak, position.unrealized_pnl(high))
    peak = max(peak, Money(0))  # what was paid or received at entry was a price, too
    peak_unit = ExitUnit.PERCENT_OF_PREMIUM if rule.unit is ExitUnit.PERCENT_OF_PEAK else rule.unit
    if rule.activates_at is not None:
        reached = _in_unit(peak_unit, Decimal(peak), seen)
        if reached is None:
            return None
        if reached < rule.activates_at:
            return NO
    back = Decimal(peak - seen.unrealized)
    if rule.unit is ExitUnit.PERCENT_OF_PEAK:
        return back * HUNDRED / Decimal(peak) if peak > 0 else None
    return _in_unit(rule.unit, back, seen)


def _in_unit(unit: ExitUnit, dollars: Decimal, seen: Seen) -> Decimal | None:
    if unit is ExitUnit.DOLLARS:
        return dollars
    if unit is ExitUnit.PERCENT_OF_PREMIUM:
        return _of_premium(dollars, seen)
    whole = max_loss_of(seen) if unit is ExitUnit.PERCENT_OF_MAX_LOSS else planned_risk(seen)
    if whole is None or whole <= 0:
        return None
    return dollars * (HUNDRED if unit is ExitUnit.PERCENT_OF_MAX_LOSS else 1) / Decimal(whole)


def _of_premium(dollars: Decimal, seen: Seen) -> Decimal | None:
    return None if seen.premium == 0 else dollars * HUNDRED / abs(Decimal(seen.premium))


def _dte(rule: ExitRule, seen: Seen) -> Decimal:
    return Decimal(seen.marks.dte)


def _days_held(rule: ExitRule, seen: Seen) -> Decimal:
    return Decimal(seen.marks.days_held)


def _clock(rule: ExitRule, seen: Seen) -> Decimal | None:
    minute = seen.marks.clock_minute
    if minute is None:
        return None
    return NO if rule.intraday_only and seen.marks.days_held > 0 else Decimal(minute)


def _minutes_to_close(rule: ExitRule, seen: Seen) -> Decimal | None:
    minutes = seen.marks.minutes_to_close
    return None if minutes is None else Decimal(minutes)


def _expiry_friday(rule: ExitRule, seen: Seen) -> Decimal | None:
    minute = seen.marks.clock_minute
    if minute is None:
        return None
    return Decimal(minute) if seen.marks.is_expiry_friday else NO


def _position_delta(rule: ExitRule, seen: Seen) -> Decimal | None:
    delta = seen.marks.structure_delta
    return None if delta is None else abs(delta)


def _short_delta(rule: ExitRule, seen: Seen) -> Decimal | None:
    deltas = seen.marks.short_deltas
    known = [abs(delta) for delta in deltas if delta is not None]
    largest = max(known, default=None)
    if largest is None or (len(known) < len(deltas) and largest < rule.threshold):
        return None  # the unknown delta may be the one that breaches
    return largest


def _short_strike(rule: ExitRule, seen: Seen) -> Decimal | None:
    if seen.marks.spot is None:
        return None
    spot, beyond = Decimal(seen.marks.spot), []
    for leg in seen.legs:
        if leg.ratio < 0:
            strike = leg.contract.strike
            over = spot - strike if leg.contract.right is Right.CALL else strike - spot
            beyond.append(over * HUNDRED / strike if rule.unit is ExitUnit.PERCENT else over)
    return max(beyond, default=None)


def _theta(rule: ExitRule, seen: Seen) -> Decimal | None:
    theta = seen.marks.structure_theta
    if theta is None or not seen.close:
        return None
    return -theta / abs(Decimal(seen.close))


def _iv_crush(rule: ExitRule, seen: Seen) -> Decimal | None:
    before, now = seen.entry.iv, seen.marks.iv
    return None if before is None or now is None or before <= 0 else (before - now) / before


def _atr(rule: ExitRule, seen: Seen) -> Decimal | None:
    before, spot, side = seen.entry.spot, seen.marks.spot, side_of(seen)
    unit = seen.entry.atr or seen.marks.facts.atr
    if before is None or spot is None or side is None or not unit:
        return None
    rise = Decimal(spot - before) / unit
    return abs(rise) if side == 0 else -rise * side


def _spot(rule: ExitRule, seen: Seen) -> Decimal | None:
    return None if seen.marks.spot is None else Decimal(seen.marks.spot)


def _gamma_flip(rule: ExitRule, seen: Seen) -> Decimal | None:
    before, now = seen.entry.dealer, seen.marks.facts.dealer
    if before is None or now is None or not seen.premium:
        return None
    against = DealerGamma.SHORT if seen.premium > 0 else DealerGamma.LONG
    return YES if before is not against and now is against else NO


def _zero_gamma(rule: ExitRule, seen: Seen) -> Decimal | None:
    level, spot = seen.marks.facts.zero_gamma, seen.marks.spot
    old_level, old_spot = seen.entry.zero_gamma, seen.entry.spot
    if level is None or spot is None or old_level is None or old_spot is None or not seen.premium:
        return None
    # Above the zero-gamma price dealers dampen moves, which is what a credit lives on.
    sign = 1 if seen.premium > 0 else -1
    if sign * (old_level - old_spot) >= 0:
        return -HUNDRED  # it was so at entry; nothing broke
    return sign * Decimal(level - spot) * HUNDRED / Decimal(level)


def _earnings(rule: ExitRule, seen: Seen) -> Decimal | None:
    days = seen.marks.facts.days_to_earnings
    return None if days is None else Decimal(days)


def _after_earnings(rule: ExitRule, seen: Seen) -> Decimal | None:
    if seen.marks.after_earnings is None or seen.marks.minutes_to_close is None:
        return None
    return YES if seen.marks.after_earnings else NO


def _opposing_regime(rule: ExitRule, seen: Seen) -> Decimal | None:
    facts = seen.marks.facts
    word = {Regime.BULL: 1, Regime.BEAR: -1}.get(facts.regime, 0) if facts.regime is not None else None
    return _opposing(word, facts.regime_confidence, seen)


def _opposing_bias(rule: ExitRule, seen: Seen) -> Decimal | None:
    facts = seen.marks.facts
    word = {MarketBias.BULLISH: 1, MarketBias.BEARISH: -1}.get(facts.bias, 0) if facts.bias is not None else None
    return _opposing(word, facts.bias_confidence, seen)


def _opposing(word: int | None, confidence: Decimal | None, seen: Seen) -> Decimal | None:
    side = side_of(seen)
    if side is None or word is None:
        return None
    return confidence if side * word < 0 else NO


def side_of(seen: Seen) -> int | None:
    """Return the side the position took at entry: 1 gains when the underlying rises, 0 has none; `None` is unknown."""
    delta = seen.entry.delta
    if delta is None:
        return None
    if abs(delta) < SIDE_DELTA_MIN:
        return 0
    return 1 if delta > 0 else -1


NUMBERS: dict[ExitKind, Number] = {
    ExitKind.PROFIT_TARGET: _profit,
    ExitKind.STOP_LOSS: _loss,
    ExitKind.TRAILING: _given_back,
    ExitKind.DTE: _dte,
    ExitKind.DAYS_HELD: _days_held,
    ExitKind.CLOCK: _clock,
    ExitKind.MINUTES_TO_CLOSE: _minutes_to_close,
    ExitKind.EXPIRY_FRIDAY: _expiry_friday,
    ExitKind.POSITION_DELTA: _position_delta,
    ExitKind.SHORT_DELTA: _short_delta,
    ExitKind.SHORT_STRIKE: _short_strike,
    ExitKind.THETA: _theta,
    ExitKind.IV_CRUSH: _iv_crush,
    ExitKind.ATR: _atr,
    ExitKind.UNDERLYING_ABOVE: _spot,
    ExitKind.UNDERLYING_BELOW: _spot,
    ExitKind.GAMMA_FLIP: _gamma_flip,
    ExitKind.ZERO_GAMMA: _zero_gamma,
    ExitKind.EARNINGS: _earnings,
    ExitKind.AFTER_EARNINGS: _after_earnings,
    ExitKind.OPPOSING_REGIME: _opposing_regime,
    ExitKind.OPPOSING_BIAS: _opposing_bias,
}
