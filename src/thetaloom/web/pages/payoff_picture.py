"""The payoff of a structure as the numbers of a small picture; the template draws the lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from thetaloom.domain.strategy.payoff_shape import PayoffShape
from thetaloom.domain.values.money import Money

WIDTH, HEIGHT = 640, 310
LEFT, RIGHT, TOP, BOTTOM = 120, 16, 34, 56  # room for the labels
LABEL_GAP = 80  # two labels nearer than this stand in two rows
LABEL_ROOM, LABEL_WIDTH = 8, 140  # between a level and its label, and of the label
AMOUNT_GAP = 18  # two amounts nearer than this would cover each other


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A price of the underlying with its place and the row of its label."""

    text: str
    x: float
    row: int
    label_x: float
    anchor: str  # which end of the label stands there


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """An amount of profit or loss with its place."""

    amount: Money
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoffPicture:
    """A picture in units of its own viewBox."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    curve: str  # points of a polyline
    profit: str  # points of the polygon between the curve and zero where it is above
    loss: str
    zero_y: float
    strikes: Sequence[Level]
    breakevens: Sequence[Level]
    spot: Level
    amounts: Sequence[Amount]
    description: str


def payoff_picture(shape: PayoffShape, symbol: str, quantity: int = 1) -> PayoffPicture:
    """Return the picture of the whole quantity opened at mid."""
    scale = _Scale(shape, quantity)
    points = [(scale.x(level), scale.y(profit)) for level, profit in scale.curve]
    ends = (scale.curve[0][0], scale.curve[-1][0])
    highest, lowest = max(profit for _, profit in scale.curve), min(profit for _, profit in scale.curve)
    return PayoffPicture(
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        top=TOP,
        bottom=HEIGHT - BOTTOM,
        curve=_points(points),
        profit=_area(scale, ends, above=True),
        loss=_area(scale, ends, above=False),
        zero_y=scale.y(Decimal(0)),
        strikes=_levels(shape.strikes, scale),
        breakevens=_levels([Decimal(level) for level in shape.breakevens], scale),
        spot=_levels([Decimal(shape.spot)], scale)[0],
        amounts=_amounts(sorted({highest, Decimal(0), lowest}), scale),
        description=_description(shape, symbol, quantity),
    )


class _Scale:
    """From prices and money to the picture's units."""

    def __init__(self, shape: PayoffShape, quantity: int) -> None:
        self.curve = [(level, profit * quantity) for level, profit in shape.line]
        self._low, self._high = self.curve[0][0], self.curve[-1][0]
        profits = [Decimal(0), *(profit for _, profit in self.curve)]
        self._bottom, self._top = min(profits), max(profits)

    def x(self, level: Decimal) -> float:
        part = (level - self._low) / (self._high - self._low)
        return round(LEFT + float(part) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, profit: Decimal) -> float:
        part = (self._top - profit) / ((self._top - self._bottom) or Decimal(1))
        return round(TOP + float(part) * (HEIGHT - TOP - BOTTOM), 1)


def _area(scale: _Scale, ends: tuple[Decimal, Decimal], *, above: bool) -> str:
    # Breakevens are points of the curve, so that cutting each point at zero cuts the lines there, too.
    cut = [(level, max(profit, Decimal(0)) if above else min(profit, Decimal(0))) for level, profit in scale.curve]
    outline = [(ends[0], Decimal(0)), *cut, (ends[1], Decimal(0))]
    return _points([(scale.x(level), scale.y(profit)) for level, profit in outline])


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)


def _levels(levels: Sequence[Decimal], scale: _Scale) -> list[Level]:
    placed: list[Level] = []
    middle = (scale.x(levels[0]) + scale.x(levels[-1])) / 2 if levels else 0.0
    for level in levels:
        x = scale.x(level)
        near = bool(placed) and x - placed[-1].x < LABEL_GAP and placed[-1].row == 0
        # A label beside its level stands on the outer side of it, away from the spot's line.
        is_outer = x > middle and x + LABEL_WIDTH < WIDTH
        label_x, anchor = (x + LABEL_ROOM, "start") if is_outer else (x - LABEL_ROOM, "end")
        placed.append(Level(text=f"{level:.2f}", x=x, row=1 if near else 0, label_x=label_x, anchor=anchor))
    return placed


def _amounts(shown: Sequence[Decimal], scale: _Scale) -> list[Amount]:
    # Of two that would stand on each other, zero gives way: its line is drawn anyhow.
    extremes = [scale.y(amount) for amount in shown if amount]
    return [
        Amount(amount=Money(amount.quantize(Decimal("0.01"))), y=scale.y(amount))
        for amount in shown
        if amount or all(abs(scale.y(amount) - other) >= AMOUNT_GAP for other in extremes)
    ]


def _description(shape: PayoffShape, symbol: str, quantity: int) -> str:
    breakevens = ", ".join(f"{level:.2f}" for level in shape.breakevens) or "none"
    best = "unlimited" if shape.max_profit is None else f"{shape.max_profit * quantity:,.2f} dollars"
    worst = "unlimited" if shape.max_loss is None else f"{shape.max_loss * quantity:,.2f} dollars"
    when = "when the nearest leg expires, the others by model" if shape.is_model else "at expiration"
    return (
        f"Profit and loss {when}, against the price of {symbol}: at most {best} of profit and"
        f" {worst} of loss; breakevens at {breakevens}; the price now is {shape.spot:.2f}."
    )
