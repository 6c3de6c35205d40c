"""A time in which a connection was down: what nobody could see then belongs to the record of whoever was watched."""

from dataclasses import dataclass
from datetime import datetime

from thetaloom.domain.values.ids import PositionId
from thetaloom.domain.values.reasons import Answer, Reason, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class LineGap:
    """One connection, and from when to when it was down."""

    connection: str  # as "tastytrade quotes"
    source: str  # the broker or the market whose connection it is
    began_at: datetime
    ended_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GapInputs:
    """A gap beside a position that was held meanwhile."""

    gap: LineGap
    position_id: PositionId


@dataclass(frozen=True, slots=True, kw_only=True)
class GapFinding:
    """For how long the position went without the connection."""

    verdict: Verdict
    connection: str
    source: str
    began_at: datetime
    ended_at: datetime
    seconds: int
    reason: str = ""


def decide_gap(given: GapInputs) -> GapFinding:
    """Say how long the gap was; it changes nothing by itself: what rests on quotes judges their age."""
    gap = given.gap
    return GapFinding(
        verdict=Verdict(answer=Answer.ALLOW, reason=Reason.LINE_GAP),
        connection=gap.connection,
        source=gap.source,
        began_at=gap.began_at,
        ended_at=gap.ended_at,
        seconds=round((gap.ended_at - gap.began_at).total_seconds()),
        reason=gap.reason,
    )
