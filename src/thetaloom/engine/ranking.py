"""Strategies ranked on the desk's own market, for whoever wants the best one started or explained."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import list_expirations
from thetaloom.domain.market.reading import MarketInputs, read_market
from thetaloom.domain.market.view import MarketView
from thetaloom.domain.strategy.ranking import MarketState, Ranking, rank_strategies
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.ids import RunId, StrategyId, UserId
from thetaloom.engine.desk import Desk
from thetaloom.engine.market_inputs import inputs_of
from thetaloom.engine.portfolio import tradeable_capital_of
from thetaloom.engine.shares import free_shares
from thetaloom.errors import MarketDataUnavailable

NO_RUN = RunId("")  # nothing in flight is left aside


def rank_market(
    desk: Desk, user: UserId, symbol: str, strategies: Sequence[Strategy], *, forced: StrategyId | None = None
) -> Ranking:
    """Rank strategies on the market of ``symbol`` as it is now."""
    return rank_strategies(strategies, read_state(desk, user, symbol, desk.clock.now()), forced=forced)


def read_state(desk: Desk, user: UserId, symbol: str, now: datetime) -> MarketState:
    """Read the market and the account as strategies are ranked on them."""
    return with_view(*gather_state(desk, user, read_chain(desk, symbol, now), now))


def with_view(inputs: MarketInputs, state: MarketState) -> MarketState:
    """Work out the numbers of a market whose inputs were gathered."""
    return replace(state, view=read_market(inputs))


def read_chain(desk: Desk, symbol: str, now: datetime) -> OptionChain:
    """Read the option chain of ``symbol``. Raises ``MarketDataUnavailable`` where there is none."""
    chain = desk.market.chain(symbol, now)
    if chain is None:
        raise MarketDataUnavailable(
            f"{desk.market.name} has no chain of {symbol} at {now.isoformat()}",
            advice=f"It knows {', '.join(list(desk.market.symbols())[:10])}.",
        )
    return chain


def gather_state(desk: Desk, user: UserId, chain: OptionChain, now: datetime) -> tuple[MarketInputs, MarketState]:
    """Collect what a market is read from, and its state without the reading, which takes most of the time."""
    expirations = list_expirations(chain, desk.calendar, now)
    inputs = inputs_of(desk.market, desk.calendar, desk.settings, chain, expirations, now)
    snapshot = desk.broker.account()
    with desk.store.reading() as uow:
        shares = free_shares(desk, uow, snapshot, chain.underlying, user=user, without=NO_RUN)
    state = MarketState(
        chain=chain,
        expirations=expirations,
        view=MarketView(),
        now=now,
        today=desk.calendar.exchange_date(now),
        rates=desk.settings.rates,
        dividend_yield=desk.settings.dividend_yield,
        tradeable_capital=tradeable_capital_of(desk, now, without=NO_RUN),
        shares_held=shares,
        is_open=desk.calendar.is_open(now),
        next_open=desk.calendar.next_open(now).isoformat(),
        data_age_seconds_max=desk.settings.data_age_seconds_max,
    )
    return inputs, state
