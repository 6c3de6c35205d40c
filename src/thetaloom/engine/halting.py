"""Halting new risk and allowing it again: the row in our books and the working entries it cancels."""

from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine import commands
from thetaloom.engine.desk import Desk
from thetaloom.engine.order_manager import ask_cancel, deliver
from thetaloom.engine.step import tell_user
from thetaloom.errors import InvalidInput, NotFound
from thetaloom.ports.store import UnitOfWork


def halt(desk: Desk, command: commands.Halt) -> None:
    """Block new risk in a scope and cancel its working entries; exits go on."""
    _check_scope(command.scope)
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        uow.accounts.halt(command.scope, command.note or "halted by a person", now)
        tell_user(uow, command.user_id, EventKind.TRADING_HALTED, now, scope=command.scope, note=command.note)
        entries = [order for order in uow.orders.open_orders() if _covers(uow, command.scope, order)]
        for order in entries:
            ask_cancel(desk, uow, order, Reason.HALTED)
        uow.commit()
    for order in entries:
        deliver(desk, order.client_order_id)


def lift_halt(desk: Desk, command: commands.LiftHalt) -> None:
    """Allow new risk in a scope again."""
    _check_scope(command.scope)
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        if command.scope not in uow.accounts.halts():
            raise NotFound(f"{command.scope!r} is not halted")
        uow.accounts.resume(command.scope)
        tell_user(uow, command.user_id, EventKind.TRADING_RESUMED, now, scope=command.scope)
        uow.commit()


def _covers(uow: UnitOfWork, scope: str, order: Order) -> bool:
    run = uow.runs.get(order.run_id)
    names = {"all", f"account:{order.account_id}", f"strategy:{run.strategy_id if run else ''}"}
    return order.effect is Effect.OPEN and scope in names


def _check_scope(scope: str) -> None:
    kind, _, name = scope.partition(":")
    if scope != "all" and not (kind in {"account", "strategy"} and name):
        raise InvalidInput(f"{scope!r} is no scope; good ones: all, account:<id>, strategy:<id>")
