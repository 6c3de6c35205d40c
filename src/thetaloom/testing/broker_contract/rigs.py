"""The rigs of the brokers in our own process: the scripted one and the paper broker."""

import os
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from thetaloom.domain.book.orders import Order
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.testing import builders as b
from thetaloom.testing.bench import PaperBench
from thetaloom.testing.broker import ScriptedBroker, Trouble
from thetaloom.testing.broker_contract.rig import Rig
from thetaloom.testing.broker_contract.scenarios import Scenario
from thetaloom.testing.broker_contract.world import Break, Call
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.market import FixedMarket

DAY_ENDS, EVENING = "2026-01-05 16:00", "2026-01-05 18:00"
NIGHT = (DAY_ENDS, "2026-01-05 20:00", "2026-01-06 10:00")  # what has to be lived through until the next session
# Underlyings whose symbols and roots are no plain matter, and what they cost.
ODD_QUOTES = {
    "BRKB 2026-01-16 P 480": (1.90, 2.10),
    "BRKB 2026-01-16 P 475": (0.90, 1.10),
    "NDX 2026-01-16 P 21000": (9.80, 10.20),
    "NDXP 2026-01-16 P 21000": (9.90, 10.30),
}
ODD_SPOTS = {"BRKB": 500, "NDX": 21500}
MEMORY = Path("/dev/shm")  # folders in it get names that nobody can guess
TROUBLES = {
    Break.SILENT_AFTER_TAKING: Trouble.ACCEPTED_IN_SILENCE,
    Break.CUT_BEFORE_TAKING: Trouble.LOST,
    Break.DOWN: Trouble.UNAVAILABLE,
    Break.REFUSED: Trouble.REFUSED,
}


def quick_folder(otherwise: Path) -> TemporaryDirectory[str]:
    """Return a folder in memory where there is one: books of a rig outlive no loss of power, and need no disk."""
    return TemporaryDirectory(prefix="thetaloom-rig-", dir=MEMORY if os.access(MEMORY, os.W_OK) else otherwise)


class RigSource(Protocol):
    """Makes the rigs of one broker, one for each scenario; what is slow to start is started once."""

    def fresh(self, scenario: Scenario) -> Rig:
        """Return a rig with a fresh account for a scenario; the rig before is closed."""
        ...

    def close(self) -> None:
        """Stop what was started."""
        ...


class PaperHand:
    """Makes the market take exactly what is asked for."""

    def __init__(self, bench: PaperBench) -> None:
        self.bench = bench

    def plan_parts(self, order: Order, parts: Sequence[int]) -> None:
        """Let an order fill in parts."""
        self.bench.broker.script(order.client_order_id, fills=parts)

    def fill(self, order: Order) -> None:
        """Let the market meet an order's limit."""
        for leg, price in zip(order.legs, b.leg_prices(order.legs, order.limit_price), strict=True):
            self.bench.market.set_quote(leg.contract, price, price)
        self.bench.tick(self.bench.clock.advance(seconds=1))

    def live_until(self, *instants: str) -> None:
        """Look at the market at instants of New York."""
        for text in instants:
            if b.new_york(text) >= self.bench.clock.now():
                self.bench.tick(b.new_york(text))


def list_odd(market: FixedMarket, at: datetime | None = None) -> None:
    """Let a market have underlyings with symbols that brokers write in their own way."""
    market.set_quotes(ODD_QUOTES, at=at)
    for symbol, spot in ODD_SPOTS.items():
        market.set_spot(symbol, spot, at=at)


def paper_rig(database_url: str) -> Rig:
    """Return the paper broker with books at an address, on a market set by hand."""
    bench = PaperBench(database_url)
    hand = PaperHand(bench)
    list_odd(bench.market)
    return Rig(
        broker=bench.broker,
        plan_parts=hand.plan_parts,
        fill=hand.fill,
        expire=lambda _: hand.live_until(DAY_ENDS),
        reopen=bench.reopen,
        next_session=lambda: hand.live_until(*NIGHT),
        close_market=lambda: hand.live_until(EVENING),
        outside=bench.broker,
        judges=True,
        market=bench.market,
        set_quote=bench.market.set_quote,
        set_greeks=bench.market.set_greeks,
        close=lambda: bench.broker.close(),
    )


