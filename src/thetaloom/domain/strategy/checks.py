"""What cannot stand together in a strategy: fields out of bounds, units, references, windows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from thetaloom.domain.strategy.assembly_checks import assembly_problems, did_you_mean
from thetaloom.domain.strategy.fields import Problems, bound_problems, fields_of, shown
from thetaloom.domain.strategy.leg_checks import LEG_CHECKS
from thetaloom.domain.strategy.metrics import MARKET_METRICS
from thetaloom.domain.strategy.score_checks import SCORE_CHECKS, condition_problems
from thetaloom.domain.strategy.strategies import (
    EXIT_UNITS,
    ApprovalMode,
    ApprovalRule,
    Condition,
    DropRule,
    ExitKind,
    ExitRule,
    ExitUnit,
    ExpirationRule,
    Strategy,
)
from thetaloom.errors import InvalidInput

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
    return problems or {
        **exit_window_problems(strategy.expiration, enumerate(strategy.exits)),
        **assembly_problems(
            expiration=strategy.expiration,
            back=strategy.back,
            legs=strategy.legs,
            width_table=strategy.width_table,
            drops=strategy.drops,
            targets=strategy.targets,
        ),
    }


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


def _walk(record: Any, path: str) -> Problems:
    problems: Problems = {}
    for field in fields_of(type(record)):
        entry = getattr(record, field.name)
        here = f"{path}.{field.key}" if path else field.key
        problems |= {here + tail: text for tail, text in bound_problems(field, entry).items()}
        if field.is_record and entry is not None:
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


def _drop_problems(rule: DropRule) -> Problems:
    if rule.metric not in MARKET_METRICS:
        return {"metric": f'is "{rule.metric}", which is only known once there are legs; expected a market\'s number'}
    return condition_problems(Condition(metric=rule.metric, comparison=rule.comparison, threshold=rule.threshold))


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
    if rule.manual_only and rule.mode is ApprovalMode.AUTOMATIC:
        return {"mode": 'is "automatic"; expected manual, as manual_only is true'}
    if rule.mode is ApprovalMode.AUTOMATIC or rule.max_loss_automatic is None:
        return {}
    return {"max_loss_automatic": f"is {rule.max_loss_automatic}; expected nothing while mode is manual"}


CHECKS: dict[type, Callable[[Any], Problems]] = {
    **LEG_CHECKS,
    Condition: condition_problems,
    **SCORE_CHECKS,
    DropRule: _drop_problems,
    ExitRule: _exit_problems,
    ApprovalRule: _approval_problems,
}
