"""Trades that were not ours: all are noticed at the next look, and none is booked where it could be another's."""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import select

from thetaloom.domain.book.adoption import AdoptionInputs, decide_adoption
from thetaloom.domain.book.elsewhere import FindingKind, FindingStatus
from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.transactions import Transaction, TransactionKind
from thetaloom.domain.run.runs import Outcome, RunStatus
from thetaloom.domain.strategy.strategies import SizeRule
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import RunId, make_position_id
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.engine import commands
from thetaloom.engine.reconcile import Reconciled, find_drifts, reconcile
from thetaloom.engine.reconciliation.answers import Options, Phase
from thetaloom.errors import InvalidInput, NotAllowed
from thetaloom.store.schema import metadata
from thetaloom.testing import builders
from thetaloom.testing.broker import Trouble
from thetaloom.testing.desk import ANNA, STRATEGY, DeskBench, put_credit_spread

SHORT, LONG = builders.contract("SPY 2026-01-16 P 560"), builders.contract("SPY 2026-01-16 P 555")
STRANGE = builders.contract("SPY 2026-01-16 C 600")
BACK = (Leg(contract=SHORT, ratio=1), Leg(contract=LONG, ratio=-1))
SEEDS = 20 if "TESTS_ALL_SEEDS" in os.environ else 6
TWO = put_credit_spread(exits=(), size=SizeRule(quantity=2), open_runs_max=3)


def told(bench: DeskBench, since: int = 0) -> Money:
    return sum((one.cash + one.fees for one in bench.broker.transactions(since)), NOTHING)


def kinds(found: Reconciled) -> list[FindingKind]:
    return [one.kind for one in found.findings]


def halts_of(bench: DeskBench) -> list[str]:
    with bench.store.reading() as uow:
        return list(uow.accounts.halts())


def all_rows(bench: DeskBench) -> list[str]:
    with bench.database.connect() as connection:
        return [str(row) for table in metadata.sorted_tables for row in connection.execute(select(table))]


def two_positions(bench: DeskBench) -> tuple[RunId, RunId]:
    bench.save(put_credit_spread(exits=(), open_runs_max=3))
    first, second = bench.enter(), bench.start_run(forced=True)
    bench.broker.fill(bench.order(second).client_order_id)
    bench.engine.settle()
    reconcile(bench.desk)
    return first, second


def test_a_manual_close_elsewhere_completes_the_run_with_the_profit_of_its_transactions(bench: DeskBench) -> None:
    run = bench.enter()
    bench.broker.trade_elsewhere(BACK, 1, Price("-0.40"))

    found = reconcile(bench.desk)

    position, stored = bench.position(run), bench.run(run)
    assert position is not None and not position.is_open and position.realized_pnl == told(bench)
    assert (stored.status, stored.outcome, stored.reason) == (RunStatus.COMPLETED, Outcome.CLOSED, "closed_elsewhere")
    assert found.findings == () and found.drifts == () and find_drifts(bench.desk) == ()
    assert bench.faults(run) == [] and bench.replay(run).identical
    assert reconcile(bench.desk).changed == 0


def test_a_partial_close_elsewhere_leaves_the_rest_open(bench: DeskBench) -> None:
    run = bench.enter(TWO)
    bench.broker.trade_elsewhere(BACK, 1, Price("-0.40"))

    reconcile(bench.desk)

    position = bench.position(run)
    assert position is not None and position.quantity == 1 and bench.run(run).status is RunStatus.MONITORING
    assert find_drifts(bench.desk) == ()


def test_one_leg_closed_elsewhere_leaves_the_other_loose(bench: DeskBench) -> None:
    run = bench.enter()
    bench.broker.liquidate(SHORT, price=Price("2.00"))

    reconcile(bench.desk)

    position = bench.position(run)
    assert position is not None and position.held == {LONG: 1} and len(position.loose) == 1
    assert find_drifts(bench.desk) == () and bench.replay(run).identical


