"""The REST interface: accounts, orders, positions, transactions, instruments and metrics."""

import re
from collections.abc import Callable
from typing import Any

from thetaloom.domain.book.transactions import Transaction
from thetaloom.testing.broker_servers.backend import Backend
from thetaloom.testing.broker_servers.tastytrade.bodies import Malformed, read_complex, read_order
from thetaloom.testing.broker_servers.tastytrade.desk import Desk, wanted_of, wire_order
from thetaloom.testing.broker_servers.tastytrade.instruments import (
    equities_json,
    market_data_json,
    metrics_json,
    nested_chain,
)
from thetaloom.testing.broker_servers.tastytrade.told import (
    CODES,
    NAMES,
    Placed,
    account_json,
    balance_json,
    day_of,
    effect_json,
    enveloped,
    error_json,
    order_json,
    position_json,
    transaction_json,
)
from thetaloom.testing.broker_servers.tastytrade.wire import Asked, Told

Answer = Callable[..., Told]
# What it tells unasked, and the most that may be asked for.
ORDERS_PAGE, HISTORY_PAGE, EQUITIES_PAGE = (10, 200), (250, 2_000), (250, 1_000)


class Rest:
    """Answers requests that carry a good token. Only the server's thread calls."""

    def __init__(
        self,
        backend: Backend,
        faults: list[str],
        soon: Callable[..., object],
        dxlink_url: Callable[[], str],
    ) -> None:
        self.backend = backend
        self.desk = Desk(backend)
        self.faults = faults
        self.is_margin_account = True
        self.extra_accounts: list[str] = []
        self.tell: Callable[[Placed], object] = lambda one: None
        self._soon = soon
        self._dxlink_url = dxlink_url
        mine = f"/accounts/{re.escape(backend.account_number)}"
        self._routes: list[tuple[str, re.Pattern[str], Answer]] = [
            (method, re.compile(path), answer)
            for method, path, answer in (
                ("GET", "/customers/me/accounts", self._accounts),
                ("POST", f"{mine}/orders/dry-run", self._dry_run),
                ("POST", f"{mine}/orders", self._place),
                ("GET", f"{mine}/orders/live", self._live_orders),
                ("GET", f"{mine}/orders", self._orders),
                ("GET", f"{mine}/orders/([0-9]+)", self._order),
                ("PUT", f"{mine}/orders/([0-9]+)", self._replace),
                ("DELETE", f"{mine}/orders/([0-9]+)", self._cancel),
                ("POST", f"{mine}/complex-orders", self._place_complex),
                ("GET", f"{mine}/complex-orders/([0-9]+)", self._complex),
                ("DELETE", f"{mine}/complex-orders/([0-9]+)", self._cancel_complex),
                ("GET", f"{mine}/balances/USD", self._balances),
                ("GET", f"{mine}/positions", self._positions),
                ("GET", f"{mine}/transactions", self._transactions),
                ("GET", "/api-quote-tokens", self._quote_token),
                ("GET", "/option-chains/(.+)/nested", self._chain),
                ("GET", "/instruments/equities", self._equities),
                ("GET", "/market-data/by-type", self._market_data),
                ("GET", "/market-metrics", self._metrics),
            )
        ]

    @property
    def account(self) -> str:
        """The number of the account."""
        return self.backend.account_number

    def answer(self, asked: Asked, *, late: bool = False) -> Told:
        """Answer one request."""
        self.desk.sync()
        for method, pattern, answer in self._routes:
            found = pattern.fullmatch(asked.path)
            if found is not None and method == asked.method:
                try:
                    if method == "POST" and not asked.path.endswith("dry-run"):
                        return answer(asked, late)
                    return answer(asked, *found.groups())
                except Malformed as error:
                    return _refused(error)
                except (ValueError, KeyError) as error:
                    self.faults.append(f"{asked.method} {asked.path}: {error!r}")
                    return Told(status=400, body=error_json("invalid_request", str(error)))
        self.faults.append(f"{asked.method} {asked.path} is not known")
        return Told(status=404, body=error_json("record_not_found", "Not found"))

    def shown(self, one: Placed) -> dict[str, Any]:
        """Return an order as it is told."""
        return order_json(one, self.account, self.backend.clock.now())

    def _accounts(self, asked: Asked) -> Told:
        opened_at = self.backend.clock.now()
        is_cash = self.backend.is_cash_account
        numbers = [self.account, *self.extra_accounts]
        found = [
            account_json(one, is_live=self.backend.is_live, is_cash=is_cash, opened_at=opened_at) for one in numbers
        ]
        told = [{"account": one, "authority-level": "owner"} for one in found]
        return Told(body=enveloped(told, asked.path))

    def _dry_run(self, asked: Asked) -> Told:
        wanted = self.desk.routed(read_order(asked.json()))
        told = self.backend.preview(wire_order(wanted))
        if told.refusal is not None:
            raise Malformed(CODES[told.refusal], told.message)
        one = self.desk._new(0, wanted)  # the same order, placed nowhere
        one.status = "Received"
        shown = self.shown(one)
        del shown["id"]
        return Told(status=201, body=enveloped({"order": shown, **effect_json(told)}, asked.path))

    def _place(self, asked: Asked, late: bool) -> Told:
        wanted = self.desk.routed(read_order(asked.json()))
        told = self.backend.preview(wire_order(wanted))
        one = self.desk.place(wanted, late=late)
        self._soon(self.tell, one)
        return Told(status=201, body=enveloped({"order": self.shown(one), **effect_json(told)}, asked.path))

    def _replace(self, asked: Asked, number: str) -> Told:
        old = self._known(number)
        new = self.desk.replace(old.number, read_order(asked.json(), legs_of=wanted_of(old)))
        shown = self.shown(new)
        self._soon(self._finish_replace, old, new)
        return Told(body=enveloped(shown, asked.path))

    def _finish_replace(self, old: Placed, new: Placed) -> None:
        self.tell(old)
        self.desk.finish_replace(new)
        self.desk.sync()
        self.tell(old)
        self.tell(new)

    def _cancel(self, asked: Asked, number: str) -> Told:
        one = self.desk.cancel(self._known(number).number)
        shown = self.shown(one)
        self._soon(self._finish_cancel, one)
        return Told(body=enveloped(shown, asked.path))

    def _finish_cancel(self, one: Placed) -> None:
        self.desk.sync()
        self.tell(one)

    def _place_complex(self, asked: Asked, late: bool) -> Told:
        kind, trigger, orders = read_complex(asked.json())
        judged = self.desk.routed(trigger or orders[0])
        told = self.backend.preview(wire_order(judged))
        if told.refusal is not None:
            raise Malformed(CODES[told.refusal], told.message)
        group = self.desk.place_complex(kind, trigger, orders)
        self.desk.sync()
        return Told(status=201, body=enveloped({"complex-order": self._group(group), **effect_json(told)}, asked.path))

    def _complex(self, asked: Asked, number: str) -> Told:
        if int(number) not in self.desk.complex:
            raise Malformed("record_not_found", f"Couldn't find complex order {number}")
        return Told(body=enveloped(self._group(int(number)), asked.path))

    def _cancel_complex(self, asked: Asked, number: str) -> Told:
        if int(number) not in self.desk.complex:
            raise Malformed("record_not_found", f"Couldn't find complex order {number}")
        self.desk.cancel_complex(int(number))
        return Told(body=enveloped(self._group(int(number)), asked.path))

    def _group(self, group: int) -> dict[str, Any]:
        kind, members = self.desk.complex[group]
        shown = [self.shown(self.desk.placed[number]) for number in members]
        told: dict[str, Any] = {"id": group, "account-number": self.account, "type": kind}
        if kind == "OCO":
            return told | {"orders": shown}
        return told | {"trigger-order": shown[0], "orders": shown[1:]}

    def _live_orders(self, asked: Asked) -> Told:
        today = self.backend.clock.now().date()
        found = [one for one in self._visible() if one.is_open or one.received_at.date() == today]
        return Told(body=enveloped([self.shown(one) for one in found], asked.path))

    def _orders(self, asked: Asked) -> Told:
        start = day_of(asked.one("start-date"))
        found = [one for one in self._visible() if start is None or one.received_at.date() >= start]
        return self._paged(asked, [self.shown(one) for one in reversed(found)], *ORDERS_PAGE)

    def _order(self, asked: Asked, number: str) -> Told:
        return Told(body=enveloped(self.shown(self._known(number)), asked.path))

    def _balances(self, asked: Asked) -> Told:
        return Told(body=enveloped(balance_json(self.backend.account(), self.backend.clock.now()), asked.path))

    def _positions(self, asked: Asked) -> Told:
        now = self.backend.clock.now()
        options = [
            position_json(one.occ_symbol, "Equity Option", NAMES.told(one.underlying), held, self.account, now)
            for one, held in self.backend.holdings().items()
        ]
        shares = [
            position_json(NAMES.told(symbol), "Equity", NAMES.told(symbol), held, self.account, now)
            for symbol, held in self.backend.shares().items()
            if held
        ]
        return Told(body=enveloped([*options, *shares], asked.path))

    def _transactions(self, asked: Asked) -> Told:
        start = day_of(asked.one("start-date"))
        found = [one for one in self.backend.transactions() if start is None or one.happened_at.date() >= start]
        if asked.one("sort") != "Asc":
            found.reverse()
        return self._paged(asked, [self._transaction(one) for one in found], *HISTORY_PAGE)

    def _transaction(self, one: Transaction) -> dict[str, Any]:
        number = one.broker_order_id
        order = int(number) if number is not None and number.isdecimal() else None
        side = "Buy" if one.quantity > 0 else "Sell"
        placed = None if order is None else self.desk.placed.get(order)
        effect = "Open" if placed is None else placed.effect.value.capitalize()
        told = transaction_json(one, self.account, f"{side} to {effect}" if one.quantity else None, order)
        return told | self._reversed(one)

    def _reversed(self, one: Transaction) -> dict[str, Any]:
        # What takes a trade back names it, and repeats its action; what stands in its place is a trade as any other.
        if not one.transaction_id.endswith(":taken-back"):
            return {}
        trade = next(each for each in self.backend.transactions() if each.transaction_id == one.corrects)
        told = self._transaction(trade)
        return {"reverses-id": told["id"]} | {name: told[name] for name in ("action", "transaction-sub-type")}

    def _quote_token(self, asked: Asked) -> Told:
        told = {"token": "sim-quote-token", "dxlink-url": self._dxlink_url(), "level": "api"}
        return Told(body=enveloped(told, asked.path))

    def _chain(self, asked: Asked, symbol: str) -> Told:
        found = nested_chain(self.backend, symbol)
        if not found:
            return Told(status=404, body=error_json("record_not_found", f"Couldn't find {symbol}"))
        return Told(body=enveloped(found, asked.path))

    def _equities(self, asked: Asked) -> Told:
        return self._paged(asked, equities_json(self.backend, asked.query.get("symbol[]", [])), *EQUITIES_PAGE)

    def _market_data(self, asked: Asked) -> Told:
        if sum(map(len, asked.query.values())) > 100:
            raise Malformed("validation_error", "more than 100 symbols")
        return Told(body=enveloped(market_data_json(self.backend, asked.query), asked.path))

    def _metrics(self, asked: Asked) -> Told:
        if not self.backend.is_live:  # the test site has none
            return Told(status=404, body=error_json("record_not_found", "Not found"))
        symbols = (asked.one("symbols") or "").split(",")
        return Told(body=enveloped(metrics_json(self.backend, symbols), asked.path))

    def _paged(self, asked: Asked, found: list[dict[str, Any]], usual: int, most: int) -> Told:
        size, at = int(asked.one("per-page") or usual), int(asked.one("page-offset") or 0)
        if not 1 <= size <= most:
            raise Malformed("validation_error", "per-page does not have a valid value")
        pages = max(1, -(-len(found) // size))
        page = {
            "per-page": size,
            "page-offset": at,
            "item-offset": at * size,
            "total-items": len(found),
            "total-pages": pages,
        }
        body = enveloped(found[at * size : (at + 1) * size], asked.path)
        return Told(body={**body, "pagination": page})

    def _visible(self) -> list[Placed]:
        return [one for number, one in sorted(self.desk.placed.items()) if not one.is_hidden]

    def _known(self, number: str) -> Placed:
        one = self.desk.placed.get(int(number))
        if one is None or one.is_hidden:
            raise Malformed("record_not_found", f"Couldn't find order {number}")
        return one


def _refused(error: Malformed) -> Told:
    if error.code == "record_not_found":
        return Told(status=404, body=error_json(error.code, error.message))
    if error.code in CODES.values():
        body = error_json(
            "preflight_check_failure", "One or more preflight checks failed", [(error.code, error.message)]
        )
        return Told(status=422, body=body)
    return Told(status=422, body=error_json(error.code, error.message))
