"""Trials of a strategy for people: a table that fits eighty columns, and below it what was found and said."""

from collections.abc import Iterator, Sequence

from rich.markup import escape
from rich.text import Text

from thetaloom.cli.output import indented, say, table
from thetaloom.cli.words import money_text, percent_text, price_text
from thetaloom.domain.strategy.evaluation import Evaluation, LegEvaluation
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.strategy.structures import Leg
from thetaloom.engine.trial import Trial


def print_trials(strategy: Strategy, trials: Sequence[Trial]) -> None:
    """Print each try; expirations that the strategy's window leaves out are counted and not listed."""
    looked_at = [trial for trial in trials if trial.wish is not None or trial.selection.legs or _is_in(strategy, trial)]
    names = ("wanted", "expiration", "DTE", "valid", "price", "max loss", "POP", "score")
    columns = names if any(trial.wish is not None for trial in trials) else names[1:]
    rows = [[*((trial.wish,) if len(columns) == len(names) else ()), *_row(trial)] for trial in looked_at]
    if rows:
        table("", columns, rows)
    shown: dict[tuple[Leg, ...], Trial] = {}
    for trial in looked_at:
        legs = trial.selection.legs
        _print_one(trial, shown.get(legs) if legs else None)
        shown.setdefault(legs, trial)
    say(_summary(strategy, trials, len(trials) - len(looked_at)), wrapped=True)


def _is_in(strategy: Strategy, trial: Trial) -> bool:
    rule = strategy.expiration
    return trial.front is not None and rule.dte_min <= trial.front.dte <= rule.dte_max


def _row(trial: Trial) -> tuple[object, ...]:
    found, front, score = trial.evaluation, trial.front, trial.judged.score if trial.judged else None
    return (
        None if front is None else str(front.expires_on),
        None if front is None else front.dte,
        Text("yes", style="green") if trial.is_valid else Text("no", style="red"),
        None if found is None else price_text(found.mid_price),
        None if found is None else _loss(found),
        None if found is None else percent_text(found.pop),
        None if score is None else f"{score.total:f}",
    )


def _loss(found: Evaluation) -> str:
    return "unlimited" if found.is_loss_unlimited else money_text(found.max_loss)


def _print_one(trial: Trial, same: Trial | None) -> None:
    front = trial.front
    wished = "" if trial.wish is None else f"{trial.wish} DTE: "
    taken = (
        "no expiration"
        if front is None
        else f"{front.expires_on} ({front.dte} DTE, {'monthly' if front.is_monthly else 'weekly'}, {front.root})"
    )
    answer = "[green]valid[/]" if trial.is_valid else "[red]not valid[/]"
    say(f"\n[bold]{wished}{taken}[/] {answer}")
    if same is not None:
        indented(f"the legs and the numbers of {same.wish} DTE")
    elif trial.evaluation is not None:
        for one in trial.evaluation.legs:
            say(f"  {_leg(one)}")
        indented(_prices(trial.evaluation))
    for word, style, lines in (
        ("error", "red", trial.errors),
        ("warning", "yellow", trial.warnings),
        ("", "", _reasons(trial) if same is None else ()),
    ):
        for line in lines:
            indented(line, word=word, style=style)


def _leg(one: LegEvaluation) -> str:
    market = f"{_number(one.bid)} / {_number(one.ask)}"
    return f"{escape(one.leg.notation):<27} {market:<15} delta {_signed(one.delta)}  IV {_percent(one.iv)}"


def _prices(found: Evaluation) -> str:
    profit = "unlimited" if found.is_profit_unlimited else money_text(found.max_profit)
    points = " and ".join(f"{price.normalize():f}" for price in found.breakevens) or "none"
    natural = price_text(found.natural_price)
    return f"{found.structure_name}, natural {natural}, max profit {profit}, breakeven {points}"


def _reasons(trial: Trial) -> Iterator[str]:
    # the expiration stands in the heading already
    yield from (reason for reason in trial.selection.reasons if not reason.startswith("expiration:"))


def _number(number: object) -> str:
    return "–" if number is None else f"{number:.2f}"


def _signed(number: float | None) -> str:
    return "unknown" if number is None else f"{number:+.3f}"


def _percent(number: float | None) -> str:
    return "unknown" if number is None else f"{number:.1%}"


def _summary(strategy: Strategy, trials: Sequence[Trial], outside: int) -> str:
    rule = strategy.expiration
    valid = [trial for trial in trials if trial.is_valid]
    days = ", ".join(str(trial.wish if trial.wish is not None else trial.front and trial.front.dte) for trial in valid)
    what = "wished DTE" if any(trial.wish is not None for trial in trials) else "expirations"
    left_out = f"; {outside} lie outside {rule.dte_min} to {rule.dte_max} DTE" if outside else ""
    return f"\n[bold]{len(valid)} of {len(trials)} {what} valid[/]{f': {days} DTE' if valid else ''}{left_out}"
