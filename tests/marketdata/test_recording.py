"""Recording any source to Parquet: whole files, nothing twice, gaps noted, and the same chains when played again."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.marketdata.full_disk import files_of_at_most
from tests.marketdata.killed import killed_at
from thetaloom.domain.market.chain import ARRAY_TYPES, OptionChain
from thetaloom.errors import InvalidInput, NotAllowed, Unavailable
from thetaloom.links.instants import microseconds
from thetaloom.links.quote_board import QuoteBoard
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.recorded import RecordedMarket, packaged_day
from thetaloom.marketdata.recording import Recorder
from thetaloom.marketdata.recording_files import ChainFolder, frame_of
from thetaloom.marketdata.synthetic import SyntheticMarket
from thetaloom.testing import builders
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.market import FixedMarket

CALENDAR = builders.trading_calendar()
TEN = builders.new_york("2026-01-05 10:00")
SESSION = date(2026, 1, 5)
MINUTE = timedelta(minutes=1)
QUOTES: dict[str, tuple[float | None, float | None]] = {
    "SPX 2026-01-16 P 5600": (21.0, 21.45),
    "SPXW 2026-01-16 P 5600": (20.8, 20.6),
    "SPXW 2026-01-16 C 5602.5": (0.0, 0.05),
    "SPXW 2026-01-09 P 5000": (None, None),
    "SPXW 2026-01-09 P 5100": (1.2375, None),
}


def recorder(market: Any, clock: Any, folder: ChainFolder, *symbols: str, every: timedelta = MINUTE) -> Recorder:
    return Recorder(market, symbols or ("SPX",), folder, clock=clock, calendar=CALENDAR, every=every)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(builders.new_york("2026-01-05 09:30"))


@pytest.fixture
def market(clock: FakeClock) -> FixedMarket:
    made = FixedMarket(clock, synthetic=False)
    made.chains["SPX"] = builders.chain(QUOTES, spot=5750.25, at=clock.now(), synthetic=False)
    return made


def renew(market: FixedMarket, clock: FakeClock, *, minutes: float = 1) -> OptionChain:
    clock.advance(minutes=minutes)
    chain = builders.chain(QUOTES, spot=5750.25 + minutes, at=clock.now(), synthetic=False)
    market.chains["SPX"] = chain
    return chain


def same(one: OptionChain | None, other: OptionChain) -> bool:
    assert one is not None
    for name in ARRAY_TYPES:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    return (one.underlying, one.as_of, one.spot, one.synthetic) == (
        other.underlying,
        other.as_of,
        other.spot,
        other.synthetic,
    )


def played(folder: Path, at: datetime, symbol: str = "SPX") -> OptionChain | None:
    return RecordedMarket(folder, VirtualClock(at)).chain(symbol, at)


def test_what_was_recorded_replays_with_equal_chains(tmp_path: Path, market: FixedMarket, clock: FakeClock) -> None:
    folder = ChainFolder(tmp_path)
    recording = recorder(market, clock, folder)
    sent = [market.chains["SPX"]]
    recording.sample()
    for _ in range(2):
        sent.append(renew(market, clock))
        recording.sample()
    folder.close()

    assert sorted(path.name for path in tmp_path.glob("*.*")) == [".lock", ".parts", "SPX_2026-01-05.parquet"]
    for chain in sent:
        assert chain is not None
        assert same(played(tmp_path, chain.as_of), chain)


def test_a_made_up_market_stays_made_up_when_it_is_played_again(tmp_path: Path) -> None:
    clock = VirtualClock(TEN)
    made_up = SyntheticMarket(3, date(2026, 1, 3), CALENDAR, clock, symbols=("SPY",))
    folder = ChainFolder(tmp_path)
    sampled = recorder(made_up, clock, folder, "SPY").sample()
    folder.close()
    sent = made_up.chain("SPY", TEN)
    replayed = RecordedMarket(tmp_path, VirtualClock(TEN))

    assert sent is not None
    assert same(replayed.chain("SPY", TEN), sent)
    assert (replayed.synthetic, sampled[0].synthetic) == (True, True)
    assert pl.read_parquet(tmp_path / "SPY_2026-01-05.parquet")["source"].unique().to_list() == ["synthetic"]


def test_a_real_recording_replays_as_real_through_another_recording(tmp_path: Path) -> None:
    at = datetime.fromisoformat("2015-12-24T15:05:00+00:00")
    clock = VirtualClock(at)
    source = RecordedMarket(packaged_day(), clock)
    folder = ChainFolder(tmp_path)
    recorder(source, clock, folder, "GOOG").sample()
    folder.close()
    sent = source.chain("GOOG", at)

    assert sent is not None
    assert same(played(tmp_path, at, "GOOG"), sent)
    assert RecordedMarket(tmp_path, clock).synthetic is False


def test_a_quote_that_was_old_is_old_when_it_is_played_again(tmp_path: Path, clock: FakeClock) -> None:
    board = QuoteBoard(clock, "stream")
    slots = board.list_chain("SPX", [builders.contract(name) for name in QUOTES])
    said_at = clock.now()
    board.put_many(slots[:2], 1.0, 1.2, 1, 1, microseconds(said_at))
    clock.advance(minutes=5)
    board.put(int(slots[2]), bid=1.0, ask=1.2, at=clock.now(), is_streamed=False)
    sent = board.chain("SPX", clock.now())
    held = FixedMarket(clock)
    held.chains["SPX"] = sent
    folder = ChainFolder(tmp_path)
    recorder(held, clock, folder).sample()
    folder.close()

    assert sent is not None
    assert len(set(sent.quoted_at.tolist())) == 3
    assert same(played(tmp_path, clock.now()), sent)


def test_odd_numbers_are_unknown_in_a_recording_that_can_be_read(
    tmp_path: Path, market: FixedMarket, clock: FakeClock
) -> None:
    market.chains["SPX"] = builders.chain(
        {"SPX 2026-01-16 P 5600": (-1.0, 2.0), "SPX 2026-01-16 P 5700": (1.0, 1e9)},
        spot=None,
        at=clock.now(),
        columns={"volume": {"SPX 2026-01-16 P 5600": 1e18}, "iv": {"SPX 2026-01-16 P 5700": float("nan")}},
    )
    folder = ChainFolder(tmp_path)
    recorder(market, clock, folder).sample()
    folder.close()

    chain = played(tmp_path, clock.now())

    assert chain is not None
    assert np.array_equal(chain.bid, [np.nan, 1.0], equal_nan=True)
    assert np.array_equal(chain.ask, [2.0, np.nan], equal_nan=True)
    assert np.isnan(chain.volume).all()
    assert chain.spot is None


def test_what_is_not_new_is_not_written_twice(tmp_path: Path, market: FixedMarket, clock: FakeClock) -> None:
    folder = ChainFolder(tmp_path)
    recording = recorder(market, clock, folder)
    rows = [sampled.rows for _ in range(3) for sampled in recording.sample()]
    folder.close()

    assert rows == [len(QUOTES), 0, 0]
    assert len(pl.read_parquet(tmp_path / "SPX_2026-01-05.parquet")) == len(QUOTES)


def test_a_restart_goes_on_in_the_same_file_and_notes_the_gap(
    tmp_path: Path, market: FixedMarket, clock: FakeClock
) -> None:
    began = clock.now()
    for minutes in (0, 30):
        if minutes:
            renew(market, clock, minutes=minutes)
        folder = ChainFolder(tmp_path)
        recorder(market, clock, folder).sample()
        recorder(market, clock, folder).sample()
        folder.close()

    frame = pl.read_parquet(tmp_path / "SPX_2026-01-05.parquet")
    noted = json.loads((tmp_path / "SPX_2026-01-05.gaps.json").read_text())

    assert len(frame) == 2 * len(QUOTES)
    assert noted["gaps"] == [
        {
            "from": f"{began:%Y-%m-%dT%H:%M:%SZ}",
            "until": f"{clock.now():%Y-%m-%dT%H:%M:%SZ}",
            "reason": "nothing was recording",
        }
    ]


def test_a_gap_carries_the_reason_of_the_source(tmp_path: Path, market: FixedMarket, clock: FakeClock) -> None:
    folder = ChainFolder(tmp_path)
    recording = recorder(market, clock, folder)
    recording.sample()
    chain, market.is_down = market.chains.pop("SPX"), True
    clock.advance(minutes=5)
    failed = recording.sample()
    market.chains["SPX"], market.is_down = chain, False
    renew(market, clock)
    recording.sample()
    renew(market, clock)
    recording.sample()
    renew(market, clock, minutes=10)
    recording.sample()
    folder.close()

    assert [(one.failed, one.reason) for one in failed] == [(True, "the fixed market is down")]
    assert [(gap.reason, gap.ends_at - gap.starts_at) for gap in recording.gaps] == [
        ("the fixed market is down", 6 * MINUTE),
        ("the source said nothing new", 10 * MINUTE),
    ]
    assert len(folder.read_gaps("SPX", SESSION)) == 2


def test_a_recording_that_begins_late_has_a_gap_from_the_open(
    tmp_path: Path, market: FixedMarket, clock: FakeClock
) -> None:
    opened = clock.now()
    renew(market, clock, minutes=45)
    folder = ChainFolder(tmp_path)
    recording = recorder(market, clock, folder)
    recording.sample()
    folder.close()

    assert [(gap.starts_at, gap.ends_at) for gap in recording.gaps] == [(opened, clock.now())]


def test_a_symbol_the_source_does_not_have_is_told(tmp_path: Path, market: FixedMarket, clock: FakeClock) -> None:
    folder = ChainFolder(tmp_path)

    sampled = recorder(market, clock, folder, "QQQ").sample()

    folder.close()
    assert [(one.failed, one.reason) for one in sampled] == [(True, "fixed has nothing of QQQ")]
    assert list(tmp_path.glob("*.parquet")) == []


def test_each_session_has_a_file_and_what_came_at_night_belongs_to_the_day_before(
    tmp_path: Path, market: FixedMarket, clock: FakeClock
) -> None:
    folder = ChainFolder(tmp_path)
    recording = recorder(market, clock, folder)
    for wall in ("2026-01-05 15:59", "2026-01-06 10:00", "2026-01-10 12:00"):
        renew(market, clock, minutes=(builders.new_york(wall) - clock.now()) / MINUTE)
        recording.sample()
    folder.close()

    assert sorted(path.name for path in tmp_path.glob("*.parquet")) == [
        "SPX_2026-01-05.parquet",
        "SPX_2026-01-06.parquet",
        "SPX_2026-01-09.parquet",
    ]


def test_only_one_recorder_writes_to_a_folder(tmp_path: Path) -> None:
    folder = ChainFolder(tmp_path)

    with pytest.raises(NotAllowed, match="another recorder"):
        ChainFolder(tmp_path)

    folder.close()
    ChainFolder(tmp_path).close()


def test_a_foreign_file_of_that_name_is_never_overwritten(
    tmp_path: Path, market: FixedMarket, clock: FakeClock
) -> None:
    foreign = tmp_path / "SPX_2026-01-05.parquet"
    foreign.write_bytes(b"a letter to mother")
    folder = ChainFolder(tmp_path)

    with pytest.raises(InvalidInput, match="is not overwritten"):
        recorder(market, clock, folder).sample()

    assert foreign.read_bytes() == b"a letter to mother"


def test_no_symbol_at_all_is_refused(tmp_path: Path, market: FixedMarket, clock: FakeClock) -> None:
    with pytest.raises(InvalidInput, match="no symbol"):
        Recorder(market, (), ChainFolder(tmp_path), clock=clock, calendar=CALENDAR, every=MINUTE)


def test_a_full_disk_fails_looks_until_there_is_room_and_loses_nothing_that_stood(
    tmp_path: Path, market: FixedMarket, clock: FakeClock
) -> None:
    folder = ChainFolder(tmp_path)
    recording = recorder(market, clock, folder)
    recording.sample()
    first = market.chains["SPX"]
    with files_of_at_most(1000):
        for _ in range(6):
            renew(market, clock)
            (failed,) = recording.sample()
    later = renew(market, clock)
    (written,) = recording.sample()
    folder.close()

    assert failed.failed
    assert failed.reason == f"{tmp_path} cannot be written to: File too large"
    assert written.rows == len(QUOTES)
    assert [(gap.reason, gap.ends_at - gap.starts_at) for gap in recording.gaps] == [(failed.reason, 7 * MINUTE)]
    assert len(folder.read_gaps("SPX", SESSION)) == 1
    for chain in (first, later):
        assert chain is not None
        assert same(played(tmp_path, chain.as_of), chain)
    assert not list(tmp_path.rglob("*.unfinished"))


def test_what_cannot_be_put_together_at_the_end_stands_for_the_next_recording(
    tmp_path: Path, market: FixedMarket, clock: FakeClock
) -> None:
    folder = ChainFolder(tmp_path)
    recording = recorder(market, clock, folder)
    recording.sample()
    folder.close()
    folder = ChainFolder(tmp_path)
    chain = renew(market, clock)
    part = folder.folder / ".parts" / "SPX_2026-01-05_1.parquet"
    frame_of(chain, SESSION).write_parquet(part)

    with files_of_at_most(1000), pytest.raises(Unavailable, match="cannot be written to: File too large"):
        folder.close()
    assert part.is_file()
    ChainFolder(tmp_path).close()

    assert same(played(tmp_path, chain.as_of), chain)
    assert not part.exists()


def test_a_chain_from_the_future_does_not_hide_what_comes_before_it(
    tmp_path: Path, market: FixedMarket, clock: FakeClock
) -> None:
    folder = ChainFolder(tmp_path)
    recording = recorder(market, clock, folder)
    market.chains["SPX"] = builders.chain(QUOTES, at=clock.now() + timedelta(hours=3), synthetic=False)
    (ahead,) = recording.sample()
    renew(market, clock)
    (sampled,) = recording.sample()
    folder.close()

    assert (ahead.failed, ahead.reason) == (True, "fixed tells of 17:30:00, and our clock is behind")
    assert sampled.rows == len(QUOTES)


def test_a_clock_that_was_set_back_is_waited_for(tmp_path: Path, market: FixedMarket, clock: FakeClock) -> None:
    folder = ChainFolder(tmp_path)
    recording = recorder(market, clock, folder)
    recording.sample()
    before = clock.now()
    market.chains["SPX"] = builders.chain(QUOTES, at=before - 10 * MINUTE, synthetic=False)
    (older,) = recording.sample()
    renew(market, clock)
    (newer,) = recording.sample()
    folder.close()

    assert (older.rows, newer.rows) == (0, len(QUOTES))
    frame = pl.read_parquet(tmp_path / "SPX_2026-01-05.parquet")
    assert frame["quote_time"].unique(maintain_order=True).to_list() == [before, before + MINUTE]


RECORD = """
from datetime import timedelta
from thetaloom.marketdata import recording_files
from thetaloom.marketdata.recording import Recorder
from thetaloom.testing import builders
from thetaloom.testing.clock import FakeClock
from thetaloom.testing.market import FixedMarket

