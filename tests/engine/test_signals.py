"""Signals become runs: each once, none lost, and every answer with its reason in the trail."""

import json
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from thetaloom.domain.book.orders import Effect
from thetaloom.domain.run.confluence import Stance
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome, TriggerKind
from thetaloom.domain.run.signal_faults import Fault
from thetaloom.domain.run.signal_intake import Answer
from thetaloom.domain.run.signal_records import SignalScore
from thetaloom.domain.run.signal_sources import SignalSource, SourceAuth
from thetaloom.domain.run.signals import SUCCESSORS, Signal, SignalStage
from thetaloom.domain.strategy.strategies import Bias, SizeRule
from thetaloom.domain.values.canonical import canonical_json, from_plain
from thetaloom.domain.values.ids import RunId, SignalId, StrategyId
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine import commands
from thetaloom.engine.signals import INTAKE_DECIDER, SignalAnswer, start_due
from thetaloom.errors import NotFound
from thetaloom.store.database import Database
from thetaloom.store.queries.signals import source_records
from thetaloom.store.schema import runs, signals
from thetaloom.testing.desk import ANNA, BERT, STRATEGY, DeskBench, put_credit_spread

CLOSED = datetime(2026, 1, 5, 22, 0, tzinfo=UTC)
OPEN_AT = datetime(2026, 1, 6, 14, 30, tzinfo=UTC)
Send = Callable[..., SignalAnswer]


class Desk:
    """A desk with one source, to which messages are sent."""

    def __init__(self, bench: DeskBench) -> None:
        self.bench = bench
        self.add()

    def add(self, name: str = "tv", **changes: Any) -> None:
        """Add or change a source."""
        given = {"name": name, "user_id": ANNA, "auth": SourceAuth.UNSIGNED, "strategy_id": STRATEGY}
        source = SignalSource(**(given | {"saved_at": self.bench.clock.now()} | changes))
        self.bench.engine.handle(commands.SaveSignalSource(source=source))

    def send(self, *, by: str = "tv", **fields: Any) -> SignalAnswer:
        """Send a message; without fields of its own it buys SPY."""
        payload = canonical_json({"symbol": "SPY", "action": "buy"} | fields).decode()
        wish = commands.TakeSignal(user_id=ANNA, source=by, payload=payload, wall_at=self.bench.clock.now())
        answer = self.bench.engine.handle(wish)
        assert isinstance(answer, SignalAnswer)
        return answer

    def settled(self, **fields: Any) -> Signal:
        """Send a message, let the engine do all there is to do, and return the signal."""
        answer = self.send(**fields)
        self.bench.engine.settle()
        return self.signal(answer)

    def signal(self, answer: SignalAnswer) -> Signal:
        """Return the signal of an answer as it stands."""
        with self.bench.store.reading() as uow:
            found = uow.signals.get(answer.signal_id or SignalId(""))
        assert found is not None
        return found

    def trail(self, answer: SignalAnswer) -> list[tuple[str, str, str]]:
        """Return stage, actor and reason of each station."""
        with self.bench.store.reading() as uow:
            return [
                (one.stage.value, one.actor, one.reason) for one in uow.signals.trail(answer.signal_id or SignalId(""))
            ]


@pytest.fixture
def desk(lite: DeskBench) -> Desk:
    """A desk on SQLite."""
    return Desk(lite)


def test_every_stage_is_in_the_table_and_can_be_reached() -> None:
    reached = {stage for stages in SUCCESSORS.values() for stage in stages} | {SignalStage.RECEIVED}

    assert set(SUCCESSORS) == set(SignalStage) == reached


def test_a_signal_starts_a_run_whose_first_record_holds_what_decided(bench: DeskBench) -> None:
    desk = Desk(bench)

    answer = desk.send(interval="5")
    desk.bench.engine.settle()

    signal = desk.signal(answer)
    run = bench.run(signal.run_id or bench.start_run())
    assert (answer.answer, signal.stage) == (Answer.ACCEPTED, SignalStage.STARTED)
    assert (run.trigger, run.signal_id, run.symbol) == (TriggerKind.SIGNAL, signal.id, "SPY")
    judged = bench.said(run.id, 0)["signal"]
    assert judged["confidence"]["total"] == "50"
    assert judged["confluence"]["contributions"][0]["source"] == "tv"
    assert bench.replay(run.id).identical and bench.faults(run.id) == []
    assert desk.trail(answer) == [("received", "source:tv", ""), ("accepted", "intake", ""), ("started", "engine", "")]


