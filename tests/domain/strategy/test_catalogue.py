"""Every strategy that ships shows the extremes, roots and chances that its payoff curve really has."""

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.strategy.oracles import Oracle, OracleLeg, chance_of_profit, oracle_of
from tests.domain.strategy.real_markets import DATA, FILES, real_market
from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration, list_expirations
from thetaloom.domain.strategy.candidate_checks import check_candidate
from thetaloom.domain.strategy.evaluation import Evaluation, evaluate_structure
from thetaloom.domain.strategy.selection import Selection, select_structure
from thetaloom.domain.strategy.strategies import Metric, Side, Strategy, Term
from thetaloom.domain.strategy.structures import CREDIT_NAMES
from thetaloom.domain.values.money import Money
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.synthetic import SyntheticMarket
from thetaloom.store.catalogue import load_catalogue

CATALOGUE: dict[str, Strategy] = {strategy.id: strategy for strategy in load_catalogue()}
AT = datetime(2026, 1, 28, 16, 30, tzinfo=UTC)
RATE, DIVIDEND_YIELD = 0.04, 0.013
CENT = Decimal("0.01")
Market = tuple[OptionChain, tuple[Expiration, ...]]

# What each strategy builds; a Trident near a band is its two put spreads alone.
STRUCTURES = {
    "atm-straddle-iron-condor-45dte": "iron_condor",
    "bear-put-spread": "put_debit_spread",
    "broken-wing-put-butterfly": "long_put_broken_wing_butterfly",
    "bull-call-spread": "call_debit_spread",
    "bullish-risk-reversal": "bullish_risk_reversal",
    "call-calendar": "long_call_calendar",
    "call-credit-spread-30dte": "call_credit_spread",
    "call-debit-spread-45dte": "call_debit_spread",
    "call-ratio-backspread": "call_backspread",
    "cash-secured-put-30dte": "short_put",
    "cash-secured-put-senex": "short_put",
    "ccs-110-expected-move": "call_credit_spread",
    "collar": "collar",
    "covered-call": "covered_call",
    "double-calendar": "long_double_calendar",
    "goog-demo-put-credit-spread": "put_credit_spread",
    "ic-5-wide-expected-move": "iron_condor",
    "iron-butterfly": "iron_butterfly",
    "iron-condor-45dte": "iron_condor",
    "jade-lizard": "jade_lizard",
    "long-box": "long_box",
    "long-call": "long_call",
    "long-call-butterfly": "long_call_butterfly",
    "long-call-diagonal": "long_call_diagonal",
    "long-iron-condor": "reverse_iron_condor",
    "long-put": "long_put",
    "long-put-butterfly": "long_put_butterfly",
    "long-put-diagonal": "long_put_diagonal",
    "long-straddle": "long_straddle",
    "long-strangle": "long_strangle",
    "pcs-5-wide-for-1-dollar": "put_credit_spread",
    "put-calendar": "long_put_calendar",
    "put-credit-spread-30dte": "put_credit_spread",
    "put-ratio-backspread": "put_backspread",
    "reverse-iron-butterfly": "reverse_iron_butterfly",
    "senex-trident": "senex_trident",
    "short-box": "short_box",
    "short-call-vertical": "call_credit_spread",
    "short-iron-condor": "iron_condor",
    "short-put-vertical": "put_credit_spread",
    "short-straddle": "short_straddle",
    "short-strangle-30dte": "short_strangle",
    "short-strangle-senex": "short_strangle",
}
# Made of verticals of one width each: what they bring can never be more than that width.
BOUNDED_BY_WIDTH = {"put_credit_spread", "call_credit_spread", "iron_condor", "iron_butterfly", "short_box"}


@cache
def made_up(seed: int, symbol: str) -> Market:
    calendar = read_table(SHIPPED_TABLE)
    chain = SyntheticMarket(seed, date(2026, 1, 3), calendar, VirtualClock(AT), 1, (symbol,)).chain(symbol, AT)
    assert chain is not None
    return chain, list_expirations(chain, calendar, AT)


