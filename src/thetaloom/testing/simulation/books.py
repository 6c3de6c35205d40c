"""All that our books hold at one moment, read in one snapshot."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, select
from sqlalchemy.dialects import sqlite

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.values.ids import AccountId, ClientOrderId, RunId, make_proposal_id
from thetaloom.store.database import Database
from thetaloom.store.repositories.accounts import SqlAccounts
from thetaloom.store.schema import fills, orders, positions, proposals, runs
from thetaloom.store.statements import columns_of

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)
DIALECT = sqlite.dialect()


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBooks:
    """One run with everything that hangs on it."""

    run: WorkflowRun
    proposals: tuple[Proposal, ...]
    orders: tuple[Order, ...]
    fills: Mapping[ClientOrderId, tuple[Fill, ...]]
    position: Position | None

    @property
    def is_held(self) -> bool:
        """Whether the position still holds anything."""
        return self.position is not None and self.position.is_open

    @property
    def notation(self) -> str:
        """What the position holds, in words."""
        held = {} if self.position is None else self.position.held
        return ", ".join(f"{number:+d} {contract.notation}" for contract, number in held.items()) or "nothing"

    def orders_to(self, effect: Effect) -> list[Order]:
        """Return the orders that open, or those that close."""
        return [order for order in self.orders if order.effect is effect]


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Our books of one account."""

    runs: tuple[RunBooks, ...]
    report_cursor: int
    halts: Mapping[str, str]

    def run(self, run: RunId) -> RunBooks:
        """Return the books of one run."""
        return next(one for one in self.runs if one.run.id == run)


class BookReader:
    """Reads all books in a few statements and decodes a row only when it changed since the last time."""

    def __init__(self, account: AccountId) -> None:
        self._account = account
        self._last = Books(runs=(), report_cursor=-1, halts={})
        self._runs: _Rows[WorkflowRun] = _Rows(WorkflowRun, runs, "created_at", "id")
        self._proposals: _Rows[Proposal] = _Rows(Proposal, proposals, "created_at", "id")
        self._orders: _Rows[Order] = _Rows(Order, orders, "staged_at", "sequence", "client_order_id")
        self._fills: _Rows[Fill] = _Rows(Fill, fills, "filled_at", "fill_id")
        self._positions: _Rows[Position] = _Rows(Position, positions, "id")

    def read(self, database: Database) -> Books:
        """Read the books in one snapshot; where nothing changed since the last time, they are the same object."""
        with database.connect() as connection:
            proposed = _grouped(self._proposals.read(connection), lambda one: one.run_id)
            ordered = _grouped(self._orders.read(connection), lambda one: one.run_id)
            filled = _grouped(self._fills.read(connection), lambda one: one.client_order_id)
            held = {position.run_id: position for position in self._positions.read(connection)}
            found = []
            for run in self._runs.read(connection):
                of_run = tuple(ordered.get(run.id, ()))
                found.append(
                    RunBooks(
                        run=run,
                        proposals=_in_order(run.id, tuple(proposed.get(run.id, ()))),
                        orders=of_run,
                        fills={one.client_order_id: tuple(filled.get(one.client_order_id, ())) for one in of_run},
                        position=held.get(run.id),
                    )
                )
            accounts = SqlAccounts(connection, database)
            cursor, halts = accounts.report_cursor(self._account), dict(accounts.halts())
        books = Books(runs=tuple(found), report_cursor=cursor, halts=halts)
        if books != self._last:
            self._last = books
        return self._last


class _Rows(Generic[T]):
    """The values of one table."""

    def __init__(self, kind: type[T], table: Table, *order_by: str) -> None:
        self._kind = kind
        columns = columns_of(table, kind)
        self._select = str(select(*columns).order_by(*(table.c[name] for name in order_by)).compile(dialect=DIALECT))
        self._decoders = {str(column.name): _decoder(table.c[str(column.name)]) for column in columns}
        self._known: dict[tuple[object, ...], T] = {}

    def read(self, connection: Connection) -> list[T]:
        """Return all values."""
        known, self._known = self._known, {}
        for row in connection.exec_driver_sql(self._select):
            raw = tuple(row)
            self._known[raw] = known[raw] if raw in known else self._decoded(raw)
        return list(self._known.values())

    def _decoded(self, raw: tuple[object, ...]) -> T:
        decoders = zip(self._decoders.items(), raw, strict=True)
        return self._kind(**{name: decode(content) for (name, decode), content in decoders})


def _decoder(column: ColumnElement[Any]) -> Callable[[Any], Any]:
    return column.type.dialect_impl(DIALECT).result_processor(DIALECT, None) or (lambda raw: raw)


def _grouped(values: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    found: dict[K, list[T]] = {}
    for one in values:
        found.setdefault(key(one), []).append(one)
    return found


def _in_order(run: RunId, made: tuple[Proposal, ...]) -> tuple[Proposal, ...]:
    if len(made) < 2:
        return made
    place = {make_proposal_id(run, attempt): attempt for attempt in range(1, len(made) + 1)}
    return tuple(sorted(made, key=lambda proposal: place[proposal.id]))
