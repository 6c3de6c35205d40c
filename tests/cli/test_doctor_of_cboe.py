"""What ``doctor`` says of Cboe's delayed chains, where they answer and where they do not."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from thetaloom.cli.app import app
from thetaloom.marketdata.clocks import SystemClock
from thetaloom.testing import builders
from thetaloom.testing.cboe_server import cboe_payload, cboe_server


@pytest.fixture(autouse=True)
def new_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home that nobody used, on Cboe's chains."""
    monkeypatch.setenv("THETALOOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("THETALOOM_MARKET", "cboe")


def found_of_market() -> tuple[int, dict[str, Any]]:
    """The exit code, and what is said of the market."""
    told = CliRunner().invoke(app, ["doctor", "--json"])
    return told.exit_code, {one["name"]: one for one in json.loads(told.stdout)["findings"]}["market"]


def test_a_server_that_answers_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    now = SystemClock().now()
    with cboe_server() as server:
        chain = builders.chain({"SPY 2027-01-15 P 560": (1.9, 2.1)}, at=now, synthetic=False)
        server.hold("SPY", cboe_payload(chain, now))
        monkeypatch.setenv("THETALOOM_CBOE_URL", server.url)

        code, market = found_of_market()

    assert (code, market["is_well"]) == (0, True) and market["found"].startswith("cboe: ")


def test_where_nobody_answers_it_is_said_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    monkeypatch.setenv("THETALOOM_CBOE_URL", f"http://127.0.0.1:{port}")

    code, market = found_of_market()

    assert (code, market["is_well"]) == (1, False)
    assert "nothing listens there" in market["found"] and market["advice"] and "Errno" not in market["found"]
