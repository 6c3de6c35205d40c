"""Selecting by the newer words: rounding, tables, guards, net credits, pairs of expirations, drops, relaxation."""

from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from tests.domain.strategy.conftest import SELECTED_AT
from tests.domain.strategy.samples import CALENDAR, TRIDENT
from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import list_expirations
from thetaloom.domain.strategy.documents import parse_strategy
from thetaloom.domain.strategy.selection import Selection
from thetaloom.domain.strategy.strategies import Metric, Strategy
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.reasons import Answer, Reason

PricedChain = Callable[..., OptionChain]
Select = Callable[..., Selection]
WithLegs = Callable[..., Strategy]

CALM = {Metric.RSI_14: Decimal(50)}
WIDE = range(400, 501)


@pytest.mark.parametrize(
    ("spot", "body"), [("449.23", 450), ("449.00", 448), ("451.00", 452), ("450", 450), ("452.99", 452), ("453", 452)]
)
def test_the_body_of_a_trident_is_the_even_strike_and_ties_go_to_the_even_half(
    priced_chain: PricedChain, select: Select, spot: str, body: int
) -> None:
    chain = priced_chain(WIDE, spot=spot)
    found = select(parse_strategy(TRIDENT), chain, tradeable_capital=Money(30_000), readings=CALM)

    assert [leg.notation for leg in found.legs] == [
        f"-2 XYZ 2026-02-20 P {body}",
        f"+2 XYZ 2026-02-20 P {body - 5}",
        f"-1 XYZ 2026-02-20 C {body}",
        f"+1 XYZ 2026-02-20 C {body + 5}",
    ]
    assert found.leg_names == ("short_put", "long_put", "short_call", "long_call")


@pytest.mark.parametrize(("spot", "strike"), [("449.23", 450), ("449.00", 448), ("451.00", 452)])
@pytest.mark.parametrize("unit", ["dollars", "percent"])
def test_at_the_money_rounds_the_price_and_not_the_listed_strike(
    priced_chain: PricedChain, select: Select, with_legs: WithLegs, spot: str, strike: int, unit: str
) -> None:
    found = select(with_legs(f"a sell put atm 0 {unit} round_to=2"), priced_chain(WIDE, spot=spot))

    assert found.legs[0].contract.strike == strike


@pytest.mark.parametrize(("capital", "width"), [(24_999, 3), (25_000, 5), (50_000, 7), (74_999, 7), (75_000, 9)])
def test_the_width_follows_the_tradeable_capital(
    priced_chain: PricedChain, select: Select, capital: int, width: int
) -> None:
    chain = priced_chain(WIDE, spot="450")
    found = select(parse_strategy(TRIDENT), chain, tradeable_capital=Money(capital), readings=CALM)

    put, far_put, call, far_call = (leg.contract.strike for leg in found.legs)
    assert put - far_put == far_call - call == width
    assert f"width: {width} dollars by the table, tradeable capital is {capital}" in found.reasons


def test_an_unknown_capital_or_level_or_reading_is_a_no(
    priced_chain: PricedChain, select: Select, with_legs: WithLegs
) -> None:
    chain = priced_chain(WIDE, spot="450")
    no_capital = select(parse_strategy(TRIDENT), chain, readings=CALM)
    no_reading = select(parse_strategy(TRIDENT), chain, tradeable_capital=Money(1))

    for found, needed in ((no_capital, "tradeable_capital"), (no_reading, "rsi_14")):
        assert (found.verdict.answer, found.verdict.reason) == (Answer.UNKNOWN, Reason.SELECTION_UNKNOWN)
        assert found.verdict.facts["needed"] == needed


def test_a_strike_that_must_be_met_exactly_is_not_replaced_by_its_neighbor(
    priced_chain: PricedChain, select: Select
) -> None:
    chain = priced_chain([*range(400, 450), *range(451, 501)], spot="450")
    found = select(parse_strategy(TRIDENT), chain, tradeable_capital=Money(1), readings=CALM)

    assert found.verdict.reason is Reason.SELECTION_TOO_FAR
    assert found.verdict.facts["wished"] == "450"


