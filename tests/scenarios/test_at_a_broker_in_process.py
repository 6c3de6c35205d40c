"""A home at a simulated broker, in one process: paper on its data, and nothing secret in anything that is written."""

import logging
import os
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import pytest
import structlog

from thetaloom.bootstrap import Platform, build, set_up
from thetaloom.broker_parts import OWNER
from thetaloom.config import SIMULATOR_URL, load_settings
from thetaloom.domain.values.ids import StrategyId
from thetaloom.engine.commands import StartRun
from thetaloom.errors import ThetaloomError
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.store.database import open_database
from thetaloom.store.vault import put_credential
from thetaloom.testing.broker_servers.practice import Practice, open_practice
from thetaloom.testing.broker_servers.troubles import ServerTrouble
from thetaloom.world_parts import vault_of

BROKERS = ("tastytrade", "alpaca", "ibkr")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("TESTS_ALL_BROKERS" not in os.environ, reason="at night: make nightly"),
]
TRIES = 10
START = "2026-01-05T15:05:00Z"


@contextmanager
def opened(practice: Practice, home: Path, **asked: str) -> Iterator[Platform]:
    """Open a home that knows the secrets of a simulated broker, as a server does."""
    options = dict(practice.server.options) | {SIMULATOR_URL: practice.url}
    settings = load_settings(home=home, broker_options=options, **asked)
    set_up(settings)
    database = open_database(settings.database)
    for name, secret in practice.server.secrets.items():
        put_credential(database, vault_of(settings), OWNER, practice.name, name, secret, SystemClock().now())
    platform = build(settings, database, start=None, clock_kind="paced")
    try:
        yield platform
    finally:
        platform.close()


def kept(home: Path) -> Iterator[tuple[str, str]]:
    """Every file of a home as text, databases row by row, with what is packed in them unpacked."""
    for path in sorted(one for one in home.rglob("*") if one.is_file()):
        if path.suffix == ".db":
            yield path.name, "\n".join(rows_of(path))
        else:
            yield path.name, path.read_bytes().decode("latin-1")


def rows_of(path: Path) -> Iterator[str]:
    with closing(sqlite3.connect(path)) as connection:
        for (name,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
            for row in connection.execute(f'select * from "{name}"'):
                yield " ".join(map(text_of, row))


def text_of(held: object) -> str:
    if not isinstance(held, bytes):
        return str(held)
    try:
        return zlib.decompress(held).decode("latin-1")
    except zlib.error:
        return held.decode("latin-1")


def run_once(platform: Platform) -> None:
    for _ in range(TRIES):  # a whole chain takes some seconds at first, and this clock passes no minutes
        with suppress(ThetaloomError):
            platform.market.chain("QQQ", platform.clock.now())
            break
    started = StartRun(user_id=platform.user_id, symbol="QQQ", strategy_id=StrategyId("senex-trident"), forced=True)
    platform.engine.handle(started)
    platform.engine.settle()


@pytest.fixture(params=BROKERS)
def practice(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Practice]:
    (tmp_path / "simulator").mkdir()
    with open_practice(request.param, tmp_path / "simulator", seed=29, start=datetime.fromisoformat(START)) as opened:
        yield opened


def test_paper_trades_on_a_brokers_data_and_sends_it_nothing(practice: Practice, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with opened(practice, home, market=practice.name, broker="paper") as platform:
        run_once(platform)
        told = (platform.broker.name, platform.broker.simulated, platform.market.name, platform.market.synthetic)

    (lineage,) = [text for name, text in kept(home) if name == "thetaloom.db"]
    assert told == ("paper", True, practice.name, False)
    assert f'"source":"{practice.name}"' in lineage and '"synthetic":false' in lineage
    assert practice.told_books()["orders"] == [] and practice.server.faults == []


def go_wrong(practice: Practice, platform: Platform) -> None:
    """Have everything fail that a secret takes part in."""
    practice.backend.plan("read", *[ServerTrouble.DOWN] * 2, ServerTrouble.BUSY, ServerTrouble.TOKEN_EXPIRED)
    try_all(platform)
    practice.server.expire_tokens()
    practice.server.drop_streams()
    try_all(platform)
    practice.server.go_down(True)
    try_all(platform)
    platform.engine.settle()
    practice.server.go_down(False)
    try_all(platform)


def try_all(platform: Platform) -> None:
    broker, market, now = platform.broker, platform.market, platform.clock.now()
    for act in (broker.account, broker.open_orders, lambda: market.chain("SPY", now), lambda: market.spot("IWM", now)):
        with suppress(ThetaloomError):
            act()


def test_no_secret_is_kept_or_logged_whatever_fails(
    practice: Practice, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    with (
        caplog.at_level(logging.DEBUG),
        structlog.testing.capture_logs() as logged,
        opened(practice, home, broker=practice.name) as platform,
    ):
        run_once(platform)
        go_wrong(practice, platform)
        account = str(platform.broker.account_id)
    out = capfd.readouterr()
    ours = [one.getMessage() for one in caplog.records if one.name != "websockets.server"]  # that is the simulator
    words = dict(kept(home)) | {"log": str(logged), "logging": "\n".join(ours), "output": out.out + out.err}

    secrets = {*practice.server.secrets.values(), "sim-quote-token"}
    assert [(where, one) for where, text in words.items() for one in secrets if one in text] == []
    assert not any(account in words[where] for where in ("log", "logging", "output"))
    assert account in words["thetaloom.db"]
