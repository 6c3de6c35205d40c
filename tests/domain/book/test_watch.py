"""What is remembered of a watched position: the highest believable profit, and nothing else raises it."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.marks import Marks
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.watch import EntryFacts, merged, observed, watch_of
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import AccountId, ClientOrderId, FillId, PositionId, RunId, StrategyId, UserId
from thetaloom.domain.values.money import Money, Price
from thetaloom.domain.values.reasons import ALLOWED, Reason, Verdict, denied

NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
FILL = Fill(
    fill_id=FillId("1"),
    client_order_id=ClientOrderId("entry"),
    quantity=4,
    price=Price("1.20"),
    fees=Money(0),
    filled_at=NOW,
    legs=(),
    model="test",
)
POSITION = Position(
    id=PositionId("pos-1"),
    run_id=RunId("run-1"),
    user_id=UserId("user"),
    account_id=AccountId("paper"),
    strategy_id=StrategyId("put-credit-spread"),
    symbol="SPY",
    legs=(Leg.parse("-1 SPY 2026-02-20 P 560"), Leg.parse("+1 SPY 2026-02-20 P 555")),
    opened_at=NOW,
).with_open_fill(FILL)


def marks(close: str | Price | None, *, half: str = "0.05", verdict: Verdict = ALLOWED) -> Marks:
    price = None if close is None else Price(close)
    return Marks(
        now=NOW,
        close_price=price,
        natural_close=None if price is None else price - Price(half),
        best_close=None if price is None else price + Price(half),
        spot=Price(600),
        dte=40,
        days_held=1,
        minutes_to_close=100,
        structure_delta=None,
        short_deltas=(),
        quotes_verdict=verdict,
    )


def test_the_highest_mark_stands_when_the_price_falls_back() -> None:
    watch = watch_of(POSITION)

    for close in ("-1.00", "-0.40", "-0.90"):
        watch = observed(watch, POSITION, marks(close))

    assert (watch.high_close, watch.high_water) == (Price("-0.40"), Money(320))
    assert watch.high_at == NOW


@pytest.mark.parametrize(
    "unbelievable",
    [
        marks("-0.10", verdict=denied(Reason.CROSSED_QUOTE)),
        marks(None),
        replace(marks("-0.10"), natural_close=Price("-0.90"), best_close=Price("-0.80")),  # above the whole market
        replace(marks("-0.10"), natural_close=Price("-0.09"), best_close=Price("-0.01")),  # below it
        replace(marks("-0.10"), best_close=None),
    ],
)
def test_what_cannot_be_believed_raises_nothing(unbelievable: Marks) -> None:
    watch = observed(watch_of(POSITION), POSITION, marks("-0.60"))

    assert observed(watch, POSITION, unbelievable) is watch


def test_a_partial_close_counts_as_profit_and_gives_nothing_back() -> None:
    watch = observed(watch_of(POSITION), POSITION, marks("-0.40"))
    half = POSITION.with_close_fill(replace(FILL, fill_id=FillId("2"), quantity=2, price=Price("-0.40")))

    after = observed(watch, half, marks("-0.40"))
    higher = observed(after, half, marks("-0.20"))

    assert after is watch
    assert (higher.high_close, higher.high_water) == (Price("-0.20"), Money(360))  # 160 realized, 200 not


def test_a_structure_with_other_legs_starts_anew_and_keeps_its_money() -> None:
    watch = observed(watch_of(POSITION), POSITION, marks("-0.40"))
    other = replace(watch, legs=(Leg.parse("-1 SPY 2026-02-20 P 550"),))

    seen = observed(other, POSITION, marks("-0.90"))

    assert (seen.high_close, seen.high_water) == (Price("-0.90"), Money(320))


def test_nothing_held_is_nothing_to_remember() -> None:
    closed = POSITION.with_close_fill(replace(FILL, fill_id=FillId("2"), price=Price("-0.40")))
    watch = watch_of(POSITION)

    assert observed(watch, closed, marks("-0.10")) is watch


@given(st.lists(st.integers(-400, -1), min_size=1, max_size=20))
def test_the_high_is_the_maximum_of_what_was_believed(cents: list[int]) -> None:
    watch = watch_of(POSITION)

    for number in cents:
        watch = observed(watch, POSITION, marks(Price("0.01") * number))

    best = Price("0.01") * max(cents)
    assert watch.high_close == best
    assert watch.high_water == POSITION.unrealized_pnl(best)


def test_two_memories_meet_in_the_higher_mark_and_the_entry_that_is_known() -> None:
    entry = EntryFacts(spot=Price(600), iv=Decimal("0.2"))
    low = observed(watch_of(POSITION), POSITION, marks("-0.90"))
    high = replace(observed(watch_of(POSITION), POSITION, marks("-0.40")), entry=entry)

    assert merged(low, high) == high
    assert merged(replace(high, entry=None), replace(low, entry=entry)) == high
    assert merged(low, None) is low
    assert merged(low, replace(watch_of(POSITION), entry=entry)) == replace(low, entry=entry)
