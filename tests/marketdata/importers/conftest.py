"""What the tests of importers share: an import into a folder of the test, and the rows that came of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.marketdata.importers.layouts_by_hand import FILES, text_of
from thetaloom.domain.market.rates import RateCurve
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.marketdata.importers.importing import Wish
from thetaloom.marketdata.importers.runs import import_paths

Import = Callable[..., dict[str, Any]]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "recordings"


@pytest.fixture
def import_file(tmp_path: Path, out: Path, calendar: TradingCalendar) -> Import:
    """Import a text, bytes or a path as a format; returns what a program is told."""

    def run(
        content: str | bytes | Path,
        name: str = "file.csv",
        *,
        as_format: str = "auto",
        symbol: str | None = None,
        again: bool = False,
    ) -> dict[str, Any]:
        path = content if isinstance(content, Path) else tmp_path / name
        if not isinstance(content, Path):
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        wish = Wish(format_name=as_format, out=out, symbol=symbol, calendar=calendar, rates=RateCurve.flat(0.03))
        return import_paths([path], wish, again=again).as_dict()

    return run


@pytest.fixture
def import_format(import_file: Import) -> Import:
    """Import the small file of a format, with one piece of its text put in the place of another."""

    def run(name: str, *changes: tuple[str, str], more: str = "") -> dict[str, Any]:
        text = text_of(name) + more
        for old, new in changes:
            assert old in text, f"{old!r} does not stand in the file of {name}"
            text = text.replace(old, new, 1)
        return import_file(text, FILES[name][0], as_format=name)

    return run


@pytest.fixture
def rows(out: Path) -> Callable[[], pl.DataFrame]:
    """The rows of all recordings that were written."""

    def read() -> pl.DataFrame:
        return pl.concat([pl.read_parquet(path) for path in sorted(out.glob("*.parquet"))], how="diagonal")

    return read
