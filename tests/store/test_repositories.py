"""What is stored comes back as it was, and nobody overwrites what another wrote."""

import threading
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from tests.builders import (
    ANNA,
    BERT,
    NOW,
    a_fill,
    a_position,
    a_proposal,
    a_record,
    a_run,
    a_strategy,
    an_event,
    an_order,
)
from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.lineage import verify_chain
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.runs import Outcome, RunStatus, StepName, StepStatus
from thetaloom.domain.values.canonical import digest_of
from thetaloom.domain.values.ids import AccountId, StrategyId
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import ConfigError, InvariantError, NotFound, StaleVersionError
from thetaloom.store.schema import evidence
from thetaloom.store.unit_of_work import SqlStore


def test_every_noun_comes_back_as_it_was_written(store: SqlStore) -> None:
    run = a_run()
    proposal, order, position = a_proposal(run), an_order(run), a_position(run).with_open_fill(a_fill(an_order(run)))

    with store.unit_of_work() as work:
        work.runs.add(run)
        work.proposals.add(proposal)
        work.orders.add(order)
        work.orders.add_fill(a_fill(order))
        work.positions.add(position)
        work.commit()

    with store.unit_of_work() as work:
        assert work.runs.get(run.id) == run
        assert work.proposals.get(proposal.id) == proposal
        assert work.proposals.of_run(run.id) == (proposal,)
        assert work.orders.get(order.client_order_id) == order
        assert work.orders.of_run(run.id) == (order,)
        assert work.orders.fills_of(order.client_order_id) == (a_fill(order),)
        assert work.positions.get(position.id) == work.positions.of_run(run.id) == position
        assert work.proposals.get(proposal.id).content_hash == proposal.content_hash  # type: ignore[union-attr]  # it is there


@pytest.mark.parametrize(
    "digits", ["0", "-0.00", "1.10", "1.1000", "-123456789012345678901234567890.000000001", "1E+3"]
)
def test_an_amount_keeps_its_digits(store: SqlStore, digits: str) -> None:
    run = a_run()
    proposal = a_proposal(run, mid_price=Price(digits), max_loss=Money(digits), pop=Decimal(digits))

    with store.unit_of_work() as work:
        work.runs.add(run)
        work.proposals.add(proposal)
        read = work.proposals.get(proposal.id)

    assert read == proposal and read is not None
    assert format(read.mid_price, "f") == format(Price(digits), "f")
    assert isinstance(read.mid_price, Price) and isinstance(read.max_loss, Money) and type(read.pop) is Decimal


def test_what_was_not_committed_is_gone(store: SqlStore) -> None:
    with store.unit_of_work() as work:
        work.runs.add(a_run())

    with store.unit_of_work() as work:
        assert work.runs.get(a_run().id) is None


def test_an_error_undoes_the_whole_unit(store: SqlStore) -> None:
    with pytest.raises(StaleVersionError), store.unit_of_work() as work:
        work.runs.add(a_run())
        work.runs.save(a_run(version=7))
        work.commit()

    with store.unit_of_work() as work:
        assert work.runs.get(a_run().id) is None


def test_of_two_writers_of_one_version_the_second_is_told(store: SqlStore) -> None:
    with store.unit_of_work() as work:
        work.runs.add(a_run())
        work.commit()
    with store.unit_of_work() as work:
        saved = work.runs.save(a_run().moved_to(RunStatus.EVALUATING, now=NOW))
        work.commit()

    with store.unit_of_work() as work:
        with pytest.raises(StaleVersionError):
            work.runs.save(a_run(symbol="QQQ"))
        assert saved.version == 1
        assert work.runs.get(saved.id) == saved


def test_a_proposal_and_a_position_are_swapped_by_version_too(store: SqlStore) -> None:
    run = a_run()
    decided = a_proposal(run).decided(ProposalStatus.APPROVED, by="anna", at=NOW)
    with store.unit_of_work() as work:
        work.runs.add(run)
        work.proposals.add(a_proposal(run))
        work.positions.add(a_position(run))

        assert work.proposals.save(decided).version == 1
        assert work.positions.save(a_position(run)).version == 1
        with pytest.raises(StaleVersionError):
            work.proposals.save(a_proposal(run).decided(ProposalStatus.REJECTED, by="bert", at=NOW))
        with pytest.raises(StaleVersionError):
            work.positions.save(a_position(run))


