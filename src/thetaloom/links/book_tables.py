"""The tables of what a broker told; every row belongs to one account at one broker."""

import sqlalchemy as sa

metadata = sa.MetaData()


def _table(name: str, *parts: sa.Column[object] | sa.Index) -> sa.Table:
    whose = (sa.Column("broker", sa.Text, primary_key=True), sa.Column("account_id", sa.Text, primary_key=True))
    return sa.Table(f"told_{name}", metadata, *whose, *parts)


accounts = _table(
    "accounts",
    sa.Column("orders", sa.BigInteger, nullable=False),  # the number of the last of each
    sa.Column("reports", sa.BigInteger, nullable=False),
    sa.Column("transactions", sa.BigInteger, nullable=False),
)
orders = _table(
    "orders",
    sa.Column("client_order_id", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # SentOrder as canonical JSON
    sa.Index("told_orders_open", "broker", "account_id", "is_open"),
)
ids = _table(
    "order_ids",
    sa.Column("broker_order_id", sa.Text, primary_key=True),
    sa.Column("client_order_id", sa.Text, nullable=False),
)
reports = _table(
    "reports",
    sa.Column("sequence", sa.BigInteger, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # BrokerReport as canonical JSON
    sa.Index("told_reports_once", "broker", "account_id", "key", unique=True),
)
transactions = _table(
    "transactions",
    sa.Column("sequence", sa.BigInteger, primary_key=True),
    sa.Column("transaction_id", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),  # Transaction as canonical JSON
    sa.Index("told_transactions_once", "broker", "account_id", "transaction_id", unique=True),
)
marks = _table("marks", sa.Column("name", sa.Text, primary_key=True), sa.Column("text", sa.Text, nullable=False))
