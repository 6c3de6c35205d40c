"""What the platform tells, read after each turn: it goes into the history, and failed runs are remembered."""

from thetaloom.domain.run.events import EventKind
from thetaloom.domain.values.ids import RunId
from thetaloom.store.database import Database
from thetaloom.store.unit_of_work import SqlStore
from thetaloom.testing.simulation.history import History


class Listener:
    """Reads each event once, across all lives of the process."""

    def __init__(self, history: History) -> None:
        self.failed: dict[RunId, str] = {}  # what was told of the runs that were set aside
        self._history = history
        self._told = 0
        self._heard_at = -1

    def listen(self, database: Database, commits: int) -> None:
        """Read what is new, unless nothing was written since the last time."""
        if self._heard_at == commits:
            return
        self._heard_at = commits
        with SqlStore(database).reading() as uow:
            for stored in uow.events.since(self._told):
                self._told = stored.sequence
                event = stored.event
                if event.kind is EventKind.RUN_FAILED and event.run_id is not None:
                    self.failed[event.run_id] = event.facts.get("message", "")
                facts = " ".join(f"{name}={fact}" for name, fact in event.facts.items() if fact)
                self._history.note("event", f"{event.kind.value} {event.run_id or ''} {facts}")
