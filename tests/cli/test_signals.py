"""The commands of signals: sources with their records, and what a hand may send."""

import json

import pytest

from tests.cli.conftest import Command

pytestmark = pytest.mark.usefixtures("home")
STRATEGY = "goog-demo-put-credit-spread"


def test_a_source_is_added_changed_and_listed_with_its_record(thetaloom: Command) -> None:
    made = json.loads(thetaloom("signal", "source", "add", "tv", "--strategy", STRATEGY, "--json").stdout)
    changed = json.loads(thetaloom("signal", "source", "add", "tv", "--by-record", "--weight", "0.9", "--json").stdout)

    (listed,) = json.loads(thetaloom("signal", "source", "list", "--json").stdout)

    assert len(made["secret"]) > 30 and changed["secret"] is None and "secret" not in listed
    assert (made["weighs_by_record"], listed["weighs_by_record"], listed["weight"]) == (False, True, "0.9")
    assert listed["strategy_id"] == STRATEGY
    assert (listed["record"]["judged"], listed["record"]["lifetime"], listed["record"]["pnl"]) == (0, None, "0")
    assert "not judged yet" in thetaloom("signal", "source", "list").stdout


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("SELL GOOG", "ambiguous_sell"),
        ('{"ticker": ["GOOG"], "action": "buy"}', "wrong_type"),
        ('{"ticker": "GOOG", "action": "buy", "price": NaN}', "not_json"),
        ("null", "not_an_object"),
        ("BUY GOOG now please", "unknown_text"),
    ],
)
def test_a_message_that_is_not_understood_is_told_and_leaves_nothing(
    thetaloom: Command, message: str, code: str
) -> None:
    answer = thetaloom("signal", "send", message, "--strategy", STRATEGY, "--json")

    assert answer.exit_code == 2 and code in json.loads(answer.stdout)["error"]["details"].values()
    assert json.loads(thetaloom("signal", "list", "--json").stdout)["total"] == 0
