"""``payoff``: what a structure brings, costs and risks at expiration, and its greeks now."""

import re
from typing import Annotated

import typer

from thetaloom.cli.cases import Case, FileOption, JsonOption, Outcome, calculate, refuse, shown
from thetaloom.cli.price import shipped_calendar
from thetaloom.domain.strategy.payoff_case import payoff_case
from thetaloom.domain.values.instruments import parse_option_symbol

LEG = re.compile(r"\s*(?P<quantity>[+-]?\d+)\s+(?P<contract>.+?)\s*@\s*(?P<price>\S+)\s*")
LEG_FORM = '"-1 SPY 2026-01-16 P 560 @ 1.25", or "100 SPY @ 560" for stock'


def payoff(
    leg: Annotated[
        list[str] | None,
        typer.Option("--leg", metavar="LEG", help=f"A leg, signed, with its price: {LEG_FORM}. May be repeated."),
    ] = None,
    spot: Annotated[str | None, typer.Option("--spot", help="Price of the underlying.")] = None,
    iv: Annotated[str | None, typer.Option("--iv", help="Volatility per year, 0.20 = 20 %.")] = None,
    rate: Annotated[str | None, typer.Option("--rate", help="Rate per year; 0 if not given.")] = None,
    dividend_yield: Annotated[str | None, typer.Option("--dividend-yield", help="Yield; 0 if not given.")] = None,
    at: Annotated[str | None, typer.Option("--at", help="Date or instant that days are counted from.")] = None,
    file: FileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Work out net price, max profit, max loss, breakevens, chance of profit, name and greeks of a structure.

    Credits are positive. In JSON, null is unlimited for max_profit and max_loss, and not known elsewhere:
    the chances and the greeks need --spot, --iv and --at. p50 is the chance to reach half of the most profit,
    touch that of each short strike, expected_value the mean profit at expiration; all risk-neutral.
    """
    legs = [read_leg(text, index) for index, text in enumerate(leg or [])]
    roots = {str(one.pop("root")) for one in legs if "root" in one}
    given = {
        "legs": legs,
        "root": roots.pop() if len(roots) == 1 else None,
        "spot": spot,
        "iv": iv,
        "rate": rate,
        "dividend_yield": dividend_yield,
        "at": at,
    }
    calculate(given, file, _case, title="payoff", as_json=as_json)


def read_leg(text: str, index: int) -> dict[str, object]:
    """Read a leg in short notation: signed quantity, contract or stock, ``@`` and the price."""
    found = LEG.fullmatch(text)
    if not found:
        refuse(f"legs[{index}]", f"{shown(text)} is not written like {LEG_FORM}")
    common: dict[str, object] = {"quantity": found["quantity"], "price": found["price"]}
    if re.fullmatch(r"[A-Za-z.^]{1,6}", found["contract"]):
        return {"kind": "stock", **common}
    contract = parse_option_symbol(found["contract"])
    return {
        "kind": "option",
        **common,
        "root": contract.root,
        "right": contract.right.value,
        "strike": str(contract.strike),
        "expiration": contract.expires_on.isoformat(),
    }


def _case(case: Case) -> Outcome:
    return payoff_case(case, shipped_calendar())
