"""The rules beside the legs: what quotes must offer, how orders walk, when to leave and who must approve."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from thetaloom.domain.strategy.fields import About, Word
from thetaloom.domain.strategy.leg_rules import LEG_NAME
from thetaloom.domain.values.money import Money, Price

ONE_CENT = Price("0.01")


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
    strike_quality_min: Annotated[
        Decimal | None,
        About("Least quality of the weakest leg; absent: it is only shown.", unit="points", at_least=0, at_most=100),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRule:
    """A profit target of a part of the structure, its own order that no other target cancels."""

    name: Annotated[str, About("The target's name.", pattern=LEG_NAME, good="put_spread_1", length_max=32)]
    legs: Annotated[
        tuple[str, ...],
        About("The legs that it closes.", pattern=LEG_NAME, good="short_put", length_max=32, count_min=1, count_max=8),
    ]
    quantity: Annotated[
        int, About("How many of these legs' own structure it closes.", unit="structures", at_least=1, at_most=10)
    ] = 1
    percent: Annotated[Decimal, About("The profit.", unit="% of these legs' premium", above=0, at_most=1000)]


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
    manual_only: Annotated[bool, About("Whether the strategy must never be automated.", sparse=True)] = False
    queue_for_open: Annotated[
        bool,
        About(
            "Whether an approved trade that meets a closed market waits for the open, and asks again there.",
            sparse=True,
        ),
    ] = True


ANY_MARKET = Liquidity()
USUAL_WALK = OrderRule()
BY_A_PERSON = ApprovalRule()
