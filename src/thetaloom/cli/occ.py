"""``occ``: every way an option's symbol is written, from any of them."""

from decimal import Decimal
from typing import Annotated

import typer

from thetaloom.cli.cases import Case, Fields, FileOption, JsonOption, Outcome, as_number, calculate, refuse, shown
from thetaloom.domain.values.instruments import OptionContract, Right, parse_option_symbol
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import InvalidInput


def occ(
    symbol: Annotated[
        str | None, typer.Argument(help='The symbol in any form, as in "SPY   240324P00480500" or .SPY240324P480.5.')
    ] = None,
    symbol_option: Annotated[str | None, typer.Option("--symbol", help="The same as an option.")] = None,
    root: Annotated[str | None, typer.Option("--root", help="Root, where there is no symbol.")] = None,
    expiration: Annotated[str | None, typer.Option("--expiration", help="Date such as 2026-01-16.")] = None,
    right: Annotated[str | None, typer.Option("--right", help="C or P.")] = None,
    strike: Annotated[str | None, typer.Option("--strike", help="Strike per share.")] = None,
    file: FileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write an option's symbol in every form: from a symbol, or from root, expiration, right and strike."""
    given = {
        "symbol": symbol if symbol is not None else symbol_option,
        "root": root,
        "expiration": expiration,
        "right": right,
        "strike": strike,
    }
    calculate(given, file, occ_case, title="option symbol", as_json=as_json)


def occ_case(case: Case) -> Outcome:
    """Return the parts and forms of one contract. A ``symbol`` outranks the parts."""
    contract = _contract(Fields(case))
    return {
        "root": contract.root,
        "underlying": contract.underlying,
        "expiration": contract.expires_on.isoformat(),
        "right": contract.right.value,
        "strike": str(contract.strike),
        "occ": contract.occ_symbol,
        "compact": contract.compact,
        "streamer": contract.streamer,
    }


def _contract(fields: Fields) -> OptionContract:
    if "symbol" in fields.case and not (fields.has("root") and not fields.has("symbol")):
        given = fields.case["symbol"]
        if not isinstance(given, str):
            refuse("symbol", f"{shown(given)} is not a text")
        return parse_option_symbol(given)
    if not fields.has("root"):
        refuse("symbol", "is missing; give it, or root, expiration, right and strike")
    return OptionContract(
        root=canonical_symbol(fields.text("root")),
        expires_on=fields.date("expiration"),
        right=_right(fields),
        strike=_strike(fields),
    )


def _right(fields: Fields) -> Right:
    given = fields.text("right")
    try:
        return Right.parse(given)
    except InvalidInput:
        refuse("right", f"{shown(given)} is neither C nor P")


def _strike(fields: Fields) -> Decimal:
    as_number("strike", fields.case.get("strike") if fields.has("strike") else fields.text("strike"))
    return Decimal(str(fields.case["strike"]).strip())
