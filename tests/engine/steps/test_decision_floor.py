"""The price at which a decision still holds, from the evaluation to the last limit of the order."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from thetaloom.domain.run.runs import StepName
from thetaloom.domain.strategy.strategies import Comparison, Condition, Metric, OrderFloor, OrderPreset, OrderRule
from thetaloom.domain.values.money import Price
from thetaloom.testing.desk import DeskBench, put_credit_spread

# The 560/555 put spread: mid 1.00, natural 0.80, width 5.
TO_NATURAL = OrderRule(reach=Decimal(1), interval_seconds=60, steps_max=6)


def _condition(metric: Metric, comparison: Comparison, threshold: str) -> Condition:
    return Condition(metric=metric, comparison=comparison, threshold=Decimal(threshold))


def _judged(bench: DeskBench, run: Any) -> Any:
    (record,) = [one for one in bench.lineage(run) if one.step is StepName.EVALUATE]
    return bench.said(run, record.seq - 1)


@pytest.mark.parametrize(
    ("condition", "floor"),
    [
        (None, "0.80"),
        (_condition(Metric.NET_CREDIT, Comparison.AT_LEAST, "0.93"), "0.93"),
        (_condition(Metric.NET_CREDIT, Comparison.ABOVE, "0.93"), "0.94"),
        (_condition(Metric.CREDIT_TO_WIDTH, Comparison.AT_LEAST, "17.5"), "0.88"),  # 0.875 of 5, up to the cent
        (_condition(Metric.MAX_LOSS, Comparison.AT_MOST, "410"), "0.90"),
        (_condition(Metric.NET_CREDIT, Comparison.AT_LEAST, "0.50"), "0.80"),  # holds further than it may walk
        (_condition(Metric.NET_CREDIT, Comparison.AT_LEAST, "1.00"), "1.00"),  # holds at mid and nowhere below
    ],
)
def test_an_order_never_walks_to_where_its_conditions_would_fail(
    bench: DeskBench, condition: Condition | None, floor: str
) -> None:
    bench.save(put_credit_spread(order=TO_NATURAL, conditions=() if condition is None else (condition,)))

    run = bench.start_run()
    bench.pass_time(minutes=20)

    (proposal,) = bench.proposals(run)
    assert proposal.limit_floor == Price(floor)
    assert bench.order(run).limit_price == Price(floor)
    assert bench.replay(run).identical


def test_a_chance_of_profit_bounds_the_walk_where_it_passes_the_minimum(bench: DeskBench) -> None:
    bench.save(put_credit_spread(order=TO_NATURAL))
    pop = Decimal(str(_judged(bench, bench.start_run())["evaluation"]["pop"])) * 100
    least = pop - Decimal("0.05")
    changed = put_credit_spread(order=TO_NATURAL, conditions=(_condition(Metric.POP, Comparison.AT_LEAST, str(least)),))
    bench.save(replace(changed, open_runs_max=5))

    run = bench.start_run()

    floor = bench.proposals(run)[0].limit_floor
    assert Price("0.80") < floor < Price("1.00")
    assert bench.replay(run).identical


def test_the_slippage_counts_where_it_is_the_nearer(bench: DeskBench) -> None:
    rule = replace(TO_NATURAL, slippage_max=Price("0.03"), floor=OrderFloor.NATURAL)
    bench.save(put_credit_spread(order=rule, conditions=(_condition(Metric.NET_CREDIT, Comparison.AT_LEAST, "0.90"),)))

    run = bench.start_run()

    assert bench.proposals(run)[0].limit_floor == Price("0.97")


def test_each_move_of_an_order_is_told_in_the_lineage_and_waiting_is_not(bench: DeskBench) -> None:
    bench.save(put_credit_spread(order=replace(TO_NATURAL, steps_max=2)))
    run = bench.start_run()
    bench.pass_time(minutes=10)

    moves = [
        bench.said(run, record.seq - 1)["move"]
        for record in bench.lineage(run)
        if record.step is StepName.SUBMIT_ORDER and "move" in bench.said(run, record.seq - 1)
    ]

    assert [move["action"] for move in moves] == ["stage", "replace", "replace"]
    assert [move["step"] for move in moves] == [0, 1, 2]
    assert [move["cause"] for move in moves] == ["start", "step", "floor"]
    assert [move["limit_price"] for move in moves] == ["1.01", "0.91", "0.80"]
    assert [move["place"] for move in moves] == ["-0.0500", "0.4500", "1.0000"]
    assert {Price(move["width"]) for move in moves} == {Price("0.40")}


def test_a_preset_walks_at_its_own_pace(bench: DeskBench) -> None:
    bench.save(put_credit_spread(order=OrderRule(preset=OrderPreset.NORMAL)))
    run = bench.start_run()
    limits = [bench.order(run).limit_price]
    for _ in range(4):
        bench.pass_time(seconds=10)
        limits.append(bench.order(run).limit_price)

    assert limits == [Price(limit) for limit in ("1.00", "0.94", "0.87", "0.80", "0.80")]
