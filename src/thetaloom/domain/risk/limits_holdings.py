"""Limits of what is held: how many positions, and how much risk in one place."""

from collections.abc import Mapping
from decimal import Decimal
from typing import TypeVar

from thetaloom.domain.risk.limits_facts import Portfolio, Trade
from thetaloom.domain.risk.limits_rows import (
    Check,
    Finding,
    Group,
    Limit,
    at_most,
    optional_at_most,
    percent_of,
    share_at_most,
)
from thetaloom.domain.risk.limits_settings import RiskLimits
from thetaloom.domain.values.money import NOTHING, Money
from thetaloom.domain.values.reasons import ALLOWED, Reason, unknown

Bound = TypeVar("Bound", int, Decimal)


def _max_positions(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return at_most(Reason.MAX_POSITIONS, portfolio.open_positions + 1, limits.max_positions)


def _max_positions_per_symbol(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    held = portfolio.positions_by_symbol.get(trade.symbol, 0)
    return at_most(Reason.MAX_POSITIONS_PER_SYMBOL, held + 1, limits.max_positions_per_symbol, symbol=trade.symbol)


def _max_entries_per_symbol(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    opened = portfolio.opened_today_by_symbol
    after = None if opened is None else opened.get(trade.symbol, 0) + 1
    return optional_at_most(
        Reason.MAX_ENTRIES_PER_SYMBOL, after, limits.max_entries_per_symbol_per_day, symbol=trade.symbol
    )


def _max_positions_per_strategy(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    held = portfolio.positions_by_strategy
    after = None if held is None else held.get(trade.strategy_id, 0) + 1
    bound = _stricter(limits.max_positions_per_strategy, trade.strategy_positions_max)
    return optional_at_most(Reason.MAX_POSITIONS_PER_STRATEGY, after, bound, strategy=trade.strategy_id)


def _max_allocation(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    bound = percent_of(portfolio, limits.max_allocation_percent)
    if trade.risk is None:
        return Finding(verdict=unknown(Reason.BUYING_POWER, buying_power_effect="unknown"), bound=bound)
    if portfolio.risk_in_use is None:
        return Finding(verdict=unknown(Reason.ACCOUNT_UNKNOWN, risk_in_use="unknown"), bound=bound)
    risk = portfolio.risk_in_use + trade.risk
    if bound is None:
        return Finding(verdict=unknown(Reason.ACCOUNT_UNKNOWN, net_liquidating_value="unknown"), value=risk)
    return at_most(Reason.MAX_ALLOCATION, risk, bound, figure=trade.risk_figure)


def _max_risk_per_symbol(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    after = _with(portfolio.exposure.by_symbol, trade.symbol, trade)
    percent = limits.max_risk_per_symbol_percent
    return share_at_most(Reason.MAX_RISK_PER_SYMBOL, portfolio, after, percent, symbol=trade.symbol)


def _max_risk_per_sector(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    after = _with(portfolio.exposure.by_sector, trade.sector, trade)
    percent, sector = limits.max_risk_per_sector_percent, trade.sector or "unknown"
    return share_at_most(Reason.MAX_RISK_PER_SECTOR, portfolio, after, percent, sector=sector)


def _max_risk_in_equities(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    percent = limits.max_risk_in_equities_percent
    if trade.is_equity is False:
        return Finding(verdict=ALLOWED, value=portfolio.exposure.in_equities)
    held = portfolio.exposure.in_equities
    after = None if held is None or trade.risk is None or trade.is_equity is None else held + trade.risk
    return share_at_most(Reason.MAX_RISK_IN_EQUITIES, portfolio, after, percent)


def _max_risk_per_strategy(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    after = _with(portfolio.exposure.by_strategy, trade.strategy_id, trade)
    percent = _stricter(limits.max_risk_per_strategy_percent, trade.strategy_capital_percent_max)
    return share_at_most(Reason.MAX_RISK_PER_STRATEGY, portfolio, after, percent, strategy=trade.strategy_id)


def _max_risk_per_expiration(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    name = None if trade.expires_on is None else trade.expires_on.isoformat()
    after = _with(portfolio.exposure.by_expiration, name, trade)
    percent = limits.max_risk_per_expiration_percent
    return share_at_most(Reason.MAX_RISK_PER_EXPIRATION, portfolio, after, percent, expiration=name or "unknown")


def _with(held: Mapping[str, Money] | None, name: str | None, trade: Trade) -> Money | None:
    if held is None or name is None or trade.risk is None:
        return None
    return held.get(name, NOTHING) + trade.risk


def _stricter(one: Bound | None, other: Bound | None) -> Bound | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def _count(name: str, doc: str, reason: Reason, check: Check, *, optional: bool = False) -> Limit:
    return Limit(
        name=name,
        group=Group.HOLDINGS,
        unit="positions",
        kind=int,
        lowest=0,
        highest=1000,
        optional=optional,
        doc=doc,
        reason=reason,
        check=check,
    )


def _share(name: str, doc: str, reason: Reason, check: Check, *, optional: bool = True) -> Limit:
    return Limit(
        name=name,
        group=Group.HOLDINGS,
        unit="dollars",
        kind=Decimal,
        lowest=0,
        highest=100,
        optional=optional,
        doc=doc,
        reason=reason,
        check=check,
    )


HOLDINGS_LIMITS: tuple[Limit, ...] = (
    _count(
        "max_positions",
        "The most positions open in the account at once.",
        Reason.MAX_POSITIONS,
        _max_positions,
    ),
    _count(
        "max_positions_per_symbol",
        "The most positions open on one symbol at once.",
        Reason.MAX_POSITIONS_PER_SYMBOL,
        _max_positions_per_symbol,
    ),
    _count(
        "max_entries_per_symbol_per_day",
        "The most positions opened on one symbol on one day.",
        Reason.MAX_ENTRIES_PER_SYMBOL,
        _max_entries_per_symbol,
        optional=True,
    ),
    _count(
        "max_positions_per_strategy",
        "The most positions of one strategy open at once; a strategy's own `positions_max` counts as well.",
        Reason.MAX_POSITIONS_PER_STRATEGY,
        _max_positions_per_strategy,
        optional=True,
    ),
    _share(
        "max_allocation_percent",
        "The most that all positions and orders together may lose, in percent of net liquidating value.",
        Reason.MAX_ALLOCATION,
        _max_allocation,
        optional=False,
    ),
    _share(
        "max_risk_per_symbol_percent",
        "The most that all positions on one symbol may lose, in percent of net liquidating value.",
        Reason.MAX_RISK_PER_SYMBOL,
        _max_risk_per_symbol,
    ),
    _share(
        "max_risk_per_sector_percent",
        "The most that all positions in one sector may lose, in percent of net liquidating value.",
        Reason.MAX_RISK_PER_SECTOR,
        _max_risk_per_sector,
    ),
    _share(
        "max_risk_in_equities_percent",
        "The most that all positions on single stocks may lose, in percent of net liquidating value.",
        Reason.MAX_RISK_IN_EQUITIES,
        _max_risk_in_equities,
    ),
    _share(
        "max_risk_per_strategy_percent",
        "The most that all positions of one strategy may lose, in percent of net liquidating value; "
        "a strategy's own `capital_percent_max` counts as well.",
        Reason.MAX_RISK_PER_STRATEGY,
        _max_risk_per_strategy,
    ),
    _share(
        "max_risk_per_expiration_percent",
        "The most that all positions of one expiration may lose, in percent of net liquidating value.",
        Reason.MAX_RISK_PER_EXPIRATION,
        _max_risk_per_expiration,
    ),
)
