"""Price a book anew at other spots, volatilities and times: the arithmetic that scenarios and value at risk share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from thetaloom.domain.market.chain import Floats
from thetaloom.domain.values.calendar import DAYS_PER_YEAR
from thetaloom.domain.values.instruments import ExerciseStyle, OptionContract, Right
from thetaloom.errors import InvalidInput

# A shocked volatility goes no lower than this, but one that is lower already stays what it is.
IV_FLOOR = 0.05
IV_MAX = 100.0
BETA_MAX = 100.0
CELLS_AT_ONCE = 400_000  # priced in one go, so that the memory a big book takes stays small
GREEKS = ("delta", "gamma", "theta", "vega", "rho")


class Missing(StrEnum):
    """What must be known of a position before it can be priced anew."""

    SPOT = "spot"
    IV = "implied volatility"
    BETA = "beta"
    RETURNS = "daily returns"
    DELIVERABLE = "deliverable"  # of an adjusted contract, which its symbol does not tell


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioPosition:
    """Contracts of one option, or shares of stock, with what their price rests on; ``None`` is not known."""

    label: str
    underlying: str
    quantity: int  # contracts, or shares of stock; bought positive
    spot: float | None
    contract: OptionContract | None = None  # None is the stock itself
    iv: float | None = None  # per year, 0.20 = 20 %
    years: float = 0.0  # until the contract settles
    rate: float = 0.0
    dividend_yield: float = 0.0
    beta: float | None = None  # against the index whose moves are asked for
    group: str = ""  # positions of one group are known together or not at all; "" stands alone

    def __post_init__(self) -> None:
        bounds = {
            "spot": (self.spot, 1e-9, 1e9),
            "iv": (self.iv, 0.0, IV_MAX),
            "years": (self.years, 0.0, 100.0),
            "rate": (self.rate, -1.0, 1.0),
            "dividend_yield": (self.dividend_yield, -1.0, 1.0),
            "beta": (self.beta, -BETA_MAX, BETA_MAX),
        }
        for name, (number, low, high) in bounds.items():
            if number is not None and not low <= number <= high:
                raise InvalidInput(
                    f"{self.label}: {name} {number} is not within {low:g} to {high:g}", details={"part": name}
                )

    @property
    def shares(self) -> int:
        """Shares the position stands for, bought positive."""
        return self.quantity * (self.contract.multiplier if self.contract is not None else 1)

    @property
    def may_exercise_early(self) -> bool:
        """Whether it is an American option."""
        return self.contract is not None and self.contract.exercise_style is ExerciseStyle.AMERICAN

    @property
    def missing(self) -> Missing | None:
        """What is not known of it; nothing when it can be priced."""
        if self.spot is None:
            return Missing.SPOT
        if self.contract is None:
            return None
        if self.contract.is_adjusted:
            return Missing.DELIVERABLE
        return Missing.IV if self.iv is None and self.years > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownPosition:
    """A position that is in no total, and why."""

    label: str
    underlying: str
    missing: str
    of: str  # the position that lacks it: this one, or another of its group


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Repriced:
    """A book at other prices: sums by underlying, over moves of the spot and of volatility."""

    underlyings: tuple[str, ...]
    pnl: Floats  # [underlying, move, iv factor], dollars against the worth now
    greeks: dict[str, Floats]  # the same shape, in dollars and shares of the whole book; empty unless asked for
    shortfall: Floats  # [position]: the most by which a European value lies under what exercise would give


def split_known(
    positions: Sequence[ScenarioPosition], lacks: Sequence[Missing | None]
) -> tuple[list[ScenarioPosition], tuple[UnknownPosition, ...]]:
    """Part the positions that can be priced from those that cannot; a group falls with its first unknown."""
    culprits: dict[str, tuple[ScenarioPosition, Missing]] = {}
    for position, lacking in zip(positions, lacks, strict=True):
        if lacking is not None and position.group:
            culprits.setdefault(position.group, (position, lacking))
    known, unknown = [], []
    for position, lacking in zip(positions, lacks, strict=True):
        if lacking is not None:
            of, why = position, lacking
        elif position.group in culprits:
            of, why = culprits[position.group]
        else:
            known.append(position)
            continue
        unknown.append(
            UnknownPosition(label=position.label, underlying=position.underlying, missing=why.value, of=of.label)
        )
    return known, tuple(unknown)


def reprice(
    positions: Sequence[ScenarioPosition],
    factors: Floats,
    iv_factors: Floats,
    *,
    days: float = 0.0,
    exact: bool = False,
    with_greeks: bool = False,
) -> Repriced:
    """Price known positions at every move and volatility, after ``days``, against their worth now.

    ``factors`` has a row per position: what its spot is multiplied by in each move. European values throughout;
    ``exact`` prices American options on a tree. An option that ends within the days counts what exercise gives.
    """
    underlyings = tuple(sorted({position.underlying for position in positions}))
    shape = (len(underlyings), factors.shape[1], len(iv_factors))
    pnl = np.zeros(shape)
    greeks = {name: np.zeros(shape) for name in GREEKS} if with_greeks else {}
    shortfall = np.zeros(len(positions))
    step = max(1, CELLS_AT_ONCE // (shape[1] * shape[2]))
    for first in range(0, len(positions), step):
        part = positions[first : first + step]
        columns = _Columns(part)
        rows = [underlyings.index(position.underlying) for position in part]
        now = columns.table(columns.spot[:, None], columns.iv[:, None], 0.0, exact=exact)
        spots = columns.spot[:, None, None] * factors[first : first + step, :, None]
        shocked = np.maximum(columns.iv[:, None] * iv_factors, np.minimum(columns.iv, IV_FLOOR)[:, None])
        spots, ivs = np.broadcast_arrays(spots, shocked[:, None, :])
        then = columns.table(spots, ivs, days, exact=exact, with_greeks=with_greeks)
        np.add.at(pnl, rows, (then[0] - now[0][..., None]) * columns.shares[:, None, None])
        for name, worth in zip(greeks, then[1:], strict=True):
            np.add.at(greeks[name], rows, worth * columns.shares[:, None, None])
        shortfall[first : first + step] = columns.shortfall(spots, then[0])
    return Repriced(underlyings=underlyings, pnl=pnl, greeks=greeks, shortfall=shortfall)


class _Columns:
    """The numbers of some positions side by side, as the kernels take them."""

    def __init__(self, positions: Sequence[ScenarioPosition]) -> None:
        contracts = [position.contract for position in positions]
        self.spot = np.array([position.spot for position in positions], dtype=np.float64)
        self.iv = np.array([position.iv or 0.0 for position in positions])
        self.years = np.array([position.years for position in positions])
        self.rate = np.array([position.rate for position in positions])
        self.dividend_yield = np.array([position.dividend_yield for position in positions])
        self.shares = np.array([position.shares for position in positions], dtype=np.float64)
        self.strike = np.array([float(one.strike) if one is not None else math.nan for one in contracts])
        self.is_call = np.array([one is not None and one.right is Right.CALL for one in contracts])
        self.is_option = np.array([one is not None for one in contracts])
        self.is_american = np.array([position.may_exercise_early for position in positions])

    def table(self, spots: Floats, ivs: Floats, days: float, *, exact: bool, with_greeks: bool = False) -> list[Floats]:
        """Price and, if asked for, greeks of one share's worth in each cell: the first axis is the position."""
        rows = 1 + len(GREEKS) * with_greeks
        found = [np.zeros(spots.shape) for _ in range(rows)]
        found[0][...] = spots  # of stock; options are overwritten
        if with_greeks:
            found[1][...] = 1.0
        trees = self.is_option & self.is_american & exact
        for chosen, by_tree in ((self.is_option & ~trees, False), (trees, True)):
            if chosen.any():
                self._price(found, chosen, spots, ivs, days, by_tree=by_tree)
        return found

    def _price(
        self,
        found: list[Floats],
        chosen: npt.NDArray[np.bool_],
        spots: Floats,
        ivs: Floats,
        days: float,
        *,
        by_tree: bool,
    ) -> None:
        from thetaloom.maths.black_scholes import chain_greeks  # compiles on first use

        shape = spots[chosen].shape
        left = np.maximum(self.years - days / DAYS_PER_YEAR, 0.0)
        given = (self.strike, left, self.is_call, self.rate, self.dividend_yield)
        strike, years, is_call, rate, dividend_yield = (_stretched(column[chosen], shape) for column in given)
        spot, iv = spots[chosen].ravel(), ivs[chosen].ravel()
        arguments = (spot, strike, years, is_call, iv, rate, dividend_yield)
        tables: Sequence[Floats]
        if by_tree and len(found) > 1:
            from thetaloom.maths.american_trees import tree_greeks

            tables = list(tree_greeks(*arguments))
        elif by_tree:
            from thetaloom.maths.american_trees import tree_prices

            tables = [tree_prices(*arguments)]
        else:
            priced = chain_greeks(*arguments)
            tables = [priced.price, priced.delta, priced.gamma, priced.theta, priced.vega, priced.rho]
        for target, column in zip(found, tables, strict=False):
            target[chosen] = column.reshape(shape)

    def shortfall(self, spots: Floats, worth: Floats) -> Floats:
        """Dollars per share that each American option's value lies under its intrinsic value, at most."""
        sign = np.where(self.is_call, 1.0, -1.0)[:, None, None]
        intrinsic = np.maximum(0.0, sign * (spots - self.strike[:, None, None]))
        under: Floats = np.where(self.is_american[:, None, None], np.maximum(intrinsic - worth, 0.0), 0.0)
        deepest: Floats = under.max(axis=(1, 2))
        return deepest


def _stretched(column: npt.NDArray[np.generic], shape: tuple[int, ...]) -> npt.NDArray[np.generic]:
    return np.broadcast_to(column.reshape(-1, *([1] * (len(shape) - 1))), shape).ravel()
