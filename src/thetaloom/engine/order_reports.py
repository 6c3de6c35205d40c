"""What a broker's report does to an order, its position and its run: the decision, without any effect."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.live_gates import GATES
from thetaloom.domain.book.orders import LEGS_ALONE, Effect, Order, OrderPurpose, OrderStatus
from thetaloom.domain.book.positions import BEYOND_HELD, Position
from thetaloom.domain.book.refusals import NextAction, Refusal
from thetaloom.domain.book.reports import (
    BrokerOrder,
    BrokerReport,
    Contradiction,
    ReportKind,
    apply_report,
    contradiction_of,
)
from thetaloom.domain.book.resting import units_held
from thetaloom.domain.book.spreads import with_legs
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict
from thetaloom.engine.lineage import Decider


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInputs:
    """A broker's report with the order and the position it changes."""

    report: BrokerReport
    order: Order
    position: Position  # as held before; without lots when nothing is held yet
    fill_is_known: bool
    run_status: RunStatus
    exit_reason: str  # why a closing order was staged
    exit_index: int | None  # the exit rule that staged it, if a rule did
    withdrawn: Reason | None = None  # why we took it back ourselves: the broker never had it
    exit_keeps: Mapping[str, int] | None = None  # spreads that the exit leaves, by name
    refused_before: int = 0  # earlier orders of the run that the broker refused for the same cause
    queues: bool = True  # whether an entry may wait for the open
    rolls: bool = False  # an entry of it follows what its roll has closed
    there: BrokerOrder | None = None  # an order whose end was told, or that fills late, by the broker's books
    missing: tuple[str, ...] = ()  # contracts of which the broker holds less than the position, where it was asked


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOutput:
    """Order and position after the report, and where the run goes."""

    verdict: Verdict
    order: Order
    position: Position
    status: RunStatus | None  # None: stays where it is
    outcome: Outcome | None
    reason: str
    contradiction: Contradiction | None = None  # booked all the same; the account takes no new risk until a look
    next_step: StepName | None = None  # where a refused entry goes on; None: what its status asks for
    waits_for_open: bool = False


# What the engine can do about a refused entry without asking anybody.
_GOES_ON = {
    NextAction.REGENERATE: (RunStatus.EVALUATING, StepName.SELECT_STRUCTURE),
    NextAction.QUEUE: (RunStatus.EXECUTING, StepName.SUBMIT_ORDER),
    NextAction.REPRICE: (RunStatus.EXECUTING, StepName.SUBMIT_ORDER),
}
REPRICES_MAX = 1
DENYING = frozenset(reason.value for reason in (Reason.HALTED, *GATES))
# Orders that work beside the run's own way, and how it ended when they took the last of a position.
_RESTED = {OrderPurpose.TARGET: Reason.PROFIT_TARGET, OrderPurpose.LADDER: Reason.EXPIRY_LADDER}


def decide_report(given: ReportInputs) -> ReportOutput:
    """Apply a report to the order and the position, and say where the run goes."""
    if given.fill_is_known:
        return _unchanged(given)
    order = _denied_or_applied(given)
    position, fill = given.position, given.report.fill
    contradiction = contradiction_of(given.order, given.report)
    if fill is not None and order.purpose in LEGS_ALONE:
        fill = with_legs(fill, order.legs)  # of some legs of the structure alone
    if fill is not None and order.effect is Effect.OPEN:
        position = position.with_open_fill(fill)
    elif fill is not None and given.report.kind is ReportKind.LEGS_LEFT:
        position = position.with_close_fill(fill, order.part, keep=given.exit_keeps or {})
    elif fill is not None:
        if fill.quantity > units_held(position, order.legs):
            contradiction = contradiction or Contradiction.OVERCLOSE
        position = _reduced(given, order, fill)
    goes_on = _goes_on(given, order, position)
    if goes_on is not None:
        return goes_on
    status, outcome, reason = _after(given, order, position)
    return ReportOutput(
        verdict=ALLOWED,
        order=order,
        position=position,
        status=status,
        outcome=outcome,
        reason=reason,
        contradiction=contradiction,
    )


def _denied_or_applied(given: ReportInputs) -> Order:
    # What was never sent and may not be sent is denied by us; a person's wish, or what was sent, is canceled.
    ours = given.withdrawn is not None and given.withdrawn is not Reason.ORDER_CANCELED
    if ours and given.order.status is OrderStatus.STAGED:
        return given.order.moved_to(OrderStatus.DENIED, given.report.message)
    order = _still_filling(given, apply_report(given.order, given.report))
    if given.order.status is OrderStatus.PENDING_CANCEL and order.status is OrderStatus.CANCELED and given.order.reason:
        return replace(order, reason=given.order.reason)  # why we asked for it outlives the broker's words
    return order


def _still_filling(given: ReportInputs, order: Order) -> Order:
    # An end may be told before a fill that came before it. Until the books' fills are all told, what they say has
    # filled stays reserved; with the last of them the order is over.
    there, before = given.there, given.order
    if there is None or not before.is_open:
        return order
    if order.status in {OrderStatus.CANCELED, OrderStatus.EXPIRED} and there.filled > order.filled:
        if before.status is OrderStatus.PENDING_CANCEL:
            return replace(before, broker_order_id=order.broker_order_id)
        return replace(order, status=OrderStatus.PENDING_CANCEL)
    ended = {OrderStatus.CANCELED, OrderStatus.EXPIRED} & {there.status}
    if order.status is OrderStatus.PENDING_CANCEL and ended and there.filled == order.filled:
        return order.moved_to(there.status).answered()
    return order


