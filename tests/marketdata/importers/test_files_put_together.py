"""Files as other programs leave them: several in one, other numbers' spellings, other units, columns renamed."""

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.marketdata.importers.conftest import Import
from tests.marketdata.importers.layouts_by_hand import DOLTHUB_HEADER, DOLTHUB_ROWS, text_of

Rows = Callable[[], pl.DataFrame]
CALL, PUT = DOLTHUB_ROWS
INTERVALS = (
    "underlying_symbol,quote_datetime,root,expiration,strike,option_type,open,high,low,close,trade_volume,bid_size,bid,"
    "ask_size,ask,underlying_bid,underlying_ask,implied_underlying_price,active_underlying_price,implied_volatility,"
    "delta,gamma,theta,vega,rho,open_interest"
)


def reasons_by_line(found: dict[str, Any]) -> dict[int, str]:
    """The reasons of the rejected rows, by their lines."""
    with Path(found["files"][0]["rejected_to"]).open(encoding="utf-8", newline="") as stream:
        return {int(row["line"]): row["reason"] for row in csv.DictReader(stream)}


def test_a_header_in_the_middle_is_a_rejected_line_and_the_rows_below_it_are_read(import_file: Import) -> None:
    found = import_file(f"{DOLTHUB_HEADER}\n{CALL}\n{DOLTHUB_HEADER}\n{PUT}\n")

    assert (found["rows"], reasons_by_line(found)) == (2, {3: "repeated_header"})


def test_below_a_header_of_other_columns_no_row_is_taken_for_what_it_is_not(import_file: Import, rows: Rows) -> None:
    swapped = DOLTHUB_HEADER.replace("bid,ask", "ask,bid")

    found = import_file(f"{DOLTHUB_HEADER}\n{CALL}\n{swapped}\n{PUT}\n{DOLTHUB_HEADER}\n{PUT}\n")

    assert reasons_by_line(found) == {3: "repeated_header", 4: "other_header", 5: "repeated_header"}
    assert rows().sort("right")["bid"].to_list() == [3.75, 2.1]


def test_a_header_of_other_columns_counts_over_the_batches(
    import_file: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thetaloom.marketdata.importers.sources.BATCH_BYTES", 500)
    monkeypatch.setattr("thetaloom.marketdata.importers.opening.SNIFFED", 500)
    swapped = DOLTHUB_HEADER.replace("bid,ask", "ask,bid")
    later = [PUT.replace("115.00", f"{strike}.00") for strike in range(50)]

    found = import_file("\n".join([DOLTHUB_HEADER, CALL, swapped, *later]))

    assert (found["rows"], found["reasons"]) == (1, {"other_header": 50, "repeated_header": 1})


def test_a_second_page_of_cboe_is_not_of_the_first_ones_moment(import_file: Import) -> None:
    page = text_of("cboe_csv")

    found = import_file(page + page.replace("September 14", "September 13"))

    assert found["rows"] == 2
    # Above the second header stand the title and the date of its page.
    assert found["reasons"] == {"other_header": 2, "repeated_header": 2, "too_few_fields": 4}


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        # What stands beside a number tells whether its comma or point parts thousands or decimals.
        ('"3,75","3,85"|"3.140"', (3140.0, 3.75)),
        ('"3,75","3,85"|"3.140,00"', (3140.0, 3.75)),
        ('3.75,3.85|"3,140"', (3140.0, 3.75)),
        ('3.75,3.85|"3,140.50"', (3140.5, 3.75)),
        ('"1,250","1,5"|3140', (3140.0, 1.25)),
        ('"1,4E-02","1,5"|3140', (3140.0, 0.014)),
    ],
)
def test_decimals_are_told_by_the_whole_file(
    cells: str, expected: tuple[float, float], import_file: Import, rows: Rows
) -> None:
    prices, strike = cells.split("|")

    found = import_file(f"{DOLTHUB_HEADER}\n2020-11-27,SPX,2020-12-18,{strike},Call,{prices},,,,,,\n")

    assert (found["rows"], found["rejected"]) == (1, 0), found["reasons"]
    assert rows().select("strike", "bid").row(0) == expected


@pytest.mark.parametrize(("separator", "strike"), [("\t", "3,140"), (";", "3,140"), ("|", "3,140.00")])
def test_american_numbers_between_other_separators_keep_their_points(
    separator: str, strike: str, import_file: Import, rows: Rows
) -> None:
    row = ["2020-11-27", "SPX", "2020-12-18", strike, "Call", "3.75", "3.85", "", "", "", "", "", ""]

    import_file(f"{DOLTHUB_HEADER.replace(',', separator)}\n{separator.join(row)}\n")

    assert rows().select("strike", "bid").row(0) == (3140.0, 3.75)


