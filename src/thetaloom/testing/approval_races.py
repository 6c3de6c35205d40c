"""Races around one approval: presses, devices, refusals, halts and deaths at once, over and over on the same books.

After each race the books are put back to the moment in which the proposal waits, so that the ten-thousandth race costs
what the first one did. Two engines with their own leases stand for two processes; they share the database's file.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from threading import Event
from typing import Any, Literal

import numpy as np

from thetaloom.dispatch.embedded import EmbeddedDispatch
from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.strategy.strategies import ApprovalMode, ApprovalRule
from thetaloom.engine import commands
from thetaloom.engine.engine import Engine
from thetaloom.errors import ThetaloomError
from thetaloom.ports.clock import Clock
from thetaloom.store.database import open_database
from thetaloom.store.schema import runs
from thetaloom.store.table_parts import metadata
from thetaloom.testing.broker import ScriptedBroker
from thetaloom.testing.desk import ANNA, DeskBench, put_credit_spread
from thetaloom.testing.halts import HeldFlags

KEPT = frozenset({"evidence", "alembic_version"})  # content under its digest: another race may find it there
COMMITS_MAX = 9  # of an approval and its order: a death is planned at one of them, and may come too late
RIVAL_COMMITS_MAX = 7
HALT_SCOPE = "all"
Phase = Literal["before", "after"]
PHASES: tuple[Phase, Phase] = ("before", "after")


class Race(StrEnum):
    """Who acts at the same time."""

    DOUBLE_APPROVAL = "double approval"  # one person presses twice
    TWO_DEVICES = "two devices"  # each with an engine of its own that goes on
    CRASH = "crash between approve and send"
    APPROVE_REJECT = "approve and reject"
    APPROVE_CANCEL = "approve and cancel"
    APPROVE_HALT = "approve and halt"


class Killed(BaseException):
    """The process dies here; nothing after it happens."""


class RaceBroker(ScriptedBroker):
    """A scripted broker that can forget, and at whose door the process can die."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.die_at: Literal["", "before", "after"] = ""

    def submit(self, order: Order) -> None:
        """Take the order, unless the process dies on the way to it; it may die on the way back."""
        dies, self.die_at = self.die_at, ""
        if dies == "before":
            raise Killed
        super().submit(order)
        if dies == "after":
            raise Killed

    def forget(self) -> None:
        """Begin a new race."""
        self.requests.clear()
        self.arrivals.clear()
        self._orders.clear()
        self._reports.clear()
        self.die_at = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaceEnd:
    """How a race ended: what reached the broker, what works there, and what was decided."""

    race: Race
    submits: int
    orders: int
    working: int
    proposal: ProposalStatus
    run: RunStatus
    was_killed: bool
    in_doubt: bool = False  # sent or not: only looks with time between them prove it, and here the clock stands

    @property
    def fault(self) -> str:
        """What is wrong with this end; empty where all is well."""
        approved = self.proposal is ProposalStatus.APPROVED
        if self.submits > 1 or self.orders > 1:
            return f"{self.submits} sends of {self.orders} orders"
        if self.orders and not approved:
            return f"an order of a proposal that is {self.proposal}"
        if self.race in STOPPED and self.working:
            return f"an order works after {self.race}"
        if self.race in ANSWERED and not (approved and (self.working == 1 or self.in_doubt)):
            return f"approved, and {self.working} orders work ({self.run})"
        return ""


ANSWERED = frozenset({Race.DOUBLE_APPROVAL, Race.TWO_DEVICES, Race.CRASH})  # an approval must lead to its order
STOPPED = frozenset({Race.APPROVE_CANCEL, Race.APPROVE_HALT})  # whoever came first, nothing may be left working


