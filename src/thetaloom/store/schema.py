"""The tables: what is kept, in which form, and the indexes that keep reading cheap.

Every row of a person carries ``user_id``. Evidence carries none: the records of a run point to it by its content.
"""

from collections.abc import Mapping
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    false,
)

from thetaloom.domain.book.fills import LegFill
from thetaloom.domain.book.ladder import LadderState
from thetaloom.domain.book.orders import Effect, OrderPurpose, OrderStatus, TimeInForce
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.rolls import ClosingTerms
from thetaloom.domain.book.spreads import Loose, ShareLot, Spread
from thetaloom.domain.book.watch import EntryFacts
from thetaloom.domain.risk.violations import Action, Severity
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, TriggerKind
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price
from thetaloom.ports.dispatch import Lane
from thetaloom.store.balance_tables import balances as balances
from thetaloom.store.care_tables import alerts as alerts
from thetaloom.store.care_tables import exit_markets as exit_markets
from thetaloom.store.care_tables import journal_notes as journal_notes
from thetaloom.store.care_tables import position_care as position_care
from thetaloom.store.care_tables import watch_pulse as watch_pulse
from thetaloom.store.columns import Exact, Instant, Structured, Word
from thetaloom.store.lineage_tables import events as events
from thetaloom.store.lineage_tables import evidence as evidence
from thetaloom.store.lineage_tables import lineage as lineage
from thetaloom.store.look_tables import account_looks as account_looks
from thetaloom.store.look_tables import broker_transactions as broker_transactions
from thetaloom.store.look_tables import findings as findings
from thetaloom.store.look_tables import reconciliations as reconciliations
from thetaloom.store.notification_tables import deliveries as deliveries
from thetaloom.store.opinion_tables import opinions as opinions
from thetaloom.store.people_tables import access_tokens as access_tokens
from thetaloom.store.people_tables import audit as audit
from thetaloom.store.people_tables import browser_sessions as browser_sessions
from thetaloom.store.people_tables import credentials as credentials
from thetaloom.store.people_tables import invitations as invitations
from thetaloom.store.people_tables import preferences as preferences
from thetaloom.store.people_tables import recovery_codes as recovery_codes
from thetaloom.store.people_tables import second_factors as second_factors
from thetaloom.store.people_tables import users as users
from thetaloom.store.prompt_tables import model_calls as model_calls
from thetaloom.store.prompt_tables import prompt_versions as prompt_versions
from thetaloom.store.prompt_tables import prompts as prompts
from thetaloom.store.schedule_tables import firings as firings
from thetaloom.store.schedule_tables import scan_pairs as scan_pairs
from thetaloom.store.schedule_tables import scans as scans
from thetaloom.store.schedule_tables import scheduler_pulse as scheduler_pulse
from thetaloom.store.schedule_tables import schedules as schedules
from thetaloom.store.schedule_tables import symbols as symbols
from thetaloom.store.schedule_tables import watchlists as watchlists
from thetaloom.store.schema_rolls import rolls as rolls
from thetaloom.store.schema_shares import share_orders as share_orders
from thetaloom.store.score_tables import opinion_scores as opinion_scores
from thetaloom.store.signal_tables import signal_scores as signal_scores
from thetaloom.store.signal_tables import signal_sources as signal_sources
from thetaloom.store.signal_tables import signal_trail as signal_trail
from thetaloom.store.signal_tables import signals as signals
from thetaloom.store.table_parts import LEGS as _LEGS
from thetaloom.store.table_parts import SEQUENCE as _SEQUENCE
from thetaloom.store.table_parts import metadata as metadata
from thetaloom.store.table_parts import needed as _needed
from thetaloom.store.table_parts import owner as _owner
from thetaloom.store.table_parts import run as _run

meta = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    _needed("content", Text),  # installation_id
)

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    _needed("number", BigInteger),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    _owner(),
    _needed("broker", Text),
    _needed("is_live", Boolean),
    _needed("report_cursor", BigInteger),
    _needed("transaction_cursor", BigInteger),
)

risk_limits = Table(
    "risk_limits",
    metadata,
    _owner(),
    _needed("name", Text),
    _needed("amount", Text),
    _needed("set_at", Instant),
    PrimaryKeyConstraint("user_id", "name"),
)

