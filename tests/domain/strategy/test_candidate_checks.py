from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.strategy.candidate_checks import CANDIDATE_METRICS, check_candidate
from thetaloom.domain.strategy.evaluation import Evaluation, evaluate_structure
from thetaloom.domain.strategy.metrics import MARKET_METRICS, Metric
from thetaloom.domain.strategy.one_check import Check
from thetaloom.domain.strategy.strategies import (
    Comparison,
    Condition,
    ExpirationRule,
    LegRule,
    Liquidity,
    SelectBy,
    Side,
    Strategy,
    StrikeRule,
    Unit,
)
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import Answer, Reason, unknown
from thetaloom.testing import builders

from .conftest import NOW

P90, P95 = "SPY 2026-01-16 P 90", "SPY 2026-01-16 P 95"
C105 = "SPY 2026-01-16 C 105"
ROWS = {P90: (0.4, 0.5), P95: (1.1, 1.3), C105: (1.4, 1.6)}
SPREAD = (f"+1 {P90}", f"-1 {P95}")
STRATEGY = Strategy(
    id=StrategyId("s"),
    name="S",
    expiration=ExpirationRule(dte_min=20, dte_max=60, dte_target=45),
    legs=(
        LegRule(
            name="short_put",
            side=Side.SELL,
            right=Right.PUT,
            strike=StrikeRule(by=SelectBy.STRIKE, distance=Decimal(95), unit=Unit.DOLLARS),
        ),
    ),
)

Judge = Callable[..., Evaluation]


@pytest.fixture
def judge(make_chain: Callable[..., OptionChain], expirations: tuple[Expiration, ...]) -> Judge:
    def evaluate(notations: tuple[str, ...] = SPREAD, **options: object) -> Evaluation:
        return evaluate_structure(
            tuple(Leg.parse(text) for text in notations),
            make_chain(options.pop("rows", ROWS), **options),
            now=NOW,
            expirations=expirations,
            rate=0.04,
            dividend_yield=0.0,
            quote_age_max=timedelta(hours=1),
        )

    return evaluate


def find(checks: tuple[Check, ...], name: str) -> Check:
    return next(check for check in checks if check.name.startswith(name))


def test_a_sound_candidate_passes_with_every_number_shown(judge: Judge) -> None:
    liquidity = Liquidity(bid_ask_width_max=Price("0.2"), open_interest_min=100, volume_min=10)
    conditions = (Condition(metric=Metric.POP, comparison=Comparison.AT_LEAST, threshold=Decimal(60)),)

    verdict, checks = check_candidate(judge(), replace(STRATEGY, liquidity=liquidity, conditions=conditions), {})

    assert verdict.is_allowed
    assert {check.distance for check in checks} == {"0"}
    assert len(checks) == 2 * 2 + 2 * 4 + 2 + 1 + 3  # the last: each leg's quality, and the structure's
    assert find(checks, "bid-ask width").limit == "<= 0.2"
    assert find(checks, "net price").value == "0.75"


@pytest.mark.parametrize(
    ("liquidity", "name", "reason", "value", "distance"),
    [
        (Liquidity(bid_ask_width_max=Price("0.15")), "bid-ask width -1", Reason.BID_ASK_TOO_WIDE, "0.2", "-0.05"),
        (
            Liquidity(bid_ask_width_percent_max=Decimal(15)),
            "bid-ask width +1",
            Reason.BID_ASK_TOO_WIDE,
            "0.1",
            "-0.0325",
        ),
        (Liquidity(open_interest_min=501), "open interest", Reason.OPEN_INTEREST_TOO_LOW, "500", "+1"),
        (Liquidity(volume_min=100), "volume", Reason.VOLUME_TOO_LOW, "50", "+50"),
        (Liquidity(quote_age_seconds_max=9), "quote age", Reason.STALE_QUOTE, "10", "-1"),
    ],
)
def test_an_illiquid_leg_is_refused_with_the_distance_to_a_yes(
    judge: Judge, liquidity: Liquidity, name: str, reason: Reason, value: str, distance: str
) -> None:
    verdict, checks = check_candidate(judge(), replace(STRATEGY, liquidity=liquidity), {})

    check = find(checks, name)
    assert verdict.reason is reason
    assert (check.verdict.reason, check.value, check.distance) == (reason, value, distance)


