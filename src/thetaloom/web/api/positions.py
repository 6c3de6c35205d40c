"""Positions at the market's prices, their exit rules, closing, and the comparison with the broker's books."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from pydantic import Field

from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.protection import ProtectionShown
from thetaloom.domain.values.ids import AccountId, PositionId
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.engine.commands import ApplyExitRules, ClosePosition, Reconcile, ReplaceTargets, SellShares
from thetaloom.engine.reconcile import Reconciled
from thetaloom.engine.reconciliation.answers import DAYS_BACK_MAX
from thetaloom.engine.reviews import ExitReview
from thetaloom.store.queries.paging import Window
from thetaloom.store.queries.positions import list_positions, orders_of_positions, position_detail
from thetaloom.web.api import finding_records, position_records, records
from thetaloom.web.api.queries import NO_NUL, Id, PageWindow
from thetaloom.web.api.records import Exact, Page, Record
from thetaloom.web.api.workflow import Asked
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.marked import MarkedReview, protections, reviews_of
from thetaloom.web.problems import COMMANDED, documented

router = APIRouter(tags=["positions"])


class MarkedPosition(position_records.HeldPosition):
    """A position with what it is worth now."""

    marks: records.Marks | None = Field(description="null for a closed one, and without market data.")
    unrealized_pnl: Exact | None
    model_mark: Exact | None = Field(
        description="What a structure is worth where quotes give no price to close at; never traded on."
    )
    protection: str | None = Field(description="Who protects it; null for a closed one.", examples=["watched_by_us"])
    protection_cause: str | None = Field(description="Why nobody does.", examples=["blind_quotes"])
    unprotected_minutes: int = Field(description="Of trading hours, since it was opened.")
    model_mark_source: str = Field(description="Of that worth, such as model:svi.", examples=["model:svi"])


class Review(Record):
    """A position held against its exit rules now."""

    position_id: str
    run_id: str
    symbol: str
    answer: str = Field(examples=["hold"])
    reason: str | None = Field(description="Of the rule that is met.")
    quantity: int = Field(description="Structures to close.")
    unrealized_pnl: Exact | None
    marks: records.Marks
    checks: list[records.RuleCheck]


class Reviews(Record):
    """The answer of all open positions."""

    items: list[Review]
    total: int


class Close(Asked):
    """How much of a position to close; without a body, all of it."""

    quantity: int | None = Field(default=None, ge=1, description="Units to close; absent: all of the part.")
    part: str | None = Field(default=None, max_length=40, description="The spread to close; absent: in proportion.")


class Sync(Asked):
    """How to compare."""

    dry_run: bool = Field(default=False, description="Only say what would be done; change nothing.")
    account_id: str | None = Field(default=None, max_length=80, description="By default the account that is traded.")
    position_id: str | None = Field(default=None, max_length=80, description="Only this position.")
    symbol: str | None = Field(default=None, max_length=12, pattern=NO_NUL, description="Only this underlying.")
    cancel_orphans: bool = Field(default=False, description="Cancel orders at the broker that are not ours.")
    replace_targets: bool = Field(default=False, description="Place targets again that a person had canceled, too.")
    days_back: int = Field(default=30, ge=1, le=DAYS_BACK_MAX, description="How far back transactions are linked.")


class Drift(Record):
    """A contract of which the broker holds another number than we."""

    occ_symbol: str
    ours: int
    theirs: int


class SyncPhase(Record):
    """What one phase did, or would do in a dry run."""

    phase: str
    processed: int
    updated: int
    created: int
    errors: int
    seconds: float
    notes: list[str]


class SyncAnswer(Record):
    """What the comparison did and found."""

    dry_run: bool
    reports_applied: int
    orders_delivered: int
    in_step: bool = Field(description="Whether both books hold the same.")
    drifts: list[Drift]
    phases: list[SyncPhase] = Field(description="The seven phases in their order.")
    findings: list[finding_records.Finding] = Field(description="What stands: waiting for a person, or left alone.")


@router.get("/positions", responses=documented())
def positions(
    front: FrontDoor,
    window: PageWindow,
    is_open: Annotated[bool | None, Query(alias="open", description="Held, no longer held, or both.")] = None,
    symbol: Annotated[str | None, Query(max_length=12, pattern=NO_NUL)] = None,
) -> Page[MarkedPosition]:
    """List the positions at the market's prices of this moment."""
    return _marked(front, window, is_open, symbol)


@router.post("/positions/rules/apply", responses=COMMANDED)
async def apply_rules(front: FrontDoor) -> Reviews:
    """Hold the exit rules of all open positions against the market now; what is met closes."""
    reviews = await front.ask(ApplyExitRules(user_id=front.user), tuple)
    return Reviews(items=[_review(review) for review in reviews], total=len(reviews))


@router.post("/positions/{position_id}/close", responses=COMMANDED)
async def close(
    front: FrontDoor, position_id: Id, asked: Annotated[Close | None, Body()] = None
) -> position_records.HeldPosition:
    """Close a position now, or a part of it, by its strategy's way of working an order; resting targets go first."""
    wish = asked or Close()
    command = ClosePosition(
        user_id=front.user, position_id=PositionId(position_id), quantity=wish.quantity, part=wish.part
    )
    return _held(front, await front.ask(command, Position))


