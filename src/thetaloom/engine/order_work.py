"""How an order is worked: stage, walk, wait or cancel. One decision for entries and exits alike."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.book.execution_quality import place_of
from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.price_walk import CHANGE_MIN, most_to_pay, sane_floor, walk_limit
from thetaloom.domain.book.walk_plan import WalkPlan, WalkSituation, plan_walk, settled_walk
from thetaloom.domain.market.quotes import Quote, judge_quote
from thetaloom.domain.strategy.strategies import OrderRule
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied
from thetaloom.domain.values.ticks import TickRule, quoted_in_pennies, tick_rule

REST = timedelta(minutes=15)  # how often an order that has walked its way is looked at; its report comes by itself
QUOTE_RETRY = timedelta(seconds=15)  # how soon an order looks again after quotes that can't be believed


class OrderAction(StrEnum):
    """What to do with an order now."""

    STAGE = "stage"
    SEND = "send"  # staged before a crash and certainly not sent
    REPLACE = "replace"
    CANCEL = "cancel"
    WAIT = "wait"
    REFUSE = "refuse"


class MoveCause(StrEnum):
    """Why a limit stands where it was put."""

    START = "start"  # the first limit
    STEP = "step"  # the next place of the walk, at live quotes
    MARKET = "market"  # the last place of the walk, after the quotes
    FLOOR = "floor"  # the walk would go on, but the worst price allowed is reached
    WORTH = "worth"  # the legs can never be worth more
    CHOSEN = "chosen"  # a person's own limit, which does not walk
    TIME = "time"  # the order's time is up


DELIVERED = frozenset({OrderAction.STAGE, OrderAction.SEND, OrderAction.REPLACE, OrderAction.CANCEL})


@dataclass(frozen=True, slots=True, kw_only=True)
class LegQuote:
    """One leg of the order with its quote; ``None`` when there is none."""

    leg: Leg
    quote: Quote | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWork:
    """All that the next move of an order rests on."""

    legs: tuple[LegQuote, ...]
    order: Order | None
    rule: OrderRule  # what it leaves open is filled in as for a neutral view
    interval_seconds: int  # an adaptive walk has its own
    floor: Price | None  # the worst net price allowed; None for exits, which may go to natural
    quote_age_seconds_max: int
    is_open: bool
    next_open_at: datetime
    cancel_at: datetime  # when an order staged now gives up
    now: datetime
    closes: bool = False  # takes a position down: worthless legs need no bid
    opened_at: datetime | None = None  # of the trading session
    urgent: bool = False  # waiting costs more than the spread
    past_places: tuple[Decimal, ...] = ()  # where such orders filled, for an adaptive walk
    penny_classes: tuple[str, ...] = ()  # roots known to be in the penny program
    chosen: Price | None = None  # a limit that a person chose; it stays where it is


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMove:
    """What to do, at which limit, and when to look again."""

    verdict: Verdict
    action: OrderAction
    limit_price: Price | None = None
    mid_price: Price | None = None
    natural_price: Price | None = None
    look_again_at: datetime
    step: int | None = None  # of the walk, 0 = the first limit
    width: Price | None = None  # of the structure's bid and ask, twice the way from mid to natural
    place: Decimal | None = None  # of the limit between mid (0) and natural (1)
    cause: MoveCause | None = None


def next_move(work: OrderWork) -> OrderMove:
    """Decide the next move of an order from live quotes."""
    order = work.order
    if order is None:
        return _first_move(work)
    if order.status is OrderStatus.STAGED:
        return OrderMove(
            verdict=ALLOWED, action=OrderAction.SEND, limit_price=order.limit_price, look_again_at=_later(work)
        )
    if order.status is not OrderStatus.WORKING:
        return OrderMove(verdict=ALLOWED, action=OrderAction.WAIT, look_again_at=_later(work))
    if work.now >= order.expires_at:
        return OrderMove(verdict=ALLOWED, action=OrderAction.CANCEL, look_again_at=_later(work), cause=MoveCause.TIME)
    if work.chosen is not None:
        return OrderMove(verdict=ALLOWED, action=OrderAction.WAIT, look_again_at=min(order.expires_at, work.now + REST))
    return _walk(work, order)


def net_prices(legs: tuple[LegQuote, ...]) -> tuple[Price | None, Price | None]:
    """Return mid and natural net price, credit positive; unknown unless every leg has both sides."""
    mid, natural = Price(0), Price(0)
    for entry in legs:
        quote = entry.quote
        if quote is None or quote.bid is None or quote.ask is None or quote.mid is None:
            return None, None
        ratio = entry.leg.ratio
        mid -= quote.mid * ratio
        natural -= (quote.ask if ratio > 0 else quote.bid) * ratio
    return mid, natural


def judge_legs(legs: tuple[LegQuote, ...], now: datetime, age_seconds_max: int, *, closes: bool = False) -> Verdict:
    """Say whether all legs' quotes may be traded on; the first that may not answers."""
    for entry in legs:
        age_max, to_sell = timedelta(seconds=age_seconds_max), entry.leg.ratio < 0
        verdict = judge_quote(entry.quote, now, age_max, to_sell=to_sell, closes=closes)
        if not verdict.is_allowed:
            return Verdict(
                answer=verdict.answer,
                reason=verdict.reason,
                facts={"leg": entry.leg.contract.compact, **verdict.facts},
            )
    return ALLOWED


