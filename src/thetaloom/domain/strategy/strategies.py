"""A strategy as data: when to enter, what to select, how much, when to leave, and who must approve.

Every distance carries its unit. A strategy is immutable; to edit it is to make another revision.
The texts and bounds beside the fields feed the checks, the documents and their schema alike.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from thetaloom.domain.strategy.fields import About, Word
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Money, Price

DTE_MAX = 1100  # the longest listed options live about three years
SLUG = r"[a-z0-9-]{1,64}"
LEG_NAME = r"[a-z][a-z0-9_]{0,31}"
SYMBOL = r"[A-Z][A-Z0-9./]{0,9}"


class Side(StrEnum):
    """Which side of the market a leg opens on."""

    BUY = "buy"
    SELL = "sell"


class Bias(StrEnum):
    """The view of the market a strategy suits."""

    BULLISH = "bullish"
    NEUTRAL = "neutral"
    BEARISH = "bearish"


ONE_CENT = Price("0.01")


class SelectBy(Word):
    """How a leg finds its strike."""

    DELTA = "delta", "The listed delta nearest to the value, signed: puts negative."
    ATM = "atm", "The value from the listed strike nearest to spot, positive is up."
    STRIKE = "strike", "The strike itself."
    WIDTH = "width", "The value from the strike of leg `of`, away from the money: puts down, calls up."
    PREMIUM = "premium", "The mid nearest to the value, out of the money."
    EXPECTED_MOVE = "expected_move", "That percentage of the ATM straddle's mid from spot, out of the money."


class Unit(StrEnum):
    """The unit of a distance."""

    DELTA = "delta"
    STRIKES = "strikes"
    DOLLARS = "dollars"
    PERCENT = "percent"


UNITS: dict[SelectBy, frozenset[Unit]] = {
    SelectBy.DELTA: frozenset({Unit.DELTA}),
    SelectBy.ATM: frozenset({Unit.STRIKES, Unit.DOLLARS, Unit.PERCENT}),
    SelectBy.STRIKE: frozenset({Unit.DOLLARS}),
    SelectBy.WIDTH: frozenset({Unit.STRIKES, Unit.DOLLARS}),
    SelectBy.PREMIUM: frozenset({Unit.DOLLARS}),
    SelectBy.EXPECTED_MOVE: frozenset({Unit.PERCENT}),
}
# To trade another strike than the named one is never what was meant: without `miss_max` these must be listed.
EXACT_UNLESS_ALLOWED = frozenset({SelectBy.STRIKE, SelectBy.WIDTH})


@dataclass(frozen=True, slots=True, kw_only=True)
class StrikeRule:
    """The rule by which a leg finds its strike, with how far the nearest listed one may miss."""

    by: Annotated[SelectBy, About("How the leg finds its strike.")]
    distance: Annotated[Decimal, About("What is wished, in `unit`.", key="value")]
    unit: Annotated[Unit, About("The unit of `value`; strikes counts listed strikes of the expiration.")]
    of: Annotated[str | None, About("The leg that a width is measured from.", pattern=LEG_NAME, good="short_put")] = (
        None
    )
    miss_max: Annotated[
        Decimal | None,
        About(
            "How far the nearest listed strike may miss, in `unit` (percent: of spot). "
            "Absent: any miss, save that a strike and a width in dollars must be met exactly.",
            at_least=0,
        ),
    ] = None


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


class Metric(Word):
    """A number of the market or of the candidate that an entry condition may test."""

    UNDERLYING_PRICE = "underlying_price", "Price of the underlying, dollars."
    ATM_IV = "atm_iv", "30-day at-the-money implied volatility, percent."
    IV_RANK = "iv_rank", "Place of today's IV between the year's low and high, 0 to 100."
    HV_30 = "hv_30", "Historical volatility over 30 days, percent, annualized."
    RSI_14 = "rsi_14", "Relative strength index over 14 days, 0 to 100."
    EXPECTED_MOVE_PERCENT = "expected_move_percent", "ATM straddle of the chosen expiration, percent of spot."
    PUT_CALL_RATIO = "put_call_ratio", "Put over call open interest."
    NET_CREDIT = "net_credit", "Net credit at mid, dollars per share; a debit is negative."
    CREDIT_TO_WIDTH = "credit_to_width", "Net credit in percent of the widest spread."
    POP = "pop", "Probability of profit, percent."
    MAX_LOSS = "max_loss", "Largest loss of one structure, dollars, positive."


MARKET_METRICS = frozenset(
    {
        Metric.UNDERLYING_PRICE,
        Metric.ATM_IV,
        Metric.IV_RANK,
        Metric.HV_30,
        Metric.RSI_14,
        Metric.PUT_CALL_RATIO,
    }
)


class Comparison(StrEnum):
    """How a metric is compared with a threshold."""

    AT_LEAST = ">="
    AT_MOST = "<="
    ABOVE = ">"
    BELOW = "<"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """An entry condition; an unknown metric denies."""

    metric: Annotated[Metric, About("The number that is tested.")]
    comparison: Annotated[Comparison, About("How it is compared with the threshold.")]
    threshold: Annotated[Decimal, About("The threshold, in the unit of the metric.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidity:
    """What each leg must offer. A leg's width passes when it is within either of the two width limits."""

    bid_ask_width_max: Annotated[
        Price | None,
        About("Widest bid-ask spread of a leg; absent: no such limit.", unit="dollars per share", above=0),
    ] = None
    bid_ask_width_percent_max: Annotated[
        Decimal | None,
        About("Widest bid-ask spread of a leg; absent: no such limit.", unit="% of its mid", above=0, at_most=200),
    ] = None
    open_interest_min: Annotated[
        int | None, About("Least open interest of a leg; absent: no limit.", unit="contracts", at_least=0)
    ] = None
    volume_min: Annotated[
        int | None, About("Least volume of a leg today; absent: no limit.", unit="contracts", at_least=0)
    ] = None
    quote_age_seconds_max: Annotated[
        int, About("Oldest quote to decide on.", unit="seconds", at_least=1, at_most=86_400)
    ] = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRule:
    """How the entry and exit orders walk: start better than mid, step toward natural, stop at ``reach``."""

    start_offset: Annotated[
        Price,
        About("How much better than mid the first limit is.", unit="dollars per share", at_least=0, at_most=10),
    ] = ONE_CENT
    reach: Annotated[
        Decimal, About("Place of the last limit between mid (0) and natural (1).", at_least=0, at_most=1)
    ] = Decimal("0.6")
    steps_max: Annotated[int, About("Most changes of the limit.", unit="steps", at_least=0, at_most=60)] = 4
    interval_seconds: Annotated[int, About("Pause between two steps.", unit="seconds", at_least=1, at_most=3600)] = 600
    slippage_max: Annotated[
        Price | None,
        About(
            "How far below the approved mid the net price may fall before the run asks again; absent: to `reach`.",
            unit="dollars per share",
            at_least=0,
            at_most=100,
        ),
    ] = None


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


