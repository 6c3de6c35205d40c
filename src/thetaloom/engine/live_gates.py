"""The gates of live trading as they stand now: asked at the start, and in the moment of sending."""

from thetaloom.domain.book.live_gates import WRONG_ACCOUNT, GateFacts, shut_gates
from thetaloom.domain.book.orders import Effect, Order, OrderStatus
from thetaloom.domain.values.ids import ClientOrderId, RunId
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.desk import Desk
from thetaloom.errors import NotAllowed
from thetaloom.ports.patience import waiting_at_most
from thetaloom.ports.store import UnitOfWork


def session_is_live(desk: Desk) -> bool:
    """Ask the broker's session whether it is about real money. Raises ``BrokerUnavailable``."""
    with waiting_at_most(None):  # right before the wire: only the answer of this moment counts
        return not desk.broker.simulated and desk.broker.account().is_live


def is_staged(desk: Desk, client_order_id: ClientOrderId) -> bool:
    """Say whether an order is yet to be sent: then it matters what the broker's session says."""
    with desk.store.reading() as uow:
        order = uow.orders.get(client_order_id)
    return order is not None and order.status is OrderStatus.STAGED


def facts_of(desk: Desk, uow: UnitOfWork, *, session: bool) -> GateFacts:
    """Return how the gates stand now; ``session`` is what the broker's session said."""
    switches = desk.switches.now()
    return GateFacts(
        is_simulated=desk.broker.simulated,
        wants_live=switches.wants_live,
        allows_live=switches.allows_live,
        account_allowed=bool(uow.accounts.is_live(desk.broker.account_id)),
        session_is_live=session,
        data_synthetic=desk.market.synthetic,
    )


def shut_gate(desk: Desk, uow: UnitOfWork, order: Order, *, session: bool) -> Reason | None:
    """Return the gate that this order may not pass, if any."""
    if order.effect is Effect.CLOSE:  # a leave that was withdrawn must not lock a position in
        return shut_for_exits(desk, uow, session=session)
    return shut_for_entry(desk, uow, order.run_id, session=session)


def shut_for_entry(desk: Desk, uow: UnitOfWork, run: RunId, *, session: bool) -> Reason | None:
    """Return the gate that new risk of a run may not pass, if any."""
    shut = shut_gates(facts_of(desk, uow, session=session))
    if not desk.broker.simulated and any(proposal.synthetic for proposal in uow.proposals.of_run(run)):
        return Reason.SYNTHETIC_DATA  # decided on in a made world, whatever the market is now
    return next(iter(shut), None)


def shut_for_exits(desk: Desk, uow: UnitOfWork, *, session: bool) -> Reason | None:
    """Return the gate that not even what takes risk away may pass, if any."""
    shut = shut_gates(facts_of(desk, uow, session=session))
    return next((reason for reason in shut if reason in WRONG_ACCOUNT), None)


def refuse_shut_gates(desk: Desk) -> None:
    """Refuse to start where a gate is shut. Raises ``NotAllowed`` with the first; all are in its details."""
    session = session_is_live(desk)
    with desk.store.reading() as uow:
        shut = shut_gates(facts_of(desk, uow, session=session))
    if shut:
        raise NotAllowed(
            shut[0].value,
            f"account {desk.broker.account_id} of {desk.broker.name} may not be traded: {shut[0].text}",
            advice="`thetaloom doctor` goes through the gates one by one.",
            details={"gates": [reason.value for reason in shut]},
        )
