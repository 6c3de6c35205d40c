"""A strategy as data: when to enter, what to select, how much, when to leave, and who must approve.

Every distance carries its unit. A strategy is immutable; to edit it is to make another revision.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Money, Price


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


class SelectBy(StrEnum):
    """How a leg finds its strike."""

    DELTA = "delta"  # the listed delta nearest to ``distance`` (signed: puts negative)
    ATM = "atm"  # ``distance`` from the strike nearest to spot, positive = up; unit strikes, dollars or percent
    STRIKE = "strike"  # the strike itself, in dollars
    WIDTH = "width"  # ``distance`` from the strike of leg ``of``, away from the money; unit strikes or dollars
    PREMIUM = "premium"  # the mid nearest to ``distance`` dollars, out of the money
    EXPECTED_MOVE = "expected_move"  # ``distance`` percent of the ATM straddle's mid, out of the money from spot


class Unit(StrEnum):
    """The unit of a distance or a threshold."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class StrikeRule:
    """The rule by which a leg finds its strike, with how far the nearest listed one may miss."""

    by: SelectBy
    distance: Decimal
    unit: Unit
    of: str | None = None  # the leg that WIDTH measures from
    miss_max: Decimal | None = None  # in ``unit`` (DELTA, dollars, percent of spot); None = any miss is accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class LegRule:
    """One leg to select."""

    name: str
    side: Side
    right: Right
    strike: StrikeRule
    ratio: int = 1


class Preference(StrEnum):
    """Which expirations within the window come first."""

    NEAREST = "nearest"  # nearest to the target
    WEEKLY = "weekly"  # a weekly nearest to the target, else any
    MONTHLY = "monthly"  # the monthly nearest to the target, else any


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpirationRule:
    """The DTE window, in calendar days of the exchange's date."""

    dte_min: int
    dte_max: int
    dte_target: int
    prefer: Preference = Preference.NEAREST


class Metric(StrEnum):
    """A number of the market or of the candidate that an entry condition may test."""

    UNDERLYING_PRICE = "underlying_price"  # dollars
    ATM_IV = "atm_iv"  # 30-day at-the-money implied volatility, percent
    IV_RANK = "iv_rank"  # 0 to 100
    HV_30 = "hv_30"  # percent, annualized
    RSI_14 = "rsi_14"
    EXPECTED_MOVE_PERCENT = "expected_move_percent"  # ATM straddle of the chosen expiration, percent of spot
    PUT_CALL_RATIO = "put_call_ratio"  # by open interest
    NET_CREDIT = "net_credit"  # dollars per share at mid, debit negative
    CREDIT_TO_WIDTH = "credit_to_width"  # percent of the widest spread
    POP = "pop"  # probability of profit, percent
    MAX_LOSS = "max_loss"  # dollars for one structure, positive


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

    metric: Metric
    comparison: Comparison
    threshold: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidity:
    """What each leg must offer. A leg's width passes when it is within either of the two width limits."""

    bid_ask_width_max: Price | None = None  # dollars per share
    bid_ask_width_percent_max: Decimal | None = None  # percent of the leg's mid
    open_interest_min: int | None = None
    volume_min: int | None = None
    quote_age_seconds_max: int = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRule:
    """How the entry and exit orders walk: start better than mid, step toward natural, stop at ``reach``."""

    start_offset: Price = ONE_CENT  # better than mid for us
    reach: Decimal = Decimal("0.60")  # the last limit's place between mid (0) and natural (1)
    steps_max: int = 4
    interval_seconds: int = 600
    slippage_max: Price | None = None  # how far below the approved mid the net price may fall; None = reach only


class SizeBy(StrEnum):
    """How the number of structures is found; limits still apply."""

    FIXED = "fixed"
    RISK_PERCENT = "risk_percent"  # max loss at most this percent of net liquidating value


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRule:
    """How many structures to trade."""

    by: SizeBy = SizeBy.FIXED
    quantity: int = 1  # for FIXED
    risk_percent: Decimal = Decimal(1)  # for RISK_PERCENT


class ExitKind(StrEnum):
    """What an exit rule watches."""

    PROFIT_TARGET = "profit_target"
    STOP_LOSS = "stop_loss"
    DTE = "dte"
    DAYS_HELD = "days_held"
    MINUTES_TO_CLOSE = "minutes_to_close"
    POSITION_DELTA = "position_delta"  # |delta| of one structure, per share
    SHORT_DELTA = "short_delta"  # largest |delta| of a short leg
    UNDERLYING_ABOVE = "underlying_above"
    UNDERLYING_BELOW = "underlying_below"


class ExitUnit(StrEnum):
    """The unit of an exit rule's threshold."""

    PERCENT_OF_PREMIUM = "percent_of_premium"  # of the credit received or the debit paid
    DOLLARS = "dollars"  # of profit or loss of the whole position; for UNDERLYING_… dollars per share
    DAYS = "days"
    MINUTES = "minutes"
    DELTA = "delta"


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

    kind: ExitKind
    threshold: Decimal  # positive; the kind says the direction
    unit: ExitUnit
    priority: int = 1
    quantity_percent: int = 100  # how much of the position to close


class ApprovalMode(StrEnum):
    """Who approves: a person, or this strategy's own rule."""

    MANUAL = "manual"
    AUTOMATIC = "automatic"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRule:
    """Who approves and how long the proposal stands."""

    mode: ApprovalMode = ApprovalMode.MANUAL
    expires_minutes: int = 60
    max_loss_automatic: Money | None = None  # automatic only up to this loss (positive); above, a person is asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """One revision of a strategy."""

    id: StrategyId
    name: str
    description: str = ""
    active: bool = True
    symbols: tuple[str, ...] = ()  # what a scan looks at when none are named
    biases: tuple[Bias, ...] = (Bias.NEUTRAL,)
    expiration: ExpirationRule
    legs: tuple[LegRule, ...]
    conditions: tuple[Condition, ...] = ()
    liquidity: Liquidity = Liquidity()
    order: OrderRule = OrderRule()
    size: SizeRule = SizeRule()
    exits: tuple[ExitRule, ...] = ()
    approval: ApprovalRule = ApprovalRule()
    allow_undefined_risk: bool = False
    open_runs_max: int = 2  # runs of this strategy on one symbol at the same time
    entry_minutes_before_close_min: int = 15