halts = Table(
    "halts",
    metadata,
    Column("scope", Text, primary_key=True),
    _needed("reason", Text),
    _needed("halted_at", Instant),
)

strategies = Table(
    "strategies",
    metadata,
    _owner(),
    _needed("id", Text),
    _needed("revision", Integer),
    _needed("strategy", Structured(Strategy)),
    _needed("saved_at", Instant),
    Column("hidden_at", Instant),  # on the newest revision: deleted by the user
    PrimaryKeyConstraint("user_id", "id", "revision"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    _owner(),
    _needed("account_id", Text),
    _needed("strategy_id", Text),
    _needed("strategy_revision", Integer),
    _needed("symbol", Text),
    _needed("trigger", Word(TriggerKind)),
    _needed("forced", Boolean),
    _needed("status", Word(RunStatus)),
    Column("next_step", Word(StepName)),
    Column("returns_to", Word(RunStatus)),
    Column("outcome", Word(Outcome)),
    _needed("reason", Text),
    _needed("version", Integer),
    _needed("seq", Integer),
    _needed("attempts", Integer),
    Column("due_at", Instant),
    Column("signal_id", Text),
    Column("schedule_id", Text),
    Column("schedule_due_at", Instant),
    Column("scan_id", Text),
    _needed("created_at", Instant),
    _needed("updated_at", Instant),
    Column("lane", Word(Lane)),
    Column("lease_owner", Text),
    Column("lease_until", Instant),
)
Index(None, runs.c.user_id, runs.c.created_at)
Index(None, runs.c.user_id, runs.c.strategy_id, runs.c.symbol)
Index(None, runs.c.user_id, runs.c.symbol, runs.c.created_at)
# Only the runs that wait or are worked on: the thousands that are completed cost dispatch nothing.
_waits, _leased = runs.c.due_at.is_not(None), runs.c.lease_until.is_not(None)
Index("ix_runs_waiting", runs.c.lane, runs.c.due_at, sqlite_where=_waits, postgresql_where=_waits)
Index("ix_runs_leased", runs.c.lease_until, sqlite_where=_leased, postgresql_where=_leased)

proposals = Table(
    "proposals",
    metadata,
    Column("id", Text, primary_key=True),
    _run(),
    _owner(),
    _needed("account_id", Text),
    _needed("strategy_id", Text),
    _needed("strategy_revision", Integer),
    _needed("symbol", Text),
    _needed("spot", Exact(Price)),
    _needed("structure_name", Text),
    _needed("legs", _LEGS),
    _needed("quantity", Integer),
    _needed("mid_price", Exact(Price)),
    _needed("natural_price", Exact(Price)),
    _needed("limit_floor", Exact(Price)),
    Column("max_profit", Exact(Money)),
    Column("max_loss", Exact(Money)),
    _needed("breakevens", Structured(tuple[Price, ...])),
    Column("pop", Exact(Decimal)),
    Column("net_delta", Exact(Decimal)),
    Column("net_theta", Exact(Decimal)),
    Column("net_vega", Exact(Decimal)),
    _needed("buying_power_effect", Exact(Money)),
    _needed("fees", Exact(Money)),
    _needed("reasons", Structured(tuple[str, ...])),
    _needed("synthetic", Boolean),
    _needed("as_of", Instant),
    _needed("created_at", Instant),
    _needed("expires_at", Instant),
    _needed("status", Word(ProposalStatus)),
    _needed("decided_by", Text),
    Column("decided_at", Instant),
    _needed("decision_note", Text),
    _needed("approved_hash", Text),
    _needed("version", Integer),
    Column("needs_confirmation", Boolean, nullable=False, server_default=false()),
    Column("warnings", Structured(tuple[str, ...]), nullable=False, server_default="[]"),
    Column("closing", Structured(ClosingTerms)),
    Column("entry_price", Exact(Price)),
    Column("supersedes", Text),
    Index(None, "run_id"),
    Index(None, "user_id", "created_at"),
    Index(None, "user_id", "status", "created_at"),
)

orders = Table(
    "orders",
    metadata,
    Column("client_order_id", Text, primary_key=True),
    _run(),
    _owner(),
    _needed("account_id", Text),
    _needed("effect", Word(Effect)),
    _needed("purpose", Word(OrderPurpose)),
    _needed("part", Text),
    _needed("legs", _LEGS),
    _needed("quantity", Integer),
    _needed("limit_price", Exact(Price)),
    Column("floor", Exact(Price)),
    _needed("time_in_force", Word(TimeInForce)),
    _needed("status", Word(OrderStatus)),
    _needed("filled", Integer),
    _needed("revision", Integer),
    Column("broker_order_id", Text),
    _needed("staged_at", Instant),
    _needed("expires_at", Instant),
    _needed("reason", Text),
    _needed("is_open", Boolean),
    Column("refusal", Word(Refusal)),
    Column("unresolved_since", Instant),
    Column("absent_since", Instant),
    Column("confirmed_revision", Integer, nullable=False, server_default="0"),
    Column("legs_loose_since", Instant),
    Column("sequence", BigInteger, nullable=False, server_default="0"),  # in the order of staging
    Index(None, "run_id"),
    Index(None, "user_id", "staged_at"),
    Index(None, "is_open", "staged_at"),
    Index(None, "sequence"),
    Index(None, "legs_loose_since"),
)

leg_executions = Table(
    "leg_executions",
    metadata,
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False),
    _needed("execution_id", Text),
    _owner(),
    _needed("contract", Structured(OptionContract)),
    _needed("quantity", Integer),
    _needed("price", Exact(Price)),
    _needed("fees", Exact(Money)),
    _needed("executed_at", Instant),
    _needed("sequence", BigInteger),  # of the report that told of it, or behind all that are known
    PrimaryKeyConstraint("client_order_id", "execution_id"),
)

