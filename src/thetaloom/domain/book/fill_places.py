"""Where past fills lay between mid and natural, from the evidence that stands beside each of them."""

import json
from collections.abc import Iterable
from decimal import Decimal

from thetaloom.domain.book.execution_quality import place_of
from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Order
from thetaloom.domain.strategy.structures import Leg, name_structure
from thetaloom.domain.values.money import Price


def quotes_at_fill(fill: Fill) -> tuple[Price | None, Price | None]:
    """Return net mid and natural of the fill's moment; unknown where no evidence stands beside it."""
    if not fill.model:
        return None, None
    evidence = json.loads(fill.model)
    mid, natural = evidence.get("mid"), evidence.get("natural")
    if mid is None or natural is None:
        return None, None
    return Price(str(mid)), Price(str(natural))


def places_of_fills(fills: Iterable[tuple[Order, Fill]], legs: tuple[Leg, ...]) -> tuple[Decimal, ...]:
    """Return the places of fills of structures named like ``legs``, in the order given."""
    wanted = name_structure(legs)
    found = []
    for order, fill in fills:
        mid, natural = quotes_at_fill(fill)
        if mid is None or natural is None or name_structure(order.legs) != wanted:
            continue
        place = place_of(fill.price, mid, natural)
        if place is not None:
            found.append(place)
    return tuple(found)
