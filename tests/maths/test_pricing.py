import math
import subprocess
import sys
from collections.abc import Callable

import pytest
import QuantLib
from hypothesis import given
from hypothesis import strategies as st

from tests.maths.conftest import KERNELS
from thetaloom.errors import InvalidInput
from thetaloom.maths.black_scholes import bsm_greeks
from thetaloom.maths.implied_volatility import ImpliedStatus
from thetaloom.maths.pricing import ImpliedVolatility, OptionValue, implied_volatility, price_option


@pytest.fixture
def price() -> Callable[..., OptionValue]:
    """A put at the money of half a year, unless told otherwise."""

    def of(**changes: object) -> OptionValue:
        case: dict[str, object] = {
            "is_call": False,
            "spot": 100.0,
            "strike": 100.0,
            "years": 0.5,
            "rate": 0.05,
            "dividend_yield": 0.01,
            "iv": 0.25,
            "american": False,
        }
        return price_option(**(case | changes))  # type: ignore[arg-type]  # the cases are of mixed types

    return of


@pytest.fixture
def imply() -> Callable[..., ImpliedVolatility]:
    """The same put, by its price."""

    def of(**changes: object) -> ImpliedVolatility:
        case: dict[str, object] = {
            "is_call": False,
            "spot": 100.0,
            "strike": 100.0,
            "years": 0.5,
            "rate": 0.05,
            "dividend_yield": 0.01,
            "american": False,
        }
        return implied_volatility(**(case | changes))  # type: ignore[arg-type]  # the cases are of mixed types

    return of


def test_a_european_option_is_priced_by_black_scholes(price: Callable[..., OptionValue]) -> None:
    option = price()

    numbers = (option.price, option.delta, option.gamma, option.theta, option.vega, option.rho)
    assert numbers == bsm_greeks(False, 100.0, 100.0, 0.5, 0.05, 0.01, 0.25)[:6]
    assert option.model == "black-scholes-merton"


def test_whole_numbers_are_as_good_as_floats(price: Callable[..., OptionValue]) -> None:
    assert price(spot=100, strike=100, dividend_yield=0) == price(dividend_yield=0.0)


# Hull, 9th ed., example 15.9: dividends of 0.50 in two and five months.
def test_the_published_price_with_cash_dividends_is_met(price: Callable[..., OptionValue]) -> None:
    option = price(
        is_call=True,
        spot=40.0,
        strike=40.0,
        rate=0.09,
        dividend_yield=0.0,
        iv=0.30,
        dividends=[(2 / 12, 0.5), (5 / 12, 0.5)],
    )

    assert option.price == pytest.approx(3.67, abs=0.005)
    assert option.model == "black-scholes-merton escrowed dividends"


def test_greeks_with_cash_dividends_meet_quantlib_and_the_slopes_of_the_price(
    price: Callable[..., OptionValue], quantlib_option: Callable[..., QuantLib.VanillaOption]
) -> None:
    days = ((40, 1.0), (150, 1.5))
    dividends = [(day / 365, cash) for day, cash in days]
    contract = quantlib_option(False, 100.0, 105.0, 180, 0.05, 0.0, 0.25, False, days)

    option = price(strike=105.0, years=180 / 365, dividend_yield=0.0, dividends=dividends)

    assert option.price == pytest.approx(contract.NPV(), rel=1e-12)
    assert option.delta == pytest.approx(contract.delta(), rel=1e-12)
    assert option.gamma == pytest.approx(contract.gamma(), rel=1e-12)
    assert option.vega == pytest.approx(contract.vega() / 100, rel=1e-12)
    up, down = (
        price(strike=105.0, years=180 / 365, dividend_yield=0.0, dividends=dividends, rate=0.05 + bump).price
        for bump in (1e-5, -1e-5)
    )
    assert option.rho == pytest.approx((up - down) / 2e-5 / 100, rel=1e-6)
    step = 0.01 / 365
    later, earlier = (
        price(
            strike=105.0,
            years=180 / 365 - move,
            dividend_yield=0.0,
            dividends=[(when - move, cash) for when, cash in dividends],
        ).price
        for move in (step, -step)
    )
    assert option.theta == pytest.approx((later - earlier) / 0.02, rel=1e-6)


