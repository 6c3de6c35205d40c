"""The rules of a strategy in words and tables, for its page."""

from collections.abc import Iterator
from decimal import Decimal

from thetaloom.domain.strategy.rule_words import COMPARED, condition_words, exit_conditions, exit_number
from thetaloom.domain.strategy.strategies import (
    ExitKind,
    ExitRule,
    ExpirationRule,
    LegRule,
    Liquidity,
    SelectBy,
    Strategy,
    StrikeRule,
    TargetRule,
    Unit,
    WidthBy,
    WidthTable,
)
from thetaloom.domain.values.instruments import Right
from thetaloom.engine.walks import walk_of
from tools.docs.markdown import code


def strike_words(leg: LegRule) -> str:
    """Say how a leg finds its strike."""
    rule = leg.strike
    said = _wish(rule, leg.right)
    if rule.round_to is not None:
        said += f", rounded to a multiple of {_number(rule.round_to)}, ties to the even one"
    if rule.miss_max is not None:
        said += ", exactly" if rule.miss_max == 0 else f"; the nearest listed, at most {_miss(rule)} away"
    if leg.guard is not None:
        side = "above" if leg.right is Right.PUT else "below"
        said += f"; kept {_number(leg.guard.buffer_percent)} % {side} {leg.guard.level}"
    return said


def expiration_words(strategy: Strategy) -> Iterator[str]:
    """Say which expirations it trades."""
    yield f"Expiration: {_window(strategy.expiration)}, preferring {strategy.expiration.prefer}."
    back = strategy.back
    if back is not None:
        low, high = back.ratio_min, back.ratio_max
        times = f", {_number(low)} or more times the front's" if low is not None and high is None else ""
        if low is not None and high is not None:
            times = f", {_number(low)} to {_number(high)} times the front's"
        yield f"Back expiration: {back.dte_min} to {back.dte_max} DTE, target {back.dte_target}{times}."


def entry_words(strategy: Strategy) -> Iterator[str]:
    """Say what else must be so for an entry."""
    yield from expiration_words(strategy)
    if strategy.width_table is not None:
        yield _table_words(strategy.width_table)
    for drop in strategy.drops:
        when = f"{code(drop.metric.value)} is {COMPARED[drop.comparison]} {_number(drop.threshold)}"
        yield f"Left out when {when}: {', '.join(code(name) for name in drop.legs)}."
    for condition in strategy.conditions:
        yield f"Only with {condition_words(condition, code)}."
    yield _liquidity_words(strategy.liquidity)
    walk = walk_of(strategy)
    yield (
        f"The order starts {walk.start_offset or 0:.2f} better than mid and takes up to {walk.steps_max} steps of "
        f"{walk.interval_seconds} s, at most {_number((walk.reach or Decimal(0)) * 100)} % of the way to natural."
    )


def exit_row(rule: ExitRule) -> tuple[str, str, str, str]:
    """Return an exit rule as a row of its table."""
    name = {ExitKind.DTE: "days to expiration"}.get(rule.kind, rule.kind.value.replace("_", " "))
    return name, exit_number(rule), ", ".join(exit_conditions(rule)), str(rule.priority)


def target_row(target: TargetRule) -> tuple[str, str, str, str]:
    """Return a target as a row of its table."""
    legs = ", ".join(code(name) for name in target.legs)
    return code(target.name), legs, str(target.quantity), f"{_number(target.percent)} % of their credit"


def _wish(rule: StrikeRule, right: Right) -> str:
    away, beside = "above" if right is Right.CALL else "below", code(rule.of or "")
    match rule.by:
        case SelectBy.WIDTH if rule.unit is Unit.TABLE:
            return f"the table's width {away} {beside}"
        case SelectBy.WIDTH:
            return f"{_far(rule)} {away} {beside}"
        case SelectBy.SAME:
            return f"the strike of {beside}"
        case SelectBy.PREMIUM:
            return f"a mid of {rule.distance:.2f}"
        case SelectBy.NET_CREDIT:
            return f"the furthest out that brings {rule.distance:.2f} net"
        case SelectBy.EXPECTED_MOVE:
            return f"{_far(rule)} of the straddle {away} spot"
    return _plain_wish(rule)


def _plain_wish(rule: StrikeRule) -> str:
    match rule.by:
        case SelectBy.DELTA:
            return f"delta {_number(rule.distance)}"
        case SelectBy.STRIKE:
            return f"the strike {_number(rule.distance)}"
        case SelectBy.OTM if rule.distance:
            return f"{_far(rule)} {'out of' if rule.distance > 0 else 'in'} the money"
        case SelectBy.OTM:
            return "spot"
    way = "above" if rule.distance > 0 else "below"
    return f"{_far(rule)} {way} the strike at the money" if rule.distance else "the strike at the money"


def _far(rule: StrikeRule) -> str:
    unit = {Unit.PERCENT: "%", Unit.DOLLARS: "dollars", Unit.STRIKES: "listed strikes"}.get(rule.unit, "")
    return f"{_number(abs(rule.distance))} {unit}"


def _liquidity_words(rule: Liquidity) -> str:
    widths = []
    if rule.bid_ask_width_max is not None:
        widths.append(f"{rule.bid_ask_width_max:.2f} dollars")
    if rule.bid_ask_width_percent_max is not None:
        widths.append(f"{_number(rule.bid_ask_width_percent_max)} % of its mid")
    width = f"at most {' or '.join(widths)}" if widths else "as it may be"
    return f"Each leg's bid-ask spread {width}, its quote at most {rule.quote_age_seconds_max} s old."


def _miss(rule: StrikeRule) -> str:
    unit = {Unit.PERCENT: " % of spot", Unit.DOLLARS: " dollars"}.get(rule.unit, "")
    return f"{_number(rule.miss_max or Decimal(0))}{unit}"


def _table_words(table: WidthTable) -> str:
    what = "tradeable capital" if table.by is WidthBy.TRADEABLE_CAPITAL else "the price of the underlying"
    steps = [
        f"{_number(step.width)} below {step.below:,f}" if step.below is not None else f"else {_number(step.width)}"
        for step in table.steps
    ]
    return f"Width in dollars by {what}: {', '.join(steps)}."


def _window(rule: ExpirationRule) -> str:
    return f"{rule.dte_min} to {rule.dte_max} DTE, target {rule.dte_target}"


def _number(number: Decimal) -> str:
    return f"{Decimal(number).normalize():f}"
