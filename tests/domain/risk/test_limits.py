from dataclasses import fields, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.risk.limits import LIMITS, Limit, Portfolio, RiskLimits, Trade, check_limits
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.reasons import Answer, Reason
from thetaloom.errors import InvalidInput

ROW = {limit.name: limit for limit in LIMITS}
LIMITED = RiskLimits(max_delta=Decimal(100))
PORTFOLIO = Portfolio(
    net_liquidating_value=Money(100_000),
    cash=Money(90_000),
    buying_power=Money(80_000),
    open_positions=3,
    positions_by_symbol={"SPY": 1, "QQQ": 2},
    risk_in_use=Money(10_000),
    opened_today=1,
    realized_today=Money(-500),
    net_delta=Decimal(20),
)
TRADE = Trade(
    symbol="SPY",
    quantity=2,
    max_loss=Money(750),
    buying_power_effect=Money(750),
    net_delta=Decimal(16),
)
# For each limit what just passes and what alone denies, with the reason and the number and bound that are shown.
Case = tuple[Portfolio, Trade]
JUST_PASSES: dict[str, Case] = {
    "max_loss_per_trade_percent": (PORTFOLIO, replace(TRADE, max_loss=Money(5000))),
    "max_quantity": (PORTFOLIO, replace(TRADE, quantity=10)),
    "max_positions": (replace(PORTFOLIO, open_positions=19), TRADE),
    "max_positions_per_symbol": (PORTFOLIO, TRADE),
    "max_allocation_percent": (replace(PORTFOLIO, risk_in_use=Money(79_250)), TRADE),
    "buying_power_reserve": (replace(PORTFOLIO, buying_power=Money(1750)), TRADE),
    "max_trades_per_day": (replace(PORTFOLIO, opened_today=9), TRADE),
    "max_loss_per_day_percent": (replace(PORTFOLIO, realized_today=Money("-4999.99")), TRADE),
    "max_delta": (replace(PORTFOLIO, net_delta=Decimal(84)), TRADE),
}
ALONE_DENIES: dict[str, tuple[Case, Reason, str, str]] = {
    "max_loss_per_trade_percent": (
        (PORTFOLIO, replace(TRADE, max_loss=Money("5000.01"))),
        Reason.MAX_LOSS_PER_TRADE,
        "5000.01",
        "5000",
    ),
    "max_quantity": ((PORTFOLIO, replace(TRADE, quantity=11)), Reason.MAX_QUANTITY, "11", "10"),
    "max_positions": ((replace(PORTFOLIO, open_positions=20), TRADE), Reason.MAX_POSITIONS, "21", "20"),
    "max_positions_per_symbol": (
        (PORTFOLIO, replace(TRADE, symbol="QQQ")),
        Reason.MAX_POSITIONS_PER_SYMBOL,
        "3",
        "2",
    ),
    "max_allocation_percent": (
        (replace(PORTFOLIO, risk_in_use=Money("79250.01")), TRADE),
        Reason.MAX_ALLOCATION,
        "80000.01",
        "80000",
    ),
    "buying_power_reserve": (
        (replace(PORTFOLIO, buying_power=Money("1749.99")), TRADE),
        Reason.BUYING_POWER_RESERVE,
        "999.99",
        "1000",
    ),
    "max_trades_per_day": ((replace(PORTFOLIO, opened_today=10), TRADE), Reason.MAX_TRADES_PER_DAY, "11", "10"),
    "max_loss_per_day_percent": (
        (replace(PORTFOLIO, realized_today=Money(-5000)), TRADE),
        Reason.MAX_LOSS_PER_DAY,
        "5000",
        "5000",
    ),
    "max_delta": ((replace(PORTFOLIO, net_delta=Decimal(85)), TRADE), Reason.MAX_DELTA, "101", "100"),
}
UNDEFINED = replace(TRADE, max_loss=None, undefined_risk_allowed=True)
# What is unknown, and the limits that then cannot be judged.
UNKNOWNS: list[tuple[Portfolio, Trade, set[str]]] = [
    (
        replace(PORTFOLIO, net_liquidating_value=None),
        TRADE,
        {"max_loss_per_trade_percent", "max_allocation_percent", "max_loss_per_day_percent"},
    ),
    (replace(PORTFOLIO, buying_power=None), TRADE, {"buying_power_reserve"}),
    (replace(PORTFOLIO, risk_in_use=None), TRADE, {"max_allocation_percent"}),
    (replace(PORTFOLIO, realized_today=None), TRADE, {"max_loss_per_day_percent"}),
    (replace(PORTFOLIO, net_delta=None), TRADE, {"max_delta"}),
    (PORTFOLIO, replace(TRADE, net_delta=None), {"max_delta"}),
    (PORTFOLIO, replace(TRADE, buying_power_effect=None), {"buying_power_reserve"}),
    (
        PORTFOLIO,
        replace(UNDEFINED, buying_power_effect=None),
        {"max_loss_per_trade_percent", "max_allocation_percent", "buying_power_reserve"},
    ),
]
HUNDREDS = st.integers(-50, 1200).map(lambda hundreds: Money(100) * hundreds)
PORTFOLIOS = st.builds(
    Portfolio,
    net_liquidating_value=st.none() | HUNDREDS,
    cash=st.none(),
    buying_power=st.none() | HUNDREDS,
    open_positions=st.integers(0, 25),
    positions_by_symbol=st.dictionaries(st.sampled_from(["SPY", "QQQ"]), st.integers(0, 3)),
    risk_in_use=st.none() | HUNDREDS,
    opened_today=st.integers(0, 12),
    realized_today=st.none() | HUNDREDS,
    net_delta=st.none() | st.integers(-150, 150).map(Decimal),
)
ONE_STRUCTURE = st.tuples(
    st.none() | st.integers(-50, 900).map(Money),
    st.none() | st.integers(-50, 900).map(Money),
    st.none() | st.integers(-60, 60).map(Decimal),
    st.booleans(),
)


