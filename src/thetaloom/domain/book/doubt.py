"""Orders without an answer: when a look into the broker's books proves something, and what happens next.

A request that got no answer may still arrive. So one look that does not find the order proves nothing: a broker's
books may lag, and a packet may be late. Absence is proven by two looks that both miss it, with at least the
broker's own quarantine between them and nothing sent since the first. Only where the broker's books are exact, and
no order is taken twice, may one that a single look missed be sent again at once.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.reports import BrokerOrder


class Look(StrEnum):
    """What a look into the broker's books says of an order."""

    FOUND = "found"
    NOT_YET = "not_yet"  # not found, and it may still arrive
    ABSENT = "absent"  # proven: it never arrived, or is gone for good


def judge_look(order: Order, *, is_known: bool, now: datetime, absence: timedelta) -> Look:
    """Say what it means that the broker's books know this order, or do not, at ``now``."""
    if is_known:
        return Look.FOUND
    first = order.absent_since
    if first is None or now - first <= absence:  # what takes exactly as long as the quarantine still arrives
        return Look.NOT_YET
    return Look.ABSENT


class AfterLook(StrEnum):
    """What to do with an order after a look into the broker's books."""

    NOTHING = "nothing"
    BOOK_ACCEPTED = "book_accepted"  # it works there, and no report said so yet
    BOOK_REPLACED = "book_replaced"  # the new limit stands there
    NOTE_FOUND = "note_found"  # it is over there; the report of its end is on its way
    CANCEL = "cancel"
    REPLACE = "replace"
    NOTE_MISSED = "note_missed"
    SETTLE_ABSENT = "settle_absent"  # withdraw it, or send it once more where everything still allows that


def after_look(
    order: Order, known: BrokerOrder | None, now: datetime, absence: timedelta, *, exact_books: bool = False
) -> AfterLook:
    """Say what follows from a look that found ``known``, or nothing, at ``now``."""
    if known is None and exact_books and may_resend(order):
        return AfterLook.SETTLE_ABSENT
    if known is None:
        look = judge_look(order, is_known=False, now=now, absence=absence)
        if look is Look.NOT_YET:
            return AfterLook.NOTE_MISSED
        settles = order.status is OrderStatus.PENDING_CANCEL or may_resend(order)
        return AfterLook.SETTLE_ABSENT if settles else AfterLook.NOTHING
    if not known.is_open:
        return AfterLook.NOTE_FOUND
    match order.status:
        case OrderStatus.SUBMITTED:
            return AfterLook.BOOK_ACCEPTED
        case OrderStatus.PENDING_CANCEL:
            return AfterLook.CANCEL
        case OrderStatus.WORKING if known.limit_price != order.limit_price:
            return AfterLook.REPLACE
        case OrderStatus.WORKING if order.awaits_answer:
            return AfterLook.BOOK_REPLACED
    return AfterLook.NOTHING


def may_resend(order: Order) -> bool:
    """Say whether an order that is proven absent may be sent again: only one that no answer ever spoke of."""
    return order.status is OrderStatus.SUBMITTED and order.broker_order_id is None and order.filled == 0


def next_words(order: Order, now: datetime, absence: timedelta) -> str:
    """Say in a sentence what happens next to an order in doubt; empty for one that is not."""
    if order.unresolved_since is None or not order.is_open:
        return ""
    if order.status is OrderStatus.WORKING:
        return "The broker's books are read for the limit that stands; until then either limit may fill."
    if order.absent_since is None:
        return "The broker's books are looked at every few seconds; what the order may cost stays reserved."
    left = max(0, round((order.absent_since + absence - now).total_seconds()))
    then = "it is checked again and sent once more" if may_resend(order) else "it counts as canceled"
    return (
        f"The broker's books do not know it. If they still do not in {left} s, that proves that it never arrived,"
        f" and {then}. Until then it is not sent, and what it may cost stays reserved."
    )
