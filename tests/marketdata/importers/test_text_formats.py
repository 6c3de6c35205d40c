"""Each text format: what of its columns becomes what of ours."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from tests.marketdata.importers.conftest import Import
from tests.marketdata.importers.layouts_by_hand import FILES, text_of
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.importers.formats import looks_like
from thetaloom.marketdata.recorded.market import RecordedMarket

Rows = Callable[[], pl.DataFrame]


@pytest.mark.parametrize("name", FILES)
def test_every_format_is_told_by_its_header_alone(name: str) -> None:
    assert looks_like(text_of(name)) == (name,)


@pytest.mark.parametrize("name", FILES)
def test_a_whole_file_gives_two_contracts_and_rejects_nothing(name: str, import_format: Import) -> None:
    found = import_format(name)

    assert (found["rows"], found["rejected"], found["reasons"]) == (2, 0, {})
    assert found["files"][0]["format"] == name


@pytest.mark.parametrize("name", [name for name in FILES if name != "deribit"])
def test_what_was_imported_plays_as_a_recorded_market(name: str, import_format: Import, rows: Rows, out: Path) -> None:
    import_format(name)
    symbol, at = rows()["underlying"][0], rows()["quote_time"][0]

    chain = RecordedMarket.from_paths([out], VirtualClock(at)).chain(symbol, at)

    assert chain is not None
    assert len(chain) == 2
    assert chain.as_of == at


def test_optionsdx_gives_the_call_and_the_put_of_a_row(import_format: Import, rows: Rows) -> None:
    import_format("optionsdx")

    call, put = rows().sort("right").to_dicts()
    assert (call["underlying"], call["quote_time"]) == ("SPX", datetime(2020, 1, 2, 21, tzinfo=UTC))
    assert (call["expiration"], call["strike"], call["right"]) == (date(2020, 1, 3), 3255.0, "C")
    assert (call["bid"], call["ask"], call["bid_size"], call["ask_size"]) == (14.0, 14.5, 5, 10)
    assert (call["last"], call["volume"], call["implied_vol"], call["delta"]) == (14.2, 120, 0.11, 0.51)
    assert (put["bid"], put["ask"], put["bid_size"], put["ask_size"]) == (10.9, 11.3, 7, 8)
    assert (put["volume"], put["delta"], put["rho"]) == (None, -0.49, -0.04)
    assert call["underlying_price"] == 3258.14


def test_datashop_stands_at_the_early_close_of_its_day(import_format: Import, rows: Rows) -> None:
    import_format("datashop")

    call, put = rows().sort("right").to_dicts()
    assert call["quote_time"] == datetime(2019, 11, 29, 18, tzinfo=UTC)  # the day after Thanksgiving, 13:00
    assert (call["underlying"], call["root"], put["root"]) == ("SPX", "SPX", "SPXW")
    assert (call["bid"], call["ask"], call["bid_size"], call["ask_size"]) == (18.9, 19.6, 30, 25)
    assert (call["implied_vol"], call["delta"], call["last"], call["volume"]) == (0.1012, 0.52, 19.5, 44)
    assert (call["underlying_price"], call["open_interest"]) == (3141.0, 1500)


def test_dolthub_calls_the_implied_volatility_vol(import_format: Import, rows: Rows) -> None:
    import_format("dolthub")

    call = rows().filter(pl.col("right") == "C").row(0, named=True)
    assert call["quote_time"] == datetime(2020, 11, 27, 18, tzinfo=UTC)
    assert (call["implied_vol"], call["bid"], call["ask"], call["rho"]) == (0.3104, 3.75, 3.85, 0.0342)
    assert "volume" not in call


def test_delta_neutral_keeps_the_root_of_mini_contracts(import_format: Import, rows: Rows) -> None:
    import_format("deltaneutral")

    roots = rows().sort("right").select("root", "underlying", "open_interest").rows()
    assert roots == [("SPY", "SPY", 2000), ("SPY7", "SPY", 1000)]


def test_american_dates_are_read(import_format: Import, rows: Rows) -> None:
    import_format("l3")

    first = rows().row(0, named=True)
    assert (first["session_date"], first["expiration"]) == (date(2017, 1, 3), date(2017, 3, 17))
    assert (first["root"], first["underlying_price"], first["open_interest"]) == ("SPX", 2257.83, 120)


def test_yfinance_takes_everything_from_the_contract_and_the_newest_trade(import_format: Import, rows: Rows) -> None:
    import_format("yfinance")

    call, put = rows().sort("right").to_dicts()
    assert call["quote_time"] == put["quote_time"] == datetime(2025, 12, 1, 20, 11, 55, tzinfo=UTC)
    assert (call["underlying"], call["expiration"], call["right"]) == ("AAPL", date(2025, 12, 19), "C")
    assert (put["volume"], put["open_interest"], put["implied_vol"]) == (None, 4000, 0.2351)


def test_deribit_keeps_prices_in_the_coin_and_takes_percent_as_percent(import_format: Import, rows: Rows) -> None:
    import_format("deribit")

    put, call = rows().sort("strike").to_dicts()
    assert put["quote_time"] == datetime(2026, 7, 17, 3, 40, 39, tzinfo=UTC)
    assert (put["bid"], put["ask"], put["implied_vol"], put["mark_price"]) == (0.0024, 0.0027, 0.5493, 0.00252)
    assert (call["strike"], call["ask"], call["open_interest"]) == (95_000.0, None, 756.3)


@pytest.mark.parametrize(
    "spelled",
    [
        '"Date: September 14, 2023 at 2:31 PM EDT",Bid: 450.81',
        '"Date: 14 septembre 2023 à 14:31 UTC−4",Bid: 450.81',
        '"Date: 14 septembre 2023 à 14:31 EDT","Bid: 450,81"',
        '"Date: 14 de septiembre de 2023, 14:31 EDT",Bid: 450.81',
        '"Date: jueves, 14 de septiembre de 2023, 14:31 GMT-4",Bid: 450.81',
        '"Date: 14. September 2023 um 14:31 EDT",Bid: 450.81',
        '"Date: 14 settembre 2023 alle ore 14:31 EDT",Bid: 450.81',
        "Date: September 14, 2023 at 2:31 PM EDT,Bid: 450.81",
        "Sep 14 2023 @ 14:31 ET,Bid,450.81,Ask,450.83",
        "Date: 2023-09-14 18:31:00 UTC,Bid: 450.81",
        '"Date: September 14"," 2023 at 2:31 PM EDT","Bid: 450.81"',
        "Datum: 14. September 2023 um 20:31 MESZ,Bid: 450.81",
        "Date: 14. september 2023 kl. 20.31 CEST,Bid: 450.81",
        "Date: 2023年9月14日 GMT-4 14:31,Bid: 450.81",
        "Date: 2023年9月14日 下午2:31 [EDT],Bid: 450.81",
        "Date: 2023년 9월 14일 오후 2:31 GMT-4,Bid: 450.81",
    ],
)
def test_cboe_dates_are_read_in_every_language(spelled: str, import_format: Import, rows: Rows) -> None:
    old = '"Date: September 14, 2023 at 2:31 PM EDT",Bid: 450.81'

    found = import_format("cboe_csv", (old, spelled)) if spelled != old else import_format("cboe_csv")

    assert found["rows"] == 2, found
    # A quarter of an hour before the page.
    assert set(rows()["quote_time"]) == {datetime(2023, 9, 14, 18, 16, tzinfo=UTC)}
    assert set(rows()["underlying_price"]) == {450.81}


def test_cboe_quotes_after_the_close_are_those_of_the_close(import_format: Import, rows: Rows) -> None:
    import_format(
        "cboe_csv",
        ("September 14, 2023 at 2:31 PM EDT", "September 16, 2023 at 2:31 PM EDT"),
        ("Fri Sep 15 2023,SPY230915C00450000", "Mon Sep 18 2023,SPY230918C00450000"),
        ("SPY230915P", "SPY230918P"),
    )

    assert set(rows()["quote_time"]) == {datetime(2023, 9, 15, 20, 15, tzinfo=UTC)}  # a Saturday's page


def test_long_runs_of_one_day_and_symbol_are_read_as_short_ones(
    import_file: Import, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = ["2020-11-25", "bad", "", "2020-11-27", "2020-11-25"]
    line = "{},{},2020-12-18,{}.5,Call,3.75,3.85,0.3,0.5,0.1,0,0,0"
    lines = [line.format(on, name, 50 + at) for name in ("AAPL", "MSFT") for on in days for at in range(20)]
    text = "\n".join([text_of("dolthub").split("\n")[0], *lines])
    plain = import_file(text, "plain.csv")
    told = rows()
    for module in ("cells", "instants"):
        monkeypatch.setattr(f"thetaloom.marketdata.importers.{module}.RUNS_FROM", 10)

    in_runs = import_file(text, "plain.csv", again=True)

    assert plain["reasons"] == in_runs["reasons"] == {"bad_time": 40, "duplicate": 40, "no_time": 40}
    assert rows().equals(told)
    assert told.height == 80
