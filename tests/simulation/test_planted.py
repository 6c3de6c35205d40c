"""A check that cannot fail is none: each fault planted here must be found, under the name of its invariant."""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, cast

import pytest
from sqlalchemy import delete, insert, select, update

from thetaloom.domain.book.orders import Effect, OrderPurpose, OrderStatus
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.values.ids import ClientOrderId, RunId, StrategyId
from thetaloom.domain.values.money import Money, Price
from thetaloom.engine.commands import StartRun
from thetaloom.errors import BrokerUnavailable
from thetaloom.store import schema
from thetaloom.testing.simulation.faults import Fault, Faults
from thetaloom.testing.simulation.invariants import (
    AT_THE_BROKER,
    BEFORE_CLOSE,
    INVARIANTS,
    SURVIVES,
    check_at_end,
    check_before_close,
)
from thetaloom.testing.simulation.market import Spell
from thetaloom.testing.simulation.scene import Scene
from thetaloom.testing.simulation.world import ACCOUNT, USER, World

SOUND = Scene(seed=6, first_on=date(2026, 1, 6), sessions=1, minutes=15, faults=Faults())


def change(table: Any, **values: object) -> Callable[[World], None]:
    """Overwrite a column of every row, as a fault of the store would."""

    def plant(world: World) -> None:
        with world.storage.database.transaction() as transaction:
            transaction.connection.execute(update(table).values(**values))
            transaction.connection.commit()

    return plant


def lose_fills(world: World) -> None:
    """Forget what was filled."""
    with world.storage.database.transaction() as transaction:
        transaction.connection.execute(delete(schema.fills))
        transaction.connection.commit()


def hold_more(world: World) -> None:
    """Let the broker hold what nobody ordered."""
    leg = world.read().runs[0].orders[0].legs[0]
    world.broker.truth.held[leg.contract] = 7


def raise_limits(world: World) -> None:
    """Let every order be open again, at a limit that no broker has."""
    with world.storage.database.transaction() as transaction:
        changed = update(schema.orders).values(status=OrderStatus.WORKING, filled=0, limit_price=Price(99))
        transaction.connection.execute(changed)
        transaction.connection.commit()


def change_targets(**values: object) -> Callable[[World], None]:
    """Overwrite columns of every order that rests at a target."""

    def plant(world: World) -> None:
        with world.storage.database.transaction() as transaction:
            rests = (schema.orders.c.purpose == OrderPurpose.TARGET, schema.orders.c.status == OrderStatus.WORKING)
            transaction.connection.execute(update(schema.orders).where(*rests).values(**values))
            transaction.connection.commit()

    return plant


def forget_exits(world: World) -> None:
    """Let runs close, and no order work for them since long ago."""
    change_targets(status=OrderStatus.EXPIRED)(world)
    change(schema.orders, staged_at=world.sessions[0].open_at - timedelta(hours=1))(world)
    change(schema.runs, status=RunStatus.CLOSING)(world)


def pause_in_silence(world: World) -> None:
    """Let a run be paused since long ago, nothing rest for its position, and nobody be told."""
    forget_exits(world)
    long_ago = world.sessions[0].open_at - timedelta(hours=1)
    change(schema.runs, status=RunStatus.PAUSED, returns_to=RunStatus.CLOSING, updated_at=long_ago)(world)


def double_orders(world: World) -> None:
    """Let each open order stand in our books twice."""
    with world.storage.database.transaction() as transaction:
        rows = transaction.connection.execute(select(schema.orders)).mappings().all()
        doubled = [{**row, "client_order_id": f"{row['client_order_id']}-twin"} for row in rows]
        transaction.connection.execute(insert(schema.orders), doubled)
        transaction.connection.commit()


def contradict(world: World) -> None:
    """Halt as for a report that our books cannot hold."""
    with world.desk.store.unit_of_work() as uow:
        uow.accounts.halt(f"account:{ACCOUNT}", "broker report 1 contradicts our books", world.clock.now())
        uow.commit()


def at_the_end(world: World) -> bool:
    """Never hold: the world is played to its end."""
    return False


def an_entry_works(world: World) -> bool:
    """Say whether an order to open works, and nothing else waits."""
    found = [order for one in world.read().runs for order in one.orders]
    return world.is_quiet and any(o.effect is Effect.OPEN and o.status is OrderStatus.WORKING for o in found)


def a_target_rests(world: World) -> bool:
    """Say whether the targets of a position rest at the broker."""
    found = [order for one in world.read().runs for order in one.orders]
    return world.is_quiet and any(o.purpose is OrderPurpose.TARGET and o.status is OrderStatus.WORKING for o in found)


