"""The exact least-margin pairing of everything held on one underlying, as an integer program.

Each contract and each lot of stock is used once; what is not paired stands alone. What may be paired:

- Shorts with longs in a spread. Spreads that end alike lose together no more than apart, so for each date on which
  a short ends there is one spread at most: shorts that end by then against longs that last that long. Its loss is
  the highest of one linear function per strike of a long, as the curve of a loss can peak nowhere else.
- A naked short call with a naked short put: of the lesser requirement only its market value stays. Which of two is
  the lesser follows from the order of all requirements, so it is enough to count, from the greatest down, how many
  are free to absorb one of the other right.
- Lots of stock with the options that they cover or that hedge them.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import gcd
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from thetaloom.domain.risk.margin_offsets import StockPair, stock_alone, stock_pairs
from thetaloom.domain.risk.margin_rules import ZERO, AccountKind, Holding, Requirement
from thetaloom.domain.risk.margin_series import Pairing, Series, Spread
from thetaloom.domain.values.instruments import STRIKE_STEP, ExerciseStyle

SLACK = 1e-5  # dollars of the initial amount that the search for the least maintenance may be off
FINEST = 10**8  # parts of a dollar in which amounts are whole
LEAST_QUANTUM = 1e-5  # dollars
SMALL_MAX = 48  # columns; a book of a dozen legs is not worth the wait for the compiler
PIVOTS_MAX = 1_500
NO_END = float("inf")

Family = tuple[ExerciseStyle, int]
Factors = NDArray[np.float64]


def least_pairing(holding: Holding, account: AccountKind, series: tuple[Series, ...]) -> Pairing | None:
    """Return the pairing with the least initial and then the least maintenance; ``None`` = nothing is permitted."""
    if account is AccountKind.CASH and holding.shares < 0:
        return None
    program = _Program(holding, account, series)
    return program.solve() if program.is_possible else None


class _Group(NamedTuple):
    columns: dict[int, int]  # series → column


class _Program:
    """Columns with their costs and bounds, and the rows that bind them. Costs are relative to pairing nothing."""

    def __init__(self, holding: Holding, account: AccountKind, series: tuple[Series, ...]) -> None:
        self.series, self.is_cash = series, account is AccountKind.CASH
        self.costs: list[Requirement] = []
        self.most: list[float] = []
        self.rows: list[tuple[list[int], Factors | float, float, float]] = []
        self.used: list[list[int]] = [[] for _ in series]  # per series the columns that use it
        self.groups = [group for family, ends in self._endings() if (group := self._group(family, ends)) is not None]
        self.pairs: list[tuple[StockPair, int]] = []
        self._pair_stock(holding, account)
        self.absorbed: dict[int, int] = {}
        if not self.is_cash:
            for family in sorted({one.family for one in series}):
                self._absorb(family)
        self.is_possible = self._use_each_once()

    def solve(self) -> Pairing | None:
        found = self._run([cost.initial for cost in self.costs])
        if found is None:
            return None
        if self.pairs:  # only with stock may pairings of equal initial amounts differ in maintenance
            initial = [(column, float(cost.initial)) for column, cost in enumerate(self.costs) if cost.initial]
            best = sum(factor * found[column] for column, factor in initial)
            self._row(
                [column for column, _ in initial], np.array([factor for _, factor in initial]), -NO_END, best + SLACK
            )
            found = self._run([cost.maintenance for cost in self.costs]) or found
        return self._read(found)

    def _endings(self) -> list[tuple[Family, tuple[int, bool]]]:
        return sorted({(one.family, one.ends) for one in self.series if one.is_short})

    def _column(self, most: float, cost: Requirement) -> int:
        self.most.append(most)
        self.costs.append(cost)
        return len(self.most) - 1

    def _group(self, family: Family, ends: tuple[int, bool]) -> _Group | None:
        members = [i for i, one in enumerate(self.series) if one.family == family and self._may_spread(one, ends)]
        longs = [i for i in members if not self.series[i].is_short]
        if not longs:
            return None
        columns = {i: self._column(self.series[i].count, self._saved(i)) for i in members}
        for i, column in columns.items():
            self.used[i].append(column)
        held = [self.series[i] for i in members]
        signs, is_call = np.array([float(one.sign) for one in held]), np.array([one.is_call for one in held])
        for right in (is_call, ~is_call):
            self._row([columns[i] for i, of_it in zip(members, right, strict=True) if of_it], signs[right], 0.0, 0.0)
        # Whatever is paired, the loss is a whole number of the common step of the strikes.
        strikes = np.array([one.strike for one in held])
        lowest, highest = int(strikes.min()), int(strikes.max())
        step = gcd(*(one.strike - lowest for one in held)) or 1
        dollars = step * STRIKE_STEP * family[1]
        naked = sum((one.alone(is_cash=self.is_cash) * one.count for one in held), ZERO)
        widest = (highest - lowest) // step * sum(one.count for one in held)
        most = widest if self.is_cash else min(widest, int(naked / dollars) + 1)  # more is never worth while
        loss = self._column(most, Requirement(dollars, dollars))
        for at in sorted({self.series[i].strike for i in longs}):
            gains = np.maximum(np.where(is_call, at - strikes, strikes - at), 0) // step * signs
            self._row([*columns.values(), loss], np.append(gains, 1.0), 0.0, NO_END)
        return _Group(columns)

    def _row(self, columns: list[int], factors: Factors | float, low: float, high: float) -> None:
        if columns:
            self.rows.append((columns, factors, low, high))

    def _may_spread(self, one: Series, ends: tuple[int, bool]) -> bool:
        if self.is_cash:
            # Cboe 10.3: cash-settled and European, both sides ending together.
            contract = one.leg.contract
            return contract.is_index and contract.exercise_style is ExerciseStyle.EUROPEAN and one.ends == ends
        return one.ends <= ends if one.is_short else one.ends >= ends

    def _saved(self, i: int) -> Requirement:
        alone = self.series[i].alone(is_cash=self.is_cash)
        return Requirement(-alone, -alone)

    def _pair_stock(self, holding: Holding, account: AccountKind) -> None:
        if not holding.shares:
            return
        share = stock_alone(holding, account)
        columns, lots = [], []
        for pair in stock_pairs(holding, [one.leg for one in self.series], account):
            saved = [abs(pair.shares) * share.initial, abs(pair.shares) * share.maintenance]
            for i in pair.legs:
                alone = self.series[i].alone(is_cash=self.is_cash)
                saved = [amount + alone for amount in saved]
            needs = pair.requirement
            column = self._column(pair.lots, Requirement(needs.initial - saved[0], needs.maintenance - saved[1]))
            self.pairs.append((pair, column))
            columns.append(column)
            lots.append(float(abs(pair.shares)))
            for i in pair.legs:
                self.used[i].append(column)
        self._row(columns, np.array(lots), 0.0, float(abs(holding.shares)))

    def _absorb(self, family: Family) -> None:
        shorts = [i for i, one in enumerate(self.series) if one.is_short and one.family == family]
        # Of equal requirements the one with less above its value falls away: the rule leaves that open.
        shorts.sort(key=lambda i: (self.series[i].naked, self.series[i].above), reverse=True)
        columns: dict[int, int] = {}
        for rank, i in enumerate(shorts):
            one = self.series[i]
            others = [j for j in shorts[:rank] if self.series[j].is_call is not one.is_call]
            if not others:
                continue
            columns[i] = self._column(one.count, Requirement(-one.above, -one.above))
            same = [columns[j] for j in shorts[: rank + 1] if j in columns and self.series[j].is_call is one.is_call]
            busy = [column for j in others for column in self.used[j]]
            busy += [columns[j] for j in others if j in columns]
            free = sum(self.series[j].count for j in others)
            self._row([*same, *busy], 1.0, 0.0, float(free))
        for i, column in columns.items():
            self.used[i].append(column)
        self.absorbed.update(columns)

    def _use_each_once(self) -> bool:
        for one, columns in zip(self.series, self.used, strict=True):
            # A short call in a cash account must be covered, each of them.
            least = one.count if self.is_cash and one.is_short and one.is_call else 0
            if least and not columns:
                return False
            if len(columns) > 1 or least:  # a single column has that bound of its own
                self._row(columns, 1.0, float(least), float(one.count))
        return True

    def _run(self, costs: Sequence[Decimal]) -> list[int] | None:
        if not costs:
            return []
        factors = np.array([float(cost) for cost in costs])
        matrix = np.zeros((len(self.rows), len(costs)))
        for row, (columns, terms, _, _) in enumerate(self.rows):
            matrix[row, columns] = terms
        low, high = np.array([row[2] for row in self.rows]), np.array([row[3] for row in self.rows])
        most = np.array(self.most, dtype=float)
        if len(costs) <= SMALL_MAX:
            return _solve_at_length(factors, matrix, low, high, most)
        from thetaloom.maths.integer_program import GAVE_UP, least_cost  # compiles on first use, for seconds

        program, quantum = (factors, matrix, low, high, most), _quantum(costs)
        best, cost = None, np.inf
        # No order of decisions is good for all books; a bad one is soon left for the next.
        dear = 1.0 + np.abs(factors) / 1000
        for weights in (dear, 1.0 / dear, np.ones(len(costs))):
            status, found, least, _ = least_cost(*program, weights, cost, quantum, PIVOTS_MAX)
            if least < cost:
                best, cost = [int(number) for number in found], least
            if status != GAVE_UP:
                return best
        return _solve_at_length(*program)

    def _read(self, found: Sequence[int]) -> Pairing:
        spreads = []
        for group in self.groups:
            used = [(i, found[column]) for i, column in group.columns.items() if found[column]]
            if used:
                spreads.append(
                    Spread(
                        tuple((i, count) for i, count in used if self.series[i].is_short),
                        tuple((i, count) for i, count in used if not self.series[i].is_short),
                    )
                )
        return Pairing(
            self.series,
            spreads=tuple(spreads),
            stock=tuple((pair, found[column]) for pair, column in self.pairs if found[column]),
            absorbed=tuple(_counted(self.absorbed, found)),
        )


def _counted(columns: dict[int, int], found: Sequence[int]) -> Iterable[tuple[int, int]]:
    return ((i, found[column]) for i, column in columns.items() if found[column])


def _quantum(costs: Sequence[Decimal]) -> float:
    """Return by how much at least two different sums of the costs differ."""
    scaled = [cost * FINEST for cost in costs]
    if any(cost != cost.to_integral_value() for cost in scaled):
        return LEAST_QUANTUM
    return max(LEAST_QUANTUM, 0.99 * gcd(*(int(cost) for cost in scaled)) / FINEST)


def _solve_at_length(costs: Any, matrix: Any, low: Any, high: Any, most: Any) -> list[int] | None:
    """Solve by a search that needs no compiler and knows more tricks, but takes longer over a program of some size."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    found: Any = milp(
        costs,
        integrality=np.ones(len(costs)),
        bounds=Bounds(0, most),
        constraints=LinearConstraint(matrix, low, high),
        options={"mip_rel_gap": 0.0},
    )
    return None if found.x is None else [round(number) for number in found.x]
