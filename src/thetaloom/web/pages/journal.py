"""The journal: every trade with what it came to, and a person's own words on it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import Response

from thetaloom.domain.values.ids import PositionId
from thetaloom.engine.commands import NoteTrade
from thetaloom.engine.journal import NOTE_MAX, own_position, read_entry
from thetaloom.engine.trade_record import JournalEntry
from thetaloom.store.queries.positions import POSITIONS, list_positions
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.csv_files import csv_file
from thetaloom.web.pages.forms import Notice, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.render import page
from thetaloom.web.pages.table_rules import JOURNAL_TABLE
from thetaloom.web.pages.tables import Asking, TableShown, read_asked, table_of
from thetaloom.web.pages.trade_rows import market_rows, plan_rows

router = APIRouter(prefix="/journal")
# A browser sends two characters for each new line; the engine counts one.
NoteText = Annotated[str, Form(max_length=2 * NOTE_MAX, pattern=r"^[^\x00]*$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalView:
    """Some trades, newest first, and the filters they passed."""

    frame: Frame
    trades: Sequence[JournalEntry]
    table: TableShown


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeView:
    """One trade in full."""

    frame: Frame
    trade: JournalEntry
    market: Sequence[tuple[str, str, str]]  # what, at entry, at exit
    plan: Sequence[tuple[str, str, str]]  # what, planned, real
    note_max: int


@router.get("")
def journal(front: FrontDoor, asking: Asking) -> Response:
    """List the trades, newest first unless sorted."""
    asked, desk = read_asked(JOURNAL_TABLE, asking), front.platform.desk
    with front.platform.store.reading() as uow:
        if asked.is_csv:
            every = POSITIONS.every(front.database, front.user, wish=asked.wish)
            return csv_file(JOURNAL_TABLE, (read_entry(desk, uow, one, front.now) for one in every))
        found = list_positions(front.database, front.user, wish=asked.wish, window=asked.window)
        trades = [read_entry(desk, uow, one, front.now) for one in found.rows]
    view = JournalView(frame=frame_of(front, "journal"), trades=trades, table=table_of(JOURNAL_TABLE, asked, found))
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
