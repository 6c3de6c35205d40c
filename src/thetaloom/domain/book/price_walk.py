"""The price walk: where an order's limit stands at each step, from better than mid toward natural.

All prices are net and ours: a credit is positive, a debit negative, and larger is better for us. So a credit
walks down from above mid, a debit from a smaller debit to a larger one, and one rule serves both.
"""

from collections.abc import Sequence
from decimal import Decimal

from thetaloom.domain.strategy.strategies import OrderRule
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import CENT, Price
from thetaloom.errors import InvalidInput

INDEX_TICK, INDEX_TICK_HIGH = Decimal("0.05"), Decimal("0.10")
INDEX_TICK_CHANGES_AT = Decimal(3)
INDEX_TICK_ROOTS = frozenset({"SPX", "SPXW", "NDX", "NDXP", "RUT", "RUTW", "VIX", "VIXW"})


def walk_limit(rule: OrderRule, step: int, *, mid: Price, natural: Price, floor: Price | None, tick: Decimal) -> Price:
    """Return the limit of step ``step`` (0 = as first sent) for the live ``mid`` and ``natural``.

    It starts ``start_offset`` better than mid and falls in even steps to ``reach`` of the way from mid to
    natural, by at least one tick while there is way left. Every rounding is up, toward more for us: the limit
    is never worse than the place ``reach`` names, nor than ``floor``. A credit stays a credit of at least one
    tick; a debit stays a debit of at least one tick, even where ``reach`` names less: zero is no limit price.
    """
    if step < 0:
        raise InvalidInput(f"step {step} of a price walk is before its start")
    start, last = _span(rule, mid, natural)
    step = min(step, rule.steps_max)
    limit = (start - (start - last) * step / max(rule.steps_max, 1)).to_tick(tick, favor_us=True)
    by_ticks = start.to_tick(tick, favor_us=True) - Price(tick) * step
    limit = max(min(limit, by_ticks), last.to_tick(tick, favor_us=True))
    if mid > 0:
        limit = max(limit, Price(tick))
    elif mid < 0:
        limit = min(limit, Price(-tick))
    return limit if floor is None else max(limit, floor.to_tick(tick, favor_us=True))


def approved_floor(rule: OrderRule, *, mid: Price, natural: Price, tick: Decimal) -> Price:
    """Return the worst net price an approval at these quotes covers: ``slippage_max`` below mid, else ``reach``."""
    _, last = _span(rule, mid, natural)
    worst = last if rule.slippage_max is None else mid - rule.slippage_max
    return worst.to_tick(tick, favor_us=True)


def net_tick(legs: Sequence[Leg], price: Price) -> Decimal:
    """Return the step in which the net price of ``legs`` moves at ``price``: one cent for more than one leg.

    A single leg of a broad index moves by 0.05 under 3.00 and by 0.10 from there on.
    """
    if len(legs) > 1 or legs[0].contract.root not in INDEX_TICK_ROOTS:
        return CENT
    return INDEX_TICK if abs(price) < INDEX_TICK_CHANGES_AT else INDEX_TICK_HIGH


def walk_tick(rule: OrderRule, legs: Sequence[Leg], *, mid: Price, natural: Price, floor: Price | None) -> Decimal:
    """Return the tick for a whole walk: the coarsest it meets, whose multiples are good prices everywhere."""
    met = (*_span(rule, mid, natural), *(() if floor is None else (floor,)))
    return max(net_tick(legs, price) for price in met)


def _span(rule: OrderRule, mid: Price, natural: Price) -> tuple[Price, Price]:
    if natural > mid:
        raise InvalidInput(f"natural {natural} is better than mid {mid}: these quotes are crossed")
    return mid + rule.start_offset, mid - (mid - natural) * rule.reach
