"""``data import``, ``data formats`` and ``data list`` as people and programs meet them."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.marketdata.importers.layouts_by_hand import DOLTHUB_HEADER, DOLTHUB_ROWS, FILES, text_of
from thetaloom.marketdata.importers.formats import list_formats

pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One file of each format of text, one of them with a row that cannot be right."""
    found = tmp_path / "vendor"
    found.mkdir()
    for name, (file, _) in FILES.items():
        (found / file).write_text(text_of(name))
    path = found / FILES["dolthub"][0]
    path.write_text(path.read_text() + DOLTHUB_ROWS[0].replace("115.00", "-5") + "\n")
    return found


def test_a_program_is_told_rows_rejects_reasons_files_and_quality(
    thetaloom: Command, folder: Path, tmp_path: Path
) -> None:
    found = thetaloom("data", "import", "auto", folder, "--out", tmp_path / "out", "--json")

    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert set(told) == {"rows", "rejected", "reasons", "files", "quality"}
    assert (told["rows"], told["rejected"], told["reasons"]) == (2 * len(FILES), 1, {"bad_strike": 1})
    assert {one["format"] for one in told["files"]} == set(FILES)
    assert {"crossed", "zero_bid", "stale", "parity_pairs", "duplicates", "gaps", "vertical_arbitrages"} <= set(
        told["quality"]
    )


def test_people_are_told_what_is_wrong_in_words(thetaloom: Command, folder: Path, tmp_path: Path) -> None:
    found = thetaloom("data", "import", "auto", folder, "--out", tmp_path / "out")

    assert found.exit_code == 0, found.output
    assert "bad_strike" in found.stdout
    assert "The strike is not above zero" in found.stdout
    assert "16 rows imported, 1 rejected" in found.stdout


def test_what_was_imported_is_skipped_unless_asked_again(thetaloom: Command, folder: Path, tmp_path: Path) -> None:
    command = ("data", "import", "auto", folder, "--out", tmp_path / "out", "--json")
    first = json.loads(thetaloom(*command).stdout)

    second, third = (json.loads(thetaloom(*command, *more).stdout) for more in ((), ("--again",)))

    assert {one["skipped"] for one in second["files"]} == {True}
    assert {one["skipped"] for one in third["files"]} == {False}
    assert first["rows"] == second["rows"] == third["rows"]


def test_a_recording_that_was_removed_is_made_anew(thetaloom: Command, folder: Path, tmp_path: Path) -> None:
    command = ("data", "import", "auto", folder, "--out", tmp_path / "out", "--json")
    thetaloom(*command)
    (tmp_path / "out" / "option_chain.parquet").unlink()

    again = json.loads(thetaloom(*command).stdout)

    assert [one["format"] for one in again["files"] if not one["skipped"]] == ["dolthub"]
    assert (tmp_path / "out" / "option_chain.parquet").is_file()


def test_files_of_one_name_become_recordings_of_their_own(thetaloom: Command, folder: Path, tmp_path: Path) -> None:
    for number, strike in enumerate(("115.00", "120.00")):
        (folder / str(number)).mkdir()
        text = f"{DOLTHUB_HEADER}\n{DOLTHUB_ROWS[0].replace('115.00', strike)}\n"
        (folder / str(number) / "chain.csv").write_text(text)

    found = thetaloom("data", "import", "dolthub", folder / "0", folder / "1", "--out", tmp_path / "out", "--json")

    outputs = {one["output"] for one in json.loads(found.stdout)["files"]}
    assert len(outputs) == 2
    assert all(Path(one).is_file() for one in outputs)


def test_one_bad_file_fails_and_the_others_are_imported(thetaloom: Command, folder: Path, tmp_path: Path) -> None:
    (folder / "notes.txt").write_text("call the vendor\n")

    found = thetaloom("data", "import", "auto", folder, "--out", tmp_path / "out", "--json")

    assert found.exit_code == 1
    told = json.loads(found.stdout)
    assert told["rows"] == 2 * len(FILES)
    (failed,) = [one for one in told["files"] if one["error"]]
    assert failed["source"].endswith("notes.txt")
    assert "none of the known formats" in failed["error"]["message"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("xls", "."), "is not known"),
        (("auto", "no/such/file.csv"), "does not exist"),
    ],
)
def test_wrong_use_is_exit_code_two(arguments: tuple[str, str], says: str, thetaloom: Command, tmp_path: Path) -> None:
    found = thetaloom("data", "import", *arguments, "--out", tmp_path / "out", "--json")

    assert found.exit_code == 2
    assert says in json.loads(found.stdout)["error"]["message"]


