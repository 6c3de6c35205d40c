"""Trades that the exchange busts or corrects: our book follows, and nothing trades legs that are not held."""

from dataclasses import replace

import pytest

from thetaloom.domain.book.elsewhere import FindingKind
from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.book.position_status import PositionStatus, position_status
from thetaloom.domain.book.transactions import corrected
from thetaloom.domain.run.runs import Outcome, RunStatus
from thetaloom.domain.strategy.strategies import SizeRule
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.engine import commands
from thetaloom.engine.journal import read_entry
from thetaloom.engine.reconcile import find_drifts, reconcile
from thetaloom.errors import NotAllowed
from thetaloom.testing import builders
from thetaloom.testing.desk import ANNA, DeskBench, put_credit_spread

SHORT, LONG = builders.contract("SPY 2026-01-16 P 560"), builders.contract("SPY 2026-01-16 P 555")
TWO = put_credit_spread(exits=(), size=SizeRule(quantity=2), open_runs_max=3)


def told(bench: DeskBench) -> Money:
    return sum((one.cash + one.fees for one in bench.broker.transactions(0)), NOTHING)


def test_an_entry_busted_whole_ends_its_position_and_its_run_as_such(bench: DeskBench) -> None:
    run = bench.enter()
    bench.broker.bust(SHORT)
    bench.broker.bust(LONG)

    found = reconcile(bench.desk)

    position, stored, order = bench.position(run), bench.run(run), bench.order(run)
    assert position is not None and position_status(position) is PositionStatus.BUSTED
    assert (position.lots, position.loose, position.opened_quantity) == ((), (), 0)
    assert position.realized_pnl == told(bench) == position.fees
    assert (stored.status, stored.outcome, stored.reason) == (RunStatus.COMPLETED, Outcome.UNFILLED, "trade_busted")
    assert (order.status, order.filled, order.reason) == (OrderStatus.CANCELED, 0, "trade_busted")
    assert found.findings == () and find_drifts(bench.desk) == ()
    assert bench.faults(run) == [] and bench.replay(run).identical
    assert reconcile(bench.desk).changed == 0
    with bench.store.reading() as uow:
        entry = read_entry(bench.desk, uow, position, bench.clock.now())
    assert (entry.quantity, entry.is_open, entry.steps) == (0, False, ())


def test_a_price_that_is_corrected_is_the_price_of_the_position(bench: DeskBench) -> None:
    run = bench.enter()
    before = bench.position(run)
    bench.broker.correct(SHORT, 1, Price("1.90"))
    bench.broker.correct(LONG, 1, Price("1.00"))

    reconcile(bench.desk)

    position = bench.position(run)
    assert before is not None and position is not None and position.entry_price == Price("0.90")
    assert position.held == before.held and position.fees == before.fees
    assert bench.run(run).status is RunStatus.MONITORING and bench.order(run).status is OrderStatus.FILLED
    assert bench.replay(run).identical and reconcile(bench.desk).changed == 0


def test_an_entry_busted_in_part_keeps_what_stands(bench: DeskBench) -> None:
    run = bench.enter(TWO)
    entered = bench.position(run)
    for contract in (SHORT, LONG):
        one = next(each for each in bench.broker.transactions(0) if each.contract == contract)
        assert one.price is not None
        bench.broker.correct(contract, 1, one.price)

    reconcile(bench.desk)

    position, order = bench.position(run), bench.order(run)
    assert position is not None and (position.quantity, position.opened_quantity, position.loose) == (1, 1, ())
    assert entered is not None and position.entry_price == entered.entry_price
    assert (order.status, order.filled, order.quantity) == (OrderStatus.CANCELED, 1, 2)
    assert bench.run(run).status is RunStatus.MONITORING and find_drifts(bench.desk) == ()


def test_a_busted_close_brings_the_position_back_at_its_own_price(bench: DeskBench) -> None:
    run = bench.enter()
    before = bench.position(run)
    assert before is not None
    bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=before.id))
    bench.engine.settle()
    closing = bench.orders(run)[-1]
    bench.broker.fill(closing.client_order_id)
    bench.engine.settle()
    assert bench.run(run).status is RunStatus.COMPLETED
    reconcile(bench.desk)
    bench.broker.bust(SHORT)
    bench.broker.bust(LONG)

    reconcile(bench.desk)

    position = bench.position(run)
    assert position is not None and position.lots == before.lots
    assert position.realized == NOTHING and position.closed_at is None
    assert bench.run(run).status is RunStatus.MONITORING and find_drifts(bench.desk) == ()
    assert bench.orders(run)[-1].filled == 0
    assert bench.replay(run).identical


@pytest.mark.parametrize("gone", [SHORT, LONG])
def test_one_leg_that_is_busted_leaves_the_other_to_a_person(bench: DeskBench, gone: object) -> None:
    run = bench.enter()
    kept = LONG if gone is SHORT else SHORT
    bench.broker.bust(SHORT if gone is SHORT else LONG)

    reconcile(bench.desk)
    for _ in range(5):
        bench.pass_time(seconds=30)

    position, stored = bench.position(run), bench.run(run)
    assert position is not None and set(position.held) == {kept} and len(position.loose) == 1
    assert (stored.status, stored.reason) == (RunStatus.PAUSED, "trade_busted")
    assert [one for one in bench.orders(run) if one.effect.value == "close"] == []
    with bench.store.reading() as uow:
        (alert,) = [one for one in uow.alerts.standing_of(ANNA, position.id) if one.cause == "legs_alone"]
        assert "run resume" in alert.recommended_action and uow.accounts.halts()
    assert find_drifts(bench.desk) == () and bench.replay(run).identical


