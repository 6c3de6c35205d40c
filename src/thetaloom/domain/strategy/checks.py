"""What cannot stand together in a strategy: fields out of bounds, units, references, windows."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from thetaloom.domain.strategy.analysis_rules import AnalysisRule, AnalystName
from thetaloom.domain.strategy.assembly_checks import assembly_problems, did_you_mean
from thetaloom.domain.strategy.exit_checks import EXIT_MAX as EXIT_MAX
from thetaloom.domain.strategy.exit_checks import exit_problems, exit_window_problems, ladder_window_problems
from thetaloom.domain.strategy.fields import Problems, bound_problems, fields_of, shown
from thetaloom.domain.strategy.leg_checks import LEG_CHECKS
from thetaloom.domain.strategy.metrics import MARKET_METRICS
from thetaloom.domain.strategy.score_checks import SCORE_CHECKS, condition_problems
from thetaloom.domain.strategy.strategies import (
    ApprovalMode,
    ApprovalRule,
    Condition,
    DropRule,
    ExitRule,
    Strategy,
)
from thetaloom.errors import InvalidInput


def strategy_problems(strategy: Strategy) -> Problems:
    """Return everything that is wrong with a strategy, by path; empty when it can stand."""
    problems = _walk(strategy, "") | reference_problems([(leg.name, leg.strike.of) for leg in strategy.legs])
    return problems or {
        **exit_window_problems(strategy.expiration, enumerate(strategy.exits)),
        **ladder_window_problems(strategy.expiration, strategy.ladder),
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


def _approval_problems(rule: ApprovalRule) -> Problems:
    if rule.manual_only and rule.mode is ApprovalMode.AUTOMATIC:
        return {"mode": 'is "automatic"; expected manual, as manual_only is true'}
    if rule.mode is ApprovalMode.AUTOMATIC or rule.max_loss_automatic is None:
        return {}
    return {"max_loss_automatic": f"is {rule.max_loss_automatic}; expected nothing while mode is manual"}


def _analysis_problems(rule: AnalysisRule) -> Problems:
    if rule.analyst is not AnalystName.NONE or rule.weight is None:
        return {}
    return {"weight": f"is {rule.weight}; expected nothing while analyst is none"}


CHECKS: dict[type, Callable[[Any], Problems]] = {
    **LEG_CHECKS,
    Condition: condition_problems,
    **SCORE_CHECKS,
    DropRule: _drop_problems,
    ExitRule: exit_problems,
    ApprovalRule: _approval_problems,
    AnalysisRule: _analysis_problems,
}
