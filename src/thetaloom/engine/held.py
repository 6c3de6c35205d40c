"""What the account holds on one underlying, as margin rules look at it."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from thetaloom.domain.book.orders import Effect
from thetaloom.domain.book.positions import Position
from thetaloom.domain.risk.margin_rules import MarginLeg
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.engine.desk import Desk
from thetaloom.engine.portfolio import with_instead
from thetaloom.ports.store import UnitOfWork

NO_PRICE = Price(0)


def held_legs(
    desk: Desk,
    uow: UnitOfWork,
    symbol: str,
    now: datetime,
    *,
    without: RunId | None = None,
    instead: Position | None = None,
) -> tuple[MarginLeg, ...] | None:
    """Return the contracts that the account holds on ``symbol`` at their mids; unknown where a sold one has none.

    Entries that work or are in doubt count as if they were filled: each of them still can be. Those of run
    ``without`` do not. ``instead`` takes the place of the position that it is a later state of. What a bought
    contract is worth does not enter a margin requirement.
    """
    mine = with_instead(uow.positions.open_positions(desk.broker.account_id), instead)
    held = [one for one in mine if one.symbol == symbol]
    contracts: Counter[OptionContract] = Counter()
    for position in held:
        for contract, quantity in position.held.items():
            contracts[contract] += quantity
    for order in uow.orders.open_orders():
        if order.account_id != desk.broker.account_id or order.effect is not Effect.OPEN or order.run_id == without:
            continue
        if order.legs[0].contract.underlying == symbol:
            for leg in order.legs:
                contracts[leg.contract] += leg.ratio * order.remaining
    mids = _mids(desk, contracts, now)
    if any(quantity < 0 and contract not in mids for contract, quantity in contracts.items()):
        return None
    return tuple(
        MarginLeg(contract=contract, quantity=quantity, price=mids.get(contract, NO_PRICE))
        for contract, quantity in sorted(contracts.items())
        if quantity
    )


def _mids(desk: Desk, contracts: Iterable[OptionContract], now: datetime) -> dict[OptionContract, Price]:
    quotes = desk.market.quotes(list(contracts), now)
    return {contract: quote.mid for contract, quote in quotes.items() if quote.mid is not None and quote.mid >= 0}
