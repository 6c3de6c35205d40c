"""LEAN's data folder: what the names of its files and of the members of its archives tell.

Of an option's archive each member is one contract; the path and the names tell symbol, day, style, right, strike
(in ten-thousandths) and expiration. Quotes, trades and open interest of one symbol and day make one recording.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

from thetaloom.marketdata.importers.dates import read_day

CONTRACT = re.compile(
    r"^(?:(?P<day>\d{8})_)?(?P<symbol>[a-z0-9.]+)_(?:(?P<step>minute|second|hour|daily)_)?"
    r"(?P<tick>quote|trade|openinterest)_(?P<style>american|european)_(?P<right>call|put)_"
    r"(?P<strike>\d+)_(?P<expiration>\d{8})\.csv$",
    re.I,
)
BARS = re.compile(r"^(?P<day>\d{8})_(?P<symbol>[a-z0-9.]+)_(?P<step>minute|second)_(?P<tick>trade|quote)\.csv$", re.I)
DAILY_BARS = re.compile(r"^(?P<symbol>[a-z0-9.]+)\.csv$", re.I)
OPTION_ZIP = re.compile(r"^(?P<key>.+)_(?P<tick>quote|trade|openinterest)_(?P<style>american|european)\.zip$", re.I)
BAR_BEGINS = 15  # bytes: 20151224 00:00,
GRAINS = ("second", "minute", "hour", "daily", "universe")
OF_ALL_ZIP = re.compile(r"^(?P<kind>factor|map)_files_\d{8}\.zip$", re.I)  # of all securities
BARS_ZIP = re.compile(r"^(?P<day>\d{8})_(?P<tick>quote|trade)\.zip$", re.I)


class Kind(StrEnum):
    """What a file of LEAN's holds."""

    OPTIONS = "options"
    BARS = "bars"  # of a share, a fund or an index
    UNIVERSE = "universe"
    FACTORS = "factors"
    MAPPING = "mapping"
    RATES = "rates"


_FILES = {"factor": Kind.FACTORS, "map": Kind.MAPPING}


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanJob:
    """The files that make one output."""

    kind: Kind
    paths: tuple[Path, ...]
    stem: str

    grain: str = ""  # of options: minute, hour, daily, or the universe of a day

    @property
    def name(self) -> str:
        """What to call it to people: the first of its files."""
        return str(self.paths[0])


def find_jobs(path: Path) -> list[LeanJob]:
    """Return what LEAN files lie at or below ``path``; none at all for files of others."""
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]
    jobs: dict[tuple[Kind, str], LeanJob] = {}
    for one in files:
        job = _job(one)
        if job is not None:
            jobs.setdefault((job.kind, str(job.paths[0].parent / job.stem)), job)
    # What is finest comes first: where grains must not lie together it is the one that has the folder.
    return sorted(jobs.values(), key=lambda job: GRAINS.index(job.grain) if job.grain in GRAINS else len(GRAINS))


def is_lean(path: Path) -> bool:
    """Say whether a file is one of LEAN's."""
    return _job(path) is not None


def _job(path: Path) -> LeanJob | None:
    if path.suffix.lower() == ".zip":
        return _zip_job(path)
    if path.suffix.lower() != ".csv":
        return None
    parent = path.parent.name.lower()
    if parent in ("factor_files", "map_files"):
        kind = _FILES[parent.removesuffix("_files")]
        return LeanJob(kind=kind, paths=(path,), stem=f"{path.stem.upper()}_{kind}")
    head = _head(path)
    if head.lstrip("#").startswith(("expiry,strike,right", "symbol_id,symbol_value")):
        return LeanJob(
            kind=Kind.UNIVERSE, paths=(path,), stem=f"{parent.upper()}_{path.stem}_universe", grain="universe"
        )
    if path.name.lower() == "interest-rate.csv" or head.startswith("date,pcredit8"):
        return LeanJob(kind=Kind.RATES, paths=(path,), stem="interest_rate")
    return None


