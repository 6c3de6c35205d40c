"""``data``: brings recorded files in, records others, and says what they are worth."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from thetaloom.cli import data_import, data_record, data_sources
from thetaloom.cli.cases import as_instant, refuse
from thetaloom.cli.output import JsonOption, emit, instant, pairs
from thetaloom.cli.price import shipped_calendar
from thetaloom.config import load_settings
from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.chain_quality import chain_quality
from thetaloom.domain.market.expirations import Expiration, list_expirations
from thetaloom.domain.market.rates import RateCurve
from thetaloom.domain.values.symbols import canonical_symbol

app = typer.Typer(help="Import, record, list and check market data.", no_args_is_help=True, add_completion=False)
PLACES = 6
COMPARED = ("iv", "delta")


@app.callback()
def data() -> None:
    """Import, record, list and check market data."""


app.command("import")(data_import.import_files)
app.command("formats")(data_import.list_formats)
app.command("list")(data_import.list_recordings)
app.command("record")(data_record.record)
app.command("sources")(data_sources.sources)


@app.command()
def check(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Parquet files, or folders of them.")],
    symbol: Annotated[str | None, typer.Option("--symbol", help="Only this symbol.")] = None,
    at: Annotated[
        str | None, typer.Option("--at", help="Instant such as 2026-01-05T15:00:00Z; the last one if not given.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Judge the quotes of each file and symbol, and hold our volatility and delta beside the feed's.

    One chain of each symbol is looked at: the one known at --at, or the last.
    """
    from thetaloom.bootstrap import recorded_chains  # heavy, and only here

    moment = None if at is None else as_instant("at", at)
    if moment is not None and not isinstance(moment, datetime):
        refuse("at", f"{at} is a date; an instant is like 2026-01-05T15:00:00Z")
    settings = load_settings()
    rates = settings.rate_curve
    age_max = timedelta(seconds=settings.data_age_seconds_max)
    wanted = None if symbol is None else canonical_symbol(symbol)
    found = [
        {"file": one.file, "snapshots": one.moments, "gaps": list(one.gaps), **_judge(one.chain, rates, age_max)}
        for path in paths
        for one in recorded_chains(path, symbol=wanted, at=moment)
    ]
    if as_json:
        emit(found)
        return
    for entry in found:
        pairs(f"{entry['file']}: {entry['symbol']} at {entry['as_of']}", _lines(entry))


def _judge(chain: OptionChain, rates: RateCurve, age_max: timedelta) -> dict[str, Any]:
    expirations = list_expirations(chain, shipped_calendar(), chain.as_of)
    quality = chain_quality(chain, expirations, rates, age_max=age_max)
    return {
        "symbol": chain.underlying,
        "as_of": instant(chain.as_of),
        "spot": chain.spot,
        "expirations": len(expirations),
        **{name: getattr(quality, name) for name in quality.__slots__},
        **_compare(chain, expirations, rates),
    }


def _compare(chain: OptionChain, expirations: tuple[Expiration, ...], rates: RateCurve) -> dict[str, Any]:
    from thetaloom.domain.market.feed_check import FeedNumbers, check_feed
    from thetaloom.domain.market.smile_points import chain_surface

    if chain.spot is None:
        return {
            "forwards": 0,
            "with_our_iv": 0,
            "with_feed_iv": 0,
            "differences": {},
            "smiles": 0,
            "smile_inside": None,
        }
    found = check_feed(chain, expirations, rates, FeedNumbers(iv=chain.iv, delta=chain.delta))
    smiles = chain_surface(chain, expirations, rates).values()
    points = sum(smile.points for smile in smiles)
    inside = sum(smile.inside_share * smile.points for smile in smiles)
    return {
        "forwards": sum(forward is not None for forward in found.forwards.values()),
        "with_our_iv": found.with_our_iv,
        "with_feed_iv": found.with_feed_iv,
        "differences": {
            kind: {one.measure: _difference(one) for one in differences if one.measure in COMPARED}
            for kind, differences in (("all", found.at_own_iv), ("clear", found.clear_own_iv))
        },
        "smiles": len(smiles),
        "smile_inside": round(inside / points, PLACES) if points else None,
    }


def _difference(one: Any) -> dict[str, object]:
    return {
        "contracts": one.count,
        "median": round(one.median, PLACES),
        "p99": round(one.p99, PLACES),
        "worst": round(one.largest, PLACES),
        "worst_contract": one.worst[0].contract,
    }


def _lines(entry: Mapping[str, Any]) -> dict[str, object]:
    lines: dict[str, object] = {
        "snapshots in the file": entry["snapshots"],
        "gaps while it was recorded": "; ".join(f"{gap.get('from')} to {gap.get('until')}" for gap in entry["gaps"]),
        "spot": entry["spot"],
        "contracts": f"{entry['contracts']:,}, quoted on both sides {entry['two_sided']:,}",
        "one side, none, crossed, stale": ", ".join(
            f"{entry[name]:,}" for name in ("one_sided", "unquoted", "crossed", "stale")
        ),
        "parity pairs inside half-widths": _of(entry["parity_pairs_inside"], entry["parity_pairs"]),
        "vertical arbitrages": _of(entry["vertical_arbitrages"], entry["vertical_pairs"]),
        "forwards by parity": _of(entry["forwards"], entry["expirations"]),
        "with our volatility, the feed's": f"{entry['with_our_iv']:,}, {entry['with_feed_iv']:,}",
    }
    for kind, by_measure in entry["differences"].items():
        for measure, one in by_measure.items():
            lines[f"{measure} against the feed, {kind}"] = (
                f"median {one['median']:.4f}, p99 {one['p99']:.4f}, worst {one['worst']:.4f} "
                f"({one['worst_contract']}) of {one['contracts']:,}"
            )
    inside = entry["smile_inside"]
    fit = "" if inside is None else f", {inside:.1%} of their points inside the bid-ask width"
    lines["smiles"] = f"{_of(entry['smiles'], entry['expirations'])}{fit}"
    return lines


def _of(part: int, whole: int) -> str:
    return f"{part:,} of {whole:,}"
