"""The account as the limits see it: what is held, what is in flight, and what today brought."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.risk.limits import Portfolio, RiskLimits
from thetaloom.domain.risk.margin import buying_power_effect
from thetaloom.domain.risk.margin_rules import MarginLeg
from thetaloom.domain.strategy.payoff import expiration_payoff
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price
from thetaloom.engine.desk import Desk
from thetaloom.engine.marks import structure_delta
from thetaloom.ports.store import UnitOfWork

NO_PRICE = Price(0)


def portfolio_of(
    desk: Desk, uow: UnitOfWork, snapshot: AccountSnapshot, limits: RiskLimits, now: datetime, *, without: RunId
) -> Portfolio:
    """Return the account's state; entry orders in flight count like positions, those of run ``without`` do not.

    The delta is computed only for a user who limits it: it needs the quotes of everything that is held.
    """
    account = desk.broker.account_id
    positions = uow.positions.open_positions(account)
    entries = [
        order
        for order in uow.orders.open_orders()
        if order.account_id == account and order.effect is Effect.OPEN and order.run_id != without
    ]
    entry_runs = [uow.runs.get(order.run_id) for order in entries]
    holding = {position.run_id for position in positions}  # a partly filled entry is one position, not two
    opening = [run.symbol for run in entry_runs if run is not None and run.id not in holding]
    symbols = [position.symbol for position in positions] + opening
    day_start = _session_start(desk, now)
    closed = uow.positions.closed_since(account, day_start)
    risks = [_position_risk(desk, position, now) for position in positions]
    risks += [_order_risk(desk, order, run.symbol, now) for order, run in zip(entries, entry_runs, strict=True) if run]
    known = [risk for risk in risks if risk is not None]
    deltas: list[Decimal | None] = [None]
    if limits.max_delta is not None:
        deltas = [_delta(desk, held.legs, held.symbol, held.quantity, now) for held in positions]
        pairs = zip(entries, entry_runs, strict=True)
        deltas += [_delta(desk, order.legs, run.symbol, order.remaining, now) for order, run in pairs if run]
    known_deltas = [delta for delta in deltas if delta is not None]
    return Portfolio(
        net_liquidating_value=snapshot.net_liquidating_value,
        cash=snapshot.cash,
        buying_power=snapshot.buying_power,
        open_positions=len(symbols),
        positions_by_symbol={symbol: symbols.count(symbol) for symbol in sorted(set(symbols))},
        risk_in_use=sum(known, Money(0)) if len(known) == len(risks) else None,
        opened_today=uow.positions.opened_since(account, day_start) + len(opening),
        realized_today=sum((position.realized_pnl for position in closed), Money(0)),
        net_delta=sum(known_deltas, Decimal(0)) if len(known_deltas) == len(deltas) else None,
    )


def held_legs(desk: Desk, uow: UnitOfWork, symbol: str, now: datetime) -> tuple[MarginLeg, ...] | None:
    """Return the contracts that the account holds on ``symbol`` at their mids; unknown where a sold one has none.

    What a bought one is worth does not enter a margin requirement.
    """
    held = [one for one in uow.positions.open_positions(desk.broker.account_id) if one.symbol == symbol]
    contracts: Counter[OptionContract] = Counter()
    for position in held:
        for leg in position.legs:
            contracts[leg.contract] += leg.ratio * position.quantity
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


def _session_start(desk: Desk, now: datetime) -> datetime:
    session = desk.calendar.session_on(desk.calendar.exchange_date(now))
    return now if session is None else session.open_at


def _position_risk(desk: Desk, position: Position, now: datetime) -> Money | None:
    risk = _structure_risk(desk, position.legs, position.entry_price, position.symbol, now)
    return None if risk is None else risk * position.quantity


def _order_risk(desk: Desk, order: Order, symbol: str, now: datetime) -> Money | None:
    risk = _structure_risk(desk, order.legs, order.limit_price, symbol, now)
    return None if risk is None else risk * order.remaining


def _delta(desk: Desk, legs: tuple[Leg, ...], symbol: str, quantity: int, now: datetime) -> Decimal | None:
    per_share = structure_delta(desk, legs, symbol, now)
    return None if per_share is None else per_share * legs[0].contract.multiplier * quantity


def _structure_risk(desk: Desk, legs: tuple[Leg, ...], net_price: Price, symbol: str, now: datetime) -> Money | None:
    max_loss = expiration_payoff(legs, net_price).max_loss
    if max_loss is not None:
        return max_loss
    spot = desk.market.spot(symbol, now)
    if spot is None:
        return None
    # Each at its entry price, as the max losses are; the bound that needs no quotes keeps a risk always known.
    return buying_power_effect(legs, net_price, spot=spot, is_cash_account=False)
