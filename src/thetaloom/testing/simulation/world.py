"""One simulated world: the real platform between a made market and a lying broker, killed and opened again."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from thetaloom.dispatch.embedded import EmbeddedDispatch
from thetaloom.domain.book.orders import Order
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import AccountId, RunId, StrategyId, UserId
from thetaloom.domain.values.money import Money
from thetaloom.engine import commands
from thetaloom.engine.commands import Command
from thetaloom.engine.desk import Desk, EngineSettings
from thetaloom.engine.engine import Engine
from thetaloom.engine.last_gate import standing_halts
from thetaloom.engine.loop import EngineLoop
from thetaloom.errors import ThetaloomError
from thetaloom.store.database import Database
from thetaloom.store.evidence import ParquetChainCodec
from thetaloom.store.halt_files import FOLDER, HaltFiles
from thetaloom.store.schema import runs
from thetaloom.store.unit_of_work import SqlStore
from thetaloom.testing import builders
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.simulation.books import BookReader, Books
from thetaloom.testing.simulation.broker import LyingBroker
from thetaloom.testing.simulation.chances import Chances
from thetaloom.testing.simulation.exchange import Exchange
from thetaloom.testing.simulation.faults import Fault
from thetaloom.testing.simulation.history import History
from thetaloom.testing.simulation.invariants import SURVIVES, View, check_always, check_at_end, check_before_close
from thetaloom.testing.simulation.listener import Listener
from thetaloom.testing.simulation.market import SimulatedMarket
from thetaloom.testing.simulation.others import Others
from thetaloom.testing.simulation.people import People
from thetaloom.testing.simulation.scene import Phase, Scene, drawn_spells, fridays_from, sessions_from
from thetaloom.testing.simulation.storage import Storage

USER = UserId("anna")
ACCOUNT: AccountId = builders.ACCOUNT
CALM_BEFORE_CLOSE = timedelta(minutes=45)
BEFORE_CLOSE = timedelta(minutes=5)
AFTER_CLOSE = timedelta(minutes=75)  # by then all has settled
PAUSE = timedelta(seconds=1)
TROUBLED = timedelta(seconds=20)  # how often a broken platform is looked at


class Killed(BaseException):
    """The process dies here: nothing in memory outlives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An invariant that did not hold."""

    seed: int
    invariant: str
    message: str


class World:
    """A world that ``play`` plays to its end: at each instant all there is to do, then on to the next."""

    def __init__(self, scene: Scene, where: Path) -> None:
        self.scene = scene
        self.calendar: TradingCalendar = builders.trading_calendar()
        self.sessions = sessions_from(self.calendar, scene.first_on, scene.sessions)
        self.clock = FakeClock(self.sessions[0].open_at)
        self.history = History(self.clock.now)
        self.market = SimulatedMarket(
            self.clock,
            self.calendar,
            self._chances("market"),
            scene.listed,
            first_on=scene.first_on,
            sessions=scene.sessions,
            minutes=scene.minutes,
            expirations=fridays_from(self.calendar, self.sessions[0].session_on),
        )
        exchange = Exchange(self.clock, self.calendar, self.market, self._chances("exchange"))
        self.broker = LyingBroker(self.clock, exchange, self._chances("broker"), scene.faults, self.history)
        self.people = People(
            self._chances("people"), USER, ACCOUNT, self.sessions, scene.faults.rate(Fault.PEOPLE_ARE_HASTY)
        )
        if not scene.crowd:
            self.people.leave()
        self.calm_at = self.sessions[-1].close_at - CALM_BEFORE_CLOSE
        self.ends_at = self.sessions[-1].close_at + AFTER_CLOSE
        self.spells = self.market.spells = drawn_spells(
            self._chances("spells"), scene.faults, self.sessions, self.calm_at
        )
        self._wire_up()
        self.commits = 0
        self.failures: list[Failure] = []
        self.engine: Engine | None = None
        self._deaths = self._chances("deaths")
        self._kill_rate = scene.faults.rate(Fault.PROCESS_DIES)
        self._lives = 0
        self._is_calm = False
        self._back_at = self.clock.now()
        self._halted: dict[str, None] = {}
        self._strategy_of: dict[RunId, StrategyId] = {}
        self.listener = Listener(self.history)
        self._wanted: list[Command] = []
        self._checked: object = None  # what the last check saw
        self._checked_at = -1
        self._books: tuple[int, Books] | None = None
        self._reader = BookReader(ACCOUNT)
        self._due: tuple[int, datetime | None] | None = None
        self._disk: Fault | None = None
        cash = self.broker.truth.account().cash
        self._cash_at_first = cash if cash is not None else Money(0)
        self._flags = HaltFiles(where / FOLDER)
        self._flags.prepare()
        self.others = Others(
            self._chances("others"), scene.faults, self.sessions, self.broker, self._flags, self.history
        )
        self.storage = Storage(where, USER, ACCOUNT, self.clock.now())
        self._first_rows()

    def play(self) -> list[Failure]:
        """Play to the end; return which invariants did not hold."""
        try:
            self.play_until(self.sessions[-1].close_at - BEFORE_CLOSE)
            if not self.failures:
                self._check(check_before_close)
            self.play_until(self.ends_at)
            return self.judge()
        finally:
            self.storage.remove()

    def play_until(self, until: datetime) -> None:
        """Play on to an instant, or to the first failure."""
        while not self.failures and self.clock.now() < until:
            self.step()

    def judge(self) -> list[Failure]:
        """Check every invariant as at the end of all days."""
        if not self.failures:
            self._check(check_at_end)
        return self.failures

    def ask(self, command: Command) -> None:
        """Have somebody ask for this at the next turn."""
        self._wanted.append(command)

    def kill(self) -> None:
        """Let the process die between two turns."""
        self.history.note("process", f"is killed after commit {self.commits}")
        self._die()

    def step(self) -> None:
        """Do all there is to do now, and move the clock to the next instant."""
        now = self.clock.now()
        if now >= self.calm_at and not self._is_calm:
            self._calm_down()
        self._set_disk()
        self._halted.update(dict.fromkeys(self.others.act(now, self.people.scopes)))
        self.broker.tick()
        self._take_breaches()
        if self.engine is None and now >= self._back_at:
            self._open()
        if self.engine is not None and not self.is_on(Fault.CLOCK_LEAPS):
            self._turn(self._asked(now))
            self._take_breaches()
            if self.is_quiet:
                self._check(check_always)
        self._move_on()

    def is_on(self, fault: Fault) -> bool:
        """Say whether a spell of this fault is on."""
        now = self.clock.now()
        return any(spell.fault is fault and spell.covers(now) for spell in self.spells)

    @property
    def is_quiet(self) -> bool:
        """Whether all that was sent and said has come through, and nothing is broken."""
        is_ill = any(spell.covers(self.clock.now()) for spell in self.spells)
        return self.engine is not None and self.broker.is_quiet and not is_ill

    def read(self) -> Books:
        """Read our books, unless nothing was written since the last time."""
        if self._books is None or self._books[0] != self.commits:
            self._books = self.commits, self._reader.read(self.storage.database)
        return self._books[1]

    @property
    def view(self) -> View:
        """Both books as they are now."""
        return View(
            desk=self.desk,
            books=self.read(),
            broker=self.broker,
            cash_at_first=self._cash_at_first,
            watched=self.market.watched,
            failed=self.listener.failed,
        )

    @property
    def deaths(self) -> int:
        """How often the process died."""
        return self._lives - (self.engine is not None)

    def _chances(self, purpose: str) -> Chances:
        return Chances(self.scene.seed, purpose)

    def _wire_up(self) -> None:
        self.broker.is_away = lambda: self.is_on(Fault.BROKER_IS_AWAY)
        self.broker.is_barred = self._is_barred
        self.broker.on_wire = self._on_wire

    def _first_rows(self) -> None:
        database = self.storage.open(lambda phase: None)
        with SqlStore(database).unit_of_work() as uow:
            for strategy in self.scene.strategies:
                uow.strategies.save(USER, strategy, self.clock.now())
            tight = round(self.scene.faults.rate(Fault.GUARDS_ARE_TIGHT))
            guard = (("max_orders_per_minute", str(tight)),) if tight else ()
            self.broker.witness.entries_per_minute_max = tight or 100
            for name, limit in (*self.scene.limits, *guard):
                uow.accounts.set_limit(USER, name, limit, self.clock.now())
            uow.commit()
        self.storage.close()

    def _open(self) -> None:
        self._lives += 1
        owner = f"life-{self._lives}"
        self.history.note("process", f"{owner} begins")
        self.broker.begin_session()
        database = self.storage.open(self._on_commit)
        self.desk = Desk(
            store=SqlStore(database),
            market=self.market,
            broker=self.broker,
            halts=self._flags,
            clock=self.clock,
            calendar=self.calendar,
            dispatch=_dispatch(database, owner),
            codec=ParquetChainCodec(),
            code_version="simulation",
            settings=EngineSettings(),
        )
        self.engine = Engine(self.desk, self.broker)
        self.loop = EngineLoop(
            self.engine, seconds_until=lambda at: (at - self.clock.now()).total_seconds(), each_turn=lambda: None
        )

    def _turn(self, asked: list[Command]) -> None:
        answers = []
        for command in asked:
            if isinstance(command, commands.LiftHalt):
                self._halted.clear()
            answers.append((command, self.loop.post(command)))
        try:
            self.loop.turn()
        except Killed:
            self._die()
        except Exception as error:  # noqa: BLE001  # whatever leaves the engine is a finding
            self._fail(SURVIVES, f"{type(error).__name__}: {error}")
        for command, answer in answers:
            self._hear(command, answer)
        self.listener.listen(self.storage.database, self.commits)

    def _asked(self, now: datetime) -> list[Command]:
        wanted, self._wanted = self._wanted, []
        due = self.people.next_at()
        return wanted + (self.people.ask(now, self.read()) if due is not None and due <= now else [])

    def _hear(self, command: Command, answer: "Future[object]") -> None:
        name = type(command).__name__
        if not answer.done():
            self.history.note("people", f"{name}: no answer")
            return
        error = answer.exception()
        if isinstance(error, ThetaloomError):
            self.history.note("people", f"{name}: {type(error).__name__} {error.message}")
        elif error is not None:
            self._fail(SURVIVES, f"{name}: {type(error).__name__}: {error}")
        else:
            self.history.note("people", f"{name}: done")
            if isinstance(command, commands.Halt):
                self._halted[command.scope] = None

    def _is_barred(self, order: Order) -> bool:
        run = self._strategy_of.get(order.run_id)
        if run is None:
            with self.desk.store.reading() as uow:
                found = uow.runs.get(order.run_id)
            run = self._strategy_of[order.run_id] = StrategyId("") if found is None else found.strategy_id
        return any(scope in self._halted for scope in ("all", f"account:{ACCOUNT}", f"strategy:{run}"))

    def _on_commit(self, phase: Phase) -> None:
        self.commits += phase == "before"
        self._may_die(phase, (self.commits, phase))

    def _on_wire(self, phase: Phase) -> None:
        self._may_die(f"{phase} the wire", None)

    def _may_die(self, where: str, boundary: tuple[int, Phase] | None) -> None:
        if self.scene.kill_at is not None:
            dies = boundary == self.scene.kill_at
        else:
            dies = self._kill_rate > 0 and self._deaths.happens(self._kill_rate)
        if dies:
            self.history.note("process", f"dies {where} commit {self.commits}")
            raise Killed

    def _die(self) -> None:
        self.engine = None
        self.storage.close()
        self._back_at = self.clock.now() + self._deaths.seconds(0.2, 5 if self._deaths.happens(0.6) else 1200)

    def _set_disk(self) -> None:
        wanted = next((fault for fault in (Fault.DISK_IS_FULL, Fault.DATABASE_IS_LOCKED) if self.is_on(fault)), None)
        if wanted is self._disk:
            return
        self._disk = wanted
        self.storage.heal()
        if wanted is Fault.DISK_IS_FULL:
            self.storage.fill_disk()
        elif wanted is Fault.DATABASE_IS_LOCKED:
            self.storage.lock()

    def _calm_down(self) -> None:
        self._is_calm = True
        self.history.note("world", "calms down")
        self._kill_rate = 0.0
        self.spells = self.market.spells = ()
        self.broker.calm_down()
        self.people.leave()
        self.others.leave()
        self._back_at = min(self._back_at, self.clock.now())
        self._set_disk()
        if self.engine is None:
            self._open()
        books = self.read()
        with self.desk.store.reading() as uow:
            standing = standing_halts(self.desk, uow)
        lifts: list[Command] = [
            commands.LiftHalt(user_id=USER, scope=scope, token=halt.token) for scope, halt in standing.items()
        ]
        paused = [one.run.id for one in books.runs if one.run.status is RunStatus.PAUSED]
        resumes: list[Command] = [commands.ResumeRun(user_id=USER, run_id=run) for run in paused]
        self._turn([*lifts, *resumes])

    def _move_on(self) -> None:
        now = self.clock.now()
        ahead = [self.market.next_change(now), self.broker.next_at(now), self.others.next_at(), self.ends_at]
        ahead += [edge for spell in self.spells for edge in (spell.starts_at, spell.ends_at)]
        if now < self.calm_at:
            ahead.append(self.calm_at)
        if self._disk is not None:
            ahead.append(now + TROUBLED)
        if self.engine is None:
            ahead.append(self._back_at)
        elif not self.is_on(Fault.CLOCK_LEAPS):
            due = (self.people.next_at(), self._due_at())
            # What was due and is not done waits for something that is broken: it is tried again, as a loop would.
            ahead += [at if at is None or at > now else now + PAUSE for at in due]
        self.clock.move_to(min(at for at in ahead if at is not None and at > now))

    def _due_at(self) -> datetime | None:
        if self._due is None or self._due[0] != self.commits:
            self._due = self.commits, self.desk.dispatch.next_due_at()
        return self._due[1]

    def _check(self, check: Callable[[View], list[tuple[str, str]]]) -> None:
        if check is check_always:
            if self._checked_at == self.commits:
                return  # nothing was written since
            self._checked_at = self.commits
            seen = (self.read(), self.market.watched, len(self.broker.sent), self.broker.truth.changes)
            if self._checked == seen:
                return  # neither book is another
            self._checked = seen
        for invariant, message in check(self.view):
            self._fail(invariant, message)

    def _take_breaches(self) -> None:
        for breach in self.broker.witness.breaches:
            self._fail(breach.invariant, breach.message)
        self.broker.witness.breaches.clear()

    def _fail(self, invariant: str, message: str) -> None:
        self.history.note("FAILED", f"{invariant}: {message}")
        self.failures.append(Failure(seed=self.scene.seed, invariant=invariant, message=message))


def _dispatch(database: Database, owner: str) -> EmbeddedDispatch:
    return EmbeddedDispatch(database, runs, owner=owner, is_gone=lambda other: other != owner)
