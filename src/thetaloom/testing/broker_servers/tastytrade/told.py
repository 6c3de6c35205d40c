"""What the server tells, in tastytrade's words: dasherized keys, money as text with its effect beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from thetaloom.domain.book.orders import Effect, OrderStatus, TimeInForce
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.book.settlements import DELIVERS
from thetaloom.domain.book.transactions import Transaction, TransactionKind
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.ports.broker import Preview
from thetaloom.testing.broker_servers.spelling import Spelling

NAMES = Spelling(mark="/")
STATUSES = {
    OrderStatus.FILLED: "Filled",
    OrderStatus.CANCELED: "Cancelled",
    OrderStatus.EXPIRED: "Expired",
    OrderStatus.REJECTED: "Rejected",
}
CODES: dict[Refusal, str] = {
    Refusal.INSUFFICIENT_BUYING_POWER: "margin_check_failed",
    Refusal.STRIKE_GONE: "invalid_symbol",
    Refusal.MARKET_CLOSED: "tif_next_valid_sesssion",
    Refusal.BAD_PRICE: "invalid_price_increment",
    Refusal.NOT_PERMITTED: "not_permitted",
    Refusal.TOO_MANY_LEGS: "too_many_legs",
    Refusal.QUANTITY_CONFLICT: "cannot_close_more_than_held",
    Refusal.DUPLICATE: "duplicate_external_identifier",
    Refusal.BROKER_ERROR: "internal_error",
    Refusal.UNKNOWN: "preflight_unknown",
}
TIMES = {TimeInForce.DAY: "Day", TimeInForce.GTC: "GTC"}
SUB_TYPES = {
    TransactionKind.ASSIGNMENT: "Assignment",
    TransactionKind.EXERCISE: "Exercise",
    TransactionKind.EXPIRATION: "Expiration",
    TransactionKind.DIVIDEND: "Dividend",
    TransactionKind.INTEREST: "Credit Interest",
    TransactionKind.FEE: "Fee",
    TransactionKind.TRANSFER: "Transfer",
}


@dataclass(slots=True, kw_only=True)
class Placed:
    """One order as the server keeps it."""

    number: int
    legs: tuple[Leg, ...]
    quantity: int
    effect: Effect
    time_in_force: TimeInForce
    price: Decimal | None
    external_identifier: str | None
    source: str
    received_at: datetime
    order_type: str = "Limit"
    stop_trigger: Decimal | None = None
    status: str = "Live"
    replaces: int | None = None
    replaced_by: int | None = None
    reject_reason: str | None = None
    complex_id: int | None = None
    complex_tag: str | None = None
    is_hidden: bool = False
    rule: dict[str, Any] | None = None  # of a conditional order
    fills: dict[OptionContract, list[tuple[str, int, Decimal, datetime]]] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether it can still fill."""
        return self.status in {"Received", "Live", "Contingent", "Cancel Requested", "Replace Requested"}

    def done(self, leg: Leg) -> int:
        """Return the contracts of a leg that were done."""
        return sum(count for _, count, _, _ in self.fills.get(leg.contract, ()))


def order_json(one: Placed, account: str, now: datetime) -> dict[str, Any]:
    """Return an order."""
    told: dict[str, Any] = {
        "id": one.number,
        "account-number": account,
        "time-in-force": TIMES[one.time_in_force],
        "order-type": one.order_type,
        "global-request-id": f"{one.number:032x}",
        "leg-count": len(one.legs),
        "size": one.quantity,
        "underlying-symbol": NAMES.told(one.legs[0].contract.underlying),
        "underlying-instrument-type": "Equity",
        "status": one.status,
        "cancellable": one.is_open,
        "editable": one.is_open,
        "edited": one.replaced_by is not None,
        "source": one.source,
        "received-at": stamp(one.received_at),
        "updated-at": int(now.timestamp() * 1000),
        "legs": [_leg_json(one, leg) for leg in one.legs],
    }
    if one.price is not None:
        told |= {"price": str(abs(one.price)), "price-effect": "Debit" if one.price < 0 else "Credit"}
    optional = {
        "external-identifier": one.external_identifier,
        "replaces-order-id": one.replaces,
        "replacing-order-id": one.replaced_by,
        "reject-reason": one.reject_reason,
        "stop-trigger": None if one.stop_trigger is None else str(one.stop_trigger),
        "complex-order-id": one.complex_id,
        "complex-order-tag": one.complex_tag,
        "order-rule": one.rule,
        "ext-client-order-id": f"SIM{one.number}" if one.status in {"Live", "Filled"} else None,
        "terminal-at": None if one.is_open else stamp(now),
    }
    return told | {key: given for key, given in optional.items() if given is not None}