class PaperRigs:
    """The paper broker on SQLite."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._number = quick_folder(folder), count(1)
        self._close: Callable[[], object] = _nothing

    def fresh(self, _: Scenario) -> Rig:
        """Return a rig with books of its own."""
        self._close()
        rig = paper_rig(f"sqlite:///{self._folder.name}/paper-{next(self._number)}.db")
        self._close = rig.close
        return rig

    def close(self) -> None:
        """Close the books of the last rig, and leave none behind."""
        self._close()
        self._close = _nothing
        self._folder.cleanup()


class ScriptedHand:
    """Fills what is planned, or all; lets nights pass; and breaks the wire."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.broker = ScriptedBroker(self.clock)
        self.parts: dict[ClientOrderId, list[int]] = {}

    def plan_parts(self, order: Order, parts: Sequence[int]) -> None:
        """Let an order fill in parts."""
        self.parts[order.client_order_id] = list(parts)

    def fill(self, order: Order) -> None:
        """Fill the next part of an order, if it works."""
        found = self.broker.find(order.client_order_id)
        if found is not None and found.is_open:
            parts = self.parts.get(order.client_order_id)
            self.broker.fill(order.client_order_id, parts.pop(0) if parts else None)

    def execute(self, order: Order, contract: OptionContract, quantity: int, price: Price) -> None:
        """Do contracts of one leg, and count the structures that are whole by it."""
        mine = order.client_order_id
        self.broker.execute(mine, contract, quantity, price)
        done: dict[OptionContract, int] = {}
        for report in self.broker.reports_since(0):
            if report.execution is not None and report.client_order_id == mine:
                one = report.execution
                done[one.contract] = done.get(one.contract, 0) + abs(one.quantity)
        whole = min(done.get(leg.contract, 0) // abs(leg.ratio) for leg in order.legs)
        known = self.broker.find(mine)
        if known is not None and whole > known.filled:
            self.broker.count_filled(mine, whole - known.filled)


class ScriptedWire:
    """Breaks requests as the scripted broker can, which forgets what a trouble was planned for: the next has it."""

    def __init__(self, broker: ScriptedBroker) -> None:
        self.broker = broker

    def why_not(self, call: Call, trouble: Break) -> str:
        """Say why a request cannot go wrong so."""
        can = trouble in TROUBLES and call in {Call.SUBMIT, Call.REPLACE, Call.CANCEL}
        return "" if can else f"the scripted broker plays no {trouble.value.replace('_', ' ')} of a {call.value}"

    def plan(self, call: Call, *troubles: Break) -> None:
        """Let the next requests go wrong."""
        self.broker.plan(*(TROUBLES[one] for one in troubles))

    def arrive(self) -> None:
        """Let out the reports that were held back."""
        self.broker.release()

    def taken(self, client_order_id: ClientOrderId) -> int:
        """Return how often a new order arrived."""
        return self.broker.arrivals[client_order_id]

    def go_down(self, on: bool) -> None:
        """Answer nothing."""
        self.broker.is_down = on

    def faults(self) -> Sequence[str]:
        """Return nothing: there is no wire to misuse."""
        return ()


class ScriptedRigs:
    """The scripted broker."""

    def __init__(self, _: Path) -> None:
        pass

    def fresh(self, _: Scenario) -> Rig:
        """Return a rig on a broker of its own."""
        hand = ScriptedHand()
        return Rig(
            broker=hand.broker,
            plan_parts=hand.plan_parts,
            fill=hand.fill,
            expire=lambda order: hand.broker.expire(order.client_order_id),
            reopen=lambda: hand.broker,
            outside=hand.broker,
            execute=hand.execute,
            wire=ScriptedWire(hand.broker),
        )

    def close(self) -> None:
        """Nothing was started."""


def _nothing() -> None:
    pass
