"""What a file, a disk or a kill may do to an import, and what has to stand afterwards."""

import gc
import gzip
import io
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.marketdata.full_disk import files_of_at_most
from tests.marketdata.importers.conftest import Import
from tests.marketdata.importers.layouts_by_hand import DOLTHUB_HEADER, DOLTHUB_ROWS, text_of
from tests.marketdata.killed import killed_at
from thetaloom.domain.market.rates import RateCurve
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.errors import NotAllowed, Unavailable
from thetaloom.marketdata.importers.importing import Wish
from thetaloom.marketdata.importers.runs import import_paths
from thetaloom.marketdata.importers.writing import writing_to
from thetaloom.marketdata.importers.zstandard import unpacked_most

Rows = Callable[[], pl.DataFrame]
CALL, PUT = DOLTHUB_ROWS


def zipped(*members: tuple[str, bytes]) -> bytes:
    """An archive in memory."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_name_that_leads_out_of_an_archive_leads_nowhere(import_file: Import, tmp_path: Path, out: Path) -> None:
    text = f"{text_of('dolthub')}{CALL.replace('115.00', '-1')}\n"

    found = import_file(zipped(("../../../escaped/../chain.csv", text.encode())), "outer.zip")

    assert (found["rows"], found["rejected"]) == (2, 1)
    assert sorted(tree(tmp_path)) == [
        "outer.zip",
        "recordings/chain.parquet",
        "recordings/imported.json",
        "recordings/rejected/chain.csv",
    ]


@pytest.mark.parametrize("kind", ["zip", "gzip", "zip-in-zip", "gzip-in-zip"])
def test_what_unpacks_to_a_thousand_times_its_size_is_not_read(
    kind: str, import_file: Import, monkeypatch: pytest.MonkeyPatch, out: Path
) -> None:
    monkeypatch.setattr("thetaloom.marketdata.importers.opening.UNPACKED_FREE", 1 << 20)
    bomb = text_of("dolthub").encode() + b"0" * (8 << 20)
    content = {
        "zip": lambda: zipped(("a.csv", bomb)),
        "gzip": lambda: gzip.compress(bomb),
        "zip-in-zip": lambda: zipped(("b.zip", zipped(("a.csv", bomb)))),
        "gzip-in-zip": lambda: zipped(("a.csv.gz", gzip.compress(bomb))),
    }[kind]()

    found = import_file(content, "bomb.bin", as_format="dolthub")

    assert found["rows"] == 0
    assert "more than 200 times its size" in found["files"][0]["error"]["message"]
    assert not list(out.glob("*.parquet"))


def zstandard_frame(*blocks: bytes) -> bytes:
    """A frame that does not say how large it will be."""
    return b"\x28\xb5\x2f\xfd\x00\x58" + b"".join(blocks)


def zstandard_block(content: bytes, repeated: int = 0, *, is_last: bool = False) -> bytes:
    """A block that holds its content plainly, or one byte of it that is ``repeated``."""
    header = (repeated or len(content)) << 3 | (2 if repeated else 0) | is_last
    return header.to_bytes(3, "little") + content


def test_zstandard_without_an_end_is_refused_before_it_is_unpacked(
    import_file: Import, monkeypatch: pytest.MonkeyPatch, out: Path
) -> None:
    def unpack(*_: object) -> None:
        raise AssertionError("it was unpacked")

    table = zstandard_block(text_of("dolthub").encode())
    endless = [zstandard_block(b"0", 1 << 17)] * 20_000
    monkeypatch.setattr("thetaloom.marketdata.importers.zstandard._texts", unpack)

    one = import_file(zstandard_frame(table, *endless), "bomb.csv.zst")
    many = import_file(zstandard_frame(table, zstandard_block(b"", is_last=True)) * 10_000 + zstandard_frame(*endless))

    for found in (one, many):
        assert "would unpack to more than 200 times its size" in found["files"][0]["error"]["message"]
        assert "Unpack it yourself" in found["files"][0]["error"]["advice"]
    assert not list(out.glob("*.parquet"))


@pytest.mark.parametrize("level", [1, 9])
def test_how_much_zstandard_can_become_is_never_told_too_low(level: int) -> None:
    for lines in (["a,b"], ["0" * 100] * 50_000, [f"{number * 7919 % 100_003},{number}" for number in range(50_000)]):
        stream = io.BytesIO()
        pl.LazyFrame({"line": lines}).sink_csv(
            stream,
            include_header=False,
            quote_style="never",
            compression="zstd",
            compression_level=level,
            check_extension=False,
        )
        size = sum(len(line) + 1 for line in lines)

        assert size <= unpacked_most(stream.getvalue() * 2, 1 << 30) / 2 <= size + (1 << 18)


def test_frames_of_zstandard_behind_one_another_are_one_text(import_file: Import) -> None:
    first, second = text_of("dolthub").encode()[:100], text_of("dolthub").encode()[100:]
    frames = [zstandard_frame(zstandard_block(part, is_last=True)) for part in (first, second)]

    found = import_file(b"".join(frames), "chain.csv.zst")

    assert (found["rows"], found["rejected"]) == (2, 0)


def test_zstandard_of_another_text_than_utf_8_says_so(import_file: Import) -> None:
    found = import_file(zstandard_frame(zstandard_block(text_of("dolthub").encode("utf-16"), is_last=True)), "a.zst")

    assert "its text is not UTF-8" in found["files"][0]["error"]["message"]


def test_a_line_without_an_end_is_not_gathered_for_ever(import_file: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("thetaloom.marketdata.importers.opening.LINE_BYTES_MAX", 1 << 16)
    monkeypatch.setattr("thetaloom.marketdata.importers.sources.BATCH_BYTES", 1 << 16)

    found = import_file(text_of("dolthub") + "x" * (1 << 20), as_format="dolthub")

    assert "a line is longer than 65,536 bytes" in found["files"][0]["error"]["message"]


def test_bytes_of_zero_among_the_rows_spoil_their_own_row_alone(import_file: Import) -> None:
    text = text_of("dolthub") + 100 * f"{CALL}\n"  # beyond what is looked at for a program's own file

    found = import_file(f"{text}{CALL.replace('C', chr(0), 1)}\n{CALL.replace('3.75', chr(0))}\n")

    assert (found["rows"], found["reasons"]) == (2, {"bad_price": 1, "bad_right": 1, "duplicate": 100})


def test_a_full_disk_ends_the_import_and_leaves_what_stood(
    tmp_path: Path, out: Path, calendar: TradingCalendar
) -> None:
    path, second = tmp_path / "chain.csv", tmp_path / "other.csv"
    path.write_text(f"{text_of('dolthub')}{CALL.replace('115.00', '-1')}\n")
    second.write_text(f"{DOLTHUB_HEADER}\n{PUT.replace('AAPL', 'MSFT')}\n")
    wish = Wish(format_name="dolthub", out=out, symbol=None, calendar=calendar, rates=RateCurve.flat(0.03))
    import_paths([path, second], wish)
    before = tree(out)
    days = "".join(
        f"{CALL.replace('115.00', f'{strike}.25').replace('3.75', f'{strike % 7}.11')}\n" for strike in range(1, 3000)
    )
    path.write_text(f"{DOLTHUB_HEADER}\n{days}")

    for size in (1 << 10, 8 << 10):
        with files_of_at_most(size), pytest.raises(Unavailable, match=f"{out} cannot be written to: File too large"):
            import_paths([path], wish)
        assert tree(out) == before
    bad = "".join(f"{CALL.replace('115.00', f'-{strike}')}\n" for strike in range(1, 3000))
    path.write_text(f"{DOLTHUB_HEADER}\n{bad}")
    with files_of_at_most(8 << 10), pytest.raises(Unavailable):
        import_paths([path], wish)

    assert tree(out) == before
    assert import_paths([path], wish).as_dict()["rejected"] == 2999


IMPORT = """
from thetaloom.domain.market.rates import RateCurve
from thetaloom.marketdata.importers.importing import Wish
from thetaloom.marketdata.importers.runs import import_paths
from thetaloom.testing import builders

