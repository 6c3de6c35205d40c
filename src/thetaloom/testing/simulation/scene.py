"""The scene of a world: everything that is settled before its first instant."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal

from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.calendar import TradingCalendar, TradingSession
from thetaloom.testing.simulation.chances import Chances
from thetaloom.testing.simulation.exchange import ELSEWHERE
from thetaloom.testing.simulation.faults import SPELLS, Fault, Faults
from thetaloom.testing.simulation.market import Listed, Spell
from thetaloom.testing.simulation.strategies import all_strategies

LISTED = (
    Listed(symbol="SPY", spot=600.0, step=5, strikes_each_side=8, iv=0.25, half_width=0.02),
    Listed(symbol="QQQ", spot=500.0, step=5, strikes_each_side=8, iv=0.3, half_width=0.03),
    Listed(symbol=ELSEWHERE, spot=200.0, step=5, strikes_each_side=1, iv=0.3, half_width=0.03),
)
Phase = Literal["before", "after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a world is made of, apart from chance."""

    seed: int
    first_on: date
    sessions: int
    minutes: int  # between two moves of the market
    faults: Faults
    strategies: tuple[Strategy, ...] = field(default_factory=all_strategies)
    listed: Sequence[Listed] = LISTED
    limits: tuple[tuple[str, str], ...] = (("max_trades_per_day", "50"), ("max_positions_per_symbol", "9"))
    kill_at: tuple[int, Phase] | None = None  # at this commit boundary, and at no other
    crowd: bool = True  # whether people act

    @classmethod
    def of_seed(cls, seed: int) -> "Scene":
        """Draw the scene of a seed."""
        chances = Chances(seed, "scene")
        return cls(
            seed=seed,
            first_on=date(2026, 1, 5) + timedelta(days=chances.count(0, 11)),
            sessions=chances.one_of((1, 1, 1, 1, 1, 1, 1, 2)),
            minutes=chances.one_of((5, 15, 15, 15, 30, 30, 30, 30)),
            faults=Faults.of_seed(seed),
        )


def drawn_spells(
    chances: Chances, faults: Faults, sessions: Sequence[TradingSession], calm_at: datetime
) -> tuple[Spell, ...]:
    """Draw when something is wrong for a while."""
    found = []
    for session in sessions:
        first, last = session.open_at + timedelta(minutes=3), session.close_at - timedelta(minutes=60)
        for fault in Fault:
            if fault not in SPELLS or not faults.rate(fault):
                continue
            for _ in range(round(faults.rate(fault))):
                starts_at = first + (last - first) * chances.between(0, 1)
                ends_at = min(last, starts_at + chances.seconds(5, 2400))
                found.append(Spell(fault=fault, starts_at=starts_at, ends_at=ends_at))
    return tuple(spell for spell in found if spell.starts_at < calm_at)


def sessions_from(calendar: TradingCalendar, first_on: date, count: int) -> list[TradingSession]:
    """Return the sessions from a day on."""
    found = [calendar.session_on(first_on) or calendar.next_session(first_on)]
    while len(found) < count:
        found.append(calendar.next_session(found[-1].session_on))
    return found


def fridays_from(calendar: TradingCalendar, first_on: date) -> list[date]:
    """Return the Fridays of two weeks that are sessions."""
    days = (first_on + timedelta(days=ahead) for ahead in range(15))
    return [on for on in days if on.weekday() == 4 and calendar.session_on(on) is not None]
