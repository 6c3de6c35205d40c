"""Halt flags as files: a name in the folder halts, what is written in it only explains.

So nothing has to be written completely for a halt to be in force: an empty, torn or foreign file halts as well, and
so does a folder that cannot be read. Raising a flag renames a spare file that was laid by beforehand, because a
rename needs no space on a full disk; the reason is written over the spare's own bytes afterwards.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, unquote

import structlog

from thetaloom.domain.book.halts import ALL, UNKNOWN, StandingHalt, check_scope
from thetaloom.errors import InvalidInput

FOLDER = "halt"
SUFFIX = ".halt"
SPARE = "spare-"
SPARES = 8
BYTES = 4096
WORDS_MAX = 400

log = structlog.get_logger()


class HaltFiles:
    """Implements ``ports.halt_flags.HaltFlags`` in a folder; processes share it by nothing but its names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        """Make the folder and lay spare files by; a disk without room for them is no reason to fail."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(OSError):
            for number in range(SPARES):
                _lay_by(self.folder / f"{SPARE}{number}")

    def raised(self) -> Mapping[str, StandingHalt]:
        """Return the halts in force by scope; unknown means halted."""
        try:
            with os.scandir(self.folder) as entries:
                names = sorted(entry.name for entry in entries if not entry.name.startswith(SPARE))
        except OSError as error:
            reason = f"the halt flags in {self.folder} cannot be read: {error.strerror}"
            return {ALL: StandingHalt(scope=ALL, reason=reason)}
        found: dict[str, StandingHalt] = {}
        for name in names:
            halt = self._read(name)
            found.setdefault(halt.scope, halt)
        return found

    def hoist(self, halt: StandingHalt) -> None:
        """Halt a scope, on a full disk too; a readable flag that stands keeps its reason."""
        check_scope(halt.scope)
        path = self.folder / _name_of(halt.scope)
        if path.exists() and self._read(path.name).by != UNKNOWN:
            return
        if not path.exists():
            self._put_name(path)
        try:  # from here on it is in force, whatever becomes of the words
            _write_over(path, halt)
            self.prepare()
        except OSError as error:
            log.warning("halt_reason_not_written", scope=halt.scope, error=str(error))

    def lower(self, scope: str) -> None:
        """Take down every file that halts the scope."""
        for name in [path.name for path in self.folder.iterdir()]:
            if not name.startswith(SPARE) and self._scope_of(name) == scope:
                (self.folder / name).unlink(missing_ok=True)
        _flush_folder(self.folder)
        self.prepare()

    def _put_name(self, path: Path) -> None:
        for spare in self._spares():
            with suppress(FileNotFoundError):  # another process took it
                spare.rename(path)
                _flush_folder(self.folder)
                return
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
        _flush_folder(self.folder)

    def _spares(self) -> Iterator[Path]:
        try:
            names = sorted(path.name for path in self.folder.iterdir())
        except FileNotFoundError:
            return
        yield from (self.folder / name for name in names if name.startswith(SPARE))

    def _read(self, name: str) -> StandingHalt:
        scope = self._scope_of(name)
        if name != _name_of(scope):
            return StandingHalt(scope=ALL, reason=f"there is a file {name!r} among the halt flags")
        try:
            found = json.loads((self.folder / name).read_text())
            return StandingHalt(
                scope=scope, reason=str(found["reason"]), by=str(found["by"]) or UNKNOWN, at=str(found["at"])
            )
        except (OSError, ValueError, KeyError, TypeError):
            return StandingHalt(scope=scope, reason=f"the halt flag {name} does not say why")

    @staticmethod
    def _scope_of(name: str) -> str:
        scope = unquote(name.removesuffix(SUFFIX))
        try:
            check_scope(scope)
        except InvalidInput:
            return ALL
        return scope if name == _name_of(scope) else ALL


def _name_of(scope: str) -> str:
    return quote(scope, safe="") + SUFFIX


def _lay_by(path: Path) -> None:
    if path.exists():
        return
    try:
        with path.open("xb") as file:
            file.write(b" " * BYTES)
            os.fsync(file.fileno())
    except FileExistsError:
        return
    except OSError:
        path.unlink(missing_ok=True)  # one without its bytes could not take the reason
        raise


def _write_over(path: Path, halt: StandingHalt) -> None:
    words = {"reason": halt.reason[:WORDS_MAX], "by": halt.by[:WORDS_MAX], "at": halt.at[:WORDS_MAX]}
    with path.open("r+b") as file:
        file.write(json.dumps({"scope": halt.scope, **words}).encode().ljust(BYTES))
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
