"""A small process that has everything warm and forks a child for each task, so that a task may well be killed.

The tests' own process cannot fork: its threads (polars, numpy, servers of other tests) would not follow.
It reads one JSON request a line on its input and writes one JSON answer a line on its output.
"""

import gc
import importlib
import json
import os
import pickle
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from thetaloom.domain.market.chain import OptionChain
from thetaloom.engine.engine import Engine

CHILD_SECONDS_MAX = 120
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a child ended: its answer, or the signal that killed it."""

    signal: int
    answer: Any
    error: str

    @property
    def was_killed(self) -> bool:
        """Whether ``kill -9`` ended it."""
        return self.signal == signal.SIGKILL


class Nursery:
    """The tests' end of the nursery process."""

    def __init__(self) -> None:
        path = os.pathsep.join([str(ROOT), str(ROOT / "src"), *filter(None, sys.path)])
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": path},
        )

    def start(self, call: str, **given: Any) -> int:
        """Have a child call ``module:function`` with JSON arguments; return its number."""
        return int(self._ask({"call": call, "given": given}))

    def wait(self, child: int) -> Ended:
        """Return how a child ended, once it has."""
        return Ended(**self._ask({"wait": child}))

    def run(self, call: str, **given: Any) -> Ended:
        """Start a child and wait for it."""
        return self.wait(self.start(call, **given))

    def close(self) -> None:
        """Let the process end."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the nursery process has ended"
        return json.loads(line)


def serve() -> None:
    """Answer requests until there are no more."""
    with TemporaryDirectory(prefix="thetaloom-nursery-") as folder:
        _warm_up(Path(folder))
        gc.freeze()  # a walk through it would copy its pages into every child
        for line in sys.stdin:
            request = json.loads(line)
            if "wait" in request:
                answer: Any = _wait(Path(folder), request["wait"])
            else:
                answer = _fork(Path(folder), request["call"], request["given"])
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


def _warm_up(folder: Path) -> None:
    # A whole life in this very process, so that its children find imports, kernels and statements ready. Only polars
    # must not be used here: it would start threads, and no fork has them. So chains are kept by pickle this once.
    from tests.crash import world

    warm = world.World(home=str(folder / "warm"), **world.MADE)
    platform = world.open_world(warm)
    desk = replace(platform.desk, codec=_PickledChains())
    warmed = replace(platform, desk=desk, engine=Engine(desk, platform.paper))
    world.play_on(warmed, warm)
    world.faults_of(warmed, world.broker_books(warmed))
    platform.close()


class _PickledChains:
    def encode(self, chain: OptionChain) -> bytes:
        return pickle.dumps(chain)

    def decode(self, content: bytes) -> OptionChain:
        chain: OptionChain = pickle.loads(content)
        return chain


def _fork(folder: Path, call: str, given: dict[str, Any]) -> int:
    child = os.fork()
    if child:
        return child
    os.dup2(2, 1)  # the answers' own line is the parent's; whatever else is written is for a reader
    signal.alarm(CHILD_SECONDS_MAX)
    gc.disable()  # no child lives long enough to need it
    error, answer = "", None
    try:
        module, _, function = call.partition(":")
        answer = getattr(importlib.import_module(module), function)(**given)
    except BaseException:  # noqa: BLE001  # the parent is told whatever ended the child
        error = traceback.format_exc()
    (folder / f"{os.getpid()}.json").write_text(json.dumps({"answer": answer, "error": error}))
    os._exit(0)


def _wait(folder: Path, child: int) -> dict[str, Any]:
    status = os.waitpid(child, 0)[1]
    file = folder / f"{child}.json"
    if os.WIFSIGNALED(status) or not file.exists():
        return {"signal": os.WTERMSIG(status), "answer": None, "error": f"ended by signal {os.WTERMSIG(status)}"}
    found = {"signal": 0, **json.loads(file.read_text())}
    file.unlink()
    return found


if __name__ == "__main__":
    serve()
