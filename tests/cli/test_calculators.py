"""The calculators' contract: cases from options, JSON, CSV and standard input, and a clear no for each bad one."""

import csv
import io
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from thetaloom.cli.app import app
from thetaloom.cli.occ import occ_case
from thetaloom.cli.payoff import read_leg
from thetaloom.cli.price import iv_case, price_case
from thetaloom.errors import InvalidInput, ThetaloomError

GOOD = {"right": "C", "spot": 100, "strike": 100, "years": 0.5, "rate": 0.04, "dividend_yield": 0.01, "iv": 0.2}
RESULT = ["price", "delta", "gamma", "theta", "vega", "rho", "model"]


def run(*arguments: str, stdin: str | None = None) -> tuple[int, str, str]:
    outcome = CliRunner().invoke(app, list(arguments), input=stdin)
    return outcome.exit_code, outcome.stdout, outcome.stderr


def test_an_option_priced_by_options_is_an_array_of_one() -> None:
    code, out, _ = run(
        *("price", "--right", "C", "--spot", "42", "--strike", "40", "--years", "0.5"),
        *("--rate", "0.1", "--iv", "0.2", "--json"),
    )

    (answer,) = json.loads(out)
    assert code == 0
    assert list(answer) == RESULT
    assert answer["price"] == pytest.approx(4.759422, abs=1e-6)  # Hull, Options, Futures, and Other Derivatives
    assert answer["model"] == "black-scholes-merton"


def test_units_are_a_day_a_volatility_point_and_a_rate_point() -> None:
    base = price_case(GOOD)

    assert base["vega"] == pytest.approx(_price(iv=0.205) - _price(iv=0.195), rel=1e-3)
    assert base["rho"] == pytest.approx(_price(rate=0.045) - _price(rate=0.035), rel=1e-3)
    assert base["theta"] == pytest.approx((_price(years=0.5 - 0.5 / 365) - _price(years=0.5 + 0.5 / 365)), rel=1e-3)


def _price(**changed: object) -> float:
    price = price_case({**GOOD, **changed})["price"]
    assert isinstance(price, float)
    return price


def test_json_and_csv_of_the_same_cases_give_the_same_answers(tmp_path: Path) -> None:
    cases = [GOOD, {**GOOD, "right": "P", "style": "american"}, {**GOOD, "dividends": [[0.25, 1.0]]}]
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    written = io.StringIO()
    writer = csv.DictWriter(written, ["expected_price", *GOOD, "style", "dividends"])
    writer.writeheader()
    for case in cases:
        writer.writerow({**case, "dividends": json.dumps(case["dividends"]) if "dividends" in case else ""})
    (tmp_path / "cases.csv").write_text(written.getvalue())

    from_json = run("price", "--file", str(tmp_path / "cases.json"), "--json")
    from_csv = run("price", "--file", str(tmp_path / "cases.csv"), "--json")
    from_stdin = run("price", "--file", "-", "--json", stdin=json.dumps(cases))

    assert from_json == from_csv == from_stdin
    assert len(json.loads(from_json[1])) == 3
    assert from_json[0] == 0


def test_a_bad_case_keeps_its_place_and_stops_no_other() -> None:
    cases = [GOOD, {**GOOD, "spot": -1}, "nonsense", {**GOOD, "strike": 105}]

    code, out, err = run("price", "--file", "-", "--json", stdin=json.dumps(cases))

    answers = json.loads(out)
    assert code == 0
    assert [sorted(answer) == ["error"] for answer in answers] == [False, True, True, False]
    assert answers[1]["error"] == {"code": "invalid_input", "message": "spot: -1 is not above 0"}
    assert "2 of 4 cases failed" in err


def test_a_single_bad_case_fails_the_command() -> None:
    code, out, _ = run("price", "--right", "C", "--spot", "nan", "--strike", "1", "--years", "1", "--iv", "1", "--json")

    assert code == 2
    assert json.loads(out)[0]["error"]["message"].startswith("spot: ")


def test_options_are_defaults_for_the_cases_of_a_file() -> None:
    case = {name: entry for name, entry in GOOD.items() if name != "rate"}

    _, out, _ = run("price", "--file", "-", "--rate", "0.04", "--json", stdin=json.dumps(case))

    assert json.loads(out)[0]["price"] == price_case(GOOD)["price"]


@pytest.mark.parametrize("name", ["right", "spot", "strike", "years", "iv"])
@pytest.mark.parametrize(
    "given", [None, "", "abc", True, [], {}, "1_000", "NaN", math.nan, math.inf, -math.inf, 10**400]
)
def test_each_required_field_is_named_when_it_cannot_be_read(name: str, given: object) -> None:
    with pytest.raises(InvalidInput, match=f"^{name}: "):
        price_case({**GOOD, name: given})


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("spot", 0),
        ("spot", -1),
        ("spot", 1e300),
        ("strike", 0),
        ("strike", -5),
        ("years", -0.1),
        ("years", 1e9),
        ("iv", -0.2),
        ("iv", 1e9),
        ("rate", "x"),
        ("rate", 1e9),
        ("dividend_yield", math.nan),
        ("style", "bermudan"),
        ("style", 7),
        ("right", "X"),
        ("right", 3),
        ("dividends", 5),
        ("dividends", [[1]]),
        ("dividends", [["a", 1]]),
        ("dividends", "[[1"),
        ("dividends", [[0.1, -1]]),
    ],
)
def test_a_field_out_of_bounds_is_named(name: str, given: object) -> None:
    with pytest.raises(InvalidInput, match=rf"^{name}"):
        price_case({**GOOD, name: given})


