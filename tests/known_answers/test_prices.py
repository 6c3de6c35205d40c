"""Published prices, greeks and volatilities, each table with its source and as exact as it was printed."""

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import pytest

Batch = Callable[[str, Sequence[object]], list[dict[str, Any]]]
Row = tuple[str, float, float, float, float, float, float, float]
NAMES = ("right", "strike", "spot", "dividend_yield", "rate", "years", "iv")

# Haug, "The Complete Guide to Option Pricing Formulas", 1st ed. (1998), chapter 1; as in QuantLib's
# test-suite/europeanoption.cpp: right, strike, spot, yield, rate, years, volatility, price to four digits.
HAUG: list[Row] = [
    ("C", 65.0, 60.0, 0.0, 0.08, 0.25, 0.30, 2.1334),
    ("P", 95.0, 100.0, 0.05, 0.10, 0.50, 0.20, 2.4648),
    ("P", 19.0, 19.0, 0.10, 0.10, 0.75, 0.28, 1.7011),
    ("C", 19.0, 19.0, 0.10, 0.10, 0.75, 0.28, 1.7011),
    ("C", 1.60, 1.56, 0.08, 0.06, 0.50, 0.12, 0.0291),
    ("P", 70.0, 75.0, 0.05, 0.10, 0.50, 0.35, 4.0870),
    ("C", 40.0, 42.0, 0.08, 0.04, 0.75, 0.35, 5.0975),
]
# The European columns of Haug's table on futures options (p. 24): strike 100, rate = yield = 10 %, spots 90, 100, 110.
FUTURES: dict[tuple[str, float, float], tuple[float, float, float]] = {
    ("C", 0.10, 0.15): (0.0205, 1.8734, 9.9413),
    ("C", 0.10, 0.25): (0.3150, 3.1217, 10.3556),
    ("C", 0.10, 0.35): (0.9474, 4.3693, 11.1381),
    ("C", 0.50, 0.15): (0.8069, 4.0232, 10.5769),
    ("C", 0.50, 0.25): (2.7026, 6.6997, 12.7857),
    ("C", 0.50, 0.35): (4.9329, 9.3679, 15.3086),
    ("P", 0.10, 0.15): (9.9210, 1.8734, 0.0408),
    ("P", 0.10, 0.25): (10.2155, 3.1217, 0.4551),
    ("P", 0.10, 0.35): (10.8479, 4.3693, 1.2376),
    ("P", 0.50, 0.15): (10.3192, 4.0232, 1.0646),
    ("P", 0.50, 0.25): (12.2149, 6.6997, 3.2734),
    ("P", 0.50, 0.35): (14.4452, 9.3679, 5.7963),
}


def european(row: Row) -> dict[str, object]:
    """Build a case of a row whose last number is the answer."""
    return dict(zip(NAMES, row, strict=False))


def test_european_prices_are_haugs(batch: Batch) -> None:
    rows = HAUG + [
        (right, 100.0, spot, 0.10, 0.10, years, iv, price)
        for (right, years, iv), prices in FUTURES.items()
        for spot, price in zip((90.0, 100.0, 110.0), prices, strict=True)
    ]

    answers = batch("price", [european(row) for row in rows])

    # He printed four digits, some of them from a cumulative normal of five.
    assert [answer["price"] for answer in answers] == pytest.approx([row[-1] for row in rows], abs=1.0e-4)
    assert {answer["model"] for answer in answers} == {"black-scholes-merton"}


