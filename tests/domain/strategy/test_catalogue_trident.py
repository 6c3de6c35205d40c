"""The Senex Trident of the catalogue to the cent, and the variants of TastyTracker to the leg."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from thetaloom.domain.book.targets import TargetOrder, target_orders
from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import list_expirations
from thetaloom.domain.strategy.documents import parse_strategy, strategy_document
from thetaloom.domain.strategy.evaluation import Evaluation, evaluate_structure
from thetaloom.domain.strategy.hard_stops import Moment, check_hard_stops
from thetaloom.domain.strategy.selection import Selection, select_structure
from thetaloom.domain.strategy.strategies import ExitKind, ExitUnit, Metric, SelectBy, Strategy, Unit
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import Answer, Reason
from thetaloom.store.catalogue import load_catalogue
from thetaloom.testing import builders

CATALOGUE: dict[str, Strategy] = {strategy.id: strategy for strategy in load_catalogue()}
TRIDENT = CATALOGUE["senex-trident"]
AT = datetime(2026, 1, 5, 15, 30, tzinfo=UTC)
EXPIRES_ON = date(2026, 2, 19)  # 45 days ahead
FAR = Decimal(5)  # percent of price to the nearer Bollinger band


def chain_at(spot: str, root: str = "QQQ", low: int = 430, high: int = 471) -> OptionChain:
    """Return every strike of a market in which a put falls by 0.45 and a call by 0.42 with each dollar out."""
    quotes = {}
    for strike in range(low, high):
        put = Decimal("12.00") + Decimal("0.45") * (strike - 450)
        call = Decimal("10.00") - Decimal("0.42") * (strike - 450)
        for right, mid in (("P", put), ("C", call)):
            quotes[f"{root} {EXPIRES_ON} {right} {strike}"] = (mid - Decimal("0.02"), mid + Decimal("0.02"))
    return builders.chain(quotes, spot=spot, at=AT)


def select(chain: OptionChain, *, capital: int = 60_000, band_distance: Decimal | None = FAR) -> Selection:
    readings: Mapping[Metric, Decimal] = {} if band_distance is None else {Metric.BAND_DISTANCE: band_distance}
    return select_structure(
        TRIDENT,
        chain,
        list_expirations(chain, builders.trading_calendar(), AT),
        now=AT,
        rate=0.04,
        dividend_yield=0.0,
        tradeable_capital=Money(capital),
        readings=readings,
    )


def evaluate(chain: OptionChain, found: Selection) -> Evaluation:
    return evaluate_structure(
        found.legs,
        chain,
        now=AT,
        expirations=list_expirations(chain, builders.trading_calendar(), AT),
        rate=0.04,
        dividend_yield=0.0,
        quote_age_max=timedelta(minutes=5),
        names=found.leg_names,
    )


@pytest.mark.parametrize(
    ("spot", "body"),
    [("449.23", 450), ("449.00", 448), ("451.00", 452), ("448.99", 448), ("449.01", 450), ("450.00", 450)],
)
def test_the_body_is_the_even_strike_nearest_to_spot_and_ties_go_to_the_even_half(spot: str, body: int) -> None:
    found = select(chain_at(spot))

    strikes = {name: leg.contract.strike for name, leg in zip(found.leg_names, found.legs, strict=True)}
    assert strikes == {"short_put": body, "long_put": body - 7, "short_call": body, "long_call": body + 7}


@pytest.mark.parametrize(
    ("capital", "width"),
    [(24_999, 3), (25_000, 5), (49_999, 5), (50_000, 7), (74_999, 7), (75_000, 9), (1_000_000, 9)],
)
def test_the_width_goes_by_the_tradeable_capital(capital: int, width: int) -> None:
    found = select(chain_at("449.23"), capital=capital)

    assert [leg.contract.strike for leg in found.legs] == [450, 450 - width, 450, 450 + width]


def test_the_order_is_one_of_four_legs_in_the_ratio_two_two_one_one() -> None:
    found = select(chain_at("449.23"))

    assert [leg.notation for leg in found.legs] == [
        "-2 QQQ 2026-02-19 P 450",
        "+2 QQQ 2026-02-19 P 443",
        "-1 QQQ 2026-02-19 C 450",
        "+1 QQQ 2026-02-19 C 457",
    ]
    assert len({leg.contract.expires_on for leg in found.legs}) == 1


def test_the_credit_is_twice_the_put_spread_and_once_the_call_spread() -> None:
    chain = chain_at("449.23")
    numbers = evaluate(chain, select(chain))

    put_credit, call_credit = Decimal("3.15"), Decimal("2.94")  # 7 × 0.45 and 7 × 0.42
    total = 2 * put_credit + call_credit
    assert numbers.structure_name == "senex_trident"
    assert numbers.mid_price == total == Decimal("9.24")
    assert numbers.natural_price == total - 6 * Decimal("0.02")
    # The worse side is that of the puts: 2 × 7 × 100 less the credit. Above, 7 of loss meet 9.24 of credit.
    assert numbers.max_loss == 2 * 7 * 100 - 924
    assert numbers.max_profit == 924
    # Below the body two puts lose two dollars with each: 450 − 9.24 / 2.
    assert numbers.breakevens == (Price("445.38"),)


def test_three_targets_of_their_own_pay_a_part_of_their_own_credit() -> None:
    chain = chain_at("449.23")
    orders = target_orders(evaluate(chain, select(chain)), TRIDENT)

    assert [(order.name, order.quantity, order.percent, order.entry_credit) for order in orders] == [
        ("put_spread_1", 1, Decimal(40), Price("3.15")),
        ("put_spread_2", 1, Decimal(60), Price("3.15")),
        ("call_spread", 1, Decimal(50), Price("2.94")),
    ]
    # 60 %, 40 % and 50 % of 3.15, 3.15 and 2.94 are paid to close.
    assert [order.limit_price for order in orders] == [Decimal("-1.89"), Decimal("-1.26"), Decimal("-1.47")]
    assert [order.legs[0].notation for order in orders] == [
        "+1 QQQ 2026-02-19 P 450",
        "+1 QQQ 2026-02-19 P 450",
        "+1 QQQ 2026-02-19 C 450",
    ]
    assert closed(orders) == {"P 450": 2, "P 443": -2, "C 450": 1, "C 457": -1}


def closed(orders: tuple[TargetOrder, ...]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for order in orders:
        for leg in order.legs:
            name = f"{leg.contract.right.value} {leg.contract.strike:f}"
            sums[name] = sums.get(name, 0) + leg.ratio * order.quantity
    return sums


def test_targets_of_an_index_keep_to_its_step_of_five_cents() -> None:
    chain = chain_at("449.23", root="SPXW")
    orders = target_orders(evaluate(chain, select(chain)), TRIDENT)

    assert all(order.limit_price % Decimal("0.05") == 0 for order in orders)


@pytest.mark.parametrize(("distance", "legs"), [("1.99", 2), ("2", 4), ("2.01", 4), ("0", 2)])
def test_near_a_band_the_call_spread_is_left_out_and_two_targets_remain(distance: str, legs: int) -> None:
    chain = chain_at("449.23")
    found = select(chain, band_distance=Decimal(distance))
    names = [order.name for order in target_orders(evaluate(chain, found), TRIDENT)]

    assert len(found.legs) == legs
    assert names == ["put_spread_1", "put_spread_2", "call_spread"][: 3 if legs == 4 else 2]
    word = "left out" if legs == 2 else "kept"
    assert any(reason.startswith(f"short_call, long_call: {word}, band_distance is") for reason in found.reasons)


def test_an_unknown_distance_to_the_band_is_a_no() -> None:
    found = select(chain_at("449.23"), band_distance=None)

    assert (found.verdict.answer, found.verdict.reason) == (Answer.UNKNOWN, Reason.SELECTION_UNKNOWN)


def test_a_body_that_is_not_listed_is_a_no() -> None:
    chain = chain_at("449.23")
    odd = chain.select(chain.strike % 2000 == 1000)

    assert select(odd).verdict.reason is Reason.SELECTION_TOO_FAR


@pytest.mark.parametrize(
    ("symbol", "price", "range_dollars", "is_barred"),
    [
        ("QQQ", "449.23", "2.00", True),
        ("QQQ", "449.23", "2.01", False),
        ("QQQ", "600", "2.00", True),
        ("QQQ", "600", "2.01", False),
        ("SPY", "600", "2.70", True),  # 0.45 % of 600
        ("SPY", "600", "2.71", False),
    ],
)
def test_a_range_of_three_days_within_two_points_bars_the_trident(
    symbol: str, price: str, range_dollars: str, is_barred: bool
) -> None:
    percent = Decimal(range_dollars) * 100 / Decimal(price)
    numbers = {
        Metric.UNDERLYING_PRICE: Decimal(price),
        Metric.RANGE_3D: round(percent, 10),
        Metric.HISTORY_SESSIONS: Decimal(60),
        Metric.DAYS_TO_EARNINGS: Decimal(366),
        Metric.DAYS_TO_EX_DIVIDEND: Decimal(60),
    }
    view = builders.market_view({metric.value: number for metric, number in numbers.items()})
    checks = check_hard_stops(
        TRIDENT.hard_stops, view, Moment(symbol=symbol, today=date(2026, 1, 5), has_short_american=True)
    )

    barring = [check.verdict.reason for check in checks if not check.verdict.is_allowed]
    assert barring == ([Reason.RANGE_BOUND] if is_barred else [])


# DTE window, legs as (name, by, value, unit), profit target, conditions; none of the four has a stop.
TASTY: dict[str, tuple[tuple[int, int], list[tuple[str, SelectBy, str, Unit]], int | None, dict[Metric, str]]] = {
    "pcs-5-wide-for-1-dollar": (
        (14, 65),
        [
            ("short_put", SelectBy.NET_CREDIT, "1.00", Unit.DOLLARS),
            ("long_put", SelectBy.WIDTH, "5", Unit.DOLLARS),
        ],
        50,
        {Metric.NET_CREDIT: "1.00", Metric.UNDERLYING_PRICE: "45"},
    ),
    "ccs-110-expected-move": (
        (30, 65),
        [
            ("short_call", SelectBy.EXPECTED_MOVE, "110", Unit.PERCENT),
            ("long_call", SelectBy.WIDTH, "5", Unit.DOLLARS),
        ],
        50,
        {Metric.UNDERLYING_PRICE: "30"},
    ),
    "ic-5-wide-expected-move": (
        (30, 65),
        [
            ("short_put", SelectBy.EXPECTED_MOVE, "100", Unit.PERCENT),
            ("long_put", SelectBy.WIDTH, "5", Unit.DOLLARS),
            ("short_call", SelectBy.EXPECTED_MOVE, "133", Unit.PERCENT),
            ("long_call", SelectBy.WIDTH, "5", Unit.DOLLARS),
        ],
        25,
        {Metric.NET_CREDIT: "1.10"},
    ),
    "call-debit-spread-45dte": (
        (0, 45),
        [
            ("long_call", SelectBy.OTM, "0.1", Unit.PERCENT),
            ("short_call", SelectBy.OTM, "5", Unit.PERCENT),
        ],
        None,
        {},
    ),
}


@pytest.mark.parametrize("name", TASTY)
def test_a_variant_of_tastytracker_has_its_legs_and_rules(name: str) -> None:
    window, legs, target, conditions = TASTY[name]
    strategy = CATALOGUE[name]

    assert (strategy.expiration.dte_min, strategy.expiration.dte_max) == window
    found = [(leg.name, leg.strike.by, leg.strike.distance, leg.strike.unit) for leg in strategy.legs]
    assert found == [(leg, by, Decimal(wished), unit) for leg, by, wished, unit in legs]
    assert [(rule.kind, rule.threshold) for rule in strategy.exits] == (
        [] if target is None else [(ExitKind.PROFIT_TARGET, Decimal(target))]
    )
    assert {one.metric: one.threshold for one in strategy.conditions} == {
        metric: Decimal(least) for metric, least in conditions.items()
    }


def test_the_condor_of_the_straddle_sells_one_move_away_and_buys_one_and_a_half() -> None:
    strategy = CATALOGUE["atm-straddle-iron-condor-45dte"]

    assert {leg.name: leg.strike.distance for leg in strategy.legs} == {
        "short_put": 100,
        "long_put": 150,
        "short_call": 100,
        "long_call": 150,
    }
    assert {leg.strike.by for leg in strategy.legs} == {SelectBy.EXPECTED_MOVE}
    assert [(rule.kind, rule.threshold) for rule in strategy.exits] == [
        (ExitKind.PROFIT_TARGET, Decimal(25)),
        (ExitKind.STOP_LOSS, Decimal(200)),
        (ExitKind.DTE, Decimal(21)),
    ]


@pytest.mark.parametrize("name", CATALOGUE)
def test_to_edit_a_rule_is_to_change_one_place(name: str) -> None:
    strategy = CATALOGUE[name]
    before = strategy_document(strategy)
    for at, rule in enumerate(strategy.exits):
        other = rule.threshold / 2 if rule.unit in (ExitUnit.DELTA, ExitUnit.SHARE) else rule.threshold + 1
        edited = replace(rule, threshold=other)
        exits = (*strategy.exits[:at], edited, *strategy.exits[at + 1 :])
        after = strategy_document(replace(strategy, exits=exits))

        assert {key for key in before if before[key] != after[key]} == {"exits"}
        assert parse_strategy(after).exits == exits
