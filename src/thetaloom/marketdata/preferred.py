"""Several sources as one market: the first that is young enough speaks, and each answer names who spoke.

An answer never mixes sources for one underlying: a structure whose legs were quoted at different times by different
feeds has no price. A made-up market never stands in for a real one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar

import structlog

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.events import Events
from thetaloom.domain.market.quotes import Quote
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import AnswerPending, ConfigError, InvalidInput, MarketDataUnavailable
from thetaloom.marketdata.instants import from_microseconds
from thetaloom.ports.clock import Clock
from thetaloom.ports.links import Linked, LinkStatus, SourceChoice
from thetaloom.ports.market_data import Bar, MarketData, QuoteBatch, SymbolSearch, Underlying

log = structlog.get_logger()
Answer = TypeVar("Answer")

LOOK_EVERY = timedelta(seconds=1)  # how often it is looked whether a better source is back
AGE_SECONDS_MAX = 7 * 86_400
GOOD_SOURCES = '"tastytrade:30,cboe:1200"'


class SourceLimit(NamedTuple):
    """A source by name, and how old its newest word may be."""

    name: str
    age_max: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    rank: int
    market: MarketData
    age_max: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look(Generic[Answer]):
    """What came of asking the sources for one symbol in their order."""

    speaker: _Source | None = None
    answer: Answer | None = None
    as_of: datetime | None = None
    passed_over: tuple[tuple[str, str], ...] = ()
    is_known: bool = False  # some source has the symbol, though too old, or could not say


class PreferredMarket:
    """Implements ``ports.market_data.MarketData`` over sources in order of preference, each with an age limit."""

    def __init__(self, sources: Iterable[tuple[MarketData, timedelta | float]], clock: Clock) -> None:
        """Take sources, the best one first, with the age (in seconds, if a number) their newest word may have."""
        given = [(market, _age(age)) for market, age in sources]
        if not given:
            raise ConfigError("no source of market data was named")
        real = [pair for pair in given if not pair[0].synthetic]
        self._unused = tuple(market.name for market, _ in given if market.synthetic and real)
        used = real or given
        self._sources = tuple(_Source(rank=rank, market=market, age_max=age) for rank, (market, age) in enumerate(used))
        self.name = ", ".join(one.market.name for one in self._sources)
        self.synthetic = not real
        self._clock = clock
        self._choices: dict[str, SourceChoice] = {}
        self._speakers: dict[str, _Source | None] = {}
        self._watched: dict[str, tuple[OptionContract, ...]] = {}
        self._forwarded: dict[int, frozenset[str]] = {}
        self._looked_at: datetime | None = None

    def underlying(self, symbol: str) -> Underlying | None:
        """Return what the first source that knows ``symbol`` says of it."""
        return self._first(lambda market: market.underlying(symbol))

    def matching(self, query: str) -> Sequence[str]:
        """Return the symbols that the first source with a search finds."""
        return self._first(lambda market: market.matching(query) if isinstance(market, SymbolSearch) else ()) or ()

    def symbols(self) -> Sequence[str]:
        """Return the symbols of all sources."""
        return tuple(sorted({symbol for one in self._sources for symbol in one.market.symbols()}))

    def chain(self, underlying: str, at: datetime) -> OptionChain | None:
        """Return the chain of the first source whose newest quote is young enough.

        ``None`` when no source knows the symbol; where some do and none is young enough, that is raised.
        """
        look = self._ask(underlying, lambda market: market.chain(underlying, at), _chain_as_of)
        self._remember(underlying, look)
        return self._answer_of(underlying, look)

    def quotes(self, contracts: Iterable[OptionContract], at: datetime) -> Mapping[OptionContract, Quote]:
        """Return quotes, those of one underlying from one source; the newest of them is young enough."""
        found: dict[OptionContract, Quote] = {}
        for symbol, wanted in _by_underlying(contracts).items():
            answer = self._answer_of(symbol, self._look_at(symbol, wanted, at))
            found.update(answer or {})
        return found

    def spot(self, underlying: str, at: datetime) -> Price | None:
        """Return the price of the underlying from the source that speaks for its options."""
        watched = self._watched.get(underlying)
        if watched:
            look: _Look[Any] = self._look_at(underlying, watched, at)
        else:
            look = self._ask(underlying, lambda market: market.chain(underlying, at), _chain_as_of)
            self._remember(underlying, look)
        self._answer_of(underlying, look)
        return None if look.speaker is None else look.speaker.market.spot(underlying, at)

    def history(self, symbol: str, first: date, last: date) -> Sequence[Bar]:
        """Return the bars of the first source that has any."""
        return self._first(lambda market: market.history(symbol, first, last)) or ()

    def intraday(self, symbol: str, minutes: int, count: int) -> Sequence[Bar]:
        """Return the bars of the first source that has any."""
        return self._first(lambda market: market.intraday(symbol, minutes, count)) or ()

    def iv_history(self, symbol: str, first: date, last: date) -> Sequence[tuple[date, float]]:
        """Return the volatilities of the first source that has any."""
        return self._first(lambda market: market.iv_history(symbol, first, last)) or ()

    def corporate_events(self, symbol: str, first: date, last: date) -> Events | None:
        """Return the events of the first source that knows of any calendar."""
        return self._first(lambda market: market.corporate_events(symbol, first, last))

    def watch(self, contracts: Iterable[OptionContract]) -> None:
        """Replace the watched contracts; a source is only bothered with them while no better one speaks."""
        self._watched = {symbol: tuple(wanted) for symbol, wanted in _by_underlying(contracts).items()}
        self._forwarded, self._looked_at = {}, None
        self._forward()

    def poll(self) -> QuoteBatch | None:
        """Return what changed by those who speak; where another begins to, all that it says."""
        quotes: dict[OptionContract, Quote] = {}
        spots: dict[str, Price] = {}
        instants: list[datetime] = []
        for symbol in self._look_around():
            self._tell_all(symbol, quotes, spots)
            instants.extend(quote.quoted_at for quote in quotes.values())
        for one in self._sources:
            batch = self._polled(one)
            if batch is None:
                continue
            heard = {symbol for symbol in self._watched if self._speakers.get(symbol) is one}
            changed = {contract: quote for contract, quote in batch.quotes.items() if contract.underlying in heard}
            moved = {symbol: price for symbol, price in batch.spots.items() if symbol in heard}
            if changed or moved:
                instants.append(batch.as_of)
            quotes |= changed
            spots |= moved
        return QuoteBatch(as_of=max(instants), quotes=quotes, spots=spots) if instants else None

    def on_change(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called when any of the sources has something."""
        for one in self._sources:
            one.market.on_change(wake)

    def choices(self) -> Sequence[SourceChoice]:
        """Return who speaks for each symbol that was asked for, and why."""
        return tuple(self._choices[symbol] for symbol in sorted(self._choices))

    def links(self) -> Sequence[LinkStatus]:
        """Return for each source for whom it speaks, or why not, and then the links it stands on."""
        told = [status for one in self._sources for status in self._statuses_of(one)]
        return told + [
            LinkStatus(
                name=f"source {name}",
                is_up=False,
                since=None,
                heard_at=None,
                attempts=0,
                reason="made up: never used beside a real source",
                is_needed=False,
            )
            for name in self._unused
        ]

    def _look_at(
        self, symbol: str, wanted: Sequence[OptionContract], at: datetime
    ) -> _Look[Mapping[OptionContract, Quote]]:
        look = self._ask(symbol, lambda market: market.quotes(wanted, at) or None, _quotes_as_of)
        self._remember(symbol, look)
        return look

    def _ask(
        self, symbol: str, ask: Callable[[MarketData], Answer | None], as_of: Callable[[Answer], datetime]
    ) -> _Look[Answer]:
        now = self._clock.now()
        passed_over: list[tuple[str, str]] = []
        is_known = False
        for one in self._sources:
            try:
                answer = ask(one.market)
            except AnswerPending:
                raise  # it may speak in a moment: no reason for another to speak
            except MarketDataUnavailable as error:
                passed_over.append((one.market.name, error.message))
                is_known = True
                continue
            if answer is None:
                passed_over.append((one.market.name, _nothing_of(symbol)))
                continue
            is_known = True
            age = now - as_of(answer)
            if age <= one.age_max:
                return _Look(
                    speaker=one, answer=answer, as_of=as_of(answer), passed_over=tuple(passed_over), is_known=True
                )
            passed_over.append((one.market.name, f"{_seconds(age)} s old, limit {_seconds(one.age_max)} s"))
        return _Look(passed_over=tuple(passed_over), is_known=is_known)

    def _answer_of(self, symbol: str, look: _Look[Answer]) -> Answer | None:
        if look.speaker is None and look.is_known:
            why = "; ".join(f"{name}: {reason.removeprefix(f'{name}: ')}" for name, reason in look.passed_over)
            raise MarketDataUnavailable(
                f"no source of {symbol} is young enough: {why}",
                advice="`thetaloom data sources` shows how the sources stand.",
                details={"symbol": symbol, "sources": dict(look.passed_over)},
            )
        return look.answer

    def _remember(self, symbol: str, look: _Look[Any]) -> None:
        name = None if look.speaker is None else look.speaker.market.name
        before = self._choices.get(symbol)
        is_same = before is not None and before.source == name
        self._speakers[symbol] = look.speaker
        self._choices[symbol] = SourceChoice(
            symbol=symbol,
            source=name,
            since=before.since if before is not None and is_same else self._clock.now(),
            as_of=look.as_of,
            passed_over=look.passed_over,
        )
        if before is not None and not is_same:
            log.warning("market_source_changed", symbol=symbol, source=name, reasons=dict(look.passed_over))

    def _look_around(self) -> list[str]:
        """Look once a second who speaks for what is watched; return the symbols that another one speaks for now."""
        now = self._clock.now()
        if self._looked_at is not None and timedelta(0) <= now - self._looked_at < LOOK_EVERY:
            return []
        is_first = self._looked_at is None
        self._looked_at = now
        changed = []
        for symbol, wanted in self._watched.items():
            before = self._speakers.get(symbol)
            try:
                look = self._look_at(symbol, wanted, now)
            except AnswerPending:  # who spoke so far goes on until it is known
                continue
            if look.speaker is not None and (is_first or look.speaker is not before):
                changed.append(symbol)
        self._forward()
        return changed

    def _tell_all(self, symbol: str, quotes: dict[OptionContract, Quote], spots: dict[str, Price]) -> None:
        speaker, now = self._speakers.get(symbol), self._clock.now()
        if speaker is None:
            return
        try:
            quotes |= speaker.market.quotes(self._watched[symbol], now)
            spot = speaker.market.spot(symbol, now)
        except MarketDataUnavailable:  # lost between two looks; the next one finds out
            return
        if spot is not None:
            spots[symbol] = spot

    def _polled(self, one: _Source) -> QuoteBatch | None:
        try:
            return one.market.poll()
        except MarketDataUnavailable as error:
            log.info("market_source_unavailable", source=one.market.name, reason=error.message)
            return None

    def _forward(self) -> None:
        for one in self._sources:
            symbols = frozenset(
                symbol
                for symbol in self._watched
                if (speaker := self._speakers.get(symbol)) is None or one.rank <= speaker.rank
            )
            if symbols != self._forwarded.get(one.rank):
                self._forwarded[one.rank] = symbols
                one.market.watch(contract for symbol in sorted(symbols) for contract in self._watched[symbol])

    def _first(self, ask: Callable[[MarketData], Answer | None]) -> Answer | None:
        failure: MarketDataUnavailable | None = None
        for one in self._sources:
            try:
                answer = ask(one.market)
            except AnswerPending:
                raise
            except MarketDataUnavailable as error:
                failure = error
                continue
            if answer:
                return answer
        if failure is not None:
            raise failure
        return None

    def _statuses_of(self, one: _Source) -> list[LinkStatus]:
        source, links = self._status_of(one), _links_of(one.market)
        if one.rank and not source.is_needed:  # a better one speaks
            links = [replace(link, is_needed=False) for link in links]
        return [source, *links]

    def _status_of(self, one: _Source) -> LinkStatus:
        spoken = [choice for choice in self._choices.values() if choice.source == one.market.name]
        passed = {
            choice.symbol: reason
            for choice in self._choices.values()
            for name, reason in choice.passed_over
            if name == one.market.name
        }
        return LinkStatus(
            name=f"source {one.market.name}",
            is_up=bool(spoken),
            since=min((choice.since for choice in spoken), default=None),
            heard_at=max((choice.as_of for choice in spoken if choice.as_of is not None), default=None),
            attempts=0,
            reason="; ".join(f"{symbol}: {reason}" for symbol, reason in sorted(passed.items()))
            or ("" if spoken else "a better source speaks" if self._choices else "not asked yet"),
            is_needed=bool(spoken) or any(reason != _nothing_of(symbol) for symbol, reason in passed.items()),
        )


