"""The words in which a strategy says when to leave: kinds of exits, their units and conditions, and the ladder."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from thetaloom.domain.strategy.fields import About, Word

CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]"
NO_NUMBER = Decimal(0)


class ExitKind(Word):
    """What an exit rule watches."""

    PROFIT_TARGET = "profit_target", "Profit at or above the threshold."
    STOP_LOSS = "stop_loss", "Loss at or above the threshold."
    TRAILING = "trailing", "Profit given back since its highest believable mark, entry at least, by the threshold."
    DTE = "dte", "Days to expiration at or under the threshold."
    DAYS_HELD = "days_held", "Calendar days since opening at or above the threshold."
    CLOCK = "clock", "The exchange's clock at or past `at`; where a session ends by then, its last 15 minutes."
    MINUTES_TO_CLOSE = "minutes_to_close", "Minutes until the session ends at or under the threshold."
    EXPIRY_FRIDAY = (
        "expiry_friday",
        "From `at` on the last trading day of an expiration that ends its week, a Friday unless that is a holiday.",
    )
    POSITION_DELTA = "position_delta", "|delta| of one structure per share at or above the threshold."
    SHORT_DELTA = "short_delta", "The largest |delta| of a short leg at or above the threshold."
    SHORT_STRIKE = "short_strike", "Spot beyond a short strike by the threshold; 0 is a touch."
    THETA = "theta", "Value lost per day to time, as a share of the position's value, at or above the threshold."
    IV_CRUSH = (
        "iv_crush",
        "Fall of the legs' implied volatility since entry, as a share of it, at or above the threshold.",
    )
    ATR = (
        "atr",
        "Move of the underlying from its price at entry against the position, in average true ranges of 14 days; "
        "of a structure without a side, with a |delta| under 0.05 at entry, either way.",
    )
    UNDERLYING_ABOVE = "underlying_above", "Underlying at or above the threshold."
    UNDERLYING_BELOW = "underlying_below", "Underlying at or below the threshold."
    GAMMA_FLIP = (
        "gamma_flip",
        "Dealers' gamma turned since entry: short against what was opened for a credit, long against a debit.",
    )
    ZERO_GAMMA = (
        "zero_gamma",
        "Spot past the zero-gamma price by the threshold, below it against a credit, above against a debit; "
        "it stood on the other side at entry.",
    )
    EARNINGS = "earnings", "Calendar days to the next earnings report at or under the threshold."
    AFTER_EARNINGS = "after_earnings", "From the first open after an earnings day that the position was held on."
    OPPOSING_REGIME = (
        "opposing_regime",
        "Confidence in a bull or bear regime against the side the position had at entry, at or above the threshold.",
    )
    OPPOSING_BIAS = (
        "opposing_bias",
        "Confidence in a bias against the side the position had at entry, at or above the threshold.",
    )


class ExitUnit(Word):
    """The unit of an exit rule's threshold."""

    PERCENT_OF_PREMIUM = "percent_of_premium", "Percent of the credit received or the debit paid."
    PERCENT_OF_MAX_LOSS = "percent_of_max_loss", "Percent of the most that what is held can lose at expiration."
    PERCENT_OF_PEAK = "percent_of_peak", "Percent of the highest profit so far."
    DOLLARS = "dollars", "Dollars of the whole position; for the underlying and a strike, dollars per share."
    R = "r", "Multiples of the planned risk: the smallest unconditional stop for all, or the max loss if less."
    DAYS = "days", "Calendar days."
    MINUTES = "minutes", "Minutes of the session."
    DELTA = "delta", "Delta per share, 0 to 1 for one contract."
    SHARE = "share", "A part of the whole, 0.2 being a fifth."
    PERCENT = "percent", "Percent of the short strike, of the zero-gamma price, or of confidence."
    ATR = "atr", "Average true ranges of 14 days."
    NONE = "none", "No threshold: the kind says it all, or `at` does."


_MONEY = frozenset({ExitUnit.PERCENT_OF_PREMIUM, ExitUnit.PERCENT_OF_MAX_LOSS, ExitUnit.DOLLARS, ExitUnit.R})
_NONE = frozenset({ExitUnit.NONE})
_DAYS = frozenset({ExitUnit.DAYS})

