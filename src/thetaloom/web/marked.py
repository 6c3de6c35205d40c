"""Positions at the market's prices of this moment, and at a model's where there is none to believe."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from thetaloom.domain.book.exits import ExitDecision, Marks
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.protection import ProtectionShown
from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import PositionId
from thetaloom.domain.values.money import Money
from thetaloom.engine.journal import read_protection
from thetaloom.engine.portfolio_greeks import Greeks, portfolio_greeks
from thetaloom.engine.reviews import ExitReview, review_position
from thetaloom.engine.shown_marks import ShownMarks, shown_marks
from thetaloom.errors import Unavailable
from thetaloom.web.front import Front


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedReview:
    """What is known of an open position now."""

    review: ExitReview
    shown: ShownMarks | None  # only where the quotes give no price to close at

    @property
    def marks(self) -> Marks:
        """What the exit rules look at; never a model's."""
        return self.review.marks

    @property
    def decision(self) -> ExitDecision:
        """What the exit rules say."""
        return self.review.decision

    @property
    def unrealized_pnl(self) -> Money | None:
        """Profit and loss at mid; unknown without quotes that can be believed."""
        return self.review.unrealized_pnl


def reviews_of(front: Front, positions: Iterable[Position]) -> Mapping[PositionId, MarkedReview]:
    """Return what is known now of those positions that are open; one without market data is left out."""
    held = [position for position in positions if position.is_open]
    if not held:
        return {}
    found = {}
    with front.platform.store.reading() as seen:
        strategies = {}
        for position in held:
            run = seen.runs.get(position.run_id)
            if run is not None:
                strategies[position.id] = seen.strategies.revision(run.user_id, run.strategy_id, run.strategy_revision)
    desk, now = front.platform.desk, front.now
    for position in held:
        stored = strategies.get(position.id)
        if stored is None:
            continue
        try:
            review = review_position(desk, position, stored.strategy, now)
            shown = shown_marks(desk, position, now) if review.marks.close_price is None else None
        except Unavailable:
            continue
        found[position.id] = MarkedReview(review=review, shown=shown)
    return found


def protections(front: Front, positions: Iterable[Position]) -> Mapping[PositionId, ProtectionShown | None]:
    """Return who protects each position now."""
    with front.platform.store.reading() as uow:
        return {one.id: read_protection(front.platform.desk, uow, one, front.now) for one in positions}


def greeks_of(front: Front, position: Position, at: datetime) -> Greeks:
    """Return the greeks of all that a position holds; unknown unless every quote can be believed."""
    legs = tuple(Leg(contract=contract, ratio=quantity) for contract, quantity in position.held.items())
    try:
        found = portfolio_greeks(front.platform.desk, [(legs, position.symbol, 1)], at, weighted=False)
    except Unavailable:
        return Greeks()
    return found if found.delta is None else replace(found, delta=found.delta + position.shares_held)


def account_of(front: Front) -> AccountSnapshot | None:
    """Return the balances; ``None`` where the account is not this person's, or the broker does not answer."""
    desk = front.platform.desk
    with front.platform.store.reading() as seen:
        owner = seen.accounts.owner(desk.broker.account_id)
    if owner != front.user:
        return None
    try:
        return desk.broker.account()
    except Unavailable:
        return None
