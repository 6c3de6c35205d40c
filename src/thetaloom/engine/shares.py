"""The shares of the account that no structure counts on yet."""

from thetaloom.domain.book.orders import Effect
from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.values.ids import RunId, UserId
from thetaloom.engine.desk import Desk
from thetaloom.ports.store import UnitOfWork


def free_shares(
    desk: Desk, uow: UnitOfWork, snapshot: AccountSnapshot, symbol: str, *, user: UserId, without: RunId
) -> int | None:
    """Return the shares of ``symbol`` that are left for another structure; ``None`` where the broker does not say.

    Open positions, and entries in flight of other runs than ``without``, keep those that their strategies name.
    """
    if snapshot.shares is None:
        return None
    account = desk.broker.account_id
    kept: dict[RunId, int] = {}
    for position in uow.positions.open_positions(account):
        if position.symbol == symbol:
            kept[position.run_id] = position.quantity
    for order in uow.orders.open_orders():
        if order.account_id == account and order.effect is Effect.OPEN and order.run_id != without:
            kept[order.run_id] = kept.get(order.run_id, 0) + order.remaining
    held = snapshot.shares.get(symbol, 0)
    for run_id, quantity in kept.items():
        run = uow.runs.get(run_id)
        if run is None or run.symbol != symbol:
            continue
        stored = uow.strategies.revision(user, run.strategy_id, run.strategy_revision)
        if stored is not None and stored.strategy.shares * held > 0:  # short shares back puts, long ones calls
            held -= stored.strategy.shares * quantity
    return held
