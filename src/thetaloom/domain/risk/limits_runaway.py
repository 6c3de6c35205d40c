"""Guards against a runaway: how much may be sent at most, counted from committed orders at the last gate.

They judge nothing before that gate, where all of them only show their use. One that trips means that something
repeats itself that should not, so the gate halts the account instead of refusing one order.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from thetaloom.domain.risk.limits_facts import Portfolio, Trade
from thetaloom.domain.risk.limits_rows import Finding, Group, Limit, optional_at_most
from thetaloom.domain.risk.limits_settings import RiskLimits
from thetaloom.domain.values.reasons import ALLOWED, Reason

Number = Callable[[Portfolio, Trade], Decimal | int]


def _row(name: str, doc: str, unit: str, reason: Reason, number: Number, *, optional: bool = False) -> Limit:
    def check(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
        found = optional_at_most(reason, number(portfolio, trade), getattr(limits, name))
        return found if trade.at_wire else Finding(verdict=ALLOWED, value=found.value, bound=found.bound)

    kind: type[Any] = Decimal if optional else int
    return Limit(
        name=name,
        group=Group.RUNAWAY,
        unit=unit,
        kind=kind,
        lowest=0,
        highest=None if optional else 1_000_000,
        optional=optional,
        doc=doc,
        reason=reason,
        check=check,
    )


RUNAWAY_LIMITS: tuple[Limit, ...] = (
    _row(
        "max_orders_per_second",
        "The most entry orders sent within a second; one more halts the account.",
        "orders",
        Reason.MAX_ORDERS_PER_SECOND,
        lambda portfolio, trade: portfolio.sent.orders_in_second + 1,
    ),
    _row(
        "max_orders_per_minute",
        "The most entry orders sent within a minute; one more halts the account.",
        "orders",
        Reason.MAX_ORDERS_PER_MINUTE,
        lambda portfolio, trade: portfolio.sent.orders_in_minute + 1,
    ),
    _row(
        "max_orders_per_hour",
        "The most entry orders sent within an hour; one more halts the account.",
        "orders",
        Reason.MAX_ORDERS_PER_HOUR,
        lambda portfolio, trade: portfolio.sent.orders_in_hour + 1,
    ),
    _row(
        "max_orders_per_session",
        "The most entry orders sent in a trading session; one more halts the account.",
        "orders",
        Reason.MAX_ORDERS_PER_SESSION,
        lambda portfolio, trade: portfolio.sent.orders_in_session + 1,
    ),
    _row(
        "max_contracts_per_minute",
        "The most option contracts in entry orders sent within a minute; more halt the account.",
        "contracts",
        Reason.MAX_CONTRACTS_PER_MINUTE,
        lambda portfolio, trade: portfolio.sent.contracts_in_minute + trade.contracts,
    ),
    _row(
        "max_contracts_per_hour",
        "The most option contracts in entry orders sent within an hour; more halt the account.",
        "contracts",
        Reason.MAX_CONTRACTS_PER_HOUR,
        lambda portfolio, trade: portfolio.sent.contracts_in_hour + trade.contracts,
    ),
    _row(
        "max_contracts_per_session",
        "The most option contracts in entry orders sent in a trading session; more halt the account.",
        "contracts",
        Reason.MAX_CONTRACTS_PER_SESSION,
        lambda portfolio, trade: portfolio.sent.contracts_in_session + trade.contracts,
    ),
    _row(
        "max_contracts_per_symbol",
        "The most option contracts on one underlying in entry orders sent in a trading session; more halt the account.",
        "contracts",
        Reason.MAX_CONTRACTS_PER_SYMBOL,
        lambda portfolio, trade: portfolio.sent.contracts_by_symbol.get(trade.symbol, 0) + trade.contracts,
    ),
    _row(
        "max_notional_per_session",
        "The most dollars of strike times multiplier in entry orders sent in a trading session; more halt the account.",
        "dollars",
        Reason.MAX_NOTIONAL_PER_SESSION,
        lambda portfolio, trade: Decimal(portfolio.sent.notional_in_session + trade.notional),
        optional=True,
    ),
    _row(
        "max_replaces_per_order",
        "How often the limit price of one entry order may be moved; once more halts the account.",
        "replaces",
        Reason.MAX_REPLACES_PER_ORDER,
        lambda portfolio, trade: trade.replaces,
    ),
)
