"""The scenes of ``thetaloom demo --scene``: what a person does in them, and the strategy that is traded.

The market is the synthetic world of the scene's seed. A seed was looked for in which the market really goes there;
nothing of the market is set by hand.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from thetaloom.bootstrap import Platform
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.runs import RunStatus, WorkflowRun
from thetaloom.domain.run.signal_sources import SignalSource, SourceAuth
from thetaloom.domain.strategy.documents import parse_strategy
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.domain.values.ids import RunId, StrategyId
from thetaloom.engine.commands import (
    ClosePosition,
    Command,
    RollPosition,
    SaveSignalSource,
    SellShares,
    TakeSignal,
)
from thetaloom.engine.schedule_commands import AddSchedule, RunScan
from thetaloom.store.queries.runs import list_runs

PUT_SPREAD = """
id = "demo-{name}"
name = "Demo {name}"
description = "The put credit spread that `thetaloom demo --scene {name}` lives through."
symbols = ["SPY"]
biases = ["bullish", "neutral"]
open_runs_max = 3

[expiration]
dte_min = {dte_min}
dte_max = {dte_max}
dte_target = {dte}
prefer = "nearest"

[[legs]]
name = "short_put"
side = "sell"
right = "put"
select = {{ by = "delta", value = {delta}, unit = "delta", miss_max = 0.08 }}

[[legs]]
name = "long_put"
side = "buy"
right = "put"
select = {{ by = "width", of = "short_put", value = 5, unit = "dollars" }}

[order]
start_offset = 0.01
reach = 1
steps_max = 4
interval_seconds = 60
slippage_max = 0.40

[size]
by = "fixed"
quantity = {quantity}

[approval]
mode = "manual"
expires_minutes = 60
"""


class SceneName(StrEnum):
    """Which life is played."""

    ROLL = "roll"
    PARTIAL = "partial"
    LADDER = "ladder"
    ASSIGNMENT = "assignment"
    TRIGGERS = "triggers"


@dataclass(slots=True)
class Story:
    """What has happened so far; a person of the scene acts on it."""

    platform: Platform
    runs: list[RunId]
    done: set[str] = field(default_factory=set)

    def run(self, index: int) -> WorkflowRun | None:
        """Return the scene's run of this number."""
        with self.platform.store.reading() as uow:
            return uow.runs.get(self.runs[index]) if index < len(self.runs) else None

    def held(self, index: int, *, days: int) -> Position | None:
        """Return the position of a run that rests for a person to act on, once it has been held for so many days."""
        run = self.run(index)
        if run is None or run.status is not RunStatus.MONITORING or not self._is_open():
            return None
        with self.platform.store.reading() as uow:
            position = uow.positions.of_run(run.id)
        if position is None or not position.is_open:
            return None
        return position if self.platform.clock.now() >= position.opened_at + timedelta(days=days) else None

    def notice_runs(self) -> list[WorkflowRun]:
        """Return the runs that something else than a person's start has brought since the last look."""
        found = list_runs(self.platform.database, self.platform.user_id).rows
        new = [run for run in reversed(found) if run.id not in self.runs]
        self.runs += [run.id for run in new]
        return new

    def is_over(self) -> bool:
        """Say whether every run of the scene has ended, or cannot go on."""
        with self.platform.store.reading() as uow:
            found = [uow.runs.get(run) for run in self.runs]
        return all(run is None or run.is_final or run.status is RunStatus.ERROR for run in found)

    def is_morning(self) -> bool:
        """Say whether the exchange is open and most of the session lies ahead."""
        left = self._minutes_left()
        return left is not None and left >= 300

    def once(self, deed: str) -> bool:
        """Say whether this deed is done for the first time, and note it."""
        if deed in self.done:
            return False
        self.done.add(deed)
        return True

    def _is_open(self) -> bool:
        left = self._minutes_left()
        return left is not None and left >= 90

    def _minutes_left(self) -> float | None:
        return self.platform.desk.calendar.minutes_to_close(self.platform.clock.now())


