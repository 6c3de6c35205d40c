import re
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.strategy.structures import CREDIT_NAMES, NAMES, Leg, max_width, name_structure
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.errors import InvalidInput

NEAR, FAR = "2026-01-16", "2026-02-20"

CONTRACTS = st.builds(
    OptionContract,
    root=st.sampled_from(["SPY", "SPXW", "A"]),
    expires_on=st.dates(date(2020, 1, 1), date(2040, 1, 1)),
    right=st.sampled_from(Right),
    strike=st.integers(1, 9_999_999).map(lambda thousandths: Decimal(thousandths) / 1000),
)
LEGS = st.builds(Leg, contract=CONTRACTS, ratio=st.integers(-999, 999).filter(bool))

NAMED = [
    ("long_call", ["+1 C 100"]),
    ("short_call", ["-3 C 100"]),
    ("long_put", ["+1 P 100"]),
    ("short_put", ["-1 P 100"]),
    ("call_debit_spread", ["+1 C 100", "-1 C 105"]),
    ("call_credit_spread", ["-2 C 100", "+2 C 105"]),
    ("put_credit_spread", ["-1 P 100", "+1 P 95"]),
    ("put_debit_spread", ["+1 P 100", "-1 P 95"]),
    ("long_straddle", ["+1 P 100", "+1 C 100"]),
    ("short_straddle", ["-1 P 100", "-1 C 100"]),
    ("long_strangle", ["+1 P 95", "+1 C 105"]),
    ("short_strangle", ["-1 P 95", "-1 C 105"]),
    ("short_guts", ["-1 P 105", "-1 C 95"]),
    ("synthetic_long", ["+1 C 100", "-1 P 100"]),
    ("bearish_risk_reversal", ["+1 P 95", "-1 C 105"]),
    ("long_call_butterfly", ["+1 C 95", "-2 C 100", "+1 C 105"]),
    ("long_call_butterfly", ["+1 C 95", "-1 C 100", "+1 C 105", "-1 C 100"]),
    ("long_put_broken_wing_butterfly", ["+1 P 85", "-2 P 95", "+1 P 100"]),
    ("jade_lizard", ["-1 P 95", "-1 C 105", "+1 C 110"]),
    ("reverse_jade_lizard", ["+1 P 90", "-1 P 95", "-1 C 105"]),
    ("iron_condor", ["+1 P 90", "-1 P 95", "-1 C 105", "+1 C 110"]),
    ("reverse_iron_condor", ["-1 P 90", "+1 P 95", "+1 C 105", "-1 C 110"]),
    ("iron_butterfly", ["+1 P 90", "-1 P 100", "-1 C 100", "+1 C 110"]),
    ("long_call_condor", ["+1 C 90", "-1 C 95", "-1 C 105", "+1 C 110"]),
    ("long_box", ["+1 C 95", "-1 C 105", "-1 P 95", "+1 P 105"]),
    ("short_box", ["-1 C 95", "+1 C 105", "+1 P 95", "-1 P 105"]),
    ("call_ratio_spread", ["+1 C 100", "-2 C 105"]),
    ("put_ratio_spread", ["+1 P 100", "-2 P 95"]),
    ("call_backspread", ["-1 C 100", "+2 C 105"]),
    ("put_backspread", ["-2 P 100", "+3 P 95"]),
    ("call_zebra", ["+2 C 95", "-1 C 100"]),
    ("put_zebra", ["+2 P 105", "-1 P 100"]),
    ("short_call_zebra", ["-3 C 100", "+1 C 105"]),
    ("call_ratio_spread", ["+2 C 100", "-5 C 105"]),
    ("call_backspread", ["-3 C 100", "+7 C 105"]),
    ("long_call_condor", ["+1 C 90", "-1 C 95", "-1 C 105", "+1 C 110"]),
    ("long_call_broken_wing_condor", ["+1 C 90", "-1 C 95", "-1 C 105", "+1 C 115"]),
    ("iron_condor", ["+1 P 90", "-1 P 95", "-1 C 105", "+1 C 115"]),
    ("senex_trident", ["-2 P 450", "+2 P 445", "-1 C 450", "+1 C 455"]),
    ("senex_trident", ["-2 P 445", "+2 P 440", "-1 C 455", "+1 C 460"]),
    ("put_credit_spread", ["-2 P 450", "+2 P 445"]),
    ("long_put_christmas_tree", ["+1 P 110", "-3 P 100", "+2 P 95"]),
    ("long_put_ladder", ["+1 P 100", "-1 P 95", "-1 P 90"]),
    ("bullish_seagull", ["-1 P 90", "+1 C 100", "-1 C 110"]),
    ("bearish_double_vertical", ["+1 P 95", "-1 P 90", "-1 C 105", "+1 C 110"]),
    ("custom", ["+1 C 100", "+2 C 105"]),
    ("custom", ["+1 C 100", "-2 P 95"]),
    ("custom", ["+1 C 100", "+1 C 105", "+1 C 110"]),
    ("custom", ["+1 C 100", "-1 C 100"]),
]


