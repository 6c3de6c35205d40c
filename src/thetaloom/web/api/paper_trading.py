"""The paper account at one address, by the actions that an earlier system published there: stats, positions, history.

There is one more, ``trade``: a run of a strategy on the paper account, approved at once where that is asked for.
"""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Body, Query
from pydantic import ConfigDict, Field, StringConstraints

from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.values.people import Role
from thetaloom.errors import InvalidInput, NotAllowed, Unavailable
from thetaloom.store.queries.paging import Window
from thetaloom.store.queries.positions import list_positions, orders_of_positions, position_tally
from thetaloom.web import suggestions
from thetaloom.web.api import position_records
from thetaloom.web.api.records import Exact, Page, Record
from thetaloom.web.api.suggestion_records import Suggestion
from thetaloom.web.api.workflow import Asked, Symbol
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.permissions import demand
from thetaloom.web.problems import COMMANDED, documented

router = APIRouter(tags=["paper trading"])
HISTORY_MAX = 200


class PaperAction(StrEnum):
    """What to do at this address."""

    TRADE = "trade"
    STATS = "stats"
    POSITIONS = "positions"
    HISTORY = "history"


class PaperTrade(Asked):
    """A trade on the paper account, or a look at it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"symbol": "GOOG", "strategy": "goog-demo-put-credit-spread"}]},
    )

    action: PaperAction | None = Field(default=None, description="By default trade with a strategy, else stats.")
    symbol: Symbol | None = Field(default=None, description="Absent: the strategy's own first symbol.")
    ticker: Symbol | None = Field(default=None, description="Another word for symbol.")
    strategy: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    force: bool = False
    execute: bool = Field(default=False, description="Approve what is proposed at once.")


class PaperStats(Record):
    """What closed on the account so far, and what is held."""

    trades: int
    wins: int
    losses: int
    win_rate: float | None = Field(description="0 to 1; null before the first.")
    realized_pnl: Exact
    open_positions: int
    cash: Exact | None
    net_liquidating_value: Exact | None
    buying_power: Exact | None


class PaperAnswer(Record):
    """The account, and what was asked for."""

    action: PaperAction
    account_id: str
    stats: PaperStats | None = None
    positions: Page[position_records.HeldPosition] | None = Field(default=None, description="Held now, or history.")
    suggestion: Suggestion | None = Field(default=None, description="Of a trade.")


@router.get("/paper-trading", responses=documented(409))
def look(
    front: FrontDoor,
    action: PaperAction = PaperAction.STATS,
    limit: Annotated[int, Query(ge=1, le=HISTORY_MAX)] = 50,
) -> PaperAnswer:
    """Look at the paper account; nothing is changed."""
    if action is PaperAction.TRADE:
        raise InvalidInput("a trade is asked for with POST", details={"action": "trade"})
    return _looked(front, action, limit)


@router.post("/paper-trading", responses=COMMANDED)
async def paper_trading(
    front: FrontDoor,
    asked: Annotated[PaperTrade | None, Body()] = None,
    action: PaperAction | None = None,
    limit: Annotated[int, Query(ge=1, le=HISTORY_MAX)] = 50,
) -> PaperAnswer:
    """Trade on the paper account by a strategy, or look at it. An account with real money is refused."""
    given = asked or PaperTrade()
    meant = given.action or action or (PaperAction.STATS if given.strategy is None else PaperAction.TRADE)
    if meant is not PaperAction.TRADE:
        return await front.read(lambda: _looked(front, meant, limit))
    if given.strategy is None:
        raise InvalidInput("a trade needs the id of a strategy", details={"strategy": "missing"})
    if given.execute:
        demand(front.person, Role.APPROVER)
    account = await front.read(lambda: _paper_account(front))
    symbol = given.symbol or given.ticker
    found = await suggestions.generate(front, symbol, given.strategy, force=given.force)
    if given.execute:
        found = await suggestions.execute(front, found.id, content_hash=found.content_hash, note="paper trade")
    return PaperAnswer(action=meant, account_id=account, suggestion=found)


def _looked(front: Front, action: PaperAction, limit: int) -> PaperAnswer:
    account = _paper_account(front)
    if action is PaperAction.STATS:
        return PaperAnswer(action=action, account_id=account, stats=_stats(front))
    held = action is PaperAction.POSITIONS
    found = list_positions(front.database, front.user, is_open=held, window=Window(limit=limit))
    orders = orders_of_positions(front.database, front.user, found.rows)
    items = [position_records.HeldPosition.of(position, orders[position.id]) for position in found.rows]
    page = Page[position_records.HeldPosition](items=items, total=found.total, limit=found.limit, offset=found.offset)
    return PaperAnswer(action=action, account_id=account, positions=page)


def _paper_account(front: Front) -> str:
    snapshot = _snapshot(front)
    if snapshot.is_live:
        raise NotAllowed("live_account", f"{snapshot.account_id} is an account with real money, not on paper")
    return snapshot.account_id


def _snapshot(front: Front) -> AccountSnapshot:
    front.need_account()
    found = front.account()
    if found is None:
        raise Unavailable("the broker does not answer", advice="Ask again in a moment.")
    return found


def _stats(front: Front) -> PaperStats:
    tally = position_tally(front.database, front.user)
    snapshot = _snapshot(front)
    return PaperStats(
        trades=tally.closed,
        wins=tally.wins,
        losses=tally.losses,
        win_rate=None if not tally.closed else round(tally.wins / tally.closed, 6),
        realized_pnl=tally.realized_pnl,
        open_positions=tally.held,
        cash=snapshot.cash,
        net_liquidating_value=snapshot.net_liquidating_value,
        buying_power=snapshot.buying_power,
    )
