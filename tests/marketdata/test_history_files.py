from datetime import date
from pathlib import Path

import polars as pl
import pytest

from thetaloom.errors import InvalidInput
from thetaloom.marketdata.history_files import read_histories

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data" / "underlying"
HEADING = "symbol,date,open,high,low,close,volume,iv\n"


def test_bars_and_volatilities_by_symbol_oldest_first(tmp_path: Path) -> None:
    file = tmp_path / "daily.csv"
    file.write_text(
        HEADING
        + "SPY,2026-01-06,561,563,560,562,1000,0.15\n"
        + "SPY,2026-01-05,560,562,559,561,900,\n"
        + "QQQ,2026-01-05,480,482,479,481,800,0.2\n"
    )

    known = read_histories([file])

    assert [bar.session_on for bar in known.bars["SPY"]] == [date(2026, 1, 5), date(2026, 1, 6)]
    assert known.bars["SPY"][1].close == 562
    assert known.ivs == {"SPY": ((date(2026, 1, 6), 0.15),), "QQQ": ((date(2026, 1, 5), 0.2),)}


def test_a_file_of_one_symbol_is_named_for_it(tmp_path: Path) -> None:
    file = tmp_path / "VIX_daily.parquet"
    day = {"session_date": [date(2026, 1, 5)], "open": [15.0], "high": [16.0], "low": [14.5], "close": [15.5]}
    pl.DataFrame(day).write_parquet(file)

    (bar,) = read_histories([file]).bars["VIX"]

    assert (bar.session_on, bar.close) == (date(2026, 1, 5), 15.5)
    assert bar.volume is None


def test_of_two_bars_of_one_session_the_later_files_stands(tmp_path: Path) -> None:
    for name, close in (("a.csv", 561), ("b.csv", 561.5)):
        (tmp_path / name).write_text(HEADING + f"SPY,2026-01-05,560,562,559,{close},900,\n")

    known = read_histories([tmp_path / "a.csv", tmp_path / "b.csv"])

    assert [bar.close for bar in known.bars["SPY"]] == [561.5]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("symbol,date,open,high,low\nSPY,2026-01-05,1,2,1\n", "column close is missing"),
        ("symbol,open,high,low,close\nSPY,1,2,1,1\n", "column date is missing"),
        (HEADING + "SPY,yesterday,1,2,1,1,1,\n", "column date is String"),
        (HEADING + "SPY,2026-01-05,one,2,1,1,1,\n", "column open is String"),
        (HEADING + "SPY,2026-01-05,560,559,558,560,1,\n", "cannot be right"),
        (HEADING + "SPY,2026-01-05,0,1,0,1,1,\n", "cannot be right"),
        (HEADING + "SPY,2026-01-05,,1,1,1,1,\nSPY,2026-01-06,1,1,1,1,1,\n", "lacks a price"),
        (HEADING + "SPY,2026-01-05,1,2,1,1,1,25\n", "no volatility"),
        (HEADING + "SPY,2026-01-05,1,2,1,1,1,0\n", "no volatility"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "daily.csv"
    file.write_text(text)

    with pytest.raises(InvalidInput, match=problem):
        read_histories([file])


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_text("no parquet")

    for name in ("broken.parquet", "none.csv"):
        with pytest.raises(InvalidInput, match="cannot be read"):
            read_histories([tmp_path / name])


def test_the_float_noise_of_adjusted_prices_is_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "daily.csv"
    file.write_text(HEADING + "SPY,2026-01-05,560,562.0000000001,559,562.0000000002,900,\n")

    (bar,) = read_histories([file]).bars["SPY"]

    assert bar.high == bar.close == 562


def test_no_files_know_nothing() -> None:
    known = read_histories([])

    assert not known.bars
    assert not known.ivs


@pytest.mark.shared_data
def test_real_histories_are_read() -> None:
    if not SHARED.exists():
        pytest.skip(f"recorded data is not beside the checkout: {SHARED}")

    known = read_histories([SHARED / "SPY_daily_2024_2026.parquet", SHARED / "VIX_daily.parquet"])

    assert set(known.bars) == {"SPY", "VIX"}
    assert len(known.bars["SPY"]) == 508
    assert known.bars["VIX"][0].session_on == date(2019, 1, 2)
