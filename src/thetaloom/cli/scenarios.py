"""``risk scenarios``: what the open positions gain or lose when spots and volatilities move."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.text import Text

from thetaloom.cli.access import opened
from thetaloom.cli.cases import as_number, refuse
from thetaloom.cli.output import JsonOption, emit, say, table
from thetaloom.domain.values.money import Money

if TYPE_CHECKING:
    from thetaloom.domain.risk.scenarios import BookGreeks, ScenarioGrid, Shocks
    from thetaloom.domain.risk.value_at_risk import ValueAtRisk
    from thetaloom.engine.stress import StressBook

PERCENTS = "Percents such as -10,-5,0,5"


def scenarios(
    spots: Annotated[str | None, typer.Option("--spots", help=f"{PERCENTS}: the moves of the spot.")] = None,
    ivs: Annotated[str | None, typer.Option("--ivs", help=f"{PERCENTS}: the moves of volatility, of itself.")] = None,
    days: Annotated[str, typer.Option("--days", help="Calendar days that pass meanwhile.")] = "0",
    beta_weighted: Annotated[
        bool, typer.Option("--beta-weighted", help="A move is SPY's; each underlying moves by its beta times that.")
    ] = False,
    exact: Annotated[
        bool, typer.Option("--exact", help="Price American options on a tree, early exercise included.")
    ] = False,
    greeks: Annotated[bool, typer.Option("--greeks", help="In JSON, also the book's greeks in each cell.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Price all open positions anew over moves of spot and volatility, and under the days of the last year.

    Profit and loss are in dollars against the worth now. Moves in JSON are parts, -0.2 is 20 % down.
    A position of which a price or a volatility is not known is in no figure, and is listed under `unknown`.
    """
    from thetaloom.domain.risk.scenarios import scenario_grid
    from thetaloom.domain.risk.value_at_risk import value_at_risk
    from thetaloom.engine.stress import stress_book

    shocks = _shocks(spots, ivs, days, beta_weighted=beta_weighted)
    with opened() as platform, platform.store.reading() as seen:
        book = stress_book(platform.desk, seen, platform.clock.now(), exact=exact)
    grid = scenario_grid(book.positions, shocks, exact=exact, with_greeks=greeks)
    risk = value_at_risk(book.positions, book.returns, exact=exact)
    if as_json:
        emit(scenario_record(book, grid, risk))
    else:
        _print(book, grid, risk)


def scenario_record(book: "StressBook", grid: "ScenarioGrid", risk: "ValueAtRisk") -> dict[str, object]:
    """Return a grid and the value at risk as programs get them."""
    from thetaloom.domain.risk.scenarios import dollars

    return {
        "as_of": book.as_of,
        "is_complete": grid.is_complete and risk.is_complete,
        "positions": grid.positions,
        "spot_shocks": grid.shocks.spot,
        "iv_shocks": grid.shocks.iv,
        "days": grid.shocks.days,
        "beta_weighted": grid.shocks.beta_weighted,
        "benchmark": book.benchmark,
        "exact": grid.is_exact,
        "pnl": [[dollars(cell) for cell in row] for row in grid.pnl],
        "by_underlying": {
            symbol: [[dollars(cell) for cell in row] for row in part] for symbol, part in grid.by_underlying.items()
        },
        "worst": _cell_record(grid, "worst"),
        "best": _cell_record(grid, "best"),
        "unknown": grid.unknown,
        "early_exercise": grid.early_exercise,
        "value_at_risk": _risk_record(risk),
        **({} if grid.greeks is None else {"greeks": _greeks_record(grid.greeks)}),
    }


def _greeks_record(greeks: "BookGreeks") -> dict[str, object]:
    tables = {
        "delta_usd": greeks.delta_usd,
        "gamma_usd": greeks.gamma_usd,
        "theta": greeks.theta,
        "vega": greeks.vega,
        "rho": greeks.rho,
    }
    return {name: [[_dollars(float(cell)) for cell in row] for row in cells] for name, cells in tables.items()}


