"""What the guard of price-based exits remembers in this process: of each watched position, and the latest spots.

The monitor writes it; the steps that decide on an exit read it, and record what they read.
"""

from collections.abc import Collection, Mapping
from datetime import datetime

from thetaloom.domain.book.mark_guard import GuardState, new_guard
from thetaloom.domain.book.robust_mark import LegMemory, SpotSeen, with_spot
from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import MarketDataUnavailable
from thetaloom.ports.market_data import MarketData


class GuardBook:
    """The guards' memory; lost with the process, and then learned anew."""

    def __init__(self) -> None:
        self._states: dict[RunId, tuple[tuple[Leg, ...], GuardState]] = {}
        self._spots: dict[str, tuple[SpotSeen, ...]] = {}
        self._chains: dict[str, tuple[datetime, OptionChain | None]] = {}

    def see(self, spots: Mapping[str, Price], at: datetime) -> None:
        """Remember the underlyings' prices."""
        for symbol, spot in spots.items():
            self._spots[symbol] = with_spot(self._spots.get(symbol, ()), at, float(spot))

    def spots(self, symbol: str) -> tuple[SpotSeen, ...]:
        """Return the latest prices of an underlying, oldest first."""
        return self._spots.get(symbol, ())

    def state(self, run: RunId, legs: tuple[Leg, ...]) -> GuardState:
        """Return what is remembered of a position that holds these legs; what was learned of a leg outlives others."""
        known = self._states.get(run)
        if known is None:
            return new_guard(len(legs))
        before, state = known
        if before == legs:
            return state
        learned: dict[OptionContract, LegMemory] = {
            leg.contract: memory for leg, memory in zip(before, state.legs, strict=True)
        }
        return GuardState(legs=tuple(learned.get(leg.contract, LegMemory()) for leg in legs))

    def keep(self, run: RunId, legs: tuple[Leg, ...], state: GuardState) -> None:
        """Remember a position's state."""
        self._states[run] = legs, state

    def keep_only(self, runs: Collection[RunId], symbols: Collection[str]) -> None:
        """Forget all positions but those of these runs, and all underlyings but these."""
        self._states = {run: known for run, known in self._states.items() if run in runs}
        self._spots = {symbol: known for symbol, known in self._spots.items() if symbol in symbols}
        self._chains = {}

    def chain(self, market: MarketData, symbol: str, now: datetime) -> OptionChain | None:
        """Return the chain of now, read once an instant for all positions; ``None`` where there is none to be had."""
        known = self._chains.get(symbol)
        if known is None or known[0] != now:
            try:
                known = now, market.chain(symbol, now)
            except MarketDataUnavailable:
                known = now, None
            self._chains[symbol] = known
        return known[1]
