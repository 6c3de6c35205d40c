"""The books of one paper account within one transaction of their database."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from thetaloom.brokers.paper.tables import (
    BookedOrder,
    Settlement,
    accounts,
    holdings,
    orders,
    reports,
    settlements,
    shares,
    transactions,
)
from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import BrokerReport, ReportKind
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.values.canonical import canonical_json, from_json
from thetaloom.domain.values.ids import AccountId, BrokerOrderId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract, parse_option_symbol
from thetaloom.domain.values.money import Money, Price

SettlesAt = Callable[[OptionContract], datetime]


class Ledger:
    """Reads and, once locked, changes the books; cash, contracts and shares move through ``record`` alone."""

    def __init__(self, connection: sa.Connection, account_id: AccountId, settles_at: SettlesAt) -> None:
        self._connection = connection
        self._account_id = account_id
        self._settles_at = settles_at
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
        if self._account:
            return Money(self._account["cash"])
        return Money(self._column(accounts.c.cash))

    def starting_cash(self) -> Money:
        """Return the cash that the account was opened with."""
        return Money(self._column(accounts.c.starting_cash))

    def opened_at(self) -> datetime:
        """Return when the account was opened."""
        return datetime.fromisoformat(self._column(accounts.c.opened_at))

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
            mine = mine.where(holdings.c.settles_at <= as_text(settling_by))
        rows = self._connection.execute(mine.order_by(holdings.c.contract, holdings.c.multiplier))
        return {_contract(row.contract, row.multiplier): row.quantity for row in rows}

    def shares(self) -> dict[str, int]:
        """Return the shares that came and went through transactions, by symbol."""
        mine = sa.select(shares).where(shares.c.account_id == self._account_id).order_by(shares.c.symbol)
        return {row.symbol: row.quantity for row in self._connection.execute(mine)}

    def transactions(self, after: int = 0) -> list[Transaction]:
        """Return the transactions after a sequence, oldest first."""
        mine = sa.select(transactions.c.body).where(
            transactions.c.account_id == self._account_id, transactions.c.sequence > after
        )
        bodies = self._connection.scalars(mine.order_by(transactions.c.sequence))
        return [from_json(body.encode(), Transaction) for body in bodies]

    def has_transaction(self, transaction_id: str) -> bool:
        """Tell whether a transaction of this id was recorded."""
        mine = sa.select(transactions.c.sequence).where(
            transactions.c.account_id == self._account_id, transactions.c.transaction_id == transaction_id
        )
        return self._connection.scalar(mine) is not None

    def settlements(self) -> list[Settlement]:
        """Return what has settled, by contract."""
        mine = sa.select(settlements.c.body).where(settlements.c.account_id == self._account_id)
        bodies = self._connection.scalars(mine.order_by(settlements.c.contract, settlements.c.number))
        return [from_json(body.encode(), Settlement) for body in bodies]

    def next_broker_order_id(self) -> BrokerOrderId:
        """Return the number for an order that arrives now."""
        return BrokerOrderId(f"P-{self._account['orders'] + 1:06d}")

    def next_transaction_number(self) -> int:
        """Return the sequence that the next transaction gets."""
        return int(self._account["transactions"]) + 1

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
        refusal: Refusal | None = None,
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
            refusal=refusal,
        )
        row = {"account_id": self._account_id, "sequence": report.sequence, "body": canonical_json(report).decode()}
        self._connection.execute(reports.insert().values(row))
        self.changed = True

    def record(self, happened: Iterable[Transaction]) -> None:
        """Write transactions and move what they move."""
        cash = Money(self._account["cash"])
        for one in happened:
            self._account["transactions"] += 1
            kept = replace(one, sequence=self._account["transactions"])
            row = {
                "account_id": self._account_id,
                "sequence": kept.sequence,
                "transaction_id": kept.transaction_id,
                "body": canonical_json(kept).decode(),
            }
            self._connection.execute(transactions.insert().values(row))
            cash = cash + kept.cash + kept.fees
            self._move(kept)
            self.changed = True
        self._account["cash"] = str(cash.to_cents() if cash == cash.to_cents() else cash)

    def settle(self, settlement: Settlement, happened: Iterable[Transaction]) -> None:
        """Record what a holding turned into."""
        self.record(happened)
        row = {
            "account_id": self._account_id,
            "number": self._account["transactions"],
            "contract": settlement.contract.compact,
            "body": canonical_json(settlement).decode(),
        }
        self._connection.execute(settlements.insert().values(row))

    def _move(self, moved: Transaction) -> None:
        if moved.contract is not None:
            contract = moved.contract
            key = {"account_id": self._account_id, "contract": contract.compact, "multiplier": contract.multiplier}
            self._add(holdings, key, moved.quantity, settles_at=as_text(self._settles_at(contract)))
        elif moved.quantity:
            self._add(shares, {"account_id": self._account_id, "symbol": moved.symbol}, moved.quantity)

    def _add(self, table: sa.Table, key: dict[str, Any], quantity: int, **more: str) -> None:
        mine = sa.and_(*(table.c[name] == part for name, part in key.items()))
        held = self._connection.scalar(sa.select(table.c.quantity).where(mine)) or 0
        self._connection.execute(table.delete().where(mine))
        if held + quantity:
            self._connection.execute(table.insert().values(key | {"quantity": held + quantity} | more))

    def _column(self, column: sa.Column[Any]) -> str:
        mine = sa.select(column).where(accounts.c.account_id == self._account_id)
        return str(self._connection.execute(mine).scalar_one())


@lru_cache(maxsize=4_096)
def _contract(compact: str, multiplier: int) -> OptionContract:
    return replace(parse_option_symbol(compact), multiplier=multiplier)


def as_text(at: datetime) -> str:
    """Return an instant as the tables keep it, in an order that text has, too."""
    return str(canonical_json(at).decode().strip('"'))
