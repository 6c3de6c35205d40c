"""Figures for Prometheus, in its text format."""

import resource
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from thetaloom import __version__
from thetaloom.domain.book.protection import Cause, Protection, ProtectionShown, shown_protection
from thetaloom.store.queries.alerts import cares_of_user
from thetaloom.store.queries.health import backlog, census
from thetaloom.store.queries.runs import run_stats
from thetaloom.web.front import Front
from thetaloom.web.health import lag_of

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PAGE_BYTES = resource.getpagesize()


def exposition(front: Front) -> str:
    """Return all figures."""
    found = backlog(front.database, front.now)
    stats = run_stats(front.database, front.user)
    counted = census(front.database)
    alive = front.loop is None or front.loop.is_alive
    unprotected = _unprotected(front)
    parts = [
        _figure("thetaloom_info", "gauge", "The version that runs.", {f'version="{__version__}"': 1}),
        _labeled("thetaloom_runs", "Runs by status.", "status", stats.by_status),
        _labeled("thetaloom_runs_completed", "Completed runs by outcome.", "outcome", stats.by_outcome),
        _labeled("thetaloom_orders", "Orders by status.", "status", counted.orders),
        _figure("thetaloom_positions_open", "gauge", "Open positions.", {"": counted.open_positions}),
        _labeled("thetaloom_runs_due", "Runs due now by lane.", "lane", found.due),
        _labeled("thetaloom_positions_protection", "Open positions by who protects them.", "state", _states(front)),
        _figure(
            "thetaloom_unprotected_seconds_total",
            "counter",
            "Trading time in which nobody protected a position, by why.",
            {f'cause="{cause.value}"': unprotected.get(cause.value, 0) for cause in Cause},
        ),
        _figure("thetaloom_runs_waiting", "gauge", "Runs that wait for a later instant.", {"": found.waiting}),
        _figure(
            "thetaloom_engine_lag_seconds",
            "gauge",
            "How long the oldest due run has waited, by the market's clock.",
            {"": lag_of(front, found).total_seconds()},
        ),
        _figure(
            "thetaloom_engine_turns_total",
            "counter",
            "Turns of the engine in this process.",
            {"": front.platform.engine.turns},
        ),
        _figure("thetaloom_engine_up", "gauge", "Whether the engine's thread lives.", {"": int(alive)}),
        _figure(
            "thetaloom_lineage_records_total",
            "counter",
            "Lineage records kept.",
            {"": counted.lineage_records},
        ),
        _figure("thetaloom_market_time_seconds", "gauge", "The market's own clock.", {"": front.now.timestamp()}),
        _figure("process_resident_memory_bytes", "gauge", "Memory of this process.", {"": _memory_bytes()}),
    ]
    return "".join(parts)


def _shown(front: Front) -> list[tuple[ProtectionShown, bool]]:
    calendar, now = front.platform.desk.calendar, front.now
    with front.platform.store.reading() as uow:
        last = uow.care.last_look(front.platform.broker.account_id)
    return [
        (shown_protection(care, last if ended is None else None, ended or now, calendar), ended is None)
        for care, ended in cares_of_user(front.database, front.user)
    ]


def _states(front: Front) -> Mapping[str, int]:
    found = Counter(shown.state.value for shown, is_open in _shown(front) if is_open)
    return {state.value: found[state.value] for state in Protection}


def _unprotected(front: Front) -> Mapping[str, int]:
    total: Counter[str] = Counter()
    for shown, _ in _shown(front):
        total.update(shown.by_cause)
    return total


def _labeled(name: str, doc: str, label: str, figures: Mapping[Any, int]) -> str:
    return _figure(name, "gauge", doc, {f'{label}="{key}"': count for key, count in figures.items()})


def _figure(name: str, kind: str, doc: str, figures: Mapping[str, float]) -> str:
    lines: Iterable[str] = (
        f"{name}{{{labels}}} {number}" if labels else f"{name} {number}" for labels, number in figures.items()
    )
    return "\n".join((f"# HELP {name} {doc}", f"# TYPE {name} {kind}", *lines)) + "\n"


def _memory_bytes() -> int:
    statistics = Path("/proc/self/statm")
    if statistics.exists():
        return int(statistics.read_text(encoding="ascii").split()[1]) * PAGE_BYTES
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # the best that other systems offer
    return peak if sys.platform == "darwin" else peak * 1024
