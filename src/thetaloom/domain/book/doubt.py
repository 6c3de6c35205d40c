"""Orders without an answer: when a look into the broker's books proves something, and what happens next.

A request that got no answer may still arrive. So one look that does not find the order proves nothing: a broker's
books may lag, and a packet may be late. Absence is proven by two looks that both miss it, with at least the
broker's own quarantine between them and nothing sent since the first.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from thetaloom.domain.book.orders import Order, OrderStatus


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
    if first is None or now <= first or now - first < absence:
        return Look.NOT_YET
    return Look.ABSENT


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
