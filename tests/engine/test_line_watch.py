"""Connections of a broker: what is lost and comes back is told once, and kept with the runs that were watched."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from thetaloom.domain.book.orders import Effect
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.strategy.strategies import ExitKind, ExitUnit
from thetaloom.engine.line_watch import LineWatch, lost_links
from thetaloom.ports.links import LinkStatus
from thetaloom.store.database import Database
from thetaloom.testing import builders
from thetaloom.testing.broker import ScriptedBroker
from thetaloom.testing.desk import DeskBench, exit_rule, put_credit_spread

DROPPED, RESTORED = EventKind.CONNECTION_DROPPED, EventKind.CONNECTION_RESTORED
UP = LinkStatus(name="scripted stream", is_up=True, since=builders.NOW, heard_at=builders.NOW, attempts=0)


class LinkedBroker(ScriptedBroker):
    """A scripted broker on one connection that a test cuts."""

    link = UP

    def links(self) -> Sequence[LinkStatus]:
        """Return the one connection."""
        return (self.link,)


@pytest.fixture
def bench(sqlite_database: Database) -> DeskBench:
    """A desk at a broker on a connection."""
    bench = DeskBench(sqlite_database, make_broker=lambda clock, market: LinkedBroker(clock))
    bench.engine.settle()
    return bench


def linked(bench: DeskBench) -> LinkedBroker:
    """The broker of the desk."""
    assert isinstance(bench.made, LinkedBroker)
    return bench.made


def cut(bench: DeskBench) -> None:
    """Lose the connection now."""
    link = linked(bench).link
    linked(bench).link = replace(
        link, is_up=False, since=bench.clock.now(), reason="silent for 30 s", drops=link.drops + 1
    )


def mend(bench: DeskBench) -> None:
    """Have the connection back now."""
    linked(bench).link = replace(linked(bench).link, is_up=True, since=bench.clock.now(), reason="")


def told(bench: DeskBench) -> list[EventKind]:
    """What was told of connections."""
    return [kind for kind in bench.events() if kind in {DROPPED, RESTORED}]


def test_a_lost_connection_is_told_once_and_its_return_with_its_length(bench: DeskBench) -> None:
    cut(bench)
    bench.engine.settle()
    bench.engine.settle()
    assert told(bench) == [DROPPED]

    bench.clock.move_to(bench.clock.now() + timedelta(seconds=90))
    mend(bench)
    bench.engine.settle()

    assert told(bench) == [DROPPED, RESTORED]
    assert bench.facts(DROPPED)["reason"] == "silent for 30 s"
    assert (bench.facts(RESTORED)["connection"], bench.facts(RESTORED)["seconds"]) == ("scripted stream", "90")


def test_a_gap_between_two_looks_is_told_as_well(bench: DeskBench) -> None:
    cut(bench)
    mend(bench)

    bench.engine.settle()

    assert told(bench) == [DROPPED, RESTORED]


def test_a_gap_is_kept_in_the_lineage_of_the_run_whose_position_was_held(bench: DeskBench) -> None:
    run = bench.enter()
    cut(bench)
    bench.engine.settle()
    bench.clock.move_to(bench.clock.now() + timedelta(seconds=40))
    mend(bench)

    bench.engine.settle()

    with bench.store.reading() as uow:
        records = uow.lineage.of_run(run)
        texts = [uow.lineage.get_evidence(one.input_digest).decode() for one in records]
    assert sum('"line_gap"' in text and "scripted stream" in text for text in texts) == 1
    assert not bench.faults(run)
    assert bench.replay(run).identical


def test_a_gap_while_an_exit_works_leaves_the_exit_to_its_end(bench: DeskBench) -> None:
    target = exit_rule(ExitKind.PROFIT_TARGET, 50, ExitUnit.PERCENT_OF_PREMIUM)
    run = bench.enter(put_credit_spread(exits=(target,)))
    bench.quote_spread(0.40)
    bench.engine.settle()
    assert bench.run(run).status is RunStatus.CLOSING
    cut(bench)
    bench.engine.settle()
    mend(bench)
    bench.engine.settle()

    bench.pass_time(minutes=1)  # the exit's price moves
    linked(bench).fill(bench.order(run, Effect.CLOSE).client_order_id)
    bench.engine.settle()

    assert "line_gap" in [record.reason for record in bench.lineage(run)]
    assert (bench.run(run).status, bench.run(run).reason) == (RunStatus.COMPLETED, "profit_target")
    assert bench.replay(run).identical


def test_a_connection_that_is_still_coming_up_is_no_loss_until_its_time_is_over(bench: DeskBench) -> None:
    linked(bench).link = LinkStatus(
        name="another", is_up=False, since=None, heard_at=None, attempts=1, reason="refused"
    )
    watch = LineWatch(bench.desk)

    assert not watch.look(())
    bench.clock.move_to(bench.clock.now() + timedelta(seconds=31))
    assert watch.look(())
    assert not watch.look(())
    assert told(bench) == [DROPPED]


def test_a_connection_that_came_up_at_last_is_no_news(bench: DeskBench) -> None:
    linked(bench).link = LinkStatus(name="another", is_up=False, since=None, heard_at=None, attempts=1)
    watch = LineWatch(bench.desk)
    watch.look(())

    mend(bench)

    assert not watch.look(())


def test_a_connection_that_nobody_waits_for_is_never_lost_and_one_that_was_is_let_go(bench: DeskBench) -> None:
    linked(bench).link = replace(UP, is_up=False, since=None, is_needed=False)
    watch = LineWatch(bench.desk)
    watch.look(())
    bench.clock.move_to(bench.clock.now() + timedelta(minutes=5))
    assert not watch.look(())
    assert lost_links(bench.desk) == []

    linked(bench).link = replace(linked(bench).link, is_needed=True)
    watch.look(())
    bench.clock.move_to(bench.clock.now() + timedelta(minutes=5))
    assert watch.look(())
    assert lost_links(bench.desk) == [linked(bench).link]
    linked(bench).link = replace(linked(bench).link, is_needed=False)
    assert watch.look(())
    assert told(bench) == [DROPPED, RESTORED]
