"""Orders as Alpaca wants them, and what is not even sent."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.brokers.alpaca.render import (
    limit_of,
    order_request,
    our_id,
    our_limit,
    refusal_before,
    replacement_id,
)
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Price
from thetaloom.testing import builders as b

CALENDAR = b.trading_calendar()
CENTS = st.integers(-99_999, 99_999).map(lambda cents: Price(Decimal(cents) / 100))


def test_a_credit_is_a_negative_limit_of_several_legs() -> None:
    body = order_request(b.order(limit="1.20", quantity=2)).to_request_fields()

    assert body == {
        "qty": 2.0,
        "type": "limit",
        "time_in_force": "day",
        "order_class": "mleg",
        "client_order_id": "tl-order-1",
        "limit_price": -1.2,
        "legs": [
            {"symbol": "SPY260116P00560000", "ratio_qty": 1.0, "side": "sell", "position_intent": "sell_to_open"},
            {"symbol": "SPY260116P00555000", "ratio_qty": 1.0, "side": "buy", "position_intent": "buy_to_open"},
        ],
    }


def test_closing_turns_the_intents_and_a_debit_is_positive() -> None:
    body = order_request(b.closing(b.order(), limit="-0.35")).to_request_fields()

    assert body["limit_price"] == 0.35
    assert [leg["position_intent"] for leg in body["legs"]] == ["buy_to_close", "sell_to_close"]


@pytest.mark.parametrize(
    ("text", "limit", "side"),
    [("+1 SPY 2026-01-16 P 560", "-2.05", "buy"), ("-1 SPY 2026-01-16 P 560", "1.95", "sell")],
)
def test_one_leg_goes_as_a_simple_order_with_a_limit_without_a_sign(text: str, limit: str, side: str) -> None:
    body = order_request(b.order(text, limit=limit)).to_request_fields()

    assert (body["symbol"], body["side"], body["position_intent"]) == ("SPY260116P00560000", side, f"{side}_to_open")
    assert body["limit_price"] == abs(float(limit)) and "legs" not in body and "order_class" not in body


@given(CENTS)
def test_limits_come_back_as_they_went(limit: Price) -> None:
    legs = b.legs()

    assert our_limit(legs, limit_of(legs, limit)) == limit
    assert (limit_of(legs, limit) > 0) == (limit < 0)


@given(st.integers(0, 500))
def test_a_replacement_is_known_by_our_first_id(revision: int) -> None:
    ours = ClientOrderId("tl-abcdefghijklmnop")

    assert our_id(replacement_id(ours, revision)) == our_id(ours) == ours
    assert our_id("904837e3-3b76-47ec-b432-046db621571b") is None


REFUSED = {
    "five legs": (
        b.order(*(f"-1 SPY 2026-01-16 P {560 + number}" for number in range(5))),
        "2026-01-05 10:30",
        Refusal.TOO_MANY_LEGS,
    ),
    "ratios with a common divisor": (
        b.order("-2 SPY 2026-01-16 P 560", "+2 SPY 2026-01-16 P 555"),
        "2026-01-05 10:30",
        Refusal.NOT_PERMITTED,
    ),
    "a contract twice": (
        b.order("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 560"),
        "2026-01-05 10:30",
        Refusal.NOT_PERMITTED,
    ),
    "a bought leg for a credit": (b.order("+1 SPY 2026-01-16 P 560", limit="1"), "2026-01-05 10:30", Refusal.BAD_PRICE),
    "the evening": (b.order(), "2026-01-05 16:00", Refusal.MARKET_CLOSED),
    "a Saturday": (b.order(), "2026-01-10 11:00", Refusal.MARKET_CLOSED),
    "15:30 on the last day": (b.order(), "2026-01-16 15:30", Refusal.NOT_PERMITTED),
    "12:30 on a half-day that is the last": (
        b.order("-1 SPY 2026-11-27 P 560", "+1 SPY 2026-11-27 P 555"),
        "2026-11-27 12:30",
        Refusal.NOT_PERMITTED,
    ),
    "a contract that has expired": (b.order(), "2026-01-20 10:30", Refusal.STRIKE_GONE),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_alpaca_would_not_take_is_refused_before_the_wire(name: str) -> None:
    order, at, why = REFUSED[name]

    refused = refusal_before(order, CALENDAR, b.new_york(at))

    assert refused is not None and refused[0] is why and refused[1]


def test_after_the_cut_off_an_order_that_closes_is_left_to_alpaca() -> None:
    closing = b.closing(b.order(), limit="-0.30")

    assert refusal_before(closing, CALENDAR, b.new_york("2026-01-16 15:59")) is None


@pytest.mark.parametrize("at", ["2026-01-05 10:30", "2026-01-16 15:29"])
def test_until_the_cut_off_an_order_is_sent(at: str) -> None:
    assert refusal_before(b.order(), CALENDAR, b.new_york(at)) is None
