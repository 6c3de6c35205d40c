"""The kill switch at a real broker: from a process of its own, while the server hangs or its database does."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from thetaloom.bootstrap import set_up
from thetaloom.broker_parts import OWNER, broker_named
from thetaloom.cli import halt
from thetaloom.cli.emergency import cancel_entries
from thetaloom.cli.emergency_broker import broker_of_home
from thetaloom.config import load_settings
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.errors import Unavailable
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.ports.broker import Broker
from thetaloom.ports.broker_plugin import BrokerSetup, ConnectedBroker
from thetaloom.pulses import put_pulse
from thetaloom.store.database import open_database
from thetaloom.store.vault import put_credential
from thetaloom.testing import builders as b
from thetaloom.testing.broker_contract.venues import Venue, warm_up
from thetaloom.testing.broker_servers import BrokerServer
from thetaloom.testing.broker_servers.practice import server_class
from thetaloom.testing.broker_servers.troubles import ServerTrouble
from thetaloom.world_parts import vault_of

ACCOUNTS = {"tastytrade": "SIM0001", "alpaca": "PASIM0001", "ibkr": "DU1234567"}
MANY = 24
HOLDS = """
import sqlite3, sys, time
from thetaloom.testing.builders import trading_calendar
from thetaloom.broker_parts import broker_named
from thetaloom.errors import Unavailable
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.ports.broker_plugin import BrokerSetup
import json
given = json.loads(sys.argv[1])
opened = broker_named(given["name"]).connect(BrokerSetup(
    is_live=False, account=given["account"], secrets=given["secrets"], options=given["options"],
    books_url=given["books"], clock=SystemClock(), calendar=trading_calendar()))
held = [sqlite3.connect(path, isolation_level=None) for path in given["locks"]]
for one in held:
    one.execute("BEGIN IMMEDIATE")
print("ready", flush=True)
sys.stdin.read()
"""


@dataclass(kw_only=True)
class Site:
    """A home that trades at a simulated broker, and the adapter of its server."""

    name: str
    home: Path
    venue: Venue
    server: BrokerServer
    opened: list[ConnectedBroker] = field(default_factory=list)

    @property
    def options(self) -> dict[str, str]:
        given = self.server.options | {"request_timeout_seconds": "10"}
        return given | ({"client_id": "0"} if self.name == "ibkr" else {})

    @property
    def books(self) -> Path:
        return self.home / f"thetaloom-{self.name}-broker.db"

    def connect(self) -> Broker:
        """Connect as the server does."""
        setup = BrokerSetup(
            is_live=False,
            account=ACCOUNTS[self.name],
            secrets=self.server.secrets,
            options=self.options,
            books_url=f"sqlite:///{self.books}",
            clock=self.venue.clock,
            calendar=b.trading_calendar(),
        )
        self.opened.append(broker_named(self.name).connect(setup))
        return self.opened[-1].broker

    def hang_up(self) -> None:
        while self.opened:
            self.opened.pop().close()

    def working(self) -> list[str]:
        """Return our ids of what works at the broker; nothing for an order of somebody else."""
        return [one.client_order_id or "" for one in self.venue.backend.orders() if one.is_open]


def place(broker: Broker, count: int) -> None:
    """Let entries work that nobody fills."""
    for number in range(count):
        order = b.order(
            f"1 SPY 2026-01-16 P {500 + number % 10}",
            limit="-0.01",
            client_order_id=ClientOrderId(f"tl-entry-{number}"),
            account_id=broker.account_id,
        )
        broker.submit(b.sent(order))


def place_exit(site: Site, broker: Broker) -> None:
    """Hold a structure, and let an order work that only closes it."""
    opening = b.order(client_order_id=ClientOrderId("tl-opened"), account_id=broker.account_id)
    broker.submit(b.sent(opening))
    site.venue.meet(opening)
    closing = b.closing(opening, limit="-0.05", client_order_id=ClientOrderId("tl-exit"))
    broker.submit(b.sent(closing))


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is compiled at its first use is compiled."""
    warm_up(tmp_path_factory.mktemp("warm") / "venue")


