"""Alerts: what a person should look at, how soon, and what to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from thetaloom.domain.book.alerts import Alert
from thetaloom.domain.values.reasons import Reason
from thetaloom.store.queries.alerts import list_alerts
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.forms import PageNumber
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.paging import Pager, pager_of, window_of
from thetaloom.web.pages.render import page

router = APIRouter(prefix="/alerts")
OVER = "over"
REASONS = frozenset(reason.value for reason in Reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsView:
    """Some alerts, the most urgent first, and the filters they passed."""

    frame: Frame
    alerts: Sequence[Alert]
    pager: Pager
    filters: Mapping[str, str]
    reasons: frozenset[str]  # that are explained on a page of their own


@router.get("")
def alerts(
    front: FrontDoor,
    show: Annotated[str, Query(max_length=10)] = "",
    symbol: Annotated[str, Query(max_length=12)] = "",
    number: Annotated[PageNumber, Query(alias="page")] = 1,
) -> Response:
    """List what needs a look, or what needed one."""
    filters = {"show": OVER if show == OVER else "", "symbol": symbol.strip().upper()}
    found = list_alerts(
        front.database,
        front.user,
        standing=filters["show"] != OVER,
        symbol=filters["symbol"] or None,
        window=window_of(number),
    )
    view = AlertsView(
        frame=frame_of(front, "alerts"),
        alerts=found.rows,
        pager=pager_of("/alerts", found, **filters),
        filters=filters,
        reasons=REASONS,
    )
    return page("alerts.html", view)