def test_an_import_leaves_nothing_unfinished_behind(thetaloom: Command, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    thetaloom("data", "import", "auto", folder, "--out", out)

    assert not [one for one in out.rglob("*") if one.name.endswith(".part") or one.name.endswith(".parts")]


def test_recordings_of_a_folder_are_listed_and_can_be_checked(thetaloom: Command, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    thetaloom("data", "import", "dolthub", folder / FILES["dolthub"][0], "--out", out)

    (listed,) = json.loads(thetaloom("data", "list", out, "--json").stdout)
    checked = thetaloom("data", "check", out, "--json")

    assert (listed["symbols"], listed["rows"], listed["instants"]) == (["AAPL"], 2, 1)
    assert listed["first"] == "2020-11-27T18:00:00Z"
    assert checked.exit_code == 0, checked.output
    assert json.loads(checked.stdout)[0]["contracts"] == 2


def test_folders_of_another_grain_are_named_below_what_is_listed(
    thetaloom: Command, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    thetaloom("data", "import", "dolthub", folder / FILES["dolthub"][0], "--out", out)
    (whole,) = out.glob("*.parquet")
    for name in ("daily", "underlying"):  # bars of underlyings are no recordings
        (out / name).mkdir()
        (out / name / "AAPL_2020.parquet").write_bytes(whole.read_bytes())

    told = thetaloom("data", "list", out).output.replace("\n", "")

    assert f"each folder listed by itself: {out}/daily" in told
    assert f"{out}/underlying" not in told


def test_a_damaged_recording_is_listed_with_its_problem(thetaloom: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing more")

    (listed,) = json.loads(thetaloom("data", "list", tmp_path, "--json").stdout)

    assert listed["problem"]
    assert listed["rows"] == 0


def test_every_format_is_listed_with_what_it_is(thetaloom: Command) -> None:
    listed = json.loads(thetaloom("data", "formats", "--json").stdout)

    assert {one["name"] for one in listed} == {one.name for one in list_formats()}
    assert set(FILES) < {one["name"] for one in listed}


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_alone_is_told_by_its_contents(name: str, thetaloom: Command, folder: Path, tmp_path: Path) -> None:
    renamed = tmp_path / "spx"  # neither name nor ending says anything
    renamed.write_text(text_of(name))

    found = thetaloom("data", "import", renamed, "--out", tmp_path / "out", "--json")

    assert found.exit_code == 0, found.output
    assert [(one["format"], one["rows"]) for one in json.loads(found.stdout)["files"]] == [(name, 2)]


@pytest.mark.parametrize(
    "words", [("{path}", "--format", "dolthub"), ("dolthub", "{path}"), ("{path}",), ("auto", "{path}")]
)
def test_the_format_may_be_named_before_the_paths_by_an_option_or_not_at_all(
    words: tuple[str, ...], thetaloom: Command, folder: Path, tmp_path: Path
) -> None:
    path = folder / FILES["dolthub"][0]

    found = thetaloom("data", "import", *(one.format(path=path) for one in words), "--out", tmp_path / "out", "--json")

    assert [(one["format"], one["rows"]) for one in json.loads(found.stdout)["files"]] == [("dolthub", 2)]


@pytest.mark.parametrize(
    ("text", "says", "candidates"),
    [
        (
            f"{DOLTHUB_HEADER.replace('call_put', 'kind')}\n{DOLTHUB_ROWS[0]}\n",
            "As dolthub it lacks the columns call_put.",
            ["dolthub"],
        ),
        (
            f"{DOLTHUB_HEADER},contractSymbol,lastTradeDate,impliedVolatility\n{DOLTHUB_ROWS[0]},a,b,1\n",
            "Say which, with --format yfinance or --format dolthub.",
            ["yfinance", "dolthub"],
        ),
    ],
)
def test_in_doubt_the_candidates_are_named(
    text: str, says: str, candidates: list[str], thetaloom: Command, tmp_path: Path
) -> None:
    path = tmp_path / "chain.csv"
    path.write_text(text)

    found = thetaloom("data", "import", path, "--out", tmp_path / "out", "--json")

    assert found.exit_code == 1
    (told,) = json.loads(found.stdout)["files"]
    assert says in told["error"]["advice"]
    assert told["error"]["details"]["candidates"] == candidates


def test_a_format_without_a_path_is_wrong_use(thetaloom: Command) -> None:
    found = thetaloom("data", "import", "dolthub", "--out", "out", "--json")

    assert found.exit_code == 2
    assert "nothing is named to be imported as dolthub" in json.loads(found.stdout)["error"]["message"]


def test_formats_are_listed_with_the_columns_they_need(thetaloom: Command) -> None:
    told = {one["name"]: one["needs"] for one in json.loads(thetaloom("data", "formats", "--json").stdout)}

    assert told["dolthub"] == ["date", "act_symbol", "expiration", "strike", "call_put", "bid", "ask"]
    assert all(told[name] for name in FILES)