clock = FakeClock(builders.new_york("2026-01-05 09:30"))
market = FixedMarket(clock, synthetic=False)
folder = recording_files.ChainFolder(Path(sys.argv[1]))
calendar, every = builders.trading_calendar(), timedelta(minutes=1)
recorder = Recorder(market, ["SPX"], folder, clock=clock, calendar=calendar, every=every)
for number in range(8):
    quotes = {"SPX 2026-01-16 P 5600": (1.0 + number, 20.0)}
    market.chains["SPX"] = builders.chain(quotes, at=clock.now(), synthetic=False)
    recorder.sample()
    print(number, flush=True)
    clock.advance(minutes=1)
"""


@pytest.mark.parametrize(("steps", "moment"), [(2, "before"), (3, "after")])
def test_a_kill_leaves_whole_files_and_loses_no_snapshot_that_stood(tmp_path: Path, steps: int, moment: str) -> None:
    printed = killed_at(steps, RECORD, tmp_path, moment=moment)
    stood = [int(line) for line in printed.split()]
    for path in tmp_path.rglob("*.parquet"):
        assert len(pl.read_parquet(path)) > 0

    ChainFolder(tmp_path).close()

    files = list(tmp_path.rglob("*.parquet"))
    bids = [bid for path in files for bid in pl.read_parquet(path)["bid"].to_list()]
    assert bids[: len(stood)] == [1.0 + number for number in stood]
    assert len(bids) == len(set(bids)) <= len(stood) + 1
    assert list(tmp_path.rglob("*.unfinished")) == []