def test_legs_are_dropped_when_the_market_says_so_and_the_reasons_tell(
    priced_chain: PricedChain, select: Select
) -> None:
    chain, trident = priced_chain(WIDE, spot="450"), parse_strategy(TRIDENT)
    hot = select(trident, chain, tradeable_capital=Money(1), readings={Metric.RSI_14: Decimal("70.5")})
    calm = select(trident, chain, tradeable_capital=Money(1), readings={Metric.RSI_14: Decimal(70)})

    assert hot.leg_names == ("short_put", "long_put")
    assert "short_call, long_call: left out, rsi_14 is 70.5, left out when > 70" in hot.reasons
    assert len(calm.legs) == 4
    assert "short_call, long_call: kept, rsi_14 is 70, left out when > 70" in calm.reasons


@pytest.mark.parametrize(
    ("leg", "strike"),
    [
        ("a sell put otm 3 percent", 97),
        ("a sell call otm 3 percent", 103),
        ("a sell put otm -3 percent", 103),
        ("a buy call otm -4 dollars", 96),
        ("a sell put otm 0 percent", 100),
        ("a sell put otm 0.4 dollars", 100),
        ("a sell call otm 5 percent round_to=2", 104),  # 105 lies between, and 104 is the even multiple
        ("a sell put otm 5 percent round_to=2.5", 95),
    ],
)
def test_a_distance_out_of_the_money_goes_down_for_puts_and_up_for_calls(
    priced_chain: PricedChain, select: Select, with_legs: WithLegs, leg: str, strike: int
) -> None:
    assert select(with_legs(leg), priced_chain(range(80, 121))).legs[0].contract.strike == strike


def test_what_is_meant_out_of_the_money_never_lands_in_it(
    priced_chain: PricedChain, select: Select, with_legs: WithLegs
) -> None:
    chain = priced_chain([90, 101, 110])

    assert select(with_legs("a sell put otm 1 percent"), chain).legs[0].contract.strike == 90
    assert select(with_legs("a sell put otm 1 percent miss_max=5"), chain).verdict.reason is Reason.SELECTION_TOO_FAR


@pytest.mark.parametrize(
    ("right", "level", "strike", "moved"),
    [
        ("put", "94", 97, False),  # 94 x 1.02 = 95.88 lies below the wished 97
        ("put", "96", 98, True),  # 97.92
        ("call", "106", 103, False),
        ("call", "104", 102, True),  # 101.92
    ],
)
def test_strikes_stay_off_their_level_by_the_buffer(
    priced_chain: PricedChain, select: Select, right: str, level: str, strike: int, moved: bool
) -> None:
    word, metric = ("support", Metric.SUPPORT) if right == "put" else ("resistance", Metric.RESISTANCE)
    select_rule = {"by": "otm", "value": 3, "unit": "percent"}
    leg = {"name": "short", "side": "sell", "right": right, "select": select_rule, "guard": {"level": word}}
    document = {"id": "a", "name": "a", "expiration": {"dte_min": 25, "dte_max": 45, "dte_target": 36}, "legs": [leg]}
    found = select(parse_strategy(document), priced_chain(range(80, 121)), readings={metric: Decimal(level)})

    assert found.legs[0].contract.strike == strike
    assert (f"to stay 2 % off the {word}" in found.reasons[-1]) is moved


def test_a_level_too_near_or_unknown_is_a_no(priced_chain: PricedChain, select: Select) -> None:
    select_rule = {"by": "otm", "value": 3, "unit": "percent"}
    leg = {"name": "a", "side": "sell", "right": "put", "select": select_rule, "guard": {"level": "support"}}
    document = {"id": "a", "name": "a", "expiration": {"dte_min": 25, "dte_max": 45, "dte_target": 36}, "legs": [leg]}
    near = select(parse_strategy(document), priced_chain(range(80, 121)), readings={Metric.SUPPORT: Decimal(99)})
    blind = select(parse_strategy(document), priced_chain(range(80, 121)))

    assert near.verdict.reason is Reason.NO_STRIKE
    assert near.verdict.facts["strike_kept_at"] == "100.98"
    assert (blind.verdict.reason, blind.verdict.facts["needed"]) == (Reason.SELECTION_UNKNOWN, "support")


