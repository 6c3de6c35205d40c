"""The portfolio: what trading has brought over time, by strategy and by symbol, and what the book would do."""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from fastapi import APIRouter
from starlette.responses import Response

from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.book.results import CurvePoint, Results, realized_curve, results_by
from thetaloom.domain.values.money import NOTHING, Money
from thetaloom.engine.portfolio_greeks import SUMMED
from thetaloom.store.queries.balances import Worth, worth_over_time
from thetaloom.store.queries.paging import Window
from thetaloom.store.queries.positions import closed_positions, list_positions
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.marked import greeks_of, reviews_of
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.render import page
from thetaloom.web.pages.risk import StressShown, stress_of

router = APIRouter(prefix="/portfolio")
HELD_MAX = 500
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class PortfolioView:
    """The account, its results, and its book at this moment."""

    frame: Frame
    snapshot: AccountSnapshot | None  # None: the account is not this person's, or the broker does not answer
    equity: Sequence[Worth]
    equity_points: str  # of its drawing, in the form of ``points``
    curve: Sequence[CurvePoint]
    points: str  # of the drawing, as JSON: seconds since 1970, and dollars
    by_strategy: Sequence[Results]
    by_symbol: Sequence[Results]
    realized: Money
    held: int
    unrealized: Money | None  # None: a price is missing
    greeks: Mapping[str, Decimal | None]
    stress: StressShown | None


@router.get("")
def portfolio(front: FrontDoor) -> Response:
    """Show what trading has brought, and what is held."""
    closed = closed_positions(front.database, front.user)
    held = list_positions(front.database, front.user, is_open=True, window=Window(limit=HELD_MAX)).rows
    reviews = reviews_of(front, held)
    curve, equity = realized_curve(closed), worth_over_time(front.database, front.user)
    pnls = [reviews[one.id].unrealized_pnl if one.id in reviews else None for one in held]
    known = [pnl for pnl in pnls if pnl is not None]
    snapshot = front.account()
    view = PortfolioView(
        frame=frame_of(front, "portfolio"),
        snapshot=snapshot,
        equity=equity,
        equity_points=json.dumps([[int(one.at.timestamp()) for one in equity], [float(one.worth) for one in equity]]),
        curve=curve,
        points=json.dumps([[int(one.at.timestamp()) for one in curve], [float(one.realized) for one in curve]]),
        by_strategy=results_by(closed, lambda one: one.strategy_id),
        by_symbol=results_by(closed, lambda one: one.symbol),
        realized=curve[-1].realized if curve else NOTHING,
        held=len(held),
        unrealized=sum(known, NOTHING) if len(known) == len(pnls) else None,
        greeks=_sums([_greeks(front, one) for one in held]),
        stress=None if snapshot is None else stress_of(front),
    )
    return page("portfolio.html", view)


@router.get("/curve.csv")
def curve_csv(front: FrontDoor) -> Response:
    """Return the curve as a table."""
    curve = realized_curve(closed_positions(front.database, front.user))
    rows = [(one.at.isoformat(), str(one.realized), str(one.drawdown)) for one in curve]
    return _csv("realized-curve.csv", ("at", "realized", "drawdown"), rows)


@router.get("/equity.csv")
def equity_csv(front: FrontDoor) -> Response:
    """Return what the account was worth as a table."""
    found = worth_over_time(front.database, front.user)
    return _csv("equity.csv", ("at", "net_liquidating_value"), [(one.at.isoformat(), str(one.worth)) for one in found])


@router.get("/results.csv")
def results_csv(front: FrontDoor) -> Response:
    """Return the results by strategy and by symbol as a table."""
    closed = closed_positions(front.database, front.user)
    groups = (
        ("strategy", results_by(closed, lambda one: one.strategy_id)),
        ("symbol", results_by(closed, lambda one: one.symbol)),
    )
    rows = [
        (by, one.name, *(str(part) for part in (one.positions, one.wins, one.realized, one.fees, one.best, one.worst)))
        for by, found in groups
        for one in found
    ]
    return _csv("results.csv", ("by", "name", "positions", "wins", "realized", "fees", "best", "worst"), rows)


def _greeks(front: Front, position: Position) -> Mapping[str, Decimal | None]:
    found = greeks_of(front, position, front.now)
    return {name: getattr(found, name) for name in SUMMED}


def _sums(parts: Sequence[Mapping[str, Decimal | None]]) -> Mapping[str, Decimal | None]:
    sums: dict[str, Decimal | None] = {}
    for name in SUMMED:
        known = [amount for part in parts if (amount := part[name]) is not None]
        sums[name] = sum(known, Decimal(0)) if len(known) == len(parts) else None
    return sums


def _csv(name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Response:
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(header)
    writer.writerows([_harmless(cell) for cell in row] for row in rows)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(sheet.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _harmless(cell: str) -> str:
    # A spreadsheet takes what begins so for a formula; a plain number is none.
    is_number = cell.removeprefix("-").replace(".", "", 1).isdigit()
    return f"'{cell}" if cell.startswith(FORMULA_STARTS) and not is_number else cell
