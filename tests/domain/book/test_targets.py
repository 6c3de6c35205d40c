"""Independent targets: each at its own part's mid, on its tick, and none for what was left out."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.strategy.samples import TRIDENT
from thetaloom.domain.book.targets import target_orders, target_text
from thetaloom.domain.strategy.documents import parse_strategy
from thetaloom.domain.strategy.evaluation import Evaluation, LegEvaluation
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import ALLOWED

NAMES = ("short_put", "long_put", "short_call", "long_call")
Evaluated = Callable[..., Evaluation]
UNKNOWN = dict.fromkeys(
    ["natural_price", "width", "max_profit", "max_loss", "pop", "net_delta", "net_gamma", "net_theta", "net_vega"]
)
LEG_UNKNOWN = dict.fromkeys(
    ["bid", "ask", "iv", "delta", "gamma", "theta", "vega", "bid_ask_width", "open_interest", "volume"]
)


@pytest.fixture(scope="session")
def evaluated() -> Evaluated:
    """Make an evaluation of named legs at their mids: ``evaluated({"a": ("-1 SPY ...", "1.20")})``."""

    def make(legs: Mapping[str, tuple[str, str | None]]) -> Evaluation:
        parts = [
            LegEvaluation(
                leg=Leg.parse(text),
                name=name,
                mid=None if mid is None else Price(mid),
                quote_age_seconds=1,
                verdict=ALLOWED,
                **LEG_UNKNOWN,
            )
            for name, (text, mid) in legs.items()
        ]
        known: dict[str, Any] = {**UNKNOWN, "breakevens": (), "pop_model": "", "structure_name": "custom"}
        return Evaluation(
            legs=tuple(parts),
            mid_price=None,
            is_profit_unlimited=False,
            is_loss_unlimited=False,
            verdict=ALLOWED,
            **known,
        )

    return make


@pytest.fixture
def trident() -> Strategy:
    return parse_strategy(TRIDENT)


def legs_of(root: str, *mids: str) -> dict[str, tuple[str, str]]:
    texts = ("-2 {} 2026-02-20 P 450", "+2 {} 2026-02-20 P 445", "-1 {} 2026-02-20 C 450", "+1 {} 2026-02-20 C 455")
    return {name: (text.format(root), mid) for name, text, mid in zip(NAMES, texts, mids, strict=True)}


def test_three_targets_close_at_sixty_forty_and_fifty_percent_of_their_own_credits(
    evaluated: Evaluated, trident: Strategy
) -> None:
    orders = target_orders(evaluated(legs_of("QQQ", "9.05", "7.00", "9.91", "7.20")), trident)

    said = [(order.name, order.quantity, str(order.entry_credit), str(order.limit_price)) for order in orders]
    assert said == [
        ("put_spread_1", 1, "2.05", "-1.23"),
        ("put_spread_2", 1, "2.05", "-0.82"),
        ("call_spread", 1, "2.71", "-1.36"),  # 1.355: of two cents as near the even one
    ]
    assert [leg.notation for leg in orders[0].legs] == ["+1 QQQ 2026-02-20 P 450", "-1 QQQ 2026-02-20 P 445"]
    assert target_text(orders[0]).endswith("pays 1.23, 40 % of the credit of 2.05")


def test_index_spreads_never_rest_at_a_cent(evaluated: Evaluated, trident: Strategy) -> None:
    orders = target_orders(evaluated(legs_of("SPXW", "9.05", "7.00", "9.91", "7.20")), trident)

    assert [str(order.limit_price) for order in orders] == ["-1.25", "-0.80", "-1.35"]


def test_without_the_call_spread_two_put_targets_remain(evaluated: Evaluated, trident: Strategy) -> None:
    legs = legs_of("QQQ", "9.05", "7.00", "9.91", "7.20")
    del legs["short_call"], legs["long_call"]

    assert [order.name for order in target_orders(evaluated(legs), trident)] == ["put_spread_1", "put_spread_2"]


def test_a_debit_is_sold_for_more_and_a_credit_costs_at_least_a_tick(evaluated: Evaluated, trident: Strategy) -> None:
    half = replace(trident, targets=(replace(trident.targets[2], legs=("long_call",), percent=Decimal(50)),))
    (sold,) = target_orders(evaluated(legs_of("QQQ", "1", "1", "1", "7.20")), half)
    tiny = target_orders(evaluated(legs_of("QQQ", "1.005", "1", "1", "1")), trident)

    assert (str(sold.entry_credit), str(sold.limit_price)) == ("-7.20", "10.80")
    assert target_text(sold).endswith("brings 10.80, 50 % of the debit of 7.20")
    assert [str(order.limit_price) for order in tiny] == ["-0.01", "-0.01"]  # the call spread brings nothing


def test_a_part_without_a_price_has_no_target(evaluated: Evaluated, trident: Strategy) -> None:
    legs: dict[str, tuple[str, str | None]] = {**legs_of("QQQ", "9.05", "7.00", "9.91", "7.20")}
    legs["long_put"] = (legs["long_put"][0], None)

    assert [order.name for order in target_orders(evaluated(legs), trident)] == ["call_spread"]


@given(credit=st.integers(1, 4000), percent=st.integers(1, 99))
def test_a_target_keeps_its_percentage_to_half_a_tick(evaluated: Evaluated, credit: int, percent: int) -> None:
    strategy = parse_strategy({**TRIDENT, "targets": [{**TRIDENT["targets"][0], "percent": percent}]})
    mid = Decimal(credit) / 100 + 1
    (order,) = target_orders(evaluated(legs_of("QQQ", str(mid), "1", "1", "1")), strategy)

    exact = Decimal(credit) * (100 - percent) / 10_000
    assert order.limit_price < 0
    assert abs(-Decimal(order.limit_price) - exact) <= (
        Decimal("0.005") if exact >= Decimal("0.01") else Decimal("0.01")
    )
