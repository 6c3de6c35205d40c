"""Who draws charts: the caller itself, or a process beside it, so that exits never wait for a picture."""

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Executor, Future

from thetaloom.charts.candles import draw_candles
from thetaloom.domain.market.chart_series import ChartSeries, DrawnChart, Picture
from thetaloom.errors import Unavailable

THEME = "light"  # of what is kept; the other one is drawn from the same numbers when somebody looks
ORDERS_MAX = 32  # asked for and not fetched; the oldest are forgotten, and would be drawn again

Key = tuple[str, ...]


class InlinePainter:
    """Draws at once, in the caller's own thread."""

    def paint(self, wanted: Sequence[ChartSeries]) -> tuple[DrawnChart, ...]:
        """Return the charts."""
        return tuple(_drawn(series, draw_candles(series, dark=False)) for series in wanted)

    def close(self) -> None:
        """Do nothing: nothing runs."""


class AsidePainter:
    """Draws in a process of its own, started with the first chart."""

    def __init__(self) -> None:
        self._pool: Executor | None = None
        self._orders: OrderedDict[Key, list[Future[bytes]]] = OrderedDict()

    def paint(self, wanted: Sequence[ChartSeries]) -> tuple[DrawnChart, ...] | None:
        """Return the charts, or ``None`` while they are being drawn."""
        key = tuple(series.digest for series in wanted)
        orders = self._orders.get(key)
        if orders is None:
            orders = self._orders[key] = [self._ask(series) for series in wanted]
            while len(self._orders) > ORDERS_MAX:
                self._orders.popitem(last=False)
        if not all(order.done() for order in orders):
            return None
        self._orders.pop(key)
        try:
            pictures = [order.result() for order in orders]
        except BrokenExecutor as error:
            self._forget()
            raise Unavailable("the process that draws charts has died; another one is started") from error
        return tuple(_drawn(series, picture) for series, picture in zip(wanted, pictures, strict=True))

    def close(self) -> None:
        """Stop the process."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._forget()

    def _ask(self, series: ChartSeries) -> "Future[bytes]":
        if self._pool is None:
            from concurrent.futures import ProcessPoolExecutor  # these two take a while, and few need them
            from multiprocessing import get_context

            # A fork would copy the locks of our threads; a new interpreter knows nothing of them.
            self._pool = ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))
        try:
            return self._pool.submit(draw_candles, series, dark=False)
        except BrokenExecutor as error:
            self._forget()
            raise Unavailable("the process that draws charts has died; another one is started") from error

    def _forget(self) -> None:
        self._pool = None
        self._orders.clear()


def _drawn(series: ChartSeries, picture: bytes) -> DrawnChart:
    return DrawnChart(timeframe=series.timeframe, theme=THEME, picture=Picture(picture), numbers=series.digest)
