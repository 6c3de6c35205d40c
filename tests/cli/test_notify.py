"""``notify`` on the command line: add, try out, look at what became of it, take out."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from thetaloom.testing.receivers import hook

DEAD = "json://user:planted-password@127.0.0.1:9/planted-path"


def test_a_destination_is_added_tried_changed_and_taken_out(thetaloom: Command, home: Path) -> None:
    with hook() as receiver:
        added = thetaloom("notify", "add", "desk", "-", "--topic", "fill", "--json", stdin=f"{receiver.url}\n")
        tried = thetaloom("notify", "test", "desk", "--json")
        receiver.statuses = [401]
        refused = thetaloom("notify", "test", "desk", "--json")
    changed = thetaloom("notify", "add", "desk", "--quiet", "22:00-07:00", "--off", "--json")
    listed = thetaloom("notify", "list", "--json")
    log = thetaloom("notify", "log", "--status", "failed", "--json")
    removed = thetaloom("notify", "remove", "desk", "--json")

    assert (added.exit_code, json.loads(added.stdout)["topics"]) == (0, ["fill"]), added.output
    assert (tried.exit_code, json.loads(tried.stdout)["status"]) == (0, "sent"), tried.output
    assert [body["title"] for _, body in receiver.received] == ["Thetaloom: a test"]
    assert refused.exit_code == 4 and "JSON answered 401" in refused.output
    assert changed.exit_code == 0, changed.output
    (one,) = json.loads(listed.stdout)
    assert (one["topics"], one["quiet_from"], one["enabled"]) == (["fill"], "22:00:00", False)
    assert [told["error"] for told in json.loads(log.stdout)["rows"]] == ["JSON answered 401"]
    assert json.loads(removed.stdout) == {"removed": "desk"}
    assert thetaloom("notify", "test", "desk").exit_code == 1
    said = (added, tried, refused, changed, listed, log)
    assert all("planted" not in answer.output for answer in said)


def test_a_service_that_does_not_answer_is_an_outside_system(thetaloom: Command, home: Path) -> None:
    added = thetaloom("notify", "add", "desk", DEAD)
    tried = thetaloom("notify", "test", "desk")

    assert (added.exit_code, tried.exit_code) == (0, 4)
    assert "planted" not in added.output + tried.output


@pytest.mark.parametrize(
    "asked",
    [
        ["desk"],
        ["desk", "bogus://planted"],
        ["desk", "syslog://"],
        ["No Name", "ntfy://desk"],
        ["desk", "ntfy://desk", "--topic", "everything"],
        ["desk", "ntfy://desk", "--quiet", "22:00"],
        ["desk", "ntfy://desk", "--quiet", "22:00-22:00"],
        ["desk", "ntfy://desk", "--rate", "0"],
        ["desk", "ntfy://desk", "--zone", "Mars/Olympus"],
    ],
)
def test_what_makes_no_destination_is_a_wrong_use(thetaloom: Command, home: Path, asked: list[str]) -> None:
    answer = thetaloom("notify", "add", *asked)

    assert answer.exit_code == 2 and "planted" not in answer.output
    assert json.loads(thetaloom("notify", "list", "--json").stdout) == []
