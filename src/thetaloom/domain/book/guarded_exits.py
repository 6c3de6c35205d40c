"""Exits that rest on quotes, under their guard: one look, the same in the monitor, in a step and in its replay."""

from dataclasses import dataclass, replace
from functools import lru_cache

from thetaloom.domain.book.exits import met_at, rests_on_quotes
from thetaloom.domain.book.mark_guard import GuardDecision, GuardRule, GuardState, observe
from thetaloom.domain.book.marks import Marks
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.robust_mark import Observation
from thetaloom.domain.book.watch import PositionWatch
from thetaloom.domain.market.quote_quality import HIGH_SCORE
from thetaloom.domain.strategy.exit_rules import ExitRule
from thetaloom.domain.strategy.rules import ExitGuard, GuardMode
from thetaloom.domain.values.money import Price

NOTHING = frozenset[int]()


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardInputs:
    """What one look of the guard rests on; with it a decision can be taken again."""

    rule: GuardRule
    state: GuardState  # before the look
    seen: Observation


@lru_cache(maxsize=256)
def guarded_rules(rules: tuple[ExitRule, ...]) -> frozenset[int]:
    """Return the rules that the guard stands before."""
    return frozenset(index for index, rule in enumerate(rules) if rests_on_quotes(rule))


def guard_rule(guard: ExitGuard, rules: tuple[ExitRule, ...]) -> GuardRule | None:
    """Return how a strategy wants its exits guarded; ``None`` where they are not, or nothing rests on quotes."""
    if guard.mode is GuardMode.OFF or not guarded_rules(rules):
        return None
    deadline = float(guard.deadline_seconds)
    return GuardRule(deadline_seconds=deadline, blind_after_seconds=max(15.0, deadline))


def look(
    given: GuardInputs,
    rules: tuple[ExitRule, ...],
    position: Position,
    marks: Marks,
    fired: frozenset[int],
    watch: PositionWatch | None,
) -> tuple[GuardState, GuardDecision]:
    """Have the guard look once."""
    known: dict[float, frozenset[int]] = {}

    def met(net: float) -> frozenset[int]:
        if net not in known:
            known[net] = met_at(net, rules, position, marks, fired, watch=watch)
        return known[net]

    return observe(given.state, given.seen, met, given.rule)


def held_back(rules: tuple[ExitRule, ...], decision: GuardDecision | None) -> frozenset[int]:
    """Return the rules that may not act at these quotes; without a guard that is none."""
    return NOTHING if decision is None else guarded_rules(rules) - decision.fires


def for_the_record(marks: Marks, decision: GuardDecision | None) -> Marks:
    """Return the marks by which a position's highest profit may rise: never above what the guard believes.

    A high-water mark that a bad quote set would make a trailing stop fire on the next good one.
    """
    if decision is None or marks.close_price is None:
        return marks
    mark = decision.mark
    if mark.own_quality < HIGH_SCORE or mark.is_contradicted or mark.low is None:
        return replace(marks, close_price=None)
    believed = [mark.low] if mark.prior is None else [mark.prior]
    if mark.implied is not None:
        believed.append(mark.implied)
    return replace(marks, close_price=min(marks.close_price, Price(f"{min(believed):.6f}")))