# Hull, "Options, Futures, and Other Derivatives": the stock option of chapter 15, the index option and the futures put
# of chapters 17 and 18, the stock option of the greeks' chapter 19, the two dividends of chapter 15.
HULL: list[tuple[dict[str, object], float, float]] = [
    ({"right": "C", "spot": 42, "strike": 40, "years": 0.5, "rate": 0.10, "iv": 0.20}, 4.76, 0.005),
    ({"right": "P", "spot": 42, "strike": 40, "years": 0.5, "rate": 0.10, "iv": 0.20}, 0.81, 0.005),
    (
        {"right": "C", "spot": 930, "strike": 900, "years": 2 / 12, "rate": 0.08, "dividend_yield": 0.03, "iv": 0.20},
        51.83,
        0.005,
    ),
    (
        {"right": "P", "spot": 20, "strike": 20, "years": 4 / 12, "rate": 0.09, "dividend_yield": 0.09, "iv": 0.25},
        1.12,
        0.005,
    ),
    ({"right": "C", "spot": 49, "strike": 50, "years": 0.3846, "rate": 0.05, "iv": 0.20}, 2.40, 0.005),
    (
        {
            "right": "C",
            "spot": 40,
            "strike": 40,
            "years": 0.5,
            "rate": 0.09,
            "iv": 0.30,
            "dividends": [[2 / 12, 0.5], [5 / 12, 0.5]],
        },
        3.67,
        0.005,
    ),
    # Ødegaard, "Financial Numerical Recipes in C++": a yield of 5 %, and two dividends of 2.50.
    (
        {"right": "C", "spot": 100, "strike": 100, "years": 1, "rate": 0.1, "dividend_yield": 0.05, "iv": 0.25},
        11.7344,
        5e-5,
    ),
    (
        {
            "right": "C",
            "spot": 100,
            "strike": 100,
            "years": 1,
            "rate": 0.1,
            "iv": 0.25,
            "dividends": [[0.25, 2.5], [0.75, 2.5]],
        },
        11.8094,
        5e-5,
    ),
    # optionlab's test_black_scholes: 60 days, printed to the cent.
    ({"right": "C", "spot": 100, "strike": 105, "years": 60 / 365, "rate": 0.01, "iv": 0.20}, 1.44, 0.005),
    ({"right": "P", "spot": 100, "strike": 105, "years": 60 / 365, "rate": 0.01, "iv": 0.20}, 6.27, 0.005),
]


def test_european_prices_are_those_of_the_textbooks(batch: Batch) -> None:
    answers = batch("price", [case for case, _, _ in HULL])

    for answer, (case, price, digits) in zip(answers, HULL, strict=True):
        assert answer["price"] == pytest.approx(price, abs=digits), case


# Haug (1998), pages 11 to 16, in QuantLib's europeanoption.cpp; theta per day of 365, vega and rho per 0.01 of ours
# are a hundredth of his. optionlab's test_black_scholes has its digits in full.
GREEKS: list[tuple[Row, str, float, float]] = [
    (("C", 100, 105, 0.10, 0.10, 0.5, 0.36, 0), "delta", 0.5946, 5e-5),
    (("P", 100, 105, 0.10, 0.10, 0.5, 0.36, 0), "delta", -0.3566, 5e-5),
    (("C", 60, 55, 0.0, 0.10, 0.75, 0.30, 0), "gamma", 0.0278, 5e-5),
    (("P", 60, 55, 0.0, 0.10, 0.75, 0.30, 0), "gamma", 0.0278, 5e-5),
    (("C", 60, 55, 0.0, 0.10, 0.75, 0.30, 0), "vega", 0.189358, 5e-7),
    (("P", 60, 55, 0.0, 0.10, 0.75, 0.30, 0), "vega", 0.189358, 5e-7),
    (("P", 405, 430, 0.05, 0.07, 1 / 12, 0.20, 0), "theta", -31.1924 / 365, 5e-5 / 365),
    (("P", 405, 430, 0.05, 0.07, 1 / 12, 0.20, 0), "theta", -0.0855, 5e-5),
    (("C", 75, 72, 0.0, 0.09, 1.0, 0.19, 0), "rho", 0.387325, 5e-7),
    (("C", 50, 49, 0.0, 0.05, 0.3846, 0.20, 0), "delta", 0.522, 5e-4),  # Hull, chapter 19
    (("C", 50, 49, 0.0, 0.05, 0.3846, 0.20, 0), "theta", -4.31 / 365, 0.005 / 365),
    (("C", 50, 49, 0.0, 0.05, 0.3846, 0.20, 0), "gamma", 0.066, 5e-4),
    (("C", 50, 49, 0.0, 0.05, 0.3846, 0.20, 0), "vega", 0.121, 5e-4),
    (("C", 50, 49, 0.0, 0.05, 0.3846, 0.20, 0), "rho", 0.0891, 5e-5),
    (("C", 105, 100, 0.0, 0.01, 60 / 365, 0.20, 0), "delta", 0.2942972000055033, 1e-13),
    (("P", 105, 100, 0.0, 0.01, 60 / 365, 0.20, 0), "delta", -0.7057027999944967, 1e-13),
    (("C", 105, 100, 0.0, 0.01, 60 / 365, 0.20, 0), "theta", -8.780589609657586 / 365, 1e-13),
    (("P", 105, 100, 0.0, 0.01, 60 / 365, 0.20, 0), "theta", -7.732314219179215 / 365, 1e-13),
    (("C", 105, 100, 0.0, 0.01, 60 / 365, 0.20, 0), "rho", 0.04600635174517672, 1e-13),
    (("P", 105, 100, 0.0, 0.01, 60 / 365, 0.20, 0), "rho", -0.12631289052524033, 1e-13),
    (("C", 105, 100, 0.0, 0.01, 60 / 365, 0.20, 0), "gamma", 0.042503588182705464, 1e-13),
    (("C", 105, 100, 0.0, 0.01, 60 / 365, 0.20, 0), "vega", 0.13973782416231934, 1e-13),
]


