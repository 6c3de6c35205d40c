"""Exact prices for the same few numbers that quotes are made of, over and over."""

from functools import lru_cache

from thetaloom.domain.market.quotes import price_from_float
from thetaloom.domain.values.money import Price

PRICES_KEPT = 16_384  # about 3 MB; a thousand watched contracts move among fewer in an hour


@lru_cache(maxsize=PRICES_KEPT)
def exact_price(number: float) -> Price | None:
    """Return the exact price of a feed's float, made once; NaN is no price."""
    return price_from_float(number)
