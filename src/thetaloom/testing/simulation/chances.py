"""Chance with a seed: everything that happens by chance in a simulated world is drawn here."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TypeVar
from zlib import crc32

from numpy.random import PCG64, Generator, SeedSequence

T = TypeVar("T")


class Chances:
    """Draws of one purpose; a draw more in one place moves nothing in another."""

    def __init__(self, seed: int, purpose: str) -> None:
        self.numbers = Generator(PCG64(SeedSequence([seed, crc32(purpose.encode())])))

    def happens(self, probability: float) -> bool:
        """Say whether something of this probability happens."""
        return bool(self.numbers.random() < probability)

    def between(self, low: float, high: float) -> float:
        """Return a number between two."""
        return low + (high - low) * float(self.numbers.random())

    def count(self, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``, both included."""
        return low + int(self.numbers.random() * (high - low + 1))

    def one_of(self, choices: Sequence[T]) -> T:
        """Return one of the choices."""
        return choices[int(self.numbers.random() * len(choices))]

    def shuffled(self, of: Sequence[T]) -> list[T]:
        """Return all of them in another order."""
        return [of[place] for place in self.numbers.permutation(len(of))]

    def seconds(self, low: float, high: float) -> timedelta:
        """Return a span of whole milliseconds; short ones are as likely as long ones of another magnitude."""
        return timedelta(milliseconds=round(1000 * low * (high / low) ** float(self.numbers.random())))
