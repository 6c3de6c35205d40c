"""Search in lineage: what looked at a symbol around a moment, and what it said."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from thetaloom.domain.run.runs import StepName
from thetaloom.domain.run.sights import MINUTES_DEFAULT, MINUTES_MAX, SightAnswer, SightKind, moment_of, symbol_of
from thetaloom.domain.values.ids import StrategyId
from thetaloom.store.queries.sights import sights_of
from thetaloom.web.api.queries import NO_NUL
from thetaloom.web.api.records import Record
from thetaloom.web.front import FrontDoor
from thetaloom.web.problems import documented

router = APIRouter(prefix="/lineage", tags=["lineage"])


class Sight(Record):
    """One look at a symbol."""

    kind: SightKind
    id: str = Field(description="Of the run, scan, signal or schedule.")
    at: datetime
    until: datetime | None = Field(description="Of what lasted.")
    decided_at: datetime | None
    symbol: str
    strategy_id: str | None
    answer: SightAnswer
    reason: str
    text: str = Field(description="What the reason means.")
    step: StepName | None = Field(description="The step that said so.")
    facts: Mapping[str, str]
    changes: tuple[str, ...] = Field(description="What would have turned the no into a yes.")
    candidates: tuple[Mapping[str, str], ...] = Field(description="Expirations that could not be used.")


class SightsFound(Record):
    """Everything that looked at a symbol around a moment, the nearest first."""

    symbol: str
    at: datetime
    start: datetime
    end: datetime
    sights: tuple[Sight, ...]
    before: Sight | None = Field(description="The nearest look before, where there are none between start and end.")
    after: Sight | None = Field(description="The nearest look after, where there are none between start and end.")


@router.get("/search", responses=documented())
def search(
    front: FrontDoor,
    symbol: Annotated[str, Query(min_length=1, max_length=12, pattern=NO_NUL)],
    at: Annotated[
        str, Query(min_length=1, max_length=40, description="10:31 or 2026-03-05T10:31, on the exchange's wall.")
    ],
    minutes: Annotated[int, Query(ge=0, le=MINUTES_MAX, description="So far before and after.")] = MINUTES_DEFAULT,
    strategy_id: Annotated[str | None, Query(max_length=128, pattern=NO_NUL)] = None,
) -> SightsFound:
    """Answer "why not SPY at 10:31?" over runs, scans, signals and due times."""
    found = sights_of(
        front.database,
        front.user,
        symbol_of(symbol),
        moment_of(at, front.platform.desk.calendar, front.now),
        within=timedelta(minutes=minutes),
        strategy=None if strategy_id is None else StrategyId(strategy_id),
    )
    return SightsFound.model_validate(found)
