from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from thetaloom.domain.book.positions import Position
from thetaloom.domain.strategy.strategies import ExitKind, ExitUnit
from thetaloom.domain.values.reasons import Reason
from thetaloom.engine.reviews import review_position
from thetaloom.engine.shown_marks import ShownMarks, shown_marks
from thetaloom.maths.american_chain import chain_american_greeks
from thetaloom.testing.desk import DeskBench, exit_rule, put_credit_spread

SHORT = "SPY 2026-01-16 P 560"
TARGET = exit_rule(ExitKind.PROFIT_TARGET, 1, ExitUnit.PERCENT_OF_PREMIUM)
Held = tuple[Position, Callable[[], ShownMarks]]


@pytest.fixture
def held(lite: DeskBench) -> Held:
    """A put spread that is held, on an expiration whose other strikes a model prices."""
    settings = lite.desk.settings
    run = lite.enter(put_credit_spread(exits=(TARGET,)), at="1.00")
    position = lite.position(run)
    assert position is not None
    contract = position.legs[0].contract
    years = lite.desk.calendar.year_fraction(lite.clock.now(), contract)
    for strike in range(520, 625, 5):
        for right in "CP":
            iv = 0.16 + 0.0006 * (575 - strike)
            terms = (years, right == "C", iv, settings.rates.at(years), settings.dividend_yield)
            mid = float(chain_american_greeks(575.0, float(strike), *terms).price[0])
            lite.market.set_quote(f"SPY 2026-01-16 {right} {strike}", round(mid - 0.02, 2), round(mid + 0.02, 2))
    return position, lambda: shown_marks(lite.desk, position, lite.clock.now())


def test_quotes_that_can_be_believed_are_marked_at_mid(held: Held) -> None:
    _, look = held

    found = look()

    assert found.source == "mid"
    assert found.worth is not None and found.worth < 0  # a sold spread costs to close
    assert {mark.source for mark in found.legs} == {"mid"}


@pytest.mark.parametrize("quote", [(None, 9.0), (0.0, 9.0), (9.0, 5.0), (None, None)])
def test_where_one_cannot_the_model_stands_in_and_says_so(
    lite: DeskBench, held: Held, quote: tuple[float | None, float | None]
) -> None:
    _, look = held
    before = look().worth
    lite.market.set_quote(SHORT, *quote)

    found = look()

    assert found.source == "model:svi"
    assert before is not None
    assert float(found.worth or 0) == pytest.approx(float(before), abs=0.06)
    assert [mark.source for mark in found.legs].count("model:svi") == 1
    assert not isinstance(found.worth, type(held[0].entry_price))  # no Price: an order cannot take it
    assert isinstance(found.worth, Decimal)


def test_neither_exits_nor_orders_see_a_model(lite: DeskBench, held: Held) -> None:
    position, look = held
    lite.market.set_quote(SHORT, None, 9.0)

    review = review_position(lite.desk, position, put_credit_spread(exits=(TARGET,)), lite.clock.now())

    assert look().worth is not None
    assert review.marks.close_price is None
    assert review.unrealized_pnl is None
    assert review.marks.quotes_verdict.reason is Reason.ONE_SIDED_QUOTE
    assert [check.met for check in review.decision.checks] == [None]
    assert not review.wants_out


def test_without_a_smile_there_is_no_mark(lite: DeskBench, held: Held) -> None:
    _, look = held
    lite.market.set_spot("SPY", None)
    lite.market.set_quote(SHORT, None, 9.0)

    found = look()

    assert (found.worth, found.source) == (None, "")
    assert [mark.worth is None for mark in found.legs].count(True) == 1


def test_stale_quotes_make_no_smile(lite: DeskBench, held: Held) -> None:
    position, _ = held
    later = lite.clock.now() + timedelta(hours=1)
    lite.market.always_fresh = False

    assert shown_marks(lite.desk, position, later).source in ("", "mid")
