"""``payoff``: what a structure brings, costs and risks at expiration, and its greeks now."""

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from thetaloom.cli.cases import Case, FileOption, JsonOption, Outcome, Place, calculate, refuse, shown
from thetaloom.cli.output import table
from thetaloom.cli.price import shipped_calendar
from thetaloom.domain.strategy.payoff_case import payoff_case
from thetaloom.domain.values.instruments import parse_option_symbol

LEG = re.compile(r"\s*(?P<quantity>[+-]?\d+)\s+(?P<contract>.+?)\s*@\s*(?P<price>\S+)\s*")
FORMS = (".png", ".svg")
UNITS = {
    "net_price": "dollars per share, credit positive",
    "max_profit": "dollars",
    "max_loss": "dollars",
    "breakevens": "dollars",
    "pop": "chance, 0 to 1",
    "delta": "shares",
    "gamma": "shares per dollar",
    "theta": "dollars per calendar day",
    "vega": "dollars per 0.01 of volatility",
    "rho": "dollars per 0.01 of rate",
    "p50": "chance, 0 to 1",
    "touch": "chance, 0 to 1",
    "expected_value": "dollars",
}
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
    png: Annotated[
        str | None,
        typer.Option("--png", metavar="FILE", help="Draw the curves to FILE.png or .svg; FILE-1.png … of many cases."),
    ] = None,
    dark: Annotated[bool, typer.Option("--dark", help="Draw on a dark page.")] = False,
    file: FileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Work out net price, max profit, max loss, breakevens, chance of profit, name and greeks of a structure.

    net_price is dollars per share, credit positive; max_profit, max_loss and expected_value are dollars of the
    whole, breakevens prices of the underlying, pop, p50 and touch chances from 0 to 1; delta is shares, gamma shares
    per dollar, theta dollars per calendar day, vega and rho dollars per 0.01. In JSON, null is unlimited for
    max_profit and max_loss, and not known elsewhere: the chances and the greeks need --spot, --iv and --at. p50 is
    the chance to reach half of the most profit, touch that of each short strike, expected_value the mean profit at
    expiration; all risk-neutral. The curves of today and of half-way need --spot and --at; without --iv each leg has
    the volatility that its own price implies.
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
    also = None if png is None else _Pictures(checked_picture(png), dark=dark).draw
    calculate(given, file, _case, title="payoff", as_json=as_json, also=also, units=UNITS)
    if file is None and not as_json:
        _print_curves({name: entry for name, entry in given.items() if entry is not None and entry != []})


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


def checked_picture(png: str) -> Path:
    """Return where to draw to. Raises ``InvalidInput`` where nothing could be written."""
    path = Path(png).expanduser()
    if path.suffix.lower() not in FORMS:
        refuse("png", f"{shown(png)} ends neither in {' nor in '.join(FORMS)}")
    if not path.parent.is_dir():
        refuse("png", f"there is no folder {path.parent}")
    if path.is_dir():
        refuse("png", f"{path} is a folder")
    return path


class _Pictures:
    """Draws each case to a file of its own."""

    def __init__(self, path: Path, *, dark: bool) -> None:
        self._path = path
        self._dark = dark

    def draw(self, case: Case, outcome: Outcome, place: Place) -> Outcome:
        from thetaloom.charts.payoff import draw_payoff
        from thetaloom.domain.strategy.payoff_curve import curves_of_case

        path = self._path
        if place.total > 1:
            path = path.with_name(f"{path.stem}-{place.number}{path.suffix}")
        curves = curves_of_case(case, shipped_calendar())
        picture = draw_payoff(curves, form=path.suffix.lower().removeprefix("."), dark=self._dark)
        write_picture(path, picture)
        return {**outcome, "png": str(path)}


def write_picture(path: Path, picture: bytes) -> None:
    """Write a picture. Raises ``InvalidInput`` where the place takes none."""
    try:
        path.write_bytes(picture)
    except OSError as error:
        refuse("png", f"{path} cannot be written: {error.strerror or error}")


def _print_curves(case: Case) -> None:
    from thetaloom.domain.strategy.payoff_curve import curves_of_case

    curves = curves_of_case(case, shipped_calendar())
    half = "half-way" if curves.days is None else f"in {curves.days / 2:g} days"
    found = [("today", curves.today), (half, curves.midway), ("expiration", curves.expiration)]
    known = [(name, curve) for name, curve in found if curve is not None]
    marked = dict.fromkeys(curves.strikes, "strike") | {float(price): "breakeven" for price in curves.payoff.breakevens}
    marked |= {} if curves.spot is None else {curves.spot: "spot"}
    rows = [
        [f"{price:,.6g}", Text(marked.get(price, "")), *(_amount(float(curve[at])) for _, curve in known)]
        for price, at in zip(curves.marks, curves.underlying.searchsorted(curves.marks), strict=True)
    ]
    table("profit and loss in dollars", ["underlying", "", *(name for name, _ in known)], rows)


def _amount(dollars: float) -> Text:
    return Text(f"{round(dollars, 2) + 0.0:,.2f}", justify="right")


def _case(case: Case) -> Outcome:
    return payoff_case(case, shipped_calendar())