def test_the_engine_notices_by_itself_within_seconds(bench: DeskBench) -> None:
    run = bench.enter()
    bench.broker.trade_elsewhere(BACK, 1, Price("-0.40"))

    bench.pass_time(seconds=6)
    bench.pass_time(seconds=1)

    assert bench.run(run).reason == "closed_elsewhere"


def test_a_dry_run_says_what_it_would_do_and_changes_nothing(bench: DeskBench) -> None:
    run = bench.enter(TWO)
    bench.broker.trade_elsewhere(BACK, 1, Price("-0.40"))
    bench.broker.trade_elsewhere((Leg(contract=STRANGE, ratio=1),), 2, Price("-1.00"))
    before = all_rows(bench)

    found = reconcile(bench.desk, dry_run=True)

    after = all_rows(bench)
    position = bench.position(run)
    assert position is not None and position.quantity == 2 and before == after
    assert kinds(found) == [FindingKind.UNKNOWN_HOLDING]
    assert [phase.phase for phase in found.phases] == list(Phase)
    assert found.phases[3].updated == 1 and "lost" in found.phases[3].notes[0]


def test_a_fill_that_no_report_told_is_booked_once(bench: DeskBench) -> None:
    run = bench.start_run()
    bench.broker.withhold()
    bench.broker.fill(bench.order(run).client_order_id)

    reconcile(bench.desk)
    bench.engine.settle()
    booked = bench.position(run)
    bench.broker.release()
    bench.engine.settle()

    assert booked is not None and booked.quantity == 1 and bench.run(run).status is RunStatus.MONITORING
    again = bench.position(run)
    assert again is not None and again.quantity == 1 and bench.order(run).status is OrderStatus.FILLED
    assert find_drifts(bench.desk) == () and bench.replay(run).identical


def test_a_lost_entry_that_filled_while_we_were_down_becomes_a_position(bench: DeskBench) -> None:
    bench.broker.plan(Trouble.ACCEPTED_IN_SILENCE)
    run = bench.start_run()
    bench.broker.withhold()
    bench.broker.fill(bench.order(run).client_order_id)

    bench.restart()

    assert bench.position(run) is not None and bench.run(run).status is RunStatus.MONITORING


def test_a_close_that_two_positions_could_have_lost_is_asked_about(bench: DeskBench) -> None:
    first, second = two_positions(bench)
    bench.broker.trade_elsewhere(BACK, 1, Price("-0.40"))

    found = reconcile(bench.desk)

    assert kinds(found) == [FindingKind.WHOSE_CLOSE] and found.drifts != ()
    assert all((one := bench.position(run)) is not None and one.is_open for run in (first, second))
    position = bench.position(second)
    assert position is not None
    assert set(found.findings[0].candidates) == {make_position_id(first), make_position_id(second)}
    bench.engine.handle(commands.AssignClose(user_id=ANNA, finding_id=found.findings[0].id, position_id=position.id))
    again = reconcile(bench.desk)
    assert bench.run(second).reason == "closed_elsewhere" and bench.run(first).status is RunStatus.MONITORING
    assert (again.changed, again.findings, again.drifts) == (0, (), ())
    assert bench.replay(second).identical


def test_a_close_of_all_that_two_positions_hold_needs_no_question(bench: DeskBench) -> None:
    runs = two_positions(bench)
    bench.broker.trade_elsewhere(BACK, 2, Price("-0.40"))

    found = reconcile(bench.desk)

    assert found.findings == () and [bench.run(run).reason for run in runs] == ["closed_elsewhere"] * 2


