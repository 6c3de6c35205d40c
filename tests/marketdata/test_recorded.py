"""Recorded data: carried forward, never looked ahead into, and refused by file and column when impossible."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thetaloom.domain.market.chain import ARRAY_TYPES, OptionChain
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.recorded import RecordedMarket, packaged_day
from thetaloom.ports.market_data import Bar

SHARED = Path(__file__).parents[2] / ".." / "shared" / "data"
MINUTE = timedelta(minutes=1)
START = datetime(2026, 1, 5, 14, 31, tzinfo=UTC)
END = START + timedelta(days=30)
EXPIRATION = date(2026, 1, 16)
PUT_95 = OptionContract(root="XYZ", expires_on=EXPIRATION, right=Right.PUT, strike=Decimal(95))
CALL_105 = OptionContract(root="XYZ", expires_on=EXPIRATION, right=Right.CALL, strike=Decimal(105))


def row(minute: float, bid: float | None, ask: float | None, **others: Any) -> dict[str, Any]:
    return {
        "quote_time": START + minute * MINUTE,
        "underlying": "XYZ",
        "expiration": EXPIRATION,
        "strike": 95.0,
        "right": "P",
        "bid": bid,
        "ask": ask,
        **others,
    }


def frame_of(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema_overrides={"bid": pl.Float64, "ask": pl.Float64}, infer_schema_length=None)


def market_of(*rows: dict[str, Any], now: datetime = END, **options: Any) -> RecordedMarket:
    return RecordedMarket(frame_of(*rows), VirtualClock(now), **options)


def chain_of(market: RecordedMarket, minute: float) -> OptionChain:
    chain = market.chain("XYZ", START + minute * MINUTE)
    assert chain is not None
    return chain


def test_a_quote_stands_until_the_next_row() -> None:
    market = market_of(row(0, 1.0, 1.2), row(5, 1.1, 1.3))

    assert chain_of(market, 4.99).bid.tolist() == [1.0]
    assert chain_of(market, 5).bid.tolist() == [1.1]
    assert chain_of(market, 900).bid.tolist() == [1.1]


def test_a_contract_exists_once_a_row_of_it_has_come() -> None:
    market = market_of(row(0, 1.0, 1.2), row(5, 0.5, 0.6, right="C", strike=105.0))

    assert market.chain("XYZ", START - MINUTE) is None
    assert [chain_of(market, 4).contract(index) for index in range(len(chain_of(market, 4)))] == [PUT_95]
    assert market.quotes([CALL_105], START + 4 * MINUTE) == {}
    assert set(market.quotes([CALL_105, PUT_95], START + 5 * MINUTE)) == {CALL_105, PUT_95}


def test_silence_confirms_a_quote_while_the_feed_speaks() -> None:
    market = market_of(row(0, 1.0, 1.2), row(5, 0.5, 0.6, strike=90.0))

    quote = market.quotes([PUT_95], START + 7 * MINUTE)[PUT_95]

    assert quote.quoted_at == START + 5 * MINUTE


def test_silence_confirms_nothing_on_the_next_day() -> None:
    next_day = 24 * 60
    market = market_of(row(0, 1.0, 1.2), row(5, 0.5, 0.6, strike=90.0), row(next_day, 0.4, 0.5, strike=90.0))

    quote = market.quotes([PUT_95], START + (next_day + 3) * MINUTE)[PUT_95]

    assert quote.quoted_at == START + 5 * MINUTE


def test_in_snapshots_a_contract_left_out_is_gone() -> None:
    rows = [row(0, 1.0, 1.2), row(0, 0.5, 0.6, strike=90.0), row(5, 0.4, 0.5, strike=90.0)]

    assert len(chain_of(market_of(*rows, snapshots=False), 5)) == 2
    assert len(chain_of(market_of(*rows, snapshots=True), 5)) == 1
    assert market_of(*rows, snapshots=True).quotes([PUT_95], START + 5 * MINUTE) == {}


def test_a_column_named_snapshot_makes_a_file_one_of_snapshots() -> None:
    market = market_of(
        row(0, 1.0, 1.2, snapshot="morning"),
        row(0, 0.5, 0.6, strike=90.0, snapshot="morning"),
        row(5, 0.4, 0.5, strike=90.0, snapshot="close"),
    )

    assert len(chain_of(market, 5)) == 1


@pytest.mark.parametrize(
    ("bid", "ask", "bid_known", "ask_known"),
    [
        (None, None, None, None),
        (0.0, 0.0, None, None),
        (0.0, None, None, None),
        (0.0, 0.05, Decimal(0), Decimal("0.05")),
        (None, 0.05, None, Decimal("0.05")),
        (1.0, None, Decimal(1), None),
        (float("nan"), 0.05, None, Decimal("0.05")),
        (1.3, 1.2, Decimal("1.3"), Decimal("1.2")),
        (5000.0525, 150000.15, Decimal("5000.0525"), Decimal("150000.15")),
    ],
)
def test_sides_are_kept_as_they_were(
    bid: float | None, ask: float | None, bid_known: Decimal | None, ask_known: Decimal | None
) -> None:
    quote = chain_of(market_of(row(0, bid, ask)), 0).quote_of(PUT_95)

    assert quote is not None
    assert (quote.bid, quote.ask) == (bid_known, ask_known)


def test_a_contract_without_a_quote_is_listed_and_not_quoted() -> None:
    market = market_of(row(0, 0.0, 0.0))

    assert len(chain_of(market, 0)) == 1
    assert market.quotes([PUT_95], START) == {}


def test_a_poll_tells_that_a_quote_went_away() -> None:
    clock = VirtualClock(START)
    market = RecordedMarket(frame_of(row(0, 1.0, 1.2), row(1, None, None)), clock)
    market.watch([PUT_95])
    market.poll()
    clock.move_to(START + MINUTE)

    batch = market.poll()

    assert batch is not None
    assert (batch.quotes[PUT_95].bid, batch.quotes[PUT_95].ask) == (None, None)


def test_volume_adds_up_within_a_session() -> None:
    next_day = 24 * 60
    market = market_of(
        row(0, 1.0, 1.2, volume=None),
        row(1, 1.0, 1.2, volume=3),
        row(2, 1.0, 1.3, volume=None),
        row(3, 1.0, 1.2, volume=4),
        row(next_day, 0.5, 0.6, strike=90.0, volume=1),
        row(next_day + 1, 1.0, 1.2, volume=2),
    )

    volumes = [chain_of(market, minute).volume[-1] for minute in (0, 1, 2, 3, next_day, next_day + 1)]

    assert volumes == [0, 3, 3, 7, 0, 2]


def test_volume_of_snapshots_is_taken_as_given() -> None:
    market = market_of(row(0, 1.0, 1.2, volume=3), row(1, 1.0, 1.2, volume=5), snapshots=True)

    assert chain_of(market, 1).volume.tolist() == [5]


def test_open_interest_is_carried_on_and_unknown_until_told() -> None:
    market = market_of(
        row(0, 1.0, 1.2, open_interest=None),
        row(1, 1.0, 1.2, open_interest=70),
        row(2, 1.0, 1.3, open_interest=None),
    )

    assert np.isnan(chain_of(market, 0).open_interest[0])
    assert [chain_of(market, minute).open_interest[0] for minute in (1, 2)] == [70, 70]


def test_columns_that_are_absent_are_unknown_not_zero() -> None:
    chain = chain_of(market_of(row(0, 1.0, 1.2)), 0)

    for name in ("bid_size", "ask_size", "volume", "open_interest", "iv", "delta"):
        assert np.isnan(getattr(chain, name)).all()
    assert chain.spot is None


def test_the_feeds_own_iv_and_delta_are_read_as_they_stand() -> None:
    chain = chain_of(market_of(row(0, 1.0, 1.2, implied_vol=0.2, delta=-0.3)), 0)

    assert (chain.iv[0], chain.delta[0]) == (0.2, -0.3)


def test_an_expired_contract_is_no_longer_listed() -> None:
    days = 15 * 24 * 60
    later = date(2026, 2, 20)
    market = market_of(row(0, 1.0, 1.2), row(0, 2.0, 2.2, expiration=later), row(days, 1.5, 1.6, expiration=later))

    assert chain_of(market, 0).expirations() == (EXPIRATION, later)
    assert chain_of(market, days).expirations() == (later,)
    assert market.quotes([PUT_95], START + days * MINUTE) == {}


def test_the_root_is_the_underlying_unless_the_file_or_the_caller_names_another() -> None:
    named = market_of(row(0, 1.0, 1.2, root="XYZW"), row(0, 1.0, 1.2, root=None))
    told = market_of(row(0, 1.0, 1.2), roots={"XYZ": "XYZW"})

    assert chain_of(named, 0).root.tolist() == ["XYZ", "XYZW"]
    assert chain_of(told, 0).root.tolist() == ["XYZW"]


def test_several_files_and_folders_are_one_market(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    frame_of(row(0, 1.0, 1.2)).write_parquet(tmp_path / "first.parquet")
    frame_of(row(9, 1.1, 1.2)).write_parquet(tmp_path / "folder" / "second.parquet")
    frame_of(row(4, 2.0, 2.2, underlying="ABC")).write_parquet(tmp_path / "folder" / "third.parquet")

    market = RecordedMarket.from_paths([tmp_path / "folder", str(tmp_path / "first.parquet")], VirtualClock(END))

    assert market.symbols() == ("ABC", "XYZ")
    assert chain_of(market, 8).bid.tolist() == [1.0]
    assert chain_of(market, 9).bid.tolist() == [1.1]
    assert market.starts_at() == START
    assert market.next_change(START) == START + 4 * MINUTE
    assert market.next_change(START + 9 * MINUTE) is None


def test_one_contract_twice_at_one_instant_in_two_files_is_refused() -> None:
    frames: list[Path | str | pl.DataFrame] = [frame_of(row(0, 1.0, 1.2)), frame_of(row(0, 1.1, 1.2))]

    with pytest.raises(InvalidInput, match="duplicates"):
        RecordedMarket(frames, VirtualClock(END)).chain("XYZ", START)


def test_history_gives_the_bars_it_was_handed() -> None:
    bars = [Bar(session_on=date(2026, 1, day), open=1, high=2, low=1, close=2, volume=9) for day in (2, 5, 6)]
    market = market_of(row(0, 1.0, 1.2), now=START, bars={"XYZ": bars})

    assert market.history("XYZ", date(2026, 1, 1), date(2026, 1, 31)) == bars[:1]
    assert market_of(row(0, 1.0, 1.2)).history("XYZ", date(2026, 1, 1), date(2026, 1, 31)) == []


BAD_FRAMES: dict[str, tuple[str, Callable[[pl.DataFrame], pl.DataFrame]]] = {
    "a missing column": ("ask", lambda frame: frame.drop("ask")),
    "text for a number": ("strike", lambda frame: frame.with_columns(strike=pl.lit("95"))),
    "text for a date": ("expiration", lambda frame: frame.with_columns(expiration=pl.lit("2026-01-16"))),
    "an instant without a zone": (
        "quote_time",
        lambda frame: frame.with_columns(pl.col("quote_time").dt.replace_time_zone(None)),
    ),
    "no rows": ("quote_time", lambda frame: frame.clear()),
    "rows out of order": ("quote_time", lambda frame: frame.reverse()),
    "duplicates": ("quote_time", lambda frame: pl.concat([frame, frame]).sort("quote_time")),
    "a negative price": ("bid", lambda frame: frame.with_columns(bid=-pl.col("bid"))),
    "an infinite price": ("ask", lambda frame: frame.with_columns(ask=pl.lit(float("inf")))),
    "a right that is none": ("right", lambda frame: frame.with_columns(right=pl.lit("call"))),
    "a strike of zero": ("strike", lambda frame: frame.with_columns(strike=pl.lit(0.0))),
    "a strike between thousandths": ("strike", lambda frame: frame.with_columns(strike=pl.lit(95.0005))),
    "a negative size": ("bid_size", lambda frame: frame.with_columns(bid_size=pl.lit(-1))),
    "a spot of zero": ("underlying_price", lambda frame: frame.with_columns(underlying_price=pl.lit(0.0))),
    "a missing strike": ("strike", lambda frame: frame.with_columns(strike=pl.lit(None, pl.Float64))),
    "a missing underlying": ("underlying", lambda frame: frame.with_columns(underlying=pl.lit(None, pl.String))),
    "an underlying that is no symbol": ("underlying", lambda frame: frame.with_columns(underlying=pl.lit("x y"))),
    "a root that is none": ("root", lambda frame: frame.with_columns(root=pl.lit("123"))),
}


@pytest.mark.parametrize("fault", BAD_FRAMES)
def test_what_cannot_be_is_refused_by_file_and_column(fault: str, tmp_path: Path) -> None:
    column, spoil = BAD_FRAMES[fault]
    path = tmp_path / "spoiled.parquet"
    spoil(frame_of(row(0, 1.0, 1.2), row(1, 1.1, 1.3))).write_parquet(path)

    with pytest.raises(InvalidInput) as refusal:
        RecordedMarket(path, VirtualClock(END)).chain("XYZ", END)

    assert refusal.value.details["column"] == column
    assert refusal.value.details["file"] == str(path)
    assert str(path) in refusal.value.message


@pytest.mark.parametrize("name", ["absent.parquet", "text.parquet", "empty"])
def test_files_that_are_none_are_refused_by_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("quote_time,bid\n")
    (tmp_path / "empty").mkdir()

    with pytest.raises(InvalidInput, match=name) as refusal:
        RecordedMarket(tmp_path / name, VirtualClock(END))

    assert refusal.value.details["file"] == str(tmp_path / name)


def test_no_file_at_all_is_refused() -> None:
    with pytest.raises(InvalidInput):
        RecordedMarket.from_paths([], VirtualClock(END))


PRICES = st.one_of(st.none(), st.sampled_from([0.0, 0.05, 1.0, 2.5]))
ROWS = st.builds(
    row,
    minute=st.integers(0, 30) | st.integers(1440, 1460),
    bid=PRICES,
    ask=PRICES,
    strike=st.sampled_from([90.0, 95.0, 97.5]),
    right=st.sampled_from(["C", "P"]),
    expiration=st.sampled_from([date(2026, 1, 5), EXPIRATION]),
    volume=st.none() | st.integers(0, 5),
    open_interest=st.none() | st.integers(0, 5),
    underlying_price=st.none() | st.floats(90, 110),
)
KEYS = ("quote_time", "strike", "right", "expiration")
RECORDINGS = st.lists(ROWS, min_size=1, max_size=40, unique_by=lambda each: tuple(each[key] for key in KEYS)).map(
    lambda rows: sorted(rows, key=lambda each: each["quote_time"])
)


@settings(max_examples=60, deadline=None)
@given(
    rows=RECORDINGS,
    minutes=st.lists(st.integers(-1, 31) | st.integers(1439, 1461), min_size=1, max_size=4),
    snapshots=st.booleans(),
)
def test_nothing_looks_ahead(rows: list[dict[str, Any]], minutes: list[int], snapshots: bool) -> None:
    whole = market_of(*rows, snapshots=snapshots)

    for minute in minutes:
        at = START + minute * MINUTE
        past = [each for each in rows if each["quote_time"] <= at]
        chain = whole.chain("XYZ", at)
        if not past:
            assert chain is None
            continue
        cut = market_of(*past, snapshots=snapshots).chain("XYZ", END)
        assert chain is not None
        assert cut is not None
        assert (chain.as_of, chain.spot) == (cut.as_of, cut.spot)
        for name in ARRAY_TYPES:
            np.testing.assert_array_equal(getattr(chain, name), getattr(cut, name))


@settings(max_examples=60, deadline=None)
@given(rows=RECORDINGS, minute=st.integers(0, 31) | st.integers(1439, 1461))
def test_a_chain_holds_the_last_row_of_each_contract(rows: list[dict[str, Any]], minute: int) -> None:
    at = START + minute * MINUTE
    past = [each for each in rows if each["quote_time"] <= at]
    today = max((each["quote_time"].date() for each in past), default=None)
    last = {
        (each["expiration"], each["strike"], each["right"]): each
        for each in past
        if today is not None and each["expiration"] >= today
    }

    chain = market_of(*rows).chain("XYZ", at)

    if chain is None:
        assert not past
        return
    assert len(chain) == len(last)
    for key, each in last.items():
        expires_on, strike, right = key
        quote = chain.quote_of(
            OptionContract(root="XYZ", expires_on=expires_on, right=Right(right), strike=Decimal(str(strike)))
        )
        assert quote is not None
        sides = (each["bid"], each["ask"]) if each["bid"] or each["ask"] else (None, None)
        assert tuple(None if side is None else float(side) for side in (quote.bid, quote.ask)) == sides


def test_the_packaged_day_is_whole() -> None:
    market = RecordedMarket(packaged_day(), VirtualClock(datetime(2015, 12, 24, 18, 1, tzinfo=UTC)))

    chain = market.chain("GOOG", datetime(2015, 12, 24, 18, 1, tzinfo=UTC))

    assert chain is not None
    assert market.starts_at() == datetime(2015, 12, 24, 14, 31, tzinfo=UTC)
    assert len(chain) == 2192
    assert not chain.synthetic
    assert chain.expirations()[0] == date(2015, 12, 24)
    assert np.nansum(chain.volume) == 7240


@pytest.mark.shared_data
def test_recorded_snapshots_replay_each_in_full() -> None:
    path = SHARED / "cboe_snapshots_2026" / "VIX.parquet"
    if not path.exists():
        pytest.skip(f"{path} is absent")
    market = RecordedMarket(path, VirtualClock(datetime(2027, 1, 1, tzinfo=UTC)))
    counts = pl.read_parquet(path).group_by("quote_time").len().sort("quote_time")

    for at, count in counts.iter_rows():
        chain = market.chain("VIX", at)
        assert chain is not None
        assert len(chain) == count
        assert (chain.quoted_at == chain.quoted_at[0]).all()


def test_the_notice_names_what_the_package_ships() -> None:
    notice = Path(__file__).parents[2] / "NOTICE"
    shipped = [path.name for path in packaged_day().parent.glob("*.parquet")]

    assert shipped == [packaged_day().name]
    assert packaged_day().name in notice.read_text()


def test_polls_of_two_underlyings_come_in_one_batch() -> None:
    clock = VirtualClock(START)
    put = OptionContract(root="ABC", expires_on=EXPIRATION, right=Right.PUT, strike=Decimal(95))
    frame = frame_of(
        row(0, 1.0, 1.2, underlying_price=100.0), row(1, 2.0, 2.2, underlying="ABC", underlying_price=50.0)
    )
    market = RecordedMarket(frame, clock)
    market.watch([PUT_95, put])

    first = market.poll()
    clock.move_to(START + MINUTE)
    second = market.poll()

    assert first is not None
    assert second is not None
    assert (set(first.quotes), dict(first.spots)) == ({PUT_95}, {"XYZ": Decimal(100)})
    assert (set(second.quotes), dict(second.spots)) == ({put}, {"ABC": Decimal(50)})


def test_a_clock_that_cannot_call_back_leaves_the_waking_to_its_driver() -> None:
    class PlainClock:
        def now(self) -> datetime:
            return START

    woken: list[None] = []
    market = RecordedMarket(frame_of(row(0, 1.0, 1.2), row(1, 1.1, 1.2)), PlainClock())

    market.on_change(lambda: woken.append(None))

    assert woken == []
