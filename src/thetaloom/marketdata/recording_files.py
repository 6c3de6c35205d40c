"""Recorded chains on disk: one Parquet file per symbol and session, whole at every moment.

A snapshot is first written as a file of its own into the folder ``.parts``; from time to time the parts of a session
are put together with its file. Every file appears by being renamed, so that a kill leaves whole files only, and a
snapshot that stands in both places is read once.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from thetaloom.domain.market.chain import OptionChain
from thetaloom.errors import InvalidInput, NotAllowed, Unavailable
from thetaloom.marketdata.instants import from_microseconds, to_microseconds
from thetaloom.marketdata.recorded.reading import COUNT_LIMIT, PRICE_LIMIT

if TYPE_CHECKING:
    import polars as pl

PARTS, LOCK, UNFINISHED = ".parts", ".lock", ".unfinished"
PART_NAME = re.compile(r"([A-Z0-9.]+)_(\d{4}-\d{2}-\d{2})_(\d+)")
GROWTH = 0.25  # parts are put into the file of their session once they hold this share of its rows
SNAPSHOT = "recorded"  # the column by which a reader knows that each instant is complete


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFile:
    """The file of one symbol and session, and what lies beside it."""

    folder: Path
    symbol: str
    session_on: date

    @property
    def path(self) -> Path:
        """The Parquet file."""
        return self.folder / f"{self.symbol}_{self.session_on}.parquet"

    @property
    def gaps(self) -> Path:
        """What is missing in it."""
        return self.folder / f"{self.symbol}_{self.session_on}.gaps.json"

    def part(self, microseconds: int) -> Path:
        """The file of one snapshot that is not yet part of the other."""
        return self.folder / PARTS / f"{self.symbol}_{self.session_on}_{microseconds}.parquet"

    def parts(self) -> list[Path]:
        """Return those that are there, the oldest first."""
        found = (self.folder / PARTS).glob(f"{self.symbol}_{self.session_on}_*.parquet")
        return sorted(found, key=lambda path: int(path.stem.rpartition("_")[2]))


class ChainFolder:
    """The folder of one recorder; a second one at the same time is refused."""

    def __init__(self, folder: Path) -> None:
        """Lock the folder and finish what a recorder before left undone."""
        self.folder = folder
        (folder / PARTS).mkdir(parents=True, exist_ok=True)
        self._lock: IO[str] = (folder / LOCK).open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.close()
            raise NotAllowed(
                "folder_is_recorded_to",
                f"another recorder writes to {folder}",
                advice="Stop it, or choose another folder with --out.",
            ) from error
        self._rows: dict[SessionFile, int] = {}  # in the file, and in its parts
        self._rows_of_parts: dict[SessionFile, int] = {}
        for unfinished in folder.rglob(f"*{UNFINISHED}"):
            unfinished.unlink(missing_ok=True)
        self.put_together(self._left_over())

    def add(self, chain: OptionChain, session_on: date) -> SessionFile:
        """Write one snapshot, for good when this returns."""
        file = SessionFile(folder=self.folder, symbol=chain.underlying, session_on=session_on)
        frame = frame_of(chain, session_on)
        _write(frame, file.part(to_microseconds(chain.as_of)))
        if file not in self._rows:
            self._rows[file] = _row_count(file.path)
        self._rows_of_parts[file] = self._rows_of_parts.get(file, 0) + len(frame)
        if self._rows_of_parts[file] >= GROWTH * self._rows[file]:
            with suppress(OSError):  # the snapshot stands in its part; a later look puts them together
                self.put_together([file])
        return file

    def put_together(self, files: Iterable[SessionFile]) -> None:
        """Put the parts of sessions into their files."""
        import polars as pl

        for file in files:
            parts = file.parts()
            if not parts:
                continue
            whole = [_read(file.path)] if file.path.exists() else []
            known = set(whole[0]["quote_time"].unique()) if whole else set()
            fresh = [frame for frame in map(_read, parts) if not known.issuperset(frame["quote_time"].unique())]
            frame = pl.concat([*whole, *fresh]).sort("quote_time", maintain_order=True)
            if fresh:
                _write(frame, file.path)
            self._rows[file], self._rows_of_parts[file] = len(frame), 0
            for part in parts:
                part.unlink()

    def instants(self, symbol: str, session_on: date) -> list[datetime]:
        """Return what was recorded of a symbol and session so far, oldest first."""
        file = SessionFile(folder=self.folder, symbol=symbol, session_on=session_on)
        found = [int(part.stem.rpartition("_")[2]) for part in file.parts()]
        if file.path.exists():
            found += _read(file.path, ["quote_time"])["quote_time"].unique().to_physical().to_list()
        return [from_microseconds(at) for at in sorted(set(found))]

    def write_gaps(self, symbol: str, session_on: date, noted: Mapping[str, Any]) -> None:
        """Write down what is missing of a session."""
        path = SessionFile(folder=self.folder, symbol=symbol, session_on=session_on).gaps
        _replace(path, json.dumps(noted, indent=1).encode())

    def read_gaps(self, symbol: str, session_on: date) -> Sequence[Mapping[str, Any]]:
        """Return what was noted as missing before."""
        path = SessionFile(folder=self.folder, symbol=symbol, session_on=session_on).gaps
        try:
            noted = json.loads(path.read_bytes())
        except FileNotFoundError:
            return ()
        except ValueError as error:
            raise InvalidInput(f"{path}: is no note of gaps: {error}", details={"file": str(path)}) from error
        found: Sequence[Mapping[str, Any]] = noted["gaps"]
        return found

    def close(self) -> None:
        """Put everything together and let the folder go."""
        try:
            self.put_together(self._left_over())
        except OSError as error:
            raise Unavailable(
                f"{self.folder} cannot be written to: {error.strerror or error}",
                advice=f"No snapshot is lost: the last stand in {PARTS}, and the next recording puts them together.",
                details={"folder": str(self.folder)},
            ) from error
        finally:
            self._lock.close()

    def _left_over(self) -> list[SessionFile]:
        found = set()
        for part in (self.folder / PARTS).glob("*.parquet"):
            name = PART_NAME.fullmatch(part.stem)
            if name is not None:
                file = SessionFile(folder=self.folder, symbol=name[1], session_on=date.fromisoformat(name[2]))
                found.add(file)
        return sorted(found, key=lambda file: (file.symbol, file.session_on))


def frame_of(chain: OptionChain, session_on: date) -> pl.DataFrame:
    """Return a chain as rows of the schema of recordings; a number that cannot be right there is unknown."""
    import polars as pl

    count = len(chain)
    at = pl.Series([to_microseconds(chain.as_of)]).cast(pl.Datetime("us", "UTC"))
    prices = {
        name: pl.col(name).fill_nan(None).pipe(_within, PRICE_LIMIT) for name in ("bid", "ask", "underlying_price")
    }
    sizes = {
        name: pl.col(name).fill_nan(None).pipe(_within, COUNT_LIMIT - 1).cast(pl.Int64)
        for name in ("bid_size", "ask_size", "volume", "open_interest")
    }
    spot = None if chain.spot is None else float(chain.spot)
    return pl.DataFrame(
        {
            "quote_time": at.new_from_index(0, count),
            "session_date": pl.Series([session_on]).new_from_index(0, count),
            "snapshot": pl.Series([SNAPSHOT]).new_from_index(0, count),
            "underlying": pl.Series([chain.underlying]).new_from_index(0, count),
            "root": pl.Series(chain.root.tolist(), dtype=pl.String),
            "expiration": pl.Series(chain.expires_on).cast(pl.Date),
            "strike": chain.strike / 1000,
            "right": pl.Series(["C" if is_call else "P" for is_call in chain.is_call.tolist()], dtype=pl.String),
            "bid": chain.bid,
            "ask": chain.ask,
            "bid_size": chain.bid_size,
            "ask_size": chain.ask_size,
            "volume": chain.volume,
            "open_interest": chain.open_interest,
            "implied_vol": chain.iv,
            "delta": chain.delta,
            "underlying_price": pl.Series([spot], dtype=pl.Float64).new_from_index(0, count),
            "quoted_at": pl.Series(chain.quoted_at).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            "source": pl.Series([chain.source]).new_from_index(0, count),
            "synthetic": pl.Series([chain.synthetic]).new_from_index(0, count),
        }
    ).with_columns(**prices, **sizes, **{name: pl.col(name).fill_nan(None) for name in ("implied_vol", "delta")})


def _within(column: pl.Expr, limit: float) -> pl.Expr:
    import polars as pl

    return pl.when(column.is_between(0, limit)).then(column)


def _row_count(path: Path) -> int:
    return len(_read(path, ["quote_time"])) if path.exists() else 0


def _read(path: Path, columns: list[str] | None = None) -> pl.DataFrame:
    import polars as pl

    try:
        return pl.read_parquet(path, columns=columns)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InvalidInput(
            f"{path}: cannot be read, and is not overwritten: {str(error)[:200]}",
            advice="Move it away, or choose another folder with --out.",
            details={"file": str(path)},
        ) from error


def _write(frame: pl.DataFrame, path: Path) -> None:
    from io import BytesIO

    content = BytesIO()
    frame.write_parquet(content, compression="zstd")
    _replace(path, content.getvalue())


def _replace(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f".{path.name}{UNFINISHED}")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        unfinished.unlink(missing_ok=True)  # on a full disk every byte counts
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name, too, must survive a power cut
    finally:
        os.close(folder)
