"""Execution quality through REST, the command line's query and the run's page."""

import json
from decimal import Decimal
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.domain.values.ids import ClientOrderId, UserId
from thetaloom.errors import NotFound
from thetaloom.store.queries.order_quality import one_quality


@pytest.fixture
def filled(platform: Platform, client: TestClient, proposal_id: str) -> dict[str, Any]:
    """The status of a run whose entry has filled."""
    client.post(f"/api/workflow/approve/{proposal_id}")
    pass_minutes(platform, 10)
    run_id = client.get("/api/positions", params={"open": True}).json()["items"][0]["run_id"]
    found: dict[str, Any] = client.get(f"/api/workflow/status/{run_id}").json()
    return found


def test_a_filled_order_is_measured_by_its_recorded_quotes(client: TestClient, filled: dict[str, Any]) -> None:
    (fill,) = filled["fills"]

    report = client.get("/api/orders/quality").json()

    (one,) = report["orders"]
    evidence = json.loads(fill["model"])
    price, arrival = Decimal(fill["price"]), Decimal(one["arrival_mid"])
    assert one["client_order_id"] == fill["client_order_id"]
    assert Decimal(one["arrival_cost"]) == (arrival - price) * 100 * fill["quantity"]
    half = Decimal(one["arrival_half_spread"])
    assert Decimal(one["arrival_half_spreads"]) == ((arrival - price) / half).quantize(Decimal("0.0001"))
    assert Decimal(one["fill_mid"]) == Decimal(evidence["mid"])
    assert Decimal(one["fill_cost"]) == (Decimal(evidence["mid"]) - price) * 100 * fill["quantity"]
    assert Decimal(one["hindsight_price"]) >= price
    assert report["summary"]["orders"] == 1
    assert report["summary"]["arrival_cost"] == one["arrival_cost"]


def test_the_report_begins_where_it_is_told_and_shows_only_ones_own(
    platform: Platform, client: TestClient, filled: dict[str, Any]
) -> None:
    order = ClientOrderId(filled["fills"][0]["client_order_id"])

    later = client.get("/api/orders/quality", params={"since": "2015-12-25T00:00:00"}).json()
    before = client.get("/api/orders/quality", params={"since": "2015-12-24T00:00:00Z"}).json()
    other = client.get("/api/orders/quality", params={"run": "another"}).json()

    assert [len(found["orders"]) for found in (later, before, other)] == [0, 1, 0]
    assert later["summary"]["arrival_half_spreads_mean"] is None
    with pytest.raises(NotFound):
        one_quality(platform.database, UserId("somebody"), order)


def test_a_runs_page_shows_what_its_execution_cost(browser: TestClient, filled: dict[str, Any]) -> None:
    page = browser.get(f"/runs/{filled['run']['id']}").text

    assert "Execution" in page
    assert "To the best in hindsight" in page
