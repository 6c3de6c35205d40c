"""When an exchange is open, when a contract trades last and settles, all read from a table of sessions."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TypedDict
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from thetaloom.domain.values.instruments import INDEX_ROOTS, OptionContract, Settlement
from thetaloom.domain.values.instruments import third_friday as third_friday
from thetaloom.errors import InvalidInput

# Index options trade on for a quarter of an hour after the stocks in them: 16:15, on half-days 13:15.
INDEX_EXTENSION = timedelta(minutes=15)
# Until then monthly series were dated on the Saturday after their last day of trading.
SATURDAY_EXPIRATIONS_END = date(2015, 2, 1)
DAYS_PER_YEAR = 365  # by which every time to expiration is told
YEAR = timedelta(days=DAYS_PER_YEAR)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingSession:
    """One day of trading, from its open (included) to its close (excluded); lunch breaks are not modelled."""

    session_on: date
    open_at: datetime
    close_at: datetime
    early_close: bool = False

    def __post_init__(self) -> None:
        if self.open_at.tzinfo is not UTC or self.close_at.tzinfo is not UTC:
            raise _invalid("open_at", f"session {self.session_on}: open and close must carry the zone UTC")
        if self.open_at >= self.close_at:
            raise _invalid("close_at", f"session {self.session_on} closes before it opens")


class SessionRow(TypedDict):
    """One session as the ``calendar`` command prints it: ISO date, UTC instants ending in Z."""

    session: str
    open: str
    close: str
    early_close: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingCalendar:
    """The sessions of one exchange from the first to the last in the table.

    Outside of that range it knows nothing, and says so with ``InvalidInput``: unknown is not closed.
    """

    exchange: str
    zone_name: str
    sessions: tuple[TradingSession, ...] = field(repr=False)
    _zone: ZoneInfo = field(init=False, repr=False, compare=False)
    _days: list[date] = field(init=False, repr=False, compare=False)
    _opens: list[datetime] = field(init=False, repr=False, compare=False)
    _closes: list[datetime] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.sessions:
            raise _invalid("sessions", f"calendar {self.exchange} has no sessions")
        try:
            zone = ZoneInfo(self.zone_name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise _invalid("zone_name", f'time zone "{self.zone_name}" is not known') from error
        ordered = tuple(sorted(self.sessions, key=lambda session: session.session_on))
        days = [session.session_on for session in ordered]
        opens = [session.open_at for session in ordered]
        closes = [session.close_at for session in ordered]
        for before, day, close_at, open_at in zip(days, days[1:], closes, opens[1:], strict=False):
            if before == day or close_at > open_at:
                raise _invalid("sessions", f"calendar {self.exchange}: sessions {before} and {day} overlap")
        for name, content in (
            ("sessions", ordered),
            ("_zone", zone),
            ("_days", days),
            ("_opens", opens),
            ("_closes", closes),
        ):
            object.__setattr__(self, name, content)

    @property
    def first_on(self) -> date:
        """The first session of the table."""
        return self._days[0]

    @property
    def last_on(self) -> date:
        """The last session of the table."""
        return self._days[-1]

    def exchange_date(self, at: datetime) -> date:
        """Return the date on the wall of the exchange at an instant."""
        return _aware(at).astimezone(self._zone).date()

    def session_on(self, on: date) -> TradingSession | None:
        """Return the session of a date, None where the exchange stays closed."""
        found = self._at_or_before(on)
        return found if found.session_on == on else None

    def session_at(self, at: datetime) -> TradingSession | None:
        """Return the session under way at an instant, None while closed."""
        self._check_day(self.exchange_date(at))
        index = bisect_right(self._opens, at) - 1
        return self.sessions[index] if index >= 0 and at < self._closes[index] else None

    def is_open(self, at: datetime) -> bool:
        """Tell whether a session is under way."""
        return self.session_at(at) is not None

    def next_open(self, at: datetime) -> datetime:
        """Return the first open after an instant."""
        return self._next(self._opens, at)

    def next_close(self, at: datetime) -> datetime:
        """Return the first close after an instant."""
        return self._next(self._closes, at)

    def minutes_to_close(self, at: datetime) -> int | None:
        """Return the whole minutes left of the session under way, None while closed."""
        session = self.session_at(at)
        return None if session is None else (session.close_at - at) // timedelta(minutes=1)

    def minute_of_day(self, at: datetime) -> int:
        """Return the minutes since midnight on the wall of the exchange."""
        wall = _aware(at).astimezone(self._zone)
        return wall.hour * 60 + wall.minute

    def at_minute(self, on: date, minute: int) -> datetime:
        """Return the instant at which the wall of the exchange shows a minute of a day."""
        return datetime(on.year, on.month, on.day, minute // 60, minute % 60, tzinfo=self._zone).astimezone(UTC)

    def ends_week(self, contract: OptionContract, on: date) -> bool:
        """Tell whether a contract trades last on a date, and settles on the last session of its week."""
        if self.exchange_date(self.last_trading_at(contract)) != on:
            return False
        settles_on = self.exchange_date(self.settles_at(contract))
        return self.next_session(settles_on).session_on.isocalendar()[:2] != settles_on.isocalendar()[:2]

    def next_session(self, on: date) -> TradingSession:
        """Return the first session after a date."""
        self._check_day(on)
        return self._nth(bisect_right(self._days, on), f"after {on}")

    def previous_session(self, on: date) -> TradingSession:
        """Return the last session before a date."""
        self._check_day(on)
        return self._nth(bisect_left(self._days, on) - 1, f"before {on}")

    def sessions_between(self, first_on: date, last_on: date) -> tuple[TradingSession, ...]:
        """Return the sessions from the first date to the last, both included."""
        return self.sessions[self._span(first_on, last_on)]

    def count_sessions(self, first_on: date, last_on: date) -> int:
        """Count the sessions from the first date to the last, both included."""
        span = self._span(first_on, last_on)
        return int(span.stop - span.start)

    def session_rows(self, first_on: date, last_on: date) -> list[SessionRow]:
        """Return the sessions between two dates as the ``calendar`` command prints them."""
        return [
            SessionRow(
                session=session.session_on.isoformat(),
                open=f"{session.open_at:%Y-%m-%dT%H:%M:%SZ}",
                close=f"{session.close_at:%Y-%m-%dT%H:%M:%SZ}",
                early_close=session.early_close,
            )
            for session in self.sessions_between(first_on, last_on)
        ]

    def is_monthly(self, expires_on: date) -> bool:
        """Tell whether a date is the standard monthly expiration.

        That is the third Friday, the session before where that Friday is a holiday, and before February 2015
        also the Saturday after, by which the series were then named.
        """
        friday = third_friday(expires_on.year, expires_on.month)
        if expires_on == friday + timedelta(days=1):
            return expires_on < SATURDAY_EXPIRATIONS_END
        return expires_on == self._at_or_before(friday).session_on

    def last_trading_at(self, contract: OptionContract) -> datetime:
        """Return the instant at which a contract stops trading for good.

        A contract dated on a holiday or a Saturday goes with the session before. AM-settled ones trade last
        on the session before the one that settles them, to the index close; PM-settled ones stop with the
        stocks. Some fund options trade on to 16:15; we stop with the fund, which is what we could hedge with.
        """
        session = self._at_or_before(contract.expires_on)
        if contract.settlement is Settlement.AM:
            return options_close_at(contract.root, self.previous_session(session.session_on))
        return session.close_at

    def settles_at(self, contract: OptionContract) -> datetime:
        """Return the instant whose prices decide what a contract is worth at expiration."""
        session = self._at_or_before(contract.expires_on)
        return session.open_at if contract.settlement is Settlement.AM else session.close_at

    def year_fraction(self, at: datetime, contract: OptionContract) -> float:
        """Return the years of 365 days from an instant until the contract settles, 0 once it has."""
        return max((self.settles_at(contract) - _aware(at)) / YEAR, 0.0)

    def _at_or_before(self, on: date) -> TradingSession:
        self._check_day(on)
        return self.sessions[bisect_right(self._days, on) - 1]

    def _next(self, instants: list[datetime], at: datetime) -> datetime:
        self._check_day(self.exchange_date(at))
        index = bisect_right(instants, at)
        if index == len(instants):
            raise self._unknown(f"what follows {at}")
        return instants[index]

    def _nth(self, index: int, where: str) -> TradingSession:
        if not 0 <= index < len(self.sessions):
            raise self._unknown(f"the session {where}")
        return self.sessions[index]

    def _span(self, first_on: date, last_on: date) -> slice:
        if first_on > last_on:
            raise _invalid("first_on", f"the first date, {first_on}, comes after the last, {last_on}")
        self._check_day(first_on)
        self._check_day(last_on)
        return slice(bisect_left(self._days, first_on), bisect_right(self._days, last_on))

    def _check_day(self, on: date) -> None:
        if not self.first_on <= on <= self.last_on:
            raise self._unknown(str(on))

    def _unknown(self, what: str) -> InvalidInput:
        return InvalidInput(
            f"calendar {self.exchange} covers {self.first_on} to {self.last_on} and cannot tell {what}",
            advice="Ask within that range, or fill the table further.",
            details={"exchange": self.exchange, "first_on": self.first_on, "last_on": self.last_on},
        )


def options_close_at(root: str, session: TradingSession) -> datetime:
    """Return when options on a root stop trading in a session that is not their last."""
    return session.close_at + INDEX_EXTENSION if root in INDEX_ROOTS else session.close_at


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise _invalid("at", f"instant {at} carries no time zone")
    return at


def _invalid(part: str, problem: str) -> InvalidInput:
    return InvalidInput(problem, details={"part": part, "problem": problem})
