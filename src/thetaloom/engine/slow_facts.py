"""What exit rules ask of a market that changes slowly: average true range, dealers' gamma, regime, earnings.

Reading it can take tens of milliseconds. The monitor therefore keeps what was read, decides on it, and reads one
symbol again after the decisions of a turn are taken.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.book.marks import NO_FACTS, MarketFacts
from thetaloom.domain.market import technicals
from thetaloom.domain.market.events import EventKind, next_event
from thetaloom.domain.market.expirations import list_expirations
from thetaloom.domain.market.reading import read_market
from thetaloom.domain.market.view import MarketView
from thetaloom.domain.market.words import DealerGamma, MarketBias, Regime
from thetaloom.domain.strategy.strategies import ExitKind, ExitRule
from thetaloom.domain.values.money import Price
from thetaloom.engine.desk import Desk
from thetaloom.engine.history import year_of_bars
from thetaloom.engine.market_inputs import inputs_of
from thetaloom.errors import AnswerPending, MarketDataUnavailable

REREAD = timedelta(minutes=1)
GAMMA_AGE_MAX = timedelta(minutes=240)  # older exposure says nothing of how dealers stand now
PAST_DAYS = 120  # earnings older than this are behind every position that watches them
EVENTS_DAYS = 366
PRICE_PLACES = Decimal("0.0001")


class Need(StrEnum):
    """A group of facts that is read together."""

    ATR = "atr"
    MARKET = "market"  # the whole view of the market, from its chain
    EARNINGS = "earnings"


NEEDS: dict[ExitKind, Need] = {
    ExitKind.ATR: Need.ATR,
    ExitKind.GAMMA_FLIP: Need.MARKET,
    ExitKind.ZERO_GAMMA: Need.MARKET,
    ExitKind.OPPOSING_REGIME: Need.MARKET,
    ExitKind.OPPOSING_BIAS: Need.MARKET,
    ExitKind.EARNINGS: Need.EARNINGS,
    ExitKind.AFTER_EARNINGS: Need.EARNINGS,
}


def needs_of(rules: Iterable[ExitRule]) -> frozenset[Need]:
    """Return what must be read for these rules."""
    return frozenset(NEEDS[rule.kind] for rule in rules if rule.kind in NEEDS)


def read_facts(desk: Desk, symbol: str, needs: frozenset[Need], now: datetime) -> MarketFacts:
    """Read what is needed of a market; what its source does not tell stays unknown."""
    if not needs:
        return NO_FACTS
    view = market_view(desk, symbol, now) if Need.MARKET in needs else None
    days, past = _earnings(desk, symbol, now) if Need.EARNINGS in needs else (None, None)
    atr = None
    if Need.ATR in needs:
        atr = number_in(view, "atr_14") if view is not None else _atr(desk, symbol, now)
    gamma = None if view is None else view.words.get("dealer_gamma")
    is_fresh = gamma is not None and now - gamma.as_of <= GAMMA_AGE_MAX
    regime, bias = word_in(view, "regime"), word_in(view, "bias")
    return MarketFacts(
        read_at=now,
        atr=atr,
        dealer=DealerGamma(gamma.word) if gamma is not None and is_fresh else None,
        zero_gamma=zero_gamma_of(view) if is_fresh else None,
        gamma_as_of=None if gamma is None else gamma.as_of,
        days_to_earnings=days,
        past_earnings=past,
        regime=None if regime is None else Regime(regime),
        regime_confidence=number_in(view, "regime_confidence"),
        bias=None if bias is None else MarketBias(bias),
        bias_confidence=number_in(view, "bias_confidence"),
    )


def zero_gamma_of(view: MarketView | None) -> Price | None:
    """Return the zero-gamma price of a view, from how far the spot is above it."""
    spot, distance = number_in(view, "underlying_price"), number_in(view, "gamma_flip_distance")
    return None if spot is None or distance is None else Price((spot * (1 - distance / 100)).quantize(PRICE_PLACES))


class SlowFacts:
    """The newest facts of the symbols that are watched, none read more often than once a minute."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._needs: dict[str, frozenset[Need]] = {}
        self._known: dict[str, MarketFacts] = {}
        self._asked_at: dict[str, datetime] = {}

    def want(self, symbol: str, rules: Iterable[ExitRule]) -> None:
        """Have what these rules need read for the symbol from now on."""
        more = needs_of(rules) - self._needs.get(symbol, frozenset())
        if more:
            self._needs[symbol] = self._needs.get(symbol, frozenset()) | more
            self._asked_at.pop(symbol, None)

    def keep(self, symbols: Iterable[str]) -> None:
        """Forget all symbols but these."""
        for symbol in set(self._needs) - set(symbols):
            del self._needs[symbol]
            self._known.pop(symbol, None)
            self._asked_at.pop(symbol, None)

    def of(self, symbol: str) -> MarketFacts:
        """Return what is known; reads nothing."""
        return self._known.get(symbol, NO_FACTS)

    def read_next(self, now: datetime) -> str | None:
        """Read the symbol that has waited longest, if its minute is over; return it."""
        due = [
            (self._asked_at.get(symbol), symbol)
            for symbol in self._needs
            if symbol not in self._asked_at or now - self._asked_at[symbol] >= REREAD
        ]
        if not due:
            return None
        _, symbol = min(due, key=lambda one: (one[0] is not None, one[0] or now, one[1]))
        self._asked_at[symbol] = now
        try:
            self._known[symbol] = read_facts(self._desk, symbol, self._needs[symbol], now)
        except AnswerPending:  # what was read last holds until the answer is there
            del self._asked_at[symbol]
            return None
        except MarketDataUnavailable:
            self._known.pop(symbol, None)  # what can't be read is unknown, not what it was
            raise
        return symbol


def market_view(desk: Desk, symbol: str, now: datetime) -> MarketView | None:
    """Read the whole view of a market, which takes tens of milliseconds; ``None`` without a chain."""
    chain = desk.market.chain(symbol, now)
    if chain is None:
        return None
    expirations = list_expirations(chain, desk.calendar, now)
    return read_market(inputs_of(desk.market, desk.calendar, desk.settings, chain, expirations, now))


def _atr(desk: Desk, symbol: str, now: datetime) -> Decimal | None:
    bars = year_of_bars(desk.market, symbol, desk.calendar.exchange_date(now))
    if not len(bars) or not bars.are_prices:
        return None
    found = float(technicals.atr(bars)[-1])
    return Decimal(f"{found:.4f}") if found > 0 else None  # NaN is not


def _earnings(desk: Desk, symbol: str, now: datetime) -> tuple[int | None, tuple[date, ...] | None]:
    today = desk.calendar.exchange_date(now)
    events = desk.market.corporate_events(
        symbol, today - timedelta(days=PAST_DAYS), today + timedelta(days=EVENTS_DAYS)
    )
    coming = next_event(events, EventKind.EARNINGS, today)
    if events is None or (events.earnings_known_until is None and EventKind.EARNINGS not in events.not_applicable):
        return coming.days, None
    return coming.days, tuple(day for day in events.earnings if day < today)


def number_in(view: MarketView | None, name: str) -> Decimal | None:
    """Return a number of a view; ``None`` is unknown."""
    known = None if view is None else view.numbers.get(name)
    return None if known is None else known.number


def word_in(view: MarketView | None, name: str) -> str | None:
    """Return a word of a view; ``None`` is unknown."""
    known = None if view is None else view.words.get(name)
    return None if known is None else known.word
