"""The light round over all that is held: who protects it, what a person should look at, and its lowest profit.

It goes over the positions in small steps, so that no quote waits for it, and writes only what changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from thetaloom.domain.book.alerts import Alert, Priority, Urgency
from thetaloom.domain.book.distance_alerts import BY_DISTANCE, distance_alerts
from thetaloom.domain.book.exits import ExitDecision, Marks
from thetaloom.domain.book.marks import recordable_close
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.outdated import is_outdated
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.protection import (
    Cause,
    PositionCare,
    Protection,
    after_gap,
    after_look,
    ended_care,
    judge_protection,
)
from thetaloom.domain.book.watch import PositionWatch
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.strategy.ending_rules import SharesPolicy
from thetaloom.domain.values.ids import RunId
from thetaloom.engine.alerts import end_alert, end_alerts, raise_alert
from thetaloom.engine.desk import Desk
from thetaloom.engine.ending_policies import shares_policy_of
from thetaloom.engine.step import tell_user
from thetaloom.ports.store import UnitOfWork

LOOK_EVERY = timedelta(seconds=60)
AT_ONCE = 20  # positions in one turn
UNPROTECTED = "unprotected"  # the cause of its alert

_ADVICE = {
    Cause.BLIND_QUOTES: "Look at the quotes of its legs; its price-based exits wait until they can be believed.",
    Cause.RUN_PAUSED: "Resume the run, or close the position by hand.",
    Cause.RUN_ERROR: "Look why the run failed, then resume it, or close the position by hand.",
    Cause.ENGINE_DOWN: "Start the engine.",
    Cause.SHARES_HELD: "No rule watches shares: `thetaloom position sell-shares` trades them; or hold them knowingly.",
    Cause.MARKET_DATA_OUT: "Look at the market data; no price-based exit acts until it is back.",
}


_Signs = frozenset[tuple[str, Priority, Urgency]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """An open position as the monitor sees it now; what it can't see is ``None``."""

    position: Position
    status: RunStatus
    sees: bool | None  # believable quotes of all legs; None = no market data
    marks: Marks | None = None
    decision: ExitDecision | None = None
    watch: PositionWatch | None = None