def test_the_trail_ends_with_the_end_of_the_run(desk: Desk) -> None:
    answer = desk.send(symbol="NOSUCH")
    desk.bench.engine.settle()

    assert desk.trail(answer)[-1] == ("finished", "run", Reason.UNKNOWN_SYMBOL.value)
    assert desk.bench.run(desk.signal(answer).run_id or STRATEGY_RUN).outcome is Outcome.NO_TRADE


STRATEGY_RUN: Any = "none"


def test_a_message_that_is_not_understood_starts_nothing_and_is_told(desk: Desk) -> None:
    answer = desk.send(symbol="", action="sell", price="x")
    desk.bench.engine.settle()

    assert (answer.answer, answer.signal_id) == (Answer.REJECTED, None)
    assert [one.fault for one in answer.problems] == [Fault.MISSING, Fault.AMBIGUOUS_SELL, Fault.NOT_A_NUMBER]
    assert desk.bench.events().count(EventKind.SIGNAL_REJECTED) == 1
    assert EventKind.RUN_STARTED not in desk.bench.events()


def test_the_same_content_is_one_signal_for_five_minutes(desk: Desk) -> None:
    desk.add(cooldown_seconds=0)
    first = desk.settled(interval="5")
    desk.bench.clock.advance(seconds=299)
    again = desk.send(interval="5m", price=575)
    desk.bench.clock.advance(seconds=1)
    later = desk.send(interval="5")

    assert (again.answer, again.signal_id) == (Answer.DUPLICATE, first.id)
    assert later.answer is Answer.ACCEPTED and later.signal_id != first.id
    assert desk.signal(again).repeats == 1


def test_a_senders_id_is_taken_once_for_ever(desk: Desk) -> None:
    first = desk.settled(id="a-1")
    desk.bench.clock.advance(days=30)

    again = desk.send(id="a-1", symbol="QQQ", action="short")

    assert (again.answer, again.signal_id) == (Answer.DUPLICATE, first.id)
    desk.add("other")
    assert desk.send(by="other", id="a-1", symbol="QQQ").answer is Answer.ACCEPTED


def test_a_message_that_comes_again_with_its_own_time_is_never_new(desk: Desk) -> None:
    desk.add(age_seconds_max=3600, cooldown_seconds=0)
    sent = desk.bench.clock.now().isoformat()
    first = desk.settled(timestamp=sent)
    desk.bench.clock.advance(minutes=30)

    assert desk.send(timestamp=sent).signal_id == first.id


def test_two_sources_that_agree_are_no_copies_and_the_second_waits_for_its_cooldown(desk: Desk) -> None:
    desk.add("mtf", weight=Decimal("0.85"))
    desk.settled()

    second = desk.send(by="mtf")
    other_way = desk.send(by="mtf", action="short")
    desk.bench.clock.advance(seconds=300)
    third = desk.send(by="mtf", interval="1h")

    assert (second.answer, second.reason) == (Answer.REFUSED, Reason.SIGNAL_COOLDOWN.value)
    assert second.facts["seconds_left"] == "300"
    assert other_way.answer is Answer.ACCEPTED
    assert third.answer is Answer.ACCEPTED


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [(300, ""), (301, Reason.SIGNAL_TOO_OLD), (-60, ""), (-61, Reason.SIGNAL_FROM_FUTURE)],
)
def test_a_signal_may_be_five_minutes_old_and_a_minute_ahead(desk: Desk, seconds: int, reason: str) -> None:
    sent = desk.bench.clock.now() - timedelta(seconds=seconds)

    assert desk.send(timestamp=sent.isoformat()).reason == reason


def test_a_signed_message_must_tell_itself_from_its_copy(desk: Desk) -> None:
    desk.add(auth=SourceAuth.HMAC)

    bare, timed = desk.send(), desk.send(timestamp=desk.bench.clock.now().isoformat())

    assert [one.fault for one in bare.problems] == [Fault.REPLAYABLE]
    assert timed.answer is Answer.ACCEPTED


