"""A small world to which things happen, and the laws that its books must keep."""

import contextlib
from collections import Counter
from dataclasses import replace
from typing import Any

from thetaloom.domain.book.orders import Effect
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.run.proposals import ProposalStatus
from thetaloom.domain.strategy.strategies import ExitKind, ExitUnit, SizeRule
from thetaloom.domain.values.ids import ClientOrderId, RunId
from thetaloom.engine import commands
from thetaloom.engine.reconcile import find_drifts
from thetaloom.errors import NotAllowed
from thetaloom.testing.broker import Trouble
from thetaloom.testing.desk import ANNA, DeskBench, exit_rule, put_credit_spread

TARGET = exit_rule(ExitKind.PROFIT_TARGET, 50, ExitUnit.PERCENT_OF_PREMIUM)
STOP = exit_rule(ExitKind.STOP_LOSS, 80, ExitUnit.PERCENT_OF_PREMIUM)
HALF = exit_rule(ExitKind.PROFIT_TARGET, 30, ExitUnit.PERCENT_OF_PREMIUM, quantity_percent=50, priority=2)
BUSY = put_credit_spread(exits=(TARGET, STOP, HALF), size=SizeRule(quantity=2), open_runs_max=3)


class World:
    """A desk to which things happen."""

    def __init__(self, bench: DeskBench) -> None:
        self.bench = bench
        self.runs: list[RunId] = []
        bench.broker.capabilities = replace(bench.broker.capabilities, absence_seconds=40)
        bench.save(BUSY)

    def do(self, deed: str, how: Any) -> None:
        """Let one thing happen and settle."""
        with contextlib.suppress(NotAllowed):  # a refusal is an answer
            getattr(self, deed)(how)
        self.bench.engine.settle()

    def quote(self, how: tuple[int, int]) -> None:
        """Let the spread cost so many cents."""
        self.bench.quote_spread(how[0] / 100, half_width=how[1] / 100)

    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.bench.pass_time(seconds=seconds)

    def start(self, forced: bool) -> None:
        """Start a run."""
        self.runs.append(self.bench.start_run(forced=forced))

    def fill(self, how: tuple[int, int]) -> None:
        """Fill a part of an order that the broker has."""
        number, quantity = how
        known = sorted({order for verb, order in self.bench.broker.requests if verb == "submit"})
        arrived = [found for order in known if (found := self.bench.broker.find(order)) is not None and found.is_open]
        if arrived:
            chosen = arrived[number % len(arrived)].client_order_id or ClientOrderId("")
            order = next(one for run in self.runs for one in self.bench.orders(run) if one.client_order_id == chosen)
            self.bench.broker.fill(chosen, min(quantity, order.quantity - arrived[number % len(arrived)].filled))

    def trouble(self, trouble: Trouble) -> None:
        """Let the next request go wrong."""
        self.bench.broker.plan(trouble)

    def arrive(self, _: None) -> None:
        """Let what was late arrive."""
        self.bench.broker.arrive()

    def refuse(self, refusal: Refusal) -> None:
        """Let the next request be refused for a cause."""
        self.bench.broker.refusal = refusal
        self.bench.broker.plan(Trouble.REFUSED)

    def repeat(self, number: int) -> None:
        """Tell something twice."""
        told = len(self.bench.broker.reports_since(0))
        if told:
            self.bench.broker.repeat(number % told + 1)

    def expire(self, number: int) -> None:
        """Let a working order expire."""
        working = [known.client_order_id for known in self.bench.broker.open_orders()]
        if working:
            self.bench.broker.expire(working[number % len(working)] or ClientOrderId(""))

    def cancel(self, number: int) -> None:
        """Cancel a run."""
        if self.runs:
            run = self.runs[number % len(self.runs)]
            self.bench.engine.handle(commands.CancelRun(user_id=ANNA, run_id=run))

    def close(self, number: int) -> None:
        """Close a position."""
        held = [position for run in self.runs if (position := self.bench.position(run)) is not None]
        if held:
            chosen = held[number % len(held)].id
            self.bench.engine.handle(commands.ClosePosition(user_id=ANNA, position_id=chosen))

    def pause(self, number: int) -> None:
        """Pause a run for a while."""
        if self.runs:
            run = self.runs[number % len(self.runs)]
            self.bench.engine.handle(commands.PauseRun(user_id=ANNA, run_id=run))
            self.bench.engine.settle()
            self.bench.engine.handle(commands.ResumeRun(user_id=ANNA, run_id=run))

    def release(self, reverse: bool) -> None:
        """Let out what the broker holds back."""
        self.bench.broker.release(reverse=reverse)

    def restart(self, _: None) -> None:
        """Kill the engine and start another."""
        self.bench.restart()


def check(world: World) -> None:
    """Hold the books against each other."""
    bench = world.bench
    assert find_drifts(bench.desk) == ()
    assert all(count == 1 for count in bench.broker.arrivals.values()), "one intent, one order"
    submitted = Counter(order for verb, order in bench.broker.requests if verb == "submit")
    for run in world.runs:
        stored, position, orders = bench.run(run), bench.position(run), bench.orders(run)
        opened = sum(order.filled for order in orders if order.effect is Effect.OPEN)
        closed = sum(order.filled for order in orders if order.effect is Effect.CLOSE)
        assert opened - closed == (0 if position is None else position.quantity)
        assert (stored.outcome is not None) == stored.is_final
        assert not stored.is_final or (stored.reason and (position is None or not position.is_open))
        for effect in Effect:
            assert sum(order.is_open for order in orders if order.effect is effect) <= 1
        staged = Counter(
            bench.inputs(run, index)["given"]["client_order_id"]
            for index, record in enumerate(bench.lineage(run))
            if bench.said(run, index).get("move", {}).get("action") == "stage" and record.status.value == "done"
        )
        assert staged == Counter(order.client_order_id for order in orders)
        assert all(submitted[order.client_order_id] >= 1 for order in orders)
        spent = [one for one in bench.proposals(run) if one.status is ProposalStatus.APPROVED]
        assert len(spent) <= 1
        assert bench.faults(run) == [] and bench.replay(run).identical
