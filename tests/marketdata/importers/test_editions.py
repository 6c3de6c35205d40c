"""Formats whose vendors change the columns, or whose files come in other languages: each edition is read as itself."""

import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.marketdata.importers.conftest import Import
from tests.marketdata.importers.layouts_by_hand import (
    CBOE_DATE,
    CBOE_HEADER,
    CBOE_ROW,
    CBOE_TITLE,
    YFINANCE_HEADER,
    YFINANCE_ROWS,
    text_of,
)

Rows = Callable[[], pl.DataFrame]

AS_SENT = (
    "UnderlyingSymbol,UnderlyingPrice,Exchange,OptionSymbol,OptionExt,Type,Expiration,DataDate,Strike,Last,Bid,Ask,"
    "Volume,OpenInterest,IV,Delta,Gamma,Theta,Vega,AKA\n"
    "SPY,143.88,*,SPY130104C00120000,,call,01/04/2013,01/02/2013,120,24.1,25.3,26.4,5,12,0.5,0.99,0.001,-1.2,0.3,"
    "SPY130104C00120000\n"
)
LEVEL_2 = (
    "UnderlyingSymbol,UnderlyingPrice,Exchange,OptionRoot,OptionExt,Type,Expiration,DataDate,Strike,Last,Bid,Ask,"
    "Volume,OpenInterest,T1OpenInterest\n"
    "SPY,143.88,*,SPY130104C00120000,,call,01/04/2013,01/02/2013,120,24.1,25.3,26.4,5,12,13\n"
)
TARDIS_HEADER = (
    "exchange,symbol,timestamp,local_timestamp,type,strike_price,expiration,open_interest,last_price,bid_price,"
    "bid_amount,bid_iv,ask_price,ask_amount,ask_iv,mark_price,mark_iv,underlying_index,underlying_price,delta,gamma,"
    "vega,theta,rho\n"
)
TARDIS = (
    "deribit,BTC-9JUN20-9875-P,{at},1591574400196008,put,9875,1591689600000000,0.1,0.0295,0.0205,7.5,46.55,0.0235,5,"
    "53.92,0.0219,49.99,SYN.BTC-9JUN20,9745.94,-0.64914,0.00091,2.36934,-10.57,-3.02\n"
)
SUMMARY = (
    "volume_usd,volume,underlying_price,underlying_index,open_interest,mark_price,mark_iv,last,instrument_name,"
    "creation_timestamp,bid_price,ask_price\n"
    "100,0.1,63844.8,BTC-28AUG26,495.0,0.00252,54.93,0.0024,{name},1784259639000,0.0024,0.0027\n"
)
GERMAN = (
    "Verfallsdatum,Calls,Letzter Verkauf,Netto,Geld,Brief,Volumen,IV,Delta,Gamma,Offenes Interesse,Ausübungspreis,Puts,"
    "Letzter Verkauf,Netto,Geld,Brief,Volumen,IV,Delta,Gamma,Offenes Interesse"
)
SPANISH = (
    "Fecha de vencimiento,Calls,Última venta,Neto,Bid,Ask,Volumen,IV,Delta,Gamma,Interés abierto,Strike,Puts,Última "
    "venta,Neto,Bid,Ask,Volumen,IV,Delta,Gamma,Interés abierto"
)
OLD = (
    "^SPX (S&P 500 INDEX),2600.1,+1.16,\n"
    "Nov 28 2017 @ 13:05 ET,Bid,2600,Ask,2601,Size,1x1,Vol,0,\n"
    "Calls,Last Sale,Net,Bid,Ask,Vol,Open Int,Puts,Last Sale,Net,Bid,Ask,Vol,Open Int,\n"
    "17 Dec 2600.00 (SPXW1715L2600-E),1.99,0.2,1.9,1.95,100,2000,17 Dec 2600.00 (SPXW1715X2600-E),1.1,0,1.05,1.1,5,9,\n"
)


COINS = (
    "[QUOTE_UNIXTIME], [QUOTE_READTIME], [QUOTE_DATE], [QUOTE_TIME_HOURS], [INSTRUMENT_NAME], [BASE_CURRENCY], "
    "[CONTRACT_SIZE], [UNDERLYING_INDEX], [UNDERLYING_PRICE], [EXPIRY_DATE], [EXPIRY_UNIX], [EXPIRY_TIME], [DTE], "
    "[OPTION_RIGHT], [STRIKE], [BID_SIZE], [BID_PRICE], [ASK_PRICE], [ASK_SIZE], [OPEN_INTEREST], [VOLUME], [DELTA], "
    "[GAMMA], [VEGA], [THETA], [RHO], [MARK_IV], [STRIKE_DISTANCE_PCT]\n"
    "1622505600, 2021-06-01 00:00, 2021-06-01, 0.0, BTC-4JUN21-37000-C, BTC, 1.0, BTC-4JUN21, 37300.12, 2021-06-04, "
    "1622793600, 08:00, 3.33, call, 37000.0, 10.2, 0.0315, 0.0325, 4.1, 210.5, 33.2, 0.55, 0.00008, 14.2, -110.1, 1.2, "
    "88.5, 0.008\n"
)


