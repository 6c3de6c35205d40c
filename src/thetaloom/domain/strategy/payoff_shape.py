"""The line of a payoff picture: what an evaluated structure has won or lost when its nearest leg expires."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from thetaloom.domain.strategy.evaluation import Evaluation
from thetaloom.domain.strategy.horizon import HorizonLeg, horizon_pnl
from thetaloom.domain.strategy.payoff import LegKind, Payoff, PayoffLeg, multiplier_of, payoff_legs
from thetaloom.domain.strategy.structures import Leg, is_single_expiration
from thetaloom.domain.values.instruments import ExerciseStyle, OptionContract
from thetaloom.domain.values.money import Money, Price

POINTS = 161  # of a line that is no sum of straight pieces
ROOM_OF_SPAN, ROOM_OF_SPOT = Decimal("0.35"), Decimal("0.03")  # beyond the levels, on either side


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoffShape:
    """A line over prices of the underlying, in dollars of one structure, with the levels to mark on it."""

    line: tuple[tuple[Decimal, Decimal], ...]  # straight between its points
    strikes: tuple[Decimal, ...]
    breakevens: tuple[Price, ...]
    spot: Price
    max_profit: Money | None  # None = unlimited
    max_loss: Money | None
    is_model: bool  # whether legs that live on are priced by a model


def payoff_shape(
    found: Evaluation, spot: Price, years: Mapping[OptionContract, float], *, rate: float, dividend_yield: float
) -> PayoffShape | None:
    """Return the line of a structure opened at mid, shares beside it included; ``None`` where it is not known.

    ``years`` are the lives of the contracts; they and the rates count only where the legs end at different times.
    """
    legs = [one.leg for one in found.legs]
    if found.mid_price is None or not legs:
        return None
    payoff = Payoff(
        net_price=found.mid_price,
        max_profit=found.max_profit,
        max_loss=found.max_loss,
        breakevens=found.breakevens,
        profit_regions=(),
    )
    if is_single_expiration(legs):
        return plain_shape(legs, payoff, spot, found.shares)
    if any(leg.contract not in years for leg in legs):
        return None
    prices = _prices(legs, payoff, spot)
    low, high = prices[0], prices[-1]
    prices = sorted({*prices, *(low + (high - low) * step / (POINTS - 1) for step in range(POINTS))})
    profits = _modelled(found, spot, years, prices, rate=rate, dividend_yield=dividend_yield)
    return _shape(legs, payoff, spot, prices, profits, is_model=True)


def plain_shape(legs: Sequence[Leg], payoff: Payoff, spot: Price, shares: int = 0) -> PayoffShape:
    """Return the line of legs that end together, and of shares beside them as if they were bought at spot."""
    parts, prices = payoff_legs(legs), _prices(legs, payoff, spot)
    cash = Decimal(payoff.net_price) * multiplier_of(parts)
    profits = [
        cash + sum((part.worth_at(price) for part in parts), Decimal(0)) + shares * (price - Decimal(spot))
        for price in prices
    ]
    return _shape(legs, payoff, spot, prices, profits, is_model=False)


def _prices(legs: Sequence[Leg], payoff: Payoff, spot: Price) -> list[Decimal]:
    levels = sorted({Decimal(spot), *(leg.contract.strike for leg in legs), *map(Decimal, payoff.breakevens)})
    room = max((levels[-1] - levels[0]) * ROOM_OF_SPAN, Decimal(spot) * ROOM_OF_SPOT)
    return sorted({max(Decimal(0), levels[0] - room), *levels, levels[-1] + room})


def _shape(
    legs: Sequence[Leg],
    payoff: Payoff,
    spot: Price,
    prices: Sequence[Decimal],
    profits: Sequence[Decimal],
    *,
    is_model: bool,
) -> PayoffShape:
    return PayoffShape(
        line=tuple(zip(prices, profits, strict=True)),
        strikes=tuple(sorted({leg.contract.strike for leg in legs})),
        breakevens=payoff.breakevens,
        spot=spot,
        max_profit=payoff.max_profit,
        max_loss=payoff.max_loss,
        is_model=is_model,
    )


def _modelled(
    found: Evaluation,
    spot: Price,
    years: Mapping[OptionContract, float],
    prices: list[Decimal],
    *,
    rate: float,
    dividend_yield: float,
) -> list[Decimal]:
    import numpy as np

    lives = [years[one.leg.contract] for one in found.legs]
    parts = payoff_legs([one.leg for one in found.legs])
    alive = [
        HorizonLeg(
            leg=part,
            years_left=life - min(lives),
            iv=one.iv or 0.0,
            early_exercise=one.leg.contract.exercise_style is ExerciseStyle.AMERICAN,
        )
        for part, one, life in zip(parts, found.legs, lives, strict=True)
    ]
    net_price = found.mid_price or Price(0)
    if found.shares:
        alive.append(HorizonLeg(leg=PayoffLeg(kind=LegKind.STOCK, quantity=found.shares, price=spot), years_left=0.0))
        net_price = Price(Decimal(net_price) - Decimal(spot) * found.shares / multiplier_of(parts))
    grid = np.array([float(price) for price in prices])
    pnl = horizon_pnl(alive, net_price, grid, rate=rate, dividend_yield=dividend_yield)
    return [Decimal(repr(round(float(profit), 6))) for profit in pnl]
