from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import CLOSED, OPEN, Effect, Order, OrderStatus
from thetaloom.domain.book.refusals import NextAction, Refusal
from thetaloom.domain.book.reports import BrokerReport, Contradiction, ReportKind, apply_report, contradiction_of
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import AccountId, BrokerOrderId, ClientOrderId, FillId, RunId
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import Reason
from thetaloom.errors import IllegalTransitionError, InvalidInput

S, K = OrderStatus, ReportKind
TOLD_BY_FILLS = {K.FILLED, K.LEG_FILLED, K.LEGS_LEFT}
NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
ORDER = Order(
    client_order_id=ClientOrderId("tl-1"),
    run_id=RunId("run-1"),
    account_id=AccountId("paper"),
    effect=Effect.OPEN,
    legs=(Leg.parse("-1 SPY 2026-01-16 P 560"),),
    quantity=3,
    limit_price=Price("1.25"),
    status=S.SUBMITTED,
    staged_at=NOW,
    expires_at=datetime(2026, 1, 5, 21, 0, tzinfo=UTC),
)
REPORT = BrokerReport(
    sequence=1,
    kind=K.ACCEPTED,
    client_order_id=ORDER.client_order_id,
    broker_order_id=BrokerOrderId("b-1"),
    reported_at=NOW,
)
FILL = Fill(
    fill_id=FillId("1"),
    client_order_id=ORDER.client_order_id,
    quantity=1,
    price=Price("1.25"),
    fees=Money("-0.65"),
    filled_at=NOW,
    legs=(),
)
FILLED = replace(REPORT, kind=K.FILLED, fill=FILL)
# (kind, status before) → status after; what an open order is not listed with leaves it as it is or raises.
MOVES: dict[tuple[ReportKind, OrderStatus], OrderStatus] = {
    (K.ACCEPTED, S.SUBMITTED): S.WORKING,
    (K.ACCEPTED, S.WORKING): S.WORKING,
    (K.ACCEPTED, S.PENDING_CANCEL): S.PENDING_CANCEL,
    (K.REJECTED, S.SUBMITTED): S.REJECTED,
    (K.REJECTED, S.WORKING): S.REJECTED,
    (K.REJECTED, S.PENDING_CANCEL): S.REJECTED,
    (K.REPLACED, S.WORKING): S.WORKING,
    (K.REPLACED, S.PENDING_CANCEL): S.PENDING_CANCEL,
    (K.REPLACE_REFUSED, S.WORKING): S.WORKING,
    (K.REPLACE_REFUSED, S.PENDING_CANCEL): S.PENDING_CANCEL,
    (K.CANCELED, S.SUBMITTED): S.CANCELED,
    (K.CANCELED, S.WORKING): S.CANCELED,
    (K.CANCELED, S.PENDING_CANCEL): S.CANCELED,
    (K.CANCEL_REFUSED, S.SUBMITTED): S.WORKING,
    (K.CANCEL_REFUSED, S.WORKING): S.WORKING,
    (K.CANCEL_REFUSED, S.PENDING_CANCEL): S.WORKING,
    (K.EXPIRED, S.SUBMITTED): S.EXPIRED,
    (K.EXPIRED, S.WORKING): S.EXPIRED,
    (K.EXPIRED, S.PENDING_CANCEL): S.EXPIRED,
}


def test_every_kind_but_a_fill_is_in_the_table() -> None:
    assert {kind for kind, _ in MOVES} == set(K) - TOLD_BY_FILLS


@pytest.mark.parametrize(("kind", "before"), MOVES)
def test_a_report_moves_an_open_order_as_the_table_says(kind: ReportKind, before: OrderStatus) -> None:
    order = apply_report(replace(ORDER, status=before), replace(REPORT, kind=kind, message="says the broker"))

    assert order.status is MOVES[kind, before]
    assert order.broker_order_id == "b-1"
    assert order.reason == ("says the broker" if order.status in CLOSED else "")


@pytest.mark.parametrize("kind", sorted(set(K) - TOLD_BY_FILLS))
@pytest.mark.parametrize("status", sorted(CLOSED))
def test_a_late_or_repeated_report_changes_no_closed_order(kind: ReportKind, status: OrderStatus) -> None:
    order = replace(ORDER, status=status, filled=3 if status is S.FILLED else 0, broker_order_id=BrokerOrderId("b-1"))

    assert apply_report(order, replace(REPORT, kind=kind, limit_price=Price(1))) == order


@pytest.mark.parametrize("kind", [K.REJECTED, K.EXPIRED])
def test_an_end_of_an_order_that_was_never_sent_contradicts_the_books(kind: ReportKind) -> None:
    with pytest.raises(IllegalTransitionError):
        apply_report(replace(ORDER, status=S.STAGED), replace(REPORT, kind=kind))


def test_fills_add_up_to_a_filled_order() -> None:
    order = ORDER
    for number in range(3):
        order = apply_report(order, replace(FILLED, fill=replace(FILL, fill_id=FillId(str(number)))))

    assert (order.status, order.filled) == (S.FILLED, 3)


def test_a_late_acknowledgement_after_the_fill_keeps_it_filled() -> None:
    order = apply_report(apply_report(ORDER, replace(FILLED, fill=replace(FILL, quantity=3))), REPORT)

    assert (order.status, order.filled) == (S.FILLED, 3)