def parse_market_sources(text: str) -> tuple[SourceLimit, ...]:
    """Read sources in order of preference, each with the seconds its newest word may be old."""
    limits: list[SourceLimit] = []
    for part in text.split(","):
        name, colon, seconds = (word.strip() for word in part.partition(":"))
        if not name or not colon:
            _refuse(text, f'"{part.strip()}" is no name with an age')
        try:
            age = _age(float(seconds))
        except (ValueError, ConfigError):
            _refuse(text, f'"{seconds}" is no age of more than 0 and at most {AGE_SECONDS_MAX} seconds')
        if any(limit.name == name for limit in limits):
            _refuse(text, f'"{name}" stands twice')
        limits.append(SourceLimit(name, age))
    return tuple(limits)


def _refuse(text: str, why: str) -> NoReturn:
    raise InvalidInput(
        f'market_sources "{text[:100]}": {why}',
        advice=f"Write them as {GOOD_SOURCES}: the best source first, with its age limit in seconds.",
        details={"field": "market_sources"},
    )


def _age(age: timedelta | float) -> timedelta:
    if not isinstance(age, timedelta):
        if not 0 < age <= AGE_SECONDS_MAX:  # NaN is neither
            raise ConfigError(f"an age limit of {age} seconds is not above 0 and at most {AGE_SECONDS_MAX}")
        return timedelta(seconds=age)
    return age


def _chain_as_of(chain: OptionChain) -> datetime:
    """The newest quote: a chain whose options all fell silent is not younger for a fresh price of its underlying."""
    newest = int(chain.quoted_at.max(initial=0))
    return min(chain.as_of, from_microseconds(newest))


def _quotes_as_of(quotes: Mapping[OptionContract, Quote]) -> datetime:
    return max(quote.quoted_at for quote in quotes.values())


def _by_underlying(contracts: Iterable[OptionContract]) -> dict[str, list[OptionContract]]:
    grouped: dict[str, list[OptionContract]] = {}
    for symbol, some in groupby(contracts, lambda contract: contract.underlying):
        grouped.setdefault(symbol, []).extend(some)
    return grouped


def _links_of(market: MarketData) -> Sequence[LinkStatus]:
    return market.links() if isinstance(market, Linked) else ()


def _nothing_of(symbol: str) -> str:
    return f"has nothing of {symbol}"


def _seconds(age: timedelta) -> int:
    return round(age.total_seconds())
