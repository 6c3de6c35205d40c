"""The 30-day volatility at the close of each recorded session, from its last chain."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime

from thetaloom.domain.market.chain import OptionChain, to_date
from thetaloom.domain.market.expirations import list_expirations
from thetaloom.domain.market.indicators import atm_iv
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.marketdata.instants import from_microseconds, to_microseconds
from thetaloom.marketdata.recorded.tape import Tape


class SessionVolatilities:
    """Works each session out once, when first asked for, with the rate and the yield that decisions use."""

    def __init__(self, calendar: TradingCalendar, rate: float, dividend_yield: float) -> None:
        """Take what the expirations' lives and the prices' discount rest on."""
        self._calendar = calendar
        self._rate = rate
        self._dividend_yield = dividend_yield
        self._known: dict[tuple[str, date], float | None] = {}

    def history(
        self,
        tape: Tape,
        symbol: str,
        chain_at: Callable[[str, datetime], OptionChain | None],
        sessions: Iterable[date],
        now: datetime,
    ) -> list[tuple[date, float]]:
        """Return those of ``sessions`` that had closed by ``now`` and whose last chain tells a volatility."""
        found = []
        for session_on in sessions:
            session = self._calendar.session_on(session_on)
            if session is None or session.close_at > now:
                continue
            if (symbol, session_on) not in self._known:
                last = last_instant(tape, session_on)
                self._known[symbol, session_on] = None if last is None else self._volatility(chain_at(symbol, last))
            iv = self._known[symbol, session_on]
            if iv is not None:
                found.append((session_on, iv))
        return found

    def _volatility(self, chain: OptionChain | None) -> float | None:
        if chain is None:
            return None
        expirations = list_expirations(chain, self._calendar, chain.as_of)
        return atm_iv(chain, expirations, self._rate, self._dividend_yield)


def recorded_sessions(tape: Tape, first: date, last: date) -> list[date]:
    """Return the sessions from ``first`` to ``last`` that the tape has rows of."""
    return [day for day in map(to_date, tape.session_days.tolist()) if first <= day <= last]


def last_instant(tape: Tape, session_on: date) -> datetime | None:
    """Return the last instant of a session."""
    end = to_microseconds(datetime(session_on.year, session_on.month, session_on.day, 23, 59, 59, tzinfo=UTC))
    instant = tape.instant_before(end)
    if instant < 0 or to_date(tape.session_day(instant)) != session_on:
        return None
    return from_microseconds(tape.times[instant])
