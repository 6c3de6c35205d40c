"""Known answers: each structure worked by hand, with the rule that it follows."""

from typing import Any

import pytest

from thetaloom.domain.risk.margin_case import margin_case
from thetaloom.errors import InvalidInput, NotAllowed

JAN, FEB, MAR = "2026-01-16", "2026-02-20", "2026-03-20"


def leg(text: str) -> dict[str, Any]:
    """Read ``-1 P 80 @ 2``, with ``FEB`` or a root before the right where it is not JAN on the symbol."""
    words, _, price = text.partition(" @ ")
    quantity, *rest = words.split()
    if rest == ["S"]:
        return {"kind": "stock", "quantity": int(quantity), "price": price or "0"}
    found: dict[str, Any] = {"quantity": int(quantity), "price": price or "0", "expiration": JAN}
    *extra, found["right"], found["strike"] = rest
    for word in extra:
        if word in ("FEB", "MAR"):
            found["expiration"] = FEB if word == "FEB" else MAR
        else:
            found["root"] = word
    return found


def case(on: str, legs: str, account: str = "margin") -> dict[str, Any]:
    """Build a case from ``equity XYZ 95`` and legs between commas."""
    kind, symbol, price = on.split()
    return {
        "account": account,
        "underlying": {"symbol": symbol, "price": price, "kind": kind},
        "legs": [leg(text.strip()) for text in legs.split(",")],
    }


