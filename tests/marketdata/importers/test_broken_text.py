"""Files as they come: other orders, encodings, spellings and packings, and rows that cannot be right."""

import csv
import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.marketdata.importers.conftest import Import
from tests.marketdata.importers.layouts_by_hand import (
    CBOE_TITLE,
    DOLTHUB_HEADER,
    DOLTHUB_ROWS,
    FILES,
    OPTIONSDX_HEADER,
    OPTIONSDX_ROW,
    text_of,
)
from thetaloom.domain.market.rates import RateCurve
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.importers.importing import Wish
from thetaloom.marketdata.importers.runs import import_paths
from thetaloom.marketdata.recorded.market import RecordedMarket

Rows = Callable[[], pl.DataFrame]
CALL, PUT = DOLTHUB_ROWS


def zipped(name: str, content: bytes) -> bytes:
    """A zip archive of one file."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.replace("SPDR", "Société").encode("cp1252"),
        lambda text: text.replace("\n", "\n\n").encode(),
        lambda text: text.rstrip("\n").encode(),
        lambda text: gzip.compress(text.encode()),
        lambda text: zipped("inner.csv", text.encode()),
        lambda text: zipped("inner.zip", zipped("spx.csv", text.encode())),
        lambda text: zipped("inner.csv.gz", gzip.compress(text.encode())),
    ],
    ids=[
        "crlf",
        "cr",
        "bom",
        "utf-16",
        "utf-16-le",
        "cp1252",
        "blank-lines",
        "no-last-newline",
        "gzip",
        "zip",
        "zip-in-zip",
        "gzip-in-zip",
    ],
)
def test_packing_encoding_and_line_ends_change_nothing(
    name: str, change: Callable[[str], bytes], import_file: Import
) -> None:
    found = import_file(
        change(text_of(name)), FILES[name][0], as_format=name, symbol="SPX" if name == "optionsdx" else None
    )

    assert (found["rows"], found["rejected"]) == (2, 0), found["files"]


def test_zstandard_is_unpacked(import_file: Import) -> None:
    stream = io.BytesIO()
    pl.LazyFrame({"line": text_of("dolthub").splitlines()}).sink_csv(
        stream, include_header=False, quote_style="never", compression="zstd", check_extension=False
    )
    assert stream.getvalue()[:4] == b"\x28\xb5\x2f\xfd"

    found = import_file(stream.getvalue(), "chain.csv.zst", as_format="dolthub")

    assert (found["rows"], found["rejected"]) == (2, 0), found["files"]


def test_damaged_zstandard_is_refused(import_file: Import) -> None:
    found = import_file(b"\x28\xb5\x2f\xfd no frame", "chain.csv.zst", as_format="dolthub")

    assert "damaged" in found["files"][0]["error"]["message"]


def test_columns_may_stand_in_any_order_and_more_of_them(import_file: Import, rows: Rows) -> None:
    lines = [",".join(reversed([*line.split(","), "extra"])) for line in (DOLTHUB_HEADER, *DOLTHUB_ROWS)]

    found = import_file("\n".join(lines), as_format="dolthub")

    assert found["rows"] == 2
    assert rows().filter(pl.col("right") == "C")["implied_vol"].to_list() == [0.3104]


def test_optional_columns_may_be_missing(import_file: Import, rows: Rows) -> None:
    found = import_file(
        "date,act_symbol,expiration,strike,call_put,bid,ask\n2020-11-27,AAPL,2020-12-18,115,C,3.7,3.8\n"
    )

    assert (found["rows"], found["rejected"]) == (1, 0)
    assert "delta" not in rows().columns


def test_semicolons_and_decimal_commas_are_european(import_file: Import, rows: Rows) -> None:
    lines = [DOLTHUB_HEADER.replace(",", ";"), *(line.replace(",", ";").replace(".", ",") for line in DOLTHUB_ROWS)]

    found = import_file("\n".join(lines))

    assert (found["rows"], found["rejected"]) == (2, 0)
    assert rows().sort("right")["bid"].to_list() == [3.75, 2.1]


def test_quoted_numbers_and_thousands_are_numbers(import_file: Import, rows: Rows) -> None:
    found = import_file(f'{DOLTHUB_HEADER}\n"2020-11-27","AAPL","2020-12-18","1,115.00","Call","$3.75"," 3.85 "\n')

    assert found["rejected"] == 1  # it has too few fields
    found = import_file(
        f'{DOLTHUB_HEADER}\n"2020-11-27","AAPL","2020-12-18","1,115.00","Call","$3.75"," 3.85 ",,,,,,\n'
    )
    assert found["rows"] == 1
    assert rows().select("strike", "bid", "ask").row(0) == (1115.0, 3.75, 3.85)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (",115.00,Call", ",,Call", "no_strike"),
        (",115.00,Call", ",x,Call", "bad_strike"),
        (",115.00,Call", ",-115,Call", "bad_strike"),
        (",115.00,Call", ",0,Call", "bad_strike"),
        (",115.00,Call", ",115.00001,Call", "bad_strike"),
        (",115.00,Call", ",inf,Call", "bad_strike"),
        (",2020-12-18,115.00,Call", ",,115.00,Call", "no_expiration"),
        (",2020-12-18,115.00,Call", ",2020-13-45,115.00,Call", "bad_expiration"),
        (",2020-12-18,115.00,Call", ",2020-11-20,115.00,Call", "expired"),
        (",115.00,Call", ",115.00,", "no_right"),
        (",115.00,Call", ",115.00,Straddle", "bad_right"),
        ("2020-11-27,AAPL,2020-12-18,115.00,Call", ",AAPL,2020-12-18,115.00,Call", "no_time"),
        ("2020-11-27,AAPL,2020-12-18,115.00,Call", "yesterday,AAPL,2020-12-18,115.00,Call", "bad_time"),
        ("2020-11-27,AAPL,2020-12-18,115.00,Call", "1987-10-19,AAPL,2020-12-18,115.00,Call", "outside_calendar"),
        ("AAPL,2020-12-18,115.00,Call", ",2020-12-18,115.00,Call", "no_symbol"),
        ("AAPL,2020-12-18,115.00,Call", "TOOLONGNAME,2020-12-18,115.00,Call", "bad_symbol"),
        (",3.75,3.85,", ",-3.75,3.85,", "negative_price"),
        (",3.75,3.85,", ",-1,3.85,", "negative_price"),
        (",3.75,3.85,", ",3.75,-999,", "negative_price"),
        (",3.75,3.85,", ",3.75,9.99e+37,", "price_too_large"),
        (",3.75,3.85,", ",3.75,inf,", "bad_price"),
        (",3.75,3.85,", ",abc,3.85,", "bad_price"),
        (",3.75,3.85,", ",3.75,", "too_few_fields"),
        (",3.75,3.85,", ",3,75,3,85,", "too_many_fields"),
    ],
)
def test_a_row_that_cannot_be_right_goes_aside_with_its_reason(
    old: str, new: str, reason: str, import_format: Import, out: Path
) -> None:
    found = import_format("dolthub", (old, new))

    assert (found["rows"], found["rejected"], found["reasons"]) == (1, 1, {reason: 1})
    with (out / "rejected" / "option_chain.csv").open(newline="") as stream:
        (kept,) = csv.DictReader(stream)
    assert (kept["line"], kept["reason"], kept["text"]) == ("2", reason, CALL.replace(old, new))


@pytest.mark.parametrize(
    ("bid", "ask", "kept", "counted"),
    [
        ("NaN", "3.85", (None, 3.85), "one_sided"),
        ("", "3.85", (None, 3.85), "one_sided"),
        ("N/A", "3.85", (None, 3.85), "one_sided"),
        ("0", "3.85", (0.0, 3.85), "zero_bid"),
        ("0.00", "0.0", (None, None), "unquoted"),
        ("4.00", "3.85", (4.0, 3.85), "crossed"),
        ("3.85", "3.85", (3.85, 3.85), "locked"),
        ("3.85", "0", (3.85, 0.0), "one_sided"),
    ],
)
def test_a_doubtful_quote_stays_and_is_counted(
    bid: str, ask: str, kept: tuple[float | None, float | None], counted: str, import_format: Import, rows: Rows
) -> None:
    found = import_format("dolthub", (",3.75,3.85,", f",{bid},{ask},"))

    assert (found["rows"], found["rejected"]) == (2, 0)
    assert rows().filter(pl.col("right") == "C").select("bid", "ask").row(0) == kept
    assert found["quality"][counted] == 1


@pytest.mark.parametrize("marker", ["-999", "-999.0", "9.99e+37", "NaN", "inf", "-1", "null"])
def test_markers_for_no_number_leave_greeks_unknown(marker: str, import_format: Import, rows: Rows) -> None:
    found = import_format("dolthub", ("0.3104,0.5612", f"{marker},{'-999' if marker == '-1' else marker}"))

    assert (found["rows"], found["rejected"]) == (2, 0)
    assert rows().filter(pl.col("right") == "C").select("implied_vol", "delta").row(0) == (None, None)


def test_of_two_rows_of_one_contract_and_instant_the_first_stays(import_format: Import, rows: Rows, out: Path) -> None:
    found = import_format("dolthub", more=CALL.replace("3.75", "3.65") + "\n")

    assert (found["rows"], found["reasons"], found["quality"]["duplicates"]) == (2, {"duplicate": 1}, 1)
    assert 3.65 not in rows()["bid"].to_list()
    assert CALL.replace("3.75", "3.65") in (out / "rejected" / "option_chain.csv").read_text()


def test_a_symbol_that_contradicts_its_row_is_rejected(import_format: Import) -> None:
    found = import_format(
        "deltaneutral", ("150117C00200000,SPY,2015-01-17,200,", "150117C00200000,SPY,2015-01-17,205,")
    )

    assert found["reasons"] == {"symbol_mismatch": 1}


@pytest.mark.parametrize(
    ("given", "underlying", "root"),
    [
        ("^SPX", "SPX", None),
        ("$SPX", "SPX", None),
        ("BRK/B", "BRKB", None),
        ("BRK.B", "BRKB", None),
        ("aapl", "AAPL", None),
        ("SPXW", "SPX", "SPXW"),
        ("AAPL1", "AAPL", "AAPL1"),
    ],
)
def test_symbols_are_written_as_the_occ_writes_roots(
    given: str, underlying: str, root: str | None, import_format: Import, rows: Rows
) -> None:
    import_format("dolthub", (",AAPL,2020-12-18,115.00,Call", f",{given},2020-12-18,115.00,Call"), (PUT + "\n", ""))

    found = rows().row(0, named=True)
    assert (found["underlying"], found.get("root")) == (underlying, root)


@pytest.mark.parametrize(
    "spelled", ["11/27/2020", "27-Nov-2020", "20201127", "20201127.0", "2020-11-27 00:00:00", "Nov 27, 2020"]
)
def test_dates_in_other_spellings_are_the_same_close(spelled: str, import_format: Import, rows: Rows) -> None:
    found = import_format("dolthub", (f"{CALL}\n{PUT}", CALL.replace("2020-11-27", f'"{spelled}"')))

    assert found["rows"] == 1, found
    assert str(rows()["quote_time"][0]) == "2020-11-27 18:00:00+00:00"


def test_a_quote_that_is_never_closed_spoils_its_own_line_alone(import_format: Import) -> None:
    found = import_format("dolthub", ("2020-11-27,AAPL", '2020-11-27,"AAPL'))

    assert (found["rows"], found["rejected"]) == (1, 1)


def test_a_line_of_a_million_characters_is_one_rejected_row(import_format: Import) -> None:
    found = import_format("dolthub", more="x" * 1_000_000 + "\n")

    assert (found["rows"], found["rejected"]) == (2, 1)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\xef\xbb\xbf\n\n", "is empty"),
        (b"PAR1\x00\x00\x00\x00\x15\x04", "is no table; it looks like a Parquet file"),
        (b"hello\nworld\n", "no line at its top has the columns"),
        (zipped("a.csv", b"x" * 5000)[:80], "damaged or cut"),
        (gzip.compress(text_of("dolthub").encode())[:-12], "damaged or cut"),
        (text_of("l3").encode(), "looks like l3"),
        (b'{"symbol": "X", "callExpDateMap": {}}', "looks like schwab_json"),
    ],
    ids=["empty", "blank", "parquet", "other-text", "cut-zip", "cut-gzip", "other-format", "json"],
)
def test_a_file_that_is_not_of_the_format_is_refused_in_plain_words(
    content: bytes, says: str, import_file: Import, out: Path
) -> None:
    found = import_file(content, "chain.csv", as_format="dolthub")

    assert found["rows"] == 0
    assert says in found["files"][0]["error"]["message"]
    assert not list(out.glob("*.parquet"))


def test_optionsdx_without_a_symbol_in_its_name_needs_one_given(import_file: Import, rows: Rows) -> None:
    text = f"{OPTIONSDX_HEADER}\n{OPTIONSDX_ROW}\n"

    assert import_file(text, "202001.txt", as_format="optionsdx")["reasons"] == {"no_symbol": 2}
    assert import_file(text, "202001.txt", as_format="optionsdx", symbol="^spx")["rows"] == 2
    assert set(rows()["underlying"]) == {"SPX"}


def test_a_cboe_page_without_its_date_is_refused(import_file: Import) -> None:
    text = text_of("cboe_csv").replace('"Date: September 14, 2023 at 2:31 PM EDT",', "")

    found = import_file(text, as_format="cboe_csv")

    assert "date of the page" in found["files"][0]["error"]["message"]
    assert CBOE_TITLE in text


def test_a_large_file_is_read_in_batches_and_sorted_by_time(
    import_file: Import, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thetaloom.marketdata.importers.sources.BATCH_BYTES", 4_000)
    monkeypatch.setattr("thetaloom.marketdata.importers.opening.SNIFFED", 2_000)
    monkeypatch.setattr("thetaloom.marketdata.importers.collecting.KEPT_ROWS", 100)
    monkeypatch.setattr("thetaloom.marketdata.importers.collecting.GROUP_ROWS", 150)
    days = ["2020-11-25", "2020-11-23", "2020-11-24", "2020-11-27"]
    lines = [f"{on},AAPL,2020-12-18,{50 + at},Call,3.75,3.85,0.3,0.5,0.1,0,0,0" for on in days for at in range(100)]

    found = import_file("\n".join([DOLTHUB_HEADER, *lines, lines[7]]), as_format="dolthub")

    assert (found["rows"], found["reasons"]) == (400, {"duplicate": 1})
    assert rows()["quote_time"].is_sorted()
    assert rows()["session_date"].n_unique() == 4


def test_an_import_ended_in_the_middle_leaves_what_was_finished_and_goes_on(
    tmp_path: Path, out: Path, calendar: TradingCalendar
) -> None:
    paths = [tmp_path / f"{name}.csv" for name in ("first", "second")]
    for path, strike in zip(paths, ("115.00", "120.00"), strict=True):
        path.write_text(f"{DOLTHUB_HEADER}\n{CALL.replace('115.00', strike)}\n")
    wish = Wish(format_name="dolthub", out=out, symbol=None, calendar=calendar, rates=RateCurve.flat(0.03))

    def end(source: str, number: int, of: int, read: int) -> None:
        if number == 2 and read:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_paths(paths, wish, heard=end)
    left = sorted(path.name for path in out.iterdir())
    found = import_paths(paths, wish)

    assert left == ["first.parquet", "imported.json"]
    assert [one.skipped for one in found.files] == [True, False]
    assert sorted(path.name for path in out.iterdir()) == ["first.parquet", "imported.json", "second.parquet"]


def test_a_line_that_ends_in_the_old_way_among_others_spoils_itself_alone(import_format: Import) -> None:
    found = import_format(
        "dolthub", ("2020-11-27,AAPL,2020-12-18,115.00,Put", "2020-11-27,AA\rPL,2020-12-18,115.00,Put")
    )
    in_header = import_format("deribit", ("mark_price,", "\r,"))

    assert (found["rows"], found["reasons"]) == (1, {"bad_symbol": 1})
    assert (in_header["rows"], in_header["rejected"]) == (2, 0)


def test_a_contract_without_its_root_is_the_one_of_the_usual_root(import_format: Import, rows: Rows, out: Path) -> None:
    line = text_of("l3").split("\n")[1].replace("SPX", "AAPL")

    found = import_format("l3", more=f"{line}\n{line.replace('AAPL170317C02250000', '')}\n")

    assert (found["rows"], found["reasons"]) == (3, {"duplicate": 1})
    at = rows()["quote_time"][0]
    assert RecordedMarket.from_paths([out], VirtualClock(at)).chain("AAPL", at) is not None


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ("10:15 2020-11-27", (15, 15)),
        ("2020-11-27 10:15:00-0500", (15, 15)),
        ("2020-11-27 10:15 AM -05:00", (15, 15)),
        ("2020-11-27T16:15:30.5+01:00", (15, 15)),
        ("2020-11-27 10:15-30:00", None),
        ("27/11/2020 16.15 CET", (15, 15)),
    ],
)
def test_the_strokes_of_a_date_are_no_offset(
    told: str, at: tuple[int, int] | None, import_format: Import, rows: Rows
) -> None:
    found = import_format("dolthub", ("2020-11-27,AAPL,2020-12-18,115.00,Call", f"{told},AAPL,2020-12-18,115.00,Call"))

    if at is None:
        assert found["reasons"] == {"bad_time": 1}
    else:
        moment = rows().filter(pl.col("right") == "C")["quote_time"][0]
        assert (moment.hour, moment.minute) == at
