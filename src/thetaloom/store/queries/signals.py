"""Signals for people: lists, and one with its trail and what was made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, func, select

from thetaloom.domain.run.runs import StepName
from thetaloom.domain.run.signal_records import SignalScore, SourceRecord, record_of
from thetaloom.domain.run.signal_sources import SignalSource
from thetaloom.domain.run.signals import Direction, Signal, SignalAction, SignalStage, TrailEntry
from thetaloom.domain.values.ids import RunId, UserId
from thetaloom.errors import NotFound
from thetaloom.store.database import Database
from thetaloom.store.queries.lineage import step_record
from thetaloom.store.queries.listing import USUAL, Listing, Wish, each_of, sortable
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, matching, owned
from thetaloom.store.signal_tables import signal_scores, signal_sources, signal_trail
from thetaloom.store.signal_tables import signals as table
from thetaloom.store.statements import columns_of, value_of, values_of

_SELECT = select(*columns_of(table, Signal))
SIGNALS = Listing(
    table=table,
    kind=Signal,
    usual=(table.c.received_at.desc(), table.c.id),
    sorts=sortable(
        table, "symbol", "source", "action", "direction", "timeframe", "confidence", "stage", "reason", "received_at"
    ),
    texts=(table.c.id, table.c.symbol, table.c.source, table.c.reason, table.c.run_id),
    choices={
        "stage": each_of(table.c.stage, SignalStage),
        "action": each_of(table.c.action, SignalAction),
        "direction": each_of(table.c.direction, Direction),
    },
    words={"symbol": table.c.symbol, "source": table.c.source},
)
# Built once: each webhook asks for its source before anything else.
_SOURCE = select(*columns_of(signal_sources, SignalSource)).where(
    owned(signal_sources, bindparam("of_user")),  # type: ignore[arg-type]  # whose it is, is bound with each question
    signal_sources.c.name == bindparam("of_source"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDetail:
    """One signal with its trail, and the tables of confluence and confidence from its run's first record."""

    signal: Signal
    trail: tuple[TrailEntry, ...]
    judged: Mapping[str, Any] | None


def list_signals(
    database: Database,
    user: UserId,
    *,
    symbol: str | None = None,
    source: str | None = None,
    stage: SignalStage | None = None,
    wish: Wish = USUAL,
    window: Window = FIRST_PAGE,
) -> Page[Signal]:
    """Return the user's signals, newest first."""
    wanted = [*matching(table.c.symbol, symbol), *matching(table.c.source, source), *matching(table.c.stage, stage)]
    return SIGNALS.page(database, user, *wanted, wish=wish, window=window)


def signal_detail(database: Database, user: UserId, signal: str) -> SignalDetail:
    """Return one signal. Raises ``NotFound`` for one of somebody else."""
    entries = select(*columns_of(signal_trail, TrailEntry)).where(signal_trail.c.signal_id == signal)
    with database.connect() as connection:
        row = connection.execute(_SELECT.where(owned(table, user), table.c.id == signal)).first()
        trail = values_of(TrailEntry, connection.execute(entries.order_by(signal_trail.c.seq)))
    if row is None:
        raise NotFound(f"no signal has the id {signal!r}", advice="`thetaloom signal list` shows the signals.")
    found = value_of(Signal, row)
    return SignalDetail(signal=found, trail=trail, judged=_judged(database, user, found.run_id))


def list_sources(database: Database, user: UserId) -> Sequence[SignalSource]:
    """Return the user's sources by name."""
    wanted = select(*columns_of(signal_sources, SignalSource)).where(owned(signal_sources, user))
    with database.connect() as connection:
        return values_of(SignalSource, connection.execute(wanted.order_by(signal_sources.c.name)))


def source_records(database: Database, user: UserId) -> Mapping[str, SourceRecord]:
    """Return how often each source was right, of those that were ever judged."""
    found: dict[str, list[SignalScore]] = {}
    with database.connect() as connection:
        for row in connection.execute(
            select(*columns_of(signal_scores, SignalScore)).where(owned(signal_scores, user))
        ):
            found.setdefault(row.source, []).append(value_of(SignalScore, row))
    return {source: record_of(scores) for source, scores in found.items()}


def find_source(database: Database, user: UserId, name: str) -> SignalSource | None:
    """Return one source."""
    with database.connect() as connection:
        row = connection.execute(_SOURCE, {"of_user": user, "of_source": name}).first()
    return None if row is None else value_of(SignalSource, row)


def count_stages(database: Database, user: UserId) -> Mapping[SignalStage, int]:
    """Return how many of the user's signals stand at each stage."""
    counted = select(table.c.stage, func.count()).where(owned(table, user)).group_by(table.c.stage)
    with database.connect() as connection:
        return {stage: count for stage, count in connection.execute(counted)}


def _judged(database: Database, user: UserId, run: RunId | None) -> Mapping[str, Any] | None:
    if run is None:
        return None
    try:
        found = step_record(database, user, run, step=StepName.TRIGGER)
    except NotFound:  # the run is due, and has not begun
        return None
    content = None if found.output is None else found.output.content
    judged = content.get("signal") if isinstance(content, dict) else None
    return judged if isinstance(judged, dict) else None