def test_run_numbers_never_repeat_even_among_threads(store: SqlStore) -> None:
    numbers: list[int] = []

    def draw() -> None:
        for _ in range(10):
            with store.unit_of_work() as work:
                numbers.append(work.runs.next_number())
                work.commit()

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(numbers) == list(range(1, 41))


def test_open_runs_are_those_of_one_user_strategy_and_symbol_that_are_not_completed(store: SqlStore) -> None:
    runs = [
        a_run(1),
        a_run(2, status=RunStatus.COMPLETED, outcome=Outcome.CLOSED),
        a_run(3, user_id=BERT),
        a_run(4, symbol="QQQ"),
        a_run(5, strategy_id=StrategyId("iron-condor")),
        a_run(6, status=RunStatus.ERROR, returns_to=RunStatus.EVALUATING),
    ]
    with store.unit_of_work() as work:
        for run in runs:
            work.runs.add(run)

        assert work.runs.open_of(ANNA, StrategyId("bull-put"), "SPY") == (runs[0], runs[5])
        assert work.runs.created_since(ANNA, runs[3].created_at) == 3


def test_a_known_fill_is_not_added_again(store: SqlStore) -> None:
    run = a_run()
    with store.unit_of_work() as work:
        work.runs.add(run)
        for number in (1, 2):
            work.orders.add(an_order(run, number))

        assert work.orders.add_fill(a_fill(an_order(run, 1), 1))
        assert not work.orders.add_fill(a_fill(an_order(run, 1), 1))
        assert work.orders.add_fill(a_fill(an_order(run, 2), 1)), "another order may use the same id"
        assert len(work.orders.fills_of(an_order(run, 1).client_order_id)) == 1


def test_the_same_order_cannot_be_staged_twice(store: SqlStore) -> None:
    run = a_run()
    with pytest.raises(InvariantError), store.unit_of_work() as work:
        work.runs.add(run)
        work.orders.add(an_order(run))
        work.orders.add(an_order(run))


def test_an_order_of_no_run_is_refused(store: SqlStore) -> None:
    with pytest.raises(InvariantError), store.unit_of_work() as work:
        work.orders.add(an_order(a_run()))


def test_an_older_copy_of_an_order_is_not_written(store: SqlStore) -> None:
    run = a_run()
    working = an_order(run).moved_to(OrderStatus.SUBMITTED).moved_to(OrderStatus.WORKING)
    replaced = working.with_limit(Price("1.00"))
    canceled = replaced.with_fill(2).moved_to(OrderStatus.CANCELED)
    with store.unit_of_work() as work:
        work.runs.add(run)
        work.orders.add(working)
        for newer, older in ((replaced, working), (replaced.with_fill(2), replaced), (canceled, replaced.with_fill(2))):
            work.orders.save(newer)
            with pytest.raises(StaleVersionError):
                work.orders.save(older)

        work.orders.save(canceled.with_fill(1))
        assert work.orders.get(working.client_order_id) == canceled.with_fill(1), "a late fill still counts"
        with pytest.raises(NotFound):
            work.orders.save(an_order(run, 9))


def test_open_orders_are_the_ones_that_may_still_fill_oldest_first(store: SqlStore) -> None:
    run = a_run()
    canceled = an_order(run, 1).moved_to(OrderStatus.CANCELED)
    with store.unit_of_work() as work:
        work.runs.add(run)
        for order in (an_order(run, 3), canceled, an_order(run, 2)):
            work.orders.add(order)

        assert work.orders.open_orders() == (an_order(run, 2), an_order(run, 3))
        work.orders.save(an_order(run, 2).moved_to(OrderStatus.DENIED))
        assert work.orders.open_orders() == (an_order(run, 3),)


