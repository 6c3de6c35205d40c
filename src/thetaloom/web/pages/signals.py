"""Signals: what came from outside, what became of it and why, and who may send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.responses import Response

from thetaloom.domain.run.signal_records import SourceRecord
from thetaloom.domain.run.signal_sources import SignalSource
from thetaloom.domain.run.signals import Signal, SignalStage
from thetaloom.domain.values.reasons import Reason
from thetaloom.store.queries.signals import SignalDetail, list_signals, list_sources, signal_detail, source_records
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.forms import PageNumber
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.paging import Pager, pager_of, window_of
from thetaloom.web.pages.render import page

router = APIRouter(prefix="/signals")
REASONS = frozenset(reason.value for reason in Reason)
STAGES = tuple(stage.value for stage in SignalStage)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalsView:
    """Some signals, newest first, the filters they passed, and the sources."""

    frame: Frame
    signals: Sequence[Signal]
    sources: Sequence[SignalSource]
    records: Mapping[str, SourceRecord]
    pager: Pager
    filters: Mapping[str, str]
    stages: tuple[str, ...]
    reasons: frozenset[str]  # that are explained on a page of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalView:
    """One signal: its words, its trail, and how it was weighed."""

    frame: Frame
    detail: SignalDetail
    contributions: Sequence[Mapping[str, Any]]
    parts: Sequence[Mapping[str, Any]]
    share: str
    total: str
    reasons: frozenset[str]


@router.get("")
def signals(
    front: FrontDoor,
    stage: Annotated[str, Query(max_length=10)] = "",
    symbol: Annotated[str, Query(max_length=12)] = "",
    number: Annotated[PageNumber, Query(alias="page")] = 1,
) -> Response:
    """List the signals."""
    filters = {"stage": stage if stage in STAGES else "", "symbol": symbol.strip().upper()}
    found = list_signals(
        front.database,
        front.user,
        symbol=filters["symbol"] or None,
        stage=SignalStage(stage) if stage in STAGES else None,
        window=window_of(number),
    )
    view = SignalsView(
        frame=frame_of(front, "signals"),
        signals=found.rows,
        sources=list_sources(front.database, front.user),
        records=source_records(front.database, front.user),
        pager=pager_of("/signals", found, **filters),
        filters=filters,
        stages=STAGES,
        reasons=REASONS,
    )
    return page("signals.html", view)


@router.get("/{signal_id}")
def signal(front: FrontDoor, signal_id: str) -> Response:
    """Show one signal."""
    detail = signal_detail(front.database, front.user, signal_id)
    judged: Mapping[str, Any] = detail.judged or {}
    together, sure = judged.get("confluence", {}), judged.get("confidence", {})
    view = SignalView(
        frame=frame_of(front, "signals"),
        detail=detail,
        contributions=together.get("contributions", ()),
        parts=sure.get("parts", ()),
        share=together.get("share") or "",
        total=sure.get("total", ""),
        reasons=REASONS,
    )
    return page("signal.html", view)
