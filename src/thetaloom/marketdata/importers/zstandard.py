"""Unpacks zstandard piece by piece, and tells by its blocks how much that can become before anything is unpacked.

Python 3.11 brings no zstandard; polars does, and gives the lines of a packed text.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import Any

from thetaloom.errors import InvalidInput

FRAME, SKIPPABLE = 0xFD2FB528, range(0x184D2A50, 0x184D2A60)
BLOCK_MAX = 1 << 17  # no block unpacks to more
RLE = 1
LINES_AT_ONCE = 100_000


def unpacked_most(packed: bytes, enough: int) -> int:
    """Return the most that it can unpack to, as soon as that is beyond ``enough``.

    The size in a frame's header is not asked: it need not be there, and need not be true.
    """
    at = most = 0
    while at < len(packed) and most <= enough:
        magic = _number(packed, at, 4)
        if magic in SKIPPABLE:
            at += 8 + _number(packed, at + 4, 4)
        elif magic == FRAME:
            at, found = _frame(packed, at + 4, enough - most)
            most += found
        else:
            return most  # damaged, as will be said when it is unpacked
    return most


def _frame(packed: bytes, at: int, enough: int) -> tuple[int, int]:
    flags = _number(packed, at, 1)
    has_window, has_checksum = not flags & 0x20, flags & 0x04
    size_bytes = (0 if has_window else 1, 2, 4, 8)[flags >> 6]
    at += 1 + has_window + (0, 1, 2, 4)[flags & 3] + size_bytes
    most, is_last = 0, False
    while not is_last and at < len(packed) and most <= enough:
        header = _number(packed, at, 3)
        is_last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
        # A stored block is as large as it says, one of a single repeated byte too; a packed one tells nothing.
        most += size if kind <= RLE else BLOCK_MAX
        at += 3 + (1 if kind == RLE else size)
    return at + (4 if has_checksum else 0), most


def _number(packed: bytes, at: int, size: int) -> int:
    return int.from_bytes(packed[at : at + size], "little")


class Unpacked(io.RawIOBase):
    """The text of a packed file, of which memory never holds more than some lines."""

    def __init__(self, packed: bytes, name: str) -> None:
        self._texts, self._rest = _texts(packed, name), memoryview(b"")

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read as much as there is room for."""
        while not self._rest:
            text = next(self._texts, None)
            if text is None:
                return 0
            self._rest = memoryview(text)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def _texts(packed: bytes, name: str) -> Iterator[bytes]:
    import polars as pl

    try:
        lines = pl.scan_lines(packed, name="line")
        for some in lines.collect_batches(chunk_size=LINES_AT_ONCE, maintain_order=True):
            yield (some["line"].str.join("\n").item() + "\n").encode()
    except (pl.exceptions.PolarsError, OSError) as error:
        told = str(error).splitlines()[0][:200]
        if "utf8" not in told:
            raise zlib.error(told) from error
        raise InvalidInput(
            f"{name}: its text is not UTF-8, the only one that is read out of zstandard",
            advice="Unpack it with `zstd -d` and import what comes of it.",
            details={"path": name},
        ) from error
