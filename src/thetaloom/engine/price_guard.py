"""What the guard of price-based exits is shown of a position: its legs' quotes, and their neighbors' when asked for."""

from collections.abc import Mapping

import numpy as np

from thetaloom.domain.book.robust_mark import GuardLeg, Observation, SpotSeen
from thetaloom.domain.market.chain import OptionChain, from_date, from_strike, to_strike
from thetaloom.domain.market.quote_neighbors import pick_neighbors
from thetaloom.domain.market.quote_quality import Sighting, sighting_of
from thetaloom.domain.values.instruments import ExerciseStyle, OptionContract
from thetaloom.engine.marks import PositionView

Neighbors = Mapping[OptionContract, tuple[Sighting, ...]]


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
