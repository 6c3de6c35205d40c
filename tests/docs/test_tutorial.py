"""The tutorial, typed word for word: its strategy, its commands, its server."""

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

import pytest

from tests.docs.conftest import ROOT, blocks_of

TUTORIAL = ROOT / "docs" / "tutorial.md"
PATIENCE_SECONDS = 90
POLL_SECONDS = 0.5
IDS = {"RUN": r"\brun-[a-z0-9]{6,}", "PROPOSAL": r"\bprop-[a-z0-9]{6,}", "POSITION": r"\bpos-[a-z0-9]{6,}"}
# What a reader looks at until it says this.
UNTIL = {"thetaloom position list": IDS["POSITION"], "thetaloom run show RUN": r"\bCOMPLETED\b"}


@dataclass(slots=True)
class Reader:
    """Someone who types what the page says, in a folder of their own."""

    folder: Path
    environment: dict[str, str]
    seen: dict[str, str] = field(default_factory=dict)
    server: "subprocess.Popen[bytes] | None" = None

    def types(self, command: str) -> None:
        """Type one command, as often as the page says to look."""
        if command.startswith("export "):
            for word in shlex.split(command)[1:]:
                name, _, text = word.partition("=")
                self.environment[name] = text.replace("$PWD", str(self.folder))
        elif command == "thetaloom up":
            self.server = subprocess.Popen(["thetaloom", "up"], cwd=self.folder, env=self.environment)
        else:
            pattern = UNTIL.get(command, "")
            wait_until(lambda: re.search(pattern, self.answer(command)) is not None, f"{command} to say {pattern}")

    def answer(self, command: str) -> str:
        """Run a command and remember the ids that it shows."""
        words = [self.seen.get(word, word) for word in shlex.split(command)]
        done = subprocess.run(words, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        for name, pattern in IDS.items():
            if found := re.search(pattern, done.stdout):
                self.seen.setdefault(name, found[0])
        return done.stdout


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    for _ in range(int(PATIENCE_SECONDS / POLL_SECONDS)):
        if is_so():
            return
        Event().wait(POLL_SECONDS)
    raise AssertionError(f"waited {PATIENCE_SECONDS} s for {what}")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    command = tmp_path / "bin" / "thetaloom"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m thetaloom "$@"\n')
    command.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    plain = {name: text for name, text in os.environ.items() if not name.startswith("THETALOOM_")}
    source = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    environment = plain | {"PATH": path, "PYTHONPATH": source, "THETALOOM_PORT": str(port), "COLUMNS": "240"}
    someone = Reader(folder=tmp_path, environment=environment)
    yield someone
    if someone.server is not None:
        someone.server.send_signal(signal.SIGINT)
        someone.server.wait(timeout=30)


@pytest.mark.slow
def test_the_tutorial_does_what_it_says(reader: Reader) -> None:
    for block in blocks_of(TUTORIAL):
        if block.language == "toml":
            (reader.folder / "first-spread.toml").write_text(block.text)
        for command in block.commands:
            reader.types(command)

    assert reader.server is not None and reader.server.poll() is None
    assert set(reader.seen) == set(IDS)
