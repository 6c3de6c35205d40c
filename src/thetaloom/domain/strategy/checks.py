"""What cannot stand together in a strategy: fields out of bounds, units, references, windows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from thetaloom.domain.strategy.fields import bound_problems, fields_of, shown
from thetaloom.domain.strategy.metrics import METRIC_MAX, SIGNED_METRICS
from thetaloom.domain.strategy.strategies import (
    EXIT_UNITS,
    UNITS,
    ApprovalMode,
    ApprovalRule,
    Condition,
    ExitKind,
    ExitRule,
    ExitUnit,
    ExpirationRule,
    LegRule,
    SelectBy,
    Strategy,
    StrikeRule,
    Unit,
)
from thetaloom.domain.values.instruments import STRIKE_LIMIT, STRIKE_STEP, Right
from thetaloom.errors import InvalidInput

Problems = dict[str, str]  # what is wrong and what is expected, by the path of the field in a document

STRIKES_MAX = 200  # no chain lists more strikes on one side of spot that anyone would count
EXPECTED_MOVE_MAX = 1000  # percent of the straddle
PERCENT_OF_PREMIUM_MAX = 1000
POSITION_DELTA_MAX = 10
MINUTES_OF_SESSION = 405  # index options trade the longest

EXIT_MAX: dict[ExitKind, int] = {
    ExitKind.PROFIT_TARGET: 10_000_000,
    ExitKind.STOP_LOSS: 10_000_000,
    ExitKind.DTE: 1100,
    ExitKind.DAYS_HELD: 1100,
    ExitKind.MINUTES_TO_CLOSE: MINUTES_OF_SESSION,
    ExitKind.POSITION_DELTA: POSITION_DELTA_MAX,
    ExitKind.SHORT_DELTA: 1,
    ExitKind.UNDERLYING_ABOVE: 1_000_000,
    ExitKind.UNDERLYING_BELOW: 1_000_000,
}


def strategy_problems(strategy: Strategy) -> Problems:
    """Return everything that is wrong with a strategy, by path; empty when it can stand."""
    problems = _walk(strategy, "") | reference_problems([(leg.name, leg.strike.of) for leg in strategy.legs])
    return problems or exit_window_problems(strategy.expiration, enumerate(strategy.exits))


def refuse_problems(strategy_id: object, problems: Mapping[str, str]) -> None:
    """Raise ``InvalidInput`` with all problems at once, if there are any."""
    if problems:
        many = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        name = shown(strategy_id).strip('"')
        raise InvalidInput(
            f"strategy {name}: {many}",
            advice="Each detail names a field, what stands there and what is expected.",
            details=problems,
        )


def record_problems(record: object) -> Problems:
    """Return what the fields of one record say against each other, by path within it."""
    check = CHECKS.get(type(record))
    return check(record) if check else {}


def reference_problems(legs: Sequence[tuple[str | None, str | None]]) -> Problems:
    """Return what is wrong between legs, each given as its name and the name it is measured from."""
    problems: Problems = {}
    first_at: dict[str, int] = {}
    for at, (name, _) in enumerate(legs):
        if name is not None and first_at.setdefault(name, at) != at:
            problems[f"legs[{at}].name"] = f'is "{name}", as legs[{first_at[name]}] is; expected a name of its own'
    measured = {name: of for name, of in legs if name is not None}
    for at, (name, of) in enumerate(legs):
        wrong = of is not None and _reference_problem(name, of, measured)
        if wrong:
            problems[f"legs[{at}].select.of"] = wrong
    return problems


def exit_window_problems(expiration: ExpirationRule, exits: Iterable[tuple[int, ExitRule]]) -> Problems:
    """Return the DTE exits that would close every position as soon as it opens."""
    return {
        f"exits[{at}].threshold": (
            f"is {rule.threshold}: every entry has at most {expiration.dte_max} DTE and would close at once; "
            f"expected less than dte_max"
        )
        for at, rule in exits
        if rule.kind is ExitKind.DTE and rule.threshold >= expiration.dte_max
    }


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return the nearest known word as a question, or all of them where none is near."""
    near = get_close_matches(word[:100], known, n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else "known are " + ", ".join(known)


def _walk(record: Any, path: str) -> Problems:
    problems: Problems = {}
    for field in fields_of(type(record)):
        entry = getattr(record, field.name)
        here = f"{path}.{field.key}" if path else field.key
        problems |= {here + tail: text for tail, text in bound_problems(field, entry).items()}
        if field.is_record:
            inner = {f"{here}[{at}]": part for at, part in enumerate(entry)} if field.is_list else {here: entry}
            for place, part in inner.items():
                problems |= _walk(part, place)
    if problems:  # a NaN among them could not even be compared
        return problems
    return {f"{path}.{tail}": text for tail, text in record_problems(record).items()}


def _reference_problem(name: str | None, of: str, measured: Mapping[str, str | None]) -> str | None:
    if of == name:
        return f'is "{of}", the leg itself; expected another leg'
    if of not in measured:
        return f"is {shown(of)}, which no leg is named; " + did_you_mean(of, sorted(measured))
    steps, step = [name or ""], measured.get(name or "")
    while step is not None and step in measured and step not in steps:
        steps.append(step)
        step = measured[step]
    return "goes in a circle: " + " → ".join([*steps, steps[0]]) if name and step == name else None


def _strike_rule_problems(rule: StrikeRule) -> Problems:
    problems: Problems = {}
    if rule.unit not in UNITS[rule.by]:
        good = " or ".join(sorted(UNITS[rule.by]))
        problems["unit"] = f'is "{rule.unit}"; expected {good} for {rule.by}'
    if rule.by is SelectBy.WIDTH and rule.of is None:
        problems["of"] = "is missing; expected the name of the leg that the width is measured from"
    if rule.by is not SelectBy.WIDTH and rule.of is not None:
        problems["of"] = f"is {shown(rule.of)}; expected nothing, only a width is measured from a leg"
    expected = _distance_expectation(rule)
    if expected:
        problems["value"] = f"is {rule.distance}; expected {expected}"
    if rule.miss_max is not None and rule.unit is Unit.STRIKES:
        problems["miss_max"] = f"is {rule.miss_max}; expected nothing, a count of strikes is met or not"
    if rule.miss_max is not None and rule.by is SelectBy.DELTA and rule.miss_max > 1:
        problems["miss_max"] = f"is {rule.miss_max}; expected a delta from 0 to 1"
    return problems


def _distance_expectation(rule: StrikeRule) -> str | None:
    number, is_count = rule.distance, rule.unit is Unit.STRIKES
    is_whole = number == number.to_integral_value()
    match rule.by:
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
        case SelectBy.WIDTH | SelectBy.PREMIUM if number <= 0:
            return "a number above 0"
        case SelectBy.EXPECTED_MOVE if not 0 <= number <= EXPECTED_MOVE_MAX:
            return f"a percentage from 0 to {EXPECTED_MOVE_MAX}"
    return None


def _leg_problems(leg: LegRule) -> Problems:
    if leg.strike.by is not SelectBy.DELTA:
        return {}
    is_call = leg.right is Right.CALL
    if leg.strike.distance == 0 or (leg.strike.distance > 0) is is_call:
        return {}
    sign, word = ("positive", "call") if is_call else ("negative", "put")
    return {"select.value": f"is {leg.strike.distance}; expected a {sign} delta, as the leg is a {word}"}


def _expiration_problems(rule: ExpirationRule) -> Problems:
    problems: Problems = {}
    if rule.dte_min > rule.dte_max:
        problems["dte_min"] = f"is {rule.dte_min}; expected at most dte_max, which is {rule.dte_max}"
    elif not rule.dte_min <= rule.dte_target <= rule.dte_max:
        problems["dte_target"] = f"is {rule.dte_target}; expected a day of the window, {rule.dte_min} to {rule.dte_max}"
    return problems


def _condition_problems(condition: Condition) -> Problems:
    most = METRIC_MAX[condition.metric]
    least = -most if condition.metric in SIGNED_METRICS else 0
    if least <= condition.threshold <= most:
        return {}
    return {"threshold": f"is {condition.threshold}; expected {least} to {most} for {condition.metric}"}


def _exit_problems(rule: ExitRule) -> Problems:
    problems: Problems = {}
    if rule.unit not in EXIT_UNITS[rule.kind]:
        good = " or ".join(sorted(EXIT_UNITS[rule.kind]))
        problems["unit"] = f'is "{rule.unit}"; expected {good} for {rule.kind}'
    is_percent = rule.unit is ExitUnit.PERCENT_OF_PREMIUM
    most = PERCENT_OF_PREMIUM_MAX if is_percent else EXIT_MAX[rule.kind]
    least_word = "0 to" if rule.kind is ExitKind.DTE else "above 0 and at most"  # 0 DTE is the last day itself
    is_whole = rule.unit not in (ExitUnit.DAYS, ExitUnit.MINUTES) or _is_whole(rule.threshold)
    too_low = rule.threshold < 0 if rule.kind is ExitKind.DTE else rule.threshold <= 0
    if too_low or rule.threshold > most or not is_whole:
        whole = "a whole number " if rule.unit in (ExitUnit.DAYS, ExitUnit.MINUTES) else ""
        problems["threshold"] = f"is {rule.threshold}; expected {whole}{least_word} {most} {rule.unit}"
    return problems


def _is_whole(number: Decimal) -> bool:
    return number == number.to_integral_value()


def _approval_problems(rule: ApprovalRule) -> Problems:
    if rule.mode is ApprovalMode.AUTOMATIC or rule.max_loss_automatic is None:
        return {}
    return {"max_loss_automatic": f"is {rule.max_loss_automatic}; expected nothing while mode is manual"}


CHECKS: dict[type, Callable[[Any], Problems]] = {
    StrikeRule: _strike_rule_problems,
    LegRule: _leg_problems,
    ExpirationRule: _expiration_problems,
    Condition: _condition_problems,
    ExitRule: _exit_problems,
    ApprovalRule: _approval_problems,
}
