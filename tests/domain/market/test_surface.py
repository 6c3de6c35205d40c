import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration, list_expirations
from thetaloom.domain.market.rates import RateCurve
from thetaloom.domain.market.smile_points import chain_surface, smile_points
from thetaloom.domain.market.surface import Smile, SmilePoint, density_sign, fit_smile, fit_surface, model_mark
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table
from thetaloom.maths.black_scholes import chain_greeks
from tools.recorded_chains import read_chains

Maker = Callable[..., tuple[OptionChain, Expiration]]
DATA = Path(__file__).parents[4] / "shared" / "data"


@pytest.fixture(scope="module")
def assert_no_arbitrage() -> Callable[[tuple[Smile, ...]], None]:
    """Look for arbitrage in prices, not in the fit's own terms."""

    def look(smiles: tuple[Smile, ...]) -> None:
        moneyness = np.linspace(-1.5, 1.5, 601)
        for smile in smiles:
            strikes = np.exp(moneyness)
            iv = np.sqrt(smile.variance(moneyness) / smile.years)
            calls = chain_greeks(1.0, strikes, smile.years, True, iv, 0.0, 0.0).price
            slopes = np.diff(calls) / np.diff(strikes)
            assert (slopes <= 1e-12).all()
            assert (slopes >= -1.0 - 1e-12).all()
            assert (np.diff(slopes) >= -1e-11).all(), smile
            assert (density_sign(smile, moneyness) >= 0).all()
        for near, far in pairwise(smiles):
            assert (near.variance(moneyness) <= far.variance(moneyness) + 1e-15).all()

    return look


@st.composite
def markets(draw: st.DrawFn) -> list[tuple[float, float, list[SmilePoint]]]:
    """Rough smiles of a few expirations: a level, a skew, a curvature, and noise that breaks every rule."""
    slices = []
    for years in sorted(draw(st.lists(st.floats(0.01, 2.0), min_size=1, max_size=3, unique_by=lambda y: round(y, 2)))):
        level, skew, bend = draw(st.floats(0.08, 0.9)), draw(st.floats(-0.4, 0.2)), draw(st.floats(0.0, 1.5))
        noise = draw(st.floats(0.0, 0.05))
        numbers = np.random.default_rng(draw(st.integers(0, 1000)))
        z = np.linspace(-2.5, 1.5, draw(st.integers(5, 30)))
        iv = np.maximum(0.03, level * (1 + skew * z + bend * 0.2 * z * z) + noise * numbers.standard_normal(z.size))
        strikes = 100.0 * np.exp(z * level * math.sqrt(years))
        width = draw(st.floats(0.001, 0.03))
        points = [
            SmilePoint(strike=float(k), iv=float(v), iv_half_width=width) for k, v in zip(strikes, iv, strict=True)
        ]
        slices.append((years, 100.0, points))
    return slices


@settings(max_examples=30)
@given(slices=markets())
def test_no_smile_can_be_traded_against(
    slices: list[tuple[float, float, list[SmilePoint]]], assert_no_arbitrage: Callable[[tuple[Smile, ...]], None]
) -> None:
    smiles = fit_surface(slices)

    assert_no_arbitrage(smiles)
    assert {smile.years for smile in smiles} <= {years for years, _, _ in slices}


def test_a_smile_of_the_model_is_found_again() -> None:
    z = np.linspace(-0.4, 0.3, 40)
    variance = 0.01 + 0.08 * (-0.5 * (z - 0.02) + np.sqrt((z - 0.02) ** 2 + 0.15**2))
    points = [
        SmilePoint(strike=float(100 * math.exp(k)), iv=float(math.sqrt(w / 0.5)), iv_half_width=0.002)
        for k, w in zip(z, variance, strict=True)
    ]

    smile = fit_smile(points, forward=100.0, years=0.5)

    assert smile is not None
    assert smile.inside_share == 1.0
    np.testing.assert_allclose(smile.variance(z), variance, rtol=1e-4)
    assert smile.source == "model:svi"


def test_arbitrage_in_the_quotes_is_not_in_the_smile(assert_no_arbitrage: Callable[[tuple[Smile, ...]], None]) -> None:
    strikes = [80.0, 85.0, 90.0, 95.0, 100.0, 105.0, 110.0, 115.0]
    near = [SmilePoint(strike=k, iv=0.5, iv_half_width=0.01) for k in strikes]
    far = [SmilePoint(strike=k, iv=0.2, iv_half_width=0.01) for k in strikes]  # less variance than the near one

    smiles = fit_surface([(0.25, 100.0, near), (0.5, 100.0, far)])

    assert [smile.years for smile in smiles] == [0.5]  # the near one can't be had without selling the far one short
    assert_no_arbitrage(smiles)


def test_too_few_points_are_no_smile_and_nonsense_is_refused() -> None:
    points = [SmilePoint(strike=100.0 + k, iv=0.2, iv_half_width=0.01) for k in range(4)]

    assert fit_smile(points, forward=100.0, years=0.5) is None
    with pytest.raises(InvalidInput, match="forward"):
        fit_smile(points, forward=0.0, years=0.5)
    with pytest.raises(InvalidInput, match="volatility"):
        fit_smile([SmilePoint(strike=100.0, iv=0.0, iv_half_width=0.1)] * 5, forward=100.0, years=0.5)


@pytest.mark.parametrize("root", ["SPXW", "SPY"])
def test_marks_of_strikes_that_nobody_quotes_are_near_the_truth_and_marked_as_model(
    model_chain: Maker, root: str
) -> None:
    chain, expiration = model_chain(root)
    is_hidden = (chain.strike == 84_000) | (chain.strike == 112_000)
    points, forward = smile_points(chain.select(~is_hidden), expiration, 0.04)
    smile = fit_smile(points, forward=forward, years=expiration.years)
    assert smile is not None

    for index in np.flatnonzero(is_hidden):
        spot = 100.0 if root == "SPY" else None
        strike = float(chain.strike[index]) / 1000
        mark = model_mark(smile, is_call=bool(chain.is_call[index]), strike=strike, rate=0.04, american_spot=spot)
        assert mark.price == pytest.approx(float(chain.mids()[index]), abs=0.02)
        assert mark.iv == pytest.approx(float(chain.iv[index]), abs=0.003)
        assert mark.source == "model:svi"


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("file", "inside", "iv_miss"),
    [
        ("cboe_quotedata/SPY_20230914.parquet", 0.35, 0.003),
        ("full_term_greeks_2026/chains_20260715_16.parquet", 0.7, 0.004),
        ("cboe_snapshots_2026/AAPL.parquet", 0.7, 0.004),
    ],
)
def test_recorded_chains_give_smiles_without_arbitrage_near_their_quotes(
    file: str, inside: float, iv_miss: float, assert_no_arbitrage: Callable[[tuple[Smile, ...]], None]
) -> None:
    path = DATA / file
    if not path.exists():
        pytest.skip(f"recorded data is not beside the checkout: {path}")
    chain, _ = next(iter(read_chains(path)))
    expirations = list_expirations(chain, read_table(SHIPPED_TABLE), chain.as_of)

    found = chain_surface(chain, expirations, RateCurve.flat(0.045))

    smiles = tuple(found.values())
    assert len(smiles) >= 0.8 * len(expirations)
    assert_no_arbitrage(smiles)
    assert float(np.median([smile.inside_share for smile in smiles])) >= inside
    assert float(np.median([smile.iv_miss_median for smile in smiles])) <= iv_miss
