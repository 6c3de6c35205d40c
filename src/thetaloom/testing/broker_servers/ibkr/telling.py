"""The messages of TWS: how orders, executions, contracts and balances are told, field by field."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from thetaloom.testing.broker_servers.ibkr.placing import AskedLeg
from thetaloom.testing.broker_servers.ibkr.wire import framed

UNSET = "1.7976931348623157E308"
WHOLE_UNSET = 2147483647
_NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldContract:
    """A contract as TWS names it."""

    conid: int
    symbol: str
    kind: str  # OPT, STK, IND or BAG
    expires: str = ""
    trades_until: str = ""  # which of AM-settled options is the session before
    strike: Decimal = Decimal(0)
    right: str = ""
    multiplier: str = ""
    exchange: str = "SMART"
    currency: str = "USD"
    local_symbol: str = ""
    trading_class: str = ""
    name: str = ""
    stock_type: str = ""  # COMMON or ETF
    under_conid: int = 0
    min_tick: Decimal = Decimal("0.01")
    legs: tuple[AskedLeg, ...] = ()

    @property
    def head(self) -> list[object]:
        """The eleven fields with which most messages name it."""
        strike = self.strike if self.kind == "OPT" else 0
        right = self.right if self.kind == "OPT" else "?"
        named: list[object] = [self.conid, self.symbol, self.kind, self.trades_until, strike, right, self.multiplier]
        return [*named, self.exchange, self.currency, self.local_symbol, self.trading_class]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldOrder:
    """An order as the books of TWS have it."""

    order_id: int  # zero where it was placed by hand in TWS
    client_id: int
    perm_id: int
    contract: ToldContract
    action: str
    quantity: Decimal
    limit: Decimal
    time_in_force: str
    account: str
    open_close: str
    reference: str
    status: str
    filled: Decimal = Decimal(0)
    remaining: Decimal = Decimal(0)
    average_price: Decimal = Decimal(0)
    why_held: str = ""
    completed_status: str = ""
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Margin:
    """What an order would do to the margin, as an answer to what-if."""

    initial_before: Decimal
    initial_change: Decimal
    equity_before: Decimal
    equity_change: Decimal
    commission: Decimal
    warning: str = ""

    @property
    def fields(self) -> list[object]:
        """The fields of an order's status from the margins to the warning."""
        after, equity = self.initial_before + self.initial_change, self.equity_before + self.equity_change
        before: list[object] = [self.initial_before, self.initial_before, self.equity_before]
        change: list[object] = [self.initial_change, self.initial_change, self.equity_change]
        told: list[object] = [*before, *change, after, after, equity, self.commission, self.commission, self.commission]
        return [*told, "USD", self.warning]


_NO_MARGIN: list[object] = [*([UNSET] * 12), "", ""]


def open_order(order: ToldOrder, margin: Margin | None = None) -> bytes:
    """Message 5: an order with all that was asked of it."""
    head: list[object] = [
        5,
        order.order_id,
        *order.contract.head,
        order.action,
        order.quantity,
        "LMT",
        order.limit,
        "0.0",
    ]
    head += [
        order.time_in_force,
        "",
        order.account,
        order.open_close,
        0,
        order.reference,
        order.client_id,
        order.perm_id,
    ]
    head += [0, 0, 0, "", "", "", "", ""]  # outsideRth .. faPercentage
    head += ["", "", "", "", "", 0, "", -1, 0, UNSET, UNSET, UNSET, UNSET, UNSET, 0, 0, 0, 0]  # modelCode .. allOrNone
    head += [WHOLE_UNSET, 3, 0, 0, UNSET, 0, 0, UNSET, 0, "None", ""]  # minQty .. deltaNeutralAuxPrice
    head += [0, 0, UNSET, UNSET, UNSET, WHOLE_UNSET, _described(order.contract)]
    head += [*_legs(order.contract), 0, 0, WHOLE_UNSET, WHOLE_UNSET, "", ""]  # .. scalePriceIncrement, hedgeType
    head += [0, "", "IB", 0, 0, "", 0, margin is not None]  # optOutSmartRouting .. whatIf
    head += [order.status, *(_NO_MARGIN if margin is None else margin.fields), 0, 0, 0]  # .. conditions
    head += ["None", UNSET, UNSET, UNSET, UNSET, UNSET, UNSET, 0, "", "", "", UNSET, 0, 0, 0, 0]
    head += [WHOLE_UNSET, WHOLE_UNSET, 0]  # duration, postToAts, autoCancelParent
    return framed(*_no_delta_neutral(head), *_pegs())


