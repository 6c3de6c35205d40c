"""Gamma exposure of a chain: what dealers must trade as the price moves, if they sold the puts and bought the calls."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thetaloom.domain.market.chain import STRIKE_SCALE, Floats, OptionChain, from_date
from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.indicators import FLOAT_PLACES
from thetaloom.domain.market.words import DealerGamma

SHARES = 100  # per contract; adjusted roots, which may deliver otherwise, are left out
ONE_PERCENT = 0.01
GRID_REACH = 0.25  # the flip is looked for within a quarter of spot
GRID_STEPS = 25
FLIP_PRECISION = 1e-9  # of spot
WALL_SHARE = 0.10  # of the strikes
TELLING_SHARE = 1e-9  # of the largest total on the grid
YEARS_MIN = 1 / 365 / 24  # within the last hour gamma is a needle that says nothing of hedging
ROOT_OF_TWO_PI = 2.5066282746310002


@dataclass(frozen=True, slots=True, kw_only=True)
class GammaExposure:
    """Dollars of delta that a move of 1 % changes: gamma · open interest · 100 · spot² · 0.01, puts negative."""

    net: float
    calls: float
    puts: float  # negative
    dealer: DealerGamma
    flip: float | None  # the price nearest to spot at which net is zero; None where there is none within reach
    call_wall: float | None  # the strike with the most call gamma
    put_wall: float | None
    walls: tuple[float, ...]  # the tenth of the strikes with the most gamma, either sign, lowest first
    contracts: int  # that had open interest and a volatility


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Book:
    """The contracts that count, as columns."""

    levels: Floats  # log(strike) − (rate − yield + iv²/2) · years: where d1 is zero
    deviation: Floats  # iv · √years
    scale: Floats  # shares of open interest, puts negative, by what turns a density into gamma · spot² · 0.01

    def terms(self, spot: float) -> Floats:
        """Return gamma · weight · spot² · 0.01 of each contract at one price."""
        found: Floats = (math.log(spot) - self.levels) / self.deviation
        # In place: the arrays stay in the processor's cache, and a price costs little more than its exponentials.
        np.multiply(found, found, out=found)
        np.multiply(found, -0.5, out=found)
        np.exp(found, out=found)
        np.multiply(found, self.scale, out=found)
        np.multiply(found, spot, out=found)
        return found

    def total(self, spot: float) -> float:
        """Return the sum of the terms at one price."""
        return float(self.terms(spot).sum())


def gamma_exposure(
    chain: OptionChain, expirations: Sequence[Expiration], rate: float, dividend_yield: float
) -> GammaExposure | None:
    """Return the gamma exposure; ``None`` without spot, or where no contract has open interest and a volatility.

    Volatility is the feed's own where it gives one, else that of the mid. For the flip, gamma is priced again
    at other prices of the underlying while each contract keeps its volatility.
    """
    if chain.spot is None:
        return None
    spot = float(chain.spot)
    chosen, strikes, book = _book(chain, expirations, spot, rate, dividend_yield)
    if not len(chosen):
        return None
    terms = book.terms(spot)
    net = float(terms.sum())
    is_call = chain.is_call[chosen]
    return GammaExposure(
        net=_rounded(net),
        calls=_rounded(float(terms[is_call].sum())),
        puts=_rounded(float(terms[~is_call].sum())),
        dealer=DealerGamma.LONG if net >= 0 else DealerGamma.SHORT,
        flip=_flip(book, spot),
        call_wall=_wall(strikes[is_call], terms[is_call]),
        put_wall=_wall(strikes[~is_call], -terms[~is_call]),
        walls=_walls(strikes, terms),
        contracts=len(chosen),
    )


def _book(
    chain: OptionChain, expirations: Sequence[Expiration], spot: float, rate: float, dividend_yield: float
) -> tuple[NDArray[np.intp], Floats, _Book]:
    years = _years(chain, expirations)
    candidates = np.flatnonzero((chain.open_interest > 0) & (years >= YEARS_MIN))
    ivs = _volatilities(chain, candidates, years[candidates], spot, rate, dividend_yield)
    is_known = ivs > 0  # NaN is not
    chosen, ivs = candidates[is_known], ivs[is_known]
    lives = years[chosen]
    strikes = chain.strike[chosen] / STRIKE_SCALE
    deviation = ivs * np.sqrt(lives)
    shares = np.where(chain.is_call[chosen], SHARES, -SHARES) * chain.open_interest[chosen]
    book = _Book(
        levels=np.log(strikes) - (rate - dividend_yield + ivs * ivs / 2) * lives,
        deviation=deviation,
        scale=shares * np.exp(-dividend_yield * lives) / (deviation * ROOT_OF_TWO_PI) * ONE_PERCENT,
    )
    return chosen, strikes, book


def _years(chain: OptionChain, expirations: Sequence[Expiration]) -> Floats:
    years = np.zeros(len(chain))
    for one in expirations:
        if not (one.root[-1:].isdigit() and len(one.root) > 1):
            start, end = np.searchsorted(chain.expires_on, [from_date(one.expires_on), from_date(one.expires_on) + 1])
            years[start:end][chain.root[start:end] == one.root] = one.years
    return years


def _volatilities(
    chain: OptionChain, chosen: NDArray[np.intp], years: Floats, spot: float, rate: float, dividend_yield: float
) -> Floats:
    from thetaloom.maths.implied_volatility import chain_implied_volatility  # compiles on first use

    ivs = np.array(chain.iv[chosen])
    missing = np.flatnonzero(~(ivs > 0))
    if len(missing):
        those = chosen[missing]
        mids = np.where(chain.bid[those] <= chain.ask[those], (chain.bid[those] + chain.ask[those]) / 2, np.nan)
        ivs[missing], _ = chain_implied_volatility(
            mids,
            spot,
            chain.strike[those] / STRIKE_SCALE,
            years[missing],
            chain.is_call[those],
            rate,
            dividend_yield,
        )
    return ivs


def _flip(book: _Book, spot: float) -> float | None:
    grid = spot * np.linspace(1 - GRID_REACH, 1 + GRID_REACH, 2 * GRID_STEPS + 1)
    totals = np.array([book.total(price) for price in grid.tolist()])
    # Far from every strike there is no gamma left, only its rounding.
    tells = np.abs(totals) > np.abs(totals).max() * TELLING_SHARE
    grid, totals = grid[tells], totals[tells]
    crossings = np.flatnonzero(np.signbit(totals[:-1]) != np.signbit(totals[1:]))
    if not len(crossings):
        return None
    middles = np.abs((grid[crossings] + grid[crossings + 1]) / 2 - spot)
    at = int(crossings[np.argmin(middles)])
    ends = (float(grid[at]), float(grid[at + 1])), (float(totals[at]), float(totals[at + 1]))
    return round(_root(book, *ends, FLIP_PRECISION * spot), 4)


def _root(book: _Book, ends: tuple[float, float], totals: tuple[float, float], precision: float) -> float:
    # False position; an end that stands twice counts half (the Illinois rule), so that both ends move.
    (low, high), (total_low, total_high) = ends, totals
    before, middle, total, stood = low, high, total_high, 0
    while total != 0 and abs(middle - before) >= precision:
        before, middle = middle, (low * total_high - high * total_low) / (total_high - total_low)
        total = book.total(middle)
        if (total > 0) == (total_high > 0):
            high, total_high = middle, total
            total_low, stood = (total_low / 2 if stood < 0 else total_low), -1
        else:
            low, total_low = middle, total
            total_high, stood = (total_high / 2 if stood > 0 else total_high), 1
    return middle


def _wall(strikes: Floats, amounts: Floats) -> float | None:
    if not (amounts > 0).any():
        return None
    levels, totals = _by_strike(strikes, amounts)
    return float(levels[np.argmax(totals)])


def _walls(strikes: Floats, amounts: Floats) -> tuple[float, ...]:
    levels, totals = _by_strike(strikes, np.abs(amounts))
    count = max(round(len(levels) * WALL_SHARE), 1)
    return tuple(sorted(float(levels[at]) for at in np.argsort(-totals, kind="stable")[:count]))


def _by_strike(strikes: Floats, amounts: Floats) -> tuple[Floats, Floats]:
    levels, at = np.unique(strikes, return_inverse=True)
    return levels, np.bincount(at, weights=amounts).astype(np.float64)


def _rounded(number: float) -> float:
    return round(number, 2) + 0.0


def flip_distance(exposure: GammaExposure, spot: float) -> float | None:
    """Return how far ``spot`` is above the flip, percent of spot."""
    return None if exposure.flip is None else round((spot - exposure.flip) / spot * 100, FLOAT_PLACES)