def test_a_width_within_either_limit_is_narrow_enough(judge: Judge) -> None:
    either = Liquidity(bid_ask_width_max=Price("0.01"), bid_ask_width_percent_max=Decimal(25))

    assert check_candidate(judge(), replace(STRATEGY, liquidity=either), {})[0].is_allowed


def test_unknown_liquidity_denies(judge: Judge) -> None:
    wanted = replace(STRATEGY, liquidity=Liquidity(open_interest_min=1))

    verdict, checks = check_candidate(judge(open_interest=float("nan")), wanted, {})

    assert (verdict.answer, verdict.reason) == (Answer.UNKNOWN, Reason.OPEN_INTEREST_TOO_LOW)
    assert find(checks, "open interest").distance == "unknown"


def test_after_a_bad_quote_every_other_check_is_still_made(judge: Judge) -> None:
    nan = float("nan")
    rule = Liquidity(bid_ask_width_percent_max=Decimal(10))
    conditions = (Condition(metric=Metric.CREDIT_TO_WIDTH, comparison=Comparison.AT_LEAST, threshold=Decimal(10)),)

    verdict, checks = check_candidate(
        judge(rows={**ROWS, P95: (nan, nan)}), replace(STRATEGY, liquidity=rule, conditions=conditions), {}
    )

    assert (verdict.answer, verdict.reason) == (Answer.UNKNOWN, Reason.NO_QUOTE)
    assert find(checks, "quote -1").value == "unknown / unknown"
    assert find(checks, "bid-ask width -1").limit == "<= 10 % of mid"
    assert find(checks, "max loss").verdict.answer is Answer.UNKNOWN
    assert find(checks, "credit_to_width").verdict.reason is Reason.INDICATOR_UNKNOWN


def test_a_no_of_the_whole_evaluation_is_never_lost(judge: Judge) -> None:
    doubted = replace(judge(), verdict=unknown(Reason.NO_SPOT))

    verdict, checks = check_candidate(doubted, STRATEGY, {})

    assert verdict.reason is Reason.NO_SPOT
    assert find(checks, "evaluation").distance == "unknown"


def test_a_credit_spread_that_pays_nothing_is_refused(judge: Judge) -> None:
    verdict, checks = check_candidate(judge(rows={P90: (1.1, 1.3), P95: (1.1, 1.3)}), STRATEGY, {})

    assert verdict.reason is Reason.NOT_A_CREDIT
    assert find(checks, "net price").distance == "more than 0"


def test_a_debit_structure_needs_no_credit(judge: Judge) -> None:
    assert check_candidate(judge((f"-1 {P90}", f"+1 {P95}")), STRATEGY, {})[0].is_allowed


def test_unlimited_loss_needs_the_strategy_to_allow_it(judge: Judge) -> None:
    naked = judge((f"-1 {C105}",))

    verdict, checks = check_candidate(naked, STRATEGY, {})

    assert verdict.reason is Reason.NO_MAX_LOSS
    assert find(checks, "max loss").value == "unlimited"
    assert check_candidate(naked, replace(STRATEGY, allow_undefined_risk=True), {})[0].is_allowed


@pytest.mark.parametrize(
    ("comparison", "is_allowed"),
    [(Comparison.AT_MOST, False), (Comparison.BELOW, False), (Comparison.AT_LEAST, True), (Comparison.ABOVE, True)],
)
def test_an_unlimited_loss_is_more_than_any_number(judge: Judge, comparison: Comparison, is_allowed: bool) -> None:
    conditions = (Condition(metric=Metric.MAX_LOSS, comparison=comparison, threshold=Decimal(10**9)),)

    verdict, _ = check_candidate(
        judge((f"-1 {C105}",)), replace(STRATEGY, allow_undefined_risk=True, conditions=conditions), {}
    )

    assert verdict.is_allowed is is_allowed


def test_an_adjusted_contract_is_refused(judge: Judge) -> None:
    verdict, _ = check_candidate(
        judge(("-1 SPY1 2026-01-16 P 95",), rows={"SPY1 2026-01-16 P 95": (1.1, 1.3)}), STRATEGY, {}
    )

    assert verdict.reason is Reason.ADJUSTED_CONTRACT


