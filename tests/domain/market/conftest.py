"""Chains whose quotes a model gives, so that what is read from them is known beforehand."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from thetaloom.domain.market.chain import OptionChain, from_date
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.values.instruments import ExerciseStyle, OptionContract, Right
from thetaloom.domain.values.money import Price
from thetaloom.maths.american_chain import chain_american_greeks
from thetaloom.maths.black_scholes import chain_greeks

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
