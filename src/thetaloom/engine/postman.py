"""The postman: turns facts into messages, each once for each destination, and carries them until they arrive.

The events themselves are the outbox, written with what they tell. The postman reads on from where it stood, in a
transaction that writes the messages and the new place together. It runs beside the engine and never in its thread.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from thetaloom.domain.book.orders import Order
from thetaloom.domain.run.events import Event, EventKind
from thetaloom.domain.run.notifications import (
    ATTEMPTS_MAX,
    BODY_MAX,
    HOUR,
    TITLE_MAX,
    Delivery,
    DeliveryStatus,
    Destination,
    Message,
    Topic,
    retry_at,
)
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.tidings import TOLD, is_denial, message_of, test_message
from thetaloom.domain.values.ids import ClientOrderId, ProposalId, UserId, make_delivery_id
from thetaloom.engine.desk import Desk
from thetaloom.engine.summaries import summaries_due
from thetaloom.ports.clock import Clock
from thetaloom.ports.notifications import Place, PostState
from thetaloom.ports.notifier import Letter, Notifier, NotSent
from thetaloom.ports.store import StoredEvent, UnitOfWork

log = structlog.get_logger()

READ_MAX = 500  # events in one transaction
READS_MAX = 20  # transactions before what is written goes out
DUE_MAX = 200
SUMMARY_LOOK = timedelta(seconds=30)
LEASE = timedelta(minutes=2)  # after which a message is taken up again whose carrier gave no word
TOGETHER_MIN = 4  # as many that wait for one destination leave as one message
TOGETHER_MAX = 50


class Postman:
    """Writes messages from facts, and carries those that are due."""

    def __init__(self, desk: Desk, notifier: Notifier, wall: Clock, base_url: str) -> None:
        self._desk = desk
        self._notifier = notifier
        self._wall = wall
        self._base_url = base_url.rstrip("/")

    def read(self) -> int:
        """Write the messages of what happened since the last time; return how many are new."""
        written = 0
        for _ in range(READS_MAX):
            if not self._has_news():
                break
            written += self._read_some()
        return written

    @property
    def owes_summaries(self) -> bool:
        """Whether it is time to look if a summary is due."""
        with self._desk.store.reading() as uow:
            state = uow.notifications.state()
        return state is not None and self._desk.clock.now() - state.summed_at >= SUMMARY_LOOK

    def sum_up(self) -> int:
        """Write the summaries that fell due; return how many are new. It asks markets, which may take its time."""
        now = self._desk.clock.now()
        with self._desk.store.reading() as uow:
            state = _state(uow, now)
            wanted = {one.user_id for one in uow.notifications.destinations() if Topic.SUMMARY in one.topics}
        # Read before the writing begins: the engine must not wait for markets.
        summed = [
            (user, one) for user in sorted(wanted) for one in summaries_due(self._desk, user, state.summed_at, now)
        ]
        with self._desk.store.unit_of_work() as uow:
            told = uow.notifications.destinations()
            written = sum(self.write(uow, message, _of(told, user)) for user, message in summed)
            uow.notifications.save_state(replace(state, summed_at=now))
            uow.commit()
        return written

    def tell_all(self, message: Message) -> int:
        """Write a message to everybody who wants its topic; return how many are new."""
        with self._desk.store.unit_of_work() as uow:
            written = self.write(uow, message, uow.notifications.destinations())
            uow.commit()
        return written

    def write(self, uow: UnitOfWork, message: Message, told: Sequence[Destination]) -> int:
        """Write a message to those destinations that want it; return to how many it is new."""
        now = self._wall.now()
        wanted = [one for one in told if one.enabled and (message.topic in one.topics or message.topic is Topic.TEST)]
        return sum(uow.notifications.add(_delivery(message, one, now)) for one in wanted)

    def test(self, to: Destination) -> Delivery:
        """Send a test to a destination now, and return what became of it."""
        now = self._wall.now()
        made = _delivery(test_message(now), to, now)
        with self._desk.store.unit_of_work() as uow:
            uow.notifications.add(replace(made, due_at=now + LEASE, attempts=1))
            uow.commit()
        failure = self._notifier.send(to.user_id, to.name, self._letter([made]))
        settled = _settled(replace(made, attempts=ATTEMPTS_MAX), failure, self._wall.now())
        settled = replace(settled, attempts=1)  # one is enough: whoever tests looks at the answer
        with self._desk.store.unit_of_work() as uow:
            uow.notifications.settle(settled)
            uow.commit()
        return settled

    def due(self, but: Collection[Place] = ()) -> dict[Place, list[Delivery]]:
        """Return what is due by its destination, without destinations that are being served."""
        with self._desk.store.reading() as uow:
            found = uow.notifications.due(self._wall.now(), DUE_MAX, but)
        waiting: dict[Place, list[Delivery]] = {}
        for one in found:
            waiting.setdefault((one.user_id, one.destination), []).append(one)
        return waiting

    def serve(self, place: Place, waiting: Sequence[Delivery]) -> int:
        """Carry what waits for one destination; return how many messages arrived."""
        now = self._wall.now()
        claimed, room = self._claimed(place, waiting, now)
        held = frozenset(one.id for one in waiting if one.attempts == 0 and one.due_at != one.made_at)
        urgent = [one for one in claimed if one.is_urgent]
        others = [one for one in claimed if not one.is_urgent]
        batches = (*_batches(urgent, TOGETHER_MIN), *_batches(others, min(TOGETHER_MIN, room + 1)))
        return sum(len(batch) for batch in batches if self._carry(batch, held))

    def _has_news(self) -> bool:
        with self._desk.store.reading() as uow:
            state = uow.notifications.state()
            return state is None or uow.notifications.newest_event() > state.sequence

    def _read_some(self) -> int:
        with self._desk.store.unit_of_work() as uow:
            uow.notifications.take_turn()
            state = _state(uow, self._desk.clock.now())
            told = uow.notifications.destinations()
            found = uow.events.since(state.sequence, READ_MAX) if told else ()
            written = sum(self._tell_event(uow, one, told) for one in found)
            after = found[-1].sequence if found else uow.notifications.newest_event()
            uow.notifications.save_state(replace(state, sequence=after))
            uow.commit()
        return written

    def _tell_event(self, uow: UnitOfWork, stored: StoredEvent, told: Sequence[Destination]) -> int:
        event = stored.event
        places = [one for one in _of(told, event.user_id) if one.after < stored.sequence]
        if not places:
            return 0
        if event.kind not in TOLD:
            return 0
        proposal = None
        if event.kind is EventKind.PROPOSAL_CREATED:
            proposal = uow.proposals.get(ProposalId(event.facts["proposal"]))
        message = message_of(stored.sequence, event, proposal, _order_of(uow, event))
        return 0 if message is None else self.write(uow, message, places)

    def _claimed(self, place: Place, waiting: Sequence[Delivery], now: datetime) -> tuple[list[Delivery], int]:
        """Take what may go now, and say how many messages that may be; put off the rest, drop what is over."""
        with self._desk.store.unit_of_work() as uow:
            destination = uow.notifications.destination(*place)
            wait_until, room = (None, 0) if destination is None else _room(uow, destination, now)
            claimed = []
            for one in waiting[:TOGETHER_MAX]:
                why = _over(uow, one, destination)
                taken = uow.notifications.claim(one, now + LEASE)
                if taken is None:  # somebody else has it
                    continue
                if why:
                    uow.notifications.settle(replace(taken, status=DeliveryStatus.DROPPED, due_at=None, error=why))
                elif wait_until is not None and not one.is_urgent:
                    uow.notifications.settle(replace(one, due_at=wait_until))
                else:
                    claimed.append(taken)
            uow.commit()
        return claimed, room

    def _carry(self, batch: Sequence[Delivery], held: Collection[str]) -> bool:
        letter = self._letter(batch, sum(one.id in held for one in batch))
        failure = self._notifier.send(batch[0].user_id, batch[0].destination, letter)
        now = self._wall.now()
        with self._desk.store.unit_of_work() as uow:
            for one in batch:
                uow.notifications.settle(_settled(one, failure, now))
            uow.commit()
        if failure is not None:
            log.warning("message_not_sent", destination=batch[0].destination, reason=failure.reason)
        return failure is None

    def _letter(self, batch: Sequence[Delivery], held: int = 0) -> Letter:
        first = batch[0]
        if len(batch) == 1:
            body = "\n".join(filter(None, (first.body, self._link(first), f"({first.id})")))
            return Letter(id=first.id, title=first.title, body=body[:BODY_MAX], is_urgent=first.is_urgent)
        lines = [f"- {one.title} {self._link(one)} ({one.id})" for one in batch]
        together = make_delivery_id(first.user_id, first.destination, " ".join(sorted(one.id for one in batch)))
        body, left = "", len(lines)
        for line in lines:
            if len(body) + len(line) > BODY_MAX - 100:
                break
            body, left = f"{body}{line}\n", left - 1
        more = f"and {left} more: {self._base_url}/notifications\n" if left else ""
        title = f"Thetaloom: {len(batch)} messages" + (f", {held} of them held back" if held else "")
        return Letter(id=together, title=title, body=f"{body}{more}({together})", is_urgent=first.is_urgent)

    def _link(self, one: Delivery) -> str:
        return f"{self._base_url}{one.link}" if one.link else ""


def _state(uow: UnitOfWork, now: datetime) -> PostState:
    # At first not from the newest event: a destination may have been added before.
    newest = uow.notifications.newest_event()
    first = min((one.after for one in uow.notifications.destinations()), default=newest)
    return uow.notifications.state() or PostState(sequence=first, summed_at=now)


def _order_of(uow: UnitOfWork, event: Event) -> Order | None:
    if named := event.facts.get("order"):
        return uow.orders.get(ClientOrderId(named))
    if event.run_id is None or not is_denial(event):
        return None
    return max(uow.orders.of_run(event.run_id), key=lambda one: one.staged_at, default=None)


def _batches(found: list[Delivery], together_min: int) -> list[list[Delivery]]:
    return [found] if len(found) >= together_min else [[one] for one in found]


def _of(told: Sequence[Destination], user: UserId) -> list[Destination]:
    return [one for one in told if one.user_id == user]


def _delivery(message: Message, to: Destination, now: datetime) -> Delivery:
    return Delivery(
        id=make_delivery_id(to.user_id, to.name, message.key),
        user_id=to.user_id,
        destination=to.name,
        key=message.key,
        topic=message.topic,
        title=" ".join(message.title.split())[:TITLE_MAX],  # becomes a header of a mail
        body=message.body[:BODY_MAX],
        link=message.link,
        subject=message.subject,
        is_urgent=message.is_urgent,
        made_at=now,
        due_at=now,
    )


def _room(uow: UnitOfWork, to: Destination, now: datetime) -> tuple[datetime | None, int]:
    """Return until when messages have to wait, or how many may go now."""
    quiet = to.quiet_until(now)
    if quiet is not None:
        return quiet, 0
    sent = uow.notifications.sent_since(to.user_id, to.name, now - HOUR)
    room = to.rate_per_hour - len(sent)
    return (None, room) if room > 0 else (sent[-to.rate_per_hour] + HOUR, 0)


def _over(uow: UnitOfWork, one: Delivery, to: Destination | None) -> str:
    if to is None:
        return "the destination was removed"
    if not to.enabled and one.topic is not Topic.TEST:
        return "the destination is switched off"
    if one.topic is not Topic.APPROVAL:
        return ""
    proposal = uow.proposals.get(ProposalId(one.subject))
    return "" if proposal is None or proposal.status is ProposalStatus.PENDING else "decided before it was told"


def _settled(one: Delivery, failure: NotSent | None, now: datetime) -> Delivery:
    if failure is None:
        return replace(one, status=DeliveryStatus.SENT, due_at=None, sent_at=now, error="")
    again = None if failure.is_final else retry_at(one.attempts, now)
    status = DeliveryStatus.FAILED if again is None else DeliveryStatus.WAITING
    return replace(one, status=status, due_at=again, error=failure.reason)