def _head(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(64).decode("utf-8-sig", "replace").strip().lower()
    except OSError:
        return ""


def _zip_job(path: Path) -> LeanJob | None:
    of_all = OF_ALL_ZIP.match(path.name)
    if of_all:
        return LeanJob(kind=_FILES[of_all["kind"].lower()], paths=(path,), stem=path.stem)
    first = _first_member(path)
    found = OPTION_ZIP.match(path.name)
    if found and (first is None or CONTRACT.match(first)):
        return _option_job(path, found, CONTRACT.match(first or ""))
    if first is None:
        return None
    contract = CONTRACT.match(first)
    if contract:
        stem = f"{contract['symbol'].upper()}_{contract['day'] or 'all'}_{path.stem}"
        return LeanJob(kind=Kind.OPTIONS, paths=(path,), stem=stem, grain=_grain(path, contract))
    step = _step(path)
    if BARS.match(first):
        told = BARS.match(first)
        day = told["day"] if told else ""
        stem = f"{told['symbol'].upper() if told else ''}_{day}_{told['step'] if told else ''}"
        return LeanJob(kind=Kind.BARS, paths=(path,), stem=stem + _quote_mark(path))
    is_named = DAILY_BARS.match(first) and Path(first).stem.lower() == path.stem.lower()
    if is_named and step in ("daily", "hour") and (step in path.parts or _begins_with_a_bar(path)):
        return LeanJob(kind=Kind.BARS, paths=(path,), stem=f"{path.stem.upper()}_{step}")
    return None


def _grain(path: Path, contract: re.Match[str] | None) -> str:
    told = contract["step"] if contract is not None else None
    return told.lower() if told else "minute" if contract is not None and contract["day"] else _step(path)


def _option_job(path: Path, found: re.Match[str], contract: re.Match[str] | None) -> LeanJob:
    order = ("quote", "trade", "openinterest")
    beside = [path.with_name(f"{found['key']}_{tick}_{found['style']}.zip") for tick in order]
    paths = tuple(one for one in beside if one.is_file())
    key = found["key"].upper()
    grain = _grain(path, contract) if contract is not None else "minute" if key.isdigit() else _step(path)
    symbol = f"{path.parent.name.upper()}_" if key.isdigit() else ""
    return LeanJob(kind=Kind.OPTIONS, paths=paths, stem=f"{symbol}{key}_{grain}_{found['style'].lower()}", grain=grain)


def _quote_mark(path: Path) -> str:
    # Trades tell the price; where they are, the middles of quotes stand beside them under another name.
    found = BARS_ZIP.match(path.name)
    is_quote = found is not None and found["tick"].lower() == "quote"
    return "_quote" if is_quote and found and path.with_name(f"{found['day']}_trade.zip").is_file() else ""


def _step(path: Path) -> str:
    return next((part for part in reversed(path.parts) if part in GRAINS), "daily")


def _first_member(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            return next((Path(name).name for name in archive.namelist() if not name.endswith("/")), None)
    except (zipfile.BadZipFile, OSError, RuntimeError):
        return None


def _begins_with_a_bar(path: Path) -> bool:
    # Any table may be packed under its own name.
    try:
        with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as stream:
            return re.match(rb"\d{8} \d{2}:\d{2},", stream.read(BAR_BEGINS)) is not None
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError):
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class LeanContract:
    """One contract as the name of an archive's member tells it."""

    symbol: str
    day: date | None
    tick: str
    right: str
    strike: float
    expiration: date | None


def contract_of(member: str) -> LeanContract | None:
    """Return the contract of a member; ``None`` where its name is not one."""
    found = CONTRACT.match(Path(member).name)
    if found is None:
        return None
    return LeanContract(
        symbol=found["symbol"],
        day=read_day(found["day"]) if found["day"] else None,
        tick=found["tick"].lower(),
        right="C" if found["right"].lower() == "call" else "P",
        strike=int(found["strike"]) / 10_000,
        expiration=read_day(found["expiration"]),
    )
