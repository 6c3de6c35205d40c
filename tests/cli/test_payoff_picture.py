"""``payoff --png``: one picture a case, and a clear no where none can be written."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from thetaloom.cli.payoff import write_picture
from thetaloom.errors import InvalidInput

LEGS = ("--leg", "-1 SPY 2026-01-16 P 560 @ 2.10", "--leg", "1 SPY 2026-01-16 P 555 @ 1.10")
SEEN = ("--spot", "575", "--iv", "0.2", "--at", "2025-12-19")


def cases(tmp_path: Path, *, bad: bool = False) -> Path:
    leg = {"quantity": -1, "right": "P", "strike": 560, "price": 2.1, "expiration": "2026-01-16"}
    file = tmp_path / "cases.json"
    file.write_text(json.dumps([{"legs": [leg]}, {"legs": [] if bad else [{**leg, "quantity": 1}]}, {"legs": [leg]}]))
    return file


def test_a_picture_is_written_and_named_in_the_answer(tmp_path: Path, thetaloom: Command) -> None:
    plain = json.loads(thetaloom("payoff", *LEGS, *SEEN, "--json").stdout)[0]
    picture = tmp_path / "spread.png"

    answer = json.loads(thetaloom("payoff", *LEGS, *SEEN, "--png", picture, "--json").stdout)[0]

    assert answer == {**plain, "png": str(picture)}
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_an_svg_is_written_where_its_name_says_so(tmp_path: Path, thetaloom: Command) -> None:
    light, dark = tmp_path / "light.svg", tmp_path / "dark.SVG"

    thetaloom("payoff", *LEGS, *SEEN, "--png", light)
    thetaloom("payoff", *LEGS, *SEEN, "--png", dark, "--dark")

    assert "<svg" in light.read_text() and "#0d1117" in dark.read_text()


def test_many_cases_get_numbered_pictures(tmp_path: Path, thetaloom: Command) -> None:
    outcome = thetaloom("payoff", "--file", cases(tmp_path), *SEEN, "--png", tmp_path / "p.png", "--json")

    names = [str(tmp_path / f"p-{number}.png") for number in (1, 2, 3)]
    assert [answer["png"] for answer in json.loads(outcome.stdout)] == names
    assert all(Path(name).exists() for name in names)


def test_a_bad_case_leaves_its_number_out(tmp_path: Path, thetaloom: Command) -> None:
    outcome = thetaloom("payoff", "--file", cases(tmp_path, bad=True), "--png", tmp_path / "p.png", "--json")

    assert ["error" in answer for answer in json.loads(outcome.stdout)] == [False, True, False]
    assert sorted(path.name for path in tmp_path.glob("p*.png")) == ["p-1.png", "p-3.png"]


@pytest.mark.parametrize(
    ("name", "problem"), [("x.jpg", "ends neither in"), ("none/x.png", "no folder"), ("taken.png", "is a folder")]
)
def test_a_place_that_cannot_be_is_refused_before_the_work(
    tmp_path: Path, thetaloom: Command, name: str, problem: str
) -> None:
    (tmp_path / "taken.png").mkdir()

    outcome = thetaloom("payoff", *LEGS, "--png", tmp_path / name, "--json")

    error = json.loads(outcome.stdout)["error"]
    assert (outcome.exit_code, error["code"], error["details"]["part"]) == (2, "invalid_input", "png")
    assert problem in error["message"]


def test_a_place_that_takes_no_picture_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"png: .*gone.x\.png cannot be written: No such file"):
        write_picture(tmp_path / "gone" / "x.png", b"a picture")


def test_people_see_the_curves_as_a_table(thetaloom: Command) -> None:
    shown = thetaloom("payoff", *LEGS, *SEEN).stdout

    assert [word in shown for word in ("today", "in 14 days", "expiration", "breakeven", "spot")] == [True] * 5
    lines = [[cell.strip() for cell in line.split("│")] for line in shown.splitlines() if line.startswith("│")]
    at_expiration = {line[1]: line[5] for line in lines}
    assert [at_expiration[price] for price in ("550", "559", "560")] == ["-400.00", "0.00", "100.00"]


def test_without_an_instant_people_see_the_expiration_alone(thetaloom: Command) -> None:
    shown = thetaloom("payoff", *LEGS).stdout

    assert "expiration" in shown and "today" not in shown
