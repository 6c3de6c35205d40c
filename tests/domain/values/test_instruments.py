from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from thetaloom.domain.values.instruments import (
    INDEX_ROOTS,
    ExerciseStyle,
    OptionContract,
    Right,
    Settlement,
    parse_option_symbol,
    third_friday,
)
from thetaloom.errors import InvalidInput

ROOTS = st.from_regex(r"[A-Z][A-Z0-9]{0,5}", fullmatch=True) | st.sampled_from(sorted(INDEX_ROOTS))
STRIKES = st.integers(1, 99_999_999).map(lambda thousandths: Decimal(thousandths) / 1000)
CONTRACTS = st.builds(
    OptionContract,
    root=ROOTS,
    expires_on=st.dates(date(2000, 1, 1), date(2099, 12, 31)),
    right=st.sampled_from(Right),
    strike=STRIKES,
)
CHAIN = Path(__file__).parents[3] / "../shared/data/cboe_quotedata/XSP_20230914.parquet"
PUT = parse_option_symbol("SPY 2024-03-24 P 480.5")


@given(CONTRACTS)
@example(parse_option_symbol("O 2024-03-24 C 5"))
@example(parse_option_symbol("SPY7 2024-03-24 C 5"))
@example(parse_option_symbol("C1P2C3 2000-01-01 P 0.001"))
def test_every_form_reads_back_as_the_contract_that_printed_it(contract: OptionContract) -> None:
    month_first = f"{contract.expires_on:%m%d%y}{contract.right}{contract.strike}"
    forms = [
        contract.occ_symbol,
        contract.compact,
        contract.streamer,
        contract.notation,
        f"O:{contract.compact}",
        f"-{contract.streamer[1:]}",
        f"{contract.root}_{month_first}",
    ]

    for form in forms:
        for text in (form, form.lower(), f"  {form}\n"):
            assert parse_option_symbol(text) == contract


@given(CONTRACTS)
def test_the_occ_symbol_has_21_characters_and_the_compact_one_no_blank(contract: OptionContract) -> None:
    assert len(contract.occ_symbol) == 21
    assert contract.occ_symbol.replace(" ", "") == contract.compact


@given(CONTRACTS, st.sampled_from(["", "0", "00", "000"]))
def test_equal_strikes_compare_hash_and_print_alike(contract: OptionContract, zeros: str) -> None:
    text = str(contract.strike)
    padded = replace(contract, strike=Decimal(text + zeros if "." in text else f"{text}.{zeros}"))
    scientific = replace(contract, strike=Decimal(f"{contract.strike:E}"))

    assert contract == padded == scientific
    assert len({contract, padded, scientific}) == 1
    assert len({str(c.strike) for c in (contract, padded, scientific)}) == 1
    assert "E" not in str(scientific.strike)


@given(st.lists(CONTRACTS, max_size=8))
def test_contracts_sort_by_root_expiration_right_and_strike(contracts: list[OptionContract]) -> None:
    assert sorted(contracts) == sorted(contracts, key=lambda c: (c.root, c.expires_on, c.right, c.strike))


def test_a_narrow_decimal_context_of_the_caller_changes_nothing() -> None:
    with localcontext() as context:
        context.prec = 2
        contract = parse_option_symbol("SPX 2026-01-16 C 12345.678")

    assert str(contract.strike) == "12345.678"
    assert contract.compact == "SPX260116C12345678"


@pytest.mark.parametrize(
    ("text", "occ", "streamer"),
    [
        ("SPY   240324P00480500", "SPY   240324P00480500", ".SPY240324P480.5"),
        ("SPY240324P00480500", "SPY   240324P00480500", ".SPY240324P480.5"),
        ("SPY 240324P480.5", "SPY   240324P00480500", ".SPY240324P480.5"),
        (".spy240324p480.5", "SPY   240324P00480500", ".SPY240324P480.5"),
        ("O:SPY240324P00480500", "SPY   240324P00480500", ".SPY240324P480.5"),
        ("SPY_032424P480.5", "SPY   240324P00480500", ".SPY240324P480.5"),
        ("-SPY240324P480.5", "SPY   240324P00480500", ".SPY240324P480.5"),
        ("spy 2024-03-24 put 480.50", "SPY   240324P00480500", ".SPY240324P480.5"),
        ("GOOG 2015-12-24 c 64.35", "GOOG  151224C00064350", ".GOOG151224C64.35"),
        ("SPXW251231C10000", "SPXW  251231C10000000", ".SPXW251231C10000"),
        (".F260116C0.5", "F     260116C00000500", ".F260116C0.5"),
        ("BRK.B 2026-01-16 C 480", "BRKB  260116C00480000", ".BRKB260116C480"),
        ("BRK/B260116C480", "BRKB  260116C00480000", ".BRKB260116C480"),
        ("GOOGL1260116C00480000", "GOOGL1260116C00480000", ".GOOGL1260116C480"),
        ("AAPL7 200229C00300000", "AAPL7 200229C00300000", ".AAPL7200229C300"),
    ],
)
def test_known_symbols(text: str, occ: str, streamer: str) -> None:
    contract = parse_option_symbol(text)

    assert contract.occ_symbol == occ
    assert contract.streamer == streamer


