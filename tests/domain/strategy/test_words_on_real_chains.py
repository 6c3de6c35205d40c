"""The newer words on recorded chains: exact strikes and widths, credits below their widths, legs with a market."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.domain.strategy.samples import CALENDAR, TRIDENT
from thetaloom.domain.market.chain import OptionChain, from_date
from thetaloom.domain.market.expirations import Expiration, list_expirations
from thetaloom.domain.strategy.documents import parse_strategy
from thetaloom.domain.strategy.evaluation import evaluate_structure
from thetaloom.domain.strategy.selection import Selection, select_structure
from thetaloom.domain.strategy.strategies import Metric, Strategy
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import Reason

pytestmark = pytest.mark.shared_data

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "cboe_snapshots_2026"
SYMBOLS = ("SPY", "AAPL", "IWM", "DIA", "SPX")
SNAPSHOTS_MAX = 6  # of each symbol, spread over the recording
# The recording holds the ten nearest expirations, of funds those of two weeks.
NEAR_TRIDENT = TRIDENT | {"expiration": {"dte_min": 4, "dte_max": 45, "dte_target": 11}}
NEAR_CALENDAR = CALENDAR | {
    "expiration": {"dte_min": 1, "dte_max": 11, "dte_target": 6},
    "back": CALENDAR["back"] | {"dte_min": 7, "dte_max": 45, "dte_target": 13},
}
CALM = {Metric.RSI_14: Decimal(50)}
Recorded = tuple[OptionChain, tuple[Expiration, ...]]


@pytest.fixture(scope="module", params=SYMBOLS)
def recorded(request: pytest.FixtureRequest) -> list[Recorded]:
    """Some moments of one symbol."""
    file = FOLDER / f"{request.param}.parquet"
    if not file.exists():
        pytest.skip(f"recorded data is not beside the checkout: {file}")
    return list(snapshots(file, request.param, request.getfixturevalue("shared_calendar")))


@pytest.fixture(scope="module")
def shared_calendar() -> TradingCalendar:
    from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table

    return read_table(SHIPPED_TABLE)


def snapshots(file: Path, symbol: str, calendar: TradingCalendar) -> Iterator[Recorded]:
    import polars as pl

    frame = pl.read_parquet(file)
    instants = frame["quote_time"].unique().sort().to_list()
    for at in instants[:: max(1, len(instants) // SNAPSHOTS_MAX)]:
        rows = frame.filter(pl.col("quote_time") == at).sort("expiration", "strike", "right")
        rows = rows.filter(pl.col("strike") % 0.5 == 0).unique(["expiration", "strike", "right"], maintain_order=True)
        chain = chain_of(rows, symbol, at if at.tzinfo else at.replace(tzinfo=UTC))
        yield chain, list_expirations(chain, calendar, chain.as_of)


def chain_of(rows: Any, symbol: str, at: datetime) -> OptionChain:
    import polars as pl

    count = len(rows)
    known = {name: rows[name].cast(pl.Float64).fill_null(float("nan")).to_numpy().copy() for name in ("bid", "ask")}
    return OptionChain(
        underlying=symbol,
        as_of=at,
        spot=Price(Decimal(str(round(float(rows["underlying_price"][0]), 2)))),
        source="cboe",
        synthetic=False,
        root=np.full(count, "SPXW" if symbol == "SPX" else symbol),
        expires_on=np.array([from_date(day) for day in rows["expiration"]], dtype=np.int32),
        strike=np.round(rows["strike"].to_numpy() * 1000).astype(np.int64),
        is_call=np.array([right == "C" for right in rows["right"]], dtype=np.bool_),
        quoted_at=np.full(count, int(at.timestamp() * 1_000_000), dtype=np.int64),
        **known,
        **{name: np.full(count, np.nan) for name in ("bid_size", "ask_size", "volume", "open_interest", "iv", "delta")},
    )


def select(strategy: Strategy, of: Recorded, **known: Any) -> Selection:
    chain, expirations = of
    given: dict[str, Any] = {"now": chain.as_of, "rate": 0.04, "dividend_yield": 0.0, **known}
    return select_structure(strategy, chain, expirations, **given)


def test_a_trident_is_exact_or_says_which_strike_is_missing(recorded: list[Recorded]) -> None:
    found = [
        (of, select(parse_strategy(NEAR_TRIDENT), of, tradeable_capital=Money(30_000), readings=CALM))
        for of in recorded
    ]

    # Shares of a stock list every 2.5 or 5 dollars, so that an even strike is seldom exact.
    assert any(selection.verdict.is_allowed for _, selection in found) or recorded[0][0].underlying == "AAPL"
    for (chain, expirations), selection in found:
        if not selection.verdict.is_allowed:
            assert selection.verdict.reason in (Reason.SELECTION_TOO_FAR, Reason.NO_EXPIRATION)
            continue
        spot, (put, far_put, call, far_call) = Decimal(chain.spot or 0), (leg.contract.strike for leg in selection.legs)
        assert put == call
        assert put % 2 == 0
        assert abs(put - spot) <= 1
        assert put - far_put == far_call - call == 5
        numbers = evaluate_structure(
            selection.legs,
            chain,
            now=chain.as_of,
            expirations=expirations,
            rate=0.04,
            dividend_yield=0.0,
            quote_age_max=timedelta(days=1),
            names=selection.leg_names,
        )
        assert numbers.structure_name == "senex_trident"
        assert numbers.mid_price is not None
        assert 0 < numbers.mid_price < 15
        assert numbers.max_loss == 1000 - 100 * Decimal(numbers.mid_price)
        assert all(one.bid is not None and one.bid > 0 for one in numbers.legs if one.leg.ratio < 0)


def test_a_calendar_is_a_pair_of_one_strike(recorded: list[Recorded]) -> None:
    found = [select(parse_strategy(NEAR_CALENDAR), of) for of in recorded]

    assert any(selection.verdict.is_allowed for selection in found)
    for (chain, _), selection in zip(recorded, found, strict=True):
        if not selection.verdict.is_allowed:
            continue
        near, far = (leg.contract for leg in selection.legs)
        today = chain.as_of.date()
        ratio = Decimal((far.expires_on - today).days) / (near.expires_on - today).days
        assert near.strike == far.strike
        assert Decimal("1.6") <= ratio <= 3


def test_a_net_credit_is_met_and_never_above_the_width(recorded: list[Recorded]) -> None:
    legs = [
        {
            "name": "short",
            "side": "sell",
            "right": "put",
            "select": {"by": "net_credit", "value": "0.5", "unit": "dollars"},
        },
        {
            "name": "long",
            "side": "buy",
            "right": "put",
            "select": {"by": "width", "of": "short", "value": 5, "unit": "dollars"},
        },
    ]
    window = {"dte_min": 4, "dte_max": 60, "dte_target": 30}
    strategy = parse_strategy({"id": "a", "name": "a", "expiration": window, "legs": legs})

    found = [select(strategy, of) for of in recorded]

    assert any(selection.verdict.is_allowed for selection in found)
    for (chain, _), selection in zip(recorded, found, strict=True):
        if not selection.verdict.is_allowed:
            continue
        indices = [chain.find(leg.contract) or 0 for leg in selection.legs]
        near, far = ((chain.bid[at] + chain.ask[at]) / 2 for at in indices)
        assert 0.5 - 1e-9 <= near - far < 5
        assert selection.legs[0].contract.strike - selection.legs[1].contract.strike == 5
