"""``prompt``: the words that a language model reads before it gives an opinion."""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from thetaloom.cli.access import carry_out, opened
from thetaloom.cli.output import JsonOption, emit, note, pairs, say, table, to_plain
from thetaloom.domain.run.prompts import Prompt, PromptKind, PromptLanguage
from thetaloom.domain.values.ids import PromptId, StrategyId
from thetaloom.errors import InvalidInput

if TYPE_CHECKING:
    from thetaloom.domain.run.track_record import Measured
    from thetaloom.engine.prompts import Preview

FILE_BYTES_MAX = 100_000
app = typer.Typer(help="Look at prompts, write, try and compare them.", no_args_is_help=True, add_completion=False)
PromptArgument = Annotated[
    str, typer.Argument(metavar="PROMPT", help="The prompt's id; daily-en@2 is the second text it has had.")
]
ValuesOption = Annotated[
    Path | None,
    typer.Option("--values", metavar="FILE", help="JSON object of values; an example market if not given."),
]
StrategyOption = Annotated[str | None, typer.Option("--strategy", help="Of this strategy alone; all if not given.")]


@app.command("list")
def list_command(
    kind: Annotated[PromptKind | None, typer.Option("--kind", help="Only this part of the prompt.")] = None,
    language: Annotated[PromptLanguage | None, typer.Option("--language", help="en or zh.")] = None,
    strategy: StrategyOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the prompt templates with the version in use."""
    with opened() as platform, platform.store.reading() as uow:
        every = uow.prompts.all_of(platform.user_id)
    found = [
        one
        for one in every
        if (kind is None or one.kind is kind)
        and (language is None or one.language is language)
        and (strategy is None or one.strategy_id == strategy)
    ]
    if as_json:
        emit([_record(one) for one in found])
        return
    names = ("prompt", "name", "part", "language", "for", "version", "note")
    rows = (
        (one.id, one.name, one.kind.value, one.language.value, one.strategy_id or "all", one.version, _note(one))
        for one in found
    )
    table(f"{len(found)} prompts", names, rows)


@app.command()
def show(prompt: PromptArgument, as_json: JsonOption = False) -> None:
    """Show a template, and every version its text has had."""
    from thetaloom.engine.prompts import own_prompt

    with opened() as platform, platform.store.reading() as uow:
        found = own_prompt(uow, platform.user_id, prompt)
        versions = uow.prompts.versions(platform.user_id, found.id)
    if as_json:
        kept = [
            {"version": one.version, "saved_at": to_plain(one.saved_at), "saved_by": one.saved_by} for one in versions
        ]
        emit({**_record(found), "text": found.text, "versions": kept})
        return
    pairs(found.reference, {"name": found.name, "part": found.kind.value, "for": found.strategy_id or "all"})
    say(f"[dim]{len(versions)} versions; newest saved {versions[-1].saved_at:%Y-%m-%d %H:%M}Z[/]")
    typer.echo(found.text, nl=not found.text.endswith("\n"))


@app.command()
def add(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="Its id, such as daily-mine.")],
    file: Annotated[Path, typer.Option("--file", help="File with the template; - reads standard input.")],
    name: Annotated[str | None, typer.Option("--name", help="Its name; the id if not given.")] = None,
    kind: Annotated[PromptKind | None, typer.Option("--kind", help="Which part of the prompt it is.")] = None,
    language: Annotated[PromptLanguage | None, typer.Option("--language", help="en or zh.")] = None,
    strategy: StrategyOption = None,
    default: Annotated[
        bool | None, typer.Option("--default/--no-default", help="Use it where a strategy has none of its own.")
    ] = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="Whether it is used at all.")] = None,
    description: Annotated[str | None, typer.Option("--description", help="What it is for.")] = None,
    notes: Annotated[str | None, typer.Option("--notes", help="Notes for yourself.")] = None,
    tag: Annotated[list[str] | None, typer.Option("--tag", help="A word to find it by; may be repeated.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a template: a new one, or the next version of one there is, keeping what is not given."""
    from thetaloom.engine.commands import SavePrompt
    from thetaloom.engine.prompts import written

    asked: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "language": language,
        "strategy_id": None if strategy is None else StrategyId(strategy),
        "is_default": default,
        "is_active": active,
        "description": description,
        "notes": notes,
        "tags": None if tag is None else tuple(tag),
    }
    with opened() as platform:
        with platform.store.reading() as uow:
            before = uow.prompts.get(platform.user_id, PromptId(prompt))
        kept = {key: entry for key, entry in asked.items() if entry is not None}
        wish = written(PromptId(prompt), {**kept, "text": _text(file)}, before)
        saved = carry_out(platform, SavePrompt(user_id=platform.user_id, prompt=wish))
    assert isinstance(saved, Prompt)
    if as_json:
        emit({**_record(saved), "text": saved.text})
        return
    say(f"[green]saved[/] {saved.reference}")


