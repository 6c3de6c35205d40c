"""Money and prices: exact decimals that cannot be confused, with one sign convention.

Money to us is positive. A net credit is a positive price, a net debit a negative one.
A price is per share; only a contract's multiplier turns it into money.
"""

from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Self

CENT = Decimal("0.01")
HUNDRED = Decimal(100)


class _Amount(Decimal):
    """A decimal that adds only to its own kind and scales only by bare numbers."""

    __slots__ = ()

    def __new__(cls, amount: Decimal | int | str) -> Self:
        if not isinstance(amount, Decimal | int | str):
            raise TypeError(f"{cls.__name__} needs an exact number, not {type(amount).__name__}")
        try:
            self = super().__new__(cls, amount)
        except InvalidOperation as error:
            raise ValueError(f"{cls.__name__} needs a number, not {amount!r}") from error
        if not Decimal.is_finite(self):
            raise ValueError(f"{cls.__name__} needs a finite number, not {amount}")
        # A zero that carries a sign would print, and hash in an approval, unlike the zero it equals.
        return super().__new__(cls, Decimal.copy_abs(self)) if Decimal.is_zero(self) else self

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self}')"

    def __add__(self, other: Self) -> Self:  # type: ignore[override]  # narrower on purpose: only its own kind
        return type(self)(Decimal.__add__(self, self._same(other)))

    def __radd__(self, other: object) -> Self:
        if other == 0:  # sum() starts there
            return self
        raise TypeError(f"cannot add {type(other).__name__} and {type(self).__name__}")

    def __sub__(self, other: Self) -> Self:  # type: ignore[override]  # as __add__
        return type(self)(Decimal.__sub__(self, self._same(other)))

    def __rsub__(self, other: object) -> Self:
        raise TypeError(f"cannot subtract {type(self).__name__} from {type(other).__name__}")

    def __neg__(self) -> Self:
        return type(self)(Decimal.__neg__(self))

    def __abs__(self) -> Self:
        return type(self)(Decimal.__abs__(self))

    def __mul__(self, factor: int | Decimal) -> Self:
        return type(self)(Decimal.__mul__(self, self._bare(factor)))

    __rmul__ = __mul__

    def __truediv__(self, divisor: int | Decimal) -> Self:
        return type(self)(Decimal.__truediv__(self, self._bare(divisor)))

    def __rtruediv__(self, other: object) -> Self:
        raise TypeError(f"cannot divide {type(other).__name__} by {type(self).__name__}; see ratio()")

    def __lt__(self, other: Decimal | int) -> bool:  # type: ignore[override]  # no floats, as in __mul__
        return Decimal.__lt__(self, self._comparable(other))

    def __le__(self, other: Decimal | int) -> bool:  # type: ignore[override]  # as __lt__
        return Decimal.__le__(self, self._comparable(other))

    def __gt__(self, other: Decimal | int) -> bool:  # type: ignore[override]  # as __lt__
        return Decimal.__gt__(self, self._comparable(other))

    def __ge__(self, other: Decimal | int) -> bool:  # type: ignore[override]  # as __lt__
        return Decimal.__ge__(self, self._comparable(other))

    def ratio(self, other: Self) -> Decimal:
        """Divide by an amount of the same kind; the answer is a bare number."""
        return Decimal.__truediv__(Decimal(self), Decimal(self._same(other)))

    def _bare(self, number: int | Decimal) -> Decimal:
        # A float would bring its rounding along, an amount its unit.
        if isinstance(number, _Amount) or not isinstance(number, int | Decimal):
            raise TypeError(f"cannot scale {type(self).__name__} by {type(number).__name__}; see ratio()")
        return Decimal(number)

    def _comparable(self, other: Decimal | int) -> Decimal | int:
        # Against a bare number, such as zero, is fine; a price against money is a forgotten multiplier.
        if isinstance(other, _Amount):
            return self._same(other)
        if not isinstance(other, int | Decimal):
            raise TypeError(f"cannot compare {type(self).__name__} and {type(other).__name__}")
        return other

    def _same(self, other: object) -> Self:
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
        if not tick > 0:
            raise ValueError(f"a tick is positive, not {tick}")
        rounding = ROUND_CEILING if favor_us else ROUND_HALF_EVEN
        return Price((Decimal(self) / tick).to_integral_value(rounding) * tick)


class Money(_Amount):
    """Dollars. What we receive is positive, what we pay is negative."""

    __slots__ = ()

    def to_cents(self) -> "Money":
        """Round to whole cents, ties to even."""
        return Money(Decimal(self).quantize(CENT, ROUND_HALF_EVEN))


NOTHING = Money(0)
