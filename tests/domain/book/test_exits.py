from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.book.exits import (
    EXIT_REASONS,
    FALLS_TO,
    NEEDS_QUOTES,
    ExitAnswer,
    Marks,
    decide_exit,
)
from thetaloom.domain.book.marks import MarketFacts
from thetaloom.domain.book.positions import Lot, Position
from thetaloom.domain.book.spreads import whole_spread
from thetaloom.domain.book.watch import EntryFacts, watch_of
from thetaloom.domain.market.words import DealerGamma, MarketBias, Regime
from thetaloom.domain.strategy.strategies import EXIT_UNITS, ExitKind, ExitRule, ExitUnit
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import AccountId, FillId, PositionId, RunId, StrategyId, UserId
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import ALLOWED, Reason, denied
from thetaloom.testing.builders import with_lots

NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
PERCENT, DOLLARS = ExitUnit.PERCENT_OF_PREMIUM, ExitUnit.DOLLARS
LOT = Lot(fill_id=FillId("1"), quantity=4, price=Price("1.20"), opened_at=NOW)
LEGS = (Leg.parse("-1 SPY 2026-02-20 P 560"), Leg.parse("+1 SPY 2026-02-20 P 555"))
CREDIT = Position(
    id=PositionId("pos-1"),
    run_id=RunId("run-1"),
    user_id=UserId("user"),
    account_id=AccountId("paper"),
    strategy_id=StrategyId("put-credit-spread"),
    symbol="SPY",
    legs=LEGS,
    spreads=(replace(whole_spread(LEGS), lots=(LOT,), opened_quantity=4),),
    opened_quantity=4,
    opened_at=NOW,
)
DEBIT = with_lots(CREDIT, replace(LOT, price=Price("-2.00")))
MARKS = Marks(
    now=NOW,
    close_price=Price("-1.20"),
    natural_close=Price("-1.30"),
    spot=Price("600"),
    dte=46,
    days_held=0,
    minutes_to_close=360,
    structure_delta=Decimal("0.08"),
    short_deltas=(Decimal("-0.16"),),
    quotes_verdict=ALLOWED,
)
ENTRY = EntryFacts(
    spot=Price(600),
    iv=Decimal("0.25"),
    atr=Decimal(6),
    delta=Decimal("0.10"),
    dealer=DealerGamma.LONG,
    zero_gamma=Price(595),
    closing_cost_max=Money(500),
)
WATCH = replace(
    watch_of(CREDIT), entry=ENTRY, legs=CREDIT.legs, high_close=Price("-0.40"), high_water=Money(320), high_at=NOW
)
TARGET = ExitRule(kind=ExitKind.PROFIT_TARGET, threshold=Decimal(50), unit=PERCENT)
STOP = ExitRule(kind=ExitKind.STOP_LOSS, threshold=Decimal(200), unit=PERCENT)
TIME = ExitRule(kind=ExitKind.DTE, threshold=Decimal(21), unit=ExitUnit.DAYS, priority=2)
DEFAULTS = (TARGET, STOP, TIME)
# For each kind a rule, marks under which it is just met, and marks under which it just is not.
EDGES: dict[ExitKind, tuple[ExitRule, Marks, Marks]] = {
    ExitKind.PROFIT_TARGET: (
        TARGET,
        replace(MARKS, close_price=Price("-0.60")),
        replace(MARKS, close_price=Price("-0.605")),
    ),
    ExitKind.STOP_LOSS: (
        STOP,
        replace(MARKS, close_price=Price("-3.60")),
        replace(MARKS, close_price=Price("-3.595")),
    ),
    ExitKind.DTE: (TIME, replace(MARKS, dte=21), replace(MARKS, dte=22)),
    ExitKind.DAYS_HELD: (
        ExitRule(kind=ExitKind.DAYS_HELD, threshold=Decimal(10), unit=ExitUnit.DAYS),
        replace(MARKS, days_held=10),
        replace(MARKS, days_held=9),
    ),
    ExitKind.MINUTES_TO_CLOSE: (
        ExitRule(kind=ExitKind.MINUTES_TO_CLOSE, threshold=Decimal(30), unit=ExitUnit.MINUTES),
        replace(MARKS, minutes_to_close=30),
        replace(MARKS, minutes_to_close=31),
    ),
    ExitKind.POSITION_DELTA: (
        ExitRule(kind=ExitKind.POSITION_DELTA, threshold=Decimal("0.25"), unit=ExitUnit.DELTA),
        replace(MARKS, structure_delta=Decimal("-0.25")),
        replace(MARKS, structure_delta=Decimal("-0.249")),
    ),
    ExitKind.SHORT_DELTA: (
        ExitRule(kind=ExitKind.SHORT_DELTA, threshold=Decimal("0.30"), unit=ExitUnit.DELTA),
        replace(MARKS, short_deltas=(Decimal("0.10"), Decimal("-0.30"))),
        replace(MARKS, short_deltas=(Decimal("0.10"), Decimal("-0.29"))),
    ),
    ExitKind.UNDERLYING_ABOVE: (
        ExitRule(kind=ExitKind.UNDERLYING_ABOVE, threshold=Decimal(610), unit=DOLLARS),
        replace(MARKS, spot=Price("610")),
        replace(MARKS, spot=Price("609.99")),
    ),
    ExitKind.UNDERLYING_BELOW: (
        ExitRule(kind=ExitKind.UNDERLYING_BELOW, threshold=Decimal(570), unit=DOLLARS),
        replace(MARKS, spot=Price("570")),
        replace(MARKS, spot=Price("570.01")),
    ),
    ExitKind.TRAILING: (
        ExitRule(kind=ExitKind.TRAILING, threshold=Decimal(25), unit=PERCENT),
        replace(MARKS, close_price=Price("-0.70")),  # the best was -0.40, and 0.30 is a quarter of 1.20
        replace(MARKS, close_price=Price("-0.695")),
    ),
    ExitKind.CLOCK: (
        ExitRule(kind=ExitKind.CLOCK, at="15:30"),
        replace(MARKS, clock_minute=930, close_minute=960),
        replace(MARKS, clock_minute=929, close_minute=960),
    ),
    ExitKind.EXPIRY_FRIDAY: (
        ExitRule(kind=ExitKind.EXPIRY_FRIDAY, at="12:05"),
        replace(MARKS, clock_minute=725, close_minute=960, is_expiry_friday=True),
        replace(MARKS, clock_minute=724, close_minute=960, is_expiry_friday=True),
    ),
    ExitKind.SHORT_STRIKE: (
        ExitRule(kind=ExitKind.SHORT_STRIKE, threshold=Decimal(2), unit=DOLLARS),
        replace(MARKS, spot=Price("558")),
        replace(MARKS, spot=Price("558.01")),
    ),
    ExitKind.THETA: (
        ExitRule(kind=ExitKind.THETA, threshold=Decimal("0.04"), unit=ExitUnit.SHARE),
        replace(MARKS, close_price=Price("1.50"), structure_theta=Decimal("-0.06")),
        replace(MARKS, close_price=Price("1.50"), structure_theta=Decimal("-0.0599")),
    ),
    ExitKind.IV_CRUSH: (
        ExitRule(kind=ExitKind.IV_CRUSH, threshold=Decimal("0.20"), unit=ExitUnit.SHARE),
        replace(MARKS, iv=Decimal("0.20")),  # of 0.25 at entry
        replace(MARKS, iv=Decimal("0.2001")),
    ),
    ExitKind.ATR: (
        ExitRule(kind=ExitKind.ATR, threshold=Decimal(2), unit=ExitUnit.ATR),
        replace(MARKS, spot=Price("588")),  # 600 at entry, an average true range of 6
        replace(MARKS, spot=Price("588.01")),
    ),
    ExitKind.GAMMA_FLIP: (
        ExitRule(kind=ExitKind.GAMMA_FLIP),
        replace(MARKS, facts=MarketFacts(dealer=DealerGamma.SHORT)),
        replace(MARKS, facts=MarketFacts(dealer=DealerGamma.LONG)),
    ),
    ExitKind.ZERO_GAMMA: (
        ExitRule(kind=ExitKind.ZERO_GAMMA, threshold=Decimal("0.5"), unit=ExitUnit.PERCENT),
        replace(MARKS, spot=Price("587.05"), facts=MarketFacts(zero_gamma=Price(590))),
        replace(MARKS, spot=Price("587.06"), facts=MarketFacts(zero_gamma=Price(590))),
    ),
    ExitKind.EARNINGS: (
        ExitRule(kind=ExitKind.EARNINGS, threshold=Decimal(1), unit=ExitUnit.DAYS),
        replace(MARKS, facts=MarketFacts(days_to_earnings=1)),
        replace(MARKS, facts=MarketFacts(days_to_earnings=2)),
    ),
    ExitKind.AFTER_EARNINGS: (
        ExitRule(kind=ExitKind.AFTER_EARNINGS),
        replace(MARKS, after_earnings=True),
        replace(MARKS, after_earnings=False),
    ),
    ExitKind.OPPOSING_REGIME: (
        ExitRule(kind=ExitKind.OPPOSING_REGIME, threshold=Decimal(70), unit=ExitUnit.PERCENT),
        replace(MARKS, facts=MarketFacts(regime=Regime.BEAR, regime_confidence=Decimal(70))),
        replace(MARKS, facts=MarketFacts(regime=Regime.BEAR, regime_confidence=Decimal("69.9"))),
    ),
    ExitKind.OPPOSING_BIAS: (
        ExitRule(kind=ExitKind.OPPOSING_BIAS, threshold=Decimal(60), unit=ExitUnit.PERCENT),
        replace(MARKS, facts=MarketFacts(bias=MarketBias.BEARISH, bias_confidence=Decimal(60))),
        replace(MARKS, facts=MarketFacts(bias=MarketBias.BEARISH, bias_confidence=Decimal("59.9"))),
    ),
}
UNKNOWN = replace(MARKS, close_price=None, spot=None, minutes_to_close=None, structure_delta=None, short_deltas=(None,))
BAD_QUOTES = denied(Reason.CROSSED_QUOTE, bid="1.00", ask="0.90")