def test_years_come_from_expiration_and_the_instant_to_the_close() -> None:
    case = {name: entry for name, entry in GOOD.items() if name != "years"}
    dated = {**case, "expiration": "2026-01-16", "at": "2026-01-15T21:00:00Z"}

    assert price_case(dated)["price"] == pytest.approx(_price(years=1 / 365))
    assert price_case({**dated, "at": "2026-01-15"})["price"] == pytest.approx(_price(years=1 / 365))
    assert price_case({**dated, "expiration": "2045-01-20", "at": "2045-01-20T20:00:00Z"})["price"] == pytest.approx(
        _price(years=1 / 24 / 365)
    )


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"expiration": "2026-01-16"}, "at"),
        ({"expiration": "2026-01-16", "at": "2026-01-16T10:00:00"}, "at"),
        ({"expiration": "2026-01-16", "at": "2026-02-01"}, "at"),
        ({"expiration": "16.01.2026", "at": "2026-01-01"}, "expiration"),
        ({"expiration": "2026-02-30", "at": "2026-01-01"}, "expiration"),
        ({}, "years"),
    ],
)
def test_a_time_that_cannot_be_told_is_named(changed: dict[str, str], field: str) -> None:
    case = {name: entry for name, entry in GOOD.items() if name != "years"}

    with pytest.raises(InvalidInput, match=f"^{field}: "):
        price_case({**case, **changed})


@settings(max_examples=60, deadline=None)
@given(
    right=st.sampled_from(["C", "P"]),
    spot=st.floats(50, 150),
    years=st.floats(0.05, 2),
    iv=st.floats(0.1, 0.8),
    style=st.sampled_from(["european", "american"]),
)
def test_iv_gives_back_the_volatility_of_a_price(right: str, spot: float, years: float, iv: float, style: str) -> None:
    case = {**GOOD, "right": right, "spot": spot, "years": years, "iv": iv, "style": style}
    priced = price_case(case)
    if not isinstance(priced["vega"], float) or priced["vega"] < 1e-3:
        return  # nothing can be implied from a price that does not depend on it

    found = iv_case({**case, "price": priced["price"]})

    assert found["iv"] == pytest.approx(iv, rel=1e-3)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"price": 1, "spot": 150}, "below_intrinsic"),
        ({"price": 100}, "above_maximum"),
        ({"price": 0, "strike": 150}, "undetermined"),
        ({"price": 5, "years": 0}, "expired"),
    ],
)
def test_a_price_without_a_volatility_says_why(changed: dict[str, float], code: str) -> None:
    with pytest.raises(ThetaloomError) as caught:
        iv_case({**GOOD, **changed})

    assert caught.value.code == code


def test_twenty_thousand_cases_take_seconds_and_keep_their_order(tmp_path: Path) -> None:
    cases = [{**GOOD, "strike": 50 + index / 200} for index in range(20_000)]
    file = tmp_path / "many.json"
    file.write_text(json.dumps(cases))

    code, out, _ = run("price", "--file", str(file), "--json")

    prices = [answer["price"] for answer in json.loads(out)]
    assert code == 0
    assert len(prices) == 20_000
    assert prices == sorted(prices, reverse=True)


@pytest.mark.parametrize(
    "symbol",
    [
        "SPY   240324P00480500",
        "SPY240324P00480500",
        ".SPY240324P480.5",
        "O:SPY240324P00480500",
        "SPY 2024-03-24 P 480.5",
    ],
)
def test_every_form_of_a_symbol_reads_alike(symbol: str) -> None:
    code, out, _ = run("occ", symbol, "--json")

    assert code == 0
    assert json.loads(out) == [
        {
            "root": "SPY",
            "underlying": "SPY",
            "expiration": "2024-03-24",
            "right": "P",
            "strike": "480.5",
            "occ": "SPY   240324P00480500",
            "compact": "SPY240324P00480500",
            "streamer": ".SPY240324P480.5",
        }
    ]


def test_a_symbol_is_written_from_its_parts() -> None:
    parts: dict[str, Any] = {"root": "SPXW", "expiration": "2026-01-16", "right": "call", "strike": 6000}

    assert occ_case(parts)["occ"] == "SPXW  260116C06000000"
    assert occ_case(parts)["underlying"] == "SPX"
    assert occ_case({**parts, "strike": "6000.50"})["strike"] == "6000.5"


