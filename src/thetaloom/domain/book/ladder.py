"""The ladder of closing limits as expiration nears: what a spread may cost on each day, and one order a day for it."""

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum

from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import CENT, Price
from thetaloom.errors import InvalidInput

# Share of the max loss that the limit gives up, by days to expiration; from 7 days on it is breakeven.
LOSS_SHARES: dict[int, Decimal] = {6: Decimal("0.7"), 5: Decimal("0.8"), 4: Decimal("0.9")}
WHOLE_LOSS_DTE = 3  # at and under it, all of it
CREDIT_LIMIT_MIN = Decimal("0.10")
OVER_CANCELED_TARGET = Decimal("1.1")  # a target that was not filled was too cheap
RETRIES_MAX = 3


class LadderAction(StrEnum):
    """What to do with the spread's ladder order."""

    PLACE = "place"
    KEEP = "keep"
    REPLACE = "replace"  # cancel what works, and place again at the new limit once it is out
    NOTIFY = "notify"  # a person must look


class LadderOrder(StrEnum):
    """How the ladder's last order stands."""

    NONE = "none"
    IN_DOUBT = "in_doubt"  # sent, or being canceled, and not answered
    WORKING = "working"
    FILLED = "filled"
    DEAD = "dead"  # canceled, refused, denied or expired


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderSpread:
    """One spread that the ladder closes."""

    entry_price: Price  # net per share, credit positive
    width: Price  # distance of its strikes
    is_managed: bool = True  # opened by us with targets; of any other a person is told


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderState:
    """What the ladder remembers of one spread."""

    last_processed_dte: int | None = None
    current_order_id: ClientOrderId | None = None
    current_limit_price: Price | None = None
    order_placed_at: datetime | None = None
    retry_count: int = 0
    last_error: str = ""
    cancelled_targets: tuple[Price, ...] = ()  # limits of the targets that were canceled for it
    notified_dte: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderDecision:
    """What to do, at which limit, why, and what to remember once it is done."""

    action: LadderAction
    why: str
    state: LadderState
    limit_price: Price | None = None


FRESH = LadderState()


def ladder_limit(
    spread: LadderSpread, dte: int, cancelled_targets: tuple[Price, ...] = (), tick: Decimal = CENT
) -> Price:
    """Return the closing order's net limit on a day: what we pay is negative.

    Rounded to ``tick`` toward more for us, except for the two floors of what must at least be paid, which are
    rounded up; never more is paid than the width, which brokers refuse.
    """
    if dte < 0:
        raise InvalidInput(f"the spread expired {-dte} days ago; there is nothing to close")
    if spread.width <= 0 or not -spread.width <= spread.entry_price <= spread.width or spread.entry_price == 0:
        raise InvalidInput(f"an entry at {spread.entry_price} is none of a spread {spread.width} wide")
    entry, share = Decimal(spread.entry_price), _loss_share(dte)
    if entry < 0:
        return Price(_rounded(-entry * (1 - share), tick, ROUND_CEILING))
    width = _rounded(Decimal(spread.width), tick, ROUND_FLOOR)
    wanted = _rounded(entry + share * (Decimal(spread.width) - entry), tick, ROUND_FLOOR)
    floors = [CREDIT_LIMIT_MIN, *(abs(Decimal(price)) * OVER_CANCELED_TARGET for price in cancelled_targets)]
    least = max(_rounded(floor, tick, ROUND_CEILING) for floor in floors)
    return -Price(min(max(wanted, least), width))


def decide_ladder(
    state: LadderState,
    spread: LadderSpread,
    dte: int,
    order: LadderOrder,
    *,
    threshold_dte: int,
    now: datetime,
    order_id: ClientOrderId,
    tick: Decimal = CENT,
) -> LadderDecision:
    """Say what the ladder does today; asked again on the same day it says the same, or keeps what stands.

    ``order_id`` is what the next order would be called. A day is done with when its order works or filled; one that
    died is tried three times more, and then a person is told, once. A fall of the days starts over with a new limit.
    """
    if dte < 0:
        return _keep(state, "expired: what is left is settled, not closed")
    if dte > threshold_dte:
        return _keep(state, f"begins at {threshold_dte} DTE")
    if order is LadderOrder.FILLED:
        return _keep(state, "filled")
    if order is LadderOrder.IN_DOUBT:
        return _keep(state, "the broker has not answered; nothing is sent twice")
    last = state.last_processed_dte
    if last is not None and dte > last:
        return _keep(state, f"{last} DTE was processed already")
    if not spread.is_managed:
        return _notify(state, dte, "not managed by us, or without targets: only a person may close it")
    if last != dte:
        fresh = replace(state, retry_count=0, last_error="")
        action = LadderAction.REPLACE if order is LadderOrder.WORKING else LadderAction.PLACE
        return _order(action, fresh, spread, dte, now, order_id, tick)
    if order is LadderOrder.WORKING:
        return _keep(state, "today's order works")
    if state.retry_count >= RETRIES_MAX:
        return _notify(state, dte, f"{RETRIES_MAX} retries failed: {state.last_error or 'the order died'}")
    again = replace(state, retry_count=state.retry_count + 1)
    return _order(LadderAction.PLACE, again, spread, dte, now, order_id, tick)


def ladder_order(order: Order | None) -> LadderOrder:
    """Return how the ladder's order stands."""
    if order is None:
        return LadderOrder.NONE
    if order.status is OrderStatus.FILLED:
        return LadderOrder.FILLED
    if order.status is OrderStatus.WORKING:
        return LadderOrder.WORKING
    in_doubt = (OrderStatus.STAGED, OrderStatus.SUBMITTED, OrderStatus.PENDING_CANCEL)
    return LadderOrder.IN_DOUBT if order.status in in_doubt else LadderOrder.DEAD


def with_error(state: LadderState, message: str) -> LadderState:
    """Return the state with why its order died."""
    return replace(state, last_error=message)


def with_cancelled_targets(state: LadderState, limits: tuple[Price, ...]) -> LadderState:
    """Return the state with the limits of targets that were canceled to make way; each is remembered once."""
    return replace(state, cancelled_targets=tuple(sorted({*state.cancelled_targets, *limits})))


def _loss_share(dte: int) -> Decimal:
    return Decimal(1) if dte <= WHOLE_LOSS_DTE else LOSS_SHARES.get(dte, Decimal(0))


def _rounded(number: Decimal, tick: Decimal, rounding: str) -> Decimal:
    return (number / tick).to_integral_value(rounding) * tick


def _keep(state: LadderState, why: str) -> LadderDecision:
    return LadderDecision(action=LadderAction.KEEP, why=why, state=state)


def _notify(state: LadderState, dte: int, why: str) -> LadderDecision:
    if state.notified_dte == dte:
        return _keep(state, "a person was told today")
    told = replace(state, notified_dte=dte)
    return LadderDecision(action=LadderAction.NOTIFY, why=why, state=told)


def _order(
    action: LadderAction,
    state: LadderState,
    spread: LadderSpread,
    dte: int,
    now: datetime,
    order_id: ClientOrderId,
    tick: Decimal,
) -> LadderDecision:
    limit = ladder_limit(spread, dte, state.cancelled_targets, tick)
    placed = replace(
        state, last_processed_dte=dte, current_order_id=order_id, current_limit_price=limit, order_placed_at=now
    )
    why = f"{dte} DTE" if state.retry_count == 0 else f"{dte} DTE, retry {state.retry_count}"
    return LadderDecision(action=action, why=why, state=placed, limit_price=limit)
