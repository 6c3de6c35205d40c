"""Signals at work: a door takes each in and answers at once; the engine starts what was taken.

To take one in needs no market and waits for no run, so the door does it in a transaction of its own. From then on
the signal is a row that is due: whatever is killed, the next engine finds it, and starts it once.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import TriggerKind, WorkflowRun
from thetaloom.domain.run.signal_faults import Problem
from thetaloom.domain.run.signal_intake import STAGES, Answer, Earlier, Intake, Taken, content_key, take
from thetaloom.domain.run.signal_reading import Reading, understand
from thetaloom.domain.run.signal_sources import SignalSource
from thetaloom.domain.run.signals import Direction, Signal, SignalAction, SignalStage
from thetaloom.domain.strategy.strategies import Bias
from thetaloom.domain.values.canonical import canonical_json, digest_of
from thetaloom.domain.values.ids import SignalId, StrategyId, UserId, make_signal_id
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine import commands
from thetaloom.engine.desk import Desk
from thetaloom.engine.lineage import Decider
from thetaloom.engine.position_handlers import CLOSE_ASKED_BY, close_position
from thetaloom.engine.starting import write_run
from thetaloom.engine.step import tell_user
from thetaloom.errors import NotAllowed, NotFound, StaleVersionError
from thetaloom.ports.store import UnitOfWork

log = structlog.get_logger()

BATCH = 25  # signals that one turn of the engine starts: what closes waits for no more
INTAKE_DECIDER = Decider(name="take_signal", inputs=Intake, decide=take)
BIAS_OF = {Direction.BULLISH: Bias.BULLISH, Direction.BEARISH: Bias.BEARISH}
INTAKE, ENGINE = "intake", "engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalAnswer:
    """What the sender is told."""

    answer: Answer
    signal_id: SignalId | None  # of a copy, the first one's; none of what was not understood
    reason: str
    facts: Mapping[str, str]
    reading: Reading
    problems: tuple[Problem, ...]
    due_at: datetime | None


def take_signal(desk: Desk, command: commands.TakeSignal) -> SignalAnswer:
    """Take a message in: understand it, decide on it, and write both down, in one transaction."""
    now = desk.clock.now()
    with desk.store.unit_of_work() as uow:
        uow.signals.take_turn()
        source = uow.signals.source(command.user_id, command.source)
        if source is None or not source.enabled:
            raise NotFound(f"no source is called {command.source!r}", advice="`thetaloom signal source list`")
        given = _gather(desk, uow, command, source, now)
        taken = take(given)
        signal = _write(uow, given, taken)
        uow.commit()
    return SignalAnswer(
        answer=taken.answer,
        signal_id=signal,
        reason=taken.verdict.reason.value if taken.verdict.reason else "",
        facts=taken.verdict.facts,
        reading=taken.reading,
        problems=taken.problems,
        due_at=taken.due_at,
    )


def start_due(desk: Desk) -> bool:
    """Start the signals that are due; return whether there was any."""
    now = desk.clock.now()
    with desk.store.reading() as uow:
        waiting = uow.signals.due(now, BATCH)
    for signal in waiting:
        try:
            _start(desk, signal, now)
        except StaleVersionError:
            log.info("signal_started_by_another_worker", signal=signal.id)
    return bool(waiting)


def next_due_at(desk: Desk) -> datetime | None:
    """Return when the next signal is due."""
    with desk.store.reading() as uow:
        return uow.signals.next_due_at()


def save_source(desk: Desk, command: commands.SaveSignalSource) -> SignalSource:
    """Store a source's profile in the place of the one before."""
    source = command.source
    with desk.store.unit_of_work() as uow:
        if source.strategy_id is not None and uow.strategies.latest(source.user_id, source.strategy_id) is None:
            raise NotFound(f"no strategy has the id {source.strategy_id!r}", advice=Reason.STRATEGY_NOT_FOUND.text)
        uow.signals.save_source(source)
        uow.commit()
    return source


