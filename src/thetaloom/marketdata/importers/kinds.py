"""What a file that is no table seems to be by its first bytes, and what to do with it."""

from __future__ import annotations

from collections.abc import Collection

AS_CSV = "Save its sheet as CSV in its own program, and import that."
UNPACK = "Unpack it, and import what comes of it."
HEADS: tuple[tuple[bytes, str, str], ...] = (
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook of the old kind", AS_CSV),
    (b"BZh", "a bzip2 file", UNPACK),
    (b"PK\x03\x04", "a zip archive that was packed once more", UNPACK),
    (b"\x1f\x8b", "a gzip file that was packed once more", UNPACK),
    (b"\xfd7zXZ\x00", "an xz file", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", UNPACK),
    (b"Rar!\x1a\x07", "a RAR archive", UNPACK),
    (
        b"PAR1",
        "a Parquet file",
        "A recording needs no import: it is played as it is. Of a vendor's table write a CSV, and import that.",
    ),
    (b"ARROW1", "an Arrow file", "Write it as CSV in the layout of one of the formats."),
    (b"SQLite format 3\x00", "a database", "Write its table as CSV in the layout of one of the formats."),
    (b"%PDF-", "a PDF document", "Ask its maker for the table as CSV."),
    (b"\xff\xfe\x00\x00", "UTF-32, which is not read", "Save it as UTF-8, and import that."),
    (b"\x00\x00\xfe\xff", "UTF-32, which is not read", "Save it as UTF-8, and import that."),
)
PAGES, PAGE_LETTERS = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<error"), 9
TAR_AT, TAR = 257, b"ustar"
WORKBOOKS = ("[Content_Types].xml", "META-INF/manifest.xml")  # a member of Excel's, and one of LibreOffice's


def kind_of(head: bytes) -> tuple[str, str] | None:
    """Return what a file is that begins so, and advice; none where it may be text."""
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:PAGE_LETTERS].lower().startswith(PAGES):
        return "a web page or another answer of a server", "Download it again, signed in where that is needed."
    if head[TAR_AT : TAR_AT + len(TAR)] == TAR:
        return "a tar archive", UNPACK
    return next(((kind, advice) for start, kind, advice in HEADS if head.startswith(start)), None)


def is_workbook(members: Collection[str]) -> bool:
    """Say whether an archive with these members is a spreadsheet."""
    return any(name in members for name in WORKBOOKS)
