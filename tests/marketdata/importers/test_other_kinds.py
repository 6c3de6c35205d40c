"""Files that are no table of text, and tables that are oddly written: each is imported, or refused with advice."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.marketdata.importers.conftest import Import
from tests.marketdata.importers.layouts_by_hand import text_of

TABLE = text_of("dolthub")


def archive_of(**members: str) -> bytes:
    """A zip archive in memory."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return stream.getvalue()


def tar_of(name: str, content: bytes) -> bytes:
    """A tar archive in memory, packed by gzip."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def parquet() -> bytes:
    """A Parquet file in memory."""
    stream = io.BytesIO()
    pl.DataFrame({"bid": [1.0]}).write_parquet(stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message", "advice"),
    [
        ("chain.xlsx", archive_of(**{"[Content_Types].xml": "<x/>", "xl/workbook.xml": "<x/>"}), "a workbook", "CSV"),
        ("chain.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an Excel workbook of the old kind", "CSV"),
        ("chain.csv.bz2", bz2.compress(TABLE.encode()), "a bzip2 file", "Unpack it"),
        (
            "chain.csv.gz",
            gzip.compress(gzip.compress(TABLE.encode())),
            "a gzip file that was packed once more",
            "Unpack",
        ),
        ("chain.zip.gz", gzip.compress(archive_of(a=TABLE)), "a zip archive that was packed once more", "Unpack"),
        ("chain.csv.xz", lzma.compress(TABLE.encode()), "an xz file", "Unpack it"),
        ("chain.tar.gz", tar_of("chain.csv", TABLE.encode()), "a tar archive", "Unpack it"),
        ("chain.csv", parquet(), "a Parquet file", "needs no import"),
        ("chain.csv", TABLE.encode("utf-32"), "UTF-32, which is not read", "UTF-8"),
        ("chain.csv", bytes(600), "is empty", ""),
        ("chain.csv", b"\x7fELF" + bytes(600), "a program's own file", "Write it as CSV"),
        ("chain.json", b'{"option":"A","bid":1}\n{"option":"B","bid":1}\n', "more than one JSON document", "Part it"),
        ("chain.csv", TABLE.replace(",", "^").encode(), "parts them by none of comma, semicolon, tab and |", "commas"),
        ("chain.csv", TABLE.replace(",", " ").encode(), "names the columns of dolthub", "commas"),
    ],
)
def test_what_is_no_table_of_text_is_named_with_advice(
    name: str, content: bytes, message: str, advice: str, import_file: Import, out: Path
) -> None:
    (found,) = import_file(content, name)["files"]

    assert message in found["error"]["message"]
    assert name in found["error"]["message"]
    assert advice in found["error"]["advice"]
    assert not list(out.glob("*.parquet"))


def test_a_damaged_archive_does_not_hold_up_the_rest_of_its_folder(import_file: Import, tmp_path: Path) -> None:
    folder = tmp_path / "many kinds"
    folder.mkdir()
    (folder / "a chain.csv").write_text(TABLE)
    (folder / "b.zip").write_bytes(archive_of(**{"b.csv": TABLE})[:-30])
    (folder / "c.csv").write_text(text_of("l3"))
    (folder / "d.csv.gz").write_bytes(gzip.compress(text_of("datashop").encode()))
    (folder / "notes.txt").write_text("hello\n")

    found = import_file(folder)

    told = {Path(one["source"]).name: one["format"] if one["error"] is None else "refused" for one in found["files"]}
    assert told == {
        "a chain.csv": "dolthub",
        "b.zip": "refused",
        "c.csv": "l3",
        "d.csv.gz": "datashop",
        "notes.txt": "refused",
    }
    assert (found["rows"], found["rejected"]) == (6, 0)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("a name with spaces (1).csv", lambda text: text),
        ("american.csv", lambda text: text.replace("2020-11-27", "11/27/20").replace("2020-12-18", "12/18/2020")),
        ("german.csv", lambda text: text.replace(",", ";").replace(".", ",").replace("2020-11-27", "27.11.2020")),
        ("percent.csv", lambda text: text.replace("0.3104", "31.04%").replace("0.3101", "31.01 %")),
        ("excel.csv", lambda text: "sep=;\r\n" + text.replace(",", ";").replace("\n", "\r\n")),
        ("titled.csv", lambda text: f"Options,,\nof 2020-11-27,,\n\n{text}"),
        ("ends.csv", lambda text: text.replace("\n", ",\n")),
    ],
)
def test_oddly_written_tables_are_the_same_recording(
    name: str, change: Callable[[str], str], import_file: Import, rows: Callable[[], pl.DataFrame], out: Path
) -> None:
    import_file(TABLE, "plain.csv")
    (plain,) = [pl.read_parquet(path) for path in out.glob("plain.parquet")]
    (out / "plain.parquet").unlink()

    found = import_file(change(TABLE), name)

    assert (found["rows"], found["rejected"]) == (2, 0), found["files"]
    assert rows().equals(plain)
