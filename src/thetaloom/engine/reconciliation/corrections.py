"""Fills of ours that the exchange busted or corrected: booked anew where it is certain, else left to later phases."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from thetaloom.domain.book.corrections import (
    BUSTED,
    Correction,
    CorrectionInputs,
    decide_correction,
)
from thetaloom.domain.book.elsewhere import legs_in_words
from thetaloom.domain.book.looks import Link, LinkedTransaction
from thetaloom.domain.book.orders import Effect
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.resting import beyond_held
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, WorkflowRun
from thetaloom.domain.values.ids import ClientOrderId, PositionId
from thetaloom.domain.values.reasons import Answer, Reason, Verdict
from thetaloom.engine.imbalance import mind_legs
from thetaloom.engine.last_gate import legs_note
from thetaloom.engine.lineage import Decider, Executed, record
from thetaloom.engine.order_manager import ask_cancel
from thetaloom.engine.position_alerts import mind_alerts
from thetaloom.engine.reconciliation.doubts import set_aside
from thetaloom.engine.reconciliation.round import Round, summed
from thetaloom.engine.standing_fills import booked_of, corrections_of
from thetaloom.engine.step import ended, tell
from thetaloom.errors import InvariantError

CORRECTION_DECIDER = Decider(name="trade_correction", inputs=CorrectionInputs, decide=decide_correction)
LOOKED_AT = frozenset({RunStatus.MONITORING, RunStatus.CLOSING})

Rows = Sequence[LinkedTransaction]


def book_corrections(now: Round, waiting: Rows) -> list[LinkedTransaction]:
    """Book what busts and corrections make of our positions; return what is left, trades of others among it."""
    if not any(one.corrects for one in waiting):
        return list(waiting)
    rows = now.uow.looks.linked_since(now.account, now.now - now.options.reach)
    by_id = {one.transaction_id: one for one in rows}
    mine: dict[PositionId, list[LinkedTransaction]] = {}
    for one in waiting:
        trade = _trade_of(one, by_id)
        if trade is not None and trade is not one and trade.link is Link.ORDER:
            mine.setdefault(PositionId(trade.linked_to[1]), []).append(one)
    left = [one for one in waiting if not any(one in group for group in mine.values())]
    left = _without_prices(now, left, by_id)
    for position_id, group in mine.items():
        position = now.uow.positions.get(position_id)
        if position is None or not now.reaches(position.symbol, position_id) or not _book(now, position, group, by_id):
            left += group
    return left


def _without_prices(now: Round, waiting: Rows, by_id: Mapping[str, LinkedTransaction]) -> list[LinkedTransaction]:
    """Link corrections of a price alone of trades that were not ours: no contract moved; return the others."""
    by_trade: dict[str, list[LinkedTransaction]] = {}
    for one in waiting:
        by_trade.setdefault(one.corrects, []).append(one)
    still = [group for name, group in by_trade.items() if name and not sum(one.quantity for one in group)]
    for group in still:
        to = by_id[group[0].corrects].linked_to if group[0].corrects in by_id else ()
        now.uow.looks.link(replace(one, link=Link.CORRECTION, linked_to=to) for one in group)
    return [one for one in waiting if not any(one in group for group in still)]


def _trade_of(one: LinkedTransaction, by_id: Mapping[str, LinkedTransaction]) -> LinkedTransaction | None:
    """Return the trade that a correction goes back to, through whatever corrected it before."""
    seen = {one.transaction_id}
    while one.corrects:
        before = by_id.get(one.corrects)
        if before is None or before.transaction_id in seen:
            return None
        seen.add(before.transaction_id)
        one = before
    return one


def _book(now: Round, position: Position, group: Rows, by_id: Mapping[str, LinkedTransaction]) -> bool:
    began = time.perf_counter_ns()
    run = now.uow.runs.get(position.run_id)
    if run is None:
        raise InvariantError(f"{position.id} has no run")
    booked = booked_of(now.uow, position)
    given = CorrectionInputs(
        position=position,
        booked=booked,
        before=corrections_of(now.uow, position),
        fresh=_fresh(group, by_id),
        at=now.now,
    )
    said = decide_correction(given)
    executed = Executed(
        step=StepName.MANAGE_POSITION,
        decider=CORRECTION_DECIDER,
        inputs=given,
        output=said,
        started_at=now.now,
        duration_us=(time.perf_counter_ns() - began) // 1000,
    )
    if said.position is None:
        return _waits(now, run, given)
    run = now.uow.runs.save(record(now.desk, now.uow, run, executed))
    was = {one.order.client_order_id: one.order for one in booked}
    for order in said.orders:
        now.uow.orders.correct(was[order.client_order_id], order)
    after = now.uow.positions.save(said.position)
    mind_alerts(now.desk, now.uow, position, after, now.now)
    _tell(now, run, given, after)
    now.uow.runs.save(_moved(now, run, position, after))
    if position.loose or after.loose:
        mind_legs(now.desk, now.uow, after, now.now)
    for over in beyond_held(after, now.uow.orders.of_run(run.id)):
        ask_cancel(now.desk, now.uow, over, Reason.MORE_THAN_HELD)
        now.deliver.append(over.client_order_id)
    for one, correction in zip(group, given.fresh, strict=True):
        now.uow.looks.link([replace(one, link=Link.CORRECTION, linked_to=(correction.order, position.id))])
    now.moved.add(run.id)
    now.wake.append(run.id)
    now.counts.updated += 1
    return True


def _waits(now: Round, run: WorkflowRun, given: CorrectionInputs) -> bool:
    """Tell whether an order that is corrected works still: it is canceled, and the next look books what it did."""
    moved = {one.order for one in given.fresh}
    if not any(one.order.is_open and one.order.client_order_id in moved for one in given.booked):
        return False
    contracts = {one.told.contract for one in given.fresh if one.told.contract is not None}
    now.strange |= contracts
    now.undecided.add(given.position.id)
    now.persists(f"bust:{given.position.id}", f"a trade of {given.position.id} was busted while its order works")
    now.uow.runs.save(set_aside(now, run, Reason.BOOK_IN_DOUBT))
    return True


def _fresh(group: Rows, by_id: Mapping[str, LinkedTransaction]) -> tuple[Correction, ...]:
    trades = ((one, _trade_of(one, by_id)) for one in group)
    return tuple(
        Correction(order=ClientOrderId(trade.linked_to[0]), told=one.transaction)
        for one, trade in trades
        if trade is not None
    )


def _moved(now: Round, run: WorkflowRun, before: Position, after: Position) -> WorkflowRun:
    enters = any(one.effect is Effect.OPEN and one.is_open for one in now.uow.orders.of_run(run.id))
    if not after.is_open:
        if run.is_final or enters:
            return replace(run, updated_at=now.now)
        outcome = Outcome.UNFILLED if after.ended_as == BUSTED else Outcome.CLOSED
        return ended(now.uow, run, outcome, Verdict(answer=Answer.ALLOW, reason=Reason.TRADE_BUSTED), now.now)
    came = [one for one in after.loose if one not in before.loose]
    if came:  # another risk than was approved, and no order of ours made it: a person says how it goes on
        legs = legs_in_words(summed({one.contract: one.quantity} for one in came))
        now.halts.append(f"{legs_note(after.id)}: {legs}")
        tell(now.uow, run, EventKind.LEGS_ORPHANED, now.now, position=after.id, legs=legs)
        return set_aside(now, run, Reason.TRADE_BUSTED)
    if run.status in LOOKED_AT:
        return replace(run, due_at=now.now, updated_at=now.now)
    return replace(run, updated_at=now.now)


def _tell(now: Round, run: WorkflowRun, given: CorrectionInputs, after: Position) -> None:
    orders = {one.order.client_order_id: one.order for one in given.booked}
    back = {one.told.transaction_id: one.takes_back(orders[one.order]) for one in given.fresh}
    replaced = {one.told.corrects for one in given.fresh if not back[one.told.transaction_id]}
    for one in given.fresh:
        kind = EventKind.TRADE_CORRECTED if one.told.corrects in replaced else EventKind.TRADE_BUSTED
        if one.told.contract is None or (back[one.told.transaction_id] and kind is EventKind.TRADE_CORRECTED):
            continue  # what stands in its place is told
        legs = legs_in_words({one.told.contract: one.told.quantity})
        facts = {"position": after.id, "order": one.order, "trade": one.told.corrects, "legs": legs}
        tell(now.uow, run, kind, now.now, **facts, price=one.told.price, realized_pnl=after.realized_pnl)
        word = "busted" if kind is EventKind.TRADE_BUSTED else "corrected"
        now.note(f"{after.id}: the exchange {word} a trade: {legs}")
    if given.position.is_open and not after.is_open:
        brought, why = after.realized_pnl, Reason.TRADE_BUSTED.value
        tell(now.uow, run, EventKind.POSITION_CLOSED, now.now, position=after.id, realized_pnl=brought, reason=why)
    elif after.is_open and not given.position.is_open:
        tell(now.uow, run, EventKind.POSITION_OPENED, now.now, position=after.id, reason=Reason.TRADE_BUSTED.value)
