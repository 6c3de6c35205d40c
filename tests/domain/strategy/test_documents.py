"""Strategies as documents: round trips, and every way to be wrong."""

import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thetaloom.domain.strategy.documents import parse_strategy, strategy_document
from thetaloom.domain.strategy.ending_rules import AssignmentRule, ImbalancePolicy, ImbalanceRule, SharesPolicy
from thetaloom.domain.strategy.exit_rules import BY_THE_CLOCK, LadderRule
from thetaloom.domain.strategy.leg_rules import MEASURED_FROM_A_LEG, WISHES_A_STRIKE
from thetaloom.domain.strategy.metrics import METRIC_MAX
from thetaloom.domain.strategy.schema import strategy_schema
from thetaloom.domain.strategy.strategies import (
    EXIT_UNITS,
    MARKET_METRICS,
    UNITS,
    ApprovalMode,
    ApprovalRule,
    BackRule,
    Bias,
    Comparison,
    Condition,
    DropRule,
    ExitKind,
    ExitRule,
    ExitUnit,
    ExpirationRule,
    Guard,
    LegRule,
    Level,
    Liquidity,
    Metric,
    OrderRule,
    SelectBy,
    Side,
    SizeRule,
    Strategy,
    StrikeRule,
    TargetRule,
    Term,
    Unit,
    WidthBy,
    WidthStep,
    WidthTable,
)
from thetaloom.domain.strategy.toml_text import strategy_toml
from thetaloom.domain.values.canonical import canonical_json, from_json
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.instruments import Right
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvalidInput
from thetaloom.store.catalogue import CATALOGUE, load_catalogue

Changed = Callable[[dict[str, Any]], dict[str, Any]]

HUGE = 10**4000
WIDE = [metric for metric in Metric if METRIC_MAX[metric] >= 100]  # those that can reach every threshold drawn
DISTANCES = {
    SelectBy.DELTA: "0.16",
    SelectBy.ATM: "3",
    SelectBy.STRIKE: "480.5",
    SelectBy.WIDTH: "5",
    SelectBy.PREMIUM: "1.05",
    SelectBy.EXPECTED_MOVE: "133.333333333",
    SelectBy.OTM: "-3.5",
    SelectBy.SAME: "0",
    SelectBy.NET_CREDIT: "1.25",
}
THRESHOLDS = {
    ExitUnit.PERCENT_OF_PREMIUM: ("0.5", "1000"),
    ExitUnit.DOLLARS: ("0.01", "100000.123456789"),
    ExitUnit.DAYS: ("1", "24"),
    ExitUnit.MINUTES: ("1", "390"),
    ExitUnit.DELTA: ("0.000000001", "1"),
    ExitUnit.PERCENT_OF_MAX_LOSS: ("0.5", "100"),
    ExitUnit.PERCENT_OF_PEAK: ("0.5", "100"),
    ExitUnit.R: ("0.01", "1"),
    ExitUnit.SHARE: ("0.000000001", "1"),
    ExitUnit.PERCENT: ("0.5", "25"),
    ExitUnit.ATR: ("0.1", "100"),
}


def plain_decimals(least: str, most: str, places: int = 9) -> st.SearchStrategy[Decimal]:
    """Decimals in the one form that parsing gives them."""
    numbers = st.decimals(Decimal(least), Decimal(most), places=places, allow_nan=False, allow_infinity=False)
    return numbers.map(lambda number: Decimal(format(number.normalize(), "f")) + 0)


