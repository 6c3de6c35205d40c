"""How often anybody may ask: guesses at passwords, suggestions, executions, changes and reads."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import BEARER, ORIGIN, SESSION, open_home
from thetaloom.bootstrap import Platform
from thetaloom.domain.values.ids import UserId
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.store.people import set_password
from thetaloom.web.app import create_app
from thetaloom.web.passwords import hash_password
from thetaloom.web.throttling import AMOUNTS, Rate, Throttle

PASSWORD = "four plain words here"
ANNA, BOB = UserId("anna"), UserId("bob")


@pytest.fixture(scope="module")
def guarded(prepared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform whose first user has a password."""
    made = open_home(shutil.copytree(prepared_home, tmp_path_factory.mktemp("guarded") / "home"))
    set_password(made.database, made.user_id, hash_password(PASSWORD), made.wall.now(), keep=SESSION)
    yield made
    made.close()


@pytest.fixture
def visitor(guarded: Platform) -> Iterator[TestClient]:
    """A browser at an application that has counted nothing yet."""
    with TestClient(create_app(guarded), base_url=ORIGIN, follow_redirects=False) as made:
        yield made


@pytest.mark.parametrize("name", ["local", "nobody"])
def test_the_sixth_guess_waits_whether_there_is_such_a_name_or_not(visitor: TestClient, name: str) -> None:
    answers = [visitor.post("/login", data={"name": name, "password": f"guess {number}"}) for number in range(6)]
    right = visitor.post("/login", data={"name": name, "password": PASSWORD})

    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert right.status_code == 429 and "set-cookie" not in right.headers
    assert 0 < int(right.headers["retry-after"]) <= 15 * 60
    assert "Too many tries." in right.text


def test_a_right_password_forgets_the_wrong_ones_and_other_names_go_on(visitor: TestClient) -> None:
    for _ in range(3):
        for number in range(4):
            assert visitor.post("/login", data={"name": "local", "password": f"{number}"}).status_code == 401
        assert visitor.post("/login", data={"name": "LOCAL", "password": PASSWORD}).status_code == 303
    for _ in range(6):
        visitor.post("/login", data={"name": "nobody", "password": "x"})

    assert visitor.post("/login", data={"name": "local", "password": PASSWORD}).status_code == 303


def test_one_address_does_not_guess_at_many_names(visitor: TestClient) -> None:
    answers = [visitor.post("/login", data={"name": f"name-{number}", "password": "x"}) for number in range(31)]

    assert [answer.status_code for answer in answers] == [401] * 30 + [429]


def test_each_person_has_rates_of_their_own_and_a_factor_raises_them() -> None:
    throttle, doubled, free = (Throttle(factor, SystemClock()) for factor in (1.0, 2.0, 0.0))
    execute = ("POST", "/api/suggestions/prop-1/execute")

    assert [throttle.hit_route(ANNA, *execute) for _ in range(10)] == [None] * 10
    refused = throttle.hit_route(ANNA, *execute)
    assert refused is not None and refused.rate is Rate.EXECUTIONS and 0 < refused.seconds <= 60
    assert throttle.hit_message(ANNA, "execute_order") is not None  # the wire counts with the route
    assert throttle.hit_route(BOB, *execute) is None
    assert throttle.hit_route(ANNA, "POST", "/api/positions/pos-1/close") is None  # one can always leave
    assert [doubled.hit_route(ANNA, *execute) for _ in range(20)] == [None] * 20
    assert doubled.hit_route(ANNA, *execute) is not None
    assert [free.hit_route(ANNA, *execute) for _ in range(50)] == [None] * 50
    assert free.hit_message(ANNA, "subscribe_quotes") is None


def test_too_many_changes_are_refused_in_our_shape_and_reading_goes_on(guarded: Platform) -> None:
    settings = guarded.settings.model_copy(update={"request_rate_factor": 0.0025})  # three changes, fifteen reads
    from dataclasses import replace

    with TestClient(create_app(replace(guarded, settings=settings)), base_url=ORIGIN, headers=BEARER) as client:
        answers = [client.post("/api/positions/none/close") for _ in range(4)]

        assert [answer.status_code for answer in answers] == [404, 404, 404, 429]
        assert answers[3].json()["code"] == "too_many_requests"
        assert set(answers[3].json()) == {"code", "message", "advice", "details"}
        assert int(answers[3].headers["retry-after"]) == answers[3].json()["details"]["seconds"]
        assert client.get("/api/halts").status_code == 200
        assert client.get("/healthz").status_code == 200


def test_the_table_of_rates_is_total() -> None:
    assert set(AMOUNTS) == set(Rate)
    assert all(re.fullmatch(r"\d+ per \d+ minutes?", amount) for amount in AMOUNTS.values())