@pytest.mark.parametrize(
    ("on", "legs", "initial", "maintenance", "premium", "names"),
    [
        # Long options are paid in full: Reg T 220.12(f), 4210(f)(2).
        ("equity XYZ 128.5", "1 C 125 @ 5", 0, 0, -500, "long_call"),
        ("broad_index SPX 433.35", "1 P 430 @ 5.50", 0, 0, -550, "long_put"),
        ("equity XYZ 100", "1 C 100 @ 4, 1 P 100 @ 3", 0, 0, -700, "long_straddle"),
        # Naked shorts: market value + max(20 or 15 % - OTM, 10 %): 4210(f)(2), Cboe 10.3(c)(5).
        ("equity XYZ 95", "-1 P 80 @ 2", 1000, 1000, 200, "short_put"),  # 19 - 15 < 8, + 2
        ("equity XYZ 19.5", "-1 P 20 @ 1.50", 540, 540, 150, "short_put"),  # 3.90 + 1.50, in the money
        ("equity XYZ 128.5", "-1 C 120 @ 8.40", 3410, 3410, 840, "short_call"),  # 25.70 + 8.40
        ("equity XYZ 26.38", "-1 C 30 @ 0.05", 268.8, 268.8, 5, "short_call"),  # 10 % of the underlying
        ("etf XYZ 95", "-1 P 80 @ 2", 1000, 1000, 200, "short_put"),
        ("broad_index SPX 445.35", "-1 P 410 @ 0.10", 4110, 4110, 10, "short_put"),  # 10 % of the strike
        ("broad_index SPX 433.35", "-1 P 430 @ 7.80", 6945.25, 6945.25, 780, "short_put"),  # 65.0025 - 3.35 + 7.80
        ("broad_index SPX 433.35", "-1 C 430 @ 8.70", 7370.25, 7370.25, 870, "short_call"),
        ("broad_index SPX 43.34", "-1 C 45 @ 1.35", 619.1, 619.1, 135, "short_call"),  # 6.501 - 1.66 + 1.35
        ("index VIX 20", "-1 C 20 @ 2", 600, 600, 200, "short_call"),  # volatility: 20 %
        ("equity XYZ 95", "-3 P 80 @ 2", 3000, 3000, 600, "short_put"),
        # Straddle and strangle: the greater requirement and the value of the other side.
        ("equity XYZ 92.63", "-1 C 90 @ 7, -1 P 90 @ 3.70", 2922.6, 2922.6, 1070, "short_straddle"),
        ("broad_index SPX 433.35", "-1 C 435 @ 5.50, -1 P 435 @ 7.20", 7770.25, 7770.25, 1270, "short_straddle"),
        ("equity XYZ 100", "-1 C 110 @ 1, -1 P 90 @ 1.50", 1250, 1250, 250, "short_strangle"),  # put 10 + 1.50, + 1
        ("equity XYZ 100", "-2 C 110 @ 1, -1 P 90 @ 1.50", 2350, 2350, 350, "short_strangle short_call"),
        # Verticals: the most they can lose, which for a debit is nothing: 4210(f)(2)(A) "spread".
        ("equity XYZ 255", "1 P 250 @ 3, -1 P 240 @ 0.95", 0, 0, -205, "put_debit_spread"),
        ("broad_index SPX 433.35", "1 P 425 @ 6.40, -1 P 430 @ 7.80", 500, 500, 140, "put_credit_spread"),
        ("equity XYZ 128.5", "-1 C 120 @ 8.40, 1 C 125 @ 3.80", 500, 500, 460, "call_credit_spread"),
        ("equity XYZ 43.34", "1 P 42.5 @ 2, -1 P 45 @ 2.90", 250, 250, 90, "put_credit_spread"),
        # The lesser of that and the shorts as if uncovered: 20 - 5 + 1 = 16 is less than 45.
        ("equity XYZ 100", "-1 C 105 @ 1, 1 C 150 @ 0.05", 1600, 1600, 95, "short_call long_call"),
        # Butterflies and condors.
        (
            "equity XYZ 550",
            "1 P 540 @ 5.60, -2 P 550 @ 7.20, 1 P 555 @ 9.80",
            500,
            500,
            -100,
            "long_put_broken_wing_butterfly",
        ),
        (
            "equity XYZ 550",
            "1 C 545 @ 12.40, -2 C 550 @ 8.80, 1 C 565 @ 2",
            1000,
            1000,
            320,
            "long_call_broken_wing_butterfly",
        ),
        ("equity XYZ 100", "1 C 95 @ 6, -2 C 100 @ 3, 1 C 105 @ 1", 0, 0, -100, "long_call_butterfly"),
        ("equity XYZ 100", "-1 C 95 @ 6, 2 C 100 @ 3, -1 C 105 @ 1", 500, 500, 100, "short_call_butterfly"),
        (
            "broad_index SPX 1160",
            "1 P 1050 @ 47.1, -1 P 1075 @ 55.7, -1 P 1100 @ 66.3, 1 P 1125 @ 85.4",
            0,
            0,
            -1050,
            "long_put_condor",
        ),
        ("equity XYZ 100", "-1 C 90 @ 11, 1 C 95 @ 7, 1 C 100 @ 4, -1 C 105 @ 2", 500, 500, 200, "short_call_condor"),
        ("equity XYZ 26.75", "1 P 16 @ 0.10, -1 P 20 @ 0.20, -1 C 20 @ 7, 1 C 24 @ 4", 400, 400, 310, "iron_butterfly"),
        (
            "broad_index SPX 1060",
            "1 P 1000 @ 32, -1 P 1025 @ 35.1, -1 C 1150 @ 9.4, 1 C 1175 @ 6.3",
            2500,
            2500,
            620,
            "iron_condor",
        ),
        ("equity XYZ 100", "1 P 85 @ 1, -1 P 90 @ 2, -1 C 110 @ 2, 1 C 120 @ 1", 1000, 1000, 200, "iron_condor"),
        ("equity XYZ 100", "-1 P 85 @ 1, 1 P 90 @ 2, 1 C 110 @ 2, -1 C 115 @ 1", 0, 0, -200, "reverse_iron_condor"),
        # Boxes: the short one its whole difference of strikes, the long one is paid in full.
        (
            "broad_index SPX 600",
            "-1 C 590 @ 20, 1 C 610 @ 9, -1 P 610 @ 18, 1 P 590 @ 9",
            2000,
            2000,
            2000,
            "short_box",
        ),
        ("broad_index SPX 600", "1 C 590 @ 20, -1 C 610 @ 9, 1 P 610 @ 18, -1 P 590 @ 9", 0, 0, -2000, "long_box"),
        # Calendars and diagonals: a long that ends first covers nothing.
        ("equity XYZ 75", "-1 C 70 @ 8, 1 FEB C 70 @ 9", 0, 0, -100, "long_call_calendar"),
        ("equity XYZ 75", "1 C 70 @ 5, -1 FEB C 70 @ 8", 2300, 2300, 300, "short_call long_call"),  # 15 + 8
        (
            "broad_index SPX 433.35",
            "1 C 425 @ 13.10, -1 FEB C 430 @ 12.20",
            7720.25,
            7720.25,
            -90,
            "short_call long_call",
        ),
        ("equity XYZ 100", "-1 P 100 @ 3, 1 FEB P 95 @ 3", 500, 500, 0, "long_put_diagonal"),
        ("broad_index SPX 600", "-1 SPX P 600 @ 9, 1 SPXW P 590 @ 6", 1000, 1000, 300, "custom"),
        ("broad_index SPX 600", "1 SPX P 590 @ 6, -1 SPXW P 600 @ 9", 9900, 9900, 300, "short_put long_put"),  # 90 + 9
        # Ratios: what has no cover is naked.
        ("equity XYZ 100", "1 C 105 @ 2, -2 C 110 @ 1", 1100, 1100, 0, "call_debit_spread short_call"),  # 10 + 1
        ("equity XYZ 100", "-1 P 95 @ 2, 2 P 90 @ 1", 500, 500, 0, "put_credit_spread long_put"),
        ("equity XYZ 100", "-1 P 90 @ 1, -1 C 110 @ 1.50, 1 C 115 @ 1", 1250, 1250, 150, "short_strangle long_call"),
        # Stock alone: Reg T 220.12(a) and (c), 4210(c).
        ("equity XYZ 60", "100 S", 3000, 1500, 0, "long_stock"),
        ("equity XYZ 60", "-100 S", 3000, 1800, 0, "short_stock"),
        ("equity XYZ 8", "-100 S", 500, 500, 0, "short_stock"),  # $5 a share, at first as well
        ("equity XYZ 2", "-100 S", 250, 250, 0, "short_stock"),  # $2.50 a share
        # Stock with options: 4210(f)(2), Cboe 10.3(c)(5).
        ("equity XYZ 60", "100 S, -1 C 65 @ 1", 3000, 1500, 100, "covered_call"),
        ("equity XYZ 60", "100 S, -1 C 50 @ 11", 3000, 1250, 1100, "covered_call"),  # held at the strike
        ("equity XYZ 60", "150 S, -1 C 65 @ 1", 4500, 2250, 100, "covered_call long_stock"),
        ("equity XYZ 60", "100 S, -2 C 65 @ 1", 3800, 2300, 200, "covered_call short_call"),  # 7 + 1
        ("equity XYZ 60", "100 S, 1 P 55 @ 2", 3000, 1050, -200, "protective_put"),  # 5.50 + 5
        ("equity XYZ 60", "100 S, 1 P 40 @ 0.10", 3000, 1500, -10, "protective_put"),  # 4 + 20 > 25 %
        ("equity XYZ 60", "100 S, 1 P 55 @ 2, -1 C 65 @ 2", 3000, 1050, 0, "collar"),
        ("equity XYZ 60", "100 S, 1 P 60 @ 3, -1 C 60 @ 3.50", 3000, 600, 50, "conversion"),
        ("equity XYZ 60", "-100 S, -1 P 55 @ 2", 3000, 1800, 200, "covered_put"),
        ("equity XYZ 60", "-100 S, -1 P 65 @ 6", 3000, 2300, 600, "covered_put"),  # 18 + 5 in the money
        ("equity XYZ 60", "-100 S, 1 C 65 @ 1", 3000, 1150, -100, "protective_call"),  # 6.50 + 5
        ("equity XYZ 60", "-100 S, 1 C 60 @ 3, -1 P 60 @ 3", 3000, 600, 0, "reversal"),
        ("equity XYZ 60", "-100 S, 1 C 65 @ 1, -1 P 65 @ 6", 3000, 1150, 500, "reversal"),  # 6.50 + 5 in the money
        ("equity XYZ 60", "100 S, -1 P 55 @ 2, -1 C 65 @ 2", 3900, 2400, 400, "covered_call short_put"),  # 7 + 2
    ],
)
def test_a_margin_account_secures(
    on: str, legs: str, initial: float, maintenance: float, premium: float, names: str
) -> None:
    found = margin_case(case(on, legs))

    pairing: Any = found["pairing"]
    assert (found["initial"], found["maintenance"], found["premium"]) == (initial, maintenance, premium)
    assert sorted(part["name"] for part in pairing) == sorted(names.split())


