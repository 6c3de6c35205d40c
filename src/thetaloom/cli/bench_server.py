"""Of ``thetaloom bench``: how fast a server is there, and what it takes while nothing happens."""

import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from thetaloom.cli.bench_figures import IDLE_SECONDS, Figure, pause

START_SECONDS_MAX = 60.0


def server() -> list[Figure]:
    """Start of ``up`` to /healthz, and what it takes while idle."""
    with TemporaryDirectory(prefix="thetaloom-bench-") as home:
        _serve(home)  # the first start writes the database and compiled files
        seconds, memory, cpu = _serve(home)
    return [
        Figure(name="start to /healthz", figure=seconds, unit="s", bar=2, note="second start on the same home"),
        Figure(name="idle memory", figure=memory, unit="MB", bar=250, note="resident, after the first seconds"),
        Figure(name="idle CPU", figure=cpu, unit="% of a core", bar=2, note=f"over {IDLE_SECONDS:.0f} s"),
    ]


def _serve(home: str) -> tuple[float, float, float]:
    environment = {**os.environ, "THETALOOM_HOME": home}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's Python keeps what it compiled
    port = free_port()
    command = [sys.executable, "-m", "thetaloom", "up", "--port", str(port)]
    began = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            await_health(port, process, began)
            seconds = time.perf_counter() - began
            pause(2.0)
            before = cpu_seconds(process.pid)
            pause(IDLE_SECONDS)
            cpu = (cpu_seconds(process.pid) - before) / IDLE_SECONDS * 100
            return seconds, resident_megabytes(process.pid), cpu
        finally:
            process.terminate()


def await_health(port: int, process: "subprocess.Popen[bytes]", began: float) -> None:
    """Wait until a server answers."""
    from urllib.error import URLError
    from urllib.request import urlopen

    while time.perf_counter() - began < START_SECONDS_MAX:
        try:
            with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1) as answer:
                if answer.status == 200:
                    return
        except (URLError, ConnectionError, TimeoutError):
            if process.poll() is not None:
                break
            pause(0.01)
    raise typer.BadParameter("`thetaloom up` did not come to answer /healthz")


def free_port() -> int:
    """Return a port that nobody listens on."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def cpu_seconds(pid: int) -> float:
    """Return what a process has used of the processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_megabytes(pid: int) -> float:
    """Return the memory that a process holds."""
    status = Path(f"/proc/{pid}/status").read_text()
    kilobytes = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(kilobytes.split()[1]) / 1024
