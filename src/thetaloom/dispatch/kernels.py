"""The compiled kernels of this version: made once by a process of its own, so that no turn of the engine waits."""

import os
import subprocess
import sys
from pathlib import Path

import structlog

from thetaloom import __version__

log = structlog.get_logger()

# A day of the synthetic market goes through every kernel that a run needs, in a home that is thrown away.
COMMAND = (sys.executable, "-m", "thetaloom", "demo", "--market", "synthetic", "--days", "1", "--json")
STOP_SECONDS = 5.0


class Kernels:
    """Whether the kernels in a folder are compiled; ``start`` has them compiled where they are not."""

    def __init__(self, folder: Path, command: tuple[str, ...] = COMMAND) -> None:
        self._mark = folder / f"ready-{__version__}"
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begin with it, and return at once."""
        if self._mark.exists():
            return
        ours = {name: value for name, value in os.environ.items() if not name.startswith("THETALOOM_")}
        nothing = subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(
                self._command, env=ours, stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
            )
        except OSError as error:
            log.warning("kernels_not_prepared", error=str(error))

    def is_ready(self) -> bool:
        """Say whether a run may begin: they are compiled, or could not be and are made when they are needed."""
        process = self._process
        if process is None:
            return True
        code = process.poll()
        if code is None:
            return False
        self._process = None
        if code:
            log.warning("kernels_not_prepared", exit_code=code)
            return True
        try:
            self._mark.parent.mkdir(parents=True, exist_ok=True)
            self._mark.touch()
        except OSError as error:  # the next start compiles them, or finds them, once more
            log.warning("kernels_not_marked", error=str(error))
        return True

    def close(self) -> None:
        """Stop compiling; what is done is kept."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
