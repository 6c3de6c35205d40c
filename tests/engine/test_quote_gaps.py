"""When nobody could see what a position is worth: told from its lineage and its events, within its life."""

from datetime import datetime, timedelta

from thetaloom.domain.book.line_gaps import LineGap
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.values.ids import RunId, UserId
from thetaloom.engine.line_watch import keep_gap
from thetaloom.engine.step import tell
from thetaloom.ports.store import UnitOfWork
from thetaloom.store.queries.quote_gaps import QUOTES, gaps_of_position
from thetaloom.testing.desk import ANNA, DeskBench


def entered(bench: DeskBench) -> Position:
    """A position just opened."""
    position = bench.position(bench.enter())
    assert position is not None
    return position


def line_down(bench: DeskBench, run: RunId, began: datetime, seconds: int) -> None:
    """A connection that was down for some seconds while the position was held."""
    gap = LineGap(
        connection="feed",
        source="outside",
        began_at=began,
        ended_at=began + timedelta(seconds=seconds),
        reason="silent",
    )
    keep_gap(bench.desk, run, gap, bench.clock.now())


def seen(bench: DeskBench, run: RunId, kind: EventKind, at: datetime) -> None:
    """Somebody told that a position is blind, or sees again."""

    def write(uow: UnitOfWork) -> None:
        held = uow.runs.get(run)
        assert held is not None
        tell(uow, held, kind, at, quotes="stale")

    bench.write(write)


def test_a_lost_line_and_unbelievable_quotes_are_gaps_of_a_position_in_their_order(lite: DeskBench) -> None:
    position, began = entered(lite), lite.clock.now() + timedelta(minutes=1)
    line_down(lite, position.run_id, began + timedelta(minutes=5), 40)
    seen(lite, position.run_id, EventKind.POSITION_BLINDED, began)
    seen(lite, position.run_id, EventKind.POSITION_SIGHTED, began + timedelta(seconds=90))

    blind, line = gaps_of_position(lite.database, ANNA, position)

    assert (blind.what, blind.began_at, blind.seconds, blind.reason) == (QUOTES, began, 90, "stale")
    assert (line.what, line.source, line.seconds, line.reason) == ("feed", "outside", 40, "silent")
    assert (line.seq, blind.seq) == (lite.lineage(position.run_id)[-1].seq, None)


def test_a_gap_that_began_before_the_position_counts_from_its_opening(lite: DeskBench) -> None:
    position = entered(lite)
    line_down(lite, position.run_id, position.opened_at - timedelta(seconds=30), 40)

    (gap,) = gaps_of_position(lite.database, ANNA, position)

    assert (gap.began_at, gap.seconds) == (position.opened_at, 10)


def test_a_gap_whose_end_nobody_told_has_none(lite: DeskBench) -> None:
    position, began = entered(lite), lite.clock.now() + timedelta(minutes=1)
    for minutes in (0, 10):  # the one who watched was started anew in between
        seen(lite, position.run_id, EventKind.POSITION_BLINDED, began + timedelta(minutes=minutes))

    gaps = gaps_of_position(lite.database, ANNA, position)

    assert [(gap.began_at, gap.ended_at) for gap in gaps] == [(began, None), (began + timedelta(minutes=10), None)]


def test_a_position_without_gaps_has_none_and_nobody_else_sees_those_of_another(lite: DeskBench) -> None:
    position = entered(lite)
    assert gaps_of_position(lite.database, ANNA, position) == ()
    line_down(lite, position.run_id, lite.clock.now(), 40)

    assert gaps_of_position(lite.database, UserId("somebody"), position) == ()
    assert len(gaps_of_position(lite.database, ANNA, position)) == 1