def test_every_limit_has_one_row_one_reader_one_reason_and_both_cases() -> None:
    names = [limit.name for limit in LIMITS]

    assert names == [field.name for field in fields(RiskLimits)]
    assert set(names) == set(JUST_PASSES) == set(ALONE_DENIES)
    assert len({limit.reason for limit in LIMITS}) == len({limit.check for limit in LIMITS}) == len(LIMITS)
    assert all(limit.doc.endswith(".") and limit.unit for limit in LIMITS)


def test_the_defaults_are_the_documented_ones() -> None:
    assert {limit.name: limit.default for limit in LIMITS} == {
        "max_loss_per_trade_percent": "5",
        "max_quantity": "10",
        "max_positions": "20",
        "max_positions_per_symbol": "2",
        "max_allocation_percent": "80",
        "buying_power_reserve": "1000",
        "max_trades_per_day": "10",
        "max_loss_per_day_percent": "5",
        "max_delta": "off",
    }


def test_a_plain_trade_passes_every_limit_and_every_limit_is_listed() -> None:
    verdict, checks = check_limits(LIMITED, PORTFOLIO, TRADE)

    assert verdict.is_allowed
    assert [check.name for check in checks] == [limit.name for limit in LIMITS]
    assert all(check.value is not None and check.limit is not None for check in checks)


@pytest.mark.parametrize("name", JUST_PASSES)
def test_each_limit_itself_is_still_allowed(name: str) -> None:
    verdict, _ = check_limits(LIMITED, *JUST_PASSES[name])

    assert verdict.is_allowed


