import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from thetaloom.domain.market.bars import Bars
from thetaloom.domain.market.chain import OptionChain, from_date
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.values.money import Price
from thetaloom.maths.black_scholes import bsm_price

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