def test_a_net_credit_is_that_of_the_spread_and_the_strike_the_furthest_out(
    priced_chain: PricedChain, select: Select, with_legs: WithLegs
) -> None:
    chain = priced_chain(range(80, 121))
    spread = with_legs("short sell put net_credit 1.00 dollars", "long buy put width 5 dollars of=short")
    found = select(spread, chain)
    nets = {}
    for strike in range(85, 100):
        low, high = (chain_mid(chain, f"P {each}") for each in (strike - 5, strike))
        nets[strike] = high - low

    assert found.legs[0].contract.strike == min(strike for strike, net in nets.items() if net >= 1)
    assert "net at mid with long, at least 1; the furthest out of 20 quoted puts" in found.reasons[1]
    too_much = select(
        with_legs(*["short sell put net_credit 4.9 dollars", "long buy put width 5 dollars of=short"]), chain
    )
    assert too_much.verdict.reason is Reason.CREDIT_TOO_LOW
    assert Decimal(str(too_much.verdict.facts["best_net_credit"])) == max(nets.values())


def chain_mid(chain: OptionChain, contract: str) -> Decimal:
    right, strike = contract.split()
    at = [
        index
        for index in range(len(chain))
        if chain.strike[index] == int(strike) * 1000 and bool(chain.is_call[index]) is (right == "C")
    ]
    return (Decimal(f"{chain.bid[at[0]]:.2f}") + Decimal(f"{chain.ask[at[0]]:.2f}")) / 2


def test_a_calendar_takes_the_pair_nearest_to_its_targets_within_the_ratio(
    priced_chain: PricedChain, select: Select
) -> None:
    # 22, 29, 36 and 50, 57, 64 days away
    days = ["2026-02-06", "2026-02-13", "2026-02-20", "2026-03-06", "2026-03-13", "2026-03-20"]
    found = select(parse_strategy(CALENDAR), priced_chain(range(80, 121), *days))

    assert [leg.notation for leg in found.legs] == ["-1 XYZ 2026-02-06 C 100", "+1 XYZ 2026-03-13 C 100"]
    assert "back expiration: 2026-03-13 (weekly, XYZ) has 57 DTE, target 55, 2.59 times the front's" in found.reasons
    assert str(found.expires_on) == "2026-02-06"


@pytest.mark.parametrize(
    ("days", "pair"),
    [
        (["2026-02-13", "2026-03-06"], ["2026-02-13", "2026-03-06"]),  # 29 and 50 days: 1.72
        (["2026-02-13", "2026-03-02"], None),  # 46 days are 1.59 times 29
        (["2026-02-04", "2026-03-20"], None),  # 64 days are 3.2 times 20
        (["2026-02-13"], None),
    ],
)
def test_a_pair_outside_of_the_ratio_is_no_pair(
    priced_chain: PricedChain, select: Select, days: list[str], pair: list[str] | None
) -> None:
    found = select(parse_strategy(CALENDAR), priced_chain(range(80, 121), *days))

    if pair is None:
        assert found.verdict.reason is Reason.NO_EXPIRATION
        assert found.verdict.facts["back_window"] == "45 to 75 DTE"
    else:
        assert [str(leg.contract.expires_on) for leg in found.legs] == pair


def test_the_next_pair_is_tried_when_a_strike_is_not_listed_in_the_back(
    priced_chain: PricedChain, select: Select, build_chain: Callable[..., OptionChain]
) -> None:
    lines = ["2026-02-09 C 100 2.00 2.02", "2026-03-11 C 105 2.00 2.02", "2026-03-16 C 100 4.00 4.02"]
    found = select(parse_strategy(CALENDAR), build_chain("\n".join(lines)))

    assert [leg.notation for leg in found.legs] == ["-1 XYZ 2026-02-09 C 100", "+1 XYZ 2026-03-16 C 100"]
    assert [(one.leg, one.verdict.reason) for one in found.rejections if one.leg] == [("far", Reason.SELECTION_TOO_FAR)]


def test_a_relaxed_selection_lets_strikes_miss_three_times_as_far_and_says_so(
    priced_chain: PricedChain, select: Select, with_legs: WithLegs
) -> None:
    chain, rule = priced_chain([85, 100, 115]), with_legs("a sell put otm 3 percent miss_max=5")
    strict, relaxed = select(rule, chain), select(rule, chain, relaxed=True)
    far = select(with_legs("a sell put otm 3 percent miss_max=0.9"), chain, relaxed=True)

    assert strict.legs[0].contract.strike == 100  # 3 of 5 percent
    assert relaxed.legs == strict.legs
    assert far.verdict.facts["limit"] == "2.7"
    missing = select(with_legs("a sell put otm 8 percent miss_max=2.5"), chain, relaxed=True)
    assert missing.legs[0].contract.strike == 85
    assert "relaxed: misses by 7 percent of spot, 7.5 allowed in place of 2.5" in missing.reasons[1]
    assert missing.reasons[-1] == "relaxed: a strike may miss by 3 times its miss_max"