@pytest.mark.parametrize(("name", "short"), NAMED)
def test_legs_are_named_by_what_they_are(name: str, short: list[str]) -> None:
    legs = [Leg.parse(f"{word.split()[0]} SPY {NEAR} {' '.join(word.split()[1:])}") for word in short]

    assert name_structure(legs) == name
    assert name_structure(legs[::-1]) == name


@pytest.mark.parametrize(
    ("name", "notations"),
    [
        ("long_call_calendar", [f"-1 SPY {NEAR} C 100", f"+1 SPY {FAR} C 100"]),
        ("short_put_calendar", [f"+1 SPY {NEAR} P 100", f"-1 SPY {FAR} P 100"]),
        ("long_call_diagonal", [f"-1 SPY {NEAR} C 110", f"+1 SPY {FAR} C 90"]),
        ("long_put_diagonal", [f"-1 SPY {NEAR} P 95", f"+1 SPY {FAR} P 90"]),
        ("short_put_diagonal", [f"+1 SPY {NEAR} P 95", f"-1 SPY {FAR} P 90"]),
        (
            "long_double_calendar",
            [f"-1 SPY {NEAR} P 95", f"+1 SPY {FAR} P 95", f"-1 SPY {NEAR} C 105", f"+1 SPY {FAR} C 105"],
        ),
        (
            "long_double_diagonal",
            [f"-1 SPY {NEAR} P 95", f"+1 SPY {FAR} P 90", f"-1 SPY {NEAR} C 105", f"+1 SPY {FAR} C 110"],
        ),
        ("custom", [f"+1 SPY {NEAR} C 100", f"+1 SPY {FAR} C 100"]),
        ("custom", [f"+1 SPY {NEAR} C 100", f"-2 SPY {FAR} C 105"]),
        ("custom", [f"+1 SPY {NEAR} C 100", f"-1 QQQ {NEAR} C 105"]),
        ("long_call_calendar", [f"-1 SPX {NEAR} C 100", f"+1 SPXW {FAR} C 100"]),
    ],
)
def test_structures_of_two_expirations_are_named_by_the_later_leg(name: str, notations: list[str]) -> None:
    assert name_structure([Leg.parse(text) for text in notations]) == name


@pytest.mark.parametrize(
    ("name", "shares", "notations"),
    [
        ("long_stock", 300, []),
        ("short_stock", -100, []),
        ("covered_call", 200, [f"-2 SPY {NEAR} C 105"]),
        ("covered_put", -100, [f"-1 SPY {NEAR} P 95"]),
        ("protective_put", 100, [f"+1 SPY {NEAR} P 95"]),
        ("collar", 100, [f"+1 SPY {NEAR} P 95", f"-1 SPY {NEAR} C 105"]),
        ("covered_strangle", 100, [f"-1 SPY {NEAR} P 95", f"-1 SPY {NEAR} C 105"]),
        ("conversion", 100, [f"+1 SPY {NEAR} P 100", f"-1 SPY {NEAR} C 100"]),
        ("custom", 100, [f"+1 SPY {NEAR} C 100", f"-2 SPY {NEAR} C 105"]),
        ("custom", 50, [f"-1 SPY {NEAR} C 105"]),
        ("ratio_call_write", 100, [f"-2 SPY {NEAR} C 105"]),
        ("custom", 100, [f"-3 SPY {NEAR} C 105"]),
        ("put_spread_collar", 100, [f"+1 SPY {NEAR} P 95", f"-1 SPY {NEAR} P 90", f"-1 SPY {NEAR} C 105"]),
        ("custom", 0, []),
    ],
)
def test_stock_beside_the_legs_changes_the_name(name: str, shares: int, notations: list[str]) -> None:
    assert name_structure([Leg.parse(text) for text in notations], shares) == name


