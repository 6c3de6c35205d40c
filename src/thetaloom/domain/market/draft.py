"""A market view in the making: each number is put in once, or the reason why it is not known."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.market.indicators import FLOAT_PLACES
from thetaloom.domain.market.view import MarketView, Measured, Named


@dataclass(slots=True, kw_only=True)
class Draft:
    """Collects numbers and words, and keeps the floats for what rests on them."""

    source: str  # of the market
    has_bars: bool  # that can be right
    numbers: dict[str, Measured] = field(default_factory=dict)
    words: dict[str, Named] = field(default_factory=dict)
    unknown: dict[str, str] = field(default_factory=dict)
    none: dict[str, str] = field(default_factory=dict)
    floats: dict[str, float] = field(default_factory=dict)

    def number(self, name: str, number: float | None, as_of: datetime | None, rests_on: str, why: str) -> None:
        """Put a number in; without it, or without its time, ``why`` it is unknown."""
        if number is None or as_of is None:
            self.unknown[name] = why
            return
        self.floats[name] = number
        exact = Decimal(repr(round(float(number), FLOAT_PLACES))).normalize() + 0
        self.numbers[name] = Measured(number=exact, as_of=as_of, source=f"{self.source} {rests_on}")

    def word(self, name: str, word: StrEnum | None, as_of: datetime | None, rests_on: str, why: str) -> None:
        """Put a word in; without it, or without its time, ``why`` it is unknown."""
        if word is None or as_of is None:
            self.unknown[name] = why
            return
        self.words[name] = Named(word=word.value, as_of=as_of, source=f"{self.source} {rests_on}")

    def missing(self, *names: str) -> str:
        """Return which of ``names`` are unknown, as a reason; empty when none is."""
        absent = [name for name in names if name not in self.floats and name not in self.words]
        return f"needs {', '.join(absent)}" if absent else ""

    def view(self) -> MarketView:
        """Return what was put in."""
        return MarketView(numbers=self.numbers, words=self.words, unknown=self.unknown, none=self.none)
