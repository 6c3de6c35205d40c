"""Secrets are kept encrypted under keys that can change; a change that is cut off anywhere loses none."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import insert, update

from thetaloom.domain.values.people import Role
from thetaloom.errors import ConfigError, InvalidInput, NotFound
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.store.database import Database, open_database
from thetaloom.store.people_tables import credentials, users
from thetaloom.store.vault import Vault, list_credentials, put_credential, read_credential, remove_credential

NOW = SystemClock().now()
PLANTED = "swordfish-planted-secret"
KILLED_ROTATION = """
import os, signal, sys
from pathlib import Path
from thetaloom.store.database import open_database
from thetaloom.store.vault import Vault
home, url, place = sys.argv[1:]
def die(): os.kill(os.getpid(), signal.SIGKILL)
writes = []
class Dying(Vault):
    def _write(self, keys):
        if place == f"before write {len(writes)}": die()
        super()._write(keys)
        writes.append(1)
        if place == f"after write {len(writes) - 1}": die()
hook = lambda when: die() if place == f"{when} commit" else None
Dying(Path(home), None).rotate(open_database(url, hook))
"""


@pytest.fixture
def books(sqlite_database: Database) -> Database:
    """A database with a person who has a secret."""
    with sqlite_database.begin() as connection:
        connection.execute(insert(users), {"id": "anna", "name": "anna", "role": Role.ADMIN, "created_at": NOW})
    return sqlite_database


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    """A vault whose key lies in a file."""
    return Vault(tmp_path / "home", None)


def test_a_secret_is_read_back_by_its_name_alone_and_is_nowhere_in_the_clear(
    books: Database, vault: Vault, tmp_path: Path
) -> None:
    put_credential(books, vault, "anna", "tastytrade", "client-secret", PLANTED, NOW)
    file = tmp_path / "home" / "keys" / "secrets.key"

    assert read_credential(books, vault, "anna", "tastytrade", "client-secret") == PLANTED
    assert read_credential(books, vault, "anna", "tastytrade", "other") is None
    assert read_credential(books, vault, "bob", "tastytrade", "client-secret") is None
    assert [(one.broker, one.name) for one in list_credentials(books, "anna")] == [("tastytrade", "client-secret")]
    assert PLANTED not in str(list_credentials(books, "anna"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    books.close()
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert PLANTED.encode() not in kept


def test_a_newer_secret_takes_the_place_and_a_removed_one_is_gone(books: Database, vault: Vault) -> None:
    put_credential(books, vault, "anna", "ibkr", "key", "old", NOW)
    put_credential(books, vault, "anna", "ibkr", "key", "new", NOW)
    assert read_credential(books, vault, "anna", "ibkr", "key") == "new"

    remove_credential(books, "anna", "ibkr", "key")

    assert read_credential(books, vault, "anna", "ibkr", "key") is None
    with pytest.raises(NotFound):
        remove_credential(books, "anna", "ibkr", "key")


def test_a_rotation_leaves_every_secret_readable_under_the_new_key_alone(
    books: Database, vault: Vault, tmp_path: Path
) -> None:
    for name in ("a", "b", "c"):
        put_credential(books, vault, "anna", "alpaca", name, f"{PLANTED}-{name}", NOW)
    file = tmp_path / "home" / "keys" / "secrets.key"
    old = file.read_text()

    assert vault.rotate(books) == 3

    assert file.read_text() != old and len(file.read_text().split()) == 1
    assert [read_credential(books, vault, "anna", "alpaca", name) for name in "abc"] == [
        f"{PLANTED}-{name}" for name in "abc"
    ]
    with pytest.raises(ConfigError, match="no key"):
        read_credential(books, Vault(tmp_path, old), "anna", "alpaca", "a")


@pytest.mark.parametrize(
    "place", ["before write 0", "after write 0", "before commit", "after commit", "before write 1", "after write 1"]
)
def test_a_rotation_that_is_killed_anywhere_loses_nothing(
    books: Database, vault: Vault, tmp_path: Path, place: str
) -> None:
    put_credential(books, vault, "anna", "alpaca", "key", PLANTED, NOW)
    command = [sys.executable, "-c", KILLED_ROTATION, str(tmp_path / "home"), f"sqlite:///{books.path}", place]

    killed = subprocess.run(command, env=dict(os.environ), check=False)

    assert killed.returncode == -signal.SIGKILL
    again = open_database(books.path)
    assert read_credential(again, vault, "anna", "alpaca", "key") == PLANTED
    assert vault.rotate(again) == 1
    assert read_credential(again, vault, "anna", "alpaca", "key") == PLANTED
    again.close()


def test_keys_of_the_environment_take_the_place_of_the_file(books: Database, tmp_path: Path) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    put_credential(books, Vault(tmp_path, old), "anna", "ibkr", "key", PLANTED, NOW)

    assert Vault(tmp_path, f"{new},{old}").rotate(books) == 1

    assert read_credential(books, Vault(tmp_path, new), "anna", "ibkr", "key") == PLANTED
    assert not (tmp_path / "keys" / "secrets.key").exists()
    with pytest.raises(ConfigError, match="malformed"):
        read_credential(books, Vault(tmp_path, "not-a-key"), "anna", "ibkr", "key")


def test_a_secret_that_was_moved_to_another_row_is_not_opened(books: Database, vault: Vault) -> None:
    put_credential(books, vault, "anna", "ibkr", "paper", PLANTED, NOW)
    with books.begin() as connection:
        connection.execute(update(credentials).values(name="live"))

    with pytest.raises(ConfigError, match="does not belong"):
        read_credential(books, vault, "anna", "ibkr", "live")


@pytest.mark.parametrize(
    ("broker", "name", "secret"), [("", "a", "b"), ("a b", "a", "b"), ("a", "../x", "b"), ("a", "a", "")]
)
def test_poor_names_and_empty_secrets_are_refused(
    books: Database, vault: Vault, broker: str, name: str, secret: str
) -> None:
    with pytest.raises(InvalidInput):
        put_credential(books, vault, "anna", broker, name, secret, NOW)
