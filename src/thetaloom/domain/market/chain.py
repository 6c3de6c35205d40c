"""An option chain at one moment, held as arrays: one entry per contract, the same index in every array."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from thetaloom.domain.market.quotes import Quote, price_from_float
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import Price
from thetaloom.errors import InvalidInput

Floats = NDArray[np.float64]
STRIKE_SCALE = 1000  # strikes are kept as whole thousandths of a dollar, as OCC does
EPOCH = date(1970, 1, 1)


SCALAR_NAMES = ("underlying", "as_of", "spot", "source", "synthetic")
ARRAY_TYPES: dict[str, type[np.generic]] = {
    "root": np.str_,
    "expires_on": np.int32,
    "strike": np.int64,
    "is_call": np.bool_,
    "bid": np.float64,
    "ask": np.float64,
    "bid_size": np.float64,
    "ask_size": np.float64,
    "volume": np.float64,
    "open_interest": np.float64,
    "iv": np.float64,
    "delta": np.float64,
    "quoted_at": np.int64,
}


class OptionChain:
    """Contracts of one underlying with their quotes at ``as_of``. NaN in a float array means unknown.

    Entries are sorted by expiration, strike, right (calls first) and root; no contract stands twice.
    Not a dataclass on purpose: evidence keeps it as a Parquet blob, never as fields of JSON.
    """

    __slots__ = (*SCALAR_NAMES, *ARRAY_TYPES)

    underlying: str
    as_of: datetime  # the newest instant the source has spoken for; never later than the clock
    spot: Price | None
    source: str
    synthetic: bool
    root: NDArray[np.str_]
    expires_on: NDArray[np.int32]  # days since 1970-01-01
    strike: NDArray[np.int64]  # thousandths of a dollar
    is_call: NDArray[np.bool_]
    bid: Floats  # dollars per share; NaN = no bid, 0 = a bid of zero
    ask: Floats
    bid_size: Floats  # contracts
    ask_size: Floats
    volume: Floats  # contracts traded in this session so far
    open_interest: Floats  # contracts, as of the session before
    iv: Floats  # the feed's own, 0.20 = 20 %
    delta: Floats  # the feed's own, signed
    quoted_at: NDArray[np.int64]  # microseconds since 1970-01-01 UTC at which the quote was last known good

    def __init__(
        self,
        *,
        underlying: str,
        as_of: datetime,
        spot: Price | None,
        source: str,
        synthetic: bool,
        **arrays: NDArray[Any],
    ) -> None:
        self.underlying = underlying
        self.as_of = as_of
        self.spot = spot
        self.source = source
        self.synthetic = synthetic
        count = len(arrays["strike"])
        for name, kind in ARRAY_TYPES.items():
            array = arrays[name]
            if len(array) != count or not np.issubdtype(array.dtype, kind):
                raise InvalidInput(f"chain {underlying}: {name} is not an array of {count} × {kind.__name__}")
            array.flags.writeable = False
            setattr(self, name, array)

    def __len__(self) -> int:
        return len(self.strike)

    def contract(self, index: int) -> OptionContract:
        """Return the contract at ``index``."""
        return OptionContract(
            root=str(self.root[index]),
            expires_on=to_date(self.expires_on[index]),
            right=Right.CALL if self.is_call[index] else Right.PUT,
            strike=to_strike(self.strike[index]),
        )

    def quote(self, index: int) -> Quote:
        """Return the quote at ``index`` as exact prices."""
        return Quote(
            bid=price_from_float(self.bid[index]),
            ask=price_from_float(self.ask[index]),
            quoted_at=datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(self.quoted_at[index])),
            bid_size=_count(self.bid_size[index]),
            ask_size=_count(self.ask_size[index]),
        )

    def find(self, contract: OptionContract) -> int | None:
        """Return the index of ``contract``; ``None`` when the chain does not list it."""
        hits = np.flatnonzero(
            (self.strike == from_strike(contract.strike))
            & (self.expires_on == from_date(contract.expires_on))
            & (self.is_call == (contract.right is Right.CALL))
            & (self.root == contract.root)
        )
        return int(hits[0]) if len(hits) else None

    def quote_of(self, contract: OptionContract) -> Quote | None:
        """Return the quote of ``contract``; ``None`` when the chain does not list it."""
        index = self.find(contract)
        return None if index is None else self.quote(index)

    def expirations(self) -> tuple[date, ...]:
        """Return the listed expirations, earliest first."""
        return tuple(to_date(day) for day in np.unique(self.expires_on))

    def mids(self) -> Floats:
        """Return (bid + ask) / 2 per contract, NaN where a side is missing or the quote is crossed."""
        return np.where(self.bid <= self.ask, (self.bid + self.ask) / 2, np.nan)

    def select(self, mask: NDArray[np.bool_]) -> "OptionChain":
        """Return the part of the chain where ``mask`` holds."""
        scalars = {name: getattr(self, name) for name in SCALAR_NAMES}
        return OptionChain(**scalars, **{name: getattr(self, name)[mask] for name in ARRAY_TYPES})


def to_date(days: int) -> date:
    """Return the date that lies ``days`` after 1970-01-01."""
    return EPOCH + timedelta(days=int(days))


def from_date(day: date) -> int:
    """Return the days since 1970-01-01."""
    return (day - EPOCH).days


def to_strike(thousandths: int) -> Decimal:
    """Return the exact strike in dollars."""
    return Decimal(int(thousandths)).scaleb(-3).normalize() + 0


def from_strike(strike: Decimal) -> int:
    """Return the strike in whole thousandths of a dollar."""
    return int(strike * STRIKE_SCALE)


def _count(number: float) -> int | None:
    return None if np.isnan(number) else int(number)
