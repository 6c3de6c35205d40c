import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.market.rates import RateCurve
from thetaloom.errors import InvalidInput

RISING_DAYS = st.lists(st.integers(0, 36500), min_size=1, max_size=20, unique=True).map(sorted)


@st.composite
def curves(draw: st.DrawFn) -> RateCurve:
    days = draw(RISING_DAYS)
    return RateCurve(points=tuple((float(day), draw(st.floats(-0.1, 1.0))) for day in days))


def test_rates_are_straight_between_points_and_flat_beyond() -> None:
    curve = RateCurve.parse("30:0.041, 365:0.039")

    assert curve.at(0.0) == 0.041
    assert curve.at(30 / 365) == 0.041
    assert curve.at(197.5 / 365) == pytest.approx(0.040, abs=1e-15)
    assert curve.at(1.0) == 0.039
    assert curve.at(9.0) == 0.039
    assert curve.discount(2.0) == math.exp(-0.078)


def test_a_flat_curve_is_its_rate() -> None:
    assert {RateCurve.flat(0.04).at(years) for years in (0.0, 0.1, 30.0)} == {0.04}


@given(curves())
def test_what_is_printed_is_read_back(curve: RateCurve) -> None:
    assert RateCurve.parse(curve.text) == curve


@given(curves(), st.floats(0.0, 120.0))
def test_a_rate_lies_between_its_neighbours(curve: RateCurve, years: float) -> None:
    rates = [rate for _, rate in curve.points]

    assert min(rates) - 1e-12 <= curve.at(years) <= max(rates) + 1e-12


@pytest.mark.parametrize(
    "text", ["", "0.04", "30:", ":0.04", "30:4.1", "30:0.04,30:0.05", "60:0.04,30:0.05", "-1:0.04", "a:b", "30:nan"]
)
def test_what_is_no_curve_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="rates"):
        RateCurve.parse(text)
