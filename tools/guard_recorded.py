"""The guard on recorded minutes: stops that fired and found the mark back within five minutes, naive and guarded."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from thetaloom.domain.book.mark_guard import GuardRule, new_guard, observe
from thetaloom.domain.book.robust_mark import GuardLeg, Observation, SpotSeen, with_spot
from thetaloom.domain.market.quote_neighbors import pick_neighbors
from thetaloom.domain.market.quote_quality import Sighting

FILE = Path(__file__).parent.parent.parent / "shared" / "data" / "lean_minute" / "GOOG_20151224_minute.parquet"
STOPS = (0.03, 0.05, 0.1, 0.2)  # of the mark at the start
START = 20  # minutes after the first quotes, when the opening is over
REVERSAL_MINUTES = 5
AGE_SECONDS_MAX = 900.0  # a minute bar is written only where the quote changed
POSITIONS_MAX = 150
RATE = 0.005


@dataclass(frozen=True, slots=True)
class Exit:
    """When a stop fired, and whether the mid came back within five minutes."""

    at: int
    reversed: bool


def recorded_table() -> list[str]:
    """Return the table of exits on the recorded day, or why there is none."""
    if not FILE.exists():
        return [f"The recorded day is not beside the checkout ({FILE.name}): skipped."]
    day = _Day(FILE)
    rows = ["| Stop | Positions | Naive exits | of them back within 5 minutes | Guarded exits | of them back |"]
    rows.append("|---|---|---|---|---|---|")
    positions = list(day.verticals())[:POSITIONS_MAX]
    for share in STOPS:
        pairs = [day.exits(legs, share) for legs in positions]
        naive = [one for one, _ in pairs if one is not None]
        ours = [one for _, one in pairs if one is not None]
        back = [sum(one.reversed for one in exits) for exits in (naive, ours)]
        rows.append(f"| {share:.0%} | {len(pairs)} | {len(naive)} | {back[0]} | {len(ours)} | {back[1]} |")
    return rows


Key = tuple[Any, bool, float]


class _Day:
    def __init__(self, path: Path) -> None:
        import polars as pl

        frame = pl.read_parquet(path).sort("quote_time")
        self.minutes: list[datetime] = frame["quote_time"].unique().sort().to_list()
        place = {at: number for number, at in enumerate(self.minutes)}
        self.quotes: dict[Key, dict[int, Sighting]] = defaultdict(dict)
        self.spots: dict[int, float] = {}
        self.strikes: dict[tuple[Any, bool], set[float]] = defaultdict(set)
        columns = ("quote_time", "expiration", "right", "strike", "bid", "ask", "underlying_price")
        for at, expiration, right, strike, bid, ask, spot in frame.select(columns).iter_rows():
            is_call, minute = right == "C", place[at]
            self.quotes[expiration, is_call, strike][minute] = Sighting(
                is_call=is_call, strike=float(strike), bid=bid, ask=ask, quoted_at=at
            )
            self.strikes[expiration, is_call].add(float(strike))
            if spot is not None:
                self.spots[minute] = float(spot)

    def verticals(self) -> Iterator[tuple[Key, Key]]:
        """Give short verticals near the money, each of two strikes that are quoted from the start on."""
        spot = self.spots[START]
        for (expiration, is_call), listed in sorted(self.strikes.items(), key=str):
            near = [one for one in sorted(listed) if abs(one / spot - 1.0) < 0.04]
            for low, high in zip(near, near[2:], strict=False):
                pair = ((expiration, is_call, low), (expiration, is_call, high))
                sold, bought = (pair[0], pair[1]) if is_call else (pair[1], pair[0])
                known = [self.at(one, START) for one in (sold, bought)]
                if all(one is not None and one.is_sound and (one.mid or 0.0) > 0.5 for one in known):
                    yield sold, bought

    def at(self, key: Key, minute: int) -> Sighting | None:
        """Return the latest quote by the minute."""
        known = self.quotes.get(key, {})
        return next((known[one] for one in range(minute, -1, -1) if one in known), None)

    def exits(self, legs: tuple[Key, Key], share: float) -> tuple[Exit | None, Exit | None]:
        """Run one stop over the day, naive and guarded."""
        mids = [self.net(legs, minute) for minute in range(len(self.minutes))]
        start = mids[START]
        if start is None or start >= 0:
            return None, None
        limit = start * (1.0 + share)
        fired = next((m for m in range(START + 1, len(mids)) if (net := mids[m]) is not None and net <= limit), None)
        guarded = self.guarded(legs, limit)
        return self.exit(fired, mids, limit), self.exit(guarded, mids, limit)

    def exit(self, minute: int | None, mids: list[float | None], limit: float) -> Exit | None:
        """Say whether the mid was back inside the limit within five minutes."""
        if minute is None:
            return None
        after = mids[minute + 1 : minute + 1 + REVERSAL_MINUTES]
        return Exit(minute, any(net is not None and net > limit for net in after))

    def net(self, legs: tuple[Key, Key], minute: int) -> float | None:
        """Return the net mid of closing: the short leg is bought back."""
        sold, bought = (self.at(one, minute) for one in legs)
        if sold is None or bought is None or sold.mid is None or bought.mid is None:
            return None
        return bought.mid - sold.mid

    def guarded(self, legs: tuple[Key, Key], limit: float) -> int | None:
        """Return the minute at which the guard lets the stop fire; in minute bars its deadline is the next bar."""
        state, spots = new_guard(2), tuple[SpotSeen, ...]()
        rule = GuardRule(deadline_seconds=60.0, blind_after_seconds=300.0)

        def met_at(net: float) -> frozenset[int]:
            return frozenset({0}) if net <= limit else frozenset()

        for minute in range(len(self.minutes)):
            spots = with_spot(spots, self.minutes[minute], self.spots.get(minute))
            after, decision = observe(state, self.seen(legs, minute, spots, near=False), met_at, rule)
            if decision.wants_neighbors:
                after, decision = observe(state, self.seen(legs, minute, spots, near=True), met_at, rule)
            state = after
            if minute > START and decision.fires:
                return minute
        return None

    def seen(self, legs: tuple[Key, Key], minute: int, spots: tuple[SpotSeen, ...], *, near: bool) -> Observation:
        """Return the observation of one minute."""
        now = self.minutes[minute]
        guarded = []
        for ratio, key in zip((-1, 1), legs, strict=True):
            expiration, is_call, strike = key
            empty = Sighting(is_call=is_call, strike=strike, bid=None, ask=None, quoted_at=None)
            around = [(expiration, is_call, one) for one in pick_neighbors(self.strikes[expiration, is_call], strike)]
            asked = [self.at(one, minute) for one in (*around, (expiration, not is_call, strike))] if near else []
            guarded.append(
                GuardLeg(
                    ratio=ratio,
                    is_american=True,
                    years=max(0.5, (expiration - now.date()).days) / 365.0,
                    sighting=self.at(key, minute) or empty,
                    neighbors=tuple(one for one in asked if one is not None) if near else None,
                )
            )
        spot = spots[-1].spot if spots else None
        return Observation(
            now=now + timedelta(microseconds=1),
            spot=spot,
            rate=RATE,
            dividend_yield=0.0,
            age_seconds_max=AGE_SECONDS_MAX,
            legs=tuple(guarded),
            spots=spots,
        )
