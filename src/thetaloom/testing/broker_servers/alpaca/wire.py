"""What Alpaca's server writes: ids, orders, positions, activities and quotes, as its specification has them."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.book.reports import BrokerOrder
from thetaloom.domain.book.transactions import Transaction, TransactionKind
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import BrokerOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.testing.broker_servers.spelling import Spelling

SPACE = uuid.UUID("5f596936-6f23-4cef-bdf1-3806aae57dbf")  # any; ids are made from names in it
ENDS = {
    OrderStatus.FILLED: "filled",
    OrderStatus.CANCELED: "canceled",
    OrderStatus.EXPIRED: "expired",
    OrderStatus.REJECTED: "rejected",
}
NOW, SHARES_LATER = timedelta(0), timedelta(microseconds=1_300)  # shares are booked a moment after their contracts
NAMES = Spelling(mark=".")
Json = dict[str, Any]
T = TypeVar("T")


def named(*parts: object) -> str:
    """Return the id that belongs to a name, always the same."""
    return str(uuid.uuid5(SPACE, ":".join(map(str, parts))))


def order_name(number: int) -> str:
    """Return the id of the order of a number."""
    return named("order", number)


def leg_uuid(number: BrokerOrderId, contract: OptionContract, *, alone: bool) -> str:
    """Return the id of a leg's order; an order of one leg has only its own."""
    return number if alone else named("leg", number, contract.compact)


