"""Watchlists, and scans of all pairs of symbol and strategy."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field, StringConstraints

from thetaloom.domain.run.scans import Scan as DomainScan
from thetaloom.domain.run.scans import ScanStatus
from thetaloom.domain.run.schedules import BEST_MAX
from thetaloom.domain.run.watchlists import SYMBOLS_MAX
from thetaloom.domain.run.watchlists import Watchlist as DomainWatchlist
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.engine.schedule_commands import RemoveWatchlist, RunScan, SaveWatchlist
from thetaloom.store.queries.scans import all_watchlists, list_pairs, list_scans, scan_of, watchlist_named
from thetaloom.web.api.queries import Id, PageWindow
from thetaloom.web.api.records import Exact, Page, Record, paged
from thetaloom.web.api.workflow import Asked, Symbol
from thetaloom.web.front import FrontDoor
from thetaloom.web.problems import COMMANDED, documented

router = APIRouter(tags=["scans"])
StrategyName = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class Watchlist(Record):
    """Symbols under a name."""

    name: str
    symbols: list[str]
    in_digest: bool = Field(description="Whether it goes into the daily mail.")
    changed_at: datetime


class FunnelRow(Record):
    """How many pairs one reason took out."""

    reason: str
    pairs: int


class ScorePart(Record):
    """One part of a screening score."""

    name: str
    weight: Exact
    number: Exact
    points: Exact


class Screen(Record):
    """The screening ranks of a symbol."""

    symbol: str
    total: Exact | None = Field(description="0 to 100; null: a number is not known.")
    parts: list[ScorePart]
    unknown: list[str]
    trend: Exact | None = Field(description="-1 to 1, part of the total.")
    trend_parts: list[ScorePart]
    sector: str | None
    sector_total: Exact | None = Field(description="0 to 100, the edge of its volatility; null: a number is not known.")
    sector_parts: list[ScorePart]
    sector_unknown: list[str]
    sector_place: int | None = Field(description="1 to 10 among its sector in this scan.")


class Scan(Record):
    """One scan and what it came to."""

    id: str
    status: ScanStatus
    symbols: list[str]
    strategy_ids: list[str] = Field(description="Empty: all that are active.")
    watchlist: str
    best: int
    schedule_id: str | None
    due_at: datetime | None
    asked_at: datetime
    finished_at: datetime | None
    pairs: int
    eligible: int
    funnel: list[FunnelRow]
    screens: list[Screen]
    run_ids: list[str]


class Pair(Record):
    """One strategy on one symbol."""

    symbol: str
    strategy_id: str | None
    is_eligible: bool
    reason: str
    facts: Mapping[str, str]
    changes: list[str] = Field(description="What would change the no.")
    score: Exact | None
    rank: int | None
    structure: str
    legs: list[str]
    mid_price: Exact | None
    max_loss: Exact | None
    pop: Exact | None


class SaveList(Asked):
    """The symbols of a list."""

    symbols: list[Symbol] = Field(max_length=SYMBOLS_MAX)
    in_digest: bool | None = Field(default=None, description="null: as it was.")


class Ask(Asked):
    """What to scan: symbols or a watchlist."""

    symbols: list[Symbol] = Field(default_factory=list, max_length=SYMBOLS_MAX)
    watchlist: Annotated[str, StringConstraints(max_length=40)] = ""
    strategy_ids: list[StrategyName] = Field(default_factory=list, max_length=200)
    best: int = Field(default=0, ge=0, le=BEST_MAX, description="Runs to start at most.")


@router.get("/watchlists", responses=documented())
def watchlists(front: FrontDoor, window: PageWindow) -> Page[Watchlist]:
    """List the watchlists; `liquid` ships with the package."""
    found = all_watchlists(front.database, front.user)
    shown = found[window.offset : window.offset + window.limit]
    items = [Watchlist.model_validate(one) for one in shown]
    return Page(items=items, total=len(found), limit=window.limit, offset=window.offset)


@router.get("/watchlists/{name}", responses=documented(404))
def watchlist(front: FrontDoor, name: Id) -> Watchlist:
    """Return a watchlist."""
    return Watchlist.model_validate(watchlist_named(front.database, front.user, name))


@router.put("/watchlists/{name}", responses=COMMANDED)
async def save(front: FrontDoor, name: Id, asked: SaveList) -> Watchlist:
    """Write a watchlist in the place of the one before."""
    command = SaveWatchlist(user_id=front.user, name=name, symbols=tuple(asked.symbols), in_digest=asked.in_digest)
    return Watchlist.model_validate(await front.ask(command, DomainWatchlist))


@router.delete("/watchlists/{name}", responses=COMMANDED)
async def remove(front: FrontDoor, name: Id) -> Watchlist:
    """Take a watchlist out."""
    return Watchlist.model_validate(await front.ask(RemoveWatchlist(user_id=front.user, name=name), DomainWatchlist))


@router.get("/scans", responses=documented())
def scans(front: FrontDoor, window: PageWindow) -> Page[Scan]:
    """List scans, newest first."""
    return paged(list_scans(front.database, front.user, window=window), Scan)


@router.post("/scans", responses=COMMANDED)
async def ask(front: FrontDoor, asked: Ask) -> Scan:
    """Ask for a scan; it is worked on between the engine's other work."""
    command = RunScan(
        user_id=front.user,
        symbols=tuple(asked.symbols),
        watchlist=asked.watchlist,
        strategy_ids=tuple(StrategyId(one) for one in asked.strategy_ids),
        best=asked.best,
    )
    return Scan.model_validate(await front.ask(command, DomainScan))


@router.get("/scans/{scan_id}", responses=documented(404))
def scan(front: FrontDoor, scan_id: Id) -> Scan:
    """Return a scan with its funnel and screening ranks."""
    return Scan.model_validate(scan_of(front.database, front.user, scan_id))


@router.get("/scans/{scan_id}/pairs", responses=documented(404))
def scan_pairs(
    front: FrontDoor,
    scan_id: Id,
    window: PageWindow,
    symbol: Annotated[str | None, Query(max_length=12)] = None,
    reason: Annotated[str | None, Query(max_length=64)] = None,
    eligible: Annotated[bool | None, Query(description="Only those that may be entered, or only the others.")] = None,
) -> Page[Pair]:
    """List the pairs of a scan in their order, each with its rank or its reason."""
    found = scan_of(front.database, front.user, scan_id)
    wanted = canonical_symbol(symbol) if symbol else None
    page = list_pairs(
        front.database, front.user, found.id, symbol=wanted, reason=reason, eligible=eligible, window=window
    )
    return paged(page, Pair)
