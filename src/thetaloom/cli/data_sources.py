"""``data sources``: who speaks for a symbol, how old its word is, and why the others do not."""

from datetime import datetime
from typing import Annotated

import typer

from thetaloom.cli.known_names import check_market
from thetaloom.cli.output import JsonOption, emit, pairs, shown_instant, table
from thetaloom.config import load_settings
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.ports.links import LinkStatus


def sources(
    symbols: Annotated[list[str] | None, typer.Argument(metavar="SYMBOL", help="Underlyings to ask for now.")] = None,
    market: Annotated[
        str | None, typer.Option("--market", help="Source: synthetic, recorded, cboe, broker, or a broker's name.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show which source of market data speaks, how old its word is, and how its lines stand."""
    from thetaloom.cli.data_record import opened_source
    from thetaloom.engine.market_sources import read_sources

    check_market(market)
    wanted = [canonical_symbol(symbol) for symbol in symbols or ()]
    with opened_source(load_settings(market=market)) as (source, clock, _, _):
        shown = read_sources(source, clock, wanted)
    told = {
        "market": shown.market,
        "synthetic": shown.synthetic,
        "at": shown.now,
        "links": [
            {
                name: getattr(link, name)
                for name in ("name", "is_up", "since", "heard_at", "attempts", "drops", "reason", "is_needed")
            }
            for link in shown.links
        ],
        "symbols": [
            {
                "symbol": one.symbol,
                "source": one.source,
                "since": one.since,
                "as_of": one.as_of,
                "age_seconds": _age(one.as_of, shown.now),
                "passed_over": [{"source": source_name, "reason": reason} for source_name, reason in one.passed_over],
            }
            for one in shown.symbols
        ],
    }
    if as_json:
        emit(told)
        return
    pairs("", {"market": f"{shown.market}{' (made up)' if shown.synthetic else ''}", "at": shown_instant(shown.now)})
    if shown.symbols:
        rows = [
            (
                one.symbol,
                one.source or "nobody",
                _age(one.as_of, shown.now),
                "; ".join(f"{name}: {reason.removeprefix(f'{name}: ')}" for name, reason in one.passed_over),
            )
            for one in shown.symbols
        ]
        table("Who speaks", ("symbol", "source", "age in seconds", "passed over"), rows)
    if shown.links:
        lines = [(link.name, _stands(link), shown_instant(link.heard_at), link.reason) for link in shown.links]
        table("Lines", ("line", "stands", "heard at", "reason"), lines)


def _stands(link: LinkStatus) -> str:
    if link.is_up:
        return "up"
    return "down" if link.is_needed else "not needed"


def _age(as_of: datetime | None, now: datetime) -> float | None:
    return None if as_of is None else round((now - as_of).total_seconds(), 3)
