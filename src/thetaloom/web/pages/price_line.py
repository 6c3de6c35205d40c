"""Strikes, breakevens and spot on a line of prices, as numbers of a small picture; the template draws it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Price
from thetaloom.web.pages.filters import digits

WIDTH, ROW, TOP, BELOW = 640, 24, 34, 22  # of a row of labels, above the first one, and below the line
LEFT, RIGHT = 24, 616
ROOM_OF_SPAN, ROOM_OF_SPOT = Decimal("0.25"), Decimal("0.02")
LABEL_GAP = 180  # two labels nearer than this stand in two rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A price with its place on the line, the row of its label and what it is."""

    text: str
    word: str
    kind: str  # sold, bought or breakeven
    x: float
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """A line in units of its own viewBox; ``low`` and ``high`` are the prices at its ends."""

    width: int
    height: int
    middle: int
    foot: int  # of the spot's label
    left: int
    right: int
    low: Decimal
    high: Decimal
    strikes: Sequence[Tick]
    breakevens: Sequence[Tick]
    spot_x: float
    spot_text: str
    description: str


def price_line(legs: Sequence[Leg], breakevens: Sequence[Price], spot: Price) -> PriceLine:
    """Return the line of a structure; it holds every strike, every breakeven and the spot."""
    levels = [*(leg.contract.strike for leg in legs), *map(Decimal, breakevens), Decimal(spot)]
    room = max((max(levels) - min(levels)) * ROOM_OF_SPAN, Decimal(spot) * ROOM_OF_SPOT)
    low, high = max(Decimal(0), min(levels) - room), max(levels) + room

    def place(level: Decimal) -> float:
        return round(LEFT + float((level - low) / (high - low)) * (RIGHT - LEFT), 1)

    ordered = sorted(legs, key=lambda leg: (leg.contract.strike, leg.contract.right is Right.CALL))
    strikes = _spread_out([_strike(leg, place(leg.contract.strike)) for leg in ordered])
    ends = [
        Tick(text=digits(level), word="breakeven", kind="breakeven", x=place(Decimal(level)), row=0)
        for level in breakevens
    ]
    ends = _spread_out(ends)
    middle = TOP + ROW * max((one.row + 1 for one in strikes), default=1)
    foot = middle + BELOW + ROW * (1 + max((one.row + 1 for one in ends), default=0))
    said = "; ".join(f"{one.word} at {one.text}" for one in (*strikes, *ends))
    return PriceLine(
        width=WIDTH,
        height=foot + 10,
        middle=middle,
        foot=foot,
        left=LEFT,
        right=RIGHT,
        low=low,
        high=high,
        strikes=strikes,
        breakevens=ends,
        spot_x=place(Decimal(spot)),
        spot_text=f"{spot:,.2f}",
        description=f"Price now {spot:,.2f}; {said}.",
    )


def _strike(leg: Leg, x: float) -> Tick:
    side = "sold" if leg.ratio < 0 else "bought"
    right = "call" if leg.contract.right is Right.CALL else "put"
    word = f"{side} {abs(leg.ratio)} {right}{'s' if abs(leg.ratio) > 1 else ''}"
    return Tick(text=f"{leg.contract.strike:f}", word=word, kind=side, x=x, row=0)


def _spread_out(ticks: Sequence[Tick]) -> list[Tick]:
    placed: list[Tick] = []
    for tick in ticks:
        near = [one.row for one in placed if abs(one.x - tick.x) < LABEL_GAP]
        row = next(row for row in range(len(near) + 1) if row not in near)
        placed.append(Tick(text=tick.text, word=tick.word, kind=tick.kind, x=tick.x, row=row))
    return placed
