"""The whole way of other programs' files: imported, checked, listed, tried, and played through a run to a proposal."""

import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from tests.cli.conftest import TRADABLE, Command
from tests.marketdata.importers.layouts_by_hand import OPTIONSDX_HEADER
from thetaloom.bootstrap import open_demo, write_pulse
from thetaloom.config import load_settings
from thetaloom.domain.market.chain import OptionChain
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.recorded import packaged_day
from thetaloom.marketdata.recorded.market import RecordedMarket

DEMO = "goog-demo-put-credit-spread"
AT = "2015-12-24T15:05:00Z"
LINE = (
    "1450969500, 2015-12-24 10:05, 2015-12-24, 10.08, {spot}, {expiration}, , , , , , , , , , , {c_size}, {c_bid}, "
    "{c_ask}, {strike}, {p_bid}, {p_ask}, {p_size}, , , , , , , , , , "
)


def optionsdx(folder: Path) -> Path:
    """The packaged day at 10:05 in New York, as optionsDX would write it."""
    at = TRADABLE.astimezone(UTC)
    chain = RecordedMarket.from_paths([packaged_day()], VirtualClock(at)).chain("GOOG", at)
    assert isinstance(chain, OptionChain)
    sides: dict[tuple[int, int], dict[str, str]] = {}
    for row in range(len(chain)):
        side = "c" if chain.is_call[row] else "p"
        known = sides.setdefault((int(chain.expires_on[row]), int(chain.strike[row])), {})
        for name, price in (("bid", chain.bid[row]), ("ask", chain.ask[row])):
            known[f"{side}_{name}"] = "" if np.isnan(price) else f"{price:.2f}"
        known[f"{side}_size"] = "10 x 12"
    empty = dict.fromkeys(("c_bid", "c_ask", "c_size", "p_bid", "p_ask", "p_size"), "")
    lines = [
        LINE.format(
            spot=chain.spot,
            expiration=np.datetime64(expiration, "D"),
            strike=f"{strike / 1000:.3f}",
            **{**empty, **known},
        )
        for (expiration, strike), known in sides.items()
    ]
    path = folder / "goog_eod_201512.txt"
    path.write_text("\n".join([OPTIONSDX_HEADER, *lines]) + "\n")
    return path


def lean(folder: Path) -> Path:
    """The packaged day until ten past ten, as LEAN keeps it: quotes by contract, trades of the share."""
    wall = pl.col("quote_time").dt.convert_time_zone("America/New_York") - pl.duration(minutes=1)
    millis = (wall.dt.hour().cast(pl.Int64) * 60 + wall.dt.minute()) * 60_000
    rows = (
        pl.read_parquet(packaged_day())
        .filter(pl.col("quote_time") <= datetime(2015, 12, 24, 15, 10, tzinfo=UTC))
        .with_columns(millis.alias("millis"))
    )
    minute = folder / "Data" / "option" / "usa" / "minute" / "goog" / "20151224_quote_american.zip"
    minute.parent.mkdir(parents=True)
    with zipfile.ZipFile(minute, "w") as archive:
        contracts = rows.partition_by("expiration", "strike", "right", as_dict=True)
        for (expiration, strike, right), quotes in contracts.items():
            word = "call" if right == "C" else "put"
            name = f"20151224_goog_minute_quote_american_{word}_{round(strike * 10_000)}_{expiration:%Y%m%d}.csv"
            lines = [
                f"{at},,,,{deci(bid)},10,,,,{deci(ask)},10"
                for at, bid, ask in quotes.select("millis", "bid", "ask").iter_rows()
            ]
            archive.writestr(name, "\n".join(lines))
    bars = folder / "Data" / "equity" / "usa" / "minute" / "goog" / "20151224_trade.zip"
    bars.parent.mkdir(parents=True)
    spots = rows.filter(pl.col("underlying_price").is_not_null()).unique("millis").sort("millis")
    with zipfile.ZipFile(bars, "w") as archive:
        lines = [
            f"{at},{','.join([str(deci(spot))] * 4)},100"
            for at, spot in spots.select("millis", "underlying_price").iter_rows()
        ]
        archive.writestr("20151224_goog_minute_trade.csv", "\n".join(lines))
    return folder / "Data"


def deci(price: float | None) -> str:
    """A price in ten-thousandths; nothing for none."""
    return "" if price is None else str(round(price * 10_000))


@pytest.mark.parametrize(("name", "write"), [("optionsdx", optionsdx), ("lean", lean)])
def test_imported_files_play_through_a_run_to_a_proposal(
    name: str,
    write: Callable[[Path], Path],
    home: Path,
    thetaloom: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "recordings"
    imported = json.loads(thetaloom("data", "import", name, write(tmp_path), "--out", out, "--json").stdout)
    assert imported["rejected"] == 0, imported["reasons"]

    checked = thetaloom("data", "check", out, "--at", AT, "--json")
    assert checked.exit_code == 0, checked.output
    assert json.loads(checked.stdout)[0]["two_sided"] > 1000
    (listed,) = json.loads(thetaloom("data", "list", out, "--json").stdout)
    assert listed["symbols"] == ["GOOG"]
    packaged, tried = (
        json.loads(thetaloom("strategy", "test", DEMO, "--chain", path, "--at", AT, "--json").stdout)
        for path in (packaged_day(), out)
    )
    assert tried["summary"] == packaged["summary"]

    monkeypatch.setenv("THETALOOM_MARKET_FILES", json.dumps([str(out)]))
    with open_demo(load_settings(), start=TRADABLE) as platform:
        write_pulse(platform, alive=False)
    started = thetaloom("run", "start", "GOOG", "--json")
    assert started.exit_code == 0, started.output
    (waiting,) = json.loads(thetaloom("approval", "list", "--json").stdout)["rows"]
    assert waiting["symbol"] == "GOOG"


def test_a_recording_of_one_instant_is_tried_at_that_instant(
    home: Path, thetaloom: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "recordings"
    thetaloom("data", "import", optionsdx(tmp_path), "--out", out)
    stored = json.loads(thetaloom("strategy", "test", DEMO, "--chain", out, "--json").stdout)
    monkeypatch.setenv("THETALOOM_MARKET_FILES", json.dumps([str(out)]))

    tried = json.loads(thetaloom("strategy", "test", DEMO, "--json").stdout)

    assert (tried["at"], tried["summary"]) == (AT, stored["summary"])
