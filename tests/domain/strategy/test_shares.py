"""Shares beside the legs: in payoff, delta and name, never in the price; and whether the account has them."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.strategy.candidate_checks import check_candidate, structures_covered
from thetaloom.domain.strategy.evaluation import Evaluation
from thetaloom.domain.strategy.strategies import SizeBy, SizeRule, Strategy
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import Answer, Reason

P95, C105 = "SPY 2026-01-16 P 95", "SPY 2026-01-16 C 105"
C100_FAR = "SPY 2026-02-20 C 100"
ROWS = {P95: (1.1, 1.3), C105: (1.4, 1.6), C100_FAR: (4.9, 5.1)}

Make = Callable[..., OptionChain]
Evaluate = Callable[..., Evaluation]


@pytest.fixture
def evaluate(evaluate_at: Evaluate) -> Evaluate:
    """Evaluate legs beside shares."""
    return partial(evaluate_at, ROWS)


def test_a_covered_call_is_worth_what_stock_and_call_are(evaluate: Evaluate) -> None:
    covered, naked = evaluate(f"-1 {C105}", shares=100), evaluate(f"-1 {C105}", shares=0)

    assert covered.structure_name == "covered_call"
    assert covered.mid_price == naked.mid_price == Price("1.5")
    assert covered.max_profit == Money(650)  # 5 from the stock and 1.50
    assert covered.max_loss == Money(9850)
    assert not covered.is_loss_unlimited
    assert covered.breakevens == (Price("98.5"),)
    assert naked.is_loss_unlimited
    assert covered.net_delta is not None
    assert naked.net_delta is not None
    assert covered.net_delta - naked.net_delta == 100
    assert covered.net_vega == naked.net_vega
    assert covered.shares == 100


def test_a_collar_has_two_ends(evaluate: Evaluate) -> None:
    collar = evaluate(f"+1 {P95}", f"-1 {C105}", shares=100)

    assert collar.structure_name == "collar"
    assert (collar.max_profit, collar.max_loss) == (Money(530), Money(470))  # 0.30 credit
    assert collar.breakevens == (Price("99.7"),)


def test_a_put_beside_short_stock_loses_without_end(evaluate: Evaluate) -> None:
    put = evaluate(f"-1 {P95}", shares=-100)

    assert (put.structure_name, put.is_loss_unlimited, put.max_profit) == ("covered_put", True, Money(620))


def test_shares_count_where_expirations_differ(evaluate: Evaluate) -> None:
    covered = evaluate(f"-1 {C105}", f"+1 {C100_FAR}", shares=100)

    assert covered.is_profit_unlimited
    assert covered.max_loss is not None
    assert covered.max_loss > Money(10_000 - 150)  # all of the stock and most of the later call


@pytest.mark.parametrize(
    ("needed", "size", "held", "answer", "distance"),
    [
        (100, SizeRule(), 100, Answer.ALLOW, "0"),
        (100, SizeRule(), 99, Answer.DENY, "+1"),
        (100, SizeRule(), None, Answer.UNKNOWN, "unknown"),
        (100, SizeRule(quantity=3), 299, Answer.DENY, "+1"),
        (100, SizeRule(by=SizeBy.RISK_PERCENT), 100, Answer.ALLOW, "0"),
        (-100, SizeRule(), -100, Answer.ALLOW, "0"),
        (-100, SizeRule(), 100, Answer.DENY, "-200"),
    ],
)
def test_the_account_must_hold_the_shares(
    evaluate: Evaluate,
    with_legs: Callable[..., Strategy],
    needed: int,
    size: SizeRule,
    held: int | None,
    answer: Answer,
    distance: str,
) -> None:
    strategy = replace(with_legs("a sell call strike 105 dollars"), shares=needed, size=size)
    verdict, checks = check_candidate(evaluate(f"-1 {C105}", shares=100), strategy, {}, shares_held=held)

    (check,) = (check for check in checks if check.name == "shares")
    assert (verdict.answer, check.distance) == (answer, distance)
    assert verdict.reason is (None if answer is Answer.ALLOW else Reason.SHARES_MISSING)


def test_a_strategy_without_shares_asks_for_none(evaluate: Evaluate, with_legs: Callable[..., Strategy]) -> None:
    strategy = with_legs("a sell put strike 95 dollars")
    _, checks = check_candidate(evaluate(f"-1 {P95}", shares=0), strategy, {})

    assert "shares" not in [check.name for check in checks]
    assert structures_covered(strategy, 500) is None


@pytest.mark.parametrize(
    ("shares", "held", "structures"),
    [(100, 350, 3), (100, 99, 0), (100, None, 0), (100, -300, 0), (-100, -250, 2), (-100, 400, 0), (50, 100, 2)],
)
def test_shares_last_for_so_many_structures(
    with_legs: Callable[..., Strategy], shares: int, held: int | None, structures: int
) -> None:
    strategy = replace(with_legs("a sell put strike 95 dollars"), shares=shares)

    assert structures_covered(strategy, held) == structures
    assert structures * Decimal(shares) * (1 if shares > 0 else -1) <= abs(held or 0)
