"""The kill switch with everything else down: database locked or corrupt, disk full, settings broken."""

import json
import re
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from thetaloom.bootstrap import open_platform
from thetaloom.cli import emergency, halt
from thetaloom.cli.emergency import cancel_entries, within
from thetaloom.config import load_settings
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.errors import InvalidInput, Unavailable
from thetaloom.testing import builders


@pytest.fixture
def locked(tradable_home: Path) -> Iterator[Path]:
    """A home whose database another process holds and never lets go."""
    holder = sqlite3.connect(tradable_home / "thetaloom.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    yield tradable_home
    holder.close()


def place_entry() -> None:
    """Let an order that opens risk, and that nobody will fill, work at the paper broker."""
    with open_platform(load_settings()) as platform:
        now = platform.clock.now()
        order = builders.order(
            "1 GOOG 2016-01-15 P 700",
            limit="-0.01",
            client_order_id=ClientOrderId("tl-emergency"),
            account_id=platform.broker.account_id,
            staged_at=now,
            expires_at=now + timedelta(hours=1),
        )
        platform.broker.submit(builders.sent(order))
        assert [one.client_order_id for one in platform.broker.open_orders()] == ["tl-emergency"]


def working_at_the_broker() -> list[str | None]:
    """What works at the paper broker."""
    with open_platform(load_settings()) as platform:
        return [order.client_order_id for order in platform.broker.open_orders()]


def test_a_halt_works_while_the_database_is_locked(
    locked: Path, thetaloom: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halt, "DATABASE_SECONDS", 0.2)

    outcome = thetaloom("halt", "--reason", "locked", "--json")

    said: dict[str, Any] = json.loads(outcome.stdout)
    assert outcome.exit_code == 0
    assert said["halts"] == {"all": "locked"}
    assert (said["flag"]["worked"], said["database"]["worked"]) == (True, False)
    assert said["entries"]["worked"]


def test_a_halt_works_on_a_corrupt_database(tradable_home: Path, thetaloom: Command) -> None:
    (tradable_home / "thetaloom.db").write_bytes(b"this is no database" * 1000)

    outcome = thetaloom("halt", "--json")
    doctor = thetaloom("doctor", "--json")

    said: dict[str, Any] = json.loads(outcome.stdout)
    assert outcome.exit_code == 0
    assert (said["flag"]["worked"], said["database"]["worked"]) == (True, False)
    assert "halted: all (halted by a person)" in doctor.stdout


def test_a_halt_works_on_a_full_disk(tmp_path: Path, thetaloom: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", tmp_path], check=False).returncode:
        pytest.skip("a small file system can be mounted by root alone")
    try:
        monkeypatch.setenv("THETALOOM_HOME", str(tmp_path))
        monkeypatch.setenv("THETALOOM_MARKET", "recorded")
        with open_platform(load_settings()):
            pass
        with pytest.raises(OSError, match="No space left"):
            (tmp_path / "filler").write_bytes(b"x" * 30_000_000)

        outcome = thetaloom("halt", "--reason", "full", "--json")

        said: dict[str, Any] = json.loads(outcome.stdout)
        assert outcome.exit_code == 0
        assert said["halts"] == {"all": "full"}
        assert said["flag"]["worked"]
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=True)


def test_a_halt_works_without_readable_settings(tradable_home: Path, thetaloom: Command) -> None:
    (tradable_home / "config.toml").write_text("this is = no toml")

    outcome = thetaloom("halt", "--json")

    assert outcome.exit_code == 0
    assert json.loads(outcome.stdout)["halts"] == {"all": "halted by a person"}
    assert "settings cannot be read" in outcome.stderr


def test_entries_are_canceled_at_the_broker_while_the_database_is_down(tradable_home: Path, thetaloom: Command) -> None:
    place_entry()
    database = tradable_home / "thetaloom.db"
    kept = database.read_bytes()
    database.write_bytes(b"this is no database" * 1000)

    said = json.loads(thetaloom("halt", "--json").stdout)

    database.write_bytes(kept)
    assert said["entries"] == {
        "worked": True,
        "said": "1 canceled over the engine's head, 0 that only close left alone",
    }
    assert working_at_the_broker() == []


@pytest.mark.parametrize("scope", ["strategy:demo", "account:OTHER"])
def test_what_the_brokers_books_cannot_tell_is_left_to_the_engine(tradable_home: Path, scope: str) -> None:
    place_entry()

    done = cancel_entries(load_settings(), scope, patience=0.0)

    assert done.asked == ()
    assert done.note
    assert working_at_the_broker() == ["tl-emergency"]


def test_a_broker_without_books_has_nothing_to_cancel(home: Path) -> None:
    assert cancel_entries(load_settings(), "all", patience=0.0).note == "the broker has no books yet"


def test_a_living_engine_is_let_to_cancel_first(tradable_home: Path) -> None:
    place_entry()

    done = cancel_entries(load_settings(), "all", patience=emergency.LOOK_SECONDS)

    assert done.asked == ("tl-emergency",)


def test_a_guards_halt_is_lifted_with_its_code(tradable_home: Path, thetaloom: Command) -> None:
    words = {"scope": "all", "reason": "runaway: too much", "by": "guard", "at": "then"}
    (tradable_home / "halt" / "all.halt").write_text(json.dumps(words))

    shown = thetaloom("resume", "--json")
    unread = thetaloom("resume", "--confirm", "--json")
    code = re.findall("--code ([0-9a-f]+)", unread.output)[0]
    lifted = thetaloom("resume", "--confirm", "--code", code, "--json")

    assert (shown.exit_code, unread.exit_code, lifted.exit_code) == (3, 3, 0)
    assert json.loads(lifted.stdout)["halts"] == {}
    assert [path.name for path in (tradable_home / "halt").iterdir() if path.suffix == ".halt"] == []


def test_what_takes_too_long_is_left_behind_and_what_fails_is_told() -> None:
    def refuse() -> None:
        raise InvalidInput("no")

    assert within(5, lambda: 7) == 7
    with pytest.raises(InvalidInput):
        within(5, refuse)
    with pytest.raises(Unavailable, match="no answer within 0 s"):
        within(0, threading.Event().wait)