def test_an_unknown_holding_is_asked_about_and_adopted_under_a_strategy(bench: DeskBench) -> None:
    bench.save(put_credit_spread(exits=()))
    bench.broker.trade_elsewhere(tuple(Leg(contract=one.contract, ratio=-one.ratio) for one in BACK), 3, Price("1.10"))

    found = reconcile(bench.desk)
    asked = found.findings[0]
    made = bench.engine.handle(commands.AdoptPosition(user_id=ANNA, finding_id=asked.id, strategy_id=STRATEGY))
    bench.engine.settle()
    assert isinstance(made, Position)

    assert asked.kind is FindingKind.UNKNOWN_HOLDING and asked.contracts == {SHORT: -3, LONG: 3}
    position = bench.position(made.run_id)
    assert position is not None and (position.quantity, position.entry_price) == (3, Price("1.10"))
    assert bench.run(position.run_id).status is RunStatus.MONITORING and bench.orders(position.run_id) == []
    assert find_drifts(bench.desk) == () and bench.replay(position.run_id).identical
    with pytest.raises(NotAllowed, match="adopted"):
        bench.engine.handle(commands.IgnoreFinding(user_id=ANNA, finding_id=asked.id))


def test_what_is_left_alone_is_no_difference_until_it_changes(bench: DeskBench) -> None:
    bench.broker.trade_elsewhere((Leg(contract=STRANGE, ratio=1),), 2, Price("-1.00"))
    asked = reconcile(bench.desk).findings[0]

    bench.engine.handle(commands.IgnoreFinding(user_id=ANNA, finding_id=asked.id))
    still = reconcile(bench.desk)
    bench.broker.trade_elsewhere((Leg(contract=STRANGE, ratio=-1),), 2, Price("1.00"))
    gone = reconcile(bench.desk)

    assert still.drifts == () and [one.status for one in still.findings] == [FindingStatus.IGNORED]
    assert gone.findings == () and gone.drifts == ()


def test_a_holding_without_a_story_needs_two_looks_and_a_price(bench: DeskBench) -> None:
    reconcile(bench.desk)
    bench.broker.held[STRANGE] = 2

    first, second = reconcile(bench.desk), reconcile(bench.desk)
    third = reconcile(bench.desk)

    assert first.findings == () and first.suspects and first.drifts
    assert any(one.kind is FindingKind.CONTRACTS_DIFFER and "holdings say 2" in one.text for one in second.findings)
    assert "account:" in "".join(halts_of(bench)) and len(third.findings) == len(second.findings)


def test_an_order_from_elsewhere_is_canceled_only_when_asked(bench: DeskBench) -> None:
    bench.broker.place_elsewhere(BACK, 1, Price("-0.50"), Effect.OPEN)

    found = reconcile(bench.desk)
    assert kinds(found) == [FindingKind.ORPHAN_ORDER] and len(bench.broker.open_orders()) == 1

    reconcile(bench.desk, Options(cancel_orphans=True))
    assert bench.broker.open_orders() == [] and reconcile(bench.desk).findings == ()


def test_an_assignment_is_noticed_and_never_taken_for_a_trade(bench: DeskBench) -> None:
    run = bench.enter()
    bench.broker.assign(SHORT)

    found = reconcile(bench.desk)

    assert kinds(found) == [FindingKind.SETTLEMENT] or find_drifts(bench.desk) == ()
    assert bench.run(run).reason != "closed_elsewhere"