def page(header: str, row: str = CBOE_ROW) -> str:
    """A page of Cboe's with these headers."""
    return "\n".join(["", CBOE_TITLE, CBOE_DATE, header, row, ""])


def first(rows: Rows, *names: str) -> Sequence[Any]:
    """Some columns of the first call, or the first row."""
    return rows().sort("right").select(names).row(0)


@pytest.mark.parametrize(("text", "iv"), [(AS_SENT, 0.5), (LEVEL_2, None)], ids=["level-3", "level-2"])
def test_the_vendors_own_headers_of_l3_are_read(text: str, iv: float | None, import_file: Import, rows: Rows) -> None:
    found = import_file(text, "L3_options_20130102.csv")

    assert (found["rows"], found["rejected"], found["files"][0]["format"]) == (1, 0, "l3")
    told = rows().row(0, named=True)
    assert told["quote_time"] == datetime(2013, 1, 2, 21, tzinfo=UTC)
    assert (told["root"], told["expiration"], told["strike"], told["right"]) == ("SPY", date(2013, 1, 4), 120.0, "C")
    assert (told["bid"], told["ask"], told["underlying_price"], told.get("implied_vol")) == (25.3, 26.4, 143.88, iv)


def test_the_archive_of_tardis_is_a_feed_of_changes(import_file: Import, rows: Rows) -> None:
    found = import_file(
        TARDIS_HEADER + TARDIS.format(at=1591574399413000) + TARDIS.format(at=1591574401000000), "x.csv"
    )

    assert (found["rows"], found["rejected"], found["files"][0]["format"]) == (2, 0, "deribit")
    told = rows().row(0, named=True)
    assert told["quote_time"] == datetime(2020, 6, 7, 23, 59, 59, 413000, tzinfo=UTC)
    assert (told["underlying"], told["expiration"], told["right"]) == ("BTC", date(2020, 6, 9), "P")
    assert (told["bid"], told["ask"], told["bid_size"], told["implied_vol"]) == (0.0205, 0.0235, 7.5, 0.4999)
    assert "snapshot" not in told  # an instant holds one contract, and is no chain


@pytest.mark.parametrize(
    ("name", "strike", "reasons"),
    [
        ("BTC-28AUG26-46000-P", 46000.0, {}),
        ("XRP-28AUG26-0d65-P", 0.65, {}),
        ("BTC-PERPETUAL", None, {"no_symbol": 1}),
        ("BTC_USDC-28AUG26-46000-P", None, {"bad_symbol": 1}),  # linear: its prices are dollars
    ],
)
def test_deribits_instruments_tell_the_contract(
    name: str, strike: float | None, reasons: dict[str, int], import_file: Import, rows: Rows
) -> None:
    found = import_file(SUMMARY.format(name=name), "x.csv", as_format="deribit")

    assert found["reasons"] == reasons, found
    if strike is not None:
        told = first(rows, "expiration", "strike", "right", "quote_time")
        assert told == (date(2026, 8, 28), strike, "P", datetime(2026, 7, 17, 3, 40, 39, tzinfo=UTC))


@pytest.mark.parametrize("header", [GERMAN, SPANISH, CBOE_HEADER], ids=["german", "spanish", "english"])
def test_cboes_columns_are_told_by_their_places_in_any_language(header: str, import_file: Import, rows: Rows) -> None:
    found = import_file(page(header), "spy_quotedata.csv")

    assert (found["rows"], found["rejected"], found["files"][0]["format"]) == (2, 0, "cboe_csv")
    names = ("bid", "ask", "last", "volume", "open_interest", "implied_vol", "strike", "expiration")
    assert first(rows, *names) == (2.05, 2.1, 2.1, 1500, 3000, 0.12, 450.0, date(2023, 9, 15))


def test_cboes_columns_in_another_order_are_told_by_their_names(import_file: Import, rows: Rows) -> None:
    header = CBOE_HEADER.replace("Bid,Ask", "Ask,Bid")
    row = CBOE_ROW.replace("2.05,2.1,", "2.1,2.05,").replace("1.15,1.2,", "1.2,1.15,")

    import_file(page(header, row), "spy_quotedata.csv")

    assert first(rows, "bid", "ask") == (2.05, 2.1)


def test_cboes_old_labels_tell_the_contract(import_file: Import, rows: Rows) -> None:
    found = import_file(OLD, "quotedata.dat")

    assert (found["rows"], found["rejected"], found["files"][0]["format"]) == (2, 0, "cboe_csv")
    call, put = rows().sort("right").to_dicts()
    assert (call["root"], call["expiration"], call["strike"], call["right"]) == (
        "SPXW",
        date(2017, 12, 15),
        2600.0,
        "C",
    )
    assert (put["right"], put["bid"], put["ask"], put["open_interest"]) == ("P", 1.05, 1.1, 9)
    assert (call["quote_time"], call["underlying_price"]) == (datetime(2017, 11, 28, 17, 50, tzinfo=UTC), 2600.1)


