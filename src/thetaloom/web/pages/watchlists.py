"""Watchlists: symbols under a name, added, changed and removed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Form
from starlette.responses import Response

from thetaloom.domain.run.watchlists import DIGEST_SYMBOLS_MAX, LIQUID, Watchlist, clean_symbols
from thetaloom.engine.schedule_commands import RemoveWatchlist, SaveWatchlist
from thetaloom.store.queries.scans import all_watchlists
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.forms import Notice, Word, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.render import page

router = APIRouter(prefix="/watchlists")
Symbols = Annotated[str, Form(max_length=60_000, pattern=r"^[^\x00]*$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchlistsView:
    """All lists; the one that ships cannot be removed."""

    frame: Frame
    lists: Sequence[Watchlist]
    shipped: str
    digest_max: int


@router.get("")
def watchlists(front: FrontDoor, notice: Notice = "") -> Response:
    """Show the lists."""
    view = WatchlistsView(
        frame=frame_of(front, "watchlists", notice),
        lists=all_watchlists(front.database, front.user),
        shipped=LIQUID,
        digest_max=DIGEST_SYMBOLS_MAX,
    )
    return page("watchlists.html", view)


@router.post("")
async def save(front: FrontDoor, name: Word = "", symbols: Symbols = "", digest: Word = "") -> Response:
    """Add a list, or change the one of this name."""
    wanted = clean_symbols(symbols.replace(",", " ").split())
    command = SaveWatchlist(user_id=front.user, name=name.strip(), symbols=wanted, in_digest=bool(digest))
    kept = await front.ask(command, Watchlist)
    return see("/watchlists", f"listed#{quote(kept.name)}")


@router.post("/{name}/removal")
async def remove(front: FrontDoor, name: str) -> Response:
    """Take a list out."""
    await front.tell(RemoveWatchlist(user_id=front.user, name=name))
    return see("/watchlists", "unlisted")
