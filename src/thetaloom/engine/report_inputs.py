"""What a broker's report is judged by: gathered from our books, and where they cannot know, from the broker's."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from thetaloom.domain.book.orders import Order, OrderPurpose, OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import BrokerOrder, BrokerReport, ReportKind
from thetaloom.domain.book.spreads import spreads_of
from thetaloom.domain.run.runs import StepName, WorkflowRun
from thetaloom.domain.values.ids import ClientOrderId, make_position_id
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import Candidate, ExitFinding
from thetaloom.engine.lineage import output_of
from thetaloom.engine.order_reports import ReportInputs
from thetaloom.engine.rolls import is_from_roll, linked
from thetaloom.errors import AnswerPending, BrokerUnavailable
from thetaloom.ports.store import UnitOfWork

Find = Callable[[ClientOrderId], BrokerOrder | None]
BOOKS_LAG = timedelta(minutes=1)  # so long may a broker's list of positions come behind its fills


def report_inputs(
    desk: Desk,
    uow: UnitOfWork,
    run: WorkflowRun,
    order: Order,
    report: BrokerReport,
    held: Position | None,
    *,
    withdrawn: Reason | None,
    find: Find,
) -> ReportInputs:
    """Gather all that the decision about a report rests on; ``find`` looks an order up in the broker's books."""
    report, now = _with_standing_limit(find, report), desk.clock.now()
    is_exit = order.purpose in {OrderPurpose.EXIT, OrderPurpose.ROLL}
    finding = output_of(desk, uow, run.id, StepName.MANAGE_POSITION, ExitFinding) if is_exit else None
    known = {fill.fill_id for fill in uow.orders.fills_of(order.client_order_id)}
    return ReportInputs(
        report=report,
        order=order,
        position=held if held is not None else linked(uow, run.id, _empty_position(desk, uow, run, order, now)),
        rolls=is_from_roll(uow, run.id),
        fill_is_known=report.fill is not None and report.fill.fill_id in known,
        run_status=run.returns_to or run.status,
        exit_reason=run.reason,
        exit_index=None if finding is None or finding.exit is None else finding.exit.index,
        exit_keeps=None if finding is None else finding.keep,
        withdrawn=withdrawn,
        refused_before=_refused_before(uow, order, report),
        queues=_may_queue(uow, run),
        there=None if withdrawn is not None else _there(find, order, report),  # what was never sent is not there
        missing=_missing(desk, uow, held, report, now),
    )


def _there(find: Find, order: Order, report: BrokerReport) -> BrokerOrder | None:
    # Whether more has filled than was told is asked where an entry's capacity would be given back, and where
    # another order would close what this one has closed already.
    ends = report.kind in {ReportKind.CANCELED, ReportKind.EXPIRED}
    fills_late = report.kind is ReportKind.FILLED and order.status is OrderStatus.PENDING_CANCEL
    if not order.is_open or not (ends or fills_late):
        return None
    try:
        return find(report.client_order_id)
    except AnswerPending:
        raise  # it is applied when the answer is there
    except BrokerUnavailable:
        return None


def _refused_before(uow: UnitOfWork, order: Order, report: BrokerReport) -> int:
    if report.refusal is None:
        return 0
    return sum(
        other.refusal is report.refusal and other.effect is order.effect
        for other in uow.orders.of_run(order.run_id)
        if other.client_order_id != order.client_order_id
    )


def _may_queue(uow: UnitOfWork, run: WorkflowRun) -> bool:
    stored = uow.strategies.revision(run.user_id, run.strategy_id, run.strategy_revision)
    return stored is not None and stored.strategy.approval.queue_for_open


def _missing(
    desk: Desk, uow: UnitOfWork, held: Position | None, report: BrokerReport, now: datetime
) -> tuple[str, ...]:
    # A closing order refused for its quantity: what the broker really holds decides how to go on, once it can know.
    if report.refusal is not Refusal.QUANTITY_CONFLICT or held is None:
        return ()
    fills = (fill for order in uow.orders.of_run(held.run_id) for fill in uow.orders.fills_of(order.client_order_id))
    if now - max((fill.filled_at for fill in fills), default=held.opened_at) < BOOKS_LAG:
        return ()
    theirs = desk.broker.holdings()
    short = []
    for contract, ours in held.held.items():
        there = theirs.get(contract, 0)
        if there * ours < ours * ours:
            short.append(f"{contract.notation}: ours {ours}, the broker's {there}")
    return tuple(short)


def _with_standing_limit(find: Find, report: BrokerReport) -> BrokerReport:
    # A refused replace leaves the old limit standing, one told late speaks of an older limit, and some brokers
    # report a success that changed nothing: which limit stands is what the broker's books say.
    if report.kind not in {ReportKind.REPLACE_REFUSED, ReportKind.REPLACED}:
        return report
    try:
        known = find(report.client_order_id)
    except AnswerPending:
        raise  # it is applied when the answer is there
    except BrokerUnavailable:
        return report
    return report if known is None else replace(report, limit_price=known.limit_price)


def _empty_position(desk: Desk, uow: UnitOfWork, run: WorkflowRun, order: Order, now: datetime) -> Position:
    stored = uow.strategies.revision(run.user_id, run.strategy_id, run.strategy_revision)
    targets = () if stored is None else stored.strategy.targets
    names: dict[OptionContract, str] = {}
    if targets:
        chosen = output_of(desk, uow, run.id, StepName.SELECT_STRUCTURE, Candidate)
        names = {leg.contract: name for leg, name in zip(chosen.legs, chosen.leg_names, strict=False)}
    return Position(
        id=make_position_id(run.id),
        run_id=run.id,
        user_id=run.user_id,
        account_id=run.account_id,
        strategy_id=run.strategy_id,
        symbol=run.symbol,
        legs=order.legs,
        spreads=spreads_of(order.legs, tuple(names.get(leg.contract, "") for leg in order.legs), targets),
        opened_at=now,
    )
