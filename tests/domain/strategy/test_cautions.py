"""The warnings of a trial: each of them, and none where all is well."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.domain.strategy.samples import CALENDAR, TRIDENT
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.strategy.cautions import cautions
from thetaloom.domain.strategy.documents import parse_strategy
from thetaloom.domain.strategy.evaluation import Evaluation
from thetaloom.domain.strategy.exit_rules import LadderRule
from thetaloom.domain.strategy.strategies import ExitKind, ExitRule, ExitUnit, Preference, Strategy

P90, P95 = "SPY 2026-01-16 P 90", "SPY 2026-01-16 P 95"
ROWS = {P90: (0.40, 0.44), P95: (1.18, 1.22)}
DTE_EXIT = ExitRule(kind=ExitKind.DTE, threshold=Decimal(7), unit=ExitUnit.DAYS)
Evaluate = Callable[..., Evaluation]


@pytest.fixture
def evaluate(evaluate_at: Evaluate) -> Evaluate:
    """Evaluate legs at quotes that a test may change."""

    def run(*notations: str, **quotes: tuple[float, float]) -> Evaluation:
        rows = ROWS | {name.replace("_", " "): quote for name, quote in quotes.items()}
        return evaluate_at(rows, *notations, dividend_yield=0.0)

    return run


@pytest.fixture
def spread(with_legs: Callable[..., Strategy]) -> Strategy:
    legs = with_legs("short sell put strike 95 dollars", "long buy put strike 90 dollars")
    return replace(legs, exits=(DTE_EXIT,))


def test_a_plain_spread_has_no_warning(
    evaluate: Evaluate, spread: Strategy, expirations: tuple[Expiration, ...]
) -> None:
    assert cautions(spread, evaluate(f"-1 {P95}", f"+1 {P90}"), expirations[0]) == ()


def test_another_sort_of_expiration_than_preferred_is_told(
    evaluate: Evaluate, spread: Strategy, expirations: tuple[Expiration, ...]
) -> None:
    monthly = replace(spread, expiration=replace(spread.expiration, prefer=Preference.MONTHLY))
    weekly = replace(spread, expiration=replace(spread.expiration, prefer=Preference.WEEKLY))
    numbers = evaluate(f"-1 {P95}", f"+1 {P90}")

    assert cautions(monthly, numbers, expirations[0]) == ()
    assert cautions(weekly, numbers, expirations[0]) == (
        "2026-01-16 is a monthly expiration; the strategy prefers a weekly one",
    )


def test_missing_exits_are_told(evaluate: Evaluate, spread: Strategy, expirations: tuple[Expiration, ...]) -> None:
    numbers, front = evaluate(f"-1 {P95}", f"+1 {P90}"), expirations[0]
    stop = ExitRule(kind=ExitKind.STOP_LOSS, threshold=Decimal(200), unit=ExitUnit.PERCENT_OF_PREMIUM)
    calendar = replace(parse_strategy(CALENDAR), exits=(stop,))

    assert "no exit rule" in cautions(replace(spread, exits=()), numbers, front)[0]
    laddered = replace(spread, ladder=LadderRule(), exits=(stop,))
    assert "only what has a profit target" in cautions(laddered, numbers, front)[0]
    assert "before the front expires" in cautions(calendar, numbers, front)[0]
    assert not any("exit rule" in one for one in cautions(replace(parse_strategy(TRIDENT), exits=()), numbers, front))


@pytest.mark.parametrize(
    ("legs", "quotes", "words"),
    [
        ((f"-1 {P95}", f"+1 {P90}"), {P95: (0.4, 2.0)}, "at natural the credit of 0.78 is none: -0.04"),
        ((f"-1 {P95}",), {}, None),
        (("-1 SPY 2026-01-16 C 105",), {"SPY 2026-01-16 C 105": (1.0, 1.02)}, "the loss is unlimited"),
        ((f"-1 {P95}", f"+2 {P90}"), {}, "the largest loss lies at the bought strike, 90"),
        ((f"-1 {P95}", f"+1 {P90}"), {P95: (0.8, 1.6)}, "natural 0.36 is more than half of the mid 0.78 away"),
    ],
)
def test_numbers_that_promise_too_much_are_told(
    evaluate: Evaluate,
    spread: Strategy,
    expirations: tuple[Expiration, ...],
    legs: tuple[str, ...],
    quotes: dict[str, tuple[float, float]],
    words: str | None,
) -> None:
    found = cautions(spread, evaluate(*legs, **quotes), expirations[0])

    assert found == () if words is None else words in found[0]
