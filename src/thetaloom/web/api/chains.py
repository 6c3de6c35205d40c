"""Option chains: one expiration of a symbol with quotes, volatility and greeks of this moment."""

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from thetaloom.domain.market.option_table import OptionCell, OptionTable
from thetaloom.engine.option_tables import read_option_table
from thetaloom.web.api.queries import NO_NUL
from thetaloom.web.api.records import Exact, Record
from thetaloom.web.charts import symbol_of
from thetaloom.web.front import FrontDoor
from thetaloom.web.problems import documented

router = APIRouter(prefix="/chains", tags=["chains"])
STRIKES_MAX = 1000
SymbolPath = Annotated[str, Path(min_length=1, max_length=12, pattern=NO_NUL)]
RootQuery = Annotated[str, Query(max_length=6, pattern=r"^[A-Z0-9]*$", description="The OCC root, where two list it.")]


class Listed(Record):
    """An expiration that the chain lists."""

    expires_on: date
    root: str
    dte: int
    is_monthly: bool


class Contract(Record):
    """One contract; null is not known, never zero."""

    occ_symbol: str
    bid: Exact | None
    ask: Exact | None
    mid: Exact | None = Field(description="null as well where the quote is crossed.")
    bid_size: int | None
    ask_size: int | None
    iv: float | None = Field(description="Implied by the mid, 0.20 = 20 %.")
    delta: float | None = Field(description="Per share of a long contract.")
    gamma: float | None
    theta: float | None = Field(description="Dollars per calendar day.")
    vega: float | None = Field(description="Dollars per vol point.")
    volume: int | None
    open_interest: int | None
    quote_age_seconds: int
    in_the_money: bool | None


class StrikeRow(Record):
    """One strike; a side that is not listed is null."""

    strike: Exact
    call: Contract | None
    put: Contract | None


class Chain(Record):
    """One expiration of a chain, lowest strike first, and what its greeks were worked out with."""

    symbol: str
    as_of: datetime
    spot: Exact | None
    source: str
    synthetic: bool
    expires_on: date
    root: str
    dte: int
    years: float
    rate: float
    dividend_yield: float
    model: str
    strikes_listed: int
    expirations: list[Listed]
    rows: list[StrikeRow]


@router.get("/{symbol}", responses=documented(404))
def read_chain(
    front: FrontDoor,
    symbol: SymbolPath,
    expiration: Annotated[date | None, Query(description="The one nearest to 30 days away if none is given.")] = None,
    root: RootQuery = "",
    strikes: Annotated[
        int | None, Query(ge=1, le=STRIKES_MAX, description="Strikes each side of the spot; all if not given.")
    ] = None,
) -> Chain:
    """Return one expiration of the present option chain."""
    shown = read_option_table(front.platform.desk, symbol_of(symbol), expiration, root, strikes)
    listed = [Listed.model_validate(one) for one in shown.expirations]
    return _chain(shown.table, listed)


def _chain(table: OptionTable, listed: list[Listed]) -> Chain:
    rows = [StrikeRow(strike=row.strike, call=_contract(row.call), put=_contract(row.put)) for row in table.rows]
    chosen = table.expiration
    return Chain(
        symbol=table.symbol,
        as_of=table.as_of,
        spot=table.spot,
        source=table.source,
        synthetic=table.synthetic,
        expires_on=chosen.expires_on,
        root=chosen.root,
        dte=chosen.dte,
        years=chosen.years,
        rate=table.rate,
        dividend_yield=table.dividend_yield,
        model=table.model,
        strikes_listed=table.strikes_listed,
        expirations=listed,
        rows=rows,
    )


def _contract(cell: OptionCell | None) -> Contract | None:
    if cell is None:
        return None
    greeks = cell.greeks
    return Contract(
        occ_symbol=cell.contract.occ_symbol,
        bid=cell.bid,
        ask=cell.ask,
        mid=cell.mid,
        bid_size=cell.bid_size,
        ask_size=cell.ask_size,
        iv=greeks.iv,
        delta=greeks.delta,
        gamma=greeks.gamma,
        theta=greeks.theta,
        vega=greeks.vega,
        volume=cell.volume,
        open_interest=cell.open_interest,
        quote_age_seconds=cell.age_seconds,
        in_the_money=cell.in_the_money,
    )
