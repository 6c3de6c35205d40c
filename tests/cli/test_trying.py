"""``strategy test`` on a stored chain and for wished days to expiration, from the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import Result

from thetaloom.marketdata.recorded import packaged_day

Command = Callable[..., Result]
DEMO = "goog-demo-put-credit-spread"
CHAIN = ("--chain", packaged_day(), "--at", "2015-12-24T15:05:00Z")


def answer(result: Result) -> Any:
    """Return what a command printed as JSON."""
    return json.loads(result.stdout)


def test_a_stored_chain_needs_no_market_and_gives_what_the_market_gives(home: Path, thetaloom: Command) -> None:
    stored = answer(thetaloom("strategy", "test", DEMO, *CHAIN, "--json"))
    replayed = answer(thetaloom("strategy", "test", DEMO, "--at", "2015-12-24T15:05:00Z", "--json"))

    assert stored["summary"] == replayed["summary"]
    assert stored["expirations"] == replayed["expirations"]


def test_each_wish_is_a_sample_and_the_summary_names_the_valid_ones(home: Path, thetaloom: Command) -> None:
    tried = answer(thetaloom("strategy", "test", DEMO, *CHAIN, "--dte", "0,7,14,21,30,45,60", "--json"))
    spoken = thetaloom("strategy", "test", DEMO, *CHAIN, "--dte", "all").stdout

    wishes = [sample["dte_wanted"] for sample in tried["samples"]]
    valid = [sample["dte_wanted"] for sample in tried["samples"] if sample["valid"]]
    assert wishes == [0, 7, 14, 21, 30, 45, 60]
    assert tried["summary"] == {"tried": 7, "valid": len(valid), "valid_dte": valid}
    assert f"{len(valid)} of 7 wished DTE valid" in spoken
    assert all(sample["errors"] for sample in tried["samples"] if not sample["valid"])


def test_what_is_printed_fits_eighty_columns(home: Path, thetaloom: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thetaloom.cli.output.PIPED_WIDTH", 80)

    spoken = [
        thetaloom("strategy", "test", "iron-condor-45dte", *CHAIN, "--dte", "14,30").stdout,
        thetaloom("strategy", "rank", "GOOG", "--at", "2015-12-24T15:05:00Z").stdout,
        thetaloom("risk", "show").stdout,
    ]

    assert [line for text in spoken for line in text.splitlines() if len(line.rstrip()) > 80] == []
    assert "max_loss_per_trade_percent" in spoken[2]
    assert "iron-condor-45dte" in spoken[1]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--dte", "x"), 2, "dte"),
        (("--dte", "7,91"), 2, "dte"),
        (("--dte", ""), 2, "dte"),
        (("--market", "synthetic"), 2, "market"),
        (("--symbol", "SPY"), 4, "has no chain of SPY"),
        (("--at", "2015-12-23T15:00:00Z"), 4, "begins at"),
    ],
)
def test_what_cannot_be_tried_is_one_clear_error(
    home: Path, thetaloom: Command, options: tuple[str, ...], code: int, said: str
) -> None:
    outcome = thetaloom("strategy", "test", DEMO, "--chain", packaged_day(), *options, "--json")

    assert outcome.exit_code == code
    assert said in json.dumps(answer(outcome)["error"])


def test_a_file_that_is_no_recording_is_one_clear_error(home: Path, thetaloom: Command, tmp_path: Path) -> None:
    text, table, empty = tmp_path / "a.parquet", tmp_path / "b.parquet", tmp_path / "folder"
    text.write_text("nothing")
    pl.DataFrame({"strike": [1.0]}).write_parquet(table)
    empty.mkdir()

    for file in (text, table, empty, tmp_path / "nosuch.parquet"):
        outcome = thetaloom("strategy", "test", DEMO, "--chain", file, "--json")
        assert outcome.exit_code == 2
        assert str(file) in answer(outcome)["error"]["message"]
