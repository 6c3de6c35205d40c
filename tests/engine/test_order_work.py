from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from thetaloom.domain.book.orders import Effect, OrderStatus
from thetaloom.domain.strategy.strategies import OrderPreset, OrderRule
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.ticks import NICKELS, PENNY_PROGRAM
from thetaloom.engine.order_work import LegQuote, MoveCause, OrderAction, OrderWork, next_move, ticks_of
from thetaloom.testing import builders as b

RULE = OrderRule(start_offset=Price("0.03"), reach=Decimal("0.6"), steps_max=6, interval_seconds=60)
CLOSING = ("+1 SPY 2026-01-16 P 560", "-1 SPY 2026-01-16 P 555")
OPENING = ("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555")


def _quoted(texts: tuple[str, ...], *sides: tuple[float, float]) -> tuple[LegQuote, ...]:
    legs = b.legs(*texts)
    return tuple(LegQuote(leg=leg, quote=b.quote(*side)) for leg, side in zip(legs, sides, strict=True))


def _work(*sides: tuple[float, float], texts: tuple[str, ...] = OPENING, **changes: Any) -> OrderWork:
    fields: dict[str, Any] = {
        "legs": _quoted(texts, *sides),
        "order": None,
        "rule": RULE,
        "interval_seconds": 60,
        "floor": None,
        "quote_age_seconds_max": 36_000,
        "is_open": True,
        "next_open_at": b.NOW + timedelta(days=1),
        "cancel_at": b.NOW + timedelta(hours=1),
        "now": b.NOW,
    }
    return OrderWork(**(fields | changes))


def _working(work: OrderWork, *, limit: str, revision: int, seconds: int) -> OrderWork:
    order = b.order(*(entry.leg.notation for entry in work.legs), limit=limit, effect=Effect.OPEN)
    standing = replace(
        order,
        status=OrderStatus.WORKING,
        revision=revision,
        staged_at=b.NOW,
        expires_at=b.NOW + timedelta(hours=1),
    )
    return replace(work, order=standing, now=b.NOW + timedelta(seconds=seconds))


def test_each_move_says_where_it_stands_and_why() -> None:
    first = next_move(_work((1.90, 2.10), (0.90, 1.10)))
    third = next_move(_working(_work((1.90, 2.10), (0.90, 1.10)), limit="1.01", revision=1, seconds=120))

    assert (first.action, first.step, first.cause) == (OrderAction.STAGE, 0, MoveCause.START)
    assert (first.mid_price, first.natural_price, first.width) == (Price("1.00"), Price("0.80"), Price("0.40"))
    assert (first.limit_price, first.place) == (Price("1.03"), Decimal("-0.1500"))
    assert (third.action, third.step, third.cause) == (OrderAction.REPLACE, 2, MoveCause.STEP)
    assert (third.limit_price, third.place) == (Price("0.98"), Decimal("0.1000"))


def test_a_move_that_the_floor_holds_says_so() -> None:
    move = next_move(
        _working(_work((1.90, 2.10), (0.90, 1.10), floor=Price("0.97")), limit="1.00", revision=4, seconds=300)
    )

    assert (move.limit_price, move.cause) == (Price("0.97"), MoveCause.FLOOR)


def test_closing_for_more_than_the_width_is_held_at_the_width() -> None:
    work = _work((6.00, 9.00), (1.00, 3.00), texts=CLOSING, rule=replace(RULE, reach=Decimal(1)))

    move = next_move(_working(work, limit="-4.90", revision=5, seconds=360))

    assert (move.natural_price, move.limit_price, move.cause) == (Price("-8.00"), Price("-5.00"), MoveCause.WORTH)


def test_a_step_that_found_nothing_to_change_does_not_hold_up_those_after_it() -> None:
    # Mid rose by what the second step would have given: the limit stays, and the third step is taken in time.
    risen = _work((1.93, 2.13), (0.90, 1.10))

    still = next_move(_working(risen, limit="1.01", revision=1, seconds=120))
    later = next_move(_working(risen, limit="1.01", revision=1, seconds=180))

    assert (still.action, still.limit_price, still.cause) == (OrderAction.WAIT, None, None)
    assert (later.action, later.step, later.limit_price) == (OrderAction.REPLACE, 3, Price("0.99"))


def test_an_order_is_replaced_no_more_often_than_its_rule_allows() -> None:
    move = next_move(
        _working(_work((1.90, 2.10), (0.90, 1.10), floor=Price("0.50")), limit="0.90", revision=6, seconds=420)
    )

    assert move.action is OrderAction.WAIT


def test_an_order_whose_time_is_up_is_canceled_for_it() -> None:
    work = _working(_work((1.90, 2.10), (0.90, 1.10)), limit="1.00", revision=1, seconds=3600)

    move = next_move(work)

    assert (move.action, move.cause) == (OrderAction.CANCEL, MoveCause.TIME)


@pytest.mark.parametrize(
    ("side", "classes", "ticks"),
    [
        ((1.10, 1.25), (), NICKELS),
        ((1.11, 1.25), (), PENNY_PROGRAM),  # no exchange quotes a nickel class so
        ((1.10, 1.25), ("GOOG",), PENNY_PROGRAM),
    ],
)
def test_a_class_is_in_pennies_when_the_settings_or_its_quotes_say_so(
    side: tuple[float, float], classes: tuple[str, ...], ticks: object
) -> None:
    assert ticks_of(_quoted(("-1 GOOG 2026-01-16 P 560",), side), classes) == ticks


def test_an_adaptive_order_takes_its_steps_within_its_own_time() -> None:
    work = _work((1.90, 2.10), (0.90, 1.10), rule=OrderRule(preset=OrderPreset.ADAPTIVE))
    urgent = replace(work, urgent=True)

    first, hurried = next_move(work), next_move(urgent)
    last = next_move(_working(work, limit="0.82", revision=11, seconds=300))

    assert first.look_again_at - b.NOW == timedelta(seconds=25)  # 300 seconds, 12 steps
    assert hurried.look_again_at - b.NOW == timedelta(seconds=6)
    assert (first.limit_price, last.limit_price) == (Price("1.01"), Price("0.80"))


def test_an_adaptive_order_goes_where_such_orders_filled() -> None:
    rule = OrderRule(preset=OrderPreset.ADAPTIVE, steps_max=4)
    known = _work((1.90, 2.10), (0.90, 1.10), rule=rule, past_places=(Decimal("0.1"),) * 20)

    moves = [next_move(_working(known, limit="2.00", revision=step - 1, seconds=75 * step)) for step in (1, 2, 3, 4)]

    assert [move.place for move in moves] == [Decimal(place) for place in ("0.1500", "0.3000", "0.4000", "1.0000")]
