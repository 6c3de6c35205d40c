"""What several sources say together, and the confidence of signal, market and sources: every part of it in a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.run.signals import Direction
from thetaloom.domain.values.ids import SignalId

PLACES = Decimal("0.0001")
ZERO = Decimal(0)
BASE, LEAST, MOST = Decimal(50), Decimal(0), Decimal(100)
CONTEXT_MAX, POSITIONING_MAX, GEX_MAX = Decimal(20), Decimal(15), Decimal(15)
VIX_LOW, VIX_HIGH, VIX_NONE = Decimal(15), Decimal(30), Decimal(50)
IV_RANK_LOW, IV_RANK_HIGH = Decimal(25), Decimal(75)
BIAS_LEAST = Decimal("0.5")
SHARE_LEAST = Decimal("0.7")
GEX_MINUTES = 240  # after which its weight halves
ALIGNED, AGAINST, WEAK = Decimal(60), Decimal(70), Decimal(40)
HALF = Decimal("0.5")


class Stance(StrEnum):
    """How a source stands to the signal."""

    AGREES = "agrees"
    DISSENTS = "dissents"
    ABSTAINS = "abstains"


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """The newest word of a source on a symbol and timeframe, and how its profile weighs it."""

    signal_id: SignalId
    source: str
    direction: Direction
    weight: Decimal
    half_life_minutes: int
    minutes_max: int
    received_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one source adds to the confluence."""

    source: str
    signal_id: SignalId
    stance: Stance
    weight: Decimal
    age_seconds: int
    decay: Decimal  # 1 = just said
    counts: Decimal  # weight × decay


@dataclass(frozen=True, slots=True, kw_only=True)
class Confluence:
    """Agreement and dissent; shares are ``None`` while no other source has spoken."""

    contributions: tuple[Contribution, ...]
    agreeing: int  # sources, the signal's own among them
    dissenting: int
    share: Decimal | None  # of the weight that agrees
    dissent: Decimal | None
    advantage: Decimal | None  # agreement less dissent


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalMarket:
    """What the market says at the signal's start; what is not known is ``None``."""

    vix: Decimal | None = None
    trend: Direction | None = None  # neutral: there is none
    bias: Decimal | None = None  # -1 bearish to 1 bullish
    iv_rank: Decimal | None = None
    gex_strength: Decimal | None = None  # -1 against a rise to 1 for it
    gex_age_minutes: int | None = None
    alignment: Decimal | None = None  # of the timeframes, 0 to 100
    alignment_direction: Direction | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One row of the table of confidence."""

    name: str
    points: Decimal
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """The confidence of 0 to 100, from what it is added up, and by how much the size is cut for it."""

    total: Decimal
    parts: tuple[Part, ...]
    size_factor: Decimal


def agreement(own: Vote, others: Sequence[Vote], now: datetime) -> Confluence:
    """Weigh the newest word of each other source against the signal; a word counts less the older it is."""
    newest: dict[str, Vote] = {}
    for vote in sorted(others, key=lambda one: (one.received_at, one.signal_id)):
        if vote.source != own.source and (now - vote.received_at).total_seconds() <= vote.minutes_max * 60:
            newest[vote.source] = vote
    rows = [_contribution(vote, own.direction, now) for vote in (own, *newest.values())]
    rows[1:] = sorted(rows[1:], key=lambda row: (-row.counts, row.source))
    agreeing = [row for row in rows if row.stance is Stance.AGREES]
    dissenting = [row for row in rows if row.stance is Stance.DISSENTS]
    pro, contra = sum((row.counts for row in agreeing), ZERO), sum((row.counts for row in dissenting), ZERO)
    spoken = len(agreeing) + len(dissenting) > 1 and pro + contra > 0
    share = (pro / (pro + contra)).quantize(PLACES) if spoken else None
    return Confluence(
        contributions=tuple(rows),
        agreeing=len(agreeing),
        dissenting=len(dissenting),
        share=share,
        dissent=None if share is None else 1 - share,
        advantage=None if share is None else 2 * share - 1,
    )


def confidence(
    direction: Direction, market: SignalMarket, confluence: Confluence, *, points: int, size_factor: Decimal
) -> Confidence:
    """Add up the confidence; ``points`` and ``size_factor`` are those of the signal's own shape."""
    parts = (
        Part(name="base", points=BASE, why=""),
        *_context(direction, market),
        _positioning(market),
        _gex(direction, market),
        _confluence(confluence),
        _indicator(points),
        _alignment(direction, market),
    )
    groups = {"context": CONTEXT_MAX, "positioning": POSITIONING_MAX, "gex": GEX_MAX}
    total = ZERO
    for group in dict.fromkeys(part.name.partition(".")[0] for part in parts):
        added = sum((part.points for part in parts if part.name.partition(".")[0] == group), ZERO)
        most = groups.get(group)
        total += added if most is None else min(max(added, -most), most)
    return Confidence(
        total=min(max(total, LEAST), MOST), parts=parts, size_factor=size_factor * _market_factor(direction, market)
    )


