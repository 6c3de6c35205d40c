"""The navigation: every page of the main bar in its group; what the application does not serve is left out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from thetaloom.domain.values.people import Person, Role
from thetaloom.web.permissions import role_needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One entry."""

    section: str  # what a page of it says in its frame
    path: str
    title: str
    key: str = ""  # pressed after g; see static/js/keys.js


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceGroup:
    """Entries that serve one purpose."""

    title: str
    places: Sequence[Place]


NAVIGATION = (
    PlaceGroup(
        title="Trade",
        places=(
            Place(section="dashboard", path="/", title="Dashboard", key="d"),
            Place(section="trading", path="/trading/", title="Trading", key="t"),
            Place(section="approvals", path="/approvals", title="Approvals", key="a"),
            Place(section="suggestions", path="/suggestions", title="Suggestions"),
            Place(section="positions", path="/positions", title="Positions", key="p"),
            Place(section="orders", path="/orders", title="Orders", key="o"),
            Place(section="portfolio", path="/portfolio", title="Portfolio", key="f"),
        ),
    ),
    PlaceGroup(
        title="Automate",
        places=(
            Place(section="strategies", path="/strategies", title="Strategies", key="s"),
            Place(section="scans", path="/scans", title="Scans", key="c"),
            Place(section="watchlists", path="/watchlists", title="Watchlists"),
            Place(section="schedules", path="/schedules", title="Schedules"),
            Place(section="signals", path="/signals", title="Signals", key="i"),
            Place(section="prompts", path="/prompts", title="Prompts"),
        ),
    ),
    PlaceGroup(
        title="Understand",
        places=(
            Place(section="runs", path="/runs", title="Runs", key="r"),
            Place(section="lineage", path="/lineage", title="Lineage", key="l"),
            Place(section="journal", path="/journal", title="Journal", key="j"),
            Place(section="rank", path="/rank", title="Rank"),
            Place(section="charts", path="/charts", title="Charts", key="h"),
            Place(section="chains", path="/chains", title="Option chains"),
            Place(section="symbols", path="/symbols", title="Symbols"),
            Place(section="reasons", path="/reasons", title="Reasons"),
        ),
    ),
    PlaceGroup(
        title="Guard",
        places=(
            Place(section="risk", path="/risk", title="Risk", key="k"),
            Place(section="alerts", path="/alerts", title="Alerts", key="e"),
            Place(section="halts", path="/halts", title="Halts"),
            Place(section="reconcile", path="/reconcile", title="Reconcile"),
            Place(section="notifications", path="/notifications", title="Notifications"),
            Place(section="jobs", path="/jobs", title="Jobs"),
        ),
    ),
    PlaceGroup(
        title="System",
        places=(
            Place(section="settings", path="/settings", title="Settings"),
            Place(section="users", path="/users", title="Users"),
            Place(section="audit", path="/audit", title="Audit"),
            Place(section="account", path="/account", title="Your account"),
            Place(section="keys", path="/keys", title="Keys"),
            Place(section="api", path="/api", title="API"),
        ),
    ),
)


def served(paths: Iterable[str]) -> tuple[PlaceGroup, ...]:
    """Return the navigation of an application that serves ``paths``."""
    known = frozenset(paths)
    shown = (
        PlaceGroup(title=group.title, places=tuple(place for place in group.places if place.path in known))
        for group in NAVIGATION
    )
    return tuple(group for group in shown if group.places)


def navigation(person: Person) -> tuple[PlaceGroup, ...]:
    """Return the navigation of the pages that there are and that this person may open."""
    return _open_to(frozenset(role for role in Role if person.may(role)))


@cache
def _open_to(roles: frozenset[Role]) -> tuple[PlaceGroup, ...]:
    from thetaloom.web.pages import ROUTERS  # every page shows it, so it comes after them

    paths = [str(getattr(route, "path", "")) for router in ROUTERS for route in router.routes]
    return served(path for path in paths if role_needed("GET", path) in roles)
