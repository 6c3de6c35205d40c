"""One simulated world: the real platform between a made market and a lying broker, killed and opened again."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Literal

from thetaloom.dispatch.embedded import EmbeddedDispatch
from thetaloom.domain.book.orders import Order
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.calendar import TradingCalendar, TradingSession
from thetaloom.domain.values.ids import AccountId, RunId, StrategyId, UserId
from thetaloom.domain.values.money import Money
from thetaloom.engine import commands
from thetaloom.engine.commands import Command
from thetaloom.engine.desk import Desk, EngineSettings
from thetaloom.engine.engine import Engine
from thetaloom.engine.loop import EngineLoop
from thetaloom.errors import ThetaloomError
from thetaloom.store.database import Database
from thetaloom.store.evidence import ParquetChainCodec
from thetaloom.store.schema import runs
from thetaloom.store.unit_of_work import SqlStore
from thetaloom.testing import builders
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.simulation.books import Books, read_books
from thetaloom.testing.simulation.broker import LyingBroker
from thetaloom.testing.simulation.chances import Chances
from thetaloom.testing.simulation.exchange import Exchange
from thetaloom.testing.simulation.faults import SPELLS, Fault, Faults
from thetaloom.testing.simulation.history import History
from thetaloom.testing.simulation.invariants import SURVIVES, View, check_always, check_at_end
from thetaloom.testing.simulation.market import Listed, SimulatedMarket, Spell
from thetaloom.testing.simulation.people import People
from thetaloom.testing.simulation.storage import Storage
from thetaloom.testing.simulation.strategies import all_strategies

USER = UserId("anna")
ACCOUNT: AccountId = builders.ACCOUNT
LISTED = (
    Listed(symbol="SPY", spot=600.0, step=5, strikes_each_side=8, iv=0.25, half_width=0.02),
    Listed(symbol="QQQ", spot=500.0, step=5, strikes_each_side=8, iv=0.3, half_width=0.03),
)
CALM_BEFORE_CLOSE = timedelta(minutes=45)
AFTER_CLOSE = timedelta(minutes=75)  # by then all has settled
TROUBLED = timedelta(seconds=20)  # how often a broken platform is looked at
Phase = Literal["before", "after"]


class Killed(BaseException):
    """The process dies here: nothing in memory outlives it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a world is made of, apart from chance."""

    seed: int
    first_on: date
    sessions: int
    minutes: int  # between two moves of the market
    faults: Faults
    strategies: tuple[Strategy, ...] = field(default_factory=all_strategies)
    listed: Sequence[Listed] = LISTED
    limits: tuple[tuple[str, str], ...] = (("max_trades_per_day", "50"), ("max_positions_per_symbol", "9"))
    kill_at: tuple[int, Phase] | None = None  # at this commit boundary, and at no other
    crowd: bool = True  # whether people act

    @classmethod
    def of_seed(cls, seed: int) -> "Scene":
        """Draw the scene of a seed."""
        chances = Chances(seed, "scene")
        return cls(
            seed=seed,
            first_on=date(2026, 1, 5) + timedelta(days=chances.count(0, 11)),
            sessions=chances.one_of((1, 1, 1, 2)),
            minutes=chances.one_of((1, 5, 5, 15, 15)),
            faults=Faults.of_seed(seed),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An invariant that did not hold."""

    seed: int
    invariant: str
    message: str