def _contribution(vote: Vote, direction: Direction, now: datetime) -> Contribution:
    age = max((now - vote.received_at).total_seconds(), 0.0)
    decay = Decimal(0.5 ** (age / 60 / vote.half_life_minutes)).quantize(PLACES)
    stance = Stance.AGREES if vote.direction is direction else Stance.DISSENTS
    if vote.direction is Direction.NEUTRAL and direction is not Direction.NEUTRAL:
        stance = Stance.ABSTAINS
    return Contribution(
        source=vote.source,
        signal_id=vote.signal_id,
        stance=stance,
        weight=vote.weight,
        age_seconds=int(age),
        decay=decay,
        counts=(vote.weight * decay).quantize(PLACES),
    )


def _context(direction: Direction, market: SignalMarket) -> tuple[Part, ...]:
    return (_vix(market.vix), _trend(direction, market.trend), _bias(direction, market.bias))


def _vix(vix: Decimal | None) -> Part:
    if vix is None:
        return _unknown("context.vix")
    points = 5 if vix < VIX_LOW else -10 if vix > VIX_HIGH else 0
    return _part("context.vix", points, f"VIX {vix:f}")


def _trend(direction: Direction, trend: Direction | None) -> Part:
    if trend is None:
        return _unknown("context.trend")
    if Direction.NEUTRAL in (trend, direction):
        return _part("context.trend", 0, f"trend {trend}")
    return _part("context.trend", 10 if trend is direction else -20, f"trend {trend}")


def _bias(direction: Direction, bias: Decimal | None) -> Part:
    if bias is None:
        return _unknown("context.bias")
    if abs(bias) <= BIAS_LEAST or direction is Direction.NEUTRAL:
        return _part("context.bias", 0, f"bias {bias:f}")
    return _part("context.bias", 5 if (bias > 0) is (direction is Direction.BULLISH) else -5, f"bias {bias:f}")


def _positioning(market: SignalMarket) -> Part:
    rank = market.iv_rank
    if rank is None:
        return _unknown("positioning")
    points = 10 if rank <= IV_RANK_LOW else -10 if rank >= IV_RANK_HIGH else 0
    return _part("positioning", points, f"IV rank {rank:f}")


def _gex(direction: Direction, market: SignalMarket) -> Part:
    strength, age = market.gex_strength, market.gex_age_minutes
    if strength is None or age is None or direction is Direction.NEUTRAL:
        return _unknown("gex")
    weight = HALF if age > GEX_MINUTES else Decimal(1)
    signed = strength if direction is Direction.BULLISH else -strength
    return Part(name="gex", points=signed * weight * 15, why=f"strength {strength:f}, {age} min old, weight {weight}")


def _confluence(found: Confluence) -> Part:
    if found.share is None:
        return Part(name="confluence", points=ZERO, why="no other source has spoken")
    points = 10 if found.share >= SHARE_LEAST else 0
    return _part("confluence", points, f"{found.share:f} of the weight agrees")


def _indicator(points: int) -> Part:
    return _part("indicator", points, "by the rules of its shape" if points else "")


def _alignment(direction: Direction, market: SignalMarket) -> Part:
    if market.alignment is None or market.alignment_direction is None:
        return _unknown("indicator.alignment")
    agrees = market.alignment_direction is direction and direction is not Direction.NEUTRAL
    why = f"{market.alignment:f} {market.alignment_direction}"
    return _part("indicator.alignment", 20 if agrees and market.alignment > ALIGNED else 0, why)


def _market_factor(direction: Direction, market: SignalMarket) -> Decimal:
    factor = HALF if market.vix is not None and market.vix > VIX_HIGH else Decimal(1)
    pointing, alignment = market.alignment_direction, market.alignment
    if alignment is None or pointing is None or Direction.NEUTRAL in (pointing, direction):
        return factor
    against = pointing is not direction and alignment > AGAINST
    return factor * HALF if against or alignment < WEAK else factor


def _unknown(name: str) -> Part:
    return Part(name=name, points=ZERO, why="not known")


def _part(name: str, points: int, why: str) -> Part:
    return Part(name=name, points=Decimal(points), why=why)
