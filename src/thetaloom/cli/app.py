"""The root of the command line: which nouns there are, how errors leave, and what to do first.

A noun's module is imported when its command is used, so that a calculator never waits for a database.
"""

import importlib.util
import os
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from thetaloom import __version__
from thetaloom.cli.output import EXIT_INTERRUPTED, JSON_ASKED, fail, say
from thetaloom.errors import ThetaloomError

MODULES = "thetaloom.cli."
LISTING = "thetaloom.listing"
CONTEXT = {"help_option_names": ["-h", "--help"]}


@dataclass(frozen=True, slots=True)
class Noun:
    """Where a command is, and how the list of commands shows it; a function or a ``Typer`` with verbs."""

    place: str
    panel: str
    line: str


START, TRADE, EVIDENCE = "Start here", "Trade", "Look behind"
CALCULATE, KEEP = "Calculators", "Keep it running"
COMMANDS: dict[str, Noun] = {  # in the order of the help
    "demo": Noun("demo:demo", START, "Live through whole trades, trigger to completed, and check the evidence."),
    "up": Noun("up:up", START, "Start pages, engine and paper broker."),
    "doctor": Noun("doctor:doctor", START, "Check this machine, in plain words."),
    "strategy": Noun("strategy:app", TRADE, "Look at strategies, check, load, save and try them."),
    "run": Noun("run:app", TRADE, "Start runs, follow them, and ask why."),
    "schedule": Noun("schedule:app", TRADE, "Start runs by the clock, within the exchange's calendar."),
    "watchlist": Noun("watchlist:app", TRADE, "Keep lists of symbols for scans and the daily mail."),
    "scan": Noun("scan:app", TRADE, "Rank all pairs of symbol and strategy, and start the best."),
    "symbol": Noun("symbol:app", TRADE, "Look symbols up."),
    "approval": Noun("approval:app", TRADE, "Decide on proposals."),
    "order": Noun("order:app", TRADE, "Look at orders and cancel them."),
    "position": Noun("position:app", TRADE, "Look at positions and close them."),
    "alert": Noun("alert:app", TRADE, "See what needs a look, how soon, and what to do."),
    "journal": Noun("journal:app", TRADE, "Read the journal of trades, and add notes."),
    "signal": Noun("signal:app", TRADE, "See signals from outside, send one, and say who may."),
    "risk": Noun("risk:app", TRADE, "Look at the risk budget and the limits, and stress what is held."),
    "notify": Noun("notify:app", TRADE, "Say where you are told what happens: mail, chat, phone, webhook."),
    "halt": Noun("halt:halt", TRADE, "Stop new risk at once; exits go on."),
    "resume": Noun("halt:resume", TRADE, "Allow new risk again, in two steps."),
    "lineage": Noun("lineage:app", EVIDENCE, "Look at the evidence of each step, verify it and replay it."),
    "prompt": Noun("prompt:app", EVIDENCE, "Look at prompts of language models, write, try and compare them."),
    "broker": Noun("broker:app", EVIDENCE, "List brokers, and certify an adapter."),
    "reconcile": Noun("reconcile:reconcile", EVIDENCE, "Compare our books with the broker's."),
    "data": Noun("data:app", EVIDENCE, "Import, list and check recorded market data."),
    "simulate": Noun("simulate:simulate", EVIDENCE, "Play days in which everything goes wrong; check the laws."),
    "bench": Noun("bench:bench", EVIDENCE, "Measure what the speed figures promise."),
    "price": Noun("price:price", CALCULATE, "Price an option, with its greeks."),
    "iv": Noun("price:implied", CALCULATE, "Imply an option's volatility from its price."),
    "payoff": Noun("payoff:payoff", CALCULATE, "Work out what a structure can bring and cost."),
    "margin": Noun("margin:margin", CALCULATE, "Work out what a book must secure."),
    "occ": Noun("occ:occ", CALCULATE, "Write an option's symbol in every form."),
    "calendar": Noun("calendar:calendar", CALCULATE, "Show the sessions of an exchange."),
    "user": Noun("user:app", KEEP, "Say who may sign in, and what they may do."),
    "token": Noun("token:app", KEEP, "Make tokens for programs."),
    "secret": Noun("secret:app", KEEP, "Keep the credentials of brokers, encrypted."),
    "db": Noun("db:app", KEEP, "Upgrade, back up and restore the database."),
    "config": Noun("config:app", KEEP, "Look at the settings."),
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
        return [name for name, noun in COMMANDS.items() if _is_there(noun)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of a noun."""
        noun = COMMANDS.get(cmd_name)
        if noun is None or not _is_there(noun):
            return None
        if ctx.meta.get(LISTING):
            return TyperCommand(cmd_name, callback=None, help=noun.line, rich_help_panel=noun.panel)
        module, _, attribute = noun.place.partition(":")
        found = getattr(import_module(MODULES + module), attribute)
        if not isinstance(found, typer.Typer):
            function, found = found, typer.Typer(context_settings=CONTEXT, add_completion=False)
            found.command()(function)
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help from the table of nouns alone, so that it appears at once."""
        ctx.meta[LISTING] = True
        super().format_help(ctx, formatter)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; no error of ours ever leaves as a traceback."""
        try:
            return super().invoke(ctx)
        except ThetaloomError as error:
            fail(error, as_json=bool(ctx.meta.get(JSON_ASKED)))
        except BrokenPipeError:
            raise  # whoever read our output has enough; typer ends quietly
        except OSError as error:
            what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
            fail(ThetaloomError(what), as_json=bool(ctx.meta.get(JSON_ASKED)))
        except KeyboardInterrupt:
            raise typer.Exit(EXIT_INTERRUPTED) from None


app = typer.Typer(
    cls=Nouns,
    help="Options trading from trigger to completed trade, with evidence for every step.",
    context_settings=CONTEXT,
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


def _is_there(noun: Noun) -> bool:
    return importlib.util.find_spec(MODULES + noun.place.partition(":")[0]) is not None