class ExitKind(Word):
    """What an exit rule watches."""

    PROFIT_TARGET = "profit_target", "Profit at or above the threshold."
    STOP_LOSS = "stop_loss", "Loss at or above the threshold."
    DTE = "dte", "Days to expiration at or under the threshold."
    DAYS_HELD = "days_held", "Calendar days since opening at or above the threshold."
    MINUTES_TO_CLOSE = "minutes_to_close", "Minutes until the session ends at or under the threshold."
    POSITION_DELTA = "position_delta", "|delta| of one structure per share at or above the threshold."
    SHORT_DELTA = "short_delta", "The largest |delta| of a short leg at or above the threshold."
    UNDERLYING_ABOVE = "underlying_above", "Underlying at or above the threshold."
    UNDERLYING_BELOW = "underlying_below", "Underlying at or below the threshold."


class ExitUnit(Word):
    """The unit of an exit rule's threshold."""

    PERCENT_OF_PREMIUM = "percent_of_premium", "Percent of the credit received or the debit paid."
    DOLLARS = "dollars", "Dollars of the whole position; for the underlying, dollars per share."
    DAYS = "days", "Calendar days."
    MINUTES = "minutes", "Minutes of the session."
    DELTA = "delta", "Delta per share, 0 to 1 for one contract."


EXIT_UNITS: dict[ExitKind, frozenset[ExitUnit]] = {
    ExitKind.PROFIT_TARGET: frozenset({ExitUnit.PERCENT_OF_PREMIUM, ExitUnit.DOLLARS}),
    ExitKind.STOP_LOSS: frozenset({ExitUnit.PERCENT_OF_PREMIUM, ExitUnit.DOLLARS}),
    ExitKind.DTE: frozenset({ExitUnit.DAYS}),
    ExitKind.DAYS_HELD: frozenset({ExitUnit.DAYS}),
    ExitKind.MINUTES_TO_CLOSE: frozenset({ExitUnit.MINUTES}),
    ExitKind.POSITION_DELTA: frozenset({ExitUnit.DELTA}),
    ExitKind.SHORT_DELTA: frozenset({ExitUnit.DELTA}),
    ExitKind.UNDERLYING_ABOVE: frozenset({ExitUnit.DOLLARS}),
    ExitKind.UNDERLYING_BELOW: frozenset({ExitUnit.DOLLARS}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRule:
    """One management rule; the lowest priority number wins when several are met at once."""

    kind: Annotated[ExitKind, About("What the rule watches.")]
    threshold: Annotated[Decimal, About("Where it acts; the kind says the direction.", at_least=0)]
    unit: Annotated[ExitUnit, About("The unit of the threshold.")]
    priority: Annotated[int, About("1 is the most urgent.", at_least=1, at_most=100)] = 1
    quantity_percent: Annotated[int, About("How much of the position to close.", unit="%", at_least=1, at_most=100)] = (
        100
    )


class ApprovalMode(Word):
    """Who approves."""

    MANUAL = "manual", "A person."
    AUTOMATIC = "automatic", "This strategy's own rule."


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRule:
    """Who approves and how long the proposal stands."""

    mode: Annotated[ApprovalMode, About("Who approves.")] = ApprovalMode.MANUAL
    expires_minutes: Annotated[int, About("How long a proposal stands.", unit="minutes", at_least=1, at_most=1440)] = 60
    max_loss_automatic: Annotated[
        Money | None,
        About("Automatic only up to this loss; above, a person is asked.", unit="dollars", above=0),
    ] = None


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
    legs: Annotated[tuple[LegRule, ...], About("The legs to select.", count_min=1, count_max=8)]
    conditions: Annotated[tuple[Condition, ...], About("Entry conditions; all must hold.")] = ()
    liquidity: Annotated[Liquidity, About("What each leg must offer.")] = Liquidity()
    order: Annotated[OrderRule, About("How orders walk from better than mid toward natural.")] = OrderRule()
    size: Annotated[SizeRule, About("How many structures to trade.")] = SizeRule()
    exits: Annotated[tuple[ExitRule, ...], About("When to close, watched from the fill on.")] = ()
    approval: Annotated[ApprovalRule, About("Who approves a proposal, and for how long it stands.")] = ApprovalRule()
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
