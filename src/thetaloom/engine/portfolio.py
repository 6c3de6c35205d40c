"""The account as the limits see it: what is held, what is in flight, and what today brought."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from thetaloom.domain.book.orders import Effect, Order, OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.risk.guards import first_of_week, looks_far_back, loss_record
from thetaloom.domain.risk.limits import Exposure, Portfolio, RiskLimits
from thetaloom.domain.risk.margin import buying_power_effect
from thetaloom.domain.strategy.payoff import expiration_payoff
from thetaloom.domain.strategy.structures import Leg, is_single_expiration
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.money import Money, Price
from thetaloom.engine.desk import Desk
from thetaloom.engine.portfolio_greeks import Greeks, are_wanted, portfolio_greeks
from thetaloom.engine.sent import sent_of
from thetaloom.ports.store import UnitOfWork

EQUITY = "equity"  # the kind of a single stock


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A position, or what an entry order in flight is about to open."""

    symbol: str
    strategy_id: str
    legs: tuple[Leg, ...]
    quantity: int
    risk: Money | None


def portfolio_of(
    desk: Desk,
    uow: UnitOfWork,
    snapshot: AccountSnapshot,
    limits: RiskLimits,
    now: datetime,
    *,
    without: RunId,
    instead: Position | None = None,
) -> Portfolio:
    """Return the account's state; entry orders in flight count like positions, those of run ``without`` do not.

    ``instead`` takes the place of the position that it is a later state of, as a roll will leave it.
    The greeks are computed only for a user who limits them: they need the quotes of everything that is held.
    """
    account = desk.broker.account_id
    positions = with_instead(uow.positions.open_positions(account), instead)
    entries = [
        order
        for order in uow.orders.open_orders()
        if order.account_id == account and order.effect is Effect.OPEN and order.run_id != without
    ]
    found = [(order, uow.runs.get(order.run_id)) for order in entries]
    holding = {position.run_id for position in positions}  # a partly filled entry is one position, not two
    opening = [run for _, run in found if run is not None and run.id not in holding]
    held = [_of_position(desk, position, now) for position in positions]
    held += [_of_order(desk, order, run.symbol, run.strategy_id, now) for order, run in found if run is not None]
    counted = [(position.symbol, position.strategy_id) for position in positions]
    counted += [(run.symbol, run.strategy_id) for run in opening]
    day_start = _session_start(desk, now)
    is_whole = looks_far_back(limits)
    since = _week_start(desk, now)
    closed = uow.positions.all_closed(account) if is_whole else uow.positions.closed_since(account, since)
    today = [position for position in closed if position.closed_at is not None and position.closed_at >= day_start]
    opened = [*uow.positions.symbols_opened_since(account, day_start), *(run.symbol for run in opening)]
    greeks = _greeks(desk, held, limits, now)
    unseen = [_of_order(desk, order, "", "", now) for order, _ in found if _is_unseen(order)]
    return Portfolio(
        net_liquidating_value=snapshot.net_liquidating_value,
        cash=snapshot.cash,
        buying_power=_without_reserves(snapshot.buying_power, unseen),
        open_positions=len(counted),
        positions_by_symbol=_counts(symbol for symbol, _ in counted),
        risk_in_use=_risk(held),
        opened_today=len(opened),
        realized_today=sum((position.realized_pnl for position in today), Money(0)),
        net_delta=greeks.delta,
        opened_today_by_symbol=_counts(opened),
        positions_by_strategy=_counts(strategy for _, strategy in counted),
        beta_delta=greeks.beta_delta,
        net_gamma=greeks.gamma,
        net_theta=greeks.theta,
        net_vega=greeks.vega,
        exposure=_exposure(desk, held),
        record=loss_record(
            closed, desk.calendar, now, cool_down_minutes=limits.symbol_cool_down_minutes, is_whole=is_whole
        ),
        sent=sent_of(desk, uow, now),
    )


def with_instead(positions: Iterable[Position], instead: Position | None) -> list[Position]:
    """Return the open positions, one of them in a later state; left out where nothing of it is held then."""
    if instead is None:
        return list(positions)
    later = [instead if one.id == instead.id else one for one in positions]
    return [one for one in later if one.is_open]


def tradeable_capital_of(desk: Desk, now: datetime, *, without: RunId) -> Money | None:
    """Return the buying power together with the risk in use, entries of run ``without`` aside; ``None`` is unknown."""
    snapshot = desk.broker.account()
    with desk.store.reading() as uow:
        portfolio = portfolio_of(desk, uow, snapshot, RiskLimits(), now, without=without)
    if portfolio.buying_power is None or portfolio.risk_in_use is None:
        return None
    return portfolio.buying_power + portfolio.risk_in_use