def test_a_strategy_must_be_named_known_and_not_opposed(desk: Desk) -> None:
    bearish = put_credit_spread(id=StrategyId("bear"), biases=(Bias.BEARISH,))
    desk.bench.save(bearish)
    desk.add("none", strategy_id=None)

    unnamed = desk.send(by="none")
    unknown = desk.send(by="none", strategy="nobody")
    opposed = desk.send(by="none", strategy="bear")
    with pytest.raises(NotFound):
        desk.add("wrong", strategy_id=StrategyId("nobody"))

    assert [one.fault for one in unnamed.problems] == [Fault.NO_STRATEGY]
    assert [one.fault for one in unknown.problems] == [Fault.STRATEGY_NOT_FOUND]
    assert opposed.reason == Reason.SIGNAL_AGAINST_STRATEGY.value


def test_what_comes_after_the_close_is_refused_unless_its_source_may_wait(desk: Desk) -> None:
    desk.bench.clock.move_to(CLOSED)
    refused = desk.send(confidence="90%")
    desk.add(queues=True)
    weak, unsure = desk.send(confidence="69%"), desk.send(interval="1h")
    queued = desk.send(confidence="70%", interval="4h")

    for one in (refused, weak, unsure):
        assert (one.answer, one.reason) == (Answer.REFUSED, Reason.SIGNAL_OUTSIDE_HOURS.value)
    assert (queued.answer, queued.due_at) == (Answer.QUEUED, OPEN_AT)


def test_the_queue_outlives_a_restart_and_starts_at_the_open(desk: Desk) -> None:
    desk.add(queues=True)
    desk.bench.clock.move_to(CLOSED)
    queued = desk.send(confidence="80%")
    desk.bench.engine.settle()
    assert desk.signal(queued).run_id is None
    desk.bench.restart()

    assert desk.bench.engine.next_at is not None and desk.bench.engine.next_at <= OPEN_AT
    desk.bench.clock.move_to(OPEN_AT)
    desk.bench.engine.settle()

    assert desk.signal(queued).run_id is not None
    assert desk.send(interval="5").facts["seconds_left"] == "300"  # it opened now, not when it came


def test_the_best_of_the_queue_stays(desk: Desk) -> None:
    desk.add(queues=True)
    desk.bench.clock.move_to(CLOSED)

    first = desk.send(confidence="80%", interval="5")
    worse = desk.send(confidence="75%", interval="15")
    better = desk.send(confidence="85%", interval="1h", id="b")

    assert worse.reason == Reason.SIGNAL_OUTDONE.value
    assert better.answer is Answer.QUEUED
    assert (desk.signal(first).stage, desk.signal(first).reason) == (SignalStage.EXPIRED, Reason.SIGNAL_OUTDONE)


def test_a_queued_signal_that_nobody_started_in_time_expires(desk: Desk) -> None:
    desk.add(queues=True)
    desk.bench.clock.move_to(CLOSED)
    queued = desk.send(confidence="80%")
    desk.bench.clock.move_to(OPEN_AT + timedelta(minutes=15, seconds=1))

    desk.bench.engine.settle()

    assert (desk.signal(queued).stage, desk.signal(queued).reason) == (SignalStage.EXPIRED, Reason.SIGNAL_EXPIRED)


def test_what_only_observes_counts_in_the_confluence_of_others(desk: Desk) -> None:
    desk.add("mtf", weight=Decimal("0.85"))
    noted = desk.send(by="mtf", action="observe", direction="bullish", interval="5")
    desk.send(by="mtf", symbol="SPY", timeframes={}, alignment_score=80, bias="bullish")

    signal = desk.settled(interval="5")

    assert (noted.answer, desk.signal(noted).stage) == (Answer.NOTED, SignalStage.NOTED)
    judged = desk.bench.said(signal.run_id or STRATEGY_RUN, 0)["signal"]
    assert judged["confluence"]["share"] == "1.0000"
    parts = {part["name"]: part["points"] for part in judged["confidence"]["parts"]}
    assert (parts["confluence"], parts["indicator.alignment"], judged["confidence"]["total"]) == ("10", "20", "80")


def test_a_source_may_ask_for_a_least_confidence(desk: Desk) -> None:
    desk.add(confidence_min=51)

    signal = desk.settled()

    run = desk.bench.run(signal.run_id or STRATEGY_RUN)
    assert (run.outcome, run.reason) == (Outcome.NO_TRADE, Reason.SIGNAL_CONFIDENCE_LOW)
    assert desk.bench.said(run.id)["verdict"]["facts"] == {"confidence": "50", "limit": "51"}


def test_no_signal_opens_anything_with_vix_above_50(desk: Desk) -> None:
    desk.add("context")
    desk.send(by="context", symbol=None, action=None, vix=50.5)

    signal = desk.settled()

    assert desk.bench.run(signal.run_id or STRATEGY_RUN).reason == Reason.SIGNAL_VIX_HIGH.value