@pytest.mark.parametrize(
    "case",
    [
        {},
        {"symbol": ""},
        {"symbol": 5},
        {"symbol": "SPY"},
        {"symbol": "SPY   241324P00480500"},
        {"symbol": "SPY   240324X00480500"},
        {"root": "SPY", "expiration": "2026-01-16", "right": "P", "strike": "1.00005"},
        {"root": "SPY", "expiration": "2026-01-16", "right": "P", "strike": math.nan},
        {"root": "SPY", "expiration": "2026-01-16", "right": "P", "strike": 0},
        {"root": "SPY", "expiration": "2026-01-16", "right": "", "strike": 5},
        {"root": "TOOLONGROOT", "expiration": "2026-01-16", "right": "P", "strike": 5},
    ],
)
def test_a_symbol_that_cannot_be_is_refused(case: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        occ_case(case)


def test_the_calendar_knows_holidays_and_early_closes() -> None:
    code, out, _ = run("calendar", "--exchange", "XNYS", "--from", "2026-11-25", "--to", "2026-11-30", "--json")

    assert code == 0
    assert json.loads(out) == [
        {
            "session": "2026-11-25",
            "open": "2026-11-25T14:30:00Z",
            "close": "2026-11-25T21:00:00Z",
            "early_close": False,
        },
        {"session": "2026-11-27", "open": "2026-11-27T14:30:00Z", "close": "2026-11-27T18:00:00Z", "early_close": True},
        {
            "session": "2026-11-30",
            "open": "2026-11-30T14:30:00Z",
            "close": "2026-11-30T21:00:00Z",
            "early_close": False,
        },
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--from", "2026-02-30"),
        ("--from", "2026-02-03", "--to", "2026-02-01"),
        ("--from", "x"),
        ("--to", "2026-02-01"),
    ],
)
def test_dates_that_make_no_calendar_are_refused(arguments: tuple[str, ...]) -> None:
    code, out, _ = run("calendar", *arguments, "--json")

    assert code == 2
    assert json.loads(out)[0]["error"]["code"] == "invalid_input"


def test_a_credit_spread_pays_off_by_options_and_by_file() -> None:
    legs = ["--leg", "-1 SPY 2026-01-16 P 560 @ 1.25", "--leg", "1 SPY 2026-01-16 P 555 @ 0.80"]
    case = {
        "legs": [
            {"right": "P", "strike": 560, "expiration": "2026-01-16", "quantity": -1, "price": 1.25},
            {"right": "P", "strike": 555, "expiration": "2026-01-16", "quantity": 1, "price": 0.80},
        ]
    }

    by_options = json.loads(run("payoff", *legs, "--json")[1])
    by_file = json.loads(run("payoff", "--file", "-", "--json", stdin=json.dumps(case))[1])

    assert by_options == by_file
    assert by_options[0]["max_profit"] == 45
    assert by_options[0]["max_loss"] == 455
    assert by_options[0]["breakevens"] == [559.55]


def test_a_leg_of_stock_has_its_short_notation() -> None:
    assert read_leg("100 SPY @ 560", 0) == {"kind": "stock", "quantity": "100", "price": "560"}


def test_a_leg_that_is_not_written_right_is_shown() -> None:
    code, _, err = run("payoff", "--leg", "sell a put")

    assert code == 2
    assert "sell a put" in err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "empty"),
        ('[{"spot": ', "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('"text"', "neither"),
        ("a,a\n1,2\n", "more than once"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_with_a_place(content: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / ("cases.csv" if content.startswith("a") else "cases.json" if content else "cases.txt")
    file.write_text(content)

    code, out, _ = run("price", "--file", str(file), "--json")

    assert code == 2
    assert says in json.loads(out)["error"]["message"]


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    file.write_bytes(b"spot\n\xff\xfe\n")

    code, _, err = run("price", "--file", str(file))

    assert code == 2
    assert "UTF-8" in err


def test_a_file_that_is_not_there_is_named() -> None:
    code, _, err = run("price", "--file", "/nowhere/cases.json")

    assert code == 2
    assert "/nowhere/cases.json" in err


def test_a_row_with_too_many_cells_fails_alone() -> None:
    text = "right,spot,strike,years,iv\nC,100,100,0.5,0.2\nC,100,100,0.5,0.2,9\n"

    _, out, _ = run("price", "--file", "-", "--json", stdin=text)

    assert ["error" in answer for answer in json.loads(out)] == [False, True]


def test_a_byte_order_mark_and_blanks_are_no_trouble() -> None:
    text = "\ufeffright , spot,strike,years,iv\r\n c , 100,100, 0.5,0.2\r\n\r\n"

    code, out, _ = run("price", "--file", "-", "--json", stdin=text)

    assert code == 0
    assert json.loads(out)[0]["price"] > 0


@pytest.mark.parametrize("command", ["occ", "price", "calendar", "payoff", "margin"])
def test_a_calculator_waits_for_no_database_and_no_web(command: str) -> None:
    script = (
        f"import sys; from thetaloom.cli.app import app; app(['{command}', '--help'], standalone_mode=False);"
        "print([name for name in ('sqlalchemy', 'fastapi', 'polars', 'numba', 'scipy') if name in sys.modules])"
    )

    outcome = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert outcome.stdout.strip().endswith("[]")
