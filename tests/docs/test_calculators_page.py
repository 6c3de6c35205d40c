"""The page of the calculators, typed word for word: its files, its commands, its answers."""

import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.docs.conftest import FENCE, ROOT
from thetaloom.cli.app import app

PAGE = ROOT / "docs" / "how-to" / "use-the-calculators.md"
NAMED = re.compile(r"`([\w-]+\.(?:csv|json))`[^`\n]*:\s*$")
DIGITS = 1e-9  # machines may differ in the last digits


def close(found: object, said: object) -> bool:
    """Whether two JSON documents say the same, numbers to nine digits."""
    if isinstance(found, dict) and isinstance(said, dict):
        return found.keys() == said.keys() and all(close(found[name], said[name]) for name in said)
    if isinstance(found, list) and isinstance(said, list):
        return len(found) == len(said) and all(map(close, found, said))
    if isinstance(found, float) or isinstance(said, float):
        return found == pytest.approx(said, rel=DIGITS, abs=DIGITS)
    return found == said


def test_every_example_gives_the_answer_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = PAGE.read_text()
    typed: list[str] = []
    wrong: list[str] = []
    answered, place, output = 0, 0, ""

    for block in FENCE.finditer(page):
        named, (language, text) = NAMED.search(page[place : block.start()]), block.groups()
        place = block.end()
        if named:
            Path(named[1]).write_text(text)
        elif language == "console":
            typed.append(text.removeprefix("$ ").strip())
            output = CliRunner().invoke(app, shlex.split(typed[-1])[1:]).stdout
        elif language == "json":
            answered += 1
            wrong += [] if close(json.loads(output), json.loads(text)) else [f"{typed[-1]} gives {output}"]

    assert wrong == []
    assert answered == len(typed)
    for command in ("price", "iv", "payoff", "margin"):
        mine = [line for line in typed if line.startswith(f"thetaloom {command} ")]
        assert any("--file" not in line for line in mine)
        assert any(".csv" in line for line in mine)
        assert any(".json" in line for line in mine)
