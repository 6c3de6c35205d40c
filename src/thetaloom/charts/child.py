"""The process that draws: orders come in on its standard input, pictures go out on its standard output.

It is a process of its own and no worker of ``multiprocessing``: it imports nothing of whoever started it, no Ctrl-C at
a terminal reaches it, and it ends by itself when that one is gone, however it went.
"""

import os
import struct
import sys

from thetaloom.charts.candles import draw_candles
from thetaloom.domain.market.chart_series import ChartSeries
from thetaloom.domain.values.canonical import from_json

ORDER = struct.Struct(">?I")  # whether dark, and how many bytes of numbers follow
ANSWER = struct.Struct(">I")  # how many bytes of the picture follow
READY = ANSWER.pack(0)  # said once, when the drawing library is there
NICENESS = 5  # exits are watched for first


def main() -> None:
    """Draw until nobody orders any more."""
    os.nice(NICENESS)
    orders = sys.stdin.buffer
    try:
        _get_ready()
        _answer(READY)
        while len(head := orders.read(ORDER.size)) == ORDER.size:
            dark, size = ORDER.unpack(head)
            numbers = orders.read(size)
            if len(numbers) < size:
                return
            picture = draw_candles(from_json(numbers, ChartSeries), dark=dark)
            _answer(ANSWER.pack(len(picture)) + picture)
    except BrokenPipeError:  # whoever asked is gone
        return


def _get_ready() -> None:
    # Imported by the drawing itself where it is used; here ahead of the first order, which somebody waits for.
    import matplotlib.backends.backend_agg
    import matplotlib.collections
    import matplotlib.figure
    import matplotlib.ticker  # noqa: F401  # imported for what the import does


def _answer(content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(sys.stdout.fileno(), left) :]
