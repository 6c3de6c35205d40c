"""What an order ties up at most, where the prices of its legs are not known one by one."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from thetaloom.domain.risk.margin_rules import kind_of, lasts_until, percentage_amount
from thetaloom.domain.strategy.payoff import Payoff, exact_payoff, multiplier_of, payoff_legs
from thetaloom.domain.strategy.structures import Leg, is_single_expiration, merge_legs
from thetaloom.domain.values.instruments import ExerciseStyle, OptionContract, Right
from thetaloom.domain.values.money import NOTHING, Money, Price

FREE = Price(0)


def effect_bound(legs: Sequence[Leg], net_price: Price, *, spot: Price, is_cash_account: bool) -> Money | None:
    """Return what one structure opened at ``net_price`` ties up at most; ``None`` = not permitted or not known.

    - Every short covered by a long of its right that lasts as long: the max loss, and never less than the debit.
    - Only shorts: the requirement less the premium received, which cancel to the part above the premium; of short
      calls beside short puts the greater side counts (the other adds its premium, just received).
    - Both: the uncovered shorts as above plus all that the covered part can gain or lose. It is unknown where longs
      beyond the cover, or longs that outlast their shorts, cost what no strike bounds.
    - A cash account secures short puts with their strikes in cash and may not sell a call; only European-style
      index options of one expiration may be spread there.
    """
    merged = merge_legs(legs)
    shares = multiplier_of(payoff_legs(merged))
    if is_cash_account and not _may_spread_in_cash(merged):
        return _cash_secured(merged, net_price, shares)
    covered, naked, spare = _pair(merged, spot)
    debit = max((-net_price).times(shares), NOTHING)
    if not naked:
        loss = _payoff(merged, net_price).max_loss
        return None if loss is None else max(loss, debit)
    if is_cash_account or spare or spot <= 0 or not is_single_expiration(covered):
        return None
    return _uncovered(naked, spot) + (_span(covered) if covered else debit)


def naked_requirement(contract: OptionContract, spot: Price) -> Money:
    """Return what one uncovered short contract must secure above its premium; see ``percentage_amount``."""
    return Price(percentage_amount(contract, Decimal(spot), kind_of(contract))).times(contract.multiplier)


def _may_spread_in_cash(legs: Sequence[Leg]) -> bool:
    return is_single_expiration(legs) and all(
        leg.contract.is_index and leg.contract.exercise_style is ExerciseStyle.EUROPEAN for leg in legs
    )


def _cash_secured(legs: Sequence[Leg], net_price: Price, shares: int) -> Money | None:
    short = [leg for leg in legs if leg.ratio < 0]
    if any(leg.contract.right is Right.CALL for leg in short):
        return None
    secured = sum((Price(leg.contract.strike).times(shares, -leg.ratio) for leg in short), NOTHING)
    return max(secured - net_price.times(shares), NOTHING)


def _pair(legs: Sequence[Leg], spot: Price) -> tuple[list[Leg], list[OptionContract], list[Leg]]:
    """Split single contracts into covered pairs, uncovered shorts and longs that cover nothing."""
    covered: list[Leg] = []
    naked: list[OptionContract] = []
    longs = sorted(_units(legs, 1), key=lasts_until, reverse=True)
    # The latest short first, as the fewest longs can cover it; of equals the cheapest, to leave no flattering rest.
    shorts = sorted(_units(legs, -1), key=lambda contract: naked_requirement(contract, spot))
    for short in sorted(shorts, key=lasts_until, reverse=True):
        cover = next(
            (long for long in longs if long.right is short.right and lasts_until(long) >= lasts_until(short)), None
        )
        if cover is None:
            naked.append(short)
        else:
            longs.remove(cover)
            covered += [Leg(contract=short, ratio=-1), Leg(contract=cover, ratio=1)]
    return covered, naked, [Leg(contract=long, ratio=1) for long in longs]


def _units(legs: Sequence[Leg], sign: int) -> Iterable[OptionContract]:
    return (leg.contract for leg in legs for _ in range(leg.ratio * sign))


def _uncovered(naked: Sequence[OptionContract], spot: Price) -> Money:
    return max(
        sum((naked_requirement(short, spot) for short in naked if short.right is right), NOTHING) for right in Right
    )


def _span(covered: Sequence[Leg]) -> Money:
    payoff = _payoff(covered, FREE)
    return (payoff.max_profit or NOTHING) + (payoff.max_loss or NOTHING)


def _payoff(legs: Sequence[Leg], net_price: Price) -> Payoff:
    # A long that outlasts its short counts at what exercising it would bring, as the margin rules count it.
    parts = payoff_legs(legs)
    return exact_payoff(parts, net_price, multiplier_of(parts))
