"""Phase four: our positions against what the broker holds, each difference explained by a trade, or asked about."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from thetaloom.domain.book.elsewhere import (
    ElsewhereInputs,
    FindingKind,
    FindingStatus,
    OutsideTrade,
    candidates_of,
    closing_part,
    decide_elsewhere,
    legs_in_words,
    part_of_trade,
    position_ids,
    shares_of,
    trades_of,
)
from thetaloom.domain.book.fills import LegFill
from thetaloom.domain.book.looks import SETTLEMENTS, Link, LinkedTransaction
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.resting import beyond_held
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import StepName
from thetaloom.domain.values.ids import PositionId, StrategyId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.imbalance import mind_legs
from thetaloom.engine.lineage import Decider, Executed, record
from thetaloom.engine.order_manager import ask_cancel
from thetaloom.engine.position_alerts import mind_alerts
from thetaloom.engine.reconciliation.adoption import adopt
from thetaloom.engine.reconciliation.discovery import disagreeing
from thetaloom.engine.reconciliation.round import Round, summed, trades_net
from thetaloom.engine.step import tell
from thetaloom.errors import InvariantError, ThetaloomError

ELSEWHERE_DECIDER = Decider(name="closed_elsewhere", inputs=ElsewhereInputs, decide=decide_elsewhere)
ASK, IGNORE = "ask", "ignore"

Contracts = Mapping[OptionContract, int]


def sync_positions(now: Round) -> None:
    """Book the trades made elsewhere to the positions that they closed; ask where that is not certain."""
    now.counts.processed += len(now.positions)
    doubtful = disagreeing(now)
    settlements = [one for one in now.waiting if one.kind in SETTLEMENTS]
    trades = trades_of(one.transaction for one in now.waiting if one.kind not in SETTLEMENTS)
    by_id = {one.transaction_id: one for one in now.waiting}
    pending = summed((trades_net(trades), _net(settlements)))
    for trade in trades:
        if any(leg in doubtful for leg in trade.contracts) or not _fits(now, trade, pending):
            continue
        pending = summed((pending, {one: -number for one, number in trade.contracts.items()}))
        linked = book_trade(now, trade)
        if linked is None:
            pending = summed((pending, trade.contracts))
            continue
        rows = [by_id[one] for one in trade.transactions]
        now.uow.looks.link(replace(one, link=Link.ELSEWHERE, linked_to=linked) for one in rows)
    _settlements(now, settlements, doubtful)
    _residue(now, doubtful, _net(settlements))


def book_trade(now: Round, trade: OutsideTrade) -> tuple[str, ...] | None:
    """Book a trade made elsewhere; return whom it is linked to, or ``None`` where the options leave it alone."""
    symbol = trade.legs[0].contract.underlying
    holders, moved = now.holders, trade.contracts
    closing = closing_part(moved, summed(one.held for one in holders))
    ours = {leg for position in now.positions.values() for leg in position.held}
    foreign = {leg: number for leg, number in closing.items() if leg not in ours}  # whichever of them: none is ours
    closing = {leg: number for leg, number in closing.items() if leg in ours}
    shares = shares_of(closing, holders)
    if not now.reaches(symbol) and now.options.position is None:
        return None
    if now.options.position is not None and (shares is None or set(shares) != {now.options.position}):
        return None
    linked: list[str] = []
    for leg, number in foreign.items():
        linked += _shrink(now, leg, number, f"closed by {trade.name}")
    if shares is None:
        linked.append(_ask_whose(now, trade, closing))
    for holder, taken in (shares or {}).items():
        linked.append(holder)
        _take(now, trade, holder, taken, holders)
    built = summed((moved, *({one: -number for one, number in part.items()} for part in (closing, foreign))))
    if built:
        linked.append(_ask_adopt(now, trade, built))
    return tuple(linked)


def close_elsewhere(
    now: Round, position: Position, trade: OutsideTrade, holders: Sequence[Any], assigned_by: str = ""
) -> Position:
    """Book a trade to the position whose contracts it closed, with its record in the lineage."""
    run = now.uow.runs.get(position.run_id)
    if run is None:
        raise InvariantError(f"{position.id} has no run")
    began = time.perf_counter_ns()
    given = ElsewhereInputs(trade=trade, position=position, holders=tuple(holders), assigned_by=assigned_by)
    said = decide_elsewhere(given)
    executed = Executed(
        step=StepName.CLOSE_POSITION,
        decider=ELSEWHERE_DECIDER,
        inputs=given,
        output=said,
        started_at=now.now,
        duration_us=(time.perf_counter_ns() - began) // 1000,
    )
    run = now.uow.runs.save(record(now.desk, now.uow, run, executed))
    after = now.uow.positions.save(said.position)
    if position.loose or after.loose:
        mind_legs(now.desk, now.uow, after, now.now)
    mind_alerts(now.desk, now.uow, position, after, now.now)
    kind = EventKind.POSITION_REDUCED if after.is_open else EventKind.POSITION_CLOSED
    facts = {"position": after.id, "realized_pnl": after.realized_pnl, "reason": Reason.CLOSED_ELSEWHERE.value}
    tell(now.uow, run, kind, now.now, **facts, trade=trade.name, legs=said.verdict.facts["legs"])
    for order in beyond_held(after, now.uow.orders.of_run(run.id)):
        ask_cancel(now.desk, now.uow, order, Reason.MORE_THAN_HELD)
        now.deliver.append(order.client_order_id)
    now.moved.add(run.id)
    if after.is_open:
        now.positions[after.id] = after
    else:
        now.positions.pop(after.id, None)
        now.closed.append(after)
    now.counts.updated += 1
    now.note(f"{after.id} lost {said.verdict.facts['legs']} to a trade elsewhere")
    return after


def _take(now: Round, trade: OutsideTrade, holder: str, taken: Contracts, holders: Sequence[Any]) -> None:
    position = now.positions.get(PositionId(holder))
    if position is not None:
        close_elsewhere(now, position, trade, holders)
        return
    found = next(one for one in now.findings.values() if one.id == holder)
    now.shrink_finding(found, taken, f"closed by {trade.name}")


def _fits(now: Round, trade: OutsideTrade, pending: Contracts) -> bool:
    # What waits must be all that differs; otherwise something else happened, too, and a guess could be wrong.
    gap = _gap(now)
    key = f"trade:{trade.name}"
    strange = [leg for leg in trade.contracts if pending.get(leg, 0) != gap.get(leg, 0)]
    if not strange:
        return True
    legs = ", ".join(f"{one.notation} by {gap.get(one, 0):+d}" for one in strange)
    text = f"the trade {trade.name} ({legs_in_words(trade.contracts)}) does not explain what differs: {legs}"
    now.strange.update(trade.contracts)
    if now.persists(key, text):
        symbol = trade.legs[0].contract.underlying
        now.raise_finding(FindingKind.CONTRACTS_DIFFER, key, text, halt=True, symbol=symbol)
    return False


def _gap(now: Round) -> dict[OptionContract, int]:
    """Return what the broker holds beyond our positions and the findings that explain something."""
    known = summed((now.ours, now.explained))
    return summed((now.look.holdings, {one: -number for one, number in known.items()}))


def _ask_whose(now: Round, trade: OutsideTrade, closing: Contracts) -> str:
    legs, fees = part_of_trade(trade, closing)
    candidates = candidates_of(closing, now.holders)
    names = ", ".join(candidates)
    text = f"a trade elsewhere ({legs_in_words(closing)}) closed contracts that each of {names} holds: whose?"
    more: dict[str, Any] = {"symbol": legs[0].contract.underlying, "legs": legs, "fees": fees}
    key = f"whose:{trade.name}"
    return now.raise_finding(
        FindingKind.WHOSE_CLOSE, key, text, halt=True, candidates=position_ids(candidates), **more
    ).id


def _ask_adopt(now: Round, trade: OutsideTrade, built: Contracts) -> str:
    legs, fees = part_of_trade(trade, built)
    rule = now.desk.settings.adopt
    text = f"{legs_in_words(built)} came by a trade elsewhere; no position of ours explains it"
    more: dict[str, Any] = {"symbol": legs[0].contract.underlying, "legs": legs, "fees": fees}
    found = now.raise_finding(FindingKind.UNKNOWN_HOLDING, f"trade:{trade.name}", text, **more)
    if rule == IGNORE:
        now.settle_finding(found, FindingStatus.IGNORED, "by rule")
    elif rule != ASK:
        try:
            adopt(now, found, StrategyId(rule), by="by rule")
        except ThetaloomError as error:  # it waits for a person like any other
            now.counts.errors += 1
            now.note(f"{found.id}: {error.message}")
    return found.id


def _settlements(now: Round, waiting: Sequence[LinkedTransaction], doubtful: frozenset[OptionContract]) -> None:
    gap = _gap(now)
    for contract in {one.contract for one in waiting if one.contract is not None}:
        rows = [one for one in waiting if one.contract == contract]
        key = f"settlement:{contract.occ_symbol}"
        standing = now.findings.get(key)
        if gap.get(contract, 0) == 0 and contract not in doubtful:
            now.uow.looks.link(replace(one, link=Link.SETTLEMENT) for one in rows)
            if standing is not None:
                now.settle_finding(standing, FindingStatus.GONE, "our books have it")
            continue
        _shrink_by(now, contract, sum(one.quantity for one in rows))
        if _gap(now).get(contract, 0) == 0:
            now.uow.looks.link(replace(one, link=Link.SETTLEMENT) for one in rows)
        elif standing is None:
            words = ", ".join(f"{one.quantity:+d} by {one.kind.value}" for one in rows)
            text = f"{contract.notation}: {words} at the broker, and not yet in our books"
            now.raise_finding(FindingKind.SETTLEMENT, key, text, symbol=contract.underlying)
    done = {one for one in now.findings.values() if one.kind is FindingKind.SETTLEMENT}
    waits = {f"settlement:{one.contract.occ_symbol}" for one in waiting if one.contract is not None}
    for one in done:
        if one.key not in waits and one.key in now.findings:
            now.settle_finding(one, FindingStatus.GONE, "our books have it")


def _shrink_by(now: Round, contract: OptionContract, quantity: int) -> None:
    # What came over contracts that nobody of ours holds came over those of a finding.
    if any(contract in position.held for position in now.positions.values()):
        return
    _shrink(now, contract, quantity, "settled at the broker")


def _shrink(now: Round, contract: OptionContract, quantity: int, how: str) -> list[str]:
    left, found_ids = quantity, []
    for found in tuple(now.findings.values()):
        there = found.contracts.get(contract, 0) if found.kind is FindingKind.UNKNOWN_HOLDING else 0
        if there * left < 0:
            taken = min(abs(there), abs(left)) * (1 if left > 0 else -1)
            now.shrink_finding(found, {contract: taken}, how)
            found_ids.append(found.id)
            left -= taken
    return found_ids


def _residue(now: Round, doubtful: frozenset[OptionContract], settling: Contracts) -> None:
    """Ask about what differs and no transaction explains, once it was there at two looks."""
    ours = now.ours  # no position changes here; to add up anew for each contract takes minutes over thousands
    for contract, number in sorted(_gap(now).items(), key=lambda pair: pair[0].occ_symbol):
        if contract in doubtful or contract in now.strange or number == settling.get(contract, 0):
            continue
        if now.reaches(contract.underlying):
            _ask_unexplained(now, contract, number, ours.get(contract, 0))
    for key, one in tuple(now.findings.items()):
        is_seen = key in now.suspects or key.startswith("sums:") or not now.is_whole
        if one.kind is FindingKind.CONTRACTS_DIFFER and not is_seen:
            now.settle_finding(one, FindingStatus.GONE, "both books hold the same")


def _ask_unexplained(now: Round, contract: OptionContract, number: int, ours: int) -> None:
    theirs = now.look.holdings.get(contract, 0)
    text = f"{contract.notation}: the broker holds {theirs}, our positions {ours}; no transaction explains it"
    is_lost = ours * number < 0
    key = f"{'lost' if is_lost else 'holding'}:{contract.occ_symbol}"
    if not now.persists(key, text):
        return
    if is_lost:
        now.raise_lost(key, text, contract)
        return
    is_shrunk = bool(_shrink(now, contract, number, "the broker does not hold it any more"))
    left = _gap(now).get(contract, 0) if is_shrunk else number
    if left:
        legs = (LegFill(contract=contract, quantity=left, price=Price(0)),)
        more: dict[str, Any] = {"symbol": contract.underlying, "legs": legs, "prices_known": False}
        now.raise_finding(FindingKind.UNKNOWN_HOLDING, key, text, halt=True, **more)


def _net(rows: Sequence[LinkedTransaction]) -> dict[OptionContract, int]:
    return summed({one.contract: one.quantity} for one in rows if one.contract is not None)
