"""``symbol``: what is known of a symbol, and how well the registry spares look-ups."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape

from thetaloom.cli.access import carry_out, opened, reading
from thetaloom.cli.output import JsonOption, emit, note, pairs, table, to_plain
from thetaloom.domain.market.symbols import CONID_MAX, FOUND_MAX, FoundSymbol, SymbolRecord
from thetaloom.domain.run.watchlists import clean_symbols
from thetaloom.engine.schedule_commands import FindSymbols, LookUpSymbols
from thetaloom.errors import NotFound
from thetaloom.store.queries.symbols import cache_statistics, search_symbols, symbol_by_conid

app = typer.Typer(help="Look symbols up.", no_args_is_help=True, add_completion=False)


@app.callback()
def symbol() -> None:
    """Look symbols up: identity, options, tick class; remembered for seven days."""


@app.command("search")
def search_command(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="A symbol, an option root, or words of a name.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=FOUND_MAX, help="Rows to show.")] = 20,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask the market's source as well, and remember its answer.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Search the registry: the symbol itself first, then roots, beginnings and names."""
    if ask:
        with opened() as platform:
            carry_out(platform, FindSymbols(user_id=platform.user_id, query=query))
    with reading() as read:
        found = search_symbols(read.database, query, limit)
    if as_json:
        emit(found)
    else:
        _print(found)


@app.command("show")
def show_command(
    symbols: Annotated[list[str], typer.Argument(metavar="SYMBOL...", help="Symbols.")], as_json: JsonOption = False
) -> None:
    """Look symbols up, asking the market's source for what is not known or older than seven days."""
    with opened(chooses=False) as platform:
        command = LookUpSymbols(user_id=platform.user_id, symbols=tuple(symbols))
        answer = carry_out(platform, command)
    found = [one for one in answer if isinstance(one, FoundSymbol)] if isinstance(answer, tuple) else []
    if not found:
        raise NotFound(f"nobody knows {' '.join(symbols)}", advice="`thetaloom symbol search` takes words, too.")
    known = {one.record.symbol for one in found}
    for missing in (symbol for symbol in clean_symbols(symbols) if symbol not in known):
        note(f"[yellow]warning:[/] nobody knows {escape(missing)}")
    if as_json:
        emit([{**to_plain(one.record), "warning": one.warning} for one in found])
        return
    _print([one.record for one in found])
    for one in found:
        if one.warning:
            note(f"[yellow]warning:[/] {one.record.symbol}: {one.warning}")


@app.command("conid")
def conid_command(
    conid: Annotated[int, typer.Argument(metavar="CONID", min=1, max=CONID_MAX, help="IBKR's number.")],
    as_json: JsonOption = False,
) -> None:
    """Show the symbol of an IBKR contract number."""
    with reading() as read:
        found = symbol_by_conid(read.database, conid)
    if as_json:
        emit(found)
    else:
        _print([found])


@app.command("stats")
def stats_command(as_json: JsonOption = False) -> None:
    """Say how many symbols are known, how many look-ups were spared, and how."""
    with opened(chooses=False) as platform:
        found = cache_statistics(platform.database, platform.clock.now())
    if as_json:
        emit({**to_plain(found), "lookups": found.lookups, "hit_rate": found.hit_rate})
        return
    rate = None if found.hit_rate is None else f"{found.hit_rate:.1%}"
    pairs("symbols", {**to_plain(found), "lookups": found.lookups, "hit rate": rate})


def _print(found: Sequence[SymbolRecord]) -> None:
    names = ("symbol", "name", "kind", "exchange", "currency", "multiplier", "ticks", "roots", "conid", "source")
    rows = [
        (
            one.symbol,
            one.name,
            one.kind,
            one.exchange,
            one.currency,
            one.multiplier,
            one.tick_class,
            " ".join(one.roots),
            one.conid,
            one.source,
        )
        for one in found
    ]
    table("1 symbol" if len(rows) == 1 else f"{len(rows)} symbols", names, rows)
