"""What cannot stand together in one leg's rules, in a DTE window and in a width table."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from thetaloom.domain.strategy.fields import Problems, shown
from thetaloom.domain.strategy.leg_rules import (
    MEASURED_FROM_A_LEG,
    UNITS,
    WISHES_A_STRIKE,
    BackRule,
    ExpirationRule,
    LegRule,
    Level,
    SelectBy,
    Side,
    StrikeRule,
    Unit,
    WidthTable,
)
from thetaloom.domain.values.instruments import STRIKE_LIMIT, STRIKE_STEP, Right

STRIKES_MAX = 200  # no chain lists more strikes on one side of spot that anyone would count
EXPECTED_MOVE_MAX = 1000  # percent of the straddle


def _strike_rule_problems(rule: StrikeRule) -> Problems:
    problems: Problems = {}
    if rule.unit not in UNITS[rule.by]:
        good = " or ".join(sorted(UNITS[rule.by]))
        found = "missing" if rule.unit is Unit.NONE else f'"{rule.unit}"'
        problems["unit"] = f"is {found}; expected {good} for {rule.by}"
    if rule.by in MEASURED_FROM_A_LEG and rule.of is None:
        problems["of"] = f"is missing; expected the name of the leg that {_OF_WORDS[rule.by]}"
    if rule.by not in MEASURED_FROM_A_LEG and rule.of is not None:
        problems["of"] = f"is {shown(rule.of)}; expected nothing, only a width is measured from a leg"
    expected = _distance_expectation(rule)
    if expected:
        problems["value"] = f"is {rule.distance}; expected {expected}"
    return problems | _miss_problems(rule) | _rounding_problems(rule)


_OF_WORDS = {SelectBy.WIDTH: "the width is measured from", SelectBy.SAME: "has the strike"}


def _miss_problems(rule: StrikeRule) -> Problems:
    if rule.miss_max is None:
        return {}
    if rule.unit is Unit.STRIKES:
        return {"miss_max": f"is {rule.miss_max}; expected nothing, a count of strikes is met or not"}
    if rule.by is SelectBy.SAME:
        return {"miss_max": f"is {rule.miss_max}; expected nothing, a strike is the same or not"}
    if rule.by is SelectBy.DELTA and rule.miss_max > 1:
        return {"miss_max": f"is {rule.miss_max}; expected a delta from 0 to 1"}
    return {}


def _rounding_problems(rule: StrikeRule) -> Problems:
    if rule.round_to is None:
        return {}
    if not wishes_a_strike(rule):
        return {"round_to": f"is {rule.round_to}; expected nothing, {_WISHERS}"}
    if rule.round_to % STRIKE_STEP:
        return {"round_to": f"is {rule.round_to}; expected at most 3 decimals"}
    return {}


_WISHERS = "only atm, expected_move and otm in dollars or percent wish a price for the strike"


def wishes_a_strike(rule: StrikeRule) -> bool:
    """Tell whether the rule wishes a price of the underlying, which may lie between the listed strikes."""
    return rule.by in WISHES_A_STRIKE and rule.unit is not Unit.STRIKES


def _distance_expectation(rule: StrikeRule) -> str | None:
    number, is_count = rule.distance, rule.unit is Unit.STRIKES
    is_whole = number == number.to_integral_value()
    match rule.by:
        case SelectBy.SAME | SelectBy.WIDTH if rule.by is SelectBy.SAME or rule.unit is Unit.TABLE:
            return "nothing, or 0" if number else None
        case SelectBy.DELTA if not 0 < abs(number) <= 1:
            return "a delta from -1 to 1 other than 0"
        case SelectBy.ATM | SelectBy.WIDTH if is_count and not (is_whole and abs(number) <= STRIKES_MAX):
            return f"a whole number of strikes, at most {STRIKES_MAX}"
        case SelectBy.ATM if rule.unit is Unit.PERCENT and abs(number) > 100:
            return "at most 100 percent"
        case SelectBy.ATM:
            return None
        case SelectBy.STRIKE if not (0 < number < STRIKE_LIMIT and number % STRIKE_STEP == 0):
            return f"a strike above 0 and below {STRIKE_LIMIT} with at most 3 decimals"
        case SelectBy.OTM if rule.unit is Unit.PERCENT and abs(number) >= 100:
            return "a percentage between -100 and 100"
        case SelectBy.WIDTH | SelectBy.PREMIUM | SelectBy.NET_CREDIT if number <= 0:
            return "a number above 0"
        case SelectBy.EXPECTED_MOVE if not 0 <= number <= EXPECTED_MOVE_MAX:
            return f"a percentage from 0 to {EXPECTED_MOVE_MAX}"
    return None


def _leg_problems(leg: LegRule) -> Problems:
    problems = _guard_problems(leg)
    if leg.strike.by is SelectBy.NET_CREDIT and leg.side is Side.BUY:
        problems["side"] = 'is "buy"; expected sell, as the strike is found by what it brings'
    is_call = leg.right is Right.CALL
    if leg.strike.by is SelectBy.DELTA and leg.strike.distance != 0 and (leg.strike.distance > 0) is not is_call:
        sign, word = ("positive", "call") if is_call else ("negative", "put")
        problems["select.value"] = f"is {leg.strike.distance}; expected a {sign} delta, as the leg is a {word}"
    return problems


def _guard_problems(leg: LegRule) -> Problems:
    if leg.guard is None:
        return {}
    if not wishes_a_strike(leg.strike):
        return {"guard": f"is a table; expected nothing, {_WISHERS}"}
    good = Level.RESISTANCE if leg.right is Right.CALL else Level.SUPPORT
    if leg.guard.level is not good:
        return {"guard.level": f'is "{leg.guard.level}"; expected {good}, as the leg is a {leg.right.name.lower()}'}
    return {}


def _expiration_problems(rule: ExpirationRule | BackRule) -> Problems:
    problems: Problems = {}
    if rule.dte_min > rule.dte_max:
        problems["dte_min"] = f"is {rule.dte_min}; expected at most dte_max, which is {rule.dte_max}"
    elif not rule.dte_min <= rule.dte_target <= rule.dte_max:
        problems["dte_target"] = f"is {rule.dte_target}; expected a day of the window, {rule.dte_min} to {rule.dte_max}"
    return problems


def _back_problems(rule: BackRule) -> Problems:
    problems = _expiration_problems(rule)
    if rule.ratio_min is not None and rule.ratio_max is not None and rule.ratio_min > rule.ratio_max:
        problems["ratio_min"] = f"is {rule.ratio_min}; expected at most ratio_max, which is {rule.ratio_max}"
    return problems


def _width_table_problems(table: WidthTable) -> Problems:
    problems: Problems = {}
    last = len(table.steps) - 1
    for at, step in enumerate(table.steps):
        if (step.below is None) is not (at == last):
            expected = "nothing, the last row is open" if at == last else "an amount, only the last row is open"
            problems[f"steps[{at}].below"] = f"is {shown(step.below)}; expected {expected}"
        if step.width % STRIKE_STEP:
            problems[f"steps[{at}].width"] = f"is {step.width}; expected at most 3 decimals"
    for at, (before, step) in enumerate(pairwise(table.steps), 1):
        if before.below is not None and step.below is not None and step.below <= before.below:
            problems[f"steps[{at}].below"] = f"is {step.below}; expected more than {before.below} of the row before"
    return problems


LEG_CHECKS: dict[type, Callable[[Any], Problems]] = {
    StrikeRule: _strike_rule_problems,
    LegRule: _leg_problems,
    ExpirationRule: _expiration_problems,
    BackRule: _back_problems,
    WidthTable: _width_table_problems,
}
