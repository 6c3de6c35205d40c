"""The table of sessions behind the calendar: shipped with the package, cached on disk, refilled when short.

``thetaloom.domain.values.calendar`` works on sessions and does no I/O; this module hands it those sessions.
``sessions_xnys.csv`` beside this file is the output of ``write_shipped_table()`` and nothing else.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from thetaloom.domain.values.calendar import TradingCalendar, TradingSession
from thetaloom.errors import InvalidInput, InvariantError

SHIPPED_EXCHANGE = "XNYS"
SHIPPED_TABLE = Path(__file__).with_name("sessions_xnys.csv")
FIRST_ON = date(1998, 1, 1)  # the oldest recorded underlying days begin here
# SPX lists expirations more than five years out, and a contract beyond the table cannot be dated.
YEARS_AHEAD = 6
SHIPPED_LAST_ON = date(2032, 12, 31)
COVER_AHEAD = timedelta(days=548)  # 18 months

COLUMNS = "session,open,close,early_close"


def load_calendar(exchange: str = SHIPPED_EXCHANGE, *, today: date, cache_dir: Path) -> TradingCalendar:
    """Return the calendar of an exchange, known for at least 18 months beyond ``today``.

    The shipped table is taken first: it is as new as the package. After it, the cached one, and where that is
    absent, damaged or short, a table made by exchange_calendars, which takes seconds and is cached.
    """
    cached = cache_dir / f"sessions_{_file_stem(exchange)}.csv"
    tables = [SHIPPED_TABLE, cached] if exchange == SHIPPED_EXCHANGE else [cached]
    for table in tables:
        calendar = _read_if_whole(table)
        if calendar and calendar.exchange == exchange and calendar.last_on >= today + COVER_AHEAD:
            return calendar
    calendar = compute_calendar(exchange, FIRST_ON, date(today.year + YEARS_AHEAD, 12, 31))
    write_table(calendar, cached)
    return calendar


def compute_calendar(exchange: str, first_on: date, last_on: date) -> TradingCalendar:
    """Ask exchange_calendars for the sessions between two dates, or as many of those as it knows."""
    # The import alone takes more than a second, so that nothing else in the package may cause it.
    import exchange_calendars
    from exchange_calendars.errors import CalendarError

    try:
        source: Any = exchange_calendars.get_calendar(exchange)
        # Some exchanges publish their holidays for a few years only; asking beyond that is an error.
        lower, upper = source.bound_min(), source.bound_max()
        start = max(first_on, lower.date()) if lower is not None else first_on
        end = min(last_on, upper.date()) if upper is not None else last_on
        source = exchange_calendars.get_calendar(exchange, start=start, end=end)
    except (CalendarError, ValueError) as error:
        raise InvalidInput(
            f'exchange "{exchange}" has no sessions from {first_on} to {last_on}: {str(error)[:200]}',
            advice="Use a market identifier code such as XNYS.",
            details={"exchange": exchange, "first_on": first_on, "last_on": last_on},
        ) from error
    early = {day.date() for day in source.early_closes}
    return TradingCalendar(
        exchange=exchange,
        zone_name=str(source.tz),
        sessions=tuple(
            TradingSession(
                session_on=day.date(),
                open_at=datetime.fromtimestamp(open_at.timestamp(), UTC),
                close_at=datetime.fromtimestamp(close_at.timestamp(), UTC),
                early_close=day.date() in early,
            )
            for day, open_at, close_at in zip(source.sessions, source.opens, source.closes, strict=True)
        ),
    )


def write_shipped_table(path: Path = SHIPPED_TABLE) -> None:
    """Write the table that the package ships; run it after each upgrade of exchange_calendars."""
    write_table(compute_calendar(SHIPPED_EXCHANGE, FIRST_ON, SHIPPED_LAST_ON), path)


def write_table(calendar: TradingCalendar, path: Path) -> None:
    """Write a calendar as CSV under a line with its name and digest; readers see the old file or the new."""
    body = "".join(
        f"{row['session']},{row['open']},{row['close']},{int(row['early_close'])}\n"
        for row in calendar.session_rows(calendar.first_on, calendar.last_on)
    )
    name = f"{calendar.exchange} {calendar.zone_name}"
    head = f"# {name} {_digest(name, body)}\n{COLUMNS}\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=path.name, delete=False) as written:
        written.write(head + body)
    Path(written.name).replace(path)


def read_table(path: Path) -> TradingCalendar:
    """Read a calendar that ``write_table`` wrote; a changed or cut file raises ``InvariantError``."""
    try:
        return _parse(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InvariantError(f"table of sessions {path} is damaged", details={"path": str(path)}) from error


@lru_cache(maxsize=2)  # the shipped table is read by everything that is put together in one process
def _parse(table: str) -> TradingCalendar:
    title, _, rest = table.partition("\n")
    columns, _, body = rest.partition("\n")
    words = title.split(" ")
    if len(words) != 4 or columns != COLUMNS or words[3] != _digest(f"{words[1]} {words[2]}", body):
        raise ValueError(title)
    instant = datetime.fromisoformat
    sessions = [
        TradingSession(
            session_on=date.fromisoformat(day),
            open_at=instant(open_at),
            close_at=instant(close_at),
            early_close=early == "1",
        )
        for day, open_at, close_at, early in (line.split(",") for line in body.splitlines())
    ]
    return TradingCalendar(exchange=words[1], zone_name=words[2], sessions=tuple(sessions))


def _read_if_whole(path: Path) -> TradingCalendar | None:
    try:
        return read_table(path)
    except (OSError, InvariantError):
        return None


def _digest(name: str, body: str) -> str:
    return blake2b(f"{name}\n{body}".encode(), digest_size=16).hexdigest()


def _file_stem(exchange: str) -> str:
    # Codes such as 24/7 are not names of files.
    return "".join(character if character.isalnum() else "_" for character in exchange.lower())