@st.composite
def leg_rules(draw: st.DrawFn, name: str, earlier: list[str]) -> LegRule:
    by = draw(st.sampled_from([by for by in SelectBy if earlier or by not in MEASURED_FROM_A_LEG]))
    unit = draw(st.sampled_from(sorted(UNITS[by])))
    right = draw(st.sampled_from(Right))
    distance = Decimal(0 if unit is Unit.TABLE else DISTANCES[by])
    if by is SelectBy.DELTA:
        distance = draw(plain_decimals("0.000000001", "1")) * (1 if right is Right.CALL else -1)
    has_miss = unit is not Unit.STRIKES and by is not SelectBy.SAME
    miss_max = draw(st.none() | plain_decimals("0", "1")) if has_miss else None
    of = draw(st.sampled_from(earlier)) if by in MEASURED_FROM_A_LEG else None
    round_to, guard = None, None
    if by in WISHES_A_STRIKE and unit is not Unit.STRIKES:
        round_to = draw(st.none() | plain_decimals("0.001", "1000", places=3))
        level = Level.RESISTANCE if right is Right.CALL else Level.SUPPORT
        buffers = plain_decimals("0", "50")
        guard = draw(st.none() | st.builds(Guard, level=st.just(level), buffer_percent=buffers))
    return LegRule(
        name=name,
        side=Side.SELL if by is SelectBy.NET_CREDIT else draw(st.sampled_from(Side)),
        right=right,
        strike=StrikeRule(by=by, distance=distance, unit=unit, of=of, miss_max=miss_max, round_to=round_to),
        ratio=draw(st.integers(1, 10)),
        guard=guard,
    )


@st.composite
def width_tables(draw: st.DrawFn) -> WidthTable:
    widths = plain_decimals("0.001", "500", places=3)
    bounds = sorted(draw(st.lists(plain_decimals("0.01", "100000", places=2), max_size=4, unique=True)))
    steps = [WidthStep(below=below, width=draw(widths)) for below in [*bounds, None]]
    return WidthTable(by=draw(st.sampled_from(WidthBy)), steps=tuple(steps))


@st.composite
def back_rules(draw: st.DrawFn) -> BackRule:
    dte = sorted(draw(st.lists(st.integers(1100, 1100) | st.integers(50, 1100), min_size=3, max_size=3)))
    ratios = sorted(draw(st.lists(plain_decimals("1", "9"), min_size=2, max_size=2)))
    some = [draw(st.none() | st.just(ratio)) for ratio in ratios]
    return BackRule(dte_min=dte[0], dte_target=dte[1], dte_max=1100, ratio_min=some[0], ratio_max=some[1])


@st.composite
def drops_and_targets(draw: st.DrawFn, legs: list[LegRule]) -> tuple[tuple[DropRule, ...], tuple[TargetRule, ...]]:
    origins = {leg.strike.of for leg in legs}
    last = legs[-1]
    drops: tuple[DropRule, ...] = ()
    if len(legs) > 1 and last.name not in origins and draw(st.booleans()):
        metric = draw(st.sampled_from(sorted(MARKET_METRICS)))
        comparison = draw(st.sampled_from(Comparison))
        drops = (DropRule(legs=(last.name,), metric=metric, comparison=comparison, threshold=Decimal(2)),)
    names = ("first", "second")[: draw(st.integers(0, 1 + (last.ratio > 1)))]
    percents = plain_decimals("0.1", "1000")
    return drops, tuple(TargetRule(name=name, legs=(last.name,), percent=draw(percents)) for name in names)


@st.composite
def exit_rules(draw: st.DrawFn) -> ExitRule:
    kind = draw(st.sampled_from(ExitKind))
    unit = draw(st.sampled_from(sorted(EXIT_UNITS[kind])))
    whole = unit in (ExitUnit.DAYS, ExitUnit.MINUTES)
    threshold = Decimal(0)
    if unit is not ExitUnit.NONE:
        threshold = draw(plain_decimals(*THRESHOLDS[unit], places=0 if whole else 9))
    needs_activation = unit is ExitUnit.PERCENT_OF_PEAK
    activates = plain_decimals("0.5", "500")
    return ExitRule(
        kind=kind,
        threshold=threshold,
        unit=unit,
        at=draw(st.sampled_from(["00:00", "09:45", "15:30", "23:59"])) if kind in BY_THE_CLOCK else None,
        intraday_only=kind is ExitKind.CLOCK and draw(st.booleans()),
        activates_at=draw(activates if needs_activation else st.none() | activates)
        if kind is ExitKind.TRAILING
        else None,
        only_if_profit_above=draw(st.none() | plain_decimals("-200", "-1")),
        only_if_profit_below=draw(st.none() | plain_decimals("0", "100")),
        only_if_loss=kind is not ExitKind.PROFIT_TARGET and draw(st.booleans()),
        priority=draw(st.integers(1, 9)),
        quantity_percent=draw(st.integers(1, 100)),
    )


