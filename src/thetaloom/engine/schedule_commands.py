"""What a person can ask of schedules, watchlists and scans."""

from dataclasses import dataclass
from datetime import time

from thetaloom.domain.run.schedules import EXCHANGE_ZONE, Hours, Missed, Overlap, ScheduleKind
from thetaloom.domain.values.ids import ScheduleId, StrategyId, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class AddSchedule:
    """Start something by itself; a daily cycle has its own times and needs no ``cron``."""

    user_id: UserId
    kind: ScheduleKind = ScheduleKind.START
    strategy_id: StrategyId | None = None
    symbols: tuple[str, ...] = ()
    watchlist: str = ""
    cron: str = ""
    zone: str = EXCHANGE_ZONE
    hours: Hours = Hours.OPEN
    window_from: time | None = None
    window_to: time | None = None
    overlap: Overlap = Overlap.SKIP
    missed: Missed = Missed.SKIP
    missed_max: int = 1
    grace_seconds: int = 60
    best: int = 1
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseSchedule:
    """Set a schedule aside."""

    user_id: UserId
    schedule_id: ScheduleId


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeSchedule:
    """Let a schedule go on."""

    user_id: UserId
    schedule_id: ScheduleId


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveSchedule:
    """Take a schedule out."""

    user_id: UserId
    schedule_id: ScheduleId


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveWatchlist:
    """Write a list of symbols in the place of the one of its name."""

    user_id: UserId
    name: str
    symbols: tuple[str, ...]
    in_digest: bool | None = None  # None: as it was


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveWatchlist:
    """Take a list of symbols out."""

    user_id: UserId
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunScan:
    """Rank all pairs of some symbols and strategies, and start the best."""

    user_id: UserId
    symbols: tuple[str, ...] = ()
    watchlist: str = ""
    strategy_ids: tuple[StrategyId, ...] = ()  # none: all that are active
    best: int = 0  # how many runs to start at most


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpSymbols:
    """Return what is known of symbols, asking the source for what is not known or too old."""

    user_id: UserId
    symbols: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindSymbols:
    """Ask the source which symbols fit a query, remember them, and return what is known of them."""

    user_id: UserId
    query: str


ScheduleCommand = (
    AddSchedule
    | PauseSchedule
    | ResumeSchedule
    | RemoveSchedule
    | SaveWatchlist
    | RemoveWatchlist
    | RunScan
    | LookUpSymbols
    | FindSymbols
)
