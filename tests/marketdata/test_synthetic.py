"""The made-up world: nothing to be gained for nothing, at no instant, and the same for the same seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thetaloom.domain.market.chain import ARRAY_TYPES, Floats, OptionChain, from_date
from thetaloom.domain.market.expirations import list_expirations
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import INDEX_ROOTS, ExerciseStyle, OptionContract
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.synthetic import SyntheticMarket
from thetaloom.marketdata.synthetic.models import MODELS, SurfaceModel
from thetaloom.marketdata.synthetic.paths import VOLATILITY_RANGE
from thetaloom.marketdata.synthetic.surface import total_variance
from thetaloom.maths.black_scholes import chain_greeks

CALENDAR = read_table(SHIPPED_TABLE)
START_ON = date(2026, 1, 3)
END = datetime(2030, 1, 1, tzinfo=UTC)
MINUTES_PER_YEAR = 365 * 24 * 60
NOISE = 1e-9  # times spot
CENT_NOISE = 1e-9  # of quotes, which are whole ticks

SEEDS = st.integers(0, 10_000)
SYMBOLS = st.sampled_from(sorted(MODELS))
INSTANTS = st.builds(
    lambda session, minute: (
        CALENDAR.sessions_between(START_ON, START_ON + timedelta(days=90))[session].open_at + timedelta(minutes=minute)
    ),
    st.integers(0, 55),
    st.integers(0, 390),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """One expiration of one root, calls and puts side by side, with discount and forward to its settlement."""

    strikes: Floats
    calls: OptionChain
    puts: OptionChain
    years: float
    discount: float
    forward: float


def market_of(seed: int, symbol: str, now: datetime = END, minutes_per_change: int = 1) -> SyntheticMarket:
    return SyntheticMarket(seed, START_ON, CALENDAR, VirtualClock(now), minutes_per_change, (symbol,))


def chain_of(seed: int, symbol: str, at: datetime) -> OptionChain:
    chain = market_of(seed, symbol).chain(symbol, at)
    assert chain is not None
    return chain


def expiries_of(chain: OptionChain) -> list[Expiry]:
    model, spot = MODELS[chain.underlying], float(chain.spot or 0)
    found = []
    for each in sorted(list_expirations(chain, CALENDAR, chain.as_of), key=lambda each: each.years):
        listed = (chain.expires_on == from_date(each.expires_on)) & (chain.root == each.root)
        calls = chain.select(listed & chain.is_call)
        found.append(
            Expiry(
                strikes=calls.strike / 1000,
                calls=calls,
                puts=chain.select(listed & ~chain.is_call),
                years=each.years,
                discount=float(np.exp(-model.rate * each.years)),
                forward=float(spot * np.exp((model.rate - model.dividend_yield) * each.years)),
            )
        )
    return found


def prices_of(side: OptionChain, years: float) -> Floats:
    """The unrounded prices that the quotes stand around, from the surface's own volatilities."""
    model = MODELS[side.underlying]
    spot = float(side.spot or 0)
    return chain_greeks(spot, side.strike / 1000, years, side.is_call, side.iv, model.rate, model.dividend_yield).price


def lower_hull(strikes: Floats, prices: Floats) -> Floats:
    """The dearest convex curve that lies nowhere above the prices: what a mix of two neighbors costs."""
    hull: list[int] = []
    for index in range(len(strikes)):
        while len(hull) > 1:
            first, middle = hull[-2], hull[-1]
            there = (prices[middle] - prices[first]) * (strikes[index] - strikes[first])
            direct = (prices[index] - prices[first]) * (strikes[middle] - strikes[first])
            if there < direct:
                break
            hull.pop()
        hull.append(index)
    return np.asarray(np.interp(strikes, strikes[hull], prices[hull]))


def assert_no_free_lunch(each: Expiry, quotes: tuple[Floats, Floats, Floats, Floats], noise: float) -> None:
    """Verticals, butterflies, parity and bounds, all bought at asks and sold at bids."""
    call_bid, call_ask, put_bid, put_ask = quotes
    widths = each.discount * (each.strikes[:, None] - each.strikes[None, :])
    higher = widths > 0  # row strike above column strike
    assert (call_bid[:, None] <= call_ask[None, :] + noise)[higher].all()
    assert (call_bid[None, :] - call_ask[:, None] <= widths + noise)[higher].all()
    assert (put_bid[None, :] <= put_ask[:, None] + noise)[higher].all()
    assert (put_bid[:, None] - put_ask[None, :] <= widths + noise)[higher].all()
    assert (call_bid <= lower_hull(each.strikes, call_ask) + noise).all()
    assert (put_bid <= lower_hull(each.strikes, put_ask) + noise).all()
    worth = each.discount * (each.forward - each.strikes)
    assert (call_ask - put_bid >= worth - noise).all()
    assert (call_bid - put_ask <= worth + noise).all()
    assert (call_ask >= np.maximum(worth, 0) - noise).all()
    assert (put_ask >= np.maximum(-worth, 0) - noise).all()


