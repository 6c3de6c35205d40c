"""Where signals are kept: sources, what came from them, and each one's trail."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from thetaloom.domain.run.signal_records import SignalScore
from thetaloom.domain.run.signal_sources import SignalSource
from thetaloom.domain.run.signals import Direction, Signal, SignalStage, TrailEntry
from thetaloom.domain.values.ids import RunId, SignalId, UserId


class Signals(Protocol):
    """Signals, saved by compare-and-swap on their version, each change with its entry in the trail."""

    def take_turn(self) -> None:
        """Let one intake at a time go on, until this transaction ends."""
        ...

    def source(self, user: UserId, name: str) -> SignalSource | None: ...
    def sources(self, user: UserId) -> Sequence[SignalSource]: ...
    def save_source(self, source: SignalSource) -> None: ...
    def get(self, signal: SignalId) -> Signal | None: ...
    def by_sender(self, user: UserId, source: str, sender_id: str) -> Signal | None: ...
    def alike(self, user: UserId, source: str, content_key: str) -> Sequence[Signal]:
        """Return the newest signals of a source that said the same and were not refused, newest first."""
        ...

    def last_opening(self, user: UserId, symbol: str, direction: Direction) -> Signal | None:
        """Return the newest signal that was taken to open on this symbol in this direction."""
        ...

    def queued(self, user: UserId, symbol: str, direction: Direction) -> Sequence[Signal]: ...
    def recent(self, user: UserId, symbols: Iterable[str], since: datetime) -> Sequence[Signal]:
        """Return what was said of these symbols from ``since`` on, oldest first."""
        ...

    def due(self, now: datetime, limit: int) -> Sequence[Signal]:
        """Return the signals that wait and are due, in the order in which they came."""
        ...

    def next_due_at(self) -> datetime | None: ...
    def of_run(self, run: RunId) -> Signal | None: ...
    def add(self, signal: Signal, actor: str) -> None: ...
    def move(
        self,
        signal: Signal,
        actor: str,
        now: datetime,
        *,
        facts: Mapping[str, str] | None = None,
        evidence: str = "",
    ) -> Signal:
        """Write a signal at its new stage, with the entry in its trail; return it with its next version."""
        ...

    def told(self, user: UserId, source: str, content_key: str) -> int:
        """Count how often a source said this, whatever became of it."""
        ...

    def repeat(self, signal: SignalId) -> None:
        """Count that the signal came once more."""
        ...

    def add_score(self, score: SignalScore) -> None:
        """Write how a run came out for a source; one that is there already stays as it is."""
        ...

    def scores(self, user: UserId, source: str) -> Sequence[SignalScore]: ...
    def trail(self, signal: SignalId) -> Sequence[TrailEntry]: ...
    def counts(self, user: UserId) -> Mapping[SignalStage, int]: ...
