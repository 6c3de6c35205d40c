"""Who draws charts: the caller itself, or a process beside it, so that exits never wait for a picture."""

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from threading import Lock

from thetaloom.charts.candles import draw_candles
from thetaloom.charts.drawing_process import DrawingProcess
from thetaloom.domain.market.chart_series import ChartSeries, ChartTheme, DrawnChart, Picture
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.errors import Unavailable

KEPT_THEME = ChartTheme.LIGHT  # of what is kept; the other one is drawn from the same numbers when somebody looks
ORDERS_MAX = 32  # drawn and asked for; the oldest are forgotten, and would be drawn again
WAITING_MAX = 8  # that pages may have waiting; the engine's own orders are always taken
ANSWER_SECONDS_MAX = 60.0  # that a page waits
ENDING = "charts are drawn no more: the program is ending"

Key = tuple[str, ChartTheme]


class InlinePainter:
    """Draws at once, in the caller's own thread."""

    def prepare(self) -> None:
        """Do nothing: nothing runs."""

    def paint(self, wanted: Sequence[ChartSeries]) -> tuple[DrawnChart, ...]:
        """Return the charts."""
        return tuple(_drawn(series, draw_candles(series, dark=KEPT_THEME is ChartTheme.DARK)) for series in wanted)

    def draw(self, series: ChartSeries, theme: ChartTheme) -> Picture:
        """Return one chart."""
        return Picture(draw_candles(series, dark=theme is ChartTheme.DARK))

    def close(self) -> None:
        """Do nothing: nothing runs."""


class AsidePainter:
    """Draws in a process of its own, one chart after the other; any thread may ask."""

    def __init__(self) -> None:
        self._process = DrawingProcess()
        self._line = ThreadPoolExecutor(max_workers=1, thread_name_prefix="charts")  # it waits for the process
        self._orders: OrderedDict[Key, Future[bytes]] = OrderedDict()
        self._lock = Lock()  # over the orders
        self._is_closed = False

    @property
    def pid(self) -> int | None:
        """Of the process that draws; ``None`` where none was started, or it is known to have died."""
        return self._process.pid

    def prepare(self) -> None:
        """Start the process ahead of the first chart, without waiting for it."""
        with self._lock:
            if not self._is_closed:
                self._line.submit(self._process.start)

    def paint(self, wanted: Sequence[ChartSeries]) -> tuple[DrawnChart, ...] | None:
        """Return the charts in the theme that is kept, or ``None`` while they are being drawn."""
        orders = [self._order(series, KEPT_THEME) for series in wanted]
        if not all(order.done() for order in orders):
            return None
        pictures = [self._picture_of(order) for order in orders]
        return tuple(_drawn(series, picture) for series, picture in zip(wanted, pictures, strict=True))

    def draw(self, series: ChartSeries, theme: ChartTheme) -> Picture:
        """Return one chart, and wait for it. Raises ``Unavailable`` where that takes too long."""
        with self._lock:
            waiting = sum(not order.done() for order in self._orders.values())
        if waiting >= WAITING_MAX:
            raise Unavailable(f"{waiting} charts are being drawn already", advice="Ask again in a few seconds.")
        return Picture(self._picture_of(self._order(series, theme)))

    def close(self) -> None:
        """Stop the process; what it was drawing is lost."""
        with self._lock:
            self._is_closed = True
            self._orders.clear()
        self._process.stop()
        self._line.shutdown(wait=True, cancel_futures=True)

    def _order(self, series: ChartSeries, theme: ChartTheme) -> "Future[bytes]":
        key = (series.digest, theme)
        with self._lock:
            if self._is_closed:
                raise Unavailable(ENDING)
            order = self._orders.get(key)
            if order is None:
                numbers = canonical_json(series)
                order = self._orders[key] = self._line.submit(
                    self._process.draw, numbers, dark=theme is ChartTheme.DARK
                )
            self._orders.move_to_end(key)
            while len(self._orders) > ORDERS_MAX:
                self._orders.popitem(last=False)
            return order

    def _picture_of(self, order: "Future[bytes]") -> bytes:
        try:
            return order.result(ANSWER_SECONDS_MAX)
        except TimeoutError as error:
            raise Unavailable("the chart is still being drawn", advice="Ask again in a few seconds.") from error
        except CancelledError as error:
            raise Unavailable(ENDING) from error
        except Unavailable:
            self._forget(order)  # told once; whoever asks again has it drawn again
            raise

    def _forget(self, failed: "Future[bytes]") -> None:
        with self._lock:
            for key in [key for key, order in self._orders.items() if order is failed]:
                del self._orders[key]


def _drawn(series: ChartSeries, picture: bytes) -> DrawnChart:
    return DrawnChart(timeframe=series.timeframe, theme=KEPT_THEME, picture=Picture(picture), numbers=series.digest)
