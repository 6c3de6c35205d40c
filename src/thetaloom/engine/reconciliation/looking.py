"""One look into the broker's books, taken before anything is written: orders, holdings, transactions, cash."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thetaloom.domain.book.looks import AccountLook
from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.reports import BrokerOrder
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money
from thetaloom.engine.desk import Desk
from thetaloom.ports.patience import waiting_at_most

TRIES = 3  # a look during which something happened is taken again


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerLook:
    """What the broker's books said; nothing happened there between its parts unless ``is_still`` denies it."""

    before: AccountLook | None  # ours, of the last time
    transactions: tuple[Transaction, ...]  # since then
    holdings: Mapping[OptionContract, int]
    cash: Money | None
    working: tuple[BrokerOrder, ...]
    known: Mapping[ClientOrderId, BrokerOrder | None]  # our open orders that were sent
    report_cursor: int
    is_still: bool


def look_at_broker(desk: Desk) -> BrokerLook:
    """Read the broker's books. Raises ``BrokerUnavailable`` where it does not answer."""
    with waiting_at_most(None):  # the parts of a look belong to one moment
        return _look(desk)


def _look(desk: Desk) -> BrokerLook:
    account = desk.broker.account_id
    with desk.store.reading() as uow:
        before = uow.looks.of(account)
        mine = [one for one in uow.orders.open_orders() if one.account_id == account]
        cursor = uow.accounts.report_cursor(account)
    after = 0 if before is None else before.sequence
    happened, is_still = tuple(desk.broker.transactions(after)), False
    holdings: Mapping[OptionContract, int] = {}
    cash: Money | None = None
    working: Sequence[BrokerOrder] = ()
    for _ in range(TRIES):
        holdings, working, cash = desk.broker.holdings(), desk.broker.open_orders(), desk.broker.account().cash
        again = tuple(desk.broker.transactions(after))
        is_still, happened = len(again) == len(happened), again
        if is_still:
            break
    return BrokerLook(
        before=before,
        transactions=happened,
        holdings={contract: quantity for contract, quantity in holdings.items() if quantity},
        cash=cash,
        working=tuple(working),
        known=_known(desk, mine, working),
        report_cursor=cursor,
        is_still=is_still,
    )


def _known(
    desk: Desk, mine: Sequence[Order], working: Sequence[BrokerOrder]
) -> dict[ClientOrderId, BrokerOrder | None]:
    listed = {one.client_order_id: one for one in working if one.client_order_id is not None}
    sent = [one.client_order_id for one in mine if one.status is not OrderStatus.STAGED]
    return {order: listed[order] if order in listed else desk.broker.find(order) for order in sent}
