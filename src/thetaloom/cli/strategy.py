"""``strategy``: strategies as files and as rows."""

import json
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from thetaloom.cli.access import carry_out, opened
from thetaloom.cli.output import EXIT_FAILED, JsonOption, emit, note, say, table
from thetaloom.cli.trying import Asked, try_strategy
from thetaloom.domain.strategy.documents import parse_strategy, strategy_document
from thetaloom.domain.strategy.strategies import ApprovalMode, Bias, Strategy
from thetaloom.domain.strategy.toml_text import strategy_toml
from thetaloom.domain.values.ids import StrategyId
from thetaloom.engine.commands import SaveStrategy
from thetaloom.errors import InvalidInput, NotFound
from thetaloom.ports.store import StoredStrategy

FILE_BYTES_MAX = 2**20

app = typer.Typer(
    help="Look at strategies, check, load, save and try them.", no_args_is_help=True, add_completion=False
)
StrategyArgument = Annotated[str, typer.Argument(metavar="STRATEGY", help="The strategy's id.")]
FilesArgument = Annotated[list[Path], typer.Argument(metavar="FILE...", help="TOML or JSON files.")]


@app.command("list")
def list_command(as_json: JsonOption = False) -> None:
    """List the strategies."""
    with opened(chooses=False) as platform, platform.store.unit_of_work() as uow:
        found = uow.strategies.all_latest(platform.user_id)
    if as_json:
        emit([_record(stored) for stored in found])
        return
    names = ("strategy", "bias", "DTE", "legs", "note")
    rows = (
        (
            stored.strategy.id,
            " ".join(BIAS_WORDS[bias] for bias in stored.strategy.biases),
            f"{stored.strategy.expiration.dte_min}–{stored.strategy.expiration.dte_max}",
            len(stored.strategy.legs),
            "\n".join(_notes(stored)) or None,
        )
        for stored in found
    )
    table(f"{len(found)} strategies", names, rows)


BIAS_WORDS = {Bias.BULLISH: "up", Bias.NEUTRAL: "flat", Bias.BEARISH: "down"}  # forty rows must fit a terminal


def _notes(stored: StoredStrategy) -> Iterator[str]:
    strategy = stored.strategy
    if stored.revision > 1:
        yield f"rev {stored.revision}"
    if not strategy.active:
        yield "inactive"
    if strategy.approval.mode is ApprovalMode.AUTOMATIC:
        yield "automatic"
    if strategy.allow_undefined_risk:
        yield "no max loss"
    if strategy.approval.manual_only:
        yield "by hand"
    if strategy.shares:
        yield f"{strategy.shares} shares"
    yield from strategy.symbols


@app.command()
def show(strategy: StrategyArgument, as_json: JsonOption = False) -> None:
    """Show a strategy as TOML."""
    stored = _stored(strategy)
    if as_json:
        emit(_record(stored))
        return
    say(f"[dim]# revision {stored.revision}[/]")
    typer.echo(strategy_toml(stored.strategy), nl=False)


@app.command()
def validate(files: FilesArgument, as_json: JsonOption = False) -> None:
    """Check strategy files and name every problem by its place; exit code 1 if a file has one."""
    answers = [_validated(file) for file in files]
    if as_json:
        emit(answers)
    else:
        for answer in answers:
            _print_validated(answer)
    if not all(answer["valid"] for answer in answers):
        raise typer.Exit(EXIT_FAILED)


@app.command("import")
def import_command(files: FilesArgument, as_json: JsonOption = False) -> None:
    """Load strategies from files; a changed one becomes the next revision. All files are right, or none is loaded."""
    strategies = [_read(file) for file in files]
    with opened() as platform:
        saved = [
            carry_out(platform, SaveStrategy(user_id=platform.user_id, strategy=strategy)) for strategy in strategies
        ]
    stored = [entry for entry in saved if isinstance(entry, StoredStrategy)]
    if as_json:
        emit([{"id": entry.strategy.id, "revision": entry.revision} for entry in stored])
        return
    for entry in stored:
        say(f"[green]loaded[/] {entry.strategy.id}, revision {entry.revision}")