@pytest.mark.parametrize("name", ["date", "timestamp", "fetched_at"])
def test_two_fetches_of_a_day_are_two_instants_of_yfinance(name: str, import_file: Import, rows: Rows) -> None:
    times = ("2025-12-02 10:15:00", "2025-12-02T19:15:00Z")
    text = "\n".join([f"{name},{YFINANCE_HEADER}", *(f"{at},{YFINANCE_ROWS[0]}" for at in times)])

    found = import_file(text, "AAPL.csv")

    assert (found["rows"], found["rejected"]) == (2, 0)
    assert rows()["quote_time"].to_list() == [datetime(2025, 12, 2, hour, 15, tzinfo=UTC) for hour in (15, 19)]


@pytest.mark.parametrize(
    ("page_time", "hour"), [("4:31 AM AEST", 18), ("3:31 AM JST", 18), ("4:31 PM XYZT", None), ("2:31 PM EDT", 18)]
)
def test_an_hour_of_an_unknown_zone_is_not_taken_for_new_yorks(
    page_time: str, hour: int | None, import_file: Import, rows: Rows
) -> None:
    day = 14 if page_time.endswith("EDT") else 15
    dated = CBOE_DATE.replace("14, 2023 at 2:31 PM EDT", f"{day}, 2023 at {page_time}")

    found = import_file("\n".join(["", CBOE_TITLE, dated, CBOE_HEADER, CBOE_ROW, ""]), "spy.csv")

    if hour is None:
        assert "the date of the page cannot be read" in found["files"][0]["error"]["message"]
    else:
        assert set(rows()["quote_time"]) == {datetime(2023, 9, 14, hour, 16, tzinfo=UTC)}


def test_optionsdx_of_coins_has_a_row_for_each_contract(import_file: Import, rows: Rows) -> None:
    found = import_file(COINS, "btc_eod_202106.txt")

    assert (found["rows"], found["rejected"], found["files"][0]["format"]) == (1, 0, "optionsdx"), found
    told = first(rows, "quote_time", "underlying", "expiration", "strike", "right", "bid", "ask_size", "implied_vol")
    at = datetime(2021, 6, 1, tzinfo=UTC)
    assert told == (at, "BTC", date(2021, 6, 4), 37000.0, "C", 0.0315, 4.1, 0.885)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[QUOTE_UNIXTIME]", "X.QUOTE_UNIXTIME."),  # as R writes names that do not begin with a letter
        ("[C_BID]", '"X..C_BID."'),
        ("1577998800", "1.57800E+09"),  # its last digits are lost
    ],
)
def test_optionsdx_saved_by_other_programs_is_the_same(old: str, new: str, import_format: Import, rows: Rows) -> None:
    found = import_format("optionsdx", (old, new))

    assert (found["rows"], found["rejected"]) == (2, 0)
    assert first(rows, "quote_time", "bid") == (datetime(2020, 1, 2, 21, tzinfo=UTC), 14.0)


def test_dolthubs_saturdays_are_the_sessions_before_them(import_format: Import, rows: Rows) -> None:
    found = import_format("dolthub", ("2020-11-27,", "2020-11-28,"))

    assert found["rejected"] == 0
    assert set(rows()["quote_time"]) == {datetime(2020, 11, 27, 18, tzinfo=UTC)}


@pytest.mark.parametrize(
    "header", ["date,act_symbol,hv_current,hv_week_ago,iv_current", "date,act_symbol,open,high,low,close,volume"]
)
def test_dolthubs_other_tables_are_left_out_of_its_folder(header: str, import_file: Import, tmp_path: Path) -> None:
    folder = tmp_path / "doltdump"
    folder.mkdir()
    (folder / "option_chain.csv").write_text(text_of("dolthub"))
    (folder / "other.csv").write_text(header + "\n")

    found = import_file(folder)

    assert (found["rows"], [one["error"] for one in found["files"]]) == (2, [None, None])


def test_what_is_sent_beside_the_options_is_left_out_by_name(import_file: Import, rows: Rows, tmp_path: Path) -> None:
    path = tmp_path / "L3_20130102.zip"
    stocks = "symbol,quotedate,open,high,low,close,volume,adjustedclose\nSPY,01/02/2013,145,146,144,146,1000,146\n"
    sums = (
        '"symbol","quotedate","iv30call","iv30put","iv30mean","callvol","putvol","totalvol","calloi","putoi","totaloi"\n'
        "SPY,01/02/2013,0.1,0.2,0.15,1,2,3,4,5,9\n"
    )
    members = {"L3_options_20130102.csv": AS_SENT, "L3_stockquotes_20130102.csv": stocks, "L3_optionstats.csv": sums}
    members |= {".DS_Store": "\0\1", "__MACOSX/._L3": "\0"}  # a Mac's own
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)

    found = import_file(path)
    alone = import_file(stocks, "L3_stockquotes_20130102.csv")

    assert (found["rows"], rows().height, [one["error"] for one in found["files"]]) == (1, 1, [None] * 3)
    assert ["left out" in one["note"] for one in found["files"]] == [False, True, True]
    assert alone["files"][0]["error"]["code"] == "invalid_input"
