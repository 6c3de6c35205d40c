from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.risk.limits import (
    LIMITS,
    Exposure,
    LegMarket,
    Limit,
    LossRecord,
    Portfolio,
    RiskLimits,
    Sent,
    Surroundings,
    Trade,
    Warned,
    check_limits,
    first_denial,
    limit_faults,
)
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import Answer, Reason
from thetaloom.errors import InvalidInput

ROW = {limit.name: limit for limit in LIMITS}
DENYING = [limit.name for limit in LIMITS if limit.denies]
NOW = datetime(2026, 1, 7, 15, 0, tzinfo=UTC)
LATER = datetime(2026, 1, 8, 14, 30, tzinfo=UTC)
# Every limit is on; the account and the trade below keep all of them.
LIMITED = RiskLimits(
    max_loss_per_trade=Money(5000),
    max_premium=Decimal(5),
    min_premium=Decimal("0.25"),
    max_bid_ask_percent=Decimal(10),
    max_bid_ask_width=Decimal("0.30"),
    min_open_interest=100,
    min_volume=5,
    max_entry_quote_age_seconds=30,
    max_entries_per_symbol_per_day=1,
    max_positions_per_strategy=4,
    max_risk_per_symbol_percent=Decimal(10),
    max_risk_per_sector_percent=Decimal(20),
    max_risk_in_equities_percent=Decimal(60),
    max_risk_per_strategy_percent=Decimal(30),
    max_risk_per_expiration_percent=Decimal(25),
    max_buying_power_use_percent=Decimal(99),
    tolerance_percent=Decimal(80),
    stressed_tolerance_percent=Decimal(50),
    max_loss_total_percent=Decimal(15),
    max_losses_in_a_row=3,
    symbol_cool_down_minutes=60,
    max_delta=Decimal(100),
    max_beta_delta=Decimal(50),
    max_gamma=Decimal(10),
    max_theta=Decimal(200),
    max_vega=Decimal(300),
    vix_block_above=Decimal(40),
    vix_halve_above=Decimal(30),
    earnings_days_min=7,
    ex_dividend_days_min=5,
    minutes_after_open_min=30,
    minutes_before_close_min=75,
    max_notional_per_session=Decimal(1_000_000),
)
EXPOSURE = Exposure(
    by_symbol={"SPY": Money(1000)},
    by_sector={"Technology": Money(1000)},
    by_strategy={"condor": Money(1000)},
    by_expiration={"2026-02-20": Money(1000)},
    in_equities=Money(1000),
)
RECORD = LossRecord(
    as_of=NOW,
    realized_week=Money(-1000),
    realized_total=Money(-2000),
    losses_in_a_row=1,
    day_ends_at=LATER,
    week_ends_at=LATER,
    streak_ends_at=LATER,
    cool_downs={},
)
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
    opened_today_by_symbol={"QQQ": 1},
    positions_by_strategy={"condor": 3},
    beta_delta=Decimal(10),
    net_gamma=Decimal(1),
    net_theta=Decimal(50),
    net_vega=Decimal(-100),
    exposure=EXPOSURE,
    record=RECORD,
)
LEGS = LegMarket(
    bid_ask_percent=Decimal(5), bid_ask_width=Price("0.10"), open_interest=500, volume=50, quote_age_seconds=10
)
AROUND = Surroundings(
    vix=Decimal(18),
    stress=Decimal(40),
    days_to_earnings=Decimal(20),
    days_to_ex_dividend=Decimal(20),
    minutes_since_open=60,
    minutes_to_close=200,
)
TRADE = Trade(
    symbol="SPY",
    quantity=2,
    max_loss=Money(750),
    buying_power_effect=Money(750),
    net_delta=Decimal(16),
    beta_delta=Decimal(8),
    net_gamma=Decimal(1),
    net_theta=Decimal(10),
    net_vega=Decimal(-20),
    net_price=Price("1.25"),
    expires_on=date(2026, 2, 20),
    sector="Technology",
    is_equity=True,
    strategy_id="condor",
    legs=LEGS,
    around=AROUND,
    is_entry=False,
)
WIRED = replace(TRADE, at_wire=True, contracts=4, notional=Money(200_000), replaces=200)
ENTRY = replace(TRADE, is_entry=True, approval_age_seconds=60)