def test_an_american_option_names_its_model(price: Callable[..., OptionValue], compiled: bool) -> None:
    if not compiled:
        pytest.skip("trees of three thousand steps are only for compiled kernels")
    plain = price(american=True)
    paying = price(american=True, dividends=[(0.25, 1.0)])
    calm = price(american=True, iv=0.001, years=2.0)
    call = price(american=True, is_call=True, dividend_yield=0.0, dividends=[(0.25, 1.0)])

    assert plain.model == "andersen-lake-offengenden"
    assert calm.model == "leisen-reimer"
    assert call.model == "roll-geske-whaley escrowed dividends"
    assert paying.model == "leisen-reimer escrowed dividends"
    assert plain.price > price().price
    assert paying.price > plain.price


def test_an_american_option_that_is_never_exercised_early_is_priced_in_closed_form(
    price: Callable[..., OptionValue],
) -> None:
    call = price(is_call=True, american=True, dividend_yield=0.0)

    assert call == price(is_call=True, american=False, dividend_yield=0.0)
    assert call.model == "black-scholes-merton"


def test_a_volatility_of_nothing_has_an_american_price(price: Callable[..., OptionValue]) -> None:
    assert price(spot=90.0, iv=0.0, american=True).price == 10.0


def test_dividends_after_the_expiration_or_of_nothing_change_nothing(
    price: Callable[..., OptionValue],
) -> None:
    assert price(dividends=[(0.6, 5.0), (0.1, 0.0)]) == price()
    assert price(years=0.0, dividends=[(0.0, 5.0)]) == price(years=0.0)


@pytest.mark.parametrize(
    ("field", "number"),
    [
        ("spot", -1.0),
        ("spot", 0.0),
        ("spot", math.nan),
        ("strike", math.inf),
        ("strike", 0.0),
        ("years", -0.1),
        ("years", math.nan),
        ("iv", -0.2),
        ("iv", math.inf),
        ("rate", math.nan),
        ("rate", 1000.0),
        ("dividend_yield", -math.inf),
    ],
)
def test_senseless_input_is_refused_by_its_name(field: str, number: float, price: Callable[..., OptionValue]) -> None:
    with pytest.raises(InvalidInput, match=field) as refused:
        price(**{field: number})

    assert field in refused.value.details


@pytest.mark.parametrize("dividend", [(-0.1, 1.0), (0.1, -1.0), (math.nan, 1.0), (0.1, math.inf), (0.1, 200.0)])
def test_senseless_dividends_are_refused(dividend: tuple[float, float], price: Callable[..., OptionValue]) -> None:
    with pytest.raises(InvalidInput, match="dividend"):
        price(dividends=[dividend])


@pytest.mark.parametrize("dividends", [[], [(0.1, 1.0)]])
@KERNELS
@given(iv=st.floats(0.05, 3.0), strike=st.floats(70.0, 140.0))
def test_a_european_price_gives_its_volatility_back(
    dividends: list[tuple[float, float]], iv: float, strike: float
) -> None:
    terms = {"spot": 100.0, "strike": strike, "years": 0.5, "rate": 0.05, "dividend_yield": 0.01}
    paid = price_option(is_call=True, american=False, iv=iv, dividends=dividends, **terms).price

    implied = implied_volatility(is_call=True, american=False, price=paid, dividends=dividends, **terms)

    if implied.iv is None:
        assert implied.status == "UNDETERMINED"
        assert strike < 90.0
    else:
        assert implied.iv == pytest.approx(iv, rel=1e-4)


def test_an_american_price_gives_its_volatility_back(
    price: Callable[..., OptionValue], imply: Callable[..., ImpliedVolatility], compiled: bool
) -> None:
    if not compiled:
        pytest.skip("trees of three thousand steps are only for compiled kernels")
    dividends = [(0.25, 1.0)]
    paid = price(american=True, dividends=dividends).price

    implied = imply(price=paid, american=True, dividends=dividends)

    assert implied.iv == pytest.approx(0.25, rel=1e-9)


def test_an_american_price_below_intrinsic_has_no_volatility(imply: Callable[..., ImpliedVolatility]) -> None:
    implied = imply(spot=80.0, price=19.0, american=True)

    assert implied == ImpliedVolatility(iv=None, status=ImpliedStatus.BELOW_INTRINSIC.name)


def test_an_expired_option_has_no_volatility(imply: Callable[..., ImpliedVolatility]) -> None:
    assert imply(price=5.0, years=0.0) == ImpliedVolatility(iv=None, status="EXPIRED")


def test_a_negative_price_is_refused(imply: Callable[..., ImpliedVolatility]) -> None:
    with pytest.raises(InvalidInput, match="price"):
        imply(price=-1.0)


def test_numba_waits_until_a_kernel_is_wanted() -> None:
    program = "import sys, thetaloom.maths, thetaloom.errors; sys.exit('numba' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
