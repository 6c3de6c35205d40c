"""Schedules: what is due when, what was missed, and whether the next firing waits for the one before."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from itertools import islice

from thetaloom.domain.run.cron import cron_instants, zone_of
from thetaloom.domain.run.daily_cycle import CycleLook
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import RunId, ScanId, ScheduleId, StrategyId, UserId
from thetaloom.errors import InvalidInput

NEXT_SHOWN = 5
PASSED_SHOWN = 20  # stretches of times that are passed over
LOOK_AHEAD = timedelta(days=400)
LOOK_BACK = timedelta(days=31)  # of what was missed; older than that is counted as never due
INSTANTS_MAX = 50_000  # looked at in one search: a month of minutes
MISSED_MAX = 1000  # recorded of one gap, the newest
QUEUE_MAX = 10
RUN_ALL_MAX = 50
SYMBOLS_MAX = 500
BEST_MAX = 20
EXCHANGE_ZONE = "America/New_York"


class ScheduleKind(StrEnum):
    """What a firing does."""

    START = "start"  # a strategy on each symbol
    SCAN = "scan"  # rank a watchlist, start the best
    DAILY_CYCLE = "daily_cycle"  # at most one entry a day, looked for several times


class Hours(StrEnum):
    """On what the exchange must agree."""

    ANY = "any"
    WEEKDAYS = "weekdays"  # Monday to Friday in the schedule's zone, holidays too
    SESSION = "session"  # days with a session, at any hour
    OPEN = "open"  # while the session is under way: an early close ends it


class Overlap(StrEnum):
    """What a firing does while the one before still looks for its entry; a held position is over for this purpose."""

    SKIP = "skip"
    QUEUE = "queue"
    ALLOW = "allow"


class Missed(StrEnum):
    """What becomes of due times that passed while nobody was there."""

    SKIP = "skip"
    RUN_ONCE = "run_once"
    RUN_ALL = "run_all"  # the newest ``missed_max``, oldest of them first


class FiringStatus(StrEnum):
    """Where a firing stands."""

    QUEUED = "queued"  # the one before is not done
    RUNNING = "running"  # a scan or a daily cycle at work
    DONE = "done"
    SKIPPED = "skipped"
    MISSED = "missed"
    FAILED = "failed"


STANDING = frozenset({FiringStatus.QUEUED, FiringStatus.RUNNING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When something starts by itself."""

    id: ScheduleId
    user_id: UserId
    kind: ScheduleKind = ScheduleKind.START
    strategy_id: StrategyId | None = None  # None: a scan of all active strategies
    symbols: tuple[str, ...] = ()
    watchlist: str = ""  # in place of symbols
    cron: str
    zone: str = EXCHANGE_ZONE
    hours: Hours = Hours.OPEN
    window_from: time | None = None  # on the wall of the zone, both ends included
    window_to: time | None = None
    overlap: Overlap = Overlap.SKIP
    missed: Missed = Missed.SKIP
    missed_max: int = 1  # of RUN_ALL
    grace_seconds: int = 60  # a firing that starts later than this was missed
    best: int = 1  # of a scan: how many runs it starts at most
    dry_run: bool = False  # decide and record, start nothing
    paused_at: datetime | None = None
    next_due_at: datetime | None = None  # None: paused, or never again within the calendar
    last_due_at: datetime | None = None
    created_at: datetime
    updated_at: datetime
    version: int = 0

    def __post_init__(self) -> None:
        for part, problem in self._problems():
            raise InvalidInput(f"schedule {self.id}: {problem}", details={"part": part, "problem": problem})

    @property
    def is_paused(self) -> bool:
        """Whether a person set it aside."""
        return self.paused_at is not None

    @property
    def aims_at(self) -> str:
        """What it is about, in words."""
        what = self.strategy_id or "all strategies"
        where = f"watchlist {self.watchlist}" if self.watchlist else " ".join(self.symbols)
        return f"{what} on {where}"

    def _problems(self) -> Iterator[tuple[str, str]]:
        if bool(self.symbols) == bool(self.watchlist):
            yield "symbols", "name symbols or a watchlist, one of the two"
        if len(self.symbols) > SYMBOLS_MAX:
            yield "symbols", f"{len(self.symbols)} symbols; {SYMBOLS_MAX} at most"
        if self.strategy_id is None and self.kind is not ScheduleKind.SCAN:
            yield "strategy_id", f"a schedule of kind {self.kind} names its strategy"
        if self.kind is ScheduleKind.DAILY_CYCLE and len(self.symbols) != 1:
            yield "symbols", "a daily cycle is about one symbol"
        if (self.window_from is None) != (self.window_to is None):
            yield "window", "a window has a beginning and an end"
        elif any(one is not None and one.tzinfo is not None for one in (self.window_from, self.window_to)):
            yield "window", "the window's times are on the wall of the schedule's zone and carry none of their own"
        elif self.window_from is not None and self.window_to is not None and self.window_from > self.window_to:
            yield "window", f"the window begins at {self.window_from} and ends before, at {self.window_to}"
        for name, most in (("missed_max", RUN_ALL_MAX), ("grace_seconds", 3600), ("best", BEST_MAX)):
            if not 1 <= getattr(self, name) <= most:
                yield name, f"{name} is {getattr(self, name)}; 1 to {most} are possible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """One due time of a schedule and what became of it; no due time has two."""

    schedule_id: ScheduleId
    due_at: datetime
    user_id: UserId
    status: FiringStatus
    reason: str = ""  # reason code
    fired_at: datetime
    finished_at: datetime | None = None
    look_at: datetime | None = None  # when a daily cycle looks again
    run_ids: tuple[RunId, ...] = ()
    scan_id: ScanId | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    looks: tuple[CycleLook, ...] = ()  # what a daily cycle saw each time, for the replay of its decisions

    @property
    def is_standing(self) -> bool:
        """Whether something is still to be done for it."""
        return self.status in STANDING

    @property
    def late_seconds(self) -> float:
        """How long after its due time it fired."""
        return (self.fired_at - self.due_at).total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOver:
    """Times of the expression in a row at which nothing is due, and why."""

    first_at: datetime
    last_at: datetime
    times: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What comes next, and what the calendar or the window took out before it."""

    due: tuple[datetime, ...]
    passed_over: tuple[PassedOver, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """What fell due since a schedule was last looked at: what is on time, and what was missed, oldest first."""

    on_time: datetime | None
    missed: tuple[datetime, ...]
    uncounted: int  # missed as well, but more than are recorded

    @property
    def is_empty(self) -> bool:
        """Whether nothing fell due."""
        return self.on_time is None and not self.missed


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do about a gap: what starts now, oldest first, and what is only recorded as missed."""

    start: tuple[datetime, ...]
    record: tuple[datetime, ...]


def objection(schedule: Schedule, calendar: TradingCalendar, at: datetime) -> str:
    """Say why nothing may fire at an instant; empty where it may. Raises ``InvalidInput`` beyond the calendar."""
    wall = at.astimezone(zone_of(schedule.zone))
    start, end = schedule.window_from, schedule.window_to
    if start is not None and end is not None and not start <= wall.time().replace(second=0, microsecond=0) <= end:
        return f"outside of the window {start:%H:%M} to {end:%H:%M}"
    match schedule.hours:
        case Hours.WEEKDAYS if wall.isoweekday() > 5:
            return "weekend"
        case Hours.SESSION | Hours.OPEN:
            return _closed(schedule.hours, calendar, at)
    return ""


def due_times(schedule: Schedule, calendar: TradingCalendar, after: datetime) -> Iterator[datetime]:
    """Give the due times after ``after`` as far as the calendar reaches."""
    return (at for at, against in _judged(schedule, calendar, after) if not against)


def outlook(schedule: Schedule, calendar: TradingCalendar, after: datetime, count: int = NEXT_SHOWN) -> Outlook:
    """Return the next due times, and what is passed over before the last of them."""
    due: list[datetime] = []
    passed: list[PassedOver] = []
    for at, against in _judged(schedule, calendar, after):
        if not against:
            due.append(at)
        elif passed and passed[-1].why == against and (not due or passed[-1].first_at > due[-1]):
            passed[-1] = replace(passed[-1], last_at=at, times=passed[-1].times + 1)
        else:
            passed.append(PassedOver(first_at=at, last_at=at, times=1, why=against))
        if len(due) == count:
            break
    return Outlook(due=tuple(due), passed_over=tuple(passed[:PASSED_SHOWN]))


def next_due(schedule: Schedule, calendar: TradingCalendar, after: datetime) -> datetime | None:
    """Return the first due time after ``after``; ``None`` where there is none as far as the calendar reaches."""
    return next(due_times(schedule, calendar, after), None)


def gap_of(schedule: Schedule, calendar: TradingCalendar, now: datetime) -> Gap:
    """Return what fell due up to ``now`` from the stored due time on; the newest is on time within the grace."""
    if schedule.next_due_at is None or schedule.next_due_at > now:
        return Gap(on_time=None, missed=(), uncounted=0)
    start = max(schedule.next_due_at - timedelta(microseconds=1), now - LOOK_BACK)
    kept: deque[datetime] = deque(maxlen=MISSED_MAX + 1)
    count = 0
    for at in due_times(schedule, calendar, start):
        if at > now:
            break
        kept.append(at)
        count += 1
    grace = timedelta(seconds=schedule.grace_seconds)
    on_time = kept.pop() if kept and now - kept[-1] <= grace else None
    missed = tuple(kept)[-MISSED_MAX:]
    return Gap(on_time=on_time, missed=missed, uncounted=count - len(missed) - (on_time is not None))


def plan_of(schedule: Schedule, gap: Gap, *, may_fire: bool) -> Plan:
    """Decide what of a gap starts. ``may_fire``: whether window and hours hold now, too, for what is late."""
    late: tuple[datetime, ...] = ()
    if may_fire and gap.missed:
        match schedule.missed:
            case Missed.RUN_ONCE if gap.on_time is None:  # what is on time covers for what was missed
                late = gap.missed[-1:]
            case Missed.RUN_ALL:
                late = gap.missed[-schedule.missed_max :]
    on_time = () if gap.on_time is None else (gap.on_time,)
    return Plan(start=(*late, *on_time), record=gap.missed[: len(gap.missed) - len(late)])


def _closed(hours: Hours, calendar: TradingCalendar, at: datetime) -> str:
    session = calendar.session_on(calendar.exchange_date(at))
    if session is None:
        return "no session: weekend or holiday"
    if hours is Hours.SESSION or session.open_at <= at < session.close_at:
        return ""
    if at < session.open_at:
        return "before the open"
    return "after the early close" if session.early_close else "after the close"


def _judged(schedule: Schedule, calendar: TradingCalendar, after: datetime) -> Iterator[tuple[datetime, str]]:
    until = after + LOOK_AHEAD
    try:
        for at in islice(cron_instants(schedule.cron, schedule.zone, after.astimezone(UTC)), INSTANTS_MAX):
            if at > until:
                return
            yield at, objection(schedule, calendar, at)
    except InvalidInput:  # beyond the calendar nobody knows
        return
