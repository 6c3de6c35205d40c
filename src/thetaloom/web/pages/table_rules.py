"""What the tables of the large lists show, and what may be asked of them."""

from thetaloom.domain.book.alerts import Alert
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.run.scans import Scan
from thetaloom.domain.run.signals import Signal
from thetaloom.domain.strategy.structures import Leg
from thetaloom.engine.trade_record import JournalEntry
from thetaloom.store.queries.alerts import ALERTS
from thetaloom.store.queries.executions import Execution
from thetaloom.store.queries.orders import ORDERS
from thetaloom.store.queries.positions import POSITIONS
from thetaloom.store.queries.proposals import PROPOSALS
from thetaloom.store.queries.runs import RUNS
from thetaloom.store.queries.scans import SCANS
from thetaloom.store.queries.signals import SIGNALS
from thetaloom.web.pages.tables import Head, TableRules

URGENCIES = {"IMMEDIATE": "at once", "END_OF_DAY": "before the close", "NEXT_SESSION": "next session"}

RUNS_TABLE: TableRules[WorkflowRun] = TableRules(
    path="/runs",
    noun="runs",
    listing=RUNS,
    heads=(
        Head(title="Run", sort="id"),
        Head(title="Symbol", sort="symbol"),
        Head(title="Strategy", sort="strategy_id"),
        Head(title="Started by", sort="trigger"),
        Head(title="Status", sort="status"),
        Head(title="Reason", sort="reason"),
        Head(title="Started", sort="created_at"),
    ),
    searches="id, symbol, strategy or reason",
    labels={"trigger": "started by"},
    cells={
        "id": lambda run: run.id,
        "symbol": lambda run: run.symbol,
        "strategy_id": lambda run: run.strategy_id,
        "strategy_revision": lambda run: run.strategy_revision,
        "trigger": lambda run: run.trigger,
        "status": lambda run: run.status,
        "outcome": lambda run: run.outcome,
        "reason": lambda run: run.reason,
        "forced": lambda run: run.forced,
        "account_id": lambda run: run.account_id,
        "created_at": lambda run: run.created_at,
        "updated_at": lambda run: run.updated_at,
    },
)

EXECUTIONS_TABLE: TableRules[Execution] = TableRules(
    path="/lineage",
    noun="executions",
    listing=RUNS,
    heads=(
        Head(title="Run", sort="id"),
        Head(title="Symbol", sort="symbol"),
        Head(title="Strategy", sort="strategy_id"),
        Head(title="End", sort="outcome"),
        Head(title="Reason", sort="reason"),
        Head(title="Last step"),
        Head(title="Records", is_number=True),
        Head(title="Failed", is_number=True),
        Head(title="Worked for", is_number=True),
        Head(title="Started", sort="created_at"),
    ),
    searches="id, symbol, strategy or reason",
    labels={"trigger": "started by"},
    cells={
        "run_id": lambda one: one.run_id,
        "symbol": lambda one: one.symbol,
        "strategy_id": lambda one: one.strategy_id,
        "strategy_revision": lambda one: one.strategy_revision,
        "trigger": lambda one: one.trigger,
        "status": lambda one: one.status,
        "outcome": lambda one: one.outcome,
        "reason": lambda one: one.reason,
        "last_step": lambda one: one.last_step,
        "records": lambda one: one.records,
        "errors": lambda one: one.errors,
        "duration_us": lambda one: one.duration_us,
        "started_at": lambda one: one.started_at,
        "last_at": lambda one: one.last_at,
    },
)

ORDERS_TABLE: TableRules[Order] = TableRules(
    path="/orders",
    noun="orders",
    listing=ORDERS,
    heads=(
        Head(title="Order", sort="client_order_id"),
        Head(title="Does", sort="effect"),
        Head(title="Legs"),
        Head(title="Filled", sort="filled", is_number=True),
        Head(title="Limit", sort="limit_price", is_number=True),
        Head(title="Moves", sort="revision", is_number=True),
        Head(title="Status", sort="status"),
        Head(title="Staged", sort="staged_at"),
        Head(title="Next"),
    ),
    searches="id, run, part or reason",
    labels={"effect": "does", "open": "working"},
    cells={
        "client_order_id": lambda order: order.client_order_id,
        "broker_order_id": lambda order: order.broker_order_id,
        "run_id": lambda order: order.run_id,
        "account_id": lambda order: order.account_id,
        "effect": lambda order: order.effect,
        "purpose": lambda order: order.purpose,
        "part": lambda order: order.part,
        "legs": lambda order: legs_text(order.legs),
        "quantity": lambda order: order.quantity,
        "filled": lambda order: order.filled,
        "limit_price": lambda order: order.limit_price,
        "floor": lambda order: order.floor,
        "time_in_force": lambda order: order.time_in_force,
        "revision": lambda order: order.revision,
        "status": lambda order: order.status,
        "reason": lambda order: order.reason,
        "staged_at": lambda order: order.staged_at,
        "expires_at": lambda order: order.expires_at,
    },
)