def _gather(desk: Desk, uow: UnitOfWork, command: commands.TakeSignal, source: SignalSource, now: datetime) -> Intake:
    calendar, user = desk.calendar, command.user_id
    today = calendar.exchange_date(now)
    said = understand(command.payload.encode(), source, min(today, calendar.exchange_date(command.wall_at)))
    strategy = StrategyId(said.strategy) if said.strategy else source.strategy_id
    stored = None if strategy is None else uow.strategies.latest(user, strategy)
    symbol, direction = said.symbol or "", said.direction or Direction.NEUTRAL
    signals = uow.signals
    alike = signals.alike(user, source.name, content_key(said, strategy))
    return Intake(
        payload=command.payload,
        source=source,
        now=now,
        wall_at=command.wall_at,
        today=min(today, calendar.exchange_date(command.wall_at)),
        is_open=calendar.is_open(now),
        minutes_to_close=calendar.minutes_to_close(now),
        next_open_at=calendar.next_open(now),
        strategy_biases=None if stored is None else stored.strategy.biases,
        same_sender=_earlier(signals.by_sender(user, source.name, said.sender_id)) if said.sender_id else None,
        alike=tuple(filter(None, map(_earlier, alike))),
        last_opening=_last_opening(uow, user, symbol, direction),
        queued=tuple(filter(None, map(_earlier, signals.queued(user, symbol, direction)))),
    )


def _last_opening(uow: UnitOfWork, user: UserId, symbol: str, direction: Direction) -> Earlier | None:
    signal = uow.signals.last_opening(user, symbol, direction)
    earlier = _earlier(signal)
    run = None if signal is None or signal.run_id is None else uow.runs.get(signal.run_id)
    # What waited for the open opened something then, and not when it came.
    return earlier if earlier is None or run is None else replace(earlier, received_at=run.created_at)


def _earlier(signal: Signal | None) -> Earlier | None:
    if signal is None:
        return None
    return Earlier(id=signal.id, received_at=signal.received_at, sent_at=signal.sent_at, confidence=signal.confidence)


def _write(uow: UnitOfWork, given: Intake, taken: Taken) -> SignalId | None:
    source, now = given.source, given.now
    user = source.user_id
    if taken.answer is Answer.REJECTED:
        told = {f"problem {number}": one.message for number, one in enumerate(taken.problems, 1)}
        tell_user(uow, user, EventKind.SIGNAL_REJECTED, now, source=source.name, **told)
        return None
    if taken.first is not None:
        uow.signals.repeat(taken.first)
        return taken.first
    evidence = uow.lineage.put_evidence(
        canonical_json({"decide": INTAKE_DECIDER.name, "given": given, "said": taken}), "json"
    )
    signal = _signal(uow, given, taken)
    uow.signals.add(signal, f"source:{source.name}")
    for queued in taken.outdoes:
        _outdo(uow, queued, signal, now)
    moved = signal.moved_to(
        STAGES[taken.answer],
        reason=taken.verdict.reason.value if taken.verdict.reason else "",
        due_at=taken.due_at,
        expires_at=taken.expires_at,
    )
    uow.signals.move(moved, INTAKE, now, facts=taken.verdict.facts, evidence=evidence)
    _tell_taken(uow, moved, now)
    return signal.id


def _signal(uow: UnitOfWork, given: Intake, taken: Taken) -> Signal:
    said, source = taken.reading, given.source
    payload = given.payload.encode()
    if said.symbol is None or said.action is None or said.direction is None:
        raise NotAllowed("not_understood", "a message that was not understood is no signal")
    told = uow.signals.told(source.user_id, source.name, taken.content_key)
    number = f"{given.now.isoformat()} {told} {said.sender_id or ''}"
    return Signal(
        id=make_signal_id(source.user_id, source.name, digest_of(payload), number),
        user_id=source.user_id,
        source=source.name,
        shape=said.shape,
        sender_id=said.sender_id,
        symbol=said.symbol,
        direction=said.direction,
        action=said.action,
        confidence=said.confidence,
        timeframe=said.timeframe,
        price=said.price,
        levels=said.levels,
        facts=said.facts,
        points=said.points,
        size_factor=said.size_factor,
        sent_at=said.sent_at,
        received_at=given.now,
        strategy_id=taken.strategy_id,
        content_key=taken.content_key,
        payload_digest=uow.lineage.put_evidence(payload, "json"),
    )


def _outdo(uow: UnitOfWork, queued: SignalId, better: Signal, now: datetime) -> None:
    signal = uow.signals.get(queued)
    if signal is not None and signal.stage is SignalStage.QUEUED:
        expired = signal.moved_to(SignalStage.EXPIRED, reason=Reason.SIGNAL_OUTDONE.value)
        uow.signals.move(expired, INTAKE, now, facts={"better": better.id})
        _tell(uow, EventKind.SIGNAL_EXPIRED, expired, now)


