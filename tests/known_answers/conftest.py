"""The calculators as the command line runs them: a table's cases go through ``--file`` in one batch."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from typer.testing import CliRunner

from thetaloom.cli.app import app

Answer = dict[str, Any]
Batch = Callable[[str, Sequence[object]], list[Answer]]


@pytest.fixture(scope="session")
def batch() -> Batch:
    """Answer cases by one command; answers are in the order of the cases."""

    def run(command: str, cases: Sequence[object]) -> list[Answer]:
        outcome = CliRunner().invoke(app, [command, "--file", "-", "--json"], input=json.dumps(cases))
        assert outcome.exit_code == 0, outcome.stdout
        answers: list[Answer] = json.loads(outcome.stdout)
        assert len(answers) == len(cases)
        return answers

    return run
