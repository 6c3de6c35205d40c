"""``reconcile``: our books against the broker's."""

from typing import Annotated

import typer
from rich.markup import escape

from thetaloom.cli.access import is_served, opened
from thetaloom.cli.output import EXIT_FAILED, JsonOption, emit, say, table
from thetaloom.engine.commands import Reconcile
from thetaloom.engine.reconcile import Reconciled
from thetaloom.errors import InvariantError


def reconcile(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only compare; change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare our books with the broker's, and settle what is in doubt; exit code 1 where holdings differ."""
    with opened() as platform:
        found = platform.engine.handle(Reconcile(user_id=platform.user_id, dry_run=dry_run))
        if not dry_run and not is_served(platform.database):
            platform.engine.settle()
    if not isinstance(found, Reconciled):
        raise InvariantError("a reconciliation answered with something else")
    if as_json:
        emit({"dry_run": dry_run, "reports_applied": found.reports_applied, **_work(found), "drifts": _drifts(found)})
    else:
        _print(found, dry_run=dry_run)
    if found.drifts:
        raise typer.Exit(EXIT_FAILED)


def _work(found: Reconciled) -> dict[str, object]:
    return {"orders_in_doubt": found.orders_delivered}


def _drifts(found: Reconciled) -> list[dict[str, object]]:
    return [
        {"contract": drift.contract.occ_symbol, "ours": drift.ours, "theirs": drift.theirs} for drift in found.drifts
    ]


def _print(found: Reconciled, *, dry_run: bool) -> None:
    doubt = "would be looked up" if dry_run else "looked up at the broker"
    say(f"{found.reports_applied} reports applied, {found.orders_delivered} orders in doubt {doubt}")
    if not found.drifts:
        say("[green]our books and the broker's agree[/]")
        return
    rows = ((escape(drift.contract.notation), drift.ours, drift.theirs) for drift in found.drifts)
    table("holdings that differ", ("contract", "ours", "the broker's"), rows)
