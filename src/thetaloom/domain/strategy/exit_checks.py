"""What cannot stand in an exit rule, in the ladder, and between them and the rest of a strategy."""

from collections.abc import Iterable
from decimal import Decimal

from thetaloom.domain.strategy.exit_rules import (
    BY_THE_CLOCK,
    EXIT_UNITS,
    MAY_BE_ZERO,
    ExitKind,
    ExitRule,
    ExitUnit,
    LadderRule,
)
from thetaloom.domain.strategy.fields import Problems
from thetaloom.domain.strategy.leg_rules import ExpirationRule

MINUTES_OF_SESSION = 405  # index options trade the longest
PROFIT_PERCENT_LEAST = -1000

EXIT_MAX: dict[ExitKind, int] = {
    ExitKind.PROFIT_TARGET: 10_000_000,
    ExitKind.STOP_LOSS: 10_000_000,
    ExitKind.TRAILING: 10_000_000,
    ExitKind.DTE: 1100,
    ExitKind.DAYS_HELD: 1100,
    ExitKind.CLOCK: 0,
    ExitKind.MINUTES_TO_CLOSE: MINUTES_OF_SESSION,
    ExitKind.EXPIRY_FRIDAY: 0,
    ExitKind.POSITION_DELTA: 10,
    ExitKind.SHORT_DELTA: 1,
    ExitKind.SHORT_STRIKE: 1_000_000,
    ExitKind.THETA: 10,
    ExitKind.IV_CRUSH: 1,
    ExitKind.ATR: 100,
    ExitKind.UNDERLYING_ABOVE: 1_000_000,
    ExitKind.UNDERLYING_BELOW: 1_000_000,
    ExitKind.GAMMA_FLIP: 0,
    ExitKind.ZERO_GAMMA: 25,  # the zero-gamma price is looked for within a quarter of spot
    ExitKind.EARNINGS: 366,
    ExitKind.AFTER_EARNINGS: 0,
    ExitKind.OPPOSING_REGIME: 100,
    ExitKind.OPPOSING_BIAS: 100,
}
# Where the unit says more than the kind.
UNIT_MAX: dict[ExitUnit, int] = {
    ExitUnit.PERCENT_OF_PREMIUM: 1000,
    ExitUnit.PERCENT_OF_MAX_LOSS: 1000,
    ExitUnit.PERCENT_OF_PEAK: 100,
    ExitUnit.R: 100,
    ExitUnit.PERCENT: 100,
}
WHOLE = frozenset({ExitUnit.DAYS, ExitUnit.MINUTES})


def exit_problems(rule: ExitRule) -> Problems:
    """Return what the fields of one exit rule say against each other."""
    return {**_threshold_problems(rule), **_time_problems(rule), **_condition_problems(rule)}


def exit_window_problems(expiration: ExpirationRule, exits: Iterable[tuple[int, ExitRule]]) -> Problems:
    """Return the DTE exits that would close every position as soon as it opens, and stops that can't be reached."""
    rules = list(exits)
    found = {
        f"exits[{at}].threshold": (
            f"is {rule.threshold}: every entry has at most {expiration.dte_max} DTE and would close at once; "
            f"expected less than dte_max"
        )
        for at, rule in rules
        if rule.kind is ExitKind.DTE and rule.threshold >= expiration.dte_max and not rule.has_condition
    }
    has_other = any(rule.kind is ExitKind.STOP_LOSS and rule.unit is not ExitUnit.R for _, rule in rules)
    for at, rule in rules:
        if rule.kind is ExitKind.STOP_LOSS and rule.unit is ExitUnit.R and rule.threshold > 1 and not has_other:
            found[f"exits[{at}].threshold"] = (
                f"is {rule.threshold}: without a stop in another unit one R is the max loss, and no more can be lost; "
                "expected at most 1"
            )
    return found


def ladder_window_problems(expiration: ExpirationRule, ladder: LadderRule | None) -> Problems:
    """Return whether the ladder would begin as soon as a position opens."""
    if ladder is None or ladder.threshold_dte < expiration.dte_max:
        return {}
    return {
        "ladder.threshold_dte": (
            f"is {ladder.threshold_dte}: every entry has at most {expiration.dte_max} DTE and would be closed at once; "
            "expected less than dte_max"
        )
    }


