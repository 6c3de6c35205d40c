"""What no broker takes as one order, whatever it costs: said in one place, before anything is sent."""

from collections.abc import Sequence
from math import gcd

from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.strategy.structures import Leg


def wrong_shape(legs: Sequence[Leg], *, legs_max: int, factor_is_counted: bool = False) -> tuple[Refusal, str] | None:
    """Say why legs cannot be one order.

    A common factor belongs into its quantity, unless ``factor_is_counted``: the net price is of the legs as they are.
    """
    if len(legs) > legs_max:
        return Refusal.TOO_MANY_LEGS, f"{len(legs)} legs in one order, {legs_max} at most"
    if len({leg.contract for leg in legs}) < len(legs):
        return Refusal.NOT_PERMITTED, "a contract stands in two legs"
    if not factor_is_counted and gcd(*(leg.ratio for leg in legs)) > 1:
        ratios = ", ".join(str(leg.ratio) for leg in legs)
        return Refusal.NOT_PERMITTED, f"ratios {ratios} are not in lowest terms"
    return None
