"""Legs that stand alone, and orders that would net against another position's legs, in our books."""

from datetime import datetime, timedelta
from decimal import Decimal

from thetaloom.domain.book.alerts import Alert, Priority, Urgency
from thetaloom.domain.book.imbalance import (
    Conflict,
    Holder,
    ImbalancePolicy,
    LegsDecision,
    LegsMatter,
    contracts_of,
    find_conflict,
    money_at_risk,
    naked,
)
from thetaloom.domain.book.orders import Effect, Order, OrderPurpose
from thetaloom.domain.book.positions import Position
from thetaloom.domain.market.chain import to_date
from thetaloom.domain.run.runs import StepName, WorkflowRun
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import ClientOrderId, RunId, make_client_order_id
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.reasons import Reason, Verdict, denied
from thetaloom.engine.alerts import end_alert, raise_alert
from thetaloom.engine.desk import Desk
from thetaloom.engine.ending_policies import imbalance_policy_of
from thetaloom.engine.findings import MarketReading
from thetaloom.engine.lineage import output_of
from thetaloom.errors import InvariantError
from thetaloom.ports.store import UnitOfWork


def conflict_of(
    desk: Desk, uow: UnitOfWork, run: RunId, legs: tuple[Leg, ...], *, instead: Position | None = None
) -> Conflict | None:
    """Return why legs may not be opened beside what other runs of the account hold or are opening.

    ``instead`` is looked at as if it were held, instead of the position with its id: one that makes way for a roll.
    """
    holders = _holders_beside(desk, uow, run, legs[0].contract.underlying, instead)
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


def legs_matter(desk: Desk, uow: UnitOfWork, run: WorkflowRun, position: Position, now: datetime) -> LegsMatter | None:
    """Gather what the decision about loose legs rests on; ``None`` where none are loose nor are being completed."""
    orders = uow.orders.of_run(run.id)
    completing = tuple(order for order in orders if order.purpose is OrderPurpose.COMPLETE)
    if not position.loose and not any(order.is_open for order in completing):
        return None
    entries = [order for order in orders if order.purpose is OrderPurpose.ENTRY]
    settings = desk.settings
    return LegsMatter(
        policy=imbalance_policy_of(desk, uow, run.id),
        position=position,
        patience_seconds=settings.imbalance_seconds,
        floor=None if not entries else entries[-1].limit_price if entries[-1].floor is None else entries[-1].floor,
        completing=completing,
        complete_seconds=settings.complete_seconds,
        may_complete=desk.calendar.is_open(now),
        now=now,
    )


def completing(run: WorkflowRun, matter: LegsMatter, said: LegsDecision) -> Order:
    """Return the order for the missing legs, to be staged."""
    if said.limit_price is None:
        raise InvariantError(f"{run.id}: an order for missing legs without a limit price was about to be staged")
    return Order(
        client_order_id=completing_id(run.id, matter),
        run_id=run.id,
        account_id=run.account_id,
        effect=Effect.OPEN,
        purpose=OrderPurpose.COMPLETE,
        legs=said.legs,
        quantity=said.quantity,
        limit_price=said.limit_price,
        floor=said.limit_price,
        staged_at=matter.now,
        expires_at=matter.now + timedelta(seconds=matter.complete_seconds),
    )


def completing_id(run: RunId, matter: LegsMatter) -> ClientOrderId:
    """Return the id of the order for missing legs that works, or of the one that would be the next."""
    working = next((order for order in matter.completing if order.is_open), None)
    if working is not None:
        return working.client_order_id
    return make_client_order_id(run, OrderPurpose.COMPLETE.value, len(matter.completing) + 1)


def mind_legs(desk: Desk, uow: UnitOfWork, position: Position, now: datetime) -> None:
    """Raise the alert for a position's loose legs, or end it; to be called by whoever changed what is loose."""
    if not position.loose:
        end_alert(uow, position.user_id, position.id, Reason.LEGS_ALONE.value, now, run=position.run_id)
        return
    loose = contracts_of(position.loose)
    bare, risk = naked(loose), money_at_risk(loose)
    run = uow.runs.get(position.run_id)
    is_aside = run is not None and run.returns_to is not None  # nothing is unwound before it is resumed
    asks = is_aside or imbalance_policy_of(desk, uow, position.run_id) is ImbalancePolicy.ASK
    alone = ", ".join(f"{number:+d} {contract.notation}" for contract, number in loose.items()) or "legs that cancel"
    risk_text = "without a bound" if risk is None else f"up to {risk:,.0f} dollars" if bare else "what they are worth"
    if is_aside:
        action = f"Resume its run, then close it or leave it to its strategy: thetaloom run resume {position.run_id}"
    elif bare and not asks:
        action = f"None if the unwinding fills; watch it: thetaloom position show {position.id}"
    else:
        action = f"Close the position with its loose legs: thetaloom position close {position.id}"
    alert = Alert(
        user_id=position.user_id,
        account_id=position.account_id,
        subject=position.id,
        position_id=position.id,
        symbol=position.symbol,
        cause=Reason.LEGS_ALONE.value,
        priority=Priority.CRITICAL if bare else Priority.HIGH,
        reason=Reason.LEGS_ALONE.value,
        details=f"{alone} stand alone; they can lose {risk_text}.",
        recommended_action=action,
        urgency=Urgency.IMMEDIATE,
        current_value=None if risk is None else Decimal(risk),
        unit="dollars",
        raised_at=now,
    )
    raise_alert(uow, alert, run=position.run_id)


def _holders_beside(desk: Desk, uow: UnitOfWork, run: RunId, underlying: str, instead: Position | None) -> list[Holder]:
    account = desk.broker.account_id
    held = uow.positions.open_positions(account)
    holders = [
        Holder(name=one.id, contracts=one.held, loose=bool(one.loose))
        for one in (instead if instead is not None and instead.id == stored.id else stored for stored in held)
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