def assert_later_is_not_cheaper(
    sooner: Expiry, later: Expiry, quotes: Sequence[tuple[Floats, Floats, Floats, Floats]], noise: float
) -> None:
    """A later option at the same share of the forward, or further in the money, costs at least as much."""
    (call_bid, _, put_bid, _), (_, call_ask, _, put_ask) = quotes
    same = sooner.strikes * later.forward / sooner.forward
    units = sooner.discount * sooner.forward / (later.discount * later.forward)
    below = np.searchsorted(later.strikes, same + NOISE, side="right") - 1
    above = np.searchsorted(later.strikes, same - NOISE)
    has_below, has_above = below >= 0, above < len(later.strikes)
    assert (units * call_ask[below[has_below]] >= call_bid[has_below] - noise).all()
    assert (units * put_ask[above[has_above]] >= put_bid[has_above] - noise).all()


def assert_free_of_arbitrage(chain: OptionChain) -> None:
    expiries = expiries_of(chain)
    quoted = [(each.calls.bid, each.calls.ask, each.puts.bid, each.puts.ask) for each in expiries]
    exact = []
    for each in expiries:
        calls, puts = prices_of(each.calls, each.years), prices_of(each.puts, each.years)
        exact.append((calls, calls, puts, puts))
    for quotes, noise in ((quoted, CENT_NOISE), (exact, NOISE * float(chain.spot or 0))):
        for each, sides in zip(expiries, quotes, strict=True):
            assert_no_free_lunch(each, sides, noise)
        for first, second in pairwise(range(len(expiries))):
            assert_later_is_not_cheaper(expiries[first], expiries[second], (quotes[first], quotes[second]), noise)
    for each, (calls, _, puts, _) in zip(expiries, exact, strict=True):
        assert (each.calls.bid <= calls).all()
        assert (each.calls.ask >= calls).all()
        assert (each.puts.bid <= puts).all()
        assert (each.puts.ask >= puts).all()


@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, symbol=SYMBOLS, at=INSTANTS)
def test_no_arbitrage_at_any_instant(seed: int, symbol: str, at: datetime) -> None:
    assert_free_of_arbitrage(chain_of(seed, symbol, at))


@pytest.mark.parametrize(("side", "change"), [("bid", 1.03), ("ask", 0.97)])
def test_the_check_for_arbitrage_finds_a_planted_one(side: str, change: float) -> None:
    chain = chain_of(1, "SPX", datetime(2026, 1, 5, 15, 0, tzinfo=UTC))
    arrays = {name: getattr(chain, name).copy() for name in ARRAY_TYPES}
    near = int(np.argmin(np.abs(chain.delta - 0.5)))
    arrays[side][near] *= change
    planted = OptionChain(
        underlying="SPX", as_of=chain.as_of, spot=chain.spot, source=chain.source, synthetic=True, **arrays
    )

    with pytest.raises(AssertionError):
        assert_free_of_arbitrage(planted)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("symbol", ["SPX", "GOOG"])
def test_no_arbitrage_in_the_worst_minutes_of_half_a_year(seed: int, symbol: str) -> None:
    market = market_of(seed, symbol)
    bars = market.history(symbol, START_ON, START_ON + timedelta(days=180))
    worst = min(bars, key=lambda bar: bar.low / bar.open)
    session = CALENDAR.session_on(worst.session_on)
    assert session is not None
    minutes = [session.open_at + timedelta(minutes=minute) for minute in range(0, 390, 5)]
    lowest = min(minutes, key=lambda at: market.spot(symbol, at) or 0)

    for at in (lowest, session.close_at - timedelta(minutes=1)):
        chain = market.chain(symbol, at)
        assert chain is not None
        assert_free_of_arbitrage(chain)


@given(
    symbol=SYMBOLS,
    volatility=st.floats(*VOLATILITY_RANGE),
    minutes=st.lists(st.integers(1, 3 * MINUTES_PER_YEAR), min_size=2, max_size=6, unique=True).map(sorted),
)
def test_total_variance_rises_with_time_at_every_strike(symbol: str, volatility: float, minutes: list[int]) -> None:
    model = MODELS[symbol]
    years = np.array(minutes) / MINUTES_PER_YEAR
    thetas = model.expected_variances(volatility**2, years)

    assert (np.diff(thetas) > 0).all()
    for log_moneyness in np.linspace(-2, 2, 41):
        surface = model.surface
        levels = [total_variance(log_moneyness, theta, surface.rho, surface.eta, surface.gamma) for theta in thetas]
        assert (np.diff(levels) >= -1e-12).all()
        assert levels[0] > 0


