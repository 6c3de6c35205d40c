"""Stress: what the open positions gain or lose when spots and volatilities move."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BeforeValidator, Field

from thetaloom.domain.market.chain import Floats
from thetaloom.domain.risk.scenarios import IV_SHOCKS, SPOT_SHOCKS, BookGreeks, Shocks, dollars, scenario_grid
from thetaloom.domain.risk.value_at_risk import value_at_risk
from thetaloom.engine.stress import stress_book
from thetaloom.web.api.records import Exact, Record
from thetaloom.web.front import FrontDoor
from thetaloom.web.problems import documented

router = APIRouter(tags=["risk"])


def _cents(amount: object) -> object:
    return dollars(amount) if isinstance(amount, float) else amount


Dollars = Annotated[Exact, BeforeValidator(_cents)]
Grid = list[list[Dollars]]
ShockList = Annotated[list[float] | None, Query(description="As parts, -0.2 is 20 % down; may be repeated.")]


class Cell(Record):
    """One cell of the grid."""

    spot_shock: float
    iv_shock: float
    pnl: Dollars


class Unknown(Record):
    """A position that is in no figure."""

    label: str
    underlying: str
    missing: str = Field(description="What is not known.", examples=["implied volatility"])
    of: str = Field(description="The position that lacks it: this one, or another leg of its structure.")


class Early(Record):
    """An American option that the grid values below what exercise gives; ask for `exact`."""

    label: str
    price: float = Field(description="Dollars per share, at most.")


class Loss(Record):
    """Losses of one day, positive; a negative one is a gain."""

    confidence: float
    historical: Dollars | None = Field(description="null where there are too few days to tell.")
    shortfall: Dollars | None = Field(description="The mean of the losses at least as big.")
    parametric: Dollars


class OneDay(Record):
    """What one day may cost, from the days of the past."""

    days: int
    positions: int
    losses: list[Loss]
    three_sigma: Dollars | None
    worst_day: Dollars | None
    unknown: list[Unknown]


class Greeks(Record):
    """Greeks of the book in each cell: what adds up over underlyings is in dollars."""

    delta_usd: Grid = Field(description="Worth of the shares that delta stands for.")
    gamma_usd: Grid = Field(description="What `delta_usd` gains per 1 % up.")
    theta: Grid = Field(description="Per calendar day.")
    vega: Grid = Field(description="Per 0.01 of volatility.")
    rho: Grid = Field(description="Per 0.01 of rate.")


class Scenarios(Record):
    """Profit and loss in dollars against the worth now: a row for each spot shock, a column for each of iv."""

    as_of: datetime
    is_complete: bool = Field(description="Whether every position is in every figure.")
    positions: int
    spot_shocks: list[float]
    iv_shocks: list[float]
    days: float
    beta_weighted: bool
    benchmark: str
    exact: bool
    pnl: Grid
    by_underlying: dict[str, Grid]
    worst: Cell | None
    best: Cell | None
    unknown: list[Unknown]
    early_exercise: list[Early]
    value_at_risk: OneDay
    greeks: Greeks | None = Field(description="null unless asked for.")


@router.get("/risk/scenarios", responses=documented())
def scenarios(
    front: FrontDoor,
    spot: ShockList = None,
    iv: ShockList = None,
    days: Annotated[float, Query(description="Calendar days that pass meanwhile.")] = 0.0,
    beta_weighted: Annotated[bool, Query(description="A move is the benchmark's.")] = False,
    exact: Annotated[bool, Query(description="Price American options on a tree.")] = False,
    greeks: Annotated[bool, Query(description="Also the book's greeks in each cell.")] = False,
) -> Scenarios:
    """Price all open positions anew over moves of spot and volatility, and under the days of the last year."""
    shocks = Shocks(
        spot=tuple(spot) if spot else SPOT_SHOCKS,
        iv=tuple(iv) if iv else IV_SHOCKS,
        days=days,
        beta_weighted=beta_weighted,
    )
    with front.platform.store.reading() as seen:
        book = stress_book(front.platform.desk, seen, front.now, exact=exact)
    grid = scenario_grid(book.positions, shocks, exact=exact, with_greeks=greeks)
    risk = value_at_risk(book.positions, book.returns, exact=exact)
    return Scenarios(
        as_of=book.as_of,
        is_complete=grid.is_complete and risk.is_complete,
        positions=grid.positions,
        spot_shocks=list(shocks.spot),
        iv_shocks=list(shocks.iv),
        days=shocks.days,
        beta_weighted=shocks.beta_weighted,
        benchmark=book.benchmark,
        exact=exact,
        pnl=_grid(grid.pnl),
        by_underlying={symbol: _grid(part) for symbol, part in grid.by_underlying.items()},
        worst=None if grid.worst is None else Cell.model_validate(grid.worst),
        best=None if grid.best is None else Cell.model_validate(grid.best),
        unknown=[Unknown.model_validate(one) for one in grid.unknown],
        early_exercise=[Early.model_validate(one) for one in grid.early_exercise],
        value_at_risk=OneDay.model_validate(risk),
        greeks=None if grid.greeks is None else _greeks(grid.greeks),
    )


def _greeks(found: BookGreeks) -> Greeks:
    return Greeks(
        delta_usd=_grid(found.delta_usd),
        gamma_usd=_grid(found.gamma_usd),
        theta=_grid(found.theta),
        vega=_grid(found.vega),
        rho=_grid(found.rho),
    )


def _grid(table: Floats) -> Grid:
    return [[dollars(cell) for cell in row] for row in table]