def test_the_tables_are_total() -> None:
    assert set(EXIT_REASONS) == set(EXIT_UNITS) == set(EDGES) == set(ExitKind)
    assert set(ExitKind) >= NEEDS_QUOTES | FALLS_TO


@pytest.mark.parametrize("kind", ExitKind)
def test_each_rule_fires_at_its_threshold_with_its_reason(kind: ExitKind) -> None:
    rule, met, _ = EDGES[kind]

    decision = decide_exit((rule,), CREDIT, met, watch=WATCH)

    assert decision.answer is ExitAnswer.CLOSE
    assert (decision.rule, decision.index, decision.quantity) == (rule, 0, 4)
    assert decision.reason is EXIT_REASONS[kind]
    assert decision.checks[0].distance == 0
    assert decision.facts["threshold"] == str(decision.checks[0].threshold)


@pytest.mark.parametrize("kind", ExitKind)
def test_each_rule_holds_just_before_its_threshold_and_says_how_far_it_is(kind: ExitKind) -> None:
    rule, _, not_met = EDGES[kind]

    decision = decide_exit((rule,), CREDIT, not_met, watch=WATCH)

    assert decision.answer is ExitAnswer.HOLD
    assert (decision.rule, decision.index, decision.reason, decision.quantity) == (None, None, None, 0)
    assert decision.checks[0].met is False
    assert (decision.checks[0].distance or 0) > 0


