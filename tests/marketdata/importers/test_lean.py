"""LEAN's data folder: archives of options put together, bars of underlyings, universes, factors and rates."""

import csv
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from tests.marketdata.importers.conftest import Import
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.history_files import read_histories
from thetaloom.marketdata.recorded.market import RecordedMarket

Rows = Callable[[], pl.DataFrame]
CALL = "20151224_goog_minute_{}_american_call_7500000_20160115.csv"
PUT = "20151224_goog_minute_{}_american_put_7500000_20160115.csv"


def archive(path: Path, members: Mapping[str, str]) -> Path:
    """Write a zip archive."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as stream:
        for name, text in members.items():
            stream.writestr(name, text)
    return path


@pytest.fixture
def lean(tmp_path: Path) -> Path:
    """A data folder of one symbol and day."""
    root = tmp_path / "Data"
    minute = root / "option" / "usa" / "minute" / "goog"
    archive(
        minute / "20151224_quote_american.zip",
        {
            CALL.format("quote"): "34200000,100000,110000,90000,105000,3,110000,120000,100000,112500,4\n"
            "34320000,105000,110000,90000,106000,3,110000,120000,100000,113500,4",
            PUT.format("quote"): "34200000,,,,,0,21500,21500,5000,5000,19\r\n",
        },
    )
    archive(
        minute / "20151224_trade_american.zip",
        {CALL.format("trade"): "34200000,110000,110000,110000,110000,7\n34260000,108000,108000,108000,108000,2\n"},
    )
    archive(minute / "20151224_openinterest_american.zip", {CALL.format("openinterest"): "23460000,42\n"})
    archive(
        root / "equity" / "usa" / "minute" / "goog" / "20151224_trade.zip",
        {
            "20151224_goog_minute_trade.csv": "34080000,7503000,7503000,7503000,7503000,27\n"
            "34200000,7495500,7499900,7485400,7485400,11492\n"
        },
    )
    archive(
        root / "equity" / "usa" / "daily" / "spy.zip",
        {
            "spy.csv": "19980102 00:00,973100,975300,965300,973600,2150000\n"
            "19980105 00:00,978400,984400,967800,977500,4030800\n"
            "19980106 00:00,0,0,0,0,0\n"
        },
    )
    for name, text in {
        "equity/usa/factor_files/spy.csv": "19980102,0.5,1,1\n20501231,1,1,0\n",
        "equity/usa/map_files/spy.csv": "19980102,spy,P\n20501231,spy,P\n",
        "alternative/interest-rate/usa/interest-rate.csv": "DATE,PCREDIT8\n2003-01-09,2.25\n",
        "option/usa/universes/goog/20151224.csv": "#expiry,strike,right,open,high,low,close,volume,open_interest,"
        "implied_volatility,delta,gamma,vega,theta,rho\n,,,747.93,748.77,747.86,748.4,106129,,,,,,,\n"
        "20151231,450,C,300.05,301.15,296.75,298.3,0,12,1.7405,0.9915,0.0001,0.0219,-0.3277,0.0728\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_whole_data_folder_is_imported(lean: Path, import_file: Import, out: Path) -> None:
    found = import_file(lean)

    assert {Path(one["output"]).name for one in found["files"]} == {
        "GOOG_20151224_minute_american.parquet",
        "GOOG_20151224_universe.parquet",
        "GOOG_20151224_minute.parquet",
        "SPY_daily.parquet",
        "SPY_factors.parquet",
        "SPY_mapping.parquet",
        "interest_rate.parquet",
    }
    assert found["reasons"] == {"bad_bar": 1}
    assert {one["format"] for one in found["files"]} == {"lean"}


def test_a_bar_is_stamped_with_its_end_and_prices_are_ten_thousandths(
    lean: Path, import_file: Import, out: Path
) -> None:
    import_file(lean / "option" / "usa" / "minute")

    rows = pl.read_parquet(out / "GOOG_20151224_minute_american.parquet")
    first = rows.filter(pl.col("right") == "C").row(0, named=True)
    assert first["quote_time"] == datetime(2015, 12, 24, 14, 31, tzinfo=UTC)
    assert (first["bid"], first["ask"], first["bid_size"], first["ask_size"]) == (10.5, 11.25, 3, 4)
    assert (first["strike"], first["expiration"], first["root"]) == (750.0, date(2016, 1, 15), "GOOG")
    assert (first["last"], first["volume"], first["open_interest"]) == (11.0, 7, 42)
    assert first["underlying_price"] == 748.54
    put = rows.filter(pl.col("right") == "P").row(0, named=True)
    assert (put["bid"], put["ask"], put["bid_size"]) == (None, 0.5, 0)


def test_a_trade_without_a_quote_in_its_minute_stands_beside_the_quote_before(
    lean: Path, import_file: Import, out: Path
) -> None:
    import_file(lean / "option" / "usa" / "minute" / "goog" / "20151224_quote_american.zip", as_format="lean")

    rows = pl.read_parquet(out / "GOOG_20151224_minute_american.parquet")
    second = rows.filter(pl.col("quote_time") == datetime(2015, 12, 24, 14, 32, tzinfo=UTC)).row(0, named=True)
    assert (second["last"], second["volume"], second["bid"], second["ask"]) == (10.8, 2, 10.5, 11.25)


def test_an_imported_day_plays_as_changes_and_keeps_silent_contracts(
    lean: Path, import_file: Import, out: Path
) -> None:
    import_file(lean / "option" / "usa" / "minute")
    at = datetime(2015, 12, 24, 14, 33, tzinfo=UTC)

    chain = RecordedMarket.from_paths([out], VirtualClock(at)).chain("GOOG", at)

    assert chain is not None
    assert chain.ask.tolist() == [11.35, 0.5]
    assert chain.volume is not None
    assert chain.volume.tolist()[0] == 9


def test_daily_bars_become_history_with_their_factors(lean: Path, import_file: Import, out: Path) -> None:
    import_file(lean / "equity" / "usa" / "daily")

    path = out / "underlying" / "SPY_daily.parquet"
    assert [bar.close for bar in read_histories([path]).bars["SPY"]] == [97.36, 97.75]
    assert pl.read_parquet(path)["adjusted_close"].to_list() == [48.68, 97.75]


def test_a_universe_is_a_day_without_quotes(lean: Path, import_file: Import, rows: Rows) -> None:
    found = import_file(lean / "option" / "usa" / "universes" / "goog" / "20151224.csv")

    assert found["rows"] == 1
    row = rows().row(0, named=True)
    assert row["quote_time"] == datetime(2015, 12, 24, 18, tzinfo=UTC)  # Christmas Eve closes early
    assert (row["underlying"], row["strike"], row["bid"], row["last"]) == ("GOOG", 450.0, None, 298.3)
    assert (row["open_interest"], row["implied_vol"], row["underlying_price"]) == (12, 1.7405, 748.4)


def test_rates_are_fractions(lean: Path, import_file: Import, out: Path) -> None:
    import_file(lean / "alternative")

    assert pl.read_parquet(out / "underlying" / "interest_rate.parquet").rows() == [(date(2003, 1, 9), 0.0225)]


def test_daily_quotes_stand_at_the_close_and_hours_end_with_it_in_folders_of_their_own(
    tmp_path: Path, import_file: Import, out: Path
) -> None:
    name = "goog_quote_american_put_4800000_20160129.csv"
    bar = "2531000,2531000,2429000,2481000,1,2551000,2558000,2465000,2521000,5"
    archive(
        tmp_path / "D" / "option" / "usa" / "daily" / "goog_2015_quote_american.zip", {name: f"20151224 00:00,{bar}\n"}
    )
    archive(
        tmp_path / "D" / "option" / "usa" / "hour" / "goog_2015_quote_american.zip",
        {name: f"20151224 09:00,{bar}\n20151224 12:00,{bar}\n20151223 15:00,{bar}\n"},
    )

    found = import_file(tmp_path / "D")

    assert (found["rows"], found["reasons"]) == (4, {}), found
    assert [("by daily lies in" in one["note"], one["rows"]) for one in found["files"]] == [(False, 3), (True, 1)]
    daily = pl.read_parquet(out / "daily" / "GOOG_2015_daily_american.parquet")
    assert daily["quote_time"].to_list() == [datetime(2015, 12, 24, 18, tzinfo=UTC)]
    hours = pl.read_parquet(out / "GOOG_2015_hour_american.parquet")
    assert [at.hour for at in hours["quote_time"]] == [21, 15, 18]


def test_rows_and_members_that_cannot_be_right_go_aside(tmp_path: Path, import_file: Import, out: Path) -> None:
    path = archive(
        tmp_path / "option" / "usa" / "minute" / "goog" / "20151224_quote_american.zip",
        {
            CALL.format("quote"): "34200000,1,1,1,105000,3,1,1,1,112500,4\nnoon,1,1,1,105000,3,1,1,1,112500,4\n"
            "99999999999,1,1,1,1,3,1,1,1,1,4\n34260000,1,1,1,-105000,3,1,1,1,112500,4\n34320000,1,1\n",
            "readme.csv": "34200000,1,1,1,105000,3,1,1,1,112500,4\n",
            PUT.format("quote").replace("20160115", "20151218"): "34200000,1,1,1,105000,3,1,1,1,112500,4\n",
        },
    )

    found = import_file(path, as_format="lean")

    assert found["rows"] == 1
    assert found["reasons"] == {"bad_member": 1, "bad_time": 2, "expired": 1, "negative_price": 1, "too_few_fields": 1}
    text = (out / "rejected" / "GOOG_20151224_minute_american.csv").read_text()
    assert f"{CALL.format('quote')}:2: noon,1,1,1" in text


@pytest.mark.parametrize("folder", ["futureoption/comex/minute/og/202004", "somewhere"])
def test_options_on_futures_are_refused_because_their_prices_are_not_scaled(
    folder: str, tmp_path: Path, import_file: Import
) -> None:
    name = "20200323_og_minute_quote_american_call_15000000_20200427.csv"
    path = archive(
        tmp_path / folder / "20200323_quote_american.zip", {name: "34200000,10.5,11,10,10.8,5,12,13,11,12.5,6\n"}
    )

    found = import_file(path, as_format="lean")

    assert found["rows"] == 0
    assert "holds options on futures" in found["files"][0]["error"]["message"]


def test_a_fraction_of_a_ten_thousandth_is_no_price(tmp_path: Path, import_file: Import, rows: Rows) -> None:
    bars = "".join(f"34{at}00000,1,1,1,105000,3,1,1,1,112500,4\n" for at in range(2, 6))
    text = bars + "34600000,1,1,1,10.5,3,1,1,1,112500,4\n"

    found = import_file(archive(tmp_path / "20151224_quote_american.zip", {CALL.format("quote"): text}))

    assert (found["rows"], found["reasons"]) == (4, {"bad_price": 1})
    assert set(rows()["bid"]) == {10.5}


def damaged(path: Path) -> Path:
    """Turn over a byte in the middle of the first member."""
    content = bytearray(path.read_bytes())
    content[len(CALL.format("quote")) + 60] ^= 0xFF
    path.write_bytes(bytes(content))
    return path


@pytest.mark.parametrize(
    ("break_it", "says"),
    [
        (lambda path: path.write_bytes(b"<html>") and path, "damaged or cut zip archive"),
        (lambda path: path.write_bytes(path.read_bytes()[:-40]) and path, "damaged or cut zip archive"),
        (damaged, "is damaged or cut short"),
    ],
    ids=["page", "cut", "damaged"],
)
def test_nothing_of_a_damaged_archive_is_imported(
    break_it: Callable[[Path], Path], says: str, tmp_path: Path, import_file: Import
) -> None:
    path = tmp_path / "20151224_quote_american.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as stream:
        bars = (f"{34_200_000 + 60_000 * at},1,1,1,{105_000 + at % 7},3,1,1,1,112500,4\n" for at in range(300))
        stream.writestr(CALL.format("quote"), "".join(bars))

    found = import_file(break_it(path), as_format="lean")

    assert (found["rows"], found["rejected"]) == (0, 0)
    assert says in found["files"][0]["error"]["message"]


def test_a_folder_without_lean_files_is_refused(tmp_path: Path, import_file: Import) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "a.csv").write_text("x,y\n1,2\n")

    found = import_file(tmp_path / "other", as_format="lean")

    assert "is not lean" in found["files"][0]["error"]["message"]


def test_every_row_of_quotes_trades_and_interest_is_accounted_for(
    tmp_path: Path, import_file: Import, out: Path
) -> None:
    folder = tmp_path / "option" / "usa" / "minute" / "goog"
    bar = "34200000,1,1,1,105000,3,1,1,1,112500,4"
    trade = "34200000,110000,110000,110000,110000,7"
    archive(folder / "20151224_quote_american.zip", {CALL.format("quote"): f"{bar}\n{bar}\n"})
    archive(
        folder / "20151224_trade_american.zip",
        {CALL.format("trade"): f"{trade}\n{trade}\n{trade.replace('34200000', '34260000')}\nnoon,1,1,1,1,1\n"},
    )
    archive(
        folder / "20151224_openinterest_american.zip",
        {
            CALL.format("openinterest"): "23460000,42\n23460000,43\n",
            PUT.format("openinterest"): "23460000,12\n",
        },
    )

    found = import_file(folder)

    assert found["rows"] == 2
    assert found["reasons"] == {"bad_time": 1, "duplicate": 3, "no_quote": 1}
    assert found["quality"]["merged"] == 2
    assert found["rows"] + found["rejected"] + found["quality"]["merged"] == 9
    with Path(found["files"][0]["rejected_to"]).open(newline="") as stream:
        kept = {(row["reason"], row["text"]) for row in csv.DictReader(stream)}
    assert kept == {
        ("bad_time", f"{CALL.format('trade')}:4: noon,1,1,1,1,1"),
        ("duplicate", f"{CALL.format('quote')}:2: {bar}"),
        ("duplicate", f"{CALL.format('trade')}:2: {trade}"),
        ("duplicate", f"{CALL.format('openinterest')}:2: 23460000,43"),
        ("no_quote", f"{PUT.format('openinterest')}:1: 23460000,12"),
    }


def test_bars_of_quotes_stand_beside_those_of_trades_and_a_bar_stands_once(
    tmp_path: Path, import_file: Import, out: Path
) -> None:
    folder = tmp_path / "equity" / "usa" / "minute" / "goog"
    bar = "34200000,7495500,7499900,7485400,7485400,11492"
    archive(folder / "20151224_trade.zip", {"20151224_goog_minute_trade.csv": f"{bar}\n{bar}\n"})
    archive(
        folder / "20151224_quote.zip",
        {"20151224_goog_minute_quote.csv": "34200000,10,10,10,10000,1,10,10,10,12000,1\n"},
    )

    found = import_file(tmp_path / "equity")

    assert (found["rows"], found["reasons"]) == (2, {"duplicate": 1})
    assert {Path(one["output"]).name for one in found["files"]} == {
        "GOOG_20151224_minute.parquet",
        "GOOG_20151224_minute_quote.parquet",
    }


def test_lines_of_factors_that_are_none_go_aside(tmp_path: Path, import_file: Import, out: Path) -> None:
    path = tmp_path / "factor_files" / "spy.csv"
    path.parent.mkdir()
    path.write_text("20200102,0.5,1,1\nnever,1,1,1\n20200103,nan,1,1\n20200104\n20200105,-1,1,1\n\n20501231,1,1,0\n")

    found = import_file(path)

    assert (found["rows"], found["reasons"]) == (2, {"bad_entry": 4})


def test_minutes_and_days_of_one_folder_are_played_each_by_itself(lean: Path, import_file: Import, out: Path) -> None:
    bar = "100000,110000,90000,105000,3,110000,120000,100000,112500,4"
    archive(
        lean / "option" / "usa" / "daily" / "goog_2015_quote_american.zip",
        {"goog_quote_american_call_7500000_20160115.csv": f"20151223 00:00,{bar}\n20151224 00:00,{bar}\n"},
    )

    import_file(lean)
    again = import_file(lean, again=True)

    at = datetime(2015, 12, 24, 18, tzinfo=UTC)
    minutes, days = (RecordedMarket.from_paths([folder], VirtualClock(at)) for folder in (out, out / "daily"))
    by_minute, by_day = minutes.chain("GOOG", at), days.chain("GOOG", at)
    assert by_minute is not None
    assert by_day is not None
    assert (len(by_minute), len(by_day)) == (2, 1)  # the put was silent since the morning, and still stands
    assert {str(Path(one["output"]).parent) for one in again["files"]} == {
        str(out),
        str(out / "daily"),
        str(out / "universe"),
        str(out / "underlying"),
    }
    assert again["reasons"] == {"bad_bar": 1}


def test_recordings_of_two_grains_are_not_played_together(lean: Path, import_file: Import, out: Path) -> None:
    import_file(lean)
    paths = [*out.glob("GOOG*.parquet"), *(out / "universe").glob("*.parquet")]
    at = datetime(2015, 12, 24, 18, tzinfo=UTC)

    with pytest.raises(InvalidInput, match=r"GOOG is in .*universe.parquet as snapshots and in .* as changes"):
        RecordedMarket.from_paths(paths, VirtualClock(at)).chain("GOOG", at)


def test_seconds_end_a_second_later(tmp_path: Path, import_file: Import, out: Path) -> None:
    path = archive(
        tmp_path / "20151224_quote_american.zip",
        {CALL.format("quote").replace("minute", "second"): "34200000,1,1,1,105000,3,1,1,1,112500,4\n"},
    )

    import_file(path)

    (recording,) = out.glob("*_second_american.parquet")
    assert pl.read_parquet(recording)["quote_time"].to_list() == [datetime(2015, 12, 24, 14, 30, 1, tzinfo=UTC)]