@pytest.mark.parametrize(
    ("name", "told", "expected"),
    [
        ("dolthub", ("0.3104", "31.04"), 0.3104),
        ("dolthub", ("0.3104", "31.04%"), 0.3104),
        ("deribit", ("54.93", "0.5493"), 0.5493),
        ("deribit", ("54.93", "54.93%"), 0.5493),
    ],
)
def test_volatilities_in_the_other_unit_are_brought_to_ours_and_counted(
    name: str, told: tuple[str, str], expected: float, import_file: Import, rows: Rows
) -> None:
    header, first, *_ = text_of(name).splitlines()

    found = import_file(f"{header}\n{first.replace(*told)}\n")

    assert rows()["implied_vol"].to_list() == [expected]
    assert found["quality"]["vols_of_other_unit"] == (0 if (name, "%" in told[1]) == ("dolthub", True) else 1)


def test_a_volatility_of_thousands_of_percent_on_the_last_day_stays(import_file: Import, rows: Rows) -> None:
    found = import_file(f"{DOLTHUB_HEADER}\n{CALL.replace('0.3104', '31.04').replace('2020-12-18', '2020-11-27')}\n")

    assert rows()["implied_vol"].to_list() == [31.04]
    assert found["quality"]["vols_of_other_unit"] == 0


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ("1606435200", "2020-11-27 18:00:00+00:00"),  # midnight is the day, and the day its close
        ("1606492800", "2020-11-27 16:00:00+00:00"),
        ("1606492800.5", "2020-11-27 16:00:00.500000+00:00"),
        ("1606492800123", "2020-11-27 16:00:00.123000+00:00"),
        ("1606492800123456000", "2020-11-27 16:00:00.123456+00:00"),
    ],
)
def test_instants_may_be_counted_since_1970(told: str, at: str, import_file: Import, rows: Rows) -> None:
    import_file(f"{DOLTHUB_HEADER}\n{CALL.replace('2020-11-27', told).replace('2020-12-18', '1608249600')}\n")

    assert [str(each) for each in rows().select("quote_time", "expiration").row(0)] == [at, "2020-12-18"]


def test_a_header_alone_is_said_to_have_no_rows(import_file: Import) -> None:
    found = import_file(f"{DOLTHUB_HEADER}\n")

    assert (found["rows"], found["rejected"]) == (0, 0)
    assert found["files"][0]["note"].endswith("holds no rows")


def test_intervals_of_datashop_stand_at_their_own_times(import_file: Import, rows: Rows) -> None:
    row = (
        "^SPX,2019-11-29 {},SPXW,2019-12-20,3140.000,C,0,0,0,0,4,11,17.1,9,17.8,3142.1,3142.9,3142.5,3142.5,0.1010,"
        "0.48,0.004,-0.8,2.9,0.9,900"
    )

    found = import_file(f"{INTERVALS}\n{row.format('09:45:00')}\n{row.format('10:00:00')}\n")

    assert [(one["format"], one["rows"]) for one in found["files"]] == [("datashop", 2)]
    first = rows().row(0, named=True)
    assert str(first["quote_time"]) == "2019-11-29 14:45:00+00:00"
    assert (first["bid"], first["ask"], first["bid_size"], first["implied_vol"]) == (17.1, 17.8, 11, 0.101)
    assert (first["underlying_price"], first["delta"], first["open_interest"]) == (3142.5, 0.48, 900)


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("datashop", "bid_eod", "bid_close", "no column holds the bid of datashop; it would be called bideod or bid"),
        ("deribit", ",ask,", ",offer,", "no column holds the ask of deribit"),
    ],
)
def test_quotes_under_another_name_are_asked_for_and_not_left_out(
    name: str, old: str, new: str, says: str, import_file: Import
) -> None:
    found = import_file(text_of(name).replace(old, new, 1), as_format=name)

    assert found["rows"] == 0
    assert f"line 1: {says}" in found["files"][0]["error"]["message"]


def test_a_used_column_that_stands_twice_is_asked_about(import_file: Import) -> None:
    text = "date,act_symbol,expiration,strike,call_put,bid,bid,ask\n2020-11-27,AAPL,2020-12-18,115,Call,3.75,3.8,3.85\n"

    found = import_file(text)

    assert found["rows"] == 0
    assert "line 1: the column bid stands twice" in found["files"][0]["error"]["message"]


def test_cells_of_torn_lines_are_no_doubts_of_others(import_file: Import) -> None:
    found = import_file(text_of("dolthub") * 2)

    assert found["reasons"] == {"duplicate": 2, "repeated_header": 1}
    assert found["quality"]["unreadable_cells"] == 0


def test_one_column_of_dates_tells_the_order_of_day_and_month_for_all(import_file: Import, rows: Rows) -> None:
    expirations = ("18/01/2013", "04/01/2013", "19/07/2013")
    text = text_of("l3").split("\n")[0] + "\n"
    text += "".join(f"SPX,1457,*,,,call,{on},03/01/2013,1450,1,9,9.5,5,1,0.12,,,,,,15\n" for on in expirations)

    found = import_file(text)

    assert (found["rows"], found["rejected"]) == (3, 0)
    assert set(rows()["session_date"]) == {date(2013, 1, 3)}
    assert rows()["expiration"].to_list() == [date(2013, 1, 18), date(2013, 1, 4), date(2013, 7, 19)]