def test_a_signal_closes_the_positions_of_its_symbol_and_nothing_else(desk: Desk) -> None:
    run = desk.bench.enter()
    desk.add("close", strategy_id=None)

    wrong_way = desk.settled(by="close", action="close", direction="bullish")  # its strategy is neutral
    other = desk.settled(by="close", action="close", symbol="QQQ")
    closing = desk.settled(by="close", action="exit", interval="5")

    assert [one.reason for one in (wrong_way, other)] == [Reason.SIGNAL_NOTHING_TO_CLOSE] * 2
    assert closing.stage is SignalStage.STARTED
    assert desk.bench.run(run).reason == Reason.MANUAL_CLOSE.value


def test_closing_knows_no_cooldown_and_no_hours(desk: Desk) -> None:
    desk.bench.enter()
    desk.settled(action="close", interval="5")

    assert desk.send(action="close", interval="15").answer is Answer.ACCEPTED


def test_no_text_from_outside_reaches_an_order(desk: Desk) -> None:
    plain = desk.settled(symbol="SPY", quantity=500, strike=100, expiration="2026-12-18", order_type="market", price=1)
    proposal = desk.bench.proposals(plain.run_id or STRATEGY_RUN)[0]

    assert (proposal.quantity, proposal.legs[0].contract.strike) == (1, Decimal(560))
    assert plain.facts["quantity"] == "500"


def test_the_intake_can_be_decided_again_from_its_evidence(desk: Desk) -> None:
    desk.send(interval="5")
    desk.send(interval="15")
    with desk.bench.store.reading() as uow:
        stored = [uow.lineage.get_evidence(digest) for digest in _intakes(desk.bench.database)]

    assert len(stored) == 2
    for content in stored:
        plain = json.loads(content)
        given = from_plain(plain["given"], INTAKE_DECIDER.inputs)
        assert canonical_json(INTAKE_DECIDER.decide(given)) == canonical_json(plain["said"])


def _intakes(database: Database) -> list[str]:
    with database.connect() as connection:
        return [row.evidence for row in connection.execute(TRAIL) if row.evidence]


TRAIL = select(signals.metadata.tables["signal_trail"].c.evidence)


def test_signals_belong_to_a_user(desk: Desk) -> None:
    wish = commands.TakeSignal(user_id=BERT, source="tv", payload='{"symbol":"SPY"}', wall_at=desk.bench.clock.now())

    with pytest.raises(NotFound):
        desk.bench.engine.handle(wish)


def test_a_kill_between_acceptance_and_start_loses_nothing_and_doubles_nothing(desk: Desk) -> None:
    answer = desk.send()

    desk.bench.restart()
    desk.bench.engine.settle()
    desk.bench.restart()
    desk.bench.engine.settle()

    assert _runs_of(desk.bench.database) == [answer.signal_id]


def test_two_engines_start_a_signal_once(bench: DeskBench) -> None:
    desk = Desk(bench)
    for number in range(20):
        desk.send(symbol=f"A{number}")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: start_due(bench.desk), range(4)))

    assert len(_runs_of(bench.database)) == len(set(_runs_of(bench.database))) == 20


def test_a_burst_of_a_thousand_loses_none_and_doubles_none(desk: Desk) -> None:
    desk.add(cooldown_seconds=0)
    sent = [{"symbol": f"A{number % 40}", "id": f"b-{number % 700}", "interval": "5"} for number in range(1000)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda fields: desk.send(**fields), sent))
    while start_due(desk.bench.desk):
        pass

    accepted = {one.signal_id for one in answers if one.answer is Answer.ACCEPTED}
    assert Counter(one.answer for one in answers) == {Answer.ACCEPTED: 40, Answer.DUPLICATE: 960}
    assert sorted(_runs_of(desk.bench.database)) == sorted(accepted, key=str)
    assert {one.signal_id for one in answers} == accepted


def _runs_of(database: Database) -> list[Any]:
    with database.connect() as connection:
        return list(connection.scalars(select(runs.c.signal_id).where(runs.c.signal_id.is_not(None))))


def test_a_run_that_was_started_by_hand_has_no_signal(desk: Desk) -> None:
    run = desk.bench.start_run()

    assert desk.bench.run(run).signal_id is None and desk.bench.said(run, 0)["signal"] is None


