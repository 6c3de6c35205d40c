"""The strategies that a simulated account trades: short-lived, in parts, by rule or by a person."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from thetaloom.domain.strategy.exit_rules import LadderRule
from thetaloom.domain.strategy.rules import TargetRule
from thetaloom.domain.strategy.strategies import (
    ApprovalMode,
    ApprovalRule,
    ExitKind,
    ExitUnit,
    ExpirationRule,
    OrderRule,
    SelectBy,
    Side,
    SizeRule,
    Strategy,
    Unit,
)
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.instruments import Right
from thetaloom.testing import builders
from thetaloom.testing.desk import exit_rule

BY_RULE = ApprovalRule(mode=ApprovalMode.AUTOMATIC)
TARGET = exit_rule(ExitKind.PROFIT_TARGET, 15, ExitUnit.PERCENT_OF_PREMIUM)
PART = exit_rule(ExitKind.PROFIT_TARGET, 8, ExitUnit.PERCENT_OF_PREMIUM, quantity_percent=50, priority=2)
TARGET_FAR = exit_rule(ExitKind.PROFIT_TARGET, 95, ExitUnit.PERCENT_OF_PREMIUM)
STOP = exit_rule(ExitKind.STOP_LOSS, 25, ExitUnit.PERCENT_OF_PREMIUM)
BEFORE_CLOSE = exit_rule(ExitKind.MINUTES_TO_CLOSE, 30, ExitUnit.MINUTES)
QUICK = OrderRule(interval_seconds=30)
UNHURRIED = OrderRule(interval_seconds=120)


def sold_puts(**changes: Any) -> Strategy:
    """Return a put spread sold, approved by rule, closed by target, stop or the clock."""
    return _strategy("sold-puts", _vertical(Right.PUT, "-0.30"), **({"exits": (TARGET, STOP, BEFORE_CLOSE)} | changes))


def sold_calls(**changes: Any) -> Strategy:
    """Return a call spread sold after a person's approval, closed in two parts or by a stop."""
    by_person: dict[str, Any] = {"approval": ApprovalRule(), "exits": (PART, TARGET, STOP), "order": UNHURRIED}
    return _strategy("sold-calls", _vertical(Right.CALL, "0.30"), **(by_person | changes))


def condors(**changes: Any) -> Strategy:
    """Return an iron condor sold, approved by rule, that may be held to expiration."""
    legs = (*_vertical(Right.PUT, "-0.20"), *_vertical(Right.CALL, "0.20"))
    return _strategy("condors", legs, **({"exits": (STOP,)} | changes))


def tridents(**changes: Any) -> Strategy:
    """Return two put spreads and a call spread sold in one order, each with a target of its own that rests."""
    puts, calls = _vertical(Right.PUT, "-0.25", ratio=2), _vertical(Right.CALL, "0.25")
    targets = tuple(
        TargetRule(name=name, legs=tuple(f"{side}_{name[:-2]}" for side in ("short", "long")), percent=Decimal(percent))
        for name, percent in (("put_1", 6), ("put_2", 20), ("call_1", 10))
    )
    rules: dict[str, Any] = {"targets": targets, "exits": (STOP, BEFORE_CLOSE), "size": SizeRule(quantity=2)}
    return _strategy("tridents", (*puts, *calls), **(rules | changes))


def laddered(**changes: Any) -> Strategy:
    """Return two put spreads that the ladder closes, as it closes whatever is near its expiration."""
    targets = tuple(
        TargetRule(name=name, legs=("short_put", "long_put"), percent=Decimal(percent))
        for name, percent in (("put_1", 30), ("put_2", 60))
    )
    rules: dict[str, Any] = {"targets": targets, "exits": (BEFORE_CLOSE,), "ladder": LadderRule(threshold_dte=6)}
    return _strategy("laddered", _vertical(Right.PUT, "-0.25", ratio=2), **(rules | changes))


def held_condors(number: int, symbols: tuple[str, ...]) -> Strategy:
    """Return one of many iron condors that are watched and held."""
    far = exit_rule(ExitKind.STOP_LOSS, 900, ExitUnit.PERCENT_OF_PREMIUM)
    held = condors(exits=(TARGET_FAR, far), size=SizeRule(quantity=1), symbols=symbols)
    return replace(held, id=StrategyId(f"held-condors-{number}"))


def all_strategies() -> tuple[Strategy, ...]:
    """Return every strategy of a simulated account."""
    return sold_puts(), sold_calls(), condors(), tridents(), laddered()


def _strategy(name: str, legs: tuple[Any, ...], **changes: Any) -> Strategy:
    fields: dict[str, Any] = {
        "id": StrategyId(name),
        "name": name.replace("-", " ").capitalize(),
        "symbols": ("SPY", "QQQ"),
        "expiration": ExpirationRule(dte_min=0, dte_max=21, dte_target=4),
        "legs": legs,
        "approval": BY_RULE,
        "order": QUICK,
        "size": SizeRule(quantity=3),
        "open_runs_max": 9,
    }
    return builders.strategy(**(fields | changes))


def _vertical(right: Right, delta: str, *, ratio: int = 1) -> tuple[Any, ...]:
    word = right.name.lower()
    short = f"short_{word}"
    sold = builders.leg_rule(short, Side.SELL, right, SelectBy.DELTA, delta, Unit.DELTA, ratio=ratio)
    bought = builders.leg_rule(f"long_{word}", Side.BUY, right, SelectBy.WIDTH, 5, Unit.DOLLARS, of=short, ratio=ratio)
    return sold, bought
