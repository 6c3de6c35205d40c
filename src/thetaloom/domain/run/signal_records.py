"""How often a source was right: each run that its word was weighed for is held against the profit it brought."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from thetaloom.domain.run.confluence import Contribution, Stance
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.run.signal_sources import WEIGHT_MAX, SignalSource
from thetaloom.domain.values.ids import RunId, SignalId, UserId
from thetaloom.domain.values.money import Money

RECENT = 50
JUDGED_MIN = 20  # with fewer a source keeps the plain weight of its profile
LIFETIME_SHARE, RECENT_SHARE = Decimal("0.3"), Decimal("0.7")
COIN = Decimal("0.5")  # who is right so often says nothing that a coin does not: his weight stays what it is
PLACES = Decimal("0.0001")
NOTHING = Money(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalScore:
    """What a source said of one run, and how that came out."""

    run_id: RunId
    source: str
    user_id: UserId
    signal_id: SignalId
    stance: Stance
    is_own: bool  # its signal started the run
    pnl: Money  # of the run's position, after fees
    is_right: bool | None  # None: it abstained, or the position broke even
    judged_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRecord:
    """How often a source was right: ever, and of late."""

    judged: int = 0
    right: int = 0
    recent_judged: int = 0  # of the last 50
    recent_right: int = 0
    started: int = 0  # runs that its own signals started and that had a position
    pnl: Money = NOTHING  # of those

    @property
    def lifetime(self) -> Decimal | None:
        """The share that was right, 0 to 1; ``None`` while nothing was judged."""
        return _share(self.right, self.judged)

    @property
    def recent(self) -> Decimal | None:
        """The same of the last 50."""
        return _share(self.recent_right, self.recent_judged)

    @property
    def credibility(self) -> Decimal | None:
        """Three tenths of the lifetime's share and seven of the recent one; ``None`` with fewer than 20 judged."""
        lifetime, recent = self.lifetime, self.recent
        if lifetime is None or recent is None or self.judged < JUDGED_MIN:
            return None
        return (lifetime * LIFETIME_SHARE + recent * RECENT_SHARE).quantize(PLACES)


def scores_of(
    run: WorkflowRun, contributions: Sequence[Contribution], pnl: Money, now: datetime
) -> tuple[SignalScore, ...]:
    """Judge every source that was weighed for a run: to agree was right where it made money, to dissent where not."""
    return tuple(
        SignalScore(
            run_id=run.id,
            source=one.source,
            user_id=run.user_id,
            signal_id=one.signal_id,
            stance=one.stance,
            is_own=one.signal_id == run.signal_id,
            pnl=pnl,
            is_right=None if pnl == 0 or one.stance is Stance.ABSTAINS else (pnl > 0) is (one.stance is Stance.AGREES),
            judged_at=now,
        )
        for one in contributions
    )


def record_of(scores: Sequence[SignalScore]) -> SourceRecord:
    """Return the record that the scores of one source make, whatever their order."""
    newest = sorted(scores, key=lambda one: (one.judged_at, one.run_id), reverse=True)
    judged = [one.is_right for one in newest if one.is_right is not None]
    own = [one.pnl for one in newest if one.is_own]
    return SourceRecord(
        judged=len(judged),
        right=sum(judged),
        recent_judged=len(judged[:RECENT]),
        recent_right=sum(judged[:RECENT]),
        started=len(own),
        pnl=sum(own, NOTHING),
    )


def weight_of(source: SignalSource, record: SourceRecord | None) -> Decimal:
    """Return how much a source's word counts: its profile's weight, times its record where the profile says so.

    Right every time counts double, right half of the time as it is, and wrong every time nothing.
    """
    sure = None if record is None else record.credibility
    if not source.weighs_by_record or sure is None:
        return source.weight
    return min((source.weight * sure / COIN).quantize(PLACES), WEIGHT_MAX)


def _share(part: int, whole: int) -> Decimal | None:
    return None if whole == 0 else (Decimal(part) / whole).quantize(PLACES)
