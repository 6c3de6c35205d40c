"""What LEAN's cloud sends otherwise than its data folder has it: universes by symbol, one archive of all factors."""

import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from tests.marketdata.importers.conftest import Import

Rows = Callable[[], pl.DataFrame]

BY_SYMBOL = (
    "#symbol_id,symbol_value,open,high,low,close,volume,open_interest,implied_volatility,delta,gamma,vega,theta,rho\n"
    "SPX 31,SPX,5488.48,5523.64,5451.12,5460.48,7199220000,,,,,,,\n"
    "SPX Z3DLU7UBV6SU|SPX 31,SPX   260618C05400000,780.3,853.9,709.6,767.75,4,135,0.1638,0.6382,0.0003,26.6,-0.5,55.5\n"
    "SPX Z8DSNBS7V966|SPX 31,SPX   261218C05400000,893.14,907.71,893.14,907.54,37,1039,0.17,0.64,0.0002,28.9,-0.4,67\n"
)


def archive(path: Path, **members: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as packed:
        for name, text in members.items():
            packed.writestr(f"{name}.csv", text)


def test_a_universe_may_name_its_contracts_by_symbol(tmp_path: Path, import_file: Import, rows: Rows) -> None:
    path = tmp_path / "universes" / "spx" / "20240628.csv"
    path.parent.mkdir(parents=True)
    path.write_text(BY_SYMBOL)

    found = import_file(path)

    assert (found["rows"], found["rejected"], found["quality"]["merged"]) == (2, 0, 1)
    assert found["quality"]["unquoted"] == 2
    names = ("root", "expiration", "strike", "right", "last", "open_interest", "underlying_price")
    assert rows().select(names).row(0) == ("SPX", date(2026, 6, 18), 5400.0, "C", 767.75, 135, 5460.48)


@pytest.mark.parametrize("has_its_own", [False, True])
def test_factors_of_all_securities_come_in_one_archive(
    has_its_own: bool, tmp_path: Path, import_file: Import, out: Path
) -> None:
    equity = tmp_path / "equity" / "usa"
    every = {"spy": "20200102,0.5,1,1\n20501231,1,1,0\n", "aapl": "20200102,1,0.25,1\nnever,1,1,1\n"}
    archive(equity / "factor_files" / "factor_files_20211201.zip", **every)
    archive(equity / "map_files" / "map_files_20211201.zip", spy="19980102,spy,P\n20501231,spy,P\n")
    archive(equity / "daily" / "spy.zip", spy="20200102 00:00,1000000,1000000,1000000,1000000,5\n")
    if has_its_own:
        (equity / "factor_files" / "spy.csv").write_text("20200102,0.8,1,1\n")

    found = import_file(tmp_path / "equity")

    assert found["reasons"] == {"bad_entry": 1}
    assert not [one["error"] for one in found["files"] if one["error"] is not None]
    written = out / "underlying"
    assert pl.read_parquet(written / "SPY_daily.parquet")["adjusted_close"].to_list() == [80.0 if has_its_own else 50.0]
    assert pl.read_parquet(written / "factor_files_20211201.parquet")["security"].to_list() == ["aapl", "spy", "spy"]
    assert pl.read_parquet(written / "map_files_20211201.parquet").height == 2
