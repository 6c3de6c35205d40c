"""Other libraries' figures, measured by scripts of ``tools/peers`` on a Python of their own.

Their pins conflict with ours, so they live in another environment, which ``make bench`` builds from
``tools/peers/requirements.txt``. Where it is not there, a figure says so and our own is measured all the same.
"""

import json
import subprocess
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]
SCRIPTS = CHECKOUT / "tools" / "peers"
DEFAULT_PYTHON = CHECKOUT / ".venv-peers" / "bin" / "python"
SECONDS_MAX = 300.0
PEERS: ContextVar[Path] = ContextVar("peers", default=DEFAULT_PYTHON)  # the Python that `bench --peers` names


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerAnswer:
    """What a peer's script measured; without ``milliseconds`` there is a ``problem``."""

    milliseconds: float = 0.0
    answers: tuple[object, ...] = ()
    problem: str = ""


def ask_peer(script: str, question: object) -> PeerAnswer:
    """Run a script of ``tools/peers`` and return what it says; its problem when there is no answer."""
    python, path = PEERS.get(), SCRIPTS / f"{script}.py"
    if not python.is_file() or not path.is_file():
        return PeerAnswer(problem="not installed")
    try:
        done = subprocess.run(
            [str(python), str(path)],
            input=json.dumps(question),
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS_MAX,
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        return PeerAnswer(problem=f"gave no answer: {error}")
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()[-1:] or ["nothing"]
        missing = said[0].startswith("ModuleNotFoundError")
        return PeerAnswer(problem="not installed" if missing else f"failed: {said[0]}")
    try:
        found = json.loads(done.stdout)
        return PeerAnswer(milliseconds=float(found["milliseconds"]), answers=tuple(found["answers"]))
    except (ValueError, KeyError, TypeError) as error:
        return PeerAnswer(problem=f"gave no answer that can be read: {error}")


def peer_text(name: str, answer: PeerAnswer, scale: float = 1.0) -> str:
    """Write a peer's figure beside ours; ``scale`` brings a sample to the whole."""
    if answer.problem:
        return f"{name}: {answer.problem}"
    milliseconds = answer.milliseconds * scale
    return f"{name}: {milliseconds:,.{0 if milliseconds >= 100 else 1}f} ms"
