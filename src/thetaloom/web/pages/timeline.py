"""A run's records as a timeline: repeated looks of one step at the same thing are folded into one entry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from thetaloom.domain.run.lineage import LineageRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One or several records in a row of one step with one answer; the last one stands for all."""

    record: LineageRecord
    first_seq: int
    count: int
    duration: str
    told: str  # what the last one found, in a sentence


def timeline_of(records: Sequence[LineageRecord], tell: Callable[[LineageRecord], str]) -> tuple[Entry, ...]:
    """Return the entries in the order of time, each with its sentence."""
    entries = []
    for _, group in groupby(records, key=lambda record: (record.step, record.status, record.reason)):
        same = list(group)
        total_us = sum(record.duration_us for record in same)
        entries.append(
            Entry(
                record=same[-1],
                first_seq=same[0].seq,
                count=len(same),
                duration=f"{total_us / 1000:.1f} ms",
                told=tell(same[-1]),
            )
        )
    return tuple(entries)
