"""A position's numbers at one moment, from the quotes of its legs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from thetaloom.domain.book.marks import NO_FACTS, MarketFacts, Marks
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.watch import PositionWatch
from thetaloom.domain.market.leg_greeks import LegGreeks, leg_greeks
from thetaloom.domain.strategy.strategies import ExitKind, ExitRule
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import Price
from thetaloom.engine.desk import Desk
from thetaloom.engine.order_work import LegQuote, judge_legs, net_prices

DELTA_KINDS = frozenset({ExitKind.POSITION_DELTA, ExitKind.SHORT_DELTA})
MINUTE = timedelta(minutes=1)
GREEK_KINDS = DELTA_KINDS | {ExitKind.THETA, ExitKind.IV_CRUSH}
NO_GREEKS = LegGreeks()


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionView:
    """A position with everything its exit rules look at, as plain data."""

    position: Position
    rules: tuple[ExitRule, ...]
    quotes: tuple[LegQuote, ...]  # of the legs as held
    spot: Price | None
    years: tuple[float, ...]  # to the last trading instant, per leg
    dte: int
    days_held: int
    minutes_to_close: int | None  # of the trading session; None while it is closed
    quote_age_seconds_max: int
    rate: float
    dividend_yield: float
    now: datetime
    opened_on: date | None = None
    today: date | None = None
    clock_minute: int | None = None  # on the exchange's wall; None while it is closed
    close_minute: int | None = None
    is_expiry_friday: bool = False
    watch: PositionWatch | None = None  # what is remembered of the position
    facts: MarketFacts = NO_FACTS


def view_position(
    desk: Desk,
    position: Position,
    rules: tuple[ExitRule, ...],
    quotes: tuple[LegQuote, ...],
    quote_age_seconds_max: int,
    now: datetime,
    *,
    watch: PositionWatch | None = None,
    facts: MarketFacts = NO_FACTS,
) -> PositionView:
    """Gather what the exit rules look at; ``facts`` and ``watch`` are read by whoever asks."""
    calendar = desk.calendar
    today, opened_on = calendar.exchange_date(now), calendar.exchange_date(position.opened_at)
    contracts = [entry.leg.contract for entry in quotes] or [leg.contract for leg in position.legs]
    years = tuple(calendar.year_fraction(now, contract) for contract in contracts)
    session = calendar.session_at(now)
    nearest = min(contracts, key=lambda contract: contract.expires_on)
    wants_friday = any(rule.kind is ExitKind.EXPIRY_FRIDAY for rule in rules)
    return PositionView(
        position=position,
        rules=rules,
        quotes=quotes,
        spot=desk.market.spot(position.symbol, now),
        years=years,
        dte=nearest.dte(today),
        days_held=(today - opened_on).days,
        minutes_to_close=None if session is None else (session.close_at - now) // MINUTE,
        quote_age_seconds_max=quote_age_seconds_max,
        rate=desk.settings.rates.at(min(years)),
        dividend_yield=desk.settings.dividend_yield,
        now=now,
        opened_on=opened_on,
        today=today,
        clock_minute=None if session is None else calendar.minute_of_day(now),
        close_minute=None if session is None else calendar.minute_of_day(session.close_at),
        is_expiry_friday=wants_friday and calendar.ends_week(nearest, today),
        watch=watch,
        facts=facts,
    )


def mark(view: PositionView) -> Marks:
    """Compute the marks; prices are unknown unless every leg's quote can be believed."""
    closing = tuple(LegQuote(leg=_reversed(entry.leg), quote=entry.quote) for entry in view.quotes)
    verdict = judge_legs(closing, view.now, view.quote_age_seconds_max, closes=True)
    close_price, natural_close = net_prices(closing) if verdict.is_allowed else (None, None)
    # Greeks cost more than all the rest; they are worked out only for rules that ask for them.
    greeks = _greeks(view) if verdict.is_allowed and _wants_greeks(view.rules) else (NO_GREEKS,) * len(view.quotes)
    deltas = tuple(_decimal(one.delta, 4) for one in greeks)
    return Marks(
        now=view.now,
        close_price=close_price,
        natural_close=natural_close,
        spot=view.spot,
        dte=view.dte,
        days_held=view.days_held,
        minutes_to_close=view.minutes_to_close,
        structure_delta=_net(view.quotes, deltas),
        short_deltas=tuple(delta for entry, delta in zip(view.quotes, deltas, strict=True) if entry.leg.ratio < 0),
        quotes_verdict=verdict,
        best_close=None if close_price is None or natural_close is None else close_price * 2 - natural_close,
        clock_minute=view.clock_minute,
        close_minute=view.close_minute,
        is_expiry_friday=view.is_expiry_friday,
        structure_theta=_net(view.quotes, [_decimal(one.theta, 6) for one in greeks]),
        iv=weighed_iv([(entry.leg.ratio, one.iv) for entry, one in zip(view.quotes, greeks, strict=True)]),
        after_earnings=_after_earnings(view),
        facts=view.facts,
    )


def delta_and_iv(view: PositionView) -> tuple[Decimal | None, Decimal | None]:
    """Return a structure's delta per share and its volatility, whether a rule asks for them or not."""
    greeks = _greeks(view)
    volatility = weighed_iv([(entry.leg.ratio, one.iv) for entry, one in zip(view.quotes, greeks, strict=True)])
    return _net(view.quotes, tuple(_decimal(one.delta, 4) for one in greeks)), volatility


def weighed_iv(legs: Sequence[tuple[int, float | None]]) -> Decimal | None:
    """Return the implied volatility of legs, each weighed by its ratio; unknown unless all are known."""
    if not legs or any(iv is None for _, iv in legs):
        return None
    total = sum(abs(ratio) * (iv or 0.0) for ratio, iv in legs)
    return Decimal(f"{total / sum(abs(ratio) for ratio, _ in legs):.6f}")


def _reversed(leg: Leg) -> Leg:
    return Leg(contract=leg.contract, ratio=-leg.ratio)


def _wants_greeks(rules: tuple[ExitRule, ...]) -> bool:
    return any(rule.kind in GREEK_KINDS for rule in rules)


def _greeks(view: PositionView) -> tuple[LegGreeks, ...]:
    return tuple(
        _leg_greeks(entry, view.spot, years, view.rate, view.dividend_yield)
        for entry, years in zip(view.quotes, view.years, strict=True)
    )


def _leg_greeks(entry: LegQuote, spot: Price | None, years: float, rate: float, dividend_yield: float) -> LegGreeks:
    mid = entry.quote.mid if entry.quote is not None else None
    if mid is None or spot is None:
        return NO_GREEKS
    return leg_greeks(entry.leg.contract, mid, spot=spot, years=years, rate=rate, dividend_yield=dividend_yield)


def _decimal(number: float | None, places: int) -> Decimal | None:
    return None if number is None else Decimal(f"{number:.{places}f}")


def _after_earnings(view: PositionView) -> bool | None:
    past = view.facts.past_earnings
    if past is None or view.opened_on is None or view.today is None:
        return None
    # Whether they came before the open or after the close is not known; the next day both are behind.
    return any(view.opened_on <= day < view.today for day in past)


def _net(legs: tuple[LegQuote, ...], deltas: Sequence[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for entry, delta in zip(legs, deltas, strict=True):
        if delta is None:
            return None
        total += delta * entry.leg.ratio
    return total
