"""Evaluations of structures on recorded chains, against figures the feed or the market itself gives."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from thetaloom.domain.market.chain import OptionChain, from_date
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.indicators import atm_iv, atm_straddle, put_call_ratio
from thetaloom.domain.strategy.evaluation import Evaluation, evaluate_structure
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import Price

pytestmark = pytest.mark.shared_data

FILE = Path(__file__).parents[4] / "shared" / "data" / "cboe_quotedata" / "SPX_20240105.parquet"
RATE, DIVIDEND_YIELD = 0.053, 0.014

Market = tuple[OptionChain, tuple[Expiration, ...]]


@pytest.fixture(scope="module")
def spx() -> Market:
    """SPXW of one moment."""
    if not FILE.exists():
        pytest.skip(f"recorded data is not beside the checkout: {FILE}")
    import polars as pl

    frame = pl.read_parquet(FILE).filter(pl.col("root") == "SPXW").sort("expiration", "strike", "right")
    at: datetime = frame["quote_time"][0]
    at = at if at.tzinfo else at.replace(tzinfo=UTC)

    def floats(name: str) -> Any:
        return frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()

    count = len(frame)
    chain = OptionChain(
        underlying="SPX",
        as_of=at,
        spot=Price(Decimal(str(round(float(frame["underlying_price"][0]), 2)))),
        source="cboe",
        synthetic=False,
        root=frame["root"].to_numpy().astype(np.str_),
        expires_on=np.array([from_date(day) for day in frame["expiration"]], dtype=np.int32),
        strike=np.array([round(strike * 1000) for strike in frame["strike"]], dtype=np.int64),
        is_call=np.array([right == "C" for right in frame["right"]], dtype=np.bool_),
        bid=floats("bid"),
        ask=floats("ask"),
        bid_size=np.full(count, np.nan),
        ask_size=np.full(count, np.nan),
        volume=floats("volume"),
        open_interest=floats("open_interest"),
        iv=floats("implied_vol"),
        delta=floats("delta"),
        quoted_at=np.full(count, int(at.timestamp() * 1_000_000), dtype=np.int64),
    )
    ends = {day: datetime(day.year, day.month, day.day, 21, tzinfo=UTC) for day in chain.expirations()}
    expirations = tuple(
        Expiration(
            expires_on=day,
            root="SPXW",
            dte=(day - at.date()).days,
            years=(end - at) / timedelta(days=365),
            is_monthly=False,
            last_trading_at=end,
        )
        for day, end in ends.items()
        if end > at
    )
    return chain, expirations


def evaluate(market: Market, legs: list[Leg]) -> Evaluation:
    chain, expirations = market
    return evaluate_structure(
        tuple(legs),
        chain,
        now=chain.as_of,
        expirations=expirations,
        rate=RATE,
        dividend_yield=DIVIDEND_YIELD,
        quote_age_max=timedelta(minutes=5),
    )


def pick(chain: OptionChain, on: date, right: Right, delta: float) -> OptionContract:
    listed = (chain.expires_on == from_date(on)) & (chain.is_call == (right is Right.CALL)) & (chain.bid > 0)
    misses = np.where(listed, np.abs(chain.delta - delta), np.inf)
    return chain.contract(int(np.nanargmin(misses)))


def test_an_iron_condor_on_a_real_chain_has_the_feeds_greeks(spx: Market) -> None:
    chain, expirations = spx
    on = min(expirations, key=lambda one: abs(one.dte - 42)).expires_on
    wanted = [(1, Right.PUT, -0.10), (-1, Right.PUT, -0.20), (-1, Right.CALL, 0.20), (1, Right.CALL, 0.10)]
    legs = [Leg(contract=pick(chain, on, right, delta), ratio=ratio) for ratio, right, delta in wanted]

    found = evaluate(spx, legs)

    assert found.verdict.is_allowed
    assert found.structure_name == "iron_condor"
    assert found.mid_price is not None
    assert found.natural_price is not None
    assert 0 < found.natural_price < found.mid_price
    assert found.max_profit == found.mid_price.times(100)
    assert found.width is not None
    assert found.max_loss == (found.width - found.mid_price).times(100)
    assert found.pop is not None
    assert Decimal("0.5") < found.pop < Decimal("0.9")
    for one in found.legs:
        index = chain.find(one.leg.contract)
        assert index is not None
        assert one.iv == pytest.approx(chain.iv[index], abs=0.01)
        assert one.delta == pytest.approx(chain.delta[index], abs=0.02)


def test_the_straddle_volatility_and_put_call_ratio_are_plausible(spx: Market) -> None:
    chain, expirations = spx
    month = min(expirations, key=lambda one: abs(one.dte - 30))

    straddle = atm_straddle(chain, month.expires_on, "SPXW")
    iv = atm_iv(chain, expirations, RATE, DIVIDEND_YIELD)
    ratio = put_call_ratio(chain)

    assert straddle is not None
    assert chain.spot is not None
    assert iv is not None
    assert ratio is not None
    # The straddle is about 0.8 × spot × volatility × root of time.
    rule = 0.8 * float(chain.spot) * iv * month.years**0.5
    assert float(straddle) == pytest.approx(rule, rel=0.05)
    assert 0.5 < ratio < 5


def test_every_vertical_near_the_money_risks_at_most_its_width(spx: Market) -> None:
    chain, expirations = spx
    on = min(expirations, key=lambda one: abs(one.dte - 42)).expires_on
    spot = float(chain.spot or 0)
    near = (chain.expires_on == from_date(on)) & ~chain.is_call & (np.abs(chain.strike / 1000 / spot - 1) < 0.04)
    contracts = [chain.contract(int(index)) for index in np.flatnonzero(near)]

    for low, high in pairwise(contracts):
        found = evaluate(spx, [Leg(contract=low, ratio=1), Leg(contract=high, ratio=-1)])

        assert found.structure_name == "put_credit_spread"
        assert found.max_profit is not None
        assert found.max_loss is not None
        assert found.width is not None
        assert found.max_profit + found.max_loss == found.width.times(100)
        assert 0 < found.max_profit < found.width.times(100)
