"""``risk``: the budget, the limits with their use, what they refused, and what moves of the market would do."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from thetaloom.cli.access import opened, reading
from thetaloom.cli.output import JsonOption, emit, pairs, say, shown_instant, table
from thetaloom.cli.paging import LimitOption, OffsetOption, shown_of, window
from thetaloom.cli.scenarios import scenarios
from thetaloom.cli.words import money_text, reason_text
from thetaloom.domain.values.symbols import canonical_symbol

if TYPE_CHECKING:
    from thetaloom.domain.risk.use import LimitUse
    from thetaloom.engine.risk_view import RiskView

app = typer.Typer(help="Look at the risk of the account.", no_args_is_help=True, add_completion=False)
WidthOption = Annotated[
    float | None, typer.Option("--width", min=0.01, help="Width of a spread in dollars: how many the budget covers.")
]


@app.callback()
def risk() -> None:
    """Look at the risk budget, the limits and what they refused, and stress what is held; `config limit` sets one."""


@app.command()
def show(width: WidthOption = None, as_json: JsonOption = False) -> None:
    """Show the budget, what the VIX makes of sizes, every limit with its use, guards with their release, and halts."""
    from thetaloom.engine.risk_view import risk_view

    with opened(chooses=False) as platform:
        found = risk_view(platform.desk, platform.user_id)
    record = _record(found, width)
    if as_json:
        emit(record)
        return
    _print(found, record)


app.command()(scenarios)


@app.command()
def violations(
    rule: Annotated[str | None, typer.Option("--rule", help="Name of the limit.")] = None,
    symbol: Annotated[str | None, typer.Option("--symbol", help="Symbol.")] = None,
    limit: LimitOption = 50,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List what limits refused, newest first."""
    from thetaloom.store.queries.violations import list_violations

    wanted = canonical_symbol(symbol) if symbol else None
    with reading() as seen:
        page = list_violations(seen.database, seen.user, rule=rule, symbol=wanted, window=window(limit, offset))
    if as_json:
        emit(page)
        return
    table(
        shown_of(page, "violation"),
        ("at", "run", "symbol", "rule", "value", "limit", "unit", "severity", "action", "releases"),
        (
            (
                shown_instant(one.happened_at),
                one.run_id,
                one.symbol,
                one.rule,
                one.value,
                one.bound,
                one.unit,
                one.severity.value,
                one.action.value,
                None if one.releases_at is None else shown_instant(one.releases_at),
            )
            for one in page.rows
        ),
    )


def _record(found: "RiskView", width: float | None) -> dict[str, Any]:
    from thetaloom.domain.values.money import Price

    budget = found.budget
    return {
        "account": found.snapshot.account_id,
        "as_of": found.as_of,
        "net_liquidating_value": found.snapshot.net_liquidating_value,
        "buying_power": found.snapshot.buying_power,
        "budget": {
            "data_available": not budget.missing,
            "profile": budget.profile.value,
            "stress_rule": budget.stress_rule.value,
            "is_stressed": budget.is_stressed,
            "tolerance_percent": budget.tolerance_percent,
            "tradeable_capital": budget.tradeable_capital,
            "strategy_power": budget.strategy_power,
            "risk_in_use": budget.risk_in_use,
            "remaining_budget": budget.remaining,
            "utilization_percent": budget.utilization_percent,
            "warning_medium_percent": budget.warning_medium_percent,
            "warning_high_percent": budget.warning_high_percent,
            "spread_width": None if width is None else str(width),
            "max_spreads": None if width is None else budget.max_spreads(Price(str(width))),
        },
        "warnings": found.warnings,
        "market": found.market,
        "limits": [
            {
                "name": use.name,
                "group": use.group,
                "setting": use.setting,
                "default": use.default,
                "bound": use.bound,
                "used": use.used,
                "left": use.left,
                "unit": use.unit,
                "releases_at": use.releases_at,
                "doc": use.doc,
            }
            for use in found.uses
        ],
        "halts": found.halts,
    }


def _print(found: "RiskView", record: dict[str, Any]) -> None:
    budget = found.budget
    used = "unknown" if budget.utilization_percent is None else f"{budget.utilization_percent:.1f} %"
    pairs(
        f"risk of {found.snapshot.account_id}",
        {
            "at": shown_instant(found.as_of),
            "profile": f"{budget.profile.value}; in a stressed market: {budget.stress_rule.value}",
            "tolerance": "off" if budget.tolerance_percent is None else f"{budget.tolerance_percent} %",
            "tradeable capital": money_text(budget.tradeable_capital),
            "strategy power": money_text(budget.strategy_power),
            "risk in use": f"{money_text(budget.risk_in_use)} ({used})",
            "left": money_text(budget.remaining),
            "spreads": record["budget"]["max_spreads"],
            "VIX": "unknown" if found.market.vix is None else _vix(found),
        },
    )
    for warning in found.warnings:
        say(f"[yellow]{warning}[/]")
    _print_limits(found)
    for scope, why in found.halts.items():
        say(f"[bold red]halted[/] {scope}: {why} ({reason_text('halted')})")


def _print_limits(found: "RiskView") -> None:
    names = ["limit", "set", "bound", "used", "left", "unit", "releases"]
    if all(use.releases_at is None for use in found.uses):
        names.remove("releases")
    rows: list[list[object]] = []
    for group in dict.fromkeys(use.group for use in found.uses):
        rows.append([Text(group, style="bold cyan"), *[Text("")] * (len(names) - 1)])
        rows += [_limit_row(use)[: len(names)] for use in found.uses if use.group == group]
    table("limits", names, rows, whole=("limit", "bound", "used", "left"))


def _limit_row(use: "LimitUse") -> list[object]:
    amounts = (None if number is None else round(number, 2) for number in (use.bound, use.used, use.left))
    releases = None if use.releases_at is None else shown_instant(use.releases_at)
    return [use.name, use.setting, *amounts, use.unit, releases]


def _vix(found: "RiskView") -> str:
    market = found.market
    return f"{market.vix}: sizes times {market.multiplier}, at most {market.positions_max} positions, where asked for"
