"""A position's numbers at one moment, as exit rules look at them. ``None`` is unknown."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from thetaloom.domain.market.words import DealerGamma, MarketBias, Regime
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketFacts:
    """What changes slowly and is read at most once a minute for a symbol."""

    read_at: datetime | None = None
    atr: Decimal | None = None  # dollars, 14 days
    dealer: DealerGamma | None = None
    zero_gamma: Price | None = None
    gamma_as_of: datetime | None = None  # of the chain that it was read from
    days_to_earnings: int | None = None
    past_earnings: tuple[date, ...] | None = None
    regime: Regime | None = None
    regime_confidence: Decimal | None = None  # 0 to 100
    bias: MarketBias | None = None
    bias_confidence: Decimal | None = None


NO_FACTS = MarketFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What is known of a position at one moment. ``None`` is unknown."""

    now: datetime
    close_price: Price | None  # net mid that closing one structure would bring; negative when closing costs
    natural_close: Price | None  # the same at natural; shown, never decided on
    spot: Price | None
    dte: int  # calendar days to the nearest expiration, by the exchange's date
    days_held: int
    minutes_to_close: int | None  # of the trading session; None = the exchange is closed
    structure_delta: Decimal | None  # per share, of one structure, signed
    short_deltas: tuple[Decimal | None, ...]  # of each short leg
    quotes_verdict: Verdict  # whether the legs' quotes can be believed
    best_close: Price | None = None  # the close if each leg traded at the side that is better for us
    clock_minute: int | None = None  # since midnight on the exchange's wall; None = the exchange is closed
    close_minute: int | None = None  # when the session under way ends
    is_expiry_friday: bool = False  # the last trading day of an expiration that ends its week
    structure_theta: Decimal | None = None  # per share and calendar day, of one structure, signed
    iv: Decimal | None = None  # of the legs, each weighed by its ratio; 0.20 = 20 %
    after_earnings: bool | None = None  # whether an earnings day lies between opening and today
    facts: MarketFacts = NO_FACTS


def believable_close(marks: Marks) -> Price | None:
    """Return the mark that price-based exits may act on; the one place where that is asked."""
    return marks.close_price if marks.quotes_verdict.is_allowed else None


def recordable_close(marks: Marks) -> Price | None:
    """Return the mark that may raise a high-water mark: a believable one that lies within the market."""
    close, least, most = believable_close(marks), marks.natural_close, marks.best_close
    if close is None or least is None or most is None:
        return None
    return close if least <= close <= most else None
