"""Where market data come from at this moment."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from thetaloom.engine.market_sources import read_sources
from thetaloom.ports.links import LinkStatus, SourceChoice
from thetaloom.web.api.queries import NO_NUL
from thetaloom.web.api.records import Record
from thetaloom.web.charts import symbol_of
from thetaloom.web.front import FrontDoor
from thetaloom.web.problems import documented

router = APIRouter(prefix="/market", tags=["market"])
SYMBOLS_MAX = 20
SymbolQuery = Annotated[str, Field(min_length=1, max_length=12, pattern=NO_NUL)]


class Line(Record):
    """A connection, or a source among several."""

    name: str
    is_up: bool
    since: datetime | None = Field(description="It has been so; null: it never was up.")
    heard_at: datetime | None
    attempts: int = Field(description="To come up again, since it was up last.")
    drops: int
    reason: str = Field(description="Why it is down, or is not used.")
    is_needed: bool = Field(description="False: nobody waits for it, as for a source behind one that speaks.")


class PassedOver(Record):
    """A source that was preferred, and why it does not speak."""

    source: str
    reason: str


class Spoken(Record):
    """Who speaks for a symbol."""

    symbol: str
    source: str | None = Field(description="null: nobody is young enough.")
    since: datetime
    as_of: datetime | None
    age_seconds: float | None
    passed_over: list[PassedOver]


class MarketSources(Record):
    """The sources of market data."""

    market: str
    synthetic: bool
    at: datetime
    links: list[Line]
    symbols: list[Spoken]


@router.get("/sources", responses=documented())
def list_sources(
    front: FrontDoor,
    symbol: Annotated[
        list[SymbolQuery] | None, Query(max_length=SYMBOLS_MAX, description="Symbols to be asked for now.")
    ] = None,
) -> MarketSources:
    """Return which source speaks for each symbol, how old its word is, and how the lines stand."""
    asked = [symbol_of(one) for one in symbol or ()]
    shown = read_sources(front.platform.market, front.platform.clock, asked)
    return MarketSources(
        market=shown.market,
        synthetic=shown.synthetic,
        at=shown.now,
        links=[_line(link) for link in shown.links],
        symbols=[_spoken(choice, shown.now) for choice in shown.symbols],
    )


def _line(link: LinkStatus) -> Line:
    return Line.model_validate(link)


def _spoken(choice: SourceChoice, now: datetime) -> Spoken:
    return Spoken(
        symbol=choice.symbol,
        source=choice.source,
        since=choice.since,
        as_of=choice.as_of,
        age_seconds=None if choice.as_of is None else (now - choice.as_of).total_seconds(),
        passed_over=[PassedOver(source=source, reason=reason) for source, reason in choice.passed_over],
    )
