"""The ``margin`` calculator: one case of plain data in, one result of plain data out."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from thetaloom.domain.risk.margin import book_margin
from thetaloom.domain.risk.margin_rules import (
    AccountKind,
    Holding,
    MarginLeg,
    PairedStructure,
    Underlying,
    UnderlyingKind,
    kind_of,
    premium_of,
)
from thetaloom.domain.strategy.payoff import tidy
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.plain import read_date, read_decimal, read_json, refuse, shown
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import InvalidInput

LEGS_MAX = 2_000
QUANTITY_MAX = 1_000_000
AMOUNT_MAX = Decimal(10) ** 9
ANY_DAY = date(2030, 1, 18)  # a contract of it tells what a root is


def margin_case(case: Mapping[str, Any]) -> dict[str, object]:
    """Return what one book must secure by the strategy-based rules of Regulation T, FINRA 4210 and Cboe 10.3.

    ``account`` is margin (default) or cash. ``underlying`` holds ``symbol``, ``price`` and ``kind`` (equity, etf,
    index or broad_index; by default what the symbol is known to be); flat, they are ``underlying``,
    ``underlying_price`` and ``kind``. A book on several has a list of them as ``underlyings``, and each leg names
    its own as ``underlying``. ``legs``: each ``kind`` option (default) or stock, ``quantity`` signed (contracts, or
    shares of stock), of an option ``right``, ``strike``, ``expiration``, its ``price`` now per share, ``multiplier``
    (100) and, where it differs from the symbol, ``root``.

    ``initial`` and ``maintenance`` are dollars before any premium; ``premium`` is the option cash received (+) or
    paid (-); ``pairing`` lists the structures that the requirement is made of. What a cash account may not hold is
    an error ``not_permitted``.
    """
    account = AccountKind(_word(case, "account", AccountKind, AccountKind.MARGIN))
    underlyings = _underlyings(case)
    legs: dict[str, list[MarginLeg]] = {symbol: [] for symbol in underlyings}
    shares = dict.fromkeys(underlyings, 0)
    for i, record in enumerate(_records(case, "legs")):
        symbol = _symbol_of(record, underlyings, f"legs[{i}].")
        if _word(record, "kind", ("option", "stock"), "option", f"legs[{i}].") == "stock":
            shares[symbol] += _whole(record, "quantity", f"legs[{i}].")
        else:
            legs[symbol].append(_leg(record, symbol, f"legs[{i}]."))
    holdings = [_holding(underlyings[symbol], legs[symbol], shares[symbol]) for symbol in underlyings]
    book = book_margin(holdings, account)
    premium = sum((premium_of(holding.legs) for holding in holdings), Money(0))
    return {
        "initial": _dollars(book.initial),
        "maintenance": _dollars(book.maintenance),
        "premium": _dollars(premium),
        "pairing": [_part(part, is_one_of_many=len(underlyings) > 1) for part in book.pairing],
    }


def _underlyings(case: Mapping[str, Any]) -> dict[str, Underlying]:
    if not _is_absent(case, "underlyings"):
        found = [_underlying(record, f"underlyings[{i}].") for i, record in enumerate(_records(case, "underlyings"))]
    else:
        given = _decoded(case, "underlying")
        flat = {"symbol": given, "price": _first(case, "underlying_price", "price", "spot"), "kind": case.get("kind")}
        found = [_underlying(given if isinstance(given, Mapping) else flat, "underlying.")]
    by_symbol = {one.symbol: one for one in found}
    if len(by_symbol) < len(found):
        refuse("underlyings", "names a symbol twice")
    return by_symbol


def _underlying(record: Mapping[str, Any], where: str) -> Underlying:
    given = _present(record, "symbol", where)
    if not isinstance(given, str):
        refuse(where + "symbol", f"{shown(given)} is not a text")
    # As OCC roots are written: BRK.B is BRKB, ^SPX is SPX.
    symbol = canonical_symbol(given)
    price = _amount(record, "price", where)
    if price <= 0:
        refuse(where + "price", f"{price} is not above zero")
    known = kind_of(_contract(where + "symbol", root=symbol, expires_on=ANY_DAY, right=Right.CALL, strike=Decimal(1)))
    kind = _word(record, "kind", UnderlyingKind, known, where)
    return Underlying(symbol=symbol, price=Price(price), kind=UnderlyingKind(kind))


def _symbol_of(record: Mapping[str, Any], underlyings: Mapping[str, Underlying], where: str) -> str:
    if _is_absent(record, "underlying"):
        return next(iter(underlyings)) if len(underlyings) == 1 else refuse(where + "underlying", "is missing")
    symbol = canonical_symbol(str(record["underlying"]))
    return (
        symbol
        if symbol in underlyings
        else refuse(where + "underlying", f"{shown(symbol)} is not among the underlyings")
    )


def _leg(record: Mapping[str, Any], symbol: str, where: str) -> MarginLeg:
    price = _amount(record, "price", where)
    if price < 0:
        refuse(where + "price", f"{price} is below zero")
    multiplier = 100 if _is_absent(record, "multiplier") else _whole(record, "multiplier", where)
    given = str(_present(record, "right", where))
    try:
        right = Right.parse(given)
    except InvalidInput as error:
        refuse(where + "right", error.message)
    contract = _contract(
        where.rstrip("."),
        root=symbol if _is_absent(record, "root") else canonical_symbol(str(record["root"])),
        expires_on=read_date(where + "expiration", _present(record, "expiration", where)),
        right=right,
        strike=_amount(record, "strike", where),
        multiplier=multiplier,
    )
    if contract.root != symbol and contract.underlying != symbol:
        refuse(where + "root", f"{contract.root} is not of {symbol}")
    return MarginLeg(contract=contract, quantity=_whole(record, "quantity", where), price=Price(price))


def _holding(underlying: Underlying, legs: Sequence[MarginLeg], shares: int) -> Holding:
    if shares and underlying.kind in (UnderlyingKind.INDEX, UnderlyingKind.BROAD_INDEX):
        refuse("legs", f"{underlying.symbol} is an index and has no stock")
    return Holding(underlying=underlying, legs=tuple(legs), shares=shares)


def _part(part: PairedStructure, *, is_one_of_many: bool) -> dict[str, object]:
    legs: list[dict[str, object]] = [{"kind": "stock", "quantity": part.shares}] if part.shares else []
    legs += [
        {
            "kind": "option",
            "right": leg.contract.right.value,
            "strike": float(leg.contract.strike),
            "expiration": leg.contract.expires_on.isoformat(),
            "quantity": leg.quantity,
        }
        for leg in part.legs
    ]
    told: dict[str, object] = {"name": part.name, "legs": legs}
    if is_one_of_many:
        told["underlying"] = part.symbol
    return {**told, "initial": _dollars(part.initial), "maintenance": _dollars(part.maintenance)}


def _dollars(amount: Money) -> float:
    return float(tidy(Decimal(amount)))


def _is_absent(record: Mapping[str, Any], name: str) -> bool:
    given = record.get(name)
    return given is None or (isinstance(given, str) and not given.strip())


def _present(record: Mapping[str, Any], name: str, where: str) -> object:
    return refuse(where + name, "is missing") if _is_absent(record, name) else record[name]


def _first(record: Mapping[str, Any], *names: str) -> object:
    return next((record[name] for name in names if not _is_absent(record, name)), None)


def _decoded(case: Mapping[str, Any], name: str) -> Any:
    given = case.get(name)
    if isinstance(given, str) and given.lstrip()[:1] in ("[", "{"):  # a cell of a CSV file
        return read_json(name, given)
    return given


def _records(case: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    given = _decoded(case, name)
    if not isinstance(given, list) or not 1 <= len(given) <= LEGS_MAX:
        refuse(name, f"is not a list of 1 to {LEGS_MAX}")
    for i, record in enumerate(given):
        if not isinstance(record, Mapping):
            refuse(f"{name}[{i}]", "is not an object with fields")
    return given


def _word(record: Mapping[str, Any], name: str, words: Iterable[str], default: str, where: str = "") -> str:
    known = [str(word) for word in words]
    word = default if _is_absent(record, name) else str(record[name]).strip().lower()
    return word if word in known else refuse(where + name, f"{shown(word)} is not one of {', '.join(known)}")


def _amount(record: Mapping[str, Any], name: str, where: str) -> Decimal:
    return read_decimal(where + name, _present(record, name, where), most=AMOUNT_MAX)


def _whole(record: Mapping[str, Any], name: str, where: str) -> int:
    amount = _amount(record, name, where)
    if amount != amount.to_integral_value() or amount == 0 or abs(amount) > QUANTITY_MAX:
        refuse(where + name, f"{amount} is not a whole number other than zero, up to {QUANTITY_MAX}")
    return int(amount)


def _contract(field: str, **parts: Any) -> OptionContract:
    try:
        return OptionContract(**parts)
    except InvalidInput as error:
        refuse(field, error.message)
