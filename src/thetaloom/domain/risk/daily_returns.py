"""Daily returns of several underlyings on the same sessions."""

from collections.abc import Mapping
from datetime import date
from itertools import pairwise

DAYS_MIN = 20  # an underlying known for fewer sessions says nothing, and would cut the others short


def daily_returns(closes: Mapping[str, Mapping[date, float]], days_max: int) -> dict[str, tuple[float, ...]]:
    """Return simple returns, oldest first, from one session that all know to the next.

    ``closes`` holds each underlying's closes by session. One with too few of them is left out.
    """
    usable = {symbol: found for symbol, found in closes.items() if len(found) > DAYS_MIN}
    if not usable:
        return {}
    common = sorted(set.intersection(*(set(found) for found in usable.values())))[-days_max - 1 :]
    if len(common) <= DAYS_MIN:
        return {}
    return {
        symbol: tuple(found[later] / found[earlier] - 1.0 for earlier, later in pairwise(common))
        for symbol, found in usable.items()
    }
