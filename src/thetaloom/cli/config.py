"""``config``: the settings in force."""

from typing import TYPE_CHECKING, Annotated

import typer

from thetaloom.cli.access import opened
from thetaloom.cli.output import JsonOption, emit, table
from thetaloom.config import ENVIRONMENT_PREFIX, Settings, load_settings, shown
from thetaloom.domain.risk.limits import LIMITS, RiskLimits
from thetaloom.errors import InvalidInput

if TYPE_CHECKING:
    from thetaloom.bootstrap import Platform

app = typer.Typer(help="Look at the settings.", no_args_is_help=True, add_completion=False)


@app.callback()
def settings() -> None:
    """Look at the settings; they are set in config.toml in the home folder, or in the environment."""


@app.command()
def show(as_json: JsonOption = False) -> None:
    """Show every setting in force, its name in the environment, and what it does; secrets as stars."""
    found = shown(load_settings())
    if as_json:
        emit(found)
        return
    rows = (
        (name, entry, ENVIRONMENT_PREFIX + name.upper(), Settings.model_fields[name].description)
        for name, entry in found.items()
    )
    table("settings", ("setting", "now", "environment", "what it does"), ((n, _text(e), v, d) for n, e, v, d in rows))


@app.command()
def limit(
    name: Annotated[str | None, typer.Argument(help="Name of the limit; without one, all are shown.")] = None,
    number: Annotated[
        str | None, typer.Argument(help="What it is to be from now on: a number, off, or a profile.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the account's risk limits, or set one; runs that are decided from now on are held against it."""
    with opened(chooses=False) as platform:
        if name is not None:
            limits = _set(platform, name, number)
        else:
            with platform.store.reading() as seen:
                limits = RiskLimits.from_settings(seen.accounts.limits(platform.user_id))
    found = limits.as_settings()
    if as_json:
        emit(found)
        return
    table(
        "risk limits",
        ("limit", "now", "what it bounds"),
        ((e.name, found[e.name], e.doc) for e in LIMITS),
    )


def _set(platform: "Platform", name: str, number: str | None) -> RiskLimits:
    from thetaloom.engine.commands import SetLimit

    if number is None:
        raise InvalidInput(f"{name}: no number was given", details={"number": "missing"})
    limits = platform.engine.handle(SetLimit(user_id=platform.user_id, name=name, limit=number))
    if not isinstance(limits, RiskLimits):
        raise TypeError("the limits were expected")
    return limits


def _text(entry: object) -> str | None:
    if isinstance(entry, list):
        return ", ".join(map(str, entry)) or None
    return None if entry is None else str(entry)