STRONG = {"trend": True, "momentum": True, "volume": 1, "mtf_alignment": True}
WEAK = {"trend": True, "momentum": False}


@pytest.mark.parametrize(("components", "quantity"), [(STRONG, 4), (WEAK, 2)])
def test_the_size_factor_alone_changes_the_proposed_quantity(
    desk: Desk, components: dict[str, Any], quantity: int
) -> None:
    desk.bench.save(put_credit_spread(size=SizeRule(quantity=4)))
    told = {"action": None, "score": 6, "signal": {"action": "buy"}, "components": components}

    run = desk.settled(**told).run_id or STRATEGY_RUN

    (proposal,) = desk.bench.proposals(run)
    assert (proposal.quantity, desk.bench.order(run).quantity) == (quantity, quantity)
    assert desk.bench.replay(run).identical and desk.bench.faults(run) == []


def test_half_of_one_structure_is_no_trade(desk: Desk) -> None:
    told = {"action": None, "score": 6, "signal": {"action": "buy"}, "components": WEAK}

    run = desk.settled(**told).run_id or STRATEGY_RUN

    assert (desk.bench.run(run).outcome, desk.bench.run(run).reason) == (Outcome.DENIED, Reason.QUANTITY_ZERO)
    assert desk.bench.left_nothing(run)


def close_at(desk: Desk, run: RunId, mid: float) -> None:
    """Fill the entry of a run, and close its position at a price."""
    bench = desk.bench
    bench.broker.fill(bench.order(run).client_order_id)
    bench.engine.settle()
    bench.quote_spread(mid)
    position = bench.position(run)
    assert position is not None
    bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    bench.engine.settle()
    bench.broker.fill(bench.order(run, Effect.CLOSE).client_order_id)
    bench.engine.settle()


@pytest.mark.parametrize(("mid", "is_right"), [(0.4, True), (3.5, False)])
def test_the_end_of_a_run_is_written_into_the_record_of_every_source_that_was_weighed(
    bench: DeskBench, mid: float, is_right: bool
) -> None:
    desk = Desk(bench)
    for name in ("agrees", "dissents", "abstains"):
        desk.add(name)
    for name, word in (("agrees", "bullish"), ("dissents", "bearish"), ("abstains", "neutral")):
        desk.send(by=name, action="observe", direction=word)
    signal = desk.settled()
    run = signal.run_id or STRATEGY_RUN
    assert source_records(bench.database, ANNA) == {}

    close_at(desk, run, mid)

    records = source_records(bench.database, ANNA)
    position = bench.position(run)
    assert position is not None and (position.realized_pnl > 0) is is_right
    assert {name: (one.judged, one.right) for name, one in records.items()} == {
        "tv": (1, int(is_right)),
        "agrees": (1, int(is_right)),
        "dissents": (1, int(not is_right)),
        "abstains": (0, 0),
    }
    assert (records["tv"].started, records["tv"].pnl) == (1, position.realized_pnl)
    assert records["agrees"].started == 0
    assert bench.replay(run).identical and bench.faults(run) == []


def test_a_run_without_a_position_says_nothing_of_its_source(desk: Desk) -> None:
    desk.settled(symbol="NOSUCH")

    assert source_records(desk.bench.database, ANNA) == {}


@pytest.mark.parametrize(("by_record", "weight"), [(False, "1"), (True, "1.5")])
def test_a_record_weighs_only_when_the_profile_says_so(desk: Desk, by_record: bool, weight: str) -> None:
    desk.add("mtf", weight=Decimal(1), weighs_by_record=by_record)
    for number in range(20):
        is_right = number < 15
        score = SignalScore(
            run_id=RunId(f"r{number}"),
            source="mtf",
            user_id=ANNA,
            signal_id=SignalId("s"),
            stance=Stance.AGREES,
            is_own=False,
            pnl=Money(1 if is_right else -1),
            is_right=is_right,
            judged_at=desk.bench.clock.now(),
        )
        with desk.bench.store.unit_of_work() as uow:
            uow.signals.add_score(score)
            uow.commit()
    desk.send(by="mtf", action="observe", direction="bullish")

    judged = desk.bench.said(desk.settled().run_id or STRATEGY_RUN, 0)["signal"]

    counted = {one["source"]: Decimal(one["weight"]) for one in judged["confluence"]["contributions"]}
    assert counted == {"tv": 1, "mtf": Decimal(weight)}