class RaceBench:
    """A proposal that waits, and the races for it; ``template`` is an upgraded database of its own."""

    def __init__(self, template: Path, *, seed: int = 1) -> None:
        self._database = open_database(template)
        self._numbers = np.random.default_rng(seed)
        self._desk = DeskBench(self._database, make_broker=lambda clock, market: RaceBroker(clock))
        self._flags = HeldFlags()
        by_person = ApprovalRule(mode=ApprovalMode.MANUAL)
        self._desk.save(put_credit_spread(approval=by_person))
        self._run = self._desk.start_run()
        (self._proposal,) = self._desk.proposals(self._run)
        self._rows = self._read_rows()
        self._engines = [self._engine(0), self._engine(1)]
        self._pool = ThreadPoolExecutor(2)
        self._count = 0

    def close(self) -> None:
        """End the threads and close the database."""
        self._pool.shutdown()
        self._database.close()

    def run(self, race: Race) -> RaceEnd:
        """Put the books back, let the race take place, and settle what it left."""
        self._reset()
        self._count += 1  # the next halt is another one
        approve = commands.ApproveProposal(user_id=ANNA, proposal_id=self._proposal.id)
        first, second = self._engines
        was_killed = False
        match race:
            case Race.CRASH:
                was_killed = self._crash(approve)
            case Race.TWO_DEVICES:
                self._at_once(lambda: _act(first, approve), lambda: _act(second, approve))
            case _:
                rival = self._rival(race, approve)
                self._at_once(lambda: _act(first, approve), lambda: _ask(second, rival))
        self._engines[0].settle()
        if race is Race.TWO_DEVICES:
            self._engines[1].settle()
        return self._end(race, was_killed=was_killed)

    def _rival(self, race: Race, approve: commands.Command) -> commands.Command:
        return {
            Race.DOUBLE_APPROVAL: approve,
            Race.APPROVE_REJECT: commands.RejectProposal(user_id=ANNA, proposal_id=self._proposal.id, note="no"),
            Race.APPROVE_CANCEL: commands.CancelRun(user_id=ANNA, run_id=self._run),
            Race.APPROVE_HALT: commands.Halt(user_id=ANNA, scope=HALT_SCOPE, note=f"race {self._count}"),
        }[race]

    def _crash(self, approve: commands.Command) -> bool:
        number, phase = int(self._numbers.integers(-1, COMMITS_MAX)), PHASES[self._numbers.integers(2)]
        if number < 0:
            self._broker.die_at = phase
        else:
            self._database.on_commit = _dies_at(number, phase)
        was_killed = False
        try:
            _act(self._engines[0], approve)
        except Killed:
            was_killed = True
        self._database.on_commit = None
        self._engines = [self._engine(0), self._engines[1]]
        _act(self._engines[0], approve)  # the person saw no answer, and presses again
        return was_killed

    def _at_once(self, approves: Callable[[], None], rival: Callable[[], None]) -> None:
        """Let the rival begin before the approval, with it, or right after one of the commits that follow it."""
        go, left = Event(), int(self._numbers.integers(-2, RIVAL_COMMITS_MAX))
        if left < 0:
            approves, rival = rival, approves

        def on_commit(phase: Phase) -> None:
            nonlocal left
            left -= phase == "after"
            if left < 0:
                go.set()

        def begin() -> None:
            try:
                approves()
            finally:
                go.set()

        def follow() -> None:
            go.wait()
            rival()

        if left <= 0:
            go.set()
        self._database.on_commit = on_commit
        for done in [self._pool.submit(begin), self._pool.submit(follow)]:
            done.result()
        self._database.on_commit = None

    def _engine(self, number: int) -> Engine:
        # A worker that died left its leases; who starts after it may take them.
        dispatch = EmbeddedDispatch(self._database, runs, owner=f"worker-{number}", is_gone=lambda owner: True)
        desk = replace(self._desk.desk, dispatch=dispatch, halts=self._flags)
        engine = Engine(desk)
        engine.start()
        return engine

    @property
    def _broker(self) -> RaceBroker:
        broker = self._desk.made
        if not isinstance(broker, RaceBroker):
            raise TypeError("the races' own broker was expected")
        return broker

    def _end(self, race: Race, *, was_killed: bool) -> RaceEnd:
        proposal = self._desk.proposals(self._run)[0]
        return RaceEnd(
            race=race,
            submits=len(self._desk.sent("submit")),
            orders=len(self._broker.arrivals),
            working=sum(one.status is OrderStatus.WORKING for one in self._broker.open_orders()),
            proposal=proposal.status,
            run=self._desk.run(self._run).status,
            was_killed=was_killed,
            in_doubt=any(order.awaits_answer for order in self._desk.orders(self._run)),
        )

    def _read_rows(self) -> dict[str, list[tuple[Any, ...]]]:
        with self._database.connect() as connection:
            return {
                table.name: [tuple(row) for row in connection.exec_driver_sql(f'SELECT * FROM "{table.name}"')]  # noqa: S608  # our own tables
                for table in metadata.sorted_tables
                if table.name not in KEPT
            }

    def _reset(self) -> None:
        self._broker.forget()
        if self._flags.raised():
            self._flags.lower(HALT_SCOPE)
        with self._database.begin() as connection:
            for name in reversed(self._rows):
                connection.exec_driver_sql(f'DELETE FROM "{name}"')  # noqa: S608  # our own tables
            for name, rows in self._rows.items():
                if rows:
                    marks = ", ".join("?" * len(rows[0]))
                    connection.exec_driver_sql(f'INSERT INTO "{name}" VALUES ({marks})', rows)  # noqa: S608  # ours


def races_of(count: int, kinds: Iterable[Race] = Race) -> list[Race]:
    """Return ``count`` races, each kind in its turn."""
    known = list(kinds)
    return [known[number % len(known)] for number in range(count)]


def _ask(engine: Engine, command: commands.Command) -> None:
    try:
        engine.handle(command)
    except ThetaloomError:
        return  # who came second is refused: that is what a race is about


def _act(engine: Engine, command: commands.Command) -> None:
    _ask(engine, command)
    engine.settle()


def _dies_at(number: int, phase: Phase) -> Callable[[Phase], None]:
    left = {"before": number, "after": number}

    def on_commit(now: Phase) -> None:
        left[now] -= 1
        if now == phase and left[now] < 0:
            raise Killed

    return on_commit
