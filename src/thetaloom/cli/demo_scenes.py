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
from thetaloom.domain.strategy.documents import parse_strategy
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.ids import RunId
from thetaloom.engine.commands import ClosePosition, Command, RollPosition, SellShares

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

    def is_over(self) -> bool:
        """Say whether every run of the scene has ended, or cannot go on."""
        with self.platform.store.reading() as uow:
            found = [uow.runs.get(run) for run in self.runs]
        return all(run is None or run.is_final or run.status is RunStatus.ERROR for run in found)

    def once(self, deed: str) -> bool:
        """Say whether this deed is done for the first time, and note it."""
        if deed in self.done:
            return False
        self.done.add(deed)
        return True

    def _is_open(self) -> bool:
        desk = self.platform.desk
        left = desk.calendar.minutes_to_close(self.platform.clock.now())
        return left is not None and left >= 90


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


def scene_of(name: SceneName) -> StoryScene:
    """Return the scene of this name."""
    return _SCENES[name]


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
}
