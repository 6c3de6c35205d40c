"""How a market is scored for a strategy, and what bars an entry whatever the score: tables with visible weights."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from thetaloom.domain.strategy.conditions import Condition
from thetaloom.domain.strategy.fields import About
from thetaloom.domain.strategy.metrics import Metric, WordMetric

WORD = r"[a-z][a-z0-9_]{0,31}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreBand:
    """A stretch of numbers and its points; without bounds it takes every number."""

    above: Annotated[Decimal | None, About("Its numbers are above this.")] = None
    at_least: Annotated[Decimal | None, About("Its numbers are at or above this.")] = None
    below: Annotated[Decimal | None, About("Its numbers are below this.")] = None
    at_most: Annotated[Decimal | None, About("Its numbers are at or below this.")] = None
    points: Annotated[Decimal, About("What a number in it adds.", unit="points", at_least=-1000, at_most=1000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreSlope:
    """Points that grow with the distance from a pivot."""

    pivot: Annotated[Decimal, About("Where it gives no points, in the unit of the metric.")]
    per_point_above: Annotated[
        Decimal, About("Points for each unit above the pivot.", unit="points", at_least=-1000, at_most=1000)
    ] = Decimal(0)
    max_above: Annotated[
        Decimal | None, About("Most points above the pivot, whatever their sign; absent: any.", at_least=0)
    ] = None
    per_point_below: Annotated[
        Decimal, About("Points for each unit below the pivot.", unit="points", at_least=-1000, at_most=1000)
    ] = Decimal(0)
    max_below: Annotated[
        Decimal | None, About("Most points below the pivot, whatever their sign; absent: any.", at_least=0)
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreWord:
    """A word and its points."""

    word: Annotated[str, About("The word.", pattern=WORD, good="neutral", length_max=32)]
    points: Annotated[Decimal, About("What it adds.", unit="points", at_least=-1000, at_most=1000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreWhen:
    """What must be so for a term to count."""

    word: Annotated[WordMetric, About("The word that is looked at.")]
    expected: Annotated[
        str, About("What it must be; else the term adds nothing.", key="is", pattern=WORD, good="up", length_max=32)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTerm:
    """One reading and the points it adds: by the first band that fits, else by the slope; or by a word."""

    metric: Annotated[Metric | None, About("The number that is read; absent where a word is.")] = None
    word: Annotated[WordMetric | None, About("The word that is read; absent where a number is.")] = None
    bands: Annotated[
        tuple[ScoreBand, ...], About("Points by the number; the first that fits, from the top.", sparse=True)
    ] = ()
    slope: Annotated[ScoreSlope | None, About("Points where no band fits; absent: none.")] = None
    words: Annotated[tuple[ScoreWord, ...], About("Points by the word; a word not named adds none.", sparse=True)] = ()
    when: Annotated[ScoreWhen | None, About("What must be so for the term to count; absent: nothing.")] = None
    only: Annotated[bool, About("Whether a word not named, or unknown, sets the whole score to 0.", sparse=True)] = (
        False
    )
    required: Annotated[bool, About("Whether the entry is denied while the reading is unknown.", sparse=True)] = False
    unknown_points: Annotated[
        Decimal | None,
        About("What an unknown reading adds; absent: nothing.", unit="points", at_least=-1000, at_most=1000),
    ] = None
    note: Annotated[str | None, About("Why it has these weights, for people.", length_max=200)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRule:
    """How well a market suits the strategy, as a sum of points."""

    base: Annotated[Decimal, About("Where the sum starts.", unit="points", at_least=-1000, at_most=1000)] = Decimal(50)
    minimum: Annotated[
        Decimal, About("Least score to enter with; forced runs show it and go on.", unit="points", at_most=1000)
    ] = Decimal(35)
    floor: Annotated[Decimal, About("Lowest the score can be.", unit="points", at_least=-1000, at_most=1000)] = Decimal(
        0
    )
    cap: Annotated[
        Decimal | None, About("Highest the score can be; absent: no limit.", unit="points", at_least=0, at_most=1000)
    ] = None
    priority: Annotated[int, About("Of equal scores the lower number comes first.", at_least=1, at_most=100)] = 50
    terms: Annotated[tuple[ScoreTerm, ...], About("What is read, and the points it adds.", count_min=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RangePoints:
    """The range of one symbol in dollars, in place of the percentage."""

    symbol: Annotated[str, About("The symbol.", pattern=r"[A-Z][A-Z0-9./]{0,9}", good="QQQ", length_max=10)]
    points: Annotated[Decimal, About("Highest less lowest close.", unit="dollars per share", above=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HardStops:
    """What bars an entry whatever the score; what is not known bars it too."""

    history_sessions_min: Annotated[
        int | None,
        About("Fewest daily bars at hand; absent: any.", unit="trading sessions", at_least=1, at_most=1000),
    ] = None
    earnings_within_days: Annotated[
        int | None,
        About(
            "No entry when earnings are due today or within so many days; absent: any.",
            unit="calendar days",
            at_least=0,
            at_most=365,
        ),
    ] = None
    ex_dividend_within_days: Annotated[
        int | None,
        About(
            "No short American option when the share goes ex-dividend within so many days; absent: any.",
            unit="calendar days",
            at_least=0,
            at_most=365,
        ),
    ] = None
    range_3d_percent: Annotated[
        Decimal | None,
        About(
            "No entry when the last 3 closes lie within this; absent: any.", unit="% of price", at_least=0, at_most=100
        ),
    ] = None
    range_3d_points: Annotated[
        tuple[RangePoints, ...], About("Symbols whose range is told in dollars instead of percent.", sparse=True)
    ] = ()
    blocked_when: Annotated[tuple[Condition, ...], About("No entry when any of these holds.", sparse=True)] = ()