fills = Table(
    "fills",
    metadata,
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False),
    _needed("fill_id", Text),
    _owner(),
    _needed("quantity", Integer),
    _needed("price", Exact(Price)),
    _needed("fees", Exact(Money)),
    _needed("filled_at", Instant),
    _needed("legs", Structured(tuple[LegFill, ...])),
    _needed("model", Text),
    PrimaryKeyConstraint("client_order_id", "fill_id"),
)

positions = Table(
    "positions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("run_id", Text, ForeignKey("runs.id"), nullable=False, unique=True),
    _owner(),
    _needed("account_id", Text),
    _needed("strategy_id", Text),
    _needed("symbol", Text),
    _needed("legs", _LEGS),
    _needed("spreads", Structured(tuple[Spread, ...])),
    _needed("loose", Structured(tuple[Loose, ...])),
    _needed("shares", Structured(tuple[ShareLot, ...])),
    _needed("opened_quantity", Integer),
    _needed("realized", Exact(Money)),
    _needed("fees", Exact(Money)),
    _needed("opened_at", Instant),
    Column("closed_at", Instant),
    _needed("exits_fired", Structured(tuple[int, ...])),
    Column("keep_asked", Structured(Mapping[str, int])),
    _needed("ended_as", Text),
    _needed("endings", Structured(tuple[str, ...])),
    Column("rolled_from", Text),
    _needed("chain_id", Text),
    _needed("version", Integer),
    _needed("is_open", Boolean),
    Index(None, "user_id", "opened_at"),
    Index(None, "is_open", "opened_at"),
    Index(None, "account_id", "opened_at"),
    Index(None, "account_id", "closed_at"),
    Index(None, "chain_id"),
)

position_watch = Table(
    "position_watch",
    metadata,
    Column("position_id", Text, ForeignKey("positions.id"), primary_key=True),
    _owner(),
    Column("entry", Structured(EntryFacts)),
    _needed("legs", _LEGS),
    Column("high_close", Exact(Price)),
    Column("high_water", Exact(Money)),
    Column("high_at", Instant),
    _needed("ladders", Structured(Mapping[str, LadderState])),
)

risk_violations = Table(
    "risk_violations",
    metadata,
    Column("id", _SEQUENCE, primary_key=True),
    _owner(),
    _needed("account_id", Text),
    _run(),
    _needed("happened_at", Instant),
    _needed("symbol", Text),
    _needed("rule", Text),
    _needed("reason", Text),
    Column("value", Exact(Decimal)),
    Column("bound", Exact(Decimal)),
    _needed("unit", Text),
    _needed("severity", Word(Severity)),
    _needed("action", Word(Action)),
    Column("releases_at", Instant),
    Index(None, "user_id", "happened_at"),
    Index(None, "run_id"),
    sqlite_autoincrement=True,
)
