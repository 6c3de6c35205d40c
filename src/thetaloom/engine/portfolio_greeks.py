"""The greeks of what is held, from the quotes of its legs, and their weight in shares of the benchmark."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from thetaloom.domain.market.leg_greeks import leg_greeks
from thetaloom.domain.market.volatility import BENCHMARK
from thetaloom.domain.risk.limits import RiskLimits
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import Price
from thetaloom.engine.desk import Desk
from thetaloom.engine.history import beta_against
from thetaloom.engine.order_work import LegQuote, judge_legs

SUMMED = ("delta", "gamma", "theta", "vega")
GREEK_STEP, BETA_STEP = Decimal("0.0001"), Decimal("0.000001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeks:
    """Sums over positions; ``None`` is unknown, or not asked for."""

    delta: Decimal | None = None
    gamma: Decimal | None = None
    theta: Decimal | None = None
    vega: Decimal | None = None
    beta_delta: Decimal | None = None


def are_wanted(limits: RiskLimits) -> bool:
    """Tell whether any limit looks at the greeks; else the quotes of what is held need not be asked for."""
    in_force = limits.in_force()
    greeks = (in_force.max_delta, in_force.max_gamma, in_force.max_theta, in_force.max_vega, in_force.max_beta_delta)
    return any(bound is not None for bound in greeks)


def portfolio_greeks(
    desk: Desk, held: Sequence[tuple[tuple[Leg, ...], str, int]], now: datetime, *, weighted: bool
) -> Greeks:
    """Return the greeks of structures held in some quantity; one that is unknown leaves its sum unknown."""
    parts = []
    for legs, symbol, quantity in held:
        found = structure_greeks(desk, legs, symbol, quantity, now)
        weight = beta_weight(desk, symbol, now) if weighted else None
        parts.append((found, None if found is None or weight is None else (found.delta or 0) * weight))
    sums: dict[str, Any] = {}
    for name in SUMMED:
        sums[name] = _sum([None if found is None else getattr(found, name) for found, _ in parts])
    return Greeks(**sums, beta_delta=_sum([beta for _, beta in parts]) if weighted else None)


def structure_greeks(desk: Desk, legs: tuple[Leg, ...], symbol: str, quantity: int, now: datetime) -> Greeks | None:
    """Return the greeks of structures as held; unknown unless every leg's quote can be believed."""
    quotes = desk.market.quotes([leg.contract for leg in legs], now)
    held = tuple(LegQuote(leg=leg, quote=quotes.get(leg.contract)) for leg in legs)
    spot, settings = desk.market.spot(symbol, now), desk.settings
    if spot is None or not judge_legs(held, now, settings.data_age_seconds_max).is_allowed:
        return None
    totals = dict.fromkeys(SUMMED, Decimal(0))
    for entry in held:
        found = _leg_greeks(desk, entry, spot, now)
        if found is None:
            return None
        for name in totals:
            totals[name] += found[name] * entry.leg.ratio * entry.leg.contract.multiplier * quantity
    return Greeks(**totals)


def beta_weight(desk: Desk, symbol: str, now: datetime) -> Decimal | None:
    """Return how many shares of the benchmark one share of ``symbol`` weighs."""
    if symbol == BENCHMARK:
        return Decimal(1)
    spot, benchmark = desk.market.spot(symbol, now), desk.market.spot(BENCHMARK, now)
    if spot is None or not benchmark:
        return None
    beta = beta_against(desk.market, symbol, desk.calendar.exchange_date(now))
    return None if beta is None else (Decimal(repr(beta)) * spot.ratio(benchmark)).quantize(BETA_STEP)


def _leg_greeks(desk: Desk, entry: LegQuote, spot: Price, now: datetime) -> dict[str, Decimal] | None:
    mid = entry.quote.mid if entry.quote is not None else None
    if mid is None:
        return None
    contract, settings = entry.leg.contract, desk.settings
    years = desk.calendar.year_fraction(now, contract)
    rate, dividend_yield = settings.rates.at(years), settings.dividend_yield
    found = leg_greeks(contract, mid, spot=spot, years=years, rate=rate, dividend_yield=dividend_yield)
    known = {name: getattr(found, name) for name in SUMMED}
    if None in known.values():
        return None
    return {name: Decimal(repr(number)).quantize(GREEK_STEP) for name, number in known.items()}


def _sum(amounts: Sequence[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None
