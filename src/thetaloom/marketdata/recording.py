"""Records the chains of any source, snapshot by snapshot, and notes beside them what is missing and why."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.errors import InvalidInput, MarketDataUnavailable
from thetaloom.marketdata.recording_files import ChainFolder
from thetaloom.ports.clock import Clock
from thetaloom.ports.market_data import MarketData

SYMBOL = re.compile(r"[A-Z][A-Z0-9.]{0,11}")  # it becomes the name of a file
AHEAD_MAX = timedelta(minutes=1)  # of a source before our clock: its word would hide all that comes until then
GAP_FACTOR = 2.5  # instants further apart than so many intervals have a gap between them
NOT_RECORDING = "nothing was recording"
NOTHING_NEW = "the source said nothing new"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch of a session of which nothing was recorded."""

    symbol: str
    session_on: date
    starts_at: datetime
    ends_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """What came of one look at one symbol; without ``rows`` nothing was written, and ``reason`` says why."""

    symbol: str
    rows: int = 0
    as_of: datetime | None = None
    path: Path | None = None
    synthetic: bool = False
    reason: str = ""
    failed: bool = False


class Recorder:
    """Looks at the chains of some symbols whenever ``sample`` is called; every snapshot stands once it returns."""

    def __init__(
        self,
        market: MarketData,
        symbols: Sequence[str],
        folder: ChainFolder,
        *,
        clock: Clock,
        calendar: TradingCalendar,
        every: timedelta,
    ) -> None:
        if not symbols:
            raise InvalidInput("no symbol was named", details={"field": "symbols"})
        odd = [symbol for symbol in symbols if not SYMBOL.fullmatch(symbol)]
        if odd:
            raise InvalidInput(f"{odd[0][:40]!r} is no symbol such as SPY", details={"field": "symbols"})
        self.gaps: list[Gap] = []
        self._market = market
        self._symbols = tuple(dict.fromkeys(symbols))
        self._folder = folder
        self._clock = clock
        self._calendar = calendar
        self._every = every
        self._last: dict[tuple[str, date], datetime] = {}
        self._reasons: dict[str, str] = {symbol: NOT_RECORDING for symbol in self._symbols}

    def sample(self) -> list[Sampled]:
        """Look at each symbol once and write what is new."""
        return [self._sample(symbol) for symbol in self._symbols]

    def _sample(self, symbol: str) -> Sampled:
        now = self._clock.now()
        try:
            chain = self._market.chain(symbol, now)
        except MarketDataUnavailable as error:
            return self._failed(symbol, error.message)
        if chain is None or not len(chain):
            return self._failed(symbol, f"{self._market.name} has nothing of {symbol}")
        if chain.as_of > now + AHEAD_MAX:
            return self._failed(symbol, f"{self._market.name} tells of {chain.as_of:%H:%M:%S}, and our clock is behind")
        session_on = self._session_of(chain.as_of)
        last = self._last_of(symbol, session_on)
        if last is not None and chain.as_of <= last:
            self._reasons.setdefault(symbol, NOTHING_NEW)
            return Sampled(symbol=symbol, as_of=chain.as_of, reason=NOTHING_NEW)
        try:
            file = self._folder.add(chain, session_on)
            self._last[symbol, session_on] = chain.as_of
            self._note_gap(symbol, session_on, last, chain.as_of)
        except OSError as error:
            # Whoever records for days makes room some day; until then each look says that it is needed.
            return self._failed(symbol, f"{self._folder.folder} cannot be written to: {error.strerror or error}")
        self._reasons.pop(symbol, None)
        return Sampled(symbol=symbol, rows=len(chain), as_of=chain.as_of, path=file.path, synthetic=chain.synthetic)

    def _failed(self, symbol: str, reason: str) -> Sampled:
        self._reasons[symbol] = reason
        return Sampled(symbol=symbol, reason=reason, failed=True)

    def _session_of(self, at: datetime) -> date:
        on = self._calendar.exchange_date(at)
        session = self._calendar.session_on(on)
        return on if session is not None else self._calendar.previous_session(on).session_on

    def _last_of(self, symbol: str, session_on: date) -> datetime | None:
        if (symbol, session_on) not in self._last:
            known = self._folder.instants(symbol, session_on)
            if not known:
                return None
            self._last[symbol, session_on] = known[-1]
        return self._last[symbol, session_on]

    def _note_gap(self, symbol: str, session_on: date, last: datetime | None, at: datetime) -> None:
        session = self._calendar.session_on(session_on)
        if session is None:
            return
        starts_at, ends_at = last or session.open_at, min(at, session.close_at)
        if ends_at - starts_at <= GAP_FACTOR * self._every:
            return
        gap = Gap(
            symbol=symbol,
            session_on=session_on,
            starts_at=starts_at,
            ends_at=ends_at,
            reason=self._reasons.get(symbol, NOTHING_NEW),
        )
        self.gaps.append(gap)
        noted = [*self._folder.read_gaps(symbol, session_on)]
        # Those before it, too, if they could not be written down at the time.
        here = [gap_text(one) for one in self.gaps if (one.symbol, one.session_on) == (symbol, session_on)]
        noted += [one for one in here if one not in noted]
        self._folder.write_gaps(
            symbol,
            session_on,
            {
                "symbol": symbol,
                "session": session_on.isoformat(),
                "source": self._market.name,
                "every_seconds": self._every.total_seconds(),
                "gaps": noted,
            },
        )


def gap_text(gap: Gap) -> dict[str, str]:
    """Return a gap as it is written down and printed."""
    return {
        "from": _written(gap.starts_at),
        "until": _written(gap.ends_at),
        "reason": gap.reason,
    }


def _written(at: datetime) -> str:
    fraction = f".{at:%f}" if at.microsecond else ""
    return f"{at:%Y-%m-%dT%H:%M:%S}{fraction}Z"