def test_greeks_are_the_published_ones_in_our_units(batch: Batch) -> None:
    answers = batch("price", [european(row) for row, *_ in GREEKS])

    for answer, (row, name, value, digits) in zip(answers, GREEKS, strict=True):
        assert answer[name] == pytest.approx(value, abs=digits), (row, name)


# The exact values that Geske and Johnson (1984), Broadie and Detemple (1996) and Ju (1998, Exhibit 3, a tree of
# 10,000 steps) give: spot 40, rate 4.88 %; by volatility, then strikes 35, 40, 45 of 1, 4 and 7 months.
PUTS = {
    0.2: (0.0062, 0.2004, 0.4328, 0.8522, 1.5798, 1.9904, 5.0000, 5.0883, 5.2670),
    0.3: (0.0774, 0.6975, 1.2198, 1.3099, 2.4825, 3.1696, 5.0597, 5.7056, 6.2436),
    0.4: (0.2466, 1.3460, 2.1549, 1.7681, 3.3874, 4.3526, 5.2868, 6.5099, 7.3830),
}


def test_american_puts_are_those_of_ju_and_of_broadie_and_detemple(batch: Batch) -> None:
    grid = list(product(PUTS, (35, 40, 45), (0.0833, 0.3333, 0.5833)))
    cases = [
        {"right": "P", "spot": 40, "strike": strike, "years": years, "rate": 0.0488, "iv": iv, "style": "american"}
        for iv, strike, years in grid
    ]

    prices = [answer["price"] for answer in batch("price", cases)]

    assert prices == pytest.approx([price for row in PUTS.values() for price in row], abs=1.1e-4)


# Ju (1998, Exhibit 6), exact values: calls of three years on a yield, strike 100, spots 80 to 120.
CALLS = {
    (0.03, 0.07, 0.2): (2.580, 5.167, 9.066, 14.443, 21.414),
    (0.03, 0.07, 0.4): (11.326, 15.722, 20.793, 26.495, 32.781),
    (0.00, 0.07, 0.3): (5.518, 8.842, 13.142, 18.453, 24.791),
    (0.07, 0.03, 0.3): (12.146, 17.368, 23.348, 29.964, 37.104),
}


def test_american_calls_on_a_yield_are_those_of_ju(batch: Batch) -> None:
    cases = [
        {
            "right": "C",
            "spot": spot,
            "strike": 100,
            "years": 3,
            "rate": rate,
            "dividend_yield": dividend_yield,
            "iv": iv,
            "style": "american",
        }
        for (rate, dividend_yield, iv), spot in product(CALLS, (80, 90, 100, 110, 120))
    ]

    prices = [answer["price"] for answer in batch("price", cases)]

    assert prices == pytest.approx([price for row in CALLS.values() for price in row], abs=1.0e-3)


