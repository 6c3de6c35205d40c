"""The monitor: on every quote of a position's legs, looks whether an exit rule is met.

It keeps the open positions in memory, indexed by contract. A quick look decides nothing for good: when a rule is
met, the run's ``manage_position`` step gathers again, decides, and records.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from thetaloom.domain.book.exits import ExitAnswer, decide_exit, rules_beside_target
from thetaloom.domain.book.orders import Effect
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.runs import RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.strategies import ExitRule, Strategy
from thetaloom.domain.values.ids import PositionId, RunId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.engine.desk import Desk
from thetaloom.engine.marks import mark, view_position
from thetaloom.engine.order_manager import leg_quotes
from thetaloom.errors import StaleVersionError
from thetaloom.ports.market_data import QuoteBatch
from thetaloom.ports.store import UnitOfWork

NEXT_STEP = {RunStatus.MONITORING: StepName.MANAGE_POSITION, RunStatus.CLOSING: StepName.CLOSE_POSITION}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    position: Position
    strategy: Strategy
    rules: tuple[ExitRule, ...]


class Monitor:
    """Watches the open positions whose runs are MONITORING, or CLOSING by an order that rests at a profit target."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._watched: dict[PositionId, _Watched] = {}
        self._by_contract: dict[OptionContract, set[PositionId]] = {}

    def reload(self) -> None:
        """Read the open positions anew; called at start and whenever a position opened, changed or closed."""
        desk = self._desk
        watched = {}
        with desk.store.reading() as uow:
            for position in uow.positions.open_positions(desk.broker.account_id):
                run = uow.runs.get(position.run_id)
                if run is None or run.status not in {RunStatus.MONITORING, RunStatus.CLOSING}:
                    continue
                stored = uow.strategies.revision(run.user_id, run.strategy_id, run.strategy_revision)
                if stored is None:
                    continue
                rules = stored.strategy.exits
                if run.status is RunStatus.CLOSING:
                    rules = rules_beside_target(rules) if _rests_at_target(uow, run) else ()
                watched[position.id] = _Watched(position=position, strategy=stored.strategy, rules=rules)
        self._watched = watched
        self._by_contract = {}
        for entry in watched.values():
            for leg in entry.position.legs:
                self._by_contract.setdefault(leg.contract, set()).add(entry.position.id)
        desk.market.watch(self._by_contract)

    def on_quotes(self, batch: QuoteBatch) -> list[RunId]:
        """Return the runs whose positions a rule wants closed at these quotes, and make them due."""
        touched = {position for contract in batch.quotes for position in self._by_contract.get(contract, ())}
        touched |= self._on_spots(batch.spots)
        now = self._desk.clock.now()
        met = [entry for entry in self._entries(touched) if self._wants_out(entry, now)]
        return [run for entry in met if (run := self._make_due(entry, now)) is not None]

    def _on_spots(self, symbols: Iterable[str]) -> set[PositionId]:
        wanted = set(symbols)
        return {entry.position.id for entry in self._watched.values() if entry.position.symbol in wanted}

    def _entries(self, positions: set[PositionId]) -> list[_Watched]:
        return [self._watched[position] for position in sorted(positions) if position in self._watched]

    def _wants_out(self, entry: _Watched, now: datetime) -> bool:
        strategy, position = entry.strategy, entry.position
        if not entry.rules:
            return False
        quotes = leg_quotes(self._desk, position.legs, now)
        age_max = strategy.liquidity.quote_age_seconds_max
        view = view_position(self._desk, position, entry.rules, quotes, age_max, now)
        fired = frozenset(position.exits_fired if entry.rules == strategy.exits else ())
        return decide_exit(entry.rules, position, mark(view), fired=fired).answer is ExitAnswer.CLOSE

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


def _rests_at_target(uow: UnitOfWork, run: WorkflowRun) -> bool:
    orders = uow.orders.of_run(run.id)
    return any(order.effect is Effect.CLOSE and order.is_open and order.floor is not None for order in orders)
