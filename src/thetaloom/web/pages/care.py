"""Alerts: what a person should look at, how soon, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import Response

from thetaloom.domain.book.alerts import Alert
from thetaloom.domain.values.reasons import Reason
from thetaloom.store.queries.alerts import every_alert, list_alerts
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.csv_files import csv_file
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.render import page
from thetaloom.web.pages.table_rules import ALERTS_TABLE
from thetaloom.web.pages.tables import Asking, TableShown, read_asked, table_of

router = APIRouter(prefix="/alerts")
REASONS = frozenset(reason.value for reason in Reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsView:
    """Some alerts, the most urgent first, and the filters they passed."""

    frame: Frame
    alerts: Sequence[Alert]
    table: TableShown
    reasons: frozenset[str]  # that are explained on a page of their own


@router.get("")
def alerts(front: FrontDoor, asking: Asking) -> Response:
    """List what needs a look, or what needed one."""
    asked = read_asked(ALERTS_TABLE, asking)
    standing = None if asked.says("show") else True
    if asked.is_csv:
        return csv_file(ALERTS_TABLE, every_alert(front.database, front.user, standing=standing, wish=asked.wish))
    found = list_alerts(front.database, front.user, standing=standing, wish=asked.wish, window=asked.window)
    view = AlertsView(
        frame=frame_of(front, "alerts"),
        alerts=found.rows,
        table=table_of(ALERTS_TABLE, asked, found),
        reasons=REASONS,
    )
    return page("alerts.html", view)