CONDITIONS = [
    (Metric.NET_CREDIT, ">=", "0.75", None, "0"),
    (Metric.NET_CREDIT, ">=", "1", Reason.CREDIT_TOO_LOW, "+0.25"),
    (Metric.NET_CREDIT, "<=", "0.5", Reason.CONDITION_NOT_MET, "-0.25"),
    (Metric.CREDIT_TO_WIDTH, ">=", "15", None, "0"),
    (Metric.CREDIT_TO_WIDTH, ">=", "20", Reason.CREDIT_TO_WIDTH_TOO_LOW, "+5"),
    (Metric.POP, ">=", "99.9", Reason.POP_TOO_LOW, None),
    (Metric.MAX_LOSS, "<=", "425", None, "0"),
    (Metric.MAX_LOSS, "<", "425", Reason.CONDITION_NOT_MET, "more than 0"),
    (Metric.UNDERLYING_PRICE, ">=", "120", Reason.UNDERLYING_PRICE_TOO_LOW, "+20"),
    (Metric.IV_RANK, ">", "30", Reason.CONDITION_NOT_MET, "more than +5"),
    (Metric.EXPECTED_MOVE_PERCENT, ">=", "3", None, "0"),
    (Metric.RSI_14, "<", "70", Reason.INDICATOR_UNKNOWN, "unknown"),
]


@pytest.mark.parametrize(("metric", "comparison", "threshold", "reason", "distance"), CONDITIONS)
def test_conditions_test_what_the_candidate_and_the_market_say(
    judge: Judge, metric: Metric, comparison: str, threshold: str, reason: Reason | None, distance: str | None
) -> None:
    condition = Condition(metric=metric, comparison=Comparison(comparison), threshold=Decimal(threshold))
    market = {
        Metric.UNDERLYING_PRICE: Decimal(100),
        Metric.IV_RANK: Decimal(25),
        Metric.EXPECTED_MOVE_PERCENT: Decimal(4),
        Metric.POP: Decimal(100),  # not the market's to say
    }

    verdict, checks = check_candidate(judge(), replace(STRATEGY, conditions=(condition,)), market)

    assert verdict.reason is reason
    assert checks[-1].name == metric.value
    assert distance is None or checks[-1].distance == distance


def test_a_debit_above_the_limit_is_called_so(judge: Judge) -> None:
    condition = Condition(metric=Metric.NET_CREDIT, comparison=Comparison.AT_LEAST, threshold=Decimal("-0.5"))

    verdict, _ = check_candidate(judge((f"-1 {P90}", f"+1 {P95}")), replace(STRATEGY, conditions=(condition,)), {})

    assert verdict.reason is Reason.DEBIT_TOO_HIGH


def test_every_metric_is_the_candidates_or_the_markets() -> None:
    assert set(CANDIDATE_METRICS) | MARKET_METRICS | {Metric.EXPECTED_MOVE_PERCENT} == set(Metric)


@pytest.mark.parametrize("bid", [5.4, 6.5])  # 5 and 6.1 of credit for 5 of width
def test_a_credit_as_large_as_its_width_is_no_trade_but_a_fault_of_the_quotes(judge: Judge, bid: float) -> None:
    verdict, checks = check_candidate(judge(rows={P90: (0.4, 0.4), P95: (bid, bid)}), STRATEGY, {})

    assert verdict.reason is Reason.IMPLAUSIBLE_PRICE
    assert find(checks, "max loss").distance == "better quotes"


BOX = {"+1 {} 2026-01-16 C 90": 11, "-1 {} 2026-01-16 P 90": 1, "-1 {} 2026-01-16 C 95": 7, "+1 {} 2026-01-16 P 95": 2}


@pytest.mark.parametrize(("root", "reason"), [("SPY", Reason.EARLY_EXERCISE), ("SPXW", None)])
def test_a_box_is_only_made_of_options_that_nobody_exercises_early(
    expirations: tuple[Expiration, ...], root: str, reason: Reason | None
) -> None:
    mids = {leg.format(root): mid for leg, mid in BOX.items()}
    quotes = {text.split(" ", 1)[1]: (mid, mid) for text, mid in mids.items()}
    box = evaluate_structure(
        tuple(map(Leg.parse, mids)),
        builders.chain(quotes, spot=100, at=NOW),
        now=NOW,
        expirations=tuple(replace(one, root=root) for one in expirations),
        rate=0.04,
        dividend_yield=0.0,
        quote_age_max=timedelta(hours=1),
    )
    verdict, checks = check_candidate(box, STRATEGY, {})

    assert (box.structure_name, box.mid_price, box.max_loss) == ("long_box", Price(-5), Money(0))
    assert verdict.reason is reason
    assert find(checks, "exercise style").limit == "European"
