"""The whole product on PostgreSQL: one process, a proposal, an approval, an order."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

from tests.conftest import administrate, postgres_url

PATIENCE_SECONDS = 120  # a fresh cache compiles every kernel first
Ask = Callable[..., Any]


@pytest.fixture
def ask(postgres_folder: Path, tmp_path: Path) -> Iterator[Ask]:
    """A server on an empty PostgreSQL database; ask it by path, with a body to change something."""
    administrate(postgres_folder, "CREATE DATABASE up_test")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = {"THETALOOM_HOME": str(tmp_path), "THETALOOM_DATABASE_URL": postgres_url(postgres_folder, "up_test")}
    thetaloom = [sys.executable, "-m", "thetaloom"]
    command = [*thetaloom, "up", "--port", str(port)]
    made = subprocess.run([*thetaloom, "token", "create", "--json"], env={**os.environ, **home}, stdout=subprocess.PIPE)
    bearer = f"Bearer {json.loads(made.stdout)['token']}"

    def call(path: str, body: dict[str, Any] | None = None) -> Any:
        text = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", "authorization": bearer}
        with urlopen(Request(f"http://127.0.0.1:{port}{path}", data=text, headers=headers), timeout=20) as answer:
            return json.load(answer)

    with subprocess.Popen(command, env={**os.environ, **home}, stdout=subprocess.DEVNULL) as process:
        try:
            yield call
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=30) == 0
            administrate(postgres_folder, "DROP DATABASE up_test WITH (FORCE)")


@pytest.fixture
def soon() -> Callable[[Callable[[], Any]], Any]:
    """Ask again until the answer is something, for as long as patience lasts."""

    def wait_for(question: Callable[[], Any]) -> Any:
        ends = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < ends:
            try:
                if found := question():
                    return found
            except URLError:
                pass
            threading.Event().wait(0.1)
        pytest.fail("the server did not come to an answer")

    return wait_for


@pytest.mark.postgres
@pytest.mark.slow
def test_a_trade_is_opened_by_a_server_on_postgresql(ask: Ask, soon: Callable[[Callable[[], Any]], Any]) -> None:
    soon(lambda: ask("/healthz")["status"] == "ok")

    ask("/api/workflow/start", {"symbols": ["SPY"], "strategy_ids": ["put-credit-spread-30dte"]})
    (proposal,) = soon(lambda: ask("/api/workflow/pending")["items"])
    ask(f"/api/workflow/approve/{proposal['id']}", {"content_hash": proposal["content_hash"]})

    (order,) = soon(lambda: ask("/api/orders")["items"])
    assert order["run_id"] == proposal["run_id"]
    assert soon(lambda: ask("/api/lineage/verify"))["faults"] == []
