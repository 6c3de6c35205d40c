"""A simulated broker and Thetaloom beside it, as a person starts them: two real processes, driven over HTTP."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError, URLError

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
LOOK = threading.Event()  # nothing sets it: waiting on it is a pause that can be read
SECONDS_MAX = 90  # of a busy machine


class Practice:
    """Both processes and the home between them."""

    def __init__(self, broker: str, folder: Path, *, start: str, seed: int, symbol: str = "QQQ") -> None:
        self.broker, self.home, self.symbol = broker, folder / "home", symbol
        self._environment = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), *filter(None, sys.path)]),
            "THETALOOM_HOME": str(self.home),
            "THETALOOM_EVENTS_FILE": str(folder / "events.csv"),
        }
        (folder / "events.csv").write_text(
            f"symbol,kind,date,amount\n{symbol},earnings_known_until,2026-12-31,\n"
            f"{symbol},dividends_known_until,2026-12-31,\n"
        )
        self._log = folder / "log"
        self._simulator = self._start("broker", "simulate", broker, "--json", "--start", start, "--seed", str(seed))
        self.told = self._read_json(self._simulator)
        self._environment |= self.told["environment"]
        self.port = free_port()
        self.token = ""
        self._up: subprocess.Popen[str] | None = None

    def command(self, *words: str, typed: str = "", ends_with: int = 0) -> str:
        """Run a command to its end and return what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "thetaloom", *words],
            input=typed,
            text=True,
            capture_output=True,
            env=self._environment,
            timeout=SECONDS_MAX,
        )
        assert done.returncode == ends_with, f"{words}: {done.returncode} {done.stdout}{done.stderr}"
        return done.stdout + (done.stderr if ends_with else "")

    def keep_secrets(self) -> None:
        """Put the broker's secrets into the vault."""
        for name, secret in self.told["secrets"].items():
            self.command("secret", "set", self.broker, name, typed=f"{secret}\n")

    def up(self) -> None:
        """Start the server and wait until it answers."""
        self._up = self._start("up", "--broker", self.broker, "--port", str(self.port))
        self.wait("up to be ready", lambda: self._answers("/healthz"))
        if not self.token:
            self.token = json.loads(self.command("token", "create", "--json"))["token"]

    def kill(self) -> None:
        """End the server with ``kill -9``."""
        assert self._up is not None
        self._up.kill()
        self._up.communicate()

    def close(self) -> None:
        """End both by their own means."""
        for process in (self._up, self._simulator):
            if process is not None and process.poll() is None:
                process.terminate()
                try:
                    process.communicate(timeout=20)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.communicate()

    def get(self, path: str) -> Any:
        """Ask Thetaloom."""
        return _ask(f"http://127.0.0.1:{self.port}{path}", token=self.token)

    def post(self, path: str, **body: Any) -> Any:
        """Ask Thetaloom to do something."""
        return _ask(f"http://127.0.0.1:{self.port}{path}", body, token=self.token)

    def control(self, path: str, **body: Any) -> Any:
        """Let something happen to the broker."""
        return _ask(self.told["control"] + path, body)

    def books(self) -> Any:
        """What the broker knows itself."""
        return _ask(self.told["control"] + "/books")

    def now(self) -> datetime:
        """What the broker's clock says."""
        return datetime.fromisoformat(_ask(self.told["control"] + "/clock")["now"])

    def jump(self, at: datetime | str) -> None:
        """Move the broker's clock forward."""
        self.control("/clock", at=at if isinstance(at, str) else at.isoformat())

    def pass_minutes(self, minutes: int, until: Callable[[], bool], at_most: float = 2.5) -> bool:
        """Let time pass, and give everybody a moment to see it; tell whether something is so then."""
        self.jump(self.now() + timedelta(minutes=minutes))
        ends = time.monotonic() + at_most
        while not (found := until()) and time.monotonic() < ends:
            LOOK.wait(0.1)
        return found

    def wait(self, what: str, met: Callable[[], T]) -> T:
        """Return the first answer that holds."""
        ends = time.monotonic() + SECONDS_MAX
        while time.monotonic() < ends:
            assert self._up is None or self._up.poll() is None, f"up has ended: {self.said()}"
            found = met()
            if found:
                return found
            LOOK.wait(0.1)
        raise AssertionError(f"waited in vain for {what}\n{self.said()}\n{self._seen()}")

    def said(self) -> str:
        """The last lines that the processes wrote."""
        return self._log.read_text()[-6000:]

    def _seen(self) -> str:
        seen = {}
        for path in ("/api/workflow/list", "/api/orders", "/api/positions", "/readyz", "/api/findings"):
            try:
                seen[path] = self.get(path)
            except AssertionError as error:
                seen[path] = str(error)
        return json.dumps({**seen, "books": self.books()}, indent=1)[:12000]

    def _answers(self, path: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5):
                return True
        except (URLError, OSError):
            return False

    def _start(self, *words: str) -> "subprocess.Popen[str]":
        with self._log.open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "thetaloom", *words],
                stdout=subprocess.PIPE if words[0] == "broker" else log,
                stderr=log,
                text=True,
                env=self._environment,
            )

    def _read_json(self, process: "subprocess.Popen[str]") -> Any:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("}"):
                return json.loads("".join(lines))
        raise AssertionError(f"the simulator has ended: {self._log.read_text()}")


def _ask(url: str, body: dict[str, Any] | None = None, *, token: str = "") -> Any:
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    content = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, content, headers), timeout=SECONDS_MAX) as answer:
            return json.loads(answer.read())
    except HTTPError as error:
        raise AssertionError(f"{url}: {error.code} {error.read().decode()}") from error


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
