"""Published chances and what follows from published prices: a chance is a digital option without its discount."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

Batch = Callable[[str, Sequence[object]], list[dict[str, Any]]]
CLOSE = datetime(2026, 1, 16, 21, tzinfo=UTC)  # of the New York Stock Exchange, in winter


def case(legs: Sequence[dict[str, object]], years: float, **market: float) -> dict[str, object]:
    """Build a case that is so many years of 365 days before its expiration."""
    dated = [leg if leg.get("kind") == "stock" else {"expiration": "2026-01-16", **leg} for leg in legs]
    return {"legs": dated, "at": (CLOSE - timedelta(days=365 * years)).isoformat(), **market}


def option(quantity: int, right: str, strike: float, price: float) -> dict[str, object]:
    """Build a leg."""
    return {"quantity": quantity, "right": right, "strike": strike, "price": price}


# Haug (1998), binary barrier options paying 15 at expiration if the barrier was touched, or was not (QuantLib's
# digitaloption.cpp): rate = carry 10 %, volatility 20 %, half a year; spot, barrier, price where touched, where not.
@pytest.mark.parametrize(
    ("right", "spot", "barrier", "touched", "untouched"),
    [("P", 105.0, 100.0, 9.3604, 4.9081), ("C", 95.0, 100.0, 11.2223, 3.0461)],
)
def test_the_chance_of_a_touch_is_haugs(
    batch: Batch, right: str, spot: float, barrier: float, touched: float, untouched: float
) -> None:
    structure = case([option(-1, right, barrier, 1.0)], 0.5, spot=spot, rate=0.10, iv=0.20)

    (answer,) = batch("payoff", [structure])

    chance = answer["touch"][0]["probability"]
    assert 15 * math.exp(-0.05) * chance == pytest.approx(touched, abs=5.1e-5)
    assert 15 * math.exp(-0.05) * (1 - chance) == pytest.approx(untouched, abs=5.1e-5)


# A free option profits where it ends in the money. Haug's cash-or-nothing put of 10 at 80 on a future at 100 costs
# 2.6710 (nine months, 6 %, 35 %); optionlab's test_black_scholes has in_the_money_probability with all its digits.
@pytest.mark.parametrize(
    ("right", "strike", "years", "market", "chance", "digits"),
    [
        (
            "P",
            80.0,
            0.75,
            {"spot": 100.0, "rate": 0.06, "dividend_yield": 0.06, "iv": 0.35},
            2.6710 * math.exp(0.045) / 10,
            6e-6,
        ),
        ("C", 105.0, 60 / 365, {"spot": 100.0, "rate": 0.01, "iv": 0.20}, 0.2669832523577367, 1e-10),
        ("P", 105.0, 60 / 365, {"spot": 100.0, "rate": 0.01, "iv": 0.20}, 0.7330167476422633, 1e-10),
    ],
)
def test_the_chance_of_a_profit_is_that_of_a_published_digital(
    batch: Batch, right: str, strike: float, years: float, market: dict[str, float], chance: float, digits: float
) -> None:
    (answer,) = batch("payoff", [case([option(1, right, strike, 0.0)], years, **market)])

    assert answer["pop"] == pytest.approx(chance, abs=digits)


STOCK: dict[str, object] = {"kind": "stock", "quantity": 100}
NVIDIA = {"spot": 168.99, "iv": 0.483, "rate": 0.045}


# optionlab's test_core.py: its days are 19 and 24 of 252; its ranges of profit end on the last cent that brings a
# profit, where ours end on the breakeven itself, which moves the chance by up to 2 in 10,000.
@pytest.mark.parametrize(
    ("legs", "days", "market", "chance"),
    [
        ([option(-1, "C", 175, 1.15)], 19, {"spot": 164.04, "iv": 0.272, "rate": 0.0002}, 0.8389215512144531),
        ([{**STOCK, "price": 168.99}, option(-1, "C", 185, 4.1)], 24, NVIDIA, 0.5472008423945267),
        ([{**STOCK, "price": 158.99}, option(-1, "C", 185, 4.1)], 24, NVIDIA, 0.7048129541301169),
        (
            [{**STOCK, "price": 158.99}, option(1, "C", 165, 7.5), option(-1, "C", 170, 9.9)],
            24,
            NVIDIA,
            0.6790581742719213,
        ),
        ([option(1, "C", 165, 7.5), option(-1, "C", 170, 9.9)], 24, NVIDIA, 1.0),
    ],
)
def test_the_chance_of_a_profit_is_optionlabs(
    batch: Batch, legs: list[dict[str, object]], days: int, market: dict[str, float], chance: float
) -> None:
    (answer,) = batch("payoff", [case(legs, days / 252, **market)])

    assert answer["pop"] == pytest.approx(chance, abs=2e-4)


def test_the_greeks_of_a_covered_call_are_optionlabs(batch: Batch) -> None:
    structure = case([{**STOCK, "price": 168.99}, option(-1, "C", 185, 4.1)], 24 / 252, **NVIDIA)

    (answer,) = batch("payoff", [structure])

    assert answer["delta"] == pytest.approx(100 * (1 - 0.30713817729665704), abs=1e-8)
    assert answer["gamma"] == pytest.approx(-100 * 0.013948977387090415, abs=1e-8)
    assert answer["vega"] == pytest.approx(-100 * 0.1832408146218486, abs=1e-8)
    assert answer["rho"] == pytest.approx(-100 * 0.04506390742751745, abs=1e-8)


# What a free option brings on average is its published price with interest: Hull's call and put of chapter 15 (4.76 and
# 0.81, with more digits 4.7594 and 0.8086), Haug's call of page 2 (2.1334).
@pytest.mark.parametrize(
    ("right", "strike", "years", "market", "price"),
    [
        ("C", 40.0, 0.5, {"spot": 42.0, "rate": 0.10, "iv": 0.20}, 4.7594),
        ("P", 40.0, 0.5, {"spot": 42.0, "rate": 0.10, "iv": 0.20}, 0.8086),
        ("C", 65.0, 0.25, {"spot": 60.0, "rate": 0.08, "iv": 0.30}, 2.1334),
    ],
)
def test_the_mean_profit_of_a_free_option_is_its_published_price_with_interest(
    batch: Batch, right: str, strike: float, years: float, market: dict[str, float], price: float
) -> None:
    free, bought = batch("payoff", [case([option(1, right, strike, paid)], years, **market) for paid in (0.0, price)])

    assert free["expected_value"] == pytest.approx(100 * price * math.exp(market["rate"] * years), abs=0.0055)
    assert free["expected_value"] - bought["expected_value"] == pytest.approx(100 * price, abs=1e-6)
