"""Limits: what a person allows at most, each a row of one table, each checked for every trade.

Every check is monotone: where a trade is denied, the same trade in a larger quantity is denied as well.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn

from thetaloom.domain.values.money import HUNDRED, Money
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied, unknown
from thetaloom.errors import InvalidInput

OFF = "off"  # how a limit that is not set is written
NOTHING = Money(0)
RESERVE = Money(1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """The limits of one user; ``None`` switches a limit off where the table says that it can be."""

    max_loss_per_trade_percent: Decimal = Decimal(5)
    max_quantity: int = 10
    max_positions: int = 20
    max_positions_per_symbol: int = 2
    max_allocation_percent: Decimal = Decimal(80)
    buying_power_reserve: Money = RESERVE
    max_trades_per_day: int = 10
    max_loss_per_day_percent: Decimal = Decimal(5)
    max_delta: Decimal | None = None

    def __post_init__(self) -> None:
        for limit in LIMITS:
            _check_bounds(limit, getattr(self, limit.name))

    @classmethod
    def from_settings(cls, settings: Mapping[str, str]) -> "RiskLimits":
        """Read limits from text, name → number; what is absent has its default."""
        known = {limit.name: limit for limit in LIMITS}
        strangers = sorted(set(settings) - set(known))
        if strangers:
            raise InvalidInput(
                f"there is no limit named {', '.join(strangers)}",
                advice=f"The limits are {', '.join(known)}.",
                details=dict.fromkeys(strangers, "unknown limit"),
            )
        numbers: dict[str, Any] = {name: _read(known[name], text) for name, text in settings.items()}
        return cls(**numbers)

    def as_settings(self) -> dict[str, str]:
        """Return every limit as text; ``from_settings`` reads it back."""
        return {limit.name: _written(getattr(self, limit.name)) for limit in LIMITS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """An account as it stands before the trade. ``None`` is unknown."""

    net_liquidating_value: Money | None
    cash: Money | None
    buying_power: Money | None
    open_positions: int  # with those that an order in flight is about to open
    positions_by_symbol: Mapping[str, int]
    risk_in_use: Money | None  # max losses of open positions and of orders in flight
    opened_today: int
    realized_today: Money | None  # loss negative
    net_delta: Decimal | None  # share equivalents


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """An opening trade to be checked; all numbers are of its whole quantity. ``None`` is unknown."""

    symbol: str
    quantity: int
    max_loss: Money | None  # positive; None = unlimited
    buying_power_effect: Money | None  # positive = tied up
    net_delta: Decimal | None  # share equivalents
    undefined_risk_allowed: bool = False  # by the strategy

    def __post_init__(self) -> None:
        if self.quantity < 1:
            raise InvalidInput(f"a trade of {self.quantity} structures is no trade")

    @property
    def risk(self) -> Money | None:
        """The figure put at risk: the max loss, or the buying power effect where the loss is unlimited."""
        figure = self.buying_power_effect if self.max_loss is None else self.max_loss
        return None if figure is None else max(figure, NOTHING)

    @property
    def risk_figure(self) -> str:
        """Which of the two ``risk`` is."""
        return "buying_power_effect" if self.max_loss is None else "max_loss"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitCheck:
    """One limit against the number it bounds, both in ``unit``."""

    name: str
    verdict: Verdict
    value: Decimal | None  # as it would be after the trade; None = unknown
    limit: Decimal | None  # None = the limit is off or can't be computed
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a limit's own function says: the number after the trade, the bound in force and the answer."""

    verdict: Verdict
    value: Decimal | None = None
    bound: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One row: how a limit is named, bounded, explained and checked."""

    name: str
    unit: str  # of the number a check shows
    kind: type[Decimal] | type[int]
    lowest: int
    highest: int | None
    optional: bool = False
    doc: str
    reason: Reason
    check: Callable[[RiskLimits, Portfolio, Trade], Finding]

    @property
    def default(self) -> str:
        """The number in force when nothing is set, as text."""
        return _written(getattr(RiskLimits(), self.name))


def check_limits(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> tuple[Verdict, tuple[LimitCheck, ...]]:
    """Check every limit and list all of them; the verdict is that of the first that does not allow."""
    checks = tuple(_checked(limit, limits, portfolio, trade) for limit in LIMITS)
    return next((check.verdict for check in checks if not check.verdict.is_allowed), ALLOWED), checks


def _checked(limit: Limit, limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> LimitCheck:
    found = limit.check(limits, portfolio, trade)
    return LimitCheck(name=limit.name, verdict=found.verdict, value=found.value, limit=found.bound, unit=limit.unit)


def _at_most(reason: Reason, value: Decimal | int, bound: Decimal | int, **facts: object) -> Finding:
    over = Decimal(value) - Decimal(bound)
    verdict = ALLOWED if over <= 0 else denied(reason, value=value, limit=bound, over_by=over, **facts)
    return Finding(verdict=verdict, value=Decimal(value), bound=Decimal(bound))


def _percent_of(portfolio: Portfolio, percent: Decimal) -> Money | None:
    worth = portfolio.net_liquidating_value
    return None if worth is None else worth * percent / HUNDRED


def _max_loss_per_trade(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    bound = _percent_of(portfolio, limits.max_loss_per_trade_percent)
    if trade.max_loss is None and not trade.undefined_risk_allowed:
        return Finding(verdict=denied(Reason.NO_MAX_LOSS, max_loss="unlimited"), bound=bound)
    if trade.risk is None:
        return Finding(verdict=unknown(Reason.BUYING_POWER, buying_power_effect="unknown"), bound=bound)
    if bound is None:
        return Finding(verdict=unknown(Reason.ACCOUNT_UNKNOWN, net_liquidating_value="unknown"), value=trade.risk)
    return _at_most(Reason.MAX_LOSS_PER_TRADE, trade.risk, bound, figure=trade.risk_figure)


def _max_quantity(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return _at_most(Reason.MAX_QUANTITY, trade.quantity, limits.max_quantity)


def _max_positions(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return _at_most(Reason.MAX_POSITIONS, portfolio.open_positions + 1, limits.max_positions)


def _max_positions_per_symbol(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    held = portfolio.positions_by_symbol.get(trade.symbol, 0)
    return _at_most(Reason.MAX_POSITIONS_PER_SYMBOL, held + 1, limits.max_positions_per_symbol, symbol=trade.symbol)


def _max_allocation(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    bound = _percent_of(portfolio, limits.max_allocation_percent)
    if trade.risk is None:
        return Finding(verdict=unknown(Reason.BUYING_POWER, buying_power_effect="unknown"), bound=bound)
    if portfolio.risk_in_use is None:
        return Finding(verdict=unknown(Reason.ACCOUNT_UNKNOWN, risk_in_use="unknown"), bound=bound)
    risk = portfolio.risk_in_use + trade.risk
    if bound is None:
        return Finding(verdict=unknown(Reason.ACCOUNT_UNKNOWN, net_liquidating_value="unknown"), value=risk)
    return _at_most(Reason.MAX_ALLOCATION, risk, bound, figure=trade.risk_figure)


def _buying_power_reserve(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    reserve, effect, power = limits.buying_power_reserve, trade.buying_power_effect, portfolio.buying_power
    if effect is None:
        return Finding(verdict=unknown(Reason.BUYING_POWER, buying_power_effect="unknown"), bound=reserve)
    if power is None:
        return Finding(verdict=unknown(Reason.ACCOUNT_UNKNOWN, buying_power="unknown"), bound=reserve)
    left = power - max(effect, NOTHING)  # more contracts must never look like more buying power
    if left >= reserve:
        return Finding(verdict=ALLOWED, value=left, bound=reserve)
    reason = Reason.BUYING_POWER if left < 0 else Reason.BUYING_POWER_RESERVE
    return Finding(
        verdict=denied(reason, value=left, limit=reserve, short_by=reserve - left), value=left, bound=reserve
    )


def _max_trades_per_day(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return _at_most(Reason.MAX_TRADES_PER_DAY, portfolio.opened_today + 1, limits.max_trades_per_day)


def _max_loss_per_day(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    bound = _percent_of(portfolio, limits.max_loss_per_day_percent)
    if portfolio.realized_today is None:
        return Finding(verdict=unknown(Reason.ACCOUNT_UNKNOWN, realized_today="unknown"), bound=bound)
    loss = -portfolio.realized_today
    if bound is None:
        return Finding(verdict=unknown(Reason.ACCOUNT_UNKNOWN, net_liquidating_value="unknown"), value=loss)
    if loss < bound:
        return Finding(verdict=ALLOWED, value=loss, bound=bound)
    verdict = denied(Reason.MAX_LOSS_PER_DAY, value=loss, limit=bound, over_by=loss - bound)
    return Finding(verdict=verdict, value=loss, bound=bound)


def _max_delta(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    bound, before, change = limits.max_delta, portfolio.net_delta, trade.net_delta
    after = None if before is None or change is None else before + change
    if bound is None:
        return Finding(verdict=ALLOWED, value=after)
    if after is None or change is None:
        return Finding(verdict=unknown(Reason.MAX_DELTA, net_delta="unknown"), bound=bound)
    # Only the side that the trade pushes to is closed: a trade that brings the delta back is welcome.
    pushed = after if change > 0 else -after
    if change == 0 or pushed <= bound:
        return Finding(verdict=ALLOWED, value=after, bound=bound)
    verdict = denied(Reason.MAX_DELTA, value=after, limit=bound, over_by=pushed - bound)
    return Finding(verdict=verdict, value=after, bound=bound)


# In the order in which a reader wants to hear of them: the first that does not allow is the verdict.
LIMITS: tuple[Limit, ...] = (
    Limit(
        name="max_loss_per_trade_percent",
        unit="dollars",
        kind=Decimal,
        lowest=0,
        highest=100,
        doc="The most one trade may lose, in percent of net liquidating value.",
        reason=Reason.MAX_LOSS_PER_TRADE,
        check=_max_loss_per_trade,
    ),
    Limit(
        name="max_quantity",
        unit="structures",
        kind=int,
        lowest=0,
        highest=1000,
        doc="The most structures in one order.",
        reason=Reason.MAX_QUANTITY,
        check=_max_quantity,
    ),
    Limit(
        name="max_positions",
        unit="positions",
        kind=int,
        lowest=0,
        highest=1000,
        doc="The most positions open in the account at once.",
        reason=Reason.MAX_POSITIONS,
        check=_max_positions,
    ),
    Limit(
        name="max_positions_per_symbol",
        unit="positions",
        kind=int,
        lowest=0,
        highest=1000,
        doc="The most positions open on one symbol at once.",
        reason=Reason.MAX_POSITIONS_PER_SYMBOL,
        check=_max_positions_per_symbol,
    ),
    Limit(
        name="max_allocation_percent",
        unit="dollars",
        kind=Decimal,
        lowest=0,
        highest=100,
        doc="The most that all positions and orders together may lose, in percent of net liquidating value.",
        reason=Reason.MAX_ALLOCATION,
        check=_max_allocation,
    ),
    Limit(
        name="buying_power_reserve",
        unit="dollars",
        kind=Money,
        lowest=0,
        highest=None,
        doc="The buying power that must be left after the trade, in dollars.",
        reason=Reason.BUYING_POWER_RESERVE,
        check=_buying_power_reserve,
    ),
    Limit(
        name="max_trades_per_day",
        unit="trades",
        kind=int,
        lowest=0,
        highest=1000,
        doc="The most positions opened on one day.",
        reason=Reason.MAX_TRADES_PER_DAY,
        check=_max_trades_per_day,
    ),
    Limit(
        name="max_loss_per_day_percent",
        unit="dollars",
        kind=Decimal,
        lowest=0,
        highest=100,
        doc="The realized loss, in percent of net liquidating value, at which new risk waits for tomorrow.",
        reason=Reason.MAX_LOSS_PER_DAY,
        check=_max_loss_per_day,
    ),
    Limit(
        name="max_delta",
        unit="shares",
        kind=Decimal,
        lowest=0,
        highest=None,
        optional=True,
        doc="How far the account's delta may go to either side, in share equivalents; off unless set.",
        reason=Reason.MAX_DELTA,
        check=_max_delta,
    ),
)


def _read(limit: Limit, text: str) -> Decimal | int | None:
    plain = text.strip()
    if limit.optional and plain == OFF:
        return None
    if re.fullmatch(r"[0-9]{1,12}" if limit.kind is int else r"[0-9]{1,12}(\.[0-9]{1,6})?", plain) is None:
        _refuse(limit, text)
    return limit.kind(plain)


def _written(number: Decimal | int | None) -> str:
    return OFF if number is None else f"{number:f}" if isinstance(number, Decimal) else str(number)


def _check_bounds(limit: Limit, number: Decimal | int | None) -> None:
    if number is None:
        if not limit.optional:
            _refuse(limit, OFF)
    elif (isinstance(number, Decimal) and not number.is_finite()) or not (
        limit.lowest <= number and (limit.highest is None or number <= limit.highest)
    ):
        _refuse(limit, str(number))


def _refuse(limit: Limit, text: str) -> NoReturn:
    noun = "whole number" if limit.kind is int else "number"
    bounds = f"of at least {limit.lowest}" if limit.highest is None else f"from {limit.lowest} to {limit.highest}"
    choice = f', or "{OFF}"' if limit.optional else ""
    raise InvalidInput(
        f'limit {limit.name}: "{text[:40]}" is not a {noun} {bounds}{choice}',
        advice=limit.doc,
        details={limit.name: text[:40]},
    )
