"""Scans: the funnel, the screening ranks and every pair with its place or its reason; and the watchlists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from thetaloom.domain.run.scans import Scan, ScanPair
from thetaloom.domain.run.watchlists import Watchlist, clean_symbols
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.engine.schedule_commands import RemoveWatchlist, RunScan, SaveWatchlist
from thetaloom.store.queries.scans import SCANS, all_watchlists, list_pairs, list_scans, scan_of
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.csv_files import csv_file
from thetaloom.web.pages.forms import Notice, PageNumber, Word, Words, count_of, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.paging import Pager, pager_of, window_of
from thetaloom.web.pages.render import page
from thetaloom.web.pages.table_rules import SCANS_TABLE
from thetaloom.web.pages.tables import Asking, TableShown, read_asked, table_of

router = APIRouter(prefix="/scans")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScansPage:
    """The scans, the watchlists, and the forms for more."""

    frame: Frame
    scans: Sequence[Scan]
    table: TableShown
    watchlists: Sequence[Watchlist]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanPage:
    """One scan and some of its pairs."""

    frame: Frame
    scan: Scan
    pairs: Sequence[ScanPair]
    pager: Pager
    filters: Mapping[str, str]


@router.get("")
def scans_page(front: FrontDoor, asking: Asking, notice: Notice = "") -> Response:
    """List scans and watchlists."""
    asked = read_asked(SCANS_TABLE, asking)
    if asked.is_csv:
        return csv_file(SCANS_TABLE, SCANS.every(front.database, front.user, wish=asked.wish))
    found = list_scans(front.database, front.user, wish=asked.wish, window=asked.window)
    view = ScansPage(
        frame=frame_of(front, "scans", notice),
        scans=found.rows,
        table=table_of(SCANS_TABLE, asked, found),
        watchlists=all_watchlists(front.database, front.user),
    )
    return page("scans.html", view)


@router.post("")
async def ask(front: FrontDoor, symbols: Words = "", watchlist: Word = "", best: Word = "") -> Response:
    """Ask for a scan."""
    wanted = clean_symbols(symbols.replace(",", " ").split())
    number = count_of(best, "number of runs") or 0
    asked = await front.ask(RunScan(user_id=front.user, symbols=wanted, watchlist=watchlist, best=number), Scan)
    return see(f"/scans/{asked.id}", "scanning")


@router.post("/watchlists")
async def save(front: FrontDoor, name: Word = "", symbols: Words = "", digest: Word = "") -> Response:
    """Keep a watchlist."""
    wanted = clean_symbols(symbols.replace(",", " ").split())
    command = SaveWatchlist(user_id=front.user, name=name.strip(), symbols=wanted, in_digest=bool(digest))
    await front.ask(command, Watchlist)
    return see("/scans", "listed")


@router.post("/watchlists/{name}/removal")
async def remove(front: FrontDoor, name: str) -> Response:
    """Take a watchlist out."""
    await front.tell(RemoveWatchlist(user_id=front.user, name=name))
    return see("/scans", "unlisted")


@router.get("/{scan_id}")
def scan_page(
    front: FrontDoor,
    scan_id: str,
    symbol: Annotated[str, Query(max_length=12)] = "",
    reason: Annotated[str, Query(max_length=64)] = "",
    number: Annotated[PageNumber, Query(alias="page")] = 1,
    notice: Notice = "",
) -> Response:
    """Show a scan: where its pairs went, and why."""
    scan = scan_of(front.database, front.user, scan_id)
    filters = {"symbol": canonical_symbol(symbol), "reason": reason}
    found = list_pairs(
        front.database,
        front.user,
        scan.id,
        symbol=filters["symbol"] or None,
        reason=reason or None,
        window=window_of(number),
    )
    view = ScanPage(
        frame=frame_of(front, "scans", notice),
        scan=scan,
        pairs=found.rows,
        pager=pager_of(f"/scans/{scan.id}", found, **filters),
        filters=filters,
    )
    return page("scan.html", view)
