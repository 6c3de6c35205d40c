"""What a broker told of one account, kept for ever: orders that we sent, reports, transactions, and how far we read.

A broker's stream, its answers and its books tell the same facts, late, twice and out of order. Each fact has a key of
the broker's own, an execution's id for one, and is written once under it. Sequences are given here: they grow, are
never reused, and outlive restarts and kills.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.leg_fills import LegExecution
from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import BrokerReport, ReportKind
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.values.canonical import canonical_json, from_json
from thetaloom.domain.values.ids import AccountId, BrokerOrderId, ClientOrderId
from thetaloom.domain.values.money import Price
from thetaloom.errors import BrokerUnavailable, ConfigError, NotFound
from thetaloom.links import book_statements as q
from thetaloom.links.book_tables import accounts, metadata
from thetaloom.links.books_database import commit_books, connect_books
from thetaloom.ports.clock import Clock

KEYS_KEPT = 4_096  # of the newest reports: what is told again is known without a look into the database
CREATE_LOCK = 7_384_212  # any number that no other program locks in the same PostgreSQL database
ENDS = {
    ReportKind.REJECTED: OrderStatus.REJECTED,
    ReportKind.CANCELED: OrderStatus.CANCELED,
    ReportKind.EXPIRED: OrderStatus.EXPIRED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SentOrder:
    """An order of ours and what the broker has told of it so far."""

    order: Order  # as it was sent first
    number: int  # of our orders at this broker, from 1
    broker_order_ids: tuple[BrokerOrderId, ...] = ()  # oldest first; a replacement may have an id of its own
    limit_price: Price  # that the broker is known to have
    revision: int = 0  # the newest that was asked for
    status: OrderStatus = OrderStatus.SUBMITTED
    filled: int = 0  # whole structures
    executed: dict[str, int] = field(default_factory=dict)  # contracts by compact symbol, bought positive

    @property
    def client_order_id(self) -> ClientOrderId:
        """Our id of it."""
        return self.order.client_order_id

    @property
    def broker_order_id(self) -> BrokerOrderId | None:
        """The broker's newest id of it; ``None`` while it has not answered."""
        return self.broker_order_ids[-1] if self.broker_order_ids else None

    @property
    def is_open(self) -> bool:
        """Whether it may still fill, by all that was told."""
        return self.status in {OrderStatus.SUBMITTED, OrderStatus.WORKING}


