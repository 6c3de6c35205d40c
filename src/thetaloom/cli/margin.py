"""``margin``: what a book must secure by the strategy-based margin rules."""

from typing import Annotated

import typer

from thetaloom.cli.cases import Case, FileOption, JsonOption, Outcome, calculate
from thetaloom.cli.payoff import LEG_FORM, read_leg
from thetaloom.domain.risk.margin_case import margin_case
from thetaloom.domain.values.instruments import INDEX_ROOTS

UNITS = dict.fromkeys(("initial", "maintenance"), "dollars") | {"premium": "dollars, received positive"}


def margin(
    leg: Annotated[
        list[str] | None,
        typer.Option("--leg", metavar="LEG", help=f"A leg, signed, at its price now: {LEG_FORM}. May be repeated."),
    ] = None,
    account: Annotated[str | None, typer.Option("--account", help="margin (the default) or cash.")] = None,
    underlying: Annotated[str | None, typer.Option("--underlying", metavar="SYMBOL", help="What it is on.")] = None,
    underlying_price: Annotated[str | None, typer.Option("--underlying-price", help="Price of the underlying.")] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", help="equity, etf, index or broad_index; else as the symbol is known.")
    ] = None,
    file: FileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Work out the least initial and maintenance margin of a book, and the pairing that needs no more.

    Dollars, before any premium: a long option needs nothing, a credit spread its full width, a naked short its
    market value and a percentage of the underlying. The premium is beside it: received positive, paid negative.
    All amounts are dollars of the whole book; prices are dollars per share, quantities contracts or shares.
    """
    legs = [read_leg(text, index) for index, text in enumerate(leg or [])]
    roots = {str(one["root"]) for one in legs if "root" in one}
    symbols = {INDEX_ROOTS[root].underlying if root in INDEX_ROOTS else root for root in roots}
    given = {
        "legs": legs,
        "account": account,
        "underlying": underlying if underlying is not None or len(symbols) != 1 else symbols.pop(),
        "underlying_price": underlying_price,
        "kind": kind,
    }
    calculate(given, file, _case, title="margin", as_json=as_json, units=UNITS)


def _case(case: Case) -> Outcome:
    return margin_case(case)
