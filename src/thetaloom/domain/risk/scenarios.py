"""Portfolio stress: what a book gains or loses when spots and volatilities move, every option priced anew."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from thetaloom.domain.market.chain import Floats
from thetaloom.domain.risk.repricing import (
    Missing,
    Repriced,
    UnknownPosition,
    reprice,
    split_known,
)
from thetaloom.domain.risk.repricing import ScenarioPosition as ScenarioPosition
from thetaloom.domain.values.money import Money
from thetaloom.errors import InvalidInput

SPOT_SHOCKS = (
    *(-0.20, -0.175, -0.15, -0.125, -0.10, -0.075, -0.05, -0.03, -0.02, -0.01),
    0.0,
    *(0.01, 0.02, 0.03, 0.05, 0.075, 0.10, 0.125, 0.15, 0.175, 0.20),
)
IV_SHOCKS = (-0.40, -0.30, -0.20, -0.10, 0.0, 0.25, 0.50, 0.75, 1.00)  # of itself: 0.50 makes 20 % into 30 %
SHOCKS_MAX = 201
SHOCK_RANGE = (-0.99, 10.0)
DAYS_MAX = 3650.0
# A beta may carry an underlying through zero; it stops here, worth a hundredth of itself.
SPOT_FACTOR_MIN = 0.01
EARLY_EXERCISE_PRICE_MIN = 0.01  # per share; less does not matter


@dataclass(frozen=True, slots=True, kw_only=True)
class Shocks:
    """Moves of the spot and of volatility, as parts of themselves, and the days that pass meanwhile."""

    spot: tuple[float, ...] = SPOT_SHOCKS
    iv: tuple[float, ...] = IV_SHOCKS
    days: float = 0.0
    beta_weighted: bool = False  # a move is then the index's, and each underlying moves by its beta times that

    def __post_init__(self) -> None:
        for name, shocks in (("spot shocks", self.spot), ("iv shocks", self.iv)):
            if not 1 <= len(shocks) <= SHOCKS_MAX or len(set(shocks)) != len(shocks):
                raise InvalidInput(f"{name}: {len(shocks)} are not 1 to {SHOCKS_MAX} different ones")
            for shock in shocks:
                if not SHOCK_RANGE[0] <= shock <= SHOCK_RANGE[1]:
                    raise InvalidInput(f"{name}: {shock:g} is not within {SHOCK_RANGE[0]:g} to {SHOCK_RANGE[1]:g}")
        if not 0.0 <= self.days <= DAYS_MAX:
            raise InvalidInput(f"days: {self.days:g} is not within 0 to {DAYS_MAX:g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioCell:
    """One cell of the grid."""

    spot_shock: float
    iv_shock: float
    pnl: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyExercise:
    """An American option whose European value, which the grid uses, falls under what exercise gives."""

    label: str
    price: float  # dollars per share that it is under, at most


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BookGreeks:
    """Greeks of the book in each cell: what adds up over underlyings is in dollars.

    ``delta_usd`` is the worth of the shares that delta stands for, ``gamma_usd`` what that gains per 1 % up,
    ``theta`` is per calendar day, ``vega`` per 0.01 of volatility, ``rho`` per 0.01 of rate.
    """

    delta_usd: Floats
    gamma_usd: Floats
    theta: Floats
    vega: Floats
    rho: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScenarioGrid:
    """Profit and loss against the worth now, in dollars: a row for each spot shock, a column for each of iv."""

    shocks: Shocks
    pnl: Floats
    by_underlying: Mapping[str, Floats]
    greeks: BookGreeks | None
    positions: int  # in the totals
    unknown: tuple[UnknownPosition, ...]
    early_exercise: tuple[EarlyExercise, ...]  # nothing where the grid was asked to be exact
    is_exact: bool

    @property
    def is_complete(self) -> bool:
        """Whether every position is in the totals."""
        return not self.unknown

    @property
    def worst(self) -> ScenarioCell | None:
        """The cell of the biggest loss; ``None`` where nothing is known."""
        return self._cell(int(np.argmin(self.pnl))) if self.positions else None

    @property
    def best(self) -> ScenarioCell | None:
        """The cell of the biggest gain; ``None`` where nothing is known."""
        return self._cell(int(np.argmax(self.pnl))) if self.positions else None

    def _cell(self, at: int) -> ScenarioCell:
        row, column = divmod(at, len(self.shocks.iv))
        return ScenarioCell(
            spot_shock=self.shocks.spot[row], iv_shock=self.shocks.iv[column], pnl=float(self.pnl[row, column])
        )


def scenario_grid(
    positions: Sequence[ScenarioPosition],
    shocks: Shocks | None = None,
    *,
    exact: bool = False,
    with_greeks: bool = False,
) -> ScenarioGrid:
    """Price the book in every cell.

    All options are priced as European ones, the American whose value that gets visibly wrong are named;
    ``exact`` prices American options on a tree instead. A position of which something is not known is in no
    total and is named in ``unknown``, never counted as nothing.
    """
    shocks = shocks or Shocks()
    lacks = [_lacking(position, beta_weighted=shocks.beta_weighted) for position in positions]
    known, unknown = split_known(positions, lacks)
    moves = np.array(shocks.spot)
    betas = np.array([(position.beta or 0.0) if shocks.beta_weighted else 1.0 for position in known])
    factors = np.maximum(1.0 + betas[:, None] * moves, SPOT_FACTOR_MIN)
    ivs = 1.0 + np.array(shocks.iv)
    found = reprice(known, factors, ivs, days=shocks.days, exact=exact, with_greeks=with_greeks)
    return ScenarioGrid(
        shocks=shocks,
        pnl=found.pnl.sum(axis=0),
        by_underlying=dict(zip(found.underlyings, found.pnl, strict=True)),
        greeks=_book_greeks(known, factors, found) if with_greeks else None,
        positions=len(known),
        unknown=unknown,
        early_exercise=() if exact else _early_exercises(known, found.shortfall),
        is_exact=exact,
    )


def dollars(amount: float) -> Money:
    """Return float dollars as money to the cent."""
    return Money(Decimal(repr(float(amount)))).to_cents()


def _lacking(position: ScenarioPosition, *, beta_weighted: bool) -> Missing | None:
    if position.missing is None and beta_weighted and position.beta is None:
        return Missing.BETA
    return position.missing


def _early_exercises(positions: Sequence[ScenarioPosition], shortfall: Floats) -> tuple[EarlyExercise, ...]:
    return tuple(
        EarlyExercise(label=position.label, price=round(float(under), 4))
        for position, under in zip(positions, shortfall, strict=True)
        if under >= EARLY_EXERCISE_PRICE_MIN
    )


def _book_greeks(positions: Sequence[ScenarioPosition], factors: Floats, found: Repriced) -> BookGreeks:
    rows = {position.underlying: i for i, position in enumerate(positions)}  # one spot for an underlying
    at = [rows[underlying] for underlying in found.underlyings]
    spots = (np.array([positions[i].spot or math.nan for i in at])[:, None] * factors[at])[..., None]
    return BookGreeks(
        delta_usd=(found.greeks["delta"] * spots).sum(axis=0),
        gamma_usd=(found.greeks["gamma"] * spots * spots * 0.01).sum(axis=0),
        theta=found.greeks["theta"].sum(axis=0),
        vega=found.greeks["vega"].sum(axis=0),
        rho=found.greeks["rho"].sum(axis=0),
    )
