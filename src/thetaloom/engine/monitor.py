"""The monitor: on every quote of a position's legs, looks whether an exit rule is met.

It keeps the open positions in memory, indexed by contract, with the highest profit of each. A quick look decides
nothing for good: when a rule is met, the run's ``manage_position`` step gathers again, decides, and records.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from thetaloom.domain.book.exits import ExitAnswer, decide_exit, met_at
from thetaloom.domain.book.guarded_exits import guarded_rules
from thetaloom.domain.book.ladder_plan import in_force
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.watch import PositionWatch, raised, watch_of
from thetaloom.domain.run.runs import RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.strategies import ExitKind, Strategy
from thetaloom.domain.values.ids import RunId, StrategyId, UserId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.engine.care import Glance
from thetaloom.engine.desk import Desk
from thetaloom.engine.exit_rows import FACT_KINDS
from thetaloom.engine.guard_watch import GuardWatch
from thetaloom.engine.marks import mark
from thetaloom.engine.order_manager import rests_at_target
from thetaloom.engine.position_views import read_view
from thetaloom.engine.quick_look import ends_week_on, moment_of, slot_of
from thetaloom.engine.slow_facts import SlowFacts
from thetaloom.engine.watch_slots import Moment, Slot, instant_of
from thetaloom.engine.watch_table import WatchTable
from thetaloom.errors import AnswerPending, MarketDataUnavailable, StaleVersionError
from thetaloom.ports.market_data import QuoteBatch
from thetaloom.ports.store import OpenStamp, UnitOfWork

NEXT_STEP = {RunStatus.MONITORING: StepName.MANAGE_POSITION, RunStatus.CLOSING: StepName.CLOSE_POSITION}

READ_MOST = 500  # contracts read without a batch at a time
WRITE_EVERY = timedelta(seconds=1)  # rising marks are written no more often
WRITE_MOST = 100  # positions in one transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    position: Position
    strategy: Strategy
    trades_until: datetime  # the first of its contracts
    beside_target: bool  # a profit target's order rests, and only the other rules are looked at
    rests_on_facts: bool = False  # a rule of it looks at what is read once a minute


class Monitor:
    """Watches the open positions whose runs are MONITORING, or CLOSING by an order that rests at a profit target."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._watched: dict[RunId, _Watched] = {}
        self._by_contract: dict[OptionContract, set[RunId]] = {}
        self._by_symbol: dict[str, set[RunId]] = {}
        self._held: dict[RunId, tuple[Position, RunStatus]] = {}  # all that is open, watched or not
        self._strategies: dict[tuple[UserId, StrategyId, int], Strategy] = {}  # a revision never changes
        self._watches: dict[RunId, PositionWatch] = {}
        self._read: dict[RunId, OpenStamp] = {}  # of every open position, watched or not
        self._unwritten: set[RunId] = set()  # whose marks rose since they were written
        self._to_write: list[RunId] = []  # what is left of the round under way
        self._written_at: datetime | None = None
        self._facts = SlowFacts(desk)
        self._guards = GuardWatch(desk)
        self._table = WatchTable(desk.calendar, desk.settings.rates.at, desk.settings.dividend_yield)
        self._new: list[OptionContract] = []  # whose quotes the table was never told
        self._new_symbols: set[str] = set()
        self._to_read: list[OptionContract] = []  # what is left of this minute's round
        self._fridays: set[RunId] = set()  # that have a rule for the end of the week
        self._today = 0  # ordinal

    def reload(self) -> None:
        """Read the open positions that are new or were changed by another process; at start these are all."""
        with self._desk.store.reading() as uow:
            stamps = {stamp.run_id: stamp for stamp in uow.positions.open_stamps(self._desk.broker.account_id)}
        changed = {run for run, stamp in stamps.items() if not self._is_as_read(run, stamp)}
        self.refresh([*changed, *(self._read.keys() - stamps.keys())])
        self._facts.keep(symbol for symbol, held in self._by_symbol.items() if held)
        self._desk.market.watch(self._by_contract)
        self._to_read = list(self._by_contract)

    def refresh(self, runs: Iterable[RunId]) -> None:
        """Read the positions of these runs anew; called whenever one opened, changed or closed."""
        runs = tuple(runs)
        if not runs:
            return
        self.write_down(runs)
        before = set(self._by_contract)
        with self._desk.store.reading() as uow:
            held = [one for one in uow.positions.of_runs(runs) if self._is_ours(one)]
            known = {run.id: run for run in uow.runs.many(one.run_id for one in held)}
            stored = {watch.position_id: watch for watch in uow.watches.many(one.id for one in held)}
            for run in runs:
                self._forget(run)
            for position in sorted(held, key=lambda one: (one.opened_at, one.id)):
                self._look(uow, position, known[position.run_id], stored.get(position.id))
        self._guards.keep_only(
            {run: entry.strategy for run, entry in self._watched.items()},
            (symbol for symbol, held in self._by_symbol.items() if held),
        )
        if set(self._by_contract) != before:
            self._desk.market.watch(self._by_contract)

    @property
    def blind(self) -> frozenset[RunId]:
        """The runs whose positions' quotes have been bad for so long that nobody watches their price."""
        return frozenset(self._guards.blind)

    @property
    def next_look_at(self) -> datetime | None:
        """When a position is to be looked at again though no quote comes."""
        return self._guards.next_at

    def on_quotes(self, batch: QuoteBatch) -> list[RunId]:
        """Return the runs whose positions a rule wants closed at these quotes, and make them due."""
        self._guards.see(batch)
        self._table.take(batch.quotes, batch.spots)
        return self._check(self._desk.clock.now())

    def on_time(self) -> list[RunId]:
        """Do what comes with no quote: read one market's slow facts if its minute is over, look again where a guard
        wants to, and write marks down.

        Return the runs whose positions a rule wants closed by the new facts.
        """
        now = self._desk.clock.now()
        symbol = self._facts.read_next(now)
        if symbol is not None:
            self._take_facts(symbol)
        self._read_again(now)
        met = self._check(now) + self._closed([self._watched[run] for run in sorted(self._guards.due(now))], now)
        self._write_some(now)
        return met

    def learn(self) -> list[RunId]:
        """Look at a few positions in calm, so that their guards know what is usual, and tell who is blind.

        For when nothing is to be closed. Return the runs whose positions a rule wants closed all the same.
        """
        now = self._desk.clock.now()
        met = self._closed([self._watched[run] for run in self._guards.to_learn(now)], now)
        self._guards.tell_news({run: entry.position for run, entry in self._watched.items()})
        return met

    @property
    def held(self) -> tuple[RunId, ...]:
        """The runs that hold something."""
        return tuple(self._held)

    def glance(self, run: RunId) -> Glance | None:
        """Return a position as it is seen now, watched or not; ``None`` where nothing is held any more."""
        held, entry = self._held.get(run), self._watched.get(run)
        if held is None:
            return None
        position, status = held
        if entry is None:
            return Glance(position=position, status=status, sees=self._sees(position))
        now, watch = self._desk.clock.now(), self._watch(run)
        facts = self._facts.of(position.symbol)
        try:
            marks = mark(read_view(self._desk, position, entry.strategy, now, watch=watch, facts=facts))
        except MarketDataUnavailable:
            return Glance(position=position, status=status, sees=None)
        fired = frozenset(position.exits_fired)
        decision = decide_exit(entry.strategy.exits, position, marks, fired, watch=watch)
        sees = marks.quotes_verdict.is_allowed
        return Glance(position=position, status=status, sees=sees, marks=marks, decision=decision, watch=watch)

    def _sees(self, position: Position) -> bool | None:
        # Its order works the position down; how old a quote may be its strategy says, which is not at hand here.
        try:
            quotes = self._desk.market.quotes(list(position.held), self._desk.clock.now())
        except MarketDataUnavailable:
            return None
        return all((quote := quotes.get(one)) is not None and quote.mid is not None for one in position.held)

    def write_down(self, runs: Collection[RunId]) -> None:
        """Write the highest profits of these runs' positions, those that rose, in one transaction."""
        rose = [run for run in runs if run in self._unwritten]
        if not rose:
            return
        with self._desk.store.unit_of_work() as uow:
            saved = uow.watches.save([self._watch(run) for run in rose])
            uow.commit()
        self._watches.update(zip(rose, saved, strict=True))
        self._unwritten.difference_update(rose)
        self._written_at = self._desk.clock.now()

    def _write_some(self, now: datetime) -> None:
        # A round a second at most; one of many positions is written in pieces, so that no quote waits long for it.
        if not self._to_write and (self._written_at is None or now - self._written_at >= WRITE_EVERY):
            self._to_write = sorted(self._unwritten)
        some, self._to_write = self._to_write[:WRITE_MOST], self._to_write[WRITE_MOST:]
        self.write_down(some)

    def _check(self, now: datetime) -> list[RunId]:
        found = sorted(self._quick_look(now))
        met = [self._watched[run] for run in found if self._wants_out(self._watched[run], now, learns=False)]
        self._table.has_looked()
        return self._made_due(met, now)

    def _closed(self, entries: Iterable[_Watched], now: datetime) -> list[RunId]:
        return self._made_due([entry for entry in entries if self._wants_out(entry, now, learns=True)], now)

    def _made_due(self, met: list[_Watched], now: datetime) -> list[RunId]:
        self.write_down([entry.position.run_id for entry in met])  # before any decision is recorded
        return [run for entry in met if (run := self._make_due(entry, now)) is not None]

    def _quick_look(self, now: datetime) -> tuple[RunId, ...]:
        """Return the positions that a rule may close now; all others no rule closes."""
        self._read_new(now)
        moment = self._moment(now)
        look = self._table.look(moment)
        self._unwritten.update(look.risen)
        if look.stale:  # what is not told anew stands, but nobody said as of when
            self._table.take(self._desk.market.quotes(look.stale, now), {})
            look = self._table.look(moment)
            self._unwritten.update(look.risen)
        return look.met

    def _moment(self, now: datetime) -> Moment:
        moment = moment_of(self._desk.calendar, now)
        if moment.today != self._today:
            self._today = moment.today
            for run in self._fridays:
                self._tell_friday(self._watched[run].position, now)
        return moment

    def _tell_friday(self, position: Position, now: datetime) -> None:
        if ends_week_on(position, self._desk.calendar, now):
            self._table.set_friday(position.run_id, self._desk.calendar.exchange_date(now).toordinal())

    def _take_facts(self, symbol: str) -> None:
        runs = [run for run in self._by_symbol.get(symbol, ()) if self._watched[run].rests_on_facts]
        for run in runs:
            self._table.set_rows(run, self._slot(self._watched[run]).rows)
        self._table.ask_for(runs)

    def _read_new(self, now: datetime) -> None:
        """Read the quotes of what is new to the table: nobody is watched before."""
        if self._new_symbols:
            self._table.take({}, {symbol: self._desk.market.spot(symbol, now) for symbol in self._new_symbols})
            self._new_symbols = set()
        if self._new:
            self._table.take(self._desk.market.quotes(self._new, now), {})
            self._new = []

    def _read_again(self, now: datetime) -> None:
        """Read quotes that no batch may have brought, a few at a time, so that once a minute all were read."""
        if self._to_read:
            some, self._to_read = self._to_read[:READ_MOST], self._to_read[READ_MOST:]
            try:
                self._table.take(self._desk.market.quotes(some, now), {})
            except AnswerPending:  # the same ones again in a moment
                self._to_read = [*some, *self._to_read]

    def _is_ours(self, position: Position) -> bool:
        return position.is_open and position.account_id == self._desk.broker.account_id

    def _is_as_read(self, run: RunId, stamp: OpenStamp) -> bool:
        read, entry, watch = self._read.get(run), self._watched.get(run), self._watches.get(run)
        if read is None or (read.version, read.run_version) != (stamp.version, stamp.run_version):
            return False
        if stamp.status is RunStatus.CLOSING:  # what becomes of its order need not touch the run
            return False
        if entry is None or watch is None:
            return True
        return stamp.high_at is None or (watch.high_at is not None and stamp.high_at <= watch.high_at)

    def _look(self, uow: UnitOfWork, position: Position, run: WorkflowRun, watch: PositionWatch | None) -> None:
        self._read[run.id] = OpenStamp(
            position_id=position.id,
            run_id=run.id,
            version=position.version,
            run_version=run.version,
            status=run.status,
            high_at=None if watch is None else watch.high_at,
        )
        self._held[run.id] = (position, run.status)
        if run.status not in NEXT_STEP or not position.holds_contracts:
            return
        strategy = self._strategy(uow, run)
        if strategy is None:
            return
        closing = run.status is RunStatus.CLOSING
        if closing and not rests_at_target(uow, run):
            return
        entry = _Watched(
            position=position,
            strategy=strategy,
            trades_until=min(self._desk.calendar.last_trading_at(one) for one in position.contracts_held),
            beside_target=closing,
            rests_on_facts=any(rule.kind in FACT_KINDS for rule in strategy.exits),
        )
        self._watched[run.id] = entry
        self._watches[run.id] = watch or watch_of(position)
        self._facts.want(position.symbol, strategy.exits)
        self._by_symbol.setdefault(position.symbol, set()).add(run.id)
        self._take_in(entry)
        for leg in position.legs:  # by the table's own values, which are found again without being compared
            self._by_contract.setdefault(self._table.listed(leg.contract), set()).add(run.id)

    def _take_in(self, entry: _Watched) -> None:
        self._new += self._table.put(self._slot(entry))
        self._new_symbols.add(entry.position.symbol)
        if entry.position.held_legs and any(rule.kind is ExitKind.EXPIRY_FRIDAY for rule in entry.strategy.exits):
            self._fridays.add(entry.position.run_id)
            self._tell_friday(entry.position, self._desk.clock.now())

    def _slot(self, entry: _Watched) -> Slot:
        position = entry.position
        return slot_of(
            position,
            entry.strategy,
            self._watches[position.run_id],
            self._facts.of(position.symbol),
            self._desk.calendar,
            beside_target=entry.beside_target,
            is_careful=self._guards.judges_marks(entry.strategy),
        )

    def _watch(self, run: RunId) -> PositionWatch:
        """Return what is remembered of a position, with the marks that the table has raised meanwhile."""
        risen = self._table.risen(run)
        if risen is not None:
            close, at = risen
            self._watches[run] = raised(self._watches[run], self._watched[run].position, close, instant_of(at))
        return self._watches[run]

    def _forget(self, run: RunId) -> None:
        self._read.pop(run, None)
        entry = self._watched.pop(run, None)
        self._held.pop(run, None)
        self._watches.pop(run, None)
        self._table.drop(run)
        self._fridays.discard(run)
        if entry is None:
            return
        self._by_symbol[entry.position.symbol].discard(run)
        for leg in entry.position.legs:
            others = self._by_contract[leg.contract]
            others.discard(run)
            if not others:
                del self._by_contract[leg.contract]

    def _strategy(self, uow: UnitOfWork, run: WorkflowRun) -> Strategy | None:
        key = (run.user_id, run.strategy_id, run.strategy_revision)
        if key not in self._strategies:
            stored = uow.strategies.revision(*key)
            if stored is None:
                return None
            self._strategies[key] = stored.strategy
        return self._strategies[key]

    def _wants_out(self, entry: _Watched, now: datetime, *, learns: bool) -> bool:
        """Decide exactly whether a rule closes the position now.

        Where it ``learns``, its guard looks in any case, and no other rule is asked: those have their own times.
        """
        strategy, position = entry.strategy, entry.position
        run, before = position.run_id, self._watch(position.run_id)
        if now >= entry.trades_until:
            return False  # no rule closes what trades no longer
        facts = self._facts.of(position.symbol)
        view = read_view(self._desk, position, strategy, now, watch=before, facts=facts)
        marks, fired, rules, beside = mark(view), frozenset(position.exits_fired), strategy.exits, entry.beside_target
        close = marks.close_price
        looks = learns or (
            close is not None and bool(met_at(float(close), rules, position, marks, fired, watch=before))
        )
        believed = self._guards.believe(view, strategy, marks, before, looks=looks)
        watch, waits = believed.watch, believed.waits
        if watch is not before:
            self._watches[run] = watch
            self._unwritten.add(run)
            self._table.set_high(run, watch.high_close, None if watch.high_water is None else float(watch.high_water))
        beside = beside or in_force(strategy, position, marks.dte)
        said = decide_exit(rules, position, marks, fired, beside_target=beside, watch=watch, held_back=waits)
        closes = said.answer is ExitAnswer.CLOSE and not (learns and said.index not in guarded_rules(rules))
        if believed.look is not None and not closes:
            self._guards.remember(view, believed.look)
        return closes

    def _make_due(self, entry: _Watched, now: datetime) -> RunId | None:
        with self._desk.store.unit_of_work() as uow:
            run = uow.runs.get(entry.position.run_id)
            if run is None or run.status not in NEXT_STEP:
                return None
            try:
                uow.runs.save(replace(run, next_step=NEXT_STEP[run.status], due_at=now))
            except StaleVersionError:
                return None
            uow.commit()
        return run.id
