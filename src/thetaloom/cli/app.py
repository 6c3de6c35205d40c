"""The root of the command line: which nouns there are, how errors leave, and what to do first.

A noun's module is imported when its command is used, so that a calculator never waits for a database.
"""

import importlib.util
import os
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from thetaloom import __version__
from thetaloom.cli.output import EXIT_INTERRUPTED, JSON_ASKED, fail, say
from thetaloom.errors import ThetaloomError

MODULES = "thetaloom.cli."
# noun → module and attribute; in the order of the help
COMMANDS: dict[str, str] = {
    "up": "up:app",
    "demo": "demo:app",
    "doctor": "doctor:app",
    "strategy": "strategy:app",
    "run": "run:app",
    "approval": "approval:app",
    "order": "order:app",
    "position": "position:app",
    "halt": "halt:halt_app",
    "resume": "halt:resume_app",
    "reconcile": "reconcile:app",
    "lineage": "lineage:app",
    "price": "price:price_app",
    "iv": "price:iv_app",
    "payoff": "payoff:app",
    "occ": "occ:app",
    "calendar": "calendar:app",
    "db": "db:app",
    "config": "config:app",
    "bench": "bench:app",
}
FIRST_STEPS = (
    "Try it:   [bold]thetaloom demo[/]        a whole trade, from trigger to completed, on a recorded day",
    "Use it:   [bold]thetaloom up[/]          paper trading with pages, no account needed",
    "Look up:  [bold]thetaloom --help[/]      all commands; [bold]thetaloom doctor[/] checks this machine",
)


class Nouns(TyperGroup):
    """Finds a noun's module when it is asked for, and turns what goes wrong into a message and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the nouns that this installation has."""
        return [noun for noun, place in COMMANDS.items() if _is_there(place)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of a noun."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        command = typer.main.get_command(getattr(import_module(MODULES + module), attribute))
        command.name = cmd_name
        return command

    def invoke(self, ctx: Any) -> Any:
        """Run a command; no error of ours ever leaves as a traceback."""
        try:
            return super().invoke(ctx)
        except ThetaloomError as error:
            fail(error, as_json=bool(ctx.meta.get(JSON_ASKED)))
        except KeyboardInterrupt:
            raise typer.Exit(EXIT_INTERRUPTED) from None


app = typer.Typer(
    cls=Nouns,
    help="Options trading from trigger to completed trade, with evidence for every step.",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,  # locals can hold secrets
    add_completion=False,
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"thetaloom {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def begin(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Options trading from trigger to completed trade, with evidence for every step."""
    _keep_kernels()
    if context.invoked_subcommand is None:
        for line in FIRST_STEPS:
            say(line)


def _keep_kernels() -> None:
    # Before numba is imported; the calculators must not wait for the settings to be read.
    home = Path(os.environ.get("THETALOOM_HOME") or "~/.thetaloom").expanduser()
    os.environ.setdefault("NUMBA_CACHE_DIR", str(home / f"kernels-{__version__}"))


def _is_there(place: str) -> bool:
    return importlib.util.find_spec(MODULES + place.partition(":")[0]) is not None