def account(**changes: Any) -> Portfolio:
    """The account with other numbers."""
    return replace(PORTFOLIO, **changes)


def exposed(**changes: Any) -> Portfolio:
    """The account with other risk in one place."""
    return replace(PORTFOLIO, exposure=replace(EXPOSURE, **changes))


def recorded(**changes: Any) -> Portfolio:
    """The account with other closed positions."""
    return replace(PORTFOLIO, record=replace(RECORD, **changes))


def legs(**changes: Any) -> Trade:
    """The trade with other quotes."""
    return replace(TRADE, legs=replace(LEGS, **changes))


def around(**changes: Any) -> Trade:
    """The trade in another market."""
    return replace(TRADE, around=replace(AROUND, **changes))


def sent(**changes: Any) -> Portfolio:
    """The account that has sent orders."""
    return replace(PORTFOLIO, sent=Sent(**changes))


# For each limit what just passes and what alone denies, with the number and the bound that are shown.
Case = tuple[Portfolio, Trade]
STRESSED = {"stress": Decimal(81)}
HALVED = {"vix": Decimal("30.01")}
JUST_PASSES: dict[str, Case] = {
    "max_loss_per_trade_percent": (PORTFOLIO, replace(TRADE, max_loss=Money(5000))),
    "max_loss_per_trade": (PORTFOLIO, replace(TRADE, max_loss=Money(5000))),
    "max_quantity": (PORTFOLIO, replace(TRADE, quantity=10)),
    "max_premium": (PORTFOLIO, replace(TRADE, net_price=Price("-5.00"))),
    "min_premium": (PORTFOLIO, replace(TRADE, net_price=Price("-0.25"))),
    "max_bid_ask_percent": (PORTFOLIO, legs(bid_ask_percent=Decimal(10))),
    "max_bid_ask_width": (PORTFOLIO, legs(bid_ask_width=Price("0.30"))),
    "min_open_interest": (PORTFOLIO, legs(open_interest=100)),
    "min_volume": (PORTFOLIO, legs(volume=5)),
    "max_quote_age_seconds": (PORTFOLIO, legs(quote_age_seconds=300)),
    "max_entry_quote_age_seconds": (PORTFOLIO, replace(ENTRY, legs=replace(LEGS, quote_age_seconds=30))),
    "max_approval_age_seconds": (PORTFOLIO, replace(ENTRY, approval_age_seconds=600)),
    "max_positions": (account(open_positions=19), TRADE),
    "max_positions_per_symbol": (PORTFOLIO, TRADE),
    "max_entries_per_symbol_per_day": (PORTFOLIO, TRADE),
    "max_positions_per_strategy": (PORTFOLIO, TRADE),
    "max_allocation_percent": (account(risk_in_use=Money(79_250), buying_power=Money(99_000)), TRADE),
    "max_risk_per_symbol_percent": (exposed(by_symbol={"SPY": Money(9250)}), TRADE),
    "max_risk_per_sector_percent": (exposed(by_sector={"Technology": Money(19_250)}), TRADE),
    "max_risk_in_equities_percent": (exposed(in_equities=Money(59_250)), TRADE),
    "max_risk_per_strategy_percent": (exposed(by_strategy={"condor": Money(29_250)}), TRADE),
    "max_risk_per_expiration_percent": (exposed(by_expiration={"2026-02-20": Money(24_250)}), TRADE),
    "buying_power_reserve": (account(buying_power=Money(1750), risk_in_use=Money(0)), TRADE),
    "max_buying_power_use_percent": (account(buying_power=Money(1750), risk_in_use=Money(0)), TRADE),
    "tolerance_percent": (account(risk_in_use=Money(35_250), buying_power=Money(9750)), TRADE),
    "stressed_tolerance_percent": (account(risk_in_use=Money(29_250), buying_power=Money(30_750)), around(**STRESSED)),
    "max_trades_per_day": (account(opened_today=9), TRADE),
    "max_loss_per_day_percent": (account(realized_today=Money("-4999.99")), TRADE),
    "max_loss_per_week_percent": (recorded(realized_week=Money("-9999.99")), TRADE),
    "max_loss_total_percent": (recorded(realized_total=Money("-14999.99")), TRADE),
    "max_losses_in_a_row": (recorded(losses_in_a_row=2), TRADE),
    "symbol_cool_down_minutes": (recorded(cool_downs={"QQQ": LATER, "SPY": NOW}), TRADE),
    "max_delta": (account(net_delta=Decimal(84)), TRADE),
    "max_beta_delta": (account(beta_delta=Decimal(42)), TRADE),
    "max_gamma": (account(net_gamma=Decimal(9)), TRADE),
    "max_theta": (account(net_theta=Decimal(190)), TRADE),
    "max_vega": (account(net_vega=Decimal(-280)), TRADE),
    "vix_block_above": (PORTFOLIO, around(vix=Decimal(40))),
    "vix_halve_above": (PORTFOLIO, replace(around(**HALVED), max_loss=Money(2500))),
    "earnings_days_min": (PORTFOLIO, around(days_to_earnings=Decimal(7))),
    "ex_dividend_days_min": (PORTFOLIO, around(days_to_ex_dividend=Decimal(5))),
    "minutes_after_open_min": (PORTFOLIO, around(minutes_since_open=30)),
    "minutes_before_close_min": (PORTFOLIO, around(minutes_to_close=75)),
    "max_orders_per_second": (sent(orders_in_second=24), WIRED),
    "max_orders_per_minute": (sent(orders_in_minute=99), WIRED),
    "max_orders_per_hour": (sent(orders_in_hour=499), WIRED),
    "max_orders_per_session": (sent(orders_in_session=999), WIRED),
    "max_contracts_per_minute": (sent(contracts_in_minute=496), WIRED),
    "max_contracts_per_hour": (sent(contracts_in_hour=1996), WIRED),
    "max_contracts_per_session": (sent(contracts_in_session=4996), WIRED),
    "max_contracts_per_symbol": (sent(contracts_by_symbol={"SPY": 1996, "QQQ": 5000}), WIRED),
    "max_notional_per_session": (sent(notional_in_session=Money(800_000)), WIRED),
    "max_replaces_per_order": (PORTFOLIO, WIRED),
}
# A reserve of 1000 dollars and 99 % are the same bound of this account; so that one alone denies, the other is off.
# The tolerances keep the risk within 80 % of what is tradeable, the allocation within 80 % of what it is worth.
WITHOUT: dict[str, dict[str, Any]] = {
    "buying_power_reserve": {"max_buying_power_use_percent": None},
    "max_buying_power_use_percent": {"buying_power_reserve": Money(0)},
    "max_loss_per_trade_percent": {"max_loss_per_trade": None},
    "max_loss_per_trade": {"max_loss_per_trade_percent": Decimal(100)},
}
ALONE_DENIES: dict[str, tuple[Case, str, str]] = {
    "max_loss_per_trade_percent": ((PORTFOLIO, replace(TRADE, max_loss=Money("5000.01"))), "5000.01", "5000"),
    "max_loss_per_trade": ((PORTFOLIO, replace(TRADE, max_loss=Money("5000.01"))), "5000.01", "5000"),
    "max_quantity": ((PORTFOLIO, replace(TRADE, quantity=11)), "11", "10"),
    "max_premium": ((PORTFOLIO, replace(TRADE, net_price=Price("-5.01"))), "5.01", "5"),
    "min_premium": ((PORTFOLIO, replace(TRADE, net_price=Price("0.24"))), "0.24", "0.25"),
    "max_bid_ask_percent": ((PORTFOLIO, legs(bid_ask_percent=Decimal("10.1"))), "10.1", "10"),
    "max_bid_ask_width": ((PORTFOLIO, legs(bid_ask_width=Price("0.31"))), "0.31", "0.30"),
    "min_open_interest": ((PORTFOLIO, legs(open_interest=99)), "99", "100"),
    "min_volume": ((PORTFOLIO, legs(volume=4)), "4", "5"),
    "max_quote_age_seconds": ((PORTFOLIO, legs(quote_age_seconds=301)), "301", "300"),
    "max_entry_quote_age_seconds": (
        (PORTFOLIO, replace(ENTRY, legs=replace(LEGS, quote_age_seconds=31))),
        "31",
        "30",
    ),
    "max_approval_age_seconds": ((PORTFOLIO, replace(ENTRY, approval_age_seconds=601)), "601", "600"),
    "max_positions": ((account(open_positions=20), TRADE), "21", "20"),
    "max_positions_per_symbol": ((account(opened_today_by_symbol={}), replace(TRADE, symbol="QQQ")), "3", "2"),
    "max_entries_per_symbol_per_day": ((account(opened_today_by_symbol={"SPY": 1}), TRADE), "2", "1"),
    "max_positions_per_strategy": ((account(positions_by_strategy={"condor": 4}), TRADE), "5", "4"),
    "max_allocation_percent": (
        (account(risk_in_use=Money("79250.01"), buying_power=Money(99_000)), TRADE),
        "80000.01",
        "80000",
    ),
    "max_risk_per_symbol_percent": ((exposed(by_symbol={"SPY": Money("9250.01")}), TRADE), "10000.01", "10000"),
    "max_risk_per_sector_percent": (
        (exposed(by_sector={"Technology": Money("19250.01")}), TRADE),
        "20000.01",
        "20000",
    ),
    "max_risk_in_equities_percent": ((exposed(in_equities=Money("59250.01")), TRADE), "60000.01", "60000"),
    "max_risk_per_strategy_percent": (
        (exposed(by_strategy={"condor": Money("29250.01")}), TRADE),
        "30000.01",
        "30000",
    ),
    "max_risk_per_expiration_percent": (
        (exposed(by_expiration={"2026-02-20": Money("24250.01")}), TRADE),
        "25000.01",
        "25000",
    ),
    "buying_power_reserve": ((account(buying_power=Money("1749.99"), risk_in_use=Money(0)), TRADE), "999.99", "1000"),
    "max_buying_power_use_percent": (
        (account(buying_power=Money("1749.99"), risk_in_use=Money(0)), TRADE),
        "99000.01",
        "99000",
    ),
    "tolerance_percent": (
        (account(risk_in_use=Money(35_251), buying_power=Money(9749)), TRADE),
        "36001",
        "36000",
    ),
    "stressed_tolerance_percent": (
        (account(risk_in_use=Money(29_251), buying_power=Money(30_749)), around(**STRESSED)),
        "30001",
        "30000",
    ),
    "max_trades_per_day": ((account(opened_today=10), TRADE), "11", "10"),
    "max_loss_per_day_percent": ((account(realized_today=Money(-5000)), TRADE), "5000", "5000"),
    "max_loss_per_week_percent": ((recorded(realized_week=Money(-10_000)), TRADE), "10000", "10000"),
    "max_loss_total_percent": ((recorded(realized_total=Money(-15_000)), TRADE), "15000", "15000"),
    "max_losses_in_a_row": ((recorded(losses_in_a_row=3), TRADE), "3", "3"),
    "symbol_cool_down_minutes": ((recorded(cool_downs={"SPY": NOW + timedelta(minutes=9)}), TRADE), "9", "60"),
    "max_delta": ((account(net_delta=Decimal(85)), TRADE), "101", "100"),
    "max_beta_delta": ((account(beta_delta=Decimal(43)), TRADE), "51", "50"),
    "max_gamma": ((account(net_gamma=Decimal("9.5")), TRADE), "10.5", "10"),
    "max_theta": ((account(net_theta=Decimal(191)), TRADE), "201", "200"),
    "max_vega": ((account(net_vega=Decimal(-281)), TRADE), "-301", "300"),
    "vix_block_above": ((PORTFOLIO, around(vix=Decimal("40.01"))), "40.01", "40"),
    "vix_halve_above": ((PORTFOLIO, replace(around(**HALVED), max_loss=Money("2500.01"))), "2500.01", "2500"),
    "earnings_days_min": ((PORTFOLIO, around(days_to_earnings=Decimal(6))), "6", "7"),
    "ex_dividend_days_min": ((PORTFOLIO, around(days_to_ex_dividend=Decimal(4))), "4", "5"),
    "minutes_after_open_min": ((PORTFOLIO, around(minutes_since_open=29)), "29", "30"),
    "minutes_before_close_min": ((PORTFOLIO, around(minutes_to_close=74)), "74", "75"),
    "max_orders_per_second": ((sent(orders_in_second=25), WIRED), "26", "25"),
    "max_orders_per_minute": ((sent(orders_in_minute=100), WIRED), "101", "100"),
    "max_orders_per_hour": ((sent(orders_in_hour=500), WIRED), "501", "500"),
    "max_orders_per_session": ((sent(orders_in_session=1000), WIRED), "1001", "1000"),
    "max_contracts_per_minute": ((sent(contracts_in_minute=497), WIRED), "501", "500"),
    "max_contracts_per_hour": ((sent(contracts_in_hour=1997), WIRED), "2001", "2000"),
    "max_contracts_per_session": ((sent(contracts_in_session=4997), WIRED), "5001", "5000"),
    "max_contracts_per_symbol": ((sent(contracts_by_symbol={"SPY": 1997}), WIRED), "2001", "2000"),
    "max_notional_per_session": ((sent(notional_in_session=Money("800000.01")), WIRED), "1000000.01", "1000000"),
    "max_replaces_per_order": ((PORTFOLIO, replace(WIRED, replaces=201)), "201", "200"),
}
UNDEFINED = replace(TRADE, max_loss=None, undefined_risk_allowed=True)
SHARES = {name for name in DENYING if name.endswith("_percent") and ROW[name].unit == "dollars"}
SHARES -= {"tolerance_percent", "stressed_tolerance_percent"}
RISKS = {name for name in SHARES if "_risk_" in name} | {"max_allocation_percent", "tolerance_percent"}
# What is unknown, and the limits that then cannot be judged.
UNKNOWNS: list[tuple[Portfolio, Trade, set[str]]] = [
    (account(net_liquidating_value=None), TRADE, SHARES),
    (
        account(buying_power=None),
        TRADE,
        {"buying_power_reserve", "max_buying_power_use_percent", "tolerance_percent"},
    ),
    (account(risk_in_use=None), TRADE, {"max_allocation_percent", "tolerance_percent"}),
    (account(realized_today=None), TRADE, {"max_loss_per_day_percent"}),
    (account(net_delta=None), TRADE, {"max_delta"}),
    (account(beta_delta=None), TRADE, {"max_beta_delta"}),
    (account(net_gamma=None, net_theta=None, net_vega=None), TRADE, {"max_gamma", "max_theta", "max_vega"}),
    (account(opened_today_by_symbol=None), TRADE, {"max_entries_per_symbol_per_day"}),
    (account(positions_by_strategy=None), TRADE, {"max_positions_per_strategy"}),
    (
        account(exposure=Exposure()),
        TRADE,
        {name for name in SHARES if "_risk_" in name},
    ),
    (
        account(record=LossRecord()),
        TRADE,
        {
            "max_loss_per_week_percent",
            "max_loss_total_percent",
            "max_losses_in_a_row",
            "symbol_cool_down_minutes",
        },
    ),
    (PORTFOLIO, replace(TRADE, net_delta=None), {"max_delta"}),
    (PORTFOLIO, replace(TRADE, sector=None), {"max_risk_per_sector_percent"}),
    (PORTFOLIO, replace(TRADE, is_equity=None), {"max_risk_in_equities_percent"}),
    (PORTFOLIO, replace(TRADE, expires_on=None), {"max_risk_per_expiration_percent"}),
    (PORTFOLIO, replace(TRADE, net_price=None), {"max_premium", "min_premium"}),
    (
        PORTFOLIO,
        replace(TRADE, legs=LegMarket()),
        {
            "max_bid_ask_percent",
            "max_bid_ask_width",
            "min_open_interest",
            "min_volume",
            "max_quote_age_seconds",
        },
    ),
    (
        PORTFOLIO,
        replace(TRADE, around=Surroundings(stress=Decimal(0))),
        {
            "vix_block_above",
            "vix_halve_above",
            "earnings_days_min",
            "ex_dividend_days_min",
            "minutes_after_open_min",
            "minutes_before_close_min",
        },
    ),
    (
        PORTFOLIO,
        replace(ENTRY, legs=LegMarket(), approval_age_seconds=None),
        {
            "max_bid_ask_percent",
            "max_bid_ask_width",
            "min_open_interest",
            "min_volume",
            "max_entry_quote_age_seconds",
            "max_approval_age_seconds",
        },
    ),
    (
        PORTFOLIO,
        replace(TRADE, buying_power_effect=None),
        {"buying_power_reserve", "max_buying_power_use_percent"},
    ),
    (
        PORTFOLIO,
        replace(UNDEFINED, buying_power_effect=None),
        RISKS
        | {
            "max_loss_per_trade_percent",
            "max_loss_per_trade",
            "buying_power_reserve",
            "max_buying_power_use_percent",
        },
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
    assert set(DENYING) == set(JUST_PASSES) == set(ALONE_DENIES)
    assert len({limit.reason for limit in LIMITS}) == len({limit.check for limit in LIMITS}) == len(LIMITS)
    assert all(limit.doc.endswith(".") and limit.unit for limit in LIMITS)


def test_the_defaults_are_the_documented_ones() -> None:
    assert {limit.name: limit.default for limit in LIMITS if limit.default != "off"} == {
        "max_loss_per_trade_percent": "5",
        "max_quantity": "10",
        "max_quote_age_seconds": "300",
        "max_approval_age_seconds": "600",
        "max_positions": "20",
        "max_positions_per_symbol": "2",
        "max_allocation_percent": "80",
        "buying_power_reserve": "1000",
        "risk_profile": "custom",
        "tolerance_percent": "40",
        "warning_medium_percent": "65",
        "warning_high_percent": "80",
        "max_trades_per_day": "10",
        "max_loss_per_day_percent": "5",
        "max_loss_per_week_percent": "10",
        "max_orders_per_second": "25",
        "max_orders_per_minute": "100",
        "max_orders_per_hour": "500",
        "max_orders_per_session": "1000",
        "max_contracts_per_minute": "500",
        "max_contracts_per_hour": "2000",
        "max_contracts_per_session": "5000",
        "max_contracts_per_symbol": "2000",
        "max_replaces_per_order": "200",
    }


def test_a_plain_trade_passes_every_limit_and_every_limit_is_listed() -> None:
    verdict, checks = check_limits(LIMITED, PORTFOLIO, TRADE)

    assert verdict.is_allowed
    assert [check.name for check in checks] == [limit.name for limit in LIMITS]
    assert {check.name for check in checks if check.value is None} == {
        "max_entry_quote_age_seconds",
        "max_approval_age_seconds",
        "risk_profile",
        "stressed_tolerance_percent",
    }


@pytest.mark.parametrize("name", JUST_PASSES)
def test_each_limit_itself_is_still_allowed(name: str) -> None:
    verdict, _ = check_limits(LIMITED, *JUST_PASSES[name])

    assert verdict.is_allowed, verdict


@pytest.mark.parametrize("name", ALONE_DENIES)
def test_each_limit_alone_denies_with_its_numbers(name: str) -> None:
    case, value, bound = ALONE_DENIES[name]
    reason, limits = ROW[name].reason, replace(LIMITED, **WITHOUT.get(name, {}))

    verdict, checks = check_limits(limits, *case)

    assert [check.name for check in checks if not check.verdict.is_allowed] == [name]
    assert (verdict.answer, verdict.reason) == (Answer.DENY, reason)
    assert first_denial(limits, *case) == name
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
    found = {check.name: check for check in checks}["max_delta"]
    assert (found.value, found.limit) == (None, None)


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


def test_no_configured_limit_is_unread() -> None:
    assert limit_faults() == ()


def test_a_limit_that_nothing_reads_is_found() -> None:
    blind = replace(ROW["max_quantity"], check=ROW["max_positions"].check)
    rows = tuple(blind if limit.name == "max_quantity" else limit for limit in LIMITS)

    assert limit_faults(rows) == ("max_quantity has a row whose check never reads it",)
    assert limit_faults(LIMITS[1:]) == (f"{LIMITS[0].name} can be set, and no row of the table checks it",)
    assert limit_faults((*LIMITS, LIMITS[0])) == (f"{LIMITS[0].name} has 2 rows",)
    assert limit_faults((*LIMITS, replace(LIMITS[0], name="max_lots"))) == ("max_lots has a row, and nothing sets it",)


@pytest.mark.parametrize(
    ("risk", "warned"),
    [("22650", Warned.NO), ("22651", Warned.MEDIUM), ("28050", Warned.MEDIUM), ("28051", Warned.HIGH)],
)
def test_the_use_of_the_budget_is_warned_of_and_never_denied(risk: str, warned: Warned) -> None:
    limits = RiskLimits(tolerance_percent=Decimal(40))
    portfolio = account(risk_in_use=Money(risk), buying_power=Money(90_000) - Money(risk))

    verdict, checks = check_limits(limits, portfolio, TRADE)

    assert verdict.is_allowed
    assert max((check.warned for check in checks), key=list(Warned).index) is warned


def test_a_profile_brings_its_bounds_and_the_stricter_of_two_holds() -> None:
    limits = RiskLimits.from_settings({"risk_profile": "moderate", "max_risk_per_symbol_percent": "3"}).in_force()

    assert limits.max_loss_per_trade_percent == 2
    assert limits.max_risk_per_symbol_percent == 3
    assert (limits.max_risk_per_sector_percent, limits.max_beta_delta) == (Decimal(15), Decimal(50))
    assert (limits.max_buying_power_use_percent, limits.tolerance_percent, limits.warning_high_percent) == (
        Decimal(50),
        Decimal(50),
        Decimal(85),
    )
    assert limits.in_force() == limits


def test_a_strategy_own_bounds_count_where_they_are_the_stricter() -> None:
    own = replace(TRADE, strategy_positions_max=3, strategy_capital_percent_max=Decimal(1))

    _, checks = check_limits(LIMITED, PORTFOLIO, own)

    failed = {check.name: check.limit for check in checks if not check.verdict.is_allowed}
    assert failed == {"max_positions_per_strategy": Decimal(3), "max_risk_per_strategy_percent": Decimal(1000)}


def test_guards_say_when_they_let_go() -> None:
    for name in ("max_trades_per_day", "max_loss_per_day_percent", "max_loss_per_week_percent", "max_losses_in_a_row"):
        case, _, _ = ALONE_DENIES[name]
        verdict, checks = check_limits(LIMITED, *case)
        assert verdict.facts["releases_at"] == LATER.isoformat()
        assert [check.releases_at for check in checks if check.name == name] == [LATER]
    after = recorded(losses_in_a_row=5, as_of=LATER)
    assert check_limits(LIMITED, after, TRADE)[0].is_allowed


def test_unknown_stress_takes_the_stricter_tolerance() -> None:
    over_half = account(risk_in_use=Money(29_251), buying_power=Money(30_749))

    verdict, _ = check_limits(LIMITED, over_half, around(stress=None))
    seed, _ = check_limits(
        replace(LIMITED, tolerance_percent=Decimal(50), stressed_tolerance_percent=Decimal(80)),
        over_half,
        around(stress=None),
    )

    assert verdict.reason is Reason.STRESSED_TOLERANCE
    assert seed.reason is Reason.TOLERANCE


def test_guards_against_a_runaway_only_show_their_use_before_the_wire() -> None:
    much = sent(orders_in_second=10_000, contracts_in_minute=10_000, contracts_by_symbol={"SPY": 10_000})

    assert first_denial(RiskLimits(), much, replace(WIRED, at_wire=False)) is None
    assert first_denial(RiskLimits(), much, WIRED) == "max_orders_per_second"