Moment = Callable[[World], bool]
PLANTED: Mapping[str, tuple[Moment, Callable[[World], None]]] = {
    "runs end explained": (at_the_end, change(schema.runs, reason="")),
    "approvals are used once": (at_the_end, change(schema.proposals, status=ProposalStatus.REJECTED)),
    "the cursor equals the reports": (at_the_end, change(schema.accounts, report_cursor=1)),
    "no lost intent": (at_the_end, change(schema.orders, status=OrderStatus.WORKING, filled=0)),
    "books equal the broker's": (at_the_end, hold_more),
    "profit and loss equal the transactions": (at_the_end, lose_fills),
    "every order is settled": (at_the_end, change(schema.orders, status=OrderStatus.SUBMITTED, filled=0)),
    "limits equal the broker's": (at_the_end, raise_limits),
    "lineage verifies and replays": (at_the_end, change(schema.lineage, reason="planted")),
    "no run sleeps for ever": (at_the_end, change(schema.runs, status=RunStatus.MONITORING, outcome=None)),
    "our books hold every report": (at_the_end, contradict),
    "every position is watched": (a_target_rests, change(schema.runs, due_at=None)),
    "what is held is what filled": (a_target_rests, lose_fills),
    "one open order an intent": (a_target_rests, double_orders),
    "closing orders close what is held": (a_target_rests, change_targets(quantity=99)),
    "targets rest at the broker": (a_target_rests, change_targets(status=OrderStatus.EXPIRED)),
    "exits that are due are worked": (a_target_rests, forget_exits),
    "the unprotected have an alert": (a_target_rests, pause_in_silence),
    "capacity is reserved for what may fill": (an_entry_works, change(schema.orders, status=OrderStatus.CANCELED)),
}


def play_to(world: World, moment: Moment) -> None:
    """Play a world to a moment, or to its end, and let it look at the books anew."""
    world.ask(StartRun(user_id=USER, symbol="SPY", strategy_id=StrategyId("tridents")))
    while world.clock.now() < world.ends_at and not (world.engine is not None and moment(world)):
        world.step()
        assert world.failures == []
    world.commits += 1


@pytest.mark.parametrize("invariant", PLANTED)
def test_a_planted_fault_is_found(invariant: str, new_world: Callable[[Scene], World]) -> None:
    moment, plant = PLANTED[invariant]
    world = new_world(SOUND)
    play_to(world, moment)
    assert (world.clock.now() < world.ends_at) == (moment is not at_the_end)

    plant(world)

    found = check_before_close(world.view) if invariant in BEFORE_CLOSE else check_at_end(world.view)
    assert invariant in {name for name, _ in found}


def probe(world: World, **changes: Any) -> set[str]:
    """Send an order like the first one past the engine, and return the laws that the broker sees broken."""
    world.broker.faults = Faults()
    first = next(iter(world.broker.sent.values())).order
    with suppress(BrokerUnavailable):
        world.broker.submit(replace(first, **changes))
    return {breach.invariant for breach in world.broker.witness.breaches}


def test_what_the_broker_witnesses_is_told(new_world: Callable[[Scene], World]) -> None:
    seen: dict[str, set[str]] = {}
    for name in AT_THE_BROKER:
        world = new_world(SOUND)
        play_to(world, an_entry_works)
        fresh: dict[str, Any] = {"client_order_id": ClientOrderId("tl-planted"), "run_id": RunId("run-planted")}
        match name:
            case "no duplicate order":
                seen[name] = probe(world)
            case "one live order an intent":
                seen[name] = probe(world, client_order_id=ClientOrderId("tl-planted"))
            case "no closing order beyond what is held":
                seen[name] = probe(world, **fresh, effect=Effect.CLOSE, purpose=OrderPurpose.EXIT)
            case "no new risk while halted":
                world.broker.is_barred = lambda order: True
                seen[name] = probe(world, **fresh)
            case "no runaway":
                world.broker.witness.entries_per_minute_max = 0
                seen[name] = probe(world, **fresh)
            case "no entry against another's contracts":
                leg = world.read().runs[0].orders[0].legs[0]
                world.broker.witness.held[RunId("run-other")] = Counter({leg.contract: -leg.ratio})
                world.broker.exchange.by_run[RunId("run-other")] = Counter({leg.contract: -leg.ratio})
                seen[name] = probe(world, **fresh)
        world.storage.remove()

    assert seen == {name: {name} for name in AT_THE_BROKER}


def test_an_honest_order_breaks_no_law(new_world: Callable[[Scene], World]) -> None:
    world = new_world(SOUND)
    play_to(world, an_entry_works)

    assert probe(world, client_order_id=ClientOrderId("tl-other"), run_id=RunId("run-other")) == set()


def test_a_broker_that_breaks_its_warrant_of_absence_gets_an_order_twice(new_world: Callable[[Scene], World]) -> None:
    late = Faults({Fault.REQUEST_ARRIVES_LATE: 0.9})
    world = new_world(Scene(seed=2, first_on=date(2026, 1, 6), sessions=1, minutes=15, faults=late))
    world.broker.lateness_seconds = 1200

    world.play_until(world.calm_at)

    assert "no duplicate order" in {failure.invariant for failure in world.failures}


def test_what_leaves_the_engine_is_a_failure(new_world: Callable[[Scene], World]) -> None:
    world = new_world(SOUND)
    world.play_until(world.sessions[0].open_at.replace(hour=15))

    world.market.spells = cast("tuple[Spell, ...]", None)  # the feed itself is broken, as no error of ours says
    world.play_until(world.ends_at)

    assert {failure.invariant for failure in world.failures} == {SURVIVES}


def test_money_that_comes_from_nowhere_is_missed(new_world: Callable[[Scene], World]) -> None:
    world = new_world(SOUND)
    play_to(world, at_the_end)
    assert world.judge() == []

    world.broker.exchange.settled_cash += Money(1)

    assert {failure.invariant for failure in world.judge()} == {"profit and loss equal the transactions"}


def test_every_invariant_has_a_name_of_its_own() -> None:
    assert len(set(INVARIANTS)) == len(INVARIANTS)
    assert {*PLANTED, *AT_THE_BROKER, SURVIVES} == set(INVARIANTS)  # and each has a fault planted for it above
