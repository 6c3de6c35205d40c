"""Symbols: what is known of them, found by a few letters, with the ways to their chain, chart and strategies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from thetaloom.domain.market.symbols import QUERY_MAX, SymbolRecord
from thetaloom.domain.values.money import Price
from thetaloom.engine.schedule_commands import FindSymbols
from thetaloom.errors import Unavailable
from thetaloom.store.queries.symbols import search_symbols
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.pages.dashboard import Choice, choices
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.render import page

router = APIRouter(prefix="/symbols")
FOUND_SHOWN = 50
NO_NUL = r"^[^\x00]*$"


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolRow:
    """One symbol, and its last price where this market carries it."""

    record: SymbolRecord
    last: Price | None
    is_traded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolsView:
    """The search and what it found; without a search, what this market carries."""

    frame: Frame
    query: str
    rows: Sequence[SymbolRow]
    more: bool
    symbols: Sequence[str]
    strategies: Sequence[Choice]
    chosen: str  # to start a run on, where one alone was found


@router.get("")
async def symbols(
    front: FrontDoor, query: Annotated[str, Query(max_length=QUERY_MAX, pattern=NO_NUL)] = ""
) -> Response:
    """Search symbols; what nobody knows yet is asked for."""
    wanted = query.strip()
    found = await front.read(lambda: _found(front, wanted))
    if wanted and not found:
        looked_up = await front.ask(FindSymbols(user_id=front.user, query=wanted), tuple)
        found = [one.record for one in looked_up]
    return await front.read(lambda: _answer(front, wanted, found))


def _answer(front: Front, wanted: str, found: Sequence[SymbolRecord]) -> Response:
    rows = [_row(front, record) for record in found[:FOUND_SHOWN]]
    traded = [row.record.symbol for row in rows if row.is_traded]
    view = SymbolsView(
        frame=frame_of(front, "symbols"),
        query=wanted,
        rows=rows,
        more=len(found) > FOUND_SHOWN,
        symbols=tuple(front.platform.market.symbols())[:500],
        strategies=choices(front),
        chosen=traded[0] if traded else "",
    )
    return page("symbols.html", view)


def _found(front: Front, wanted: str) -> list[SymbolRecord]:
    if wanted:
        return list(search_symbols(front.database, wanted, FOUND_SHOWN + 1))
    carried = list(front.platform.market.symbols())[: FOUND_SHOWN + 1]
    found = [next(iter(search_symbols(front.database, symbol, 1)), None) for symbol in carried]
    return [record for symbol, record in zip(carried, found, strict=True) if record and record.symbol == symbol]


def _row(front: Front, record: SymbolRecord) -> SymbolRow:
    market = front.platform.market
    try:
        known = market.underlying(record.symbol) is not None
        last = market.spot(record.symbol, front.now) if known else None
    except Unavailable:  # what the registry knows of it stands all the same
        known, last = True, None
    return SymbolRow(record=record, last=last, is_traded=known)
