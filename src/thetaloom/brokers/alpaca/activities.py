"""What moved in an account, from Alpaca's activities: executions of legs, and transactions of every kind."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from thetaloom.brokers.alpaca.parse import Raw, count, instant, number, readable, text
from thetaloom.brokers.alpaca.tables import ACTIVITIES
from thetaloom.domain.book.leg_fills import LegExecution
from thetaloom.domain.book.transactions import Transaction, TransactionKind
from thetaloom.domain.values.ids import BrokerOrderId, ClientOrderId, FillId
from thetaloom.domain.values.instruments import OptionContract, parse_option_symbol
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.errors import InvalidInput

SHARES_OF = {"OPASN": TransactionKind.ASSIGNMENT, "OPEXC": TransactionKind.EXERCISE}
_COMPACT_TAIL = 15  # yymmdd, the right and eight digits


@readable
def execution_of(raw: Raw, client_order_id: ClientOrderId) -> LegExecution | None:
    """Read an execution of an option; ``None`` where it is of something else."""
    contract = contract_of(raw)
    if raw.get("activity_type") != "FILL" or contract is None:
        return None
    return LegExecution(
        execution_id=FillId(_name_of(raw)),  # its transaction has the same: one fact, booked once
        client_order_id=client_order_id,
        contract=contract,
        quantity=_traded(raw),
        price=_price(raw),
        fees=NOTHING,
        executed_at=happened_at(raw),
    )


def order_id_of(raw: Raw) -> BrokerOrderId | None:
    """Return the order that an activity is of, which is a leg's own for an order of several legs."""
    found = raw.get("order_id")
    return BrokerOrderId(found) if isinstance(found, str) and found else None


@readable
def transaction_of(raw: Raw, kinds: Mapping[str, TransactionKind], ours: ClientOrderId | None) -> Transaction | None:
    """Read one movement; ``None`` where it was called off. ``kinds`` are those of deliveries, by ``delivery_key``."""
    word = text(raw, "activity_type")
    if raw.get("status", "executed") != "executed":
        return None
    kind = ACTIVITIES.get(word, TransactionKind.TRANSFER)
    if word == "FILL":
        return _trade(raw, ours)
    if word == "OPTRD":
        kind = kinds.get(delivery_key(raw), kind)
    contract = contract_of(raw)
    cash = Money(number(raw.get("net_amount") or "0", "net_amount"))
    moves = contract is not None or word in {"OPTRD", "JNLS", "ACATS", "SPLIT", "SPIN", "FOPT"}
    quantity = count(raw.get("qty") or "0", "qty") if moves else 0
    if contract is not None and contract.is_index and cash:
        kind = TransactionKind.CASH_SETTLEMENT
    price = None
    if quantity:
        size = contract.multiplier if contract is not None else 1
        price = Price(abs(Decimal(cash)) / (abs(quantity) * size))
    if contract is not None and not quantity:
        contract = None
    return Transaction(
        sequence=0,
        transaction_id=_name_of(raw),
        kind=kind,
        happened_at=happened_at(raw),
        symbol=contract.underlying if contract is not None else str(raw.get("symbol") or ""),
        contract=contract,
        quantity=quantity,
        price=price,
        cash=cash,
    )


def delivery_kinds(activities: Iterable[Raw]) -> dict[str, TransactionKind]:
    """Return why shares were delivered, by ``delivery_key``: their siblings are assignments or exercises."""
    kinds: dict[str, TransactionKind] = {}
    for raw in activities:
        kind = SHARES_OF.get(str(raw.get("activity_type")))
        if kind is None:
            continue
        try:
            kinds[delivery_key(raw)] = kind
        except InvalidInput:
            continue  # it is told where it is read
    return kinds


def delivery_key(raw: Raw) -> str:
    """Name a delivery: by its group, else by its underlying and day."""
    group = raw.get("group_id")
    if group:
        return str(group)
    contract = contract_of(raw)
    symbol = contract.underlying if contract is not None else raw.get("symbol")
    return f"{symbol} {raw.get('date')}"


def contract_of(raw: Raw) -> OptionContract | None:
    """Return the option of an activity; ``None`` where it is of shares or cash."""
    symbol = raw.get("symbol")
    if not isinstance(symbol, str) or len(symbol) <= _COMPACT_TAIL or not symbol[-8:].isdigit():
        return None
    return parse_option_symbol(symbol)


def happened_at(raw: Raw) -> datetime:
    """Return when it happened, as exactly as is told."""
    for name in ("transaction_time", "created_at", "date"):
        if raw.get(name):
            return instant(raw[name], name)
    raise InvalidInput("alpaca told no time of an activity", details={"field": "transaction_time"})


def _trade(raw: Raw, ours: ClientOrderId | None) -> Transaction:
    contract = contract_of(raw)
    price = _price(raw)
    quantity = _traded(raw)
    size = contract.multiplier if contract is not None else 1
    return Transaction(
        sequence=0,
        transaction_id=_name_of(raw),
        kind=TransactionKind.TRADE,
        happened_at=happened_at(raw),
        symbol=contract.underlying if contract is not None else text(raw, "symbol"),
        contract=contract,
        quantity=quantity,
        price=price,
        cash=price.times(size, -quantity),
        client_order_id=ours,
        broker_order_id=order_id_of(raw),
    )


def _name_of(raw: Raw) -> str:
    # The shares of a delivery may come under the contracts' id.
    return f"{text(raw, 'activity_type')}:{text(raw, 'id')}"


def _traded(raw: Raw) -> int:
    amount, side = count(raw.get("qty"), "qty"), text(raw, "side")
    if amount < 1 or not side.startswith(("buy", "sell")):
        raise InvalidInput(f"alpaca told a fill of {amount}, {side}", details={"field": "qty"})
    return amount if side.startswith("buy") else -amount


def _price(raw: Raw) -> Price:
    price = number(raw.get("price"), "price")
    if price < 0:
        raise InvalidInput(f"alpaca told a fill at {price}", details={"field": "price"})
    return Price(price)
