"""A program of its own that is killed while it gives a finished file its name, as a power cut may do it."""

import os
import signal
import subprocess
import sys

PRELUDE = """
import os, signal, sys
from pathlib import Path

left, moment = int(sys.argv.pop(1)), sys.argv.pop(1)
replace = Path.replace

def until_then(path, target):
    global left
    left -= 1
    if left == 0 and moment == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    moved = replace(path, target)
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return moved

Path.replace = until_then
"""


def killed_at(replacement: int, script: str, *arguments: object, moment: str = "before") -> str:
    """Run a script, kill it ``before`` or ``after`` that file of its takes its name, and return what it printed."""
    killed = subprocess.run(
        [sys.executable, "-c", PRELUDE + script, str(replacement), moment, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    return killed.stdout
