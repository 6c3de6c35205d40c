"""What the guard of price-based exits is shown of a position: its legs' quotes, and their neighbors' when asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from thetaloom.domain.book.guarded_exits import GuardInputs, guard_rule, look
from thetaloom.domain.book.mark_guard import GuardDecision, GuardState
from thetaloom.domain.book.marks import Marks
from thetaloom.domain.book.robust_mark import GuardLeg, Observation, SpotSeen
from thetaloom.domain.book.watch import PositionWatch
from thetaloom.domain.market.chain import OptionChain, from_date, from_strike, to_strike
from thetaloom.domain.market.quote_neighbors import pick_neighbors
from thetaloom.domain.market.quote_quality import Sighting, sighting_of
from thetaloom.domain.strategy.rules import ExitGuard
from thetaloom.domain.values.instruments import ExerciseStyle, OptionContract
from thetaloom.engine.desk import Desk
from thetaloom.engine.marks import PositionView

Neighbors = Mapping[OptionContract, tuple[Sighting, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardLook:
    """One look of a position's guard: what it rested on, what it said, and what is to be remembered."""

    given: GuardInputs
    after: GuardState
    decision: GuardDecision


def guard_look(
    desk: Desk, view: PositionView, guard: ExitGuard, marks: Marks, watch: PositionWatch | None
) -> GuardLook | None:
    """Have the position's guard look at the quotes of a view, and at their neighbors where a rule is about to fire.

    ``None`` where the strategy has no guard, or nothing to guard. Remembers nothing.
    """
    rule = guard_rule(guard, view.rules)
    if rule is None or not view.quotes:
        return None
    position, spots = view.position, desk.guards.spots(view.position.symbol)
    fired = frozenset(position.exits_fired)
    state = desk.guards.state(position.run_id, tuple(entry.leg for entry in view.quotes))
    given = GuardInputs(rule=rule, state=state, seen=observation_of(view, spots))
    after, decision = look(given, view.rules, position, marks, fired, watch)
    chain = desk.guards.chain(desk.market, position.symbol, view.now) if decision.wants_neighbors else None
    if chain is not None:
        near = {entry.leg.contract: neighbors_in(chain, entry.leg.contract) for entry in view.quotes}
        given = replace(given, seen=observation_of(view, spots, near))
        after, decision = look(given, view.rules, position, marks, fired, watch)
    return GuardLook(given=given, after=after, decision=decision)


def observation_of(
    view: PositionView, spots: tuple[SpotSeen, ...] = (), neighbors: Neighbors | None = None
) -> Observation:
    """Return what the guard observes of a position; ``spots`` are the underlying's latest, kept once for a symbol."""
    legs = tuple(
        GuardLeg(
            ratio=entry.leg.ratio,
            is_american=entry.leg.contract.exercise_style is ExerciseStyle.AMERICAN,
            years=years,
            sighting=sighting_of(entry.leg.contract, entry.quote),
            neighbors=None if neighbors is None else neighbors.get(entry.leg.contract, ()),
        )
        for entry, years in zip(view.quotes, view.years, strict=True)
    )
    return Observation(
        now=view.now,
        spot=None if view.spot is None else float(view.spot),
        rate=view.rate,
        dividend_yield=view.dividend_yield,
        age_seconds_max=float(view.quote_age_seconds_max),
        legs=legs,
        spots=spots,
    )


def neighbors_in(chain: OptionChain, contract: OptionContract) -> tuple[Sighting, ...]:
    """Return the quotes next to a contract's in its chain: two strikes on each side, and the other right."""
    alike = (chain.root == contract.root) & (chain.expires_on == from_date(contract.expires_on))
    own_right = chain.is_call == (contract.right.value == "C")
    strikes = [float(to_strike(one)) for one in chain.strike[alike & own_right]]
    around = [round(one * 1000) for one in pick_neighbors(strikes, float(contract.strike))]
    wanted = alike & own_right & np.isin(chain.strike, around)
    wanted |= alike & ~own_right & (chain.strike == from_strike(contract.strike))
    return tuple(sighting_of(chain.contract(place), chain.quote(place)) for place in np.flatnonzero(wanted).tolist())
