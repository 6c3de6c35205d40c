"""A condition on a number of the market or of a candidate."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from thetaloom.domain.strategy.fields import About
from thetaloom.domain.strategy.metrics import Metric


class Comparison(StrEnum):
    """How a metric is compared with a threshold."""

    AT_LEAST = ">="
    AT_MOST = "<="
    ABOVE = ">"
    BELOW = "<"

    def holds(self, found: Decimal, limit: Decimal) -> bool:
        """Tell whether what was found compares with the limit in this way."""
        match self:
            case Comparison.AT_LEAST:
                return found >= limit
            case Comparison.AT_MOST:
                return found <= limit
            case Comparison.ABOVE:
                return found > limit
            case Comparison.BELOW:
                return found < limit


OPPOSITES: dict[Comparison, Comparison] = {
    Comparison.AT_LEAST: Comparison.BELOW,
    Comparison.AT_MOST: Comparison.ABOVE,
    Comparison.ABOVE: Comparison.AT_MOST,
    Comparison.BELOW: Comparison.AT_LEAST,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A condition on one number; unknown, it denies."""

    metric: Annotated[Metric, About("The number that is tested.")]
    comparison: Annotated[Comparison, About("How it is compared with the threshold.")]
    threshold: Annotated[Decimal, About("The threshold, in the unit of the metric.")]