@pytest.mark.parametrize("kind", sorted(set(ExitKind) - {ExitKind.DTE, ExitKind.DAYS_HELD}))
def test_an_unknown_number_meets_no_rule_and_is_listed_as_unknown(kind: ExitKind) -> None:
    decision = decide_exit((EDGES[kind][0],), CREDIT, UNKNOWN, watch=WATCH)

    assert decision.answer is ExitAnswer.HOLD
    assert decision.checks[0].met is None
    assert decision.checks[0].value is None
    assert decision.checks[0].distance is None


@pytest.mark.parametrize("kind", ExitKind)
def test_on_quotes_that_cannot_be_believed_only_the_rules_that_need_none_fire(kind: ExitKind) -> None:
    rule, met, _ = EDGES[kind]

    decision = decide_exit((rule,), CREDIT, replace(met, quotes_verdict=BAD_QUOTES), watch=WATCH)

    assert decision.checks[0].met is (None if kind in NEEDS_QUOTES else True)
    assert decision.facts["quotes"] == "crossed_quote (bid=1.00, ask=0.90)"


@pytest.mark.parametrize(
    ("position", "close", "reason"),
    [
        (CREDIT, "-0.60", Reason.PROFIT_TARGET),  # half of the credit of 1.20 kept
        (CREDIT, "-0.61", None),
        (CREDIT, "-3.60", Reason.STOP_LOSS),  # twice the credit lost
        (CREDIT, "-3.59", None),
        (DEBIT, "3.00", Reason.PROFIT_TARGET),  # half of the debit of 2.00 won
        (DEBIT, "2.99", None),
        (DEBIT, "0.00", None),  # a debit can lose 100 %, never 200
        (DEBIT, "1.00", None),
    ],
)
def test_percent_of_premium_works_for_credits_and_debits(position: Position, close: str, reason: Reason | None) -> None:
    decision = decide_exit(DEFAULTS, position, replace(MARKS, close_price=Price(close)))

    assert decision.reason is reason


