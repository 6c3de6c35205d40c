"""The folder that an import writes to: nobody else does at the time, and what a killed import left is removed.

A file gets its own name when it is whole. So a full disk or a kill leaves what stood before.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from thetaloom.errors import InvalidInput, NotAllowed, Unavailable

if TYPE_CHECKING:
    import polars as pl


@contextmanager
def writing_to(out: Path) -> Iterator[None]:
    """Hold the folder for one import; what the system refuses to write ends it, and what was finished stays."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        folder = os.open(out, os.O_RDONLY)
    except OSError as error:
        raise InvalidInput(
            f"{out} cannot be written to: {error.strerror or error}", details={"out": str(out)}
        ) from error
    try:
        _lock(folder, out)
        _remove_unfinished(out)
        yield
    except OSError as error:
        raise Unavailable(
            f"{out} cannot be written to: {error.strerror or error}",
            advice="Nothing unfinished was left, and what stood there before still does. Make room or choose another "
            "folder with --out; the same command goes on where it ended.",
            details={"out": str(out)},
        ) from error
    finally:
        os.close(folder)


def _lock(folder: int, out: Path) -> None:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise NotAllowed(
            "folder_is_imported_to",
            f"another import writes to {out}",
            advice="Wait until it is done, or choose another folder with --out.",
        ) from error


def _remove_unfinished(out: Path) -> None:
    for folder in out.glob(".*.parts"):
        if folder.name != ".parts":  # a recorder's, whose parts are whole
            shutil.rmtree(folder, ignore_errors=True)
    for pattern in ("*.parquet.part", "*/*.parquet.part", "rejected/*.csv.part", "*.json.part"):
        for path in out.glob(pattern):
            path.unlink(missing_ok=True)


def write_frame(frame: pl.DataFrame, path: Path, told: Mapping[str, str] | None = None) -> None:
    """Write a Parquet file by our own means: what the system refuses polars would call a fault of the frame."""
    content = BytesIO()
    frame.write_parquet(content, metadata=dict(told or {}))
    path.write_bytes(content.getbuffer())


def write_pieces(pieces: Iterable[Path], path: Path, told: Mapping[str, str]) -> None:
    """Write one Parquet file of several that need not fit into memory together."""
    import polars as pl

    whole = pl.concat([pl.scan_parquet(piece) for piece in pieces], how="diagonal")
    try:
        whole.sink_parquet(path, metadata=dict(told))
    except pl.exceptions.PolarsError as error:  # the pieces were just written: only the disk can be at fault
        raise OSError(str(error).splitlines()[0][:200]) from error


@contextmanager
def unfinished_file(path: Path) -> Iterator[Path]:
    """Give the name that a file has until it is whole; what was not given its own name by then goes."""
    unfinished = path.with_name(path.name + ".part")
    try:
        yield unfinished
    finally:
        unfinished.unlink(missing_ok=True)