def test_a_bust_of_a_trade_that_was_corrected_goes_back_to_its_order(bench: DeskBench) -> None:
    run = bench.enter()
    bench.broker.correct(SHORT, 1, Price("1.90"))
    reconcile(bench.desk)
    now = next(one for one in bench.broker.transactions(0) if one.corrects and one.quantity < 0)
    bench.broker.record([replace(now, transaction_id="bust", quantity=1, cash=-now.cash, corrects=now.transaction_id)])
    bench.broker.bust(LONG)

    reconcile(bench.desk)

    position = bench.position(run)
    assert position is not None and position_status(position) is PositionStatus.BUSTED
    assert position.realized_pnl == told(bench) and find_drifts(bench.desk) == ()


def test_what_is_busted_after_a_trade_elsewhere_is_booked_as_a_trade(bench: DeskBench) -> None:
    run = bench.enter(TWO)
    back = [replace(leg, ratio=-leg.ratio) for leg in bench.order(run).legs]
    bench.broker.trade_elsewhere(back, 1, Price("-0.40"))
    reconcile(bench.desk)
    for one in bench.broker.transactions(0)[:2]:
        assert one.price is not None
        now = corrected(one, f"now-{one.quantity}", bench.clock.now(), quantity=one.quantity // 2, price=one.price)
        bench.broker.record(now)

    for _ in range(3):
        reconcile(bench.desk)

    position = bench.position(run)
    assert position is not None and not position.is_open and position.realized_pnl == told(bench)
    assert find_drifts(bench.desk) == ()


def test_contracts_that_are_gone_without_a_word_stop_every_order_of_theirs_and_wait_for_a_person(
    bench: DeskBench,
) -> None:
    run = bench.enter(put_credit_spread(open_runs_max=3))
    reconcile(bench.desk)
    del bench.broker.held[SHORT], bench.broker.held[LONG]

    reconcile(bench.desk)
    found = reconcile(bench.desk)

    position, stored = bench.position(run), bench.run(run)
    assert position is not None and (stored.status, stored.reason) == (RunStatus.PAUSED, "book_in_doubt")
    assert {one.kind for one in found.findings} == {FindingKind.CONTRACTS_DIFFER}
    with pytest.raises(NotAllowed):
        bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    for _ in range(5):
        bench.pass_time(seconds=60)
    assert not any(one.is_open for one in bench.orders(run))
    for one in found.findings:
        wish = commands.AssignClose(user_id=ANNA, finding_id=one.id, position_id=position.id)
        bench.engine.handle(wish)
    ended = bench.position(run)
    assert ended is not None and not ended.is_open and ended.realized == NOTHING
    assert bench.run(run).status is RunStatus.COMPLETED
    after = reconcile(bench.desk)
    assert after.drifts == () and find_drifts(bench.desk) == ()
    assert reconcile(bench.desk).findings == ()


def test_a_position_goes_on_when_the_broker_holds_its_contracts_again(bench: DeskBench) -> None:
    run = bench.enter(put_credit_spread(open_runs_max=3))
    reconcile(bench.desk)
    held = dict(bench.broker.held)
    bench.broker.held.clear()
    reconcile(bench.desk)
    reconcile(bench.desk)
    assert bench.run(run).status is RunStatus.PAUSED
    bench.broker.held.update(held)

    reconcile(bench.desk)

    assert bench.run(run).status is RunStatus.MONITORING
    with bench.store.reading() as uow:
        position = bench.position(run)
        assert position is not None
        assert [one for one in uow.alerts.standing_of(ANNA, position.id) if one.cause == "book_in_doubt"] == []


def test_a_trade_busted_while_its_order_works_cancels_the_order_and_is_booked_when_it_is_over(bench: DeskBench) -> None:
    bench.save(TWO)
    run = bench.start_run()
    order = bench.order(run).client_order_id
    bench.broker.fill(order, 1)
    bench.engine.settle()
    bench.broker.bust(SHORT)
    bench.broker.bust(LONG)

    reconcile(bench.desk)
    aside = bench.run(run)
    bench.engine.settle()
    reconcile(bench.desk)

    position = bench.position(run)
    assert (aside.status, aside.reason) == (RunStatus.PAUSED, "book_in_doubt")
    assert position is not None and position_status(position) is PositionStatus.BUSTED
    assert (bench.order(run).status, bench.order(run).filled) == (OrderStatus.CANCELED, 0)
    assert (bench.run(run).status, bench.run(run).outcome) == (RunStatus.COMPLETED, Outcome.UNFILLED)
    assert find_drifts(bench.desk) == () and bench.replay(run).identical


def test_a_corrected_price_of_a_trade_elsewhere_moves_no_contract(bench: DeskBench) -> None:
    run = bench.enter(TWO)
    bench.broker.trade_elsewhere([replace(leg, ratio=-leg.ratio) for leg in bench.order(run).legs], 1, Price("-0.40"))
    reconcile(bench.desk)
    bench.broker.correct(SHORT, 1, Price("1.00"))

    found = reconcile(bench.desk)

    position = bench.position(run)
    assert found.findings == () and found.drifts == () and position is not None and position.quantity == 1