@pytest.fixture
def site_of(warm: None, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Site]]:
    """Make a home at a broker by name."""
    made: list[Site] = []

    def make(name: str) -> Site:
        folder = tmp_path / "venue"
        folder.mkdir()
        venue = Venue(folder, ACCOUNTS[name])
        server = server_class(name)(venue.backend)
        server.start()
        site = Site(name=name, home=home, venue=venue, server=server)
        made.append(site)
        monkeypatch.delenv("THETALOOM_MARKET")
        monkeypatch.setenv("THETALOOM_BROKER", name)
        monkeypatch.setenv("THETALOOM_BROKER_OPTIONS", json.dumps(site.options))
        settings = load_settings()
        set_up(settings)
        database = open_database(settings.database)
        for known, secret in server.secrets.items():
            put_credential(database, vault_of(settings), OWNER, name, known, secret, SystemClock().now())
        put_pulse(database, settings, SystemClock().now(), account=ACCOUNTS[name], speed=1, alive=True)
        database.close()
        return site

    yield make
    for site in made:
        site.hang_up()
        assert site.server.faults == []
        site.server.stop()
        site.venue.backend.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for an engine that is not there, or for a database that others hold."""
    monkeypatch.setattr(halt, "ENGINE_SECONDS", 0.0)
    monkeypatch.setattr(halt, "_write_down", lambda *_: halt.Deed(worked=False, said="held by another program"))


def halted(thetaloom: Command, *more: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(thetaloom("halt", "--reason", "stop", "--json", *more).stdout)
    return said


@pytest.mark.parametrize("name", ACCOUNTS)
def test_a_halt_cancels_every_entry_at_the_broker_and_leaves_exits_and_strangers(
    name: str, site_of: Callable[[str], Site], thetaloom: Command
) -> None:
    site = site_of(name)
    broker = site.connect()
    place_exit(site, broker)
    place(broker, MANY)
    site.hang_up()
    site.venue.backend.world.place_elsewhere(b.legs("1 SPY 2026-01-16 P 509"), 1, b.price("-0.01"))
    holder = sqlite3.connect(site.home / "thetaloom.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")

    said = halted(thetaloom)

    holder.close()
    assert sorted(site.working()) == ["", "tl-exit"]
    assert said["halts"] == {"all": "stop"}
    assert said["entries"]["worked"]
    assert said["entries"]["said"] == f"{MANY} canceled at {name}, 1 that only close left alone"
    assert sorted(said["entries"]["canceled"]) == sorted(f"tl-entry-{number}" for number in range(MANY))
    assert said["entries"]["not_canceled"] == {}


@pytest.mark.parametrize("name", ["tastytrade", "ibkr"])
def test_a_halt_works_while_the_server_is_stopped_in_the_middle_of_a_write(
    name: str, site_of: Callable[[str], Site], thetaloom: Command
) -> None:
    site = site_of(name)
    place(site.connect(), 3)
    site.hang_up()
    with stopped_server(site):
        said = halted(thetaloom)

        assert site.working() == []
    assert said["entries"]["said"] == f"3 canceled at {name}, 0 that only close left alone"


def test_where_only_the_stopped_server_may_cancel_that_is_said_and_exits_are_left(
    site_of: Callable[[str], Site], thetaloom: Command
) -> None:
    site = site_of("ibkr")
    broker = site.connect()
    place_exit(site, broker)
    place(broker, 2)
    site.hang_up()
    with stopped_server(site):
        said = halted(thetaloom)

    assert sorted(site.working()) == ["tl-entry-0", "tl-entry-1", "tl-exit"]
    assert not said["entries"]["worked"]
    assert sorted(said["entries"]["not_canceled"]) == ["tl-entry-0", "tl-entry-1"]
    assert "end the program that holds that number" in said["entries"]["not_canceled"]["tl-entry-0"]
    assert "2 STILL WORK" in said["entries"]["said"]


def test_a_cancel_that_came_too_fast_is_asked_for_again(site_of: Callable[[str], Site], thetaloom: Command) -> None:
    site = site_of("tastytrade")
    place(site.connect(), 3)
    site.hang_up()
    site.venue.backend.plan("cancel", ServerTrouble.BUSY, ServerTrouble.BUSY)

    said = halted(thetaloom)

    assert site.working() == []
    assert said["entries"]["worked"]


def test_a_vault_that_is_gone_is_named(site_of: Callable[[str], Site], thetaloom: Command) -> None:
    site = site_of("tastytrade")
    (site.home / "thetaloom.db").unlink()

    said = halted(thetaloom, "--no-cancel")["halts"], cancel_now()

    assert said[0] == {"all": "stop"}
    assert "the secrets of tastytrade are in a database that cannot be read" in said[1]
    assert "is gone" in said[1]


def test_a_broker_without_secrets_is_reached_without_any_database(
    site_of: Callable[[str], Site], thetaloom: Command
) -> None:
    site = site_of("ibkr")
    place(site.connect(), 2)
    site.hang_up()
    (site.home / "thetaloom.db").write_bytes(b"this is no database" * 1000)

    said = halted(thetaloom)

    assert site.working() == []
    assert said["entries"]["worked"]


def test_the_account_of_another_broker_is_not_touched(site_of: Callable[[str], Site], thetaloom: Command) -> None:
    site = site_of("ibkr")
    place(site.connect(), 1)
    site.hang_up()

    said = halted(thetaloom, "--scope", "account:OTHER")

    assert said["entries"]["said"] == "account:OTHER is not the account of this broker"
    assert site.working() == ["tl-entry-0"]


def test_a_home_remembers_its_broker_though_no_setting_names_it(
    site_of: Callable[[str], Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    site = site_of("ibkr")
    site.connect()
    monkeypatch.delenv("THETALOOM_BROKER")
    monkeypatch.delenv("THETALOOM_BROKER_OPTIONS")

    remembered = broker_of_home(load_settings())
    (site.home / "thetaloom.db").write_bytes(b"this is no database" * 1000)
    guessed = broker_of_home(load_settings())

    assert (remembered.name, remembered.account) == ("ibkr", ACCOUNTS["ibkr"])
    assert guessed.name == "ibkr"
    assert "damaged" in guessed.note


def cancel_now() -> str:
    """Cancel without a halt, and return why that failed."""
    with pytest.raises(Unavailable) as failed:
        cancel_entries(load_settings(), "all", patience=0.0)
    return failed.value.message


@contextmanager
def stopped_server(site: Site) -> Iterator[None]:
    """Let a process with the server's connection and locks stand still."""
    given = {
        "name": site.name,
        "account": ACCOUNTS[site.name],
        "secrets": site.server.secrets,
        "options": site.options,
        "books": f"sqlite:///{site.books}",
        "locks": [str(site.books), str(site.home / "thetaloom.db")],
    }
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, json.dumps(given)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        os.kill(process.pid, signal.SIGSTOP)
        yield
    finally:
        process.kill()
        process.communicate()
