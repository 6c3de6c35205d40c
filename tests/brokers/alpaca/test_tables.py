"""The tables of Alpaca's words: total, and held against its specification where that lies beside the checkout."""

import json
from pathlib import Path
from typing import Any

import pytest

from thetaloom.brokers.alpaca import sdk
from thetaloom.brokers.alpaca.plugin import PLUGIN
from thetaloom.brokers.alpaca.refusals import BY_CODE, BY_STATUS, BY_TEXT, refusal_of
from thetaloom.brokers.alpaca.tables import ACTIVITIES, ENDS, STATUSES
from thetaloom.domain.book.orders import CLOSED, OrderStatus
from thetaloom.domain.book.refusals import Refusal
from thetaloom.testing.broker_servers.alpaca.intake import LEG_FIELDS, ORDER_FIELDS, PATCH_FIELDS, REFUSED

SPEC = Path(__file__).parents[3] / ".." / "shared" / "specs" / "alpaca" / "trading-api.json"
WORDS = {
    "insufficient buying power": Refusal.INSUFFICIENT_BUYING_POWER,
    "insufficient options buying power for this order": Refusal.INSUFFICIENT_BUYING_POWER,
    "insufficient qty available for order (requested: 2, available: 0)": Refusal.QUANTITY_CONFLICT,
    "potential wash trade detected. use complex orders": Refusal.QUANTITY_CONFLICT,
    "position intent mismatch, inferred: buy_to_open, specified: buy_to_close": Refusal.QUANTITY_CONFLICT,
    "insufficient underlying qty available for covered call (required: 200, available: 0)": Refusal.NOT_PERMITTED,
    "account not eligible to trade uncovered option contracts": Refusal.NOT_PERMITTED,
    "account is restricted to liquidation only": Refusal.NOT_PERMITTED,
    "us_equity orders not allowed for account": Refusal.NOT_PERMITTED,
    "client_order_id must be unique": Refusal.DUPLICATE,
    "options market orders are only allowed during market hours": Refusal.MARKET_CLOSED,
    'asset "SPY260116P00560000" not found': Refusal.STRIKE_GONE,
    "asset is not active": Refusal.STRIKE_GONE,
    "At most 4 legs are allowed for the mleg order class.": Refusal.TOO_MANY_LEGS,
    "invalid limit_price 0.123. sub-penny increment does not fulfill minimum pricing criteria": Refusal.BAD_PRICE,
    "internal server error occurred": Refusal.BROKER_ERROR,
}


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    if not SPEC.exists():
        pytest.skip(f"no specification at {SPEC}")
    read: dict[str, Any] = json.loads(SPEC.read_text())
    return read


@pytest.mark.parametrize("words", WORDS)
def test_each_known_no_has_its_meaning(words: str) -> None:
    assert refusal_of(words, 40310000, 403) is WORDS[words]


def test_a_no_that_nobody_knows_is_unknown_and_every_row_can_be_reached() -> None:
    assert refusal_of("the moon is full", None, 422) is Refusal.UNKNOWN
    assert refusal_of("the moon is full", None, None) is Refusal.UNKNOWN
    assert {refusal for _, refusal in BY_TEXT} | set(BY_CODE.values()) | set(BY_STATUS.values()) == set(Refusal)


@pytest.mark.parametrize("refusal", Refusal)
def test_what_the_simulated_server_refuses_is_understood(refusal: Refusal) -> None:
    status, code, message = REFUSED[refusal]

    assert refusal_of(message, code, status) is refusal


def test_each_status_that_ends_an_order_but_a_fill_is_reported() -> None:
    assert set(ENDS) == (set(STATUSES.values()) & CLOSED) - {OrderStatus.FILLED}


@pytest.mark.shared_data
def test_each_status_and_activity_of_the_specification_has_a_row(spec: dict[str, Any]) -> None:
    schemas = spec["components"]["schemas"]

    assert set(schemas["OrderStatus"]["enum"]) == set(STATUSES)
    assert set(schemas["ActivityType"]["enum"]) == set(ACTIVITIES)


@pytest.mark.shared_data
def test_the_simulated_server_takes_the_fields_of_the_specification(spec: dict[str, Any]) -> None:
    schemas = spec["components"]["schemas"]
    placed = spec["paths"]["/v2/orders"]["post"]["requestBody"]["content"]["application/json"]["schema"]

    assert set(placed["properties"]) == ORDER_FIELDS
    assert set(schemas["MLegOrderLeg"]["properties"]) == LEG_FIELDS
    assert set(schemas["PatchOrderRequest"]["properties"]) - {"advanced_instructions"} == PATCH_FIELDS


def test_the_plugin_says_what_the_sdk_can() -> None:
    assert PLUGIN.name == "alpaca" and PLUGIN.capabilities.legs_max == 4
    assert {one.value for one in sdk.PositionIntent} == {"buy_to_open", "buy_to_close", "sell_to_open", "sell_to_close"}
    assert all(note.topic and note.text and note.source for note in PLUGIN.capabilities.notes)
