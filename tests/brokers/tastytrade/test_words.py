"""Our words and tastytrade's: prices, legs, statuses, refusals."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tastytrade.order import OrderStatus as WireStatus

from thetaloom.brokers.tastytrade.parse import STATUSES
from thetaloom.brokers.tastytrade.refusals import CODES, WORDS, refusal_of, refusal_of_text
from thetaloom.brokers.tastytrade.render import limit_order, within_width, worth_max
from thetaloom.domain.book.orders import Effect, TimeInForce
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.values.money import Price
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.tastytrade.bodies import read_order
from thetaloom.testing.broker_servers.tastytrade.told import CODES as SERVER_CODES

CONDOR = (
    "+1 SPY 2026-01-16 P 550",
    "-1 SPY 2026-01-16 P 555",
    "-1 SPY 2026-01-16 C 590",
    "+1 SPY 2026-01-16 C 600",
)


@given(
    cents=st.integers(-100_000, 100_000),
    quantity=st.integers(1, 50),
    effect=st.sampled_from(Effect),
    time_in_force=st.sampled_from(TimeInForce),
    structure=st.sampled_from([CONDOR, b.SPREAD, ("+2 SPX 2026-01-16 C 6900", "-1 SPX 2026-01-16 C 6800")]),
)
def test_an_order_that_is_sent_is_read_as_it_was(
    cents: int, quantity: int, effect: Effect, time_in_force: TimeInForce, structure: tuple[str, ...]
) -> None:
    order = b.order(
        *structure, limit=Decimal(cents) / 100, quantity=quantity, effect=effect, time_in_force=time_in_force
    )
    body = json.loads(limit_order(order).model_dump_json(exclude_none=True, by_alias=True))
    read = read_order(body)

    assert (read.legs, read.quantity, read.effect) == (order.legs, quantity, effect)
    assert read.time_in_force is time_in_force and read.external_identifier == order.client_order_id
    assert read.price == within_width(order.legs, effect, order.limit_price)
    assert Decimal(body["price"]) >= 0


def test_a_credit_and_a_debit_are_told_beside_a_price_without_a_sign() -> None:
    sent = [
        json.loads(limit_order(b.order(limit=limit)).model_dump_json(exclude_none=True, by_alias=True))
        for limit in ("1.25", "-1.25")
    ]

    assert [(one["price"], one["price-effect"]) for one in sent] == [("1.25", "Credit"), ("1.25", "Debit")]


@pytest.mark.parametrize(
    ("structure", "most"),
    [
        (("+1 SPY 2026-01-16 P 560", "-1 SPY 2026-01-16 P 555"), 5),
        (
            (
                "-1 SPY 2026-01-16 P 550",
                "+1 SPY 2026-01-16 P 555",
                "+1 SPY 2026-01-16 C 590",
                "-1 SPY 2026-01-16 C 600",
            ),
            10,
        ),
        (("+1 SPY 2026-01-16 C 590", "-1 SPY 2026-01-16 C 595"), 5),
        (("+1 SPY 2026-01-16 C 590",), None),  # one leg has no width
        (("+1 SPY 2026-01-16 C 590", "+1 SPY 2026-01-16 P 560"), None),  # a strangle is worth without end
        (("+1 SPY 2026-01-16 C 590", "-1 SPY 2026-02-20 C 590"), None),  # two expirations
    ],
)
def test_what_closing_can_cost_at_most_is_its_width(structure: tuple[str, ...], most: int | None) -> None:
    assert worth_max(b.legs(*structure)) == most


def test_closing_never_offers_more_than_the_width_and_opening_is_left_alone() -> None:
    legs = b.legs("+1 SPY 2026-01-16 P 560", "-1 SPY 2026-01-16 P 555")

    assert within_width(legs, Effect.CLOSE, Price("-5.40")) == Price("-5")
    assert within_width(legs, Effect.CLOSE, Price("-4.40")) == Price("-4.40")
    assert within_width(legs, Effect.OPEN, Price("-5.40")) == Price("-5.40")


def test_every_status_of_the_sdk_has_a_meaning() -> None:
    assert set(STATUSES) == set(WireStatus)


@pytest.mark.parametrize(("code", "refusal"), CODES.items())
def test_a_code_means_what_the_table_says_and_has_advice(code: str, refusal: Refusal) -> None:
    assert refusal_of([(code, "")]) is refusal and refusal.text


@pytest.mark.parametrize(("words", "refusal"), WORDS)
def test_words_without_a_code_are_understood(words: str, refusal: Refusal) -> None:
    assert refusal_of([("some_check", f"It failed: {words}.")]) is refusal


def test_each_of_our_reasons_comes_back_from_the_wire() -> None:
    assert {one: refusal_of([(SERVER_CODES[one], "")]) for one in Refusal} == {one: one for one in Refusal}


def test_the_reason_beside_the_umbrella_counts_and_nonsense_is_unknown() -> None:
    pair = [("preflight_check_failure", "One or more preflight checks failed"), ("margin_check_failed", "")]

    assert refusal_of(pair) is Refusal.INSUFFICIENT_BUYING_POWER
    assert refusal_of([("x", "y")]) is Refusal.UNKNOWN and refusal_of([], 403) is Refusal.NOT_PERMITTED
    assert refusal_of_text("Order limit price increment invalid") is Refusal.BAD_PRICE


AS_OPENING = [
    ("margin_check_failed", "Your account is not approved for selling uncovered options."),
    ("too_close_to_expiration", "Sell to open orders cannot be sent 30 minutes prior to close on expiration day."),
    ("uncovered_options_not_approved", ""),
]


@pytest.mark.parametrize("entry", AS_OPENING, ids=str)
def test_an_order_that_closes_and_is_judged_as_one_that_opens_lacks_its_position(entry: tuple[str, str]) -> None:
    # Lean.Brokerages.Tastytrade#30: what was bought a moment ago is not in their ledger yet.
    assert refusal_of([entry], 422, Effect.CLOSE) is Refusal.QUANTITY_CONFLICT
    assert refusal_of([entry], 422, Effect.OPEN) is not Refusal.QUANTITY_CONFLICT
