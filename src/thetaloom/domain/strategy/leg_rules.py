"""The legs of a strategy as data: how each finds its strike and its expiration."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from thetaloom.domain.strategy.fields import About, Word
from thetaloom.domain.values.instruments import Right

DTE_MAX = 1100  # the longest listed options live about three years
LEG_NAME = r"[a-z][a-z0-9_]{0,31}"


class Side(StrEnum):
    """Which side of the market a leg opens on."""

    BUY = "buy"
    SELL = "sell"


class SelectBy(Word):
    """How a leg finds its strike."""

    DELTA = "delta", "The listed delta nearest to the value, signed: puts negative."
    ATM = "atm", "The value from the listed strike nearest to spot (with `round_to`: from spot), positive is up."
    STRIKE = "strike", "The strike itself."
    WIDTH = "width", "The value from the strike of leg `of`, away from the money: puts down, calls up."
    PREMIUM = "premium", "The mid nearest to the value, out of the money."
    EXPECTED_MOVE = "expected_move", "That percentage of the ATM straddle's mid from spot, out of the money."
    OTM = "otm", "The value from spot, out of the money: puts down, calls up; negative is in the money."
    SAME = "same", "The strike of leg `of`."
    NET_CREDIT = (
        "net_credit",
        "The strike furthest out of the money at which this leg and those measured from it bring the value at mid.",
    )


class Unit(StrEnum):
    """The unit of a distance."""

    DELTA = "delta"
    STRIKES = "strikes"
    DOLLARS = "dollars"
    PERCENT = "percent"
    TABLE = "table"  # the strategy's width table has the dollars
    NONE = "none"  # nothing is measured


UNITS: dict[SelectBy, frozenset[Unit]] = {
    SelectBy.DELTA: frozenset({Unit.DELTA}),
    SelectBy.ATM: frozenset({Unit.STRIKES, Unit.DOLLARS, Unit.PERCENT}),
    SelectBy.STRIKE: frozenset({Unit.DOLLARS}),
    SelectBy.WIDTH: frozenset({Unit.STRIKES, Unit.DOLLARS, Unit.TABLE}),
    SelectBy.PREMIUM: frozenset({Unit.DOLLARS}),
    SelectBy.EXPECTED_MOVE: frozenset({Unit.PERCENT}),
    SelectBy.OTM: frozenset({Unit.DOLLARS, Unit.PERCENT}),
    SelectBy.SAME: frozenset({Unit.NONE}),
    SelectBy.NET_CREDIT: frozenset({Unit.DOLLARS}),
}
# To trade another strike than the named one is never what was meant: without `miss_max` these must be listed.
EXACT_UNLESS_ALLOWED = frozenset({SelectBy.STRIKE, SelectBy.WIDTH, SelectBy.SAME})
MEASURED_FROM_A_LEG = frozenset({SelectBy.WIDTH, SelectBy.SAME})
# These wish for a price of the underlying, which can be rounded and kept away from a level.
WISHES_A_STRIKE = frozenset({SelectBy.ATM, SelectBy.EXPECTED_MOVE, SelectBy.OTM})


@dataclass(frozen=True, slots=True, kw_only=True)
class StrikeRule:
    """The rule by which a leg finds its strike, with how far the nearest listed one may miss."""

    by: Annotated[SelectBy, About("How the leg finds its strike.")]
    distance: Annotated[
        Decimal, About("What is wished, in `unit`; nothing for `same` and for a width by the table.", key="value")
    ] = Decimal(0)
    unit: Annotated[
        Unit,
        About(
            "The unit of `value`, needed unless `by` is same; strikes counts listed strikes of the expiration.",
            sparse=True,
        ),
    ] = Unit.NONE
    of: Annotated[
        str | None,
        About("The leg that a width is measured from, or whose strike is taken.", pattern=LEG_NAME, good="short_put"),
    ] = None
    miss_max: Annotated[
        Decimal | None,
        About(
            "How far the nearest listed strike may miss, in `unit` (percent: of spot). "
            "Absent: any miss, save that a strike, a width in dollars and the same strike must be met exactly.",
            at_least=0,
        ),
    ] = None
    round_to: Annotated[
        Decimal | None,
        About(
            "The wished strike is first rounded to a multiple of this, of two as near to the even multiple.",
            unit="dollars",
            above=0,
            at_most=1000,
        ),
    ] = None


class Level(Word):
    """A level of the underlying that strikes keep away from."""

    SUPPORT = "support", "Where falls have ended; puts stay at or above it."
    RESISTANCE = "resistance", "Where rises have ended; calls stay at or below it."


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Keeps the wished strike on the near side of a level: a put above support, a call below resistance."""

    level: Annotated[Level, About("The level: support for a put, resistance for a call.")]
    buffer_percent: Annotated[
        Decimal,
        About("How far the wished strike stays above support or below resistance.", unit="%", at_least=0, at_most=50),
    ] = Decimal(2)