def test_a_fill_before_the_acknowledgement_counts() -> None:
    order = apply_report(apply_report(ORDER, FILLED), REPORT)

    assert (order.status, order.filled) == (S.WORKING, 1)


@pytest.mark.parametrize("status", [S.CANCELED, S.EXPIRED])
def test_a_late_fill_after_the_end_opens_a_position_all_the_same(status: OrderStatus) -> None:
    some = apply_report(replace(ORDER, status=status), FILLED)
    whole = apply_report(replace(ORDER, status=status), replace(FILLED, fill=replace(FILL, quantity=3)))

    assert (some.status, some.filled) == (status, 1)
    assert whole.status is S.FILLED


@pytest.mark.parametrize(
    ("status", "quantity", "contradiction"),
    [
        (S.WORKING, 3, None),
        (S.CANCELED, 3, None),
        (S.EXPIRED, 1, None),
        (S.WORKING, 4, Contradiction.OVERFILL),
        (S.REJECTED, 1, Contradiction.REFUSED_AND_FILLED),
        (S.DENIED, 1, Contradiction.REFUSED_AND_FILLED),
        (S.STAGED, 1, Contradiction.NEVER_SENT),
    ],
)
def test_a_fill_that_our_books_did_not_allow_for_is_booked_and_named(
    status: OrderStatus, quantity: int, contradiction: Contradiction | None
) -> None:
    order, report = replace(ORDER, status=status), replace(FILLED, fill=replace(FILL, quantity=quantity))

    assert contradiction_of(order, report) is contradiction
    assert apply_report(order, report).filled == quantity


def test_a_report_without_a_fill_contradicts_nothing() -> None:
    assert contradiction_of(replace(ORDER, status=S.REJECTED), REPORT) is None


def test_a_duplicate_refused_is_the_first_one_alive() -> None:
    refused = replace(REPORT, kind=K.REJECTED, refusal=Refusal.DUPLICATE)
    doubtful = ORDER.unresolved(NOW)

    assert apply_report(doubtful, refused) == replace(doubtful, broker_order_id=BrokerOrderId("b-1"))


def test_a_refused_cancel_of_what_the_broker_never_spoke_of_leaves_it_in_doubt() -> None:
    pending = replace(ORDER, status=S.PENDING_CANCEL).unresolved(NOW)
    unknown = replace(REPORT, kind=K.CANCEL_REFUSED, broker_order_id=None)

    assert apply_report(pending, unknown) == pending
    assert apply_report(pending.with_fill(1), unknown).status is S.WORKING


def test_a_refusal_is_kept_with_the_order_and_comes_with_nothing_else() -> None:
    refused = apply_report(ORDER, replace(REPORT, kind=K.REJECTED, refusal=Refusal.STRIKE_GONE))

    assert (refused.status, refused.refusal) == (S.REJECTED, Refusal.STRIKE_GONE)
    with pytest.raises(InvalidInput, match="no refusal"):
        replace(REPORT, refusal=Refusal.UNKNOWN)


def test_every_refusal_has_advice_a_next_action_and_a_reason_and_none_sends_again() -> None:
    assert {member.action for member in Refusal} == set(NextAction)
    assert all(member.text.endswith(".") and Reason.of(member.reason.value) for member in Refusal)
    assert Refusal("market_closed") is Refusal.MARKET_CLOSED  # type: ignore[call-arg]  # by value


@pytest.mark.parametrize("kind", [K.REPLACED, K.REPLACE_REFUSED])
def test_the_limit_is_the_one_the_broker_says_stands(kind: ReportKind) -> None:
    working = replace(ORDER, status=S.WORKING, limit_price=Price("1.20"), revision=1)

    told = apply_report(working, replace(REPORT, kind=kind, limit_price=Price("1.25")))
    untold = apply_report(working, replace(REPORT, kind=kind))

    assert (told.limit_price, told.revision) == (Price("1.25"), 1)
    assert untold.limit_price == Price("1.20")


def test_the_number_the_broker_gave_is_not_forgotten() -> None:
    known = apply_report(ORDER, REPORT)

    assert apply_report(known, replace(REPORT, broker_order_id=None)).broker_order_id == "b-1"


def test_a_report_of_another_order_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not of tl-1"):
        apply_report(ORDER, replace(REPORT, client_order_id=ClientOrderId("tl-2")))


def test_a_fill_comes_with_its_own_kind_and_its_own_order() -> None:
    with pytest.raises(InvalidInput, match="FILLED"):
        replace(REPORT, kind=K.FILLED)
    with pytest.raises(InvalidInput, match="FILLED"):
        replace(REPORT, fill=FILL)
    with pytest.raises(InvalidInput, match="another order"):
        replace(FILLED, client_order_id=ClientOrderId("tl-2"))


@given(st.lists(st.sampled_from(sorted(set(K) - TOLD_BY_FILLS)), max_size=12), st.data())
def test_a_sent_order_survives_reports_in_any_order_and_counts_every_fill(
    kinds: list[ReportKind], data: st.DataObject
) -> None:
    order = ORDER
    filled = 0

    for kind in kinds:
        order = apply_report(order, replace(REPORT, kind=kind))
        fillable = order.remaining > 0 and order.status not in {S.REJECTED, S.DENIED}
        if fillable and data.draw(st.booleans()):
            order = apply_report(order, FILLED)
            filled += 1

    assert order.filled == filled
    assert order.is_open == (order.status in OPEN)
