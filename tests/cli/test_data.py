import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from typer.testing import Result

from thetaloom.maths.american_chain import chain_american_greeks

Command = Callable[..., Result]
AT = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
EXPIRES_ON = date(2026, 2, 20)
YEARS = 46.25 / 365
SHARED = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def recorded_file(tmp_path: Path) -> Path:
    """A file of two moments of one chain that a model prices; at the second one a quote is crossed."""
    rows = []
    for moment in range(2):
        for strike in range(80, 121):
            for right in "CP":
                iv = 0.25 + 0.002 * (100 - strike) * 0.5
                found = chain_american_greeks(100.0, float(strike), YEARS, right == "C", iv, 0.04, 0.01)
                mid = float(found.price[0])
                bid, ask = max(0.0, round(mid - 0.01, 2)), round(mid + 0.02, 2)
                if moment and strike == 100 and right == "C":
                    bid, ask = ask, bid
                rows.append(
                    {
                        "quote_time": AT + timedelta(minutes=moment),
                        "underlying": "XYZ",
                        "expiration": EXPIRES_ON,
                        "strike": float(strike),
                        "right": right,
                        "bid": bid,
                        "ask": ask,
                        "implied_vol": iv,
                        "delta": float(found.delta[0]),
                        "underlying_price": 100.0,
                    }
                )
    path = tmp_path / "chain.parquet"
    pl.DataFrame(rows).write_parquet(path)
    return path


def test_a_file_is_judged_by_its_last_moment(thetaloom: Command, recorded_file: Path) -> None:
    found = thetaloom("data", "check", recorded_file, "--json")

    assert found.exit_code == 0, found.output
    (entry,) = json.loads(found.stdout)
    assert (entry["symbol"], entry["snapshots"], entry["as_of"]) == ("XYZ", 2, "2026-01-05T15:01:00Z")
    assert (entry["contracts"], entry["crossed"], entry["stale"], entry["forwards"]) == (82, 1, 0, 1)
    assert entry["parity_pairs"] == 10
    assert entry["differences"]["clear"]["iv"]["median"] < 0.01
    assert entry["differences"]["clear"]["delta"]["median"] < 0.01
    assert entry["smiles"] == 1
    assert 0 <= entry["smile_inside"] <= 1


def test_a_moment_and_a_symbol_can_be_asked_for(thetaloom: Command, recorded_file: Path) -> None:
    found = thetaloom("data", "check", recorded_file, "--symbol", "xyz", "--at", "2026-01-05T15:00:30Z")

    assert found.exit_code == 0, found.output
    assert "XYZ at 2026-01-05T15:00:00Z" in found.stdout
    assert "parity pairs inside half-widths" in found.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--symbol", "ABC"), "holds no quotes of ABC"),
        (("--at", "2026-01-05T14:00:00Z"), "says nothing of XYZ before 2026-01-05T15:00:00Z"),
        (("--at", "2026-01-05"), "is a date"),
    ],
)
def test_what_the_file_does_not_hold_is_said_in_one_line(
    thetaloom: Command, recorded_file: Path, options: tuple[str, ...], said: str
) -> None:
    found = thetaloom("data", "check", recorded_file, *options)

    assert found.exit_code == 2
    assert said in found.stderr


@pytest.mark.parametrize("text", ["", "strike,bid,ask\n1,2,3\n"])
def test_what_is_no_parquet_is_one_clear_error(thetaloom: Command, tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.parquet"
    path.write_text(text)

    found = thetaloom("data", "check", path, "--json")

    assert found.exit_code == 2
    assert json.loads(found.stdout)["error"]["details"]["file"] == str(path)


def test_a_missing_column_is_named(thetaloom: Command, tmp_path: Path) -> None:
    path = tmp_path / "thin.parquet"
    pl.DataFrame({"underlying": ["XYZ"], "bid": [1.0]}).write_parquet(path)

    found = thetaloom("data", "check", path)

    assert found.exit_code == 2
    assert "column quote_time is missing" in found.stderr


@pytest.mark.shared_data
def test_a_recorded_chain_keeps_parity_and_gives_smiles(thetaloom: Command) -> None:
    path = SHARED / "cboe_quotedata" / "SPY_20230914.parquet"
    if not path.exists():
        pytest.skip(f"recorded data is not beside the checkout: {path}")

    found = thetaloom("data", "check", path, "--json")

    (entry,) = json.loads(found.stdout)
    assert entry["contracts"] > 5000
    assert entry["parity_pairs_inside"] > 0.7 * entry["parity_pairs"]
    assert entry["forwards"] >= 0.9 * entry["expirations"]
    assert entry["differences"]["clear"]["iv"]["median"] < 0.002
