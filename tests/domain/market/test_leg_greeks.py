from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from thetaloom.domain.market.leg_greeks import LegGreeks, greeks_model, leg_greeks
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import Price
from thetaloom.maths.pricing import price_option

TERMS: dict[str, Any] = {"years": 0.25, "rate": 0.04, "dividend_yield": 0.013}


def put(root: str, strike: int = 105) -> OptionContract:
    return OptionContract(root=root, expires_on=date(2026, 1, 16), right=Right.PUT, strike=Decimal(strike))


@pytest.mark.parametrize(("root", "american"), [("SPY", True), ("SPXW", False)])
def test_each_style_has_the_greeks_of_its_own_model(root: str, american: bool) -> None:
    found = leg_greeks(put(root), Price("7.5"), spot=Price(100), **TERMS)

    assert found.iv is not None
    alone = price_option(is_call=False, spot=100, strike=105, iv=found.iv, american=american, **TERMS)
    assert alone.price == pytest.approx(7.5, abs=1e-6)
    assert found.delta == pytest.approx(alone.delta, abs=1e-6)
    assert found.gamma == pytest.approx(alone.gamma, abs=1e-6)
    assert found.theta == pytest.approx(alone.theta, abs=1e-6)
    assert found.vega == pytest.approx(alone.vega, abs=3e-5)


def test_a_deep_american_put_at_its_exercise_value_still_has_a_delta() -> None:
    found = leg_greeks(put("SPY", 140), Price(40), spot=Price(100), **TERMS)

    assert found == LegGreeks(iv=None, delta=-1.0, gamma=0.0, theta=0.0, vega=0.0)


@pytest.mark.parametrize("root", ["SPY", "SPXW"])
def test_a_price_without_meaning_has_no_greeks(root: str) -> None:
    assert leg_greeks(put(root), Price(200), spot=Price(100), **TERMS) == LegGreeks()
    assert leg_greeks(put(root), Price(5), spot=Price(100), **{**TERMS, "years": 0.0}) == LegGreeks()


def test_the_model_is_named_for_each_style_that_is_there() -> None:
    assert "Black-Scholes" not in greeks_model([put("SPY")])
    assert "Andersen" not in greeks_model([put("SPXW")])
    assert greeks_model([put("SPY"), put("SPXW")]).count(";") == 1
    assert greeks_model([]) == ""
