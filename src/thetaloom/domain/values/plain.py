"""Plain data from outside: numbers, dates and JSON text are read strictly, and what does not fit is named."""

import json
import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NoReturn

from thetaloom.errors import InvalidInput

# Digits of other scripts and 1_000 would pass Python's own reading; to a person they are slips.
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
SHOWN_MAX = 60


def read_decimal(field: str, given: object, *, most: Decimal) -> Decimal:
    """Read a number from -``most`` to ``most`` that JSON, a CSV cell or an option gave."""
    if isinstance(given, bool) or not isinstance(given, int | float | Decimal | str):
        refuse(field, f"{shown(given)} is not a number")
    text = str(given).strip()
    if text.lower().lstrip("+-") in ("nan", "inf", "infinity"):
        refuse(field, f"{shown(given)} is not a finite number")
    if not NUMBER.fullmatch(text):
        refuse(field, f"{shown(given)} is not a number")
    number = Decimal(text)
    if abs(number) > most:
        refuse(field, f"{shown(given)} is not a number up to {most:f}")
    return number


def read_date(field: str, given: object) -> date:
    """Read a day written as 2026-01-16."""
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    text = given.strip() if isinstance(given, str) else ""
    try:
        return date.fromisoformat(text if DATE.fullmatch(text) else "")
    except ValueError:
        refuse(field, f"{shown(given)} is not a date like 2026-01-16")


def read_json(field: str, text: str) -> Any:
    """Read the JSON text that a cell of a CSV file holds; its fractions become decimals."""
    try:
        return json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as error:
        refuse(field, f"is not JSON: {error}")
    except (RecursionError, ValueError) as error:  # nested too deeply, or a number of too many digits
        refuse(field, f"is not JSON that can be read: {error}")


def shown(given: object) -> str:
    """Quote what was given, cut to a length that a message bears."""
    if isinstance(given, str | list | dict) and len(given) > SHOWN_MAX:
        given = given[:SHOWN_MAX] if isinstance(given, str | list) else dict(list(given.items())[:SHOWN_MAX])
    text = json.dumps(given, default=str, ensure_ascii=False)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


def refuse(field: str, problem: str) -> NoReturn:
    """Refuse a field of a case."""
    raise InvalidInput(f"{field}: {problem}", details={"part": field, "problem": problem})