def _shocks(spots: str | None, ivs: str | None, days: str, *, beta_weighted: bool) -> "Shocks":
    from thetaloom.domain.risk.scenarios import IV_SHOCKS, SPOT_SHOCKS, Shocks

    return Shocks(
        spot=SPOT_SHOCKS if spots is None else _percents("spots", spots),
        iv=IV_SHOCKS if ivs is None else _percents("ivs", ivs),
        days=as_number("days", days),
        beta_weighted=beta_weighted,
    )


def _percents(name: str, text: str) -> tuple[float, ...]:
    parts = [part.strip().removesuffix("%") for part in text.split(",")]
    if not all(parts):
        refuse(name, f"{text!r} is not a list of percents such as -10,-5,0,5")
    return tuple(sorted(as_number(name, part) / 100 for part in parts))


def _cell_record(grid: "ScenarioGrid", name: str) -> dict[str, object] | None:
    from thetaloom.domain.risk.scenarios import dollars

    cell = grid.worst if name == "worst" else grid.best
    if cell is None:
        return None
    return {"spot_shock": cell.spot_shock, "iv_shock": cell.iv_shock, "pnl": dollars(cell.pnl)}


def _risk_record(risk: "ValueAtRisk") -> dict[str, object]:
    return {
        "days": risk.days,
        "positions": risk.positions,
        "losses": [
            {
                "confidence": loss.confidence,
                "historical": _dollars(loss.historical),
                "shortfall": _dollars(loss.shortfall),
                "parametric": _dollars(loss.parametric),
            }
            for loss in risk.losses
        ],
        "three_sigma": _dollars(risk.three_sigma),
        "worst_day": _dollars(risk.worst_day),
        "unknown": risk.unknown,
    }


def _dollars(amount: float | None) -> Money | None:
    from thetaloom.domain.risk.scenarios import dollars

    return None if amount is None else dollars(amount)


def _print(book: "StressBook", grid: "ScenarioGrid", risk: "ValueAtRisk") -> None:
    if not book.positions:
        say("[dim]no open position[/]")
        return
    moved = f"{book.benchmark} moves" if grid.shocks.beta_weighted else "spot moves"
    rows = [
        [f"{spot:+.1%}", *(_colored(cell) for cell in row)]
        for spot, row in zip(grid.shocks.spot, grid.pnl, strict=True)
    ]
    table(
        f"dollars gained or lost after {grid.shocks.days:g} days",
        [moved, *(f"iv {iv:+.0%}" for iv in grid.shocks.iv)],
        rows,
    )
    worst = grid.worst
    if worst is not None:
        say(f"[bold]worst:[/] {worst.pnl:,.2f} at spot {worst.spot_shock:+.1%} and iv {worst.iv_shock:+.0%}")
    for loss in risk.losses:
        told = "too few days to tell" if loss.historical is None else f"{loss.historical:,.2f}"
        say(f"[bold]one day at {loss.confidence:.0%}:[/] {told} of {risk.days} days, {loss.parametric:,.2f} if normal")
    for one in grid.early_exercise:
        say(f"[yellow]early exercise matters:[/] {escape(one.label)}, up to {one.price:.2f} a share; see --exact")
    for lacking in {(one.label, one.missing): one for one in (*grid.unknown, *risk.unknown)}.values():
        where = "any figure" if lacking in grid.unknown else "the one-day figures"
        whose = "" if lacking.of == lacking.label else f" of {lacking.of}"
        say(f"[bold red]not in {where}:[/] {escape(lacking.label)}: {lacking.missing}{escape(whose)} is not known")


def _colored(amount: float) -> Text:
    shown = f"{amount:,.0f}"
    style = "green" if amount > 0.5 else "red" if amount < -0.5 else ""
    return Text("0" if shown == "-0" else shown, style=style, justify="right")
