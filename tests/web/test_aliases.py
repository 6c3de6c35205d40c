"""Programs of earlier systems find what they knew, by the paths that they knew."""

import pytest
from starlette.testclient import TestClient

from tests.web.test_signals_api import BUY, add
from thetaloom.bootstrap import Platform
from thetaloom.web.api.aliases import ALIASES, PAGES

JSON = {"accept": "application/json"}


@pytest.mark.parametrize(("method", "path"), ALIASES)
def test_an_earlier_path_is_answered_as_ours_is(client: TestClient, method: str, path: str) -> None:
    ours = ALIASES[method, path]

    answers = [client.request(method, one, headers=JSON) for one in (ours, path)]

    assert answers[0].status_code in (200, 422)  # a question without its body is told so, by either path
    assert [one.status_code for one in answers] == [answers[0].status_code] * 2
    assert answers[1].headers["content-type"] == "application/json"
    assert set(answers[1].json()) == set(answers[0].json())


def test_the_query_comes_along_and_the_answer_is_the_same(platform: Platform, client: TestClient) -> None:
    add(platform, "default", cooldown_seconds=0)
    for symbol in ("GOOG", "SPY"):
        assert client.post("/webhook", json={**BUY, "ticker": symbol}).status_code == 202

    theirs, ours = (client.get(f"{path}?symbol=spy&limit=1", headers=JSON) for path in ("/signals", "/api/signals"))

    assert theirs.json() == ours.json() and theirs.json()["total"] == 1


@pytest.mark.parametrize("path", sorted(PAGES))
def test_a_person_still_gets_the_page(browser: TestClient, client: TestClient, path: str) -> None:
    for answer in (browser.get(path), client.get(path)):
        assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/html")


def test_an_earlier_path_is_guarded_as_ours_is(client: TestClient) -> None:
    answer = client.post("/refresh-positions", headers={"origin": "http://elsewhere.example"})

    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")