def _first_move(work: OrderWork) -> OrderMove:
    if not work.is_open:
        verdict = denied(Reason.MARKET_CLOSED, next_open=work.next_open_at.isoformat())
        return OrderMove(verdict=verdict, action=OrderAction.REFUSE, look_again_at=work.next_open_at)
    verdict = judge_legs(work.legs, work.now, work.quote_age_seconds_max, closes=work.closes)
    mid, natural = net_prices(work.legs)
    if not verdict.is_allowed or mid is None or natural is None:
        return OrderMove(verdict=verdict, action=OrderAction.REFUSE, look_again_at=work.now + QUOTE_RETRY)
    return _to(work, OrderAction.STAGE, 0, mid, natural)


def _walk(work: OrderWork, order: Order) -> OrderMove:
    verdict = judge_legs(work.legs, work.now, work.quote_age_seconds_max, closes=work.closes)
    mid, natural = net_prices(work.legs)
    believable = verdict.is_allowed and mid is not None and natural is not None
    steps_max = _steps_max(work, mid, natural)
    if work.floor is not None and order.revision >= steps_max:  # an exit without a floor follows the market
        return OrderMove(verdict=ALLOWED, action=OrderAction.WAIT, look_again_at=min(order.expires_at, work.now + REST))
    if not believable or mid is None or natural is None:
        return OrderMove(verdict=ALLOWED, action=OrderAction.WAIT, look_again_at=_later(work))
    # By the clock, so that a step which found nothing to change does not hold up those after it.
    elapsed = work.now - order.staged_at
    step = max(order.revision + 1, int(elapsed / timedelta(seconds=_plan(work, mid, natural).interval_seconds)))
    move = _to(work, OrderAction.REPLACE, step, mid, natural)
    if move.limit_price is None or abs(move.limit_price - order.limit_price) < CHANGE_MIN:
        return replace(move, action=OrderAction.WAIT, limit_price=None, place=None, cause=None)
    return move


def _to(work: OrderWork, action: OrderAction, step: int, mid: Price, natural: Price) -> OrderMove:
    ticks, plan = ticks_of(work.legs, work.penny_classes), _plan(work, mid, natural)
    legs = tuple(entry.leg for entry in work.legs)
    floor = sane_floor(work.floor, legs)
    limit = walk_limit(work.rule, step, mid=mid, natural=natural, floor=floor, ticks=ticks, places=plan.places)
    limit = limit if work.chosen is None else ticks.up(work.chosen)
    steps_max = _steps_max(work, mid, natural)
    return OrderMove(
        verdict=ALLOWED,
        action=action,
        limit_price=limit,
        mid_price=mid,
        natural_price=natural,
        look_again_at=_later(work, plan),
        step=min(step, steps_max),
        width=(mid - natural) * 2,
        place=place_of(limit, mid, natural),
        cause=_cause(work, legs, limit, ticks, step=step, steps_max=steps_max),
    )


def _cause(
    work: OrderWork, legs: tuple[Leg, ...], limit: Price, ticks: TickRule, *, step: int, steps_max: int
) -> MoveCause:
    if work.chosen is not None:
        return MoveCause.CHOSEN
    if work.floor is not None and limit == ticks.up(work.floor):
        return MoveCause.FLOOR
    worth = most_to_pay(legs)
    if worth is not None and limit == ticks.up(worth):
        return MoveCause.WORTH
    if step == 0:
        return MoveCause.START
    return MoveCause.STEP if step <= steps_max else MoveCause.MARKET


def ticks_of(legs: tuple[LegQuote, ...], penny_classes: tuple[str, ...] = ()) -> TickRule:
    """Return the steps of the net price; a class whose own quotes lie between nickels is in the penny program."""
    proved = [entry.leg.contract.root for entry in legs if _proves_pennies(entry.quote)]
    return tick_rule([entry.leg for entry in legs], (*penny_classes, *proved))


def _proves_pennies(quote: Quote | None) -> bool:
    return quote is not None and quoted_in_pennies((quote.bid, quote.ask))


def _plan(work: OrderWork, mid: Price, natural: Price) -> WalkPlan:
    staged_at = work.now if work.order is None else work.order.staged_at
    give_up = work.cancel_at if work.order is None else work.order.expires_at
    situation = WalkSituation(
        time_left=give_up - staged_at,
        since_open=None if work.opened_at is None else staged_at - work.opened_at,
        urgent=work.urgent,
        places=work.past_places,
    )
    plan = plan_walk(work.rule, situation, half_spread=mid - natural)
    return plan if plan.places else replace(plan, interval_seconds=work.interval_seconds)


def _steps_max(work: OrderWork, mid: Price | None, natural: Price | None) -> int:
    places = () if mid is None or natural is None else _plan(work, mid, natural).places
    return len(places) or settled_walk(work.rule).steps_max or 0


def _later(work: OrderWork, plan: WalkPlan | None = None) -> datetime:
    give_up = work.order.expires_at if work.order is not None else work.cancel_at
    step = work.now + timedelta(seconds=work.interval_seconds if plan is None else plan.interval_seconds)
    return min(step, give_up) if give_up > work.now else step
