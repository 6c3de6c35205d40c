"""One check: what was found, what was asked for, and how far the one is from the other."""

from dataclasses import dataclass
from decimal import Decimal

from thetaloom.domain.values.reasons import Answer, Verdict

UNKNOWN = "unknown"
NO_DISTANCE = "0"
SHOWN_PLACES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule's answer: what was found, what was asked for, and by how much the one must change for a yes."""

    name: str
    verdict: Verdict
    value: str
    limit: str
    distance: str  # "0" for a yes, "unknown", a signed number, or a word where no number would help


def make_check(name: str, verdict: Verdict, value: str, limit: str, distance: str) -> Check:
    """Return a check; ``distance`` counts only for a plain no."""
    gap = {Answer.ALLOW: NO_DISTANCE, Answer.UNKNOWN: UNKNOWN}.get(verdict.answer, distance)
    return Check(name=name, verdict=verdict, value=value, limit=limit, distance=gap)


def number_text(number: Decimal | None) -> str:
    """Print a number with at most four places; an absent one is unknown."""
    if number is None:
        return UNKNOWN
    exact = Decimal(number)
    return format(round(exact, SHOWN_PLACES).normalize() + 0, "f") if exact else "0"
