"""Alpaca's answers and messages as our values; what cannot be read raises ``InvalidInput`` with its place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from thetaloom.brokers.alpaca.render import our_id, our_limit
from thetaloom.brokers.alpaca.tables import STATUSES
from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.book.reports import BrokerOrder
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import BrokerOrderId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract, parse_option_symbol
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import InvalidInput
from thetaloom.links.nonsense import NONSENSE

Raw = Mapping[str, Any]
OPTION, SEVERAL_LEGS = "us_option", "mleg"
NUMBER_DIGITS_MAX, COUNT_MAX = 12, 10_000_000  # beyond these it is no amount of anybody's account
P = ParamSpec("P")
T = TypeVar("T")


def readable(read: Callable[P, T]) -> Callable[P, T]:
    """Have whatever cannot be read raise ``InvalidInput``, whatever it is instead."""

    @wraps(read)
    def checked(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(*args, **kwargs)
        except NONSENSE as error:
            raise InvalidInput(f"alpaca told something else than {read.__name__} reads: {error!r}") from error

    return checked


@dataclass(frozen=True, slots=True, kw_only=True)
class WireLeg:
    """One leg of an order in Alpaca's books; a leg has an order id of its own."""

    order_id: BrokerOrderId
    leg: Leg
    filled: int  # contracts, always positive


@dataclass(frozen=True, slots=True, kw_only=True)
class WireOrder:
    """An order in Alpaca's books."""

    order_id: BrokerOrderId
    client_order_id: str  # as they have it; a replacement's is not the one we gave first
    status: OrderStatus
    word: str  # the status in their words
    quantity: int
    filled: int  # structures
    limit_price: Price  # credit positive; zero for an order at the market
    legs: tuple[WireLeg, ...]
    placed_at: datetime
    replaced_by: BrokerOrderId | None
    replaces: BrokerOrderId | None

    @property
    def ours(self) -> ClientOrderId | None:
        """The id under which we know it; ``None``: placed elsewhere."""
        return our_id(self.client_order_id)

    @property
    def order_ids(self) -> tuple[BrokerOrderId, ...]:
        """The ids of its legs, and its own last."""
        return (*(leg.order_id for leg in self.legs if leg.order_id != self.order_id), self.order_id)

    @property
    def contracts_filled(self) -> int:
        """Contracts that executed, over all legs."""
        return sum(leg.filled for leg in self.legs)

    def told(self, client_order_id: ClientOrderId | None, filled_before: int = 0) -> BrokerOrder:
        """Return the order as our port tells it; ``filled_before`` is of the orders that it replaced."""
        is_open = self.status is OrderStatus.WORKING
        return BrokerOrder(
            client_order_id=client_order_id,
            broker_order_id=self.order_id,
            is_open=is_open,
            filled=self.filled + filled_before,
            limit_price=self.limit_price,
            legs=tuple(one.leg for one in self.legs),
            quantity=self.quantity + filled_before,
            status=self.status,
            placed_at=self.placed_at,
        )


def is_part(raw: Any) -> bool:
    """Tell whether this is an order of several legs without them, or one of its legs without the order."""
    return isinstance(raw, Mapping) and raw.get("order_class") == SEVERAL_LEGS and not raw.get("legs")


@readable
def order_of(raw: Any) -> WireOrder | None:
    """Read an order; ``None`` where it is not of options, or a part of one."""
    record = _record(raw, "order")
    if is_part(record):
        return None
    nested = _list(record.get("legs") or [], "legs")
    is_option = OPTION in [record.get("asset_class"), *(_record(one, "leg").get("asset_class") for one in nested)]
    if not is_option:
        return None
    quantity = _some(record.get("qty"), "qty")
    legs = tuple(_leg(one, quantity) for one in nested) if nested else (_leg(record, quantity),)
    word = text(record, "status")
    signed = tuple(one.leg for one in legs)
    limit = record.get("limit_price")
    return WireOrder(
        order_id=_order_id(record),
        client_order_id=str(record.get("client_order_id") or ""),
        status=STATUSES.get(word, OrderStatus.WORKING),
        word=word,
        quantity=quantity,
        filled=_structures(legs) if nested else legs[0].filled,
        limit_price=Price(0) if limit in (None, "") else our_limit(signed, Price(number(limit, "limit_price"))),
        legs=legs,
        placed_at=_placed_at(record),
        replaced_by=_id(record.get("replaced_by")),
        replaces=_id(record.get("replaces")),
    )


@readable
def identity_of(raw: Any) -> tuple[BrokerOrderId, bool]:
    """Return the id of an order, and whether it is a leg of another one."""
    record = _record(raw, "order")
    return _order_id(record), bool(record.get("symbol")) and record.get("order_class") == SEVERAL_LEGS