def _leg_json(one: Placed, leg: Leg) -> dict[str, Any]:
    wanted = abs(leg.ratio) * one.quantity
    side = "Buy" if leg.ratio > 0 else "Sell"
    return {
        "instrument-type": "Equity Option",
        "symbol": leg.contract.occ_symbol,
        "action": f"{side} to {one.effect.value.capitalize()}",
        "quantity": wanted,
        "remaining-quantity": wanted - one.done(leg),
        "fills": [
            {
                "fill-id": number,
                "quantity": count,
                "fill-price": str(price),
                "filled-at": stamp(at),
                "destination-venue": "SIM",
            }
            for number, count, price, at in one.fills.get(leg.contract, ())
        ],
    }


def effect_json(told: Preview) -> dict[str, Any]:
    """Return the effect on buying power and the fees."""
    change = -Decimal(told.buying_power_effect or 0)
    after = Decimal(told.buying_power_after or 0)
    fees = abs(Decimal(told.fees or 0))
    return {
        "buying-power-effect": {
            **_signed("change-in-margin-requirement", change),
            **_signed("change-in-buying-power", change),
            **_signed("current-buying-power", after - change),
            **_signed("new-buying-power", after),
            **_signed("isolated-order-margin-requirement", change),
            "is-spread": True,
            "impact": str(abs(change)),
            "effect": "Debit" if change < 0 else "Credit",
        },
        "fee-calculation": {
            **_signed("regulatory-fees", Decimal(0)),
            **_signed("clearing-fees", Decimal(0)),
            **_signed("commission", -fees),
            **_signed("proprietary-index-option-fees", Decimal(0)),
            **_signed("total-fees", -fees),
        },
        "warnings": [],
        "errors": [],
    }


def account_json(number: str, *, is_live: bool, is_cash: bool, opened_at: datetime) -> dict[str, Any]:
    """Return an account."""
    return {
        "account-number": number,
        "opened-at": stamp(opened_at),
        "nickname": "Individual",
        "account-type-name": "Individual",
        "is-closed": False,
        "day-trader-status": False,
        "is-firm-error": False,
        "is-firm-proprietary": False,
        "is-futures-approved": False,
        "is-test-drive": not is_live,
        "margin-or-cash": "Cash" if is_cash else "Margin",
        "is-foreign": False,
        "created-at": stamp(opened_at),
    }


BALANCES = [
    "long-equity-value",
    "short-equity-value",
    "long-derivative-value",
    "short-derivative-value",
    "long-futures-value",
    "short-futures-value",
    "long-futures-derivative-value",
    "short-futures-derivative-value",
    "long-margineable-value",
    "short-margineable-value",
    "day-trading-buying-power",
    "futures-margin-requirement",
    "available-trading-funds",
    "maintenance-requirement",
    "maintenance-call-value",
    "reg-t-call-value",
    "day-trading-call-value",
    "day-equity-call-value",
    "cash-available-to-withdraw",
    "day-trade-excess",
    "pending-cash",
    "long-cryptocurrency-value",
    "short-cryptocurrency-value",
    "cryptocurrency-margin-requirement",
    "unsettled-cryptocurrency-fiat-amount",
    "closed-loop-available-balance",
    "equity-offering-margin-requirement",
    "long-bond-value",
    "bond-margin-requirement",
    "used-derivative-buying-power",
    "reg-t-margin-requirement",
    "futures-overnight-margin-requirement",
    "futures-intraday-margin-requirement",
    "maintenance-excess",
    "pending-margin-interest",
    "effective-cryptocurrency-buying-power",
]


