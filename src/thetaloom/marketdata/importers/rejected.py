"""Rows that cannot be right, kept aside: the original line, its number and the reason."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

COLUMNS = ("line", "side", "reason", "text")  # side: C or P where a line holds both
TEXT_MAX = 20_000  # characters of a line; a longer one is no row of any format


class RejectedRows:
    """Counts rejected rows by reason and writes them to a CSV file, which stands once it is kept."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reasons: Counter[str] = Counter()
        self._unfinished = path.with_name(path.name + ".part")
        self._stream: TextIO | None = None

    def add(self, rows: Iterable[tuple[int, str, str, str]]) -> None:
        """Keep rows of line, side (C or P where a line holds both), reason and original text."""
        for line, side, reason, text in rows:
            self.reasons[reason] += 1
            if self._stream is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._stream = self._unfinished.open("w", encoding="utf-8", newline="")
                csv.writer(self._stream).writerow(COLUMNS)
            csv.writer(self._stream).writerow((line, side, reason, text[:TEXT_MAX]))

    def finish(self) -> None:
        """Write down what is still in memory; a full disk shows here at the latest."""
        if self._stream is not None:
            self._stream.close()

    def keep(self) -> None:
        """Let the file take the place of an earlier import's, which goes also where there is nothing to keep."""
        if self._stream is not None:
            self.finish()
            self._unfinished.replace(self.path)
        else:
            self.path.unlink(missing_ok=True)

    def drop(self) -> None:
        """Leave the earlier import's file, unless this one has been kept."""
        if self._stream is not None:
            with suppress(OSError):  # on a full disk what cannot be written cannot be closed in order either
                self._stream.close()
            self._unfinished.unlink(missing_ok=True)
