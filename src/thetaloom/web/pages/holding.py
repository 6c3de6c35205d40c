"""What the page of a run shows of its position: its guard, its alerts, its gaps, its chain, its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from thetaloom.domain.book.alerts import Alert
from thetaloom.domain.book.assignment import Likelihood, RadarBlip
from thetaloom.domain.book.expiry import ExpiryPlan
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.position_status import SpreadShown, position_status, spreads_shown
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.protection import ProtectionShown
from thetaloom.domain.book.share_orders import shares_advice, shares_text
from thetaloom.domain.values.money import Money
from thetaloom.engine.expiry_plans import expiry_plan
from thetaloom.engine.journal import read_protection
from thetaloom.engine.portfolio_greeks import SUMMED
from thetaloom.errors import NotFound, Unavailable
from thetaloom.store.queries.alerts import list_alerts
from thetaloom.store.queries.chains import PositionChain, chain_of
from thetaloom.store.queries.quote_gaps import gaps_of_position
from thetaloom.web.front import Front
from thetaloom.web.marked import MarkedReview, greeks_of, reviews_of
from thetaloom.web.pages.gaps import GapsShown, gaps_shown

QUIET = frozenset({Likelihood.UNLIKELY, Likelihood.IMPOSSIBLE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A position in full."""

    position: Position
    status: str
    review: MarkedReview | None  # None: closed, or nothing is known of its market
    greeks: Mapping[str, Decimal | None]  # of all that is held; empty: nothing is
    spreads: Sequence[SpreadShown]
    parts: Sequence[str]  # names of the spreads that can be closed or rolled alone
    addable: Sequence[str]  # names of the spreads of which one more can be added
    protection: ProtectionShown | None
    high_water: Money | None
    low_water: Money | None
    alerts: Sequence[Alert]
    chain: PositionChain
    gaps: GapsShown | None  # None: none so far
    plan: ExpiryPlan | None  # None: nothing is held
    shares_text: str
    shares_advice: str
    sells_shares: bool  # the broker trades shares for us
    blips: Sequence[RadarBlip]  # sold contracts whose assignment cannot be ruled out


def holding_of(front: Front, position: Position, orders: Sequence[Order]) -> Holding:
    """Return all that is known of a position now; ``orders`` are those of its run."""
    desk = front.platform.desk
    with front.platform.store.reading() as uow:
        protection = read_protection(desk, uow, position, front.now)
        watch, care = uow.watches.get(position.id), uow.care.get(position.id)
    plan, blips = _plan(front, position)
    held = [spread.name for spread in position.spreads if spread.quantity]
    return Holding(
        position=position,
        status=position_status(position, orders).value,
        review=reviews_of(front, [position]).get(position.id),
        greeks=_greeks(front, position),
        spreads=spreads_shown(position, orders),
        parts=held if len(held) > 1 else (),
        addable=[spread.name for spread in position.spreads],
        protection=protection,
        high_water=None if watch is None else watch.high_water,
        low_water=None if care is None else care.low_water,
        alerts=list_alerts(front.database, front.user, position=position.id).rows,
        chain=chain_of(front.database, front.user, position.id),
        gaps=gaps_shown(position, gaps_of_position(front.database, front.user, position), front.now),
        plan=plan,
        shares_text=shares_text(position),
        shares_advice=shares_advice(position, by_us=desk.broker.capabilities.shares),
        sells_shares=desk.broker.capabilities.shares,
        blips=[blip for blip in blips if blip.likelihood not in QUIET or blip.alerts],
    )


def _greeks(front: Front, position: Position) -> Mapping[str, Decimal | None]:
    if not position.is_open:
        return {}
    found = greeks_of(front, position, front.now)
    return {name: getattr(found, name) for name in SUMMED}


def _plan(front: Front, position: Position) -> tuple[ExpiryPlan | None, Sequence[RadarBlip]]:
    if not position.is_open:
        return None, ()
    try:
        return expiry_plan(front.platform.desk, position, front.now)
    except (NotFound, Unavailable):
        return None, ()
