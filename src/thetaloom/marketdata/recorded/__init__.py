"""Recorded option data, replayed on any clock; ships one real day."""

from pathlib import Path

from thetaloom.marketdata.recorded.market import RecordedMarket as RecordedMarket


def packaged_day() -> Path:
    """Return the recorded day that the package ships: GOOG, 2015-12-24, every quote change by minute."""
    return Path(__file__).with_name("goog_20151224_minute.parquet")
