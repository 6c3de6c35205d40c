"""Tells of sold contracts that may be assigned early, have nothing left to earn, or may pin."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal

from thetaloom.domain.book.alerts import Alert, Priority, Urgency
from thetaloom.domain.book.assignment import ExpiryAlert, RadarBlip, ShortLeg, scan
from thetaloom.domain.book.positions import Position
from thetaloom.domain.market.leg_greeks import LegGreeks, leg_greeks
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.engine.alerts import end_alert, raise_alert
from thetaloom.engine.desk import Desk
from thetaloom.errors import MarketDataUnavailable

TODAY = frozenset({ExpiryAlert.DIVIDEND, ExpiryAlert.PIN})  # tomorrow it is too late
NO_GREEKS = LegGreeks()
NOTHING_KNOWN: tuple[date | None, Decimal | None] = (None, None)


def tell_expiry_alerts(desk: Desk) -> int:
    """Look at all sold contracts while the market is open; return how many alerts were told."""
    now = desk.clock.now()
    if not desk.calendar.is_open(now):
        return 0
    with desk.store.reading() as uow:
        positions = uow.positions.open_positions(desk.broker.account_id)
        standing: dict[str, set[str]] = {position.id: set() for position in positions}
        for one in uow.alerts.standing(desk.broker.account_id):
            if _is_ours(one) and one.subject in standing:
                standing[one.subject].add(one.cause)
    return sum(_tell_of(desk, position, standing[position.id], now) for position in positions)


def radar(desk: Desk, position: Position, now: datetime) -> tuple[RadarBlip, ...]:
    """Return what the radar says of the contracts that a position has sold."""
    sold = [contract for contract, quantity in position.held.items() if quantity < 0]
    return tuple(scan(leg) for leg in _short_legs(desk, sold, now))


def _tell_of(desk: Desk, position: Position, standing: set[str], now: datetime) -> int:
    try:
        blips = radar(desk, position, now)
    except MarketDataUnavailable:
        return 0
    alerts = [_alert(position, blip, alert, now) for blip in blips for alert in blip.alerts]
    causes = {alert.cause for alert in alerts}
    if causes == standing:
        return 0
    with desk.store.unit_of_work() as uow:
        for alert in alerts:
            raise_alert(uow, alert, run=position.run_id)
        for cause in sorted(standing - causes):
            end_alert(uow, position.user_id, position.id, cause, now, run=position.run_id)
        uow.commit()
    return len(causes - standing)


def _alert(position: Position, blip: RadarBlip, alert: ExpiryAlert, now: datetime) -> Alert:
    left = "unknown" if blip.time_value is None else f"{blip.time_value} a share"
    return Alert(
        user_id=position.user_id,
        account_id=position.account_id,
        subject=position.id,
        position_id=position.id,
        symbol=position.symbol,
        cause=f"{alert.value} {blip.contract.notation}",
        priority=Priority.CRITICAL if alert in TODAY else Priority.HIGH,
        reason=alert.value,
        details=f"{blip.contract.notation}: assignment is {blip.likelihood.value}, its time value is {left}.",
        recommended_action=alert.advice,
        urgency=Urgency.END_OF_DAY if alert in TODAY else Urgency.NEXT_SESSION,
        order_type="close",
        raised_at=now,
    )


def _is_ours(alert: Alert) -> bool:
    return alert.reason in set(ExpiryAlert)


def _short_legs(desk: Desk, sold: Iterable[OptionContract], now: datetime) -> list[ShortLeg]:
    calendar, contracts = desk.calendar, list(sold)
    today = calendar.exchange_date(now)
    quotes = desk.market.quotes(contracts, now) if contracts else {}
    found = []
    for contract in contracts:
        spot = desk.market.spot(contract.underlying, now)
        quote = quotes.get(contract)
        mid = None if quote is None else quote.mid
        years = calendar.year_fraction(now, contract)
        rate = desk.settings.rates.at(years)
        greeks = NO_GREEKS if spot is None or mid is None or years <= 0 else _greeks(desk, contract, mid, spot, years)
        ex_on, amount = _dividend(desk, contract, today)
        found.append(
            ShortLeg(
                contract=contract,
                spot=spot,
                mid=mid,
                iv=greeks.iv,
                delta=greeks.delta,
                years=years,
                rate=rate,
                dividend=amount,
                ex_on=ex_on,
                is_last_day=calendar.exchange_date(calendar.last_trading_at(contract)) == today,
            )
        )
    return found


def _greeks(desk: Desk, contract: OptionContract, mid: Price, spot: Price, years: float) -> LegGreeks:
    settings = desk.settings
    rate, dividend_yield = settings.rates.at(years), settings.dividend_yield
    return leg_greeks(contract, mid, spot=spot, years=years, rate=rate, dividend_yield=dividend_yield)


def _dividend(desk: Desk, contract: OptionContract, today: date) -> tuple[date | None, Decimal | None]:
    """Return the dividend that the shares lose before the next session, if one is known and the contract lives on."""
    following = desk.calendar.next_session(today).session_on
    if contract.is_index or contract.expires_on <= today:
        return NOTHING_KNOWN
    events = desk.market.corporate_events(contract.underlying, today, following + timedelta(days=1))
    for dividend in () if events is None else events.dividends:
        if today < dividend.ex_on <= following:
            return dividend.ex_on, dividend.amount
    return NOTHING_KNOWN
