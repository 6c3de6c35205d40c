"""Signals: what came from outside, what became of it and why, and who may send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from thetaloom.domain.run.signal_records import SourceRecord
from thetaloom.domain.run.signal_sources import SignalSource
from thetaloom.domain.run.signals import Signal
from thetaloom.domain.values.reasons import Reason
from thetaloom.store.queries.signals import (
    SIGNALS,
    SignalDetail,
    list_signals,
    list_sources,
    signal_detail,
    source_records,
)
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.csv_files import csv_file
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.render import page
from thetaloom.web.pages.table_rules import SIGNALS_TABLE
from thetaloom.web.pages.tables import Asking, TableShown, read_asked, table_of

router = APIRouter(prefix="/signals")
REASONS = frozenset(reason.value for reason in Reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalsView:
    """Some signals, newest first, the filters they passed, and the sources."""

    frame: Frame
    signals: Sequence[Signal]
    sources: Sequence[SignalSource]
    records: Mapping[str, SourceRecord]
    table: TableShown
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
def signals(front: FrontDoor, asking: Asking) -> Response:
    """List the signals."""
    asked = read_asked(SIGNALS_TABLE, asking)
    if asked.is_csv:
        return csv_file(SIGNALS_TABLE, SIGNALS.every(front.database, front.user, wish=asked.wish))
    found = list_signals(front.database, front.user, wish=asked.wish, window=asked.window)
    view = SignalsView(
        frame=frame_of(front, "signals"),
        signals=found.rows,
        sources=list_sources(front.database, front.user),
        records=source_records(front.database, front.user),
        table=table_of(SIGNALS_TABLE, asked, found),
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