@st.composite
def rows(draw: st.DrawFn) -> tuple[str, list[Leg], int]:
    """A row of the table with legs made of it: any strikes in its order, any common factor, legs split and mixed."""
    row = draw(st.sampled_from(sorted(NAMES)))
    words = row.split()
    ranks = max((int(word.strip("'")[-1]) for word in words if not word.endswith("S")), default=0)
    steps = draw(st.lists(st.integers(1, 400), min_size=ranks, max_size=ranks))
    if {"butterfly", "condor"} & set(NAMES[row].split("_")):
        steps[-1] = steps[1]  # equal wings; others are named so
    strikes, factor = [Decimal(100 + sum(steps[: at + 1])) for at in range(ranks)], draw(st.integers(1, 5))
    legs, shares = [], 0
    for word in words:
        ratio = int(word[:2]) * factor
        if word.endswith("S"):
            shares = ratio * 100
            continue
        day = date.fromisoformat(FAR if word.endswith("'") else NEAR)
        strike = strikes[int(word.strip("'")[-1]) - 1]
        contract = OptionContract(root="SPY", expires_on=day, right=Right(word[2]), strike=strike)
        part = draw(st.sampled_from([part for part in range(-3, 4) if part not in (0, ratio)]))
        legs += [Leg(contract=contract, ratio=part), Leg(contract=contract, ratio=ratio - part)]
    return row, draw(st.permutations(legs)), shares


@given(made=rows())
def test_every_row_of_the_table_names_its_legs_however_they_are_ordered_split_or_scaled(
    made: tuple[str, list[Leg], int],
) -> None:
    row, legs, shares = made

    assert name_structure(legs, shares) == NAMES[row]


def test_there_are_names_for_everything_that_is_traded() -> None:
    assert len(set(NAMES.values())) >= 80


@given(legs=st.lists(LEGS, min_size=0, max_size=8), shares=st.integers(-1000, 1000))
def test_any_legs_have_some_name(legs: list[Leg], shares: int) -> None:
    assert re.fullmatch(r"[a-z_]+", name_structure(legs, shares))


@given(legs=st.lists(LEGS, min_size=1, max_size=4), factor=st.integers(1, 9), seed=st.permutations(range(4)))
def test_a_name_depends_neither_on_order_nor_on_a_common_factor(legs: list[Leg], factor: int, seed: list[int]) -> None:
    shuffled = [legs[i] for i in seed if i < len(legs)]
    scaled = [Leg(contract=leg.contract, ratio=leg.ratio * factor) for leg in shuffled]

    assert name_structure(scaled) == name_structure(legs)


def test_every_credit_name_is_a_name() -> None:
    assert set(NAMES.values()) >= CREDIT_NAMES


@given(leg=LEGS)
def test_a_leg_reads_back_from_its_notation(leg: Leg) -> None:
    assert Leg.parse(leg.notation) == leg


def test_a_leg_is_written_like_the_book_says() -> None:
    leg = Leg.parse("-1 SPY 2026-01-16 P 560")

    assert (leg.ratio, leg.contract.occ_symbol) == (-1, "SPY   260116P00560000")
    assert leg.notation == "-1 SPY 2026-01-16 P 560"
    assert Leg.parse("2 SPY260116P00560000").notation == "+2 SPY 2026-01-16 P 560"


@pytest.mark.parametrize("text", ["", "SPY 2026-01-16 P 560", "0 SPY 2026-01-16 P 560", "-1", "1.5 SPY 2026-01-16 P 5"])
def test_what_is_no_leg_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Leg.parse(text)


@pytest.mark.parametrize(
    ("width", "short"),
    [
        (None, ["-1 P 100", "-1 C 100"]),
        (None, ["+1 C 100"]),
        ("5", ["-1 P 100", "+1 P 95"]),
        ("7.5", ["+1 P 90", "-1 P 95", "-1 C 105", "+1 C 112.5"]),
        ("10", ["+1 P 85", "-2 P 95", "+1 P 100"]),
        ("5", ["-1 P 95", "-1 C 105", "+1 C 110"]),
        ("5", ["+1 C 90", "-1 C 95", "-1 C 105", "+1 C 110"]),
        ("5", ["+300 C 100", "-600 C 105"]),
    ],
)
def test_the_width_is_that_of_the_widest_vertical(width: str | None, short: list[str]) -> None:
    legs = [Leg.parse(f"{word.split()[0]} SPY {NEAR} {' '.join(word.split()[1:])}") for word in short]

    assert max_width(legs) == (None if width is None else Decimal(width))


def test_a_calendar_and_no_legs_have_no_width() -> None:
    assert max_width([Leg.parse(f"-1 SPY {NEAR} C 110"), Leg.parse(f"+1 SPY {FAR} C 90")]) is None
    assert max_width([]) is None