@st.composite
def whole_strategies(draw: st.DrawFn) -> Strategy:
    names = ["a", "b2", "short_put", "long_put"][: draw(st.integers(1, 4))]
    legs = [draw(leg_rules(name, names[:at])) for at, name in enumerate(names)]
    texts = st.text(st.characters(exclude_categories=["C", "Z"]) | st.sampled_from('"\\ \n\t#='), max_size=40)
    money = plain_decimals("0.000000001", "100000")
    conditions = st.builds(Condition, metric=st.sampled_from(WIDE), threshold=plain_decimals("0", "100"))
    prices = st.none() | plain_decimals("0.01", "5").map(Price)
    back = draw(st.none() | back_rules()) if len(legs) > 1 else None
    if back is not None:
        legs[-1] = replace(legs[-1], term=Term.BACK)
    has_table = any(leg.strike.unit is Unit.TABLE for leg in legs)
    drops, targets = draw(drops_and_targets(legs))
    dte = sorted(draw(st.lists(st.integers(25, 1099), min_size=3, max_size=3)))
    mode = draw(st.sampled_from(ApprovalMode))
    loss = draw(st.none() | money.map(Money)) if mode is ApprovalMode.AUTOMATIC else None
    return Strategy(
        id=StrategyId(draw(st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True))),
        name="x" + draw(texts).replace("\n", "").replace("\t", ""),
        description=draw(texts),
        active=draw(st.booleans()),
        symbols=tuple(draw(st.lists(st.sampled_from(["SPY", "BRK.B", "X1"]), unique=True))),
        biases=tuple(draw(st.lists(st.sampled_from(Bias), min_size=1, unique=True))),
        expiration=ExpirationRule(dte_min=dte[0], dte_target=dte[1], dte_max=dte[2]),
        legs=tuple(draw(st.permutations(legs))),
        conditions=tuple(draw(st.lists(conditions, max_size=3))),
        liquidity=draw(
            st.builds(
                Liquidity,
                bid_ask_width_max=prices,
                bid_ask_width_percent_max=st.none() | plain_decimals("0.1", "200"),
                open_interest_min=st.none() | st.integers(0, 10**9),
                volume_min=st.none() | st.integers(0, 9),
                quote_age_seconds_max=st.integers(1, 86_400),
            )
        ),
        order=OrderRule(reach=draw(plain_decimals("0", "1")), slippage_max=draw(prices)),
        size=SizeRule(risk_percent=draw(plain_decimals("0.1", "100"))),
        exits=tuple(draw(st.lists(exit_rules(), max_size=4))),
        approval=ApprovalRule(
            mode=mode, max_loss_automatic=loss, manual_only=mode is ApprovalMode.MANUAL and draw(st.booleans())
        ),
        back=back,
        width_table=draw(width_tables()) if has_table else None,
        drops=drops,
        shares=draw(st.sampled_from([-100, 0, 0, 100, 250])),
        targets=targets,
        ladder=draw(st.none() | st.builds(LadderRule, threshold_dte=st.integers(3, 24))),
        imbalance=draw(st.none() | st.builds(ImbalanceRule, policy=st.sampled_from(ImbalancePolicy))),
        assignment=draw(st.none() | st.builds(AssignmentRule, policy=st.sampled_from(SharesPolicy))),
    )


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], deadline=None)
@given(strategy=whole_strategies())
def test_a_strategy_survives_its_documents(strategy: Strategy, schema_errors: Callable[[object], list[str]]) -> None:
    document = json.loads(json.dumps(strategy_document(strategy)))
    text = strategy_toml(strategy)

    assert parse_strategy(document) == strategy
    for again in (parse_strategy(document), parse_strategy(tomllib.loads(text))):
        assert again == strategy
        assert canonical_json(again) == canonical_json(strategy)
    assert strategy_toml(parse_strategy(tomllib.loads(text))) == text
    assert schema_errors(document) == []
    assert from_json(canonical_json(strategy), Strategy) == strategy


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(HUGE)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["-0.16", "delta", "call", "width", "short_put", "1e9", "NaN", "1_0", "٣", "\ud800", " 1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=4,
)
PLACES = [
    *("id", "name", "description", "active", "symbols", "biases", "expiration", "legs", "conditions", "liquidity"),
    *("order", "size", "exits", "approval", "allow_undefined_risk", "open_runs_max", "expiration.dte_min"),
    *("legs[0]", "legs[0].name", "legs[0].ratio", "legs[0].select", "legs[1].select.of", "legs[1].select.value"),
    *("legs[1].select.unit", "legs[1].select.by", "exits[0]", "exits[0].threshold", "exits[0].unit", "exits[0].kind"),
    *("liquidity.bid_ask_width_max", "order.reach", "approval.max_loss_automatic", "legs[0].select.miss_max"),
    *("back", "back.dte_min", "back.ratio_min", "width_table", "width_table.steps", "drops", "targets", "shares"),
    *("legs[0].guard", "legs[0].guard.level", "legs[0].expiration", "legs[0].select.round_to", "approval.manual_only"),
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(places=st.dictionaries(st.sampled_from(PLACES), JSON, max_size=1))
def test_whatever_stands_in_a_document_it_parses_or_every_problem_is_named(
    changed: Changed, schema_errors: Callable[[object], list[str]], places: dict[str, Any]
) -> None:
    document = changed(places)

    try:
        parse_strategy(document)
    except InvalidInput as error:
        assert error.details
        assert all(isinstance(text, str) and len(text) < 1200 for text in error.details.values())
    else:
        assert schema_errors(document) == []


@pytest.mark.parametrize("document", [None, [], "text", 3])
def test_what_is_no_table_is_no_strategy(document: object) -> None:
    with pytest.raises(InvalidInput, match="a strategy is a table"):
        parse_strategy(document)


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"id": "A b"}, "id", "put-credit-spread-30dte"),
    ({"id": "a" * 65}, "id", "64 characters"),
    ({"id": ...}, "id", "is missing"),
    ({"name": ""}, "name", "1 to 100 characters"),
    ({"name": "two\nlines"}, "name", '"two\\nlines"'),
    ({"description": "a\x00b"}, "description", "printable"),
    ({"description": "x" * 2001}, "description", "2000"),
    ({"active": 1}, "active", "true or false"),
    ({"nmae": "x"}, "nmae", 'did you mean "name"?'),
    ({"a\ud800": "x"}, "a\\ud800", "is not a known key"),
    ({"zzz": "x"}, "zzz", "known are id, name"),
    ({"legs[0].rigth": "put"}, "legs[0].rigth", 'did you mean "right"?'),
    ({"symbols": ["SPY", "spy"]}, "symbols[1]", '"spy"'),
    ({"symbols": ["SPY", "SPY"]}, "symbols[1]", "stands in the list already"),
    ({"symbols": "SPY"}, "symbols", "a list of at most 500"),
    ({"symbols": [3]}, "symbols[0]", "is 3"),
    ({"biases": []}, "biases", "a list of 1 to 3"),
    ({"biases": ["bulish"]}, "biases[0]", 'did you mean "bullish"?'),
    ({"biases": ["bullish", "bullish"]}, "biases[1]", "already"),
    ({"expiration": ...}, "expiration", "is missing"),
    ({"expiration": 30}, "expiration", "a table with dte_min"),
    ({"expiration.dte_min": 50}, "expiration.dte_min", "at most dte_max, which is 45"),
    ({"expiration.dte_target": 50}, "expiration.dte_target", "a day of the window, 25 to 45"),
    ({"expiration.dte_min": -1}, "expiration.dte_min", "at least 0"),
    ({"expiration.dte_max": 1101}, "expiration.dte_max", "at most 1100"),
    ({"expiration.dte_max": True}, "expiration.dte_max", "is true; expected a whole number"),
    ({"expiration.dte_max": 45.0}, "expiration.dte_max", "is 45.0; expected a whole number"),
    ({"expiration.dte_max": HUGE}, "expiration.dte_max", "an enormous number"),
    ({"expiration.prefer": None}, "expiration.prefer", "is empty; expected one of nearest"),
    ({"legs": []}, "legs", "a list of 1 to 8"),
    ({"legs": {}}, "legs", "is a table"),
    ({"legs[0]": 5}, "legs[0]", "a table with name"),
    ({"legs[0].name": "Short Put"}, "legs[0].name", "short_put"),
    ({"legs[1].name": "short_put"}, "legs[1].name", "a name of its own"),
    ({"legs[0].side": "sel"}, "legs[0].side", 'did you mean "sell"?'),
    ({"legs[0].side": "zzz"}, "legs[0].side", "one of buy, sell"),
    ({"legs[0].right": "P"}, "legs[0].right", "one of call, put"),
    ({"legs[0].ratio": 0}, "legs[0].ratio", "at least 1"),
    ({"legs[0].ratio": -2}, "legs[0].ratio", "at least 1"),
    ({"legs[0].ratio": 11}, "legs[0].ratio", "at most 10"),
    ({"legs[0].select.value": "0.16"}, "legs[0].select.value", "a negative delta, as the leg is a put"),
    ({"legs[0].right": "call"}, "legs[0].select.value", "a positive delta, as the leg is a call"),
    ({"legs[0].select.value": "-1.01"}, "legs[0].select.value", "from -1 to 1 other than 0"),
    ({"legs[0].select.value": 0}, "legs[0].select.value", "other than 0"),
    ({"legs[0].select.value": float("nan")}, "legs[0].select.value", "is nan; expected a number"),
    ({"legs[0].select.value": float("-inf")}, "legs[0].select.value", "is -inf"),
    ({"legs[0].select.value": Decimal("sNaN")}, "legs[0].select.value", "is sNaN"),
    ({"legs[0].select.value": Decimal("-1E-999")}, "legs[0].select.value", "is -1E-999"),
    ({"legs[0].select.value": "-1e-1"}, "legs[0].select.value", '"-1e-1"'),
    ({"legs[0].select.value": "-0.1234567891"}, "legs[0].select.value", "is -0.1234567891"),
    ({"legs[0].select.value": 1e300}, "legs[0].select.value", "is 1e+300"),
    ({"legs[0].select.value": HUGE}, "legs[0].select.value", "an enormous number"),
    ({"legs[0].select.value": True}, "legs[0].select.value", "is true; expected a number"),
    ({"legs[0].select.value": []}, "legs[0].select.value", "a list of 0"),
    ({"legs[0].select.unit": "dollars"}, "legs[0].select.unit", "expected delta for delta"),
    ({"legs[0].select.of": "long_put"}, "legs[0].select.of", "only a width is measured"),
    ({"legs[0].select.miss_max": 2}, "legs[0].select.miss_max", "a delta from 0 to 1"),
    ({"legs[0].select.miss_max": -1}, "legs[0].select.miss_max", "at least 0"),
    ({"legs[1].select.miss_max": 1}, "legs[1].select.miss_max", "a count of strikes is met or not"),
    ({"legs[1].select.of": ...}, "legs[1].select.of", "is missing"),
    ({"legs[1].select.of": "short_pt"}, "legs[1].select.of", 'did you mean "short_put"?'),
    ({"legs[1].select.of": "long_put"}, "legs[1].select.of", "the leg itself"),
    ({"legs[1].select.value": 0}, "legs[1].select.value", "a number above 0"),
    ({"legs[1].select.value": -5}, "legs[1].select.value", "a number above 0"),
    ({"legs[1].select.value": "2.5"}, "legs[1].select.value", "a whole number of strikes"),
    ({"legs[1].select.value": 201}, "legs[1].select.value", "at most 200"),
    (
        {"legs[1].select": {"by": "atm", "value": 101, "unit": "percent"}},
        "legs[1].select.value",
        "at most 100 percent",
    ),
    (
        {"legs[1].select": {"by": "strike", "value": "1.0001", "unit": "dollars"}},
        "legs[1].select.value",
        "at most 3 decimals",
    ),
    (
        {"legs[1].select": {"by": "premium", "value": 0, "unit": "dollars"}},
        "legs[1].select.value",
        "above 0",
    ),
    (
        {"legs[1].select": {"by": "expected_move", "value": 1001, "unit": "percent"}},
        "legs[1].select.value",
        "from 0 to 1000",
    ),
    (
        {"conditions": [{"metric": "iv_rank", "comparison": ">=", "threshold": 101}]},
        "conditions[0].threshold",
        "0 to 100",
    ),
    (
        {"conditions": [{"metric": "pop", "comparison": "=>", "threshold": 50}]},
        "conditions[0].comparison",
        "one of >=, <=",
    ),
    ({"liquidity.open_interest_min": -1}, "liquidity.open_interest_min", "at least 0"),
    ({"liquidity.volume_min": -1}, "liquidity.volume_min", "at least 0"),
    ({"liquidity.bid_ask_width_max": "-0.1"}, "liquidity.bid_ask_width_max", "above 0"),
    ({"liquidity.quote_age_seconds_max": 0}, "liquidity.quote_age_seconds_max", "at least 1"),
    ({"order.reach": 1.01}, "order.reach", "at most 1"),
    ({"order.reach": -0.01}, "order.reach", "at least 0"),
    ({"order.steps_max": 61}, "order.steps_max", "at most 60 (steps)"),
    ({"order.interval_seconds": 0}, "order.interval_seconds", "at least 1"),
    ({"order.start_offset": "-0.01"}, "order.start_offset", "at least 0"),
    ({"size.quantity": 0}, "size.quantity", "at least 1"),
    ({"size.risk_percent": 0}, "size.risk_percent", "above 0"),
    ({"exits[0].unit": "days"}, "exits[0].unit", "dollars or percent_of_max_loss or percent_of_premium or r for"),
    ({"exits[0].threshold": 0}, "exits[0].threshold", "above 0 and at most 1000"),
    ({"exits[0].threshold": -50}, "exits[0].threshold", "at least 0"),
    ({"exits[0].threshold": 1001}, "exits[0].threshold", "at most 1000 percent_of_premium"),
    ({"exits[0].at": "15:30"}, "exits[0].at", "expected nothing for profit_target"),
    ({"exits[0].activates_at": 20}, "exits[0].activates_at", "as only trailing heeds it"),
    ({"exits[0].intraday_only": True}, "exits[0].intraday_only", "as only a clock rule heeds it"),
    ({"exits[0].only_if_loss": True}, "exits[0].only_if_loss", "which is no loss"),
    ({"exits[0]": {"kind": "clock"}}, "exits[0].at", "is missing; expected the exchange's time for clock, like 15:30"),
    ({"exits[0]": {"kind": "clock", "at": "24:00"}}, "exits[0].at", '"24:00"'),
    ({"exits[0]": {"kind": "clock", "at": "15:30", "threshold": 5}}, "exits[0].threshold", "expected none for clock"),
    ({"exits[0]": {"kind": "gamma_flip", "unit": "days"}}, "exits[0].unit", "expected none for gamma_flip"),
    (
        {"exits[0]": {"kind": "stop_loss", "threshold": 200}},
        "exits[0].unit",
        "or percent_of_premium or r for stop_loss",
    ),
    ({"exits[0]": {"kind": "stop_loss", "threshold": 2, "unit": "r"}}, "exits[0].threshold", "expected at most 1"),
    (
        {"exits[0]": {"kind": "stop_loss", "threshold": 101, "unit": "percent_of_max_loss"}},
        "exits[0].threshold",
        "at most 100 percent_of_max_loss",
    ),
    (
        {"exits[0]": {"kind": "trailing", "threshold": 50, "unit": "percent_of_peak"}},
        "exits[0].activates_at",
        "is missing; expected the profit",
    ),
    (
        {"exits[0].only_if_profit_above": 5, "exits[0].only_if_profit_below": 5},
        "exits[0].only_if_profit_above",
        "expected less than only_if_profit_below, which is 5",
    ),
    ({"exits[0]": {"kind": "iv_crush", "threshold": 20, "unit": "share"}}, "exits[0].threshold", "at most 1 share"),
    ({"ladder": {"threshold_dte": 45}}, "ladder.threshold_dte", "expected less than dte_max"),
    ({"ladder": {"threshold_dte": 2}}, "ladder.threshold_dte", "at least 3"),
    ({"exits[0].priority": 0}, "exits[0].priority", "at least 1"),
    ({"exits[0].quantity_percent": 0}, "exits[0].quantity_percent", "at least 1"),
    ({"exits[0].quantity_percent": 101}, "exits[0].quantity_percent", "at most 100"),
    ({"exits[0]": {"kind": "dte", "threshold": 45, "unit": "days"}}, "exits[0].threshold", "close at once"),
    ({"exits[0]": {"kind": "dte", "threshold": "1.5", "unit": "days"}}, "exits[0].threshold", "a whole number 0 to"),
    ({"exits[0]": {"kind": "short_delta", "threshold": 2, "unit": "delta"}}, "exits[0].threshold", "at most 1 delta"),
    ({"approval.expires_minutes": 0}, "approval.expires_minutes", "at least 1"),
    ({"approval.expires_minutes": 1441}, "approval.expires_minutes", "at most 1440"),
    ({"approval.max_loss_automatic": 500}, "approval.max_loss_automatic", "nothing while mode is manual"),
    ({"open_runs_max": 0}, "open_runs_max", "at least 1"),
]


