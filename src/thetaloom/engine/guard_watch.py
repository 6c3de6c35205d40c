"""The monitor's side of the guard: when it looks, when it looks again, and whom it tells that nobody sees a price."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from thetaloom.domain.book.guarded_exits import NOTHING, for_the_record, guard_rule, held_back
from thetaloom.domain.book.mark_guard import GuardDecision
from thetaloom.domain.book.marks import Marks
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.watch import PositionWatch, observed
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.strategy.strategies import ExitKind, Strategy
from thetaloom.domain.values.ids import RunId
from thetaloom.engine.desk import Desk
from thetaloom.engine.marks import PositionView
from thetaloom.engine.price_guard import GuardLook, guard_look
from thetaloom.engine.step import tell
from thetaloom.ports.market_data import QuoteBatch

CALM_EVERY = timedelta(seconds=1)  # a position of which nothing is met is looked at no more often
LEARN_EVERY = timedelta(milliseconds=100)
LEARN_LOOKS = 4  # at a time: to know what is usual must not cost the exits their promptness
OPENING = timedelta(minutes=2)  # of a trading session, in which bad quotes are no news


@dataclass(frozen=True, slots=True, kw_only=True)
class Believed:
    """What the guard leaves of a look at the market: rules that have to wait, and the memory of the position."""

    waits: frozenset[int]
    watch: PositionWatch
    look: GuardLook | None = None  # None = the guard did not look


class GuardWatch:
    """Keeps the guards of the watched positions, and knows when each wants to look again."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._looked_at: dict[RunId, datetime] = {}
        self._again_at: dict[RunId, datetime] = {}
        self._round: deque[RunId] = deque()
        self._learned_at: datetime | None = None
        self._news: dict[RunId, GuardLook] = {}  # whose blindness began or ended
        self.blind: set[RunId] = set()  # whose quotes have been bad for long: nobody watches their price

    @property
    def next_at(self) -> datetime | None:
        """When the next look is due that no quote brings about."""
        return min(self._again_at.values(), default=None)

    def see(self, batch: QuoteBatch) -> None:
        """Take in the underlyings' prices."""
        self._desk.guards.see(batch.spots, batch.as_of)

    def due(self, now: datetime) -> list[RunId]:
        """Return the positions that are to be looked at again now, each once."""
        found = [run for run, at in self._again_at.items() if at <= now]
        for run in found:
            del self._again_at[run]
        return found

    def to_learn(self, now: datetime) -> list[RunId]:
        """Return the few positions whose turn it is to be looked at in calm."""
        is_early = self._learned_at is not None and now - self._learned_at < LEARN_EVERY
        if is_early or not self._round or not self._desk.calendar.is_open(now):
            return []
        self._learned_at = now
        found: list[RunId] = []
        for _ in range(len(self._round)):
            if len(found) == LEARN_LOOKS:
                break
            run = self._round[0]
            self._round.rotate(-1)
            if self._is_rested(run, now):
                found.append(run)
        return found

    def keep_only(self, strategies: Mapping[RunId, Strategy], symbols: Iterable[str]) -> None:
        """Watch these runs' positions from now on, those that are guarded; what is known of them stays."""
        wanted = {run: known for run, known in strategies.items() if guard_rule(known.guard, known.exits) is not None}
        self._round = deque(wanted)
        self.blind &= wanted.keys()
        for known in (self._looked_at, self._again_at, self._news):
            for run in known.keys() - wanted.keys():
                del known[run]
        self._desk.guards.keep_only(wanted.keys(), frozenset(symbols))

    def judges_marks(self, strategy: Strategy) -> bool:
        """Whether no high mark of such a position counts before its guard has looked: a trailing stop rests on it."""
        is_guarded = guard_rule(strategy.guard, strategy.exits) is not None
        return is_guarded and any(rule.kind is ExitKind.TRAILING for rule in strategy.exits)

    def believe(
        self, view: PositionView, strategy: Strategy, marks: Marks, watch: PositionWatch, *, looks: bool
    ) -> Believed:
        """Return which rules have to wait, and the position's memory; without ``looks`` no rule is met that could.

        A high mark for a trailing stop is looked at as well, at most once a second.
        """
        position, run = view.position, view.position.run_id
        seen = observed(watch, position, marks)
        if guard_rule(strategy.guard, strategy.exits) is None:
            return Believed(waits=NOTHING, watch=seen)
        trails = seen is not watch and self.judges_marks(strategy)
        if not looks and not (trails and self._is_rested(run, view.now)):
            return Believed(waits=NOTHING, watch=watch if trails else seen)
        found = guard_look(self._desk, view, strategy.guard, marks, watch)
        if found is None:
            return Believed(waits=NOTHING, watch=seen)
        self._looked_at[run] = view.now
        self._again_at.pop(run, None)
        if trails:
            seen = observed(watch, position, for_the_record(marks, found.decision))
        return Believed(waits=held_back(strategy.exits, found.decision), watch=seen, look=found)

    def remember(self, view: PositionView, found: GuardLook) -> None:
        """Remember a look; not one by which a position is to be closed: the step looks again, from the same state."""
        run, decision = view.position.run_id, found.decision
        self._desk.guards.keep(run, tuple(entry.leg for entry in view.quotes), found.after)
        again = decision.look_again_at
        if again is not None and again > view.now and view.minutes_to_close is not None:
            self._again_at[run] = again
        is_blind = decision.is_blind and self._is_past_opening(view.now)
        if is_blind != (run in self.blind) and (is_blind or decision.blind_at is None):
            self._news[run] = found
            self.blind.symmetric_difference_update({run})

    def tell_news(self, positions: dict[RunId, Position]) -> None:
        """Write the events of those whose blindness began or ended."""
        if not self._news:
            return
        with self._desk.store.unit_of_work() as uow:
            for run_id, found in self._news.items():
                run, position = uow.runs.get(run_id), positions.get(run_id)
                if run is None or position is None:
                    continue
                kind = EventKind.POSITION_BLINDED if run_id in self.blind else EventKind.POSITION_SIGHTED
                tell(uow, run, kind, found.given.seen.now, position=position.id, **_flaws(position, found.decision))
            uow.commit()
        self._news = {}

    def _is_rested(self, run: RunId, now: datetime) -> bool:
        before = self._looked_at.get(run)
        return before is None or now - before >= CALM_EVERY

    def _is_past_opening(self, now: datetime) -> bool:
        session = self._desk.calendar.session_at(now)
        return session is not None and now >= session.open_at + OPENING


def _flaws(position: Position, decision: GuardDecision) -> dict[str, str]:
    found = []
    for leg, view in zip(position.held_legs, decision.mark.legs, strict=False):
        names = ", ".join(deduction.flaw.words for deduction in view.score.deductions)
        if names:
            found.append(f"{leg.contract.notation}: {names}")
    return {"quotes": "; ".join(found)} if found else {}
