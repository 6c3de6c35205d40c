"""Keeps the market of the moment in which a position closed, for the journal; read when nothing else is to be done."""

from datetime import datetime, timedelta

import structlog

from thetaloom.domain.book.exit_market import ExitMarket
from thetaloom.domain.book.positions import Position
from thetaloom.domain.market.view import MarketView
from thetaloom.domain.values.money import Price
from thetaloom.engine.desk import Desk
from thetaloom.engine.slow_facts import market_view, number_in, word_in
from thetaloom.errors import MarketDataUnavailable

log = structlog.get_logger()

EXIT_LOOK = timedelta(seconds=5)  # how often closed positions are looked for
AGE_MAX = timedelta(minutes=15)  # later than that the market says nothing of the exit, which stays unknown
SPOT_STEP = Price("0.0001")


def note_exit_markets(desk: Desk) -> int:
    """Write the market down for the positions of one symbol that have just closed; return for how many."""
    now, account = desk.clock.now(), desk.broker.account_id
    with desk.store.reading() as uow:
        closed = [one for one in uow.positions.closed_since(account, now - AGE_MAX)]
        waiting = [one for one in closed if uow.care.exit_market(one.id) is None]
    if not waiting:
        return 0
    symbol = waiting[0].symbol
    try:
        view = market_view(desk, symbol, now)
        spot = desk.market.spot(symbol, now)
    except MarketDataUnavailable:
        log.info("exit_market_unknown", symbol=symbol)
        return 0
    mine = [one for one in waiting if one.symbol == symbol]
    with desk.store.unit_of_work() as uow:
        for position in mine:
            uow.care.keep_exit_market(_market_of(position, view, spot, now))
        uow.commit()
    return len(mine)


def _market_of(position: Position, view: MarketView | None, spot: Price | None, now: datetime) -> ExitMarket:
    return ExitMarket(
        position_id=position.id,
        user_id=position.user_id,
        taken_at=now,
        spot=None if spot is None else Price(spot.quantize(SPOT_STEP)),
        atm_iv=number_in(view, "atm_iv"),
        iv_rank=number_in(view, "iv_rank"),
        vix=number_in(view, "vix"),
        regime=word_in(view, "regime"),
    )
