"""Signals in the database: sources, what came from them, and the trail that every change leaves."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Column, Connection, Select, bindparam, delete, func, insert, select, text, update

from thetaloom.domain.run.signal_records import SignalScore
from thetaloom.domain.run.signal_sources import SignalSource
from thetaloom.domain.run.signals import Direction, Signal, SignalAction, SignalStage, TrailEntry
from thetaloom.domain.values.ids import RunId, SignalId, UserId
from thetaloom.store.database import Database
from thetaloom.store.signal_tables import signal_scores, signal_sources, signal_trail
from thetaloom.store.signal_tables import signals as table
from thetaloom.store.statements import columns_of, insert_or_skip, row_of, swap, value_of, values_of, versioned_update

ALIKE_MAX, RECENT_MAX = 10, 500
TAKEN = (SignalStage.ACCEPTED, SignalStage.STARTED, SignalStage.FINISHED)


def _bound(name: str, column: Column[Any]) -> BindParameter[Any]:
    return bindparam(name, type_=column.type)


_SELECT = select(*columns_of(table, Signal))
_GET = _SELECT.where(table.c.id == bindparam("of_id"))
_SOURCES = select(*columns_of(signal_sources, SignalSource))
_SCORES = select(*columns_of(signal_scores, SignalScore)).where(
    signal_scores.c.user_id == bindparam("of_user"), signal_scores.c.source == bindparam("of_source")
)
_TRAIL = select(*columns_of(signal_trail, TrailEntry)).order_by(signal_trail.c.seq)
_UPDATE = versioned_update(table)
_ADD, _TELL = insert(table), insert(signal_trail)
# Built once: an intake asks all of these, and its sender waits for the answers.
_OF_USER = table.c.user_id == bindparam("of_user")
_OF_SYMBOL = (table.c.symbol == bindparam("of_symbol"), table.c.direction == _bound("of_direction", table.c.direction))
_OF_CONTENT = (table.c.source == bindparam("of_source"), table.c.content_key == bindparam("of_key"))
_SOURCES_OF = _SOURCES.where(signal_sources.c.user_id == bindparam("of_user")).order_by(signal_sources.c.name)
_SOURCE = _SOURCES.where(
    signal_sources.c.user_id == bindparam("of_user"), signal_sources.c.name == bindparam("of_source")
)
_BY_SENDER = _SELECT.where(
    _OF_USER, table.c.source == bindparam("of_source"), table.c.sender_id == bindparam("of_sender")
)
_ALIKE = (
    _SELECT.where(_OF_USER, *_OF_CONTENT, table.c.stage != SignalStage.REFUSED)
    .order_by(table.c.received_at.desc())
    .limit(ALIKE_MAX)
)
_TOLD = select(func.count()).select_from(table).where(_OF_USER, *_OF_CONTENT)
_OPENING = (
    _SELECT.where(_OF_USER, *_OF_SYMBOL, table.c.action == SignalAction.OPEN, table.c.stage.in_(TAKEN))
    .order_by(table.c.received_at.desc())
    .limit(1)
)
_QUEUED = _SELECT.where(
    _OF_USER, *_OF_SYMBOL, table.c.due_at.is_not(None), table.c.stage == SignalStage.QUEUED
).order_by(table.c.received_at)
_DUE = (
    _SELECT.where(table.c.due_at.is_not(None), table.c.due_at <= _bound("now", table.c.due_at))
    .order_by(table.c.due_at, table.c.received_at, table.c.id)
    .limit(bindparam("count"))
)
_RECENT = (
    _SELECT.where(
        _OF_USER,
        table.c.symbol.in_(bindparam("of_symbols", expanding=True)),
        table.c.received_at >= _bound("since", table.c.received_at),
    )
    .order_by(table.c.received_at.desc(), table.c.id)
    .limit(RECENT_MAX)
)
_NEXT_DUE = select(table.c.due_at).where(table.c.due_at.is_not(None)).order_by(table.c.due_at).limit(1)
_ONE_INTAKE_AT_A_TIME = text("SELECT pg_advisory_xact_lock(7108020)")  # else two copies could both be the first


class SqlSignals:
    """Signals in the database."""

    def __init__(self, connection: Connection, database: Database) -> None:
        self._connection = connection
        self._database = database
        self._is_sqlite = database.is_sqlite

    def take_turn(self) -> None:
        """Let one intake at a time go on, until this transaction ends; SQLite has one writer anyhow."""
        if not self._is_sqlite:
            self._connection.execute(_ONE_INTAKE_AT_A_TIME)

    def source(self, user: UserId, name: str) -> SignalSource | None:
        """Return the profile of a source."""
        row = self._connection.execute(_SOURCE, {"of_user": user, "of_source": name}).first()
        return None if row is None else value_of(SignalSource, row)

    def sources(self, user: UserId) -> Sequence[SignalSource]:
        """Return the user's profiles by name."""
        return values_of(SignalSource, self._connection.execute(_SOURCES_OF, {"of_user": user}))

    def save_source(self, source: SignalSource) -> None:
        """Write a profile in the place of the one before."""
        of = (signal_sources.c.user_id == source.user_id, signal_sources.c.name == source.name)
        self._connection.execute(delete(signal_sources).where(*of))
        self._connection.execute(insert(signal_sources), row_of(source))

    def get(self, signal: SignalId) -> Signal | None:
        """Return a signal as it stands."""
        return self._first(_GET, of_id=signal)

    def by_sender(self, user: UserId, source: str, sender_id: str) -> Signal | None:
        """Return the signal with the sender's own id."""
        return self._first(_BY_SENDER, of_user=user, of_source=source, of_sender=sender_id)

    def alike(self, user: UserId, source: str, content_key: str) -> Sequence[Signal]:
        """Return the newest signals of a source that said the same and were not refused, newest first."""
        terms = {"of_user": user, "of_source": source, "of_key": content_key}
        return values_of(Signal, self._connection.execute(_ALIKE, terms))

    def last_opening(self, user: UserId, symbol: str, direction: Direction) -> Signal | None:
        """Return the newest signal that was taken to open on this symbol in this direction."""
        return self._first(_OPENING, of_user=user, of_symbol=symbol, of_direction=direction)

    def queued(self, user: UserId, symbol: str, direction: Direction) -> Sequence[Signal]:
        """Return the signals that wait for the open on this symbol in this direction."""
        terms = {"of_user": user, "of_symbol": symbol, "of_direction": direction}
        return values_of(Signal, self._connection.execute(_QUEUED, terms))

    def recent(self, user: UserId, symbols: Iterable[str], since: datetime) -> Sequence[Signal]:
        """Return what was said of these symbols from ``since`` on, oldest first."""
        terms = {"of_user": user, "of_symbols": sorted(symbols), "since": since}
        return values_of(Signal, self._connection.execute(_RECENT, terms))[::-1]

    def due(self, now: datetime, limit: int) -> Sequence[Signal]:
        """Return the signals that wait and are due, in the order in which they came."""
        return values_of(Signal, self._connection.execute(_DUE, {"now": now, "count": limit}))

    def next_due_at(self) -> datetime | None:
        """Return when the next signal is due; ``None`` while none waits."""
        found: datetime | None = self._connection.scalar(_NEXT_DUE)
        return found

    def of_run(self, run: RunId) -> Signal | None:
        """Return the signal that started a run."""
        return self._first(_SELECT.where(table.c.run_id == run))

    def add(self, signal: Signal, actor: str) -> None:
        """Write a new signal with the first entry of its trail."""
        self._connection.execute(_ADD, row_of(signal))
        self._tell(TrailEntry(signal_id=signal.id, seq=1, stage=signal.stage, actor=actor, at=signal.received_at))

    def move(
        self,
        signal: Signal,
        actor: str,
        now: datetime,
        *,
        facts: Mapping[str, str] | None = None,
        evidence: str = "",
    ) -> Signal:
        """Write a signal at its new stage, with the entry in its trail; return it with its next version."""
        saved = replace(signal, version=signal.version + 1)
        swap(self._connection, _UPDATE, saved)
        self._tell(
            TrailEntry(
                signal_id=signal.id,
                seq=saved.version + 1,  # a signal has one entry for its coming, and one for each change
                stage=signal.stage,
                actor=actor,
                reason=signal.reason,
                facts=dict(facts or {}),
                evidence=evidence,
                at=now,
            )
        )
        return saved

    def told(self, user: UserId, source: str, content_key: str) -> int:
        """Count how often a source said this, whatever became of it."""
        terms = {"of_user": user, "of_source": source, "of_key": content_key}
        return self._connection.scalar(_TOLD, terms) or 0

    def repeat(self, signal: SignalId) -> None:
        """Count that the signal came once more."""
        self._connection.execute(update(table).where(table.c.id == signal).values(repeats=table.c.repeats + 1))

    def add_score(self, score: SignalScore) -> None:
        """Write how a run came out for a source; one that is there already stays as it is."""
        self._connection.execute(insert_or_skip(self._database, signal_scores), row_of(score))

    def scores(self, user: UserId, source: str) -> Sequence[SignalScore]:
        """Return how a source's words came out."""
        of = {"of_user": user, "of_source": source}
        return values_of(SignalScore, self._connection.execute(_SCORES, of))

    def trail(self, signal: SignalId) -> Sequence[TrailEntry]:
        """Return a signal's trail, oldest entry first."""
        return values_of(TrailEntry, self._connection.execute(_TRAIL.where(signal_trail.c.signal_id == signal)))

    def counts(self, user: UserId) -> Mapping[SignalStage, int]:
        """Return how many signals stand at each stage."""
        counted = select(table.c.stage, func.count()).where(table.c.user_id == user).group_by(table.c.stage)
        return {stage: count for stage, count in self._connection.execute(counted)}

    def _tell(self, entry: TrailEntry) -> None:
        self._connection.execute(_TELL, row_of(entry))

    def _first(self, wanted: Select[Any], **terms: object) -> Signal | None:
        row = self._connection.execute(wanted, terms).first()
        return None if row is None else value_of(Signal, row)