EXIT_UNITS: dict[ExitKind, frozenset[ExitUnit]] = {
    ExitKind.PROFIT_TARGET: _MONEY,
    ExitKind.STOP_LOSS: _MONEY,
    ExitKind.TRAILING: frozenset({ExitUnit.PERCENT_OF_PREMIUM, ExitUnit.PERCENT_OF_PEAK, ExitUnit.DOLLARS, ExitUnit.R}),
    ExitKind.DTE: _DAYS,
    ExitKind.DAYS_HELD: _DAYS,
    ExitKind.CLOCK: _NONE,
    ExitKind.MINUTES_TO_CLOSE: frozenset({ExitUnit.MINUTES}),
    ExitKind.EXPIRY_FRIDAY: _NONE,
    ExitKind.POSITION_DELTA: frozenset({ExitUnit.DELTA}),
    ExitKind.SHORT_DELTA: frozenset({ExitUnit.DELTA}),
    ExitKind.SHORT_STRIKE: frozenset({ExitUnit.DOLLARS, ExitUnit.PERCENT}),
    ExitKind.THETA: frozenset({ExitUnit.SHARE}),
    ExitKind.IV_CRUSH: frozenset({ExitUnit.SHARE}),
    ExitKind.ATR: frozenset({ExitUnit.ATR}),
    ExitKind.UNDERLYING_ABOVE: frozenset({ExitUnit.DOLLARS}),
    ExitKind.UNDERLYING_BELOW: frozenset({ExitUnit.DOLLARS}),
    ExitKind.GAMMA_FLIP: _NONE,
    ExitKind.ZERO_GAMMA: frozenset({ExitUnit.PERCENT}),
    ExitKind.EARNINGS: _DAYS,
    ExitKind.AFTER_EARNINGS: _NONE,
    ExitKind.OPPOSING_REGIME: frozenset({ExitUnit.PERCENT}),
    ExitKind.OPPOSING_BIAS: frozenset({ExitUnit.PERCENT}),
}
BY_THE_CLOCK = frozenset({ExitKind.CLOCK, ExitKind.EXPIRY_FRIDAY})
MAY_BE_ZERO = frozenset({ExitKind.DTE, ExitKind.EARNINGS, ExitKind.SHORT_STRIKE, ExitKind.ZERO_GAMMA})


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitRule:
    """One management rule; the lowest priority number wins when several are met at once."""

    kind: Annotated[ExitKind, About("What the rule watches.")]
    threshold: Annotated[Decimal, About("Where it acts; the kind says the direction.", at_least=0)] = NO_NUMBER
    unit: Annotated[ExitUnit, About("The unit of the threshold.")] = ExitUnit.NONE
    at: Annotated[
        str | None,
        About("Time of the exchange from which a rule by the clock acts.", pattern=CLOCK, good="15:30", length_max=5),
    ] = None
    intraday_only: Annotated[
        bool,
        About("Whether a clock rule acts only on the day the position was opened; one held on stays.", sparse=True),
    ] = False
    activates_at: Annotated[
        Decimal | None,
        About(
            "Profit that must once have been reached before trailing acts, in the threshold's unit; beside "
            "percent_of_peak, percent of the premium; absent: at once.",
            above=0,
        ),
    ] = None
    only_if_profit_above: Annotated[
        Decimal | None,
        About("Acts only with more profit than this; negative is a loss.", unit="% of the premium", at_least=-1000),
    ] = None
    only_if_profit_below: Annotated[
        Decimal | None,
        About("Acts only with less profit than this; negative is a loss.", unit="% of the premium", at_least=-1000),
    ] = None
    only_if_loss: Annotated[bool, About("Whether it acts only while the position is not in profit.", sparse=True)] = (
        False
    )
    priority: Annotated[int, About("1 is the most urgent.", at_least=1, at_most=100)] = 1
    quantity_percent: Annotated[int, About("How much of the position to close.", unit="%", at_least=1, at_most=100)] = (
        100
    )

    @property
    def at_minute(self) -> int | None:
        """``at`` in minutes since midnight on the exchange's wall."""
        return None if self.at is None else int(self.at[:2]) * 60 + int(self.at[3:])

    @property
    def has_condition(self) -> bool:
        """Whether it acts only at some profits."""
        return self.only_if_loss or self.only_if_profit_above is not None or self.only_if_profit_below is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderRule:
    """The ladder of closing limits: breakeven first, then more of the max loss with each day, at last all of it."""

    threshold_dte: Annotated[
        int, About("Days to expiration at which the ladder begins.", unit="days", at_least=3, at_most=60)
    ] = 7