@pytest.mark.parametrize(
    ("rho", "eta", "gamma"), [(-0.6, 1.3, 0.5), (-0.6, 1.2, 0.6), (-1.0, 1.0, 0.5), (0.0, 0.0, 0.5)]
)
def test_a_surface_that_would_allow_arbitrage_cannot_be_made(rho: float, eta: float, gamma: float) -> None:
    with pytest.raises(InvalidInput):
        SurfaceModel(rho=rho, eta=eta, gamma=gamma)


def test_what_can_be_exercised_early_never_gains_by_it() -> None:
    for model in MODELS.values():
        style = INDEX_ROOTS[model.root].exercise_style if model.root in INDEX_ROOTS else ExerciseStyle.AMERICAN
        if style is ExerciseStyle.AMERICAN:
            assert (model.rate, model.dividend_yield) == (0.0, 0.0)


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, symbol=SYMBOLS, at=INSTANTS)
def test_the_same_seed_gives_the_same_world_in_whatever_order_it_is_asked(seed: int, symbol: str, at: datetime) -> None:
    direct = chain_of(seed, symbol, at)
    roundabout = SyntheticMarket(seed, START_ON, CALENDAR, VirtualClock(END))
    for detour in (at + timedelta(days=20), at - timedelta(days=3)):
        roundabout.spot(symbol, detour)
        roundabout.history("AAPL", START_ON, START_ON + timedelta(days=30))

    again = roundabout.chain(symbol, at)

    assert again is not None
    assert again.spot == direct.spot
    for name in ARRAY_TYPES:
        np.testing.assert_array_equal(getattr(direct, name), getattr(again, name))


def test_another_seed_gives_another_world() -> None:
    at = datetime(2026, 3, 2, 16, 0, tzinfo=UTC)

    assert market_of(1, "SPY").spot("SPY", at) != market_of(2, "SPY").spot("SPY", at)


def test_a_coarser_grid_shows_the_same_world_less_often() -> None:
    fine, coarse = market_of(5, "SPY"), market_of(5, "SPY", minutes_per_change=15)
    at = coarse.starts_at()

    for _ in range(60):
        following = coarse.next_change(at)
        assert following is not None
        at = following
        assert coarse.spot("SPY", at) == fine.spot("SPY", at)
        assert coarse.spot("SPY", at + timedelta(minutes=14)) == fine.spot("SPY", at)


def test_the_grid_is_every_minute_from_open_to_close() -> None:
    market = market_of(5, "SPY")
    session = CALENDAR.sessions_between(START_ON, START_ON + timedelta(days=5))[0]
    at, seen = session.open_at - timedelta(days=3), []

    while (following := market.next_change(at)) is not None and following <= session.close_at:
        at = following
        seen.append(at)

    assert seen == [session.open_at + timedelta(minutes=minute) for minute in range(391)]
    assert market.next_change(session.close_at) == CALENDAR.next_open(session.close_at)
    assert market.starts_at() == session.open_at + timedelta(minutes=30)


def test_while_the_exchange_is_closed_everything_stands_as_at_the_close() -> None:
    market = market_of(5, "SPY")
    session = CALENDAR.sessions_between(START_ON, START_ON + timedelta(days=5))[0]

    chain = market.chain("SPY", session.close_at + timedelta(hours=9))

    assert chain is not None
    assert chain.as_of == session.close_at
    assert chain.spot == market.spot("SPY", session.close_at)


def test_a_listed_contract_stays_listed_until_it_expires() -> None:
    market = market_of(11, "IWM")
    sessions = CALENDAR.sessions_between(START_ON, START_ON + timedelta(days=75))
    listed: set[OptionContract] = set()

    for session in sessions:
        chain = market.chain("IWM", session.open_at)
        assert chain is not None
        now = {chain.contract(index) for index in range(len(chain))}
        gone = {contract for contract in listed if contract not in now}
        assert all(contract.expires_on < session.session_on for contract in gone)
        listed = now


def test_contracts_leave_the_chain_when_they_stop_trading() -> None:
    session = CALENDAR.session_on(date(2026, 1, 16))
    assert session is not None
    market = market_of(4, "SPX")

    last = market.chain("SPX", session.close_at - timedelta(minutes=1))
    after = market.chain("SPX", session.close_at)

    assert last is not None
    assert after is not None
    expiring = last.expires_on == from_date(session.session_on)
    assert set(last.root[expiring].tolist()) == {"SPXW"}  # the SPX series stopped on Thursday and settled this morning
    assert from_date(session.session_on) not in after.expires_on


