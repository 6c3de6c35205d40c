"""What is asked of the tables of what a broker told, each built once; every one takes ``broker`` and ``account_id``."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from thetaloom.links.book_tables import accounts, ids, marks, orders, reports, transactions

PREFIX = "of_"  # before the conditions of an update, whose other parameters are the columns that it sets


def prefixed(conditions: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of an update's conditions."""
    return {PREFIX + name: part for name, part in conditions.items()}


def _of(table: sa.Table, *names: str, prefix: str = "") -> sa.ColumnElement[bool]:
    return sa.and_(*(table.c[name] == sa.bindparam(prefix + name) for name in ("broker", "account_id", *names)))


def _next(name: str) -> sa.Executable:
    column = accounts.c[name]
    return accounts.update().where(_of(accounts, prefix=PREFIX)).values({name: column + 1}).returning(column)


def _after(table: sa.Table) -> sa.Select[Any]:
    later = table.c.sequence > sa.bindparam("after")
    return sa.select(table.c.body).where(_of(table), later).order_by(table.c.sequence)


ACCOUNT = sa.select(accounts.c.orders).where(_of(accounts))
NEXT_ORDER, NEXT_REPORT, NEXT_TRANSACTION = _next("orders"), _next("reports"), _next("transactions")
SENT = sa.select(orders.c.body).where(_of(orders, "client_order_id"))
OPEN = sa.select(orders.c.body).where(_of(orders), orders.c.is_open).order_by(orders.c.number)
OWNER = sa.select(ids.c.client_order_id).where(_of(ids, "broker_order_id"))
REPORT_OF_KEY = sa.select(reports.c.sequence).where(_of(reports, "key"))
REPORTS_AFTER = _after(reports)
TRANSACTION_OF_ID = sa.select(transactions.c.sequence).where(_of(transactions, "transaction_id"))
TRANSACTIONS_AFTER = _after(transactions)
MARK = sa.select(marks.c.text).where(_of(marks, "name"))
DROP_MARK = marks.delete().where(_of(marks, "name"))
SAVE = (
    orders.update()
    .where(_of(orders, "client_order_id", prefix=PREFIX))
    .values(is_open=sa.bindparam("is_open"), body=sa.bindparam("body"))
)
ADD_ORDER, ADD_ID, ADD_MARK = orders.insert(), ids.insert(), marks.insert()
ADD_REPORT, ADD_TRANSACTION = reports.insert(), transactions.insert()
