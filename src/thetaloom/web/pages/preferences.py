"""How a person wants pages to look: the theme, and the clock that times are written by."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from thetaloom.web.front import Front

DARK = "dark"
THEMES = ("dark", "light", "system")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferred:
    """A theme and a zone that there are."""

    theme: str
    zone: str


def preferred(front: Front) -> Preferred:
    """Return what the person wishes; dark and the exchange's clock where nobody has signed in or nothing was said."""
    person: Any = getattr(front, "person", None)
    wished: Any = getattr(person, "preferences", None)
    theme, zone = str(getattr(wished, "theme", "") or DARK), str(getattr(wished, "zone", "") or "")
    return Preferred(
        theme=theme if theme in THEMES else DARK,
        zone=zone if is_zone(zone) else front.platform.desk.calendar.zone_name,
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
