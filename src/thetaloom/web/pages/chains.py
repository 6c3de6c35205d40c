"""The option chain of a symbol: calls and puts by strike around the spot, with greeks, and the same as CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query
from starlette.responses import Response

from thetaloom.domain.market.expirations import Expiration
from thetaloom.domain.market.option_table import OptionCell, OptionTable
from thetaloom.engine.option_tables import ChainShown, read_option_table
from thetaloom.web.charts import symbol_of
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.pages.filters import MINUS
from thetaloom.web.pages.forms import day_of, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.looks import usual_symbol
from thetaloom.web.pages.numbers import age
from thetaloom.web.pages.render import page

router = APIRouter(prefix="/chains")
NO_NUL = r"^[^\x00]*$"
STRIKE_CHOICES = (10, 20, 40, 0)  # each side of the spot; 0 = all
STRIKES_USUAL = 20
UNKNOWN_CELL = "–"
SYMBOLS_SHOWN = 500
# Name, heading, and what it means; on either side the prices stand beside the strike.
COLUMNS = (
    ("open_interest", "OI", "Open interest, contracts"),
    ("volume", "Vol", "Contracts traded today"),
    ("vega", "Vega", "Dollars per vol point"),
    ("theta", "Theta", "Dollars per calendar day"),
    ("gamma", "Gamma", "Delta per dollar of the underlying"),
    ("delta", "Delta", "Dollars per dollar of the underlying"),
    ("iv", "IV", "Implied by the mid"),
    ("age", "Age", "Since the quote was last known good"),
    ("bid", "Bid", "Dollars per share"),
    ("mid", "Mid", "Dollars per share"),
    ("ask", "Ask", "Dollars per share"),
)
PUT_COLUMNS = (*COLUMNS[-3:], *COLUMNS[-4::-1])
SPARE = frozenset({"open_interest", "volume", "vega", "theta", "gamma", "age"})  # a phone shows them when asked to
PLACES = {"delta": 3, "gamma": 4, "theta": 3, "vega": 3}

ExpirationQuery = Annotated[str, Query(max_length=10, pattern=NO_NUL)]
RootQuery = Annotated[str, Query(max_length=6, pattern=NO_NUL)]
StrikesQuery = Annotated[int, Query(ge=0, le=1000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """One side of a row as text, in the order of its columns; empty where the contract is not listed."""

    texts: Sequence[str]
    in_the_money: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainRow:
    """One strike."""

    strike: str
    call: Cells
    put: Cells


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpirationChoice:
    """One expiration to choose."""

    expiration: Expiration
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainView:
    """The form, and the chain once a symbol is named; the line at the money follows ``rows_below`` rows."""

    frame: Frame
    symbol: str
    symbols: Sequence[str]
    table: OptionTable | None
    expirations: Sequence[ExpirationChoice]
    rows: Sequence[ChainRow]
    rows_below: int
    call_columns: Sequence[tuple[str, str, str]]
    put_columns: Sequence[tuple[str, str, str]]
    spare: frozenset[str]
    strikes: int
    strike_choices: Sequence[int]
    age: str
    csv: str


@router.get("")
def choose(front: FrontDoor, symbol: Annotated[str, Query(max_length=12, pattern=NO_NUL)] = "") -> Response:
    """Ask for a symbol, or go to the one that was named."""
    if symbol.strip():
        return see(f"/chains/{quote(symbol_of(symbol), safe='')}")
    return page("chain.html", _view(front, usual_symbol(front), None, STRIKES_USUAL))


@router.get("/{symbol}")
def chain(
    front: FrontDoor,
    symbol: str,
    expiration: ExpirationQuery = "",
    root: RootQuery = "",
    strikes: StrikesQuery = STRIKES_USUAL,
) -> Response:
    """Show one expiration of the present chain."""
    wanted = symbol_of(symbol)
    return page("chain.html", _view(front, wanted, _shown(front, wanted, expiration, root, strikes), strikes))


@router.get("/{symbol}/csv")
def chain_csv(
    front: FrontDoor,
    symbol: str,
    expiration: ExpirationQuery = "",
    root: RootQuery = "",
    strikes: StrikesQuery = 0,
) -> Response:
    """Give the same as a file; what is not known is empty."""
    wanted = symbol_of(symbol)
    table = _shown(front, wanted, expiration, root, strikes).table
    name = f"{wanted.strip('^').lower()}-{table.expiration.expires_on}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(_csv(table), media_type="text/csv; charset=utf-8", headers=headers)


def _shown(front: Front, symbol: str, expiration: str, root: str, strikes: int) -> ChainShown:
    wanted = day_of(expiration, "expiration")
    return read_option_table(front.platform.desk, symbol, wanted, root.strip().upper(), strikes or None)


def _view(front: Front, symbol: str, shown: ChainShown | None, strikes: int) -> ChainView:
    table = None if shown is None else shown.table
    path = f"/chains/{quote(symbol, safe='')}"
    return ChainView(
        frame=frame_of(front, "chains"),
        symbol=symbol,
        symbols=tuple(front.platform.market.symbols())[:SYMBOLS_SHOWN],
        table=table,
        expirations=[] if shown is None else [_choice(path, one, shown.table, strikes) for one in shown.expirations],
        rows=[] if table is None else _rows(table),
        rows_below=0 if table is None else table.rows_below,
        call_columns=COLUMNS,
        put_columns=PUT_COLUMNS,
        spare=SPARE,
        strikes=strikes,
        strike_choices=STRIKE_CHOICES,
        age="" if table is None else age((front.now - table.as_of).total_seconds()),
        csv="" if table is None else f"{path}/csv?{_asked(table.expiration, strikes)}",
    )


def _asked(expiration: Expiration, strikes: int) -> str:
    return urlencode({"expiration": str(expiration.expires_on), "root": expiration.root, "strikes": strikes})


def _choice(path: str, one: Expiration, table: OptionTable, strikes: int) -> ExpirationChoice:
    return ExpirationChoice(expiration=one, href=f"{path}?{_asked(one, strikes)}", chosen=one == table.expiration)


def _rows(table: OptionTable) -> list[ChainRow]:
    names = [name for name, _, _ in COLUMNS]
    return [
        ChainRow(
            strike=f"{row.strike:f}",
            call=_cells(row.call, names),
            put=_cells(row.put, [name for name, _, _ in PUT_COLUMNS]),
        )
        for row in table.rows
    ]


def _cells(cell: OptionCell | None, names: Sequence[str]) -> Cells:
    if cell is None:
        return Cells(texts=[""] * len(names), in_the_money=False)
    values = _numbers(cell)
    return Cells(texts=[_text(name, values[name]) for name in names], in_the_money=bool(cell.in_the_money))


def _numbers(cell: OptionCell) -> dict[str, object]:
    greeks = cell.greeks
    return {
        "bid": cell.bid,
        "ask": cell.ask,
        "mid": cell.mid,
        "iv": greeks.iv,
        "delta": greeks.delta,
        "gamma": greeks.gamma,
        "theta": greeks.theta,
        "vega": greeks.vega,
        "volume": cell.volume,
        "open_interest": cell.open_interest,
        "age": cell.age_seconds,
    }


def _text(name: str, number: object) -> str:
    if number is None:
        return UNKNOWN_CELL
    if name == "age":
        return age(float(str(number)))
    if name == "iv":
        return f"{float(str(number)):.1%}"
    if name in PLACES:
        return f"{float(str(number)):.{PLACES[name]}f}".replace("-", MINUS)
    return f"{number:.2f}" if name in {"bid", "ask"} else f"{number:.3f}" if name == "mid" else f"{number:,}"


def _csv(table: OptionTable) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    names = [name for name, _, _ in PUT_COLUMNS]
    writer.writerow(["symbol", "root", "expiration", "strike", "right", "occ_symbol", *names])
    for row in table.rows:
        for cell in (row.call, row.put):
            if cell is None:
                continue
            of, numbers = cell.contract, _numbers(cell)
            known = ["" if numbers[name] is None else str(numbers[name]) for name in names]
            head = [table.symbol, of.root, str(of.expires_on), f"{of.strike:f}", of.right.value, of.occ_symbol]
            writer.writerow([*head, *known])
    return file.getvalue()
