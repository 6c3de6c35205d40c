"""``thetaloom data record``: what it writes, when it ends, and what it says of sources that fail."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import Command
from thetaloom.cli.data_record import read_span
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.clocks import SystemClock, VirtualClock
from thetaloom.marketdata.recorded import RecordedMarket
from thetaloom.testing import builders
from thetaloom.testing.cboe_server import DELAY, cboe_payload, cboe_server, refusing

QUOTES = {"SPX 2035-01-19 P 5600": (21.0, 21.4), "SPXW 2035-01-19 P 5600": (20.8, 21.3)}


def test_a_recorded_day_is_recorded_again_and_replays(home: Path, tmp_path: Path, thetaloom: Command) -> None:
    out = tmp_path / "out"

    ended = thetaloom("data", "record", "goog", "--out", out, "--every", "1", "--for", "0s", "--json")

    told = json.loads(ended.stdout)
    assert ended.exit_code == 0, ended.output
    assert (told["source"], told["synthetic"], told["snapshots"]) == ("recorded", False, 1)
    assert told["files"] == [str(out / "GOOG_2015-12-24.parquet")]
    frame = pl.read_parquet(told["files"][0])
    assert len(frame) == told["rows"] > 100
    at = frame["quote_time"][0]
    chain = RecordedMarket(out, VirtualClock(at)).chain("GOOG", at)
    assert chain is not None
    assert len(chain) == told["rows"]


def test_a_delayed_chain_of_cboe_is_recorded_as_of_its_quotes(
    home: Path, tmp_path: Path, thetaloom: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cboe_server() as server:
        made_at = SystemClock().now().replace(microsecond=0)
        server.hold("SPX", cboe_payload(builders.chain(QUOTES, spot=5750), made_at))
        monkeypatch.setenv("THETALOOM_CBOE_URL", server.url)

        ended = thetaloom(
            "data", "record", "SPX", "--market", "cboe", "--out", tmp_path / "out", "--for", "0s", "--json"
        )

    told = json.loads(ended.stdout)
    assert ended.exit_code == 0, ended.output
    frame = pl.read_parquet(told["files"][0])
    assert sorted(frame["root"].to_list()) == ["SPX", "SPXW"]
    assert frame["quote_time"].unique().to_list() == [made_at - DELAY]
    assert frame["source"].unique().to_list() == ["cboe"]


def test_a_source_that_never_answers_is_an_outside_failure(
    home: Path, tmp_path: Path, thetaloom: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cboe_server() as server:
        server.troubles.append(refusing(503))
        monkeypatch.setenv("THETALOOM_CBOE_URL", server.url)

        ended = thetaloom("data", "record", "SPX", "--market", "cboe", "--out", tmp_path / "out", "--for", "0s")

    assert ended.exit_code == 4
    assert "nothing was recorded" in ended.output
    assert "503" in ended.output


def test_an_interrupted_recording_finishes_what_it_writes(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "thetaloom", "data", "record", "GOOG", "--every", "1", "--out", str(out)]
    env = os.environ | {"THETALOOM_SPEED": "60", "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as running:
        assert running.stderr is not None
        lines = iter(running.stderr.readline, "")
        first = next((line for line in lines if "contracts as of" in line), "")
        running.send_signal(signal.SIGTERM)
        printed, problems = running.communicate(timeout=60)

    assert first.startswith("GOOG: ")
    assert running.returncode == 0, problems
    assert str(len(pl.read_parquet(out / "GOOG_2015-12-24.parquet"))) in printed.replace(",", "")
    assert list((out / ".parts").iterdir()) == []


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("6h", 21600), (" 2D ", 172_800), ("0", 0)]
)
def test_durations_are_read_with_their_unit(text: str, seconds: float) -> None:
    assert read_span(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "soon", "-5s", "5w", "1e3", "5 s s", "99999999999d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no duration"):
        read_span(text)


@pytest.mark.parametrize("every", ["0", "-1", "nan", "1e9"])
def test_an_interval_out_of_range_is_refused(home: Path, tmp_path: Path, thetaloom: Command, every: str) -> None:
    ended = thetaloom("data", "record", "SPY", "--out", tmp_path, "--every", every)

    assert ended.exit_code == 2


def test_the_sources_of_a_symbol_are_shown_with_their_age(
    home: Path, thetaloom: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    with cboe_server() as server:
        server.hold("SPX", cboe_payload(builders.chain(QUOTES, spot=5750), SystemClock().now()))
        monkeypatch.setenv("THETALOOM_CBOE_URL", server.url)

        ended = thetaloom("data", "sources", "spx", "--market", "cboe", "--json")

    told = json.loads(ended.stdout)
    assert ended.exit_code == 0, ended.output
    assert [(one["symbol"], one["source"]) for one in told["symbols"]] == [("SPX", "cboe")]
    assert told["symbols"][0]["age_seconds"] >= DELAY.total_seconds()
    assert [(link["name"], link["is_up"]) for link in told["links"]] == [("cboe delayed chains", True)]


def test_the_sources_are_shown_for_people(home: Path, thetaloom: Command) -> None:
    ended = thetaloom("data", "sources", "GOOG", "NOPE")

    assert ended.exit_code == 0, ended.output
    assert "has nothing of NOPE" in ended.output


@pytest.mark.parametrize("symbol", ["../SPY", "S PY", "SPY_X", "A" * 13, "-1"])
def test_what_cannot_name_a_file_is_no_symbol(home: Path, tmp_path: Path, thetaloom: Command, symbol: str) -> None:
    ended = thetaloom("data", "record", "--out", tmp_path / "out", "--for", "0s", "--", symbol)

    assert ended.exit_code == 2
    assert "is no symbol" in ended.output
    assert list(tmp_path.rglob("*.parquet")) == []


def test_a_check_shows_the_gaps_that_were_noted(home: Path, tmp_path: Path, thetaloom: Command) -> None:
    thetaloom("data", "record", "GOOG", "--out", tmp_path, "--for", "0s", "--every", "0.5")
    gap = {"from": "2015-12-24T14:30:00.000000Z", "until": "2015-12-24T14:35:00.000000Z", "reason": "the line was down"}
    (tmp_path / "GOOG_2015-12-24.gaps.json").write_text(json.dumps({"gaps": [gap]}))

    checked = json.loads(thetaloom("data", "check", tmp_path, "--json").stdout)

    assert [entry["gaps"] for entry in checked] == [[gap]]
