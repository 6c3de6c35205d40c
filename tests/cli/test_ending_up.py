"""How ``up`` ends for a person who presses Ctrl-C more than once."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_commands import answers, free_port, wait_until

UNFINISHED = b"POST /webhook HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n"


@pytest.mark.slow
def test_a_second_interrupt_changes_nothing(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "thetaloom", "up", "--port", str(port)]
    home = {"THETALOOM_HOME": str(tmp_path / "home")}

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | home) as server:
        try:
            wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"))
            with socket.create_connection(("127.0.0.1", port)) as unfinished:
                unfinished.sendall(UNFINISHED)  # the server waits for its end, for as long as it waits for anything
                server.send_signal(signal.SIGINT)
                wait_until(lambda: not answers(f"http://127.0.0.1:{port}/healthz"))
                server.send_signal(signal.SIGINT)
                said, complaints = server.communicate(timeout=60)
        finally:
            server.kill()

    assert (server.returncode, b"Traceback" in complaints) == (0, False), complaints
    assert said.decode().rstrip().endswith("stopped; what rests at the broker stays there")
