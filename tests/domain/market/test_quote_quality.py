"""One quote judged: every flaw by its name, and the laws of the score."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.market.quote_neighbors import SILENCE, Corroboration, hear_neighbors, pick_neighbors
from thetaloom.domain.market.quote_quality import (
    DAMNING,
    FLAWLESS,
    FLOOR_SCORE,
    HIGH_SCORE,
    Flaw,
    QuoteScore,
    Sighting,
    Surroundings,
    WidthHistory,
    score_quote,
    sighting_of,
)
from thetaloom.maths.black_scholes import bsm_price
from thetaloom.testing import builders

NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
AROUND = Surroundings(
    now=NOW,
    age_seconds_max=30.0,
    spot=100.0,
    years=0.1,
    rate=0.03,
    dividend_yield=0.01,
    is_american=True,
    to_sell=True,
)
USED_TO = WidthHistory(median=math.log(0.10 / 2.60), deviation=0.1, readings=60)
cents = st.integers(min_value=0, max_value=20_000).map(lambda number: number / 100)


def seen(bid: float | None, ask: float | None, *, strike: float = 100.0, is_call: bool = True) -> Sighting:
    return Sighting(is_call=is_call, strike=strike, bid=bid, ask=ask, quoted_at=NOW)


def smile(
    strike: float, *, is_call: bool = True, spot: float = 100.0, iv: float = 0.25, half: float = 0.03
) -> Sighting:
    fair = bsm_price(is_call, spot, strike, AROUND.years, AROUND.rate, AROUND.dividend_yield, iv)
    return seen(round(fair - half, 2), round(fair + half, 2), strike=strike, is_call=is_call)


def judged(sighting: Sighting, history: WidthHistory = USED_TO, around: Surroundings = AROUND) -> QuoteScore:
    return score_quote(sighting, history, around)


def heard(of: Sighting, *neighbors: Sighting, spot: float = 100.0) -> Corroboration:
    around = replace(AROUND, spot=spot)
    return hear_neighbors(of, neighbors, around, lambda _: spot)


NEIGHBORS = (*(smile(strike) for strike in (90.0, 95.0, 105.0, 110.0)), smile(100.0, is_call=False))


def test_a_usual_quote_has_no_flaw() -> None:
    assert judged(seen(2.45, 2.55)) == FLAWLESS


@pytest.mark.parametrize(
    ("bid", "ask", "flaw"),
    [
        (None, None, Flaw.NO_QUOTE),
        (2.45, None, Flaw.ONE_SIDED),
        (None, 2.55, Flaw.ONE_SIDED),
        (-0.1, 2.55, Flaw.INVALID),
        (2.60, 2.55, Flaw.CROSSED),
        (0.0, 2.55, Flaw.ZERO_BID),
        (0.01, 5.0, Flaw.STUB),
        (2.45, 250.0, Flaw.ABSURD),
        (120.0, 120.5, Flaw.ABSURD),
    ],
)
def test_a_damning_flaw_leaves_nothing(bid: float | None, ask: float | None, flaw: Flaw) -> None:
    found = judged(seen(bid, ask))

    assert found.score == 0.0
    assert [one.flaw for one in found.deductions] == [flaw]
    assert flaw in DAMNING


def test_a_call_below_what_exercise_brings_is_out_of_bounds() -> None:
    assert judged(seen(8.0, 8.2, strike=90.0)).has(Flaw.OUT_OF_BOUNDS)
    assert not judged(seen(9.9, 10.1, strike=90.0)).has(Flaw.OUT_OF_BOUNDS)


def test_a_quote_older_than_the_limit_or_than_its_predecessor_is_none() -> None:
    quote = seen(2.45, 2.55)

    assert judged(quote, around=replace(AROUND, now=NOW + timedelta(seconds=31))).has(Flaw.STALE)
    assert judged(quote, around=replace(AROUND, newest_at=NOW + timedelta(seconds=1))).has(Flaw.OUT_OF_ORDER)
    assert judged(quote, around=replace(AROUND, now=NOW + timedelta(seconds=20))).score >= HIGH_SCORE


def test_a_wing_that_is_worth_nothing_may_have_no_bid() -> None:
    found = judged(seen(0.0, 0.05))

    assert found.has(Flaw.ZERO_BID)
    assert found.score >= HIGH_SCORE


def test_a_locked_quote_is_no_strong_evidence() -> None:
    found = judged(seen(2.50, 2.50))

    assert found.has(Flaw.LOCKED)
    assert FLOOR_SCORE <= found.score < HIGH_SCORE


def test_width_is_judged_against_the_contracts_own_history() -> None:
    wide = seen(2.0, 3.0)
    used_to_wide = WidthHistory(median=math.log(1.0 / 2.6), deviation=0.1, readings=60)

    assert judged(wide).has(Flaw.WIDE)
    assert not judged(wide, used_to_wide).has(Flaw.WIDE)
    assert judged(seen(0.5, 2.5), WidthHistory()).has(Flaw.WIDE)


@given(bid=cents, first=cents, second=cents)
def test_a_wider_quote_is_never_believed_more(bid: float, first: float, second: float) -> None:
    near, far = sorted((first, second))
    around = replace(AROUND, spot=None, to_sell=False)

    narrow = judged(seen(bid, bid + 0.01 + near), around=around)
    wide = judged(seen(bid, bid + 0.01 + far), around=around)

    assert wide.score <= narrow.score
    assert 0.0 <= wide.score <= narrow.score <= 1.0


@given(one=st.floats(min_value=0, max_value=40), other=st.floats(min_value=0, max_value=40))
def test_an_older_quote_is_never_believed_more(one: float, other: float) -> None:
    young, old = sorted((one, other))

    scores = [
        judged(seen(2.45, 2.55), around=replace(AROUND, now=NOW + timedelta(seconds=age))) for age in (young, old)
    ]

    assert scores[1].score <= scores[0].score


@given(st.floats(min_value=0.01, max_value=50))
def test_one_odd_reading_hardly_moves_the_history(width: float) -> None:
    usual = seen(2.45, 2.55)
    history = WidthHistory()
    for _ in range(40):
        history = history.seen(usual)

    after = history.seen(seen(2.45, 2.45 + width))

    assert abs(after.median - history.median) <= 0.1
    assert after.readings == 41


def test_a_crossed_quote_teaches_no_width() -> None:
    assert USED_TO.seen(seen(3.0, 2.0)) == USED_TO


def test_a_quote_on_its_smile_is_supported() -> None:
    found = heard(smile(100.0), *NEIGHBORS)

    assert found.supports
    assert found.parity_holds
    assert found.implied == pytest.approx(smile(100.0).mid, abs=0.03)


def test_a_quote_off_its_smile_is_contradicted_by_name() -> None:
    found = heard(seen(5.0, 5.06), *NEIGHBORS)

    assert {one.flaw for one in found.deductions} >= {Flaw.OFF_SMILE, Flaw.PARITY}
    assert not found.supports


def test_strikes_out_of_order_and_a_hump_are_named() -> None:
    dear = {one.flaw for one in heard(seen(12.0, 12.06), *NEIGHBORS).deductions}
    cheap = {one.flaw for one in heard(seen(0.10, 0.16), *NEIGHBORS).deductions}

    assert {Flaw.MONOTONICITY, Flaw.CONVEXITY} <= dear
    assert Flaw.MONOTONICITY in cheap


def test_one_bad_neighbor_convicts_nobody() -> None:
    bad = replace(NEIGHBORS[1], bid=14.0, ask=14.1)

    assert not heard(smile(100.0), NEIGHBORS[0], bad, *NEIGHBORS[2:]).deductions


def test_without_neighbors_nothing_is_deducted() -> None:
    assert heard(smile(100.0)) == SILENCE
    assert heard(seen(50.0, 50.1)).deductions == ()


def test_neighbors_quoted_before_the_news_say_nothing() -> None:
    found = hear_neighbors(
        seen(5.0, 5.06), NEIGHBORS, AROUND, lambda _: 100.0, heard_from=NOW + timedelta(milliseconds=1)
    )

    assert found == SILENCE


def test_options_of_another_time_than_the_spot_are_off_parity() -> None:
    found = heard(smile(100.0), *NEIGHBORS, spot=103.0)

    assert found.parity_holds is False


def test_the_nearest_strikes_of_both_sides_are_asked() -> None:
    assert pick_neighbors([90.0, 95.0, 97.5, 100.0, 105.0], 97.5) == (95.0, 90.0, 100.0, 105.0)


def test_a_quote_is_read_to_the_cent() -> None:
    contract = builders.contract("SPY 2026-01-16 P 560")
    read = sighting_of(contract, builders.quote("1.23", "1.27"))

    assert (read.bid, read.ask, read.strike, read.is_call) == (1.23, 1.27, 560.0, False)
    assert sighting_of(contract, None).quoted_at is None
