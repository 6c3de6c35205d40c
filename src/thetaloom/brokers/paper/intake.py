"""What the paper broker does with a request: judges it by the rules of the account and says what it would tie up."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from thetaloom.brokers.paper.admission import (
    TAKEN,
    Refused,
    Standing,
    beyond_buying_power,
    refusal,
    wrong_legs,
    wrong_limit,
)
from thetaloom.brokers.paper.buying_power import Book, fees_of, reserve_of
from thetaloom.brokers.paper.hours import last_trading_at, order_ends_at
from thetaloom.brokers.paper.ledger import Ledger
from thetaloom.brokers.paper.tables import BookedOrder
from thetaloom.brokers.paper.venue import Venue
from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.errors import InvalidInput
from thetaloom.ports.broker import Preview


def judge(venue: Venue, ledger: Ledger, order: Order, now: datetime, *, reject: str = "") -> tuple[Preview, datetime]:
    """Return what an order would do, and when it would end."""
    contracts = [leg.contract for leg in order.legs]
    fees = fees_of(order.legs, order.quantity, venue.settings.fee_per_contract)
    if reject:
        return _refused(Refused(Refusal.UNKNOWN, reject), None, None, fees), now
    book, working = venue.book(ledger, now, beside=contracts), ledger.open_orders()
    try:
        ends_at = order_ends_at(venue.calendar, contracts, now, order.time_in_force)
        last = last_trading_at(venue.calendar, contracts)
    except InvalidInput as error:  # a date that the calendar does not cover
        return _refused(Refused(Refusal.NOT_PERMITTED, error.message), None, None, fees), now
    effect = (
        None if wrong_legs(order.legs) else book.effect(order.legs, order.quantity, order.limit_price, order.effect)
    )
    needed, left = None if effect is None else effect + fees, left_of(ledger.cash(), book, working)
    standing = Standing(
        account_id=venue.settings.account_id,
        now=now,
        last_trading_at=last,
        held=book.held,
        working=working,
        buying_power=left,
        needed=needed,
    )
    return _refused(refusal(order, standing), needed, left, fees), ends_at


def works_from(venue: Venue, now: datetime) -> datetime | None:
    """Return when what arrives now reaches the market; ``None`` is at once."""
    return now + venue.settings.latency if venue.settings.latency else None


def replaced(
    venue: Venue, ledger: Ledger, booked: BookedOrder | None, limit: Price, revision: int, now: datetime
) -> tuple[BookedOrder | None, Refused]:
    """Return an order at another limit, or why it stays where it is."""
    refused = not_working(booked)
    if booked is None or refused:
        return None, refused
    moved = replace(
        booked,
        limit_price=limit,
        revision=revision,
        works_from=works_from(venue, now),
        queued_since=None,
        queued_seconds=0,
    )
    refused = wrong_limit(booked.legs, limit)
    if booked.effect is Effect.OPEN and not refused:
        others = [one for one in ledger.open_orders() if one.client_order_id != booked.client_order_id]
        book = venue.book(ledger, now, beside=[leg.contract for leg in booked.legs])
        effect = book.effect(booked.legs, booked.remaining, limit, booked.effect)
        fees = fees_of(booked.legs, booked.remaining, venue.settings.fee_per_contract)
        needed = None if effect is None else effect + fees
        refused = beyond_buying_power(needed, left_of(ledger.cash(), book, others))
        moved = replace(moved, reserve=reserve_of(needed or NOTHING, booked.remaining))
    return (None, refused) if refused else (moved, TAKEN)


def left_of(cash: Money, book: Book, working: Sequence[BookedOrder]) -> Money | None:
    """Return the buying power that is left beside what is held and what works."""
    excess = book.excess(cash)
    return None if excess is None else excess - sum((one.reserve * one.remaining for one in working), NOTHING)


def worth_of(cash: Money, book: Book) -> Money | None:
    """Return the net liquidating value; ``None`` where something has no mark."""
    marks = book.marks
    if any(one not in marks.mids for one in book.held) or any(symbol not in marks.spots for symbol in book.shares):
        return None
    marked = (marks.mids[one].times(one.multiplier, quantity) for one, quantity in book.held.items())
    return (sum(marked, cash) + book.shares_worth()).to_cents()


def _refused(refused: Refused, needed: Money | None, left: Money | None, fees: Money) -> Preview:
    return Preview(
        buying_power_effect=needed,
        buying_power_after=None if needed is None or left is None else left - needed,
        fees=-fees,
        refusal=refused.why,
        message=refused.message,
    )


def not_working(booked: BookedOrder | None) -> Refused:
    """Say why nothing can be asked of an order any more."""
    if booked is None:
        return Refused(Refusal.UNKNOWN, "no such order")
    if booked.is_open:
        return TAKEN
    message = f"the order is {booked.status}, {booked.filled} of {booked.quantity} filled"
    return Refused(Refusal.QUANTITY_CONFLICT if booked.filled else Refusal.UNKNOWN, message)
