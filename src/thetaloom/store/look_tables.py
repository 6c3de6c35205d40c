"""The tables of reconciliation: the broker's transactions with what explains them, looks, findings and their story."""

from collections.abc import Mapping

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text

from thetaloom.domain.book.elsewhere import FindingKind, FindingStatus
from thetaloom.domain.book.fills import LegFill
from thetaloom.domain.book.looks import Cause, Link
from thetaloom.domain.book.transactions import TransactionKind
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price
from thetaloom.store.columns import Exact, Instant, Structured, Word
from thetaloom.store.table_parts import SEQUENCE, metadata, needed, owner

broker_transactions = Table(
    "broker_transactions",
    metadata,
    needed("account_id", Text),
    needed("sequence", BigInteger),
    owner(),
    needed("transaction_id", Text),
    needed("kind", Word(TransactionKind)),
    needed("happened_at", Instant),
    needed("symbol", Text),
    Column("contract", Structured(OptionContract)),
    needed("quantity", Integer),
    Column("price", Exact(Price)),
    needed("cash", Exact(Money)),
    needed("fees", Exact(Money)),
    Column("client_order_id", Text),
    Column("broker_order_id", Text),
    needed("corrects", Text),
    needed("link", Word(Link)),
    needed("linked_to", Structured(tuple[str, ...])),  # an order, positions, findings
    PrimaryKeyConstraint("account_id", "sequence"),
    Index(None, "account_id", "link"),
)

account_looks = Table(
    "account_looks",
    metadata,
    Column("account_id", Text, ForeignKey("accounts.id"), primary_key=True),
    needed("looks", Integer),  # compared and swapped
    needed("sequence", BigInteger),  # of the last transaction that was read
    needed("looked_at", Instant),
    Column("cash", Exact(Money)),  # what it must be by the transactions
    needed("contracts", Structured(Mapping[str, int])),  # what must be held by the transactions
    needed("suspects", Structured(Mapping[str, str])),  # differences seen at the last look for the first time
)

findings = Table(
    "findings",
    metadata,
    Column("id", Text, primary_key=True),
    owner(),
    needed("account_id", Text),
    needed("kind", Word(FindingKind)),
    needed("key", Text),
    needed("symbol", Text),
    needed("text", Text),
    needed("legs", Structured(tuple[LegFill, ...])),
    needed("prices_known", Boolean),
    needed("fees", Exact(Money)),
    needed("candidates", Structured(tuple[str, ...])),
    needed("order", Text),
    needed("status", Word(FindingStatus)),
    needed("found_at", Instant),
    Column("settled_at", Instant),
    needed("settled_as", Text),
    Index(None, "account_id", "status"),
    Index(None, "user_id", "found_at"),
)

reconciliations = Table(
    "reconciliations",
    metadata,
    Column("id", SEQUENCE, primary_key=True),
    owner(),
    needed("account_id", Text),
    needed("cause", Word(Cause)),
    needed("looked_at", Instant),
    needed("updated", Integer),
    needed("created", Integer),
    needed("errors", Integer),
    needed("waiting", Integer),  # findings that wait after it
    needed("drifts", Integer),
    needed("digest", Text),  # of the evidence: each phase with its counts
    Index(None, "user_id", "looked_at"),
    sqlite_autoincrement=True,
)
