"""A quote, and the judgement whether it can be believed."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied, unknown

WORTHLESS_ASK_MAX = Price("0.10")  # two nickels: what is offered for no more and bid for by nobody is worth nothing
PRICE_DIGITS = 4  # feeds quote options to the cent or half cent; floats carry noise beyond


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Bid and ask of one contract at one moment. ``None`` is "no such side"; a bid of zero is a real bid."""

    bid: Price | None
    ask: Price | None
    quoted_at: datetime
    bid_size: int | None = None
    ask_size: int | None = None

    @property
    def mid(self) -> Price | None:
        """Half-way between bid and ask of this quote; unknown unless both stand."""
        if self.bid is None or self.ask is None:
            return None
        return (self.bid + self.ask) / 2

    @property
    def bid_ask_width(self) -> Price | None:
        """Ask minus bid; negative when crossed."""
        if self.bid is None or self.ask is None:
            return None
        return self.ask - self.bid

    def age(self, now: datetime) -> timedelta:
        """How old the quote is at ``now``."""
        return now - self.quoted_at


def judge_quote(
    quote: Quote | None, now: datetime, age_max: timedelta, *, to_sell: bool, closes: bool = False
) -> Verdict:
    """Say whether ``quote`` may be traded on. A leg to sell needs a bid; a leg to buy only needs an ask.

    Where the order ``closes``, a leg that is offered for next to nothing may have a bid of zero: it is worth nothing,
    and a structure that waited for somebody to bid for its worthless wing could never be stopped out.
    """
    if quote is None or (quote.bid is None and quote.ask is None):
        return unknown(Reason.NO_QUOTE)
    if quote.ask is None:
        return denied(Reason.ONE_SIDED_QUOTE, bid=quote.bid, ask="none")
    if quote.ask <= 0 or (quote.bid is not None and quote.bid < 0):
        return denied(Reason.INVALID_QUOTE, bid=quote.bid, ask=quote.ask)
    if quote.bid is not None and quote.bid > quote.ask:
        return denied(Reason.CROSSED_QUOTE, bid=quote.bid, ask=quote.ask)
    is_worthless = closes and quote.bid == 0 and quote.ask <= WORTHLESS_ASK_MAX
    if quote.bid is None or (to_sell and quote.bid == 0 and not is_worthless):
        return denied(Reason.ONE_SIDED_QUOTE, bid=quote.bid, ask=quote.ask)
    if quote.age(now) > age_max:
        return denied(
            Reason.STALE_QUOTE,
            age_seconds=int(quote.age(now).total_seconds()),
            limit_seconds=int(age_max.total_seconds()),
        )
    return ALLOWED


def price_from_float(number: float) -> Price | None:
    """The one door from a feed's float to an exact price; what is not finite is no price."""
    if not math.isfinite(number):
        return None
    return Price(Decimal(f"{number:.{PRICE_DIGITS}f}").normalize() + 0)
