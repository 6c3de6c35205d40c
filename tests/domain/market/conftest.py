"""Bars that wander, and chains whose quotes a model gives, so that what is read from them is known beforehand."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from thetaloom.domain.market.bars import Bars
from thetaloom.domain.market.chain import OptionChain, from_date
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.values.instruments import ExerciseStyle, OptionContract, Right
from thetaloom.domain.values.money import Price
from thetaloom.maths.american_chain import chain_american_greeks
from thetaloom.maths.black_scholes import bsm_price, chain_greeks

BarsOf = Callable[..., Bars]


@pytest.fixture
def bars_of() -> BarsOf:
    """Make bars that wander from 100, the same for the same seed; ``drift`` is per bar."""

    def make(seed: int, count: int = 300, *, drift: float = 0.0, deviation: float = 0.012) -> Bars:
        rng = np.random.Generator(np.random.PCG64(seed))
        closes = 100 * np.exp(np.cumsum(rng.normal(drift, deviation, count)))
        highs = closes * (1 + np.abs(rng.normal(0, 0.006, count)))
        lows = closes * (1 - np.abs(rng.normal(0, 0.006, count)))
        return Bars(
            days=tuple(range(16436, 16436 + count)),
            highs=tuple(np.round(highs, 4).tolist()),
            lows=tuple(np.round(lows, 4).tolist()),
            closes=tuple(np.clip(np.round(closes, 4), np.round(lows, 4), np.round(highs, 4)).tolist()),
            volumes=tuple(rng.integers(1, 1000, count).astype(float).tolist()),
        )

    return make


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A chain whose every mid follows from a known volatility."""

    chain: OptionChain
    expirations: tuple[Expiration, ...]


PricedOf = Callable[..., Priced]
PRICED_ON = date(2025, 12, 17)
RATE, DIVIDEND_YIELD = 0.04, 0.01


@pytest.fixture
def priced() -> PricedOf:
    """Make a chain at spot 100 with strikes from 70 to 130; ``iv_of`` takes strike and days."""

    def make(
        iv_of: Callable[[float, int], float],
        days: tuple[int, ...] = (20, 50),
        *,
        interest: Callable[[float, bool], float] = lambda strike, is_call: math.nan,
        feed_iv: bool = False,
    ) -> Priced:
        rows = [(life, float(strike), call) for life in days for strike in range(70, 131) for call in (True, False)]
        prices = [
            bsm_price(call, 100.0, strike, life / 365, RATE, DIVIDEND_YIELD, iv_of(strike, life))
            for life, strike, call in rows
        ]
        unknown = {name: np.full(len(rows), math.nan) for name in ("bid_size", "ask_size", "delta", "volume")}
        chain = OptionChain(
            underlying="SPY",
            as_of=datetime(2025, 12, 17, 15, tzinfo=UTC),
            spot=Price(100),
            source="test",
            synthetic=True,
            root=np.array(["SPY"] * len(rows), dtype=np.str_),
            expires_on=np.array([from_date(PRICED_ON) + life for life, _, _ in rows], dtype=np.int32),
            strike=np.array([strike * 1000 for _, strike, _ in rows], dtype=np.int64),
            is_call=np.array([call for _, _, call in rows], dtype=np.bool_),
            bid=np.array(prices) * 0.999,
            ask=np.array(prices) * 1.001,
            open_interest=np.array([interest(strike, call) for _, strike, call in rows], dtype=np.float64),
            iv=np.array([iv_of(strike, life) if feed_iv else math.nan for life, strike, _ in rows]),
            quoted_at=np.zeros(len(rows), dtype=np.int64),
            **unknown,
        )
        expirations = tuple(
            Expiration(
                expires_on=PRICED_ON + timedelta(days=life),
                root="SPY",
                dte=life,
                years=life / 365,
                is_monthly=False,
                last_trading_at=datetime(2026, 3, 1, tzinfo=UTC),
            )
            for life in days
        )
        return Priced(chain=chain, expirations=expirations)

    return make


AT = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
EXPIRES_ON = date(2026, 7, 17)


@pytest.fixture
def model_chain() -> Callable[..., tuple[OptionChain, Expiration]]:
    """One expiration of ``root``, each contract quoted around its model price."""

    def make(
        root: str = "SPXW",
        *,
        spot: float = 100.0,
        rate: float = 0.04,
        dividend_yield: float = 0.015,
        smile: Callable[[np.ndarray], np.ndarray] = lambda moneyness: 0.2 - 0.1 * moneyness + 0.2 * moneyness**2,
        years: float = 0.5,
        half_width: float = 0.02,
        noise: float = 0.0,
    ) -> tuple[OptionChain, Expiration]:
        strikes = np.repeat(spot * np.arange(0.7, 1.31, 0.02), 2)
        is_call = np.arange(strikes.size) % 2 == 0
        contract = OptionContract(root=root, expires_on=EXPIRES_ON, right=Right.CALL, strike=Decimal(100))
        greeks = chain_american_greeks if contract.exercise_style is ExerciseStyle.AMERICAN else chain_greeks
        iv = smile(np.log(strikes / spot))
        found = greeks(spot, strikes, years, is_call, iv, rate, dividend_yield)
        mids = found.price + np.random.default_rng(4).uniform(-noise, noise, strikes.size)
        unknown = np.full(strikes.size, np.nan)
        chain = OptionChain(
            underlying=contract.underlying,
            as_of=AT,
            spot=Price(Decimal(str(spot))),
            source="model",
            synthetic=True,
            root=np.array([root] * strikes.size),
            expires_on=np.full(strikes.size, from_date(EXPIRES_ON), dtype=np.int32),
            strike=np.round(strikes * 1000).astype(np.int64),
            is_call=is_call,
            bid=np.maximum(0.0, mids - half_width),
            ask=np.maximum(0.0, mids) + half_width,
            iv=iv,
            delta=found.delta,
            quoted_at=np.full(strikes.size, int(AT.timestamp() * 1_000_000), dtype=np.int64),
            **{name: unknown.copy() for name in ("bid_size", "ask_size", "volume", "open_interest")},
        )
        expiration = Expiration(
            expires_on=EXPIRES_ON, root=root, dte=193, years=years, is_monthly=True, last_trading_at=AT
        )
        return chain, expiration

    return make
