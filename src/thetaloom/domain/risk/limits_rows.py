"""A row of the table of limits, what its check answers, and the comparisons that the checks share."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from thetaloom.domain.risk.limits_facts import Portfolio, Trade
from thetaloom.domain.risk.limits_settings import RiskLimits, written
from thetaloom.domain.values.money import HUNDRED, Money
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied, unknown


class Group(StrEnum):
    """What a limit is about."""

    TRADE = "trade"
    HOLDINGS = "holdings"
    BUDGET = "budget"
    GUARDS = "guards"
    GREEKS = "greeks"
    MARKET = "market"
    RUNAWAY = "runaway"


class Warned(StrEnum):
    """How loudly an allowed trade is warned of; above high a person must confirm."""

    NO = ""
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitCheck:
    """One limit against the number it bounds, both in ``unit``."""

    name: str
    verdict: Verdict
    value: Decimal | None  # as it would be after the trade; None = unknown
    limit: Decimal | None  # None = the limit is off or can't be computed
    unit: str
    releases_at: datetime | None = None  # when a guard lets go; None = it depends on something else than time
    warned: Warned = Warned.NO


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a limit's own function says: the number after the trade, the bound in force and the answer."""

    verdict: Verdict
    value: Decimal | None = None
    bound: Decimal | None = None
    releases_at: datetime | None = None
    warned: Warned = Warned.NO


Check = Callable[[RiskLimits, Portfolio, Trade], Finding]
OFF_FINDING = Finding(verdict=ALLOWED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One row: how a limit is named, bounded, explained and checked."""

    name: str
    group: Group
    unit: str  # of the number a check shows
    kind: type[Any]
    lowest: int
    highest: int | None
    optional: bool = False
    denies: bool = True  # a warning and a choice of profile never do by themselves
    doc: str
    reason: Reason
    check: Check

    @property
    def default(self) -> str:
        """The number in force when nothing is set, as text."""
        return written(getattr(RiskLimits(), self.name))


def at_most(reason: Reason, number: Decimal | int, bound: Decimal | int, **facts: object) -> Finding:
    """Deny a number above its bound."""
    over = Decimal(number) - Decimal(bound)
    verdict = ALLOWED if over <= 0 else denied(reason, value=number, limit=bound, over_by=over, **facts)
    return Finding(verdict=verdict, value=Decimal(number), bound=Decimal(bound))


def at_least(reason: Reason, number: Decimal | int, bound: Decimal | int, **facts: object) -> Finding:
    """Deny a number below its bound."""
    short = Decimal(bound) - Decimal(number)
    verdict = ALLOWED if short <= 0 else denied(reason, value=number, limit=bound, short_by=short, **facts)
    return Finding(verdict=verdict, value=Decimal(number), bound=Decimal(bound))


def optional_at_most(
    reason: Reason, number: Decimal | int | None, bound: Decimal | int | None, **facts: object
) -> Finding:
    """Deny a number above a bound that may be off; one that is not known is denied where the bound is on."""
    return _optional(at_most, reason, number, bound, facts)


def optional_at_least(
    reason: Reason, number: Decimal | int | None, bound: Decimal | int | None, **facts: object
) -> Finding:
    """Deny a number below a bound that may be off; one that is not known is denied where the bound is on."""
    return _optional(at_least, reason, number, bound, facts)


def _optional(
    compare: Callable[..., Finding],
    reason: Reason,
    number: Decimal | int | None,
    bound: Decimal | int | None,
    facts: dict[str, object],
) -> Finding:
    if bound is None:
        return Finding(verdict=ALLOWED, value=None if number is None else Decimal(number))
    if number is None:
        return Finding(verdict=unknown(reason, value="unknown", limit=bound), bound=Decimal(bound))
    return compare(reason, number, bound, **facts)


def share_at_most(
    reason: Reason, portfolio: Portfolio, amount: Money | None, percent: Decimal | None, **facts: object
) -> Finding:
    """Deny dollars above a percentage of the net liquidating value."""
    if percent is None:
        return Finding(verdict=ALLOWED, value=amount)
    bound = percent_of(portfolio, percent)
    if amount is None:
        return Finding(verdict=unknown(reason, value="unknown", limit_percent=percent, **facts), bound=bound)
    if bound is None:
        return Finding(verdict=unknown(Reason.ACCOUNT_UNKNOWN, net_liquidating_value="unknown"), value=amount)
    return at_most(reason, amount, bound, **facts)


def percent_of(portfolio: Portfolio, percent: Decimal) -> Money | None:
    """Return a percentage of the net liquidating value."""
    worth = portfolio.net_liquidating_value
    return None if worth is None else worth * percent / HUNDRED


def released(finding: Finding, at: datetime | None) -> Finding:
    """Return a guard's denial with the instant at which it lets go."""
    verdict = finding.verdict
    if verdict.is_allowed or at is None:
        return finding
    told = replace(verdict, facts={**verdict.facts, "releases_at": at.isoformat()})
    return replace(finding, verdict=told, releases_at=at)