POSITIONS_TABLE: TableRules[Position] = TableRules(
    path="/positions",
    noun="positions",
    listing=POSITIONS,
    heads=(
        Head(title="Symbol", sort="symbol"),
        Head(title="Legs"),
        Head(title="Held", sort="opened_quantity", is_number=True),
        Head(title="Entry", is_number=True),
        Head(title="To close", is_number=True),
        Head(title="Unrealized", is_number=True),
        Head(title="Realized", sort="realized", is_number=True),
        Head(title="Delta", is_number=True),
        Head(title="Theta", is_number=True),
        Head(title="Rules and protection"),
        Head(title="DTE", is_number=True),
        Head(title="Next", sort="closed_at"),
    ),
    searches="id, run, symbol, strategy or end",
    anyhow={"held": "open and closed"},
    cells={
        "id": lambda position: position.id,
        "run_id": lambda position: position.run_id,
        "symbol": lambda position: position.symbol,
        "strategy_id": lambda position: position.strategy_id,
        "account_id": lambda position: position.account_id,
        "legs": lambda position: legs_text(position.legs),
        "opened_quantity": lambda position: position.opened_quantity,
        "quantity": lambda position: position.quantity,
        "entry_price": lambda position: position.entry_price if position.quantity else None,
        "realized_pnl": lambda position: position.realized_pnl,
        "fees": lambda position: position.fees,
        "is_open": lambda position: position.is_open,
        "opened_at": lambda position: position.opened_at,
        "closed_at": lambda position: position.closed_at,
        "ended_as": lambda position: position.ended_as,
    },
)

JOURNAL_TABLE: TableRules[JournalEntry] = TableRules(
    path="/journal",
    noun="trades",
    listing=POSITIONS,
    heads=(
        Head(title="Trade", sort="symbol"),
        Head(title="Structure", sort="strategy_id"),
        Head(title="Opened", sort="opened_at"),
        Head(title="Days", is_number=True),
        Head(title="Ended by", sort="ended_as"),
        Head(title="Profit and loss", sort="realized", is_number=True),
        Head(title="Of max profit", is_number=True),
        Head(title="Rules kept", is_number=True),
        Head(title="Note"),
    ),
    searches="id, run, symbol, strategy or end",
    anyhow={"held": "open and closed"},
    cells={
        "position_id": lambda trade: trade.position_id,
        "symbol": lambda trade: trade.symbol,
        "structure": lambda trade: trade.structure,
        "quantity": lambda trade: trade.quantity,
        "opened_at": lambda trade: trade.opened_at,
        "days_held": lambda trade: trade.days_held,
        "is_open": lambda trade: trade.is_open,
        "exit_reason": lambda trade: trade.exit_reason,
        "outcome": lambda trade: trade.outcome,
        "entry_price": lambda trade: trade.entry_price,
        "pnl": lambda trade: trade.pnl,
        "percent_of_max_profit": lambda trade: trade.percent_of_max_profit,
        "compliance_percent": lambda trade: trade.compliance_percent,
        "note": lambda trade: trade.note,
    },
)

_PROPOSAL_HEADS = (
    Head(title="Symbol", sort="symbol"),
    Head(title="Structure", sort="structure_name"),
    Head(title="Legs"),
    Head(title="Quantity", sort="quantity", is_number=True),
    Head(title="Net mid", sort="mid_price", is_number=True),
    Head(title="Max loss", sort="max_loss", is_number=True),
)
PROPOSALS_TABLE: TableRules[Proposal] = TableRules(
    path="/approvals",
    noun="proposals",
    listing=PROPOSALS,
    heads=(
        Head(title="Proposal", sort="id"),
        *_PROPOSAL_HEADS,
        Head(title="Status", sort="status"),
        Head(title="Expires", sort="expires_at"),
    ),
    searches="id, run, symbol, strategy, structure or note",
    cells={
        "id": lambda one: one.id,
        "run_id": lambda one: one.run_id,
        "strategy_id": lambda one: one.strategy_id,
        "symbol": lambda one: one.symbol,
        "structure_name": lambda one: one.structure_name,
        "legs": lambda one: legs_text(one.legs),
        "quantity": lambda one: one.quantity,
        "mid_price": lambda one: one.mid_price,
        "natural_price": lambda one: one.natural_price,
        "limit_floor": lambda one: one.limit_floor,
        "max_profit": lambda one: one.max_profit,
        "max_loss": lambda one: one.max_loss,
        "pop": lambda one: one.pop,
        "status": lambda one: one.status,
        "created_at": lambda one: one.created_at,
        "expires_at": lambda one: one.expires_at,
        "decided_by": lambda one: one.decided_by,
        "decided_at": lambda one: one.decided_at,
        "decision_note": lambda one: one.decision_note,
    },
)

