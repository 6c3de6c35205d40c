"""One handler a command: a transaction that changes what the command asks for, or refuses with a reason code."""

from dataclasses import replace
from typing import Any

from thetaloom.domain.market.symbols import why_no_underlying
from thetaloom.domain.risk.limits import RiskLimits
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.runs import FINAL, Outcome, RunStatus, StepName, WorkflowRun
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.ids import RunId, UserId
from thetaloom.domain.values.reasons import Reason, denied
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.engine import commands, schedule_commands
from thetaloom.engine.approvals import approve, enqueue, own_run, reject
from thetaloom.engine.delivery import deliver, resolve
from thetaloom.engine.desk import Desk
from thetaloom.engine.halting import halt, lift_halt
from thetaloom.engine.journal import note_trade
from thetaloom.engine.notification_commands import RemoveDestination, SaveDestination
from thetaloom.engine.notifications import remove_destination, save_destination
from thetaloom.engine.order_doubt import Resolution
from thetaloom.engine.order_manager import ask_cancel
from thetaloom.engine.position_handlers import close_position, replace_targets
from thetaloom.engine.prompts import remove_prompt, save_prompt
from thetaloom.engine.proposal_versions import execute_proposal, modify_proposal
from thetaloom.engine.reconcile import Reconciled, reconcile
from thetaloom.engine.reconciliation.answers import Options
from thetaloom.engine.reconciliation.deciding import adopt_position, assign_close, ignore_finding
from thetaloom.engine.reviews import ExitReview, review_position
from thetaloom.engine.roll_handlers import adjust_position, refuse_while_closing, roll_position
from thetaloom.engine.scan_handlers import remove_watchlist, run_scan, save_watchlist
from thetaloom.engine.schedule_handlers import add_schedule, pause_schedule, remove_schedule, resume_schedule
from thetaloom.engine.share_sales import sell_shares
from thetaloom.engine.signals import save_source, take_signal
from thetaloom.engine.starting import write_run
from thetaloom.engine.step import ended, tell, tell_user
from thetaloom.engine.symbols import find_symbols, look_up_symbols
from thetaloom.errors import InvalidInput, InvariantError, NotAllowed, NotFound
from thetaloom.ports.store import StoredStrategy, UnitOfWork

ORDERS_SHOWN = "`thetaloom order list` shows the orders."


def handle(desk: Desk, command: commands.Command) -> Any:
    """Carry out a command. Raises ``NotFound``, ``NotAllowed`` (a rule refused) or ``InvalidInput``."""
    return HANDLERS[type(command)](desk, command)


def start_run(desk: Desk, command: commands.StartRun) -> WorkflowRun:
    """Write a new run, due now."""
    now = desk.clock.now()
    symbol = canonical_symbol(command.symbol)
    if why := why_no_underlying(symbol):
        raise InvalidInput(why, details={"symbol": command.symbol})
    with desk.store.unit_of_work() as uow:
        if uow.accounts.owner(desk.broker.account_id) not in (None, command.user_id):
            raise NotAllowed(Reason.NO_ACCOUNT.value, Reason.NO_ACCOUNT.text, details={"user": command.user_id})
        run = write_run(desk, uow, replace(command, symbol=symbol), now)
        if run is None:
            raise NotFound(f"no strategy has the id {command.strategy_id!r}", advice=Reason.STRATEGY_NOT_FOUND.text)
        uow.commit()
    desk.dispatch.enqueue(run.id, now)
    return run


def cancel_run(desk: Desk, command: commands.CancelRun) -> WorkflowRun:
    """End a run that holds no position and has no order at the broker; cancel a working entry order first."""
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        run = own_run(uow, command.user_id, command.run_id)
        if run.status in FINAL:
            return run
        position = uow.positions.of_run(run.id)
        if position is not None and position.is_open:
            raise NotAllowed(
                "holds_position",
                f"{run.id} holds a position",
                advice=f"Close it first: thetaloom position close {position.id}",
            )
        refuse_while_closing(uow, run)
        standing = [order for order in uow.orders.of_run(run.id) if order.is_open]
        for order in standing:
            ask_cancel(desk, uow, order, Reason.ORDER_CANCELED)
        if not standing:
            for proposal in uow.proposals.of_run(run.id):
                if proposal.status is ProposalStatus.PENDING:
                    note = "the run was canceled"
                    uow.proposals.save(proposal.decided(ProposalStatus.REJECTED, by=command.user_id, at=now, note=note))
            uow.runs.save(ended(uow, run, Outcome.CANCELED, denied(Reason.CANCELED_BY_USER), now))
        run = own_run(uow, command.user_id, command.run_id)
        uow.commit()
    for order in standing:
        deliver(desk, order.client_order_id)
    return run


