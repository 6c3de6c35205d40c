"""``halt`` and ``resume``: the kill switch, which needs no database, and lifting it in two steps."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from thetaloom.cli.access import carry_out, opened
from thetaloom.cli.output import EXIT_FAILED, JsonOption, emit, note, say
from thetaloom.config import DEFAULT_HOME, ENVIRONMENT_PREFIX, PAPER_BROKER, Settings, load_settings
from thetaloom.domain.book.halts import StandingHalt, check_scope
from thetaloom.engine.commands import Halt, LiftHalt
from thetaloom.errors import ConfigError, NotFound, ThetaloomError
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.store.halt_files import FOLDER, HaltFiles

DATABASE_SECONDS = 3.0  # then the halt goes on without it
BROKER_SECONDS = 60.0  # many orders take their time within a broker's limit
ENGINE_SECONDS = 1.0  # that a living engine gets to cancel by itself
LOCAL = "local"

ScopeOption = Annotated[
    str, typer.Option("--scope", help="all, account:ID or strategy:ID; what is meant when not given is all.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """One part of a halt: whether it worked, and what there is to say."""

    worked: bool
    said: str
    more: Mapping[str, object] = field(default_factory=dict)  # for JSON


def halt(
    scope: ScopeOption = "all",
    reason: Annotated[str, typer.Option("--reason", "--note", help="Why, in words; it is kept.")] = "",
    cancel: Annotated[
        bool, typer.Option("--cancel/--no-cancel", help="Cancel at the broker what the engine does not cancel itself.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Stop new risk at once: working entries are canceled, exits go on. It needs neither database nor engine."""
    check_scope(scope)
    why = reason or "halted by a person"
    settings, home = _settings_or_home()
    flags = HaltFiles(home / FOLDER)
    deeds = {"flag": _raise_flag(flags, scope, why)}
    if settings is not None:
        if cancel and settings.broker != PAPER_BROKER:  # first: it may not wait for a database that hangs
            deeds["entries"] = _cancel(settings, scope, engine_may=True)
        deeds["database"] = _write_down(settings, scope, why)
        if cancel and "entries" not in deeds:
            deeds["entries"] = _cancel(settings, scope, engine_may=deeds["database"].worked)
    _report(flags, scope, deeds, as_json=as_json)


def resume(
    scope: ScopeOption = "all",
    confirm: Annotated[bool, typer.Option("--confirm", help="The second step: really allow new risk again.")] = False,
    code: Annotated[
        str | None, typer.Option("--code", help="The code that the first step showed; needed when a guard halted.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Allow new risk again, in two steps: first see what is halted and why, then confirm."""
    from thetaloom.engine.halting import unconfirmed
    from thetaloom.engine.last_gate import halts_now, standing_halts

    check_scope(scope)
    with opened() as platform:
        with platform.store.reading() as uow:
            halts = standing_halts(platform.desk, uow)
        standing = halts.get(scope)
        if standing is None:
            raise NotFound(
                f"{scope!r} is not halted",
                advice=f"Halted now: {', '.join(halts) or 'nothing'}.",
                details={"halts": ", ".join(halts)},
            )
        if not confirm or (standing.needs_token and code is None):
            refused = unconfirmed(standing)
            refused.advice = _how_to_confirm(standing)
            raise refused
        carry_out(platform, LiftHalt(user_id=platform.user_id, scope=scope, token=code))
        with platform.store.reading() as uow:
            left = halts_now(platform.desk, uow)
    if as_json:
        emit({"resumed": scope, "halts": left})
        return
    say(f"[green]resumed[/] {escape(scope)}: new risk is allowed again")
    for name, why in left.items():
        say(f"still halted: {escape(name)} ({escape(why)})")


def _how_to_confirm(standing: StandingHalt) -> str:
    words = ["thetaloom resume --confirm"]
    words += [f"--scope {standing.scope}"] if standing.scope != "all" else []
    words += [f"--code {standing.token}"] if standing.needs_token else []
    return f"If the cause is gone: {' '.join(words)}"


def _settings_or_home() -> tuple[Settings | None, Path]:
    try:
        settings = load_settings()
    except ConfigError as error:
        note(f"[yellow]settings cannot be read[/] ({escape(error.message)}); the flag goes up all the same")
        home = os.environ.get(f"{ENVIRONMENT_PREFIX}HOME")
        return None, (Path(home) if home else DEFAULT_HOME).expanduser()
    return settings, settings.home_folder


def _raise_flag(flags: HaltFiles, scope: str, why: str) -> Deed:
    try:
        flags.hoist(StandingHalt(scope=scope, reason=why, by=LOCAL, at=SystemClock().now().isoformat()))
    except OSError as error:
        return Deed(worked=False, said=f"the flag in {flags.folder} cannot be raised: {error.strerror or error}")
    return Deed(worked=True, said=f"raised in {flags.folder}: no engine of this home sends an entry from now on")


def _write_down(settings: Settings, scope: str, why: str) -> Deed:
    from thetaloom.cli.emergency import within

    def write() -> None:
        with opened() as platform:
            carry_out(platform, Halt(user_id=platform.user_id, scope=scope, note=why))

    try:
        within(DATABASE_SECONDS, write)
    except (ThetaloomError, OSError) as error:
        return Deed(worked=False, said=f"not written ({error}); the engine writes it once it can")
    return Deed(worked=True, said="written")


def _cancel(settings: Settings, scope: str, *, engine_may: bool) -> Deed:
    from thetaloom.cli.emergency import cancel_entries, within

    patience = ENGINE_SECONDS if engine_may else 0.0
    try:
        done = within(BROKER_SECONDS, lambda: cancel_entries(settings, scope, patience=patience))
    except ThetaloomError as error:
        advice = f"; {error.advice}" if error.advice else ""
        return Deed(worked=False, said=f"the broker cannot be reached: {error}{advice}")
    except OSError as error:
        return Deed(worked=False, said=f"the broker cannot be reached: {error}")
    if done.note:
        return Deed(worked=True, said=done.note)
    if done.broker == PAPER_BROKER:
        said = f"{len(done.asked)} canceled over the engine's head, {done.spared} that only close left alone"
        return Deed(worked=True, said=said)
    said = f"{len(done.asked)} canceled at {done.broker}, {done.spared} that only close left alone"
    if done.left:
        said += f"; {len(done.left)} STILL WORK: " + "; ".join(f"{one} ({why})" for one, why in done.left.items())
    more = {"canceled": list(done.asked), "not_canceled": dict(done.left), "spared": done.spared}
    return Deed(worked=not done.left, said=said, more=more)


def _told(deed: Deed) -> dict[str, object]:
    return {"worked": deed.worked, "said": deed.said, **deed.more}


def _report(flags: HaltFiles, scope: str, deeds: dict[str, Deed], *, as_json: bool) -> None:
    is_halted = any(deeds[name].worked for name in ("flag", "database") if name in deeds)
    if as_json:
        halts = {name: halt.reason for name, halt in flags.raised().items()}
        emit({"halts": halts, **{name: _told(deed) for name, deed in deeds.items()}})
    else:
        word = "[bold red]halted[/]" if is_halted else "[bold red]NOT HALTED[/]"
        say(f"{word} {escape(scope)}" + (": no new risk; exits go on" if is_halted else ""))
        for name, deed in deeds.items():
            say(f"  {'[green]yes[/]' if deed.worked else '[yellow]no [/]'}  {name}: {escape(deed.said)}")
        say("lift it with [bold]thetaloom resume[/]")
    if not is_halted:
        raise typer.Exit(EXIT_FAILED)
