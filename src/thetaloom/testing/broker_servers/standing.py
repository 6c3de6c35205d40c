"""The made-up market as servers ask it: contract by contract and page by page, a thousand times for one instant."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.marketdata.synthetic.market import SyntheticMarket


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """A chain for as long as it stands, and where each contract is in it."""

    chain: OptionChain
    until: datetime
    places: dict[OptionContract, int]


class StandingMarket(SyntheticMarket):
    """The same market: it makes each chain once for each instant of its grid, and quotes from that one."""

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._standing: dict[str, Standing] = {}

    def chain(self, underlying: str, at: datetime) -> OptionChain | None:
        """Return the chain, the same object for as long as nothing changes."""
        found = self._stand(underlying, at)
        return super().chain(underlying, at) if found is None else found.chain

    def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
        """Return quotes out of the chain that stands."""
        found: dict[OptionContract, Quote] = {}
        unknown = []
        for contract in contracts:
            standing = self._stand(contract.underlying, at)
            if standing is None:
                unknown.append(contract)
            elif (place := standing.places.get(contract)) is not None:
                found[contract] = standing.chain.quote(place)
        return {**found, **super().quotes(unknown, at)} if unknown else found

    def _stand(self, underlying: str, at: datetime) -> Standing | None:
        now, known = self._clock.now(), self._standing.get(underlying)
        if known is not None and known.chain.as_of <= min(at, now) < known.until:
            return known
        chain = super().chain(underlying, now)
        until = None if chain is None else self.next_change(chain.as_of)
        if chain is None or until is None or at < chain.as_of:
            return None
        if known is not None and _lists_the_same(known.chain, chain):
            places = known.places
        else:
            places = {chain.contract(index): index for index in range(len(chain))}
        self._standing[underlying] = Standing(chain=chain, until=until, places=places)
        return self._standing[underlying]


def _lists_the_same(one: OptionChain, other: OptionChain) -> bool:
    columns = ("root", "expires_on", "strike", "is_call")
    return all(np.array_equal(getattr(one, column), getattr(other, column)) for column in columns)
