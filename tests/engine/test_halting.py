"""Halting: by a flag of any process, at the last gate, over working entries, never over exits."""

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from thetaloom.domain.book.halts import GUARD, StandingHalt, only_closes
from thetaloom.domain.book.orders import Effect, Order, OrderStatus
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine import commands
from thetaloom.engine.delivery import deliver
from thetaloom.engine.last_gate import barred_by, halts_now, standing_halts
from thetaloom.errors import NotAllowed, NotFound, StoreUnavailable
from thetaloom.ports.store import Store, UnitOfWork
from thetaloom.store.halt_files import HaltFiles
from thetaloom.testing.broker import Trouble
from thetaloom.testing.desk import ANNA, DeskBench
from thetaloom.testing.halts import HeldFlags

NEWS = StandingHalt(scope="all", reason="news", by="anna", at="2026-01-07T15:00:00+00:00")
SCOPES = ["all", "account:TEST-1", "strategy:strategy-1"]


class RaisedOnceCommitted:
    """Flags that are up exactly while the books have an order that is committed and not yet sent."""

    def __init__(self, store: Store, scope: str) -> None:
        self._store, self._halt = store, replace(NEWS, scope=scope)

    def raised(self) -> dict[str, StandingHalt]:
        """Look into the books."""
        with self._store.reading() as uow:
            is_sending = any(order.status is OrderStatus.SUBMITTED for order in uow.orders.open_orders())
        return {self._halt.scope: self._halt} if is_sending else {}

    def hoist(self, halt: StandingHalt) -> None:
        """Stay as planned."""

    def lower(self, scope: str) -> None:
        """Stay as planned."""


def save_order(order: Order, uow: UnitOfWork) -> None:
    """Write an order into the books."""
    uow.orders.save(order)


def halts_of(bench: DeskBench) -> dict[str, str]:
    """The halts in force."""
    with bench.store.reading() as uow:
        return halts_now(bench.desk, uow)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_flag_of_another_process_cancels_entries_and_is_written_down(lite: DeskBench, scope: str) -> None:
    run = lite.start_run()

    lite.desk.halts.hoist(replace(NEWS, scope=scope))
    lite.engine.settle()

    assert lite.broker.requests[-1] == ("cancel", lite.order(run).client_order_id)
    assert (lite.run(run).outcome, lite.run(run).reason) == (Outcome.DENIED, "halted")
    with lite.store.reading() as uow:
        assert dict(uow.accounts.halts()) == {scope: "news"}
    assert lite.events().count(EventKind.TRADING_HALTED) == 1
    assert lite.run(lite.start_run()).reason == "halted"


@pytest.mark.parametrize("scope", ["account:OTHER", "strategy:other"])
def test_a_flag_of_another_scope_changes_nothing(lite: DeskBench, scope: str) -> None:
    run = lite.start_run()

    lite.desk.halts.hoist(replace(NEWS, scope=scope))
    lite.engine.settle()

    assert lite.order(run).status is OrderStatus.WORKING
    assert lite.sent("cancel") == []


@pytest.mark.parametrize("scope", [*SCOPES, "strategy:other"])
def test_a_flag_that_goes_up_between_the_commit_and_the_wire_stops_the_order(lite: DeskBench, scope: str) -> None:
    lite.restart(halts=RaisedOnceCommitted(lite.store, scope))

    run = lite.start_run()

    if scope == "strategy:other":
        assert len(lite.sent("submit")) == 1
    else:
        assert lite.sent("submit") == []
        assert lite.order(run).status is OrderStatus.CANCELED
        assert (lite.run(run).outcome, lite.run(run).reason) == (Outcome.DENIED, "halted")


def test_exits_are_sent_while_everything_is_halted(lite: DeskBench) -> None:
    run = lite.enter()
    lite.desk.halts.hoist(NEWS)
    lite.engine.settle()
    position = lite.position(run)
    assert position is not None

    lite.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    lite.engine.settle()
    closing = lite.order(run, Effect.CLOSE)
    lite.pass_time(seconds=60)

    assert ("submit", closing.client_order_id) in lite.broker.requests
    assert ("replace", closing.client_order_id) in lite.broker.requests


def test_the_walk_of_an_entry_stops_at_the_flag(lite: DeskBench) -> None:
    run = lite.start_run()
    order = lite.order(run)
    moved = order.with_limit(Price(order.limit_price - Price("0.05")))
    lite.write(lambda uow: uow.orders.save(moved))
    lite.desk.halts.hoist(NEWS)

    deliver(lite.desk, order.client_order_id)

    assert lite.sent("replace") == []


