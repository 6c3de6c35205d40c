"""``reconcile``: our books in step with the broker's, and what waits for a person."""

from typing import Annotated

import typer
from rich.markup import escape

from thetaloom.cli.access import is_served, opened
from thetaloom.cli.output import EXIT_FAILED, JsonOption, emit, say, table, to_plain
from thetaloom.domain.book.elsewhere import Finding, FindingKind, FindingStatus
from thetaloom.domain.values.ids import AccountId, PositionId
from thetaloom.engine.commands import Reconcile
from thetaloom.engine.reconcile import Reconciled
from thetaloom.engine.reconciliation.answers import DAYS_BACK_MAX
from thetaloom.errors import InvariantError

DECIDE = {
    FindingKind.UNKNOWN_HOLDING: "thetaloom position adopt {id} STRATEGY   or   thetaloom position ignore {id}",
    FindingKind.WHOSE_CLOSE: "thetaloom position assign {id} POSITION",
    FindingKind.CONTRACTS_DIFFER: "If they are gone at the broker: thetaloom position assign {id} POSITION",
    FindingKind.ORPHAN_ORDER: "thetaloom reconcile --cancel-orphans   or   thetaloom position ignore {id}",
}


def reconcile(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done; change nothing.")] = False,
    account: Annotated[str | None, typer.Option("--account", help="The account; by default the one traded.")] = None,
    position: Annotated[str | None, typer.Option("--position", help="Only this position.")] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only this underlying.")] = None,
    cancel_orphans: Annotated[
        bool, typer.Option("--cancel-orphans", help="Cancel orders at the broker that are not ours.")
    ] = False,
    replace_targets: Annotated[
        bool, typer.Option("--replace-targets", help="Place targets again that were canceled, too.")
    ] = False,
    days_back: Annotated[
        int, typer.Option("--days-back", min=1, max=DAYS_BACK_MAX, help="How far back to link transactions.")
    ] = 30,
    verbose: Annotated[bool, typer.Option("--verbose", help="Say what each phase did, one by one.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring our books in step with the broker's, in seven phases; exit code 1 where holdings differ after it."""
    with opened() as platform:
        wish = Reconcile(
            user_id=platform.user_id,
            dry_run=dry_run,
            account_id=None if account is None else AccountId(account),
            position_id=None if position is None else PositionId(position),
            symbol=symbol,
            cancel_orphans=cancel_orphans,
            replace_targets=replace_targets,
            days_back=days_back,
        )
        found = platform.engine.handle(wish)
        if not dry_run and not is_served(platform.database):
            platform.engine.settle()
    if not isinstance(found, Reconciled):
        raise InvariantError("a reconciliation answered with something else")
    if as_json:
        emit(record_of(found))
    else:
        _print(found, verbose=verbose)
    if found.drifts:
        raise typer.Exit(EXIT_FAILED)


def record_of(found: Reconciled) -> dict[str, object]:
    """Return a reconciliation as JSON says it."""
    return {
        "dry_run": found.dry_run,
        "reports_applied": found.reports_applied,
        "orders_in_doubt": found.orders_delivered,
        "drifts": [
            {"contract": one.contract.occ_symbol, "ours": one.ours, "theirs": one.theirs} for one in found.drifts
        ],
        "phases": [
            {
                "phase": phase.phase.value,
                "processed": phase.processed,
                "updated": phase.updated,
                "created": phase.created,
                "errors": phase.errors,
                "seconds": round(phase.seconds, 6),
                "notes": list(phase.notes),
            }
            for phase in found.phases
        ],
        "findings": [to_plain(one) for one in found.findings],
        "suspects": found.suspects,
    }


def _print(found: Reconciled, *, verbose: bool) -> None:
    doubt = "would be looked up" if found.dry_run else "looked up at the broker"
    say(f"{found.reports_applied} reports applied, {found.orders_delivered} orders in doubt {doubt}")
    rows = (
        (one.phase.value, one.processed, one.updated, one.created, one.errors, f"{one.seconds * 1000:.1f} ms")
        for one in found.phases
    )
    title = "what would be done" if found.dry_run else "phases"
    table(title, ("phase", "processed", "updated", "created", "errors", "took"), rows)
    for phase in found.phases if verbose or found.dry_run else ():
        for text in phase.notes:
            say(f"[dim]{phase.phase.value}:[/] {escape(text)}", wrapped=True)
    if found.suspects:
        say("Something is seen for the first time; the next look decides.", wrapped=True)
    _findings(found)
    if not found.drifts:
        say("[green]our books and the broker's agree[/]")
        return
    contracts = ((escape(drift.contract.notation), drift.ours, drift.theirs) for drift in found.drifts)
    table("holdings that differ", ("contract", "ours", "the broker's"), contracts)


def _findings(found: Reconciled) -> None:
    waiting = [one for one in found.findings if one.status is FindingStatus.WAITING]
    if not waiting:
        return
    say(f"[bold]{len(waiting)} waiting for you[/]")
    for one in waiting:
        say(f"[bold]{one.id}[/] {one.kind.value.replace('_', ' ')}: {escape(one.text)}", wrapped=True)
        say(f"  {escape(decide_by(one, dry_run=found.dry_run))}", wrapped=True)


def decide_by(one: Finding, *, dry_run: bool = False) -> str:
    """Return what a person can do about a finding."""
    if dry_run:
        return "A dry run keeps nothing: reconcile first, then decide."
    can_be_said = one.kind is not FindingKind.CONTRACTS_DIFFER or bool(one.legs)
    words = DECIDE.get(one.kind) if can_be_said else None
    named = words.replace("POSITION", one.candidates[0]) if words and len(one.candidates) == 1 else words
    return (named or "It ends by itself when the difference is gone.").format(id=one.id)
