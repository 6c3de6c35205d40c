"""A strategy as data: when to enter, what to select, how much, when to leave, and who must approve.

Every distance carries its unit. A strategy is immutable; to edit it is to make another revision.
The texts and bounds beside the fields feed the checks, the documents and their schema alike.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from thetaloom.domain.strategy.analysis_rules import AnalysisRule, AnalystName
from thetaloom.domain.strategy.conditions import Comparison, Condition
from thetaloom.domain.strategy.ending_rules import AssignmentRule, ImbalanceRule
from thetaloom.domain.strategy.exit_rules import EXIT_UNITS, ExitKind, ExitRule, ExitUnit, LadderRule
from thetaloom.domain.strategy.fields import About, Word
from thetaloom.domain.strategy.leg_rules import (
    EXACT_UNLESS_ALLOWED,
    LEG_NAME,
    UNITS,
    BackRule,
    ExpirationRule,
    Guard,
    LegRule,
    Level,
    Preference,
    SelectBy,
    Side,
    StrikeRule,
    Term,
    Unit,
    WidthBy,
    WidthStep,
    WidthTable,
)
from thetaloom.domain.strategy.metrics import MARKET_METRICS, Metric, WordMetric
from thetaloom.domain.strategy.rules import (
    ANY_MARKET,
    BY_A_PERSON,
    GUARDED,
    USUAL_WALK,
    ApprovalMode,
    ApprovalRule,
    ExitGuard,
    GuardMode,
    Liquidity,
    OrderFloor,
    OrderPreset,
    OrderRule,
    RestartAfter,
    RestartRule,
    TargetRule,
)
from thetaloom.domain.strategy.score_rules import HardStops, ScoreRule
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.symbols import canonical_symbol

# The whole language from one place; its parts stand in ``leg_rules``, ``exit_rules``, ``metrics`` and ``rules``.
__all__ = [
    "EXACT_UNLESS_ALLOWED",
    "EXIT_UNITS",
    "MARKET_METRICS",
    "UNITS",
    "AnalysisRule",
    "AnalystName",
    "ApprovalMode",
    "ApprovalRule",
    "BackRule",
    "Bias",
    "Comparison",
    "Condition",
    "DropRule",
    "ExitGuard",
    "ExitKind",
    "ExitRule",
    "ExitUnit",
    "ExpirationRule",
    "Guard",
    "GuardMode",
    "LadderRule",
    "LegRule",
    "Level",
    "Liquidity",
    "Metric",
    "OrderFloor",
    "OrderPreset",
    "OrderRule",
    "Preference",
    "RestartAfter",
    "RestartRule",
    "SelectBy",
    "Side",
    "SizeBy",
    "SizeRule",
    "Strategy",
    "StrikeRule",
    "TargetRule",
    "Term",
    "Unit",
    "WidthBy",
    "WidthStep",
    "WidthTable",
    "WordMetric",
]

SLUG = r"[a-z0-9-]{1,64}"
SYMBOL = r"[A-Z][A-Z0-9./]{0,9}"


class Bias(StrEnum):
    """The view of the market a strategy suits."""

    BULLISH = "bullish"
    NEUTRAL = "neutral"
    BEARISH = "bearish"


@dataclass(frozen=True, slots=True, kw_only=True)
class DropRule:
    """Legs that are left out when a number of the market says so; an unknown number denies."""

    legs: Annotated[
        tuple[str, ...],
        About("The legs to leave out.", pattern=LEG_NAME, good="short_call", length_max=32, count_min=1, count_max=7),
    ]
    metric: Annotated[Metric, About("The number of the market that is tested.")]
    comparison: Annotated[Comparison, About("How it is compared with the threshold.")]
    threshold: Annotated[Decimal, About("The threshold, in the unit of the metric.")]


class SizeBy(Word):
    """How the number of structures is found; limits still apply."""

    FIXED = "fixed", "Always `quantity` structures."
    RISK_PERCENT = "risk_percent", "As many as lose at most `risk_percent` of the net liquidating value."
    KELLY = "kelly", "By half the Kelly share of the strategy's own closed positions, and what the account allows."
    VOLATILITY_TARGET = (
        "volatility_target",
        "`risk_percent` times `volatility_target` over implied volatility, and what the account allows.",
    )
    BUDGET = "budget", "As many as what is left of the risk budget covers, and what the account allows."
    SMALLEST = "smallest", "The smallest of risk percent, Kelly, volatility target, and what the account allows."


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRule:
    """How many structures to trade."""

    by: Annotated[SizeBy, About("How the number of structures is found.")] = SizeBy.FIXED
    quantity: Annotated[int, About("Number for `fixed`.", unit="structures", at_least=1, at_most=10_000)] = 1
    risk_percent: Annotated[
        Decimal, About("Share for `risk_percent`.", unit="% of net liquidating value", above=0, at_most=100)
    ] = Decimal(1)
    kelly_cap_percent: Annotated[
        Decimal, About("Most that half Kelly may risk.", unit="% of net liquidating value", above=0, at_most=25)
    ] = Decimal(25)
    kelly_default_percent: Annotated[
        Decimal,
        About("Share while too few positions are closed.", unit="% of net liquidating value", above=0, at_most=25),
    ] = Decimal(2)
    kelly_sample_min: Annotated[
        int, About("Closed positions that Kelly needs.", unit="positions", at_least=1, at_most=10_000)
    ] = 20
    volatility_target: Annotated[
        Decimal, About("Volatility at which `risk_percent` is risked.", unit="% a year", above=0, at_most=500)
    ] = Decimal(15)
    vix_scaled: Annotated[
        bool, About("Whether the VIX scales the number and bounds the positions; an unknown VIX then denies.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """One revision of a strategy; one that contradicts itself cannot be made."""

    id: Annotated[
        StrategyId,
        About("The strategy's id.", pattern=SLUG, good="put-credit-spread-30dte", length_max=64),
    ]
    name: Annotated[str, About("Its name for people.", pattern=r"[^\n\t]+", good="Put Credit Spread 30 DTE")]
    description: Annotated[str, About("What it does and why.", length_max=2000)] = ""
    active: Annotated[bool, About("Whether runs may start.")] = True
    symbols: Annotated[
        tuple[str, ...],
        About("What a scan looks at when none are named.", pattern=SYMBOL, good="SPY", length_max=10, count_max=500),
    ] = ()
    biases: Annotated[tuple[Bias, ...], About("The views of the market it suits.", count_min=1, count_max=3)] = (
        Bias.NEUTRAL,
    )
    expiration: Annotated[ExpirationRule, About("Which expiration to trade.")]
    back: Annotated[BackRule | None, About("The later expiration, for legs in it.")] = None
    legs: Annotated[tuple[LegRule, ...], About("The legs to select.", count_min=1, count_max=8)]
    width_table: Annotated[WidthTable | None, About('Widths for legs of `unit = "table"`.')] = None
    drops: Annotated[tuple[DropRule, ...], About("Legs to leave out when the market says so.", sparse=True)] = ()
    shares: Annotated[
        int,
        About(
            "Shares per structure that the account holds already, negative when sold short; the order leaves them be.",
            unit="shares",
            at_least=-10_000,
            at_most=10_000,
            sparse=True,
        ),
    ] = 0
    conditions: Annotated[tuple[Condition, ...], About("Entry conditions; all must hold.")] = ()
    score: Annotated[ScoreRule | None, About("How the market is scored; absent: by the bias and its confidence.")] = (
        None
    )
    hard_stops: Annotated[HardStops | None, About("What bars an entry whatever the score; absent: nothing more.")] = (
        None
    )
    analysis: Annotated[
        AnalysisRule | None,
        About("Who reads the charts before legs are chosen; absent: nobody, and none are drawn.", sparse=True),
    ] = None
    liquidity: Annotated[Liquidity, About("What each leg must offer.")] = ANY_MARKET
    order: Annotated[OrderRule, About("How orders walk from better than mid toward natural.")] = USUAL_WALK
    size: Annotated[SizeRule, About("How many structures to trade.")] = SizeRule()
    exits: Annotated[tuple[ExitRule, ...], About("When to close, watched from the fill on.")] = ()
    targets: Annotated[
        tuple[TargetRule, ...], About("Independent profit targets for parts of the structure.", sparse=True)
    ] = ()
    ladder: Annotated[
        LadderRule | None, About("Closing limits that give way day by day as expiration nears.", sparse=True)
    ] = None
    restart: Annotated[
        RestartRule | None, About("When a completed run starts the next one; absent: never.", sparse=True)
    ] = None
    imbalance: Annotated[
        ImbalanceRule | None, About("What is done about legs that stand alone; absent: the setting.", sparse=True)
    ] = None
    assignment: Annotated[
        AssignmentRule | None, About("What is done about shares that are left; absent: the setting.", sparse=True)
    ] = None
    guard: Annotated[
        ExitGuard, About("What guards the exits that rest on the legs' quotes against bad ones.", sparse=True)
    ] = GUARDED
    approval: Annotated[ApprovalRule, About("Who approves a proposal, and for how long it stands.")] = BY_A_PERSON
    allow_undefined_risk: Annotated[bool, About("Whether a structure may have an unlimited loss.")] = False
    open_runs_max: Annotated[
        int, About("Runs on one symbol at the same time.", unit="runs", at_least=1, at_most=100)
    ] = 2
    positions_max: Annotated[
        int | None,
        About("Positions of the strategy open at once; absent: no limit.", unit="positions", at_least=1, at_most=1000),
    ] = None
    capital_percent_max: Annotated[
        Decimal | None,
        About(
            "Share of the account that all its positions may lose; absent: no limit.",
            unit="% of net liquidating value",
            above=0,
            at_most=100,
        ),
    ] = None
    entry_minutes_before_close_min: Annotated[
        int, About("No entry later than this before the close.", unit="minutes", at_least=0, at_most=390)
    ] = 15

    def __post_init__(self) -> None:
        # The checks know this class, so it can only ask for them once it exists.
        from thetaloom.domain.strategy.checks import refuse_problems, strategy_problems

        refuse_problems(self.id, strategy_problems(self))
        object.__setattr__(self, "symbols", tuple(dict.fromkeys(map(canonical_symbol, self.symbols))))