def sector_of(desk: Desk, symbol: str) -> str | None:
    """Return the sector of a symbol; ``None`` is unknown."""
    known = desk.market.underlying(symbol)
    return None if known is None else known.sector


def is_equity(desk: Desk, symbol: str) -> bool | None:
    """Tell whether a symbol is a single stock; ``None`` is unknown."""
    known = desk.market.underlying(symbol)
    return None if known is None else known.kind == EQUITY


def _is_unseen(order: Order) -> bool:
    # The broker holds nothing back for an order that it may not have yet; so we do.
    return order.broker_order_id is None and order.status is not OrderStatus.WORKING


def _without_reserves(buying_power: Money | None, unseen: list[Held]) -> Money | None:
    reserved = _risk(unseen)
    return None if buying_power is None or reserved is None else buying_power - reserved


def _session_start(desk: Desk, now: datetime) -> datetime:
    session = desk.calendar.session_on(desk.calendar.exchange_date(now))
    return now if session is None else session.open_at


def _week_start(desk: Desk, now: datetime) -> datetime:
    # The open of the week's first session; a closed market at its beginning changes nothing.
    monday = first_of_week(desk.calendar.exchange_date(now))
    return desk.calendar.next_session(monday - timedelta(days=1)).open_at


def _counts(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _of_position(desk: Desk, position: Position, now: datetime) -> Held:
    legs, quantity, opened_at = position.at_risk()
    risk = _structure_risk(desk, legs, opened_at, position.symbol, now) if legs else Money(0)
    return Held(
        symbol=position.symbol,
        strategy_id=position.strategy_id,
        legs=legs,
        quantity=quantity,
        risk=None if risk is None else risk * quantity,
    )


def _of_order(desk: Desk, order: Order, symbol: str, strategy_id: str, now: datetime) -> Held:
    risk = _structure_risk(desk, order.legs, order.limit_price, order.legs[0].contract.underlying, now)
    return Held(
        symbol=symbol,
        strategy_id=strategy_id,
        legs=order.legs,
        quantity=order.remaining,
        risk=None if risk is None else risk * order.remaining,
    )


def _risk(held: list[Held]) -> Money | None:
    known = [one.risk for one in held if one.risk is not None]
    return sum(known, Money(0)) if len(known) == len(held) else None


def _exposure(desk: Desk, held: list[Held]) -> Exposure:
    kinds = {one.symbol: is_equity(desk, one.symbol) for one in held}
    stocks = [one for one in held if kinds[one.symbol] is not False]
    return Exposure(
        by_symbol=_sums([(one.symbol, one.risk) for one in held]),
        by_sector=_sums([(sector_of(desk, one.symbol), one.risk) for one in held]),
        by_strategy=_sums([(one.strategy_id, one.risk) for one in held]),
        by_expiration=_sums([(first_expiration(one.legs), one.risk) for one in held]),
        in_equities=None if None in kinds.values() else _risk(stocks),
    )


def first_expiration(legs: tuple[Leg, ...]) -> str:
    """Return the date of the leg that expires first, as ISO text."""
    return min(leg.contract.expires_on for leg in legs).isoformat()


def _sums(risks: list[tuple[str | None, Money | None]]) -> dict[str, Money] | None:
    sums: dict[str, Money] = {}
    for name, risk in risks:
        if name is None or risk is None:
            return None  # where it lies or what it is nobody knows
        sums[name] = sums.get(name, Money(0)) + risk
    return dict(sorted(sums.items()))


def _greeks(desk: Desk, held: list[Held], limits: RiskLimits, now: datetime) -> Greeks:
    if not are_wanted(limits):
        return Greeks()
    weighted = limits.in_force().max_beta_delta is not None
    return portfolio_greeks(desk, [(one.legs, one.symbol, one.quantity) for one in held], now, weighted=weighted)


def _structure_risk(desk: Desk, legs: tuple[Leg, ...], net_price: Price, symbol: str, now: datetime) -> Money | None:
    # Of several expirations there is no one payoff; what the broker holds back stands for the risk.
    max_loss = expiration_payoff(legs, net_price).max_loss if is_single_expiration(legs) else None
    if max_loss is not None:
        return max_loss
    spot = desk.market.spot(symbol, now)
    if spot is None:
        return None
    # Each at its entry price, as the max losses are; the bound that needs no quotes keeps a risk always known.
    return buying_power_effect(legs, net_price, spot=spot, is_cash_account=False)