def test_a_stop_of_half_the_debit_closes_a_debit() -> None:
    stop = replace(STOP, threshold=Decimal(50))

    assert decide_exit((stop,), DEBIT, replace(MARKS, close_price=Price("1.00"))).reason is Reason.STOP_LOSS


def test_the_premium_of_several_lots_is_their_average() -> None:
    position = with_lots(CREDIT, replace(LOT, quantity=1), replace(LOT, quantity=2, price=Price("1.00")))

    # Premium 320, so a profit of 160 is half: closing at 160 / 300.
    at_target = decide_exit((TARGET,), position, replace(MARKS, close_price=Price("-0.53")))
    before = decide_exit((TARGET,), position, replace(MARKS, close_price=Price("-0.54")))

    assert at_target.answer is ExitAnswer.CLOSE
    assert before.answer is ExitAnswer.HOLD


def test_dollars_count_what_a_partial_close_has_realized() -> None:
    rule = ExitRule(kind=ExitKind.STOP_LOSS, threshold=Decimal(500), unit=DOLLARS)
    position = replace(CREDIT, realized=Money(-300), fees=Money(-5))

    losing_200 = decide_exit((rule,), position, replace(MARKS, close_price=Price("-1.70")))
    losing_199 = decide_exit((rule,), position, replace(MARKS, close_price=Price("-1.6975")))

    assert losing_200.reason is Reason.STOP_LOSS
    assert losing_199.answer is ExitAnswer.HOLD


def test_a_position_opened_for_nothing_has_no_percent_of_premium() -> None:
    position = with_lots(CREDIT, replace(LOT, price=Price(0)))

    assert decide_exit((TARGET,), position, replace(MARKS, close_price=Price(1))).checks[0].met is None