def _reduced(given: ReportInputs, order: Order, fill: Fill) -> Position:
    # What is closed beyond what is held is held, too: the broker has it in the account, and nobody else minds it.
    held = units_held(given.position, order.legs)
    position, (closed, beyond) = given.position, fill.split(min(fill.quantity, held))
    if closed is not None:
        position = position.with_close_fill(closed, order.part, keep=given.exit_keeps or {})
    if beyond is not None:
        position = position.with_close_fill(with_legs(beyond, order.legs), cause=BEYOND_HELD)
    # A partial exit rule has had its turn once its order is filled, not when it was staged.
    if order.is_open or not position.is_open or given.exit_index is None:
        return position
    return replace(position, exits_fired=(*position.exits_fired, given.exit_index))


def _goes_on(given: ReportInputs, order: Order, position: Position) -> ReportOutput | None:
    """Return where the run goes after an entry that was refused for a cause the engine can act on itself."""
    refused = order.status is OrderStatus.REJECTED and given.order.is_open and order.effect is Effect.OPEN
    action = order.refusal.action if order.refusal is not None else NextAction.TELL
    if not refused or position.is_open or given.run_status is not RunStatus.EXECUTING or action not in _GOES_ON:
        return None
    if given.rolls:  # an approval is for once: what was closed is not opened at another price or time
        return None
    if action is NextAction.QUEUE and not given.queues:
        return None
    if action is NextAction.REPRICE and given.refused_before >= REPRICES_MAX:
        return None
    status, step = _GOES_ON[action]
    return ReportOutput(
        verdict=Verdict(answer=ALLOWED.answer, reason=order.refusal.reason if order.refusal else None),
        order=order,
        position=position,
        status=status,
        outcome=None,
        reason="",
        next_step=step,
        waits_for_open=action is NextAction.QUEUE,
    )


def _after(given: ReportInputs, order: Order, position: Position) -> tuple[RunStatus | None, Outcome | None, str]:
    if order.effect is Effect.CLOSE:
        return _after_close(given, order, position)
    if given.run_status is RunStatus.MONITORING and order.purpose is OrderPurpose.COMPLETE and not order.is_open:
        return RunStatus.MONITORING, None, ""  # whether it did or not: the legs are looked at again
    if given.run_status is RunStatus.MONITORING and given.report.fill is not None:
        return RunStatus.MONITORING, None, ""  # more is held than was looked at: its spreads lack their targets
    if given.run_status not in {RunStatus.EXECUTING, RunStatus.COMPLETED} or order.is_open:
        return None, None, ""
    if position.is_open:
        return RunStatus.MONITORING, None, ""
    if given.run_status is RunStatus.COMPLETED:
        return None, None, ""
    if given.rolls:
        return None, Outcome.UNFILLED, Reason.ROLL_INCOMPLETE.value
    return None, *_end_of_entry(order, given.withdrawn or given.order.reason)


def _after_close(given: ReportInputs, order: Order, position: Position) -> tuple[RunStatus | None, Outcome | None, str]:
    if given.run_status is RunStatus.COMPLETED:  # late acknowledgements and repeated ends tell nothing new
        reopened = position.is_open and given.report.fill is not None
        return (RunStatus.MONITORING, None, "") if reopened else (None, None, "")
    rested = _RESTED.get(order.purpose)
    if not position.is_open and order.filled:
        return None, Outcome.CLOSED, given.exit_reason if rested is None else rested.value
    if order.refusal is Refusal.QUANTITY_CONFLICT and given.missing:
        return RunStatus.ERROR, None, Reason.QUANTITY_CONFLICT.value  # only a person can say what became of it
    if order.is_open or given.run_status not in {RunStatus.CLOSING, RunStatus.MONITORING}:
        return None, None, given.exit_reason
    if rested is not None:  # what waited for its end goes on at once
        return given.run_status, None, given.exit_reason
    if given.run_status is RunStatus.CLOSING:
        return (
            (RunStatus.CLOSING if _goes_on_closing(given, order, position) else RunStatus.MONITORING),
            None,
            given.exit_reason,
        )
    return None, None, given.exit_reason


def _goes_on_closing(given: ReportInputs, order: Order, position: Position) -> bool:
    # One spread of several was closed by an order of its own; those that must go, too, follow at once.
    keeps = given.exit_keeps
    if keeps is None or not order.part or order.status is not OrderStatus.FILLED:
        return False
    return any(spread.quantity > keeps.get(spread.name, 0) for spread in position.spreads)


def _end_of_entry(order: Order, asked_because: str) -> tuple[Outcome, str]:
    if order.status is OrderStatus.REJECTED:
        return Outcome.DENIED, (order.refusal or Refusal.UNKNOWN).reason.value
    if asked_because in DENYING:
        return Outcome.DENIED, asked_because
    if asked_because == Reason.ORDER_CANCELED.value:
        return Outcome.CANCELED, Reason.ORDER_CANCELED.value
    if order.status is OrderStatus.EXPIRED:
        return Outcome.UNFILLED, Reason.ORDER_EXPIRED.value
    return Outcome.UNFILLED, Reason.ORDER_TIMED_OUT.value


def _unchanged(given: ReportInputs) -> ReportOutput:
    return ReportOutput(
        verdict=Verdict(answer=ALLOWED.answer, facts={"known_fill": str(given.report.sequence)}),
        order=given.order,
        position=given.position,
        status=None,
        outcome=None,
        reason="",
    )


REPORT_DECIDER = Decider(name="order_report", inputs=ReportInputs, decide=decide_report)