Deed = Callable[[Story], tuple[str, Command] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryScene:
    """A life to be played: the world, the strategy, and what the person does."""

    title: str
    strategy: Strategy
    seed: int
    days: int
    minutes: int  # between two looks at the market
    act: Deed
    runs: int = 1  # how many the scene has before it can be over


def scene_of(name: SceneName) -> StoryScene:
    """Return the scene of this name."""
    return _SCENES[name]


def _strategy_id(name: SceneName) -> StrategyId:
    return StrategyId(f"demo-{name.value}")


def _strategy(name: SceneName, more: str = "", **numbers: object) -> Strategy:
    given: Mapping[str, object] = {"name": name.value, "delta": "-0.30", "quantity": 1, **numbers}
    document = tomllib.loads(PUT_SPREAD.format(**given) + more, parse_float=Decimal)
    return parse_strategy(document)


def _rolls(story: Story) -> tuple[str, Command] | None:
    user = story.platform.user_id
    first = story.held(0, days=1)
    if first is not None and len(story.runs) == 1 and story.once("roll"):
        return (
            f"position roll {first.id} --dte 30",
            RollPosition(user_id=user, position_id=first.id, dte=30),
        )
    second = story.held(1, days=1) if len(story.runs) > 1 else None
    if second is not None and story.once("close"):
        return f"position close {second.id}", ClosePosition(user_id=user, position_id=second.id)
    return None


def _takes_a_part(story: Story) -> tuple[str, Command] | None:
    user = story.platform.user_id
    early, late = story.held(0, days=2), story.held(0, days=6)
    if early is not None and story.once("part"):
        return (
            f"position close {early.id} --quantity 1",
            ClosePosition(user_id=user, position_id=early.id, quantity=1),
        )
    if late is not None and story.once("rest"):
        return f"position close {late.id}", ClosePosition(user_id=user, position_id=late.id)
    return None


def _sells_the_shares(story: Story) -> tuple[str, Command] | None:
    held = story.held(0, days=1)
    if held is None or not held.shares_held or held.holds_contracts or not story.once("shares"):
        return None
    user = story.platform.user_id
    return f"position sell-shares {held.id}", SellShares(user_id=user, position_id=held.id)


def _starts_by_every_trigger(story: Story) -> tuple[str, Command] | None:
    # One a morning: by hand, by a signal, by a scan and by the clock.
    if not story.is_over() or not story.is_morning():
        return None
    user, strategy = story.platform.user_id, _strategy_id(SceneName.TRIGGERS)
    if len(story.runs) == 1:
        if story.once("source"):
            now = story.platform.clock.now()
            desk = SignalSource(
                name="desk", user_id=user, auth=SourceAuth.HMAC, strategy_id=strategy, saved_at=now
            )  # no secret is given, so nobody can send in its name from outside
            return f"signal source add desk --strategy {strategy}", SaveSignalSource(source=desk)
        if story.once("signal"):
            now = story.platform.clock.now()
            message = canonical_json({"action": "buy", "symbol": "SPY", "interval": "5m", "timestamp": now.isoformat()})
            return (
                "signal send BUY SPY 5m --source desk",
                TakeSignal(user_id=user, source="desk", payload=message.decode(), wall_at=now),
            )
    if len(story.runs) == 2 and story.once("scan"):
        scan = RunScan(user_id=user, symbols=("SPY",), strategy_ids=(strategy,), best=1)
        return f"scan run SPY --strategy {strategy} --best 1", scan
    if len(story.runs) == 3 and story.once("schedule"):
        due = AddSchedule(user_id=user, strategy_id=strategy, symbols=("SPY",), cron="45 10 * * 1-5")
        return f'schedule add --cron "45 10 * * 1-5" --strategy {strategy} --symbol SPY', due
    return None


def _waits(story: Story) -> tuple[str, Command] | None:
    return None


_LADDER = """
[ladder]
threshold_dte = 7

[[targets]]
name = "put_spread"
legs = ["short_put", "long_put"]
percent = 90
"""

_CHARTS = """
[analysis]
analyst = "rules"
return_percent_min = 1

[[exits]]
kind = "minutes_to_close"
threshold = 95
unit = "minutes"
priority = 1
"""

_SCENES: Mapping[SceneName, StoryScene] = {
    SceneName.ROLL: StoryScene(
        title="a put credit spread is rolled to a later expiration under one approval",
        strategy=_strategy(SceneName.ROLL, dte_min=5, dte_max=16, dte=10),
        seed=1,
        days=14,
        minutes=5,
        act=_rolls,
    ),
    SceneName.PARTIAL: StoryScene(
        title="one of three put credit spreads is closed early, the rest later",
        strategy=_strategy(SceneName.PARTIAL, dte_min=20, dte_max=45, dte=30, quantity=3),
        seed=1,
        days=14,
        minutes=30,
        act=_takes_a_part,
    ),
    SceneName.LADDER: StoryScene(
        title="a spread that missed its target is offered by the ladder, day by day as expiration nears",
        strategy=_strategy(SceneName.LADDER, _LADDER, dte_min=8, dte_max=16, dte=10),
        seed=1,
        days=20,
        minutes=30,
        act=_waits,
    ),
    SceneName.ASSIGNMENT: StoryScene(
        title="the market ends between the strikes: the short put is assigned, shares are delivered and sold",
        strategy=_strategy(SceneName.ASSIGNMENT, dte_min=3, dte_max=9, dte=7),
        seed=1,
        days=14,
        minutes=30,
        act=_sells_the_shares,
    ),
    SceneName.TRIGGERS: StoryScene(
        title="a run by hand, by a signal, by a scan and by the clock, each with its charts drawn and read",
        strategy=_strategy(SceneName.TRIGGERS, _CHARTS, dte_min=25, dte_max=50, dte=35),
        seed=4,
        days=14,
        minutes=15,
        act=_starts_by_every_trigger,
        runs=4,
    ),
}
