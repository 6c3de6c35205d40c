"""``broker list|certify``: which brokers there are, what they can do, and whether an adapter keeps the contract."""

import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import Progress

from thetaloom.broker_parts import Found, broker_named, certifiable, found_brokers, rig_of
from thetaloom.cli.broker_gates import allow_live_command, forbid_live_command
from thetaloom.cli.broker_simulate import simulate_command
from thetaloom.cli.known_names import check_connectable
from thetaloom.cli.output import EXIT_FAILED, JsonOption, console, emit, say, table
from thetaloom.errors import InvalidInput
from thetaloom.ports.broker import BrokerCapabilities
from thetaloom.ports.broker_plugin import SetupField
from thetaloom.testing.broker_contract import SCENARIOS, Scenario
from thetaloom.testing.broker_contract.certifying import Certified, Outcome, certify, quiet, summary
from thetaloom.testing.broker_servers.practice import has_server

app = typer.Typer(help="Look at brokers, certify an adapter, practise on a simulated one, and allow real money.")
app.command("simulate")(simulate_command)
app.command("allow-live")(allow_live_command)
app.command("forbid-live")(forbid_live_command)


@app.command("list")
def list_command(
    name: Annotated[str | None, typer.Argument(help="Only this broker, with all its secrets and options.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the brokers that can be traded at and what each needs; with --json also what each can do."""
    found = found_brokers()
    if name is not None:
        check_connectable(name)
        broker_named(name)
        found = {name: found[name]}
    if as_json:
        emit([_record(one) for one in found.values()])
        return
    rows = [(one.name, _title(one), one.package or "thetaloom", _needs(one), one.problem) for one in found.values()]
    table("brokers", ("name", "broker", "from", "what it needs", "problem"), rows, whole=("name",))
    if name is None:
        say("The paper broker is always there and needs nothing.")
        say("[bold]next:[/] thetaloom broker list NAME tells how to connect to it, with its secrets and options")
        return
    fields = broker_named(name).fields
    secrets = [(one.name, "needed" if one.is_needed else "", one.text) for one in fields if one.is_secret]
    options = [(one.name, one.default, one.text) for one in fields if not one.is_secret]
    if secrets:
        table("secrets, by `thetaloom secret set`", ("secret", "is", "what it is"), secrets, whole=("secret",))
    table("options, in broker_options", ("option", "if not set", "what it is"), options, whole=("option",))
    if has_server(name):
        say(f"[bold]to practise:[/] thetaloom broker simulate {escape(name)}")
    say("[bold]to connect:[/]")
    for line in connecting(name, fields):
        say(f"  {escape(line)}")


def connecting(name: str, fields: Iterable[SetupField]) -> tuple[str, ...]:
    """Return the commands that connect to a broker, in their order."""
    keeping = (f"thetaloom secret set {name} {one.name}" for one in fields if one.is_secret and one.is_needed)
    return (*keeping, f"THETALOOM_BROKER={name} thetaloom doctor", f"thetaloom up --broker {name}")


@app.command("certify")
def certify_command(
    name: Annotated[str, typer.Argument(help="The broker, as in `thetaloom broker list`; also paper and scripted.")],
    only: Annotated[
        str, typer.Option("--only", help="Only scenarios whose number, group or sentence has this in it.")
    ] = "",
    record: Annotated[
        Path | None, typer.Option("--record", help="Write the outcomes into this table of results, for the docs.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run every scenario of the broker contract on a broker's rig; exit code 1 where one fails."""
    chosen = chosen_scenarios(only)
    if record is not None and only:
        raise InvalidInput("a table of results holds all scenarios: leave --only out")
    make_rigs = rig_of(name)
    with tempfile.TemporaryDirectory(prefix="thetaloom-certify-") as folder, quiet():
        source = make_rigs(Path(folder))
        try:
            results = list(_shown(certify(source, chosen), len(chosen), name))
        finally:
            source.close()
    if record is not None:
        write_results(record, name, results)
    if as_json:
        emit(certificate(name, results))
    else:
        _print(name, results)
    if any(one.outcome is Outcome.FAILED for one in results):
        raise typer.Exit(EXIT_FAILED)


def chosen_scenarios(only: str) -> tuple[Scenario, ...]:
    """Return the scenarios that have a text in number, group or sentence. Raises ``InvalidInput`` where none has."""
    wanted = only.lower()
    found = tuple(one for one in SCENARIOS if wanted in f"{one.number} {one.group} {one.sentence}".lower())
    if not found:
        raise InvalidInput(f"no scenario has {only!r} in its number, its group or its sentence")
    return found


def certificate(name: str, results: Sequence[Certified]) -> dict[str, object]:
    """Return what came of a certification as JSON says it."""
    return {
        "broker": name,
        "is_certified": all(one.outcome is not Outcome.FAILED for one in results),
        **summary(results),
        "seconds": round(sum(one.seconds for one in results), 3),
        "scenarios": [
            {
                "number": one.scenario.number,
                "group": one.scenario.group,
                "sentence": one.scenario.sentence,
                "outcome": one.outcome.value,
                "reason": one.reason,
                "seconds": round(one.seconds, 4),
            }
            for one in results
        ],
    }


def write_results(path: Path, name: str, results: Iterable[Certified]) -> None:
    """Put what came of a certification into the table of results, beside those of other brokers."""
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    known[name] = {one.scenario.number: one.told for one in results}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


def _shown(results: Iterable[Certified], total: int, name: str) -> Iterable[Certified]:
    bars = console(stderr=True)
    if not bars.is_terminal:
        yield from results
        return
    with Progress(console=bars, transient=True) as progress:
        task = progress.add_task(f"{name}: scenarios", total=total)
        for one in results:
            progress.advance(task)
            yield one


def _print(name: str, results: Sequence[Certified]) -> None:
    shown = [one for one in results if one.outcome is not Outcome.PASSED]
    rows = [(one.scenario.number, one.outcome.value, one.scenario.sentence, one.reason) for one in shown]
    if rows:
        table("not passed", ("number", "outcome", "scenario", "why"), rows, whole=("number", "outcome"))
    counts = summary(results)
    seconds = sum(one.seconds for one in results)
    say(f"{escape(name)}: {_counted(counts)}, in {seconds:.1f} s")
    if counts["failed"]:
        say(f"[bold red]{escape(name)} does not keep the contract.[/]")
    else:
        say(f"[green]{escape(name)} keeps the contract.[/]")


def _counted(counts: Mapping[str, int]) -> str:
    return f"{counts['passed']} passed, {counts['failed']} failed, {counts['left_out']} left out for the reasons given"


def _title(found: Found) -> str:
    return found.plugin.title if found.plugin is not None else ""


def _needs(found: Found) -> str:
    fields = found.plugin.fields if found.plugin is not None else ()
    return ", ".join(one.name for one in fields if one.is_needed)


def _record(found: Found) -> dict[str, object]:
    plugin = found.plugin
    return {
        "name": found.name,
        "title": _title(found),
        "package": found.package or "thetaloom",
        "is_usable": plugin is not None,
        "problem": found.problem,
        "is_certifiable": found.name in certifiable(),
        "fields": [_field(one) for one in plugin.fields] if plugin is not None else [],
        "capabilities": _capabilities(plugin.capabilities) if plugin is not None else None,
    }


def _field(one: SetupField) -> dict[str, object]:
    return {
        "name": one.name,
        "text": one.text,
        "is_secret": one.is_secret,
        "is_needed": one.is_needed,
        "default": one.default,
    }


def _capabilities(can: BrokerCapabilities) -> dict[str, object]:
    return {name: getattr(can, name) for name in BrokerCapabilities.__dataclass_fields__}