def test_cancels_go_out_within_the_rate_of_the_broker_and_behind_exits(lite: DeskBench) -> None:
    lite.engine.handle(commands.SetLimit(user_id=ANNA, name="max_positions_per_symbol", limit="20"))
    held = lite.enter()
    position = lite.position(held)
    assert position is not None
    lite.broker.capabilities = replace(lite.broker.capabilities, orders_per_second=2)
    runs = [lite.start_run(forced=True) for _ in range(5)]

    lite.desk.halts.hoist(NEWS)
    lite.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    lite.engine.settle()
    exit_order = lite.order(held, Effect.CLOSE).client_order_id
    rounds = [len(lite.sent("cancel"))]
    waits_until = lite.engine.halts.next_at
    for _ in range(3):
        lite.pass_time(seconds=1)
        rounds.append(len(lite.sent("cancel")))

    first_cancel = next(index for index, (verb, _) in enumerate(lite.broker.requests) if verb == "cancel")
    assert lite.broker.requests.index(("submit", exit_order)) < first_cancel
    assert rounds == [2, 4, 5, 5]
    assert waits_until == lite.clock.now() - timedelta(seconds=2)
    assert lite.engine.halts.next_at is None
    assert {lite.run(run).reason for run in runs} == {"halted"}


def test_cancels_left_behind_by_a_kill_are_brought_to_the_broker(lite: DeskBench) -> None:
    run = lite.start_run()
    lite.broker.plan(Trouble.UNAVAILABLE)
    lite.engine.handle(commands.Halt(user_id=ANNA))

    lite.restart()
    lite.engine.settle()
    lite.restart()
    lite.engine.settle()

    assert lite.run(run).reason == "halted"


def resume(bench: DeskBench) -> None:
    """Lift the halt of all behind the engine's back, as another process does between two of its turns."""
    bench.desk.halts.lower("all")
    bench.write(lambda uow: uow.accounts.resume("all"))


def test_a_halt_lifted_and_raised_anew_between_two_turns_covers_the_entries_of_meanwhile(lite: DeskBench) -> None:
    first = lite.engine
    first.handle(commands.Halt(user_id=ANNA, scope="all", note="one"))
    first.settle()
    resume(lite)
    lite.restart()
    run = lite.start_run()

    lite.engine.handle(commands.Halt(user_id=ANNA, scope="all", note="another"))
    first.settle()

    assert lite.broker.requests[-1] == ("cancel", lite.order(run).client_order_id)


def test_an_entry_whose_cancel_was_refused_is_asked_again_under_the_next_halt(lite: DeskBench) -> None:
    run = lite.start_run()
    lite.broker.plan(Trouble.REFUSED)
    lite.desk.halts.hoist(NEWS)
    lite.engine.settle()
    assert lite.order(run).status is OrderStatus.WORKING
    resume(lite)
    lite.engine.settle()

    lite.desk.halts.hoist(replace(NEWS, at="2026-01-07T15:05:00+00:00"))
    lite.engine.settle()

    assert lite.sent("cancel") == [lite.order(run).client_order_id] * 2
    assert lite.order(run).status is OrderStatus.CANCELED


def test_books_halt_where_no_flag_can_be_raised(lite: DeskBench) -> None:
    flags = HeldFlags()
    flags.is_broken = True
    lite.restart(halts=flags)
    run = lite.start_run()

    lite.engine.handle(commands.Halt(user_id=ANNA, note="the disk is dead"))
    lite.engine.settle()

    assert lite.run(run).reason == "halted"
    assert halts_of(lite) == {"all": "the disk is dead"}
    assert lite.run(lite.start_run()).reason == "halted"


def test_a_flag_that_cannot_be_lowered_still_halts(lite: DeskBench) -> None:
    flags = HeldFlags()
    lite.restart(halts=flags)
    lite.engine.handle(commands.Halt(user_id=ANNA, note="news"))
    flags.is_broken = True

    with pytest.raises(StoreUnavailable, match="stays halted"):
        lite.engine.handle(commands.LiftHalt(user_id=ANNA))

    assert halts_of(lite) == {"all": "news"}


def test_a_guards_halt_is_lifted_only_with_the_token_of_its_reason(lite: DeskBench) -> None:
    lite.desk.halts.hoist(replace(NEWS, by=GUARD))
    lite.engine.settle()
    with lite.store.reading() as uow:
        token = standing_halts(lite.desk, uow)["all"].token

    with pytest.raises(NotAllowed) as without:
        lite.engine.handle(commands.LiftHalt(user_id=ANNA))
    with pytest.raises(NotAllowed) as wrong:
        lite.engine.handle(commands.LiftHalt(user_id=ANNA, token="0"))
    lite.engine.handle(commands.LiftHalt(user_id=ANNA, token=token))

    assert without.value.code == wrong.value.code == "confirmation_needed"
    assert without.value.details == {"scope": "all", "reason": "news", "by": GUARD, "token": token}
    assert halts_of(lite) == {}
    assert lite.order(lite.start_run()).status is OrderStatus.WORKING
    with pytest.raises(NotFound):
        lite.engine.handle(commands.LiftHalt(user_id=ANNA))


