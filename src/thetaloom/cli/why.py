"""Why a run stands where it stands: the last no with every check behind it, and what comes next."""

from dataclasses import dataclass

from rich.markup import escape

from thetaloom.cli.output import pairs, say, shown_instant, table
from thetaloom.cli.words import price_text
from thetaloom.domain.book.share_orders import shares_text
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.runs import RunStatus, WorkflowRun
from thetaloom.domain.run.why import Why as Reading
from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.reasons import Reason
from thetaloom.store.database import Database
from thetaloom.store.queries.runs import RunDetail
from thetaloom.store.queries.why import why_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The explanation of one run, and what comes next."""

    run: WorkflowRun
    found: Reading
    next: str

    @property
    def text(self) -> str:
        """What the reason code means."""
        return self.found.text

    def record(self) -> dict[str, object]:
        """Return the explanation as programs get it."""
        found = self.found
        return {
            "run": self.run.id,
            "status": self.run.status.value,
            "outcome": self.run.outcome.value if self.run.outcome else None,
            "reason": self.run.reason or None,
            "text": found.text or None,
            "step": found.step.value if found.step else None,
            "facts": found.facts,
            "blocking": found.blocking,
            "score": found.score,
            "checks": found.checks,
            "rejections": found.rejections,
            "error": found.error or None,
            "next": self.next,
            "due_at": self.run.due_at,
        }


def explain(database: Database, user: UserId, detail: RunDetail) -> Why:
    """Read the evidence of what decided where the run stands."""
    return Why(run=detail.run, found=why_of(database, user, detail), next=what_comes_next(detail))


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
            held = detail.position
            if held is not None and held.shares_held and not held.holds_contracts:
                return f"it {shares_text(held)}; `thetaloom position sell-shares {held.id}` ends it"
            return f"the exit rules watch every quote{due}; `thetaloom position close` ends it by hand"
        case RunStatus.PAUSED if run.reason == Reason.BOOK_IN_DOUBT.value:
            return "it goes on when both books hold the same; if they never will: thetaloom reconcile"
        case RunStatus.PAUSED | RunStatus.ERROR:
            return f"it waits for a person: thetaloom run resume {run.id}"
    return f"the step {run.next_step.value if run.next_step else 'after the next event'}{due}"


def print_why(why: Why) -> None:
    """Print an explanation for people."""
    run, found = why.run, why.found
    pairs(
        f"{run.id}  {run.strategy_id} on {run.symbol}",
        {
            "status": run.status.value,
            "outcome": run.outcome.value if run.outcome else None,
            "reason": run.reason or None,
            "meaning": found.text or None,
            "said by": found.step.value if found.step else None,
            **{f"  {name}": fact for name, fact in found.facts.items()},
            **({"error": found.error} if found.error else {}),
            "next": why.next,
        },
    )
    if found.blocking:
        say("[bold]what would change it[/]")
        for at, blocking in enumerate(found.blocking, start=1):
            say(f"  {at}. {escape(blocking.change)}  [dim]{blocking.reason}[/]")
    if found.score is not None:
        label = found.score.label.replace("_", " ")
        say(f"[bold]score[/] {found.score.total} ({label} confidence), least {found.score.minimum}")
        for reason in found.score.reasons:
            say(f"   {escape(reason)}")
    if found.checks:
        names = ("check", "answer", "value", "limit", "to a yes", "unit")
        rows = (
            (check.name, check.answer, check.value, check.limit, check.distance, check.unit) for check in found.checks
        )
        table("checks", names, rows)
    if found.rejections:
        rows_refused = (
            (entry["expires_on"], entry["leg"], entry["reason"], entry["numbers"]) for entry in found.rejections
        )
        table("expirations not taken", ("expiration", "leg", "reason", "numbers"), rows_refused)
    if not found.checks and not found.rejections and not found.text:
        say("[dim]no step has said no[/]")


def _next_of_proposal(detail: RunDetail) -> str:
    for proposal in detail.proposals:
        if proposal.status is ProposalStatus.PENDING:
            return (
                f"a decision until {shown_instant(proposal.expires_at)}: thetaloom approval approve {proposal.id}"
                " (or reject)"
            )
    return "the decision is there; the run goes on" if detail.proposals else "its proposal is being made"


def _next_of_order(detail: RunDetail) -> str:
    for order in reversed(detail.orders):
        if order.is_open:
            return (
                f"order {order.client_order_id} is {order.status.value} at {price_text(order.limit_price)}, "
                f"{order.filled} of {order.quantity} filled, until {shown_instant(order.expires_at)}"
            )
    return "an order is about to be sent"
