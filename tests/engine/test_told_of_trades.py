"""What happens in a trade reaches people: by a webhook and by mail, both real servers on loopback."""

from datetime import timedelta

import pytest

from thetaloom.domain.book.orders import Effect
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.run.notifications import CHOICES, DeliveryStatus, Destination, Topic
from thetaloom.domain.run.tidings import silence_message
from thetaloom.domain.strategy.strategies import ApprovalMode, ApprovalRule, ExitKind, ExitUnit
from thetaloom.domain.values.ids import UserId
from thetaloom.engine.commands import ApproveProposal, Halt
from thetaloom.engine.notification_commands import SaveDestination
from thetaloom.engine.post_office import Beat, PostOffice, SilenceWatch
from thetaloom.engine.postman import Postman
from thetaloom.engine.schedule_commands import SaveWatchlist
from thetaloom.notify.carrier import AppriseNotifier
from thetaloom.store.queries.notifications import list_deliveries
from thetaloom.testing.broker import Trouble
from thetaloom.testing.builders import NOW, new_york
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.desk import ANNA, DeskBench, exit_rule, put_credit_spread
from thetaloom.testing.receivers import Hook, MailServer, hook

PATIENCE = 300.0  # until what a thread does must have come
STOP = exit_rule(ExitKind.STOP_LOSS, 100, ExitUnit.PERCENT_OF_PREMIUM)
MANUAL = ApprovalRule(mode=ApprovalMode.MANUAL)


class Post:
    """A desk whose messages leave by the carrier of the product."""

    def __init__(self, bench: DeskBench) -> None:
        self.bench, self.wall = bench, FakeClock(NOW)
        self.urls: dict[str, str] = {}
        carrier = AppriseNotifier(self.url_of, answer_seconds=PATIENCE)
        self.postman = Postman(bench.desk, carrier, self.wall, "https://desk.example")

    def url_of(self, user: UserId, name: str) -> str | None:
        return self.urls.get(name)

    def add(self, url: str, *topics: Topic, name: str = "desk") -> None:
        self.urls[name] = url
        told = Destination(
            user_id=ANNA, name=name, service="", shown="", zone="UTC", topics=topics or CHOICES, saved_at=NOW
        )
        self.bench.engine.handle(SaveDestination(destination=told))

    def deliver(self) -> None:
        self.postman.read()
        self.postman.sum_up()
        for place, waiting in self.postman.due().items():
            self.postman.serve(place, waiting)


@pytest.fixture
def post(lite: DeskBench) -> Post:
    return Post(lite)


def test_a_trade_is_told_from_its_approval_to_its_result(post: Post, receiver: Hook) -> None:
    bench = post.bench
    post.add(receiver.url)
    bench.save(put_credit_spread(approval=MANUAL, exits=(STOP,)))

    run = bench.start_run()
    post.deliver()
    (proposal,) = bench.proposals(run)
    asked = receiver.received[0][1]
    assert asked["title"] == "Approval waits: SPY put_credit_spread × 1"
    assert f"https://desk.example/approvals/{proposal.id}\n" in asked["message"]
    assert "SPY   260116P00560000" in asked["message"] and "Synthetic market data." in asked["message"]

    bench.engine.handle(ApproveProposal(user_id=ANNA, proposal_id=proposal.id, content_hash=proposal.content_hash))
    bench.engine.settle()
    bench.broker.fill(bench.order(run).client_order_id, at="1.00")
    bench.engine.settle()
    post.deliver()
    bench.quote_spread(2.50)
    bench.engine.settle()
    post.deliver()
    bench.broker.fill(bench.order(run, Effect.CLOSE).client_order_id, at="-2.50")
    bench.engine.settle()
    post.deliver()

    _, opened, triggered, *ended = receiver.titles
    assert opened == "Filled: SPY to open" and triggered.startswith("Exit: SPY ")
    assert sorted(ended) == ["Closed: SPY -152.60", "Filled: SPY to close"]
    assert "filled so far 1 of 1" in receiver.received[1][1]["message"]
    assert all(f"https://desk.example/runs/{run}" in body["message"] for _, body in receiver.received[1:])


def test_a_refusal_by_the_broker_is_told_once_with_what_to_do(post: Post, receiver: Hook) -> None:
    bench = post.bench
    post.add(receiver.url, Topic.DENIED)
    bench.broker.refusal = Refusal.INSUFFICIENT_BUYING_POWER
    bench.broker.plan(Trouble.REFUSED)

    bench.start_run()
    bench.pass_time(minutes=30)
    post.deliver()

    ((_, body),) = receiver.received
    assert body["title"].startswith("Denied: SPY ") and len(body["title"]) > len("Denied: SPY ")
    assert Refusal.INSUFFICIENT_BUYING_POWER.text in body["message"]


def test_a_trade_that_our_own_rules_deny_is_told_once_with_why(post: Post, receiver: Hook) -> None:
    bench = post.bench
    post.add(receiver.url, Topic.DENIED)
    bench.start_run()

    bench.engine.handle(Halt(user_id=ANNA, note="lunch"))
    bench.engine.settle()
    post.deliver()

    ((_, body),) = receiver.received
    assert body["title"].startswith("Denied: SPY New risk is halted.")


