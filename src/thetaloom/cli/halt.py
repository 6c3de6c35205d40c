"""``halt`` and ``resume``: the kill switch, and lifting it in two steps."""

from typing import Annotated

import typer
from rich.markup import escape

from thetaloom.cli.access import carry_out, opened
from thetaloom.cli.output import JsonOption, emit, say
from thetaloom.engine.commands import Halt, LiftHalt
from thetaloom.errors import NotAllowed, NotFound

ScopeOption = Annotated[
    str, typer.Option("--scope", help="all, account:ID or strategy:ID; what is meant when not given is all.")
]


def halt(
    scope: ScopeOption = "all",
    reason: Annotated[str, typer.Option("--reason", "--note", help="Why, in words; it is kept.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Stop new risk at once: working entries are canceled, exits go on."""
    with opened() as platform:
        carry_out(platform, Halt(user_id=platform.user_id, scope=scope, note=reason))
        with platform.store.unit_of_work() as uow:
            halts = dict(uow.accounts.halts())
    if as_json:
        emit({"halts": halts})
        return
    say(f"[bold red]halted[/] {escape(scope)}: no new risk; exits go on")
    say("lift it with [bold]thetaloom resume --confirm[/]")


def resume(
    scope: ScopeOption = "all",
    confirm: Annotated[bool, typer.Option("--confirm", help="The second step: really allow new risk again.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Allow new risk again, in two steps: first see what is halted, then confirm."""
    with opened() as platform:
        with platform.store.unit_of_work() as uow:
            halts = dict(uow.accounts.halts())
        if scope not in halts:
            raise NotFound(
                f"{scope!r} is not halted",
                advice=f"Halted now: {', '.join(halts) or 'nothing'}.",
                details={"halts": ", ".join(halts)},
            )
        if not confirm:
            raise NotAllowed(
                "confirmation_needed",
                f"{scope} is halted: {halts[scope]}",
                advice="If the cause is gone: thetaloom resume --confirm"
                + (f" --scope {scope}" if scope != "all" else ""),
                details={"scope": scope, "reason": halts[scope]},
            )
        carry_out(platform, LiftHalt(user_id=platform.user_id, scope=scope))
        with platform.store.unit_of_work() as uow:
            left = dict(uow.accounts.halts())
    if as_json:
        emit({"resumed": scope, "halts": left})
        return
    say(f"[green]resumed[/] {escape(scope)}: new risk is allowed again")
    for name, why in left.items():
        say(f"still halted: {escape(name)} ({escape(why)})")
