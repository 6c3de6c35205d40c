"""Each strategy of the catalogue on a made-up chain, for the numbers and the picture of its page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration, list_expirations
from thetaloom.domain.strategy.evaluation import Evaluation, evaluate_structure
from thetaloom.domain.strategy.metrics import Metric
from thetaloom.domain.strategy.payoff_shape import payoff_shape
from thetaloom.domain.strategy.selection import select_structure
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvariantError
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.synthetic import SyntheticMarket

SEED, START_ON = 1, date(2026, 1, 5)
AT = datetime(2026, 1, 15, 15, 30, tzinfo=UTC)  # a Thursday, an hour after the open
SYMBOL = "SPY"
CAPITAL = Money(60_000)
QUIET_PERCENT = Decimal(7)  # how far support, resistance and the bands are taken to be from spot


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A structure with its numbers and the curve of what it has won or lost when the nearest leg expires."""

    symbol: str
    spot: Price
    evaluation: Evaluation
    curve: tuple[tuple[float, float], ...]  # price of the underlying, dollars of one structure


@cache
def sample_of(strategy: Strategy) -> Sample:
    """Return the strategy's structure on the made-up market of one moment."""
    symbol = strategy.symbols[0] if strategy.symbols else SYMBOL
    chain, expirations = _market(symbol)
    spot = chain.spot
    if spot is None:
        raise InvariantError(f"the made-up market has no price of {symbol}")
    rate, dividend_yield = _carry(symbol)
    selection = select_structure(
        strategy,
        chain,
        expirations,
        now=AT,
        rate=rate,
        dividend_yield=dividend_yield,
        tradeable_capital=CAPITAL,
        readings=_readings(spot),
    )
    if not selection.legs:
        raise InvariantError(f"{strategy.id} finds no structure on its sample: {selection.verdict}")
    evaluation = evaluate_structure(
        selection.legs,
        chain,
        now=AT,
        expirations=expirations,
        rate=rate,
        dividend_yield=dividend_yield,
        quote_age_max=timedelta(seconds=strategy.liquidity.quote_age_seconds_max),
        names=selection.leg_names,
        shares=strategy.shares,
    )
    lives = {(one.root, one.expires_on): one.years for one in expirations}
    years = {leg.contract: lives[leg.contract.root, leg.contract.expires_on] for leg in selection.legs}
    shape = payoff_shape(evaluation, spot, years, rate=rate, dividend_yield=dividend_yield)
    if shape is None:
        raise InvariantError(f"{strategy.id} has no payoff on its sample")
    curve = tuple((float(price), float(profit)) for price, profit in shape.line)
    return Sample(symbol=symbol, spot=spot, evaluation=evaluation, curve=curve)


@cache
def _market(symbol: str) -> tuple[OptionChain, tuple[Expiration, ...]]:
    calendar = read_table(SHIPPED_TABLE)
    chain = SyntheticMarket(SEED, START_ON, calendar, VirtualClock(AT)).chain(symbol, AT)
    if chain is None:
        raise InvariantError(f"the made-up market does not know {symbol}")
    return chain, list_expirations(chain, calendar, AT)


def _carry(symbol: str) -> tuple[float, float]:
    from thetaloom.marketdata.synthetic.models import MODELS

    return MODELS[symbol].rate, MODELS[symbol].dividend_yield


def _readings(spot: Price) -> Mapping[Metric, Decimal]:
    far = Decimal(spot) * QUIET_PERCENT / 100
    return {
        Metric.SUPPORT: Decimal(spot) - far,
        Metric.RESISTANCE: Decimal(spot) + far,
        Metric.BAND_DISTANCE: QUIET_PERCENT,
        Metric.UNDERLYING_PRICE: Decimal(spot),
    }
