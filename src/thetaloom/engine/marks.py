"""A position's numbers at one moment, from the quotes of its legs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from thetaloom.domain.book.exits import Marks
from thetaloom.domain.book.positions import Position
from thetaloom.domain.market.leg_greeks import leg_greeks
from thetaloom.domain.strategy.strategies import ExitKind, ExitRule
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import Price
from thetaloom.engine.desk import Desk
from thetaloom.engine.order_work import LegQuote, judge_legs, net_prices

DELTA_KINDS = frozenset({ExitKind.POSITION_DELTA, ExitKind.SHORT_DELTA})


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


def view_position(
    desk: Desk,
    position: Position,
    rules: tuple[ExitRule, ...],
    quotes: tuple[LegQuote, ...],
    quote_age_seconds_max: int,
    now: datetime,
) -> PositionView:
    """Gather what the exit rules look at."""
    today = desk.calendar.exchange_date(now)
    contracts = [entry.leg.contract for entry in quotes] or [leg.contract for leg in position.legs]
    years = tuple(desk.calendar.year_fraction(now, contract) for contract in contracts)
    return PositionView(
        position=position,
        rules=rules,
        quotes=quotes,
        spot=desk.market.spot(position.symbol, now),
        years=years,
        dte=min(contract.dte(today) for contract in contracts),
        days_held=(today - desk.calendar.exchange_date(position.opened_at)).days,
        minutes_to_close=desk.calendar.minutes_to_close(now),
        quote_age_seconds_max=quote_age_seconds_max,
        rate=desk.settings.rates.at(min(years)),
        dividend_yield=desk.settings.dividend_yield,
        now=now,
    )


def mark(view: PositionView) -> Marks:
    """Compute the marks; prices are unknown unless every leg's quote can be believed."""
    closing = tuple(LegQuote(leg=_reversed(entry.leg), quote=entry.quote) for entry in view.quotes)
    verdict = judge_legs(closing, view.now, view.quote_age_seconds_max, closes=True)
    close_price, natural_close = net_prices(closing) if verdict.is_allowed else (None, None)
    deltas = _deltas(view) if verdict.is_allowed and _wants_delta(view.rules) else (None,) * len(view.quotes)
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
    )


def closing_legs(position: Position) -> tuple[Leg, ...]:
    """Return the legs of the order that closes what the spreads hold."""
    return tuple(_reversed(leg) for leg in position.held_legs)


def _reversed(leg: Leg) -> Leg:
    return Leg(contract=leg.contract, ratio=-leg.ratio)


def _wants_delta(rules: tuple[ExitRule, ...]) -> bool:
    return any(rule.kind in DELTA_KINDS for rule in rules)


def _deltas(view: PositionView) -> tuple[Decimal | None, ...]:
    return tuple(
        _delta(entry, view.spot, years, view.rate, view.dividend_yield)
        for entry, years in zip(view.quotes, view.years, strict=True)
    )


def _delta(entry: LegQuote, spot: Price | None, years: float, rate: float, dividend_yield: float) -> Decimal | None:
    mid = entry.quote.mid if entry.quote is not None else None
    if mid is None or spot is None:
        return None
    contract = entry.leg.contract
    delta = leg_greeks(contract, mid, spot=spot, years=years, rate=rate, dividend_yield=dividend_yield).delta
    return None if delta is None else Decimal(f"{delta:.4f}")


def _net(legs: tuple[LegQuote, ...], deltas: Sequence[Decimal | None]) -> Decimal | None:
    total = Decimal(0)
    for entry, delta in zip(legs, deltas, strict=True):
        if delta is None:
            return None
        total += delta * entry.leg.ratio
    return total