def select(strategy: Strategy, of: Market, **known: Any) -> Selection:
    chain, expirations = of
    spot = Decimal(chain.spot or 0)
    readings = {
        Metric.SUPPORT: spot * Decimal("0.9"),
        Metric.RESISTANCE: spot * Decimal("1.1"),
        Metric.BAND_DISTANCE: Decimal(2),
    }
    given: dict[str, Any] = {
        "now": chain.as_of,
        "rate": RATE,
        "dividend_yield": DIVIDEND_YIELD,
        "tradeable_capital": Money(60_000),
        "readings": readings,
    }
    return select_structure(strategy, chain, expirations, **given | known)


def evaluate(strategy: Strategy, found: Selection, of: Market) -> Evaluation:
    chain, expirations = of
    return evaluate_structure(
        found.legs,
        chain,
        now=chain.as_of,
        expirations=expirations,
        rate=RATE,
        dividend_yield=DIVIDEND_YIELD,
        quote_age_max=timedelta(minutes=5),
        names=found.leg_names,
        shares=strategy.shares,
    )


def hold_to_the_law(strategy: Strategy, of: Market) -> bool:
    """Check one strategy on one chain; tell whether there was anything to check."""
    found = select(strategy, of)
    if not found.legs:
        assert found.verdict.reason is not None
        return False
    numbers = evaluate(strategy, found, of)
    check_legs(strategy, found, numbers, of[0])
    if numbers.mid_price is None:
        return False
    oracle = oracle_of(numbers, *of, rate=RATE, dividend_yield=DIVIDEND_YIELD)
    if not oracle.is_straight and any(one.iv is None for one in numbers.legs):
        assert numbers.max_loss is None and not numbers.is_loss_unlimited  # unknown, and it says so
        return False
    check_price(strategy, numbers, oracle, of)
    (check_straight if oracle.is_straight else check_curved)(numbers, oracle)
    check_chance(numbers, oracle, of)
    return True


def check_legs(strategy: Strategy, found: Selection, numbers: Evaluation, chain: OptionChain) -> None:
    rules = {rule.name: rule for rule in strategy.legs}
    assert list(found.leg_names) == list(rules)
    assert numbers.structure_name == STRUCTURES[strategy.id]
    for name, leg, one in zip(found.leg_names, found.legs, numbers.legs, strict=True):
        rule, quote = rules[name], chain.quote_of(leg.contract)
        assert leg.ratio == (rule.ratio if rule.side is Side.BUY else -rule.ratio)
        assert leg.contract.right is rule.right
        assert quote is not None and quote.ask is not None
        assert one.name == name and one.verdict.is_allowed, "a leg without a market was selected"
        if rule.side is Side.SELL:
            assert quote.bid is not None and quote.bid > 0
    if strategy.back is not None:
        days = {Term.FRONT: set[date](), Term.BACK: set[date]()}
        for name, leg in zip(found.leg_names, found.legs, strict=True):
            days[rules[name].term].add(leg.contract.expires_on)
        assert len(days[Term.FRONT]) == len(days[Term.BACK]) == 1
        assert max(days[Term.FRONT]) < min(days[Term.BACK])


def check_price(strategy: Strategy, numbers: Evaluation, oracle: Oracle, of: Market) -> None:
    mid = numbers.mid_price
    spot = Fraction(Decimal(of[0].spot or 0))
    assert mid is not None and numbers.natural_price is not None
    assert Fraction(Decimal(mid)) == (oracle.cash + numbers.shares * spot) / 100
    assert numbers.natural_price <= mid
    verdict, _ = check_candidate(
        numbers, strategy, {Metric.UNDERLYING_PRICE: Decimal(of[0].spot or 0)}, shares_held=100
    )
    if numbers.structure_name in CREDIT_NAMES and verdict.is_allowed:
        assert mid > 0
    if numbers.structure_name in BOUNDED_BY_WIDTH and verdict.is_allowed:
        assert numbers.width is not None and mid <= numbers.width


def check_straight(numbers: Evaluation, oracle: Oracle) -> None:
    at_knots = [oracle.exact(knot) for knot in oracle.knots()]
    slope = oracle.slope_far_up()
    assert numbers.is_profit_unlimited is (slope > 0)
    assert numbers.is_loss_unlimited is (slope < 0)
    assert numbers.max_profit is None if slope > 0 else Fraction(Decimal(numbers.max_profit or 0)) == max(at_knots)
    worst = -min(at_knots) if min(at_knots) < 0 else Fraction(0)
    assert numbers.max_loss is None if slope < 0 else Fraction(Decimal(numbers.max_loss or 0)) == worst
    everywhere = oracle.profit(oracle.grid())  # no price between the strikes is better or worse
    assert slope > 0 or everywhere.max() <= float(numbers.max_profit or 0) + 1e-6
    assert slope < 0 or everywhere.min() >= -float(numbers.max_loss or 0) - 1e-6
    assert [float(level) for level in numbers.breakevens] == pytest.approx(oracle.roots(), abs=1e-9)