@readable
def page_of(raw: Any) -> tuple[int, datetime | None]:
    """Return how many orders a page of them holds, legs included, and when the oldest was placed."""
    records = [_record(one, "order") for one in _list(raw, "orders")]
    size = sum(1 + len(_list(one.get("legs") or [], "legs")) for one in records)
    return size, min(map(_placed_at, records), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """What an account holds."""

    contracts: Mapping[OptionContract, int]
    shares: Mapping[str, int]


@readable
def positions_of(raw: Any) -> Positions:
    """Read what is held: bought positive, sold negative; fractions of shares are left out."""
    contracts: dict[OptionContract, int] = {}
    shares: dict[str, int] = {}
    for one in _list(raw, "positions"):
        record = _record(one, "position")
        amount = number(record.get("qty"), "qty")
        held = int(-abs(amount) if record.get("side") == "short" else amount)
        kind = text(record, "asset_class")
        if kind == OPTION:
            if amount != held and -amount != held:
                raise InvalidInput(f"alpaca told {amount} contracts, which is not whole", details={"field": "qty"})
            contracts[parse_option_symbol(text(record, "symbol"))] = held
        elif kind == "us_equity":
            shares[canonical_symbol(text(record, "symbol"))] = held
    return Positions(contracts={key: held for key, held in contracts.items() if held}, shares=shares)


def money_or_none(record: Raw, name: str) -> Money | None:
    """Read an amount that may be missing."""
    found = record.get(name)
    return None if found in (None, "") else Money(number(found, name))


def text(record: Raw, name: str) -> str:
    """Read a word that must be there."""
    found = record.get(name)
    if not isinstance(found, str) or not found.isprintable() or not found:
        raise InvalidInput(f"alpaca told no {name}", details={"field": name})
    return found


def number(raw: Any, name: str) -> Decimal:
    """Read an exact number, written as text or not."""
    try:
        found = Decimal(str(raw))
    except InvalidOperation as error:
        raise InvalidInput(f"alpaca told {name} as {raw!r}", details={"field": name}) from error
    if not found.is_finite() or found.adjusted() > NUMBER_DIGITS_MAX:
        raise InvalidInput(f"alpaca told {name} as {str(raw)[:40]!r}", details={"field": name})
    return found


def count(raw: Any, name: str) -> int:
    """Read a whole number."""
    found = number(raw, name)
    if found != found.to_integral_value() or abs(found) > COUNT_MAX:
        raise InvalidInput(f"alpaca told {name} as {raw!r}, which is no count", details={"field": name})
    return int(found)


def instant(raw: Any, name: str) -> datetime:
    """Read an instant, whose nanoseconds are cut; a date alone is its midnight in UTC."""
    try:
        if isinstance(raw, str) and len(raw) == len("2026-01-05"):
            return datetime.combine(date.fromisoformat(raw), time(), tzinfo=UTC)
        read = datetime.fromisoformat(_cut(str(raw)))
        if read.tzinfo is None:
            raise InvalidInput(f"alpaca told {name} as {raw!r}, without a zone", details={"field": name})
        return read.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidInput(f"alpaca told {name} as {str(raw)[:40]!r}", details={"field": name}) from error


def _cut(written: str) -> str:
    head, point, tail = written.partition(".")
    if not point:
        return written
    digits = tail[: len(tail) - len(tail.lstrip("0123456789"))]
    return f"{head}.{digits[:6]:0<6}{tail[len(digits) :]}"


def _placed_at(record: Raw) -> datetime:
    return instant(record.get("submitted_at") or record.get("created_at"), "submitted_at")


def _leg(raw: Any, structures: int) -> WireLeg:
    record = _record(raw, "leg")
    told = record.get("ratio_qty")
    amount = _some(told, "ratio_qty") if told else _some(record.get("qty"), "qty") // structures
    side = record.get("side")
    if side not in ("buy", "sell"):
        raise InvalidInput(f"alpaca told the side of a leg as {side!r}", details={"field": "side"})
    contract = parse_option_symbol(text(record, "symbol"))
    filled = count(record.get("filled_qty") or "0", "filled_qty")
    if not 0 <= filled <= amount * structures:
        raise InvalidInput(f"alpaca told {filled} filled of {amount * structures}", details={"field": "filled_qty"})
    return WireLeg(
        order_id=_order_id(record),
        leg=Leg(contract=contract, ratio=amount if side == "buy" else -amount),
        filled=filled,
    )


def _structures(legs: Sequence[WireLeg]) -> int:
    return min(one.filled // abs(one.leg.ratio) for one in legs)


def _record(raw: Any, name: str) -> Raw:
    if not isinstance(raw, Mapping):
        raise InvalidInput(f"alpaca told no {name} but {type(raw).__name__}", details={"field": name})
    return raw


def _list(raw: Any, name: str) -> Sequence[Any]:
    if not isinstance(raw, list):
        raise InvalidInput(f"alpaca told no list of {name} but {type(raw).__name__}", details={"field": name})
    return raw


def _some(raw: Any, name: str) -> int:
    found = count(raw, name)
    if found < 1:
        raise InvalidInput(f"alpaca told {name} as {raw!r}", details={"field": name})
    return found


def _order_id(record: Raw) -> BrokerOrderId:
    found = _id(record.get("id"))
    if found is None:
        raise InvalidInput("alpaca told no id of an order", details={"field": "id"})
    return found


def _id(raw: Any) -> BrokerOrderId | None:
    if raw is None or raw == "":
        return None
    return BrokerOrderId(str(UUID(raw)))
