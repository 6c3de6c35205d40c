"""A check that cannot fail is none: each fault planted here must be found, under the name of its invariant."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, cast

import pytest
from sqlalchemy import delete, update

from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.values.money import Money, Price
from thetaloom.store import schema
from thetaloom.testing.simulation.faults import Fault, Faults
from thetaloom.testing.simulation.invariants import AT_THE_BROKER, INVARIANTS, SURVIVES
from thetaloom.testing.simulation.market import Spell
from thetaloom.testing.simulation.scene import Scene
from thetaloom.testing.simulation.world import World

SOUND = Scene(seed=2, first_on=date(2026, 1, 6), sessions=1, minutes=15, faults=Faults())


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


PLANTED: Mapping[str, Callable[[World], None]] = {
    "runs end explained": change(schema.runs, reason=""),
    "approvals are used once": change(schema.proposals, status=ProposalStatus.REJECTED),
    "the cursor equals the reports": change(schema.accounts, report_cursor=1),
    "no lost intent": change(schema.orders, status=OrderStatus.WORKING, filled=0),
    "books equal the broker's": hold_more,
    "profit and loss equal the transactions": lose_fills,
    "every order is settled": change(schema.orders, status=OrderStatus.SUBMITTED, filled=0),
    "limits equal the broker's": raise_limits,
    "lineage verifies and replays": change(schema.lineage, reason="planted"),
}


def played(world: World) -> World:
    """Play a world to its end, and let it look at the books anew."""
    world.play_until(world.ends_at)
    assert world.judge() == []
    world.commits += 1
    return world


@pytest.mark.parametrize("invariant", PLANTED)
def test_a_planted_fault_is_found(invariant: str, new_world: Callable[[Scene], World]) -> None:
    world = played(new_world(SOUND))

    PLANTED[invariant](world)

    assert invariant in {failure.invariant for failure in world.judge()}


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
    world = played(new_world(SOUND))

    world.broker.exchange.settled_cash += Money(1)

    assert {failure.invariant for failure in world.judge()} == {"profit and loss equal the transactions"}


def test_every_invariant_has_a_name_of_its_own() -> None:
    assert len(set(INVARIANTS)) == len(INVARIANTS)
    assert set(PLANTED) | set(AT_THE_BROKER) <= set(INVARIANTS)
