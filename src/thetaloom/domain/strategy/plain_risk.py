"""What a structure can lose and make in plain words: how much at most, and where the underlying must be for it."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import groupby

from thetaloom.domain.strategy.payoff import multiplier_of, payoff_legs
from thetaloom.domain.strategy.structures import Leg, is_single_expiration
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Money, Price

BEST, WORST = 1, -1


def plain_risk(
    symbol: str,
    legs: Sequence[Leg],
    net_price: Price,
    *,
    max_loss: Money | None,
    max_profit: Money | None,
    shares: int = 0,
) -> str:
    """Say it of the amounts given, before fees; ``None`` of either is unlimited.

    Where legs end at different times, or shares are held beside them, only the amounts are said: the places depend
    on a model, or on what the shares cost.
    """
    when = f"on {min(leg.contract.expires_on for leg in legs)}"
    if shares or not is_single_expiration(legs):
        cause = "when the first of its legs ends, by model" if not shares else "with the shares it is written on"
        return f"You {_loss(max_loss)} {when}, {cause}. You {_profit(max_profit)}."
    worst, best = (_where(legs, net_price, side) for side in (WORST, BEST))
    loses = f"if {symbol} is {worst} {when}" if max_loss is not None else f"as {symbol} rises"
    makes = f"if it is {best}" if max_profit is not None else f"as {symbol} rises"
    return f"You {_loss(max_loss)} {loses}. You {_profit(max_profit)} {makes}."


def _loss(amount: Money | None) -> str:
    return "can lose without limit" if amount is None else f"can lose at most ${amount:,.2f}"


def _profit(amount: Money | None) -> str:
    if amount is None:
        return "make more and more"
    return f"make at most ${amount:,.2f}" if amount >= 0 else f"lose ${-amount:,.2f} at best"


def _where(legs: Sequence[Leg], net_price: Price, side: int) -> str:
    parts = payoff_legs(legs)
    cash = Decimal(net_price) * multiplier_of(parts)
    levels = [Decimal(0), *sorted({leg.contract.strike for leg in legs})]
    profits = [(cash + sum((part.worth_at(level) for part in parts), Decimal(0))) * side for level in levels]
    peak = max(profits)
    runs = [list(group) for reached, group in groupby(range(len(levels)), lambda at: profits[at] == peak) if reached]
    slope = sum(leg.ratio for leg in legs if leg.contract.right is Right.CALL)
    return " or ".join(_place(levels, run, is_flat_above=slope == 0) for run in runs)


def _place(levels: Sequence[Decimal], run: Sequence[int], *, is_flat_above: bool) -> str:
    low, high = levels[run[0]], levels[run[-1]]
    reaches_up = run[-1] == len(levels) - 1 and is_flat_above
    if run[0] == 0:
        return "anywhere" if reaches_up else f"below {high:,.2f}" if high else "at zero"
    if reaches_up:
        return f"above {low:,.2f}"
    return f"at {low:,.2f}" if low == high else f"between {low:,.2f} and {high:,.2f}"