def pause_run(desk: Desk, command: commands.PauseRun) -> WorkflowRun:
    """Set a run aside; resuming brings it back where it was."""
    return _move_run(desk, command.user_id, command.run_id, RunStatus.PAUSED, EventKind.RUN_PAUSED)


def resume_run(desk: Desk, command: commands.ResumeRun) -> WorkflowRun:
    """Bring a paused or failed run back to where it was, due now."""
    with desk.store.reading() as uow:
        run = own_run(uow, command.user_id, command.run_id)
    if run.returns_to is None:
        raise NotAllowed("not_paused", f"{run.id} is {run.status.value}; only a paused or failed run can be resumed")
    return _move_run(desk, command.user_id, command.run_id, run.returns_to, EventKind.RUN_RESUMED)


def cancel_order(desk: Desk, command: commands.CancelOrder) -> None:
    """Ask the broker to cancel; the broker's report decides."""
    with desk.store.unit_of_work() as uow:
        order = uow.orders.get(command.client_order_id)
        if order is None:
            raise NotFound(f"no order has the id {command.client_order_id!r}", advice=ORDERS_SHOWN)
        own_run(uow, command.user_id, order.run_id)
        if not order.is_open:
            raise NotAllowed("order_not_open", f"{order.client_order_id} is {order.status.value} already")
        ask_cancel(desk, uow, order, Reason.ORDER_CANCELED)
        uow.commit()
    deliver(desk, command.client_order_id)


def resolve_order(desk: Desk, command: commands.ResolveOrder) -> Resolution:
    """Look the order up in the broker's books now, and say what they know and what happens next."""
    with desk.store.reading() as uow:
        order = uow.orders.get(command.client_order_id)
        if order is None:
            raise NotFound(f"no order has the id {command.client_order_id!r}", advice=ORDERS_SHOWN)
        own_run(uow, command.user_id, order.run_id)
    if order.account_id != desk.broker.account_id:
        raise NotAllowed("another_account", f"{order.client_order_id} is an order of account {order.account_id}")
    return resolve(desk, order)


def save_strategy(desk: Desk, command: commands.SaveStrategy) -> StoredStrategy:
    """Store a strategy; a changed one becomes the next revision."""
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        before = uow.strategies.latest(command.user_id, command.strategy.id)
        stored = uow.strategies.save(command.user_id, command.strategy, now)
        if before is None or before.revision != stored.revision:
            facts = {"strategy": command.strategy.id, "revision": stored.revision}
            tell_user(uow, command.user_id, EventKind.STRATEGY_SAVED, now, **facts)
        uow.commit()
    return stored


def delete_strategy(desk: Desk, command: commands.DeleteStrategy) -> None:
    """Take a strategy out of the lists."""
    with desk.store.unit_of_work() as uow:
        if not uow.strategies.delete(command.user_id, command.strategy_id, desk.clock.now()):
            raise NotFound(f"no strategy has the id {command.strategy_id!r}")
        uow.commit()


def set_limit(desk: Desk, command: commands.SetLimit) -> RiskLimits:
    """Set one risk limit; a name or number that makes no sense is refused."""
    with desk.store.unit_of_work() as uow:
        wanted = {**uow.accounts.limits(command.user_id), command.name: str(command.limit)}
        limits = RiskLimits.from_settings(wanted)
        uow.accounts.set_limit(command.user_id, command.name, str(command.limit), desk.clock.now())
        uow.commit()
    return limits


def reconcile_books(desk: Desk, command: commands.Reconcile) -> Reconciled:
    """Compare with the broker, who must have given this account to the user."""
    account = command.account_id or desk.broker.account_id
    if command.days_back < 1:
        raise InvalidInput(f"{command.days_back} days back is nothing to look at")
    with desk.store.reading() as uow:
        if account != desk.broker.account_id or uow.accounts.owner(account) != command.user_id:
            raise NotFound(f"no account of yours has the id {account!r}")
        position = None if command.position_id is None else uow.positions.get(command.position_id)
        if command.position_id is not None and (position is None or position.user_id != command.user_id):
            raise NotFound(f"no position has the id {command.position_id!r}")
    options = Options(
        dry_run=command.dry_run,
        position=command.position_id,
        symbol=None if command.symbol is None else canonical_symbol(command.symbol),
        cancel_orphans=command.cancel_orphans,
        replace_targets=command.replace_targets,
        days_back=command.days_back,
    )
    return reconcile(desk, options)


