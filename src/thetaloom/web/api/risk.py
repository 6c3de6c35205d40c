"""Risk: the limits with their use, the kill switch, and the dictionary of reasons."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import ConfigDict, Field, StringConstraints

from thetaloom.domain.risk.budget import StressRule
from thetaloom.domain.risk.budget_profiles import ProfileName
from thetaloom.domain.risk.violations import Action, Severity
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import Reason
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.engine.commands import LiftHalt
from thetaloom.engine.last_gate import halts_now
from thetaloom.store.queries.violations import list_violations
from thetaloom.web.api.queries import PageWindow
from thetaloom.web.api.records import Exact, Page, Record, paged
from thetaloom.web.api.workflow import Asked, Note
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.halting import halt_at_once
from thetaloom.web.limits import limits_now
from thetaloom.web.problems import COMMANDED, documented

router = APIRouter(tags=["risk"])
Scope = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class LimitUse(Record):
    """One limit and how much of it is used."""

    name: str
    doc: str
    unit: str
    setting: str
    default: str
    group: str = Field(examples=["guards"])
    bound: Exact | None = Field(description="What the setting makes now, in `unit`; null is off or unknown.")
    used: Exact | None
    left: Exact | None
    releases_at: datetime | None = Field(description="When a guard that denies now lets go.")


class RiskBudget(Record):
    """The balances and the limits."""

    account_id: str
    as_of: datetime
    cash: Exact | None
    net_liquidating_value: Exact | None
    buying_power: Exact | None
    is_live: bool
    data_available: bool = Field(description="Whether all that the budget rests on is known.")
    profile: ProfileName
    stress_rule: StressRule = Field(description="What the tolerance does in a stressed market.")
    is_stressed: bool | None = Field(description="null: no reading; the stricter tolerance is then in force.")
    tolerance_percent: Exact | None = Field(description="Of the tradeable capital; null: none is set.")
    tradeable_capital: Exact | None = Field(description="Buying power and the risk of open positions.")
    strategy_power: Exact | None = Field(description="Tradeable capital times tolerance.")
    current_risk: Exact | None = Field(description="The same as `risk_in_use`.")
    risk_in_use: Exact | None
    remaining_budget: Exact | None
    utilization_percent: Exact | None
    warning_medium_percent: Exact | None
    warning_high_percent: Exact | None
    spread_width: Exact | None = Field(description="As asked for.")
    max_spreads: int | None = Field(description="How many spreads of `spread_width` the strategy power covers.")
    warnings: list[str]
    error: str | None = Field(description="What is not known of the account.")
    limits: list[LimitUse]
    halts: dict[str, str] = Field(description="Halted scopes and why.")


class ViolationRecord(Record):
    """One limit that refused one trade."""

    happened_at: datetime
    account_id: str
    run_id: str
    symbol: str
    rule: str
    reason: str
    value: Exact | None = Field(description="As it would have been; null is unknown.")
    bound: Exact | None
    unit: str
    severity: Severity
    action: Action
    releases_at: datetime | None


class HaltRequest(Asked):
    """What to halt."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"scope": "all", "note": "news"}]})

    scope: Scope = Field(default="all", description="`all`, `account:<id>` or `strategy:<id>`.")
    note: Note = ""


class ResumeRequest(Asked):
    """What to lift; without the token of the halt the answer is a 409 that shows it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"scope": "all", "token": "0fa31c9e"}]})

    scope: Scope = Field(default="all", description="`all`, `account:<id>` or `strategy:<id>`.")
    token: str | None = Field(default=None, max_length=64, description="As the first, refused try showed it.")


class Halts(Record):
    """The halts in force."""

    halted: bool
    halts: dict[str, str]


class ReasonRecord(Record):
    """One reason code and what it means."""

    code: str
    text: str


class Reasons(Record):
    """The dictionary."""

    items: list[ReasonRecord]
    total: int


@router.get("/risk-budget", responses=documented())
def risk_budget(
    front: FrontDoor,
    spread_width: Annotated[
        Decimal | None, Query(ge=Decimal("0.01"), le=10_000, description="Width in dollars for `max_spreads`.")
    ] = None,
) -> RiskBudget:
    """Return the balances, the risk budget, and the limits with their use."""
    found = limits_now(front)
    snapshot, budget = found.snapshot, found.budget
    return RiskBudget(
        account_id=snapshot.account_id,
        as_of=snapshot.as_of,
        cash=snapshot.cash,
        net_liquidating_value=snapshot.net_liquidating_value,
        buying_power=snapshot.buying_power,
        is_live=snapshot.is_live,
        data_available=not budget.missing,
        profile=budget.profile,
        stress_rule=budget.stress_rule,
        is_stressed=budget.is_stressed,
        tolerance_percent=budget.tolerance_percent,
        tradeable_capital=budget.tradeable_capital,
        strategy_power=budget.strategy_power,
        current_risk=budget.risk_in_use,
        risk_in_use=budget.risk_in_use,
        remaining_budget=budget.remaining,
        utilization_percent=budget.utilization_percent,
        warning_medium_percent=budget.warning_medium_percent,
        warning_high_percent=budget.warning_high_percent,
        spread_width=spread_width,
        max_spreads=None if spread_width is None else budget.max_spreads(Price(spread_width)),
        warnings=list(found.warnings),
        error=f"not known: {', '.join(budget.missing)}" if budget.missing else None,
        limits=[LimitUse.model_validate(use) for use in found.uses],
        halts=_halts(front).halts,
    )


@router.get("/risk-violations", responses=documented())
def risk_violations(
    front: FrontDoor,
    window: PageWindow,
    rule: Annotated[str | None, Query(max_length=64, description="Name of the limit.")] = None,
    symbol: Annotated[str | None, Query(max_length=12)] = None,
) -> Page[ViolationRecord]:
    """List what limits refused, newest first."""
    wanted = canonical_symbol(symbol) if symbol else None
    return paged(list_violations(front.database, front.user, rule=rule, symbol=wanted, window=window), ViolationRecord)


@router.get("/halts", responses=documented())
def halts(front: FrontDoor) -> Halts:
    """Return the halts in force."""
    return _halts(front)


@router.post("/halt", responses=COMMANDED)
async def halt(front: FrontDoor, asked: Annotated[HaltRequest | None, Body()] = None) -> Halts:
    """Stop new risk and cancel working entries; exits go on."""
    given = asked or HaltRequest()
    await halt_at_once(front, given.scope, given.note)
    return await front.read(lambda: _halts(front))


@router.post("/resume", responses=COMMANDED)
async def resume(front: FrontDoor, asked: Annotated[ResumeRequest | None, Body()] = None) -> Halts:
    """Allow new risk again, in two steps: the first answer, a 409, shows the halt and the token of the second."""
    given = asked or ResumeRequest()
    await front.tell(LiftHalt(user_id=front.user, scope=given.scope, token=given.token or ""))
    return await front.read(lambda: _halts(front))


@router.get("/reasons", responses=documented())
def reasons() -> Reasons:
    """Return what every reason code means."""
    items = [ReasonRecord(code=reason.value, text=reason.text) for reason in Reason]
    return Reasons(items=items, total=len(items))


def _halts(front: Front) -> Halts:
    with front.platform.store.reading() as seen:
        found = halts_now(front.platform.desk, seen)
    return Halts(halted=bool(found), halts=found)
