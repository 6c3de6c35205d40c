"""Risk: the budget, every limit with its use, the guards, what limits refused, the stress of the book, and halts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from fastapi import APIRouter
from starlette.responses import Response

from thetaloom.domain.risk.limits import Group
from thetaloom.domain.risk.scenarios import Shocks, dollars, scenario_grid
from thetaloom.domain.risk.use import LimitUse
from thetaloom.domain.risk.value_at_risk import value_at_risk
from thetaloom.domain.risk.violations import Violation
from thetaloom.domain.values.money import Money
from thetaloom.engine.risk_view import RiskView as Found
from thetaloom.engine.risk_view import risk_view
from thetaloom.engine.stress import StressBook, stress_book
from thetaloom.errors import Unavailable
from thetaloom.store.queries.violations import VIOLATIONS, list_violations
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.pages.budget_bar import BudgetBar, budget_bar
from thetaloom.web.pages.csv_files import csv_file
from thetaloom.web.pages.filters import MINUS
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.log_rules import VIOLATIONS_TABLE
from thetaloom.web.pages.numbers import number_with_unit
from thetaloom.web.pages.render import page
from thetaloom.web.pages.tables import Asking, TableShown, read_asked, table_of

router = APIRouter(prefix="/risk")
OFF = "off"
TITLES = {
    Group.BUDGET: "The account's money",
    Group.GUARDS: "Loss guards",
    Group.TRADE: "One trade",
    Group.HOLDINGS: "What is held",
    Group.GREEKS: "Greeks of the book",
    Group.MARKET: "The market",
    Group.RUNAWAY: "Runaway guards at the last gate",
}
# A part of the usual grid, as a page is read and not computed with.
SHOWN = Shocks(
    spot=(-0.20, -0.10, -0.05, -0.03, -0.01, 0.0, 0.01, 0.03, 0.05, 0.10, 0.20), iv=(-0.20, 0.0, 0.25, 0.50, 1.00)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitRow:
    """One limit with its numbers as text; empty where there is no such number without a trade."""

    name: str
    doc: str
    setting: str
    bound: str
    used: str
    left: str
    is_reached: bool
    releases_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitGroup:
    """The limits about one thing, those that are switched off apart."""

    title: str
    anchor: str
    limits: Sequence[LimitRow]
    off: Sequence[LimitRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class StressRow:
    """Profit and loss for one move of the spot, a cell for each move of volatility."""

    shock: str
    cells: Sequence[Money]


@dataclass(frozen=True, slots=True, kw_only=True)
class StressShown:
    """What the book gains or loses under moves, and what one day may cost."""

    positions: int
    ivs: Sequence[str]
    rows: Sequence[StressRow]
    worst: str
    losses: Sequence[tuple[str, Money | None]]
    days: int  # of the past that the one-day figures rest on
    unknown: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPage:
    """All about the risk of the account; without ``found`` the broker does not answer."""

    frame: Frame
    found: Found | None
    bar: BudgetBar | None
    groups: Sequence[LimitGroup]
    stress: StressShown | None
    violations: Sequence[Violation]
    table: TableShown


@router.get("")
def risk(front: FrontDoor, asking: Asking) -> Response:
    """Show the risk of the account."""
    asked = read_asked(VIOLATIONS_TABLE, asking)
    if asked.is_csv:
        return csv_file(VIOLATIONS_TABLE, VIOLATIONS.every(front.database, front.user, wish=asked.wish))
    found = _found(front)
    refused = list_violations(front.database, front.user, wish=asked.wish, window=asked.window)
    view = RiskPage(
        frame=frame_of(front, "risk"),
        found=found,
        bar=None if found is None else budget_bar(found.budget),
        groups=() if found is None else groups_of(found.uses),
        stress=stress_of(front),
        violations=refused.rows,
        table=table_of(VIOLATIONS_TABLE, asked, refused),
    )
    return page("risk.html", view)


def groups_of(uses: Sequence[LimitUse]) -> list[LimitGroup]:
    """Return the limits group by group, those in force apart from those that are off."""
    groups = []
    for group, title in TITLES.items():
        members = [use for use in uses if use.group == group.value]
        groups.append(
            LimitGroup(
                title=title,
                anchor=group.value,
                limits=[_row(use) for use in members if use.setting != OFF],
                off=[_row(use) for use in members if use.setting == OFF],
            )
        )
    return groups


def _row(use: LimitUse) -> LimitRow:
    left = use.left
    return LimitRow(
        name=use.name,
        doc=use.doc,
        setting=use.setting,
        bound="" if use.bound is None else number_with_unit(use.bound, use.unit),
        used="" if use.used is None else number_with_unit(_rounded(use.used), use.unit),
        left="" if left is None else number_with_unit(_rounded(left), use.unit),
        is_reached=use.releases_at is not None or (left is not None and left <= 0 and use.bound != 0),
        releases_at=use.releases_at,
    )


def _rounded(number: Decimal) -> Decimal:
    return round(number, 2)


def _found(front: Front) -> Found | None:
    try:
        return risk_view(front.platform.desk, front.user)
    except Unavailable:
        return None


def stress_of(front: Front) -> StressShown | None:
    """Return the stress of what is held; ``None`` where nothing is, or the market does not answer."""
    try:
        with front.platform.store.reading() as seen:
            book = stress_book(front.platform.desk, seen, front.now)
    except Unavailable:
        return None
    return stress_shown(book) if book.positions else None


def stress_shown(book: StressBook) -> StressShown:
    """Return the stress of a book as a page shows it; a grid of legs that are all unknown has no rows."""
    grid = scenario_grid(book.positions, SHOWN)
    risk = value_at_risk(book.positions, book.returns)
    worst = grid.worst if grid.positions else None
    nowhere = [f"{one.label}: {one.missing} is not known" for one in grid.unknown]
    elsewhere = [
        f"{one.label}, in the one-day figures: {one.missing} is not known"
        for one in risk.unknown
        if one.label not in {other.label for other in grid.unknown}
    ]
    return StressShown(
        positions=grid.positions,
        ivs=[_shock(shock) for shock in SHOWN.iv],
        rows=[
            StressRow(shock=_shock(shock), cells=[dollars(cell) for cell in row])
            for shock, row in zip(SHOWN.spot, grid.pnl, strict=True)
            if grid.positions
        ],
        worst="" if worst is None else f"spot {_shock(worst.spot_shock)}, volatility {_shock(worst.iv_shock)}",
        losses=[
            (f"{loss.confidence:.0%}", None if loss.historical is None else dollars(loss.historical))
            for loss in risk.losses
            if risk.positions
        ],
        days=risk.days,
        unknown=[*nowhere, *elsewhere],
    )


def _shock(part: float) -> str:
    return f"{part * 100:+.0f} %".replace("-", MINUS) if part else "0 %"
