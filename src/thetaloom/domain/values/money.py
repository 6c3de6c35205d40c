"""Money and prices: exact decimals that cannot be confused, with one sign convention.

Money to us is positive. A net credit is a positive price, a net debit a negative one.
A price is per share; only a contract's multiplier turns it into money.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Self

CENT = Decimal("0.01")
HUNDRED = Decimal(100)


class _Amount(Decimal):
    """A decimal that adds only to its own kind and scales only by bare numbers."""

    __slots__ = ()

    def __new__(cls, amount: Decimal | int | str) -> Self:
        self = super().__new__(cls, amount)
        if not Decimal.is_finite(self):
            raise ValueError(f"{cls.__name__} needs a finite number, not {amount}")
        return self

    def __add__(self, other: Self) -> Self:  # type: ignore[override]  # narrower on purpose
        return type(self)(Decimal.__add__(self, self._same(other)))

    def __radd__(self, other: object) -> Self:  # only so that sum() can start at 0
        if other == 0:
            return self
        raise TypeError(f"cannot add {type(other).__name__} and {type(self).__name__}")

    def __sub__(self, other: Self) -> Self:  # type: ignore[override]  # narrower on purpose
        return type(self)(Decimal.__sub__(self, self._same(other)))

    def __neg__(self) -> Self:
        return type(self)(Decimal.__neg__(self))

    def __abs__(self) -> Self:
        return type(self)(Decimal.__abs__(self))

    def __mul__(self, factor: int | Decimal) -> Self:
        if isinstance(factor, _Amount):
            raise TypeError(f"cannot multiply {type(self).__name__} by {type(factor).__name__}")
        return type(self)(Decimal.__mul__(self, Decimal(factor)))

    __rmul__ = __mul__

    def __truediv__(self, divisor: int | Decimal) -> Self:
        if isinstance(divisor, _Amount):
            raise TypeError(f"use ratio() to divide {type(self).__name__} by {type(divisor).__name__}")
        return type(self)(Decimal.__truediv__(self, Decimal(divisor)))

    def ratio(self, other: Self) -> Decimal:
        """Divide by an amount of the same kind; the answer is a bare number."""
        return Decimal.__truediv__(Decimal(self), Decimal(self._same(other)))

    def _same(self, other: Self) -> Self:
        if type(other) is not type(self):
            raise TypeError(f"cannot mix {type(self).__name__} and {type(other).__name__}")
        return other


class Price(_Amount):
    """Dollars per share. As a net price of a structure: credit positive, debit negative."""

    __slots__ = ()

    def times(self, multiplier: int, quantity: int = 1) -> "Money":
        """Return the money that ``quantity`` units of ``multiplier`` shares each are worth at this price."""
        return Money(Decimal(self) * multiplier * quantity)

    def to_tick(self, tick: Decimal, *, favor_us: bool = False) -> "Price":
        """Round to a multiple of ``tick``: to the nearest (ties to even), or up, toward more for us."""
        rounding = ROUND_CEILING if favor_us else ROUND_HALF_EVEN
        return Price((Decimal(self) / tick).to_integral_value(rounding) * tick)

    def down_to_tick(self, tick: Decimal) -> "Price":
        """Round down to a multiple of ``tick``, i.e. toward less for us and a likelier fill."""
        return Price((Decimal(self) / tick).to_integral_value(ROUND_FLOOR) * tick)


class Money(_Amount):
    """Dollars. What we receive is positive, what we pay is negative."""

    __slots__ = ()

    def to_cents(self) -> "Money":
        """Round to whole cents, ties to even."""
        return Money(Decimal(self).quantize(CENT, ROUND_HALF_EVEN))
