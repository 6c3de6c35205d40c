"""Kill -9 between the answer to a signal and the start of its run, and in a burst: none lost, none doubled."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Any

from sqlalchemy import select

from tests.crash.nursery import Nursery
from tests.crash.world import Boundaries, Phase, World, open_world
from thetaloom.bootstrap import Platform
from thetaloom.domain.run.signal_sources import SignalSource, SourceAuth
from thetaloom.domain.values.ids import StrategyId
from thetaloom.engine.commands import SaveSignalSource, TakeSignal
from thetaloom.engine.signals import SignalAnswer, start_due, take_signal
from thetaloom.store.schema import runs, signal_trail, signals

DEMO = "goog-demo-put-credit-spread"
TRAIL = ["received", "accepted", "started"]
BURST, SENDERS = 160, 4
TRIES_MAX = 2000


def send_all(home: str, count: int, kill_at: int = 0, phase: Phase = "before") -> dict[str, Any]:
    """Send signals as a sender does that never heard of the ones before a kill, and start what is due."""
    boundaries = Boundaries(kill_at=kill_at, phase=phase)
    platform = open_world(World(home=home), boundaries)
    try:
        add_source(platform)
        ready = boundaries.passed
        answers = [send(platform, number) for number in range(count)]
        while start_due(platform.desk):
            pass
        return {"ready": ready, "commits": boundaries.passed, "answers": answers, **books(platform)}
    finally:
        platform.close()


def add_source(platform: Platform) -> None:
    """Let a source send."""
    source = SignalSource(
        name="burst",
        user_id=platform.user_id,
        auth=SourceAuth.UNSIGNED,
        strategy_id=StrategyId(DEMO),
        cooldown_seconds=0,
        saved_at=platform.clock.now(),
    )
    platform.engine.handle(SaveSignalSource(source=source))


def send(platform: Platform, number: int) -> str:
    """Send one signal with an id of its own."""
    payload = json.dumps({"symbol": f"B{number}", "action": "buy", "id": f"n{number}"})
    wish = TakeSignal(user_id=platform.user_id, source="burst", payload=payload, wall_at=platform.clock.now())
    answer = take_signal(platform.desk, wish)
    assert isinstance(answer, SignalAnswer)
    return answer.answer.value


def books(platform: Platform) -> dict[str, Any]:
    """Return which ids were taken, which runs they have, and the trails that are not as they should be."""
    with platform.database.connect() as connection:
        taken = {row.id: row.sender_id for row in connection.execute(select(signals.c.id, signals.c.sender_id))}
        of_runs = list(connection.scalars(select(runs.c.signal_id).where(runs.c.signal_id.is_not(None))))
        trails: dict[str, list[str]] = {}
        for row in connection.execute(select(signal_trail).order_by(signal_trail.c.signal_id, signal_trail.c.seq)):
            trails.setdefault(row.signal_id, []).append(row.stage.value)
    return {
        "taken": sorted(taken.values()),
        "runs": sorted(taken.get(one, "?") for one in of_runs),
        "odd": {one: trail for one, trail in trails.items() if trail[:3] != TRAIL},
    }


def test_a_kill_at_each_commit_between_message_and_run_loses_none_and_doubles_none(
    nursery: Nursery, new_home: Callable[[], str]
) -> None:
    count, prepared = 2, new_home()
    wanted = [f"n{number}" for number in range(count)]
    assert not nursery.run(f"{__name__}:send_all", home=prepared, count=0).error
    calm = nursery.run(
        f"{__name__}:send_all", home=shutil.copytree(prepared, new_home(), dirs_exist_ok=True), count=count
    )
    assert not calm.error and calm.answer["runs"] == wanted
    first, last = calm.answer["ready"] + 1, calm.answer["commits"]
    assert last - first >= 2 * count - 1

    kills: list[tuple[int, Phase]] = [(number, "before") for number in range(first, last + 1)]
    for number, phase in [*kills, (last, "after")]:
        home = shutil.copytree(prepared, new_home(), dirs_exist_ok=True)
        killed = nursery.run(f"{__name__}:send_all", home=home, count=count, kill_at=number, phase=phase)
        found = nursery.run(f"{__name__}:send_all", home=home, count=count)

        assert killed.was_killed and not found.error, (number, phase, killed, found.error)
        said = found.answer
        assert (said["taken"], said["runs"], said["odd"]) == (wanted, wanted, {}), (number, phase)


@contextmanager
def serving(home: str) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """Run ``thetaloom up`` on a home; give its port and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "thetaloom", "up", "--port", str(port)]
    environment = {**os.environ, "THETALOOM_HOME": home, "THETALOOM_MARKET": "recorded"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(TRIES_MAX):
                try:
                    HTTPConnection("127.0.0.1", port, timeout=1).connect()
                    break
                except OSError:
                    threading.Event().wait(0.02)
            yield port, process
        finally:
            process.kill()


def post_until_answered(port: int, numbers: list[int], statuses: dict[int, int], kill: Callable[[int], None]) -> None:
    """Post what was not answered yet; stop where nobody listens any more."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    for number in numbers:
        body = json.dumps({"symbol": f"B{number}", "action": "buy", "id": f"n{number}"})
        try:
            connection.request("POST", "/webhook/burst", body)
            answer = connection.getresponse()
            answer.read()
        except (OSError, HTTPException):
            return
        statuses[number] = answer.status
        kill(len(statuses))


def burst(home: str, statuses: dict[int, int], kill_after: int) -> None:
    """Send all that has no answer yet over several connections, and kill the server after so many answers."""
    with serving(home) as (port, process):

        def kill(answered: int) -> None:
            if answered == kill_after:
                os.kill(process.pid, signal.SIGKILL)

        left = [number for number in range(BURST) if number not in statuses]
        senders = [
            threading.Thread(target=post_until_answered, args=(port, left[place::SENDERS], statuses, kill))
            for place in range(SENDERS)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()


def test_a_server_that_is_killed_in_a_burst_loses_no_answered_signal_and_starts_none_twice(
    new_home: Callable[[], str],
) -> None:
    home = new_home()
    platform = open_world(World(home=home))
    add_source(platform)
    platform.close()
    statuses: dict[int, int] = {}

    burst(home, statuses, kill_after=60)
    after_kill = len(statuses)
    burst(home, statuses, kill_after=BURST)  # with the last answer, before its run may have started

    assert 60 <= after_kill < BURST == len(statuses)
    assert set(Counter(statuses.values())) <= {202, 200}
    # Where the server's clock stood: any later, a signal that was taken a moment ago may have expired.
    platform = open_world(World(home=home, start=""))
    while start_due(platform.desk):
        pass
    found = books(platform)
    platform.close()
    wanted = sorted(f"n{number}" for number in range(BURST))
    assert (found["taken"], found["runs"], found["odd"]) == (wanted, wanted, {})
