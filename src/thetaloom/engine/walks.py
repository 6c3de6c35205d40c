"""What an order's walk rests on beside its quotes: the strategy's view, the session and how such orders filled."""

from datetime import datetime
from decimal import Decimal

from thetaloom.domain.book.fill_places import places_of_fills
from thetaloom.domain.book.orders import Effect
from thetaloom.domain.book.walk_plan import HISTORY_MAX, settled_walk
from thetaloom.domain.strategy.strategies import Bias, OrderPreset, OrderRule, Strategy
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import AccountId
from thetaloom.engine.desk import Desk

FILLS_READ = HISTORY_MAX * 8  # of any structure; those of the same name are kept

EXIT_REACH = Decimal(1)  # an exit may pay the whole half-spread: to stay in costs more


def walk_of(strategy: Strategy) -> OrderRule:
    """Return how the strategy's orders walk, with every number filled in."""
    return settled_walk(strategy.order, directional=Bias.NEUTRAL not in strategy.biases)


def opened_at(desk: Desk, now: datetime) -> datetime | None:
    """Return when the session under way began; ``None`` while closed."""
    session = desk.calendar.session_at(now)
    return None if session is None else session.open_at


def past_places(
    desk: Desk, rule: OrderRule, account: AccountId, effect: Effect, legs: tuple[Leg, ...]
) -> tuple[Decimal, ...]:
    """Return where such orders of the account filled, newest first; read only for a walk that adapts."""
    if rule.preset is not OrderPreset.ADAPTIVE:
        return ()
    with desk.store.reading() as uow:
        fills = uow.orders.recent_fills(account, effect, FILLS_READ)
    return places_of_fills(fills, legs)[:HISTORY_MAX]
