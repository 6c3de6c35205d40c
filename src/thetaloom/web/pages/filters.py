"""The ways in which pages write numbers, times and people."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from markupsafe import Markup

from thetaloom.domain.run.proposals import decider_in_words
from thetaloom.domain.values.money import Money

UNKNOWN = "unknown"
MINUS = "−"
PLACES_MIN = 2
PLACES_MAX = 4


def money(amount: Decimal | None) -> str:
    """Write dollars: ``$1,234.50``; what is not known is said to be so."""
    if amount is None:
        return UNKNOWN
    return f"{MINUS if amount < 0 else ''}${digits(amount)}"


def signed(amount: Decimal | float | None) -> str:
    """Write an amount with its sign: money as ``+$12.00``, anything else as ``−0.30``."""
    if amount is None:
        return UNKNOWN
    exact = amount if isinstance(amount, Decimal) else Decimal(f"{amount:.4f}")
    written = digits(exact)
    if not written.strip("0.,"):
        return f"${written}" if isinstance(exact, Money) else written
    return f"{MINUS if exact < 0 else '+'}{'$' if isinstance(exact, Money) else ''}{written}"


def private(written: str, amount: object) -> str | Markup:
    """Mark what is written of money, so that it can be blurred; a price is everybody's."""
    return Markup('<span class="money">{}</span>').format(written) if isinstance(amount, Money) else written


def when(at: datetime | None, zone: str, exchange_zone: str) -> str | Markup:
    """Write an instant on the person's own clock, and on the exchange's beside it; the tip shows it in UTC."""
    if at is None:
        return "never"
    own, there, utc = at.astimezone(ZoneInfo(zone)), at.astimezone(ZoneInfo(exchange_zone)), at.astimezone(UTC)
    shown = Markup('<time datetime="{}" title="{}">{}</time>').format(
        utc.isoformat(timespec="seconds"), f"{utc:%Y-%m-%d %H:%M:%S} UTC", f"{own:%Y-%m-%d %H:%M:%S %Z}"
    )
    if own.utcoffset() == there.utcoffset():
        return shown
    days = (there.date() - own.date()).days
    beside = f"{there:%H:%M:%S %Z}" if not days else f"{there:%m-%d %H:%M:%S %Z}"
    return shown + Markup(' <span class="beside-time dim">{}</span>').format(beside)


def decider(who: str, names: Mapping[str, str]) -> str:
    """Write who decided: a person by name, or the strategy's own rule."""
    return decider_in_words(who, names.get(who, who))


def digits(amount: Decimal) -> str:
    """Write a size with its cents, and with what is finer where there is something finer."""
    size = Decimal(abs(amount))
    exponent = size.normalize().as_tuple().exponent
    places = -exponent if isinstance(exponent, int) else PLACES_MIN
    return f"{size:,.{min(max(places, PLACES_MIN), PLACES_MAX)}f}"
