"""What others hold beside an order that would open: no order may net against it, and none comes beside loose legs."""

from decimal import Decimal

from thetaloom.domain.book.imbalance import Conflict, Holder, find_conflict
from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.market.chain import to_date
from thetaloom.domain.run.runs import StepName
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.reasons import Reason, Verdict, denied
from thetaloom.engine.desk import Desk
from thetaloom.engine.findings import MarketReading
from thetaloom.engine.lineage import output_of
from thetaloom.ports.store import UnitOfWork


def conflict_of(desk: Desk, uow: UnitOfWork, run: RunId, legs: tuple[Leg, ...]) -> Conflict | None:
    """Return why legs may not be opened beside what other runs of the account hold or are opening."""
    holders = _holders_beside(desk, uow, run, legs[0].contract.underlying)
    found = find_conflict(legs, holders)
    if found is None or found.contract is None:
        return found
    return find_conflict(legs, holders, _strikes_beside(desk, uow, run, found.contract))


def conflict_verdict(conflict: Conflict) -> Verdict:
    """Return the no for a conflict, with the other position named and what could be done instead."""
    if conflict.contract is None:
        return denied(Reason.LEGS_ALONE, holder=conflict.holder)
    facts = {"holder": conflict.holder, "contract": conflict.contract.notation, "held": f"{conflict.there:+d}"}
    if conflict.alternative:
        facts["alternative"] = f"the nearest strike that nobody holds against it: {conflict.alternative}"
    return denied(Reason.WOULD_CLOSE_ANOTHER, **facts)


def _holders_beside(desk: Desk, uow: UnitOfWork, run: RunId, underlying: str) -> list[Holder]:
    account = desk.broker.account_id
    holders = [
        Holder(name=one.id, contracts=one.held, loose=bool(one.loose))
        for one in uow.positions.open_positions(account)
        if one.run_id != run and one.legs[0].contract.underlying == underlying
    ]
    for order in uow.orders.open_orders():
        is_other = order.account_id == account and order.run_id != run and order.effect is Effect.OPEN
        if is_other and order.legs[0].contract.underlying == underlying:
            holders.append(Holder(name=order.client_order_id, contracts=_opening(order)))
    return holders


def _opening(order: Order) -> dict[OptionContract, int]:
    return {leg.contract: leg.ratio * order.remaining for leg in order.legs}


def _strikes_beside(desk: Desk, uow: UnitOfWork, run: RunId, contract: OptionContract) -> tuple[Decimal, ...]:
    # The chain is read again only for the words of a refusal.
    chain = output_of(desk, uow, run, StepName.FETCH_MARKET, MarketReading).chain
    if chain is None:
        return ()
    is_call = contract.right is Right.CALL
    return tuple(
        Decimal(int(chain.strike[index])) / 1000
        for index in range(len(chain))
        if bool(chain.is_call[index]) is is_call
        and str(chain.root[index]) == contract.root
        and to_date(int(chain.expires_on[index])) == contract.expires_on
    )