@pytest.mark.parametrize("name", ALONE_DENIES)
def test_each_limit_alone_denies_with_its_numbers(name: str) -> None:
    case, reason, value, bound = ALONE_DENIES[name]

    verdict, checks = check_limits(LIMITED, *case)

    assert [check.name for check in checks if not check.verdict.is_allowed] == [name]
    assert (verdict.answer, verdict.reason) == (Answer.DENY, reason)
    assert ROW[name].reason is reason
    assert (verdict.facts["value"], Decimal(verdict.facts["limit"])) == (value, Decimal(bound))
    failed = next(check for check in checks if check.name == name)
    assert (failed.value, failed.limit, failed.unit) == (Decimal(value), Decimal(bound), ROW[name].unit)
    assert {"over_by", "short_by"} & set(verdict.facts)


@pytest.mark.parametrize(("portfolio", "trade", "names"), UNKNOWNS)
def test_each_unknown_denies_and_is_called_unknown(portfolio: Portfolio, trade: Trade, names: set[str]) -> None:
    verdict, checks = check_limits(LIMITED, portfolio, trade)

    assert verdict.answer is Answer.UNKNOWN
    assert {check.name for check in checks if not check.verdict.is_allowed} == names
    assert all(check.verdict.answer is Answer.UNKNOWN for check in checks if check.name in names)
    assert "unknown" in verdict.facts.values()


def test_the_first_limit_that_fails_is_the_verdict_and_the_rest_is_still_listed() -> None:
    verdict, checks = check_limits(
        LIMITED, replace(PORTFOLIO, open_positions=20, opened_today=10), replace(TRADE, quantity=11)
    )

    assert verdict.reason is Reason.MAX_QUANTITY
    assert [check.verdict.reason for check in checks if not check.verdict.is_allowed] == [
        Reason.MAX_QUANTITY,
        Reason.MAX_POSITIONS,
        Reason.MAX_TRADES_PER_DAY,
    ]


def test_an_unlimited_loss_is_denied_unless_the_strategy_allows_it() -> None:
    refused, _ = check_limits(LIMITED, PORTFOLIO, replace(UNDEFINED, undefined_risk_allowed=False))
    allowed, checks = check_limits(LIMITED, PORTFOLIO, UNDEFINED)

    assert (refused.answer, refused.reason) == (Answer.DENY, Reason.NO_MAX_LOSS)
    assert allowed.is_allowed
    assert checks[0].value == 750


def test_the_buying_power_effect_stands_in_for_an_unlimited_loss_and_the_facts_say_so() -> None:
    verdict, _ = check_limits(LIMITED, PORTFOLIO, replace(UNDEFINED, buying_power_effect=Money(6000)))

    assert verdict.reason is Reason.MAX_LOSS_PER_TRADE
    assert verdict.facts == {"value": "6000", "limit": "5000", "over_by": "1000", "figure": "buying_power_effect"}


def test_more_than_the_buying_power_is_another_reason_than_the_reserve() -> None:
    verdict, _ = check_limits(LIMITED, replace(PORTFOLIO, buying_power=Money(749)), TRADE)
    all_of_it, _ = check_limits(LIMITED, replace(PORTFOLIO, buying_power=Money(750)), TRADE)

    assert verdict.reason is Reason.BUYING_POWER
    assert all_of_it.reason is Reason.BUYING_POWER_RESERVE
    assert verdict.facts["short_by"] == "1001"


@pytest.mark.parametrize(
    ("before", "change", "allowed"),
    [
        (150, -40, True),
        (150, 1, False),
        (-150, 40, True),
        (150, 0, True),
        (-150, 0, True),
        (90, -190, True),
        (90, -191, False),
    ],
)
def test_a_trade_that_brings_the_delta_back_is_welcome(before: int, change: int, allowed: bool) -> None:
    verdict, _ = check_limits(
        LIMITED, replace(PORTFOLIO, net_delta=Decimal(before)), replace(TRADE, net_delta=Decimal(change))
    )

    assert verdict.is_allowed is allowed


def test_a_limit_that_is_off_allows_the_unknown() -> None:
    verdict, checks = check_limits(RiskLimits(), PORTFOLIO, replace(TRADE, net_delta=None))

    assert verdict.is_allowed
    assert (checks[-1].value, checks[-1].limit) == (None, None)