def written(at: datetime) -> str:
    """Return an instant with nanoseconds, as Alpaca writes it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"


class ShownOrder:
    """An order as it is told: under one of its ids, with what was done under that id alone."""

    def __init__(
        self,
        order: BrokerOrder,
        *,
        client_order_id: str,
        effect: Effect,
        quantity: int,
        executed: Mapping[OptionContract, int],
        paid: Mapping[OptionContract, Decimal],
        replaces: BrokerOrderId | None,
        replaced_by: BrokerOrderId | None,
        at: datetime,
        is_open_market: bool,
    ) -> None:
        self.order = order
        self.client_order_id = client_order_id
        self.effect = effect
        self.quantity = quantity
        self.executed = executed
        self.paid = paid
        self.replaces = replaces
        self.replaced_by = replaced_by
        self.at = at
        self.is_open_market = is_open_market

    @property
    def filled(self) -> int:
        """Structures done under this id."""
        return min(self.executed.get(leg.contract, 0) // abs(leg.ratio) for leg in self.order.legs)

    @property
    def word(self) -> str:
        """The status."""
        if self.replaced_by is not None:
            return "replaced"
        if self.order.status in ENDS:
            return ENDS[self.order.status]
        if any(self.executed.values()):
            return "partially_filled"
        return "new" if self.is_open_market else "accepted"

    def record(self, *, nested: bool = True) -> Json:
        """Return the order, its legs nested or left out."""
        number, legs = self.order.broker_order_id, self.order.legs
        alone = len(legs) == 1
        credit = self.order.limit_price
        limit = abs(credit) if alone else -credit
        nets = [self.paid.get(leg.contract, Decimal(0)) * (1 if leg.ratio > 0 else -1) for leg in legs]
        net = sum(nets) / (self.filled or 1)
        whole = self._common(number, self.client_order_id, self.quantity, self.filled) | {
            "filled_avg_price": str(abs(net) if alone else net) if self.filled else None,
            "limit_price": str(limit),
            "order_type": "limit",
            "type": "limit",
            "replaced_by": self.replaced_by,
            "replaces": self.replaces,
        }
        if alone:
            return whole | self._leg_words(legs[0]) | {"order_class": "simple", "legs": None}
        empty = {"asset_class": "", "asset_id": "", "side": "", "symbol": "", "order_class": "mleg"}
        return whole | empty | {"legs": self.leg_records() if nested else None}

    def leg_records(self) -> list[Json]:
        """Return the legs of an order of several, each an order of its own."""
        return [self._leg(leg) for leg in self.order.legs]

    def _leg(self, leg: Leg) -> Json:
        number = self.order.broker_order_id
        done = self.executed.get(leg.contract, 0)
        own_id = leg_uuid(number, leg.contract, alone=False)
        record = self._common(own_id, named("client", own_id), self.quantity * abs(leg.ratio), done)
        average = str(self.paid[leg.contract] / done) if done else None
        rest: Json = {
            "filled_avg_price": average,
            "limit_price": None,
            "order_class": "mleg",
            "order_type": "",
            "type": "",
            "ratio_qty": str(abs(leg.ratio)),
            "legs": None,
            "replaced_by": None,
            "replaces": None,
        }
        return record | self._leg_words(leg) | rest

    def _leg_words(self, leg: Leg) -> Json:
        side = "buy" if leg.ratio > 0 else "sell"
        return {
            "asset_class": "us_option",
            "asset_id": named("asset", leg.contract.compact),
            "side": side,
            "symbol": leg.contract.compact,
            "position_intent": f"{side}_to_{self.effect.value}",
        }

    def _common(self, own_id: str, client_order_id: str, quantity: int, filled: int) -> Json:
        placed, at = written(self.order.placed_at), written(self.at)
        word = self.word
        return {
            "id": own_id,
            "client_order_id": client_order_id,
            "created_at": placed,
            "updated_at": at,
            "submitted_at": placed,
            "filled_at": at if word == "filled" else None,
            "expired_at": at if word == "expired" else None,
            "canceled_at": at if word == "canceled" else None,
            "failed_at": at if word == "rejected" else None,
            "replaced_at": at if word == "replaced" else None,
            "notional": None,
            "qty": str(quantity),
            "filled_qty": str(filled),
            "stop_price": None,
            "trail_price": None,
            "trail_percent": None,
            "hwm": None,
            "extended_hours": False,
            "source": None,
            "subtag": None,
            "status": word,
            "time_in_force": "day",
        }


def activity_of(one: Transaction, order_id: str | None) -> Json:
    """Return what the activities say of one movement, without its fees."""
    return _trade(one, order_id) if one.kind is TransactionKind.TRADE else _other(one)


def fee_of(one: Transaction) -> Json:
    """Return the fees of a trade, which are booked by themselves."""
    record = _common("FEE", one, named("fee", one.transaction_id))
    return record | {"activity_sub_type": "ORF", "net_amount": str(one.fees), "description": "ORF fee"}


WORDS = {
    TransactionKind.ASSIGNMENT: "OPASN",
    TransactionKind.EXERCISE: "OPEXC",
    TransactionKind.EXPIRATION: "OPEXP",
    TransactionKind.CASH_SETTLEMENT: "OPEXC",
    TransactionKind.DIVIDEND: "DIV",
    TransactionKind.INTEREST: "INT",
    TransactionKind.FEE: "FEE",
    TransactionKind.TRANSFER: "JNLC",
}


def _other(one: Transaction) -> Json:
    is_delivered = one.contract is None and one.quantity != 0
    word = "OPTRD" if is_delivered else WORDS[one.kind]
    group = one.transaction_id.removesuffix("-shares")
    record = _common(word, one, named(group), later=SHARES_LATER if is_delivered else NOW) | {
        "net_amount": str(one.cash),
        "group_id": named("group", group),
    }
    if one.contract is not None:
        record |= {"symbol": one.contract.compact, "qty": str(one.quantity)}
    elif one.quantity:
        record |= {"symbol": NAMES.told(one.symbol), "qty": str(one.quantity), "price": str(one.price)}
    elif one.symbol:
        record["symbol"] = NAMES.told(one.symbol)
    return record


def event_of(one: Transaction) -> str:
    """Return the word for what takes a trade back, or corrects it."""
    return "trade_bust" if one.transaction_id.endswith(":taken-back") else "trade_correct"


def _trade(one: Transaction, order_id: str | None) -> Json:
    is_busted = bool(one.corrects) and event_of(one) == "trade_bust"
    side = "buy" if (one.quantity > 0) != is_busted else "sell"  # a bust names the side of what it takes back
    told = {} if not one.corrects else {"execution_type": event_of(one), "previous_id": named(one.corrects)}
    return told | {
        "id": _activity_id(one, named(one.transaction_id)),
        "activity_type": "FILL",
        "transaction_time": written(one.happened_at),
        "type": "fill",
        "price": str(one.price),
        "qty": str(abs(one.quantity)),
        "side": side,
        "symbol": NAMES.told(one.symbol) if one.contract is None else one.contract.compact,
        "leaves_qty": "0",
        "cum_qty": str(abs(one.quantity)),
        "order_id": order_id or named("elsewhere", one.transaction_id),
        "order_status": "filled",
    }


def _common(word: str, one: Transaction, name: str, *, later: timedelta = NOW) -> Json:
    return {
        "id": _activity_id(one, name),
        "activity_type": word,
        "date": f"{one.happened_at:%Y-%m-%d}",
        "created_at": written(one.happened_at + later),
        "status": "executed",
        "currency": "USD",
    }


def _activity_id(one: Transaction, name: str) -> str:
    return f"{one.happened_at:%Y%m%d%H%M%S%f}"[:17] + f"::{name}"


def position(symbol: str, held: int, price: Decimal, *, contract: OptionContract | None) -> Json:
    """Return one position."""
    size = contract.multiplier if contract is not None else 1
    worth = str(price * held * size)
    return {
        "asset_id": named("asset", symbol),
        "symbol": symbol,
        "exchange": "" if contract is not None else "ARCA",
        "asset_class": "us_option" if contract is not None else "us_equity",
        "asset_marginable": contract is None,
        "qty": str(held),
        "qty_available": str(held),
        "avg_entry_price": str(price),
        "side": "long" if held > 0 else "short",
        "market_value": worth,
        "cost_basis": worth,
        "unrealized_pl": "0",
        "unrealized_plpc": "0",
        "unrealized_intraday_pl": "0",
        "unrealized_intraday_plpc": "0",
        "current_price": str(price),
        "lastday_price": str(price),
        "change_today": "0",
    }


def paged(found: Iterable[T], token: str | None, size: int) -> tuple[list[T], str | None]:
    """Return a page of records and the token of the next."""
    records = list(found)
    start = int(token) if token else 0
    page = records[start : start + size]
    return page, str(start + size) if start + size < len(records) else None
