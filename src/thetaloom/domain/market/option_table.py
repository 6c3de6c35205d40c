"""One expiration of a chain as a table: calls and puts by strike, with volatility and greeks from their mids."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from thetaloom.domain.market.chain import OptionChain, from_date, to_strike
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.leg_greeks import LegGreeks, greeks_model, leg_greeks
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price

NOTHING_IMPLIED = LegGreeks()


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionCell:
    """One contract; ``None`` is not known, never zero."""

    contract: OptionContract
    bid: Price | None
    ask: Price | None
    mid: Price | None  # None as well where the quote is crossed
    bid_size: int | None
    ask_size: int | None
    greeks: LegGreeks  # of a long contract, from the mid
    volume: int | None
    open_interest: int | None
    age_seconds: int  # of the quote
    in_the_money: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionRow:
    """One strike; a side that is not listed is ``None``."""

    strike: Decimal
    call: OptionCell | None
    put: OptionCell | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionTable:
    """The strikes of one expiration of one root, lowest first, and what their greeks were worked out with."""

    symbol: str
    as_of: datetime
    spot: Price | None
    source: str
    synthetic: bool
    expiration: Expiration
    rate: float
    dividend_yield: float
    model: str
    rows: tuple[OptionRow, ...]
    strikes_listed: int  # of which ``rows`` may be those around spot alone

    @property
    def rows_below(self) -> int:
        """How many of the rows have strikes at or under the spot: the line at the money follows them."""
        return sum(self.spot is not None and row.strike <= self.spot for row in self.rows)


def option_table(
    chain: OptionChain,
    expiration: Expiration,
    now: datetime,
    *,
    rate: float,
    dividend_yield: float,
    strikes_each_side: int | None = None,
) -> OptionTable:
    """Return the table of an expiration; ``strikes_each_side`` of the spot keeps only those, ``None`` keeps all."""
    places = np.flatnonzero((chain.expires_on == from_date(expiration.expires_on)) & (chain.root == expiration.root))
    listed = sorted({int(chain.strike[place]) for place in places})
    kept = set(_around(listed, chain.spot, strikes_each_side))
    by_strike: dict[int, dict[bool, int]] = {}
    for place in places:
        strike = int(chain.strike[place])
        if strike in kept:
            by_strike.setdefault(strike, {})[bool(chain.is_call[place])] = int(place)

    def cell(index: int | None) -> OptionCell | None:
        if index is None:
            return None
        return _cell(chain, index, expiration.years, now, rate=rate, dividend_yield=dividend_yield)

    rows = tuple(
        OptionRow(strike=to_strike(strike), call=cell(sides.get(True)), put=cell(sides.get(False)))
        for strike, sides in sorted(by_strike.items())
    )
    contracts = [side.contract for row in rows for side in (row.call, row.put) if side is not None]
    return OptionTable(
        symbol=chain.underlying,
        as_of=chain.as_of,
        spot=chain.spot,
        source=chain.source,
        synthetic=chain.synthetic,
        expiration=expiration,
        rate=rate,
        dividend_yield=dividend_yield,
        model=greeks_model(contracts),
        rows=rows,
        strikes_listed=len(listed),
    )


def _around(listed: list[int], spot: Price | None, each_side: int | None) -> list[int]:
    if each_side is None or spot is None:
        return listed
    at = sum(to_strike(strike) <= spot for strike in listed)
    return listed[max(0, at - each_side) : at + each_side]


def _cell(
    chain: OptionChain, index: int, years: float, now: datetime, *, rate: float, dividend_yield: float
) -> OptionCell:
    contract, quote = chain.contract(index), chain.quote(index)
    width = quote.bid_ask_width
    mid = None if width is None or width < 0 else quote.mid
    greeks = NOTHING_IMPLIED
    if mid is not None and mid > 0 and chain.spot is not None and chain.spot > 0:
        greeks = leg_greeks(contract, mid, spot=chain.spot, years=years, rate=rate, dividend_yield=dividend_yield)
    is_call = bool(chain.is_call[index])
    return OptionCell(
        contract=contract,
        bid=quote.bid,
        ask=quote.ask,
        mid=mid,
        bid_size=quote.bid_size,
        ask_size=quote.ask_size,
        greeks=greeks,
        volume=_count(chain.volume[index]),
        open_interest=_count(chain.open_interest[index]),
        age_seconds=max(0, int(quote.age(now).total_seconds())),
        in_the_money=None
        if chain.spot is None
        else (contract.strike < chain.spot if is_call else contract.strike > chain.spot),
    )


def _count(number: float) -> int | None:
    return None if np.isnan(number) else int(number)
