"""The scanner: small slices, so that no quote waits for it; then the best are started.

A server has the pairs judged in a process of its own and only reads the market here; elsewhere a turn judges one pair.

Nothing is kept of a scan before its end: after a kill it begins anew, and only one process can end it.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import TriggerKind
from thetaloom.domain.run.scans import (
    Scan,
    ScanPair,
    ScanStatus,
    Screen,
    funnel_of,
    ranked,
    screen_order,
)
from thetaloom.domain.run.schedules import Firing, FiringStatus
from thetaloom.domain.strategy.scoring import score_rule_of
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.ids import RunId, StrategyId
from thetaloom.engine.commands import StartRun
from thetaloom.engine.desk import Desk
from thetaloom.engine.scan_judging import (
    JudgedSymbol,
    Slice,
    SymbolMarket,
    judge_symbol,
    pair_of,
    read_in_slices,
    read_symbol,
    screen,
    state_of,
    unscreened,
)
from thetaloom.engine.starting import write_run
from thetaloom.engine.step import tell_user
from thetaloom.ports.aside import Aside
from thetaloom.ports.store import UnitOfWork

log = structlog.get_logger()

LOOK_EVERY = timedelta(seconds=1)
Asked = tuple[SymbolMarket, "Future[JudgedSymbol]"]
AHEAD_MAX = 3  # symbols that are read and not judged yet: one is worked on, the next ones lie ready


@dataclass(slots=True)
class Work:
    """A scan under way, in memory alone."""

    scan: Scan
    slices: Iterator[bool]
    pairs: list[ScanPair] = field(default_factory=list)
    screens: list[Screen] = field(default_factory=list)


class Scanner:
    """Takes up the scans that were asked for, one after the other."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._work: Work | None = None
        self._read_at: datetime | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a scan is under way."""
        return self._work is not None

    @property
    def seen(self) -> int:
        """How many symbols of the scan under way are judged."""
        return 0 if self._work is None else len({pair.symbol for pair in self._work.pairs})

    def forget(self) -> None:
        """Look for new scans before the next use."""
        self._read_at = None

    def turn(self) -> bool:
        """Take one slice, or end the scan; return whether anything was done: what is judged elsewhere is waited for."""
        work = self._work or self._taken_up()
        if work is None:
            return False
        self._work = work
        has_done = next(work.slices, None)
        if has_done is None:
            finish_scan(self._desk, work.scan, work.pairs, work.screens)
            self._work, self._read_at = None, None
        return has_done is not False

    def _taken_up(self) -> Work | None:
        now = self._desk.clock.now()
        if self._read_at is not None and now - self._read_at < LOOK_EVERY:
            return None
        self._read_at = now
        with self._desk.store.reading() as uow:
            waiting = uow.scans.running()
            strategies = strategies_of(uow, waiting[0]) if waiting else []
        if not waiting:
            return None
        work = Work(scan=waiting[0], slices=iter(()))
        aside = self._desk.aside
        if aside is None:
            work.slices = _slices(self._desk, work, strategies)
        else:
            work.slices = _slices_beside(self._desk, work, strategies, aside)
        return work


def strategies_of(uow: UnitOfWork, scan: Scan) -> list[Strategy]:
    """Return the strategies that a scan is about: those it names, or all that are active."""
    known = {one.strategy.id: one.strategy for one in uow.strategies.all_latest(scan.user_id)}
    if scan.strategy_ids:
        return [known[wanted] for wanted in scan.strategy_ids if wanted in known]
    return [strategy for strategy in known.values() if strategy.active]


def finish_scan(desk: Desk, scan: Scan, pairs: Sequence[ScanPair], screens: Sequence[Screen]) -> Scan | None:
    """Write what a scan came to and start its best; ``None`` where another process did so first."""
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        priorities = {one.id: score_rule_of(one).priority for one in strategies_of(uow, scan)}
        placed = ranked_pairs(pairs, priorities)
        runs = _start_best(desk, uow, scan, placed, now)
        done = replace(
            scan,
            status=ScanStatus.DONE,
            finished_at=now,
            pairs=len(placed),
            eligible=sum(pair.is_eligible for pair in placed),
            funnel=funnel_of(placed),
            screens=tuple(screen_order(screens)),
            run_ids=runs,
        )
        if not uow.scans.finish(done):
            return None
        uow.scans.add_pairs(done, placed)
        _end_firing(uow, done, now)
        facts = {"scan": done.id, "pairs": done.pairs, "eligible": done.eligible, "runs": " ".join(runs)}
        tell_user(uow, done.user_id, EventKind.SCAN_COMPLETED, now, **facts)
        uow.commit()
    for run in runs:
        desk.dispatch.enqueue(run, now)
    return done


def ranked_pairs(pairs: Sequence[ScanPair], priorities: dict[StrategyId, int]) -> list[ScanPair]:
    """Return the pairs in order, the eligible with their rank."""
    ordered = ranked(pairs, priorities)
    return [replace(pair, rank=rank) if pair.is_eligible else pair for rank, pair in enumerate(ordered, start=1)]


def _start_best(
    desk: Desk, uow: UnitOfWork, scan: Scan, placed: Sequence[ScanPair], now: datetime
) -> tuple[RunId, ...]:
    runs: list[RunId] = []
    for pair in placed:
        if len(runs) == scan.best or not pair.is_eligible or pair.strategy_id is None:
            break
        wanted = StartRun(
            user_id=scan.user_id,
            symbol=pair.symbol,
            strategy_id=pair.strategy_id,
            trigger=TriggerKind.SCAN,
            schedule_id=scan.schedule_id,
            schedule_due_at=scan.due_at,
            scan_id=scan.id,
        )
        run = write_run(desk, uow, wanted, now)
        if run is not None:
            runs.append(run.id)
    return tuple(runs)


def _end_firing(uow: UnitOfWork, scan: Scan, now: datetime) -> None:
    if scan.schedule_id is None or scan.due_at is None:
        return
    firing: Firing | None = uow.schedules.firing(scan.schedule_id, scan.due_at)
    if firing is None or firing.scan_id != scan.id:
        return
    facts = {**firing.facts, "pairs": str(scan.pairs), "eligible": str(scan.eligible)}
    ended = replace(firing, status=FiringStatus.DONE, finished_at=now, run_ids=scan.run_ids, facts=facts)
    uow.schedules.save_firing(ended)
    told = {"schedule": firing.schedule_id, "due_at": firing.due_at.isoformat(), "status": ended.status.value}
    tell_user(uow, firing.user_id, EventKind.FIRING_ENDED, now, reason="", runs=" ".join(scan.run_ids), **told)


def _slices(desk: Desk, work: Work, strategies: Sequence[Strategy]) -> Iterator[bool]:
    for symbol in work.scan.symbols:
        read = read_symbol(desk, work.scan.user_id, symbol, desk.clock.now())
        if isinstance(read, ScanPair):
            work.pairs.append(read)
            yield True
            continue
        yield from _judged_here(work, strategies, read)


def _judged_here(work: Work, strategies: Sequence[Strategy], read: SymbolMarket) -> Iterator[bool]:
    state = state_of(read)
    if isinstance(state, ScanPair):
        work.pairs.append(state)
        work.screens.append(unscreened(read.symbol))
        yield True
        return
    work.screens.append(screen(read, state))
    yield True
    for strategy in strategies:
        work.pairs.append(pair_of(strategy, state))
        yield True


def _slices_beside(desk: Desk, work: Work, strategies: Sequence[Strategy], aside: Aside) -> Iterator[bool]:
    # A turn only reads, or takes one answer in; a few symbols lie ready for the other process.
    judging: deque[Asked] = deque()
    judge = partial(judge_symbol, tuple(strategies))
    for symbol in work.scan.symbols:
        if len(judging) == AHEAD_MAX:
            yield from _taken_in(work, strategies, judging.popleft())
        for found in read_in_slices(desk, work.scan.user_id, symbol, desk.clock.now()):
            if isinstance(found, ScanPair):
                work.pairs.append(found)
            elif isinstance(found, SymbolMarket):
                judging.append((found, aside.submit(judge, found)))
            yield found is not Slice.WAITS
    while judging:
        yield from _taken_in(work, strategies, judging.popleft())
    aside.close()


def _taken_in(work: Work, strategies: Sequence[Strategy], asked: Asked) -> Iterator[bool]:
    read, answer = asked
    while not answer.done():
        yield False
    try:
        judged = answer.result()
    except (BrokenExecutor, CancelledError):  # the process died; what it had is judged here, a pair a turn
        log.warning("scan_process_died", symbol=read.symbol)
        yield from _judged_here(work, strategies, read)
        return
    work.pairs.extend(judged.pairs)
    work.screens.append(judged.screen)
    yield True
