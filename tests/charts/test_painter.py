"""The process that draws: the same bytes as drawing at once, and no harm done when it dies or the program ends."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.charts.test_candles import series_of
from thetaloom.charts.candles import draw_candles
from thetaloom.charts.drawing_process import DrawingProcess
from thetaloom.charts.painter import AsidePainter, InlinePainter
from thetaloom.domain.market.chart_series import ChartTheme
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.errors import Unavailable

SERIES = series_of(60)
# Starts a painter, says the number of its process, and waits for its own end.
HOLDER = """
import sys
sys.path[:] = sys.argv[1:]
from thetaloom.charts.drawing_process import DrawingProcess
process = DrawingProcess()
process.start()
try:
    print(process.pid, flush=True)
    sys.stdin.read()
except KeyboardInterrupt:
    process.stop()
"""
END_SECONDS_MAX = 30


@pytest.fixture
def aside() -> Iterator[AsidePainter]:
    """A painter with a process of its own."""
    made = AsidePainter()
    yield made
    made.close()


def has_ended(process: int) -> bool:
    """Wait until a process has ended, of which this is a handle."""
    ended, _, _ = select.select([process], [], [], END_SECONDS_MAX)
    os.close(process)
    return bool(ended)


def test_a_chart_drawn_aside_has_the_bytes_of_one_drawn_at_once_in_both_themes(aside: AsidePainter) -> None:
    assert aside.paint([SERIES]) is None  # it is being drawn

    for theme in ChartTheme:
        assert aside.draw(SERIES, theme).content == draw_candles(SERIES, dark=theme is ChartTheme.DARK)
    assert aside.paint([SERIES]) == InlinePainter().paint([SERIES])


def test_a_process_that_is_killed_is_told_of_once_and_another_one_draws() -> None:
    process = DrawingProcess()
    process.start()
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)

    with pytest.raises(Unavailable, match="died; another one is started"):
        process.draw(canonical_json(SERIES), dark=True)
    picture = process.draw(canonical_json(SERIES), dark=True)

    assert picture == draw_candles(SERIES, dark=True)
    assert process.pid not in {None, first}
    process.stop()


def test_numbers_that_cannot_be_drawn_cost_a_process_and_no_more() -> None:
    process = DrawingProcess()

    with pytest.raises(Unavailable):
        process.draw(b'{"symbol": 1}', dark=True)

    assert process.draw(canonical_json(SERIES), dark=False) == draw_candles(SERIES, dark=False)
    process.stop()


def test_a_stopped_painter_leaves_no_process_and_draws_no_more(aside: AsidePainter) -> None:
    process = DrawingProcess()
    process.start()
    assert process.pid is not None
    handle = os.pidfd_open(process.pid)

    process.stop()
    aside.close()

    assert has_ended(handle)
    with pytest.raises(Unavailable):
        process.start()
    with pytest.raises(Unavailable, match="ending"):
        aside.paint([SERIES])
    with pytest.raises(Unavailable, match="ending"):
        aside.draw(SERIES, ChartTheme.DARK)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
def test_the_process_ends_with_the_program_that_started_it_and_says_nothing(end: signal.Signals) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, *sys.path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert holder.stdout is not None
    drawing = os.pidfd_open(int(holder.stdout.readline()))

    os.killpg(holder.pid, end)  # as a terminal does: to the program's whole group
    _, complaints = holder.communicate(timeout=END_SECONDS_MAX)

    assert has_ended(drawing)
    assert complaints == b""