class ReportBook:
    """The book of one account at one broker; its methods may be called from any thread."""

    def __init__(self, database_url: str, broker: str, account_id: AccountId, clock: Clock) -> None:
        self._whose = f"what {broker} told"
        self._mine = {"broker": broker, "account_id": account_id}
        self._clock = clock
        self._wakes: list[Callable[[], None]] = []
        self._writing = threading.Lock()  # of this process; another's is kept out by the database
        self._reported: dict[str, None] = {}  # keys that are in the database, oldest first
        self._engine = connect_books(database_url, self._whose)
        try:
            self._create()
        except DBAPIError as error:
            raise ConfigError(f"{self._whose} cannot be opened: {error.orig}") from error

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def on_report(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called after there is a new report or a transaction."""
        self._wakes.append(wake)

    def note_sent(self, order: Order) -> SentOrder:
        """Write an order down before it is sent; one that is known already is returned as it is."""
        return self.note_once(order)[0]

    def note_once(self, order: Order) -> tuple[SentOrder, bool]:
        """Do the same, and tell whether it is written down for the first time."""
        with self._write() as connection:
            known = self._sent(connection, order.client_order_id)
            if known is not None:
                return known, False
            number = self._next(connection, q.NEXT_ORDER)
            sent = SentOrder(order=order, number=number, limit_price=order.limit_price, revision=order.revision)
            row = self._mine | {"client_order_id": order.client_order_id, "number": number} | _row(sent)
            connection.execute(q.ADD_ORDER, row)
        return sent, True

    def note_replace(self, client_order_id: ClientOrderId, revision: int) -> bool:
        """Write down, before it is sent, that a limit shall move; ``False`` for a revision that is not newer."""
        with self._write() as connection:
            sent = self._sent(connection, client_order_id)
            if sent is None or revision <= sent.revision:
                return False
            self._save(connection, replace(sent, revision=revision))
        return True

    def bind(self, client_order_id: ClientOrderId, broker_order_id: BrokerOrderId) -> None:
        """Write down the broker's id of an order, or of what replaced it. Raises ``NotFound`` for an order not ours."""
        with self._write() as connection:
            sent = self._sent(connection, client_order_id)
            if sent is None:
                raise NotFound(f"order {client_order_id} was not sent from here")
            self._save(connection, self._bound(connection, sent, broker_order_id))

    def sent(self, client_order_id: ClientOrderId) -> SentOrder | None:
        """Return an order of ours; ``None`` where none of this id was sent from here."""
        with self._read() as connection:
            return self._sent(connection, client_order_id)

    def sent_as(
        self, *broker_order_ids: BrokerOrderId, client_order_id: ClientOrderId | None = None
    ) -> SentOrder | None:
        """Return the order of ours that the broker knows, or knew, under the first of its ids that is one, or ours."""
        with self._read() as connection:
            for one in broker_order_ids:
                found = connection.scalar(q.OWNER, self._mine | {"broker_order_id": one})
                if found is not None:
                    return self._sent(connection, ClientOrderId(found))
            return None if client_order_id is None else self._sent(connection, client_order_id)

    def open_sent(self) -> list[SentOrder]:
        """Return our orders that may still fill by what was told, oldest first."""
        with self._read() as connection:
            return [from_json(body.encode(), SentOrder) for body in connection.scalars(q.OPEN, self._mine)]

    def report(
        self,
        key: str,
        kind: ReportKind,
        client_order_id: ClientOrderId,
        *,
        at: datetime,
        broker_order_id: BrokerOrderId | None = None,
        fill: Fill | None = None,
        execution: LegExecution | None = None,
        limit_price: Price | None = None,
        message: str = "",
        refusal: Refusal | None = None,
    ) -> bool:
        """Write a report; ``False`` where one of this key was written before, and nothing changed."""
        if key in self._reported:
            return False
        with self._write() as connection:
            if connection.scalar(q.REPORT_OF_KEY, self._mine | {"key": key}) is not None:
                return False
            told = BrokerReport(
                sequence=self._next(connection, q.NEXT_REPORT),
                kind=kind,
                client_order_id=client_order_id,
                broker_order_id=broker_order_id,
                reported_at=at,
                fill=fill,
                execution=execution,
                limit_price=limit_price,
                message=message,
                refusal=refusal,
            )
            row = self._mine | {"sequence": told.sequence, "key": key, "body": canonical_json(told).decode()}
            connection.execute(q.ADD_REPORT, row)
            sent = self._sent(connection, client_order_id)
            if sent is not None:
                if broker_order_id is not None:
                    sent = self._bound(connection, sent, broker_order_id)
                self._save(connection, _after(sent, told))
        self._remember(key)
        self._wake()
        return True

    def record(self, happened: Iterable[Transaction]) -> int:
        """Write the transactions whose ids are new, in the order given; return how many were."""
        written = 0
        with self._write() as connection:
            for one in happened:
                if connection.scalar(q.TRANSACTION_OF_ID, self._mine | {"transaction_id": one.transaction_id}):
                    continue
                kept = replace(one, sequence=self._next(connection, q.NEXT_TRANSACTION))
                row = {"sequence": kept.sequence, "transaction_id": kept.transaction_id}
                body = {"body": canonical_json(kept).decode()}
                connection.execute(q.ADD_TRANSACTION, self._mine | row | body)
                written += 1
        if written:
            self._wake()
        return written

    def reports_since(self, sequence: int) -> list[BrokerReport]:
        """Return the reports after ``sequence``, oldest first."""
        with self._read() as connection:
            bodies = connection.scalars(q.REPORTS_AFTER, self._mine | {"after": sequence}).all()
        return [from_json(body.encode(), BrokerReport) for body in bodies]

    def transactions(self, after: int) -> list[Transaction]:
        """Return the transactions after a sequence, oldest first."""
        with self._read() as connection:
            bodies = connection.scalars(q.TRANSACTIONS_AFTER, self._mine | {"after": after}).all()
        return [from_json(body.encode(), Transaction) for body in bodies]

    def mark(self, name: str) -> str | None:
        """Return how far something was read; ``None`` where it never was."""
        with self._read() as connection:
            return connection.scalar(q.MARK, self._mine | {"name": name})

    def put_mark(self, name: str, text: str) -> None:
        """Write down how far something was read."""
        with self._write() as connection:
            connection.execute(q.DROP_MARK, self._mine | {"name": name})
            connection.execute(q.ADD_MARK, self._mine | {"name": name, "text": text})

    def _sent(self, connection: sa.Connection, client_order_id: ClientOrderId) -> SentOrder | None:
        body = connection.scalar(q.SENT, self._mine | {"client_order_id": client_order_id})
        return None if body is None else from_json(body.encode(), SentOrder)

    def _bound(self, connection: sa.Connection, sent: SentOrder, broker_order_id: BrokerOrderId) -> SentOrder:
        if broker_order_id in sent.broker_order_ids:
            return sent
        row = self._mine | {"broker_order_id": broker_order_id, "client_order_id": sent.client_order_id}
        connection.execute(q.ADD_ID, row)
        return replace(sent, broker_order_ids=(*sent.broker_order_ids, broker_order_id))

    def _save(self, connection: sa.Connection, sent: SentOrder) -> None:
        connection.execute(q.SAVE, q.prefixed(self._mine | {"client_order_id": sent.client_order_id}) | _row(sent))

    def _next(self, connection: sa.Connection, counting: sa.Executable) -> int:
        return int(connection.execute(counting, q.prefixed(self._mine)).scalar_one())

    def _remember(self, key: str) -> None:
        with self._writing:
            self._reported[key] = None
            if len(self._reported) > KEYS_KEPT:
                del self._reported[next(iter(self._reported))]

    def _wake(self) -> None:
        for wake in self._wakes:
            wake()

    @contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise BrokerUnavailable(f"{self._whose} cannot be read: {error.orig}") from error

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        try:
            with (
                self._writing,
                self._engine.connect().execution_options(writes=True) as connection,
                connection.begin() as transaction,
            ):
                if connection.dialect.name != "sqlite":  # the row's lock keeps other processes out until the commit
                    connection.execute(q.ACCOUNT.with_for_update(), self._mine)
                yield connection
                commit_books(transaction, self._whose)
        except DBAPIError as error:
            raise BrokerUnavailable(f"{self._whose} cannot be written: {error.orig}") from error

    def _create(self) -> None:
        with self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(CREATE_LOCK)))
            metadata.create_all(connection)
            if connection.scalar(q.ACCOUNT, self._mine) is None:
                # A book that was lost begins beyond all that its reader has seen of the old one.
                first = int(self._clock.now().timestamp() * 1000)
                counts = {"orders": 0, "reports": first, "transactions": first}
                connection.execute(accounts.insert().values(self._mine | counts))


