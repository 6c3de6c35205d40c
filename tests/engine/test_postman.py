"""Messages: written once for what happened, carried until they arrive, held when a person wants quiet."""

import threading
from dataclasses import replace
from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import delete

from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.notifications import Delivery, DeliveryStatus, Destination, Message, Topic
from thetaloom.domain.run.tidings import due_summaries, silence_message
from thetaloom.domain.strategy.strategies import ApprovalMode, ApprovalRule
from thetaloom.domain.values.ids import UserId
from thetaloom.engine.notification_commands import RemoveDestination, SaveDestination
from thetaloom.engine.post_office import Beat, PostOffice, SilenceWatch
from thetaloom.engine.postman import Postman
from thetaloom.engine.step import tell_user
from thetaloom.ports.notifier import Letter, NotSent
from thetaloom.store.notification_tables import postman
from thetaloom.store.queries.notifications import list_deliveries
from thetaloom.testing.builders import NOW, new_york, trading_calendar
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.desk import ANNA, DeskBench, put_credit_spread

PHONE = Destination(user_id=ANNA, name="phone", service="JSON", shown="json://host", zone="UTC", saved_at=NOW)
BUSY = NotSent(reason="JSON answered 503")


class Carrier:
    """Takes letters, or says no as often as told."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.failures: list[NotSent] = []
        self.gate: threading.Event | None = None

    def send(self, user: UserId, destination: str, letter: Letter) -> NotSent | None:
        """Take a letter."""
        if self.gate is not None:
            self.gate.wait(300)
        if self.failures:
            return self.failures.pop(0)
        self.letters.append(letter)
        return None


class Office:
    """A desk with a postman and the wall's clock."""

    def __init__(self, bench: DeskBench) -> None:
        self.bench, self.carrier, self.wall = bench, Carrier(), FakeClock(NOW)
        self.postman = Postman(bench.desk, self.carrier, self.wall, "http://desk.test")

    def add(self, **changes: Any) -> None:
        self.bench.engine.handle(SaveDestination(destination=replace(PHONE, **changes)))

    def happen(self, kind: EventKind = EventKind.ORDER_FILLED, **facts: str) -> None:
        facts = {"symbol": "SPY"} | facts
        self.bench.write(lambda uow: tell_user(uow, ANNA, kind, self.bench.desk.clock.now(), **facts))

    def work(self) -> None:
        self.postman.read()
        self.postman.sum_up()
        for place, waiting in self.postman.due().items():
            self.postman.serve(place, waiting)

    @property
    def titles(self) -> list[str]:
        return [letter.title for letter in self.carrier.letters]

    @property
    def log(self) -> tuple[Delivery, ...]:
        return list_deliveries(self.bench.store.database, ANNA).rows


@pytest.fixture
def office(lite: DeskBench) -> Office:
    return Office(lite)


def test_an_approval_that_waits_is_told_with_a_link_that_opens_it(office: Office) -> None:
    office.add()
    office.bench.save(put_credit_spread(approval=ApprovalRule(mode=ApprovalMode.MANUAL)))
    run = office.bench.start_run()
    (proposal,) = office.bench.proposals(run)

    office.work()

    (letter,) = office.carrier.letters
    assert letter.title.startswith("Approval waits: SPY")
    assert f"http://desk.test/approvals/{proposal.id}" in letter.body


def test_a_trade_that_a_rule_approved_is_told_as_its_fill_alone(office: Office) -> None:
    office.add(topics=(Topic.APPROVAL, Topic.FILL))
    office.bench.enter()

    office.work()

    assert office.titles == ["Filled: SPY to open"]


def test_what_happened_before_a_destination_was_added_is_none_of_its_business(office: Office) -> None:
    office.happen()
    office.add()
    office.happen()

    office.work()

    assert office.titles == ["Filled: SPY"]


def test_nothing_is_told_twice_however_often_events_are_read(office: Office) -> None:
    office.add()
    office.happen()
    office.work()
    again = Office(office.bench)
    with office.bench.store.database.begin() as connection:
        connection.execute(delete(postman))  # so that every event is read again

    office.work()
    again.work()

    assert (len(office.titles), again.titles) == (1, [])


def test_a_postman_that_dies_while_sending_loses_nothing(office: Office) -> None:
    class Killed(BaseException):
        pass

    def die(user: UserId, destination: str, letter: Letter) -> NotSent | None:
        raise Killed

    office.add()
    office.happen()
    heir = Office(office.bench)
    office.carrier.send = die  # type: ignore[method-assign]  # the process ends here
    with pytest.raises(Killed):
        office.work()

    heir.work()
    assert heir.titles == []  # the lease of the dead one still runs
    heir.wall.advance(minutes=3)
    heir.work()

    assert heir.titles == ["Filled: SPY"]
    assert heir.carrier.letters[0].id == heir.log[0].id


def test_a_kill_before_the_commit_reads_the_same_events_again(office: Office) -> None:
    office.add()
    office.happen()
    with pytest.raises(ZeroDivisionError), office.bench.desk.store.unit_of_work() as uow:
        uow.notifications.save_state(replace(uow.notifications.state() or _start(), sequence=10**6))
        raise ZeroDivisionError

    office.work()

    assert office.titles == ["Filled: SPY"]


def test_a_service_that_is_down_is_asked_again_ever_more_rarely_until_it_is_given_up(office: Office) -> None:
    office.add()
    office.happen()
    office.carrier.failures = [BUSY] * 20
    for _ in range(30):
        office.work()
        office.wall.advance(hours=1)

    (told,) = office.log
    assert (told.status, told.attempts, told.error) == (DeliveryStatus.FAILED, 12, BUSY.reason)


