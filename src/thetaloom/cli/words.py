"""Domain values in a few words, for tables."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.reasons import Reason


def legs_text(legs: Iterable[Leg]) -> str:
    """Write legs as ``-1 SPY 2026-01-16 P 560``, one a line."""
    return "\n".join(f"{leg.ratio:+d} {leg.contract.notation}" for leg in legs)


def legs_line(legs: Iterable[Leg]) -> str:
    """Write legs in one line, each series named once: ``SPY 2026-01-16: -1 P 560, +1 P 555``."""
    series: dict[str, list[str]] = {}
    for leg in legs:
        name = f"{leg.contract.root} {leg.contract.expires_on}"
        strike = f"{leg.contract.strike.normalize():f}"
        series.setdefault(name, []).append(f"{leg.ratio:+d} {leg.contract.right.value} {strike}")
    return "; ".join(f"{name}: {', '.join(parts)}" for name, parts in series.items())


def money_text(amount: Decimal | None, *, absent: str = "unknown") -> str:
    """Write dollars with their sign."""
    return absent if amount is None else f"{amount:,.2f}"


def price_text(price: Decimal | None) -> str:
    """Write a net price with the word for its sign."""
    if price is None:
        return "unknown"
    return f"{abs(price):.2f} {'credit' if price >= 0 else 'debit'}"


def percent_text(fraction: Decimal | None) -> str:
    """Write a fraction as percent."""
    return "unknown" if fraction is None else f"{fraction:.1%}"


def reason_text(code: str) -> str:
    """Return what the dictionary says of a reason code; nothing for a code that is not in it."""
    try:
        return Reason.of(code).text
    except ValueError:
        return ""


def clock_text(at: datetime | None) -> str:
    """Write an instant to the minute, in UTC."""
    return "–" if at is None else f"{at:%Y-%m-%d %H:%M}Z"
