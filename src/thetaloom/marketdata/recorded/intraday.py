"""Intraday bars of an underlying from the instants of its recording."""

import numpy as np

from thetaloom.domain.market.bars import Bar
from thetaloom.domain.market.chain import to_date
from thetaloom.marketdata.intraday import bars_of_session, latest_bars
from thetaloom.marketdata.recorded.tape import Tape

MICROSECONDS = 1_000_000


def recorded_bars(tape: Tape, instant: int, minutes: int, count: int) -> list[Bar]:
    """Return the last ``count`` bars up to ``instant``; of a file of snapshots none, for they miss the extremes.

    A session begins with its first instant. All but the running one are over.
    """
    if tape.snapshots:
        return []
    found: list[list[Bar]] = []
    end, is_over = instant + 1, False
    while end > 0 and sum(map(len, found)) < count:
        day = tape.session_day(end - 1)
        first = end - 1
        while first > 0 and tape.session_day(first - 1) == day:
            first -= 1
        seconds = (tape.times[first:end] - tape.times[first]) // MICROSECONDS
        prices = np.array([tape.spot(at) for at in range(first, end)])
        found.append(bars_of_session(to_date(day), seconds, prices, minutes, is_over=is_over))
        end, is_over = first, True
    return latest_bars(found, count)
