"""Orders that depend on each other and are kept by tastytrade itself: OCO, and OTOCO behind an entry."""

from tastytrade import Account
from tastytrade.order import OCOOrder, OTOCOOrder, PlacedComplexOrder

from thetaloom.brokers.tastytrade.render import SOURCE, limit_order, new_order, stop_order
from thetaloom.brokers.tastytrade.session import TastytradeSession
from thetaloom.domain.book.orders import Order
from thetaloom.ports.broker import Bracket


def oco_of(bracket: Bracket) -> OCOOrder:
    """Return target and stop, of which one cancels the other."""
    return OCOOrder(
        source=SOURCE,
        take_profit=new_order(bracket.target),
        stop_loss=stop_order(bracket.stop, bracket.stop_trigger, is_strict=True),
    )


def otoco_of(entry: Order, bracket: Bracket) -> OTOCOOrder:
    """Return an entry that brings target and stop with it once it is filled.

    What they close is not held when they are placed, and a strict order would be refused for that.
    """
    return OTOCOOrder(
        source=SOURCE,
        trigger_order=limit_order(entry),
        take_profit=limit_order(bracket.target),
        stop_loss=stop_order(bracket.stop, bracket.stop_trigger, is_strict=False),
    )


async def placed_group(
    account: Account, session: TastytradeSession, group: OCOOrder | OTOCOOrder
) -> PlacedComplexOrder:
    """Send a group; the SDK types each kind apart."""
    if isinstance(group, OCOOrder):
        return (await account.place_complex_order(session, group, dry_run=False)).complex_order
    return (await account.place_complex_order(session, group, dry_run=False)).complex_order
