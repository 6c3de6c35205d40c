"""Codes, prices, contracts and options are put into words of ours, and ours into theirs."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from ib_async import Contract

from thetaloom.brokers.ibkr import parse, render
from thetaloom.brokers.ibkr.messages import (
    BUSY,
    CANCEL_REFUSED,
    FARM_MESSAGES,
    REJECTIONS,
    WARNINGS,
    Meaning,
    meaning_of,
    refusal_of,
)
from thetaloom.brokers.ibkr.settings import FIELDS, read_settings
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import ConfigError, InvalidInput
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.ibkr.matching import REASONS

CREDIT = b.order(limit="1.20")
DEBIT = b.order("+1 SPY 2026-01-16 C 580", "-1 SPY 2026-01-16 C 590", limit="-3.10")


def listed(order: Order) -> dict[OptionContract, Contract]:
    return {leg.contract: render.option_at(number, "SPY") for number, leg in enumerate(order.legs, start=1)}


def test_every_code_has_exactly_one_meaning() -> None:
    groups = [set(BUSY), set(CANCEL_REFUSED), set(WARNINGS), set(REJECTIONS), {202}]

    assert sum(map(len, groups)) == len(set().union(*groups))
    assert {meaning_of(code) for code in REJECTIONS} == {Meaning.REJECTED}


@pytest.mark.parametrize("code", [399, 404, 2109, 2137, 2161, 10349])
def test_a_warning_never_ends_an_order(code: int) -> None:
    assert meaning_of(code) is Meaning.WARNED


@pytest.mark.parametrize("code", [320, 478, 10999, 2000])
def test_a_code_that_nobody_knows_ends_nothing(code: int) -> None:
    assert meaning_of(code) is Meaning.UNCLEAR


@pytest.mark.parametrize("refusal", list(Refusal))
def test_each_refusal_of_the_simulated_tws_is_read_back_as_itself(refusal: Refusal) -> None:
    code, text = REASONS[refusal]

    assert refusal_of(code, text) is refusal


@pytest.mark.parametrize(
    ("code", "text", "refusal"),
    [
        (201, "Order rejected - reason:Available Funds are in sufficient", Refusal.INSUFFICIENT_BUYING_POWER),
        (201, "Order rejected - reason:CASH AVAILABLE: 12; MARGIN REQUIRED: 500", Refusal.INSUFFICIENT_BUYING_POWER),
        (
            201,
            "Order rejected - reason:Cannot have open orders on both sides of the same US Option contract",
            Refusal.QUANTITY_CONFLICT,
        ),
        (201, "Order rejected - reason:No trading permissions for options", Refusal.NOT_PERMITTED),
        (201, "Order rejected - reason:We are unable to accept it, call us", Refusal.UNKNOWN),
        (103, "Duplicate order id", Refusal.DUPLICATE),
        (110, "The price does not conform to the minimum price variation", Refusal.BAD_PRICE),
        (200, "No security definition has been found for the request", Refusal.STRIKE_GONE),
        (321, "Error validating request: the contract has expired", Refusal.STRIKE_GONE),
    ],
)
def test_a_rejection_becomes_a_refusal_with_advice(code: int, text: str, refusal: Refusal) -> None:
    assert meaning_of(code) is Meaning.REJECTED
    assert refusal_of(code, text) is refusal and refusal.text


def test_each_farm_message_says_up_or_down_of_one_line() -> None:
    down = {code for code, (_, is_up) in FARM_MESSAGES.items() if not is_up}

    assert down == {1100, 1300, 2103, 2105, 2110, 2119, 2157}


def test_a_credit_is_bought_at_a_negative_price() -> None:
    contract, order = render.contract_of(CREDIT, listed(CREDIT)), render.order_of(CREDIT, "DU1", 7)

    assert (contract.secType, order.action, order.lmtPrice) == ("BAG", "BUY", -1.2)
    assert [(leg.action, leg.ratio) for leg in contract.comboLegs] == [("SELL", 1), ("BUY", 1)]
    assert parse.net_of(order.action, order.lmtPrice) == Price("1.20")


def test_a_debit_is_bought_at_a_positive_price() -> None:
    order = render.order_of(DEBIT, "DU1", 7)

    assert (order.action, order.lmtPrice) == ("BUY", 3.1)
    assert parse.net_of(order.action, order.lmtPrice) == Price("-3.10")


def test_a_combination_that_tws_calls_sold_has_the_sign_of_its_price() -> None:
    assert parse.net_of("SELL", 1.2) == Price("1.20") and parse.net_of("SELL", -3.1) == Price("-3.10")


def test_a_structure_for_nothing_has_no_minus_before_its_zero() -> None:
    order = render.order_of(b.order(limit="0.00"), "DU1", 7)

    assert str(order.lmtPrice) == "0.0"


@pytest.mark.parametrize(
    ("leg", "limit", "action", "price"),
    [("-1 SPY 2026-01-16 P 560", "1.95", "SELL", 1.95), ("+1 SPY 2026-01-16 P 560", "-2.05", "BUY", 2.05)],
)
def test_a_single_leg_has_a_positive_price_on_either_side(leg: str, limit: str, action: str, price: float) -> None:
    order = render.order_of(b.order(leg, limit=limit), "DU1", 7)

    assert (order.action, order.lmtPrice) == (action, price)


def test_a_single_leg_of_ratio_two_is_twice_as_many_at_half_the_net() -> None:
    order = render.order_of(b.order("-2 SPY 2026-01-16 P 560", limit="3.90", quantity=3), "DU1", 7)

    assert (order.totalQuantity, order.lmtPrice) == (6.0, 1.95)


def test_spx_and_spxw_are_told_apart_by_their_trading_class() -> None:
    weekly = b.contract("SPXW 2026-01-16 P 5600")

    told = render.option_of(weekly, weekly.expires_on, "SPX")

    assert (told.symbol, told.tradingClass) == ("SPX", "SPXW")
    assert parse.option_of(told) == weekly


def am_settled(last_trade: str, local_symbol: str) -> Contract:
    told = render.option_of(b.contract("SPX 2026-01-16 P 5600"), date(2026, 1, 16), "SPX")
    told.lastTradeDateOrContractMonth, told.localSymbol = last_trade, local_symbol
    return told


def test_an_am_settled_option_expires_on_the_day_of_its_symbol_and_not_on_its_last_day_of_trading() -> None:
    told = am_settled("20260115", "SPX   260116P05600000")

    assert parse.option_of(told) == b.contract("SPX 2026-01-16 P 5600")


@pytest.mark.parametrize(
    "local_symbol", ["", "SPX   260320P05600000", "SPX   260114P05600000", "SPX   269916P05600000"]
)
def test_an_am_settled_option_whose_day_nothing_says_is_refused_and_not_guessed(local_symbol: str) -> None:
    with pytest.raises(InvalidInput):
        parse.option_of(am_settled("20260115", local_symbol))


def test_an_option_without_a_strike_is_refused_and_not_guessed() -> None:
    wrong = Contract(secType="OPT", symbol="SPY", lastTradeDateOrContractMonth="20260116", right="P")

    with pytest.raises(InvalidInput):
        parse.option_of(wrong)


@pytest.mark.parametrize(
    ("text", "base", "revision"),
    [("0000e0d5.63f8.01.01", "0000e0d5.63f8.01", 1), ("0000e0d5.63f8.01.02", "0000e0d5.63f8.01", 2), ("x", "x", 1)],
)
def test_a_corrected_execution_has_the_base_of_the_first(text: str, base: str, revision: int) -> None:
    assert parse.execution_base(text) == (base, revision)


def test_what_tws_leaves_unset_is_unknown() -> None:
    assert parse.money_of("1.7976931348623157E308") is None and parse.money_of("") is None
    assert parse.number_of("1,234.50") == Decimal("1234.50")


@pytest.mark.parametrize(("account", "is_paper"), [("DU1234567", True), ("DF12345", True), ("U1234567", False)])
def test_the_number_of_an_account_says_whether_it_is_paper(account: str, is_paper: bool) -> None:
    assert parse.is_paper(account) is is_paper


def test_the_port_of_the_gateway_follows_the_mode() -> None:
    assert read_settings({}, is_live=True).port == 4001 and read_settings({}, is_live=False).port == 4002


@pytest.mark.parametrize(
    "options",
    [
        {"prot": "4001"},
        {"port": "0"},
        {"port": "70000"},
        {"market_lines": "many"},
        {"silence_seconds": "0"},
        {"restart_window": "25:00-26:00"},
        {"restart_window": "late"},
    ],
)
def test_an_option_that_is_wrong_is_named(options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        read_settings(options, is_live=False)


@pytest.mark.parametrize(
    ("hour", "minute", "is_in"), [(4, 44, False), (4, 45, True), (5, 44, True), (5, 45, False), (15, 0, False)]
)
def test_the_restart_window_is_on_the_clock_of_new_york(hour: int, minute: int, is_in: bool) -> None:
    settings = read_settings({}, is_live=False)

    assert (settings.restarts_until(datetime(2026, 1, 6, hour, minute, tzinfo=UTC)) is not None) is is_in


def test_no_option_is_a_secret() -> None:
    assert not any(field.is_secret for field in FIELDS)
