from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.book.orders import (
    CLOSED,
    FILLABLE,
    IN_FLIGHT,
    OPEN,
    SUCCESSORS,
    Effect,
    Order,
    OrderStatus,
)
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import AccountId, ClientOrderId, RunId
from thetaloom.domain.values.money import Price
from thetaloom.errors import IllegalTransitionError, InvalidInput, OverfillError

S = OrderStatus
NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
ORDER = Order(
    client_order_id=ClientOrderId("tl-1"),
    run_id=RunId("run-1"),
    account_id=AccountId("paper"),
    effect=Effect.OPEN,
    legs=(Leg.parse("-1 SPY 2026-01-16 P 560"), Leg.parse("+1 SPY 2026-01-16 P 555")),
    quantity=3,
    limit_price=Price("1.25"),
    staged_at=NOW,
    expires_at=datetime(2026, 1, 5, 21, 0, tzinfo=UTC),
)


def test_every_status_has_a_row_and_every_row_names_statuses() -> None:
    assert set(SUCCESSORS) == set(S)
    assert all(after <= set(S) for after in SUCCESSORS.values())


def test_every_status_can_be_reached_by_moves_and_fills() -> None:
    reached, edge = {S.STAGED}, {S.STAGED}
    while edge:
        edge = {after for status in edge for after in SUCCESSORS[status]} - reached
        reached |= edge

    assert reached == set(S) - {S.FILLED}
    assert reached >= FILLABLE


def test_no_move_fills_an_order() -> None:
    assert all(S.FILLED not in after for after in SUCCESSORS.values())


def test_what_is_in_flight_can_fill_and_is_open() -> None:
    assert IN_FLIGHT <= FILLABLE
    assert IN_FLIGHT <= OPEN


def test_open_and_closed_part_the_statuses_and_what_is_closed_has_no_successor() -> None:
    assert set(S) == OPEN | CLOSED
    assert not OPEN & CLOSED
    assert {status for status in S if not SUCCESSORS[status]} == CLOSED


def test_what_was_never_sent_cannot_fill() -> None:
    assert not FILLABLE & {S.STAGED, S.DENIED, S.REJECTED}


@pytest.mark.parametrize("before", S)
@pytest.mark.parametrize("after", S)
def test_a_move_is_made_if_and_only_if_the_table_has_it(before: OrderStatus, after: OrderStatus) -> None:
    order = replace(ORDER, status=before, filled=3 if before is S.FILLED else 0)

    if after in SUCCESSORS[before]:
        assert order.moved_to(after).status is after
    else:
        with pytest.raises(IllegalTransitionError):
            order.moved_to(after)


@pytest.mark.parametrize("status", S)
def test_a_fill_counts_whatever_the_status_and_only_a_whole_one_ends_the_order(status: OrderStatus) -> None:
    order = replace(ORDER, status=status, filled=3 if status is S.FILLED else 0)

    one, all_of_it = order.with_fill(1), order.with_fill(3)

    assert one.filled == order.filled + 1
    assert one.status is (S.WORKING if status is S.STAGED else status), "what fills has arrived and is not sent again"
    assert all_of_it.status is S.FILLED


@pytest.mark.parametrize("quantity", [-1, 0])
def test_a_fill_of_nothing_is_refused(quantity: int) -> None:
    with pytest.raises(OverfillError):
        replace(ORDER, status=S.WORKING).with_fill(quantity)


def test_more_than_was_ordered_is_booked_because_it_is_real() -> None:
    order = replace(ORDER, status=S.WORKING).with_fill(5)

    assert (order.status, order.filled, order.remaining, order.overfilled) == (S.FILLED, 5, 0, 2)
    assert order.with_fill(1).overfilled == 3


def test_a_partial_fill_does_not_forget_that_a_cancel_is_on_its_way() -> None:
    order = replace(ORDER, status=S.PENDING_CANCEL).with_fill(2)

    assert (order.status, order.filled, order.remaining, order.is_open) == (S.PENDING_CANCEL, 2, 1, True)


