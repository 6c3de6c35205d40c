"""What moved in an account, from Alpaca's activities: executions of legs, and transactions of every kind."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from thetaloom.brokers.alpaca.parse import Raw, count, instant, number, readable, text
from thetaloom.brokers.alpaca.tables import ACTIVITIES
from thetaloom.domain.book.leg_fills import LegExecution
from thetaloom.domain.book.transactions import Transaction, TransactionKind, corrected
from thetaloom.domain.values.ids import BrokerOrderId, ClientOrderId, FillId
from thetaloom.domain.values.instruments import OptionContract, parse_option_symbol
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import InvalidInput

SHARES_OF = {"OPASN": TransactionKind.ASSIGNMENT, "OPEXC": TransactionKind.EXERCISE}
BUST = "trade_bust"
CORRECTIONS = frozenset({BUST, "trade_correct"})
_COMPACT_TAIL = 15  # yymmdd, the right and eight digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Contracts that were assigned or exercised, and turned into shares."""

    kind: TransactionKind
    at: datetime
    group: str | None
    day: str | None
    contract: OptionContract
    shares: int  # not signed


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
def transaction_of(raw: Raw, delivery: Delivery | None, ours: ClientOrderId | None) -> Transaction | None:
    """Read one movement; ``None`` where it was called off. ``delivery`` is what shares came of."""
    word = text(raw, "activity_type")
    if raw.get("status", "executed") != "executed":
        return None
    kind = ACTIVITIES.get(word, TransactionKind.TRANSFER)
    if word == "FILL":
        return _trade(raw, ours)
    contract = contract_of(raw)
    cash = Money(number(raw.get("net_amount") or "0", "net_amount"))
    moves = contract is not None or word in {"OPTRD", "JNLS", "ACATS", "SPLIT", "SPIN", "FOPT"}
    quantity = count(raw.get("qty") or "0", "qty") if moves else 0
    if contract is not None and word in SHARES_OF:  # what is assigned was sold, what is exercised was bought
        quantity = abs(quantity) if kind is TransactionKind.ASSIGNMENT else -abs(quantity)
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
        kind=kind if delivery is None else delivery.kind,
        # Shares are booked a moment after their contracts, and belong to the same instant.
        happened_at=happened_at(raw) if delivery is None else delivery.at,
        symbol=contract.underlying if contract is not None else canonical_symbol(str(raw.get("symbol") or "")),
        contract=contract,
        quantity=quantity,
        price=price,
        cash=cash,
    )


def is_correction(raw: Raw) -> bool:
    """Tell whether an activity takes a trade back, or corrects it: it is no trade, though it looks like one."""
    return not CORRECTIONS.isdisjoint({str(raw.get("execution_type")), str(raw.get("type"))})


@readable
def corrections_of(raw: Raw, known: Iterable[Transaction]) -> tuple[Transaction, ...]:
    """Return what takes back a trade that is ``known``, and what stands in its place. Nothing else is guessed."""
    before = text(raw, "previous_id")
    trade = next((one for one in known if one.transaction_id.endswith(f"::{before}")), None)
    if trade is None or trade.kind is not TransactionKind.TRADE:
        raise InvalidInput("alpaca busts or corrects a trade that is not known", details={"field": "previous_id"})
    is_busted = BUST in {raw.get("execution_type"), raw.get("type")}
    count_now = 0 if is_busted else count(raw.get("qty"), "qty")
    if count_now < 0:
        raise InvalidInput(f"alpaca corrects a trade to {count_now}", details={"field": "qty"})
    price = (trade.price or Price(0)) if is_busted else _price(raw)
    signed = count_now if trade.quantity > 0 else -count_now
    return corrected(trade, _name_of(raw), happened_at(raw), quantity=signed, price=price)


def is_delivery(raw: Raw) -> bool:
    """Tell whether an activity is of shares that contracts turned into."""
    return raw.get("activity_type") == "OPTRD" and raw.get("status", "executed") == "executed"


def deliveries_of(activities: Iterable[Raw]) -> list[Delivery]:
    """Return the contracts that turned into shares; what cannot be read is told where it is read itself."""
    found = []
    for raw in activities:
        kind = SHARES_OF.get(str(raw.get("activity_type")))
        if kind is not None:
            with suppress(InvalidInput):
                found.append(_delivery(raw, kind))
    return found


@readable
def delivery_of(shares: Raw, deliveries: Sequence[Delivery]) -> Delivery | None:
    """Return the contracts that shares came of: of their group, else of their underlying and day and amount."""
    group, day = shares.get("group_id"), shares.get("date")
    quantity = abs(count(shares.get("qty"), "qty"))
    paid = abs(number(shares.get("net_amount") or "0", "net_amount"))
    mine = [one for one in deliveries if group and one.group == group]
    symbol = canonical_symbol(str(shares.get("symbol") or ""))
    same = [one for one in deliveries if (one.contract.underlying, one.day) == (symbol, day)]
    exact = [one for one in mine or same if (one.shares, one.contract.strike * one.shares) == (quantity, paid)]
    return next(iter((*exact, *mine, *same)), None)


@readable
def _delivery(raw: Raw, kind: TransactionKind) -> Delivery:
    contract = parse_option_symbol(text(raw, "symbol"))
    shares = abs(count(raw.get("qty"), "qty")) * contract.multiplier
    group, day = raw.get("group_id"), raw.get("date")
    return Delivery(kind=kind, at=happened_at(raw), group=group, day=day, contract=contract, shares=shares)


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
        symbol=contract.underlying if contract is not None else canonical_symbol(text(raw, "symbol")),
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
