"""The trading page: the account, one symbol and strategy, the proposal to decide on, and how its order gets on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated

from fastapi import APIRouter, Form, Header, Query
from starlette.responses import RedirectResponse, Response

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.run.why import Why
from thetaloom.domain.values.ids import ClientOrderId, PositionId, ProposalId, RunId
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.engine.risk_view import RiskView, risk_view
from thetaloom.errors import InvalidInput, NotAllowed, NotFound, OutcomeUnknown, Unavailable
from thetaloom.store.queries.orders import list_orders
from thetaloom.store.queries.paging import Window
from thetaloom.store.queries.positions import list_positions
from thetaloom.store.queries.proposals import list_proposals, proposal_detail
from thetaloom.store.queries.runs import RunDetail, run_detail
from thetaloom.store.queries.why import why_of
from thetaloom.web import suggestions
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.marked import MarkedReview, reviews_of
from thetaloom.web.pages.budget_bar import BudgetBar, budget_bar
from thetaloom.web.pages.dashboard import Choice, choices
from thetaloom.web.pages.forms import Notice, Word, Words, count_of
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.order_notes import OrderNote, order_notes
from thetaloom.web.pages.render import page
from thetaloom.web.pages.ticket import Ticket, ticket_of

router = APIRouter(prefix="/trading")
SHOWN = 6
SYMBOLS_SHOWN = 500
UNDO_SECONDS = 5
GENERATE_SECONDS = 3.0  # after that the page shows how far the run is
LOOKING = "looking"  # the part of the page that asks again until the run has come to something


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingView:
    """All of the page; ``ticket`` is what is decided on, ``why`` the no of a run that proposed nothing."""

    frame: Frame
    account: AccountSnapshot | None
    risk: RiskView | None
    bar: BudgetBar | None
    symbols: Sequence[str]
    strategies: Sequence[Choice]
    symbol: str
    strategy: str
    spot: Price | None
    ticket: Ticket | None
    refused: RunDetail | None  # a run that ended without a proposal
    looking: RunDetail | None  # a run that goes on
    newer: Sequence[Proposal]  # that wait, of this symbol and after the one that is shown
    why: Why | None
    orders: Sequence[Order]  # of the run that is shown
    fills: Sequence[Fill]
    pending: Sequence[Order]
    notes: Mapping[ClientOrderId, OrderNote]
    positions: Sequence[Position]
    reviews: Mapping[PositionId, MarkedReview]
    recent: Sequence[Proposal]
    undo_seconds: int


@router.get("")
def without_slash() -> Response:
    """Lead to the page."""
    return RedirectResponse("/trading/", 308)


@router.get("/")
def trading(
    front: FrontDoor,
    symbol: Annotated[str, Query(max_length=12)] = "",
    strategy: Annotated[str, Query(max_length=64)] = "",
    proposal: Annotated[str, Query(max_length=128)] = "",
    run: Annotated[str, Query(max_length=128)] = "",
    notice: Notice = "",
    asking: Annotated[str, Header(alias="hx-target", max_length=64)] = "",
) -> Response:
    """Show the page: of a proposal, of a run, or of the newest proposal of the symbol that waits."""
    waiting = _waiting(front, symbol)
    chosen = _chosen(front, proposal or ("" if run or not waiting else waiting[0].id), run)
    refused, looking = _without_proposal(chosen)
    if asking == LOOKING and looking is None:
        return Response(headers={"HX-Refresh": "true"})
    strategies = choices(front)
    symbols = tuple(front.platform.market.symbols())[:SYMBOLS_SHOWN]
    wanted = canonical_symbol(symbol) or (chosen.run.symbol if chosen else "") or next(iter(symbols), "")
    recent = list_proposals(front.database, front.user, symbol=wanted or None, window=Window(limit=SHOWN)).rows
    shown = _shown(front, proposal, chosen)
    held = list_positions(front.database, front.user, is_open=True, symbol=wanted or None, window=Window(limit=SHOWN))
    pending = list_orders(front.database, front.user, is_open=True, window=Window(limit=SHOWN)).rows
    orders = chosen.orders if chosen else ()
    risk = _risk(front)
    view = TradingView(
        frame=frame_of(front, "trading", notice),
        account=None if risk is None else risk.snapshot,
        risk=risk,
        bar=None if risk is None else budget_bar(risk.budget),
        symbols=symbols,
        strategies=strategies,
        symbol=wanted,
        strategy=strategy.strip() or (chosen.run.strategy_id if chosen else ""),
        spot=_spot(front, wanted),
        ticket=None if shown is None else ticket_of(front, shown, UNDO_SECONDS),
        refused=refused,
        looking=looking,
        newer=[one for one in waiting if one.symbol == wanted and _is_after(one, shown)],
        why=None if refused is None else why_of(front.database, front.user, refused),
        orders=orders,
        fills=chosen.fills if chosen else (),
        pending=[order for order in pending if order not in orders],
        notes=order_notes(front, (*orders, *pending)),
        positions=held.rows,
        reviews=reviews_of(front, held.rows),
        recent=recent,
        undo_seconds=UNDO_SECONDS,
    )
    return page("trading.html", view)


@router.post("/proposals")
async def generate(
    front: FrontDoor, symbol: Word, strategy_id: Word, force: Annotated[str, Form(max_length=8)] = ""
) -> Response:
    """Run the strategy on the symbol and show what it proposes, or why it does not."""
    try:
        found = await suggestions.generate(front, symbol, strategy_id, force=force == "yes", seconds=GENERATE_SECONDS)
    except (NotAllowed, OutcomeUnknown) as refusal:
        ended = refusal.details.get("run_id")
        if not isinstance(ended, str):
            raise
        return _see(run=ended)
    return _see(proposal=found.id)


@router.post("/proposals/{proposal_id}/execution")
async def execute(
    front: FrontDoor,
    proposal_id: str,
    content_hash: Annotated[str, Form(min_length=64, max_length=64)],
    credit: Word = "",
    shown_credit: Word = "",
    confirmed: Annotated[str, Form(max_length=8)] = "",
) -> Response:
    """Approve what was shown; with another limit in the field, a version of it at that limit."""
    shown = await front.read(lambda: proposal_detail(front.database, front.user, ProposalId(proposal_id)))
    if shown.needs_confirmation and confirmed != "yes":
        raise InvalidInput(
            f"not approved: {'; '.join(shown.warnings)}", advice="Go back, read the warning and tick the box."
        )
    wanted = None if credit.strip() == shown_credit.strip() else _credit_of(credit)
    done = await suggestions.execute(front, shown.id, custom_credit=wanted, content_hash=content_hash)
    return _see(proposal=done.id, notice="approved")


@router.post("/proposals/{proposal_id}/version")
async def modify(
    front: FrontDoor,
    proposal_id: str,
    content_hash: Annotated[str, Form(min_length=64, max_length=64)],
    credit: Word = "",
    shown_credit: Word = "",
    quantity: Word = "",
) -> Response:
    """Have a version made with another limit or quantity, and show it."""
    wanted = None if credit.strip() == shown_credit.strip() else _credit_of(credit)
    made = await suggestions.modify(
        front,
        proposal_id,
        custom_credit=wanted,
        quantity=count_of(quantity, "quantity"),
        content_hash=content_hash,
    )
    return _see(proposal=made.id, notice="modified")


@router.post("/proposals/{proposal_id}/rejection")
async def reject(front: FrontDoor, proposal_id: str, reason: Words = "") -> Response:
    """Reject, with a reason in words."""
    done = await suggestions.reject(front, proposal_id, reason.strip())
    return _see(proposal=done.id, notice="rejected")


def _see(*, proposal: str = "", run: str = "", notice: str = "") -> RedirectResponse:
    query = f"proposal={proposal}" if proposal else f"run={run}"
    return RedirectResponse(f"/trading/?{query}{f'&notice={notice}' if notice else ''}", 303)


def _chosen(front: Front, proposal: str, run: str) -> RunDetail | None:
    of_run = RunId(run)
    if proposal:
        of_run = proposal_detail(front.database, front.user, ProposalId(proposal)).run_id
    return run_detail(front.database, front.user, of_run) if of_run else None


def _waiting(front: Front, symbol: str) -> list[Proposal]:
    """Return the proposals that can be decided on, the newest first."""
    found = list_proposals(
        front.database,
        front.user,
        status=ProposalStatus.PENDING,
        symbol=canonical_symbol(symbol) or None,
        window=Window(limit=SHOWN),
    )
    return [one for one in found.rows if front.now < one.expires_at]


def _is_after(one: Proposal, shown: Proposal | None) -> bool:
    return shown is None or (one.id != shown.id and one.created_at >= shown.created_at)


def _without_proposal(chosen: RunDetail | None) -> tuple[RunDetail | None, RunDetail | None]:
    """Return the run as one that came to nothing, or as one that goes on."""
    if chosen is None or chosen.proposals:
        return None, None
    is_over = chosen.run.is_final or chosen.run.status is RunStatus.ERROR
    return (chosen, None) if is_over else (None, chosen)


def _shown(front: Front, proposal: str, chosen: RunDetail | None) -> Proposal | None:
    if chosen is None or not chosen.proposals:
        return None
    if not proposal:
        return chosen.proposals[-1]
    return next((one for one in chosen.proposals if one.id == proposal), None)


def _risk(front: Front) -> RiskView | None:
    if not front.has_account:
        return None
    try:
        return risk_view(front.platform.desk, front.user)
    except Unavailable:
        return None


def _spot(front: Front, symbol: str) -> Price | None:
    try:
        return front.platform.market.spot(symbol, front.now) if symbol else None
    except (Unavailable, NotFound):
        return None


def _credit_of(text: str) -> Decimal:
    try:
        wanted = Decimal(text.strip().replace("−", "-"))
    except InvalidOperation:
        raise InvalidInput(f"{text[:40]!r} is no price; a good one: 1.05", details={"field": "credit"}) from None
    if not wanted.is_finite() or abs(wanted) >= 100_000:
        raise InvalidInput(f"{text[:40]!r} is no price; a good one: 1.05", details={"field": "credit"})
    return wanted