def test_an_unknown_price_must_be_said(bench: DeskBench) -> None:
    bench.broker.trade_elsewhere((Leg(contract=STRANGE, ratio=1),), 2, Price("-1.00"))
    found = replace(reconcile(bench.desk).findings[0], prices_known=False)
    run = RunId("run-1")
    given = AdoptionInputs(
        finding=found,
        run_id=run,
        position_id=make_position_id(run),
        strategy_id=STRATEGY,
        price=None,
        by=ANNA,
        now=bench.clock.now(),
    )

    with pytest.raises(InvalidInput, match="price"):
        decide_adoption(given)
    said = decide_adoption(replace(given, price=Price("-1.20")))
    assert (said.position.quantity, said.position.entry_price) == (2, Price("-1.20"))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_outside_action_is_noticed_and_none_is_booked_wrongly(bench: DeskBench, seed: int) -> None:
    chance, seen = np.random.default_rng(seed), Counter[str]()
    bench.save(put_credit_spread(exits=(), size=SizeRule(quantity=3), open_runs_max=99))
    owned: dict[RunId, int] = {}  # run -> what must be held by it, by the deeds that were done to it alone
    for _ in range(50):
        alone = [run for run in owned if len(owned) == 1 and owned[run]]
        deed = str(chance.choice(("open", "close", "part", "leg", "strange", "round", "order")))
        if deed == "open" and not owned:
            run = bench.enter()
            position = bench.position(run)
            owned[run] = position.quantity if position is not None else 0
        elif deed in {"close", "part"} and alone:
            run = alone[0]
            count = owned[run] if deed == "close" else int(chance.integers(1, owned[run] + 1))
            bench.broker.trade_elsewhere(BACK, count, Price(f"-{chance.integers(20, 91) / 100:.2f}"))
            owned[run] -= count
        elif deed == "leg" and alone:
            run = alone[0]
            count = owned.pop(run)
            bench.broker.liquidate(SHORT, count, Price("1.50"))
            reconcile(bench.desk)
            bench.broker.liquidate(LONG, count, Price("0.50"))
            owned[run] = 0
        elif deed == "strange":
            bench.broker.trade_elsewhere((Leg(contract=STRANGE, ratio=int(chance.choice((-1, 1)))),), 1, Price(0))
        elif deed == "round":
            for sign in (1, -1):
                bench.broker.trade_elsewhere((Leg(contract=STRANGE, ratio=sign),), 1, Price(0))
        elif deed == "order":
            number = bench.broker.place_elsewhere(BACK, 1, Price("-0.50"))
            assert FindingKind.ORPHAN_ORDER in kinds(reconcile(bench.desk))
            bench.broker.cancel_elsewhere(number)
        seen[deed] += 1
        found = reconcile(bench.desk)
        unknown = sum(
            one.contracts.get(STRANGE, 0) for one in found.findings if one.kind is FindingKind.UNKNOWN_HOLDING
        )
        assert unknown == bench.broker.held.get(STRANGE, 0)
        assert {drift.contract for drift in found.drifts} <= {STRANGE} and found.suspects == 0
        for run, left in owned.items():
            position = bench.position(run)
            assert position is not None and position.quantity == left and position.is_open == bool(left)
            assert left or bench.run(run).reason == "closed_elsewhere"
        assert reconcile(bench.desk).changed == 0
        owned = {run: left for run, left in owned.items() if left}
    assert len(seen) == 7 and not halts_of(bench)


def renamed(held: Mapping[OptionContract, int]) -> dict[OptionContract, int]:
    """Return what is held as it is called after the company took another symbol."""
    return {replace(contract, root="SPYX"): count for contract, count in held.items()}


def test_a_new_symbol_of_a_company_is_asked_about_where_holdings_alone_tell_it(bench: DeskBench) -> None:
    run = bench.enter()
    bench.broker.held = renamed(bench.broker.held)

    reconcile(bench.desk)
    found = reconcile(bench.desk)

    position = bench.position(run)
    assert set(kinds(found)) == {FindingKind.CONTRACTS_DIFFER} and "account:" in "".join(halts_of(bench))
    assert position is not None and position.is_open and position.held == {SHORT: -1, LONG: 1}


def test_a_new_symbol_of_a_company_that_transactions_tell_leaves_its_contracts_for_adoption(bench: DeskBench) -> None:
    run = bench.enter()
    old = dict(bench.broker.held)
    moves = [*((leg, -count) for leg, count in old.items()), *renamed(old).items()]
    bench.broker.record(
        Transaction(
            sequence=0,
            transaction_id=f"change-{number}",
            kind=TransactionKind.TRANSFER,
            happened_at=bench.clock.now(),
            symbol=contract.underlying,
            contract=contract,
            quantity=count,
            price=None,
            cash=NOTHING,
        )
        for number, (contract, count) in enumerate(moves)
    )

    found = reconcile(bench.desk)

    position = bench.position(run)
    assert position is not None and not position.is_open
    assert [(one.kind, one.contracts) for one in found.findings] == [(FindingKind.UNKNOWN_HOLDING, renamed(old))]