def balance_json(account: AccountSnapshot, now: datetime) -> dict[str, Any]:
    """Return the balances; what the exchange behind does not know is zero."""
    worth, power = str(account.net_liquidating_value), str(account.buying_power)
    return dict.fromkeys(BALANCES, "0.0") | {
        "account-number": account.account_id,
        "cash-balance": str(account.cash),
        "margin-equity": worth,
        "net-liquidating-value": worth,
        "equity-buying-power": power,
        "derivative-buying-power": power,
        "snapshot-date": now.date().isoformat(),
        "updated-at": stamp(now),
    }


def position_json(symbol: str, kind: str, underlying: str, held: int, account: str, now: datetime) -> dict[str, Any]:
    """Return a position."""
    return {
        "account-number": account,
        "symbol": symbol,
        "instrument-type": kind,
        "underlying-symbol": underlying,
        "quantity": abs(held),
        "quantity-direction": "Long" if held > 0 else "Short",
        "close-price": "0.0",
        "average-open-price": "0.0",
        "multiplier": 100 if kind == "Equity Option" else 1,
        "cost-effect": "Debit" if held > 0 else "Credit",
        "is-suppressed": False,
        "is-frozen": False,
        "realized-day-gain": "0.0",
        "realized-day-gain-effect": "None",
        "realized-today": "0.0",
        "realized-today-effect": "None",
        "created-at": stamp(now),
        "updated-at": stamp(now),
    }


def transaction_json(one: Transaction, account: str, action: str | None, order: int | None) -> dict[str, Any]:
    """Return a transaction; what is removed from an account has no action."""
    is_trade = one.kind is TransactionKind.TRADE
    told = {
        "id": one.sequence,
        "account-number": account,
        "transaction-type": "Trade" if is_trade else "Receive Deliver" if one.quantity else "Money Movement",
        "transaction-sub-type": _sub_type(one, action),
        "description": f"{one.kind.value} of {abs(one.quantity)}",
        "executed-at": stamp(one.happened_at),
        "transaction-date": one.happened_at.date().isoformat(),
        **_signed("value", Decimal(one.cash)),
        **_signed("net-value", Decimal(one.cash) + Decimal(one.fees)),
        **_signed("commission", Decimal(one.fees)),
        "is-estimated-fee": False,
    }
    if one.quantity:
        told |= {
            "symbol": NAMES.told(one.symbol) if one.contract is None else one.contract.occ_symbol,
            "instrument-type": "Equity" if one.contract is None else "Equity Option",
            "underlying-symbol": NAMES.told(one.symbol),
            "quantity": str(abs(one.quantity)),
        }
    if one.kind is TransactionKind.CASH_SETTLEMENT and one.contract is not None:
        told["price"] = str(one.contract.strike)  # and not what was paid
    elif one.price is not None:
        told["price"] = str(one.price)
    if action is not None and (is_trade or one.contract is None):
        told["action"] = action
    return told if order is None else told | {"order-id": order}


def _sub_type(one: Transaction, action: str | None) -> str:
    if one.kind is TransactionKind.CASH_SETTLEMENT:
        return "Cash Settled Assignment" if one.quantity > 0 else "Cash Settled Exercise"
    is_delivery = one.kind in DELIVERS and one.contract is None  # shares, told as bought or sold
    if action is not None and (one.kind is TransactionKind.TRADE or is_delivery):
        return action
    return SUB_TYPES.get(one.kind, "Transfer")


def error_json(code: str, message: str, entries: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """Return an error."""
    body: dict[str, Any] = {"code": code, "message": message}
    if entries:
        body["errors"] = [{"code": one, "message": text} for one, text in entries]
    return {"error": body}


def enveloped(told: Mapping[str, Any] | list[Any], context: str) -> dict[str, Any]:
    """Return an answer in its envelope."""
    return {"data": {"items": told} if isinstance(told, list) else told, "context": context}


def stamp(at: datetime) -> str:
    """Return an instant as text."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+00:00"


def day_of(text: str | None) -> date | None:
    """Return a day from a parameter."""
    return None if text is None else date.fromisoformat(text)


def _signed(name: str, number: Decimal) -> dict[str, str]:
    effect = "Debit" if number < 0 else "Credit" if number > 0 else "None"
    return {name: str(abs(number)), f"{name}-effect": effect}
