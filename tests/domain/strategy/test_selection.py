"""Selecting legs: every rule on small chains, the law of the nearest delta, and the recorded day."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration, list_expirations
from thetaloom.domain.strategy.selection import Selection, select_structure
from thetaloom.domain.strategy.strategies import Metric, Strategy
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.reasons import Answer, Reason
from thetaloom.maths.black_scholes import chain_greeks

WithLegs = Callable[..., Strategy]
BuildChain = Callable[..., OptionChain]
Select = Callable[[Strategy, OptionChain], Selection]

# The monthly in 36 days, with a hole at 92; the feed gives the deltas.
CHAIN = """
2026-02-20 P 80  0.05 0.10 -0.02
2026-02-20 P 85  0.20 0.30 -0.05
2026-02-20 P 90  0.60 0.70 -0.12
2026-02-20 P 94  1.20 1.30 -0.20
2026-02-20 P 95  1.40 1.50 -0.23
2026-02-20 P 100 3.00 3.20 -0.48
2026-02-20 P 105 6.00 6.40 -0.72
2026-02-20 C 80  20.2 20.6 0.98
2026-02-20 C 95  6.50 6.70 0.77
2026-02-20 C 100 3.40 3.60 0.52
2026-02-20 C 105 1.40 1.50 0.28
2026-02-20 C 110 0.50 0.60 0.13
2026-02-20 C 115 0.15 0.25 0.05
"""
SHORT = "short_put sell put delta -0.16 delta"


@pytest.mark.parametrize(
    ("leg", "found", "why"),
    [
        (SHORT, "-1 XYZ 2026-02-20 P 90", "a: 90 has delta -0.120, nearest to -0.16 of 7 listed puts"),
        (
            "a sell put delta -0.17 delta",
            "-1 XYZ 2026-02-20 P 94",
            "a: 94 has delta -0.200, nearest to -0.17 of 7 listed puts",
        ),
        (
            "a buy call delta 0.2 delta",
            "+1 XYZ 2026-02-20 C 110",
            "a: 110 has delta 0.130, nearest to 0.2 of 6 listed calls",
        ),
        (
            "a sell put atm 0 strikes",
            "-1 XYZ 2026-02-20 P 100",
            "a: 100 is +0 listed strikes from 100, the strike at the money (spot 100)",
        ),
        (
            "a sell put atm -2 strikes",
            "-1 XYZ 2026-02-20 P 94",
            "a: 94 is -2 listed strikes from 100, the strike at the money (spot 100)",
        ),
        (
            "a sell put atm -5 dollars",
            "-1 XYZ 2026-02-20 P 95",
            "a: 95 is -5 dollars from 100, the strike at the money (spot 100)",
        ),
        (
            "a sell put atm -9 percent",
            "-1 XYZ 2026-02-20 P 90",
            "a: 90 is nearest to 91, -9 percent from 100, the strike at the money (spot 100)",
        ),
        ("a sell put strike 95 dollars", "-1 XYZ 2026-02-20 P 95", "a: 95 is the strike of the rule"),
        (
            "a sell put strike 92.5 dollars miss_max=2",
            "-1 XYZ 2026-02-20 P 94",
            "a: 94 is nearest to 92.5, the strike of the rule",
        ),
        (
            "a sell put premium 1 dollars",
            "-1 XYZ 2026-02-20 P 94",
            "a: 94 has mid 1.25, nearest to 1 of 5 quoted puts out of the money",
        ),
        (
            "a sell call premium 4 dollars",
            "-1 XYZ 2026-02-20 C 105",
            "a: 105 has mid 1.45, nearest to 4 of 3 quoted calls out of the money",
        ),
        (
            "a sell put expected_move 100 percent",
            "-1 XYZ 2026-02-20 P 94",
            "a: 94 is nearest to 93.4, spot 100 less 100 % of the straddle's 6.6",
        ),
        (
            "a sell call expected_move 150 percent",
            "-1 XYZ 2026-02-20 C 110",
            "a: 110 is nearest to 109.9, spot 100 plus 150 % of the straddle's 6.6",
        ),
    ],
)
def test_a_leg_finds_its_strike_and_says_why(
    with_legs: WithLegs, build_chain: BuildChain, select: Select, leg: str, found: str, why: str
) -> None:
    selection = select(with_legs(leg), build_chain(CHAIN))

    assert [leg.notation for leg in selection.legs] == [found]
    assert selection.verdict.is_allowed
    assert selection.reasons[-1] == why.replace("a:", f"{leg.split()[0]}:")


@pytest.mark.parametrize(
    ("legs", "found"),
    [
        (["a sell put strike 95 dollars", "b buy put width 1 strikes of=a"], "94"),
        (["a sell put strike 95 dollars", "b buy put width 3 strikes of=a"], "85"),
        (["a sell put strike 95 dollars", "b buy put width 5 dollars of=a"], "90"),
        (["a sell put strike 95 dollars", "b buy put width 3 dollars of=a miss_max=2"], "90"),  # 94 is as near
        # nearest to 94.5 would be 95 itself
        (["a sell put strike 95 dollars", "b buy put width 0.5 dollars of=a miss_max=2"], "94"),
        (["a sell call strike 105 dollars", "b buy call width 2 strikes of=a"], "115"),
        (["a sell call strike 105 dollars", "b buy call width 10 dollars of=a"], "115"),
        (["a sell put strike 94 dollars", "b buy call width 1 strikes of=a"], "95"),
    ],
)
def test_a_width_leads_away_from_the_money(
    with_legs: WithLegs, build_chain: BuildChain, select: Select, legs: list[str], found: str
) -> None:
    selection = select(with_legs(*legs), build_chain(CHAIN))

    assert str(selection.legs[1].contract.strike) == found


def test_a_width_of_strikes_counts_listed_strikes_not_dollars(
    with_legs: WithLegs, build_chain: BuildChain, select: Select
) -> None:
    selection = select(with_legs("a sell put strike 95 dollars", "b buy put width 2 strikes of=a"), build_chain(CHAIN))

    assert selection.reasons[2] == "b: 90 is 2 listed strikes below 95 of a"


def test_legs_may_be_named_before_the_leg_they_are_measured_from(
    with_legs: WithLegs, build_chain: BuildChain, select: Select
) -> None:
    strategy = with_legs(
        "far buy put width 1 strikes of=near",
        "near sell put width 1 strikes of=first",
        "first sell put atm -1 strikes",
    )

    legs = select(strategy, build_chain(CHAIN)).legs

    assert [str(leg.contract.strike) for leg in legs] == ["90", "94", "95"]
    assert [leg.ratio for leg in legs] == [1, -1, -1]


def test_the_ratio_carries_the_side(with_legs: WithLegs, build_chain: BuildChain, select: Select) -> None:
    strategy = with_legs(SHORT)
    double = replace(strategy, legs=(replace(strategy.legs[0], ratio=2),))

    assert select(double, build_chain(CHAIN)).legs[0].ratio == -2


@pytest.mark.parametrize(
    ("leg", "reason", "facts"),
    [
        (
            f"{SHORT} miss_max=0.039",
            Reason.SELECTION_TOO_FAR,
            {"wished": "-0.16", "nearest": "-0.12", "strike": "90", "miss": "0.04", "limit": "0.039", "unit": "delta"},
        ),
        (
            "a sell put strike 92 dollars",
            Reason.SELECTION_TOO_FAR,
            {"wished": "92", "nearest": "90", "strike": "90", "miss": "2", "limit": "0", "unit": "dollars"},
        ),
        (
            "a sell put premium 1 dollars miss_max=0.2",
            Reason.SELECTION_TOO_FAR,
            {"wished": "1", "nearest": "1.25", "strike": "94", "miss": "0.25", "limit": "0.2", "unit": "dollars"},
        ),
        (
            "a sell put expected_move 100 percent miss_max=0.5",
            Reason.SELECTION_TOO_FAR,
            {
                "wished": "93.4",
                "nearest": "94",
                "strike": "94",
                "miss": "0.6",
                "limit": "0.5",
                "unit": "percent of spot",
            },
        ),
        (
            "a sell put atm -7 strikes",
            Reason.NO_STRIKE,
            {"wished_strikes": "-7", "listed_below": "5", "listed_above": "1"},
        ),
        (
            "a sell put atm 2 strikes",
            Reason.NO_STRIKE,
            {"wished_strikes": "2", "listed_below": "5", "listed_above": "1"},
        ),
        ("a sell put atm -100 percent", Reason.NO_STRIKE, {"wished": "0"}),
    ],
)
def test_a_leg_that_finds_no_strike_says_what_was_near(
    with_legs: WithLegs,
    build_chain: BuildChain,
    select: Select,
    leg: str,
    reason: Reason,
    facts: dict[str, str],
) -> None:
    selection = select(with_legs(leg), build_chain(CHAIN))

    assert selection.verdict.answer is Answer.DENY
    assert selection.verdict.reason is reason
    assert selection.verdict.facts.items() >= {**facts, "expires_on": "2026-02-20", "leg": leg.split()[0]}.items()
    assert selection.legs == ()
    assert selection.expires_on is None
    assert selection.rejections[0].leg == leg.split()[0]


def test_a_miss_exactly_at_the_limit_is_allowed(with_legs: WithLegs, build_chain: BuildChain, select: Select) -> None:
    assert select(with_legs(f"{SHORT} miss_max=0.04"), build_chain(CHAIN)).verdict.is_allowed


@pytest.mark.parametrize("width", ["1 strikes of=a", "5 dollars of=a"])
def test_a_width_beyond_the_last_strike_is_refused(
    with_legs: WithLegs, build_chain: BuildChain, select: Select, width: str
) -> None:
    strategy = with_legs("a sell put strike 80 dollars", f"b buy put width {width}")

    selection = select(strategy, build_chain(CHAIN))

    assert selection.verdict.reason is Reason.NO_STRIKE
    assert selection.verdict.facts["listed_beyond"] == "0"


def test_a_leg_on_a_side_that_is_not_listed_is_refused(
    with_legs: WithLegs, build_chain: BuildChain, select: Select
) -> None:
    selection = select(with_legs("a buy call delta 0.3 delta"), build_chain("2026-02-20 P 95 1 1.1 -0.2"))

    assert selection.verdict.reason is Reason.NO_STRIKE
    assert selection.verdict.facts["listed"] == "0"


def test_legs_measured_from_a_leg_without_strike_are_passed_over(
    with_legs: WithLegs, build_chain: BuildChain, select: Select
) -> None:
    strategy = with_legs(
        "a sell put strike 91 dollars",
        "b buy put width 1 strikes of=a",
        "c buy put width 1 strikes of=b",
        "d sell call strike 109 dollars",
    )

    rejections = select(strategy, build_chain(CHAIN)).rejections

    assert [rejection.leg for rejection in rejections] == ["a", "d"]


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_two_legs_on_one_contract_are_refused(
    with_legs: WithLegs, build_chain: BuildChain, select: Select, side: str
) -> None:
    strategy = with_legs("a sell put strike 95 dollars", f"b {side} put atm -1 strikes")

    selection = select(strategy, build_chain(CHAIN))

    assert selection.verdict.reason is Reason.LEGS_COINCIDE
    assert selection.verdict.facts == {
        "expires_on": "2026-02-20",
        "leg": "b",
        "strike": "95",
        "other_leg": "a",
    }


def test_an_empty_chain_and_an_unknown_spot_say_so(
    with_legs: WithLegs, build_chain: BuildChain, select: Select
) -> None:
    chain = build_chain(CHAIN)

    empty = select(with_legs(SHORT), chain.select(np.zeros(len(chain), dtype=bool)))
    blind = select(with_legs(SHORT), build_chain(CHAIN, spot=None))

    assert empty.verdict.reason is Reason.EMPTY_CHAIN
    assert (blind.verdict.answer, blind.verdict.reason) == (Answer.UNKNOWN, Reason.NO_SPOT)


# quotes

BAD_QUOTES = ["- -", "0 0", "1.5 1.2", "- 1.3", "1.2 -", "-1 1.3", "1.2 inf", "0 1.3"]


@pytest.mark.parametrize("quote", BAD_QUOTES)
def test_a_strike_that_cannot_be_sold_is_not_chosen_by_delta_or_premium(
    with_legs: WithLegs, build_chain: BuildChain, select: Select, quote: str
) -> None:
    chain = build_chain(CHAIN.replace("P 94  1.20 1.30", f"P 94 {quote}"))

    by_delta = select(with_legs("a sell put delta -0.2 delta"), chain)
    by_premium = select(with_legs("a sell put premium 1.25 dollars"), chain)

    assert str(by_delta.legs[0].contract.strike) == "95"
    assert str(by_premium.legs[0].contract.strike) == "95"
    assert by_delta.reasons[1].endswith("of 7 listed puts (1 without a usable quote)")


@pytest.mark.parametrize("quote", BAD_QUOTES)
def test_a_named_strike_that_cannot_be_sold_is_refused_not_replaced(
    with_legs: WithLegs, build_chain: BuildChain, select: Select, quote: str
) -> None:
    chain = build_chain(CHAIN.replace("P 94  1.20 1.30", f"P 94 {quote}"))

    selection = select(with_legs("a sell put strike 94 dollars"), chain)

    assert selection.verdict.reason in {
        Reason.NO_QUOTE,
        Reason.INVALID_QUOTE,
        Reason.CROSSED_QUOTE,
        Reason.ONE_SIDED_QUOTE,
    }
    assert selection.verdict.facts["strike"] == "94"


def test_a_bid_of_zero_can_be_bought_but_its_half_ask_moves_no_delta(
    with_legs: WithLegs, build_chain: BuildChain, select: Select
) -> None:
    no_feed = "\n".join(" ".join(line.split()[:5]) for line in CHAIN.strip().splitlines())
    chain = build_chain(no_feed.replace("P 80 0.05 0.10", "P 80 0 9.00"))

    by_delta = select(with_legs("a buy put delta -0.3 delta"), chain)
    by_strike = select(with_legs("a buy put strike 80 dollars"), chain)

    assert str(by_delta.legs[0].contract.strike) == "95"
    assert by_strike.verdict.is_allowed


def test_without_any_usable_quote_the_delta_is_unknown(
    with_legs: WithLegs, build_chain: BuildChain, select: Select
) -> None:
    chain = build_chain("2026-02-20 P 95 - - -0.2\n2026-02-20 P 90 2 1 -0.1")

    by_delta = select(with_legs(SHORT), chain)
    by_premium = select(with_legs("a sell put premium 1 dollars"), chain)
    by_move = select(with_legs("a sell put expected_move 100 percent"), chain)

    assert (by_delta.verdict.answer, by_delta.verdict.reason) == (Answer.UNKNOWN, Reason.NO_QUOTE)
    assert by_premium.verdict.reason is Reason.NO_STRIKE
    assert (by_move.verdict.answer, by_move.verdict.reason) == (Answer.UNKNOWN, Reason.NO_QUOTE)


def test_our_own_delta_is_taken_where_the_feed_has_none_or_a_zero(
    with_legs: WithLegs, build_chain: BuildChain, select: Select
) -> None:
    own = chain_greeks(100.0, [90.0, 95.0], 36 / 365, False, [0.3, 0.3], 0.04, 0.0)
    lines = [
        f"2026-02-20 P {strike} {mid - 0.0001:.4f} {mid + 0.0001:.4f} {feed}"
        for strike, mid, feed in zip((90, 95), own.price, ("-", "0"), strict=True)
    ]

    for wished, strike in zip(own.delta, (90, 95), strict=True):
        strategy = with_legs(f"a sell put delta {wished:.3f} delta miss_max=0.002")
        assert str(select(strategy, build_chain("\n".join(lines))).legs[0].contract.strike) == str(strike)


ANY_QUOTE = st.sampled_from(["1 1.1", "- 1.1", "1.1 1", "0 0.1", "1 -"])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(1, 400), ANY_QUOTE, st.integers(-100, -1)),
        unique_by=lambda row: row[0],
        min_size=1,
        max_size=25,
    ),
    wished=st.integers(-100, -1),
)
def test_the_leg_by_delta_is_the_nearest_that_can_be_sold(
    with_legs: WithLegs, build_chain: BuildChain, select: Select, rows: list[tuple[int, str, int]], wished: int
) -> None:
    chain = build_chain("\n".join(f"2026-02-20 P {strike} {quote} {delta / 100}" for strike, quote, delta in rows))
    best: tuple[int, int] | None = None
    for strike, quote, delta in rows:
        key = (abs(delta - wished), strike)  # of two as near the one further out of the money
        if quote == "1 1.1" and (best is None or key < best):
            best = key

    selection = select(with_legs(f"a sell put delta {wished / 100} delta"), chain)

    found = int(selection.legs[0].contract.strike) if selection.legs else None
    assert found == (best and best[1])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    smile=st.lists(
        st.tuples(st.integers(80, 120), st.floats(0.3, 0.9)), unique_by=lambda row: row[0], min_size=1, max_size=20
    ),
    wished=st.floats(0.05, 0.95),
)
def test_without_a_feed_the_leg_is_the_nearest_by_the_delta_that_its_mid_implies(
    with_legs: WithLegs, build_chain: BuildChain, select: Select, smile: list[tuple[int, float]], wished: float
) -> None:
    below, years, rate = NormalDist().cdf, 36.2292 / 365, 0.04  # the monthly closes 36 days and 5.5 hours ahead
    lines, deltas = [], {}
    for strike, iv in smile:
        d1 = (math.log(100 / strike) + (rate + iv * iv / 2) * years) / (iv * math.sqrt(years))
        price = 100 * below(d1) - strike * math.exp(-rate * years) * below(d1 - iv * math.sqrt(years))
        deltas[strike] = below(d1)
        lines.append(f"2026-02-20 C {strike} {price:.6f} {price:.6f}")

    selection = select(with_legs(f"a buy call delta {wished:.4f} delta"), build_chain("\n".join(lines)))

    found = int(selection.legs[0].contract.strike)
    assert abs(deltas[found] - wished) <= min(abs(delta - wished) for delta in deltas.values()) + 1e-3


# expirations

WEEKLY_34, MONTHLY_36, WEEKLY_43, MONTHLY_64 = "2026-02-18", "2026-02-20", "2026-02-27", "2026-03-20"
DAYS = (WEEKLY_34, MONTHLY_36, WEEKLY_43, MONTHLY_64)


@pytest.mark.parametrize(
    ("window", "listed", "chosen"),
    [
        ({"dte_min": 25, "dte_max": 45, "dte_target": 35}, DAYS, WEEKLY_34),  # as near as the monthly, but earlier
        ({"dte_min": 25, "dte_max": 45, "dte_target": 36}, DAYS, MONTHLY_36),
        ({"dte_min": 25, "dte_max": 45, "dte_target": 42}, DAYS, WEEKLY_43),
        ({"dte_min": 25, "dte_max": 45, "dte_target": 42, "prefer": "monthly"}, DAYS, MONTHLY_36),
        ({"dte_min": 25, "dte_max": 70, "dte_target": 55, "prefer": "monthly"}, DAYS, MONTHLY_64),
        ({"dte_min": 25, "dte_max": 70, "dte_target": 50, "prefer": "monthly"}, DAYS, MONTHLY_36),  # 14 days each
        ({"dte_min": 25, "dte_max": 45, "dte_target": 36, "prefer": "weekly"}, DAYS, WEEKLY_34),
        ({"dte_min": 37, "dte_max": 45, "dte_target": 40, "prefer": "monthly"}, DAYS, WEEKLY_43),
        ({"dte_min": 36, "dte_max": 36, "dte_target": 36, "prefer": "weekly"}, DAYS, MONTHLY_36),
    ],
)
def test_the_preferred_expiration_of_the_window_is_taken(
    with_legs: WithLegs,
    build_chain: BuildChain,
    select: Select,
    window: dict[str, object],
    listed: tuple[str, ...],
    chosen: str,
) -> None:
    chain = build_chain("\n".join(f"{day} P 95 1 1.1 -0.2" for day in listed))

    selection = select(with_legs(SHORT, **window), chain)

    assert str(selection.expires_on) == chosen


def test_the_next_expiration_is_taken_when_the_preferred_one_lacks_a_leg(
    with_legs: WithLegs, build_chain: BuildChain, select: Select
) -> None:
    chain = build_chain(f"{MONTHLY_36} P 95 1 1.1 -0.3\n{WEEKLY_43} P 95 1 1.1 -0.17\n{MONTHLY_64} P 95 1 1.1 -0.16")

    selection = select(with_legs(f"{SHORT} miss_max=0.05"), chain)

    assert str(selection.expires_on) == WEEKLY_43
    assert selection.reasons[0] == (
        "expiration: 2026-02-27 (weekly, XYZ) has 43 DTE, target 36, "
        "first by preference nearest of 2 listed within 25 to 45 DTE, after 1 refused"
    )
    refused, outside = selection.rejections
    assert (str(refused.expires_on), refused.leg, refused.verdict.reason) == (
        MONTHLY_36,
        "short_put",
        Reason.SELECTION_TOO_FAR,
    )
    assert str(outside.expires_on) == MONTHLY_64
    assert outside.verdict.facts == {"dte": "64", "window": "25 to 45 DTE", "days_outside": "19"}


def test_no_expiration_in_the_window_names_the_nearest_ones(
    with_legs: WithLegs, build_chain: BuildChain, select: Select
) -> None:
    chain = build_chain("\n".join(f"{day} P 95 1 1.1 -0.2" for day in DAYS))

    between = select(with_legs(SHORT, dte_min=50, dte_max=60, dte_target=55), chain)
    beyond = select(with_legs(SHORT, dte_min=70, dte_max=80, dte_target=75), chain)
    before = select(with_legs(SHORT, dte_min=0, dte_max=3, dte_target=1), chain)

    assert between.verdict.reason is Reason.NO_EXPIRATION
    assert between.verdict.facts == {
        "window": "50 to 60 DTE",
        "nearest_below": "43",
        "nearest_above": "64",
        "listed": "4",
    }
    assert beyond.verdict.facts["nearest_above"] == "none"
    assert before.verdict.facts["nearest_below"] == "none"
    assert [rejection.verdict.facts["days_outside"] for rejection in between.rejections] == ["16", "14", "7", "4"]


def test_adjusted_roots_are_passed_over(with_legs: WithLegs, build_chain: BuildChain, select: Select) -> None:
    adjusted = f"{MONTHLY_36} P 95 1 1.1 -0.16 XYZ1"
    both = f"{adjusted}\n{MONTHLY_36} P 94 1 1.1 -0.16 XYZ"

    only = select(with_legs(SHORT), build_chain(adjusted))
    one = select(with_legs(SHORT), build_chain(both))

    assert only.verdict.reason is Reason.NO_EXPIRATION
    assert only.verdict.facts["adjusted"] == "1"
    assert only.rejections[0].verdict.reason is Reason.ADJUSTED_CONTRACT
    assert one.legs[0].contract.root == "XYZ"


def test_the_legs_of_a_structure_share_their_root(with_legs: WithLegs, build_chain: BuildChain, select: Select) -> None:
    chain = build_chain(
        f"{MONTHLY_36} P 95 1 1.1 -0.16 SPX\n{MONTHLY_36} P 94 1 1.1 -0.1 SPXW\n{MONTHLY_36} P 93 1 1.1 -0.1 SPX"
    )

    legs = select(with_legs(SHORT, "b buy put width 1 strikes of=short_put"), chain).legs

    assert [leg.notation for leg in legs] == ["-1 SPX 2026-02-20 P 95", "+1 SPX 2026-02-20 P 93"]


def test_an_expiration_that_trades_no_more_is_refused(with_legs: WithLegs, build_chain: BuildChain) -> None:
    now = datetime(2026, 2, 20, 21, 0, tzinfo=UTC)
    over = Expiration(expires_on=date(2026, 2, 20), root="XYZ", dte=0, years=0.0, is_monthly=True, last_trading_at=now)
    strategy = with_legs(SHORT, dte_min=0, dte_max=0, dte_target=0)

    selection = select_structure(strategy, build_chain(CHAIN), (over,), now=now, rate=0.04, dividend_yield=0.0)

    assert selection.verdict.reason is Reason.NO_EXPIRATION
    assert "last_trading_at" in selection.rejections[0].verdict.facts


def test_the_same_inputs_give_the_same_selection_to_the_byte(
    with_legs: WithLegs, build_chain: BuildChain, select: Select
) -> None:
    strategy = with_legs(SHORT, "b buy put width 1 strikes of=short_put")

    first, second = (canonical_json(select(strategy, build_chain(CHAIN))) for _ in range(2))

    assert first == second


@pytest.mark.shared_data
def test_the_demo_strategy_finds_its_legs_all_through_the_recorded_day(
    goog: Callable[[datetime], OptionChain], catalogue: dict[str, Strategy], calendar: TradingCalendar
) -> None:
    strategy = catalogue["goog-demo-put-credit-spread"]
    for minutes in range(0, 170, 20):
        now = datetime(2015, 12, 24, 14, 40, tzinfo=UTC) + timedelta(minutes=minutes)
        chain = goog(now)
        expirations = list_expirations(chain, calendar, now)

        selection = select_structure(strategy, chain, expirations, now=now, rate=0.005, dividend_yield=0.0)

        assert selection.verdict.is_allowed
        assert selection.expires_on == date(2016, 1, 15)
        for leg in selection.legs:
            quote, limit = chain.quote_of(leg.contract), strategy.liquidity.bid_ask_width_max
            assert quote is not None and quote.bid_ask_width is not None and limit is not None
            assert quote.bid_ask_width <= limit


@pytest.mark.shared_data
def test_every_shipped_strategy_answers_on_the_recorded_day(
    goog: Callable[[datetime], OptionChain], catalogue: dict[str, Strategy], calendar: TradingCalendar
) -> None:
    now = datetime(2015, 12, 24, 15, 0, tzinfo=UTC)
    chain = goog(now)
    expirations = list_expirations(chain, calendar, now)

    listed = {one.expires_on for one in expirations}

    for strategy in catalogue.values():
        selection = select_structure(
            strategy,
            chain,
            expirations,
            now=now,
            rate=0.005,
            dividend_yield=0.0,
            tradeable_capital=Money(60_000),
            readings={Metric.BAND_DISTANCE: Decimal(3), Metric.SUPPORT: Decimal(600), Metric.RESISTANCE: Decimal(900)},
        )
        refused = {rejection.expires_on for rejection in selection.rejections}
        assert refused <= listed
        assert selection.verdict.is_allowed == bool(selection.legs)
        assert selection.expires_on in listed if selection.legs else refused == listed
