"""Orders whose legs stay out of balance: told of, and taken back where the policy does not wait for a person."""

from collections import Counter
from datetime import timedelta

from thetaloom.domain.book.imbalance import ImbalancePolicy, naked
from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.delivery import deliver
from thetaloom.engine.desk import Desk
from thetaloom.engine.ending_policies import imbalance_policy_of
from thetaloom.engine.leg_balance import Imbalance, imbalances, tell_imbalances
from thetaloom.engine.order_manager import ask_cancel


def mind_imbalances(desk: Desk, told: frozenset[tuple[ClientOrderId, bool]]) -> frozenset[tuple[ClientOrderId, bool]]:
    """Tell of orders out of balance, and cancel what is left of those; once they end their legs are booked alone."""
    standing = imbalances(desk)
    told = tell_imbalances(desk, told, standing)
    patience = timedelta(seconds=desk.settings.imbalance_seconds)
    for one in standing:
        ripe = desk.clock.now() - one.since >= patience
        if ripe and one.order.status in {OrderStatus.SUBMITTED, OrderStatus.WORKING} and _is_taken_back(desk, one):
            _take_back(desk, one)
    return told


def _is_taken_back(desk: Desk, one: Imbalance) -> bool:
    with desk.store.reading() as uow:
        policy = imbalance_policy_of(desk, uow, one.order.run_id)
        position = uow.positions.of_run(one.order.run_id)
    if policy is not ImbalancePolicy.BY_RISK:
        return policy is not ImbalancePolicy.ASK
    held: Counter[OptionContract] = Counter({} if position is None else position.held)
    after = held.copy()
    for contract, number in one.legs.items():
        after[contract] += number
    return sum(naked(after).values()) > sum(naked(held).values())


def _take_back(desk: Desk, one: Imbalance) -> None:
    with desk.store.unit_of_work() as uow:
        order = uow.orders.get(one.order.client_order_id)
        if order != one.order:
            return  # it went on meanwhile: the next look sees it as it is
        ask_cancel(desk, uow, order, Reason.LEGS_ALONE)
        uow.commit()
    deliver(desk, one.order.client_order_id)
