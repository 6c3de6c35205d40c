"""What the guards remember of positions and underlyings."""

from dataclasses import replace
from datetime import timedelta

from thetaloom.domain.book.mark_guard import new_guard
from thetaloom.domain.values.ids import RunId
from thetaloom.engine.guard_book import GuardBook
from thetaloom.testing import builders

RUN = RunId("run-1")
LEGS = builders.legs()


def test_what_was_learned_of_a_leg_outlives_the_others() -> None:
    book, state = GuardBook(), new_guard(2)
    learned = replace(state, legs=(replace(state.legs[0], volatility=0.3), replace(state.legs[1], volatility=0.4)))
    book.keep(RUN, LEGS, learned)

    assert book.state(RUN, LEGS) == learned
    assert [memory.volatility for memory in book.state(RUN, LEGS[1:]).legs] == [0.4]
    assert book.state(RunId("run-2"), LEGS) == new_guard(2)


def test_the_latest_spots_are_kept_in_order_and_once() -> None:
    book = GuardBook()
    for second, spot in enumerate((575, 575, 574)):
        book.see({"SPY": builders.price(spot)}, builders.NOW + timedelta(seconds=second))

    assert [seen.spot for seen in book.spots("SPY")] == [575.0, 574.0]
    assert book.spots("QQQ") == ()


def test_what_is_not_watched_any_more_is_forgotten() -> None:
    book = GuardBook()
    book.keep(RUN, LEGS, replace(new_guard(2), bad_since=builders.NOW))
    book.see({"SPY": builders.price(575)}, builders.NOW)

    book.keep_only({RUN}, {"SPY"})
    assert book.state(RUN, LEGS).bad_since == builders.NOW
    book.keep_only((), ())

    assert book.state(RUN, LEGS) == new_guard(2)
    assert book.spots("SPY") == ()