@pytest.mark.parametrize(
    ("text", "part", "says"),
    [
        ("", "symbol", "empty"),
        (" \t\n", "symbol", "empty"),
        ("SPY", "symbol", "no expiration and no strike"),
        ("SPXP", "symbol", "no expiration and no strike"),
        ("S" * 65, "symbol", "65 characters"),
        ("SPY2４0324P480", "symbol", "character 5"),
        ("SPY 2026-01-16 P", "symbol", "3 words"),
        ("SPY 2026-01-16 P 560 USD", "symbol", "5 words"),
        ("240324", "right", "no C or P"),
        ("  SPY240324X480", "right", 'character 12 of "  SPY240324X480"'),
        ("SPY 2026-01-16 X 560", "right", '"X"'),
        ("SPY240230P480", "expiration", "no day of the calendar"),
        ("SPY 2023-02-29 P 480", "expiration", "no day of the calendar"),
        ("SPY_240324P480.5", "expiration", "month, day, year"),
        ("SPY24324P480", "expiration", "yymmdd"),
        ("SPY 20260116 P 560", "expiration", "year-month-day"),
        ("SPY 1999-12-31 P 560", "expiration", "2000 to 2099"),
        ("SPY240324P", "strike", "no strike"),
        ("SPY240324P0", "strike", "above 0"),
        ("SPY240324P00000000", "strike", "above 0"),
        ("SPY240324P0480500", "strike", '"0480500"'),
        ("SPY240324P480.5.0", "strike", '"480.5.0"'),
        ("SPY240324P480.0005", "strike", "3 decimals"),
        ("SPY240324P100000", "strike", "below 100000"),
        ("SPY 2026-01-16 P -5", "strike", '"-5"'),
        ("SPY240324P 480.5", "strike", '" 480.5"'),
        ("SPY 2026-01-16 P 00480500", "strike", '"00480500"'),
        (".", "symbol", "no expiration"),
        ("O:", "symbol", "no expiration"),
        ("240324P480", "root", 'root ""'),
        ("1SPX240324P480", "root", '"1SPX"'),
        ("SPYSPYS240324P480", "root", '"SPYSPYS"'),
        ("S PY240324P480", "root", '"S PY"'),
        ("-.SPY240324P480", "root", '".SPY"'),
        ("SPY__032424P480", "root", '"SPY_"'),
        (".SPY240324P480.5C", "strike", "no strike"),
    ],
)
def test_a_malformed_symbol_is_refused_with_the_part_and_the_reason(text: str, part: str, says: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_option_symbol(text)

    assert refused.value.details["part"] == part
    assert says in refused.value.message
    assert "a good one" in refused.value.message


@given(
    st.text(max_size=80)
    | st.text("SPYCP0123456789._-:/ ", max_size=24)
    | st.from_regex(r"(O:|\.|-)?[A-Z0-9._]{0,7} *[0-9]{5,7}[CPX][0-9.]{0,9}", fullmatch=True)
    | st.from_regex(r"[A-Z]{1,4} [0-9]{4}-[0-9]{2}-[0-9]{2} [CPX] [0-9.]{1,7}", fullmatch=True)
)
def test_arbitrary_text_is_either_a_contract_that_prints_itself_or_invalid_input(text: str) -> None:
    try:
        contract = parse_option_symbol(text)
    except InvalidInput as refused:
        assert refused.details["part"] in {"symbol", "root", "expiration", "right", "strike"}
        return

    assert parse_option_symbol(contract.occ_symbol) == contract


@pytest.mark.shared_data
def test_recorded_symbols_of_a_whole_chain_agree_with_their_columns() -> None:
    if not CHAIN.exists():
        pytest.skip(f"{CHAIN} is absent")
    columns = pl.read_parquet(CHAIN, columns=["contract_symbol", "root", "expiration", "right", "strike"])

    for symbol, root, expires_on, right, strike in columns.iter_rows():
        contract = parse_option_symbol(symbol)

        assert (contract.root, contract.expires_on, contract.right) == (root, expires_on, right)
        assert float(contract.strike) == strike
        assert contract.compact == symbol


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"root": ""}, "root"),
        ({"root": "spy"}, "root"),
        ({"root": "BRK.B"}, "root"),
        ({"root": "7SPY"}, "root"),
        ({"root": "SPY\n"}, "root"),
        ({"root": "X" * 1000}, "root"),
        ({"expires_on": date(1999, 12, 31)}, "expiration"),
        ({"expires_on": date(2100, 1, 1)}, "expiration"),
        ({"expires_on": datetime(2024, 3, 24)}, "expiration"),  # noqa: DTZ001  # a naive one is the point
        ({"right": "P"}, "right"),
        ({"strike": Decimal(0)}, "strike"),
        ({"strike": Decimal(-1)}, "strike"),
        ({"strike": Decimal("100000")}, "strike"),
        ({"strike": Decimal("1.0005")}, "strike"),
        ({"strike": Decimal("1." + "0" * 40 + "1")}, "strike"),
        ({"strike": Decimal("NaN")}, "strike"),
        ({"strike": Decimal("Infinity")}, "strike"),
        ({"strike": 480.5}, "strike"),
        ({"multiplier": 0}, "multiplier"),
        ({"multiplier": 100.0}, "multiplier"),
        ({"multiplier": True}, "multiplier"),
    ],
)
def test_a_wrong_contract_cannot_be_made(change: dict[str, Any], part: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        replace(PUT, **change)

    assert refused.value.details["part"] == part


@pytest.mark.parametrize(
    ("root", "underlying", "is_index", "style", "settlement"),
    [
        ("SPX", "SPX", True, "european", "am"),
        ("SPXW", "SPX", True, "european", "pm"),
        ("XSP", "XSP", True, "european", "pm"),
        ("NDX", "NDX", True, "european", "am"),
        ("NDXP", "NDX", True, "european", "pm"),
        ("XND", "XND", True, "european", "pm"),
        ("RUT", "RUT", True, "european", "am"),
        ("RUTW", "RUT", True, "european", "pm"),
        ("MRUT", "MRUT", True, "european", "pm"),
        ("VIX", "VIX", True, "european", "am"),
        ("VIXW", "VIX", True, "european", "am"),
        ("DJX", "DJX", True, "european", "am"),
        ("OEX", "OEX", True, "american", "pm"),
        ("XEO", "OEX", True, "european", "pm"),
        ("SPY", "SPY", False, "american", "pm"),
        ("SPY7", "SPY", False, "american", "pm"),
        ("BRKB", "BRKB", False, "american", "pm"),
        ("BRKB1", "BRKB", False, "american", "pm"),
        ("AAPL", "AAPL", False, "american", "pm"),
    ],
)
def test_what_a_root_tells(root: str, underlying: str, is_index: bool, style: str, settlement: str) -> None:
    contract = replace(PUT, root=root, expires_on=date(2026, 1, 16))

    assert contract.underlying == underlying
    assert contract.is_index is is_index
    assert contract.exercise_style is ExerciseStyle(style)
    assert contract.settlement is Settlement(settlement)


def test_the_table_of_what_roots_tell_is_covered_by_its_test() -> None:
    (rows,) = (
        mark.args[1]
        for mark in test_what_a_root_tells.pytestmark  # type: ignore[attr-defined]  # set by pytest
    )

    assert set(INDEX_ROOTS) <= {row[0] for row in rows}


@pytest.mark.parametrize(
    ("expires_on", "settlement"),
    [
        (date(2026, 1, 16), Settlement.AM),
        (date(2026, 6, 18), Settlement.AM),  # the Friday is Juneteenth
        (date(2014, 6, 21), Settlement.AM),  # dated on the Saturday, as then usual
        (date(2026, 1, 9), Settlement.PM),
        (date(2026, 1, 23), Settlement.PM),
    ],
)
def test_the_weeklies_of_djx_are_pm_settled(expires_on: date, settlement: Settlement) -> None:
    assert replace(PUT, root="DJX", expires_on=expires_on).settlement is settlement


@pytest.mark.parametrize(
    ("root", "is_adjusted"), [("SPY7", True), ("AAPL1", True), ("SPY", False), ("A", False), ("GOOG0", False)]
)
def test_a_root_that_ends_in_a_digit_from_one_to_nine_is_adjusted(root: str, is_adjusted: bool) -> None:
    assert replace(PUT, root=root).is_adjusted is is_adjusted


@pytest.mark.parametrize("text", ["C", "c", "call", "CALL", " Call "])
def test_a_call_is_read_in_any_wording(text: str) -> None:
    assert Right.parse(text) is Right.CALL


@pytest.mark.parametrize("text", ["P", "p", "put", "PUT"])
def test_a_put_is_read_in_any_wording(text: str) -> None:
    assert Right.parse(text) is Right.PUT


@pytest.mark.parametrize("text", ["", "X", "calls", "long"])
def test_no_other_word_is_a_right(text: str) -> None:
    with pytest.raises(InvalidInput, match="right"):
        Right.parse(text)


def test_days_to_expiration_count_calendar_days_and_go_negative() -> None:
    assert PUT.dte(date(2024, 3, 1)) == 23
    assert PUT.dte(date(2024, 3, 24)) == 0
    assert PUT.dte(date(2024, 3, 25)) == -1


@given(st.integers(2000, 2099), st.integers(1, 12))
def test_the_third_friday_is_the_friday_from_the_15th_to_the_21st(year: int, month: int) -> None:
    friday = third_friday(year, month)

    assert friday.weekday() == 4
    assert 15 <= friday.day <= 21
    assert (friday.year, friday.month) == (year, month)