def test_relaxation_leaves_exact_strikes_exact(priced_chain: PricedChain, select: Select, with_legs: WithLegs) -> None:
    wing = with_legs("short sell put strike 100 dollars", "long buy put width 4 dollars of=short")

    assert select(wing, priced_chain([95, 100, 105]), relaxed=True).verdict.reason is Reason.SELECTION_TOO_FAR


def test_the_table_may_be_read_by_the_price_of_the_underlying(priced_chain: PricedChain, select: Select) -> None:
    document: dict[str, Any] = deepcopy(TRIDENT) | {"drops": []}
    rows = [{"below": 50, "width": "2.5"}, {"below": 100, "width": 5}, {"below": 200, "width": 10}, {"width": 15}]
    document["width_table"] = {"by": "spot", "steps": rows}
    found = select(parse_strategy(document), priced_chain(range(80, 121), spot="100"))

    assert [int(leg.contract.strike) for leg in found.legs] == [100, 90, 100, 110]


def test_only_one_front_is_looked_at_when_one_is_named(
    priced_chain: PricedChain, select: Select, calendar: Any, with_legs: WithLegs
) -> None:
    chain = priced_chain(range(80, 121), "2026-02-13", "2026-02-20")
    early = list_expirations(chain, calendar, SELECTED_AT)[0]
    found = select(with_legs("a sell put otm 3 percent"), chain, front=early)

    assert str(found.expires_on) == "2026-02-13"
    assert found.rejections == ()


def test_a_net_credit_passes_over_strikes_whose_wing_has_no_market(
    build_chain: Callable[..., OptionChain], select: Select, with_legs: WithLegs
) -> None:
    spread = with_legs("short sell put net_credit 0.50 dollars", "long buy put width 5 dollars of=short")
    crossed, sound, lone = "2026-02-20 P 85 0.90 0.10", "2026-02-20 P 85 0.10 0.12", "2026-02-20 P 89 0.10 0.12"
    rest = ["2026-02-20 P 90 1.00 1.02", "2026-02-20 P 95 2.00 2.02"]

    assert select(spread, build_chain("\n".join([sound, *rest]))).legs[0].contract.strike == 90
    assert select(spread, build_chain("\n".join([crossed, *rest]))).legs[0].contract.strike == 95
    alone = select(spread, build_chain("\n".join([lone, rest[0]])))
    assert (alone.verdict.reason, alone.verdict.facts["listed"]) == (Reason.NO_STRIKE, "2")


@pytest.mark.parametrize(
    ("right", "level", "value", "strike"),
    [("put", "94.2", 5, 98), ("call", "105.8", 5, 102), ("put", "90", 5, 96)],  # 96.08 and 103.68, to the even side
)
def test_a_guarded_strike_is_rounded_to_the_safe_side(
    priced_chain: PricedChain, select: Select, right: str, level: str, value: int, strike: int
) -> None:
    word, metric = ("support", Metric.SUPPORT) if right == "put" else ("resistance", Metric.RESISTANCE)
    rule = {"by": "otm", "value": value, "unit": "dollars", "round_to": 2}
    leg = {"name": "a", "side": "sell", "right": right, "select": rule, "guard": {"level": word}}
    document = {"id": "a", "name": "a", "expiration": {"dte_min": 25, "dte_max": 45, "dte_target": 36}, "legs": [leg]}
    found = select(parse_strategy(document), priced_chain(range(80, 121)), readings={metric: Decimal(level)})

    assert found.legs[0].contract.strike == strike


def test_a_net_credit_counts_the_legs_that_share_its_strike(
    priced_chain: PricedChain, select: Select, with_legs: WithLegs
) -> None:
    straddle = with_legs("put sell put net_credit 6.00 dollars", "call sell call same 0 none of=put")
    found = select(straddle, priced_chain(range(80, 121)))

    assert [leg.contract.strike for leg in found.legs] == [found.legs[0].contract.strike] * 2
    assert "net at mid with call, at least 6" in found.reasons[1]
