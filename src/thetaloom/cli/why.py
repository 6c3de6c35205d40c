"""Why a run stands where it stands: the last no with every check behind it, and what comes next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from thetaloom.cli.output import pairs, say, shown_instant, table
from thetaloom.cli.words import price_text, reason_text
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.runs import RunStatus, StepStatus, WorkflowRun
from thetaloom.domain.values.ids import UserId
from thetaloom.store.database import Database
from thetaloom.store.queries.lineage import step_record
from thetaloom.store.queries.runs import RunDetail

NO = frozenset({StepStatus.DENIED, StepStatus.FAILED})


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """One check: what was found, what is asked for, and how far the one is from a yes."""

    name: str
    answer: str
    reason: str
    value: str | None
    limit: str | None
    distance: str | None
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The explanation of one run."""

    run: WorkflowRun
    step: str = ""
    text: str = ""  # what the dictionary says of the reason
    facts: Mapping[str, str] = field(default_factory=dict)
    checks: tuple[CheckLine, ...] = ()
    rejections: tuple[Mapping[str, Any], ...] = ()  # expirations that could not be used
    error: str = ""
    next: str

    def record(self) -> dict[str, object]:
        """Return the explanation as programs get it."""
        return {
            "run": self.run.id,
            "status": self.run.status.value,
            "outcome": self.run.outcome.value if self.run.outcome else None,
            "reason": self.run.reason or None,
            "text": self.text or None,
            "step": self.step or None,
            "facts": self.facts,
            "checks": self.checks,
            "rejections": self.rejections,
            "error": self.error or None,
            "next": self.next,
            "due_at": self.run.due_at,
        }


def explain(database: Database, user: UserId, detail: RunDetail) -> Why:
    """Read the evidence of the record that decided where the run stands."""
    run = detail.run
    deciding = next((record for record in reversed(detail.timeline) if record.status in NO), None)
    if deciding is None:
        # a yes has its checks, too: those of the last step that held any
        return Why(
            run=run,
            text=reason_text(run.reason),
            checks=_last_checks(database, user, detail),
            next=what_comes_next(detail),
        )
    step = step_record(database, user, run.id, seq=deciding.seq)
    said = step.output.content if step.output is not None and isinstance(step.output.content, dict) else {}
    verdict = said.get("verdict") or {}
    return Why(
        run=run,
        step=deciding.step.value,
        text=reason_text(run.reason or deciding.reason),
        facts=verdict.get("facts") or {},
        checks=tuple(_line(check) for check in said.get("checks", ())),
        rejections=tuple(_rejection(entry) for entry in said.get("rejections", ())),
        error=deciding.error,
        next=what_comes_next(detail),
    )


def what_comes_next(detail: RunDetail) -> str:
    """Say what the run waits for, and until when."""
    run = detail.run
    due = f", due {shown_instant(run.due_at)}" if run.due_at is not None else ""
    match run.status:
        case RunStatus.COMPLETED:
            return "nothing: the run has ended"
        case RunStatus.PENDING_APPROVAL:
            return _next_of_proposal(detail) + due
        case RunStatus.EXECUTING | RunStatus.CLOSING:
            return _next_of_order(detail) + due
        case RunStatus.MONITORING:
            return f"the exit rules watch every quote{due}; `thetaloom position close` ends it by hand"
        case RunStatus.PAUSED | RunStatus.ERROR:
            return f"it waits for a person: thetaloom run resume {run.id}"
    return f"the step {run.next_step.value if run.next_step else 'after the next event'}{due}"


def print_why(why: Why) -> None:
    """Print an explanation for people."""
    run = why.run
    pairs(
        f"{run.id}  {run.strategy_id} on {run.symbol}",
        {
            "status": run.status.value,
            "outcome": run.outcome.value if run.outcome else None,
            "reason": run.reason or None,
            "meaning": why.text or None,
            "said by": why.step or None,
            **{f"  {name}": fact for name, fact in why.facts.items()},
            **({"error": why.error} if why.error else {}),
            "next": why.next,
        },
    )
    if why.checks:
        names = ("check", "answer", "value", "limit", "to a yes", "unit")
        rows = (
            (check.name, check.answer, check.value, check.limit, check.distance, check.unit) for check in why.checks
        )
        table("checks", names, rows)
    if why.rejections:
        rows_refused = (
            (entry["expires_on"], entry["leg"], entry["reason"], entry["numbers"]) for entry in why.rejections
        )
        table("expirations not taken", ("expiration", "leg", "reason", "numbers"), rows_refused)
    if not why.checks and not why.rejections and not why.text:
        say("[dim]no step has said no[/]")


def _last_checks(database: Database, user: UserId, detail: RunDetail) -> tuple[CheckLine, ...]:
    for record in reversed(detail.timeline):
        step = step_record(database, user, detail.run.id, seq=record.seq)
        said = step.output.content if step.output is not None else None
        if isinstance(said, dict) and said.get("checks"):
            return tuple(_line(check) for check in said["checks"])
    return ()


def _line(check: Mapping[str, Any]) -> CheckLine:
    verdict = check["verdict"]
    value, limit = check.get("value"), check.get("limit")
    allowed = verdict["answer"] == "allow"
    distance = check.get("distance", "0" if allowed else _difference(value, limit))
    return CheckLine(
        name=check["name"],
        answer=verdict["answer"],
        reason=verdict.get("reason") or "",
        value=None if value is None else str(value),
        limit=None if limit is None else str(limit),
        distance=distance,
        unit=check.get("unit", ""),
    )


def _difference(value: object, limit: object) -> str:
    if value is None or limit is None:
        return "unknown"
    try:
        return format(Decimal(str(limit)) - Decimal(str(value)), "f")
    except InvalidOperation:
        return "unknown"


def _rejection(entry: Mapping[str, Any]) -> dict[str, Any]:
    verdict = entry["verdict"]
    numbers = ", ".join(f"{name} {fact}" for name, fact in verdict["facts"].items())
    return {
        "expires_on": entry["expires_on"],
        "leg": entry.get("leg"),
        "reason": verdict.get("reason"),
        "numbers": numbers,
    }


def _next_of_proposal(detail: RunDetail) -> str:
    for proposal in detail.proposals:
        if proposal.status is ProposalStatus.PENDING:
            return (
                f"a decision until {shown_instant(proposal.expires_at)}: thetaloom approval approve {proposal.id}"
                " (or reject)"
            )
    return "the decision is there; the run goes on"


def _next_of_order(detail: RunDetail) -> str:
    for order in reversed(detail.orders):
        if order.is_open:
            return (
                f"order {order.client_order_id} is {order.status.value} at {price_text(order.limit_price)}, "
                f"{order.filled} of {order.quantity} filled, until {shown_instant(order.expires_at)}"
            )
    return "an order is about to be sent"
