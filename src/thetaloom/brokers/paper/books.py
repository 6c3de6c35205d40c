"""The paper broker's own books: tables and transactions in a database that outlives any crash.

On SQLite they lie in a file of their own, so that the broker's truth and ours fail apart, as with a real broker.
Every change and its report are one transaction under the account's lock.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.book.reports import BrokerReport, ReportKind
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.canonical import canonical_json, from_json
from thetaloom.domain.values.ids import AccountId, BrokerOrderId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract, parse_option_symbol
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import BrokerUnavailable, ConfigError, OutcomeUnknown

BOOKS_VERSION = 1
BUSY_TIMEOUT_SECONDS = 10
CREATE_LOCK = 7_384_211  # any number that no other program locks in the same PostgreSQL database

Phase = Literal["before", "after"]

metadata = sa.MetaData()
meta = sa.Table("paper_meta", metadata, sa.Column("version", sa.Integer, primary_key=True))
accounts = sa.Table(
    "paper_accounts",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("cash", sa.Text, nullable=False),  # dollars
    sa.Column("sequence", sa.BigInteger, nullable=False),  # of the last report
    sa.Column("orders", sa.BigInteger, nullable=False),  # how many arrived
)
orders = sa.Table(
    "paper_orders",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("client_order_id", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # BookedOrder as canonical JSON
    sa.Index("paper_orders_open", "account_id", "is_open"),
)
reports = sa.Table(
    "paper_reports",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("sequence", sa.BigInteger, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),  # BrokerReport as canonical JSON
)
holdings = sa.Table(
    "paper_holdings",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("contract", sa.Text, primary_key=True),  # compact OCC symbol
    sa.Column("multiplier", sa.Integer, primary_key=True),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("settles_at", sa.Text, nullable=False),
)
settlements = sa.Table(
    "paper_settlements",
    metadata,
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("contract", sa.Text, primary_key=True),
    sa.Column("multiplier", sa.Integer, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),  # Settlement as canonical JSON
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookedOrder:
    """An order as the paper broker's books have it."""

    client_order_id: ClientOrderId
    broker_order_id: BrokerOrderId
    effect: Effect
    legs: tuple[Leg, ...]
    quantity: int
    limit_price: Price
    status: OrderStatus  # WORKING, or how it ended
    ends_at: datetime
    reserve: Money  # buying power held back per structure while it works
    filled: int = 0
    fills: int = 0  # how many fills it took
    filled_at: datetime | None = None  # the last of them
    revision: int = 0
    scripted_fills: tuple[int, ...] = ()

    @property
    def remaining(self) -> int:
        """Structures not yet filled."""
        return self.quantity - self.filled

    @property
    def is_open(self) -> bool:
        """Whether it still works."""
        return self.status is OrderStatus.WORKING


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of a holding at expiration."""

    contract: OptionContract
    quantity: int  # bought positive, sold negative
    spot: Price
    cash: Money  # received positive
    settled_at: datetime
    outcome: str  # cash_settled, exercised, assigned or expired


class Books:
    """The books of one paper account in the database at ``url``."""

    def __init__(
        self, url: str, account_id: AccountId, starting_cash: Money, on_commit: Callable[[Phase], None] | None = None
    ) -> None:
        self._account_id = account_id
        self._on_commit = on_commit or (lambda _: None)
        self._engine = _connect(url)
        try:
            self._create(starting_cash)
        except DBAPIError as error:
            raise ConfigError(f"paper broker: its books cannot be opened: {error.orig}") from error

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def read(self) -> Iterator["Ledger"]:
        """Read the books as they are at one moment."""
        try:
            with self._engine.connect() as connection:
                yield Ledger(connection, self._account_id)
        except DBAPIError as error:
            raise BrokerUnavailable(f"paper broker: its books cannot be read: {error.orig}") from error

    @contextmanager
    def write(self) -> Iterator["Ledger"]:
        """Change the books in one transaction that nobody else writes beside; an exception undoes all of it."""
        try:
            with self._engine.connect().execution_options(writes=True) as connection, connection.begin() as transaction:
                ledger = Ledger(connection, self._account_id)
                ledger.lock()
                yield ledger
                if not ledger.changed:
                    return
                ledger.save()
                self._on_commit("before")
                _commit(transaction)
        except DBAPIError as error:
            raise BrokerUnavailable(f"paper broker: its books cannot be written: {error.orig}") from error
        self._on_commit("after")

    def _create(self, starting_cash: Money) -> None:
        with self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(CREATE_LOCK)))
            metadata.create_all(connection)
            version = connection.scalar(sa.select(sa.func.max(meta.c.version)))
            if version is None:
                connection.execute(meta.insert().values(version=BOOKS_VERSION))
            elif version != BOOKS_VERSION:
                raise ConfigError(
                    f"paper broker: its books have version {version}, this program reads version {BOOKS_VERSION}",
                    advice="Use the newer program that wrote them, or name another database.",
                    details={"found": version, "known": BOOKS_VERSION},
                )
            mine = sa.select(accounts.c.cash).where(accounts.c.account_id == self._account_id)
            if connection.scalar(mine) is None:
                account = {"account_id": self._account_id, "cash": str(starting_cash), "sequence": 0, "orders": 0}
                connection.execute(accounts.insert().values(account))


class Ledger:
    """The books of one account within one transaction."""

    def __init__(self, connection: sa.Connection, account_id: AccountId) -> None:
        self._connection = connection
        self._account_id = account_id
        self._account: dict[str, Any] = {}
        self.changed = False

    def lock(self) -> None:
        """Keep every other writer of the account out until the end of the transaction."""
        mine = sa.select(accounts).where(accounts.c.account_id == self._account_id).with_for_update()
        self._account = dict(self._connection.execute(mine).one()._mapping)

    def save(self) -> None:
        """Write the account's own row."""
        mine = accounts.update().where(accounts.c.account_id == self._account_id)
        self._connection.execute(mine.values(self._account))

    def cash(self) -> Money:
        """Return the cash, reserves included."""
        mine = sa.select(accounts.c.cash).where(accounts.c.account_id == self._account_id)
        return Money(self._connection.execute(mine).scalar_one())

    def order(self, client_order_id: ClientOrderId) -> BookedOrder | None:
        """Return an order; ``None`` when it never arrived."""
        mine = sa.select(orders.c.body).where(
            orders.c.account_id == self._account_id, orders.c.client_order_id == client_order_id
        )
        body = self._connection.scalar(mine)
        return None if body is None else from_json(body.encode(), BookedOrder)

    def open_orders(self) -> list[BookedOrder]:
        """Return the orders that work, in the order of their arrival."""
        mine = sa.select(orders.c.body).where(orders.c.account_id == self._account_id, orders.c.is_open)
        bodies = self._connection.scalars(mine.order_by(orders.c.number))
        return [from_json(body.encode(), BookedOrder) for body in bodies]

    def reports_since(self, sequence: int) -> list[BrokerReport]:
        """Return the reports after ``sequence``, oldest first."""
        mine = sa.select(reports.c.body).where(reports.c.account_id == self._account_id, reports.c.sequence > sequence)
        bodies = self._connection.scalars(mine.order_by(reports.c.sequence))
        return [from_json(body.encode(), BrokerReport) for body in bodies]

    def newest_report(self) -> BrokerReport | None:
        """Return the last report written."""
        mine = sa.select(reports.c.body).where(reports.c.account_id == self._account_id)
        body = self._connection.scalar(mine.order_by(reports.c.sequence.desc()).limit(1))
        return None if body is None else from_json(body.encode(), BrokerReport)

    def holdings(self, *, settling_by: datetime | None = None) -> dict[OptionContract, int]:
        """Return the contracts held, or of those only what settles by an instant."""
        mine = sa.select(holdings).where(holdings.c.account_id == self._account_id)
        if settling_by is not None:
            mine = mine.where(holdings.c.settles_at <= _text(settling_by))
        rows = self._connection.execute(mine.order_by(holdings.c.contract, holdings.c.multiplier))
        return {replace(parse_option_symbol(row.contract), multiplier=row.multiplier): row.quantity for row in rows}

    def settlements(self) -> list[Settlement]:
        """Return what has settled, by contract."""
        mine = sa.select(settlements.c.body).where(settlements.c.account_id == self._account_id)
        bodies = self._connection.scalars(mine.order_by(settlements.c.contract))
        return [from_json(body.encode(), Settlement) for body in bodies]

    def next_broker_order_id(self) -> BrokerOrderId:
        """Return the number for an order that arrives now."""
        return BrokerOrderId(f"P-{self._account['orders'] + 1:06d}")

    def insert_order(self, order: BookedOrder) -> None:
        """Enter an order that arrived."""
        self._account["orders"] += 1
        row = {
            "account_id": self._account_id,
            "client_order_id": order.client_order_id,
            "number": self._account["orders"],
            "is_open": order.is_open,
            "body": canonical_json(order).decode(),
        }
        self._connection.execute(orders.insert().values(row))
        self.changed = True

    def update_order(self, order: BookedOrder) -> None:
        """Write an order as it is now."""
        mine = orders.update().where(
            orders.c.account_id == self._account_id, orders.c.client_order_id == order.client_order_id
        )
        self._connection.execute(mine.values(is_open=order.is_open, body=canonical_json(order).decode()))
        self.changed = True

    def report(
        self,
        kind: ReportKind,
        client_order_id: ClientOrderId,
        broker_order_id: BrokerOrderId | None,
        at: datetime,
        *,
        fill: Fill | None = None,
        limit_price: Price | None = None,
        message: str = "",
    ) -> None:
        """Write the next report."""
        self._account["sequence"] += 1
        report = BrokerReport(
            sequence=self._account["sequence"],
            kind=kind,
            client_order_id=client_order_id,
            broker_order_id=broker_order_id,
            reported_at=at,
            fill=fill,
            limit_price=limit_price,
            message=message,
        )
        row = {"account_id": self._account_id, "sequence": report.sequence, "body": canonical_json(report).decode()}
        self._connection.execute(reports.insert().values(row))
        self.changed = True

    def add_cash(self, money: Money) -> None:
        """Receive money, or pay it when negative."""
        self._account["cash"] = str((Money(self._account["cash"]) + money).to_cents())
        self.changed = True

    def add_holding(self, contract: OptionContract, quantity: int, settles_at: datetime) -> None:
        """Receive contracts, or deliver them when negative."""
        key = {"account_id": self._account_id, "contract": contract.compact, "multiplier": contract.multiplier}
        mine = sa.and_(*(holdings.c[name] == part for name, part in key.items()))
        held = self._connection.scalar(sa.select(holdings.c.quantity).where(mine)) or 0
        self._connection.execute(holdings.delete().where(mine))
        if held + quantity:
            row = key | {"quantity": held + quantity, "settles_at": _text(settles_at)}
            self._connection.execute(holdings.insert().values(row))
        self.changed = True

    def settle(self, settlement: Settlement) -> None:
        """Remove a holding that has settled and move its cash."""
        contract = settlement.contract
        self.add_holding(contract, -settlement.quantity, settlement.settled_at)
        self.add_cash(settlement.cash)
        row = {
            "account_id": self._account_id,
            "contract": contract.compact,
            "multiplier": contract.multiplier,
            "body": canonical_json(settlement).decode(),
        }
        self._connection.execute(settlements.insert().values(row))


def _connect(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return sa.create_engine(parsed)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError) as error:
        raise ConfigError("paper broker: the URL of its database cannot be read") from error
    in_memory = parsed.database in (None, "", ":memory:")
    engine = sa.create_engine(
        parsed,
        connect_args={"timeout": BUSY_TIMEOUT_SECONDS, "check_same_thread": False},
        **({"poolclass": StaticPool} if in_memory else {}),
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver would begin late and without the write lock
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _commit(transaction: sa.RootTransaction) -> None:
    try:
        transaction.commit()
    except DBAPIError as error:
        raise OutcomeUnknown(f"paper broker: its books gave no answer to a commit: {error.orig}") from error


def _text(at: datetime) -> str:
    return str(canonical_json(at).decode().strip('"'))
