"""``GET /api/market/sources``."""

import pytest
from fastapi.testclient import TestClient


def test_the_source_of_each_asked_symbol_is_told_with_its_age(client: TestClient) -> None:
    told = client.get("/api/market/sources", params={"symbol": ["goog", "NOPE"]}).json()

    by_symbol = {one["symbol"]: one for one in told["symbols"]}
    assert (told["market"], told["synthetic"], told["links"]) == ("recorded", False, [])
    assert by_symbol["GOOG"]["source"] == "recorded"
    assert 0 <= by_symbol["GOOG"]["age_seconds"] <= 60
    assert by_symbol["NOPE"]["source"] is None
    assert by_symbol["NOPE"]["passed_over"] == [{"source": "recorded", "reason": "has nothing of NOPE"}]


@pytest.mark.parametrize("symbol", ["", "A" * 13, "A\x00"])
def test_what_can_be_no_symbol_is_refused(client: TestClient, symbol: str) -> None:
    assert client.get("/api/market/sources", params={"symbol": symbol}).status_code == 422
