"""Notifications over REST and as a page; no secret of an address ever comes back."""

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from thetaloom.bootstrap import Platform
from thetaloom.testing.receivers import hook

SECRET = "planted-path-secret"


def test_a_destination_is_added_tested_listed_and_removed(client: TestClient) -> None:
    with hook() as receiver:
        saved = client.put("/api/notifications/destinations/desk", json={"url": receiver.url, "topics": ["fill"]})
        tested = client.post("/api/notifications/destinations/desk/test")
    assert (saved.status_code, saved.json()["service"], saved.json()["topics"]) == (200, "JSON", ["fill"]), saved.text
    assert tested.json()["status"] == "sent", tested.text
    assert receiver.titles == ["Thetaloom: a test"]
    assert client.get("/api/notifications/deliveries").json()["total"] == 1

    assert client.delete("/api/notifications/destinations/desk").status_code == 200
    assert client.get("/api/notifications/destinations").json() == []
    assert client.post("/api/notifications/destinations/desk/test").status_code == 404


def test_a_planted_secret_is_found_in_its_own_file_alone(
    platform: Platform, client: TestClient, browser: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"json://user:{SECRET}@127.0.0.1:9/{SECRET}"
    browser.post("/notifications", data={"name": "desk", "url": url, "topics": ["fill"]})
    browser.post("/notifications/desk/test")
    answers = [
        browser.get("/notifications").text,
        client.get("/api/notifications/destinations").text,
        client.get("/api/notifications/deliveries").text,
        client.put("/api/notifications/destinations/bad", json={"url": f"bogus://{SECRET}"}).text,
    ]

    assert "did not take it" in answers[2]
    assert all(SECRET not in text for text in answers) and SECRET not in caplog.text
    holders = [path for path in platform.settings.home_folder.rglob("*") if path.is_file() and _holds(path)]
    (own,) = holders
    assert (own.parent.parent.name, own.stat().st_mode & 0o777) == ("notify-secrets", 0o600)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"url": "ntfy://desk", "topics": []},
        {"url": "ntfy://desk", "topics": ["test"]},
        {"url": "ntfy://desk", "quiet_from": "22:00"},
        {"url": "ntfy://desk", "quiet_from": "22:00Z", "quiet_to": "07:00Z"},
        {"url": "ntfy://desk", "quiet_from": "22:00:30", "quiet_to": "07:00"},
        {"url": "ntfy://desk", "quiet_from": "22:00", "quiet_to": "22:00"},
        {"url": "ntfy://desk", "zone": "Mars/Olympus"},
        {"url": "ntfy://desk", "rate_per_hour": 0},
        {"url": "syslog://"},
    ],
)
def test_what_cannot_be_a_destination_is_refused(client: TestClient, asked: dict[str, object]) -> None:
    answer = client.put("/api/notifications/destinations/desk", json=asked)

    assert answer.status_code == 422
    assert client.get("/api/notifications/destinations").json() == []


def test_no_secret_stays_of_a_destination_that_was_refused(platform: Platform, client: TestClient) -> None:
    for number in range(50):
        assert client.put(f"/api/notifications/destinations/d{number}", json={"url": "ntfy://desk"}).status_code == 200

    refused = client.put("/api/notifications/destinations/more", json={"url": f"ntfy://{SECRET}"})

    assert refused.status_code == 422 and "remove one" in refused.json()["message"]
    assert not [path for path in platform.settings.home_folder.rglob("*") if path.is_file() and _holds(path)]


def test_a_person_changes_a_destination_on_the_page_and_leaves_the_rest(
    client: TestClient, browser: TestClient
) -> None:
    new = {"name": "phone", "url": "ntfy://desk", "topics": ["fill", "alert"], "quiet": "22:00-07:00", "rate": "5"}
    browser.post("/notifications", data=new)
    form = browser.get("/notifications?change=phone").text
    assert "Change phone" in form and 'value="22:00-07:00"' in form and form.count(" checked") == 2

    changed = {"name": "phone", "topics": ["alert"], "quiet": "21:30-07:00", "rate": "7", "off": "yes"}
    browser.post("/notifications", data=changed)

    (one,) = client.get("/api/notifications/destinations").json()
    assert (one["topics"], one["quiet_from"], one["rate_per_hour"]) == (["alert"], "21:30:00", 7)
    assert (one["service"], one["enabled"]) == ("ntfy", False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"topics": []},
        {"topics": ["everything"]},
        {"topics": ["test"]},
        {"rate": "many"},
        {"rate": "0"},
        {"rate": "1001"},
        {"rate": "½"},
        {"quiet": "22:00"},
        {"quiet": "22:00-22:00"},
        {"zone": "Mars/Olympus"},
        {"name": "../desk"},
        {"url": "https://"},
    ],
)
def test_a_form_that_makes_no_destination_is_answered_with_why(
    client: TestClient, browser: TestClient, wrong: dict[str, object]
) -> None:
    answer = browser.post("/notifications", data={"name": "desk", "url": "ntfy://desk", "topics": ["fill"]} | wrong)

    assert answer.status_code in {400, 422}, answer.text
    assert client.get("/api/notifications/destinations").json() == []


def _holds(path: Path) -> bool:
    return SECRET.encode() in path.read_bytes()
