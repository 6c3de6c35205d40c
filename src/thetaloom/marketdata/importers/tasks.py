"""What one import has to do: one task for each file, member of an archive, or group of LEAN's files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from thetaloom.errors import InvalidInput
from thetaloom.marketdata.importers.formats import AUTO, LEAN
from thetaloom.marketdata.importers.importing import ImportedFile, Wish, import_recognized, recognize
from thetaloom.marketdata.importers.lean_names import Kind, LeanJob, find_jobs, is_lean
from thetaloom.marketdata.importers.lean_options import recognize_options
from thetaloom.marketdata.importers.lean_underlyings import import_underlying
from thetaloom.marketdata.importers.lean_universe import recognize_universe
from thetaloom.marketdata.importers.manifest import MANIFEST
from thetaloom.marketdata.importers.opening import Source, list_sources
from thetaloom.marketdata.importers.sources import is_companion

Heard = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to import: its files, what to call its recording, and how it is done."""

    name: str
    paths: tuple[Path, ...]
    members: tuple[str, ...] = ()
    stem: str
    run: Callable[[str, Wish, Heard], ImportedFile]


def list_tasks(path: Path, wish: Wish) -> list[Task]:
    """Return the tasks of a path; ``InvalidInput`` where it holds nothing of the format wished for."""
    jobs = find_jobs(path) if wish.format_name in (AUTO, LEAN) else []
    if wish.format_name == LEAN:
        if not jobs:
            raise InvalidInput(
                f"{path} is not {LEAN}: no file of it is named as in a LEAN data folder",
                advice="Name the data folder, or an archive such as 20151224_quote_american.zip. "
                "Seconds, minutes, hours and days are read; ticks are not.",
                details={"path": str(path)},
            )
        return [_lean_task(job) for job in jobs]
    if jobs and not path.is_dir():
        return [_lean_task(job) for job in jobs]
    lean_files = {one for one in path.rglob("*") if one.is_file() and is_lean(one)} if jobs else set()
    # What an import wrote lies below the folder where recordings are kept beside their originals.
    own = {one.resolve() for one in (wish.out / MANIFEST, *(wish.out / "rejected").glob("*.csv"))}
    written = {one for one in path.rglob("*") if one.resolve() in own}
    others = list_sources(path, leave_out=lean_files | written)
    is_alone = len(jobs) + len(others) == 1
    return [*map(_lean_task, jobs), *(_text_task(one, is_alone=is_alone) for one in others)]


def _text_task(source: Source, *, is_alone: bool) -> Task:
    def run(stem: str, wish: Wish, heard: Heard) -> ImportedFile:
        if source.refused is not None:
            raise source.refused
        try:
            recognized = recognize(source, wish)
        except InvalidInput:
            if is_alone or not is_companion(source):
                raise
            note = f"{source.name} is sent beside the options, and holds none: it was left out"
            return ImportedFile(source=source.name, format=wish.format_name, note=note)
        return import_recognized(recognized, stem, wish, heard)

    return Task(name=source.name, paths=(source.path,), members=source.members, stem=source.stem, run=run)


def _lean_task(job: LeanJob) -> Task:
    def run(stem: str, wish: Wish, heard: Heard) -> ImportedFile:
        if job.kind is Kind.OPTIONS:
            return import_recognized(recognize_options(job, wish.calendar), stem, wish, heard)
        if job.kind is Kind.UNIVERSE:
            return import_recognized(recognize_universe(job, wish.calendar, wish.symbol), stem, wish, heard)
        return import_underlying(job, stem, wish)

    return Task(name=job.name, paths=job.paths, stem=job.stem, run=run)
