"""The open positions as stress needs them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from thetaloom.domain.risk.scenarios import Shocks, scenario_grid
from thetaloom.domain.risk.value_at_risk import value_at_risk
from thetaloom.domain.strategy.strategies import SizeRule
from thetaloom.engine.stress import StressBook, last_open_moment, stress_book
from thetaloom.ports.market_data import Bar
from thetaloom.testing import builders
from thetaloom.testing.desk import DeskBench, put_credit_spread

SHORT, LONG = "SPY 2026-01-16 P 560", "SPY 2026-01-16 P 555"


def gathered(bench: DeskBench, *, exact: bool = False) -> StressBook:
    with bench.store.reading() as uow:
        return stress_book(bench.desk, uow, bench.clock.now(), exact=exact)


def bars(bench: DeskBench, closes: Callable[[int], float], count: int) -> list[Bar]:
    calendar, last = bench.desk.calendar, bench.desk.calendar.exchange_date(bench.clock.now())
    sessions = calendar.sessions_between(calendar.first_on, last - timedelta(days=1))[-count:]
    prices = [closes(number) for number in range(len(sessions))]
    return [
        Bar(session_on=session.session_on, open=close, high=close, low=close, close=close, volume=1.0)
        for session, close in zip(sessions, prices, strict=True)
    ]


def test_an_empty_account_has_nothing_to_stress(lite: DeskBench) -> None:
    book = gathered(lite)

    assert (book.positions, book.returns) == ((), {})


@pytest.mark.parametrize("exact", [False, True])
def test_the_volatility_of_each_leg_gives_back_its_mid(lite: DeskBench, exact: bool) -> None:
    lite.enter(put_credit_spread(size=SizeRule(quantity=2)))

    book = gathered(lite, exact=exact)

    from thetaloom.maths.american_trees import tree_prices
    from thetaloom.maths.black_scholes import chain_greeks

    assert [(one.quantity, one.contract) for one in book.positions] == [
        (-2, builders.contract(SHORT)),
        (2, builders.contract(LONG)),
    ]
    for one, mid in zip(book.positions, (2.0, 1.0), strict=True):
        assert one.spot is not None and one.iv is not None and one.contract is not None
        terms = (one.spot, float(one.contract.strike), one.years, False, one.iv, one.rate, one.dividend_yield)
        price = tree_prices(*terms)[0] if exact else chain_greeks(*terms).price[0]
        assert price == pytest.approx(mid, abs=1e-7)


def test_the_most_that_a_spread_loses_is_its_width_less_what_it_is_worth(lite: DeskBench) -> None:
    lite.enter()

    grid = scenario_grid(gathered(lite).positions, Shocks(spot=(-0.5, 0.0), iv=(0.0,), days=365))

    assert grid.is_complete
    assert grid.pnl[0, 0] == pytest.approx(-400.0, abs=1e-3)  # width 5.00 less the mid of 1.00
    assert grid.pnl[1, 0] == pytest.approx(100.0, abs=1e-3)


def test_a_leg_that_cannot_be_priced_takes_its_structure_with_it(lite: DeskBench) -> None:
    lite.enter()
    lite.market.set_quote(LONG, 5, 4)  # crossed

    grid = scenario_grid(gathered(lite).positions)

    assert (grid.positions, grid.is_complete, grid.worst) == (0, False, None)
    assert {one.missing for one in grid.unknown} == {"implied volatility"}
    assert all(LONG in one.of for one in grid.unknown)


def test_without_a_spot_nothing_is_known(lite: DeskBench) -> None:
    lite.enter()
    lite.market.set_spot("SPY", None)

    assert {one.missing for one in scenario_grid(gathered(lite).positions).unknown} == {"spot"}


def test_a_stale_quote_is_not_believed_while_the_exchange_is_open(lite: DeskBench) -> None:
    lite.enter()
    lite.market.always_fresh = False
    lite.clock.advance(minutes=30)

    assert {one.iv for one in gathered(lite).positions} == {None}


def test_the_quotes_of_the_close_count_until_the_next_open(lite: DeskBench) -> None:
    lite.enter()
    lite.market.always_fresh = False
    close = lite.desk.calendar.next_close(lite.clock.now())
    lite.clock.move_to(close - timedelta(seconds=30))
    lite.market.set_quotes({SHORT: (1.9, 2.1), LONG: (0.9, 1.1)})
    lite.clock.move_to(close + timedelta(hours=12))

    assert None not in {one.iv for one in gathered(lite).positions}


@pytest.mark.parametrize(
    ("now", "moment"),
    [
        ("2025-12-19T15:00:00", "2025-12-19T15:00:00"),  # a Friday, open
        ("2025-12-19T23:00:00", "2025-12-19T21:00:00"),
        ("2025-12-20T15:00:00", "2025-12-19T21:00:00"),
        ("2025-12-22T13:00:00", "2025-12-19T21:00:00"),  # Monday, before the open
        ("2025-12-24T18:30:00", "2025-12-24T18:00:00"),  # a half-day
    ],
)
def test_the_last_open_moment(now: str, moment: str) -> None:
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)

    assert last_open_moment(builders.trading_calendar(), at).isoformat() == f"{moment}+00:00"


def test_history_gives_returns_and_the_benchmark_a_beta_of_one(lite: DeskBench) -> None:
    lite.enter()
    wave = np.random.default_rng(3).normal(0, 0.01, 100).cumsum()
    lite.market.set_history("SPY", bars(lite, lambda day: 500 * float(np.exp(wave[day])), 100))

    book = gathered(lite)
    risk = value_at_risk(book.positions, book.returns)

    assert {one.beta for one in book.positions} == {1.0}
    assert risk.is_complete and risk.days == len(book.returns["SPY"]) >= 20
    assert risk.losses[0].historical is not None and risk.losses[0].historical > 0


def test_without_history_the_beta_of_another_symbol_and_the_losses_are_unknown(lite: DeskBench) -> None:
    lite.enter()

    book = gathered(lite)

    assert book.returns == {}
    assert {one.missing for one in value_at_risk(book.positions, book.returns).unknown} == {"daily returns"}


def test_beta_is_against_the_benchmark_asked_for(lite: DeskBench) -> None:
    lite.enter()
    wave = np.random.default_rng(5).normal(0, 0.01, 200).cumsum()
    lite.market.set_history("SPY", bars(lite, lambda day: 500 * float(np.exp(wave[day] / 2)), 200))
    lite.market.set_history("QQQ", bars(lite, lambda day: 400 * float(np.exp(wave[day])), 200))

    with lite.store.reading() as uow:
        found = stress_book(lite.desk, uow, lite.clock.now(), benchmark="QQQ")

    assert [one.beta for one in found.positions] == [pytest.approx(0.5, abs=1e-6)] * 2


def test_beta_is_unknown_where_the_benchmark_has_no_history(lite: DeskBench) -> None:
    lite.enter()
    lite.market.set_history("SPY", bars(lite, lambda day: 500.0 + day, 60))

    with lite.store.reading() as uow:
        found = stress_book(lite.desk, uow, lite.clock.now(), benchmark="QQQ")

    assert {one.beta for one in found.positions} == {None}
    assert len(found.returns["SPY"]) >= 20
