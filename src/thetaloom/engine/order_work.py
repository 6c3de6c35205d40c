"""How an order is worked: stage, walk, wait or cancel. One decision for entries and exits alike."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.price_walk import walk_limit, walk_tick
from thetaloom.domain.market.quotes import Quote, judge_quote
from thetaloom.domain.strategy.strategies import OrderRule
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied

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
    rule: OrderRule
    interval_seconds: int
    floor: Price | None  # the worst net price allowed; None for exits, which may go to natural
    quote_age_seconds_max: int
    is_open: bool
    next_open_at: datetime
    cancel_at: datetime  # when an order staged now gives up
    now: datetime
    closes: bool = False  # takes a position down: worthless legs need no bid


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderMove:
    """What to do, at which limit, and when to look again."""

    verdict: Verdict
    action: OrderAction
    limit_price: Price | None = None
    mid_price: Price | None = None
    natural_price: Price | None = None
    look_again_at: datetime


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
        return OrderMove(verdict=ALLOWED, action=OrderAction.CANCEL, look_again_at=_later(work))
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
    return OrderMove(
        verdict=ALLOWED,
        action=OrderAction.STAGE,
        limit_price=_limit(work, 0, mid, natural),
        mid_price=mid,
        natural_price=natural,
        look_again_at=_later(work),
    )


def _walk(work: OrderWork, order: Order) -> OrderMove:
    verdict = judge_legs(work.legs, work.now, work.quote_age_seconds_max, closes=work.closes)
    mid, natural = net_prices(work.legs)
    believable = verdict.is_allowed and mid is not None and natural is not None
    walk_is_over = work.floor is not None and order.revision >= work.rule.steps_max  # an exit follows the market
    if walk_is_over:
        return OrderMove(verdict=ALLOWED, action=OrderAction.WAIT, look_again_at=min(order.expires_at, work.now + REST))
    if not believable or mid is None or natural is None:
        return OrderMove(verdict=ALLOWED, action=OrderAction.WAIT, look_again_at=_later(work))
    limit = _limit(work, order.revision + 1, mid, natural)
    if limit == order.limit_price:
        return OrderMove(
            verdict=ALLOWED,
            action=OrderAction.WAIT,
            mid_price=mid,
            natural_price=natural,
            look_again_at=_later(work),
        )
    return OrderMove(
        verdict=ALLOWED,
        action=OrderAction.REPLACE,
        limit_price=limit,
        mid_price=mid,
        natural_price=natural,
        look_again_at=_later(work),
    )


def _limit(work: OrderWork, step: int, mid: Price, natural: Price) -> Price:
    legs = tuple(entry.leg for entry in work.legs)
    tick = walk_tick(work.rule, legs, mid=mid, natural=natural, floor=work.floor)
    return walk_limit(work.rule, step, mid=mid, natural=natural, floor=work.floor, tick=tick)


def _later(work: OrderWork) -> datetime:
    give_up = work.order.expires_at if work.order is not None else work.cancel_at
    step = work.now + timedelta(seconds=work.interval_seconds)
    return min(step, give_up) if give_up > work.now else step
