"""What trading has brought: closed positions added up by strategy, by symbol, and over time."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from thetaloom.domain.book.positions import Position
from thetaloom.domain.values.money import NOTHING, Money

RATE_STEP = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Closed positions that have something in common."""

    name: str
    positions: int
    wins: int  # closed with a profit after fees
    realized: Money  # after fees
    fees: Money  # negative
    best: Money
    worst: Money

    @property
    def win_rate(self) -> Decimal:
        """The part of them that won: 0.5 = half."""
        return (Decimal(self.wins) / self.positions).quantize(RATE_STEP)


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePoint:
    """All that was realized up to an instant."""

    at: datetime
    realized: Money
    drawdown: Money  # below the highest point so far, never above zero


def results_by(positions: Iterable[Position], name_of: Callable[[Position], str]) -> list[Results]:
    """Return the results of closed positions by name, in the order of the alphabet; open ones do not count."""
    groups: dict[str, list[Position]] = {}
    for position in positions:
        if position.closed_at is not None:
            groups.setdefault(name_of(position), []).append(position)
    return [_results(name, groups[name]) for name in sorted(groups)]


def realized_curve(positions: Iterable[Position]) -> list[CurvePoint]:
    """Return what was realized after each close, oldest first; of one instant only the last counts."""
    closed = [(position.closed_at, position.realized_pnl) for position in positions if position.closed_at is not None]
    found: dict[datetime, CurvePoint] = {}
    total = high = NOTHING
    for at, pnl in sorted(closed, key=lambda one: one[0]):
        total += pnl
        high = max(high, total)
        found[at] = CurvePoint(at=at, realized=total, drawdown=total - high)
    return list(found.values())


def _results(name: str, closed: Sequence[Position]) -> Results:
    pnls = [position.realized_pnl for position in closed]
    return Results(
        name=name,
        positions=len(closed),
        wins=sum(pnl > NOTHING for pnl in pnls),
        realized=sum(pnls, NOTHING),
        fees=sum((position.fees for position in closed), NOTHING),
        best=max(pnls),
        worst=min(pnls),
    )
