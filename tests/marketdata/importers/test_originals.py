"""Originals of real vendors against recordings that somebody else made of the same files, row by row."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.marketdata.importers.conftest import Import

SHARED = Path(__file__).parents[4] / "shared" / "data"
pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not SHARED.is_dir(), reason="the recorded data is not beside this checkout"),
]
CONTRACT = ["quote_time", "underlying", "expiration", "strike", "right"]


def differing(ours: pl.DataFrame, theirs: pl.DataFrame, keys: list[str]) -> dict[str, int]:
    """Count by column the cells that differ, of rows that stand in both."""
    both = ours.join(
        theirs.with_columns(pl.col("quote_time").cast(pl.Datetime("us", "UTC"))), on=keys, suffix="_theirs"
    )
    found = {"rows": both.height}
    for name in ours.columns:
        if f"{name}_theirs" not in both.columns:
            continue
        one, other = both[name], both[f"{name}_theirs"]
        if one.dtype.is_float():
            same = ((one - other).abs() < 1e-6).fill_null(False) | (one.is_null() & other.is_null())
        else:
            same = one.eq_missing(other)
        if not same.all():
            found[name] = int((~same).sum())
    return found


@pytest.mark.parametrize(
    ("original", "recording", "keys", "expected"),
    [
        (
            "cboe_quotedata_csv/spx_quotedata_20220205.csv",
            "cboe_quotedata/SPX_20220204.parquet",
            [*CONTRACT, "root"],
            {"rows": 20_514},
        ),
        (
            "cboe_quotedata_csv/spy_quotedata_20230914.csv",
            "cboe_quotedata/SPY_20230914.parquet",
            [*CONTRACT, "root"],
            {"rows": 7_292},
        ),
        # 294 contracts had expired before the day. They keep zeros where nothing was quoted; we write no quote.
        (
            "deltaneutral_csv/spy_options_20150105.csv",
            "spy_eod_20150105/SPY.parquet",
            [*CONTRACT, "root"],
            {"rows": 4_628, "bid": 515, "ask": 515},
        ),
        ("yfinance_csv/AAPL_20251201.csv", "yahoo_daily_2025/AAPL.parquet", CONTRACT, {"rows": 2_114}),
        # They round amounts of coins to whole contracts; 178 strikes are 100,000 or more.
        (
            "deribit_csv/deribit_20260717.csv",
            "crypto_2026/deribit_BTC_ETH.parquet",
            CONTRACT,
            {"rows": 1_422, "volume": 287, "open_interest": 534},
        ),
        (
            "lean/option/usa/minute/goog/20151224_quote_american.zip",
            "lean_minute/GOOG_20151224_minute.parquet",
            CONTRACT,
            {"rows": 275_552},
        ),
        (
            "lean/indexoption/usa/minute/spxw/20210104_quote_european.zip",
            "lean_minute/SPXW_20210104_minute.parquet",
            CONTRACT,
            {"rows": 4_565},
        ),
    ],
)
def test_an_original_gives_the_rows_that_others_read_from_it(
    original: str,
    recording: str,
    keys: list[str],
    expected: dict[str, int],
    import_file: Import,
    rows: Callable[[], pl.DataFrame],
) -> None:
    import_file(SHARED / "raw" / original)

    assert differing(rows(), pl.read_parquet(SHARED / recording), keys) == expected


def test_schwabs_original_is_imported_whole(import_file: Import) -> None:
    found = import_file(SHARED / "raw" / "schwab_chain_json" / "LUNR_20250410.json")

    assert (found["rows"], found["rejected"]) == (732, 0)
