"""A spread of many legs, split into the structures that people know as long as that costs nothing more."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from thetaloom.domain.risk.margin_rules import intrinsic
from thetaloom.domain.risk.margin_series import Series, Spread
from thetaloom.domain.strategy.structures import Leg, name_structure
from thetaloom.domain.values.instruments import STRIKE_STEP

Counts = dict[int, int]  # contracts by index of their series
Curve = NDArray[np.int64]  # worth at each strike, in steps of a strike
PAIRS_MAX = 60  # verticals looked at two by two


def split_spread(series: tuple[Series, ...], spread: Spread) -> list[Counts]:
    """Return the parts of a spread, whose requirements add up to its own; what has no name stays together."""
    counts = dict((*spread.shorts, *spread.longs))
    if _is_named(series, counts):
        return [counts]
    curves = _curves(series, counts)
    parts: list[Counts] = []
    while counts and not _is_named(series, counts):
        part = _peel(series, counts, curves)
        if part is None:
            break
        parts.append(part)
        counts = {i: count - part.get(i, 0) for i, count in counts.items() if count > part.get(i, 0)}
    return [*_merged(parts), *([counts] if counts else [])]


def _is_named(series: tuple[Series, ...], counts: Counts) -> bool:
    legs = [Leg(contract=series[i].leg.contract, ratio=int(series[i].sign) * count) for i, count in counts.items()]
    return name_structure(legs) != "custom"


def _curves(series: tuple[Series, ...], counts: Counts) -> dict[int, Curve]:
    strikes = sorted({series[i].leg.contract.strike for i in counts})
    return {
        i: np.array([int(intrinsic(series[i].leg.contract, at) / STRIKE_STEP) for at in strikes], dtype=np.int64)
        * int(series[i].sign)
        for i in counts
    }


def _needs(curve: Curve) -> int:
    return max(0, -int(curve.min()))


def _peel(series: tuple[Series, ...], counts: Counts, curves: dict[int, Curve]) -> Counts | None:
    whole: Curve = sum((curves[i] * count for i, count in counts.items()), np.zeros_like(next(iter(curves.values()))))
    needed = _needs(whole)
    verticals = sorted(_verticals(series, counts), key=lambda pair: (_needs(curves[pair[0]] + curves[pair[1]]), pair))
    for pair in verticals:
        most = min(counts[i] for i in pair)
        curve = curves[pair[0]] + curves[pair[1]]
        for many in dict.fromkeys((most, 1)):
            if _needs(curve) * many + _needs(whole - curve * many) == needed:
                return dict.fromkeys(pair, many)
    for one, other in combinations(verticals[:PAIRS_MAX], 2):
        part = {i: (one + other).count(i) for i in (*one, *other)}
        if any(counts[i] < count for i, count in part.items()) or not _is_named(series, part):
            continue
        curve = sum((curves[i] * count for i, count in part.items()), np.zeros_like(whole))
        if _needs(curve) + _needs(whole - curve) == needed:
            return part
    return None


def _verticals(series: tuple[Series, ...], counts: Counts) -> Iterator[tuple[int, int]]:
    for i in counts:
        for j in counts:
            if series[i].is_short and not series[j].is_short and series[i].is_call is series[j].is_call:
                yield i, j


def _merged(parts: list[Counts]) -> list[Counts]:
    # The same structure peeled off again and again is one structure, so many times over.
    found: dict[tuple[tuple[int, int], ...], int] = {}
    for part in parts:
        unit = min(part.values())
        key = tuple((i, count // unit) for i, count in sorted(part.items()))
        found[key] = found.get(key, 0) + unit
    return [{i: count * many for i, count in key} for key, many in found.items()]
