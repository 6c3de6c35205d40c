"""The rules beside the legs: what quotes must offer, how orders walk, what each target takes, who must approve."""

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


class OrderPreset(Word):
    """A walk by name. Numbers given beside it take the place of its own."""

    NORMAL = "normal", "Four prices, 10 seconds apart, from mid to natural."
    FAST = "fast", "Three prices, 5 seconds apart, from mid to natural."
    PATIENT = "patient", "Five prices, 20 seconds apart, from a cent better than mid to natural."
    ADAPTIVE = "adaptive", "Its steps follow the width, the time that is left and where such orders filled before."


class OrderFloor(Word):
    """How far an approval lets the limit go where no slippage is named."""

    REACH = "reach", "The place that `reach` names."
    NATURAL = "natural", "The natural price."


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRule:
    """How the entry and exit orders walk: start better than mid, step toward natural, stop at ``reach``.

    What is absent comes from the preset, and without one from the strategy's view: a directional one starts 3 cents
    better than mid and takes up to 6 steps, a neutral one a cent and 4. ``settled_walk`` fills it in.
    """

    preset: Annotated[
        OrderPreset | None, About("A walk by name; absent: by the numbers here and the strategy's view.")
    ] = None
    start_offset: Annotated[
        Price | None,
        About(
            "How much better than mid the first limit is; absent: by preset or view.",
            unit="dollars per share",
            at_least=0,
            at_most=10,
        ),
    ] = None
    concession: Annotated[
        Price | None,
        About(
            "How much worse than mid the first limit is, in place of `start_offset`.",
            unit="dollars per share",
            at_least=0,
            at_most=10,
        ),
    ] = None
    reach: Annotated[
        Decimal | None,
        About("Place of the last limit between mid (0) and natural (1); absent: 0.6, or 1.", at_least=0, at_most=1),
    ] = None
    steps_max: Annotated[
        int | None,
        About("Most changes of the limit; absent: by preset or view.", unit="steps", at_least=0, at_most=60),
    ] = None
    interval_seconds: Annotated[
        int | None,
        About("Pause between two steps; absent: by preset, else 600.", unit="seconds", at_least=1, at_most=3600),
    ] = None
    horizon_seconds: Annotated[
        int | None,
        About(
            "How long an adaptive walk takes to its last limit; absent: 300.",
            unit="seconds",
            at_least=5,
            at_most=14_400,
        ),
    ] = None
    slippage_max: Annotated[
        Price | None,
        About(
            "How far below the approved mid the net price may fall before the run asks again; absent: to `floor`.",
            unit="dollars per share",
            at_least=0,
            at_most=100,
        ),
    ] = None
    floor: Annotated[OrderFloor, About("How far the limit may go.", sparse=True)] = OrderFloor.REACH


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


class RestartAfter(Word):
    """The ends of a run after which the next one may start."""

    CLOSED = "closed", "Its position was closed."
    EXPIRED = "expired", "Its position expired."
    ASSIGNED = "assigned", "Its position ended in an assignment or an exercise."


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartRule:
    """When a completed run starts the next one; never while trading is halted, and loss guards are asked anew."""

    after: Annotated[
        tuple[RestartAfter, ...], About("The ends after which it starts again.", count_min=1, count_max=3)
    ] = (RestartAfter.CLOSED, RestartAfter.EXPIRED)
    cooldown_days: Annotated[int, About("How long it waits before.", unit="calendar days", at_least=0, at_most=365)] = 1
    max_per_day: Annotated[
        int, About("Restarts on one symbol on one day at most.", unit="runs", at_least=1, at_most=20)
    ] = 1


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


class GuardMode(Word):
    """Whether exits that rest on the legs' quotes are guarded."""

    ROBUST = "robust", "No exit on quotes that are no evidence; one that is met is confirmed by the deadline."
    OFF = "off", "An exit acts on the mids as they are."


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitGuard:
    """What stands between bad quotes and the exits that rest on them."""

    mode: Annotated[GuardMode, About("Whether such exits are guarded.")] = GuardMode.ROBUST
    deadline_seconds: Annotated[
        int,
        About(
            "How long quotes that are met and not contradicted may wait for a second one that says the same.",
            unit="seconds",
            at_least=1,
            at_most=60,
        ),
    ] = 2


ANY_MARKET = Liquidity()
USUAL_WALK = OrderRule()
BY_A_PERSON = ApprovalRule()
GUARDED = ExitGuard()
