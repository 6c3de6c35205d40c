"""Fields of forms that several pages share, and the answer to a form: look at the page that shows what came of it."""

from datetime import date
from typing import Annotated

from fastapi import Form, Query
from starlette.responses import RedirectResponse

from thetaloom.errors import InvalidInput

Word = Annotated[str, Form(max_length=128)]
Words = Annotated[str, Form(max_length=500, pattern=r"^[^\x00]*$")]
Notice = Annotated[str, Query(max_length=40)]
PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]
DIGITS_MAX = 6


def see(path: str, notice: str = "") -> RedirectResponse:
    """Send the browser to ``path``, so that reloading sends nothing twice."""
    return RedirectResponse(f"{path}?notice={notice}" if notice else path, 303)


def count_of(text: str, name: str) -> int | None:
    """Read a whole number; ``None`` for an empty field, which means all. Anything else is never taken for all."""
    typed = text.strip()
    if not typed:
        return None
    if not (typed.isascii() and typed.isdecimal() and len(typed) <= DIGITS_MAX):
        raise InvalidInput(f"{typed[:40]!r} is no {name}; a good one: 1", details={"field": name})
    return int(typed)


def day_of(text: str, name: str) -> date | None:
    """Read a date; ``None`` for an empty field."""
    if not text.strip():
        return None
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInput(f"{text[:40]!r} is no {name}; a good one: 2027-01-15", details={"field": name}) from None
