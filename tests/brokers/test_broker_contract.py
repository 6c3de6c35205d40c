"""Every broker of ours keeps the contract that ``thetaloom.testing.broker_contract`` states."""

from collections.abc import Iterator, Sequence

import pytest

from thetaloom.domain.book.orders import Order
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.testing import builders as b
from thetaloom.testing.bench import PaperBench
from thetaloom.testing.broker import ScriptedBroker
from thetaloom.testing.broker_contract import SCENARIOS, Rig, Scenario
from thetaloom.testing.clock import FakeClock


class PaperHand:
    """Makes the market take exactly what is asked for."""

    def __init__(self, bench: PaperBench) -> None:
        self.bench = bench

    def plan_parts(self, order: Order, parts: Sequence[int]) -> None:
        self.bench.broker.script(order.client_order_id, fills=parts)

    def fill(self, order: Order) -> None:
        for leg, price in zip(order.legs, b.leg_prices(order.legs, order.limit_price), strict=True):
            self.bench.market.set_quote(leg.contract, price, price)
        self.bench.tick(self.bench.clock.advance(seconds=1))

    def expire(self, order: Order) -> None:
        self.bench.tick(b.new_york("2026-01-05 16:00"))

    def next_session(self) -> None:
        for text in ("2026-01-05 16:00", "2026-01-05 20:00", "2026-01-06 10:00"):
            if b.new_york(text) >= self.bench.clock.now():
                self.bench.tick(b.new_york(text))

    def close_market(self) -> None:
        self.bench.tick(b.new_york("2026-01-05 18:00"))


class ScriptedHand:
    """Fills what is planned, or all."""

    def __init__(self, broker: ScriptedBroker) -> None:
        self.broker = broker
        self.parts: dict[ClientOrderId, list[int]] = {}

    def plan_parts(self, order: Order, parts: Sequence[int]) -> None:
        self.parts[order.client_order_id] = list(parts)

    def fill(self, order: Order) -> None:
        found = self.broker.find(order.client_order_id)
        if found is not None and found.is_open:
            parts = self.parts.get(order.client_order_id)
            self.broker.fill(order.client_order_id, parts.pop(0) if parts else None)


@pytest.fixture(params=["scripted", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    if request.param == "scripted":
        scripted = ScriptedBroker(FakeClock())
        told = ScriptedHand(scripted)
        yield Rig(
            broker=scripted,
            plan_parts=told.plan_parts,
            fill=told.fill,
            expire=lambda order: scripted.expire(order.client_order_id),
            reopen=lambda: scripted,
            outside=scripted,
        )
        return
    bench = PaperBench(request.getfixturevalue(f"{request.param}_books"))
    hand = PaperHand(bench)
    yield Rig(
        broker=bench.broker,
        plan_parts=hand.plan_parts,
        fill=hand.fill,
        expire=hand.expire,
        reopen=bench.reopen,
        next_session=hand.next_session,
        close_market=hand.close_market,
        outside=bench.broker,
        judges=True,
    )
    bench.broker.close()


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_the_contract_is_kept(rig: Rig, scenario: Scenario) -> None:
    lacking = scenario.lacks(rig)
    if lacking:
        pytest.skip(f"this broker's rig has no {', '.join(lacking)}")

    scenario.run_on(rig)


def test_the_contract_has_sixty_scenarios_and_more_each_under_a_name_of_its_own() -> None:
    assert len({one.name for one in SCENARIOS}) == len(SCENARIOS) >= 60
