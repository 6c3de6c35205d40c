"""Prompts on the command line: list, write, try, compare, and take out."""

import json
from pathlib import Path

from tests.cli.conftest import Command


def test_a_template_is_written_tried_compared_and_taken_out(thetaloom: Command, home: Path, tmp_path: Path) -> None:
    file, values = tmp_path / "mine.txt", tmp_path / "values.json"
    file.write_text("{{ symbol }} at {{ atr | round_decimal }}")
    values.write_text('{"symbol": "SPY", "atr": 2.345}')

    every = json.loads(thetaloom("prompt", "list", "--json").stdout)
    added = thetaloom("prompt", "add", "mine", "--file", file, "--tag", "own", "--json")
    file.write_text("{{ symbol }}")
    again = thetaloom("prompt", "add", "mine", "--file", file, "--json")
    rendered = json.loads(thetaloom("prompt", "render", "mine@1", "--values", values, "--json").stdout)
    compared = json.loads(thetaloom("prompt", "compare", "mine@1", "mine", "--json").stdout)
    record = thetaloom("prompt", "performance", "--json")
    removed = thetaloom("prompt", "remove", "mine")

    assert len(every) == 8
    assert json.loads(added.stdout)["version"] == 1 and json.loads(again.stdout)["version"] == 2
    assert json.loads(again.stdout)["tags"] == ["own"]
    assert rendered["text"] == "SPY at 2.34" and rendered["missing"] == []
    assert compared["difference"][-1] == "+{{ symbol }}"
    assert json.loads(record.stdout) == [] and removed.exit_code == 0
    assert thetaloom("prompt", "show", "mine").exit_code == 1


def test_what_is_wrong_is_said_with_exit_code_two(thetaloom: Command, home: Path, tmp_path: Path) -> None:
    file = tmp_path / "bad.txt"
    file.write_text("a\n{{ symbol.__class__ }}")

    refused = thetaloom("prompt", "add", "bad", "--file", file)
    missing = thetaloom("prompt", "add", "bad", "--file", tmp_path / "none.txt")

    assert refused.exit_code == missing.exit_code == 2
    assert "line 2: __class__ cannot be reached" in refused.stderr
