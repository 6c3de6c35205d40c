"""The connections that broker and market stand on: what is lost and comes back is told, and kept with who was watched.

A connection that never was up is told as lost once it has had ``PATIENCE`` to come up.
"""

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from thetaloom.domain.book.line_gaps import GapInputs, LineGap, decide_gap
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import StepName
from thetaloom.domain.values.ids import RunId
from thetaloom.engine.desk import Desk
from thetaloom.engine.lineage import Decider, Executed, record
from thetaloom.engine.step import tell_user
from thetaloom.errors import StaleVersionError
from thetaloom.ports.links import Linked, LinkStatus
from thetaloom.ports.store import UnitOfWork

log = structlog.get_logger()

GAP_DECIDER = Decider(name="line_gap", inputs=GapInputs, decide=decide_gap)
PATIENCE = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A connection as it was last seen."""

    drops: int
    down_since: datetime | None  # None: up
    is_told: bool  # that it is down
    reason: str = ""  # why it is down


def links_of(desk: Desk) -> dict[str, tuple[str, LinkStatus]]:
    """Return the connections by name, each with whose it is; the same one of broker and market counts once."""
    found: dict[str, tuple[str, LinkStatus]] = {}
    for part in (desk.broker, desk.market):
        if isinstance(part, Linked):
            for link in part.links():
                found.setdefault(link.name, (part.name, link))
    return found


def lost_links(desk: Desk) -> list[LinkStatus]:
    """Return the connections that are down and that somebody waits for."""
    return [link for _, link in links_of(desk).values() if link.is_needed and not link.is_up]


class LineWatch:
    """Looks at the connections and tells what changed since the last look."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._seen: dict[str, _Seen] = {}

    def look(self, watched: Collection[RunId]) -> bool:
        """Tell what was lost and what came back; return whether anything was told."""
        now, has_told = self._desk.clock.now(), False
        for source, link in links_of(self._desk).values():
            before = self._seen.get(link.name)
            for kind, gap in self._changes(source, link, before, now):
                self._tell(kind, gap, watched if kind is EventKind.CONNECTION_RESTORED else ())
                has_told = True
        return has_told

    def _changes(
        self, source: str, link: LinkStatus, before: _Seen | None, now: datetime
    ) -> Iterator[tuple[EventKind, LineGap]]:
        since = now if link.since is None else min(link.since, now)
        if not link.is_needed:
            self._seen.pop(link.name, None)
            if before is not None and before.is_told:  # it is down, and nobody waits for it any more
                yield (
                    EventKind.CONNECTION_RESTORED,
                    _gap(source, link, before.down_since or now, now, reason=before.reason),
                )
            return
        if link.is_up:
            self._seen[link.name] = _Seen(drops=link.drops, down_since=None, is_told=False)
            if before is None:
                return
            began = before.down_since or since
            gap = _gap(source, link, began, since, reason=before.reason or link.reason)
            if before.down_since is None and link.drops > before.drops:  # lost and back between two looks
                yield EventKind.CONNECTION_DROPPED, gap
            if before.is_told or link.drops > before.drops:
                yield EventKind.CONNECTION_RESTORED, gap
            return
        down_since = since if before is None or before.down_since is None else before.down_since
        was_up = before is not None and (before.down_since is None or before.is_told)
        is_told = was_up or now - down_since >= PATIENCE
        self._seen[link.name] = _Seen(drops=link.drops, down_since=down_since, is_told=is_told, reason=link.reason)
        if is_told and not (before is not None and before.is_told):
            yield EventKind.CONNECTION_DROPPED, _gap(source, link, down_since, now, reason=link.reason)

    def _tell(self, kind: EventKind, gap: LineGap, watched: Collection[RunId]) -> None:
        desk = self._desk
        now = desk.clock.now()
        facts = {"connection": gap.connection, "source": gap.source, "since": gap.began_at.isoformat()}
        if kind is EventKind.CONNECTION_RESTORED:
            seconds = round((gap.ended_at - gap.began_at).total_seconds())
            facts |= {"ended": gap.ended_at.isoformat(), "seconds": str(seconds)}
        with desk.store.unit_of_work() as uow:
            owner = uow.accounts.owner(desk.broker.account_id)
            if owner is not None:
                tell_user(uow, owner, kind, now, **facts, reason=gap.reason)
            uow.commit()
        log.warning(kind.value, connection=gap.connection, reason=gap.reason)
        for run in watched:
            keep_gap(desk, run, gap, now)


def keep_gap(desk: Desk, run_id: RunId, gap: LineGap, now: datetime) -> None:
    """Write a gap into the lineage of a run that held a position meanwhile."""
    try:
        with desk.store.unit_of_work() as uow:
            _record(desk, uow, run_id, gap, now)
            uow.commit()
    except StaleVersionError:
        log.info("run_moved_by_another_worker", run=run_id)  # the event tells of the gap all the same


def _record(desk: Desk, uow: UnitOfWork, run_id: RunId, gap: LineGap, now: datetime) -> None:
    run, position = uow.runs.get(run_id), uow.positions.of_run(run_id)
    if run is None or position is None or run.is_final:
        return
    began = time.perf_counter_ns()
    given = GapInputs(gap=gap, position_id=position.id)
    executed = Executed(
        step=StepName.MANAGE_POSITION,
        decider=GAP_DECIDER,
        inputs=given,
        output=decide_gap(given),
        started_at=now,
        duration_us=(time.perf_counter_ns() - began) // 1000,
    )
    uow.runs.save(record(desk, uow, run, executed))


def _gap(source: str, link: LinkStatus, began: datetime, ended: datetime, *, reason: str) -> LineGap:
    return LineGap(connection=link.name, source=source, began_at=began, ended_at=max(began, ended), reason=reason)