class World:
    """A world that is played to its end by ``play``; every instant it does all there is to do, then looks for the next."""

    def __init__(self, scene: Scene, where: Path) -> None:
        self.scene = scene
        self.calendar: TradingCalendar = builders.trading_calendar()
        self.sessions = _sessions(self.calendar, scene.first_on, scene.sessions)
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
            expirations=_fridays(self.calendar, self.sessions[0].session_on),
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
        self.spells = self.market.spells = self._drawn_spells()
        self.broker.is_away = lambda: self.is_on(Fault.BROKER_IS_AWAY)
        self.broker.is_barred = self._is_barred
        self.broker.on_wire = self._on_wire
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
        self._told = 0
        self._checked = -1
        self._heard = -1
        self._books: tuple[int, Books] | None = None
        self._disk: Fault | None = None
        cash = self.broker.truth.account().cash
        self._cash_at_first = cash if cash is not None else Money(0)
        self.storage = Storage(where, USER, ACCOUNT, self.clock.now())
        self._first_rows()

    def play(self) -> list[Failure]:
        """Play to the end; return which invariants did not hold."""
        try:
            while not self.failures and self.clock.now() < self.ends_at:
                self.step()
            if not self.failures:
                self._check(check_at_end)
        finally:
            self.storage.remove()
        return self.failures

    def step(self) -> None:
        """Do all there is to do now, and move the clock to the next instant."""
        now = self.clock.now()
        if now >= self.calm_at and not self._is_calm:
            self._calm_down()
        self._set_disk()
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
            self._books = self.commits, read_books(self.desk, self.storage.database, ACCOUNT)
        return self._books[1]

    @property
    def deaths(self) -> int:
        """How often the process died."""
        return self._lives - (self.engine is not None)

    def _chances(self, purpose: str) -> Chances:
        return Chances(self.scene.seed, purpose)

    def _first_rows(self) -> None:
        database = self.storage.open(lambda phase: None)
        with SqlStore(database).unit_of_work() as uow:
            for strategy in self.scene.strategies:
                uow.strategies.save(USER, strategy, self.clock.now())
            for name, limit in self.scene.limits:
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
        self._tell_events()

    def _asked(self, now: datetime) -> list[Command]:
        due = self.people.next_at()
        return self.people.ask(now, self.read()) if due is not None and due <= now else []

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
        self._back_at = self.clock.now() + self._deaths.seconds(0.5, 1200)

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
        self._back_at = min(self._back_at, self.clock.now())
        self._set_disk()
        if self.engine is None:
            self._open()
        books = self.read()
        lifts: list[Command] = [commands.LiftHalt(user_id=USER, scope=scope) for scope in self._halts_of_people(books)]
        paused = [one.run.id for one in books.runs if one.run.status is RunStatus.PAUSED]
        resumes: list[Command] = [commands.ResumeRun(user_id=USER, run_id=run) for run in paused]
        self._turn([*lifts, *resumes])

    def _halts_of_people(self, books: Books) -> list[str]:
        return [scope for scope, note in books.halts.items() if note == "simulated"]

    def _move_on(self) -> None:
        now = self.clock.now()
        ahead = [self.market.next_change(now), self.people.next_at(), self.broker.next_at(now), self.ends_at]
        ahead += [edge for spell in self.spells for edge in (spell.starts_at, spell.ends_at)]
        if now < self.calm_at:
            ahead.append(self.calm_at)
        if self._disk is not None:
            ahead.append(now + TROUBLED)
        if self.engine is None:
            ahead.append(self._back_at)
        else:
            ahead.append(self.desk.dispatch.next_due_at())
        later = [at for at in ahead if at is not None and at > now]
        soonest = min(later) if later else self.ends_at
        if any(at is not None and at <= now for at in ahead[:3]) or self._is_overdue(ahead[-1], now):
            soonest = min(soonest, now + timedelta(seconds=1))
        self.clock.move_to(soonest)

    def _is_overdue(self, due: datetime | None, now: datetime) -> bool:
        return due is not None and due <= now

    def _check(self, check: Callable[[View], list[tuple[str, str]]]) -> None:
        if check is check_always and self._checked == self.commits:
            return  # nothing was written since
        self._checked = self.commits
        view = View(
            desk=self.desk,
            books=self.read(),
            broker=self.broker,
            cash_at_first=self._cash_at_first,
            watched=self.market.watched,
        )
        for invariant, message in check(view):
            self._fail(invariant, message)

    def _take_breaches(self) -> None:
        for breach in self.broker.breaches:
            self._fail(breach.invariant, breach.message)
        self.broker.breaches.clear()

    def _fail(self, invariant: str, message: str) -> None:
        self.history.note("FAILED", f"{invariant}: {message}")
        self.failures.append(Failure(seed=self.scene.seed, invariant=invariant, message=message))

    def _tell_events(self) -> None:
        if self._heard == self.commits:
            return
        self._heard = self.commits
        with SqlStore(self.storage.database).reading() as uow:
            for stored in uow.events.since(self._told):
                self._told = stored.sequence
                facts = " ".join(f"{name}={fact}" for name, fact in stored.event.facts.items() if fact)
                self.history.note("event", f"{stored.event.kind.value} {stored.event.run_id or ''} {facts}")

    def _drawn_spells(self) -> tuple[Spell, ...]:
        chances = self._chances("spells")
        found = []
        for session in self.sessions:
            first, last = session.open_at + timedelta(minutes=3), session.close_at - timedelta(minutes=60)
            for fault in Fault:
                if fault not in SPELLS or not self.scene.faults.rate(fault):
                    continue
                for _ in range(round(self.scene.faults.rate(fault))):
                    starts_at = first + (last - first) * chances.between(0, 1)
                    ends_at = min(last, starts_at + chances.seconds(5, 2400))
                    found.append(Spell(fault=fault, starts_at=starts_at, ends_at=ends_at))
        return tuple(spell for spell in found if spell.starts_at < self.calm_at)


def _dispatch(database: Database, owner: str) -> EmbeddedDispatch:
    return EmbeddedDispatch(database, runs, owner=owner, is_gone=lambda other: other != owner)


def _sessions(calendar: TradingCalendar, first_on: date, count: int) -> list[TradingSession]:
    found = [calendar.session_on(first_on) or calendar.next_session(first_on)]
    while len(found) < count:
        found.append(calendar.next_session(found[-1].session_on))
    return found


def _fridays(calendar: TradingCalendar, first_on: date) -> list[date]:
    days = (first_on + timedelta(days=ahead) for ahead in range(15))
    return [on for on in days if on.weekday() == 4 and calendar.session_on(on) is not None]