# Longstaff and Schwartz (2001, Table 1), finite differences: strike 40, rate 6 %, by spot and volatility, one and two
# years. Theirs can be exercised 50 times a year, so that an American put is worth up to a cent more.
LONGSTAFF_SCHWARTZ = {
    (36, 0.2): (4.478, 4.840),
    (36, 0.4): (7.101, 8.508),
    (38, 0.2): (3.250, 3.745),
    (38, 0.4): (6.148, 7.670),
    (40, 0.2): (2.314, 2.885),
    (40, 0.4): (5.312, 6.920),
    (42, 0.2): (1.617, 2.212),
    (42, 0.4): (4.582, 6.248),
    (44, 0.2): (1.110, 1.690),
    (44, 0.4): (3.948, 5.647),
}


def test_american_puts_are_a_little_above_those_of_longstaff_and_schwartz(batch: Batch) -> None:
    cases = [
        {"right": "P", "spot": spot, "strike": 40, "years": years, "rate": 0.06, "iv": iv, "style": "american"}
        for (spot, iv), years in product(LONGSTAFF_SCHWARTZ, (1, 2))
    ]
    theirs = [price for row in LONGSTAFF_SCHWARTZ.values() for price in row]

    prices = [answer["price"] for answer in batch("price", cases)]

    apart = [ours - price for ours, price in zip(prices, theirs, strict=True)]
    assert -0.0005 <= min(apart) <= max(apart) <= 0.0095


# Andersen, Lake and Offengenden (2015): what early exercise is worth, to eight digits; QuantLib's americanoption.cpp
# (testAndersenLakeHighPrecisionExample, testQdEngineStandardExample).
@pytest.mark.parametrize(
    ("strike", "rate", "premium", "digits"),
    [(100, 0.05, 0.1069527, 1e-7), (100, 0.075, 0.3671112, 2e-7), (95, 0.075, 0.23866, 2e-5)],
)
def test_the_premium_for_early_exercise_is_that_of_andersen_lake_and_offengenden(
    batch: Batch, strike: float, rate: float, premium: float, digits: float
) -> None:
    case = {
        "right": "P",
        "spot": 100,
        "strike": strike,
        "years": 1,
        "rate": rate,
        "dividend_yield": 0.05,
        "iv": 0.25,
    }

    american, european_twin = batch("price", [{**case, "style": "american"}, case])

    assert american["price"] - european_twin["price"] == pytest.approx(premium, abs=digits)


# QuantLib's americanoption.cpp, testQdAmericanEngines: cases at the edge whose answer is exact by any method.
EDGES: list[tuple[Row, float]] = [
    (("P", 1e-8, 100, 0.02, 0.02, 1, 0.25, 0.0), 1e-12),
    (("C", 1e-7, 100, 0.01, 0.05, 1, 0.25, 100 - 1e-7), 1e-9),
    (("C", 50, 100, 0.01, 0.05, 1, 0.0, 51.4435121498811085), 1e-10),
    (("C", 50, 100, 0.01, 0.05, 1, 1e-8, 51.4435121498811156), 1e-8),
    (("P", 120, 100, 0.50, 0.01, 40, 0.0, 108.980904561184602), 1e-10),
    (("P", 120, 100, 0.01, 0.05, 1, 0.0, 20.0), 1e-12),
    (("P", 120, 100, 0.01, 0.05, 1, 1e-7, 20.0), 1e-9),
    (("P", 120, 100, 0.05, 0.0, 1, 0.0, 24.8770575499286082), 1e-10),
    (("P", 120, 1e-6, 0.05, -0.075, 1, 0.25, 129.346097154926355), 1e-9),
    (("C", 120, 1e-6, 0.05, 0.075, 1, 0.25, 0.0), 1e-14),
    (("P", 120, 100, 0.0, 0.05, 1 / 365, 0.25, 20.0), 1e-10),
    (("C", 100, 100, 0.0, 0.05, 1, 0.25, 12.3359989303687243), 1e-10),
    (("C", 100, 1e10, 0.05, 0.01, 1, 0.25, 1e10 - 100.0), 1e-5),
    (("C", 1e10, 100, 0.05, 0.01, 1, 0.25, 0.0), 1e-14),
]


