"""The calculators: price one option or imply its volatility, by the model that suits its style."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from thetaloom.errors import InvalidInput
from thetaloom.maths import american as american_options
from thetaloom.maths import american_volatility, black_scholes
from thetaloom.maths import implied_volatility as european_volatility
from thetaloom.maths.andersen_lake import boundary_price_delta_gamma
from thetaloom.maths.black_scholes import FloatArray
from thetaloom.maths.dividends import dividends_present_value, dividends_rate_slope
from thetaloom.maths.implied_volatility import ImpliedStatus

BLACK_SCHOLES: Final = "black-scholes-merton"
ANDERSEN_LAKE: Final = "andersen-lake-offengenden"
ROLL_GESKE_WHALEY: Final = "roll-geske-whaley"
LEISEN_REIMER: Final = "leisen-reimer"
WITH_ESCROW: Final = " escrowed dividends"

EXPONENT_MAX = 100.0  # rate·years beyond this is a slip of the pen, and would soon leave the floats


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionValue:
    """A price with its greeks: theta per calendar day, vega per 0.01 of volatility, rho per 0.01 of rate."""

    price: float
    delta: float
    gamma: float
    theta: float
    vega: float
    rho: float
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImpliedVolatility:
    """The volatility behind a price, or None and the name of the ``ImpliedStatus`` that says why."""

    iv: float | None
    status: str


def price_option(
    *,
    is_call: bool,
    spot: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    american: bool,
    dividends: Sequence[tuple[float, float]] = (),
) -> OptionValue:
    """Price one option; ``dividends`` are (years, amount) in cash, without effect after the expiration."""
    # Whole numbers become floats here, lest each mixture of types compile its own kernels.
    spot, strike, years, rate, dividend_yield, iv = map(float, (spot, strike, years, rate, dividend_yield, iv))
    _check(spot=spot, strike=strike, years=years, rate=rate, dividend_yield=dividend_yield, iv=iv)
    schedule = _Schedule.of(dividends, spot=spot, rate=rate, years=years)
    if american and not schedule.early_exercise_never_pays(is_call, rate, dividend_yield):
        return _american_value(is_call, spot, strike, years, rate, dividend_yield, iv, schedule)
    price, delta, gamma, theta, vega, rho, *_ = black_scholes.bsm_greeks(
        is_call, spot - schedule.present_value, strike, years, rate, dividend_yield, iv
    )
    # A dividend draws nearer each day and is worth less the higher the rate; the spot stands still meanwhile.
    approach = rate * schedule.present_value * delta / black_scholes.DAYS_PER_YEAR
    return OptionValue(
        price=price,
        delta=delta,
        gamma=gamma,
        theta=theta - approach,
        vega=vega,
        rho=rho + 0.01 * delta * schedule.rate_slope,
        model=BLACK_SCHOLES + schedule.suffix,
    )


def implied_volatility(
    *,
    is_call: bool,
    spot: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    price: float,
    american: bool,
    dividends: Sequence[tuple[float, float]] = (),
) -> ImpliedVolatility:
    """Imply the volatility of one option from its price, or say why there is none."""
    spot, strike, years, rate, dividend_yield = map(float, (spot, strike, years, rate, dividend_yield))
    price = float(price)
    _check(spot=spot, strike=strike, years=years, rate=rate, dividend_yield=dividend_yield, price=price)
    schedule = _Schedule.of(dividends, spot=spot, rate=rate, years=years)
    if american and not schedule.early_exercise_never_pays(is_call, rate, dividend_yield):
        iv, code = american_volatility.american_implied_volatility(
            is_call,
            price,
            spot,
            strike,
            years,
            rate,
            dividend_yield,
            schedule.years,
            schedule.amounts,
            american_options.BOUNDARY,
        )
    else:
        iv, code = european_volatility.bsm_implied_volatility(
            is_call, price, spot - schedule.present_value, strike, years, rate, dividend_yield
        )
    status = ImpliedStatus(code)
    return ImpliedVolatility(iv=iv if status is ImpliedStatus.OK else None, status=status.name)


def _american_value(
    is_call: bool,
    spot: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    schedule: "_Schedule",
) -> OptionValue:
    price, delta, gamma, theta, vega, rho = american_options.american_greeks(
        is_call,
        spot,
        strike,
        years,
        rate,
        dividend_yield,
        iv,
        schedule.years,
        schedule.amounts,
        american_options.BOUNDARY,
        american_options.BOUNDARY_BUMP,
    )
    return OptionValue(
        price=price,
        delta=delta,
        gamma=gamma,
        theta=theta,
        vega=vega,
        rho=rho,
        model=_american_model(is_call, spot, strike, years, rate, dividend_yield, iv, schedule) + schedule.suffix,
    )


def _american_model(
    is_call: bool,
    spot: float,
    strike: float,
    years: float,
    rate: float,
    dividend_yield: float,
    iv: float,
    schedule: "_Schedule",
) -> str:
    steps = american_options.BOUNDARY
    way = american_options.american_way(is_call, years, rate, dividend_yield, iv, schedule.years, steps)
    if way == american_options.BY_DIVIDENDS:
        return ROLL_GESKE_WHALEY
    if way == american_options.BY_BOUNDARY:
        found = boundary_price_delta_gamma(is_call, spot, strike, years, rate, dividend_yield, iv)
        return LEISEN_REIMER if math.isnan(found[0]) else ANDERSEN_LAKE
    return LEISEN_REIMER


@dataclass(frozen=True, slots=True, kw_only=True)
class _Schedule:
    years: FloatArray
    amounts: FloatArray
    expires: float
    present_value: float
    rate_slope: float

    @classmethod
    def of(cls, dividends: Sequence[tuple[float, float]], *, spot: float, rate: float, years: float) -> "_Schedule":
        for when, amount in dividends:
            if not (0.0 <= when < math.inf and 0.0 <= amount < math.inf):
                raise InvalidInput(
                    "dividends: each is [years, amount], both finite and not negative",
                    details={"dividends": [when, amount]},
                )
        if years == 0.0:
            dividends = ()
        paid = [(float(when), float(amount)) for when, amount in dividends if when <= years and amount > 0]
        when_paid = np.array([when for when, _ in paid], dtype=np.float64)
        amounts = np.array([amount for _, amount in paid], dtype=np.float64)
        present_value = dividends_present_value(rate, 0.0, years, when_paid, amounts)
        if present_value >= spot:
            raise InvalidInput(
                "dividends: those until the expiration are worth more than the spot",
                details={"dividends": present_value, "spot": spot},
            )
        return cls(
            years=when_paid,
            amounts=amounts,
            expires=years,
            present_value=present_value,
            rate_slope=dividends_rate_slope(rate, years, when_paid, amounts),
        )

    @property
    def suffix(self) -> str:
        return WITH_ESCROW if self.years.size else ""

    def early_exercise_never_pays(self, is_call: bool, rate: float, dividend_yield: float) -> bool:
        return bool(american_options.early_exercise_never_pays(is_call, rate, dividend_yield, self.expires, self.years))


def _check(*, spot: float, strike: float, years: float, rate: float, dividend_yield: float, **rest: float) -> None:
    for name, number in {"spot": spot, "strike": strike}.items():
        if not 0.0 < number < math.inf:
            raise InvalidInput(f"{name} must be a positive finite number", details={name: number})
    for name, number in {"years": years, **rest}.items():
        if not 0.0 <= number < math.inf:
            raise InvalidInput(f"{name} must be finite and not negative", details={name: number})
    for name, number in {"rate": rate, "dividend_yield": dividend_yield}.items():
        if not abs(number) < math.inf:
            raise InvalidInput(f"{name} must be a finite number", details={name: number})
        if abs(number) * years > EXPONENT_MAX:
            raise InvalidInput(
                f"{name}: {number:g} over {years:g} years is out of all proportion",
                details={name: number, "years": years},
            )
