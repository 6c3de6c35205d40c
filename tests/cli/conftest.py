"""A home of its own for each test, standing on the recorded day at an hour when its quotes can be traded."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from thetaloom.bootstrap import open_demo, write_pulse
from thetaloom.cli.app import app
from thetaloom.config import load_settings

Command = Callable[..., Result]
TRADABLE = datetime.fromisoformat("2015-12-24T15:05:00+00:00")


@pytest.fixture(autouse=True)
def new_homes_at_once(quick_upgrades: None) -> None:
    """Let no test here wait for the migrations of its home."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A new home on the recorded market."""
    folder = tmp_path / "home"
    monkeypatch.setenv("THETALOOM_HOME", str(folder))
    monkeypatch.setenv("THETALOOM_MARKET", "recorded")
    yield folder


@pytest.fixture
def tradable_home(home: Path) -> Path:
    """A home whose market clock stands at 10:05 in New York on the recorded day."""
    with open_demo(load_settings(), start=TRADABLE) as platform:
        write_pulse(platform, alive=False)
    return home


@pytest.fixture
def thetaloom() -> Command:
    """Run a command in this process."""

    def run(*arguments: Any, stdin: str | None = None) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments], input=stdin)

    return run