@app.command()
def remove(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="The prompt's id.")], as_json: JsonOption = False
) -> None:
    """Take a template out of use; its texts stay for the opinions that name them."""
    from thetaloom.engine.commands import RemovePrompt

    with opened() as platform:
        carry_out(platform, RemovePrompt(user_id=platform.user_id, prompt_id=PromptId(prompt)))
    if as_json:
        emit({"removed": prompt})
        return
    say(f"[bold]{escape(prompt)}[/] is out of use")


@app.command()
def render(
    prompt: PromptArgument,
    values: ValuesOption = None,
    strict: Annotated[
        bool, typer.Option("--strict/--lenient", help="Refuse a missing value, or write (unknown) and list it.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Fill a template in and print what a model would read; nothing is sent."""
    from thetaloom.engine.prompts import own_prompt, preview

    given = _values(values)
    with opened() as platform, platform.store.reading() as uow:
        found = own_prompt(uow, platform.user_id, prompt)
    shown = preview(found, given, strict=strict)
    if as_json:
        emit(shown)
        return
    _print(shown)


@app.command()
def compare(
    one: PromptArgument,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="Another prompt, or another version of it.")],
    values: ValuesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two templates: their difference, and both filled in."""
    from thetaloom.engine.prompts import compare as compared
    from thetaloom.engine.prompts import own_prompt

    given = _values(values)
    with opened() as platform, platform.store.reading() as uow:
        found = compared(own_prompt(uow, platform.user_id, one), own_prompt(uow, platform.user_id, other), given)
    if as_json:
        emit(found)
        return
    styles = {"+": "green", "-": "red", "@": "dim"}
    for line in found.difference:
        style = styles.get(line[:1], "")
        say(f"[{style}]{escape(line)}[/]" if style else escape(line))
    if not found.difference:
        say("[dim]the templates are equal[/]")
    for shown in (found.one, found.other):
        _print(shown)


@app.command()
def performance(
    prompt: Annotated[str | None, typer.Argument(metavar="PROMPT", help="Only prompts it was a part of.")] = None,
    analyst: Annotated[str | None, typer.Option("--analyst", help="rules or llm; both if not given.")] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help="How far back.")] = 365,
    as_json: JsonOption = False,
) -> None:
    """Show how opinions came out, by analyst, model and prompt, with intervals of 95 %.

    Each opinion is judged 20 sessions later. The edge is how much more often it was right than always saying bullish.
    """
    from thetaloom.store.queries.track_records import records_of

    with opened() as platform:
        start = platform.clock.now() - timedelta(days=days)
        found = records_of(platform.database, platform.user_id, analyst=analyst, prompt=prompt, start=start)
    if as_json:
        emit([{**to_plain(one), "has_edge": one.has_edge} for one in found])
        return
    names = ("analyst", "model", "prompt", "judged", "right", "edge", "shown", "Brier", "overconfident by")
    words = {None: "too few", True: "yes", False: "no"}
    rows = (
        (
            one.analyst,
            one.model or None,
            one.prompt or None,
            f"{one.judged} of {one.opinions}",
            _measured(one.hit_rate),
            _measured(one.edge),
            words[one.has_edge],
            _measured(one.brier),
            _measured(one.overconfidence),
        )
        for one in found
    )
    table(f"{len(found)} records", names, rows)


def _measured(number: "Measured | None") -> str | None:
    if number is None:
        return None
    return f"{number.estimate:f}" if number.low is None else f"{number.estimate:f} ({number.low:f} to {number.high:f})"


def _text(file: Path) -> str:
    try:
        if str(file) == "-":
            return sys.stdin.read(FILE_BYTES_MAX)
        if file.stat().st_size > FILE_BYTES_MAX:
            raise InvalidInput(f"{file}: longer than any template")
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file}: cannot be read: {error}") from error


def _values(file: Path | None) -> dict[str, object]:
    from thetaloom.domain.run.prompt_values import EXAMPLE

    if file is None:
        return dict(EXAMPLE)
    try:
        found = json.loads(_text(file))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{file}: is not well-formed JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidInput(f"{file}: is not an object of values by name")
    return found


def _record(prompt: Prompt) -> dict[str, Any]:
    return {name: entry for name, entry in to_plain(prompt).items() if name != "text"}


def _note(prompt: Prompt) -> str | None:
    words = ["default"] if prompt.is_default else []
    words += [] if prompt.is_active else ["inactive"]
    return " ".join([*words, *prompt.tags]) or None


def _print(shown: "Preview") -> None:
    say(f"[bold]{escape(shown.reference)}[/] [dim]reads {escape(', '.join(shown.reads)) or 'nothing'}[/]")
    typer.echo(shown.text)
    if shown.missing:
        note(f"[yellow]missing:[/] {escape(', '.join(shown.missing))}")