def _tell_taken(uow: UnitOfWork, signal: Signal, now: datetime) -> None:
    kinds = {SignalStage.REFUSED: EventKind.SIGNAL_REFUSED, SignalStage.QUEUED: EventKind.SIGNAL_QUEUED}
    _tell(uow, kinds.get(signal.stage, EventKind.SIGNAL_RECEIVED), signal, now)


def _tell(uow: UnitOfWork, kind: EventKind, signal: Signal, now: datetime) -> None:
    facts = {
        "signal": signal.id,
        "source": signal.source,
        "symbol": signal.symbol,
        "direction": signal.direction.value,
        "action": signal.action.value,
    }
    if signal.reason:
        facts["reason"] = signal.reason
    tell_user(uow, signal.user_id, kind, now, **facts)


def _start(desk: Desk, signal: Signal, now: datetime) -> None:
    if signal.action is SignalAction.CLOSE:
        _close(desk, signal, now)
        return
    with desk.store.unit_of_work() as uow:
        run = _run_of(desk, uow, signal, now)
        uow.commit()
    if run is not None:
        desk.dispatch.enqueue(run.id, now)


def _run_of(desk: Desk, uow: UnitOfWork, signal: Signal, now: datetime) -> WorkflowRun | None:
    if signal.expires_at is not None and now > signal.expires_at:
        _end(uow, signal, SignalStage.EXPIRED, Reason.SIGNAL_EXPIRED, now)
        return None
    run = None if signal.strategy_id is None else write_run(desk, uow, _wanted(signal, signal.strategy_id), now)
    if run is None:
        _end(uow, signal, SignalStage.REFUSED, Reason.STRATEGY_NOT_FOUND, now)
        return None
    started = signal.moved_to(SignalStage.STARTED, run_id=run.id)
    uow.signals.move(started, ENGINE, now, facts={"run": run.id})
    _tell(uow, EventKind.SIGNAL_STARTED, started, now)
    return run


def _wanted(signal: Signal, strategy: StrategyId) -> commands.StartRun:
    return commands.StartRun(
        user_id=signal.user_id,
        symbol=signal.symbol,
        strategy_id=strategy,
        trigger=TriggerKind.SIGNAL,
        signal_id=signal.id,
    )


def _close(desk: Desk, signal: Signal, now: datetime) -> None:
    """Ask each position that is meant to close; asking again, as after a kill, asks for nothing new."""
    with desk.store.reading() as uow:
        meant = [one.id for one in uow.positions.open_positions(desk.broker.account_id) if _is_meant(uow, signal, one)]
    refused: dict[str, str] = {}
    for position in meant:
        try:
            close_position(desk, commands.ClosePosition(user_id=signal.user_id, position_id=position))
        except NotAllowed as error:
            refused[position] = error.code
    asked = [position for position in meant if position not in refused]
    with desk.store.unit_of_work() as uow:
        if asked:
            started = signal.moved_to(SignalStage.STARTED)
            uow.signals.move(started, ENGINE, now, facts={"closes": " ".join(asked), **refused})
            _tell(uow, EventKind.SIGNAL_STARTED, started, now)
        else:
            _end(uow, signal, SignalStage.REFUSED, Reason.SIGNAL_NOTHING_TO_CLOSE, now, refused)
        uow.commit()


def _is_meant(uow: UnitOfWork, signal: Signal, position: Position) -> bool:
    run = uow.runs.get(position.run_id)
    if run is None or position.user_id != signal.user_id or run.symbol != signal.symbol:
        return False
    if signal.strategy_id is not None and run.strategy_id != signal.strategy_id:
        return False
    if run.status not in CLOSE_ASKED_BY:
        return False
    if signal.direction is Direction.NEUTRAL:
        return True
    stored = uow.strategies.revision(run.user_id, run.strategy_id, run.strategy_revision)
    return stored is not None and BIAS_OF[signal.direction] in stored.strategy.biases


def _end(
    uow: UnitOfWork,
    signal: Signal,
    stage: SignalStage,
    reason: Reason,
    now: datetime,
    facts: Mapping[str, str] | None = None,
) -> None:
    ended = signal.moved_to(stage, reason=reason.value)
    uow.signals.move(ended, ENGINE, now, facts=facts)
    kind = EventKind.SIGNAL_EXPIRED if stage is SignalStage.EXPIRED else EventKind.SIGNAL_REFUSED
    _tell(uow, kind, ended, now)
