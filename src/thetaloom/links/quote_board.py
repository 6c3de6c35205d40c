"""The newest quotes of many contracts, written by the thread of a stream and read by the engine's.

Every number is kept as it was said: a crossed quote stays crossed, for the guard of prices to judge. What is not
kept is a lie about time. A quote counts as known good at its own instant, and later only as far as the line that
said it was heard: ``confirm``. Once the line is lost nothing is confirmed until it is said again.
"""

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from thetaloom.domain.market.chain import Floats, OptionChain, from_date
from thetaloom.domain.market.quotes import Quote, price_from_float
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.links.instants import instant, microseconds, utc
from thetaloom.links.quote_slots import NO_LINE, NUMBER_MAX, TOLD, BoardCounts, Integers, QuoteSlots, Slots
from thetaloom.ports.clock import Clock
from thetaloom.ports.market_data import QuoteBatch

PRICES_KEPT = 16_384
SPOT_MIN = 1e-4  # what is below would be a price of zero
Known = Mapping[OptionContract, float] | Sequence[float]

_exact_price = lru_cache(maxsize=PRICES_KEPT)(price_from_float)


class QuoteBoard:
    """Slots for contracts and the newest that was said of each; ``poll`` tells what changed of the watched ones.

    ``put`` and its like may be called from any thread. The lock is held for no longer than it takes to copy the
    numbers, never while prices are made exact or somebody is woken.
    """

    def __init__(self, clock: Clock, source: str, synthetic: bool = False) -> None:
        self.source = source
        self.synthetic = synthetic
        self._clock = clock
        self._lock = threading.Lock()
        self._slots = QuoteSlots()
        self._spots: dict[str, tuple[float, int]] = {}
        self._new_spots: set[str] = set()
        self._watched_symbols: frozenset[str] = frozenset()
        self._newest_us = 0  # of everything that was said
        self._counts = dict.fromkeys(BoardCounts.__slots__, 0)
        self._wakes: list[Callable[[], None]] = []
        self._is_woken = False

    def list_chain(
        self,
        underlying: str,
        contracts: Iterable[OptionContract],
        *,
        open_interest: Known | None = None,
        volume: Known | None = None,
    ) -> NDArray[np.int64]:
        """Add contracts to the chain of ``underlying`` and return their slots.

        What is known of their open interest and volume is given by contract, or in the order of ``contracts``.
        """
        listed = tuple(contracts)
        with self._lock:
            slots = self._slots.add_listed(underlying, listed)
            for name, known in (("open_interest", open_interest), ("volume", volume)):
                if known is not None:
                    self._slots.set_counts(name, slots, known)
        return np.array(slots, np.int64)

    def place(self, contract: OptionContract) -> int:
        """Return the slot of ``contract``, which never changes; that alone lists it in no chain."""
        with self._lock:
            return self._slots.place(contract)

    def contract(self, slot: int) -> OptionContract:
        """Return the contract of ``slot``."""
        return self._slots.contracts[slot]

    def symbols(self) -> Sequence[str]:
        """Return the underlyings of which a chain is listed."""
        with self._lock:
            return self._slots.underlyings()

    def listed(self, underlying: str) -> Sequence[OptionContract]:
        """Return the contracts that are listed of ``underlying``, in the order of its chain."""
        with self._lock:
            listing = self._slots.listing(underlying)
            return () if listing is None else [self._slots.contracts[slot] for slot in listing.slots.tolist()]

    def put(
        self,
        slot: int,
        *,
        bid: float | None,
        ask: float | None,
        bid_size: float | None = None,
        ask_size: float | None = None,
        at: datetime,
        is_streamed: bool = True,
    ) -> None:
        """Take over a quote as of ``at``; ``None`` or NaN is no such side.

        Of what was only read once (``is_streamed`` is false) a line's silence confirms nothing.
        """
        now_us, at_us = microseconds(self._clock.now()), microseconds(at)
        with self._lock:
            known = self._slots
            at_us = self._on_time(at_us, now_us)
            said = (_number(bid), _number(ask), self._size(bid_size), self._size(ask_size))
            self._counts["quotes"] += 1
            self._counts["crossed"] += said[0] > said[1]
            if at_us < known.said_at[slot] <= now_us:
                self._counts["late"] += 1
                return
            known.write(slot, said, at_us, known.present_line if is_streamed else NO_LINE)
            self._newest_us = max(self._newest_us, at_us)
            wakes = self._wakes_for(bool(known.is_watched[slot] and known.is_new[slot]))
        _ring(wakes)

    def put_many(
        self,
        slots: ArrayLike,
        bids: ArrayLike,
        asks: ArrayLike,
        bid_sizes: ArrayLike,
        ask_sizes: ArrayLike,
        at_us: ArrayLike,
        *,
        is_streamed: bool = True,
    ) -> None:
        """Take over many quotes, NaN being an unknown side, as of one instant or of one each, in microseconds.

        Of a slot that stands twice the newer one stays, and of two at one instant the later in order.
        """
        places = np.atleast_1d(np.asarray(slots, np.int64))
        if not len(places):
            return
        quoted = np.column_stack(
            [np.broadcast_to(np.asarray(each, np.float64), places.shape) for each in (bids, asks, bid_sizes, ask_sizes)]
        )
        stamps = np.broadcast_to(np.asarray(at_us, np.int64), places.shape)
        now_us = microseconds(self._clock.now())
        with self._lock:
            known = self._slots
            self._clean(quoted)
            places, quoted, stamps = self._newest_last(places, quoted, stamps, now_us)
            known.write_many(places, quoted, stamps, known.present_line if is_streamed else NO_LINE)
            self._newest_us = max(self._newest_us, int(stamps.max(initial=0)))
            wakes = self._wakes_for(bool((known.is_new[places] & known.is_watched[places]).any()))
        _ring(wakes)

    def put_greeks(self, slot: int, *, iv: float | None = None, delta: float | None = None) -> None:
        """Take over the feed's own volatility (0.20 = 20 %) and delta of a contract; what cannot be is unknown."""
        self._put_columns([slot], iv=[_number(iv)], delta=[_number(delta)])

    def put_greeks_many(self, slots: ArrayLike, ivs: ArrayLike, deltas: ArrayLike) -> None:
        """Take over many volatilities and deltas."""
        self._put_columns(slots, iv=ivs, delta=deltas)

    def put_counts(self, slot: int, *, volume: float | None = None, open_interest: float | None = None) -> None:
        """Take over the contracts traded in this session or open before it; ``None`` leaves what is known."""
        known = {"volume": volume, "open_interest": open_interest}
        self._put_columns([slot], **{name: [number] for name, number in known.items() if number is not None})

    def put_counts_many(
        self, slots: ArrayLike, *, volumes: ArrayLike | None = None, open_interests: ArrayLike | None = None
    ) -> None:
        """Take over many of these counts."""
        known = {"volume": volumes, "open_interest": open_interests}
        self._put_columns(slots, **{name: column for name, column in known.items() if column is not None})

    def put_spot(self, symbol: str, price: float | Decimal, at: datetime) -> None:
        """Take over the price of an underlying as of ``at``; one that is not above zero, or absurd, is none."""
        number, now_us = float(price), microseconds(self._clock.now())
        at_us = microseconds(at)
        if not SPOT_MIN <= number <= NUMBER_MAX:
            return
        with self._lock:
            at_us = self._on_time(at_us, now_us)
            known, before_us = self._spots.get(symbol, (math.nan, 0))
            if at_us < before_us <= now_us:
                self._counts["late"] += 1
                return
            self._spots[symbol] = (number, at_us)
            self._newest_us = max(self._newest_us, at_us)
            if number != known:
                self._new_spots.add(symbol)
            wakes = self._wakes_for(number != known and symbol in self._watched_symbols)
        _ring(wakes)

    def confirm(self, at: datetime) -> None:
        """Count what the present line said and did not change since as good until ``at``; only while it is up."""
        now_us, at_us = microseconds(self._clock.now()), microseconds(at)
        with self._lock:
            self._slots.confirmed_at = max(self._slots.confirmed_at, min(at_us, now_us))

    def lost(self, at: datetime) -> None:
        """Note that the line is down: what it said was good until it was last heard, at the latest until ``at``."""
        at_us = microseconds(at)
        with self._lock:
            known = self._slots
            known.confirmed_at = min(known.confirmed_at, at_us)
            known.settle(np.arange(len(known.line)))
            known.begin_line()

    def forget(self) -> None:
        """Note that the line was not to be believed: each quote was good at its own instant, and no later."""
        with self._lock:
            self._slots.good_at = self._slots.said_at.copy()
            self._slots.line[:] = NO_LINE
            self._slots.begin_line()

    def release(self, slots: ArrayLike) -> None:
        """Note that these are no longer subscribed to: what was said of them is confirmed no further."""
        with self._lock:
            self._slots.settle(np.atleast_1d(np.asarray(slots, np.int64)))

    def chain(self, underlying: str, at: datetime) -> OptionChain | None:
        """Return the chain as known now; ``None`` until anything was said of it.

        A contract that nothing was said of stands in it without a quote.
        """
        now = self._clock.now()
        now_us, day = microseconds(now), from_date(min(utc(at), now).date())
        with self._lock:
            known, whole = self._slots, self._slots.listing(underlying)
            if whole is None:
                return None
            listing = whole.trading_on(day)
            spot, spot_us = self._spots.get(underlying, (math.nan, 0))
            quoted = known.quoted[listing.slots]
            told: dict[str, Floats] = {name: getattr(known, name)[listing.slots] for name in TOLD}
            quoted_at = np.minimum(known.good_us(listing.slots), now_us)
        as_of = max(spot_us, int(quoted_at.max(initial=0)))
        if not as_of:
            return None
        return OptionChain(
            underlying=underlying,
            as_of=instant(min(as_of, now_us)),
            spot=_exact_price(spot),
            source=self.source,
            synthetic=self.synthetic,
            root=listing.root,
            expires_on=listing.expires_on,
            strike=listing.strike,
            is_call=listing.is_call,
            bid=quoted[:, 0],
            ask=quoted[:, 1],
            bid_size=quoted[:, 2],
            ask_size=quoted[:, 3],
            quoted_at=quoted_at,
            **told,
        )

    def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
        """Return the quotes of those ``contracts`` that have a bid or an ask."""
        wanted = [(contract, slot) for contract in contracts if (slot := self._slots.slot(contract)) is not None]
        found = self._quotes_of(np.array([slot for _, slot in wanted], np.int64))
        return {
            contract: quote
            for (contract, _), quote in zip(wanted, found, strict=True)
            if quote.bid is not None or quote.ask is not None
        }

    def spot(self, underlying: str, at: datetime) -> Price | None:
        """Return the newest price of the underlying."""
        return _exact_price(self._spots.get(underlying, (math.nan, 0))[0])

    def spot_at(self, underlying: str) -> datetime | None:
        """Return the instant of the newest price of the underlying."""
        found = self._spots.get(underlying)
        return None if found is None else instant(found[1])

    def watch(self, contracts: Iterable[OptionContract]) -> None:
        """Replace the watched contracts; the next ``poll`` reports all of them."""
        wanted = tuple(contracts)
        with self._lock:
            slots = [self._slots.place(contract) for contract in wanted]
            known = self._slots
            known.is_watched[:] = False
            known.is_watched[slots] = True
            known.is_new[slots] = known.said_at[slots] > 0
            self._watched_symbols = frozenset(contract.underlying for contract in wanted)
            self._new_spots = set(self._spots)
            wakes = self._wakes_for(bool(known.is_new[slots].any()))
        _ring(wakes)

    def poll(self) -> QuoteBatch | None:
        """Return what changed among the watched contracts, each once; what is not in the batch stands."""
        with self._lock:
            self._is_woken = False
            known = self._slots
            changed = np.flatnonzero(known.is_new & known.is_watched)
            known.is_new[changed] = False
            moved = {symbol: self._spots[symbol][0] for symbol in self._new_spots & self._watched_symbols}
            self._new_spots.clear()
            as_of_us = max(self._newest_us, known.confirmed_at)
        if not len(changed) and not moved:
            return None
        contracts = (self._slots.contracts[slot] for slot in changed.tolist())
        spots = {symbol: price for symbol, number in moved.items() if (price := _exact_price(number)) is not None}
        return QuoteBatch(
            as_of=instant(min(as_of_us, microseconds(self._clock.now()))),
            quotes=dict(zip(contracts, self._quotes_of(changed), strict=True)),
            spots=spots,
        )

    def on_change(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called, from the thread that puts, once until the next ``poll``."""
        self._wakes.append(wake)
        self._is_woken = False  # whoever comes late was not told of what is there

    def counts(self) -> BoardCounts:
        """Return what was told so far."""
        with self._lock:
            return BoardCounts(**self._counts)

    def _newest_last(
        self, places: Slots, quoted: Floats, stamps: Integers, now_us: int
    ) -> tuple[Slots, Floats, Integers]:
        is_future = stamps > now_us
        if is_future.any():
            self._counts["future"] += int(is_future.sum())
            stamps = np.minimum(stamps, now_us)
        if (stamps[1:] < stamps[:-1]).any():
            order = np.argsort(stamps, kind="stable")
            places, quoted, stamps = places[order], quoted[order], stamps[order]
        before = self._slots.said_at[places]
        is_late = (stamps < before) & (before <= now_us)
        if is_late.any():
            self._counts["late"] += int(is_late.sum())
            places, quoted, stamps = places[~is_late], quoted[~is_late], stamps[~is_late]
        return places, quoted, stamps

    def _clean(self, quoted: Floats) -> None:
        quoted[np.abs(quoted) > NUMBER_MAX] = np.nan
        is_odd = quoted[:, 2:] < 0
        if is_odd.any():
            self._counts["odd_sizes"] += int(is_odd.sum())
            quoted[:, 2:][is_odd] = np.nan
        self._counts["quotes"] += len(quoted)
        self._counts["crossed"] += int((quoted[:, 0] > quoted[:, 1]).sum())

    def _put_columns(self, slots: ArrayLike, **columns: ArrayLike) -> None:
        places = np.asarray(slots, np.int64)
        with self._lock:
            for name, column in columns.items():
                self._slots.set_told(name, places, column)

    def _quotes_of(self, slots: Slots) -> list[Quote]:
        with self._lock:
            rows = self._slots.quoted[slots].tolist()
            good_us = self._slots.good_us(slots).tolist()
        instants = {at_us: instant(at_us) for at_us in set(good_us)}
        return [
            Quote(
                bid=_exact_price(bid),
                ask=_exact_price(ask),
                quoted_at=instants[at_us],
                bid_size=None if math.isnan(bid_size) else int(bid_size),
                ask_size=None if math.isnan(ask_size) else int(ask_size),
            )
            for (bid, ask, bid_size, ask_size), at_us in zip(rows, good_us, strict=True)
        ]

    def _on_time(self, at_us: int, now_us: int) -> int:
        self._counts["future"] += at_us > now_us
        return min(at_us, now_us)

    def _size(self, size: float | None) -> float:
        number = _number(size)
        if number < 0:
            self._counts["odd_sizes"] += 1
            return math.nan
        return number

    def _wakes_for(self, has_news: bool) -> Sequence[Callable[[], None]]:
        if not has_news or self._is_woken:
            return ()
        self._is_woken = True
        return tuple(self._wakes)


def _ring(wakes: Sequence[Callable[[], None]]) -> None:
    for wake in wakes:
        wake()


def _number(number: float | None) -> float:
    return math.nan if number is None or abs(number) > NUMBER_MAX else float(number)
