"""What the tables of logs show: due times, messages, comparisons with the broker, findings, and what limits refused."""

from thetaloom.domain.book.elsewhere import Finding
from thetaloom.domain.book.looks import Reconciliation
from thetaloom.domain.risk.violations import Violation
from thetaloom.domain.run.notifications import Delivery
from thetaloom.domain.run.schedules import Firing
from thetaloom.store.queries.findings import FINDINGS, LOOKS
from thetaloom.store.queries.notifications import DELIVERIES
from thetaloom.store.queries.schedules import FIRINGS
from thetaloom.store.queries.violations import VIOLATIONS
from thetaloom.web.pages.tables import Head, TableRules

FIRINGS_TABLE: TableRules[Firing] = TableRules(
    path="/schedules",
    noun="due times",
    listing=FIRINGS,
    heads=(
        Head(title="Due", sort="due_at"),
        Head(title="Status", sort="status"),
        Head(title="Reason", sort="reason"),
        Head(title="Late", sort="late", is_number=True),
        Head(title="Started"),
        Head(title="Schedule", sort="schedule_id"),
    ),
    searches="schedule, run, scan or reason",
    cells={
        "due_at": lambda one: one.due_at,
        "schedule_id": lambda one: one.schedule_id,
        "status": lambda one: one.status,
        "reason": lambda one: one.reason,
        "fired_at": lambda one: one.fired_at,
        "late_seconds": lambda one: one.late_seconds,
        "run_ids": lambda one: one.run_ids,
        "scan_id": lambda one: one.scan_id,
    },
)

DELIVERIES_TABLE: TableRules[Delivery] = TableRules(
    path="/notifications",
    noun="messages",
    listing=DELIVERIES,
    heads=(
        Head(title="Title", sort="title"),
        Head(title="To", sort="destination"),
        Head(title="About", sort="topic"),
        Head(title="Status", sort="status"),
        Head(title="Tries", sort="attempts", is_number=True),
        Head(title="Made", sort="made_at"),
        Head(title="Why", sort="error"),
    ),
    searches="title, words, destination or error",
    labels={"topic": "about"},
    cells={
        "id": lambda one: one.id,
        "destination": lambda one: one.destination,
        "topic": lambda one: one.topic,
        "title": lambda one: one.title,
        "body": lambda one: one.body,
        "status": lambda one: one.status,
        "attempts": lambda one: one.attempts,
        "made_at": lambda one: one.made_at,
        "sent_at": lambda one: one.sent_at,
        "error": lambda one: one.error,
    },
)

LOOKS_TABLE: TableRules[Reconciliation] = TableRules(
    path="/reconcile",
    noun="looks",
    listing=LOOKS,
    heads=(
        Head(title="At", sort="looked_at"),
        Head(title="Cause", sort="cause"),
        Head(title="Updated", sort="updated", is_number=True),
        Head(title="Created", sort="created", is_number=True),
        Head(title="Errors", sort="errors", is_number=True),
        Head(title="Waiting", sort="waiting", is_number=True),
        Head(title="Drifts", sort="drifts", is_number=True),
        Head(title="Evidence"),
    ),
    searches="digest or account",
    cells={
        "looked_at": lambda one: one.looked_at,
        "account_id": lambda one: one.account_id,
        "cause": lambda one: one.cause,
        "updated": lambda one: one.updated,
        "created": lambda one: one.created,
        "errors": lambda one: one.errors,
        "waiting": lambda one: one.waiting,
        "drifts": lambda one: one.drifts,
        "digest": lambda one: one.digest,
    },
)

FINDINGS_TABLE: TableRules[Finding] = TableRules(
    path="/reconcile",
    noun="findings",
    prefix="finding_",
    listing=FINDINGS,
    heads=(
        Head(title="Found", sort="found_at"),
        Head(title="Kind", sort="kind"),
        Head(title="Symbol", sort="symbol"),
        Head(title="Status", sort="status"),
        Head(title="What"),
        Head(title="Settled", sort="settled_at"),
    ),
    searches="symbol, words or order",
    cells={
        "id": lambda one: one.id,
        "kind": lambda one: one.kind,
        "symbol": lambda one: one.symbol,
        "status": lambda one: one.status,
        "text": lambda one: one.text,
        "found_at": lambda one: one.found_at,
        "settled_at": lambda one: one.settled_at,
        "settled_as": lambda one: one.settled_as,
    },
)

VIOLATIONS_TABLE: TableRules[Violation] = TableRules(
    path="/risk",
    noun="refusals",
    listing=VIOLATIONS,
    heads=(
        Head(title="Limit", sort="rule"),
        Head(title="Symbol", sort="symbol"),
        Head(title="Severity", sort="severity"),
        Head(title="Would have been", is_number=True),
        Head(title="Limit", is_number=True),
        Head(title="Unit"),
        Head(title="Reason", sort="reason"),
        Head(title="At", sort="happened_at"),
        Head(title="Run"),
    ),
    searches="limit, symbol, reason or run",
    cells={
        "rule": lambda one: one.rule,
        "symbol": lambda one: one.symbol,
        "severity": lambda one: one.severity,
        "value": lambda one: one.value,
        "bound": lambda one: one.bound,
        "unit": lambda one: one.unit,
        "reason": lambda one: one.reason,
        "action": lambda one: one.action,
        "happened_at": lambda one: one.happened_at,
        "releases_at": lambda one: one.releases_at,
        "run_id": lambda one: one.run_id,
    },
)
