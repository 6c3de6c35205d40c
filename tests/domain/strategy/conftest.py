"""A small chain to evaluate structures on."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from thetaloom.domain.market.chain import OptionChain, from_date, from_strike
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price

NOW = datetime(2025, 12, 17, 15, 0, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

ChainMaker = Callable[..., OptionChain]


@pytest.fixture(scope="session")
def make_chain() -> ChainMaker:
    """Return a maker of chains from rows ``"SPY 2026-01-16 P 95": (bid, ask)``; NaN is no such side."""

    def make(
        rows: dict[str, tuple[float, float]],
        *,
        spot: str | None = "100",
        age: timedelta = timedelta(seconds=10),
        open_interest: float = 500,
        volume: float = 50,
    ) -> OptionChain:
        from thetaloom.domain.values.instruments import parse_option_symbol

        contracts: list[OptionContract] = [parse_option_symbol(text) for text in rows]
        quotes = np.array(list(rows.values()), dtype=np.float64).reshape(-1, 2)
        count = len(rows)
        quoted_at = (NOW - age - datetime.fromtimestamp(0, UTC)) // MICROSECOND
        return OptionChain(
            underlying="SPY",
            as_of=NOW,
            spot=None if spot is None else Price(Decimal(spot)),
            source="test",
            synthetic=True,
            root=np.array([contract.root for contract in contracts], dtype=np.str_),
            expires_on=np.array([from_date(contract.expires_on) for contract in contracts], dtype=np.int32),
            strike=np.array([from_strike(contract.strike) for contract in contracts], dtype=np.int64),
            is_call=np.array([contract.right.value == "C" for contract in contracts], dtype=np.bool_),
            bid=quotes[:, 0].copy(),
            ask=quotes[:, 1].copy(),
            bid_size=np.full(count, 10.0),
            ask_size=np.full(count, 10.0),
            volume=np.full(count, float(volume)),
            open_interest=np.full(count, float(open_interest)),
            iv=np.full(count, np.nan),
            delta=np.full(count, np.nan),
            quoted_at=np.full(count, quoted_at, dtype=np.int64),
        )

    return make


@pytest.fixture(scope="session")
def expirations() -> tuple[Expiration, ...]:
    """Thirty and sixty-five days from now, of SPY and of its adjusted twin."""
    return tuple(
        Expiration(
            expires_on=day,
            root=root,
            dte=(day - NOW.date()).days,
            years=(day - NOW.date()).days / 365,
            is_monthly=True,
            last_trading_at=datetime(day.year, day.month, day.day, 21, tzinfo=UTC),
        )
        for day in (date(2026, 1, 16), date(2026, 2, 20))
        for root in ("SPY", "SPY1", "XSP")
    )
