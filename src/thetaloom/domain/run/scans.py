"""Scans: every pair of symbol and strategy with its place or the reason that it has none, and the funnel of counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.strategy.screening import Part, Rank
from thetaloom.domain.values.ids import RunId, ScanId, ScheduleId, StrategyId, UserId
from thetaloom.domain.values.money import Money, Price

CHANGES_KEPT = 3  # of what would turn a no into a yes


class ScanStatus(StrEnum):
    """Where a scan stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanPair:
    """One strategy on one symbol: eligible with its rank, or the reason why not and the nearest yes."""

    symbol: str
    strategy_id: StrategyId | None  # None: no strategy could be looked at
    is_eligible: bool
    reason: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[str, ...] = ()  # what would change the no, in words
    score: Decimal | None = None
    rank: int | None = None  # from 1, over all eligible pairs
    structure: str = ""
    legs: tuple[str, ...] = ()
    mid_price: Price | None = None
    max_loss: Money | None = None
    pop: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """The screening rank of a symbol with its parts; ``total`` is ``None`` where a number is not known."""

    symbol: str
    total: Decimal | None
    parts: tuple[Part, ...] = ()
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelRow:
    """How many pairs one reason took out."""

    reason: str
    pairs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """One scan and what it came to; its pairs are kept beside it."""

    id: ScanId
    user_id: UserId
    status: ScanStatus
    symbols: tuple[str, ...]
    strategy_ids: tuple[StrategyId, ...]
    watchlist: str = ""
    best: int = 0  # how many runs it starts at most
    schedule_id: ScheduleId | None = None
    due_at: datetime | None = None  # of the firing that asked for it
    asked_at: datetime
    finished_at: datetime | None = None
    pairs: int = 0
    eligible: int = 0
    funnel: tuple[FunnelRow, ...] = ()
    screens: tuple[Screen, ...] = ()
    run_ids: tuple[RunId, ...] = ()
    message: str = ""


def funnel_of(pairs: Sequence[ScanPair]) -> tuple[FunnelRow, ...]:
    """Count the reasons of what is out, the most frequent first."""
    counts = Counter(pair.reason for pair in pairs if not pair.is_eligible)
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], entry[0]))
    return tuple(FunnelRow(reason=reason, pairs=count) for reason, count in ordered)


def ranked(pairs: Sequence[ScanPair], priorities: Mapping[StrategyId, int]) -> list[ScanPair]:
    """Return the pairs in order: the eligible by score, priority, symbol and strategy, then the others likewise."""

    def place(pair: ScanPair) -> tuple[bool, Decimal, int, str, str]:
        strategy = pair.strategy_id or StrategyId("")
        score = Decimal(-1) if pair.score is None else pair.score
        return not pair.is_eligible, -score, priorities.get(strategy, 0), pair.symbol, strategy

    return sorted(pairs, key=place)


def screen_order(screens: Sequence[Screen]) -> list[Screen]:
    """Return screens with the highest first, the unknown last."""
    return sorted(screens, key=lambda one: (one.total is None, -(one.total or Decimal(0)), one.symbol))


def screen_of(symbol: str, rank: Rank) -> Screen:
    """Return the screen of a symbol of which all numbers are known."""
    return Screen(symbol=symbol, total=rank.total, parts=rank.parts)
