"""The payoff at expiration as the numbers of a small picture; the template draws the lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.strategy.payoff import payoff_legs
from thetaloom.domain.strategy.structures import is_single_expiration
from thetaloom.domain.values.money import Money

WIDTH, HEIGHT = 640, 310
LEFT, RIGHT, TOP, BOTTOM = 104, 16, 34, 56  # room for the labels
MARGIN = Decimal("0.35")  # of the span of the levels, beyond them on either side
MARGIN_OF_SPOT_MIN = Decimal("0.03")
LABEL_GAP = 80  # two labels nearer than this stand in two rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A price of the underlying with its place and the row of its label."""

    text: str
    x: float
    row: int


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


def payoff_picture(proposal: Proposal) -> PayoffPicture | None:
    """Return the picture of the whole quantity opened at mid; ``None`` where the legs end at different times."""
    if not is_single_expiration([*proposal.legs]):
        return None
    scale = _Scale(proposal)
    points = [(scale.x(level), scale.y(profit)) for level, profit in scale.curve]
    ends = (scale.curve[0][0], scale.curve[-1][0])
    highest, lowest = max(profit for _, profit in scale.curve), min(profit for _, profit in scale.curve)
    shown = sorted({highest, Decimal(0), lowest})
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
        strikes=_levels(sorted({leg.contract.strike for leg in proposal.legs}), scale),
        breakevens=_levels([Decimal(level) for level in proposal.breakevens], scale),
        spot=_levels([Decimal(proposal.spot)], scale)[0],
        amounts=[Amount(amount=Money(amount.quantize(Decimal("0.01"))), y=scale.y(amount)) for amount in shown],
        description=_description(proposal),
    )


class _Scale:
    """From prices and money to the picture's units."""

    def __init__(self, proposal: Proposal) -> None:
        self._legs = payoff_legs(proposal.legs)
        self._quantity = proposal.quantity
        self._cash = Decimal(proposal.mid_price) * proposal.legs[0].contract.multiplier
        strikes = {leg.contract.strike for leg in proposal.legs}
        levels = sorted({*strikes, Decimal(proposal.spot), *(Decimal(level) for level in proposal.breakevens)})
        room = max((levels[-1] - levels[0]) * MARGIN, Decimal(proposal.spot) * MARGIN_OF_SPOT_MIN)
        self._low, self._high = max(Decimal(0), levels[0] - room), levels[-1] + room
        knots = sorted({self._low, *levels, self._high})
        self.curve = [(knot, self._profit(knot)) for knot in knots]
        profits = [Decimal(0), *(profit for _, profit in self.curve)]
        self._bottom, self._top = min(profits), max(profits)

    def x(self, level: Decimal) -> float:
        part = (level - self._low) / (self._high - self._low)
        return round(LEFT + float(part) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, profit: Decimal) -> float:
        part = (self._top - profit) / ((self._top - self._bottom) or Decimal(1))
        return round(TOP + float(part) * (HEIGHT - TOP - BOTTOM), 1)

    def _profit(self, level: Decimal) -> Decimal:
        return (self._cash + sum((leg.worth_at(level) for leg in self._legs), Decimal(0))) * self._quantity


def _area(scale: _Scale, ends: tuple[Decimal, Decimal], *, above: bool) -> str:
    # Breakevens are points of the curve, so that cutting each point at zero cuts the lines there, too.
    cut = [(level, max(profit, Decimal(0)) if above else min(profit, Decimal(0))) for level, profit in scale.curve]
    outline = [(ends[0], Decimal(0)), *cut, (ends[1], Decimal(0))]
    return _points([(scale.x(level), scale.y(profit)) for level, profit in outline])


def _points(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)


def _levels(levels: Sequence[Decimal], scale: _Scale) -> list[Level]:
    placed: list[Level] = []
    for level in levels:
        x = scale.x(level)
        near = bool(placed) and x - placed[-1].x < LABEL_GAP and placed[-1].row == 0
        placed.append(Level(text=f"{level:.2f}", x=x, row=1 if near else 0))
    return placed


def _description(proposal: Proposal) -> str:
    breakevens = ", ".join(f"{level:.2f}" for level in proposal.breakevens) or "none"
    best = "unlimited" if proposal.max_profit is None else f"{proposal.max_profit:.2f} dollars"
    worst = "unlimited" if proposal.max_loss is None else f"{proposal.max_loss:.2f} dollars"
    return (
        f"Profit and loss at expiration against the price of {proposal.symbol}: at most {best} of profit and"
        f" {worst} of loss; breakevens at {breakevens}; the price now is {proposal.spot:.2f}."
    )
