"""One approval, and whoever else acts at the same time: never two orders, and none of what was refused."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.run.runs import RunStatus
from thetaloom.store.database import Database
from thetaloom.testing.approval_races import Race, RaceBench, RaceEnd, races_of

RACES = 40  # of each kind; ``thetaloom bench --only races`` runs thousands


@pytest.fixture
def races(sqlite_database: Database) -> Iterator[RaceBench]:
    """A proposal that waits."""
    sqlite_database.close()
    bench = RaceBench(sqlite_database.path, seed=7)
    yield bench
    bench.close()


@pytest.mark.parametrize("race", Race)
def test_no_race_for_an_approval_ends_wrongly(races: RaceBench, race: Race) -> None:
    ends = [races.run(race) for _ in range(RACES)]

    assert [end for end in ends if end.fault] == []


def test_deaths_come_before_and_after_the_order_reached_the_broker(races: RaceBench) -> None:
    ends = [races.run(Race.CRASH) for _ in range(RACES)]

    assert {end.orders for end in ends if end.was_killed} == {0, 1}


def test_whoever_acts_against_an_approval_comes_first_or_second(races: RaceBench) -> None:
    for race in (Race.APPROVE_REJECT, Race.APPROVE_CANCEL, Race.APPROVE_HALT):
        assert {races.run(race).orders for _ in range(RACES)} == {0, 1}


def test_every_kind_has_its_turn() -> None:
    assert races_of(7) == [*Race, Race.DOUBLE_APPROVAL]


@pytest.mark.parametrize(
    ("fault", "changes"),
    [
        ("2 sends of 1 orders", {"submits": 2}),
        ("1 sends of 2 orders", {"orders": 2}),
        ("an order of a proposal that is rejected", {"proposal": ProposalStatus.REJECTED}),
        ("approved, and 0 orders work (EXECUTING)", {"working": 0}),
        ("an order works after approve and halt", {"race": Race.APPROVE_HALT}),
    ],
)
def test_a_wrong_end_is_seen(fault: str, changes: dict[str, Any]) -> None:
    good = RaceEnd(
        race=Race.DOUBLE_APPROVAL,
        submits=1,
        orders=1,
        working=1,
        proposal=ProposalStatus.APPROVED,
        run=RunStatus.EXECUTING,
        was_killed=False,
    )

    assert good.fault == ""
    assert replace(good, **changes).fault == fault