@pytest.mark.parametrize(("changes", "path", "words"), WRONG)
def test_what_is_wrong_is_named_with_what_is_expected(
    changed: Changed, changes: dict[str, Any], path: str, words: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_strategy(changed(changes))

    assert path in caught.value.details
    assert words in str(caught.value.details[path])


def test_all_problems_come_at_once(changed: Changed) -> None:
    wrong = changed(
        {"id": "A", "name": 5, "legs[0].ratio": 0, "legs[1].select.of": "x", "exits[0].unit": "kg", "extra": 1}
    )

    with pytest.raises(InvalidInput) as caught:
        parse_strategy(wrong)

    assert caught.value.message == "strategy A: 6 problems"
    assert sorted(caught.value.details) == sorted(
        ["id", "name", "legs[0].ratio", "legs[1].select.of", "exits[0].unit", "extra"]
    )


def test_one_problem_is_counted_as_one(changed: Changed) -> None:
    with pytest.raises(InvalidInput, match=r"^strategy empty: 1 problem$"):
        parse_strategy(changed({"id": ...}))


def test_legs_that_measure_from_each_other_go_in_a_circle(changed: Changed) -> None:
    width = {"by": "width", "value": 5, "unit": "strikes"}
    three = [
        {"name": name, "side": "buy", "right": "put", "select": {**width, "of": of}}
        for name, of in [("a", "b"), ("b", "c"), ("c", "b")]
    ]

    with pytest.raises(InvalidInput) as caught:
        parse_strategy(changed({"legs": three}))

    assert dict(caught.value.details) == {
        "legs[1].select.of": "goes in a circle: b → c → b",
        "legs[2].select.of": "goes in a circle: c → b → c",
    }


@pytest.mark.parametrize("given", ["-0.16", -0.16, Decimal("-0.1600"), "-0.160"])
def test_a_number_is_taken_by_its_text(changed: Changed, given: object) -> None:
    strategy = parse_strategy(changed({"legs[0].select.value": given}))

    assert str(strategy.legs[0].strike.distance) == "-0.16"


@pytest.mark.parametrize("given", [100, 100.0, "100", "100.00", Decimal("1E+2")])
def test_whole_numbers_have_one_form(changed: Changed, given: object) -> None:
    assert str(parse_strategy(changed({"exits[0].threshold": given})).exits[0].threshold) == "100"


def test_prices_and_money_get_their_types(changed: Changed) -> None:
    strategy = parse_strategy(
        changed({"order.start_offset": 0.03, "approval": {"mode": "automatic", "max_loss_automatic": 500}})
    )

    assert type(strategy.order.start_offset) is Price
    assert type(strategy.approval.max_loss_automatic) is Money


def test_null_stands_for_absent_where_absence_has_a_meaning(changed: Changed) -> None:
    assert parse_strategy(changed({"liquidity.volume_min": None})) == parse_strategy(changed({}))


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"open_runs_max": 0}, "open_runs_max"),
        ({"legs": ()}, "legs"),
        ({"expiration": ExpirationRule(dte_min=9, dte_max=8, dte_target=8)}, "expiration.dte_min"),
        (
            {"conditions": (Condition(metric=Metric.POP, comparison=Comparison.ABOVE, threshold=Decimal("NaN")),)},
            "conditions[0].threshold",
        ),
    ],
)
def test_a_wrong_strategy_cannot_be_made_in_code_either(changed: Changed, changes: dict[str, Any], path: str) -> None:
    strategy = parse_strategy(changed({}))

    with pytest.raises(InvalidInput) as caught:
        replace(strategy, **changes)

    assert path in caught.value.details