class CareRound:
    """Goes round over the open positions, some in each turn."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._queue: list[RunId] = []
        self._began_at: datetime | None = None
        self._standing: dict[str, tuple[int, _Signs]] = {}  # by subject, for the position's version, as last written

    def start(self) -> None:
        """Count the time in which nobody looked against the positions that had only us."""
        desk, now = self._desk, self._desk.clock.now()
        account = desk.broker.account_id
        with desk.store.unit_of_work() as uow:
            last = uow.care.last_look(account)
            if last is not None:
                uow.care.save(
                    after
                    for care in uow.care.of_open(account)
                    if (after := after_gap(care, last, now, desk.calendar)) != care
                )
            uow.care.looked(account, now)
            uow.commit()
        self._standing, self._queue, self._began_at = {}, [], None

    def due(self, held: Iterable[RunId]) -> list[RunId]:
        """Return the runs whose positions are to be looked at in this turn."""
        now = self._desk.clock.now()
        if not self._queue and (self._began_at is None or now - self._began_at >= LOOK_EVERY):
            self._queue, self._began_at = list(held), now
            with self._desk.store.unit_of_work() as uow:
                uow.care.looked(self._desk.broker.account_id, now)
                self._sweep(uow, now)
                uow.commit()
        runs, self._queue = self._queue[:AT_ONCE], self._queue[AT_ONCE:]
        return runs

    def _sweep(self, uow: UnitOfWork, now: datetime) -> None:
        """End what stands about positions that ended, or changed, in any other way than we know of."""
        standing = uow.alerts.standing(self._desk.broker.account_id)
        for subject in sorted({one.position_id for one in standing if one.position_id is not None}):
            position = uow.positions.get(subject)
            if position is not None and not position.is_open:
                end_care(self._desk, uow, position, now)
            elif position is not None:
                end_outdated(uow, position, now)

    def look(self, glances: Iterable[Glance]) -> None:
        """Write what changed for these positions."""
        now, desk, seen = self._desk.clock.now(), self._desk, list(glances)
        resting = [glance.position.run_id for glance in seen if _may_rest(glance.position)]
        orders: dict[RunId, list[Order]] = {run: [] for run in resting}
        with desk.store.unit_of_work() as uow:
            cares = {care.position_id: care for care in uow.care.many(glance.position.id for glance in seen)}
            for order in uow.orders.of_runs(resting):
                orders[order.run_id].append(order)
            changed = [
                self._look(uow, glance, orders.get(glance.position.run_id, ()), cares.get(glance.position.id), now)
                for glance in seen
            ]
            if any(changed):
                uow.commit()

    def _look(
        self, uow: UnitOfWork, glance: Glance, orders: Iterable[Order], known: PositionCare | None, now: datetime
    ) -> bool:
        position, calendar = glance.position, self._desk.calendar
        run = {"is_paused": glance.status is RunStatus.PAUSED, "is_failed": glance.status is RunStatus.ERROR}
        if calendar.is_open(now):
            state, cause = judge_protection(position, orders, **run, sees=glance.sees)
        else:  # nothing can be traded, and nothing is quoted: how it stood at the close
            state, cause = judge_protection(position, orders, **run, sees=True)
        care = known or _new_care(position, state, cause, now)
        care = after_look(care, state, cause, now, calendar)
        care = _with_low(care, glance, now)
        changed = care != known
        if changed:
            uow.care.save((care,))
        if known is None or (known.state, known.cause) != (care.state, care.cause):
            self._tell_protection(uow, position, care, now)
        return self._alert(uow, glance, now) or changed

    def _alert(self, uow: UnitOfWork, glance: Glance, now: datetime) -> bool:
        if glance.marks is None or glance.decision is None or glance.sees is not True:
            return False  # what cannot be seen is neither near nor over
        position = glance.position
        wanted = distance_alerts(position, glance.decision, glance.marks, glance.watch)
        signs = (position.version, frozenset((one.cause, one.priority, one.urgency) for one in wanted))
        if self._standing.get(position.id) == signs:
            return False
        for alert in wanted:
            raise_alert(uow, alert, run=position.run_id)
        causes = {one.cause for one in wanted}
        for one in uow.alerts.standing_of(position.user_id, position.id):
            if one.cause.split(":")[0] in BY_DISTANCE and one.cause not in causes:
                end_alert(uow, position.user_id, position.id, one.cause, now, run=position.run_id)
        self._standing[position.id] = signs
        return True

    def _tell_protection(self, uow: UnitOfWork, position: Position, care: PositionCare, now: datetime) -> None:
        desk = self._desk
        facts = {"position": position.id, "symbol": position.symbol, "state": care.state.value}
        cause = "" if care.cause is None else care.cause.value
        tell_user(uow, position.user_id, EventKind.PROTECTION_CHANGED, now, **facts, cause=cause)
        if care.cause is None:
            end_alert(uow, position.user_id, position.id, UNPROTECTED, now, run=position.run_id)
            return
        if care.cause is Cause.SHARES_HELD and shares_policy_of(desk, uow, position.run_id) is SharesPolicy.KEEP:
            return  # whoever wrote the strategy has decided
        raise_alert(uow, _unprotected(position, care.cause, now), run=position.run_id)


def end_care(desk: Desk, uow: UnitOfWork, position: Position, now: datetime) -> None:
    """Let what stood about a position that holds nothing any more be over."""
    end_alerts(uow, position.user_id, position.id, now, run=position.run_id)
    care = uow.care.get(position.id)
    if care is not None:
        uow.care.save((ended_care(care, position.closed_at or now, desk.calendar),))


def end_outdated(uow: UnitOfWork, position: Position, now: datetime) -> None:
    """Let alerts be over about what an open position holds no longer."""
    for one in uow.alerts.standing_of(position.user_id, position.id):
        if is_outdated(one, position):
            end_alert(uow, position.user_id, position.id, one.cause, now, run=position.run_id)


def _may_rest(position: Position) -> bool:
    return any(spread.quantity for spread in position.spreads) and not position.loose


def _new_care(position: Position, state: Protection, cause: Cause | None, now: datetime) -> PositionCare:
    return PositionCare(
        position_id=position.id,
        user_id=position.user_id,
        account_id=position.account_id,
        state=state,
        cause=cause,
        since=now,
    )


def _with_low(care: PositionCare, glance: Glance, now: datetime) -> PositionCare:
    close = None if glance.marks is None else recordable_close(glance.marks)
    if close is None or not glance.position.quantity:
        return care
    profit = glance.position.unrealized_pnl(close) + glance.position.realized
    if care.low_water is not None and care.low_water <= profit:
        return care
    return replace(care, low_water=profit, low_at=now)


def _unprotected(position: Position, cause: Cause, now: datetime) -> Alert:
    return Alert(
        user_id=position.user_id,
        account_id=position.account_id,
        subject=position.id,
        position_id=position.id,
        symbol=position.symbol,
        cause=UNPROTECTED,
        priority=Priority.HIGH,
        reason=cause.value,
        details=f"Nobody protects {position.id}: {cause.value.replace('_', ' ')}.",
        recommended_action=_ADVICE[cause],
        urgency=Urgency.IMMEDIATE,
        raised_at=now,
    )
