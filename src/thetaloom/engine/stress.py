"""What is held, as stress needs it: each leg with its spot, volatility and beta, and the days of the past."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from thetaloom.domain.book.positions import Position
from thetaloom.domain.market.quotes import Quote, judge_quote
from thetaloom.domain.market.volatility import BENCHMARK
from thetaloom.domain.risk.daily_returns import daily_returns
from thetaloom.domain.risk.repricing import BETA_MAX, IV_MAX, ScenarioPosition
from thetaloom.domain.risk.value_at_risk import RETURN_DAYS
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import ExerciseStyle, OptionContract, Right
from thetaloom.engine.desk import Desk
from thetaloom.engine.history import beta_against, first_day
from thetaloom.ports.store import UnitOfWork


@dataclass(frozen=True, slots=True, kw_only=True)
class StressBook:
    """The account's open positions for ``scenario_grid`` and ``value_at_risk``."""

    as_of: datetime
    benchmark: str
    positions: tuple[ScenarioPosition, ...]
    returns: dict[str, tuple[float, ...]]


def stress_book(
    desk: Desk, uow: UnitOfWork, now: datetime, *, exact: bool = False, benchmark: str = BENCHMARK
) -> StressBook:
    """Gather the account's open positions; what cannot be known of a leg stays ``None``.

    Volatility is implied from the mid of a quote that can be believed, of American options on a tree if ``exact``.
    While the exchange is closed a quote is as old as it was at the close.
    """
    held = uow.positions.open_positions(desk.broker.account_id)
    underlyings = sorted({leg.contract.underlying for position in held for leg in position.legs})
    returns = _returns(desk, {*underlyings, benchmark} if held else set(), now)
    betas = {symbol: _beta(desk, symbol, benchmark, now) for symbol in underlyings}
    quotes = desk.market.quotes([contract for position in held for contract in position.held], now)
    believed_at = last_open_moment(desk.calendar, now)
    legs = []
    for position in held:
        for contract, quantity in position.held.items():
            leg = Leg(contract=contract, ratio=quantity)
            quote = quotes.get(contract)
            legs.append(_leg(desk, position, leg, quote, now, believed_at, betas[contract.underlying], exact=exact))
    return StressBook(as_of=now, benchmark=benchmark, positions=tuple(legs), returns=returns)


def last_open_moment(calendar: TradingCalendar, now: datetime) -> datetime:
    """Return now while the exchange is open, else when it closed last."""
    if calendar.is_open(now):
        return now
    today = calendar.exchange_date(now)
    session = calendar.session_on(today)
    if session is not None and session.close_at <= now:
        return session.close_at
    return calendar.previous_session(today).close_at


def _leg(
    desk: Desk,
    position: Position,
    leg: Leg,
    quote: Quote | None,
    now: datetime,
    believed_at: datetime,
    beta: float | None,
    *,
    exact: bool,
) -> ScenarioPosition:
    contract, settings = leg.contract, desk.settings
    spot = desk.market.spot(contract.underlying, now)
    years = desk.calendar.year_fraction(now, contract)
    verdict = judge_quote(quote, believed_at, timedelta(seconds=settings.data_age_seconds_max), to_sell=False)
    mid = quote.mid if quote is not None and verdict.is_allowed else None
    iv = None
    if mid is not None and spot is not None and years > 0:
        rates = (settings.rates.at(years), settings.dividend_yield)
        iv = _implied(contract, float(mid), float(spot), years, rates, exact=exact)
    return ScenarioPosition(
        label=f"{position.id} {leg.ratio:+d} {contract.notation}",
        underlying=contract.underlying,
        quantity=leg.ratio,
        contract=contract,
        spot=None if spot is None else float(spot),
        iv=iv,
        years=years,
        rate=settings.rates.at(years),
        dividend_yield=settings.dividend_yield,
        beta=beta,
        group=position.id,
    )


def _implied(
    contract: OptionContract, mid: float, spot: float, years: float, rates: tuple[float, float], *, exact: bool
) -> float | None:
    is_call, strike = contract.right is Right.CALL, float(contract.strike)
    if exact and contract.exercise_style is ExerciseStyle.AMERICAN:
        # Numba is imported where it is used; by the same trees as the grid, so that nothing moved costs nothing.
        import numpy as np

        from thetaloom.maths.american_trees import STEPS
        from thetaloom.maths.american_volatility import american_implied_volatility

        none = np.empty(0)
        iv, code = american_implied_volatility(is_call, mid, spot, strike, years, *rates, none, none, STEPS)
    else:
        from thetaloom.maths.implied_volatility import bsm_implied_volatility

        iv, code = bsm_implied_volatility(is_call, mid, spot, strike, years, *rates)
    from thetaloom.maths.implied_volatility import ImpliedStatus

    return float(iv) if ImpliedStatus(code) is ImpliedStatus.OK and iv <= IV_MAX else None


def _returns(desk: Desk, symbols: set[str], now: datetime) -> dict[str, tuple[float, ...]]:
    today = desk.calendar.exchange_date(now)
    closes: dict[str, dict[date, float]] = {}
    for symbol in sorted(symbols):
        bars = desk.market.history(symbol, first_day(today), today)
        closes[symbol] = {bar.session_on: bar.close for bar in bars if bar.close > 0}
    return daily_returns(closes, RETURN_DAYS)


def _beta(desk: Desk, symbol: str, benchmark: str, now: datetime) -> float | None:
    found = beta_against(desk.market, symbol, desk.calendar.exchange_date(now), benchmark)
    return found if found is not None and abs(found) <= BETA_MAX else None
