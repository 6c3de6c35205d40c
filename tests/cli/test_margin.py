"""``thetaloom margin`` by options and by file, and the examples of its page."""

import csv
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.docs.conftest import ROOT, Block, blocks_of

PAGE = ROOT / "docs" / "concepts" / "margin.md"
SPREAD = ("--leg", "-1 SPY 2026-01-16 P 560 @ 5", "--leg", "1 SPY 2026-01-16 P 550 @ 3", "--underlying-price", "600")
CASES: list[dict[str, Any]] = [
    {
        "account": "margin",
        "underlying": {"symbol": "SPY", "price": 600, "kind": "etf"},
        "legs": [
            {"right": "P", "strike": 560, "expiration": "2026-01-16", "quantity": -1, "price": 5},
            {"right": "P", "strike": 550, "expiration": "2026-01-16", "quantity": 1, "price": 3},
        ],
    },
    {"underlying": {"symbol": "SPY", "price": -1}, "legs": [{"kind": "stock", "quantity": 100}]},
    {"account": "cash", "underlying": {"symbol": "SPY", "price": 600}, "legs": [{"kind": "stock", "quantity": -100}]},
    {"underlying": {"symbol": "SPY", "price": 600}, "legs": [{"kind": "stock", "quantity": 100}]},
]
ROWS = [
    ("margin", "SPY", 600, "etf", json.dumps(CASES[0]["legs"])),
    ("", "SPY", -1, "", json.dumps(CASES[1]["legs"])),
    ("cash", "SPY", 600, "", json.dumps(CASES[2]["legs"])),
    ("", "SPY", 600, "", json.dumps(CASES[3]["legs"])),
]


@pytest.mark.parametrize("block", [block for block in blocks_of(PAGE) if block.language == "console"])
def test_each_example_of_the_page_prints_what_it_shows(block: Block, thetaloom: Command) -> None:
    (typed,) = block.commands
    shown = block.text.partition("\n")[2]

    assert thetaloom(*shlex.split(typed)[1:]).stdout == shown


def test_options_and_files_of_both_kinds_give_the_same_answers(thetaloom: Command, tmp_path: Path) -> None:
    (tmp_path / "cases.json").write_text(json.dumps(CASES))
    with (tmp_path / "cases.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("account", "underlying", "underlying_price", "kind", "legs"), *ROWS])

    from_json = thetaloom("margin", "--file", tmp_path / "cases.json", "--json")
    from_csv = thetaloom("margin", "--file", tmp_path / "cases.csv", "--json")
    from_options = thetaloom("margin", *SPREAD, "--kind", "etf", "--json")

    answers = json.loads(from_json.stdout)
    assert from_json.exit_code == 0
    assert json.loads(from_csv.stdout) == answers
    assert json.loads(from_options.stdout) == answers[:1]
    assert [answers[0][name] for name in ("initial", "maintenance", "premium")] == [1000, 1000, 200]
    assert [answer.get("error", {}).get("code") for answer in answers] == [None, "invalid_input", "not_permitted", None]


def test_people_see_the_parts_by_name(thetaloom: Command) -> None:
    shown = thetaloom("margin", *SPREAD).stdout

    assert "put_credit_spread 1,000.00" in shown


def test_two_roots_of_one_index_are_one_underlying(thetaloom: Command) -> None:
    legs = ("--leg", "-1 SPX 2026-01-16 P 5900 @ 9", "--leg", "1 SPXW 2026-01-16 P 5890 @ 8")

    found = json.loads(thetaloom("margin", *legs, "--underlying-price", "6000", "--json").stdout)

    assert found[0]["initial"] == 1000


def test_a_single_case_that_a_rule_refuses_exits_with_3(thetaloom: Command) -> None:
    found = thetaloom(
        "margin", "--leg", "-1 SPY 2026-01-16 C 640 @ 4", "--underlying-price", "600", "--account", "cash"
    )

    assert found.exit_code == 3
