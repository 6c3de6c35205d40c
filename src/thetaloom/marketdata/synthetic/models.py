"""The made-up underlyings: levels, volatility, listing habits and how they are quoted. All of it invented.

Shares that pay nothing in a world where money earns nothing: with a forward equal to spot and no discount, to
exercise early is never worth anything, so that an American option is worth exactly its European twin and one
surface is free of arbitrage for both. The index, whose options are European, has a rate and a yield.
"""

from dataclasses import dataclass

import numpy as np

from thetaloom.domain.market.chain import Floats
from thetaloom.errors import InvalidInput

SESSIONS_PER_YEAR = 252


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceModel:
    """SSVI with phi = eta / (theta^gamma · (1 + theta)^(1 - gamma)), after Gatheral and Jacquier (2014).

    Free of butterfly and calendar arbitrage for every rising theta when gamma is at most 1/2 and
    eta · (1 + |rho|) at most 2: their theorems 4.1 and 4.2.
    """

    rho: float
    eta: float
    gamma: float

    def __post_init__(self) -> None:
        if not (-1 < self.rho < 1 and 0 < self.gamma <= 0.5 and 0 < self.eta * (1 + abs(self.rho)) <= 2):
            raise InvalidInput(f"surface {self} would allow arbitrage", details={"field": "surface"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolModel:
    """Everything that tells one made-up underlying from another."""

    symbol: str
    key: int  # seeds its own shocks; never changed, or every recorded run would replay otherwise
    start_spot: float  # at the open of the first session
    iv: float  # annualized volatility that the variance comes back to
    market_share: float  # correlation with the market's shocks
    crash_beta: float
    surface: SurfaceModel
    strike_step: int  # thousandths of a dollar, near the money
    wing_step: int  # and away from it
    tick_low: float  # below 3 dollars
    tick_high: float
    width_base: float  # dollars of bid-ask width that even a worthless option has
    width_factor: float
    contracts_per_day: float  # volume of a near option
    shares_per_day: float
    root: str
    weekly_root: str
    daily_expirations: bool
    rate: float = 0.0
    dividend_yield: float = 0.0
    drift: float = 0.07
    reversion: float = 7.0  # per year, of the logarithm of variance
    vol_of_variance: float = 1.9  # per square root of a year, of the same
    leverage: float = -0.7  # correlation of spot and variance
    premium: float = 1.15  # implied over expected volatility

    def expected_variances(self, variance: float, years: Floats) -> Floats:
        """Return the total variance at the money for each time ahead, given the variance of now.

        It is the integral of mean + (now - mean)·exp(-speed·t), times the premium. That is positive throughout,
        so that the total rises with time, as the surface demands.
        """
        speed, mean = self.reversion / 2, self.iv**2
        expected = mean * years - (variance - mean) * np.expm1(-speed * years) / speed
        return np.asarray(self.premium**2 * expected)


_INDEX_SURFACE = SurfaceModel(rho=-0.6, eta=0.9, gamma=0.5)
_STOCK_SURFACE = SurfaceModel(rho=-0.35, eta=0.9, gamma=0.45)

MODELS: dict[str, SymbolModel] = {
    model.symbol: model
    for model in (
        SymbolModel(
            symbol="SPY", key=1, start_spot=560.0, iv=0.145, market_share=1.0, crash_beta=1.0,
            surface=_INDEX_SURFACE, strike_step=1000, wing_step=5000, tick_low=0.01, tick_high=0.01,
            width_base=0.01, width_factor=1.0, contracts_per_day=20000.0, shares_per_day=6.0e7,
            root="SPY", weekly_root="SPY", daily_expirations=True,
        ),
        SymbolModel(
            symbol="QQQ", key=2, start_spot=480.0, iv=0.195, market_share=0.93, crash_beta=1.2,
            surface=_INDEX_SURFACE, strike_step=1000, wing_step=5000, tick_low=0.01, tick_high=0.01,
            width_base=0.01, width_factor=1.2, contracts_per_day=12000.0, shares_per_day=4.0e7,
            root="QQQ", weekly_root="QQQ", daily_expirations=True,
        ),
        SymbolModel(
            symbol="IWM", key=3, start_spot=215.0, iv=0.21, market_share=0.86, crash_beta=1.2,
            surface=_INDEX_SURFACE, strike_step=1000, wing_step=5000, tick_low=0.01, tick_high=0.01,
            width_base=0.01, width_factor=1.2, contracts_per_day=6000.0, shares_per_day=3.0e7,
            root="IWM", weekly_root="IWM", daily_expirations=True,
        ),
        SymbolModel(
            symbol="AAPL", key=4, start_spot=225.0, iv=0.26, market_share=0.65, crash_beta=1.1,
            surface=_STOCK_SURFACE, strike_step=2500, wing_step=5000, tick_low=0.01, tick_high=0.05,
            width_base=0.01, width_factor=1.5, contracts_per_day=4000.0, shares_per_day=5.0e7,
            root="AAPL", weekly_root="AAPL", daily_expirations=False,
        ),
        SymbolModel(
            symbol="GOOG", key=5, start_spot=175.0, iv=0.28, market_share=0.6, crash_beta=1.1,
            surface=_STOCK_SURFACE, strike_step=2500, wing_step=5000, tick_low=0.01, tick_high=0.05,
            width_base=0.02, width_factor=1.8, contracts_per_day=2000.0, shares_per_day=2.0e7,
            root="GOOG", weekly_root="GOOG", daily_expirations=False,
        ),
        SymbolModel(
            symbol="SPX", key=6, start_spot=5600.0, iv=0.145, market_share=1.0, crash_beta=1.0,
            surface=_INDEX_SURFACE, strike_step=5000, wing_step=25000, tick_low=0.05, tick_high=0.1,
            width_base=0.05, width_factor=1.3, contracts_per_day=3000.0, shares_per_day=0.0,
            root="SPX", weekly_root="SPXW", daily_expirations=True, rate=0.04, dividend_yield=0.013,
        ),
    )
}  # fmt: skip
