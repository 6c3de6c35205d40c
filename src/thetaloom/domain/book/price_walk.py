"""The price walk: where an order's limit stands at each step, from better than mid toward natural.

All prices are net and ours: a credit is positive, a debit negative, and larger is better for us. So a credit
walks down from above mid, a debit from a smaller debit to a larger one, and one rule serves both.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

from thetaloom.domain.book.walk_plan import settled_walk
from thetaloom.domain.strategy.strategies import OrderFloor, OrderRule
from thetaloom.domain.strategy.structures import Leg, is_single_expiration
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import CENT, Price
from thetaloom.domain.values.ticks import PENNIES, TickRule
from thetaloom.errors import InvalidInput

CHANGE_MIN = Decimal("0.005")  # a limit that would change by less stays where it is


def walk_limit(
    rule: OrderRule,
    step: int,
    *,
    mid: Price,
    natural: Price,
    floor: Price | None,
    ticks: TickRule,
    places: Sequence[Decimal] = (),
) -> Price:
    """Return the limit of step ``step`` (0 = as first sent) for the live ``mid`` and ``natural``.

    It starts ``start_offset`` better than mid and falls in even steps to ``reach`` of the way from mid to
    natural, by at least one tick while there is way left; with ``places`` it goes to those instead, one for each step
    after the first. Every rounding is up, toward more for us: the limit is never worse than the place ``reach``
    names, nor than ``floor``. A credit stays a credit of at least one tick; a debit stays a debit of at least
    one tick, even where ``reach`` names less: zero is no limit price.
    """
    if step < 0:
        raise InvalidInput(f"step {step} of a price walk is before its start")
    rule = settled_walk(rule)
    start, last = _span(rule, mid, natural)
    steps_max = len(places) or rule.steps_max or 0
    step = min(step, steps_max)
    if step and places:
        limit = ticks.up(min(start, mid - (mid - natural) * places[step - 1]))
    else:
        even = ticks.up(start - (start - last) * step / max(steps_max, 1))
        limit = min(even, ticks.below(ticks.up(start), step))
    limit = max(limit, ticks.up(last))
    if mid > 0:
        limit = max(limit, Price(ticks.low))
    elif mid < 0:
        limit = min(limit, Price(-ticks.low))
    limit = limit if floor is None else max(limit, ticks.up(floor))
    return limit if limit != 0 else Price(ticks.low)


def approved_floor(
    rule: OrderRule, *, mid: Price, natural: Price, ticks: TickRule, decision_floor: Price | None = None
) -> Price:
    """Return the worst net price that an approval at these quotes covers.

    That is ``slippage_max`` below mid, else ``reach``; with ``floor = "natural"`` natural, or the slippage where it
    ends before; and never less than ``decision_floor``, at which every check of the evaluation still passes.
    """
    rule = settled_walk(rule)
    bounds = [] if rule.slippage_max is None else [mid - rule.slippage_max]
    if rule.floor is OrderFloor.NATURAL:
        bounds.append(natural)
    if not bounds:
        bounds.append(_span(rule, mid, natural)[1])
    if decision_floor is not None:
        bounds.append(decision_floor)
    return ticks.up(max(bounds))


def decision_floor(holds: Callable[[Price], bool], *, mid: Price, worst: Price) -> Price | None:
    """Return the worst price, to the cent, at which the decision ``holds``; ``None`` when it holds down to ``worst``.

    It holds at mid, and whatever it rests on gets only worse, or only better, as the price falls; so the answer is
    found by halving. Where it fails a cent below mid the floor is mid itself.
    """
    if worst >= mid or holds(worst):
        return None
    good, bad = PENNIES.up(mid), PENNIES.up(worst)  # in whole cents
    if good != mid and not holds(good):
        return mid
    while good - bad > CENT:
        middle = PENNIES.up(bad + (good - bad) / 2)
        if holds(middle):
            good = middle
        else:
            bad = middle
    return min(good, mid)


def most_to_pay(legs: Sequence[Leg]) -> Price | None:
    """Return the worst net price that ``legs`` can ever be worth: minus the most they can pay at expiration.

    To close a credit spread that is its width. Nobody should bid more, and brokers refuse it. ``None`` where there
    is no such bound: several expirations, or a gain without limit.
    """
    if not is_single_expiration(legs) or _slope_above(legs) > 0:
        return None
    spots = [Decimal(0), *(leg.contract.strike for leg in legs)]
    return Price(-max(_worth(legs, spot) for spot in spots))


def sane_floor(floor: Price | None, legs: Sequence[Leg]) -> Price | None:
    """Return the higher of a floor and what ``legs`` may cost at most; ``None`` where there is neither."""
    bounds = [bound for bound in (floor, most_to_pay(legs)) if bound is not None]
    return max(bounds, default=None)


def _span(rule: OrderRule, mid: Price, natural: Price) -> tuple[Price, Price]:
    if natural > mid:
        raise InvalidInput(f"natural {natural} is better than mid {mid}: these quotes are crossed")
    if rule.start_offset is None or rule.reach is None:
        raise InvalidInput("a walk must be settled before it is walked")
    start, last = mid + rule.start_offset, mid - (mid - natural) * rule.reach
    if rule.floor is OrderFloor.NATURAL:  # an offset for the worse may go as far as natural
        last = max(natural, min(start, last))
    return start, last


def _worth(legs: Sequence[Leg], spot: Decimal) -> Decimal:
    worth = Decimal(0)
    for leg in legs:
        above = spot - leg.contract.strike
        worth += leg.ratio * max(above if leg.contract.right is Right.CALL else -above, Decimal(0))
    return worth


def _slope_above(legs: Sequence[Leg]) -> int:
    return sum(leg.ratio for leg in legs if leg.contract.right is Right.CALL)
