"""How pages write numbers that are no money: with their unit, with their age."""

from decimal import Decimal

from thetaloom.web.pages.filters import MINUS, UNKNOWN, money

PLACES = 4
MS_A_SECOND = 1000
MINUTE, HOUR, DAY = 60, 3600, 86_400


def number_with_unit(number: Decimal | None, unit: str) -> str:
    """Write a number in its unit: dollars as money, anything else as ``12.5 % of mid``."""
    if number is None:
        return UNKNOWN
    if unit == "dollars":
        return money(number.quantize(Decimal("0.01")))
    return f"{plain_number(number)} {unit}".rstrip()


def plain_number(number: Decimal) -> str:
    """Write a number with its thousands apart and at most four places."""
    shown = round(number, PLACES)
    text = f"{shown.normalize():,f}" if shown else "0"
    return text.replace("-", MINUS)


def percent(part: Decimal | None) -> str:
    """Write a part of one as a percentage."""
    return UNKNOWN if part is None else percent_of_whole(part * 100)


def percent_of_whole(number: Decimal | None) -> str:
    """Write a number that is a percentage already."""
    return UNKNOWN if number is None else f"{number:.1f} %".replace("-", MINUS)


def span(microseconds: int) -> str:
    """Write how long something took: ``12.3 ms``, ``4.5 s``, ``6 min 55 s``."""
    tenths_of_ms = round(microseconds / 100)
    if tenths_of_ms < 10 * MS_A_SECOND:
        return f"{tenths_of_ms / 10:.1f} ms"
    seconds = microseconds / (1000 * MS_A_SECOND)
    return f"{seconds:.1f} s" if round(seconds, 1) < MINUTE else age(seconds)


def age(seconds: float) -> str:
    """Write how long ago something was, in its two largest units."""
    whole = max(0, int(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE} min"
    return f"{whole // DAY} d {whole % DAY // HOUR} h"
