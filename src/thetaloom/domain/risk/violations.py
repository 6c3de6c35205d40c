"""Violations: what was refused by which limit, kept for whoever asks how often and how far."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.risk.limits import LIMITS, Group, LimitCheck
from thetaloom.domain.values.ids import AccountId, RunId, UserId
from thetaloom.domain.values.reasons import Answer


class Severity(StrEnum):
    """How much a violation means."""

    LOW = "low"  # a number was not known, so nobody can say
    MEDIUM = "medium"  # a trade asked for more than its own limits
    HIGH = "high"  # the account as a whole is at one of its limits
    CRITICAL = "critical"  # losses have reached a guard


class Action(StrEnum):
    """What was done about it."""

    DENIED = "denied"  # before there was a proposal
    DENIED_AT_ENTRY = "denied_at_entry"  # approved, and stopped at the last gate


_SEVERITY = {
    Group.TRADE: Severity.MEDIUM,
    Group.MARKET: Severity.MEDIUM,
    Group.HOLDINGS: Severity.HIGH,
    Group.BUDGET: Severity.HIGH,
    Group.GREEKS: Severity.HIGH,
    Group.GUARDS: Severity.CRITICAL,
}
_GROUPS = {limit.name: limit.group for limit in LIMITS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One limit that refused one trade."""

    user_id: UserId
    account_id: AccountId
    run_id: RunId
    happened_at: datetime
    symbol: str
    rule: str  # the limit's name
    reason: str  # the code
    value: Decimal | None  # as it would have been; None = unknown
    bound: Decimal | None
    unit: str
    severity: Severity
    action: Action
    releases_at: datetime | None = None


def violations_of(
    checks: Iterable[LimitCheck],
    *,
    user_id: UserId,
    account_id: AccountId,
    run_id: RunId,
    symbol: str,
    action: Action,
    now: datetime,
) -> tuple[Violation, ...]:
    """Return a violation for each check that did not allow."""
    return tuple(
        Violation(
            user_id=user_id,
            account_id=account_id,
            run_id=run_id,
            happened_at=now,
            symbol=symbol,
            rule=check.name,
            reason="" if check.verdict.reason is None else check.verdict.reason.value,
            value=check.value,
            bound=check.limit,
            unit=check.unit,
            severity=severity_of(check),
            action=action,
            releases_at=check.releases_at,
        )
        for check in checks
        if not check.verdict.is_allowed
    )


def severity_of(check: LimitCheck) -> Severity:
    """Return how much a refusal means."""
    return Severity.LOW if check.verdict.answer is Answer.UNKNOWN else _SEVERITY[_GROUPS[check.name]]
