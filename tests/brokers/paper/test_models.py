"""The fill models that are less simple than the default, and the time an order takes to arrive."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.brokers.paper.fill_model import RULE, draw_share
from thetaloom.brokers.paper.settings import FillModel
from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Price
from thetaloom.testing import builders as b
from thetaloom.testing.bench import PaperBench

MakeBench = Callable[..., PaperBench]
FIRST = ClientOrderId("tl-order-1")


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeBench]:
    """Makes paper brokers with settings of their own: mid 1.00, natural 0.80, fill point 0.90."""
    made: list[PaperBench] = []

    def one(**settings: Any) -> PaperBench:
        made.append(PaperBench(f"sqlite:///{tmp_path}/paper-{len(made)}.db", **settings))
        return made[-1]

    yield one
    for bench in made:
        bench.broker.close()


def fill_of(bench: PaperBench) -> Fill:
    """Return the last fill."""
    fill = bench.last().fill
    assert fill is not None
    return fill


def test_by_default_an_order_fills_at_its_limit_and_says_so(make: MakeBench) -> None:
    bench = make()
    bench.broker.submit(b.order(limit="0.85"))
    bench.tick()

    assert fill_of(bench).price == Price("0.85") and json.loads(fill_of(bench).model)["rule"] == RULE


def test_an_improved_fill_lies_between_limit_and_point_and_repeats_with_its_seed(make: MakeBench) -> None:
    prices = []
    for seed in (1, 1, 2, 3, 4, 5):
        bench = make(fill_model=FillModel.IMPROVE, seed=seed)
        bench.broker.submit(b.order(limit="0.60"))
        bench.tick()
        told = json.loads(fill_of(bench).model)
        price = fill_of(bench).price
        assert Price("0.60") <= price <= Price("0.90") and price == Price(price.quantize(Decimal("0.01")))
        assert price == Price("0.60") + Price(
            (Decimal("0.30") * Decimal(told["share"])).quantize(Decimal("0.01"), "ROUND_FLOOR")
        )
        assert told["seed"] == seed and fill_of(bench).cash == price.times(100)
        prices.append(price)

    assert prices[0] == prices[1] and len(set(prices)) > 2


def test_an_improved_fill_never_comes_before_the_point_is_reached(make: MakeBench) -> None:
    bench = make(fill_model=FillModel.IMPROVE)
    bench.broker.submit(b.order(limit="0.91"))

    assert bench.tick() == []


def test_in_the_queue_an_order_waits_its_time_and_fills_at_its_limit(make: MakeBench) -> None:
    bench = make(fill_model=FillModel.QUEUE, queue_seconds_max=600, seed=3)
    needed = int(draw_share(3, "queue", FIRST, 0, 0) * 600)
    assert needed > 1
    bench.broker.submit(b.order(limit="0.85"))
    joined = bench.tick()
    early = bench.tick(b.NOW + timedelta(seconds=needed - 1))
    due = bench.tick(b.NOW + timedelta(seconds=needed))

    told = json.loads(fill_of(bench).model)
    assert (joined, early, due) == ([], [], [K.FILLED])
    assert fill_of(bench).price == Price("0.85")
    assert (told["seconds_needed"], told["seconds_stood"], told["crossed"]) == (needed, needed, False)


def test_a_market_that_crosses_the_limit_fills_whoever_waits(make: MakeBench) -> None:
    bench = make(fill_model=FillModel.QUEUE, queue_seconds_max=100_000)
    bench.broker.submit(b.order(limit="0.80"))

    assert bench.tick() == [K.FILLED] and json.loads(fill_of(bench).model)["crossed"] is True


def test_time_in_the_queue_counts_only_while_the_market_stands_at_the_limit(make: MakeBench) -> None:
    bench = make(fill_model=FillModel.QUEUE, queue_seconds_max=600, seed=3)
    needed = int(draw_share(3, "queue", FIRST, 0, 0) * 600)
    bench.broker.submit(b.order(limit="0.85"))
    bench.tick()
    bench.market.set_quote("SPY 2026-01-16 P 560", 1, "1.10", at=b.NOW + timedelta(seconds=1))
    bench.tick(b.NOW + timedelta(seconds=1))
    bench.reopen()
    away = bench.tick(b.NOW + timedelta(seconds=needed + 100))
    bench.market.set_quote("SPY 2026-01-16 P 560", "1.90", "2.10")
    back = bench.tick()
    early = bench.tick(bench.clock.advance(seconds=needed - 2))
    due = bench.tick(bench.clock.advance(seconds=1))

    assert (away, back, early, due) == ([], [], [], [K.FILLED])


def test_a_moved_limit_joins_the_queue_at_its_end(make: MakeBench) -> None:
    bench = make(fill_model=FillModel.QUEUE, queue_seconds_max=600, seed=3)
    first, second = (int(draw_share(3, "queue", FIRST, revision, 0) * 600) for revision in (0, 1))
    bench.broker.submit(b.order(limit="0.85"))
    bench.tick()
    bench.clock.advance(seconds=first - 1)
    bench.broker.replace(FIRST, Price("0.84"), 1)
    joined = bench.tick()

    assert joined == [] and bench.tick(bench.clock.advance(seconds=second - 1)) == []
    assert bench.tick(bench.clock.advance(seconds=1)) == [K.FILLED]


def test_an_order_and_a_moved_limit_take_their_time_to_arrive(make: MakeBench) -> None:
    bench = make(latency=timedelta(seconds=2))
    bench.broker.submit(b.order(limit="0.95"))
    bench.tick(bench.clock.advance(seconds=5))
    bench.broker.replace(FIRST, Price("0.90"), 1)

    assert bench.tick(bench.clock.advance(seconds=1)) == []
    assert bench.tick(bench.clock.advance(seconds=1)) == [K.FILLED]


@given(
    model=st.sampled_from(FillModel),
    seed=st.integers(0, 10_000),
    cents=st.integers(-100, 130),
    bid=st.integers(100, 250),
    width=st.integers(0, 60),
    waits=st.lists(st.integers(1, 400), max_size=6),
)
def test_no_model_fills_worse_than_the_limit_or_outside_the_quotes(
    model: FillModel, seed: int, cents: int, bid: int, width: int, waits: list[int]
) -> None:
    bench = PaperBench("sqlite://", fill_model=model, seed=seed)
    limit = Price(Decimal(cents) / 100)
    bench.market.set_quote("SPY 2026-01-16 P 560", Decimal(bid) / 100, Decimal(bid + width) / 100)
    bench.broker.submit(b.order(limit=limit))
    for seconds in waits:
        bench.tick(bench.clock.advance(seconds=seconds))
    for report in bench.broker.reports_since(0):
        if report.fill is not None:
            told = json.loads(report.fill.model)
            net = sum((-leg.quantity * Decimal(leg.price) for leg in report.fill.legs), Decimal(0))
            assert limit <= report.fill.price == Price(net)
            assert report.fill.price <= max(limit, Price(told["point"]))
    bench.broker.close()
