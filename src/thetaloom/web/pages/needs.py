"""What needs a person now: the matters that nobody else acts on, the most urgent first."""

from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from thetaloom.domain.book.alerts import Priority
from thetaloom.store.queries.alerts import list_alerts
from thetaloom.store.queries.findings import list_findings
from thetaloom.store.queries.listing import Wish
from thetaloom.store.queries.paging import LIMIT_MAX, Window
from thetaloom.store.queries.positions import list_positions
from thetaloom.store.queries.runs import list_runs
from thetaloom.web.front import Front
from thetaloom.web.pages.frame import Frame

ONE = Window(limit=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """One kind of matter that waits for a person."""

    word: str  # a badge
    text: str
    path: str


def needs_of(front: Front, frame: Frame) -> list[Need]:
    """Return what waits for a person."""
    return [*_halted(frame), *_waiting(front, frame), *_expiring(front), *_failed(front)]


def _halted(frame: Frame) -> Iterator[Need]:
    for scope, reason in frame.halts.items():
        yield Need(word="halted", text=f"{scope}: {reason}", path="/halts")


def _waiting(front: Front, frame: Frame) -> Iterator[Need]:
    if frame.pending:
        yield Need(word="pending", text=_counted(frame.pending, "proposal waits", "proposals wait"), path="/approvals")
    critical = list_alerts(
        front.database, front.user, wish=Wish(filters={"priority": Priority.CRITICAL.value}), window=ONE
    ).total
    if critical:
        text = _counted(critical, "critical alert stands", "critical alerts stand")
        yield Need(word="critical", text=text, path=f"/alerts?priority={Priority.CRITICAL.value}")
    if frame.alerts > critical:
        yield Need(
            word="near",
            text=_counted(frame.alerts - critical, "other alert stands", "other alerts stand"),
            path="/alerts",
        )
    found = list_findings(front.database, front.user, wish=Wish(filters={"status": "waiting"}), window=ONE).total
    if found:
        text = _counted(found, "difference from the broker waits", "differences from the broker wait")
        yield Need(word="unresolved", text=text, path="/reconcile")


def _expiring(front: Front) -> Iterator[Need]:
    today = front.now.astimezone(ZoneInfo(front.platform.desk.calendar.zone_name)).date()
    held = list_positions(front.database, front.user, is_open=True, window=Window(limit=LIMIT_MAX)).rows
    for position in held:
        if any(leg.contract.expires_on == today for leg in position.held_legs):
            yield Need(word="near", text=f"{position.symbol} expires today", path=f"/runs/{position.run_id}")


def _failed(front: Front) -> Iterator[Need]:
    broken = list_runs(front.database, front.user, wish=Wish(filters={"status": "ERROR"}), window=ONE).total
    if broken:
        yield Need(
            word="error", text=_counted(broken, "run failed", "runs failed") + " and waits", path="/runs?status=ERROR"
        )


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