def test_the_morning_mail_is_about_the_watchlists_in_it(post: Post, mail: MailServer) -> None:
    bench = post.bench
    post.add(mail.url, Topic.SUMMARY)
    bench.engine.handle(SaveWatchlist(user_id=ANNA, name="mail", symbols=("SPY", "QQQ"), in_digest=True))
    bench.engine.handle(SaveWatchlist(user_id=ANNA, name="other", symbols=("IWM",)))
    bench.clock.move_to(new_york("2026-01-05 20:00"))
    post.deliver()

    bench.clock.move_to(new_york("2026-01-06 10:00") - timedelta(microseconds=1))
    post.deliver()
    assert mail.received == []
    bench.clock.move_to(new_york("2026-01-06 10:00"))
    post.deliver()

    (got,) = mail.received
    body = str(got.get_content())
    assert str(got["subject"]) == "Suggestions, Tue 2026-01-06 10:00 EST"
    assert "Synthetic market data." in body and "QQQ: " in body and "SPY" in body and "IWM" not in body
    assert "https://desk.example/scans" in body


@pytest.mark.parametrize(
    ("passed", "told"),
    [
        pytest.param(("2026-01-16 20:00", "2026-01-19 23:00"), [], id="a holiday"),
        pytest.param(("2026-11-27 00:00", "2026-11-27 23:00"), ["The day, Fri 2026-11-27 13:30 EST"], id="a half-day"),
        pytest.param(
            ("2026-03-07 00:00", "2026-03-09 23:00"), ["The day, Mon 2026-03-09 16:30 EDT"], id="a clock change"
        ),
        pytest.param(
            ("2026-01-06 23:00", "2026-01-08 23:00"), ["The day, Thu 2026-01-08 16:30 EST"], id="two days away"
        ),
    ],
)
def test_the_day_is_summed_up_after_its_close_in_the_exchanges_time(
    post: Post, receiver: Hook, passed: tuple[str, str], told: list[str]
) -> None:
    start, end = map(new_york, passed)
    post.bench.clock.move_to(start)
    post.add(receiver.url, Topic.SUMMARY)
    post.deliver()

    post.bench.clock.move_to(end)
    post.deliver()

    assert receiver.titles == told


def test_the_days_summary_counts_what_was_closed(post: Post, receiver: Hook) -> None:
    bench = post.bench
    post.add(receiver.url, Topic.SUMMARY)
    post.deliver()
    run = bench.enter(put_credit_spread(exits=(STOP,)), at="1.00")
    bench.quote_spread(2.50)
    bench.engine.settle()
    bench.broker.fill(bench.order(run, Effect.CLOSE).client_order_id, at="-2.50")
    bench.engine.settle()

    bench.clock.move_to(new_york("2026-01-05 16:30"))
    post.deliver()

    ((_, body),) = receiver.received
    assert body["title"] == "The day, Mon 2026-01-05 16:30 EST"
    assert "Closed today: 1, realized" in body["message"] and "opened today: 1." in body["message"]
    assert "-152.60" in body["message"] and "Open positions: 0" in body["message"]


def test_a_receiver_that_says_nothing_delays_no_trade_and_no_other_receiver(post: Post, receiver: Hook) -> None:
    bench = post.bench
    office = PostOffice(post.postman, SilenceWatch(post.wall), lambda: ())
    with hook() as dead:
        dead.gate.clear()
        post.add(dead.url, Topic.FILL, name="dead")
        post.add(receiver.url, Topic.FILL, name="good")
        first = bench.enter()
        office.turn()
        assert dead.came.acquire(timeout=PATIENCE) and receiver.came.acquire(timeout=PATIENCE)

        bench.broker.fill(bench.order(bench.start_run()).client_order_id)
        bench.engine.settle()
        office.turn()
        assert receiver.came.acquire(timeout=PATIENCE)
        assert dead.received == [] and bench.position(first) is not None

        dead.gate.set()
        office.stop()


def test_many_messages_to_a_dead_receiver_crowd_out_no_other(post: Post, receiver: Hook) -> None:
    post.add("json://127.0.0.1:9", Topic.SILENCE, name="dead")
    made = [post.postman.tell_all(silence_message("engine", NOW + timedelta(seconds=number))) for number in range(300)]
    post.add(receiver.url, Topic.SILENCE, name="good")
    post.postman.tell_all(silence_message("engine", NOW))
    post.postman.tell_all(silence_message("engine", NOW - timedelta(days=1)))

    assert sum(made) == 300
    assert [name for _, name in post.postman.due(but=[(ANNA, "dead")])] == ["good"]


def test_a_silent_worker_is_told_by_whoever_watches_it(post: Post, receiver: Hook) -> None:
    post.add(receiver.url, Topic.SILENCE)
    beats = [Beat(worker="engine", mark="1", at=NOW)]
    office = PostOffice(post.postman, SilenceWatch(post.wall), lambda: beats)
    office.turn()
    post.wall.advance(seconds=91)

    office.turn()
    assert receiver.came.acquire(timeout=PATIENCE)
    office.turn()
    office.stop()

    assert receiver.titles == ["The engine is silent"]


@pytest.mark.parametrize(("seconds", "told"), [(89, []), (300, ["The engine was silent"])])
def test_an_engine_that_was_killed_tells_how_long_nobody_watched(
    post: Post, receiver: Hook, seconds: int, told: list[str]
) -> None:
    post.add(receiver.url, Topic.SILENCE)
    office = PostOffice(post.postman, SilenceWatch(post.wall), lambda: ())

    office.start(last_sign=NOW - timedelta(seconds=seconds))
    office.stop()

    assert receiver.titles == told
    assert {one.status for one in list_deliveries(post.bench.database, ANNA).rows} <= {DeliveryStatus.SENT}