def apply_exit_rules(desk: Desk, command: commands.ApplyExitRules) -> tuple[ExitReview, ...]:
    """Review the user's open positions; a run whose position wants out is made due."""
    now = desk.clock.now()
    due = []
    with desk.store.unit_of_work() as uow:
        held = [position for position in uow.positions.open_positions() if position.user_id == command.user_id]
        runs = {position.id: own_run(uow, command.user_id, position.run_id) for position in held}
        strategies = {run.id: _strategy_of_run(uow, run) for run in runs.values()}
        reviews = tuple(review_position(desk, held_one, strategies[held_one.run_id], now) for held_one in held)
        for review in reviews:
            run = runs[review.position.id]
            if review.wants_out and run.status is RunStatus.MONITORING:
                uow.runs.save(replace(run, next_step=StepName.MANAGE_POSITION, due_at=now, updated_at=now))
                due.append(run.id)
        uow.commit()
    for run_id in due:
        desk.dispatch.enqueue(run_id, now)
    return reviews


HANDLERS: dict[type, Any] = {
    commands.StartRun: start_run,
    SaveDestination: save_destination,
    RemoveDestination: remove_destination,
    commands.ApproveProposal: approve,
    commands.RejectProposal: reject,
    commands.ModifyProposal: modify_proposal,
    commands.ExecuteProposal: execute_proposal,
    commands.CancelRun: cancel_run,
    commands.PauseRun: pause_run,
    commands.ResumeRun: resume_run,
    commands.CancelOrder: cancel_order,
    commands.ResolveOrder: resolve_order,
    commands.ClosePosition: close_position,
    commands.RollPosition: roll_position,
    commands.AdjustPosition: adjust_position,
    commands.ReplaceTargets: replace_targets,
    commands.SellShares: sell_shares,
    commands.NoteTrade: note_trade,
    commands.Halt: halt,
    commands.LiftHalt: lift_halt,
    commands.SaveStrategy: save_strategy,
    commands.DeleteStrategy: delete_strategy,
    commands.SetLimit: set_limit,
    commands.Reconcile: reconcile_books,
    commands.AdoptPosition: adopt_position,
    commands.IgnoreFinding: ignore_finding,
    commands.AssignClose: assign_close,
    commands.ApplyExitRules: apply_exit_rules,
    commands.SavePrompt: save_prompt,
    commands.RemovePrompt: remove_prompt,
    commands.SaveSignalSource: save_source,
    commands.TakeSignal: take_signal,
    schedule_commands.AddSchedule: add_schedule,
    schedule_commands.PauseSchedule: pause_schedule,
    schedule_commands.ResumeSchedule: resume_schedule,
    schedule_commands.RemoveSchedule: remove_schedule,
    schedule_commands.SaveWatchlist: save_watchlist,
    schedule_commands.RemoveWatchlist: remove_watchlist,
    schedule_commands.RunScan: run_scan,
    schedule_commands.LookUpSymbols: look_up_symbols,
    schedule_commands.FindSymbols: find_symbols,
}


def _strategy_of_run(uow: UnitOfWork, run: WorkflowRun) -> Strategy:
    stored = uow.strategies.revision(run.user_id, run.strategy_id, run.strategy_revision)
    if stored is None:
        raise InvariantError(f"{run.id}: revision {run.strategy_revision} of strategy {run.strategy_id} is gone")
    return stored.strategy


def _move_run(desk: Desk, user: UserId, run_id: RunId, status: RunStatus, kind: EventKind) -> WorkflowRun:
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        run = own_run(uow, user, run_id)
        if run.status in FINAL:
            raise NotAllowed("run_completed", f"{run.id} is completed ({run.outcome})")
        moved = run.moved_to(status, now=now)
        if kind is EventKind.RUN_RESUMED:
            moved = replace(moved, due_at=now, attempts=0)
        tell(uow, moved, kind, now)
        saved = uow.runs.save(moved)
        uow.commit()
    enqueue(desk, saved)
    return saved
