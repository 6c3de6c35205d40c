"""``data record``: keeps what a source says, for replays and backtests."""

import re
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from thetaloom.cli.cases import refuse, shown
from thetaloom.cli.known_names import check_market
from thetaloom.cli.output import JsonOption, console, emit, instant, pairs
from thetaloom.config import REPLAYED, MarketSource, Settings, load_settings
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import MarketDataUnavailable

if TYPE_CHECKING:
    from types import FrameType

    from thetaloom.domain.values.calendar import TradingCalendar
    from thetaloom.market_parts import Recorder, Sampled
    from thetaloom.ports.clock import Clock
    from thetaloom.ports.market_data import MarketData

SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*(s|m|h|d)?")
UNIT_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
EVERY_SECONDS_MIN, EVERY_SECONDS_MAX = 0.1, 86_400


def record(
    symbols: Annotated[list[str], typer.Argument(metavar="SYMBOL", help="Underlyings, such as SPY or SPX.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the files; it is made if need be.")],
    market: Annotated[
        str | None, typer.Option("--market", help="Source: synthetic, recorded, cboe, broker, or a broker's name.")
    ] = None,
    every: Annotated[float, typer.Option("--every", metavar="SECONDS", help="Seconds between two looks.")] = 60.0,
    span: Annotated[
        str | None,
        typer.Option("--for", metavar="DURATION", help="How long, as 90s, 30m, 6h or 2d; else until Ctrl-C."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Record the chains of a source, one Parquet file per symbol and session.

    A look writes what is new and then stands on disk for good. A later recording goes on in the same files; what is
    missing between them is noted beside, with its reason. What a made-up market said stays marked as made up.
    """
    if not EVERY_SECONDS_MIN <= every <= EVERY_SECONDS_MAX:
        refuse("every", f"{every:g} is not from {EVERY_SECONDS_MIN:g} to {EVERY_SECONDS_MAX:,} seconds")
    lasts = None if span is None else read_span(span)
    check_market(market)
    settings = load_settings(market=market)
    names = [canonical_symbol(symbol) for symbol in symbols]
    printer = console(stderr=True)
    looks: Counter[str] = Counter()
    files: dict[Path, Sampled] = {}
    with (
        opened_source(settings) as (source, clock, calendar, speed),
        _recorder(source, names, out, clock, calendar, timedelta(seconds=every)) as recorder,
    ):
        if not as_json:
            printer.print(f"recording {', '.join(names)} from {escape(source.name)} every {every:g} s; Ctrl-C ends it")
        for sampled in _looks(recorder, clock, timedelta(seconds=every), lasts, speed):
            looks["failed" if sampled.failed else "written" if sampled.rows else "unchanged"] += 1
            looks["rows"] += sampled.rows
            if sampled.path is not None:
                files[sampled.path] = sampled
            if not as_json:
                printer.print(_line(sampled))
            reason = sampled.reason
    if not looks["written"] and looks["failed"]:
        raise MarketDataUnavailable(f"nothing was recorded: {reason}", advice="`thetaloom doctor` looks at the source.")
    _print_end(source, recorder, out, files, looks, as_json=as_json)


def read_span(text: str) -> timedelta:
    """Read a duration such as 90s, 30m, 6h or 2d; without a unit it is in seconds."""
    found = SPAN.fullmatch(text.strip().lower())
    if found is None:
        refuse("for", f"{shown(text)} is no duration; write it like 90s, 30m, 6h or 2d")
    return timedelta(seconds=float(found[1]) * UNIT_SECONDS[found[2] or ""])


def _looks(
    recorder: "Recorder", clock: "Clock", every: timedelta, lasts: timedelta | None, speed: float
) -> "Iterator[Sampled]":
    """Look again and again, on time however long a look takes; end quietly when somebody wants that."""
    began = clock.now()
    with _end_asked_for() as is_over:
        while True:
            yield from recorder.sample()
            next_in = every - (clock.now() - began) % every
            if lasts is not None and clock.now() - began + next_in > lasts:
                return
            if is_over.wait(next_in.total_seconds() / speed):
                return


@contextmanager
def _end_asked_for() -> "Iterator[threading.Event]":
    """Take Ctrl-C and a request to end as such: what is being written is finished first."""
    asked = threading.Event()

    def end(number: int, _frame: "FrameType | None") -> None:
        asked.set()
        signal.signal(number, before[number])  # whoever asks twice does not want to wait

    before: dict[int, Any] = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, end)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _recorder(
    source: "MarketData",
    symbols: list[str],
    out: Path,
    clock: "Clock",
    calendar: "TradingCalendar",
    every: timedelta,
) -> "Iterator[Recorder]":
    from thetaloom.market_parts import ChainFolder, Recorder

    folder = ChainFolder(out)
    try:
        yield Recorder(source, symbols, folder, clock=clock, calendar=calendar, every=every)
    finally:
        folder.close()


@contextmanager
def opened_source(settings: Settings) -> "Iterator[tuple[MarketData, Clock, TradingCalendar, float]]":
    """Open the source of the settings: it, its clock, the calendar, and how many times faster than real it runs."""
    from thetaloom.bootstrap import open_platform, prepare_home
    from thetaloom.cli.price import shipped_calendar
    from thetaloom.market_parts import cboe_market, market_clock, market_of
    from thetaloom.marketdata.clocks import SystemClock

    if settings.market in REPLAYED:
        prepare_home(settings)
        calendar = shipped_calendar()
        clock = market_clock(settings, calendar, None, "paced", 1)
        yield market_of(settings, calendar, clock, 1), clock, calendar, settings.speed
    elif settings.market is MarketSource.CBOE:
        wall = SystemClock()
        market = cboe_market(settings, wall)
        try:
            yield market, wall, shipped_calendar(), 1.0
        finally:
            market.close()
    else:
        with open_platform(settings) as platform:
            yield platform.market, platform.clock, platform.desk.calendar, platform.speed


def _line(sampled: "Sampled") -> str:
    if sampled.rows and sampled.as_of is not None:
        return f"{sampled.symbol}: {sampled.rows:,} contracts as of {instant(sampled.as_of)}"
    style = "yellow" if sampled.failed else "dim"
    return f"[{style}]{sampled.symbol}: {escape(sampled.reason)}[/]"


def _print_end(
    source: "MarketData",
    recorder: "Recorder",
    out: Path,
    files: "dict[Path, Sampled]",
    looks: Counter[str],
    *,
    as_json: bool,
) -> None:
    from thetaloom.market_parts import gap_text

    gaps = [{"symbol": gap.symbol, "session": str(gap.session_on), **gap_text(gap)} for gap in recorder.gaps]
    told: dict[str, Any] = {
        "source": source.name,
        "synthetic": source.synthetic,
        "out": str(out),
        "snapshots": looks["written"],
        "rows": looks["rows"],
        "unchanged": looks["unchanged"],
        "failed": looks["failed"],
        "files": [str(path) for path in sorted(files)],
        "gaps": gaps,
    }
    if as_json:
        emit(told)
        return
    for gap in gaps:
        console().print(
            f"[yellow]{gap['symbol']}: nothing from {gap['from']} to {gap['until']}: {escape(gap['reason'])}[/]"
        )
    mark = " (made up)" if source.synthetic else ""
    pairs(
        f"{source.name}{mark} to {out}",
        {
            "snapshots": looks["written"],
            "rows": looks["rows"],
            "looks that failed": looks["failed"],
            "files": len(files),
        },
    )