def check_curved(numbers: Evaluation, oracle: Oracle) -> None:
    everywhere = oracle.profit(np.append(oracle.grid(), 1e-9))
    slope = oracle.slope_far_up()
    assert (numbers.is_profit_unlimited, numbers.is_loss_unlimited) == (slope > 0, slope < 0)
    best, worst = float(numbers.max_profit or 0), -float(numbers.max_loss or 0)
    step = 0.01 + 1e-4 * float(np.ptp(everywhere))  # between two points of the grid a round top may be a little higher
    if slope <= 0:
        assert everywhere.max() - 0.01 <= best <= everywhere.max() + step
    if slope >= 0:  # on an index that pays dividends a calendar of calls has no floor far up
        assert everywhere.min() - step <= worst <= max(0.0, everywhere.min() + 0.01)
    shown = [float(level) for level in numbers.breakevens if float(level) < float(oracle.grid()[-1])]
    assert shown == pytest.approx(oracle.roots(), abs=2e-4)


def check_chance(numbers: Evaluation, oracle: Oracle, of: Market) -> None:
    if numbers.pop is None:
        assert all(one.iv is None for one in numbers.legs)
        return
    first = min(one.leg.contract.expires_on for one in numbers.legs)
    years = min(one.years for one in of[1] if one.expires_on == first)
    chance = chance_of_profit(oracle, oracle.roots(), numbers, spot=float(of[0].spot or 0), years=years)
    assert float(numbers.pop) == pytest.approx(chance, abs=1e-4)


def test_every_strategy_of_the_catalogue_has_its_structure_here() -> None:
    assert set(STRUCTURES) == set(CATALOGUE)


MADE_UP = st.builds(made_up, st.integers(1, 12), st.sampled_from(["SPY", "QQQ", "SPX", "AAPL"]))
REAL = st.builds(real_market, st.sampled_from(FILES), st.integers(0, 41))


@pytest.mark.parametrize("name", STRUCTURES)
@settings(deadline=None, max_examples=6)
@given(of=MADE_UP)
def test_what_is_shown_is_what_the_curve_has_on_made_up_chains(name: str, of: Market) -> None:
    hold_to_the_law(CATALOGUE[name], of)


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_strategy_finds_a_structure_on_a_made_up_chain_of_its_symbols(name: str) -> None:
    symbol = (CATALOGUE[name].symbols or ("SPY",))[0]

    assert hold_to_the_law(CATALOGUE[name], made_up(1, symbol))


@pytest.mark.shared_data
@pytest.mark.parametrize("name", STRUCTURES)
@settings(deadline=None, max_examples=8)
@given(data=st.data())
def test_what_is_shown_is_what_the_curve_has_on_real_chains(name: str, data: st.DataObject) -> None:
    if not all((DATA / file).exists() for file in FILES):
        pytest.skip(f"recorded data is not beside the checkout: {DATA}")
    real = data.draw(REAL)

    hold_to_the_law(CATALOGUE[name], (real.chain, real.expirations))


def test_the_oracle_knows_a_curve_that_was_worked_by_hand() -> None:
    # Sold the 95 put at 1.00 and the 105 call at 1.00, bought the 90 and 110 at 0.25 each: 1.50 of credit, 5 wide.
    strikes = [(False, 90, 100), (False, 95, -100), (True, 105, -100), (True, 110, 100)]
    oracle = Oracle(
        legs=tuple(
            OracleLeg(is_call=call, strike=Fraction(strike), shares=shares, years_left=0.0, iv=0.2, is_american=False)
            for call, strike, shares in strikes
        ),
        cash=Fraction(150),
        shares=0,
        rate=0.0,
        dividend_yield=0.0,
    )

    assert [oracle.exact(knot) for knot in oracle.knots()] == [-350, -350, 150, 150, -350]
    assert oracle.roots() == [93.5, 106.5]
    assert oracle.slope_far_up() == 0
    assert math.isclose(float(oracle.profit(np.array(100.0))), 150.0)
