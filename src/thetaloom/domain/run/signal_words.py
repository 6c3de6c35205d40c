"""The words, numbers and dates of messages: each reader returns a value, or the problem with what was sent."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from thetaloom.domain.run.signal_faults import Fault, Problem, seen
from thetaloom.domain.run.signals import CONFIDENCE_MAX, Direction
from thetaloom.domain.values.symbols import canonical_symbol

ACTIONS: Mapping[str, str] = {
    **dict.fromkeys(("BUY", "B"), "BUY"),
    "LONG": "LONG",
    **dict.fromkeys(("SELL", "S"), "SELL"),
    "SHORT": "SHORT",
    **dict.fromkeys(("CLOSE", "EXIT", "FLATTEN", "X"), "CLOSE"),
    **dict.fromkeys(("OBSERVE", "CONFIRM", "INFO"), "OBSERVE"),
}
DIRECTIONS: Mapping[str, Direction] = {
    **dict.fromkeys(("BULLISH", "BULL", "LONG", "UP", "CALL", "C"), Direction.BULLISH),
    **dict.fromkeys(("BEARISH", "BEAR", "SHORT", "DOWN", "PUT", "P"), Direction.BEARISH),
    **dict.fromkeys(("NEUTRAL", "FLAT"), Direction.NEUTRAL),
}
RIGHTS: Mapping[str, str] = {"CALL": "CALL", "C": "CALL", "PUT": "PUT", "P": "PUT"}
ORDER_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("MARKET", "MKT", "M"), "market"),
    **dict.fromkeys(("LIMIT", "LMT", "L"), "limit"),
    **dict.fromkeys(("STOP", "STP"), "stop"),
    **dict.fromkeys(("STOP_LIMIT", "STOPLIMIT", "STP_LMT", "STL"), "stop_limit"),
}
TIMES_IN_FORCE: Mapping[str, str] = {word: word for word in ("DAY", "GTC", "GTD", "IOC", "FOK")}
MINUTES: Mapping[int, str] = {
    1: "1m", 3: "3m", 5: "5m", 15: "15m", 30: "30m", 60: "1h", 240: "4h", 1440: "1d", 10080: "1w",
}  # fmt: skip
_UNITS: Mapping[str, int] = {
    **dict.fromkeys(("", "m", "min", "mins", "minute", "minutes"), 1),
    **dict.fromkeys(("h", "H", "hr", "hour", "hours"), 60),
    **dict.fromkeys(("d", "D", "day", "days", "daily"), 1440),
    **dict.fromkeys(("w", "W", "wk", "week", "weeks", "weekly"), 10080),
}
_TIMEFRAME = re.compile(r"([0-9]{0,5})\s*([A-Za-z]*)")
# A comma only where it parts thousands: 1,5 is half of what it would be read as elsewhere.
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]*)(?:\.[0-9]*)?(?:[eE][+-]?[0-9]{1,3})?")
_EXCHANGE = re.compile(r"[A-Z0-9_]{1,20}")  # NASDAQ, CBOE_DLY
_SYMBOL = re.compile(r"\^?[A-Z0-9]{1,10}(\.[A-Z]{1,2})?")
EXCHANGE_SUFFIXES = ("US", "NYSE", "NASDAQ", "ARCA", "AMEX", "BATS", "CBOE")
NUMBER_MAX = Decimal(10) ** 12
NUMBER_PLACES_MAX = 12
_DATE_FORMS = ("%Y-%m-%d", "%m/%d/%Y", "%y%m%d", "%b %d %Y", "%d %b %Y", "%B %d %Y", "%d %B %Y", "%d%b%Y", "%d%b%y")
MILLISECONDS_FROM = 100_000_000_000  # seconds of the year 5138: whatever is larger counts milliseconds
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_word(field: str, word: Any, known: Mapping[str, Any]) -> Any | Problem:
    """Look a word up, whatever its case."""
    key = str(word).strip().upper().replace("-", "_").replace(" ", "_") if isinstance(word, str) else ""
    if key in known:
        return known[key]
    return Problem(field=field, fault=Fault.UNKNOWN_WORD, detail=f"{seen(word)} is none of {', '.join(known)}")


def read_symbol(field: str, word: Any) -> str | Problem:
    """Return the symbol of an underlying: what stands after an exchange's colon and before an exchange's suffix."""
    text = str(word).strip().upper() if isinstance(word, str) else ""
    exchange, colon, rest = text.rpartition(":")
    if colon and _EXCHANGE.fullmatch(exchange):  # what stands before any other colon is no part of a symbol
        text = rest
    head, dot, tail = text.rpartition(".")
    if dot and tail in EXCHANGE_SUFFIXES:
        text = head
    text = canonical_symbol(text)
    if _SYMBOL.fullmatch(text) is None or not re.search("[A-Z]", text):
        return Problem(field=field, fault=Fault.NOT_A_SYMBOL, detail=f"{seen(word)}; a good one: SPY")
    return text


def read_timeframe(field: str, word: Any) -> str | Problem:
    """Return a timeframe in our form; a bare number counts minutes, a capital M months, which are none of ours."""
    found = _TIMEFRAME.fullmatch(str(word).strip()) if isinstance(word, str | Decimal) else None
    unit = None if found is None else _UNITS.get(found[2], _UNITS.get(found[2].lower()) if found[2] != "M" else None)
    minutes = None if found is None or unit is None else int(found[1] or 1) * unit
    if minutes is None or minutes not in MINUTES or not str(word).strip():
        known = ", ".join(MINUTES.values())
        return Problem(field=field, fault=Fault.UNKNOWN_WORD, detail=f"{seen(word)} is none of {known}")
    return MINUTES[minutes]


def read_number(
    field: str, word: Any, *, least: Decimal | None = None, most: Decimal = NUMBER_MAX
) -> Decimal | Problem:
    """Return a finite number of a sane size."""
    try:
        text = str(word).strip() if isinstance(word, str | Decimal) else ""
        number = Decimal(text.replace(",", "")) if _NUMBER.fullmatch(text) else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite():
        return Problem(field=field, fault=Fault.NOT_A_NUMBER, detail=seen(word))
    exponent = number.as_tuple().exponent
    places = -exponent if isinstance(exponent, int) else 0
    if abs(number) > most or places > NUMBER_PLACES_MAX + 12 or (least is not None and number < least):
        bounds = f"{seen(word)} is not within {least if least is not None else -most} to {most}"
        return Problem(field=field, fault=Fault.OUT_OF_RANGE, detail=bounds)
    return Decimal(format(number, "f")) if number else Decimal(0)


def read_positive(field: str, word: Any) -> Decimal | Problem:
    """Return a number above zero."""
    number = read_number(field, word)
    if isinstance(number, Decimal) and number <= 0:
        return Problem(field=field, fault=Fault.OUT_OF_RANGE, detail=f"{seen(word)} is not above 0")
    return number


def read_quantity(field: str, word: Any) -> Decimal | Problem:
    """Return a whole number of contracts."""
    number = read_positive(field, word)
    if isinstance(number, Decimal) and (number != number.to_integral_value() or number > 10_000):
        return Problem(field=field, fault=Fault.OUT_OF_RANGE, detail=f"{seen(word)} is no count of 1 to 10000")
    return number


def read_confidence(field: str, word: Any, scale: Decimal | None) -> Decimal | Problem:
    """Return a confidence of 0 to 100."""
    text = str(word).strip() if isinstance(word, str | Decimal) else ""
    if text.endswith("%"):
        return read_number(field, text[:-1], least=Decimal(0), most=Decimal(CONFIDENCE_MAX))
    number = read_number(field, word)
    if not isinstance(number, Decimal):
        return number
    if number == 0 and scale is None:
        return number  # nothing is nothing on every scale
    if scale is None:
        return Problem(field=field, fault=Fault.AMBIGUOUS_SCALE, detail=seen(word))
    if not 0 <= number <= scale:
        return Problem(field=field, fault=Fault.OUT_OF_RANGE, detail=f"{seen(word)} is not within 0 to {scale}")
    return percent_of(number, scale)


def percent_of(number: Decimal, whole: Decimal) -> Decimal:
    """Return a part in percent of its whole, with two places."""
    return (number * CONFIDENCE_MAX / whole).quantize(Decimal("0.01"))


def read_date(field: str, word: Any, today: date) -> date | Problem:
    """Return the date of an expiration that is not over."""
    text = re.sub(r"[,\s]+", " ", str(word).strip()).title() if isinstance(word, str | Decimal) else ""
    for form in _DATE_FORMS if text.isascii() else ():
        try:
            found = datetime.strptime(text, form).date()  # noqa: DTZ007  # a date has no zone
        except ValueError:
            continue
        if found < today:
            return Problem(field=field, fault=Fault.EXPIRED, detail=seen(word))
        return found
    return Problem(field=field, fault=Fault.NOT_A_DATE, detail=seen(word))


def read_instant(field: str, word: Any) -> datetime | Problem:
    """Return an instant: ISO 8601 with its zone, or seconds or milliseconds since 1970."""
    number = read_number(field, word, least=Decimal(0), most=Decimal(10) ** 14)
    if isinstance(number, Decimal):
        seconds = number / 1000 if number >= MILLISECONDS_FROM else number
        return EPOCH + timedelta(microseconds=int(seconds * 1_000_000))
    try:
        at = datetime.fromisoformat(word.strip()) if isinstance(word, str) else None
    except ValueError:
        at = None
    if at is None:
        return Problem(field=field, fault=Fault.NOT_A_TIME, detail=seen(word))
    if at.tzinfo is None:
        return Problem(field=field, fault=Fault.NO_ZONE, detail=seen(word))
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return Problem(field=field, fault=Fault.NOT_A_TIME, detail=seen(word))
