"""``strategy rank``: all strategies on one market, best first, with what stands against each."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from thetaloom.cli.output import ABSENT, emit, indented, say, shown_instant
from thetaloom.cli.words import legs_line, money_text, percent_text, price_text
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.symbols import canonical_symbol

if TYPE_CHECKING:  # compiled numbers load only for who ranks
    from thetaloom.domain.strategy.ranking import RankedStrategy, Ranking
    from thetaloom.domain.strategy.strategies import Strategy

KIND_STYLES = {"auto": "green", "forced": "yellow", "low_scores": "yellow", "no_trade": "red"}
ROW = "{:>5} {:<8} {:<31} {:<13} {:>10} {:>6}"  # fits eighty columns
HEADING = ROW.format("score", "", "strategy", "price", "max loss", "POP")
DETAILS = 15
NEAREST = 3  # strategies that a no-trade explanation names


def try_ranking(
    strategies: Sequence["Strategy"],
    symbol: str,
    *,
    at: str | None,
    market: str | None,
    forced: str | None,
    as_json: bool,
) -> None:
    """Rank strategies on the chain of one instant; nothing is stored or started."""
    from thetaloom.cli.trying import trial_market
    from thetaloom.engine.ranking import rank_market

    with trial_market(market, at) as platform:
        named = None if forced is None else StrategyId(forced)
        ranking = rank_market(platform.desk, platform.user_id, canonical_symbol(symbol), strategies, forced=named)
    if as_json:
        emit(ranking_record(ranking))
    else:
        print_ranking(ranking)


def ranking_record(ranking: "Ranking") -> dict[str, Any]:
    """Return a ranking as programs get it."""
    return {
        "kind": ranking.kind.value,
        "title": ranking.title,
        "symbol": ranking.symbol,
        "as_of": ranking.as_of,
        "best": ranking.best,
        "confidence": None
        if ranking.confidence is None
        else {"level": ranking.confidence.value, "score": ranking.entries[0].score.total},
        "warnings": ranking.warnings,
        "hard_stops": ranking.hard_stops,
        "strategies": [_entry_record(entry) for entry in ranking.entries],
    }


def print_ranking(ranking: "Ranking") -> None:
    """Print a ranking for people."""
    style = KIND_STYLES[ranking.kind.value]
    kind, at = ranking.kind.value, shown_instant(ranking.as_of)
    say(f"[bold {style}]{kind}[/] {escape(ranking.title)}, {at}", wrapped=True)
    for warning in ranking.warnings:
        say(f"[yellow]warning:[/] {escape(warning)}", wrapped=True)
    for entered, heading in ((True, "can be entered"), (False, "cannot be entered")):
        found = [entry for entry in ranking.entries if entry.is_eligible is entered]
        if found:
            say(f"\n[bold]{len(found)} {heading}[/]")
            say(f"[dim]{HEADING}[/]")
        for entry in found:
            _print_entry(entry)
    if ranking.entries and ranking.best is not None:
        best = ranking.entries[0]
        say(f"\n[bold]why {escape(best.strategy_id)}[/]")
        for reason in best.score.reasons:
            indented(reason)


def print_no_trade(ranking: "Ranking") -> None:
    """Print why nothing is started: the strategies that come nearest, each with what would change its no."""
    say(f"[bold red]no trade[/] {escape(ranking.title)}")
    for entry in ranking.entries[:NEAREST]:
        total = f"{entry.score.total:f}"
        say(f"[bold]{escape(entry.strategy_id)}[/] score {total}, {escape(_label(entry))}")
        for blocking in entry.blocking:
            indented(f"{blocking.change} ({blocking.reason})")


def _entry_record(entry: "RankedStrategy") -> dict[str, Any]:
    found = entry.evaluation
    return {
        "strategy": entry.strategy_id,
        "name": entry.name,
        "eligible": entry.is_eligible,
        "score": entry.score.total,
        "confidence": entry.score.label.value,
        "minimum": entry.score.minimum,
        "priority": entry.priority,
        "score_reasons": entry.score.reasons,
        "unknown": entry.score.unknown,
        "answer": entry.verdict.answer.value,
        "reason": entry.verdict.reason.value if entry.verdict.reason else None,
        "blocking": entry.blocking,
        "structure": None if found is None else found.structure_name,
        "expires_on": entry.expires_on,
        "legs": [leg.notation for leg in entry.legs],
        "mid_price": None if found is None else found.mid_price,
        "natural_price": None if found is None else found.natural_price,
        "max_profit": None if found is None else found.max_profit,
        "max_loss": None if found is None else found.max_loss,
        "max_loss_unlimited": None if found is None else found.is_loss_unlimited,
        "breakevens": [] if found is None else found.breakevens,
        "pop": None if found is None else found.pop,
        "reasons": entry.reasons,
    }


def _print_entry(entry: "RankedStrategy") -> None:
    found = entry.evaluation
    price = loss = pop = ABSENT
    if found is not None:
        loss = "unlimited" if found.is_loss_unlimited else money_text(found.max_loss)
        price, pop = price_text(found.mid_price), percent_text(found.pop)
    line = ROW.format(
        f"{round(entry.score.total, 1).normalize():f}", _label(entry), entry.strategy_id, price, loss, pop
    )
    say(escape(line.rstrip()))
    if entry.legs:
        indented(legs_line(entry.legs), indent=DETAILS)
    for blocking in entry.blocking:
        indented(blocking.change, indent=DETAILS, word="no", style="red")


def _label(entry: "RankedStrategy") -> str:
    return entry.score.label.replace("_", " ")
