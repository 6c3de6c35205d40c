"""When nobody could see what a position is worth: a connection was down, or its quotes could not be believed."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, select

from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import StepName
from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.reasons import Reason
from thetaloom.store.database import Database
from thetaloom.store.lineage_tables import OF_SIGHT, events, lineage
from thetaloom.store.queries.paging import owned
from thetaloom.store.repositories.lineage import whole_evidence

QUOTES = "quotes of its legs"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteGap:
    """One such time within the life of a position."""

    what: str  # the connection, or the quotes
    source: str  # the broker or the market whose connection it is; empty: of whoever spoke then
    began_at: datetime
    ended_at: datetime | None  # None: nobody told of an end
    reason: str
    seq: int | None = None  # of the record of the run that keeps it

    @property
    def seconds(self) -> int | None:
        """How long it was."""
        return None if self.ended_at is None else round((self.ended_at - self.began_at).total_seconds())


def gaps_of_position(database: Database, user: UserId, position: Position) -> tuple[QuoteGap, ...]:
    """Return the gaps of a position of the user's, oldest first; each as far as the position was held."""
    with database.connect() as connection:
        found = [*_of_lines(connection, user, position), *_of_quotes(connection, user, position)]
    within = (_within(gap, position) for gap in sorted(found, key=lambda gap: gap.began_at))
    return tuple(gap for gap in within if gap is not None)


def _of_lines(connection: Connection, user: UserId, position: Position) -> Iterator[QuoteGap]:
    chosen = select(lineage.c.seq, lineage.c.output_digest).where(
        owned(lineage, user),
        lineage.c.run_id == position.run_id,
        lineage.c.step == StepName.MANAGE_POSITION,
        lineage.c.reason == Reason.LINE_GAP.value,
    )
    records = {row.seq: row.output_digest for row in connection.execute(chosen.order_by(lineage.c.seq))}
    contents = whole_evidence(connection, set(records.values()))
    for seq, digest in records.items():
        if digest in contents:
            said = json.loads(contents[digest])
            yield QuoteGap(
                what=said["connection"],
                source=said["source"],
                began_at=datetime.fromisoformat(said["began_at"]),
                ended_at=datetime.fromisoformat(said["ended_at"]),
                reason=said["reason"],
                seq=seq,
            )


def _of_quotes(connection: Connection, user: UserId, position: Position) -> Iterator[QuoteGap]:
    chosen = select(events.c.kind, events.c.happened_at, events.c.facts).where(
        OF_SIGHT, events.c.run_id == position.run_id, owned(events, user)
    )
    began: tuple[datetime, Mapping[str, str]] | None = None
    for row in connection.execute(chosen.order_by(events.c.sequence)):
        if began is not None:  # told twice: whoever watched was started again
            ended = row.happened_at if row.kind is EventKind.POSITION_SIGHTED else None
            yield _unseen(began, ended)
        began = (row.happened_at, row.facts) if row.kind is EventKind.POSITION_BLINDED else None
    if began is not None:
        yield _unseen(began, None)


def _unseen(began: tuple[datetime, Mapping[str, str]], ended: datetime | None) -> QuoteGap:
    at, facts = began
    return QuoteGap(what=QUOTES, source="", began_at=at, ended_at=ended, reason=facts.get("quotes", ""))


def _within(gap: QuoteGap, position: Position) -> QuoteGap | None:
    closed = position.closed_at
    ended = gap.ended_at if closed is None else min(gap.ended_at or closed, closed)
    if (closed is not None and gap.began_at >= closed) or (ended is not None and ended < position.opened_at):
        return None
    return replace(gap, began_at=max(gap.began_at, position.opened_at), ended_at=ended)
