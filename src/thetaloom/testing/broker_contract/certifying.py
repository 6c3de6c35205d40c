"""Runs the scenarios on one broker and says what came of each."""

import linecache
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from traceback import extract_tb

import structlog

from thetaloom.errors import ConfigError, ThetaloomError
from thetaloom.testing.broker_contract.rig import Rig
from thetaloom.testing.broker_contract.rigs import RigSource
from thetaloom.testing.broker_contract.scenarios import Scenario

SUITE = "broker_contract"


class Outcome(StrEnum):
    """What came of a scenario."""

    PASSED = "passed"
    FAILED = "failed"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """One scenario and what came of it; ``reason`` says why it failed or was left out."""

    scenario: Scenario
    outcome: Outcome
    reason: str = ""
    seconds: float = 0.0

    @property
    def told(self) -> str:
        """The outcome with its reason, as it is recorded."""
        return f"{self.outcome.value}: {self.reason}" if self.reason else self.outcome.value


class RigsForScenarios:
    """A fresh rig for each scenario that can be tried; what all rigs of a broker lack is told without another one."""

    def __init__(self, source: RigSource) -> None:
        self._source = source
        self._last: Rig | None = None

    def rig_or_reason(self, scenario: Scenario) -> Rig | str:
        """Return a rig for a scenario, or why it is left out."""
        if self._last is None or not scenario.left_out_because(self._last):
            self._last = self._source.fresh(scenario)
        return scenario.left_out_because(self._last) or self._last


def certify(
    source: RigSource, scenarios: Iterable[Scenario], stopwatch: Callable[[], float] = time.perf_counter
) -> Iterator[Certified]:
    """Run scenarios, each on a fresh account, and tell what came of each as soon as it is over."""
    if not __debug__:
        raise ConfigError("scenarios check by assert statements, which python -O leaves out: start without -O")
    rigs = RigsForScenarios(source)
    for scenario in scenarios:
        began = stopwatch()
        outcome, reason = _tried(rigs, scenario)
        yield Certified(scenario=scenario, outcome=outcome, reason=reason, seconds=stopwatch() - began)


@contextmanager
def quiet() -> Iterator[None]:
    """Log nothing: what breaks in a scenario was planned to."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)


def summary(certified: Sequence[Certified]) -> Mapping[str, int]:
    """Count the outcomes."""
    return {one.value.replace(" ", "_"): sum(each.outcome is one for each in certified) for one in Outcome}


def _tried(rigs: RigsForScenarios, scenario: Scenario) -> tuple[Outcome, str]:
    try:
        rig = rigs.rig_or_reason(scenario)
        if isinstance(rig, str):
            return Outcome.LEFT_OUT, rig
        scenario.run_on(rig)
        if rig.wire is not None and (faults := rig.wire.faults()):
            return Outcome.FAILED, f"the broker would not understand: {faults[0]}"
    except AssertionError as error:
        return Outcome.FAILED, _said(error)
    except ThetaloomError as error:
        return Outcome.FAILED, f"{type(error).__name__}: {error} ({_said(error)})"
    except Exception as error:  # noqa: BLE001  # an adapter that lets a foreign error out breaks the contract by it
        return Outcome.FAILED, f"an error that is not ours came out, {type(error).__name__}: {error} ({_said(error)})"
    return Outcome.PASSED, ""


def _said(error: BaseException) -> str:
    # The last line of the suite that ran: what it wanted to be so.
    frames = [frame for frame in extract_tb(error.__traceback__) if SUITE in frame.filename]
    last = next((one for one in reversed(frames) if not one.filename.endswith(("rig.py", "certifying.py"))), None)
    line = "" if last is None or last.lineno is None else linecache.getline(last.filename, last.lineno).strip()
    return f"{line}: {error}" if isinstance(error, AssertionError) and str(error) else line
