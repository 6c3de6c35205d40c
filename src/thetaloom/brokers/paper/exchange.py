"""One look of the paper exchange at one order: whether it expires, waits or fills, and at what."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from thetaloom.brokers.paper.fill_model import (
    Priced,
    Queue,
    QuotedMarket,
    draw_quantity,
    improved,
    queue_seconds,
    queued,
    read_market,
)
from thetaloom.brokers.paper.hours import trades_at
from thetaloom.brokers.paper.settings import FillModel, PaperSettings
from thetaloom.brokers.paper.tables import BookedOrder
from thetaloom.brokers.paper.venue import Venue
from thetaloom.domain.book.fills import Fill, LegFill
from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.ids import FillId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """An order after a look at it, with the fill that it took, if any."""

    order: BookedOrder
    fill: Fill | None = None


def look_at(booked: BookedOrder, quotes: Mapping[OptionContract, Quote], venue: Venue, now: datetime) -> Seen:
    """Return the order as it is after a look at the market; the same order where nothing changed."""
    if now >= booked.ends_at:
        return Seen(order=replace(booked, status=OrderStatus.EXPIRED))
    if booked.works_from is not None and now < booked.works_from:
        return Seen(order=booked)
    if booked.filled_at is not None and booked.filled_at >= now:
        return Seen(order=booked)
    settings, market = venue.settings, None
    if trades_at(venue.calendar, (leg.contract for leg in booked.legs), now):
        market = read_market(
            booked.legs,
            quotes,
            now=now,
            fill_at=settings.fill_at,
            age_max=settings.quote_age_max,
            closes=booked.effect is Effect.CLOSE,
        )
    if settings.fill_model is FillModel.QUEUE:
        return _in_queue(booked, market, settings, now)
    priced = None if market is None else _priced(booked, market, settings)
    return Seen(order=booked) if priced is None else _filled(booked, priced, settings, now)


def _priced(booked: BookedOrder, market: QuotedMarket, settings: PaperSettings) -> Priced | None:
    limit = booked.limit_price
    if settings.fill_model is FillModel.IMPROVE:
        return improved(market, limit, settings.seed, booked.client_order_id, booked.revision, booked.fills)
    return None if limit > Price(market.point) else market.priced(limit)


def _in_queue(booked: BookedOrder, market: QuotedMarket | None, settings: PaperSettings, now: datetime) -> Seen:
    needed = queue_seconds(
        settings.seed, settings.queue_seconds_max, booked.client_order_id, booked.revision, booked.fills
    )
    before = Queue(seconds_needed=needed, seconds_stood=booked.queued_seconds, since=booked.queued_since)
    place = before.seen(market, booked.limit_price, now)
    moved = booked
    if place != before:
        moved = replace(booked, queued_seconds=place.seconds_stood, queued_since=place.since)
    priced = None if market is None else queued(market, booked.limit_price, place, settings.seed)
    if priced is None:
        return Seen(order=moved)
    # What is left after a part stands at the end of the queue again.
    return _filled(replace(moved, queued_seconds=0, queued_since=None), priced, settings, now)


def _filled(booked: BookedOrder, priced: Priced, settings: PaperSettings, now: datetime) -> Seen:
    if booked.fills < len(booked.scripted_fills):
        quantity = min(booked.scripted_fills[booked.fills], booked.remaining)
    else:
        seeds = (settings.seed, booked.client_order_id, booked.fills)
        quantity = draw_quantity(booked.remaining, settings.partial_fill_probability, *seeds)
    contracts = quantity * sum(abs(leg.ratio) for leg in booked.legs)
    fill = Fill(
        fill_id=FillId(f"{booked.broker_order_id}-{booked.fills + 1}"),
        client_order_id=booked.client_order_id,
        quantity=quantity,
        price=priced.price,
        fees=-(settings.fee_per_contract * contracts).to_cents(),
        filled_at=now,
        legs=tuple(
            LegFill(contract=leg.contract, quantity=leg.ratio * quantity, price=price)
            for leg, price in zip(booked.legs, priced.leg_prices, strict=True)
        ),
        model=priced.model,
    )
    filled = booked.filled + quantity
    status = OrderStatus.FILLED if filled == booked.quantity else booked.status
    order = replace(booked, filled=filled, fills=booked.fills + 1, filled_at=now, status=status)
    return Seen(order=order, fill=fill)
