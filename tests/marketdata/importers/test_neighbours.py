"""Two files that tell of the same contract at the same instant: one row stays, so that the folder can be played."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from tests.marketdata.importers.conftest import Import
from tests.marketdata.importers.layouts_by_hand import DOLTHUB_HEADER, DOLTHUB_ROWS, text_of
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.importers.listing import folders_below
from thetaloom.marketdata.recorded.market import RecordedMarket

Rows = Callable[[], pl.DataFrame]
CALL, PUT = DOLTHUB_ROWS
AT = datetime(2020, 11, 27, 18, tzinfo=UTC)


def test_a_row_that_stands_in_another_recording_is_a_duplicate(import_file: Import, rows: Rows, out: Path) -> None:
    import_file(text_of("dolthub"), "first.csv")
    other = CALL.replace("115.00", "120.00")

    found = import_file(f"{DOLTHUB_HEADER}\n{CALL.replace('3.75', '3.70')}\n{other}\n", "second.csv")

    assert (found["rows"], found["reasons"], found["quality"]["duplicates"]) == (1, {"duplicate": 1}, 1)
    assert CALL.replace("3.75", "3.70") in Path(found["files"][0]["rejected_to"]).read_text()
    chain = RecordedMarket.from_paths([out], VirtualClock(AT)).chain("AAPL", AT)
    assert chain is not None
    assert len(chain) == rows().height == 3


def test_files_of_other_vendors_and_instants_do_not_meet(import_file: Import, rows: Rows) -> None:
    import_file(text_of("dolthub"), "first.csv")

    next_day = text_of("dolthub").replace("2020-11-27", "2020-11-30")
    assert import_file(next_day, "second.csv")["rejected"] == 0
    other_symbol = text_of("dolthub").replace("AAPL", "MSFT")
    assert import_file(other_symbol, "third.csv")["rejected"] == 0
    assert rows().height == 6


def test_a_root_that_is_not_told_is_the_usual_one(import_file: Import) -> None:
    row = "2020-11-27,{},2020-12-18,3600,Call,3.75,3.85,,,,,,"
    import_file(f"{DOLTHUB_HEADER}\n{row.format('SPX')}\n", "first.csv")

    found = import_file(f"{DOLTHUB_HEADER}\n{row.format('SPXW')}\n", "second.csv")

    assert (found["rows"], found["reasons"]) == (0, {"duplicate": 1})
    assert found["files"][0]["output"] is None


def test_importing_again_finds_no_duplicates_of_itself(import_file: Import, rows: Rows) -> None:
    for _ in range(2):
        found = import_file(text_of("dolthub"), "first.csv", again=True)

    assert (found["rows"], found["rejected"]) == (2, 0)
    assert rows().height == 2


def test_one_file_under_two_formats_names_is_imported_once(import_file: Import, rows: Rows) -> None:
    import_file(text_of("dolthub"), "first.csv", as_format="auto")

    found = import_file(text_of("dolthub"), "copy.csv", as_format="dolthub")

    assert [one["skipped"] for one in found["files"]] == [True]
    assert found["files"][0]["source"].endswith("copy.csv")
    assert rows().height == 2


def test_a_file_in_the_folder_that_is_no_recording_is_left_alone(import_file: Import, out: Path) -> None:
    out.mkdir()
    (out / "notes.parquet").write_bytes(b"PAR1 and nothing more")

    assert import_file(text_of("dolthub"))["rows"] == 2
    assert (out / "notes.parquet").read_bytes() == b"PAR1 and nothing more"


def test_a_file_that_has_changed_takes_the_place_of_what_it_was(import_file: Import, rows: Rows, out: Path) -> None:
    import_file(text_of("dolthub"), "chain.csv")

    found = import_file(text_of("dolthub").replace("3.75", "3.70"), "chain.csv")

    assert (found["rows"], found["rejected"]) == (2, 0)
    assert sorted(rows()["bid"].to_list()) == [2.1, 3.7]
    assert [path.name for path in out.glob("*.parquet")] == ["chain.parquet"]


def test_what_an_import_wrote_is_no_source_of_the_next_one(import_file: Import, tmp_path: Path, out: Path) -> None:
    import_file(text_of("dolthub") + CALL.replace("115.00", "-1") + "\n", "chain.csv")

    found = import_file(tmp_path)

    assert [Path(one["source"]).name for one in found["files"]] == ["chain.csv"]
    assert not [one for one in found["files"] if one["error"]]


def test_a_recorders_parts_are_no_folder_of_another_grain(tmp_path: Path) -> None:
    for name in (".parts", "daily", "underlying"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "SPY_2026-01-05.parquet").write_bytes(b"")

    assert folders_below(tmp_path) == [tmp_path / "daily"]