out, calendar = Path(sys.argv[2]), builders.trading_calendar()
wish = Wish(format_name="dolthub", out=out, symbol=None, calendar=calendar, rates=RateCurve.flat(0.03))
import_paths([Path(sys.argv[1])], wish)
"""


@pytest.mark.parametrize("steps", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_a_kill_leaves_whole_recordings_and_the_next_import_goes_on(
    steps: int, tmp_path: Path, out: Path, calendar: TradingCalendar, rows: Rows
) -> None:
    folder = tmp_path / "vendor"
    folder.mkdir()
    (folder / "chain.csv").write_text(f"{text_of('dolthub')}{CALL.replace('115.00', '-1')}\n")

    killed_at(steps, IMPORT, folder, out)
    assert all(pl.read_parquet(path).height == 2 for path in out.glob("*.parquet"))

    wish = Wish(format_name="dolthub", out=out, symbol=None, calendar=calendar, rates=RateCurve.flat(0.03))
    found = import_paths([folder], wish).as_dict()

    assert (found["rows"], found["reasons"]) == (2, {"bad_strike": 1})
    assert rows().height == 2
    assert sorted(tree(out)) == ["chain.parquet", "imported.json", "rejected/chain.csv"]


def test_two_imports_never_write_to_one_folder_at_once(import_file: Import, out: Path) -> None:
    with writing_to(out), pytest.raises(NotAllowed, match="another import writes to"):
        import_file(text_of("dolthub"))

    assert import_file(text_of("dolthub"))["rows"] == 2


def test_a_recording_that_somebody_else_made_is_not_overwritten(import_file: Import, out: Path) -> None:
    out.mkdir()
    theirs = import_file(text_of("l3"), "spx.csv")["files"][0]["output"]
    (out / "imported.json").unlink()
    mine = out / "option_chain.parquet"
    pl.read_parquet(theirs).write_parquet(mine)
    before = mine.read_bytes()

    found = import_file(text_of("dolthub"), "option_chain.csv")

    assert found["rows"] == 2
    assert mine.read_bytes() == before
    assert Path(found["files"][0]["output"]).name.startswith("option_chain_")


class InterruptedAgain(ThreadPoolExecutor):
    """Polars tells of Ctrl-C, and Python of the same once more, while the reader is waited for."""

    def __exit__(self, kind: Any, *told: Any) -> None:
        super().__exit__(kind, *told)
        if kind is not None:
            raise KeyboardInterrupt


def test_an_interrupt_that_is_told_twice_is_one_interrupt(
    tmp_path: Path, out: Path, calendar: TradingCalendar, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.csv"
    path.write_text(text_of("dolthub"))
    monkeypatch.setattr("thetaloom.marketdata.importers.importing.ThreadPoolExecutor", InterruptedAgain)
    unheard: list[Any] = []
    monkeypatch.setattr("sys.unraisablehook", unheard.append)

    def end(source: str, number: int, of: int, read: int) -> None:
        if read:
            raise KeyboardInterrupt

    wish = Wish(format_name="dolthub", out=out, symbol=None, calendar=calendar, rates=RateCurve.flat(0.03))
    with pytest.raises(KeyboardInterrupt):
        import_paths([path], wish, heard=end)
    gc.collect()

    assert unheard == []
    assert list(out.iterdir()) == []
