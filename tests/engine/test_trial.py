"""Strategies tried for wished days to expiration, on the packaged day and on real chains where they are at hand."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest

from thetaloom.domain.strategy.ranking import MarketState
from thetaloom.domain.strategy.strategies import Preference
from thetaloom.domain.values.money import Money
from thetaloom.engine.desk import EngineSettings
from thetaloom.engine.trial import TOLERANCE_DAYS, WISHES, Trial, read_trial_market, trial_record, try_wishes
from thetaloom.errors import InvalidInput, MarketDataUnavailable
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table
from thetaloom.marketdata.recorded import packaged_day
from thetaloom.marketdata.recorded.stored import open_stored_chain
from thetaloom.store.catalogue import load_catalogue

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"
RECORDINGS = {
    "GOOG": packaged_day(),
    "SPY": SHARED / "cboe_quotedata" / "SPY_20230914.parquet",
    "SPX": SHARED / "cboe_quotedata" / "SPX_20240105.parquet",
    "AAPL": SHARED / "full_term_greeks_2026",
}
AT = datetime(2015, 12, 24, 15, 5, tzinfo=UTC)


@cache
def market_of(symbol: str) -> MarketState:
    """The last instant of a recording; of the packaged day one at which its quotes can be traded."""
    calendar = read_table(SHIPPED_TABLE)
    at = AT if symbol == "GOOG" else None
    stored = open_stored_chain(RECORDINGS[symbol], calendar, symbol=symbol, at=at)
    settings = EngineSettings()
    return read_trial_market(stored.market, calendar, settings, stored.chain, capital=Money(100_000), shares_held=1000)


@cache
def trials_on(symbol: str) -> list[Trial]:
    """Every strategy of the catalogue for every usual wish."""
    return [trial for strategy in load_catalogue() for trial in try_wishes(strategy, market_of(symbol), WISHES)]


@pytest.fixture(params=list(RECORDINGS))
def symbol(request: pytest.FixtureRequest) -> str:
    """A symbol whose recording is at hand."""
    name: str = request.param
    if not RECORDINGS[name].exists():
        pytest.skip(f"{RECORDINGS[name]} is not here")
    return name


@pytest.fixture
def market(symbol: str) -> MarketState:
    """One real market."""
    return market_of(symbol)


@pytest.fixture
def trials(symbol: str) -> list[Trial]:
    """All that was tried on one real market."""
    return trials_on(symbol)


def test_a_try_is_valid_only_when_every_rule_said_yes(trials: list[Trial]) -> None:
    assert any(trial.is_valid for trial in trials)
    assert any(not trial.is_valid for trial in trials)
    for trial in trials:
        answers = {check.verdict.is_allowed for check in (trial.judged.checks if trial.judged else ())}
        assert trial.is_valid is (answers == {True})
        assert bool(trial.errors) is not trial.is_valid


def test_an_expiration_lies_within_the_tolerance_and_a_long_wish_wants_a_monthly_one(trials: list[Trial]) -> None:
    taken = [(trial, trial.front, trial.wish) for trial in trials if trial.front is not None and trial.wish is not None]

    assert taken
    for trial, front, wish in taken:
        assert abs(front.dte - wish) <= TOLERANCE_DAYS
        if wish >= 30 and not front.is_monthly:
            assert any("monthly" in warning or "weekly" in warning for warning in trial.warnings)


def test_of_the_monthly_expirations_a_long_wish_takes_the_nearest(market: MarketState) -> None:
    strategy = next(one for one in load_catalogue() if one.id == "put-credit-spread-30dte")
    assert strategy.expiration.prefer is not Preference.WEEKLY

    for trial in try_wishes(strategy, market, [30, 45, 60]):
        monthly = [one for one in market.expirations if one.is_monthly and abs(one.dte - (trial.wish or 0)) <= 15]
        if monthly and trial.front is not None and trial.front.is_monthly:
            assert abs(trial.front.dte - (trial.wish or 0)) == min(abs(one.dte - (trial.wish or 0)) for one in monthly)


def test_what_is_not_known_is_never_zero_and_a_debit_is_called_one(trials: list[Trial]) -> None:
    for record in map(trial_record, trials):
        for leg in record["legs"]:
            assert (leg["delta"] is None) is (leg["iv"] is None)
            assert leg["delta"] != 0
            assert leg["iv"] != 0
        if record["mid_price"] is None:
            assert record["price_effect"] is None
        else:
            paid = sum(leg["ratio"] * Decimal(leg["mid"]) for leg in record["legs"])
            assert Decimal(record["mid_price"]) == -paid
            assert record["price_effect"] == ("debit" if paid > 0 else "credit" if paid < 0 else "even")


def test_wings_lie_outside_of_what_they_cover(trials: list[Trial]) -> None:
    named = {"iron_condor", "iron_butterfly", "put_credit_spread", "call_credit_spread"}
    found = [trial.evaluation for trial in trials if trial.evaluation and trial.evaluation.structure_name in named]

    assert found
    for evaluation in found:
        for right, outward in (("P", -1), ("C", 1)):
            legs = [one.leg for one in evaluation.legs if one.leg.contract.right.value == right]
            sold = [leg.contract.strike for leg in legs if leg.ratio < 0]
            bought = [leg.contract.strike for leg in legs if leg.ratio > 0]
            assert len(sold) == len(bought)
            assert all((far - near) * outward > 0 for near, far in zip(sold, bought, strict=True))


def test_no_wish_is_tried_twice_and_an_impossible_one_is_refused() -> None:
    strategy, market = load_catalogue()[0], market_of("GOOG")

    assert [trial.wish for trial in try_wishes(strategy, market, [30, 7, 30])] == [30, 7]
    for wishes in ([91], [-1], []):
        with pytest.raises(InvalidInput):
            try_wishes(strategy, market, wishes)


def test_a_stored_chain_stands_at_its_last_instant_or_the_last_one_before_that_asked_for() -> None:
    calendar = read_table(SHIPPED_TABLE)

    last = open_stored_chain(packaged_day(), calendar, symbol=None, preferred=("SPY", "GOOG"))
    before = open_stored_chain(
        packaged_day(), calendar, symbol="GOOG", at=datetime(2015, 12, 24, 15, 5, 30, tzinfo=UTC)
    )

    assert (last.symbol, last.as_of) == ("GOOG", datetime(2015, 12, 24, 18, 1, tzinfo=UTC))
    assert before.as_of == AT
    with pytest.raises(MarketDataUnavailable):
        open_stored_chain(packaged_day(), calendar, symbol="GOOG", at=datetime(2015, 12, 1, tzinfo=UTC))
    with pytest.raises(MarketDataUnavailable):
        open_stored_chain(packaged_day(), calendar, symbol="SPY")
    with pytest.raises(InvalidInput):
        open_stored_chain(Path("nosuch.parquet"), calendar, symbol=None)
