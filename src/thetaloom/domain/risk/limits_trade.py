"""Limits of one trade: what it may lose, how large and how dear it may be, and what its legs must offer."""

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
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.reasons import Reason, denied, unknown


def _max_loss_percent(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    bound = percent_of(portfolio, limits.max_loss_per_trade_percent)
    if trade.max_loss is None and not trade.undefined_risk_allowed:
        return Finding(verdict=denied(Reason.NO_MAX_LOSS, max_loss="unlimited"), bound=bound)
    if trade.risk is None:
        return Finding(verdict=unknown(Reason.BUYING_POWER, buying_power_effect="unknown"), bound=bound)
    if bound is None:
        return Finding(verdict=unknown(Reason.ACCOUNT_UNKNOWN, net_liquidating_value="unknown"), value=trade.risk)
    return at_most(Reason.MAX_LOSS_PER_TRADE, trade.risk, bound, figure=trade.risk_figure)


def _max_loss(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return optional_at_most(
        Reason.MAX_LOSS_PER_TRADE_DOLLARS, trade.risk, limits.max_loss_per_trade, figure=trade.risk_figure
    )


def _max_quantity(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return at_most(Reason.MAX_QUANTITY, trade.quantity, limits.max_quantity)


def _premium(trade: Trade) -> Decimal | None:
    return None if trade.net_price is None else abs(Decimal(trade.net_price))


def _max_premium(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return optional_at_most(Reason.MAX_PREMIUM, _premium(trade), limits.max_premium)


def _min_premium(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return optional_at_least(Reason.MIN_PREMIUM, _premium(trade), limits.min_premium)


def _max_bid_ask_percent(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return optional_at_most(Reason.MAX_BID_ASK_PERCENT, trade.legs.bid_ask_percent, limits.max_bid_ask_percent)


def _max_bid_ask_width(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return optional_at_most(Reason.MAX_BID_ASK_WIDTH, trade.legs.bid_ask_width, limits.max_bid_ask_width)


def _min_open_interest(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return optional_at_least(Reason.MIN_OPEN_INTEREST, trade.legs.open_interest, limits.min_open_interest)


def _min_volume(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return optional_at_least(Reason.MIN_VOLUME, trade.legs.volume, limits.min_volume)


def _max_quote_age(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    bound = limits.max_quote_age_seconds
    if trade.is_entry:  # an order waits for quotes that it can believe; how old they may be then is the next limit
        return OFF_FINDING
    return optional_at_most(Reason.MAX_QUOTE_AGE, trade.legs.quote_age_seconds, bound)


def _max_entry_quote_age(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    bound = limits.max_entry_quote_age_seconds
    if not trade.is_entry:  # asked at the last gate alone
        return OFF_FINDING
    return optional_at_most(Reason.MAX_ENTRY_QUOTE_AGE, trade.legs.quote_age_seconds, bound)


def _max_approval_age(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    bound = limits.max_approval_age_seconds
    if not trade.is_entry:
        return OFF_FINDING
    return optional_at_most(Reason.MAX_APPROVAL_AGE, trade.approval_age_seconds, bound)


TRADE_LIMITS: tuple[Limit, ...] = (
    Limit(
        name="max_loss_per_trade_percent",
        group=Group.TRADE,
        unit="dollars",
        kind=Decimal,
        lowest=0,
        highest=100,
        doc="The most one trade may lose, in percent of net liquidating value.",
        reason=Reason.MAX_LOSS_PER_TRADE,
        check=_max_loss_percent,
    ),
    Limit(
        name="max_loss_per_trade",
        group=Group.TRADE,
        unit="dollars",
        kind=Money,
        lowest=0,
        highest=None,
        optional=True,
        doc="The most one trade may lose, in dollars.",
        reason=Reason.MAX_LOSS_PER_TRADE_DOLLARS,
        check=_max_loss,
    ),
    Limit(
        name="max_quantity",
        group=Group.TRADE,
        unit="structures",
        kind=int,
        lowest=0,
        highest=1000,
        doc="The most structures in one order.",
        reason=Reason.MAX_QUANTITY,
        check=_max_quantity,
    ),
    Limit(
        name="max_premium",
        group=Group.TRADE,
        unit="dollars per share",
        kind=Decimal,
        lowest=0,
        highest=None,
        optional=True,
        doc="The largest net credit or debit of one structure, per share; 5.00 is a usual choice.",
        reason=Reason.MAX_PREMIUM,
        check=_max_premium,
    ),
    Limit(
        name="min_premium",
        group=Group.TRADE,
        unit="dollars per share",
        kind=Decimal,
        lowest=0,
        highest=None,
        optional=True,
        doc="The smallest net credit or debit of one structure, per share; 0.25 is a usual choice.",
        reason=Reason.MIN_PREMIUM,
        check=_min_premium,
    ),
    Limit(
        name="max_bid_ask_percent",
        group=Group.TRADE,
        unit="% of mid",
        kind=Decimal,
        lowest=0,
        highest=200,
        optional=True,
        doc="The widest bid-ask spread of any leg, in percent of its mid; 10 is a usual choice.",
        reason=Reason.MAX_BID_ASK_PERCENT,
        check=_max_bid_ask_percent,
    ),
    Limit(
        name="max_bid_ask_width",
        group=Group.TRADE,
        unit="dollars per share",
        kind=Decimal,
        lowest=0,
        highest=None,
        optional=True,
        doc="The widest bid-ask spread of any leg, in dollars per share; 0.20 to 0.30 is a usual choice.",
        reason=Reason.MAX_BID_ASK_WIDTH,
        check=_max_bid_ask_width,
    ),
    Limit(
        name="min_open_interest",
        group=Group.TRADE,
        unit="contracts",
        kind=int,
        lowest=0,
        highest=None,
        optional=True,
        doc="The least open interest of any leg; 100 to 500 is a usual choice.",
        reason=Reason.MIN_OPEN_INTEREST,
        check=_min_open_interest,
    ),
    Limit(
        name="min_volume",
        group=Group.TRADE,
        unit="contracts",
        kind=int,
        lowest=0,
        highest=None,
        optional=True,
        doc="The least volume of any leg today; 5 to 100 is a usual choice.",
        reason=Reason.MIN_VOLUME,
        check=_min_volume,
    ),
    Limit(
        name="max_quote_age_seconds",
        group=Group.TRADE,
        unit="seconds",
        kind=int,
        lowest=1,
        highest=86_400,
        optional=True,
        doc="The oldest quote of any leg that a decision may rest on.",
        reason=Reason.MAX_QUOTE_AGE,
        check=_max_quote_age,
    ),
    Limit(
        name="max_entry_quote_age_seconds",
        group=Group.TRADE,
        unit="seconds",
        kind=int,
        lowest=1,
        highest=86_400,
        optional=True,
        doc="The oldest quote of any leg when the order is staged; 30 suits a live feed, minute data needs 60 or more.",
        reason=Reason.MAX_ENTRY_QUOTE_AGE,
        check=_max_entry_quote_age,
    ),
    Limit(
        name="max_approval_age_seconds",
        group=Group.TRADE,
        unit="seconds",
        kind=int,
        lowest=1,
        highest=86_400,
        optional=True,
        doc="How long after its approval a proposal may still become an order.",
        reason=Reason.MAX_APPROVAL_AGE,
        check=_max_approval_age,
    ),
)
