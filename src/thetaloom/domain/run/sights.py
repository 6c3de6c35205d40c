"""What looked at a symbol around a moment, and what it said: the answer to "why not SPY at 10:31?"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from thetaloom.domain.run.runs import StepName
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import InvalidInput

LOOKBACK = timedelta(days=90)  # how far the nearest look is sought where none is near
MINUTES_DEFAULT = 30
YEAR_MIN, YEAR_MAX = 1970, 2200  # a moment has 90 days before it and after it
MINUTES_MAX = 7 * 24 * 60
SIGHTS_MAX = 100
SYMBOL_LENGTH_MAX = 12
EXPECTED = "expected a time of the exchange such as 10:31 or 2026-03-05T10:31, or an instant with its zone"


class SightKind(StrEnum):
    """What looked."""

    RUN = "run"
    SCAN = "scan"
    SIGNAL = "signal"
    SCHEDULE = "schedule"


class SightAnswer(StrEnum):
    """What came of a look."""

    TRADED = "traded"  # an order of it filled
    YES = "yes"  # all rules allowed it
    NO = "no"
    OPEN = "open"  # nothing was decided


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """One look at a symbol: what looked, when, and what it said."""

    kind: SightKind
    id: str  # of the run, scan, signal or schedule
    at: datetime
    until: datetime | None = None  # of what lasted: it stood over the whole time
    decided_at: datetime | None = None
    symbol: str
    strategy_id: StrategyId | None = None
    answer: SightAnswer
    reason: str = ""
    text: str = ""  # what the reason means
    step: StepName | None = None  # that said so
    facts: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[str, ...] = ()  # what would have turned the no into a yes
    candidates: tuple[Mapping[str, str], ...] = ()  # expirations that could not be used, each with its reason

    def distance(self, moment: datetime) -> timedelta:
        """How far from the moment it was; nothing where it stood over it."""
        if self.at <= moment and self.until is not None and self.until >= moment:
            return timedelta(0)
        ends = [self.at] if self.until is None else [self.at, self.until]
        return min(abs(end - moment) for end in ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class SightsFound:
    """Everything that looked at a symbol around a moment, the nearest first; else the nearest looks beyond."""

    symbol: str
    at: datetime
    start: datetime
    end: datetime
    sights: tuple[Sight, ...]
    before: Sight | None  # only where there are none between start and end
    after: Sight | None


def nearest_first(sights: Sequence[Sight], moment: datetime) -> tuple[Sight, ...]:
    """Return the sights by their distance from the moment; of equally near ones, runs before scans."""
    order = list(SightKind)
    ranked = sorted(sights, key=lambda one: (one.distance(moment), order.index(one.kind), one.at, one.id))
    return tuple(ranked[:SIGHTS_MAX])


def symbol_of(text: str) -> str:
    """Read the symbol that is asked about, in capitals. Whether anybody knows it is no matter here."""
    word = canonical_symbol(text)
    if not word or not word.isprintable() or len(word) > SYMBOL_LENGTH_MAX:
        raise InvalidInput(f"{text[:40]!r} is no symbol; a good one: SPY", details={"field": "symbol"})
    return word


def moment_of(text: str, calendar: TradingCalendar, now: datetime) -> datetime:
    """Read a moment: with a zone as it is, else on the exchange's wall; a time alone is of the latest session."""
    word = text.strip()
    zone = ZoneInfo(calendar.zone_name)
    try:
        if not word.isprintable():  # a NUL at the end passes for nothing elsewhere
            raise ValueError
        if "T" in word or " " in word or "-" in word:
            at = datetime.fromisoformat(word)
            if not YEAR_MIN < at.year < YEAR_MAX:
                raise ValueError
            return at if at.tzinfo is not None else at.replace(tzinfo=zone)
        wall = time.fromisoformat(word)
    except ValueError:
        raise InvalidInput(f"{word[:40]!r} is no moment; {EXPECTED}", details={"field": "at"}) from None
    if wall.tzinfo is not None:
        raise InvalidInput(f"{word[:40]!r} has a zone and no date; {EXPECTED}", details={"field": "at"})
    on = calendar.exchange_date(now)
    today = datetime.combine(on, wall, zone)
    if today <= now and calendar.session_on(on) is not None:
        return today
    return datetime.combine(calendar.previous_session(on).session_on, wall, zone)