def test_a_late_fill_after_a_cancel_counts() -> None:
    order = replace(ORDER, status=S.CANCELED).with_fill(1)

    assert (order.status, order.filled, order.is_open) == (S.CANCELED, 1, False)


def test_an_order_that_a_cancel_overtook_can_still_be_rejected() -> None:
    assert replace(ORDER, status=S.PENDING_CANCEL).moved_to(S.REJECTED).status is S.REJECTED


def test_a_reason_is_kept_until_another_comes() -> None:
    order = replace(ORDER, status=S.WORKING).moved_to(S.PENDING_CANCEL, "timed out")

    assert order.moved_to(S.CANCELED).reason == "timed out"
    assert order.moved_to(S.CANCELED, "by the broker").reason == "by the broker"


def test_only_a_working_order_gets_another_limit() -> None:
    moved = replace(ORDER, status=S.WORKING).with_limit(Price("1.23"))

    assert (moved.limit_price, moved.revision) == (Price("1.23"), 1)
    for status in set(S) - {S.WORKING, S.FILLED}:
        with pytest.raises(IllegalTransitionError, match="replaced"):
            replace(ORDER, status=status).with_limit(Price("1.23"))


@pytest.mark.parametrize("wrong", [{"quantity": 0}, {"quantity": -1}, {"legs": ()}, {"status": S.FILLED}])
def test_an_impossible_order_cannot_be_made(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        replace(ORDER, **wrong)  # type: ignore[arg-type]  # wrong on purpose


def test_an_order_filled_less_than_nothing_cannot_be_made() -> None:
    with pytest.raises(OverfillError):
        replace(ORDER, filled=-1)


def test_the_whole_quantity_in_any_other_status_than_filled_cannot_be_made() -> None:
    with pytest.raises(InvalidInput, match="filled means the whole quantity"):
        replace(ORDER, status=S.CANCELED, filled=3)


@given(st.integers(1, 5), st.lists(st.sampled_from(S) | st.integers(1, 3), max_size=25))
def test_whatever_happens_filled_means_the_whole_quantity_and_nothing_else_does(
    quantity: int, happenings: list[OrderStatus | int]
) -> None:
    order = replace(ORDER, quantity=quantity)
    filled = 0

    for happening in happenings:
        before = order
        try:
            if isinstance(happening, int):
                order = order.with_fill(happening)
                filled += happening
            else:
                order = order.moved_to(happening)
        except (IllegalTransitionError, OverfillError):
            assert order is before

        assert order.filled == filled == order.quantity - order.remaining + order.overfilled
        assert (order.status is S.FILLED) == (order.remaining == 0)
        assert before.status in OPEN or order.status in {before.status, S.FILLED}


def test_doubt_lasts_until_a_word_of_the_broker_and_starts_anew_with_each_look_that_fails() -> None:
    sent, later = replace(ORDER, status=S.SUBMITTED), datetime(2026, 1, 5, 15, 1, tzinfo=UTC)
    doubtful = sent.unresolved(NOW)
    missed = doubtful.missed(NOW).missed(later)

    assert (doubtful.unresolved_since, doubtful.absent_since) == (NOW, None)
    assert (missed.unresolved_since, missed.absent_since) == (NOW, NOW)
    assert missed.unresolved(later) == replace(missed, absent_since=None)
    assert missed.answered() == doubtful, "a word about it, and still no answer to what was sent"
    assert replace(missed, status=S.WORKING).answered() == replace(sent, status=S.WORKING)


def test_a_new_limit_awaits_its_answer() -> None:
    moved = replace(ORDER, status=S.WORKING).with_limit(Price("1.20"))

    assert moved.awaits_answer and not replace(moved, confirmed_revision=1).awaits_answer
    assert not replace(moved, status=S.EXPIRED).awaits_answer