SIGNALS_TABLE: TableRules[Signal] = TableRules(
    path="/signals",
    noun="signals",
    listing=SIGNALS,
    heads=(
        Head(title="Signal", sort="symbol"),
        Head(title="Source", sort="source"),
        Head(title="Asks", sort="action"),
        Head(title="Timeframe", sort="timeframe"),
        Head(title="Confidence", sort="confidence", is_number=True),
        Head(title="Stage", sort="stage"),
        Head(title="Reason", sort="reason"),
        Head(title="Run"),
        Head(title="Received", sort="received_at"),
    ),
    searches="id, symbol, source, run or reason",
    cells={
        "id": lambda one: one.id,
        "source": lambda one: one.source,
        "symbol": lambda one: one.symbol,
        "action": lambda one: one.action,
        "direction": lambda one: one.direction,
        "timeframe": lambda one: one.timeframe,
        "confidence": lambda one: one.confidence,
        "price": lambda one: one.price,
        "stage": lambda one: one.stage,
        "reason": lambda one: one.reason,
        "run_id": lambda one: one.run_id,
        "sent_at": lambda one: one.sent_at,
        "received_at": lambda one: one.received_at,
    },
)

SCANS_TABLE: TableRules[Scan] = TableRules(
    path="/scans",
    noun="scans",
    listing=SCANS,
    heads=(
        Head(title="Asked", sort="asked_at"),
        Head(title="Status", sort="status"),
        Head(title="About", sort="watchlist"),
        Head(title="Pairs", sort="pairs", is_number=True),
        Head(title="Eligible", sort="eligible", is_number=True),
        Head(title="Started", is_number=True),
    ),
    searches="id, watchlist, symbol or strategy",
    cells={
        "id": lambda one: one.id,
        "asked_at": lambda one: one.asked_at,
        "finished_at": lambda one: one.finished_at,
        "status": lambda one: one.status,
        "watchlist": lambda one: one.watchlist,
        "symbols": lambda one: one.symbols,
        "pairs": lambda one: one.pairs,
        "eligible": lambda one: one.eligible,
        "run_ids": lambda one: one.run_ids,
        "message": lambda one: one.message,
    },
)

ALERTS_TABLE: TableRules[Alert] = TableRules(
    path="/alerts",
    noun="alerts",
    listing=ALERTS,
    heads=(
        Head(title="About", sort="symbol"),
        Head(title="Act", sort="priority"),
        Head(title="What", sort="reason"),
        Head(title="Now", sort="current_value", is_number=True),
        Head(title="Threshold", sort="threshold_value", is_number=True),
        Head(title="What to do"),
        Head(title="Since", sort="raised_at"),
    ),
    searches="subject, symbol, cause or words",
    labels={"urgency": "act"},
    anyhow={"show": "those that stand"},
    answers={"over": "those that are over", "all": "both", **URGENCIES},
    cells={
        "id": lambda one: one.id,
        "subject": lambda one: one.subject,
        "position_id": lambda one: one.position_id,
        "symbol": lambda one: one.symbol,
        "cause": lambda one: one.cause,
        "reason": lambda one: one.reason,
        "priority": lambda one: one.priority,
        "urgency": lambda one: one.urgency,
        "details": lambda one: one.details,
        "current_value": lambda one: one.current_value,
        "threshold_value": lambda one: one.threshold_value,
        "unit": lambda one: one.unit,
        "recommended_action": lambda one: one.recommended_action,
        "raised_at": lambda one: one.raised_at,
        "ended_at": lambda one: one.ended_at,
    },
)


def legs_text(legs: tuple[Leg, ...]) -> str:
    """Write legs in one cell."""
    return "; ".join(leg.notation for leg in legs)