def test_american_prices_at_the_edge_are_exact(batch: Batch) -> None:
    answers = batch("price", [{**european(row), "style": "american"} for row, _ in EDGES])

    for answer, (row, digits) in zip(answers, EDGES, strict=True):
        assert answer["price"] == pytest.approx(row[-1], abs=digits), row


# One cash dividend and an American call: Roll, Geske and Whaley, as Haug (1998, p. 20) and Ødegaard (whose normal
# distribution has four digits) print it; Hull's put of chapter 21, which his tree of 100 steps prices at 4.214.
DIVIDENDS: list[tuple[dict[str, object], float, float]] = [
    (
        {"right": "C", "spot": 80, "strike": 82, "years": 1 / 3, "rate": 0.06, "iv": 0.30, "dividends": [[0.25, 4]]},
        4.386,
        5e-4,
    ),
    (
        {"right": "C", "spot": 100, "strike": 100, "years": 1, "rate": 0.10, "iv": 0.25, "dividends": [[0.5, 10]]},
        10.0166,
        5e-4,
    ),
    (
        {
            "right": "P",
            "spot": 52,
            "strike": 50,
            "years": 5 / 12,
            "rate": 0.10,
            "iv": 0.40,
            "dividends": [[3.5 / 12, 2.06]],
        },
        4.214,
        0.01,
    ),
    ({"right": "P", "spot": 50, "strike": 50, "years": 5 / 12, "rate": 0.10, "iv": 0.40}, 4.283, 2e-3),  # Hull, 21.1
]


def test_american_prices_with_a_dividend_are_the_published_ones(batch: Batch) -> None:
    answers = batch("price", [{**case, "style": "american"} for case, _, _ in DIVIDENDS])

    for answer, (case, price, digits) in zip(answers, DIVIDENDS, strict=True):
        assert answer["price"] == pytest.approx(price, abs=digits), case


def test_the_volatility_of_hulls_call_is_his(batch: Batch) -> None:
    # Hull, section 15.11: 1.875 for a call on 21 at 20 with three months and 10 % implies 0.235.
    (answer,) = batch("iv", [{"right": "C", "spot": 21, "strike": 20, "years": 0.25, "rate": 0.1, "price": 1.875}])

    assert answer["iv"] == pytest.approx(0.235, abs=5e-4)


@pytest.mark.parametrize("style", ["european", "american"])
def test_published_prices_imply_the_volatilities_that_made_them(batch: Batch, style: str) -> None:
    rows = [row for row in HAUG if row[-1] > 1]
    priced = batch("price", [{**european(row), "style": style} for row in rows])
    cases = [
        {**european(row), "style": style, "price": answer["price"]} for row, answer in zip(rows, priced, strict=True)
    ]

    implied = [answer["iv"] for answer in batch("iv", cases)]

    assert implied == pytest.approx([row[6] for row in rows], abs=1e-9 if style == "european" else 1e-7)


@pytest.mark.parametrize("right", ["C", "P"])
@pytest.mark.parametrize("style", ["european", "american"])
def test_a_volatility_comes_back_however_deep_the_option(batch: Batch, right: str, style: str) -> None:
    grid = list(product((20, 50, 80, 95, 100, 105, 125, 200, 400), (0.01, 0.1, 1, 3), (0.05, 0.2, 0.6, 2.0)))
    cases: list[dict[str, object]] = [
        {"right": right, "spot": 100, "strike": k, "years": t, "rate": 0.04, "dividend_yield": 0.02, "style": style}
        for k, t, _ in grid
    ]
    priced = batch("price", [{**case, "iv": iv} for case, (_, _, iv) in zip(cases, grid, strict=True)])
    implied = batch("iv", [{**case, "price": one["price"]} for case, one in zip(cases, priced, strict=True)])

    found = 0
    for (_, _, iv), one, back in zip(grid, priced, implied, strict=True):
        if one["vega"] < 1e-6:  # the price of one of a millionth of a dollar a point says next to nothing
            assert "error" in back or back["iv"] > 0
            continue
        found += 1
        # A price is a float: what its last digits mean for the volatility depends on vega.
        assert back["iv"] == pytest.approx(iv, abs=1e-7 + 1e-9 / one["vega"]), (one, back)
    assert found > 50