@app.command("export")
def export_command(
    strategy: StrategyArgument,
    out: Annotated[Path | None, typer.Option("--out", help="File to write; standard output if not given.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a strategy as TOML (with --json as JSON), which `strategy import` reads."""
    document = _stored(strategy).strategy
    text = json.dumps(strategy_document(document), indent=2, ensure_ascii=False) + "\n" if as_json else ""
    text = text or strategy_toml(document)
    if out is None:
        typer.echo(text, nl=False)
        return
    if out.exists():
        raise InvalidInput(f"out: {out} exists already; an export never writes over a file")
    out.write_text(text, encoding="utf-8")
    note(f"{strategy} written to {escape(str(out))}")


@app.command()
def test(
    strategy: Annotated[str, typer.Argument(metavar="STRATEGY", help="A strategy's id, or a file.")],
    symbol: Annotated[
        str | None, typer.Option("--symbol", help="Symbol; the strategy's first, or the market's.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help="Instant such as 2015-12-24T15:05:00Z.")] = None,
    market: Annotated[str | None, typer.Option("--market", help="recorded or synthetic; as set if not given.")] = None,
    chain: Annotated[
        Path | None,
        typer.Option(
            "--chain",
            metavar="FILE",
            help="A stored chain instead of a market: a Parquet recording or a folder of them, at its last instant "
            "or the last one up to --at.",
        ),
    ] = None,
    dte: Annotated[
        str | None,
        typer.Option(
            "--dte",
            metavar="DAYS",
            help="Try for these days to expiration, like 0,7,14,21,30,45,60 (or all); without it each expiration.",
        ),
    ] = None,
    capital: Annotated[
        str | None, typer.Option("--capital", help="Tradeable capital, dollars; the paper account's if not given.")
    ] = None,
    relaxed: Annotated[bool, typer.Option("--relaxed", help="Let strikes miss by three times their miss_max.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Try a strategy on a chain: the legs, the numbers, the warnings and the reasons for a no; nothing is stored.

    With --dte one line a wish: the expiration that the strategy would take within 15 days of it, from 30 on a
    monthly one first, whatever the strategy's own window. A try is valid when none of the strategy's rules failed
    and none is unknown. In JSON prices are dollars per share, credit positive and debit negative; money is dollars of
    one structure; delta is per share of a long contract, iv 0.20 = 20 %, pop 0 to 1; what is not known is null.
    """
    tried = _read(Path(strategy)) if _is_file(strategy) else _stored(strategy).strategy
    asked = Asked(symbol=symbol, at=at, market=market, chain=chain, dte=dte, capital=capital, relaxed=relaxed)
    try_strategy(tried, asked, as_json=as_json)


@app.command()
def rank(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="A symbol such as SPY.")],
    at: Annotated[str | None, typer.Option("--at", help="Instant such as 2015-12-24T15:05:00Z.")] = None,
    market: Annotated[str | None, typer.Option("--market", help="recorded or synthetic; as set if not given.")] = None,
    force: Annotated[
        str | None,
        typer.Option("--force", metavar="STRATEGY", help="Judge this one alone; its minimum score is waived."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Rank all strategies on one market: scores with their reasons, structures, and what would change each no."""
    from thetaloom.cli.rank import try_ranking

    with opened() as platform, platform.store.unit_of_work() as uow:
        found = [stored.strategy for stored in uow.strategies.all_latest(platform.user_id)]
    if force is not None and force not in [one.id for one in found]:
        raise NotFound(f"no strategy has the id {force!r}", advice="`thetaloom strategy list` shows them.")
    try_ranking(found, symbol, at=at, market=market, forced=force, as_json=as_json)


def _stored(strategy: str) -> StoredStrategy:
    with opened() as platform, platform.store.unit_of_work() as uow:
        found = uow.strategies.latest(platform.user_id, StrategyId(strategy))
    if found is None:
        raise NotFound(f"no strategy has the id {strategy!r}", advice="`thetaloom strategy list` shows them.")
    return found


def _record(stored: StoredStrategy) -> dict[str, Any]:
    return {"revision": stored.revision, **strategy_document(stored.strategy)}


def _is_file(text: str) -> bool:
    return text.endswith((".toml", ".json")) or "/" in text


def _read(file: Path) -> Strategy:
    try:
        return parse_strategy(_decoded(file))
    except InvalidInput as error:
        raise InvalidInput(f"{file}: {error.message}", advice=error.advice, details=error.details) from error


def _decoded(file: Path) -> object:
    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            raise InvalidInput("more than a megabyte; no strategy is that long")
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"cannot be read: {error}") from error
    try:
        if file.suffix == ".json":
            return json.loads(text, parse_float=Decimal)
        return tomllib.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        kind = "JSON" if file.suffix == ".json" else "TOML"
        raise InvalidInput(f"is not well-formed {kind}: {error}") from error


def _validated(file: Path) -> dict[str, Any]:
    try:
        strategy = parse_strategy(_decoded(file))
    except InvalidInput as error:
        problems = {str(path): str(text) for path, text in error.details.items()} or {"": error.message}
        return {"file": str(file), "valid": False, "id": None, "problems": problems}
    return {"file": str(file), "valid": True, "id": strategy.id, "problems": {}}


def _print_validated(answer: dict[str, Any]) -> None:
    if answer["valid"]:
        say(f"[green]valid[/]   {escape(answer['file'])}: {answer['id']}")
        return
    say(f"[red]invalid[/] {escape(answer['file'])}")
    for path, text in answer["problems"].items():
        say(f"   [bold]{escape(path)}[/] {escape(text)}" if path else f"   {escape(text)}")
