"""What a broker's report does to an order, its position and its run: the decision, without any effect."""

from dataclasses import dataclass, replace

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Effect, Order, OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.reports import BrokerReport, apply_report
from thetaloom.domain.run.runs import Outcome, RunStatus
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOutput:
    """Order and position after the report, and where the run goes."""

    verdict: Verdict
    order: Order
    position: Position
    status: RunStatus | None  # None: stays where it is
    outcome: Outcome | None
    reason: str


def decide_report(given: ReportInputs) -> ReportOutput:
    """Apply a report to the order and the position, and say where the run goes."""
    if given.fill_is_known:
        return _unchanged(given)
    order = apply_report(given.order, given.report)
    position, fill = given.position, given.report.fill
    if fill is not None:
        opens = order.effect is Effect.OPEN
        position = position.with_open_fill(fill) if opens else _reduced(given, order, fill)
    status, outcome, reason = _after(given, order, position)
    return ReportOutput(verdict=ALLOWED, order=order, position=position, status=status, outcome=outcome, reason=reason)


def _reduced(given: ReportInputs, order: Order, fill: Fill) -> Position:
    # A partial exit rule has had its turn once its order is filled, not when it was staged.
    position = given.position.with_close_fill(fill)
    if order.is_open or not position.is_open or given.exit_index is None:
        return position
    return replace(position, exits_fired=(*position.exits_fired, given.exit_index))


def _after(given: ReportInputs, order: Order, position: Position) -> tuple[RunStatus | None, Outcome | None, str]:
    if order.effect is Effect.CLOSE:
        if given.run_status is RunStatus.COMPLETED:
            return None, None, ""  # late acknowledgements and repeated ends tell nothing new
        if not position.is_open and order.filled:
            return None, Outcome.CLOSED, given.exit_reason
        back = not order.is_open and given.run_status is RunStatus.CLOSING
        return (RunStatus.MONITORING if back else None), None, given.exit_reason
    if given.run_status not in {RunStatus.EXECUTING, RunStatus.COMPLETED} or order.is_open:
        return None, None, ""
    if position.is_open:
        return RunStatus.MONITORING, None, ""
    if given.run_status is RunStatus.COMPLETED:
        return None, None, ""
    return None, *_end_of_entry(order, given.withdrawn or given.order.reason)


def _end_of_entry(order: Order, asked_because: str) -> tuple[Outcome, str]:
    if order.status is OrderStatus.REJECTED:
        return Outcome.DENIED, Reason.ORDER_REJECTED.value
    if asked_because == Reason.HALTED.value:
        return Outcome.DENIED, Reason.HALTED.value
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
