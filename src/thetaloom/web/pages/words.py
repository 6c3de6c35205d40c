"""A strategy's rules in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from thetaloom.domain.strategy.fields import word_of
from thetaloom.domain.strategy.rule_words import exit_conditions, exit_number, stop_words
from thetaloom.domain.strategy.strategies import (
    ApprovalMode,
    BackRule,
    Condition,
    ExitRule,
    LegRule,
    OrderFloor,
    OrderPreset,
    Preference,
    SelectBy,
    SizeBy,
    Strategy,
    TargetRule,
    Term,
    Unit,
)
from thetaloom.engine.walks import walk_of

UNIT_WORDS = {
    Unit.DELTA: "",
    Unit.STRIKES: " strikes",
    Unit.DOLLARS: " dollars",
    Unit.PERCENT: " %",
    Unit.TABLE: " dollars",
    Unit.NONE: "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """One group of rules."""

    title: str
    lines: Sequence[str]


_HELD = "Held to expiration."


def in_words(strategy: Strategy) -> tuple[Rules, ...]:
    """Return the rules of a strategy, group by group, in the order of a run."""
    return (
        Rules(title="Expiration", lines=[_expiration(strategy)]),
        Rules(title="Legs", lines=[*map(_leg, strategy.legs), *_beside_the_legs(strategy)]),
        Rules(title="Enter only when", lines=[*map(_condition, strategy.conditions), *_liquidity(strategy)]),
        *_never(strategy),
        Rules(title="Size and risk", lines=list(_size(strategy))),
        Rules(title="Orders", lines=list(_orders(strategy))),
        *([Rules(title="Targets", lines=[*map(_target, strategy.targets)])] if strategy.targets else []),
        Rules(
            title="Leave when", lines=[*map(_exit, strategy.exits), *_ladder(strategy), *_endings(strategy)] or [_HELD]
        ),
        Rules(title="Approval", lines=[_approval(strategy)]),
    )


def _expiration(strategy: Strategy) -> str:
    rule = strategy.expiration
    prefer = "" if rule.prefer is Preference.NEAREST else f", a {rule.prefer.value} one if there is any"
    front = f"{rule.dte_min} to {rule.dte_max} days away, nearest to {rule.dte_target}{prefer}"
    back = strategy.back
    if back is None:
        return f"{front}."
    later = f"the later one {back.dte_min} to {back.dte_max} days away, nearest to {back.dte_target}{_times(back)}"
    return f"{front}; {later}."


def _times(back: BackRule) -> str:
    least = "" if back.ratio_min is None else f", at least {_text(back.ratio_min)} times as far"
    most = "" if back.ratio_max is None else f", at most {_text(back.ratio_max)} times as far"
    return least + most


def _leg(leg: LegRule) -> str:
    rule = leg.strike
    number = "a width by the table" if rule.unit is Unit.TABLE else f"{_text(rule.distance)}{UNIT_WORDS[rule.unit]}"
    where = {
        SelectBy.DELTA: f"the delta nearest to {number}",
        SelectBy.ATM: f"the strike {number} from the one nearest to spot",
        SelectBy.STRIKE: f"the strike {number}",
        SelectBy.WIDTH: f"the strike {number} away from {rule.of}",
        SelectBy.PREMIUM: f"the mid nearest to {number}",
        SelectBy.EXPECTED_MOVE: f"the strike {number} of the expected move away from spot",
        SelectBy.OTM: f"the strike {number} out of the money from spot",
        SelectBy.SAME: f"the strike of {rule.of}",
        SelectBy.NET_CREDIT: f"the strike furthest out that brings {number} net with the legs measured from it",
    }[rule.by]
    rounded = "" if rule.round_to is None else f", rounded to a multiple of {_text(rule.round_to)} dollars"
    guard = leg.guard
    kept = "" if guard is None else f", kept {_text(guard.buffer_percent)} % off {guard.level.value}"
    term = " of the later expiration" if leg.term is Term.BACK else ""
    miss = "" if rule.miss_max is None else f", missing it by at most {_text(rule.miss_max)}{UNIT_WORDS[rule.unit]}"
    miss = ", exactly" if rule.miss_max == 0 else miss
    return f"{leg.name}: {leg.side.value} {leg.ratio} {word_of(leg.right)}{term} at {where}{rounded}{kept}{miss}."


def _beside_the_legs(strategy: Strategy) -> Iterator[str]:
    if strategy.shares:
        yield f"Beside {strategy.shares} shares per structure that the account holds already."
    if strategy.width_table is not None:
        rows = [
            f"{_text(step.width)}{'' if step.below is None else f' below {_text(step.below)}'}"
            for step in strategy.width_table.steps
        ]
        yield f"Width in dollars by {strategy.width_table.by.value.replace('_', ' ')}: {', '.join(rows)}."
    for drop in strategy.drops:
        test = f"{drop.metric.value} {drop.comparison.value} {_text(drop.threshold)}"
        yield f"Without {', '.join(drop.legs)} when {test}: {drop.metric.text}"


def _target(target: TargetRule) -> str:
    return (
        f"{target.name}: {target.quantity} of {', '.join(target.legs)} at a profit of "
        f"{_text(target.percent)} % of their premium, by an order of its own."
    )


def _condition(condition: Condition) -> str:
    return (
        f"{condition.metric.value} {condition.comparison.value} {_text(condition.threshold)}: {condition.metric.text}"
    )


def _liquidity(strategy: Strategy) -> Iterator[str]:
    rule = strategy.liquidity
    widths = []
    if rule.bid_ask_width_max is not None:
        widths.append(f"{_text(rule.bid_ask_width_max)} dollars")
    if rule.bid_ask_width_percent_max is not None:
        widths.append(f"{_text(rule.bid_ask_width_percent_max)} % of its mid")
    if widths:
        yield f"The bid-ask width of each leg is at most {' or '.join(widths)}."
    if rule.open_interest_min is not None:
        yield f"Each leg has an open interest of at least {rule.open_interest_min} contracts."
    if rule.volume_min is not None:
        yield f"Each leg has traded at least {rule.volume_min} contracts today."
    yield f"No quote is older than {rule.quote_age_seconds_max} seconds."
    yield f"At least {strategy.entry_minutes_before_close_min} minutes remain before the close."
    yield f"No more than {strategy.open_runs_max} of its runs are open on one symbol."


def _never(strategy: Strategy) -> Iterator[Rules]:
    if strategy.hard_stops is not None:
        yield Rules(title="Never with", lines=[f"{said}." for said in stop_words(strategy.hard_stops)])


def _size(strategy: Strategy) -> Iterator[str]:
    rule = strategy.size
    if rule.by is SizeBy.FIXED:
        yield f"{rule.quantity} structure{'s' if rule.quantity > 1 else ''}."
    else:
        yield f"As many structures as lose at most {_text(rule.risk_percent)} % of the net liquidating value."
    yield "The loss may be unlimited." if strategy.allow_undefined_risk else "The loss must be limited."


def _orders(strategy: Strategy) -> Iterator[str]:
    rule = walk_of(strategy)
    offset = Decimal(rule.start_offset or 0)
    side = "better" if offset >= 0 else "worse"
    yield f"The first limit is {_text(abs(offset))} dollars {side} than mid."
    way = f"to {_text((rule.reach or Decimal(0)) * 100)} % of the way from mid to natural"
    if rule.preset is OrderPreset.ADAPTIVE:
        seconds = f"{rule.horizon_seconds} seconds"
        yield f"It moves up to {rule.steps_max} times within {seconds}, {way}, as width, time and past fills suggest."
    else:
        yield f"It moves up to {rule.steps_max} times, every {rule.interval_seconds} seconds, {way}."
    if rule.floor is OrderFloor.NATURAL:
        yield "It never falls below the natural price that was approved."
    yield "It never falls to a price at which one of the conditions would no longer hold."
    if rule.slippage_max is not None:
        yield f"It never falls more than {_text(rule.slippage_max)} dollars below the approved mid."


def _exit(rule: ExitRule) -> str:
    said = "".join(f", {part}" for part in exit_conditions(rule))
    number = exit_number(rule)
    where = f" {number}" if number else ""
    return f"{rule.kind.value}{where} (priority {rule.priority}{said}): {rule.kind.text}"


def _endings(strategy: Strategy) -> Iterator[str]:
    if strategy.imbalance is not None:
        yield f"Legs that stand alone: {strategy.imbalance.policy.text}"
    if strategy.assignment is not None:
        yield f"Shares that an assignment leaves: {strategy.assignment.policy.text}"


def _ladder(strategy: Strategy) -> Iterator[str]:
    if strategy.ladder is not None:
        yield (
            f"From {strategy.ladder.threshold_dte} days to expiration on, each spread is offered at breakeven, and each"
            " day at more of its max loss."
        )


def _approval(strategy: Strategy) -> str:
    rule = strategy.approval
    until = f"A proposal stands for {rule.expires_minutes} minutes."
    if rule.mode is ApprovalMode.MANUAL:
        return f"A person decides{', always' if rule.manual_only else ''}. {until}"
    if rule.max_loss_automatic is None:
        return f"The strategy's own rule approves. {until}"
    return f"Automatic up to a loss of {_text(rule.max_loss_automatic)} dollars, above it a person decides. {until}"


def _text(number: Decimal) -> str:
    return format(number.normalize(), "f").replace("-", "−")
