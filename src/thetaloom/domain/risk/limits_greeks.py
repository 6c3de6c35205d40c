"""Limits of the portfolio's greeks: bands around zero that a trade may always bring the account back into."""

from decimal import Decimal

from thetaloom.domain.risk.limits_facts import Portfolio, Trade
from thetaloom.domain.risk.limits_rows import Check, Finding, Group, Limit
from thetaloom.domain.risk.limits_settings import RiskLimits
from thetaloom.domain.values.reasons import ALLOWED, Reason, denied, unknown


def _max_delta(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return _band(Reason.MAX_DELTA, "net_delta", portfolio.net_delta, trade.net_delta, limits.max_delta)


def _max_beta_delta(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return _band(Reason.MAX_BETA_DELTA, "beta_delta", portfolio.beta_delta, trade.beta_delta, limits.max_beta_delta)


def _max_gamma(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return _band(Reason.MAX_GAMMA, "net_gamma", portfolio.net_gamma, trade.net_gamma, limits.max_gamma)


def _max_theta(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return _band(Reason.MAX_THETA, "net_theta", portfolio.net_theta, trade.net_theta, limits.max_theta)


def _max_vega(limits: RiskLimits, portfolio: Portfolio, trade: Trade) -> Finding:
    return _band(Reason.MAX_VEGA, "net_vega", portfolio.net_vega, trade.net_vega, limits.max_vega)


def _band(reason: Reason, name: str, before: Decimal | None, change: Decimal | None, bound: Decimal | None) -> Finding:
    after = None if before is None or change is None else before + change
    if bound is None:
        return Finding(verdict=ALLOWED, value=after)
    if after is None or change is None:
        return Finding(verdict=unknown(reason, **{name: "unknown"}), bound=bound)
    # Only the side that the trade pushes to is closed: a trade that brings the number back is welcome.
    pushed = after if change > 0 else -after
    if change == 0 or pushed <= bound:
        return Finding(verdict=ALLOWED, value=after, bound=bound)
    verdict = denied(reason, value=after, limit=bound, over_by=pushed - bound)
    return Finding(verdict=verdict, value=after, bound=bound)


def _row(name: str, unit: str, doc: str, reason: Reason, check: Check) -> Limit:
    return Limit(
        name=name,
        group=Group.GREEKS,
        unit=unit,
        kind=Decimal,
        lowest=0,
        highest=None,
        optional=True,
        doc=doc,
        reason=reason,
        check=check,
    )


GREEK_LIMITS: tuple[Limit, ...] = (
    _row(
        "max_delta",
        "shares",
        "How far the account's delta may go to either side, in share equivalents; off unless set.",
        Reason.MAX_DELTA,
        _max_delta,
    ),
    _row(
        "max_beta_delta",
        "SPY shares",
        "The same with each delta weighted by its symbol's beta and price to shares of SPY.",
        Reason.MAX_BETA_DELTA,
        _max_beta_delta,
    ),
    _row(
        "max_gamma",
        "shares per dollar",
        "How far the account's gamma may go to either side, in shares per dollar.",
        Reason.MAX_GAMMA,
        _max_gamma,
    ),
    _row(
        "max_theta",
        "dollars per day",
        "How far the account's theta may go to either side, in dollars per calendar day.",
        Reason.MAX_THETA,
        _max_theta,
    ),
    _row(
        "max_vega",
        "dollars per vol point",
        "How far the account's vega may go to either side, in dollars per volatility point.",
        Reason.MAX_VEGA,
        _max_vega,
    ),
)
