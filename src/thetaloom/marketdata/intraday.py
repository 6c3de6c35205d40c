"""Bars of some minutes, made of the prices of an underlying as they were known instant by instant."""

from collections.abc import Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from thetaloom.domain.market.bars import Bar

Floats = NDArray[np.float64]


def bars_of_session(
    session_on: date, seconds: NDArray[np.int64], prices: Floats, minutes: int, *, is_over: bool
) -> list[Bar]:
    """Return the bars of one session that are complete, oldest first.

    ``seconds`` count from the open; a price at the very end of a bar belongs to it and opens the next one. The
    last bar of a session that is over is complete whatever its length.
    """
    known = np.isfinite(prices)
    seconds, prices = seconds[known], prices[known]
    if not len(prices):
        return []
    width = minutes * 60
    last = int(seconds[-1])
    ends = np.arange(width, last + 1, width)
    if is_over and last % width:
        ends = np.append(ends, last)
    firsts = np.searchsorted(seconds, (ends - 1) // width * width, side="left")
    stops = np.searchsorted(seconds, ends, side="right")
    parts = zip(firsts.tolist(), stops.tolist(), strict=True)
    return [_bar(session_on, prices[first:stop]) for first, stop in parts if stop - first > 1]


def latest_bars(sessions: Sequence[list[Bar]], count: int) -> list[Bar]:
    """Return the last ``count`` bars of sessions given newest first."""
    return [bar for bars in reversed(sessions) for bar in bars][-count:]


def _bar(session_on: date, prices: Floats) -> Bar:
    return Bar(
        session_on=session_on,
        open=float(prices[0]),
        high=float(prices.max()),
        low=float(prices.min()),
        close=float(prices[-1]),
        volume=None,
    )