def test_the_lowest_priority_number_wins_and_then_the_first_listed() -> None:
    marks = replace(MARKS, close_price=Price("-0.50"), dte=20, days_held=12)
    held = ExitRule(kind=ExitKind.DAYS_HELD, threshold=Decimal(10), unit=ExitUnit.DAYS, priority=2)

    assert decide_exit((TIME, TARGET), CREDIT, marks).rule is TARGET
    assert decide_exit((TIME, held), CREDIT, marks).rule is TIME
    assert decide_exit((held, TIME), CREDIT, marks).rule is held


@pytest.mark.parametrize(("held", "percent", "closed"), [(4, 50, 2), (3, 50, 1), (1, 50, 1), (10, 25, 2), (4, 100, 4)])
def test_a_part_is_of_what_is_still_held_and_at_least_one(held: int, percent: int, closed: int) -> None:
    position = with_lots(CREDIT, replace(LOT, quantity=held))
    rule = replace(TIME, quantity_percent=percent)

    assert decide_exit((rule,), position, replace(MARKS, dte=5)).quantity == closed


def test_a_rule_for_a_part_fires_once_and_then_makes_way() -> None:
    part = replace(TARGET, quantity_percent=50)
    marks = replace(MARKS, close_price=Price("-0.50"), dte=20)

    first = decide_exit((part, TIME), CREDIT, marks)
    second = decide_exit((part, TIME), CREDIT, marks, frozenset({0}))

    assert (first.index, first.quantity) == (0, 2)
    assert (second.index, second.quantity) == (1, 4)
    assert second.checks[0].spent
    assert second.checks[0].met


def test_a_rule_for_all_fires_again_as_long_as_something_is_held() -> None:
    decision = decide_exit((TIME,), CREDIT, replace(MARKS, dte=20), frozenset({0}))

    assert decision.answer is ExitAnswer.CLOSE
    assert not decision.checks[0].spent


def test_one_unknown_short_delta_leaves_the_largest_unknown_unless_another_has_breached() -> None:
    rule = EDGES[ExitKind.SHORT_DELTA][0]

    quiet = decide_exit((rule,), CREDIT, replace(MARKS, short_deltas=(None, Decimal("0.20"))))
    breached = decide_exit((rule,), CREDIT, replace(MARKS, short_deltas=(None, Decimal("0.40"))))
    just_breached = decide_exit((rule,), CREDIT, replace(MARKS, short_deltas=(Decimal("-0.30"), None)))
    no_shorts = decide_exit((rule,), CREDIT, replace(MARKS, short_deltas=()))

    assert quiet.checks[0].met is None
    assert breached.checks[0].met is True
    assert just_breached.checks[0].met is True
    assert no_shorts.checks[0].met is None


def test_nothing_held_is_nothing_to_close() -> None:
    decision = decide_exit(DEFAULTS, with_lots(CREDIT), replace(MARKS, dte=1))

    assert decision.answer is ExitAnswer.HOLD
    assert decision.facts["quantity_held"] == "0"


def test_without_rules_a_position_is_held() -> None:
    decision = decide_exit((), CREDIT, MARKS)

    assert (decision.answer, decision.checks) == (ExitAnswer.HOLD, ())


def test_facts_name_what_is_unknown() -> None:
    facts = decide_exit(DEFAULTS, CREDIT, UNKNOWN).facts

    assert {facts[name] for name in ("close_price", "unrealized_pnl", "spot")} == {"unknown"}
    assert facts["premium"] == "480.00"


@given(
    st.integers(1, 300).map(lambda cents: Price("0.01") * cents),
    st.lists(st.integers(-900, 0).map(lambda cents: Price("0.01") * cents), min_size=2, max_size=2),
)
def test_a_stop_that_fires_also_fires_when_more_is_lost(premium: Price, closes: list[Price]) -> None:
    position = with_lots(CREDIT, replace(LOT, price=premium))
    worse, better = sorted(closes)

    fires = [
        decide_exit((STOP,), position, replace(MARKS, close_price=close)).answer is ExitAnswer.CLOSE
        for close in (better, worse)
    ]

    assert fires == sorted(fires)
    assert fires[1] == (-(premium + worse) >= premium * 2)
