"""The margin of a book of 200 legs, as ``thetaloom bench`` measures it."""

import time
from datetime import date
from decimal import Decimal

import numpy as np

from thetaloom.cli.bench_figures import Figure
from thetaloom.domain.risk.margin import book_margin
from thetaloom.domain.risk.margin_rules import Holding, MarginLeg, Underlying, UnderlyingKind, intrinsic
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import CENT, Price

ROUNDS = 11
EXPIRATIONS = (date(2026, 1, 16), date(2026, 2, 20), date(2026, 3, 20), date(2026, 4, 17))
# symbol, price, kind, distance between strikes, legs
UNDERLYINGS = (
    ("SPX", 6000, "broad_index", 25, 64),
    ("SPY", 600, "etf", 5, 36),
    ("QQQ", 500, "etf", 5, 36),
    ("IWM", 200, "etf", 2, 32),
    ("AAPL", 250, "equity", 5, 32),
)
# per structure its legs: right, strikes from the one at the money, quantity
STRUCTURES = (
    (("P", -6, 1), ("P", -4, -1), ("C", 4, -1), ("C", 6, 1)),  # iron condor
    (("P", -5, 1), ("P", -3, -1)),  # put credit spread
    (("C", 3, -1), ("C", 5, 1)),  # call credit spread
    (("P", -10, -1), ("C", 10, -1)),  # strangle
    (("C", -2, 1), ("C", 0, -2), ("C", 2, 1)),  # butterfly
    (("P", -6, 2), ("P", -4, -2), ("C", 4, -1), ("C", 6, 1)),  # trident
)


def book_margins() -> list[Figure]:
    """Least margin of a 200-leg book on five underlyings, one of them with 64 legs."""
    book = [bench_holding(*row) for row in UNDERLYINGS]
    legs = sum(len(holding.legs) for holding in book)
    book_margin(book)  # imports and compiles
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        book_margin(book)
        took.append((time.perf_counter() - began) * 1000)
    note = f"{legs} legs on {len(book)} underlyings, exact over all pairings, best of {ROUNDS}"
    return [Figure(name="margin of a 200-leg book", figure=min(took), unit="ms", bar=20, note=note)]


def bench_holding(symbol: str, price: int, kind: str, step: int, count: int) -> Holding:
    """Return a book of about ``count`` legs on one underlying, made of usual structures of four expirations."""
    numbers = np.random.default_rng(count + price)
    held: dict[OptionContract, int] = {}
    while len(held) < count:
        expires_on = EXPIRATIONS[numbers.integers(len(EXPIRATIONS))]
        shift, many = int(numbers.integers(-2, 3)), int(numbers.integers(1, 4))
        for right, strikes, quantity in STRUCTURES[numbers.integers(len(STRUCTURES))]:
            strike = Decimal((round(price / step) + strikes + shift) * step)
            contract = OptionContract(root=symbol, expires_on=expires_on, right=Right(right), strike=strike)
            held[contract] = held.get(contract, 0) + quantity * many
    underlying = Underlying(symbol=symbol, price=Price(price), kind=UnderlyingKind(kind))
    legs = [MarginLeg(contract=one, quantity=many, price=_worth(one, price)) for one, many in held.items() if many]
    return Holding(underlying=underlying, legs=tuple(legs[:count]))


def _worth(contract: OptionContract, price: int) -> Price:
    # Any plausible one will do: what it is in the money, and a time value that fades away from there.
    spot = Decimal(price)
    time_value = spot * spot / 50 / (spot + 20 * abs(contract.strike - spot))
    return Price((intrinsic(contract, spot) + time_value).quantize(CENT))
