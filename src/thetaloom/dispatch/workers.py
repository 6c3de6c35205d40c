"""Who holds a lease: a name that only one start of one process ever has, and proof that its owner is gone."""

import os
from pathlib import Path

PROC = Path("/proc")


def name_worker(pid: int | None = None) -> str:
    """Return the name of a process (this one, if none is given): boot, process namespace, number and start."""
    number = os.getpid() if pid is None else pid
    return ":".join((_place(), str(number), _started(number) or "unknown"))


def is_gone(name: str) -> bool:
    """Tell whether the process of that name certainly runs no more; one of another machine never certainly does."""
    if name.count(":") != 3:
        return False
    place, pid, started = name.rsplit(":", 2)
    if place != _place() or started == "unknown":
        return False
    return _started(int(pid)) != started


def _place() -> str:
    # Where the kernel tells neither boot nor namespace, nothing can be proven and leases simply end.
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}:{(PROC / 'self/ns/pid').stat().st_ino}"
    except OSError:
        return "some:where"


def _started(pid: int) -> str:
    try:
        # the command's name, in parentheses, may hold anything; the state and the start follow it
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    state, started = fields[0], fields[19]
    return "" if state in "ZX" else started