@pytest.mark.parametrize(
    ("on", "legs", "amount"),
    [
        ("equity XYZ 100", "1 C 100 @ 4", 0),  # Reg T 220.8: paid in full
        ("equity XYZ 95", "-1 P 80 @ 2", 8000),  # the strike in cash
        ("broad_index SPX 433.35", "-2 P 430 @ 7.80", 86000),
        ("equity XYZ 95", "-1 P 80 @ 2, 1 P 75 @ 1", 8000),  # a spread on a share is none here
        ("equity XYZ 60", "100 S", 6000),
        ("equity XYZ 60", "100 S, -1 C 65 @ 1", 6000),
        ("equity XYZ 60", "100 S, 1 P 55 @ 1", 6000),
        ("broad_index SPX 600", "-1 P 600 @ 9, 1 P 590 @ 6", 1000),  # European and cash-settled: its loss
        ("broad_index SPX 600", "-1 C 600 @ 9, 1 C 620 @ 3", 2000),
        ("broad_index SPX 600", "1 P 580 @ 2, -1 P 590 @ 4, -1 C 610 @ 4, 1 C 620 @ 2", 1000),
        ("broad_index SPX 600", "1 C 590 @ 20, -1 C 610 @ 9, 1 P 610 @ 18, -1 P 590 @ 9", 0),
        ("broad_index SPX 600", "-1 P 600 @ 9, 1 FEB P 590 @ 9", 60000),  # both sides must end together
    ],
)
def test_a_cash_account_secures(on: str, legs: str, amount: float) -> None:
    found = margin_case(case(on, legs, "cash"))

    assert (found["initial"], found["maintenance"]) == (amount, amount)


