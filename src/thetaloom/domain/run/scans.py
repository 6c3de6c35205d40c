"""Scans: every pair of symbol and strategy with its place or the reason that it has none, and the funnel of counts."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.strategy.screening import Part, screening_score, sector_score, trend_score
from thetaloom.domain.values.ids import RunId, ScanId, ScheduleId, StrategyId, UserId
from thetaloom.domain.values.money import Money, Price

CHANGES_KEPT = 3  # of what would turn a no into a yes
SECTOR_PLACES = 10  # symbols that have a place in their sector
SCREENED = ("iv_rank", "atm_iv", "iv_change_5d", "hv_30", "underlying_price")
SECTOR_SCREENED = ("iv_rank", "hv_30", "iv_change_5d", "beta")


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
class DayRange:
    """The lowest and the highest price of a session so far."""

    low: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """The screening ranks of a symbol with their parts; a total is ``None`` where one of its numbers is not known."""

    symbol: str
    total: Decimal | None
    parts: tuple[Part, ...] = ()
    unknown: tuple[str, ...] = ()
    trend: Decimal | None = None  # -1 to 1, part of the total
    trend_parts: tuple[Part, ...] = ()
    sector: str | None = None  # None: it has none, or it is not known
    sector_total: Decimal | None = None  # the IV edge
    sector_parts: tuple[Part, ...] = ()
    sector_unknown: tuple[str, ...] = ()
    sector_place: int | None = None  # from 1 to ``SECTOR_PLACES``, among those of its sector in the same scan


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
    """Return screens with the highest first, the unknown last, the best ten of each sector with their place in it."""
    places = _sector_places(screens)
    placed = [replace(one, sector_place=places.get(one.symbol)) for one in screens]
    return sorted(placed, key=lambda one: (one.total is None, -(one.total or Decimal(0)), one.symbol))


def screen_of(symbol: str, known: Mapping[str, Decimal], day: DayRange | None, sector: str | None) -> Screen:
    """Rank a symbol by the numbers that are known; each rank of which one is missing says which."""
    ranked_sector = _with_sector(Screen(symbol=symbol, total=None, sector=sector), known)
    unknown = (*(name for name in SCREENED if name not in known), *(() if day is not None else ("day_range",)))
    if unknown or day is None:
        return replace(ranked_sector, unknown=unknown)
    price, change = known["underlying_price"], known["iv_change_5d"]
    trend = trend_score(
        price=price,
        day_low=min(price, day.low),
        day_high=max(price, day.high),
        iv=known["atm_iv"],
        hv=known["hv_30"],
        iv_change=change,
    )
    rank = screening_score(iv_rank=known["iv_rank"], iv_index=known["atm_iv"], iv_change_5d=change, trend=trend.total)
    return replace(ranked_sector, total=rank.total, parts=rank.parts, trend=trend.total, trend_parts=trend.parts)


def _with_sector(one: Screen, known: Mapping[str, Decimal]) -> Screen:
    unknown = tuple(name for name in SECTOR_SCREENED if name not in known)
    if unknown:
        return replace(one, sector_unknown=unknown)
    rank = sector_score(
        iv_rank=known["iv_rank"], hv_30=known["hv_30"], iv_change_5d=known["iv_change_5d"], beta=known["beta"]
    )
    return replace(one, sector_total=rank.total, sector_parts=rank.parts)


def _sector_places(screens: Sequence[Screen]) -> dict[str, int]:
    by_sector: defaultdict[str, list[tuple[Decimal, str]]] = defaultdict(list)
    for one in screens:
        if one.sector is not None and one.sector_total is not None:
            by_sector[one.sector].append((-one.sector_total, one.symbol))
    return {
        symbol: place
        for members in by_sector.values()
        for place, (_, symbol) in enumerate(sorted(members)[:SECTOR_PLACES], start=1)
    }
