"""Halting new risk and allowing it again, and the keeper that heeds the flags of other processes.

A halt is a flag and a row, and either one halts. The flag goes up first and comes down last. Whoever halted, the
engine cancels the working entries that the halt covers: all of them in one transaction of ours, and at the broker
as fast as its rate allows, a batch a turn, so that no exit ever waits behind them.
"""

from collections import deque
from collections.abc import Collection
from datetime import datetime, timedelta

from thetaloom.domain.book.halts import StandingHalt, check_scope, scopes_over
from thetaloom.domain.book.orders import Effect, Order, OrderStatus
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine import commands
from thetaloom.engine.delivery import deliver
from thetaloom.engine.desk import Desk
from thetaloom.engine.last_gate import put_halt, standing_halts
from thetaloom.engine.order_manager import ask_cancel
from thetaloom.engine.step import tell_user
from thetaloom.errors import NotAllowed, NotFound, StoreUnavailable
from thetaloom.ports.store import UnitOfWork

BATCH = 25  # cancels a turn: an exit that becomes due waits for no more
SECOND = timedelta(seconds=1)


class HaltKeeper:
    """Carries out the flags that anybody raised, and brings the cancels to the broker within its rate."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._heeded: dict[str, StandingHalt] = {}
        self._asked: set[ClientOrderId] = set()
        self._sent: deque[datetime] = deque()
        self._waits = True  # a process before this one may have left cancels behind
        self.next_at: datetime | None = None  # when the rate allows the next cancel

    @property
    def has_news(self) -> bool:
        """Whether other flags are up than those that were carried out."""
        return self._desk.halts.raised() != self._heeded

    def heed(self) -> None:
        """Carry out the flags that are new: into our books, and over the entries that they cover."""
        raised = self._desk.halts.raised()
        # Lowered and raised again between two turns, it is another halt, and covers other entries.
        fresh = {scope: halt for scope, halt in raised.items() if self._heeded.get(scope) != halt}
        if fresh:
            _write_down(self._desk, fresh)
            self._asked.clear()  # what refused its cancel under an earlier halt is asked again
            self._waits = True
        self._heeded = dict(raised)

    def cancel_some(self) -> bool:
        """Ask the broker for the cancels that its rate allows now; return whether any was asked for."""
        if not self._waits:
            return False
        now = self._desk.clock.now()
        while self._sent and self._sent[0] <= now - SECOND:
            self._sent.popleft()
        with self._desk.store.reading() as uow:
            waiting = [one.client_order_id for one in uow.orders.open_orders() if self._is_halted_entry(one)]
        self._asked &= set(waiting)
        left = [order for order in waiting if order not in self._asked]
        room = min(BATCH, self._desk.broker.capabilities.orders_per_second - len(self._sent))
        for order in left[: max(0, room)]:
            deliver(self._desk, order)
            self._asked.add(order)
            self._sent.append(now)
        self._waits = len(left) > room
        self.next_at = self._sent[0] + SECOND if self._waits and self._sent else None
        return bool(left) and room > 0

    def _is_halted_entry(self, order: Order) -> bool:
        is_asked = order.status is OrderStatus.PENDING_CANCEL and order.reason == Reason.HALTED.value
        return is_asked and order.effect is Effect.OPEN and order.account_id == self._desk.broker.account_id


def halt(desk: Desk, command: commands.Halt) -> None:
    """Block new risk in a scope and cancel its working entries; exits go on."""
    check_scope(command.scope)
    now = desk.clock.now()
    reason = command.note or "halted by a person"
    raised = StandingHalt(scope=command.scope, reason=reason, by=command.by or command.user_id, at=now.isoformat())
    with desk.store.unit_of_work() as uow:
        is_up = put_halt(desk, uow, raised, command.user_id, now)
        entries = _cancel_entries(desk, uow, {command.scope})
        uow.commit()
    if not is_up:  # nobody will see a flag, so nobody else would bring these to the broker
        for order in entries:
            deliver(desk, order)


def lift_halt(desk: Desk, command: commands.LiftHalt) -> None:
    """Allow new risk in a scope again; our books first, the flag last."""
    check_scope(command.scope)
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        standing = standing_halts(desk, uow).get(command.scope)
        if standing is None:
            raise NotFound(f"{command.scope!r} is not halted")
        if command.token is None and standing.needs_token:
            raise unconfirmed(standing)
        if command.token is not None and command.token != standing.token:
            raise unconfirmed(standing)
        uow.accounts.resume(command.scope)
        tell_user(uow, command.user_id, EventKind.TRADING_RESUMED, now, scope=command.scope, note=standing.reason)
        uow.commit()
    try:
        desk.halts.lower(command.scope)
    except OSError as error:
        raise StoreUnavailable(
            f"{command.scope} stays halted: its flag cannot be taken down ({error.strerror or error})",
            advice="Make the folder halt in the home folder writable, or remove the flag by hand.",
        ) from error


def unconfirmed(standing: StandingHalt) -> NotAllowed:
    """Return the refusal that shows a halt and the token with which it can be lifted."""
    return NotAllowed(
        "confirmation_needed",
        f"{standing.scope} is halted: {standing.reason}",
        advice=f"If the cause is gone, confirm with {standing.token}.",
        details={"scope": standing.scope, "reason": standing.reason, "by": standing.by, "token": standing.token},
    )


def _write_down(desk: Desk, raised: dict[str, StandingHalt]) -> None:
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        rows = uow.accounts.halts()
        owner = uow.accounts.owner(desk.broker.account_id)
        for scope, halt in raised.items():
            if scope in rows:
                continue
            uow.accounts.halt(scope, halt.reason, now)
            if owner is not None:
                tell_user(uow, owner, EventKind.TRADING_HALTED, now, scope=scope, note=halt.reason, by=halt.by)
        _cancel_entries(desk, uow, raised)
        uow.commit()


def _cancel_entries(desk: Desk, uow: UnitOfWork, scopes: Collection[str]) -> list[ClientOrderId]:
    entries = [order for order in uow.orders.open_orders() if _covers(uow, scopes, order)]
    for order in entries:
        ask_cancel(desk, uow, order, Reason.HALTED)
    return [order.client_order_id for order in entries]


def _covers(uow: UnitOfWork, scopes: Collection[str], order: Order) -> bool:
    if order.effect is not Effect.OPEN:
        return False
    run = uow.runs.get(order.run_id)
    return any(scope in scopes for scope in scopes_over(order.account_id, run.strategy_id if run else ""))
