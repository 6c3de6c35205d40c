"""Independent references, as fixtures: mpmath with 50 digits, and QuantLib on dates that give exact years."""

from collections.abc import Callable

import mpmath
import numba
import pytest
import QuantLib as ql
from hypothesis import settings

COMPILED = not numba.config.DISABLE_JIT
TODAY = ql.Date(15, 1, 2024)

# The first call of a kernel compiles it, which no deadline should count.
settings.register_profile("kernels", deadline=None, max_examples=200 if COMPILED else 40)
settings.load_profile("kernels")
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
def quantlib_option() -> Callable[..., ql.VanillaOption]:
    """A QuantLib option; european, american (QdFp), or with dividends by days and amounts."""
    ql.Settings.instance().evaluationDate = TODAY

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
    ) -> ql.VanillaOption:
        count = ql.Actual365Fixed()
        curves = [ql.YieldTermStructureHandle(ql.FlatForward(TODAY, level, count)) for level in (q, rate)]
        vol = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(TODAY, ql.NullCalendar(), iv, count))
        quote = ql.QuoteHandle(ql.SimpleQuote(spot))
        model = ql.BlackScholesMertonProcess(quote, curves[0], curves[1], vol)
        right = ql.Option.Call if is_call else ql.Option.Put
        last = TODAY + days
        exercise = ql.AmericanExercise(TODAY, last) if american else ql.EuropeanExercise(last)
        contract = ql.VanillaOption(ql.PlainVanillaPayoff(right, strike), exercise)
        if dividends:
            schedule = ql.DividendVector([TODAY + day for day, _ in dividends], [cash for _, cash in dividends])
            if american:
                escrowed = ql.FdBlackScholesVanillaEngine.Escrowed
                engine = ql.FdBlackScholesVanillaEngine(
                    model, schedule, 2000, 2000, 0, ql.FdmSchemeDesc.Douglas(), False, 0.0, escrowed
                )
            else:
                engine = ql.AnalyticDividendEuropeanEngine(model, schedule)
        elif american:
            engine = ql.QdFpAmericanEngine(model, ql.QdFpAmericanEngine.highPrecisionScheme())
        else:
            engine = ql.AnalyticEuropeanEngine(model)
        contract.setPricingEngine(engine)
        return contract

    return option
