"""Limits of the market around a trade: volatility, events to come, and the hours of the session."""

from decimal import Decimal

from thetaloom.domain.risk.limits_facts import Portfolio, Trade
from thetaloom.domain.risk.limits_rows import (
    OFF_FINDING,
    Finding,
    Group,
    Limit,
    at_most,
    optional_at_least,
    optional_at_most,
    percent_of,
)
from thetaloom.domain.risk.limits_settings import RiskLimits
from thetaloom.domain.values.reasons import ALLOWED, Reason, unknown


def _vix_block(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return optional_at_most(Reason.VIX_BLOCK, trade.around.vix, limits.vix_block_above)


def _vix_halve(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    above, vix, risk = limits.vix_halve_above, trade.around.vix, trade.risk
    if above is None:
        return OFF_FINDING
    if vix is None:
        return Finding(verdict=unknown(Reason.VIX_HALVING, vix="unknown", limit=above))
    if vix <= above:
        return Finding(verdict=ALLOWED, value=risk)
    half = percent_of(portfolio, limits.max_loss_per_trade_percent / 2)
    if risk is None or half is None:
        return Finding(verdict=unknown(Reason.VIX_HALVING, value="unknown", vix=vix), value=risk, bound=half)
    return at_most(Reason.VIX_HALVING, risk, half, vix=vix)


def _earnings(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return optional_at_least(Reason.EARNINGS_NEAR, trade.around.days_to_earnings, limits.earnings_days_min)


def _ex_dividend(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return optional_at_least(Reason.EX_DIVIDEND_NEAR, trade.around.days_to_ex_dividend, limits.ex_dividend_days_min)


def _after_open(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return optional_at_least(Reason.TOO_SOON_AFTER_OPEN, trade.around.minutes_since_open, limits.minutes_after_open_min)


def _before_close(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return optional_at_least(Reason.TOO_NEAR_THE_CLOSE, trade.around.minutes_to_close, limits.minutes_before_close_min)


MARKET_LIMITS: tuple[Limit, ...] = (
    Limit(
        name="vix_block_above",
        group=Group.MARKET,
        unit="VIX points",
        kind=Decimal,
        lowest=0,
        highest=200,
        optional=True,
        doc="The VIX above which nothing new is opened; 40 is a usual choice.",
        reason=Reason.VIX_BLOCK,
        check=_vix_block,
    ),
    Limit(
        name="vix_halve_above",
        group=Group.MARKET,
        unit="dollars",
        kind=Decimal,
        lowest=0,
        highest=200,
        optional=True,
        doc="The VIX above which a trade may lose only half of `max_loss_per_trade_percent`; 30 is a usual choice.",
        reason=Reason.VIX_HALVING,
        check=_vix_halve,
    ),
    Limit(
        name="earnings_days_min",
        group=Group.MARKET,
        unit="calendar days",
        kind=int,
        lowest=0,
        highest=90,
        optional=True,
        doc="The fewest days to the next earnings report; 7 is a usual choice.",
        reason=Reason.EARNINGS_NEAR,
        check=_earnings,
    ),
    Limit(
        name="ex_dividend_days_min",
        group=Group.MARKET,
        unit="calendar days",
        kind=int,
        lowest=0,
        highest=90,
        optional=True,
        doc="The fewest days to the next ex-dividend date; 5 is a usual choice.",
        reason=Reason.EX_DIVIDEND_NEAR,
        check=_ex_dividend,
    ),
    Limit(
        name="minutes_after_open_min",
        group=Group.MARKET,
        unit="minutes",
        kind=int,
        lowest=0,
        highest=390,
        optional=True,
        doc="The fewest minutes after the open of the session; 30 is a usual choice.",
        reason=Reason.TOO_SOON_AFTER_OPEN,
        check=_after_open,
    ),
    Limit(
        name="minutes_before_close_min",
        group=Group.MARKET,
        unit="minutes",
        kind=int,
        lowest=0,
        highest=390,
        optional=True,
        doc="The fewest minutes before the close of the session; 75 is a usual choice.",
        reason=Reason.TOO_NEAR_THE_CLOSE,
        check=_before_close,
    ),
)