def test_a_promised_gain_frees_no_room() -> None:
    free = replace(TRADE, max_loss=Money(-100), buying_power_effect=Money(-100))

    _, checks = check_limits(LIMITED, PORTFOLIO, free)

    assert {check.name: check.value for check in checks}["max_allocation_percent"] == 10_000


def test_a_trade_of_nothing_cannot_be_made() -> None:
    with pytest.raises(InvalidInput, match="no trade"):
        replace(TRADE, quantity=0)


@given(PORTFOLIOS, ONE_STRUCTURE, st.integers(1, 12), st.integers(1, 12))
def test_a_bigger_order_is_never_allowed_where_a_smaller_is_denied(
    portfolio: Portfolio,
    structure: tuple[Money | None, Money | None, Decimal | None, bool],
    quantity: int,
    more: int,
) -> None:
    max_loss, effect, delta, undefined = structure

    smaller, bigger = (
        check_limits(
            LIMITED,
            portfolio,
            Trade(
                symbol="SPY",
                quantity=size,
                max_loss=None if max_loss is None else max_loss * size,
                buying_power_effect=None if effect is None else effect * size,
                net_delta=None if delta is None else delta * size,
                undefined_risk_allowed=undefined,
            ),
        )
        for size in (quantity, quantity + more)
    )

    assert smaller[0].is_allowed or not bigger[0].is_allowed
    for less, greater in zip(smaller[1], bigger[1], strict=True):
        assert less.verdict.is_allowed or not greater.verdict.is_allowed


def test_limits_are_read_from_text_and_what_is_absent_has_its_default() -> None:
    limits = RiskLimits.from_settings({"max_quantity": " 3 ", "buying_power_reserve": "2500.50", "max_delta": "50"})

    assert limits == RiskLimits(max_quantity=3, buying_power_reserve=Money("2500.50"), max_delta=Decimal(50))
    assert type(limits.buying_power_reserve) is Money
    assert RiskLimits.from_settings({}) == RiskLimits()


def test_an_unknown_name_is_refused_and_the_known_ones_are_told() -> None:
    with pytest.raises(InvalidInput, match="no limit named max_lots") as refusal:
        RiskLimits.from_settings({"max_lots": "3", "max_quantity": "1"})

    assert "max_quantity" in refusal.value.advice
    assert set(refusal.value.details) == {"max_lots"}


@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: limit.name)
@pytest.mark.parametrize(
    "text", ["", "x", "-1", "NaN", "Infinity", "1e3", "1_000", "٣", "1 000", "9" * 13, "1.1234567"]
)
def test_what_is_no_number_within_bounds_is_refused_by_name(limit: Limit, text: str) -> None:
    with pytest.raises(InvalidInput, match=limit.name) as refusal:
        RiskLimits.from_settings({limit.name: text})

    assert limit.name in refusal.value.details


@pytest.mark.parametrize(
    ("name", "text"),
    [("max_quantity", "1001"), ("max_quantity", "1.5"), ("max_allocation_percent", "100.1"), ("max_quantity", "off")],
)
def test_what_is_out_of_bounds_is_refused(name: str, text: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        RiskLimits.from_settings({name: text})


@pytest.mark.parametrize("number", [None, Decimal("NaN"), Decimal(-1), Decimal(101)])
def test_an_impossible_limit_cannot_be_made(number: Decimal | None) -> None:
    with pytest.raises(InvalidInput, match="max_allocation_percent"):
        replace(LIMITED, max_allocation_percent=number)  # type: ignore[arg-type]  # wrong on purpose


@given(
    st.builds(
        RiskLimits,
        max_loss_per_trade_percent=st.decimals(0, 100, places=2),
        max_quantity=st.integers(0, 1000),
        buying_power_reserve=st.decimals(0, 1_000_000, places=2).map(Money),
        max_delta=st.none() | st.decimals(0, 10_000, places=1),
    )
)
def test_limits_survive_being_written_and_read(limits: RiskLimits) -> None:
    assert RiskLimits.from_settings(limits.as_settings()) == limits
