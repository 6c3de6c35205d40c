"""The journal: every trade with what it came to, and a person's own words on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from thetaloom.domain.values.ids import PositionId
from thetaloom.engine.commands import NoteTrade
from thetaloom.engine.journal import NOTE_MAX, own_position, read_entry
from thetaloom.engine.trade_record import JournalEntry
from thetaloom.store.queries.positions import list_positions
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.forms import Notice, PageNumber, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.paging import Pager, pager_of, window_of
from thetaloom.web.pages.render import page
from thetaloom.web.pages.trade_rows import market_rows, plan_rows

router = APIRouter(prefix="/journal")
HELD = {"open": True, "closed": False}
# A browser sends two characters for each new line; the engine counts one.
NoteText = Annotated[str, Form(max_length=2 * NOTE_MAX, pattern=r"^[^\x00]*$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalView:
    """Some trades, newest first, and the filters they passed."""

    frame: Frame
    trades: Sequence[JournalEntry]
    pager: Pager
    filters: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeView:
    """One trade in full."""

    frame: Frame
    trade: JournalEntry
    market: Sequence[tuple[str, str, str]]  # what, at entry, at exit
    plan: Sequence[tuple[str, str, str]]  # what, planned, real
    note_max: int


@router.get("")
def journal(
    front: FrontDoor,
    held: Annotated[str, Query(max_length=10)] = "",
    symbol: Annotated[str, Query(max_length=12)] = "",
    number: Annotated[PageNumber, Query(alias="page")] = 1,
) -> Response:
    """List the trades, newest first."""
    filters = {"held": held if held in HELD else "", "symbol": symbol.strip().upper()}
    found = list_positions(
        front.database,
        front.user,
        is_open=HELD.get(held),
        symbol=filters["symbol"] or None,
        window=window_of(number),
    )
    with front.platform.store.reading() as uow:
        trades = [read_entry(front.platform.desk, uow, one, front.now) for one in found.rows]
    view = JournalView(
        frame=frame_of(front, "journal"),
        trades=trades,
        pager=pager_of("/journal", found, **filters),
        filters=filters,
    )
    return page("journal.html", view)


@router.get("/{position_id}")
def trade(front: FrontDoor, position_id: str, notice: Notice = "") -> Response:
    """Show one trade."""
    with front.platform.store.reading() as uow:
        held = own_position(uow, front.user, PositionId(position_id))
        entry = read_entry(front.platform.desk, uow, held, front.now)
    view = TradeView(
        frame=frame_of(front, "journal", notice),
        trade=entry,
        market=market_rows(entry),
        plan=plan_rows(entry),
        note_max=NOTE_MAX,
    )
    return page("trade.html", view)


@router.post("/{position_id}/note")
async def note(front: FrontDoor, position_id: str, text: Annotated[NoteText, Form(alias="note")] = "") -> Response:
    """Write a note to a trade; an empty one takes it out."""
    words = text.replace("\r\n", "\n")
    wish = NoteTrade(user_id=front.user, position_id=PositionId(position_id), note=words)
    noted = await front.ask(wish, JournalEntry)
    return see(f"/journal/{noted.position_id}", "noted" if noted.note else "note_gone")
