"""What the kinds of exits measure: units, conditions, memory and the sides of a position."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from thetaloom.domain.book.exit_numbers import closing_cost_max
from thetaloom.domain.book.exits import ExitAnswer, ExitDecision, Marks, decide_exit, target_price
from thetaloom.domain.book.marks import MarketFacts
from thetaloom.domain.book.positions import Lot, Position
from thetaloom.domain.book.spreads import whole_spread
from thetaloom.domain.book.watch import EntryFacts, PositionWatch, watch_of
from thetaloom.domain.market.words import DealerGamma, MarketBias, Regime
from thetaloom.domain.strategy.strategies import ExitKind, ExitRule, ExitUnit
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import AccountId, FillId, PositionId, RunId, StrategyId, UserId
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import ALLOWED, Reason

NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
PREMIUM, R, DOLLARS, LOSS = ExitUnit.PERCENT_OF_PREMIUM, ExitUnit.R, ExitUnit.DOLLARS, ExitUnit.PERCENT_OF_MAX_LOSS
SPREAD = (Leg.parse("-1 SPY 2026-02-20 P 560"), Leg.parse("+1 SPY 2026-02-20 P 555"))
STRANGLE = (Leg.parse("-1 SPY 2026-02-20 P 560"), Leg.parse("-1 SPY 2026-02-20 C 640"))
CALL = (Leg.parse("+1 SPY 2026-02-20 C 600"),)


def held(legs: tuple[Leg, ...] = SPREAD, price: str = "1.25", quantity: int = 2) -> Position:
    lot = Lot(fill_id=FillId("1"), quantity=quantity, price=Price(price), opened_at=NOW)
    return Position(
        id=PositionId("pos-1"),
        run_id=RunId("run-1"),
        user_id=UserId("user"),
        account_id=AccountId("paper"),
        strategy_id=StrategyId("strategy"),
        symbol="SPY",
        legs=legs,
        spreads=(replace(whole_spread(legs), lots=(lot,), opened_quantity=quantity),),
        opened_quantity=quantity,
        opened_at=NOW,
    )


def rule(kind: ExitKind, threshold: str = "0", unit: ExitUnit = ExitUnit.NONE, **more: Any) -> ExitRule:
    return ExitRule(kind=kind, threshold=Decimal(threshold), unit=unit, **more)


def marks(close: str | None = "-1.25", **more: Any) -> Marks:
    plain: dict[str, Any] = {
        "now": NOW,
        "close_price": None if close is None else Price(close),
        "natural_close": None,
        "spot": Price(600),
        "dte": 46,
        "days_held": 0,
        "minutes_to_close": 360,
        "structure_delta": None,
        "short_deltas": (),
        "quotes_verdict": ALLOWED,
    }
    return Marks(**(plain | more))


def remembered(position: Position, high: str | None = None, **entry: Any) -> PositionWatch:
    high_close = None if high is None else Price(high)
    return replace(watch_of(position), legs=position.legs, high_close=high_close, entry=EntryFacts(**entry))


def fires(one: ExitRule, position: Position, seen: Marks, watch: PositionWatch | None = None) -> bool | None:
    return decide_exit((one,), position, seen, watch=watch).checks[0].met


@pytest.mark.parametrize(
    ("one", "met", "not_met"),
    [
        # The spread is 5 wide for 1.25: 3.75 a share can be lost, which is one R while no stop is nearer.
        (rule(ExitKind.STOP_LOSS, "40", LOSS), "-2.75", "-2.745"),
        (rule(ExitKind.STOP_LOSS, "0.4", R), "-2.75", "-2.745"),
        (rule(ExitKind.PROFIT_TARGET, "20", LOSS), "-0.50", "-0.505"),
        (rule(ExitKind.PROFIT_TARGET, "0.2", R), "-0.50", "-0.505"),
        (rule(ExitKind.STOP_LOSS, "300", DOLLARS), "-2.75", "-2.745"),
    ],
)
def test_profits_and_losses_in_each_unit(one: ExitRule, met: str, not_met: str) -> None:
    position = held()

    assert fires(one, position, marks(met)) is True
    assert fires(one, position, marks(not_met)) is False


def test_one_r_is_the_nearest_stop_that_closes_all_whatever_else() -> None:
    position = held()
    target = rule(ExitKind.PROFIT_TARGET, "1", R)
    stops = (
        rule(ExitKind.STOP_LOSS, "80", PREMIUM),  # 1.00 a share
        rule(ExitKind.STOP_LOSS, "150", DOLLARS),  # 0.75 a share
        rule(ExitKind.STOP_LOSS, "10", PREMIUM, quantity_percent=50),
        rule(ExitKind.STOP_LOSS, "10", PREMIUM, only_if_loss=True),
    )

    decisions = [decide_exit((target, *stops), position, marks(close)) for close in ("-0.50", "-0.505")]

    assert [decision.checks[0].value for decision in decisions] == [1, Decimal(149) / 150]
    assert target_price(position, target, marks(), None, (target, *stops)) == Price("-0.50")


def test_without_a_stop_an_unlimited_loss_has_no_r() -> None:
    position = held(STRANGLE, "3.00")
    target = rule(ExitKind.PROFIT_TARGET, "1", R)

    assert decide_exit((target,), position, marks("-1.00")).checks[0].value is None
    assert fires(rule(ExitKind.STOP_LOSS, "50", LOSS), position, marks("-30")) is None
    assert target_price(position, target, marks(), None, (target,)) is None
    with_stop = (target, rule(ExitKind.STOP_LOSS, "50", PREMIUM))
    assert decide_exit(with_stop, position, marks("-1.50")).checks[0].met is True


@pytest.mark.parametrize(
    ("legs", "cost"),
    [
        (SPREAD, "5"),
        (STRANGLE, None),
        (CALL, "0"),
        ((Leg.parse("-1 SPY 2026-02-20 P 560"),), "560"),
        ((*STRANGLE, Leg.parse("+1 SPY 2026-02-20 P 555"), Leg.parse("+1 SPY 2026-02-20 C 650")), "10"),
        ((Leg.parse("+2 SPY 2026-02-20 C 640"), Leg.parse("-1 SPY 2026-02-20 C 620")), "20"),
    ],
)
def test_the_most_that_closing_can_cost_is_found_at_the_strikes(legs: tuple[Leg, ...], cost: str | None) -> None:
    assert closing_cost_max(legs) == (None if cost is None else Price(cost))


def test_of_two_expirations_the_max_loss_is_what_was_judged_at_entry() -> None:
    calendar = (Leg.parse("-1 SPY 2026-02-20 C 600"), Leg.parse("+1 SPY 2026-03-20 C 600"))
    position = held(calendar, "-2.00")
    stop = rule(ExitKind.STOP_LOSS, "50", LOSS)

    assert fires(stop, position, marks("1.00")) is None
    assert fires(stop, position, marks("1.00"), remembered(position, closing_cost_max=Money(0))) is True


# Trailing


@pytest.mark.parametrize(
    ("one", "high", "met", "not_met"),
    [
        (rule(ExitKind.TRAILING, "20", PREMIUM), "-0.25", "-0.50", "-0.495"),  # 0.25 of 1.25 a share
        (rule(ExitKind.TRAILING, "25", ExitUnit.PERCENT_OF_PEAK, activates_at=Decimal(80)), "-0.25", "-0.50", "-0.495"),
        (rule(ExitKind.TRAILING, "50", DOLLARS), "-0.25", "-0.50", "-0.495"),
        (rule(ExitKind.TRAILING, "0.1", R), "-0.25", "-0.625", "-0.62"),  # a tenth of 3.75
        (rule(ExitKind.TRAILING, "20", PREMIUM), None, "-1.50", "-1.495"),  # entry itself is the least high
        (rule(ExitKind.TRAILING, "20", PREMIUM), "-2.00", "-1.50", "-1.495"),
    ],
)
def test_trailing_gives_back_from_the_highest_mark(one: ExitRule, high: str | None, met: str, not_met: str) -> None:
    position = held()
    watch = remembered(position, high)

    assert fires(one, position, marks(met), watch) is True
    assert fires(one, position, marks(not_met), watch) is False


def test_trailing_sleeps_until_its_profit_was_once_reached() -> None:
    position = held()
    one = rule(ExitKind.TRAILING, "10", PREMIUM, activates_at=Decimal(60))

    assert fires(one, position, marks("-1.20"), remembered(position, "-0.505")) is False
    assert fires(one, position, marks("-1.20"), remembered(position, "-0.50")) is True


def test_trailing_without_a_memory_or_by_the_peak_of_another_structure_never_fires() -> None:
    position = held()
    one = rule(ExitKind.TRAILING, "20", PREMIUM)
    other = replace(remembered(position, "-0.01"), legs=CALL)

    assert fires(one, position, marks("-1.49")) is None
    assert fires(one, position, marks("-1.49"), other) is False
    peak = rule(ExitKind.TRAILING, "20", ExitUnit.PERCENT_OF_PEAK, activates_at=Decimal(1))
    assert fires(peak, position, marks("-1.49"), remembered(position)) is False


# Conditions


@pytest.mark.parametrize(
    ("conditions", "close", "met"),
    [
        ({"only_if_loss": True}, "-1.26", True),
        ({"only_if_loss": True}, "-1.25", True),  # not profitable
        ({"only_if_loss": True}, "-1.24", False),
        ({"only_if_profit_above": Decimal(10)}, "-1.125", False),
        ({"only_if_profit_above": Decimal(10)}, "-1.12", True),
        ({"only_if_profit_below": Decimal(10)}, "-1.125", False),
        ({"only_if_profit_below": Decimal(10)}, "-1.13", True),
        ({"only_if_profit_above": Decimal(-15), "only_if_profit_below": Decimal(0)}, "-1.30", True),
        ({"only_if_profit_above": Decimal(-15), "only_if_profit_below": Decimal(0)}, "-1.50", False),
        ({"only_if_loss": True}, None, None),
        ({"only_if_profit_above": Decimal(10)}, None, None),
    ],
)
def test_a_rule_with_a_condition_waits_for_it(conditions: dict[str, Any], close: str | None, met: bool | None) -> None:
    time = rule(ExitKind.DTE, "21", ExitUnit.DAYS, **conditions)

    decision = decide_exit((time,), held(), marks(close, dte=21))

    assert decision.checks[0].met is met
    assert decision.checks[0].holds is met
    assert (decision.answer is ExitAnswer.CLOSE) is (met is True)


def test_a_condition_does_not_make_a_far_rule_unknown() -> None:
    assert fires(rule(ExitKind.DTE, "21", ExitUnit.DAYS, only_if_loss=True), held(), marks(None, dte=22)) is False


def test_time_rules_fire_without_quotes() -> None:
    blind = marks(None, dte=21, clock_minute=930, close_minute=960)

    assert fires(rule(ExitKind.DTE, "21", ExitUnit.DAYS), held(), blind) is True
    assert fires(rule(ExitKind.CLOCK, at="15:30"), held(), blind) is True


# The clock


@pytest.mark.parametrize(
    ("at", "minute", "close", "met"),
    [
        ("15:30", 930, 960, True),
        ("15:30", 929, 960, False),
        ("15:50", 949, 960, False),
        ("15:30", 764, 780, False),  # a half-day ends at 13:00: the last 15 minutes
        ("15:30", 765, 780, True),
        ("13:00", 765, 780, True),
        ("12:59", 778, 780, False),
        ("15:30", None, None, None),
    ],
)
def test_a_clock_rule_follows_the_session(at: str, minute: int | None, close: int | None, met: bool | None) -> None:
    assert fires(rule(ExitKind.CLOCK, at=at), held(), marks(clock_minute=minute, close_minute=close)) is met


def test_an_intraday_rule_leaves_alone_what_was_held_overnight() -> None:
    late: dict[str, Any] = {"clock_minute": 950, "close_minute": 960}
    one = rule(ExitKind.CLOCK, at="15:30", intraday_only=True)

    assert fires(one, held(), marks(**late)) is True
    assert fires(one, held(), marks(days_held=1, **late)) is False


def test_expiry_friday_is_no_other_day() -> None:
    late: dict[str, Any] = {"clock_minute": 950, "close_minute": 960}

    assert fires(rule(ExitKind.EXPIRY_FRIDAY, at="12:00"), held(), marks(is_expiry_friday=True, **late)) is True
    assert fires(rule(ExitKind.EXPIRY_FRIDAY, at="12:00"), held(), marks(**late)) is False


# Strikes and the underlying


@pytest.mark.parametrize(
    ("threshold", "unit", "spot", "met"),
    [
        ("0", DOLLARS, "560", True),  # a touch
        ("0", DOLLARS, "560.01", False),
        ("0", DOLLARS, "640", True),
        ("0", DOLLARS, "639.99", False),
        ("1", ExitUnit.PERCENT, "646.4", True),
        ("1", ExitUnit.PERCENT, "646.39", False),
        ("1", ExitUnit.PERCENT, "554.4", True),
        ("1", ExitUnit.PERCENT, "554.41", False),
    ],
)
def test_a_breach_is_beyond_any_short_strike(threshold: str, unit: ExitUnit, spot: str, met: bool) -> None:
    position = held(STRANGLE, "3.00")

    assert fires(rule(ExitKind.SHORT_STRIKE, threshold, unit), position, marks(spot=Price(spot))) is met


def test_without_a_short_leg_no_strike_is_breached() -> None:
    assert fires(rule(ExitKind.SHORT_STRIKE, "0", DOLLARS), held(CALL, "-9"), marks(spot=Price(900))) is None


@pytest.mark.parametrize(
    ("delta", "spot", "met"),
    [
        ("0.30", "588", True),
        ("0.30", "612", False),
        ("-0.30", "612", True),
        ("-0.30", "588", False),
        ("0.04", "588", True),
        ("-0.04", "612", True),
        ("0.04", "589", False),
    ],
)
def test_a_move_counts_against_the_side_that_the_position_took(delta: str, spot: str, met: bool) -> None:
    position = held()
    watch = remembered(position, spot=Price(600), atr=Decimal(6), delta=Decimal(delta))

    assert fires(rule(ExitKind.ATR, "2", ExitUnit.ATR), position, marks(spot=Price(spot)), watch) is met


def test_the_range_of_entry_counts_and_todays_where_that_is_unknown() -> None:
    position = held()
    seen = marks(spot=Price(590), facts=MarketFacts(atr=Decimal(5)))
    one = rule(ExitKind.ATR, "2", ExitUnit.ATR)
    entry: dict[str, Any] = {"spot": Price(600), "delta": Decimal("0.3")}

    assert fires(one, position, seen, remembered(position, **entry)) is True
    assert fires(one, position, seen, remembered(position, atr=Decimal(6), **entry)) is False


# Dealers and the market


@pytest.mark.parametrize(
    ("price", "before", "now", "met"),
    [
        ("1.25", DealerGamma.LONG, DealerGamma.SHORT, True),
        ("1.25", DealerGamma.SHORT, DealerGamma.SHORT, False),  # it was so when it was opened
        ("1.25", DealerGamma.SHORT, DealerGamma.LONG, False),
        ("-1.25", DealerGamma.SHORT, DealerGamma.LONG, True),
        ("-1.25", DealerGamma.LONG, DealerGamma.SHORT, False),
        ("1.25", None, DealerGamma.SHORT, None),
        ("1.25", DealerGamma.LONG, None, None),
    ],
)
def test_gamma_flips_against_what_was_sold_or_bought(
    price: str, before: DealerGamma | None, now: DealerGamma | None, met: bool | None
) -> None:
    position = held(price=price)
    watch = remembered(position, dealer=before)

    assert fires(rule(ExitKind.GAMMA_FLIP), position, marks(facts=MarketFacts(dealer=now)), watch) is met


@pytest.mark.parametrize(
    ("price", "entry_level", "level", "spot", "met"),
    [
        ("1.25", 595, 600, "600", True),
        ("1.25", 595, 600, "600.01", False),
        ("1.25", 605, 600, "590", False),  # below it at entry already
        ("-1.25", 605, 600, "600", True),
        ("-1.25", 605, 600, "599.99", False),
        ("-1.25", 595, 600, "610", False),
    ],
)
def test_the_zero_gamma_price_breaks_once_spot_crosses_it(
    price: str, entry_level: int, level: int, spot: str, met: bool
) -> None:
    position = held(price=price)
    watch = remembered(position, spot=Price(600), zero_gamma=Price(entry_level))
    seen = marks(spot=Price(spot), facts=MarketFacts(zero_gamma=Price(level)))

    assert fires(rule(ExitKind.ZERO_GAMMA, "0", ExitUnit.PERCENT), position, seen, watch) is met


@pytest.mark.parametrize(
    ("delta", "facts", "met"),
    [
        ("0.3", {"regime": Regime.BEAR, "regime_confidence": Decimal(70)}, True),
        ("0.3", {"regime": Regime.BULL, "regime_confidence": Decimal(99)}, False),
        ("-0.3", {"regime": Regime.BULL, "regime_confidence": Decimal(70)}, True),
        ("0.3", {"regime": Regime.RANGE, "regime_confidence": Decimal(99)}, False),
        ("0.01", {"regime": Regime.BEAR, "regime_confidence": Decimal(99)}, False),
        ("0.3", {"regime": Regime.BEAR}, None),
        ("0.3", {}, None),
    ],
)
def test_only_a_regime_against_the_position_opposes_it(delta: str, facts: dict[str, Any], met: bool | None) -> None:
    position = held()
    watch = remembered(position, delta=Decimal(delta))
    one = rule(ExitKind.OPPOSING_REGIME, "70", ExitUnit.PERCENT)

    assert fires(one, position, marks(facts=MarketFacts(**facts)), watch) is met


def test_a_neutral_bias_opposes_nobody() -> None:
    position = held()
    watch = remembered(position, delta=Decimal("0.3"))
    facts = MarketFacts(bias=MarketBias.NEUTRAL, bias_confidence=Decimal(99))

    assert fires(rule(ExitKind.OPPOSING_BIAS, "70", ExitUnit.PERCENT), position, marks(facts=facts), watch) is False


@pytest.mark.parametrize("kind", [ExitKind.ATR, ExitKind.IV_CRUSH, ExitKind.GAMMA_FLIP, ExitKind.ZERO_GAMMA])
def test_what_rests_on_an_entry_that_is_unknown_never_fires(kind: ExitKind) -> None:
    units = {ExitKind.ATR: ExitUnit.ATR, ExitKind.IV_CRUSH: ExitUnit.SHARE, ExitKind.ZERO_GAMMA: ExitUnit.PERCENT}
    one = rule(kind, "0.1" if kind in units else "0", units.get(kind, ExitUnit.NONE))
    facts = MarketFacts(atr=Decimal(1), dealer=DealerGamma.SHORT, zero_gamma=Price(700))

    assert fires(one, held(), marks(spot=Price(1), iv=Decimal("0.01"), facts=facts), remembered(held())) is None


def test_theta_of_what_is_worth_nothing_is_no_share() -> None:
    one = rule(ExitKind.THETA, "0.04", ExitUnit.SHARE)

    assert fires(one, held(CALL, "-9"), marks("0", structure_theta=Decimal(-1))) is None
    assert fires(one, held(), marks("-1", structure_theta=Decimal("0.5"))) is False  # time works for what was sold


def test_the_set_for_long_options_closes_by_the_first_rule_that_is_met() -> None:
    # E.5 and F.1 row 28.
    rules = (
        rule(ExitKind.PROFIT_TARGET, "50", PREMIUM),
        rule(ExitKind.STOP_LOSS, "75", PREMIUM),
        rule(ExitKind.TRAILING, "25", PREMIUM),
        rule(ExitKind.THETA, "0.04", ExitUnit.SHARE, priority=2),
        rule(ExitKind.IV_CRUSH, "0.20", ExitUnit.SHARE, priority=2),
    )
    position = held(CALL, "-10.00")
    watch = remembered(position, "14.00", iv=Decimal("0.30"))

    def said(close: str, **more: Any) -> ExitDecision:
        return decide_exit(rules, position, marks(close, **more), watch=watch)

    assert said("12.00").answer is ExitAnswer.HOLD
    assert said("11.50").reason is Reason.TRAILING_STOP
    assert said("15.00").reason is Reason.PROFIT_TARGET
    assert said("12.00", structure_theta=Decimal("-0.48")).reason is Reason.THETA_EXIT
    assert said("12.00", iv=Decimal("0.24")).reason is Reason.IV_CRUSH
    assert said("2.50", iv=Decimal("0.24")).reason is Reason.STOP_LOSS
