"""The process that draws, as whoever orders sees it: started when needed, and anew when it has died."""

import subprocess
import sys
from contextlib import suppress
from threading import Lock, Timer
from typing import IO

from thetaloom.charts.child import ANSWER, ORDER
from thetaloom.errors import Unavailable

START_SECONDS_MAX = 180.0  # a first start after an installation compiles; after that it is taken for dead
DRAW_SECONDS_MAX = 120.0  # far more than any chart takes, however busy the machine
# With the paths of this process, and none of the folder that it happens to be in.
PROGRAM = "import sys; sys.path[:] = sys.argv[1:]; from thetaloom.charts.child import main; main()"
DIED = "the process that draws charts has died; another one is started"


class DrawingProcess:
    """At most one process; ``start`` and ``draw`` are for one thread, ``pid`` and ``stop`` are for any."""

    def __init__(self) -> None:
        self._running: subprocess.Popen[bytes] | None = None
        self._lock = Lock()  # over which one is running
        self._is_stopped = False

    @property
    def pid(self) -> int | None:
        """Of the process; ``None`` where none was started, or it is known to have died."""
        running = self._running
        return None if running is None else running.pid

    def start(self) -> None:
        """Start the process and wait until it can draw. Raises ``Unavailable``."""
        self._started()

    def draw(self, numbers: bytes, *, dark: bool) -> bytes:
        """Return the chart of ``numbers``, the canonical JSON of its series, as PNG. Raises ``Unavailable``."""
        process = self._started()
        return self._asked(process, ORDER.pack(dark, len(numbers)) + numbers, DRAW_SECONDS_MAX)

    def stop(self) -> None:
        """End the process for good, whatever it is doing: it holds nothing that anybody would miss."""
        with self._lock:
            self._is_stopped = True
            running, self._running = self._running, None
        if running is not None:
            _end(running)

    def _started(self) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._is_stopped:
                raise Unavailable(DIED)
            if self._running is not None:
                return self._running
            # In a group of its own: Ctrl-C at a terminal is for the program that it was typed to.
            command = [sys.executable, "-c", PROGRAM, *sys.path]
            try:
                process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0)
            except OSError as error:
                raise Unavailable(f"the process that draws charts cannot be started: {error}") from error
            self._running = process
        self._asked(process, b"", START_SECONDS_MAX)
        return process

    def _asked(self, process: "subprocess.Popen[bytes]", order: bytes, seconds_max: float) -> bytes:
        guard = Timer(seconds_max, process.kill)
        guard.daemon = True
        guard.start()
        try:
            return _answer(process, order)
        except (OSError, EOFError, ValueError) as error:  # ValueError: its pipes were closed meanwhile
            self._bury(process)
            raise Unavailable(DIED, advice="Nothing is to be done if it does not happen again.") from error
        finally:
            guard.cancel()

    def _bury(self, process: "subprocess.Popen[bytes]") -> None:
        with self._lock:
            if self._running is process:
                self._running = None
        _end(process)


def _answer(process: "subprocess.Popen[bytes]", order: bytes) -> bytes:
    if process.stdin is None or process.stdout is None:
        raise EOFError
    process.stdin.write(order)
    process.stdin.flush()
    head = _exactly(process.stdout, ANSWER.size)
    (size,) = ANSWER.unpack(head)
    return _exactly(process.stdout, size)


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what could not be sent is tried once more by closing
                pipe.close()


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    content = pipe.read(size)
    if len(content) < size:
        raise EOFError
    return content