def _row(sent: SentOrder) -> dict[str, Any]:
    return {"is_open": sent.is_open, "body": canonical_json(sent).decode()}


def _after(sent: SentOrder, told: BrokerReport) -> SentOrder:
    match told.kind:
        case ReportKind.ACCEPTED if sent.status is OrderStatus.SUBMITTED:
            return replace(sent, status=OrderStatus.WORKING)
        case ReportKind.REPLACED if told.limit_price is not None:
            return replace(sent, limit_price=told.limit_price)
        case ReportKind.FILLED if told.fill is not None:
            return _filled(replace(sent, filled=sent.filled + told.fill.quantity))
        case ReportKind.LEG_FILLED if told.execution is not None:
            key = told.execution.contract.compact
            executed = sent.executed | {key: sent.executed.get(key, 0) + told.execution.quantity}
            legs = sent.order.legs
            whole = min(executed.get(leg.contract.compact, 0) // leg.ratio for leg in legs)
            return _filled(replace(sent, executed=executed, filled=max(0, whole)))
    end = ENDS.get(told.kind)
    is_first = told.kind is ReportKind.REJECTED and told.refusal is Refusal.DUPLICATE
    return sent if end is None or is_first or not sent.is_open else replace(sent, status=end)


def _filled(sent: SentOrder) -> SentOrder:
    return replace(sent, status=OrderStatus.FILLED) if sent.filled >= sent.order.quantity else sent
