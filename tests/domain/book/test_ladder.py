"""The ladder of closing limits: rules C.5, with prices worked out by hand."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.book.ladder import (
    FRESH,
    LadderAction,
    LadderDecision,
    LadderOrder,
    LadderSpread,
    LadderState,
    decide_ladder,
    ladder_limit,
    ladder_order,
    with_cancelled_targets,
    with_error,
)
from thetaloom.domain.book.orders import Effect, Order, OrderStatus
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import AccountId, ClientOrderId, RunId
from thetaloom.domain.values.money import Price
from thetaloom.errors import InvalidInput

NOW = datetime(2026, 1, 9, 15, 0, tzinfo=UTC)
CREDIT = LadderSpread(entry_price=Price("1.50"), width=Price(5))  # at most 3.50 can be lost
DEBIT = LadderSpread(entry_price=Price("-2.00"), width=Price(5))
PRICES = {
    # DTE: what closing the credit spread pays, what closing the debit spread must bring
    21: ("-1.50", "2.00"),
    8: ("-1.50", "2.00"),
    7: ("-1.50", "2.00"),  # breakeven
    6: ("-3.95", "0.60"),  # 1.50 + 0.70 · 3.50; 2.00 less 70 %
    5: ("-4.30", "0.40"),
    4: ("-4.65", "0.20"),
    3: ("-5", "0.00"),
    2: ("-5", "0.00"),
    0: ("-5", "0.00"),
}
IDS = [ClientOrderId(f"ladder-{number}") for number in range(9)]


@pytest.mark.parametrize("dte", PRICES)
def test_the_limits_are_those_of_the_table(dte: int) -> None:
    credit, debit = PRICES[dte]

    assert ladder_limit(CREDIT, dte) == Price(credit)
    assert ladder_limit(DEBIT, dte) == Price(debit)


@pytest.mark.parametrize(
    ("spread", "dte", "targets", "tick", "limit"),
    [
        (replace(CREDIT, entry_price=Price("0.05")), 7, (), "0.01", "-0.10"),  # never less than a dime
        (CREDIT, 7, ("-1.45", "-0.60"), "0.01", "-1.60"),  # 1.45 and a tenth is 1.595
        (CREDIT, 6, ("-1.45",), "0.01", "-3.95"),
        (CREDIT, 4, ("-4.90",), "0.01", "-5"),  # 5.39 is more than the width, which brokers refuse
        (replace(CREDIT, entry_price=Price("1.53")), 6, (), "0.05", "-3.95"),  # 3.959: no more is given than the table
        (CREDIT, 7, ("-1.43",), "0.05", "-1.60"),  # 1.573: a floor is paid in full
        (replace(DEBIT, entry_price=Price("-2.03")), 6, (), "0.05", "0.65"),  # 0.609
        (DEBIT, 7, ("-1.00",), "0.01", "2.00"),
    ],
)
def test_floors_widths_and_ticks(
    spread: LadderSpread, dte: int, targets: tuple[str, ...], tick: str, limit: str
) -> None:
    assert ladder_limit(spread, dte, tuple(map(Price, targets)), Decimal(tick)) == Price(limit)


@given(
    entry=st.integers(1, 499).map(lambda cents: Price("0.01") * cents),
    targets=st.lists(st.integers(1, 600).map(lambda cents: Price("-0.01") * cents), max_size=3),
    days=st.tuples(st.integers(0, 30), st.integers(0, 30)),
    tick=st.sampled_from([Decimal("0.01"), Decimal("0.05")]),
)
def test_a_later_day_never_pays_less_and_no_day_more_than_the_width(
    entry: Price, targets: list[Price], days: tuple[int, int], tick: Decimal
) -> None:
    spread = replace(CREDIT, entry_price=entry)
    later, sooner = sorted(days)

    paid = [-ladder_limit(spread, dte, tuple(targets), tick) for dte in (sooner, later)]

    assert paid == sorted(paid)
    assert all(Decimal("0.10") <= price <= 5 and price % tick == 0 for price in paid)


@pytest.mark.parametrize("entry", ["0", "5.01", "-5.01"])
def test_an_entry_that_its_width_cannot_have_is_refused(entry: str) -> None:
    with pytest.raises(InvalidInput, match="is none of a spread 5 wide"):
        ladder_limit(replace(CREDIT, entry_price=Price(entry)), 7)


def test_an_expired_spread_has_no_limit() -> None:
    with pytest.raises(InvalidInput, match="expired 1 days ago"):
        ladder_limit(CREDIT, -1)


def decided(state: LadderState, dte: int, order: LadderOrder, *, spread: LadderSpread = CREDIT) -> LadderDecision:
    attempt = IDS[(state.retry_count + (state.last_processed_dte or 0)) % len(IDS)]
    return decide_ladder(state, spread, dte, order, threshold_dte=7, now=NOW, order_id=attempt)


def test_nothing_happens_before_the_threshold_and_nothing_after_expiration() -> None:
    assert decided(FRESH, 8, LadderOrder.NONE).action is LadderAction.KEEP
    for dte in (-1, -30):
        late = decided(FRESH, dte, LadderOrder.NONE)
        assert (late.action, late.limit_price, late.state) == (LadderAction.KEEP, None, FRESH)
        assert "settled" in late.why


def test_a_day_places_one_order_however_often_it_is_asked() -> None:
    first = decided(FRESH, 7, LadderOrder.NONE)
    again = decided(first.state, 7, LadderOrder.WORKING)

    assert (first.action, first.limit_price) == (LadderAction.PLACE, Price("-1.50"))
    assert first.state == LadderState(
        last_processed_dte=7,
        current_order_id=IDS[0],
        current_limit_price=Price("-1.50"),
        order_placed_at=NOW,
    )
    assert (again.action, again.state) == (LadderAction.KEEP, first.state)


def test_a_new_day_replaces_what_works_and_starts_the_retries_over() -> None:
    tired = with_error(replace(decided(FRESH, 7, LadderOrder.NONE).state, retry_count=3), "refused")

    next_day = decided(tired, 6, LadderOrder.WORKING)

    assert (next_day.action, next_day.limit_price) == (LadderAction.REPLACE, Price("-3.95"))
    assert (next_day.state.retry_count, next_day.state.last_error, next_day.state.last_processed_dte) == (0, "", 6)
    assert decided(tired, 5, LadderOrder.DEAD).action is LadderAction.PLACE


@pytest.mark.parametrize("dte", [7, 6, 3])
def test_an_order_in_doubt_is_never_followed_by_another(dte: int) -> None:
    state = decided(FRESH, 7, LadderOrder.NONE).state

    kept = decided(state, dte, LadderOrder.IN_DOUBT)

    assert (kept.action, kept.state) == (LadderAction.KEEP, state)


@pytest.mark.parametrize("dte", [7, 6, 0])
def test_a_filled_order_ends_the_ladder(dte: int) -> None:
    state = decided(FRESH, 7, LadderOrder.NONE).state

    assert decided(state, dte, LadderOrder.FILLED).action is LadderAction.KEEP


def test_three_retries_and_then_a_person_is_told_once() -> None:
    decision = decided(FRESH, 6, LadderOrder.NONE)
    actions = []
    for _ in range(6):
        decision = decided(with_error(decision.state, "no buying power"), 6, LadderOrder.DEAD)
        actions.append(decision.action)

    assert actions == [LadderAction.PLACE] * 3 + [LadderAction.NOTIFY] + [LadderAction.KEEP] * 2
    assert decision.state.retry_count == 3
    assert decided(replace(decision.state, notified_dte=None), 6, LadderOrder.DEAD).why == (
        "3 retries failed: no buying power"
    )


def test_a_calendar_that_runs_back_changes_nothing() -> None:
    state = decided(FRESH, 5, LadderOrder.NONE).state

    assert decided(state, 6, LadderOrder.DEAD).action is LadderAction.KEEP


def test_of_a_spread_that_is_not_ours_a_person_is_told_once_a_day() -> None:
    foreign = replace(CREDIT, is_managed=False)

    first = decided(FRESH, 7, LadderOrder.NONE, spread=foreign)
    second = decided(first.state, 7, LadderOrder.NONE, spread=foreign)
    next_day = decided(second.state, 6, LadderOrder.NONE, spread=foreign)

    assert [one.action for one in (first, second, next_day)] == [
        LadderAction.NOTIFY,
        LadderAction.KEEP,
        LadderAction.NOTIFY,
    ]
    assert first.limit_price is None


def test_canceled_targets_are_remembered_once_and_raise_the_limit() -> None:
    state = with_cancelled_targets(FRESH, (Price("-0.90"), Price("-1.45")))
    state = with_cancelled_targets(state, (Price("-1.45"),))

    assert state.cancelled_targets == (Price("-1.45"), Price("-0.90"))
    assert decided(state, 7, LadderOrder.NONE).limit_price == Price("-1.60")


@pytest.mark.parametrize(
    ("status", "standing"),
    [
        (OrderStatus.STAGED, LadderOrder.IN_DOUBT),
        (OrderStatus.SUBMITTED, LadderOrder.IN_DOUBT),
        (OrderStatus.PENDING_CANCEL, LadderOrder.IN_DOUBT),
        (OrderStatus.WORKING, LadderOrder.WORKING),
        (OrderStatus.FILLED, LadderOrder.FILLED),
        (OrderStatus.CANCELED, LadderOrder.DEAD),
        (OrderStatus.REJECTED, LadderOrder.DEAD),
        (OrderStatus.DENIED, LadderOrder.DEAD),
        (OrderStatus.EXPIRED, LadderOrder.DEAD),
    ],
)
def test_every_order_status_says_how_the_ladder_stands(status: OrderStatus, standing: LadderOrder) -> None:
    order = Order(
        client_order_id=IDS[0],
        run_id=RunId("run-1"),
        account_id=AccountId("paper"),
        effect=Effect.CLOSE,
        legs=(Leg.parse("+1 SPY 2026-01-16 P 560"), Leg.parse("-1 SPY 2026-01-16 P 555")),
        quantity=1,
        filled=1 if status is OrderStatus.FILLED else 0,
        limit_price=Price("-1.50"),
        status=status,
        staged_at=NOW,
        expires_at=NOW,
    )

    assert ladder_order(order) is standing
    assert ladder_order(None) is LadderOrder.NONE
