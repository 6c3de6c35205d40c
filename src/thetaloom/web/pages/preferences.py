"""How a person wants pages to look: the theme, and the clock that times are written by."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from thetaloom.web.front import Front


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferred:
    """A theme and a zone that there are."""

    theme: str
    zone: str


def preferred(front: Front) -> Preferred:
    """Return what the person wishes; without a zone of their own, the exchange's."""
    wished = front.person
    return Preferred(
        theme=wished.theme.value,
        zone=wished.zone if is_zone(wished.zone) else front.platform.desk.calendar.zone_name,
    )


def is_zone(name: str) -> bool:
    """Whether there is a zone of this name."""
    if not name:
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