def completed_order(order: ToldOrder) -> bytes:
    """Message 101: an order of today that is over."""
    head: list[object] = [101, *order.contract.head, order.action, order.quantity, "LMT", order.limit, "0.0"]
    head += [order.time_in_force, "", order.account, order.open_close, 0, order.reference, order.perm_id]
    head += [0, 0, 0, "", "", "", ""]  # outsideRth .. faPercentage
    head += ["", "", "", "", "", 0, "", -1, UNSET, UNSET, UNSET, UNSET, UNSET, 0, 0, 0]  # modelCode .. allOrNone
    head += [WHOLE_UNSET, 3, 0, UNSET, 0, "", ""]  # minQty .. deltaNeutralAuxPrice
    head += [0, 0, UNSET, UNSET, _described(order.contract)]
    head += [*_legs(order.contract), 0, 0, WHOLE_UNSET, WHOLE_UNSET, "", ""]
    head += ["", "IB", 0, 0, "", 0, order.status, 0, 0, 0]  # clearingAccount .. conditions
    head += [UNSET, UNSET, UNSET, 0, 0, "", order.filled, WHOLE_UNSET, 0, "", 0, 0, 0]
    head += [stamp(order.completed_at) if order.completed_at else "", order.completed_status]
    return framed(*head, *_pegs())


def _no_delta_neutral(fields: list[object]) -> list[object]:
    # TWS writes "None" for no delta-neutral order, and ib_async takes any text there for one: empty is what both read.
    return ["" if one == "None" else one for one in fields]


def _pegs() -> list[object]:
    return ["", "", "", "", ""]  # minTradeQty .. midOffsetAtHalf


def _described(contract: ToldContract) -> str:
    return ",".join(f"{leg.conid}|{leg.ratio if leg.action == 'BUY' else -leg.ratio}" for leg in contract.legs)


def _legs(contract: ToldContract) -> list[object]:
    told: list[object] = [len(contract.legs)]
    for leg in contract.legs:
        told += [leg.conid, leg.ratio, leg.action, leg.exchange, 0, 0, "", -1]
    return told


def order_status(order: ToldOrder) -> bytes:
    """Message 3: how far an order is."""
    status = [3, order.order_id, order.status, order.filled, order.remaining, order.average_price, order.perm_id]
    return framed(*status, 0, order.average_price, order.client_id, order.why_held, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldExecution:
    """One execution, of a leg or of a combination as a whole."""

    execution_id: str
    order_id: int
    client_id: int
    perm_id: int
    reference: str
    account: str
    contract: ToldContract
    side: str  # BOT or SLD
    quantity: Decimal
    price: Decimal
    cumulative: Decimal
    at: datetime
    commission: Decimal | None = field(default=None)


def execution(told: ToldExecution, request_id: int = -1) -> bytes:
    """Message 11: something was done."""
    fields: list[object] = [11, request_id, told.order_id, *told.contract.head, told.execution_id, stamp(told.at)]
    fields += [told.account, "CBOE", told.side, told.quantity, told.price, told.perm_id, told.client_id, 0]
    fields += [told.cumulative, told.price, told.reference, "", "", "", 1, 0]
    return framed(*fields)


def commission(told: ToldExecution) -> bytes:
    """Message 59: what an execution cost; it comes by itself, mostly later."""
    return framed(59, 1, told.execution_id, told.commission or 0, "USD", UNSET, UNSET, "")


def contract_details(request_id: int, told: ToldContract) -> bytes:
    """Message 10: a contract that fits what was asked."""
    fields: list[object] = [10, request_id, told.symbol, told.kind, told.trades_until, told.strike, told.right]
    fields += [told.exchange, told.currency, told.local_symbol, told.trading_class, told.trading_class, told.conid]
    fields += [told.min_tick, told.multiplier, "LMT,MKT", "SMART,CBOE", 1, told.under_conid, told.name, ""]
    fields += [told.expires[:6], "", "", "", "US/Eastern", "", "", "", "", 0, 1, told.symbol]
    fields += ["STK" if told.kind == "OPT" else "", "26", told.expires, told.stock_type, 1, 1, 1]
    return framed(*fields)


def symbol_samples(request_id: int, found: Sequence[ToldContract]) -> bytes:
    """Message 79: the underlyings that a search found."""
    fields: list[object] = [79, request_id, len(found)]
    for told in found:
        exchange = told.exchange if told.kind == "IND" else "ARCA" if told.stock_type == "ETF" else "NASDAQ"
        fields += [told.conid, told.symbol, told.kind, exchange, told.currency, 3, "CFD", "OPT", "BAG", told.name, ""]
    return framed(*fields)


def position(account: str, told: ToldContract, quantity: int, cost: Decimal = Decimal(0)) -> bytes:
    """Message 61: what is held of one contract."""
    return framed(61, 3, account, *told.head, quantity, cost)


def error(request_id: int, code: int, text: str) -> bytes:
    """Message 4: an error, a warning or word of a line."""
    return framed(4, 2, request_id, code, text, "")


def stamp(at: datetime) -> str:
    """Return an instant as TWS prints it since version 10."""
    return f"{at.astimezone(_NEW_YORK):%Y%m%d %H:%M:%S} US/Eastern"


def epoch(at: datetime) -> int:
    """Return whole seconds."""
    return int(at.astimezone(UTC).timestamp())
