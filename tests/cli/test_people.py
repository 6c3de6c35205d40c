"""People, tokens and secrets by commands: on a fresh home, and each change in the audit."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.cli.conftest import Command
from thetaloom.config import load_settings
from thetaloom.domain.values.people import Scope
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.store.database import open_database
from thetaloom.store.queries.audit import list_audit
from thetaloom.store.queries.paging import Window
from thetaloom.store.queries.people import invited_by, person_of_token
from thetaloom.store.vault import Vault, read_credential

pytestmark = pytest.mark.usefixtures("home")
PLANTED = "swordfish-planted-secret"


def plain(said: Any) -> Any:
    """What a command printed for programs."""
    assert said.exit_code == 0, said.output
    return json.loads(said.stdout)


def test_a_token_of_a_fresh_home_is_the_first_users_with_all_scopes(thetaloom: Command) -> None:
    made = plain(thetaloom("token", "create", "--json"))
    database = open_database(load_settings().database)
    person = person_of_token(database, made["token"], SystemClock().now())
    database.close()

    assert set(made) == {"token", "id", "name", "user", "scopes", "expires_at"}
    assert (made["user"], made["scopes"], made["expires_at"]) == ("local", ["read", "trade", "approve", "admin"], None)
    assert person is not None and person.scopes == frozenset(Scope)
    assert made["token"] not in thetaloom("token", "list", "--json").stdout
    revoked = thetaloom("token", "revoke", made["id"])
    assert revoked.exit_code == 0
    assert plain(thetaloom("token", "list", "--json"))[0]["revoked_at"]
    assert thetaloom("token", "revoke", "none").exit_code == 1
    assert thetaloom("token", "create", "--scopes", "read,fly").exit_code == 2
    assert thetaloom("token", "create", "--days", "0").exit_code == 2


def test_people_are_added_lowered_and_disabled_and_it_is_written_down(thetaloom: Command) -> None:
    added = plain(thetaloom("user", "add", "anna", "--role", "approver", "--books", "local", "--json"))
    (key,) = parse_qs(urlsplit(added["link"]).query)["key"]
    lowered = plain(thetaloom("user", "role", "anna", "viewer", "--json"))
    disabled = plain(thetaloom("user", "disable", "anna", "--json"))
    twice, last = thetaloom("user", "add", "Anna"), thetaloom("user", "disable", "local")
    poor = thetaloom("user", "add", "a b")
    database = open_database(load_settings().database)
    void = invited_by(database, key, SystemClock().now())
    rows = list_audit(database, window=Window(limit=50)).rows
    database.close()

    assert (lowered["role"], lowered["books"], disabled["is_disabled"]) == ("viewer", "local", True)
    assert void is None
    assert [one.exit_code for one in (twice, last, poor)] == [3, 3, 2]
    assert [(row.action, row.subject, row.address) for row in rows] == [
        ("user disable", "anna", "cli"),
        ("user role", "anna", "cli"),
        ("user add", "anna", "cli"),
    ]


def test_a_secret_comes_by_standard_input_and_is_never_printed(thetaloom: Command, home: Path) -> None:
    said = thetaloom("secret", "set", "tastytrade", "client-secret", stdin=f"{PLANTED}\n")
    listed = thetaloom("secret", "list", "--json")
    rotated = plain(thetaloom("secret", "rotate", "--json"))
    database = open_database(load_settings().database)
    kept = read_credential(database, Vault(home, None), "local", "tastytrade", "client-secret")
    database.close()

    assert kept == PLANTED and rotated == {"rotated": 1}
    assert [(one["broker"], one["name"]) for one in plain(listed)] == [("tastytrade", "client-secret")]
    assert PLANTED not in said.output + listed.output + thetaloom("config", "show").output
    assert thetaloom("secret", "remove", "tastytrade", "client-secret").exit_code == 0
    assert thetaloom("secret", "remove", "tastytrade", "client-secret").exit_code == 1
    assert thetaloom("secret", "set", "tastytrade", "client-secret", stdin="").exit_code == 2