@router.post("/positions/{position_id}/sell-shares", responses=COMMANDED)
async def sell_shares(front: FrontDoor, position_id: Id) -> position_records.HeldPosition:
    """Trade away all shares that the position's contracts turned into, now and at the market."""
    command = SellShares(user_id=front.user, position_id=PositionId(position_id))
    return _held(front, await front.ask(command, Position))


@router.post("/positions/{position_id}/targets", responses=COMMANDED)
async def replace_targets(front: FrontDoor, position_id: Id) -> position_records.HeldPosition:
    """Cancel the position's resting targets and place them as its strategy asks for them now."""
    command = ReplaceTargets(user_id=front.user, position_id=PositionId(position_id))
    return _held(front, await front.ask(command, Position))


@router.get("/positions/{position_id}", responses=documented(404))
def position(front: FrontDoor, position_id: Id) -> MarkedPosition:
    """Return one position."""
    found = position_detail(front.database, front.user, PositionId(position_id))
    orders = orders_of_positions(front.database, front.user, [found])[found.id]
    return _with_marks(found, orders, reviews_of(front, [found]).get(found.id), protections(front, [found])[found.id])


@router.post("/refresh-positions", responses=COMMANDED)
async def refresh(front: FrontDoor) -> Page[MarkedPosition]:
    """Read what the broker has to say, then list the open positions."""
    await front.ask(Reconcile(user_id=front.user), Reconciled)
    return await front.read(lambda: _marked(front, Window(), True, None))


@router.post("/sync-positions", responses=COMMANDED)
async def sync(front: FrontDoor, asked: Annotated[Sync | None, Body()] = None) -> SyncAnswer:
    """Bring our books in step with the broker's in seven phases; a dry run says what that would do."""
    wish = asked or Sync()
    command = Reconcile(
        user_id=front.user,
        dry_run=wish.dry_run,
        account_id=None if wish.account_id is None else AccountId(wish.account_id),
        position_id=None if wish.position_id is None else PositionId(wish.position_id),
        symbol=wish.symbol,
        cancel_orphans=wish.cancel_orphans,
        replace_targets=wish.replace_targets,
        days_back=wish.days_back,
    )
    said = await front.ask(command, Reconciled)
    drifts = [Drift(occ_symbol=one.contract.occ_symbol, ours=one.ours, theirs=one.theirs) for one in said.drifts]
    return SyncAnswer(
        dry_run=wish.dry_run,
        reports_applied=said.reports_applied,
        orders_delivered=0 if wish.dry_run else said.orders_delivered,
        in_step=not drifts,
        drifts=drifts,
        phases=[
            SyncPhase(
                phase=one.phase.value,
                processed=one.processed,
                updated=one.updated,
                created=one.created,
                errors=one.errors,
                seconds=one.seconds,
                notes=list(one.notes),
            )
            for one in said.phases
        ],
        findings=[finding_records.Finding.of(one) for one in said.findings],
    )


def _marked(front: Front, window: Window, is_open: bool | None, symbol: str | None) -> Page[MarkedPosition]:
    wanted = canonical_symbol(symbol) if symbol else None
    found = list_positions(front.database, front.user, is_open=is_open, symbol=wanted, window=window)
    reviews = reviews_of(front, found.rows)
    orders = orders_of_positions(front.database, front.user, found.rows)
    shown = protections(front, found.rows)
    items = [_with_marks(row, orders[row.id], reviews.get(row.id), shown[row.id]) for row in found.rows]
    return Page(items=items, total=found.total, limit=found.limit, offset=found.offset)


def _held(front: Front, found: Position) -> position_records.HeldPosition:
    return position_records.HeldPosition.of(found, orders_of_positions(front.database, front.user, [found])[found.id])


def _with_marks(
    found: Position, orders: Sequence[Order], review: MarkedReview | None, protection: ProtectionShown | None
) -> MarkedPosition:
    plain = position_records.held_fields(found, orders)
    marks = None if review is None else records.Marks.model_validate(review.marks)
    shown = None if review is None else review.shown
    return MarkedPosition(
        **plain,
        marks=marks,
        unrealized_pnl=None if review is None else review.unrealized_pnl,
        protection=None if protection is None or not found.is_open else protection.state.value,
        protection_cause=None if protection is None or protection.cause is None else protection.cause.value,
        unprotected_minutes=0 if protection is None else protection.unprotected_minutes,
        model_mark=None if shown is None else shown.worth,
        model_mark_source="" if shown is None else shown.source,
    )


def _review(review: ExitReview) -> Review:
    decision = review.decision
    checks = [records.RuleCheck(**_rule_fields(check)) for check in decision.checks]
    return Review(
        position_id=review.position.id,
        run_id=review.position.run_id,
        symbol=review.position.symbol,
        answer=decision.answer.value,
        reason=decision.reason.value if decision.reason else None,
        quantity=decision.quantity,
        unrealized_pnl=review.unrealized_pnl,
        marks=records.Marks.model_validate(review.marks),
        checks=checks,
    )


def _rule_fields(check: Any) -> dict[str, Any]:
    rule = check.rule
    return {
        "kind": rule.kind.value,
        "unit": rule.unit.value,
        "priority": rule.priority,
        "quantity_percent": rule.quantity_percent,
        "met": check.met,
        "value": check.value,
        "threshold": check.threshold,
        "distance": check.distance,
    }
