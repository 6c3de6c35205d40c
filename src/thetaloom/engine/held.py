"""What the account holds on one underlying, as margin rules look at it."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from thetaloom.domain.risk.margin_rules import MarginLeg
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.engine.desk import Desk
from thetaloom.ports.store import UnitOfWork

NO_PRICE = Price(0)


def held_legs(desk: Desk, uow: UnitOfWork, symbol: str, now: datetime) -> tuple[MarginLeg, ...] | None:
    """Return the contracts that the account holds on ``symbol`` at their mids; unknown where a sold one has none.

    What a bought one is worth does not enter a margin requirement.
    """
    held = [one for one in uow.positions.open_positions(desk.broker.account_id) if one.symbol == symbol]
    contracts: Counter[OptionContract] = Counter()
    for position in held:
        for contract, quantity in position.held.items():
            contracts[contract] += quantity
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
