"""Phase five: runs of positions that were closed elsewhere end, and profit is held against the transactions."""

from thetaloom.domain.book.elsewhere import FindingKind
from thetaloom.domain.book.looks import Link, LinkedTransaction
from thetaloom.domain.book.orders import Effect
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.runs import Outcome
from thetaloom.domain.values.money import NOTHING, Money
from thetaloom.domain.values.reasons import Answer, Reason, Verdict
from thetaloom.engine.reconciliation.round import Round
from thetaloom.engine.step import ended

EXACT = Money("0.01")


def process_closures(now: Round) -> None:
    """Complete the runs whose positions went elsewhere, and check what was closed since the last look."""
    complete_closed(now)
    before = now.look.before
    if before is None:
        return
    closed = now.uow.positions.closed_since(now.account, before.looked_at)
    mine = [one for one in closed if now.reaches(one.symbol, one.id)]
    if not mine:
        return
    moved = now.uow.looks.linked_since(now.account, min(one.opened_at for one in mine))
    for position in mine:
        now.counts.processed += 1
        _check_profit(now, position, [one for one in moved if position.id in one.linked_to])


def complete_closed(now: Round) -> None:
    """Complete the runs of positions that were closed elsewhere in this round."""
    for position in now.closed:
        now.counts.processed += 1
        _complete(now, position)


def _complete(now: Round, position: Position) -> None:
    run = now.uow.runs.get(position.run_id)
    orders = now.uow.orders.of_run(position.run_id)
    if run is None or run.is_final or any(one.effect is Effect.OPEN and one.is_open for one in orders):
        return  # an entry that still works may open more; its end ends the run
    verdict = Verdict(answer=Answer.ALLOW, reason=Reason.CLOSED_ELSEWHERE)
    now.uow.runs.save(ended(now.uow, run, Outcome.CLOSED, verdict, now.now))
    now.counts.updated += 1
    now.note(f"{run.id} completed: its position {position.id} was closed elsewhere")


def _check_profit(now: Round, position: Position, moved: list[LinkedTransaction]) -> None:
    # Only where all that happened to it is there, and nothing of it is shared with another.
    held: dict[str, int] = {}
    for one in moved:
        symbol = "" if one.contract is None else one.contract.occ_symbol
        held[symbol] = held.get(symbol, 0) + one.quantity
    shared = any(one.link is Link.ELSEWHERE and len(one.linked_to) > 1 for one in moved)
    if not moved or shared or any(held.values()):
        return
    told = sum((one.cash + one.fees for one in moved), NOTHING)
    if abs(told - position.realized_pnl) < EXACT:
        return
    text = f"{position.id} brought {position.realized_pnl} by our books and {told} by its transactions"
    now.raise_finding(FindingKind.PNL_DIFFERS, f"pnl:{position.id}", text, symbol=position.symbol)
