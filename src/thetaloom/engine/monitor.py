"""The monitor: on every quote of a position's legs, looks whether an exit rule is met.

It keeps the open positions in memory, indexed by contract, with the highest profit of each. A quick look decides
nothing for good: when a rule is met, the run's ``manage_position`` step gathers again, decides, and records.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from thetaloom.domain.book.exits import ExitAnswer, decide_exit
from thetaloom.domain.book.ladder_plan import in_force
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.watch import PositionWatch, observed, watch_of
from thetaloom.domain.run.runs import RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.ids import RunId, StrategyId, UserId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.engine.care import Glance
from thetaloom.engine.desk import Desk
from thetaloom.engine.marks import mark
from thetaloom.engine.order_manager import rests_at_target
from thetaloom.engine.position_views import read_view
from thetaloom.engine.slow_facts import SlowFacts
from thetaloom.errors import MarketDataUnavailable, StaleVersionError
from thetaloom.ports.market_data import QuoteBatch
from thetaloom.ports.store import UnitOfWork

NEXT_STEP = {RunStatus.MONITORING: StepName.MANAGE_POSITION, RunStatus.CLOSING: StepName.CLOSE_POSITION}

WRITE_EVERY = timedelta(seconds=1)  # at most one transaction for the rising marks of all positions


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    position: Position
    strategy: Strategy
    beside_target: bool  # a profit target's order rests, and only the other rules are looked at


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
        self._unwritten: set[RunId] = set()  # whose marks rose since they were written
        self._written_at: datetime | None = None
        self._facts = SlowFacts(desk)

    def reload(self) -> None:
        """Read all open positions anew; called at start, and now and then for those that another process opened."""
        self.write_down(tuple(self._unwritten))
        self._watched, self._by_contract, self._by_symbol, self._watches, self._held = {}, {}, {}, {}, {}
        account = self._desk.broker.account_id
        with self._desk.store.reading() as uow:
            stored = {watch.position_id: watch for watch in uow.watches.of_open(account)}
            for position in uow.positions.open_positions(account):
                self._look(uow, position, stored.get(position.id))
        self._facts.keep(self._by_symbol)
        self._desk.market.watch(self._by_contract)

    def refresh(self, runs: Iterable[RunId]) -> None:
        """Read the positions of these runs anew; called whenever one opened, changed or closed."""
        runs = tuple(runs)
        self.write_down(runs)
        before = set(self._by_contract)
        with self._desk.store.reading() as uow:
            for run in runs:
                self._forget(run)
                position = uow.positions.of_run(run)
                if position is not None and position.account_id == self._desk.broker.account_id:
                    self._look(uow, position, uow.watches.get(position.id))
        if set(self._by_contract) != before:
            self._desk.market.watch(self._by_contract)

    def on_quotes(self, batch: QuoteBatch) -> list[RunId]:
        """Return the runs whose positions a rule wants closed at these quotes, and make them due."""
        touched = {run for contract in batch.quotes for run in self._by_contract.get(contract, ())}
        touched |= {run for symbol in batch.spots for run in self._by_symbol.get(symbol, ())}
        return self._check(touched)

    def on_time(self) -> list[RunId]:
        """Do what comes with no quote: read one market's slow facts if its minute is over, and write marks down.

        Return the runs whose positions a rule wants closed by the new facts.
        """
        now = self._desk.clock.now()
        symbol = self._facts.read_next(now)
        met = [] if symbol is None else self._check(self._by_symbol.get(symbol, ()))
        if self._unwritten and (self._written_at is None or now - self._written_at >= WRITE_EVERY):
            self.write_down(tuple(self._unwritten))
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
        now, watch = self._desk.clock.now(), self._watches[run]
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
            saved = uow.watches.save([self._watches[run] for run in rose])
            uow.commit()
        self._watches.update(zip(rose, saved, strict=True))
        self._unwritten.difference_update(rose)
        self._written_at = self._desk.clock.now()

    def _check(self, runs: Iterable[RunId]) -> list[RunId]:
        now = self._desk.clock.now()
        met = [self._watched[run] for run in sorted(runs) if self._wants_out(self._watched[run], now)]
        self.write_down([entry.position.run_id for entry in met])  # before any decision is recorded
        return [run for entry in met if (run := self._make_due(entry, now)) is not None]

    def _look(self, uow: UnitOfWork, position: Position, watch: PositionWatch | None) -> None:
        run = uow.runs.get(position.run_id)
        if run is None or not position.is_open:
            return
        self._held[run.id] = (position, run.status)
        if run.status not in NEXT_STEP:
            return
        strategy = self._strategy(uow, run)
        if strategy is None:
            return
        closing = run.status is RunStatus.CLOSING
        if closing and not rests_at_target(uow, run):
            return
        self._watched[run.id] = _Watched(position=position, strategy=strategy, beside_target=closing)
        self._watches[run.id] = watch or watch_of(position)
        self._facts.want(position.symbol, strategy.exits)
        self._by_symbol.setdefault(position.symbol, set()).add(run.id)
        for leg in position.legs:
            self._by_contract.setdefault(leg.contract, set()).add(run.id)

    def _forget(self, run: RunId) -> None:
        entry = self._watched.pop(run, None)
        self._held.pop(run, None)
        self._watches.pop(run, None)
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

    def _wants_out(self, entry: _Watched, now: datetime) -> bool:
        strategy, position = entry.strategy, entry.position
        run, before = position.run_id, self._watches[position.run_id]
        facts = self._facts.of(position.symbol)
        view = read_view(self._desk, position, strategy, now, watch=before, facts=facts)
        marks, fired = mark(view), frozenset(position.exits_fired)
        watch = observed(before, position, marks)
        if watch is not before:
            self._watches[run] = watch
            self._unwritten.add(run)
        rules = strategy.exits
        beside = entry.beside_target or in_force(strategy, position, marks.dte)
        return decide_exit(rules, position, marks, fired, beside_target=beside, watch=watch).answer is ExitAnswer.CLOSE

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
