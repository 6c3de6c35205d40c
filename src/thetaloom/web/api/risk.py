"""Risk: the limits with their use, the kill switch, and the dictionary of reasons."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import ConfigDict, Field, StringConstraints

from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.commands import Halt, LiftHalt
from thetaloom.web.api.records import Exact, Record
from thetaloom.web.api.workflow import Asked, Note
from thetaloom.web.front import Front, FrontDoor
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
    bound: Exact | None = Field(description="What the setting makes now, in `unit`; null is off or unknown.")
    used: Exact | None
    left: Exact | None


class RiskBudget(Record):
    """The balances and the limits."""

    account_id: str
    as_of: datetime
    cash: Exact | None
    net_liquidating_value: Exact | None
    buying_power: Exact | None
    is_live: bool
    limits: list[LimitUse]
    halts: dict[str, str] = Field(description="Halted scopes and why.")


class HaltRequest(Asked):
    """What to halt."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"scope": "all", "note": "news"}]})

    scope: Scope = Field(default="all", description="`all`, `account:<id>` or `strategy:<id>`.")
    note: Note = ""


class ResumeRequest(Asked):
    """What to lift."""

    scope: Scope = Field(default="all", description="`all`, `account:<id>` or `strategy:<id>`.")


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
def risk_budget(front: FrontDoor) -> RiskBudget:
    """Return the limits with their use."""
    snapshot, uses = limits_now(front)
    return RiskBudget(
        account_id=snapshot.account_id,
        as_of=snapshot.as_of,
        cash=snapshot.cash,
        net_liquidating_value=snapshot.net_liquidating_value,
        buying_power=snapshot.buying_power,
        is_live=snapshot.is_live,
        limits=[LimitUse.model_validate(use) for use in uses],
        halts=_halts(front).halts,
    )


@router.get("/halts", responses=documented())
def halts(front: FrontDoor) -> Halts:
    """Return the halts in force."""
    return _halts(front)


@router.post("/halt", responses=COMMANDED)
async def halt(front: FrontDoor, asked: Annotated[HaltRequest | None, Body()] = None) -> Halts:
    """Stop new risk and cancel working entries; exits go on."""
    given = asked or HaltRequest()
    await front.tell(Halt(user_id=front.user, scope=given.scope, note=given.note))
    return await front.read(lambda: _halts(front))


@router.post("/resume", responses=COMMANDED)
async def resume(front: FrontDoor, asked: Annotated[ResumeRequest | None, Body()] = None) -> Halts:
    """Allow new risk again."""
    given = asked or ResumeRequest()
    await front.tell(LiftHalt(user_id=front.user, scope=given.scope))
    return await front.read(lambda: _halts(front))


@router.get("/reasons", responses=documented())
def reasons() -> Reasons:
    """Return what every reason code means."""
    items = [ReasonRecord(code=reason.value, text=reason.text) for reason in Reason]
    return Reasons(items=items, total=len(items))


def _halts(front: Front) -> Halts:
    with front.platform.store.reading() as seen:
        found = dict(seen.accounts.halts())
    return Halts(halted=bool(found), halts=found)
