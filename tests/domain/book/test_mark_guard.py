"""The guard: never outside bid and ask, nothing on bad quotes, a true move by the deadline, the same on replay."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thetaloom.domain.book.mark_guard import (
    GuardAnswer,
    GuardDecision,
    GuardRule,
    GuardState,
    Witness,
    new_guard,
    observe,
)
from thetaloom.domain.book.robust_mark import GuardLeg, Observation, SpotSeen, with_spot
from thetaloom.domain.market.quote_quality import FLOOR_SCORE, Sighting
from thetaloom.domain.values.canonical import canonical_json, from_json
from thetaloom.errors import InvalidInput
from thetaloom.maths.black_scholes import bsm_price

START = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
YEARS, RATE, YIELD, IV = 0.1, 0.03, 0.01, 0.25
LEGS = ((-1, 95.0), (1, 90.0))  # a put credit spread
RULE = GuardRule()
FAIR = sum(ratio * bsm_price(False, 100.0, strike, YEARS, RATE, YIELD, IV) for ratio, strike in LEGS)
LIMIT = FAIR - 0.30
prices = st.one_of(st.none(), st.integers(min_value=0, max_value=900).map(lambda number: number / 100))


def quoted(
    at: datetime,
    spot: float = 100.0,
    iv: float = IV,
    *,
    changed: Mapping[int, tuple[float | None, float | None]] | None = None,
) -> Observation:
    legs = []
    for place, (ratio, strike) in enumerate(LEGS):
        fair = bsm_price(False, spot, strike, YEARS, RATE, YIELD, iv)
        bid, ask = (changed or {}).get(place, (round(fair - 0.03, 2), round(fair + 0.03, 2)))
        sighting = Sighting(is_call=False, strike=strike, bid=bid, ask=ask, quoted_at=at)
        legs.append(GuardLeg(ratio=ratio, is_american=True, years=YEARS, sighting=sighting))
    return Observation(
        now=at,
        spot=spot,
        rate=RATE,
        dividend_yield=YIELD,
        age_seconds_max=30.0,
        legs=tuple(legs),
        spots=with_spot((SpotSeen(at=START - timedelta(hours=1), spot=100.0),), at, spot),
    )


def met_at(net: float) -> frozenset[int]:
    return frozenset({0}) if net <= LIMIT else frozenset()


def look(state: GuardState, seen: Observation) -> tuple[GuardState, GuardDecision]:
    return observe(state, seen, met_at, RULE)


def warm() -> GuardState:
    state = new_guard(len(LEGS))
    for second in range(40):
        state, _ = look(state, quoted(START + timedelta(seconds=second)))
    return state


WARM = warm()
LATER = START + timedelta(seconds=40)


def test_calm_quotes_hold() -> None:
    _, decision = look(WARM, quoted(LATER))

    assert decision.rules == ()
    assert decision.mark.quoted == pytest.approx(FAIR, abs=0.02)
    assert not decision.wants_neighbors


def test_a_move_of_the_underlying_fires_at_once() -> None:
    _, decision = look(WARM, quoted(LATER, spot=97.0))

    assert decision.fires == {0}
    assert decision.rules[0].witness is Witness.SPOT


def test_a_jump_without_the_underlying_waits_for_the_deadline() -> None:
    fired = None
    state = WARM
    for quarter in range(20):
        state, decision = look(state, quoted(LATER + timedelta(seconds=quarter / 4), iv=0.40))
        if decision.fires:
            fired = quarter / 4
            break

    assert fired == RULE.deadline_seconds
    assert decision.rules[0].witness in {Witness.DEADLINE, Witness.SPOT_REPEATED}


def test_a_jump_that_goes_back_fires_nothing() -> None:
    state, decision = look(WARM, quoted(LATER, iv=0.40))
    assert decision.rules[0].answer is GuardAnswer.CONFIRM
    assert decision.look_again_at == LATER + timedelta(seconds=2)

    _, decision = look(state, quoted(LATER + timedelta(seconds=2)))

    assert decision.rules == ()


def test_the_same_old_quote_confirms_nothing() -> None:
    jumped = quoted(LATER, changed={0: (2.5, 2.56)})
    state = WARM
    for second in range(10):
        state, decision = look(state, replace(jumped, now=LATER + timedelta(seconds=second)))

        assert decision.fires == frozenset()


def test_a_spot_that_spikes_alone_fires_nothing() -> None:
    seen = replace(quoted(LATER), spot=90.0)
    _, decision = look(WARM, seen)

    assert decision.fires == frozenset()


@given(bid=st.integers(min_value=1, max_value=900), over=st.integers(min_value=1, max_value=900), leg=st.integers(0, 1))
def test_a_crossed_quote_never_fires(bid: int, over: int, leg: int) -> None:
    state = WARM
    for second in range(6):
        at = LATER + timedelta(seconds=second)
        crossed = quoted(at, changed={leg: ((bid + over) / 100, bid / 100)})
        state, decision = look(state, crossed)

        assert decision.fires == frozenset()
        assert decision.mark.own_quality < FLOOR_SCORE


@given(first=st.tuples(prices, prices), second=st.tuples(prices, prices), spot=st.floats(min_value=50, max_value=150))
def test_the_estimate_never_lies_outside_bid_and_ask(
    first: tuple[float | None, float | None], second: tuple[float | None, float | None], spot: float
) -> None:
    _, decision = look(WARM, quoted(LATER, spot=round(spot, 2), changed={0: first, 1: second}))

    for (bid, ask), view in zip((first, second), decision.mark.legs, strict=True):
        if bid is None or ask is None:
            assert view.estimate is None
            assert view.quoted is None
            continue
        for estimate in (view.estimate, view.quoted):
            assert estimate is not None
            assert min(bid, ask) <= estimate <= max(bid, ask)


@given(st.lists(st.tuples(prices, prices), min_size=8, max_size=8))
@settings(max_examples=50)
def test_nothing_fires_below_the_floor(quotes: list[tuple[float | None, float | None]]) -> None:
    state = WARM
    for second, pair in enumerate(quotes):
        state, decision = look(state, quoted(LATER + timedelta(seconds=second), changed={0: pair}))

        assert not (decision.fires and decision.mark.own_quality < FLOOR_SCORE)


@given(
    spot=st.floats(min_value=85, max_value=99),
    iv=st.floats(min_value=0.2, max_value=0.6),
    rhythm=st.lists(st.floats(min_value=0.05, max_value=0.9), min_size=60, max_size=60),
)
@settings(max_examples=80)
def test_a_true_move_fires_by_the_deadline(spot: float, iv: float, rhythm: list[float]) -> None:
    spot = round(spot, 2)
    fair = sum(ratio * bsm_price(False, spot, strike, YEARS, RATE, YIELD, iv) for ratio, strike in LEGS)
    state, at = WARM, LATER
    decision = None
    for wait in rhythm:
        state, decision = look(state, quoted(at, spot=spot, iv=iv))
        if decision.fires or (at - LATER).total_seconds() >= RULE.deadline_seconds:
            break
        at += timedelta(seconds=wait)

    assert decision is not None
    if fair < LIMIT - 0.03:  # more than the rounding of both legs
        assert decision.fires == {0}
        assert (at - LATER).total_seconds() <= RULE.deadline_seconds + max(rhythm)
    elif fair > LIMIT + 0.03:
        assert decision.fires == frozenset()


@given(st.lists(st.tuples(st.floats(min_value=90, max_value=105), prices, prices), min_size=1, max_size=8))
@settings(max_examples=40)
def test_state_and_decision_are_the_same_on_replay(looks: list[tuple[float, float | None, float | None]]) -> None:
    state = WARM
    for second, (spot, bid, ask) in enumerate(looks):
        seen = quoted(LATER + timedelta(seconds=second), spot=round(spot, 2), changed={0: (bid, ask)})
        stored = canonical_json((state, seen))
        after = look(state, seen)
        again = look(*from_json(stored, tuple[GuardState, Observation]))

        assert again == after
        assert canonical_json(again) == canonical_json(after)
        state = after[0]


def test_bad_quotes_for_long_are_told_as_blind() -> None:
    state = WARM
    for second in range(16):
        state, decision = look(state, quoted(LATER + timedelta(seconds=second), changed={1: (None, 0.8)}))
        assert decision.is_blind is (second >= RULE.blind_after_seconds)

    _, decision = look(state, quoted(LATER + timedelta(seconds=16)))
    assert not decision.is_blind


def test_neighbors_that_contradict_block_and_neighbors_that_agree_fire() -> None:
    blocked, agreed = WARM, WARM
    for quarter in range(12):
        at = LATER + timedelta(seconds=quarter / 4)
        seen = quoted(at, iv=0.40)
        blocked, contradicted = look(blocked, with_neighbors(seen, iv=IV))
        agreed, supported = look(agreed, with_neighbors(seen, iv=0.40))
        assert contradicted.fires == frozenset()
        if supported.fires:
            break

    assert contradicted.rules[0].witness is Witness.CONTRADICTED
    assert supported.rules[0].witness is Witness.NEIGHBORS
    assert quarter / 4 <= RULE.deadline_seconds / 2


def with_neighbors(seen: Observation, *, iv: float) -> Observation:
    legs = []
    for leg in seen.legs:
        around = []
        for strike in (leg.sighting.strike + step for step in (-5.0, -2.5, 2.5, 5.0)):
            fair = bsm_price(False, seen.spot or 0.0, strike, YEARS, RATE, YIELD, iv)
            around.append(replace(leg.sighting, strike=strike, bid=round(fair - 0.02, 2), ask=round(fair + 0.02, 2)))
        legs.append(replace(leg, neighbors=tuple(around)))
    return replace(seen, legs=tuple(legs))


def test_a_cold_guard_wants_the_whole_bid_ask_beyond() -> None:
    fair = [bsm_price(False, 100.0, strike, YEARS, RATE, YIELD, IV) for _, strike in LEGS]
    marginal = {0: (round(fair[0] - 0.4, 2), round(fair[0] + 1.2, 2))}
    state = new_guard(len(LEGS))
    for second in range(10):
        state, decision = look(state, quoted(START + timedelta(seconds=second), changed=marginal))

        assert met_at(decision.mark.quoted or 0.0)
        assert decision.fires == frozenset()


def test_a_deadline_has_to_make_sense() -> None:
    with pytest.raises(InvalidInput):
        GuardRule(deadline_seconds=0)
    with pytest.raises(InvalidInput):
        GuardRule(deadline_seconds=20, blind_after_seconds=10)
    with pytest.raises(InvalidInput):
        GuardRule(updates_min=0)


def test_a_clock_is_kept_between_quotes_that_come_once_a_minute() -> None:
    state, first = look(WARM, quoted(LATER, iv=0.40))
    _, second = look(state, quoted(LATER + timedelta(minutes=1), iv=0.40))

    assert first.fires == frozenset()
    assert second.fires == {0}


def test_quotes_that_were_away_for_a_deadline_start_the_clock_anew() -> None:
    state, _ = look(WARM, quoted(LATER, iv=0.40))
    for second in (1, 4):
        state, _ = look(state, quoted(LATER + timedelta(seconds=second)))
    state, decision = look(state, quoted(LATER + timedelta(seconds=5), iv=0.40))

    assert decision.fires == frozenset()
    assert state.beyond[0].updates == 1