def test_a_number_too_long_for_a_float_stands_as_text(changed: Changed) -> None:
    long = {"mode": "automatic", "max_loss_automatic": "123456789.123456789"}
    strategy = parse_strategy(changed({"approval": long}))

    text = strategy_toml(strategy)

    assert 'max_loss_automatic = "123456789.123456789"' in text
    assert parse_strategy(tomllib.loads(text)) == strategy


def test_the_schema_refuses_what_it_does_not_know(
    changed: Changed, schema_errors: Callable[[object], list[str]]
) -> None:
    assert schema_errors(changed({})) == []
    assert schema_errors(changed({"extra": 1})) == [".extra is unknown"]
    assert schema_errors(changed({"legs[0].select.unit": "dollars"})) == [".legs[0].select.unit does not fit"]
    assert schema_errors(changed({"legs[0].select.extra": 1})) == [".legs[0].select.extra is unknown"]


def test_every_field_of_the_schema_is_described_and_every_table_closed() -> None:
    schema = strategy_schema()

    for table in [schema, *schema["$defs"].values()]:
        assert table["additionalProperties"] is False
        assert table["description"]
        assert all(field["description"] for field in table["properties"].values())
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.loads(json.dumps(schema)) == schema


def test_the_schema_gives_words_their_meaning() -> None:
    select = strategy_schema()["$defs"]["StrikeRule"]["properties"]["by"]

    assert select["enum"] == [word.value for word in SelectBy]
    assert select["enumDescriptions"] == [word.text for word in SelectBy]
    assert strategy_schema()["$defs"]["LegRule"]["properties"]["right"]["enum"] == ["call", "put"]


@pytest.mark.parametrize("strategy", load_catalogue(), ids=lambda strategy: strategy.id)
def test_every_shipped_file_fits_the_schema(strategy: Strategy, schema_errors: Callable[[object], list[str]]) -> None:
    file = CATALOGUE / f"{strategy.id}.toml"

    assert schema_errors(tomllib.loads(file.read_text(encoding="utf-8"))) == []
