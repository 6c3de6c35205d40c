"""The seven phases, each alone with what only it can find; and a dry run of each, which leaves every byte as it was."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from tests.engine.test_targets import Trade, trident
from thetaloom.domain.book.elsewhere import FindingKind
from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.strategy.strategies import SizeRule
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.money import Money, Price
from thetaloom.engine import commands
from thetaloom.engine.reconcile import Reconciled, reconcile
from thetaloom.engine.reconciliation.answers import Options, Phase
from thetaloom.store.schema import metadata
from thetaloom.testing import builders
from thetaloom.testing.broker import Trouble
from thetaloom.testing.desk import ANNA, DeskBench, put_credit_spread

SHORT, LONG = builders.contract("SPY 2026-01-16 P 560"), builders.contract("SPY 2026-01-16 P 555")
BACK = (Leg(contract=SHORT, ratio=1), Leg(contract=LONG, ratio=-1))
TWO = put_credit_spread(exits=(), size=SizeRule(quantity=2))


@pytest.fixture
def desk(bench: DeskBench) -> DeskBench:
    """A desk whose market has the calls of the trident, too."""
    bench.market.set_quotes({"SPY 2026-01-16 C 590": (1.70, 1.90), "SPY 2026-01-16 C 595": (0.70, 0.90)})
    return bench


def units(desk: DeskBench, run: RunId) -> int:
    """How many structures the run holds."""
    position = desk.position(run)
    return 0 if position is None else position.quantity


def untold_report(desk: DeskBench) -> RunId:
    """A fill that the broker told of while nobody listened."""
    run = desk.start_run()
    desk.broker.fill(desk.order(run).client_order_id)
    return run


def untold_fill(desk: DeskBench) -> RunId:
    """A fill that is in the transactions and that no report tells."""
    run = desk.start_run()
    desk.broker.withhold()
    desk.broker.fill(desk.order(run).client_order_id)
    return run


def orphan(desk: DeskBench) -> RunId:
    """An order that works at the broker and is not ours."""
    run = desk.enter(TWO)
    desk.broker.place_elsewhere(BACK, 1, Price("-0.20"), Effect.OPEN)
    return run


def half_gone(desk: DeskBench) -> RunId:
    """One of two spreads bought back elsewhere."""
    run = desk.enter(TWO)
    desk.broker.trade_elsewhere(BACK, 1, Price("-0.40"))
    return run


def other_profit(desk: DeskBench) -> RunId:
    """A closed position of which the transactions say that it brought ten dollars less than its reports did."""
    run = desk.enter(TWO)
    reconcile(desk.desk)
    position = desk.position(run)
    assert position is not None
    desk.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=position.id))
    desk.engine.settle()
    desk.broker.fill(desk.order(run, Effect.CLOSE).client_order_id)
    desk.engine.settle()
    ten, last, balances = Money(10), desk.broker.happened[-1], desk.broker.balances
    desk.broker.happened[-1] = replace(last, cash=last.cash - ten)
    assert balances.cash is not None
    desk.broker.balances = replace(balances, cash=balances.cash - ten)
    return run


def unheard_end(desk: DeskBench) -> RunId:
    """An entry that expired at the broker, which no report tells; looked at once already."""
    run = desk.start_run()
    desk.broker.withhold()
    desk.broker.expire(desk.order(run).client_order_id)
    reconcile(desk.desk)
    return run


def sleeper(desk: DeskBench) -> RunId:
    """A run that watches a position and that nothing would ever wake."""
    run = desk.enter(TWO)
    asleep = replace(desk.run(run), due_at=None, next_step=None)
    desk.write(lambda uow: uow.runs.save(asleep))
    return run


def lost_target(desk: DeskBench) -> RunId:
    """A trident whose target ended at the broker, and whose run has not looked since."""
    trade = Trade(desk, trident())
    reconcile(desk.desk)
    desk.broker.expire(trade.targets("call")[-1].client_order_id)
    reconcile(desk.desk)  # hears of it, and may not replace it within the pause
    desk.clock.advance(seconds=desk.desk.settings.exit_interval_seconds + 1)
    return trade.run


SCENES: dict[str, tuple[Phase, Callable[[DeskBench], RunId]]] = {
    "a report nobody heard": (Phase.ORDER_HISTORY, untold_report),
    "a fill nobody told": (Phase.TRANSACTIONS, untold_fill),
    "an order from elsewhere": (Phase.DISCOVER, orphan),
    "a trade from elsewhere": (Phase.POSITIONS, half_gone),
    "a profit that differs": (Phase.CLOSURES, other_profit),
    "an end nobody told": (Phase.ORDER_STATES, unheard_end),
    "a run that nothing wakes": (Phase.ORDER_STATES, sleeper),
    "a target that is missing": (Phase.TARGETS, lost_target),
}
MENDED: dict[str, Callable[[DeskBench, RunId, Reconciled], Any]] = {
    "a report nobody heard": lambda desk, run, _: units(desk, run) == 1,
    "a fill nobody told": lambda desk, run, _: units(desk, run) == 1,
    "an order from elsewhere": lambda _, __, found: [one.kind for one in found.findings] == [FindingKind.ORPHAN_ORDER],
    "a trade from elsewhere": lambda desk, run, _: units(desk, run) == 1,
    "a profit that differs": lambda _, __, found: [one.kind for one in found.findings] == [FindingKind.PNL_DIFFERS],
    "an end nobody told": lambda desk, run, _: desk.order(run).status is OrderStatus.EXPIRED,
    "a run that nothing wakes": lambda desk, run, _: desk.run(run).due_at is not None,
    "a target that is missing": lambda desk, run, _: len([one for one in desk.orders(run) if one.part == "call"]) == 2,
}


def changed(found: Reconciled) -> list[Phase]:
    """The phases that did anything."""
    return [one.phase for one in found.phases if one.updated or one.created or one.errors]


def all_bytes(desk: DeskBench) -> list[str]:
    """Every row of every table, and all that the broker was asked and holds."""
    with desk.database.connect() as connection:
        rows = [str(row) for table in metadata.sorted_tables for row in connection.execute(select(table))]
    broker = desk.broker
    return [*sorted(rows), str(broker.requests), str(broker.held), str(broker.happened), str(broker.open_orders())]


@pytest.mark.parametrize("scene", SCENES)
def test_each_phase_alone_finds_what_only_it_can_find(desk: DeskBench, scene: str) -> None:
    phase, happens = SCENES[scene]
    run = happens(desk)

    found = reconcile(desk.desk)
    desk.engine.settle()

    assert changed(found) == [phase] and [one.phase for one in found.phases] == list(Phase)
    assert MENDED[scene](desk, run, found)
    assert reconcile(desk.desk).changed == 0
    assert desk.faults(run) == [] and desk.replay(run).identical


@pytest.mark.parametrize("scene", SCENES)
def test_a_dry_run_of_each_says_the_same_and_leaves_every_byte(desk: DeskBench, scene: str) -> None:
    phase, happens = SCENES[scene]
    happens(desk)
    before = all_bytes(desk)

    said = reconcile(desk.desk, Options(dry_run=True, cancel_orphans=True, replace_targets=True))
    commanded = desk.engine.handle(commands.Reconcile(user_id=ANNA, dry_run=True))

    assert all_bytes(desk) == before
    assert phase in changed(said) and said.dry_run
    assert isinstance(commanded, Reconciled) and changed(commanded) == [phase]
    assert changed(reconcile(desk.desk)) == [phase]  # and it is still there to be done


def test_a_dry_run_sends_nothing_for_an_order_in_doubt(desk: DeskBench) -> None:
    desk.broker.plan(Trouble.LOST)
    run = desk.start_run()
    before = all_bytes(desk)

    found = reconcile(desk.desk, dry_run=True)

    assert all_bytes(desk) == before and found.orders_delivered == 1
    assert desk.run(run).status is RunStatus.EXECUTING