def test_positions_are_found_by_what_is_held_and_when(store: SqlStore) -> None:
    run, other = a_run(1), a_run(2, account_id=AccountId("paper-2"))
    opening, closing = a_fill(an_order(run)), a_fill(an_order(run), 2, price=Price("-0.50"), legs=())
    held = a_position(other).with_open_fill(a_fill(an_order(other)))
    with store.unit_of_work() as work:
        for each, position in ((run, a_position(run).with_open_fill(opening)), (other, held)):
            work.runs.add(each)
            work.positions.add(position)
        assert len(work.positions.open_positions()) == 2

        closed = work.positions.save(a_position(run).with_open_fill(opening).with_close_fill(closing))

        assert work.positions.open_positions() == work.positions.open_positions(AccountId("paper-2")) == (held,)
        assert work.positions.closed_since(run.account_id, NOW) == (closed,)
        assert work.positions.closed_since(run.account_id, NOW + timedelta(days=1)) == ()
        assert work.positions.opened_since(run.account_id, NOW) == 1


def test_records_are_sealed_onto_the_chain_of_their_run(store: SqlStore) -> None:
    run = a_run()
    with store.unit_of_work() as work:
        work.runs.add(run)
        written = tuple(work.lineage.append(a_record(run, seq)) for seq in (1, 2, 3))
        work.commit()

    with store.unit_of_work() as work:
        assert work.lineage.of_run(run.id) == written
    assert verify_chain(run.id, written, 3) == []


def test_a_record_needs_the_one_before_it_and_none_in_its_place(store: SqlStore) -> None:
    run = a_run()
    with store.unit_of_work() as work:
        work.runs.add(run)
        with pytest.raises(InvariantError, match="no record 1"):
            work.lineage.append(a_record(run, 2))
        work.lineage.append(a_record(run, 1))
        with pytest.raises(InvariantError):
            work.lineage.append(a_record(run, 1))


def test_the_newest_output_of_a_step_is_of_the_last_time_it_did_not_fail(store: SqlStore) -> None:
    run, other = a_run(1), a_run(2)
    steps = (StepName.TRIGGER, StepName.EVALUATE, StepName.EVALUATE, StepName.EVALUATE, StepName.CHECK_RISK)
    statuses = (StepStatus.DONE, StepStatus.DONE, StepStatus.DENIED, StepStatus.FAILED, StepStatus.FAILED)
    with store.unit_of_work() as work:
        work.runs.add(run)
        work.runs.add(other)
        for seq, (step, status) in enumerate(zip(steps, statuses, strict=True), start=1):
            work.lineage.append(a_record(run, seq, step=step, status=status, output_digest=f"said {seq}"))
        work.lineage.append(a_record(other, 1, step=StepName.CHECK_RISK, output_digest="said elsewhere"))
        work.commit()

    with store.reading() as read:
        found = [read.lineage.newest_output(run.id, step) for step in (StepName.EVALUATE, StepName.CHECK_RISK)]

    assert found == ["said 3", None]


@pytest.mark.parametrize("content", [b"", b"short", b"long " * 1000, bytes(range(256)) * 4])
@pytest.mark.parametrize("kind", ["json", "chain"])
def test_evidence_is_kept_once_under_its_digest(store: SqlStore, content: bytes, kind: str) -> None:
    with store.unit_of_work() as work:
        digest = work.lineage.put_evidence(content, kind)
        assert work.lineage.put_evidence(content, kind) == digest == digest_of(content)
        assert work.lineage.get_evidence(digest) == content
        with pytest.raises(NotFound):
            work.lineage.get_evidence("00")


@pytest.mark.parametrize("is_compressed", [True, False])
def test_altered_evidence_is_noticed(store: SqlStore, is_compressed: bool) -> None:
    with store.unit_of_work() as work:
        digest = work.lineage.put_evidence(b"what was decided", "json")
        work.commit()
    with store.database.begin() as connection:
        connection.execute(update(evidence).values(content=b"what was deceived", is_compressed=is_compressed))

    with store.unit_of_work() as work, pytest.raises(InvariantError, match="altered"):
        work.lineage.get_evidence(digest)


