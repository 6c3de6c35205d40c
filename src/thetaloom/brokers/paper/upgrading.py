"""Books of an older version made new: what they lack is worked out from the reports that they kept."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from thetaloom.brokers.paper.ledger import as_text
from thetaloom.brokers.paper.tables import (
    BOOKS_VERSION,
    Settlement,
    accounts,
    holdings,
    meta,
    orders,
    reports,
    settlements,
    transactions,
)
from thetaloom.domain.book.reports import BrokerReport
from thetaloom.domain.book.transactions import Transaction, TransactionKind, balance_of, trade_transactions
from thetaloom.domain.values.canonical import canonical_json, from_json
from thetaloom.domain.values.money import NOTHING, Money
from thetaloom.errors import ConfigError

ADDED = {"transactions": "BIGINT", "starting_cash": "TEXT", "opened_at": "TEXT"}  # columns of an account
OLD_SETTLEMENTS = sa.table(
    "paper_settlements", sa.column("account_id"), sa.column("contract"), sa.column("multiplier"), sa.column("body")
)
KINDS = {
    "cash_settled": TransactionKind.CASH_SETTLEMENT,
    "exercised": TransactionKind.EXERCISE,
    "assigned": TransactionKind.ASSIGNMENT,
    "expired": TransactionKind.EXPIRATION,
}


def upgrade_books(connection: sa.Connection, now: datetime) -> None:
    """Bring books of version 1 to version 2: transactions, shares, and when each order was placed."""
    there = {column["name"] for column in sa.inspect(connection).get_columns(accounts.name)}
    for name, kind in ADDED.items():
        if name not in there:
            connection.exec_driver_sql(f"ALTER TABLE {accounts.name} ADD COLUMN {name} {kind}")
    for row in connection.execute(sa.select(accounts.c.account_id, accounts.c.cash)).all():
        _upgrade_account(connection, row.account_id, Money(row.cash), now)
    connection.exec_driver_sql(f"DROP TABLE {OLD_SETTLEMENTS.name}")
    connection.execute(meta.update().values(version=BOOKS_VERSION))


def _upgrade_account(connection: sa.Connection, account: str, cash: Money, now: datetime) -> None:
    mine = sa.select(reports.c.body).where(reports.c.account_id == account).order_by(reports.c.sequence)
    told = [from_json(body.encode(), BrokerReport) for body in connection.scalars(mine)]
    old = sa.select(OLD_SETTLEMENTS.c.body).where(OLD_SETTLEMENTS.c.account_id == account)
    settled = [from_json(body.encode(), Settlement) for body in connection.scalars(old.order_by("contract"))]
    happened = [
        (report.reported_at, one)
        for report in told
        if report.fill is not None
        for one in trade_transactions(report.fill, report.broker_order_id)
    ]
    happened += [(one.settled_at, _transaction_of(one)) for one in settled]
    happened.sort(key=lambda pair: pair[0])
    kept = [replace(one, sequence=number) for number, (_, one) in enumerate(happened, start=1)]
    for one in kept:
        row = {"account_id": account, "sequence": one.sequence, "transaction_id": one.transaction_id}
        connection.execute(transactions.insert().values(row | {"body": canonical_json(one).decode()}))
    _check_holdings(connection, account, kept)
    for number, outcome in enumerate(settled, start=1):
        row = {"account_id": account, "number": number, "contract": outcome.contract.compact}
        connection.execute(settlements.insert().values(row | {"body": canonical_json(outcome).decode()}))
    _add_placed_at(connection, account, told, now)
    known = {
        "transactions": len(kept),
        "starting_cash": str(cash - balance_of(NOTHING, kept).cash),
        "opened_at": as_text(told[0].reported_at if told else now),
    }
    connection.execute(accounts.update().where(accounts.c.account_id == account).values(known))


def _transaction_of(outcome: Settlement) -> Transaction:
    contract = outcome.contract
    return Transaction(
        sequence=0,
        transaction_id=f"settlement-{contract.compact}-{contract.multiplier}",
        kind=KINDS[outcome.outcome],
        happened_at=outcome.settled_at,
        symbol=contract.underlying,
        contract=contract,
        quantity=-outcome.quantity,
        price=None,
        cash=outcome.cash,
    )


def _check_holdings(connection: sa.Connection, account: str, kept: list[Transaction]) -> None:
    mine = sa.select(holdings.c.contract, holdings.c.multiplier, holdings.c.quantity)
    rows = connection.execute(mine.where(holdings.c.account_id == account))
    there = {(row.contract, row.multiplier): row.quantity for row in rows}
    worked_out = balance_of(NOTHING, kept).contracts
    if there != {(one.compact, one.multiplier): held for one, held in worked_out.items()}:
        raise ConfigError(
            f"paper broker: the fills of account {account} do not add up to what its books of version 1 hold",
            advice="Keep these books aside and start with another database.",
        )


def _add_placed_at(connection: sa.Connection, account: str, told: list[BrokerReport], now: datetime) -> None:
    first: dict[str, datetime] = {}
    for report in told:
        first.setdefault(report.client_order_id, report.reported_at)
    rows = connection.execute(sa.select(orders.c.client_order_id, orders.c.body).where(orders.c.account_id == account))
    for row in rows.all():
        body: dict[str, Any] = json.loads(row.body) | {"placed_at": as_text(first.get(row.client_order_id, now))}
        mine = orders.update().where(orders.c.account_id == account, orders.c.client_order_id == row.client_order_id)
        connection.execute(mine.values(body=json.dumps(body, sort_keys=True, separators=(",", ":"))))
