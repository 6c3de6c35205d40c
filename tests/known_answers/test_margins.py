"""Published margin requirements, each as its source prints it; all are before any premium, exact to the cent."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

Batch = Callable[[str, Sequence[object]], list[dict[str, Any]]]


def case(on: str, legs: str, account: str = "margin") -> dict[str, object]:
    """Build a case from ``equity XYZ 95`` and ``-1 P 80 @ 2, 100 S`` (a later month is marked ``FEB``)."""
    kind, symbol, price = on.split()
    read: list[dict[str, object]] = []
    for text in legs.split(","):
        words, _, worth = text.strip().partition(" @ ")
        quantity, *rest = words.split()
        expiration = "2026-02-20" if "FEB" in rest else "2026-01-16"
        if rest == ["S"]:
            read.append({"kind": "stock", "quantity": int(quantity)})
        else:
            read.append(
                {
                    "right": rest[-2],
                    "strike": float(rest[-1]),
                    "expiration": expiration,
                    "quantity": int(quantity),
                    "price": float(worth),
                }
            )
    return {"account": account, "underlying": {"symbol": symbol, "price": float(price), "kind": kind}, "legs": read}


Table = list[tuple[str, str, float, float]]

# Worked examples with the numbers their sources print: the initial requirement and the premium beside it.
WORKED: Table = [
    # Hull, "Options, Futures, and Other Derivatives", chapter 10: four naked calls, and had they been puts.
    ("equity XYZ 38", "-4 C 40 @ 5", 4240, 2000),
    ("equity XYZ 38", "-4 P 40 @ 5", 5040, 2000),
    # Hull, problem 10.16: five naked puts at 10 with the stock at 58, an index at 58, the stock at 70.
    ("equity XYZ 58", "-5 P 64 @ 10", 10800, 5000),
    ("broad_index SPX 58", "-5 P 64 @ 10", 9350, 5000),
    ("equity XYZ 70", "-5 P 64 @ 10", 9000, 5000),
    # GARP FRM practice: three puts, 15 % out of the money.
    ("equity XYZ 23", "-3 P 20 @ 2.70", 1410, 810),
    # tastytrade, "Naked Short Call" and "Short Straddle/Strangle".
    ("equity XYZ 65", "-1 C 68 @ 1.50", 1150, 150),
    ("equity XYZ 45", "-1 C 47 @ 2.10", 910, 210),
    ("equity XYZ 45", "-1 P 43 @ 1.20", 820, 120),
    ("equity XYZ 45", "-1 C 47 @ 2.10, -1 P 43 @ 1.20", 1030, 330),
    # The Motley Fool's wiki, "How to Calculate the Initial Margin for a Short Strangle".
    ("equity MSFT 27", "-1 C 28 @ 0.85", 525, 85),
    ("equity MSFT 27", "-1 P 26 @ 1.40", 580, 140),
    ("equity MSFT 27", "-1 C 28 @ 0.85, -1 P 26 @ 1.40", 665, 225),
    # Tina's positions (neif.org's course): two GM puts, three Colgate calls.
    ("equity GM 72", "-2 P 70 @ 3", 3080, 600),
    ("equity CL 37.50", "-3 C 35 @ 3.60", 3330, 1080),
    # Cboe's margin manual, sample calculations: a short straddle of equity options (p. 45).
    ("equity XYZ 92.63", "-1 C 90 @ 7, -1 P 90 @ 3.70", 2922.60, 1070),
    # tastytrade, "Short Butterfly", and OptionsHouse, "Short Put Butterfly", its credit spread side.
    ("equity XYZ 80", "-3 P 75 @ 1.50, 6 P 80 @ 4, -3 P 85 @ 6", 1500, -150),
    ("equity XYZ 40", "-6 P 42 @ 0.90, 12 P 37 @ 0.15, -6 P 32 @ 0.05", 3000, 390),
    # Interactive Brokers' knowledge base, "Iron Condor": ten of 160/170/180/190.
    ("etf SPY 175", "10 P 160 @ 1, -10 P 170 @ 3, -10 C 180 @ 3, 10 C 190 @ 1", 10000, 4000),
]


def test_worked_examples_need_what_their_sources_say(batch: Batch) -> None:
    answers = batch("margin", [case(on, legs) for on, legs, _, _ in WORKED])

    for answer, (on, legs, initial, premium) in zip(answers, WORKED, strict=True):
        assert (answer["initial"], answer["premium"]) == (initial, premium), (on, legs)
        assert answer["maintenance"] == initial, (on, legs)


# Cboe's margin manual and its table of strategy-based margin: initial and maintenance of each of its lines, worked
# by its formula at S = 60 for stock, 600 for an index, with the percentages of 4210(f)(2)(E).
TABLE: Table = [
    # Long put or call: paid in full.
    ("equity XYZ 60", "1 C 60 @ 3", 0, 0),
    ("broad_index SPX 600", "1 P 600 @ 9", 0, 0),
    # Short put or call: 20 %, broad-based 15 %, minimum 10 % of the stock for calls and of the strike for puts.
    ("equity XYZ 60", "-1 C 60 @ 3", 1500, 1500),
    ("equity XYZ 60", "-1 C 64 @ 1", 900, 900),
    ("equity XYZ 60", "-1 C 66 @ 0.50", 650, 650),
    ("equity XYZ 60", "-1 C 80 @ 0.05", 605, 605),
    ("equity XYZ 60", "-1 C 50 @ 11", 2300, 2300),
    ("equity XYZ 60", "-1 P 60 @ 3", 1500, 1500),
    ("equity XYZ 60", "-1 P 54 @ 0.50", 650, 650),
    ("equity XYZ 60", "-1 P 53 @ 0.40", 570, 570),
    ("equity XYZ 60", "-1 P 40 @ 0.05", 405, 405),
    ("equity XYZ 60", "-1 P 70 @ 11", 2300, 2300),
    ("index XAU 100", "-1 C 100 @ 4", 2400, 2400),
    ("broad_index SPX 600", "-1 C 600 @ 9", 9900, 9900),
    ("broad_index SPX 600", "-1 C 630 @ 1", 6100, 6100),
    ("broad_index SPX 600", "-1 C 700 @ 0.10", 6010, 6010),
    ("broad_index SPX 600", "-1 P 600 @ 9", 9900, 9900),
    ("broad_index SPX 600", "-1 P 500 @ 0.10", 5010, 5010),
    ("equity XYZ 0.50", "-1 C 2.5 @ 0.05", 10, 10),
    # Short put and call: the greater side and the other's value; the put's side where it is the greater.
    ("equity XYZ 60", "-1 C 60 @ 3, -1 P 60 @ 3", 1800, 1800),
    ("equity XYZ 60", "-1 C 65 @ 1, -1 P 58 @ 2", 1300, 1300),
    ("equity XYZ 60", "-1 C 61 @ 2, -1 P 50 @ 0.50", 1350, 1350),
    ("equity XYZ 60", "-2 C 65 @ 1, -1 P 58 @ 2", 2100, 2100),
    ("broad_index SPX 600", "-1 C 600 @ 9, -1 P 600 @ 8", 10700, 10700),
    # Spreads: the amount by which the short's exercise price is worse.
    ("equity XYZ 60", "-1 P 60 @ 3, 1 P 55 @ 1", 500, 500),
    ("equity XYZ 60", "1 P 60 @ 3, -1 P 55 @ 1", 0, 0),
    ("equity XYZ 60", "-1 C 60 @ 3, 1 C 65 @ 1", 500, 500),
    ("equity XYZ 60", "1 C 60 @ 3, -1 C 65 @ 1", 0, 0),
    ("equity XYZ 60", "-7 C 60 @ 3, 7 C 65 @ 1", 3500, 3500),
    ("equity XYZ 60", "-1 C 60 @ 3, 1 FEB C 65 @ 1.50", 500, 500),
    ("equity XYZ 60", "-1 C 60 @ 3, 1 FEB C 60 @ 4", 0, 0),
    ("equity XYZ 60", "1 C 60 @ 3, -1 FEB C 60 @ 4", 1600, 1600),  # the long ends first: naked
    # Butterflies, condors and boxes.
    ("equity XYZ 60", "1 C 55 @ 6, -2 C 60 @ 3, 1 C 65 @ 1", 0, 0),
    ("equity XYZ 60", "-1 C 55 @ 6, 2 C 60 @ 3, -1 C 65 @ 1", 500, 500),
    ("equity XYZ 60", "1 P 55 @ 1, -2 P 60 @ 3, 1 P 65 @ 6", 0, 0),
    ("equity XYZ 60", "1 P 55 @ 1, -1 P 60 @ 3, -1 C 60 @ 3, 1 C 65 @ 1", 500, 500),
    ("equity XYZ 60", "1 P 50 @ 0.50, -1 P 55 @ 1, -1 C 65 @ 1, 1 C 70 @ 0.50", 500, 500),
    ("equity XYZ 60", "1 P 48 @ 0.50, -1 P 55 @ 1, -1 C 65 @ 1, 1 C 70 @ 0.50", 700, 700),
    ("equity XYZ 60", "1 P 45 @ 0.50, -1 P 55 @ 1, -1 C 65 @ 1, 1 C 70 @ 0.50", 900, 900),  # less as a strangle
    ("equity XYZ 60", "1 C 50 @ 11, -1 C 55 @ 7, -1 C 65 @ 1, 1 C 70 @ 0.50", 0, 0),
    ("broad_index SPX 600", "1 C 590 @ 20, -1 C 610 @ 9, 1 P 610 @ 18, -1 P 590 @ 9", 0, 0),
    ("broad_index SPX 600", "-1 C 590 @ 20, 1 C 610 @ 9, -1 P 610 @ 18, 1 P 590 @ 9", 2000, 2000),
    # Stock alone: 50 % and 25 %; sold short 50 % and 30 %, at least 5 dollars a share.
    ("equity XYZ 60", "100 S", 3000, 1500),
    ("equity XYZ 60", "-100 S", 3000, 1800),
    ("equity XYZ 12", "-100 S", 600, 500),
    # Short call and long stock: held at the strike where the call is in the money.
    ("equity XYZ 60", "100 S, -1 C 60 @ 3", 3000, 1500),
    ("equity XYZ 60", "100 S, -1 C 55 @ 7", 3000, 1375),
    ("equity XYZ 60", "300 S, -3 C 70 @ 1", 9000, 4500),
    ("equity XYZ 60", "100 S, -3 C 70 @ 1", 4400, 2900),
    # Short put and short stock: what the put is in the money on top.
    ("equity XYZ 60", "-100 S, -1 P 60 @ 3", 3000, 1800),
    ("equity XYZ 60", "-100 S, -1 P 64 @ 5", 3000, 2200),
    # Long put and long stock: 10 % of the strike and what the put is out of the money, at most 25 %.
    ("equity XYZ 60", "100 S, 1 P 60 @ 3", 3000, 600),
    ("equity XYZ 60", "100 S, 1 P 65 @ 6", 3000, 650),
    ("equity XYZ 60", "100 S, 1 P 55 @ 1", 3000, 1050),
    ("equity XYZ 60", "100 S, 1 P 48 @ 0.20", 3000, 1500),
    # Long call and short stock.
    ("equity XYZ 60", "-100 S, 1 C 60 @ 3", 3000, 600),
    ("equity XYZ 60", "-100 S, 1 C 65 @ 1", 3000, 1150),
    ("equity XYZ 60", "-100 S, 1 C 80 @ 0.05", 3000, 1800),
    # Conversion, reverse conversion and collar.
    ("equity XYZ 60", "100 S, 1 P 55 @ 1, -1 C 55 @ 7", 3000, 550),
    ("equity XYZ 60", "-100 S, 1 C 60 @ 3, -1 P 60 @ 3", 3000, 600),
    ("equity XYZ 60", "-100 S, 1 C 70 @ 1, -1 P 70 @ 11", 3000, 1700),
    ("equity XYZ 60", "100 S, 1 P 58 @ 2, -1 C 62 @ 2", 3000, 780),
    ("equity XYZ 60", "100 S, 1 P 48 @ 0.20, -1 C 55 @ 6", 3000, 1375),
]


def test_every_line_of_cboes_table_needs_what_its_formula_gives(batch: Batch) -> None:
    answers = batch("margin", [case(on, legs) for on, legs, _, _ in TABLE])

    for answer, (on, legs, initial, maintenance) in zip(answers, TABLE, strict=True):
        assert (answer["initial"], answer["maintenance"]) == (initial, maintenance), (on, legs)
        parts = answer["pairing"]
        assert sum(part["initial"] for part in parts) == pytest.approx(initial)
        assert sum(part["maintenance"] for part in parts) == pytest.approx(maintenance)


# The same table's column for a cash account; ``None`` is what it does not permit.
CASH: list[tuple[str, str, float | None]] = [
    ("equity XYZ 60", "1 C 60 @ 3", 0),
    ("equity XYZ 60", "-1 P 60 @ 3", 6000),
    ("equity XYZ 60", "-3 P 55 @ 1", 16500),
    ("broad_index SPX 600", "-1 P 600 @ 9", 60000),
    ("equity XYZ 60", "-1 C 60 @ 3", None),
    ("equity XYZ 60", "-1 C 60 @ 3, -1 P 60 @ 3", None),
    ("equity XYZ 60", "-1 C 60 @ 3, 1 C 65 @ 1", None),
    ("equity XYZ 60", "100 S, -1 C 60 @ 3", 6000),
    ("equity XYZ 60", "100 S, 1 P 60 @ 3", 6000),
    ("equity XYZ 60", "-100 S", None),
    ("broad_index SPX 600", "-1 P 600 @ 9, 1 P 590 @ 6", 1000),
    ("broad_index SPX 600", "-1 C 590 @ 20, 1 C 610 @ 9, -1 P 610 @ 18, 1 P 590 @ 9", 2000),
    ("broad_index SPX 600", "1 C 590 @ 20, -2 C 600 @ 14, 1 C 610 @ 9", 0),
]


def test_a_cash_account_needs_what_cboes_table_says(batch: Batch) -> None:
    answers = batch("margin", [case(on, legs, "cash") for on, legs, _ in CASH])

    for answer, (on, legs, amount) in zip(answers, CASH, strict=True):
        if amount is None:
            assert answer["error"]["code"] == "not_permitted", (on, legs)
        else:
            assert (answer["initial"], answer["maintenance"]) == (amount, amount), (on, legs)


def test_a_straddle_whose_sides_need_the_same_is_told_as_one(batch: Batch) -> None:
    (answer,) = batch("margin", [case("equity XYZ 60", "-1 C 60 @ 3, -1 P 60 @ 3")])

    assert [(part["name"], part["initial"]) for part in answer["pairing"]] == [("short_straddle", 1800)]
