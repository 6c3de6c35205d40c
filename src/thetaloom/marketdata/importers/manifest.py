"""What a folder of recordings was made from: each source by its digest, so that nothing is imported twice."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

MANIFEST = "imported.json"
VERSION = 2
WRITTEN_EVERY_SECONDS = 1.0


class Manifest:
    """The list of what was imported to one folder, by digest; readers see the old one or the new."""

    def __init__(self, out: Path) -> None:
        """Read the list; a damaged one counts as none."""
        self.files = _read(out / MANIFEST)
        self._path = out / MANIFEST
        self._written_at = time.monotonic()
        self._is_due = False

    def write_soon(self) -> None:
        """Write the list at most once a second: a folder can have thousands of files."""
        self._is_due = True
        if time.monotonic() - self._written_at >= WRITTEN_EVERY_SECONDS:
            self.write()

    def write(self) -> None:
        """Write the list where anything was added."""
        if not self._is_due:
            return
        text = json.dumps({"version": VERSION, "files": self.files}, ensure_ascii=False, indent=1)
        unfinished = self._path.with_name(f"{MANIFEST}.part")
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(self._path)
        self._is_due, self._written_at = False, time.monotonic()


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict) or found.get("version") != VERSION:
        return {}
    files = found.get("files")
    return {key: entry for key, entry in files.items() if isinstance(entry, dict)} if isinstance(files, dict) else {}


def free_stem(stem: str, key: str, files: Mapping[str, Any], is_foreign: Callable[[str], bool]) -> str:
    """Return a name for a recording: its own, and its source's digest behind it where that is taken."""
    plain = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in stem) or "recording"
    plain = plain[:100]
    taken = {entry.get("stem") for other, entry in files.items() if other != key}
    return plain if plain not in taken and not is_foreign(plain) else f"{plain}_{key[:8]}"