def test_a_refusal_for_good_is_not_repeated(office: Office) -> None:
    office.add()
    office.happen()
    office.carrier.failures = [NotSent(reason="JSON answered 404", is_final=True)]

    office.work()

    assert office.log[0].status is DeliveryStatus.FAILED


def test_quiet_hours_hold_back_all_but_the_urgent(office: Office) -> None:
    start = NOW.time().replace(second=0, microsecond=0)
    end = (NOW + timedelta(hours=2)).time().replace(second=0, microsecond=0)
    office.add(quiet_from=start, quiet_to=end)
    office.happen()
    office.happen(EventKind.TRADING_HALTED, symbol="", scope="all")

    office.work()
    assert office.titles == ["Trading is halted"]
    office.wall.advance(hours=2)
    office.work()

    assert office.titles == ["Trading is halted", "Filled: SPY"]


@pytest.mark.parametrize(
    ("hour", "until"), [(21, None), (22, (7, 1)), (23, (7, 1)), (3, (7, 0)), (6, (7, 0)), (7, None)]
)
def test_quiet_hours_go_over_midnight(hour: int, until: tuple[int, int] | None) -> None:
    one = replace(PHONE, quiet_from=time(22), quiet_to=time(7))
    now = NOW.replace(hour=hour, minute=0)

    ends = one.quiet_until(now)

    assert ends == (None if until is None else now.replace(hour=until[0]) + timedelta(days=until[1]))


def test_a_limited_destination_gets_the_rest_as_one_message_later(office: Office) -> None:
    office.add(rate_per_hour=2)
    for number in range(5):
        office.happen(symbol=f"A{number}")
        office.work()
        office.wall.advance(seconds=1)
    assert office.titles == ["Filled: A0", "Filled: A1"]

    office.wall.advance(hours=1)
    office.work()

    assert office.titles[2:] == ["Thetaloom: 3 messages, 3 of them held back"]
    assert all(f"Filled: A{number}" in office.carrier.letters[2].body for number in (2, 3, 4))
    assert {told.status for told in office.log} == {DeliveryStatus.SENT}


def test_a_storm_of_troubles_is_one_urgent_message_that_no_limit_holds(office: Office) -> None:
    office.add(rate_per_hour=1)
    office.happen()
    office.work()
    for number in range(5):
        office.happen(EventKind.RUN_FAILED, symbol=f"A{number}")
    office.happen(symbol="QQQ")

    office.work()

    assert office.titles == ["Filled: SPY", "Thetaloom: 5 messages"]
    storm = office.carrier.letters[1]
    assert storm.is_urgent and all(f"A run failed A{number}" in storm.body for number in range(5))


def test_each_destination_hears_of_its_own_topics(office: Office) -> None:
    office.add(topics=(Topic.ALERT,))
    office.happen()

    office.work()

    assert office.titles == []


def test_a_removed_destination_hears_no_more(office: Office) -> None:
    office.add()
    office.happen()
    office.postman.read()
    office.bench.engine.handle(RemoveDestination(user_id=ANNA, name="phone"))

    office.work()

    assert (office.titles, office.log[0].status) == ([], DeliveryStatus.DROPPED)


def test_summaries_follow_the_open_and_the_close_of_half_days_too() -> None:
    calendar = trading_calendar()
    start = new_york("2026-11-27 00:00")

    due = due_summaries(calendar, start, start + timedelta(days=1), 30)

    assert [(name, at.astimezone(start.tzinfo)) for name, at in due] == [
        ("morning", new_york("2026-11-27 10:00")),
        ("closing", new_york("2026-11-27 13:30")),
    ]


def test_the_day_is_summed_up_once(office: Office) -> None:
    office.add(topics=(Topic.SUMMARY,))
    office.bench.clock.move_to(new_york("2026-01-05 16:30"))
    office.work()

    for at in ("2026-01-06 10:00", "2026-01-06 16:30"):
        office.bench.clock.move_to(new_york(at))
        office.work()
        office.work()

    assert office.titles == ["Suggestions, Tue 2026-01-06 10:00 EST", "The day, Tue 2026-01-06 16:30 EST"]


def test_a_silent_worker_is_told_once_and_again_after_its_next_sign() -> None:
    wall = FakeClock(NOW)
    watch = SilenceWatch(wall)
    assert watch.silent([Beat(worker="scheduler", mark="1")]) == []
    wall.advance(seconds=91)

    assert watch.silent([Beat(worker="scheduler", mark="1")]) == [("scheduler", NOW)]
    assert watch.silent([Beat(worker="scheduler", mark="1", is_expected=False)]) == []
    assert watch.silent([Beat(worker="scheduler", mark="2")]) == []
    assert silence_message("engine", NOW).key == silence_message("engine", NOW).key


def test_a_slow_receiver_holds_up_nobody_else(office: Office) -> None:
    office.add()
    office.carrier.gate = threading.Event()
    post = PostOffice(office.postman, SilenceWatch(office.wall), lambda: ())
    office.happen()

    post.turn()  # returns though the letter is still being taken
    office.happen(symbol="QQQ")
    post.turn()

    assert office.titles == []
    office.carrier.gate.set()
    post.stop()
    assert office.titles[0] == "Filled: SPY"


def test_a_message_to_everybody_is_written_once(office: Office) -> None:
    office.add()
    message = Message(key="silence:engine:1", topic=Topic.SILENCE, title="silent", body="", is_urgent=True)

    assert (office.postman.tell_all(message), office.postman.tell_all(message)) == (1, 0)


def _start() -> Any:
    from thetaloom.ports.notifications import PostState

    return PostState(sequence=0, summed_at=NOW)
