"""``config``: the settings in force."""

import typer

from thetaloom.cli.output import JsonOption, emit, table
from thetaloom.config import ENVIRONMENT_PREFIX, Settings, load_settings, shown

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


def _text(entry: object) -> str | None:
    if isinstance(entry, list):
        return ", ".join(map(str, entry)) or None
    return None if entry is None else str(entry)
