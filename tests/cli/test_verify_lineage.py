"""The verifier that needs nothing of ours: whole bundles pass, and a change of any field shows."""

import copy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.conftest import Command
from thetaloom.cli import verify_lineage
from thetaloom.cli.verify_lineage import NotABundle, canonical, check
from thetaloom.domain.values.canonical import canonical_json, digest_of

Place = tuple[str | int, ...]
SAMPLED = 12  # leaves of each document of evidence; all of them would be tens of thousands


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the demo has lived its life."""
    from typer.testing import CliRunner

    from thetaloom.cli.app import app

    home = tmp_path_factory.mktemp("verified") / "home"
    done = CliRunner().invoke(app, ["demo", "--fast", "--json", "--keep", str(home)])
    assert done.exit_code == 0, done.output
    return home


@pytest.fixture
def bundle_file(demo_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, thetaloom: Command) -> Path:
    """The run of the demo, exported."""
    monkeypatch.setenv("THETALOOM_HOME", str(demo_home))
    monkeypatch.setenv("THETALOOM_MARKET", "recorded")
    run = max(json.loads(thetaloom("run", "list", "--json").output)["rows"], key=lambda one: one["seq"])
    file = tmp_path / "bundle.json"
    assert thetaloom("lineage", "export", run["id"], "--out", file, "--json").exit_code == 0
    return file


@pytest.fixture
def bundle(bundle_file: Path) -> Any:
    """The exported run."""
    return json.loads(bundle_file.read_text())


def leaves(plain: Any, place: Place = ()) -> Iterator[Place]:
    if isinstance(plain, dict) and plain:
        for name in plain:
            yield from leaves(plain[name], (*place, name))
    elif isinstance(plain, list) and plain:
        for at, entry in enumerate(plain):
            yield from leaves(entry, (*place, at))
    else:
        yield place


def spread(places: list[Place]) -> list[Place]:
    return places if len(places) <= SAMPLED else places[:: max(1, len(places) // SAMPLED)]


def changed(entry: Any) -> Any:
    match entry:
        case bool():
            return not entry
        case int() | float():
            return entry + 1
        case str():
            return entry[:-1] + ("0" if entry.endswith("1") else "1")
        case None:
            return "x"
    return ["x"] if entry == [] else {"x": "x"}


def is_whole(bundle: Any, head: str | None = None) -> bool:
    try:
        return not check(bundle, head)
    except NotABundle:
        return False


def altered(bundle: Any, place: Place, new: Any) -> Any:
    # Only the path to the leaf is copied: a bundle is megabytes.
    if not place:
        return new
    shell = copy.copy(bundle)
    shell[place[0]] = altered(bundle[place[0]], place[1:], new)
    return shell


def at(bundle: Any, place: Place) -> Any:
    for part in place:
        bundle = bundle[part]
    return bundle


def test_the_script_verifies_alone_and_says_so(
    bundle_file: Path, bundle: Any, tmp_path: Path, thetaloom: Command
) -> None:
    script = tmp_path / "verify.py"
    assert thetaloom("lineage", "verifier", "--out", script).exit_code == 0

    def run(*arguments: Any) -> subprocess.CompletedProcess[str]:
        # -I and -S: neither our packages nor anybody's can be imported.
        command = [sys.executable, "-I", "-S", str(script), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    whole, noted = run(bundle_file), run(bundle_file, "--head", bundle["head"]["hash"])
    other, none = run(bundle_file, "--head", "0" * 64), run(script)

    assert (whole.returncode, noted.returncode, other.returncode, none.returncode) == (0, 0, 1, 2)
    assert bundle["head"]["hash"] in whole.stdout
    assert "noted was" in other.stdout and "no bundle" in none.stderr
    assert len(script.read_text().splitlines()) < 300
    assert "import thetaloom" not in script.read_text() and "from thetaloom" not in script.read_text()


def test_a_change_of_any_field_shows(bundle: Any) -> None:
    places = [place for place in leaves(bundle) if "content" not in place]
    for number, entry in enumerate(bundle["records"]):
        for side in ("input", "output"):
            inside = leaves(entry[side]["content"], ("records", number, side, "content"))
            places += spread(list(inside))[:SAMPLED] if number < 14 else []

    assert is_whole(bundle)
    assert len(places) > 14 * 15
    unnoticed = [place for place in places if is_whole(altered(bundle, place, changed(at(bundle, place))))]
    assert not unnoticed


def test_a_field_that_is_gone_or_new_shows(bundle: Any) -> None:
    parts: list[Place] = [(), ("head",), ("records", 0), ("records", 3, "record"), ("records", 3, "input")]
    parts += [("texts",), ("blobs",), ("blobs", next(iter(bundle["blobs"])))]
    for place in parts:
        for name in at(bundle, place):
            less = {other: entry for other, entry in at(bundle, place).items() if other != name}
            assert not is_whole(altered(bundle, place, less)), (place, name)
        assert not is_whole(altered(bundle, place, {**at(bundle, place), "new": "x"})), place


def test_records_that_are_removed_doubled_or_swapped_show(bundle: Any) -> None:
    records = bundle["records"]
    for number in range(len(records)):
        assert not is_whole({**bundle, "records": records[:number] + records[number + 1 :]})
        assert not is_whole({**bundle, "records": records[: number + 1] + records[number:]})
    swapped = [records[1], records[0], *records[2:]]
    assert not is_whole({**bundle, "records": swapped})


def test_a_chain_written_anew_shows_by_the_hash_that_was_noted(bundle: Any) -> None:
    noted, forged = bundle["head"]["hash"], copy.deepcopy(bundle)
    previous = forged["records"][0]["record"]["previous_hash"]
    for entry in forged["records"]:
        record = {**entry["record"], "duration_us": 1, "previous_hash": previous, "hash": ""}
        previous = record["hash"] = digest_of(canonical(record))
        entry["record"] = record
    forged["head"]["hash"] = previous

    assert is_whole(forged)
    assert not is_whole(forged, noted)


ODD: tuple[Any, ...] = (None, True, 0, -1, 1.5, float("inf"), "", "\ud800", [], {}, ["x"], {"x": 1}, 10**400)


def places_of(plain: Any, place: Place = ()) -> Iterator[Place]:
    yield place
    if isinstance(plain, dict):
        for name in plain:
            yield from places_of(plain[name], (*place, name))
    elif isinstance(plain, list):
        for number, entry in enumerate(plain[:3]):
            yield from places_of(entry, (*place, number))


def a_bundle_of_one_record() -> dict[str, Any]:
    evidence = [canonical({"given": {"symbol": "SPY"}}).decode(), canonical({"verdict": "allow"}).decode()]
    digests = [digest_of(text.encode()) for text in evidence]
    record: dict[str, Any] = {name: "" for name in verify_lineage.WORDS} | {"seq": 1, "strategy_revision": 1}
    record |= {"run_id": "run-1", "step": "trigger", "status": "done", "duration_us": 5, "parent": None}
    record |= {
        "started_at": "2026-03-02T15:30:00.000000+00:00",
        "previous_hash": digest_of(b"thetaloom lineage of run-1"),
    }
    record |= {"input_digest": digests[0], "output_digest": digests[1]}
    record["hash"] = digest_of(canonical(record))
    shown = [
        {"digest": digest, "kind": "json", "size": len(text), "content": json.loads(text)}
        for digest, text in zip(digests, evidence, strict=True)
    ]
    return {
        "format": verify_lineage.FORMAT,
        "run": "run-1",
        "head": {"seq": 1, "hash": record["hash"]},
        "records": [{"record": record, "input": shown[0], "output": shown[1]}],
        "texts": dict(zip(digests, evidence, strict=True)),
        "blobs": {},
    }


def test_whatever_stands_in_the_place_of_anything_is_told_and_breaks_nothing() -> None:
    bundle = a_bundle_of_one_record()
    odd_ones = [
        (place, odd) for place in places_of(bundle) for odd in ODD if json.dumps(at(bundle, place)) != json.dumps(odd)
    ]

    assert check(bundle) == []
    assert len(odd_ones) > 400
    assert [one for one in odd_ones if is_whole(altered(bundle, *one))] == []


def test_a_field_of_another_kind_is_a_fault_and_no_other_form_of_document(tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_text(json.dumps(altered(a_bundle_of_one_record(), ("records", 0, "record", "seq"), "1")))

    assert verify_lineage.main([str(file)]) == 1


def test_what_is_nested_too_deeply_is_no_bundle() -> None:
    deep: Any = "SPY"
    for _ in range(5000):
        deep = [deep]

    with pytest.raises(NotABundle):
        check(altered(a_bundle_of_one_record(), ("records", 0, "input", "content"), deep))


@given(st.dictionaries(st.text(), st.text() | st.integers(-(2**53), 2**53) | st.none() | st.booleans()))
def test_the_script_writes_records_as_we_seal_them(record: dict[str, Any]) -> None:
    assert canonical(record) == canonical_json(record)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"a":1,"a":2}', "\x00", '{"format": "x"}'])
def test_what_is_no_bundle_is_said_to_be_none(text: str, tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    file.write_text(text)

    assert verify_lineage.main([str(file)]) == 2
