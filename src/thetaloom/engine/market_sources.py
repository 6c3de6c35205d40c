"""How the sources of market data stand: who speaks for a symbol, how old its word is, and the lines behind it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from thetaloom.errors import MarketDataUnavailable
from thetaloom.ports.clock import Clock
from thetaloom.ports.links import Choosing, Linked, LinkStatus, SourceChoice
from thetaloom.ports.market_data import MarketData


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcesView:
    """The market of a platform at one moment."""

    market: str
    synthetic: bool
    now: datetime
    links: Sequence[LinkStatus]
    symbols: Sequence[SourceChoice]


def read_sources(market: MarketData, clock: Clock, symbols: Iterable[str] = ()) -> SourcesView:
    """Return how the sources stand; each of ``symbols`` is asked for now, others as they were asked for last."""
    asked = {symbol: _asked(market, symbol, clock.now()) for symbol in symbols}
    chosen = {choice.symbol: choice for choice in market.choices()} if isinstance(market, Choosing) else {}
    told = {**chosen, **{symbol: _both(choice, chosen.get(symbol)) for symbol, choice in asked.items()}}
    return SourcesView(
        market=market.name,
        synthetic=market.synthetic,
        now=clock.now(),  # an answer may take seconds, and no word is older than its age
        links=tuple(market.links()) if isinstance(market, Linked) else (),
        symbols=tuple(told[symbol] for symbol in sorted(told)),
    )


def _asked(market: MarketData, symbol: str, now: datetime) -> SourceChoice:
    try:
        chain = market.chain(symbol, now)
    except MarketDataUnavailable as error:
        return SourceChoice(
            symbol=symbol, source=None, since=now, as_of=None, passed_over=((market.name, error.message),)
        )
    if chain is None:
        why = ((market.name, f"has nothing of {symbol}"),)
        return SourceChoice(symbol=symbol, source=None, since=now, as_of=None, passed_over=why)
    return SourceChoice(symbol=symbol, source=chain.source, since=now, as_of=chain.as_of, passed_over=())


def _both(asked: SourceChoice, chosen: SourceChoice | None) -> SourceChoice:
    """What was answered, with the reasons and the beginning that a market of several sources knows."""
    if chosen is None:
        return asked
    return replace(asked, since=chosen.since, passed_over=chosen.passed_over or asked.passed_over)