def test_events_are_numbered_in_order(store: SqlStore) -> None:
    run = a_run()
    with store.unit_of_work() as work:
        first = work.events.add(an_event(run, EventKind.RUN_STARTED, symbol="SPY", note="é €"))
        second = work.events.add(an_event(run))

        assert second > first
        assert [stored.sequence for stored in work.events.since(0)] == [first, second]
        assert work.events.since(first)[0].event == an_event(run)
        assert work.events.since(0, limit=1)[0].event == an_event(run, EventKind.RUN_STARTED, symbol="SPY", note="é €")


def test_a_strategy_gets_a_revision_for_each_change_and_only_then(store: SqlStore) -> None:
    strategy, renamed = a_strategy(), a_strategy("Bull put II")
    with store.unit_of_work() as work:
        assert work.strategies.save(ANNA, strategy, NOW).revision == 1
        assert work.strategies.save(ANNA, strategy, NOW + timedelta(days=1)).saved_at == NOW
        assert work.strategies.save(ANNA, renamed, NOW).revision == 2
        assert work.strategies.save(BERT, strategy, NOW).revision == 1

        latest = work.strategies.latest(ANNA, strategy.id)
        assert latest is not None and latest.strategy == renamed
        earlier = work.strategies.revision(ANNA, strategy.id, 1)
        assert earlier is not None and earlier.strategy == strategy
        assert work.strategies.all_latest(ANNA) == (latest,)
        assert work.strategies.latest(ANNA, StrategyId("none")) is None


def test_a_deleted_strategy_keeps_its_revisions_and_can_be_saved_anew(store: SqlStore) -> None:
    strategy = a_strategy()
    with store.unit_of_work() as work:
        work.strategies.save(ANNA, strategy, NOW)
        assert work.strategies.delete(ANNA, strategy.id, NOW)
        assert not work.strategies.delete(ANNA, strategy.id, NOW)

        assert work.strategies.latest(ANNA, strategy.id) is None
        assert work.strategies.all_latest(ANNA) == ()
        assert work.strategies.revision(ANNA, strategy.id, 1) is not None
        assert work.strategies.save(ANNA, strategy, NOW).revision == 2


def test_an_account_stays_what_it_was(store: SqlStore) -> None:
    account = AccountId("paper-1")
    with store.unit_of_work() as work:
        work.accounts.ensure(account, ANNA, "paper", False)
        work.accounts.ensure(account, ANNA, "paper", False)
        assert work.accounts.owner(account) == ANNA
        assert work.accounts.owner(AccountId("none")) is None

        work.accounts.set_report_cursor(account, 41)
        assert work.accounts.report_cursor(account) == 41
        with pytest.raises(ConfigError):
            work.accounts.ensure(account, ANNA, "paper", True)
        with pytest.raises(NotFound):
            work.accounts.report_cursor(AccountId("none"))
        with pytest.raises(NotFound):
            work.accounts.set_report_cursor(AccountId("none"), 1)


def test_limits_and_halts_are_set_and_lifted(store: SqlStore) -> None:
    with store.unit_of_work() as work:
        work.accounts.set_limit(ANNA, "max_loss_per_day", "500", NOW)
        work.accounts.set_limit(ANNA, "max_loss_per_day", "400", NOW)
        work.accounts.set_limit(BERT, "max_delta", "100", NOW)
        assert work.accounts.limits(ANNA) == {"max_loss_per_day": "400"}

        work.accounts.halt("all", "the feed is wrong", NOW)
        work.accounts.halt("all", "again", NOW)
        work.accounts.halt("strategy:bull-put", "drift", NOW)
        assert work.accounts.halts() == {"all": "the feed is wrong", "strategy:bull-put": "drift"}
        work.accounts.resume("all")
        assert list(work.accounts.halts()) == ["strategy:bull-put"]


def test_the_installation_id_is_made_once(store: SqlStore) -> None:
    assert len(store.installation_id()) == 32
    assert store.installation_id() == store.installation_id()


def test_a_changed_value_is_written_whole(store: SqlStore) -> None:
    run = a_run()
    changed = replace(run, reason="halted", attempts=2, due_at=None, forced=True)
    with store.unit_of_work() as work:
        work.runs.add(run)
        saved = work.runs.save(changed)

        assert work.runs.get(run.id) == saved == replace(changed, version=1)
