"""The risk-free rates that prices rest on: zero rates by life, between them a straight line, beyond them flat."""

import math
from bisect import bisect_left
from dataclasses import dataclass

from thetaloom.domain.values.calendar import DAYS_PER_YEAR
from thetaloom.errors import InvalidInput

RATE_MAX = 1.0
POINTS_MAX = 100
DAYS_MAX = DAYS_PER_YEAR * 100


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCurve:
    """Continuously compounded zero rates, 0.04 = 4 %, by rising days to expiration."""

    points: tuple[tuple[float, float], ...]  # days, rate

    def __post_init__(self) -> None:
        if not 0 < len(self.points) <= POINTS_MAX:
            raise InvalidInput(f"rates: 1 to {POINTS_MAX} points are needed")
        for days, rate in self.points:
            if not (0 <= days <= DAYS_MAX and abs(rate) <= RATE_MAX):
                raise InvalidInput(f"rates: {days:g}:{rate:g} is not days from 0 on and a rate such as 0.04 (for 4 %)")
        if any(later <= sooner for (sooner, _), (later, _) in zip(self.points, self.points[1:], strict=False)):
            raise InvalidInput("rates: each point must have more days than the one before")

    @classmethod
    def flat(cls, rate: float) -> "RateCurve":
        """Return the curve that gives ``rate`` for every life."""
        return cls(points=((0.0, rate),))

    @classmethod
    def parse(cls, text: str) -> "RateCurve":
        """Read ``30:0.041,365:0.039``: days and rate of each point."""
        points = []
        for part in text.split(","):
            days, colon, rate = part.partition(":")
            try:
                point = (float(days), float(rate))
            except ValueError:
                raise InvalidInput(f'rates: "{part.strip()}" is not days:rate, such as 30:0.041') from None
            if not colon or not all(map(math.isfinite, point)):
                raise InvalidInput(f'rates: "{part.strip()}" is not days:rate, such as 30:0.041')
            points.append(point)
        return cls(points=tuple(points))

    @property
    def text(self) -> str:
        """The text that ``parse`` reads."""
        return ",".join(f"{days!r}:{rate!r}".replace(".0:", ":") for days, rate in self.points)

    def at(self, years: float) -> float:
        """Return the zero rate for a life of ``years`` of 365 days."""
        days = years * DAYS_PER_YEAR
        above = bisect_left(self.points, days, key=lambda point: point[0])
        if above == 0 or above == len(self.points):
            return self.points[min(above, len(self.points) - 1)][1]
        (sooner, low), (later, high) = self.points[above - 1], self.points[above]
        return low + (high - low) * (days - sooner) / (later - sooner)

    def discount(self, years: float) -> float:
        """Return what one dollar in ``years`` is worth today."""
        return math.exp(-self.at(years) * years)
