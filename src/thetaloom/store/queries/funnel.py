"""The funnel of a period: how many pairs scans looked at, why they fell, what was proposed, and what became of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.scans import FunnelRow
from thetaloom.domain.values.ids import UserId
from thetaloom.store.database import Database
from thetaloom.store.queries.paging import owned, since
from thetaloom.store.schedule_tables import scans
from thetaloom.store.schema import positions, proposals


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """From pairs of symbol and strategy to positions; each number is of the period."""

    scans: int
    pairs: int
    fell: tuple[FunnelRow, ...]  # the most frequent reason first
    eligible: int
    started: int  # runs, by scans
    proposed: int  # whoever started the run
    by_status: Mapping[ProposalStatus, int]
    opened: int  # positions


def funnel(database: Database, user: UserId, *, start: datetime | None = None) -> Funnel:
    """Return the funnel of the user, of all time or from ``start`` on."""
    asked = select(scans.c.pairs, scans.c.eligible, scans.c.funnel, scans.c.run_ids)
    counted = select(proposals.c.status, func.count()).where(
        owned(proposals, user), *since(proposals.c.created_at, start)
    )
    opened = select(func.count()).where(owned(positions, user), *since(positions.c.opened_at, start))
    with database.connect() as connection:
        found = connection.execute(asked.where(owned(scans, user), *since(scans.c.asked_at, start))).all()
        statuses = {status: int(count) for status, count in connection.execute(counted.group_by(proposals.c.status))}
        held = connection.scalar(opened) or 0
    fell: Counter[str] = Counter()
    for scan in found:
        for row in scan.funnel:
            fell[row.reason] += row.pairs
    shown = sum(statuses.values()) - statuses.get(ProposalStatus.SUPERSEDED, 0)  # versions are one proposal
    return Funnel(
        scans=len(found),
        pairs=sum(scan.pairs for scan in found),
        fell=tuple(FunnelRow(reason=reason, pairs=count) for reason, count in fell.most_common()),
        eligible=sum(scan.eligible for scan in found),
        started=sum(len(scan.run_ids) for scan in found),
        proposed=shown,
        by_status=statuses,
        opened=held,
    )
