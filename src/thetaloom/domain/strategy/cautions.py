"""What a person should know of a candidate that breaks no rule: the warnings of a trial."""

from collections.abc import Iterator
from decimal import Decimal

from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.strategy.evaluation import Evaluation
from thetaloom.domain.strategy.strategies import ExitKind, GuardMode, Preference, Strategy

REACH_MAX = Decimal("0.5")  # of the mid; wider markets eat most of what the mid promises


def cautions(strategy: Strategy, evaluation: Evaluation, front: Expiration) -> tuple[str, ...]:
    """Return the warnings about a candidate, in plain words."""
    return (*_about_rules(strategy, front), *_about_numbers(evaluation))


def _about_rules(strategy: Strategy, front: Expiration) -> Iterator[str]:
    wished, sort = strategy.expiration.prefer, "monthly" if front.is_monthly else "weekly"
    if wished is not Preference.NEAREST and wished.value != sort:
        yield f"{front.expires_on} is a {sort} expiration; the strategy prefers a {wished.value} one"
    if strategy.guard.mode is GuardMode.OFF and strategy.exits:
        yield "the guard of its exits is off: a single bad quote can close a position"
    kinds = {rule.kind for rule in strategy.exits}
    has_target = bool(strategy.targets) or ExitKind.PROFIT_TARGET in kinds
    if strategy.ladder is not None and not has_target:
        yield "the ladder closes only what has a profit target; without one it tells a person and sends nothing"
    if not kinds and strategy.ladder is None and not strategy.targets:
        yield "the strategy has no exit rule; a position is held to expiration unless a person closes it"
    elif strategy.back is not None and strategy.ladder is None and ExitKind.DTE not in kinds:
        yield "no exit watches the days to expiration; close by hand before the front expires"


def _about_numbers(evaluation: Evaluation) -> Iterator[str]:
    mid, natural = evaluation.mid_price, evaluation.natural_price
    if mid is not None and natural is not None:
        if mid > 0 >= natural:
            yield f"at natural the credit of {mid:f} is none: {natural:f}"
        elif mid - natural > abs(Decimal(mid)) * REACH_MAX:
            yield f"natural {natural:f} is more than half of the mid {mid:f} away from it"
    if evaluation.is_loss_unlimited:
        yield "the loss is unlimited"
    if evaluation.structure_name.endswith("_backspread"):
        far = [one.leg.contract.strike for one in evaluation.legs if one.leg.ratio > 0]
        yield f"the largest loss lies at the bought strike, {far[0]}: a move that stops there costs the most"