def test_a_flag_of_files_is_heeded_like_any(lite: DeskBench, tmp_path: Path) -> None:
    files = HaltFiles(tmp_path)
    files.prepare()
    lite.restart(halts=files)
    run = lite.start_run()
    before = lite.engine.halts.has_news

    (tmp_path / "stop").touch()

    assert (before, lite.engine.halts.has_news) == (False, True)
    lite.engine.settle()
    assert lite.run(run).reason == "halted"
    assert not lite.engine.halts.has_news


def test_an_order_whose_time_is_over_is_barred_whatever_it_does(lite: DeskBench) -> None:
    order = lite.order(lite.start_run())
    over = replace(order, expires_at=lite.clock.now())

    with lite.store.reading() as uow:
        assert barred_by(lite.desk, uow, over) is Reason.ORDER_TIMED_OUT
        assert barred_by(lite.desk, uow, order) is None


@pytest.mark.parametrize(("factor", "closes"), [(-1, True), (-2, True), (1, False), (0, False)])
def test_an_order_that_only_takes_away_from_what_is_held_is_an_exit(lite: DeskBench, factor: int, closes: bool) -> None:
    order = lite.order(lite.start_run())
    told = lite.broker.find(order.client_order_id)
    assert told is not None
    held = {leg.contract: factor * leg.ratio * told.quantity for leg in told.legs}

    assert only_closes(told, held) is closes
    assert not only_closes(replace(told, quantity=told.quantity * 2 + told.quantity), held)


TRIPS = [
    ("max_orders_per_second", "2"),
    ("max_orders_per_minute", "2"),
    ("max_orders_per_hour", "2"),
    ("max_orders_per_session", "2"),
    ("max_contracts_per_minute", "4"),
    ("max_contracts_per_hour", "5"),
    ("max_contracts_per_session", "4"),
    ("max_contracts_per_symbol", "5"),
    ("max_notional_per_session", "223000"),
]


@pytest.mark.parametrize(("name", "limit"), TRIPS)
def test_a_runaway_halts_the_account_at_the_first_order_too_many(lite: DeskBench, name: str, limit: str) -> None:
    lite.engine.handle(commands.SetLimit(user_id=ANNA, name="max_positions_per_symbol", limit="20"))
    lite.engine.handle(commands.SetLimit(user_id=ANNA, name=name, limit=limit))
    first = [lite.start_run(forced=True) for _ in range(2)]
    assert [lite.order(run).status for run in first] == [OrderStatus.WORKING] * 2
    lite.restart()  # what was sent is counted from the books, not from memory

    third, fourth = lite.start_run(forced=True), lite.start_run(forced=True)

    assert len(lite.sent("submit")) == 2
    assert {lite.run(run).reason for run in (*first, third, fourth)} == {"halted"}
    assert halts_of(lite)["account:TEST-1"].startswith(f"runaway: {name} would be ")
    assert lite.events(third).count(EventKind.RUNAWAY_STOPPED) == 1
    with pytest.raises(NotAllowed):
        lite.engine.handle(commands.LiftHalt(user_id=ANNA, scope="account:TEST-1"))


def test_an_entry_that_is_moved_without_end_halts_the_account(lite: DeskBench) -> None:
    lite.engine.handle(commands.SetLimit(user_id=ANNA, name="max_replaces_per_order", limit="1"))
    run = lite.start_run()
    order = lite.order(run)
    for cents in ("0.05", "0.10"):
        moved = lite.order(run).with_limit(Price(order.limit_price - Price(cents)))
        lite.write(partial(save_order, moved))
        deliver(lite.desk, order.client_order_id)
    lite.engine.settle()

    assert len(lite.sent("replace")) == 1
    assert halts_of(lite) == {"account:TEST-1": "runaway: max_replaces_per_order would be 2, above 1"}
    assert lite.run(run).reason == "halted"


def test_what_was_sent_is_forgotten_with_its_window(lite: DeskBench) -> None:
    lite.engine.handle(commands.SetLimit(user_id=ANNA, name="max_positions_per_symbol", limit="20"))
    lite.engine.handle(commands.SetLimit(user_id=ANNA, name="max_orders_per_minute", limit="1"))
    lite.start_run()
    lite.clock.advance(seconds=60)

    later = lite.start_run(forced=True)

    assert lite.order(later).status is OrderStatus.WORKING
    assert halts_of(lite) == {}
