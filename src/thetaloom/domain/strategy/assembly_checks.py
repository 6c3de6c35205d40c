"""What cannot stand together across the parts of a strategy: legs, expirations, widths, drops and targets."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from math import gcd

from thetaloom.domain.strategy.fields import Problems, shown
from thetaloom.domain.strategy.strategies import (
    BackRule,
    DropRule,
    ExpirationRule,
    LegRule,
    TargetRule,
    Term,
    Unit,
    WidthTable,
)


def assembly_problems(
    *,
    expiration: ExpirationRule,
    back: BackRule | None,
    legs: Sequence[LegRule],
    width_table: WidthTable | None,
    drops: Sequence[DropRule],
    targets: Sequence[TargetRule],
) -> Problems:
    """Return what the parts of a strategy say against each other, by path."""
    return {
        **_term_problems(expiration, back, legs),
        **_table_problems(width_table, legs),
        **_drops_problems(drops, legs),
        **_targets_problems(targets, legs),
    }


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return the nearest known word as a question, or all of them where none is near."""
    near = get_close_matches(word[:100], known, n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else "known are " + ", ".join(known)


def _term_problems(expiration: ExpirationRule, back: BackRule | None, legs: Sequence[LegRule]) -> Problems:
    in_back = [at for at, leg in enumerate(legs) if leg.term is Term.BACK]
    if back is None:
        return {
            f"legs[{at}].expiration": 'is "back"; expected a table [back] for the later expiration' for at in in_back
        }
    if not in_back or len(in_back) == len(legs):
        return {"back": f"is a table; expected legs of both expirations, {len(in_back)} of {len(legs)} are in the back"}
    if back.dte_max <= expiration.dte_min:
        return {
            "back.dte_max": f"is {back.dte_max}; expected more than expiration.dte_min, which is {expiration.dte_min}"
        }
    return {}


def _table_problems(width_table: WidthTable | None, legs: Sequence[LegRule]) -> Problems:
    asking = [at for at, leg in enumerate(legs) if leg.strike.unit is Unit.TABLE]
    if width_table is None:
        return {
            f"legs[{at}].select.unit": 'is "table"; expected a table [width_table] with the widths' for at in asking
        }
    return {} if asking else {"width_table": 'is a table; expected a leg of unit "table", or no width_table'}


def _drops_problems(drops: Sequence[DropRule], legs: Sequence[LegRule]) -> Problems:
    origins = {leg.name: leg.strike.of for leg in legs}
    problems: Problems = {}
    for at, drop in enumerate(drops):
        problems |= _names_problems(f"drops[{at}].legs", drop.legs, origins)
        left = [name for name, of in origins.items() if of in drop.legs and name not in drop.legs]
        if left:
            problems[f"drops[{at}].legs"] = f'leaves "{left[0]}", which is measured from a leg that it drops'
    if drops and {name for drop in drops for name in drop.legs} >= set(origins):
        problems["drops"] = "would together leave no leg; expected at least one that always stays"
    return problems


def _targets_problems(targets: Sequence[TargetRule], legs: Sequence[LegRule]) -> Problems:
    ratios = {leg.name: leg.ratio for leg in legs}
    problems: Problems = {}
    names: set[str] = set()
    for at, target in enumerate(targets):
        if target.name in names:
            problems[f"targets[{at}].name"] = f'is "{target.name}" again; expected a name of its own'
        names.add(target.name)
        problems |= _names_problems(f"targets[{at}].legs", target.legs, ratios)
    return problems or _closing_problems(targets, ratios)


def _closing_problems(targets: Sequence[TargetRule], ratios: Mapping[str, int]) -> Problems:
    closed = dict.fromkeys(ratios, 0)
    for at, target in enumerate(targets):
        common = gcd(*(ratios[name] for name in target.legs))
        for name in target.legs:
            closed[name] += target.quantity * ratios[name] // common
            if closed[name] > ratios[name]:
                return {
                    f"targets[{at}].quantity": f"is {target.quantity}: the targets close {closed[name]} of {name}; "
                    f"expected at most its ratio, {ratios[name]}"
                }
    return {}


def _names_problems(path: str, names: Sequence[str], known: Mapping[str, object]) -> Problems:
    return {
        f"{path}[{at}]": f"is {shown(name)}, which no leg is named; " + did_you_mean(name, sorted(known))
        for at, name in enumerate(names)
        if name not in known
    }
