"""Independent references, as fixtures: mpmath with 50 digits, and QuantLib on dates that give exact years."""

from collections.abc import Callable

import mpmath
import numba
import pytest
import QuantLib
from hypothesis import settings

COMPILED = not getattr(numba.config, "DISABLE_JIT", 0)
TODAY = QuantLib.Date(15, 1, 2024)

# Not a profile: one that is loaded here would hold for the tests of all rooms.
KERNELS = settings(max_examples=200 if COMPILED else 40)
mpmath.mp.dps = 50


@pytest.fixture(scope="session")
def compiled() -> bool:
    """Whether numba compiles; without it, for coverage, tests take fewer cases."""
    return COMPILED


@pytest.fixture(scope="session")
def exact_price() -> Callable[..., mpmath.mpf]:
    """The textbook formula in 50 digits."""

    def price(
        is_call: bool, spot: object, strike: object, years: object, rate: object, q: object, iv: object
    ) -> mpmath.mpf:
        s, k, t, r, y, v = (mpmath.mpf(number) for number in (spot, strike, years, rate, q, iv))
        sign = 1 if is_call else -1
        d1 = (mpmath.log(s / k) + (r - y + v * v / 2) * t) / (v * mpmath.sqrt(t))
        d2 = d1 - v * mpmath.sqrt(t)
        below = [mpmath.erfc(-sign * d / mpmath.sqrt(2)) / 2 for d in (d1, d2)]
        return sign * (s * mpmath.exp(-y * t) * below[0] - k * mpmath.exp(-r * t) * below[1])

    return price


@pytest.fixture(scope="session")
def quantlib_option() -> Callable[..., QuantLib.VanillaOption]:
    """A QuantLib option; european, american (QdFp), or with dividends by days and amounts."""
    QuantLib.Settings.instance().evaluationDate = TODAY

    def option(
        is_call: bool,
        spot: float,
        strike: float,
        days: int,
        rate: float,
        q: float,
        iv: float,
        american: bool = False,
        dividends: tuple[tuple[int, float], ...] = (),
    ) -> QuantLib.VanillaOption:
        count = QuantLib.Actual365Fixed()
        curves = [QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(TODAY, level, count)) for level in (q, rate)]
        vol = QuantLib.BlackVolTermStructureHandle(QuantLib.BlackConstantVol(TODAY, QuantLib.NullCalendar(), iv, count))
        quote = QuantLib.QuoteHandle(QuantLib.SimpleQuote(spot))
        model = QuantLib.BlackScholesMertonProcess(quote, curves[0], curves[1], vol)
        right = QuantLib.Option.Call if is_call else QuantLib.Option.Put
        last = TODAY + days
        exercise = QuantLib.AmericanExercise(TODAY, last) if american else QuantLib.EuropeanExercise(last)
        contract = QuantLib.VanillaOption(QuantLib.PlainVanillaPayoff(right, strike), exercise)
        if dividends:
            schedule = QuantLib.DividendVector([TODAY + day for day, _ in dividends], [cash for _, cash in dividends])
            if american:
                escrowed = QuantLib.FdBlackScholesVanillaEngine.Escrowed
                engine = QuantLib.FdBlackScholesVanillaEngine(
                    model, schedule, 2000, 2000, 0, QuantLib.FdmSchemeDesc.Douglas(), False, 0.0, escrowed
                )
            else:
                engine = QuantLib.AnalyticDividendEuropeanEngine(model, schedule)
        elif american:
            engine = QuantLib.QdFpAmericanEngine(model, QuantLib.QdFpAmericanEngine.highPrecisionScheme())
        else:
            engine = QuantLib.AnalyticEuropeanEngine(model)
        contract.setPricingEngine(engine)
        return contract

    return option