@pytest.mark.parametrize(
    ("on", "legs"),
    [
        ("equity XYZ 100", "-1 C 110 @ 1"),
        ("equity XYZ 100", "-1 C 110 @ 1, 1 C 115 @ 1"),
        ("equity XYZ 100", "100 S, -2 C 110 @ 1"),
        ("equity XYZ 100", "99 S, -1 C 110 @ 1"),
        ("equity XYZ 100", "-100 S"),
        ("broad_index SPX 600", "-1 C 600 @ 9, 1 FEB C 620 @ 9"),
        ("broad_index OEX 600", "-1 C 600 @ 9, 1 C 620 @ 3"),  # American
    ],
)
def test_a_cash_account_may_not_hold(on: str, legs: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        margin_case(case(on, legs, "cash"))

    assert refused.value.code == "not_permitted"


def test_a_book_on_several_underlyings_adds_up() -> None:
    book = {
        "underlyings": [{"symbol": "XYZ", "price": 95}, {"symbol": "SPX", "price": 433.35}],
        "legs": [
            {**leg("-1 P 80 @ 2"), "underlying": "XYZ"},
            {**leg("1 P 425 @ 6.40"), "underlying": "SPX"},
            {**leg("-1 P 430 @ 7.80"), "underlying": "spx"},
        ],
    }

    found = margin_case(book)

    pairing: Any = found["pairing"]
    assert (found["initial"], found["premium"]) == (1500, 340)
    assert [(part["underlying"], part["name"]) for part in pairing] == [
        ("XYZ", "short_put"),
        ("SPX", "put_credit_spread"),
    ]


def test_flat_names_and_texts_mean_what_nested_ones_do() -> None:
    nested = case("equity XYZ 95", "-1 P 80 @ 2")
    flat = {
        "account": "Margin",
        "underlying": "xyz",
        "underlying_price": "95",
        "kind": "equity",
        "legs": '[{"right": "put", "strike": 80, "expiration": "2026-01-16", "quantity": "-1", "price": 2.0}]',
    }

    assert margin_case(flat) == margin_case(nested)
    assert margin_case({**nested, "underlying": '{"symbol": "XYZ", "price": 95}'}) == margin_case(nested)


def test_what_is_bought_and_sold_of_one_contract_is_nothing() -> None:
    found = margin_case(case("equity XYZ 95", "-2 P 80 @ 2, 1 P 80 @ 2.10, 1 P 80 @ 2"))

    assert (found["initial"], found["premium"], found["pairing"]) == (0, -10, [])


def test_a_multiplier_scales_all() -> None:
    mini = case("equity XYZ 95", "-1 P 80 @ 2")
    mini["legs"][0]["multiplier"] = 10

    assert margin_case(mini)["initial"] == 100


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"account": "ira"}, "account: "),
        ({"underlying": None}, "underlying.symbol: is missing"),
        ({"underlying": {"symbol": "XYZ"}}, "underlying.price: is missing"),
        ({"underlying": {"symbol": "XYZ", "price": 0}}, "underlying.price: 0 is not above zero"),
        ({"underlying": {"symbol": "XYZ", "price": True}}, "underlying.price: "),
        ({"underlying": {"symbol": "XYZ", "price": 1, "kind": "bond"}}, "underlying.kind: "),
        ({"underlyings": [{"symbol": "XYZ", "price": 1}] * 2}, "underlyings: names a symbol twice"),
        ({"underlyings": [{"symbol": "A", "price": 1}, {"symbol": "B", "price": 1}]}, r"legs\[0\].underlying: "),
        ({"legs": []}, "legs: is not a list"),
        ({"legs": "[{"}, "legs: is not JSON"),
        ({"legs": [1]}, r"legs\[0\]: is not an object"),
        ({"legs": [{**leg("-1 P 80 @ 2"), "quantity": 0}]}, r"legs\[0\].quantity: "),
        ({"legs": [{**leg("-1 P 80 @ 2"), "quantity": 1.5}]}, r"legs\[0\].quantity: "),
        ({"legs": [{**leg("-1 P 80 @ 2"), "price": -1}]}, r"legs\[0\].price: "),
        ({"legs": [{**leg("-1 P 80 @ 2"), "price": None}]}, r"legs\[0\].price: is missing"),
        ({"legs": [{**leg("-1 P 80 @ 2"), "right": "X"}]}, r"legs\[0\].right: "),
        ({"legs": [{**leg("-1 P 80 @ 2"), "strike": "NaN"}]}, r"legs\[0\].strike: "),
        ({"legs": [{**leg("-1 P 80 @ 2"), "strike": -5}]}, r"legs\[0\]: "),
        ({"legs": [{**leg("-1 P 80 @ 2"), "expiration": "soon"}]}, r"legs\[0\].expiration: "),
        ({"legs": [{**leg("-1 P 80 @ 2"), "root": "ABC"}]}, r"legs\[0\].root: ABC is not of XYZ"),
        ({"underlying": {"symbol": "SPX", "price": 1}, "legs": [leg("100 S")]}, "legs: SPX is an index"),
    ],
)
def test_a_case_that_cannot_be_read_names_its_field(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{message}"):
        margin_case({**case("equity XYZ 95", "-1 P 80 @ 2"), **change})
