"""How often anybody may ask: the one table of rates, counted in memory for each person.

Signals have a door of their own, with the cool-down of their source. Leaving a position is bound by no rate but that of
all changes.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.people import Role
from thetaloom.ports.clock import Clock
from thetaloom.web.permissions import READS, fits, role_needed


class Rate(StrEnum):
    """What is counted."""

    SIGN_IN = "failures to sign in with one name"
    SIGN_IN_ADDRESS = "failures to sign in from one address"
    EXECUTIONS = "executions"
    GENERATIONS = "suggestions"
    CHAINS = "option chains"
    CHANGES = "changes"
    READS = "requests"


AMOUNTS = {  # of one person; a factor of the settings raises all but those of signing in
    Rate.SIGN_IN: "5 per 15 minutes",
    Rate.SIGN_IN_ADDRESS: "30 per 15 minutes",
    Rate.EXECUTIONS: "10 per 1 minute",
    Rate.GENERATIONS: "20 per 5 minutes",
    Rate.CHAINS: "60 per 1 minute",
    Rate.CHANGES: "1200 per 1 minute",
    Rate.READS: "6000 per 1 minute",
}
FIXED = frozenset({Rate.SIGN_IN, Rate.SIGN_IN_ADDRESS})
ROUTES = {
    ("GET", "/api/chains/{}"): Rate.CHAINS,
    ("POST", "/api/suggestions/{}/execute"): Rate.EXECUTIONS,
    ("POST", "/api/suggestions/{}/generate"): Rate.GENERATIONS,
}
MESSAGES = {"execute_order": Rate.EXECUTIONS, "generate_suggestion": Rate.GENERATIONS}


@dataclass(frozen=True, slots=True, kw_only=True)
class TooMany:
    """Why a request must wait."""

    rate: Rate
    seconds: int

    @property
    def message(self) -> str:
        """One sentence for whoever asked."""
        return f"too many {self.rate.value}; try again in {self.seconds} s"


class Throttle:
    """Counts; one for the whole application. A ``factor`` of 0 lets everything through but guessing passwords."""

    def __init__(self, factor: float, wall: Clock) -> None:
        self._wall = wall
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._items = {rate: _item(rate, 1.0 if rate in FIXED else factor) for rate in Rate}

    def hit_route(self, person: UserId, method: str, path: str) -> TooMany | None:
        """Count a request; say so if it is one too many."""
        rates = [_rate_of(method, path)]
        rates[:0] = [rate for (asked, route), rate in ROUTES.items() if asked == method and fits(route, path)]
        return next((refused for rate in rates if (refused := self.hit(rate, person))), None)

    def hit_message(self, person: UserId, kind: str) -> TooMany | None:
        """Count a message of the WebSocket; say so if it is one too many."""
        rate = MESSAGES.get(kind)
        return None if rate is None else self.hit(rate, person)

    def hit(self, rate: Rate, *of: str) -> TooMany | None:
        """Count one; say so if it is one too many."""
        item = self._items[rate]
        if item is None or self._limiter.hit(item, rate.name, *of):
            return None
        return self._too_many(rate, item, of)

    def is_spent(self, rate: Rate, *of: str) -> TooMany | None:
        """Say whether one more would be too many, and count nothing."""
        item = self._items[rate]
        if item is None or self._limiter.test(item, rate.name, *of):
            return None
        return self._too_many(rate, item, of)

    def forget(self, rate: Rate, *of: str) -> None:
        """Begin to count anew."""
        item = self._items[rate]
        if item is not None:
            self._limiter.clear(item, rate.name, *of)

    def _too_many(self, rate: Rate, item: RateLimitItem, of: tuple[str, ...]) -> TooMany:
        ends_at = self._limiter.get_window_stats(item, rate.name, *of).reset_time
        return TooMany(rate=rate, seconds=max(1, math.ceil(ends_at - self._wall.now().timestamp())))


def _item(rate: Rate, factor: float) -> RateLimitItem | None:
    item = parse(AMOUNTS[rate])
    return None if factor == 0 else type(item)(max(1, int(item.amount * factor)), item.multiples)


def _rate_of(method: str, path: str) -> Rate:
    # what only calculates is a POST for its body's sake, and changes nothing
    is_reading = method in READS or role_needed(method, path) is Role.VIEWER
    return Rate.READS if is_reading else Rate.CHANGES
