"""One import of many paths: what was imported before is skipped, and one bad source never stops the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from thetaloom.errors import InvalidInput
from thetaloom.marketdata.importers.collecting import is_foreign
from thetaloom.marketdata.importers.formats import AUTO
from thetaloom.marketdata.importers.importing import ImportedFile, Wish
from thetaloom.marketdata.importers.manifest import Manifest, free_stem
from thetaloom.marketdata.importers.opening import digest
from thetaloom.marketdata.importers.quality import Quality
from thetaloom.marketdata.importers.tasks import Task, list_tasks
from thetaloom.marketdata.importers.writing import writing_to

Heard = Callable[[str, int, int, int], None]  # the source, its number, of how many, and its rows so far


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """Everything one import did."""

    files: tuple[ImportedFile, ...]

    @property
    def failed(self) -> tuple[ImportedFile, ...]:
        """The sources of which nothing could be read."""
        return tuple(one for one in self.files if one.error is not None)

    def as_dict(self) -> dict[str, object]:
        """Return what programs are told."""
        reasons: Counter[str] = Counter()
        quality = Quality()
        for one in self.files:
            reasons.update(one.reasons)
            quality.take(one.quality)
        return {
            "rows": sum(one.rows for one in self.files),
            "rejected": sum(one.rejected for one in self.files),
            "reasons": dict(sorted(reasons.items())),
            "files": [asdict(one) for one in self.files],
            "quality": quality.as_dict(),
        }


def import_paths(paths: Iterable[Path], wish: Wish, *, again: bool = False, heard: Heard = lambda *_: None) -> Imported:
    """Import files, archives and folders; those imported before, told by their digests, are skipped.

    Ended in the middle, an import leaves what it finished, and the next one goes on from there.
    """
    tasks, files = _tasks(paths, wish)
    with writing_to(wish.out):
        manifest = Manifest(wish.out)
        digests: dict[Path, str] = {}
        try:
            for number, task in enumerate(tasks, start=1):
                heard(task.name, number, len(tasks), 0)
                told = partial(heard, task.name, number, len(tasks))
                try:
                    files.append(_import(task, wish, manifest, digests, again, told))
                except InvalidInput as error:
                    files.append(_failed(task.name, wish, error))
        finally:
            manifest.write()
    return Imported(files=tuple(files))


def _import(
    task: Task, wish: Wish, manifest: Manifest, digests: dict[Path, str], again: bool, heard: Callable[[int], None]
) -> ImportedFile:
    known = manifest.files
    for path in task.paths:
        if path not in digests:
            digests[path] = digest(path)
    told = "+".join(digests[path] for path in task.paths)
    key = "!".join([f"{told}:{wish.symbol or ''}", *task.members])
    before = None if again else _before(known.get(key))
    if before is not None and wish.format_name in (AUTO, before.format):
        before.source = task.name  # the same bytes may lie there under another name
        return before
    place = "!".join([*(str(path.resolve()) for path in task.paths), *task.members])
    # A file that has changed since takes the place of what it was.
    others = {other: entry for other, entry in known.items() if other == key or entry.get("place") != place}
    known_stems = {entry.get("stem") for entry in known.values()}
    stem = free_stem(
        task.stem,
        key,
        others,
        lambda plain: plain not in known_stems and is_foreign(wish.out / f"{plain}.parquet", task.name),
    )
    found = _run(task, stem, wish, heard)
    for other in known.keys() - others.keys():
        del known[other]
    known[key] = {"stem": stem, "place": place, **asdict(found)}
    manifest.write_soon()
    return found


def _run(task: Task, stem: str, wish: Wish, heard: Callable[[int], None]) -> ImportedFile:
    import polars as pl

    try:
        return task.run(stem, wish, heard)
    except pl.exceptions.PolarsError as error:
        raise InvalidInput(
            f"{task.name} cannot be read: {str(error).splitlines()[0][:200]}", details={"path": task.name}
        ) from error


def _tasks(paths: Iterable[Path], wish: Wish) -> tuple[list[Task], list[ImportedFile]]:
    tasks: list[Task] = []
    failed: list[ImportedFile] = []
    for path in paths:
        if not path.exists():
            raise InvalidInput(f"{path} does not exist", details={"path": str(path)})
        try:
            tasks += list_tasks(path, wish)
        except InvalidInput as error:
            failed.append(_failed(str(path), wish, error))
    return tasks, failed


def _failed(name: str, wish: Wish, error: InvalidInput) -> ImportedFile:
    told: dict[str, object] = {"code": error.code, "message": error.message, "advice": error.advice}
    return ImportedFile(source=name, format=wish.format_name, error={**told, "details": error.details})


def _before(entry: Any) -> ImportedFile | None:
    if not isinstance(entry, dict):
        return None
    names = {one.name for one in fields(ImportedFile)}
    try:
        found = ImportedFile(**{name: told for name, told in entry.items() if name in names})
    except TypeError:
        return None
    found.skipped = True
    is_there = found.output is None or Path(found.output).is_file()
    return found if is_there else None