class Term(Word):
    """Which of the strategy's expirations a leg is in."""

    FRONT = "front", "The one that `expiration` chooses."
    BACK = "back", "The later one that `back` chooses."


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRule:
    """One leg to select."""

    name: Annotated[
        str, About("The leg's name within the strategy.", pattern=LEG_NAME, good="short_put", length_max=32)
    ]
    side: Annotated[Side, About("Whether the leg is bought or sold to open.")]
    right: Annotated[Right, About("Call or put.")]
    strike: Annotated[StrikeRule, About("How the strike is found.", key="select")]
    ratio: Annotated[int, About("Contracts per structure.", unit="contracts", at_least=1, at_most=10)] = 1
    term: Annotated[Term, About("The expiration of the leg.", key="expiration", sparse=True)] = Term.FRONT
    guard: Annotated[Guard | None, About("A level that the wished strike keeps away from.")] = None


class Preference(Word):
    """Which expirations within the window come first."""

    NEAREST = "nearest", "The one nearest to the target."
    WEEKLY = "weekly", "The weekly nearest to the target, else the nearest monthly."
    MONTHLY = "monthly", "The monthly nearest to the target, else the nearest weekly."


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpirationRule:
    """The DTE window, in calendar days of the exchange's date."""

    dte_min: Annotated[int, About("Fewest days to expiration.", unit="calendar days", at_least=0, at_most=DTE_MAX)]
    dte_max: Annotated[int, About("Most days to expiration.", unit="calendar days", at_least=0, at_most=DTE_MAX)]
    dte_target: Annotated[int, About("Wished days to expiration.", unit="calendar days", at_least=0, at_most=DTE_MAX)]
    prefer: Annotated[Preference, About("Which expirations of the window come first.")] = Preference.NEAREST


@dataclass(frozen=True, slots=True, kw_only=True)
class BackRule:
    """The later expiration of a strategy of two: its own DTE window, and how many times the front's DTE it has."""

    dte_min: Annotated[int, About("Fewest days to expiration.", unit="calendar days", at_least=1, at_most=DTE_MAX)]
    dte_max: Annotated[int, About("Most days to expiration.", unit="calendar days", at_least=1, at_most=DTE_MAX)]
    dte_target: Annotated[int, About("Wished days to expiration.", unit="calendar days", at_least=1, at_most=DTE_MAX)]
    ratio_min: Annotated[
        Decimal | None,
        About("Least DTE of the back in DTE of the front; absent: any later one.", unit="times", at_least=1),
    ] = None
    ratio_max: Annotated[
        Decimal | None,
        About("Most DTE of the back in DTE of the front; absent: any later one.", unit="times", at_least=1),
    ] = None


class WidthBy(Word):
    """What the width table is read by."""

    TRADEABLE_CAPITAL = "tradeable_capital", "Buying power and the risk of open positions together, dollars."
    SPOT = "spot", "Price of the underlying, dollars."


@dataclass(frozen=True, slots=True, kw_only=True)
class WidthStep:
    """One row of the width table."""

    below: Annotated[
        Decimal | None, About("The row holds under this; absent in the last row only.", unit="dollars", above=0)
    ] = None
    width: Annotated[Decimal, About("The width.", unit="dollars", above=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class WidthTable:
    """The width, in dollars, of legs whose width is `unit = "table"`: the first row whose `below` is above."""

    by: Annotated[WidthBy, About("What the table is read by.")]
    steps: Annotated[tuple[WidthStep, ...], About("The rows, from the lowest `below` to the open end.", count_min=1)]

    def width_at(self, amount: Decimal) -> Decimal:
        """Return the width for an amount of what the table is read by."""
        return next(step.width for step in self.steps if step.below is None or amount < step.below)
