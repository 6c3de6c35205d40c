"""The trading API of Alpaca's server: each route a function of a request, over the backend."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.values.money import Price
from thetaloom.testing.broker_servers.alpaca.books import AlpacaShelf
from thetaloom.testing.broker_servers.alpaca.intake import Turned, patch, refused, wire_order
from thetaloom.testing.broker_servers.alpaca.wire import NAMES, Json, ShownOrder, named, position, written
from thetaloom.testing.broker_servers.backend import Backend

ORDERS_MAX, ORDERS_DEFAULT = 500, 50
ACTIVITIES_MAX = 100
ORDERS_QUERY = ("status", "limit", "after", "until", "direction", "nested", "symbols", "side", "asset_class")
ACTIVITIES_QUERY = ("activity_types", "category", "date", "until", "after", "direction", "page_size", "page_token")
OPEN_WORDS = frozenset({"new", "accepted", "partially_filled", "pending_new", "pending_cancel", "pending_replace"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, signed in."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    is_late: bool = False  # what it takes shall be seen only later


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is answered."""

    status: int = 200
    body: Any = None


class TradingApi:
    """Answers what Alpaca's trading API answers, for one account."""

    def __init__(self, backend: Backend, shelf: AlpacaShelf, faults: list[str]) -> None:
        self.backend = backend
        self.shelf = shelf
        self.faults = faults
        self.routes: dict[tuple[str, str], Callable[[Asked], Answer]] = {
            ("GET", "/v2/account"): self.account,
            ("GET", "/v2/positions"): self.positions,
            ("POST", "/v2/orders"): self.place,
            ("GET", "/v2/orders"): self.orders,
            ("GET", "/v2/orders:by_client_order_id"): self.by_client_order_id,
            ("GET", "/v2/account/activities"): self.activities,
            ("GET", "/v2/clock"): self.clock,
        }

    def answer(self, asked: Asked) -> Answer | None:
        """Answer a request; ``None`` where this API has no such route."""
        route = self.routes.get((asked.method, asked.path))
        if route is not None:
            return route(asked)
        if asked.path.startswith("/v2/orders/"):
            one = {"GET": self.order, "PATCH": self.replace, "DELETE": self.cancel}.get(asked.method)
            return None if one is None else one(asked)
        return None

    def account(self, _: Asked) -> Answer:
        """Balances."""
        told, account = self.backend.account(), self.backend.account_number
        worth = told.net_liquidating_value or told.cash
        return Answer(
            body={
                "id": named("account", account),
                "account_number": account,
                "status": "ACTIVE",
                "currency": "USD",
                "cash": str(told.cash),
                "equity": str(worth),
                "portfolio_value": str(worth),
                "buying_power": str(told.buying_power),
                "options_buying_power": None if told.buying_power is None else str(told.buying_power),
                "regt_buying_power": str(told.buying_power),
                "multiplier": "1" if told.is_cash_account else "2",
                "account_blocked": False,
                "trading_blocked": False,
                "transfers_blocked": False,
                "trade_suspended_by_user": False,
                "shorting_enabled": True,
                "options_approved_level": 3,
                "options_trading_level": 3,
                "created_at": "2025-01-02T14:30:00Z",
            }
        )

    def positions(self, _: Asked) -> Answer:
        """What is held."""
        now = self.backend.clock.now()
        held = self.backend.holdings()
        quotes = self.backend.market.quotes(held, now)
        found = []
        for contract, count in held.items():
            quote = quotes.get(contract)
            mid = Price(0) if quote is None or quote.mid is None else quote.mid
            found.append(position(contract.compact, count, mid, contract=contract))
        for symbol, count in self.backend.shares().items():
            if count:
                spot = self.backend.market.spot(symbol, now) or Price(0)
                found.append(position(NAMES.told(symbol), count, spot, contract=None))
        return Answer(body=found)

    def place(self, asked: Asked) -> Answer:
        """Take an order."""
        wire = wire_order(asked.body, self.faults)
        with self.shelf.lock:
            client = wire.client_order_id
            if client and self.shelf.knows(client):
                raise refused(Refusal.DUPLICATE)
            order = self.backend.place(wire, late=asked.is_late)
            refusal = self.backend.refusal_of(order.broker_order_id)
            if refusal is not None:
                raise refused(*refusal)
            self.shelf.took(client, order.broker_order_id)
        shown = self.shelf.shown(order.broker_order_id)
        return Answer(body={} if shown is None else shown.record())

    def orders(self, asked: Asked) -> Answer:
        """A list of orders."""
        self._known(asked, ORDERS_QUERY)
        status = asked.query.get("status", "open")
        limit = min(int(asked.query.get("limit", ORDERS_DEFAULT)), ORDERS_MAX)
        found = [one for one in self.shelf.all() if status == "all" or (one.word in OPEN_WORDS) == (status == "open")]
        until = asked.query.get("until")
        if until:
            found = [one for one in found if one.order.placed_at < _instant(until)]
        after = asked.query.get("after")
        if after:
            found = [one for one in found if one.order.placed_at > _instant(after)]
        if asked.query.get("direction", "desc") == "desc":
            found.reverse()
        nested = asked.query.get("nested", "").lower() == "true"
        return Answer(body=[record for one in found[:limit] for record in _records(one, nested=nested)])

    def by_client_order_id(self, asked: Asked) -> Answer:
        """One order by the id that its client gave it."""
        wanted = asked.query.get("client_order_id", "")
        found = self.shelf.of_client(wanted)
        if found is not None:
            return Answer(body=found.record(nested=False))  # this route has no word for nesting
        raise Turned(404, 40410000, f"order not found for {wanted}")

    def order(self, asked: Asked) -> Answer:
        """One order."""
        return Answer(body=self._shown(asked).record(nested=asked.query.get("nested", "").lower() == "true"))

    def replace(self, asked: Asked) -> Answer:
        """Put a new order in the place of one."""
        limit, quantity, client = patch(asked.body, self.faults)
        shown = self._shown(asked)
        if shown.word not in {"new", "partially_filled"}:
            raise Turned(422, 42210000, f"cannot replace order in {shown.word} state")
        if client and self.shelf.knows(client):
            raise refused(Refusal.DUPLICATE)
        left = shown.quantity - shown.filled
        if (quantity or shown.quantity) != left:
            self.faults.append(f"a replacement of {quantity or shown.quantity} where {left} are left would overfill")
        alone = len(shown.order.legs) == 1
        credit = limit if alone and shown.order.legs[0].ratio < 0 else -limit
        with self.shelf.lock:
            self.shelf.sync()  # what was done so far belongs to the first
            number = shown.order.broker_order_id
            replacement = self.backend.replace(number, Price(credit), new_id=True, client_order_id=client)
            if replacement is None:
                raise refused(*(self.backend.refusal_of(number) or (Refusal.UNKNOWN, "")))
            self.shelf.took(client, replacement.broker_order_id)
            self.shelf.replaced(replacement.broker_order_id, left)
        after = self.shelf.shown(replacement.broker_order_id)
        return Answer(body={} if after is None else after.record())

    def cancel(self, asked: Asked) -> Answer:
        """Cancel an order."""
        shown = self._shown(asked)
        if not self.backend.cancel(shown.order.broker_order_id):
            raise Turned(422, 42210000, f'order is already in "{shown.word}" state')
        return Answer(status=204)

    def activities(self, asked: Asked) -> Answer:
        """What moved in the account."""
        self._known(asked, ACTIVITIES_QUERY)
        found = self.shelf.activities()
        kinds = asked.query.get("activity_types")
        if kinds:
            found = [one for one in found if one["activity_type"] in kinds.split(",")]
        after = asked.query.get("after")
        if after:
            found = [one for one in found if _at(one) > _instant(after)]
        if asked.query.get("direction", "desc") == "desc":
            found = found[::-1]
        token = asked.query.get("page_token")
        if token:
            places = [place for place, one in enumerate(found) if one["id"] == token]
            found = found[places[-1] + 1 :] if places else []
        size = int(asked.query.get("page_size", ACTIVITIES_MAX))
        if not 1 <= size <= ACTIVITIES_MAX:
            raise Turned(422, 40010001, "page_size must be between 1 and 100")
        return Answer(body=found[:size])

    def clock(self, _: Asked) -> Answer:
        """The exchange's clock."""
        now, calendar = self.backend.clock.now(), self.backend.calendar
        return Answer(
            body={
                "timestamp": written(now),
                "is_open": calendar.is_open(now),
                "next_open": written(calendar.next_open(now)),
                "next_close": written(calendar.next_close(now)),
            }
        )

    def _shown(self, asked: Asked) -> ShownOrder:
        wanted = asked.path.rpartition("/")[2]
        shown = self.shelf.shown(self.shelf.number(wanted))
        if shown is None:
            raise Turned(404, 40410000, f"order not found for {wanted}")
        return shown

    def _known(self, asked: Asked, fields: Sequence[str]) -> None:
        unknown = set(asked.query) - set(fields)
        if unknown:
            self.faults.append(f"{asked.path}: unknown parameters {sorted(unknown)}")


def _records(one: ShownOrder, *, nested: bool) -> list[Json]:
    return [one.record()] if nested or len(one.order.legs) == 1 else [one.record(nested=False), *one.leg_records()]


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text.replace(" ", "+"))
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _at(one: Json) -> datetime:
    text = str(one.get("transaction_time") or one["created_at"])
    return datetime.fromisoformat(text[:26] + "+00:00")
