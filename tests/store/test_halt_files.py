"""Halt flags as files: whatever is in the folder halts, and a full disk is no obstacle."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.book.halts import GUARD, StandingHalt
from thetaloom.errors import InvalidInput
from thetaloom.store.halt_files import BYTES, SPARES, HaltFiles

NEWS = StandingHalt(scope="all", reason="news", by="anna", at="2026-01-07T15:00:00+00:00")
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)


@pytest.fixture
def flags(tmp_path: Path) -> HaltFiles:
    """Prepared flags that nobody has raised."""
    files = HaltFiles(tmp_path / "halt")
    files.prepare()
    return files


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with little room; only root can make one."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path], check=False)
    if mounted.returncode != 0:
        pytest.skip("a small file system can be mounted by root alone")
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def test_a_flag_is_seen_by_every_reader_until_it_is_lowered(flags: HaltFiles) -> None:
    flags.hoist(NEWS)
    flags.hoist(StandingHalt(scope="strategy:a/../b", reason="odd", by=GUARD, at="then"))
    other = HaltFiles(flags.folder)

    assert other.raised() == {
        "all": NEWS,
        "strategy:a/../b": StandingHalt(scope="strategy:a/../b", reason="odd", by=GUARD, at="then"),
    }
    other.lower("all")
    assert list(flags.raised()) == ["strategy:a/../b"]
    other.lower("strategy:a/../b")
    assert flags.raised() == {}


def test_a_standing_flag_keeps_its_reason(flags: HaltFiles) -> None:
    flags.hoist(NEWS)
    flags.hoist(StandingHalt(scope="all", reason="another", by="bert", at="later"))

    assert flags.raised() == {"all": NEWS}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"reason": 1}', b"\xff\xfe", b" " * BYTES])
def test_a_flag_that_cannot_be_read_halts_all_the_same(flags: HaltFiles, content: bytes) -> None:
    (flags.folder / "account%3APAPER.halt").write_bytes(content)

    assert list(flags.raised()) == ["account:PAPER"]
    assert flags.raised()["account:PAPER"].reason


@pytest.mark.parametrize("name", ["stop", "all", "x.halt", "strategy%3A.halt", "account:PAPER.halt", "%61ll.halt"])
def test_a_file_of_another_name_halts_everything(flags: HaltFiles, name: str) -> None:
    (flags.folder / name).touch()

    assert list(flags.raised()) == ["all"]
    flags.lower("all")
    assert flags.raised() == {}


def test_a_folder_that_is_gone_or_is_none_halts_everything(flags: HaltFiles, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert list(HaltFiles(tmp_path / "gone").raised()) == ["all"]
    assert list(HaltFiles(tmp_path / "file").raised()) == ["all"]
    assert flags.raised() == {}


def test_what_is_no_scope_raises_nothing(flags: HaltFiles) -> None:
    with pytest.raises(InvalidInput):
        flags.hoist(StandingHalt(scope="moon", reason="no"))

    assert flags.raised() == {}


@given(NAMES, st.text(max_size=2000))
def test_every_scope_and_reason_finds_its_way_back(name: str, reason: str) -> None:
    scope = f"strategy:{name}"
    halt = StandingHalt(scope=scope, reason=reason, by="anna", at="now")
    folder = Path(os.environ.get("TMPDIR", "/tmp"), f"thetaloom-flags-{os.getpid()}")
    flags = HaltFiles(folder)
    flags.prepare()

    flags.hoist(halt)
    found = flags.raised()
    flags.lower(scope)

    assert list(found) == [scope]
    assert reason.startswith(found[scope].reason) and len(found[scope].reason) >= min(len(reason), 100)
    assert flags.raised() == {}


def test_a_full_disk_takes_as_many_halts_as_there_are_spares(small_disk: Path) -> None:
    flags = HaltFiles(small_disk / "halt")
    flags.prepare()
    with pytest.raises(OSError, match="No space left"):
        (small_disk / "filler").write_bytes(b"x" * 1_000_000)

    for number in range(SPARES):
        flags.hoist(StandingHalt(scope=f"strategy:{number}", reason=f"why {number}", by="anna", at="now"))

    assert [halt.reason for halt in flags.raised().values()] == [f"why {number}" for number in range(SPARES)]