def _threshold_problems(rule: ExitRule) -> Problems:
    problems: Problems = {}
    allowed = EXIT_UNITS[rule.kind]
    if rule.unit not in allowed:
        good = " or ".join(sorted(allowed))
        problems["unit"] = f'is "{rule.unit}"; expected {good} for {rule.kind}'
    if ExitUnit.NONE in allowed:
        if rule.threshold != 0:
            problems["threshold"] = f"is {rule.threshold}; expected none for {rule.kind}"
        return problems
    most = _most(rule)
    is_zero_good = rule.kind in MAY_BE_ZERO  # 0 DTE is the last day itself, 0 beyond a strike its touch
    is_whole = rule.unit not in WHOLE or rule.threshold == rule.threshold.to_integral_value()
    too_low = rule.threshold < 0 if is_zero_good else rule.threshold <= 0
    if too_low or rule.threshold > most or not is_whole:
        whole = "a whole number " if rule.unit in WHOLE else ""
        least_word = "0 to" if is_zero_good else "above 0 and at most"
        side = _side_words(rule)
        problems["threshold"] = f"is {rule.threshold}; expected {whole}{least_word} {most} {rule.unit}{side}"
    return problems


def _most(rule: ExitRule) -> int:
    if rule.kind is ExitKind.STOP_LOSS and rule.unit is ExitUnit.PERCENT_OF_MAX_LOSS:
        return 100  # no more can be lost
    if rule.kind is ExitKind.ZERO_GAMMA:
        return EXIT_MAX[rule.kind]
    return UNIT_MAX.get(rule.unit, EXIT_MAX[rule.kind])


def _side_words(rule: ExitRule) -> str:
    # The sign of a threshold is its kind's: a stop of -200 or a target of -50 stands on the wrong side.
    if rule.threshold >= 0 or rule.kind not in (ExitKind.PROFIT_TARGET, ExitKind.STOP_LOSS, ExitKind.TRAILING):
        return ""
    return ", as a stop_loss tells its loss as a positive number and a profit_target its profit"


def _time_problems(rule: ExitRule) -> Problems:
    problems: Problems = {}
    if rule.kind in BY_THE_CLOCK and rule.at is None:
        problems["at"] = f"is missing; expected the exchange's time for {rule.kind}, like 15:30"
    if rule.kind not in BY_THE_CLOCK and rule.at is not None:
        problems["at"] = f'is "{rule.at}"; expected nothing for {rule.kind}'
    if rule.kind is not ExitKind.CLOCK and rule.intraday_only:
        problems["intraday_only"] = f"is true; expected nothing for {rule.kind}, as only a clock rule heeds it"
    return problems


def _condition_problems(rule: ExitRule) -> Problems:
    problems: Problems = {}
    is_trailing = rule.kind is ExitKind.TRAILING
    if rule.activates_at is not None and not is_trailing:
        problems["activates_at"] = (
            f"is {rule.activates_at}; expected nothing for {rule.kind}, as only trailing heeds it"
        )
    if is_trailing and rule.unit is ExitUnit.PERCENT_OF_PEAK and rule.activates_at is None:
        problems["activates_at"] = "is missing; expected the profit that trailing by percent_of_peak begins at"
    above, below = rule.only_if_profit_above, rule.only_if_profit_below
    if above is not None and below is not None and above >= below:
        problems["only_if_profit_above"] = f"is {above}; expected less than only_if_profit_below, which is {below}"
    if rule.only_if_loss and above is not None and above >= 0:
        problems["only_if_profit_above"] = f"is {above}; expected a negative number or nothing beside only_if_loss"
    if rule.kind is ExitKind.PROFIT_TARGET and rule.only_if_loss:
        problems["only_if_loss"] = "is true; expected nothing for profit_target, which is no loss"
    stop_never = rule.kind is ExitKind.STOP_LOSS and above is not None and above >= Decimal(0)
    if stop_never:
        problems["only_if_profit_above"] = f"is {above}; expected a negative number or nothing for stop_loss"
    return problems
