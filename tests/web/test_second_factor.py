"""A second factor: confirmed before it counts, each code taken once, and eight codes for a lost phone."""

import re
from datetime import timedelta

import pyotp
import pytest
from starlette.testclient import TestClient

from tests.web.conftest import BEARER, SESSION
from thetaloom.bootstrap import Platform
from thetaloom.store.people import set_password
from thetaloom.store.second_factor import has_second_factor, passes
from thetaloom.web.passwords import hash_password

PASSWORD = "four plain words here"


@pytest.fixture
def named(platform: Platform) -> Platform:
    """A platform whose first user has a password."""
    set_password(platform.database, platform.user_id, hash_password(PASSWORD), platform.wall.now(), keep=SESSION)
    return platform


def test_a_second_factor_counts_once_confirmed_and_takes_no_code_twice(named: Platform, browser: TestClient) -> None:
    user, database, now = named.user_id, named.database, named.wall.now()
    shown = browser.post("/account/second-factor").text
    (secret,) = re.findall(r'class="secret">([A-Z2-7]{32})<', shown)
    assert "<svg" in shown and not has_second_factor(database, user)
    assert browser.post("/account/second-factor/confirmation", data={"code": "000000x"}).status_code == 409

    told = browser.post("/account/second-factor/confirmation", data={"code": pyotp.TOTP(secret).at(now)}).text
    codes = re.findall(r"<code>([0-9a-f]{6}-[0-9a-f]{6})</code>", told)

    assert len(set(codes)) == 8 and has_second_factor(database, user)
    later = now + timedelta(minutes=5)
    code = pyotp.TOTP(secret).at(later)
    assert [passes(database, named.vault, user, code, later) for _ in range(2)] == [True, False]
    assert [passes(database, named.vault, user, codes[0].upper(), later) for _ in range(2)] == [True, False]
    assert not passes(database, named.vault, user, "", later)
    assert not passes(database, named.vault, user, pyotp.TOTP(secret).at(later - timedelta(minutes=5)), later)
    assert named.vault.rotate(database) == 1
    assert passes(
        database, named.vault, user, pyotp.TOTP(secret).at(later + timedelta(minutes=5)), later + timedelta(minutes=5)
    )
    refused = browser.post("/login", data={"name": "local", "password": PASSWORD}, follow_redirects=False)
    wrong = browser.post("/login", data={"name": "local", "password": "x", "code": codes[1]}, follow_redirects=False)
    opened = browser.post(
        "/login", data={"name": "local", "password": PASSWORD, "code": codes[1]}, follow_redirects=False
    )
    assert (refused.status_code, wrong.status_code, opened.status_code) == (401, 401, 303)


def test_a_second_factor_is_switched_off_by_the_password_alone(named: Platform, browser: TestClient) -> None:
    (secret,) = re.findall(r'class="secret">([A-Z2-7]{32})<', browser.post("/account/second-factor").text)
    code = pyotp.TOTP(secret).at(named.wall.now())
    browser.post("/account/second-factor/confirmation", data={"code": code})
    assert browser.post("/account/second-factor").status_code == 409
    assert browser.post("/account/second-factor/removal", data={"password": "x"}).status_code == 409
    by_token = browser.post("/account/second-factor/removal", data={"password": PASSWORD}, headers=BEARER)
    assert by_token.status_code == 403 and has_second_factor(named.database, named.user_id)

    off = browser.post("/account/second-factor/removal", data={"password": PASSWORD})

    assert "The second factor is off." in off.text
    assert not has_second_factor(named.database, named.user_id)
