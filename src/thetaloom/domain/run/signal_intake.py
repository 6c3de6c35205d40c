"""What becomes of a message: taken, noted, queued, refused, a copy of an earlier one, or not understood."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.run.signal_faults import Fault, Problem, seen
from thetaloom.domain.run.signal_reading import Reading, understand
from thetaloom.domain.run.signal_sources import SignalSource, SourceAuth
from thetaloom.domain.run.signals import Direction, SignalAction, SignalStage
from thetaloom.domain.strategy.strategies import Bias
from thetaloom.domain.values.canonical import canonical_json, digest_of
from thetaloom.domain.values.ids import SignalId, StrategyId
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied

REPEAT_WINDOW = timedelta(minutes=5)
AHEAD_MAX = timedelta(seconds=60)  # by which a sender's clock may lead
BEFORE_CLOSE_MINUTES = 30
QUEUE_CONFIDENCE_MIN = Decimal(70)
QUEUE_WINDOW = timedelta(minutes=15)  # after the open, in which a queued signal still starts
START_WINDOW = timedelta(minutes=5)  # after its acceptance, in which a signal still starts
OPPOSITE = {Direction.BULLISH: Bias.BEARISH, Direction.BEARISH: Bias.BULLISH}


class Answer(StrEnum):
    """The word with which a message is answered."""

    ACCEPTED = "accepted"
    NOTED = "noted"
    QUEUED = "queued"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    REJECTED = "rejected"


STAGES: Mapping[Answer, SignalStage] = {
    Answer.ACCEPTED: SignalStage.ACCEPTED,
    Answer.NOTED: SignalStage.NOTED,
    Answer.QUEUED: SignalStage.QUEUED,
    Answer.REFUSED: SignalStage.REFUSED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What an intake needs to know of an earlier signal."""

    id: SignalId
    received_at: datetime
    sent_at: datetime | None
    confidence: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """All that decides on a message."""

    payload: str  # as it is stored: canonical JSON, secrets taken out
    source: SignalSource
    now: datetime
    wall_at: datetime  # the wall's time: a sender knows no other, whatever day a recorded market lives in
    today: date
    is_open: bool
    minutes_to_close: int | None
    next_open_at: datetime
    strategy_biases: tuple[Bias, ...] | None = None  # of the strategy that would run; none: there is no such
    same_sender: Earlier | None = None
    alike: tuple[Earlier, ...] = ()
    last_opening: Earlier | None = None  # on this symbol in this direction
    queued: tuple[Earlier, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The decision."""

    verdict: Verdict
    answer: Answer
    reading: Reading
    strategy_id: StrategyId | None = None
    content_key: str = ""
    first: SignalId | None = None  # of which this is a copy
    due_at: datetime | None = None
    expires_at: datetime | None = None
    outdoes: tuple[SignalId, ...] = ()  # queued ones that make way
    problems: tuple[Problem, ...] = field(default_factory=tuple)


def take(given: Intake) -> Taken:
    """Decide on a message."""
    reading = understand(given.payload.encode(), given.source, given.today)
    strategy = StrategyId(reading.strategy) if reading.strategy else given.source.strategy_id
    taken = Taken(
        verdict=ALLOWED,
        answer=Answer.REJECTED,
        reading=reading,
        strategy_id=strategy,
        content_key=content_key(reading, strategy),
        problems=(*reading.problems, *_missing(given, reading, strategy)),
    )
    if taken.problems:
        return taken
    first = _first(given, reading)
    if first is not None:
        return replace(taken, answer=Answer.DUPLICATE, first=first.id)
    verdict = _judge(given, reading)
    if not verdict.is_allowed:
        return replace(taken, answer=Answer.REFUSED, verdict=verdict)
    if reading.action is SignalAction.OBSERVE:
        return replace(taken, answer=Answer.NOTED)
    if reading.action is SignalAction.OPEN and _is_outside(given):
        return _queued(given, taken)
    return replace(taken, answer=Answer.ACCEPTED, due_at=given.now, expires_at=given.now + START_WINDOW)


def content_key(reading: Reading, strategy: StrategyId | None) -> str:
    """Return what is equal for signals that say the same; what only observes says something new with each number."""
    told: list[object] = [reading.symbol, reading.direction, reading.action, reading.timeframe, strategy]
    if reading.action is SignalAction.OBSERVE:
        told += [reading.facts, reading.levels, reading.confidence]
    return digest_of(canonical_json(told))


def _missing(given: Intake, reading: Reading, strategy: StrategyId | None) -> list[Problem]:
    found = []
    if reading.action is SignalAction.OPEN and strategy is None:
        found.append(Problem(field="strategy", fault=Fault.NO_STRATEGY))
    elif reading.action is SignalAction.OPEN and given.strategy_biases is None:
        found.append(Problem(field="strategy", fault=Fault.STRATEGY_NOT_FOUND, detail=seen(strategy)))
    is_signed = given.source.auth is SourceAuth.HMAC
    if is_signed and not reading.problems and reading.sent_at is None and reading.sender_id is None:
        found.append(Problem(field="timestamp", fault=Fault.REPLAYABLE))
    return found


def _first(given: Intake, reading: Reading) -> Earlier | None:
    if given.same_sender is not None:
        return given.same_sender
    # What only observes and tells its time is news at each time; what opens or closes is not.
    is_news = reading.action is SignalAction.OBSERVE and reading.sent_at is not None
    for one in given.alike:
        if reading.sent_at is not None and one.sent_at == reading.sent_at:
            return one  # the same message, however late it comes again
        if not is_news and given.now - one.received_at < REPEAT_WINDOW:
            return one
    return None


def _judge(given: Intake, reading: Reading) -> Verdict:
    age = _age(given, reading.sent_at)
    if age is not None and age > timedelta(seconds=given.source.age_seconds_max):
        return denied(Reason.SIGNAL_TOO_OLD, age_seconds=int(age.total_seconds()), limit=given.source.age_seconds_max)
    if age is not None and -age > AHEAD_MAX:
        ahead = int(-age.total_seconds())
        return denied(Reason.SIGNAL_FROM_FUTURE, ahead_seconds=ahead, limit=int(AHEAD_MAX.total_seconds()))
    if reading.refusal is not None:
        return denied(reading.refusal, shape=reading.shape, score=reading.facts.get("score", ""))
    if reading.action is not SignalAction.OPEN:
        return ALLOWED
    return _judge_opening(given, reading)


def _judge_opening(given: Intake, reading: Reading) -> Verdict:
    biases = set(given.strategy_biases or ())
    opposite = None if reading.direction is None else OPPOSITE.get(reading.direction)
    if biases and biases == {opposite}:
        told = {"direction": reading.direction, "suits": " ".join(sorted(biases))}
        return denied(Reason.SIGNAL_AGAINST_STRATEGY, **told)
    before = given.last_opening
    cooldown = timedelta(seconds=given.source.cooldown_seconds)
    if before is not None and given.now - before.received_at < cooldown:
        left = int((before.received_at + cooldown - given.now).total_seconds())
        return denied(Reason.SIGNAL_COOLDOWN, before=before.id, limit=given.source.cooldown_seconds, seconds_left=left)
    return ALLOWED


def _age(given: Intake, sent_at: datetime | None) -> timedelta | None:
    if sent_at is None:
        return None
    return min(given.now - sent_at, given.wall_at - sent_at, key=abs)


def _is_outside(given: Intake) -> bool:
    return not given.is_open or given.minutes_to_close is None or given.minutes_to_close < BEFORE_CLOSE_MINUTES


def _queued(given: Intake, taken: Taken) -> Taken:
    confidence = taken.reading.confidence
    facts = {
        "now": given.now.isoformat(),
        "next_open": given.next_open_at.isoformat(),
        "queues": given.source.queues,
        "confidence": "unknown" if confidence is None else confidence,
        "confidence_min": QUEUE_CONFIDENCE_MIN,
    }
    if not given.source.queues or confidence is None or confidence < QUEUE_CONFIDENCE_MIN:
        return replace(taken, answer=Answer.REFUSED, verdict=denied(Reason.SIGNAL_OUTSIDE_HOURS, **facts))
    best = max(given.queued, key=lambda one: one.confidence or 0, default=None)
    if best is not None and (best.confidence or 0) >= confidence:
        better = denied(Reason.SIGNAL_OUTDONE, better=best.id, confidence=confidence, its_confidence=best.confidence)
        return replace(taken, answer=Answer.REFUSED, verdict=better)
    return replace(
        taken,
        answer=Answer.QUEUED,
        due_at=given.next_open_at,
        expires_at=given.next_open_at + QUEUE_WINDOW,
        outdoes=tuple(one.id for one in given.queued),
    )
