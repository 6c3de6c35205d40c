"""Every proposal with its state, and the funnel that led to them over a period."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from thetaloom.domain.run.proposals import Proposal, ProposalStatus
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.store.queries.funnel import Funnel, funnel
from thetaloom.store.queries.proposals import list_proposals
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.forms import PageNumber
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.paging import Pager, pager_of, window_of
from thetaloom.web.pages.render import page

router = APIRouter(prefix="/suggestions")
PERIODS: Mapping[str, str] = {"1": "the last day", "7": "7 days", "30": "30 days", "90": "90 days", "": "all time"}
USUAL = "30"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the funnel; the bar is its share of the widest one in percent."""

    name: str
    count: int
    percent: float
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionsView:
    """Some proposals, the filters they passed, and the funnel."""

    frame: Frame
    proposals: Sequence[Proposal]
    pager: Pager
    filters: Mapping[str, str]
    statuses: Sequence[str]
    periods: Mapping[str, str]
    funnel: Funnel
    steps: Sequence[Step]


@router.get("")
def suggestions(
    front: FrontDoor,
    status: Annotated[str, Query(max_length=20)] = "",
    symbol: Annotated[str, Query(max_length=12)] = "",
    strategy: Annotated[str, Query(max_length=64)] = "",
    days: Annotated[str, Query(max_length=3)] = USUAL,
    number: Annotated[PageNumber, Query(alias="page")] = 1,
) -> Response:
    """List the proposals, newest first."""
    known = status if status in ProposalStatus._value2member_map_ else ""
    period = days if days in PERIODS else USUAL
    filters = {"status": known, "symbol": canonical_symbol(symbol), "strategy": strategy.strip(), "days": period}
    found = list_proposals(
        front.database,
        front.user,
        status=ProposalStatus(known) if known else None,
        symbol=filters["symbol"] or None,
        strategy=StrategyId(filters["strategy"]) if filters["strategy"] else None,
        window=window_of(number),
    )
    counted = funnel(front.database, front.user, start=front.now - timedelta(days=int(period)) if period else None)
    view = SuggestionsView(
        frame=frame_of(front, "suggestions"),
        proposals=found.rows,
        pager=pager_of("/suggestions", found, **filters),
        filters=filters,
        statuses=[each.value for each in ProposalStatus],
        periods=PERIODS,
        funnel=counted,
        steps=_steps(counted),
    )
    return page("suggestions.html", view)


def _steps(found: Funnel) -> list[Step]:
    approved = found.by_status.get(ProposalStatus.APPROVED, 0) + found.by_status.get(ProposalStatus.SPENT, 0)
    counts = (
        ("pairs looked at by scans", found.pairs, "/scans"),
        ("pairs that may be entered", found.eligible, "/scans"),
        ("runs that scans started", found.started, "/runs"),
        ("proposed, whoever started the run", found.proposed, "/suggestions?days="),
        ("approved", approved, "/suggestions?status=approved"),
        ("positions opened", found.opened, "/positions"),
    )
    widest = max(count for _, count, _ in counts) or 1
    return [
        Step(name=name, count=count, percent=round(100 * count / widest, 1), link=link) for name, count, link in counts
    ]