def test_the_listing_has_dailies_weeklies_and_monthlies() -> None:
    chain = chain_of(4, "SPY", datetime(2026, 1, 5, 15, 0, tzinfo=UTC))
    expirations = list_expirations(chain, CALENDAR, chain.as_of)

    assert [each.dte for each in expirations[:4]] == [0, 1, 2, 3]
    assert sum(each.is_monthly for each in expirations) == 12
    weeklies = [each for each in expirations if not each.is_monthly and each.dte > 14]
    assert [each.dte % 7 for each in weeklies] == [4] * len(weeklies)
    assert max(each.dte for each in weeklies) > 50


def test_every_record_is_marked_as_synthetic() -> None:
    chain = chain_of(4, "SPY", datetime(2026, 1, 5, 15, 0, tzinfo=UTC))

    assert chain.synthetic
    assert chain.source == "synthetic"
    assert chain.select(chain.is_call).synthetic


def test_history_reaches_back_a_year_and_agrees_with_the_minutes() -> None:
    market = market_of(8, "QQQ")
    session = CALENDAR.sessions_between(START_ON, START_ON + timedelta(days=5))[0]
    spots = [float(market.spot("QQQ", session.open_at + timedelta(minutes=minute)) or 0) for minute in range(391)]

    bars = market.history("QQQ", date(2025, 1, 3), session.session_on)

    assert len(bars) == 251
    assert (bars[-1].open, bars[-1].high, bars[-1].low, bars[-1].close) == (spots[0], max(spots), min(spots), spots[-1])


def test_todays_bar_is_not_in_the_history_before_the_close() -> None:
    session = CALENDAR.sessions_between(START_ON, START_ON + timedelta(days=5))[0]
    before = market_of(8, "QQQ", now=session.close_at - timedelta(seconds=1))
    after = market_of(8, "QQQ", now=session.close_at)

    assert before.history("QQQ", session.session_on, session.session_on) == []
    assert len(after.history("QQQ", session.session_on, session.session_on)) == 1


def test_volume_only_grows_through_a_session_and_open_interest_stands_still() -> None:
    market = market_of(6, "AAPL")
    session = CALENDAR.sessions_between(START_ON, START_ON + timedelta(days=5))[0]

    chains = [market.chain("AAPL", session.open_at + timedelta(minutes=minute)) for minute in range(0, 390, 30)]

    for before, after in pairwise(chains):
        assert before is not None
        assert after is not None
        assert (after.volume >= before.volume).all()
        np.testing.assert_array_equal(after.open_interest, before.open_interest)
    assert chains[-1] is not None
    assert chains[-1].volume.sum() > 0


def test_quotes_stand_on_ticks() -> None:
    for symbol, model in MODELS.items():
        chain = chain_of(9, symbol, datetime(2026, 1, 8, 17, 0, tzinfo=UTC))
        for side in (chain.bid, chain.ask):
            for part, tick in ((side[side < 3], model.tick_low), (side[side >= 3], model.tick_high)):
                np.testing.assert_allclose(part / tick, np.round(part / tick), atol=1e-6)
        assert (chain.bid < chain.ask).all()
        assert ((chain.bid == 0) == (chain.bid_size == 0)).all()


@pytest.mark.parametrize(
    ("seed", "start_on", "minutes", "symbols"),
    [
        (-1, START_ON, 1, ("SPY",)),
        (2**62, START_ON, 1, ("SPY",)),
        (1, date(1990, 1, 1), 1, ("SPY",)),
        (1, CALENDAR.last_on - timedelta(days=300), 1, ("SPY",)),
        (1, START_ON, 0, ("SPY",)),
        (1, START_ON, 1, ("XYZ",)),
        (1, START_ON, 1, ()),
    ],
)
def test_worlds_that_cannot_be_are_refused(seed: int, start_on: date, minutes: int, symbols: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput):
        SyntheticMarket(seed, start_on, CALENDAR, VirtualClock(END), minutes, symbols)


def test_the_world_ends_where_the_calendar_can_no_longer_date_contracts(calendar: TradingCalendar) -> None:
    market = SyntheticMarket(1, calendar.last_on - timedelta(days=400), calendar, VirtualClock(END), symbols=("SPY",))
    at = market.starts_at()

    while (following := market.next_change(at + timedelta(hours=8))) is not None:
        at = following

    assert market.next_change(at + timedelta(days=30)) is None
    assert calendar.last_on - at.date() > timedelta(days=365)
