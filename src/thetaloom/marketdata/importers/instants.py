"""When a row was quoted, in UTC, and the session it belongs to.

A mere date, or its midnight, is the close of that session, an early close too. A time without a zone is of the
clock its format keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.marketdata.importers import cells
from thetaloom.marketdata.importers.cells import RUN_ROWS, RUNS_FROM
from thetaloom.marketdata.importers.layouts import Facts, Layout, Told

if TYPE_CHECKING:
    import polars as pl

NEW_YORK = "America/New_York"


def add_instants(
    frame: pl.DataFrame, text: Mapping[str, pl.Series], layout: Layout, facts: Facts, *, day_first: bool = False
) -> pl.DataFrame:
    """Add ``quote_time``, ``session_date`` and what is wrong with them: ``#bad_time``, ``#outside``, ``#closed``."""
    import polars as pl

    if layout.told is Told.BY_FILE:
        at, on, bad = pl.lit(facts.at, _instant()), pl.lit(None, pl.Date), pl.lit(False)
        frame = frame.with_columns(at.alias("quote_time"), on.alias("#on"), bad.alias("#bad_time"))
    elif layout.told is Told.BY_NEWEST_TRADE:
        frame = _newest_trades(frame, text, layout, facts)
    else:
        frame = _told_by_column(frame, text, layout, day_first)
        if layout.is_told_later:
            frame = frame.with_columns(_sessions_told(frame["#on"], facts.calendar))
    return add_session(frame, facts.calendar, is_listed=layout.is_listed)


def _instant() -> pl.Datetime:
    import polars as pl

    return pl.Datetime("us", "UTC")


def _told_by_column(
    frame: pl.DataFrame, text: Mapping[str, pl.Series], layout: Layout, day_first: bool
) -> pl.DataFrame:
    import polars as pl

    at = pl.Series([None], dtype=_instant()).new_from_index(0, frame.height)
    on = pl.Series([None], dtype=pl.Date).new_from_index(0, frame.height)
    told = pl.Series([False]).new_from_index(0, frame.height)
    # Seconds since 1970 lose their last digits in programs that round; what people can read does not.
    for name in ("quote_time", "quote_unix", "quote_date"):
        if name not in text or not at.null_count():
            continue
        spelled = text[name]
        if name == "quote_unix":
            at = at.zip_with(at.is_not_null(), cells.from_unix(spelled))
        else:
            found_at, found_on = cells.moments(spelled, layout.zone, day_first=day_first)
            at, on = at.zip_with(at.is_not_null(), found_at), on.zip_with(on.is_not_null(), found_on)
        if at.null_count() and on.null_count():
            told = told | cells.stripped(spelled).is_not_null()
    found = at.is_not_null() | on.is_not_null()
    return frame.with_columns(at.alias("quote_time"), on.alias("#on"), (told & ~found).alias("#bad_time"))


def _sessions_told(days: pl.Series, calendar: TradingCalendar) -> pl.Series:
    import polars as pl

    told = days.unique().drop_nulls()
    sessions = [
        calendar.previous_session(on).session_on
        if calendar.first_on < on <= calendar.last_on and calendar.session_on(on) is None
        else on
        for on in told.to_list()
    ]
    return days.replace_strict(told, pl.Series(sessions, dtype=pl.Date), default=None, return_dtype=pl.Date)


def _newest_trades(frame: pl.DataFrame, text: Mapping[str, pl.Series], layout: Layout, facts: Facts) -> pl.DataFrame:
    # Where the moment of the fetch was not recorded, the newest trade of the day is the last moment that is known of.
    import polars as pl

    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
    trades, _ = cells.moments(text.get("last_trade", nothing), "UTC")
    fetched = cells.stripped(text.get("quote_date", nothing))
    at, on = cells.moments(fetched, layout.zone)
    unread = fetched.is_not_null() & at.is_null() & on.is_null()
    told = (at.alias("#at"), trades.alias("#trade"), on.alias("#on"), unread.alias("#bad_time"))
    frame = frame.with_columns(told)
    keys = ["underlying", "#on"] if frame["underlying"].n_unique() > 1 else ["#on"]
    on_wall = pl.col("#trade").dt.convert_time_zone(NEW_YORK).dt.date()
    on_the_day = pl.when(pl.col("#on").is_null() | (on_wall == pl.col("#on"))).then(pl.col("#trade"))
    frame = frame.with_columns(on_the_day.max().over(keys).alias("quote_time"))
    at_last = pl.coalesce("#at", "quote_time", pl.lit(facts.at, _instant()))
    return frame.with_columns(at_last.alias("quote_time")).drop("#at", "#trade")


def add_session(frame: pl.DataFrame, calendar: TradingCalendar, *, is_listed: bool) -> pl.DataFrame:
    """Add the session of ``quote_time`` or, where that is missing, the close of the session in ``#on``."""
    import polars as pl

    moments = frame.select("quote_time", "#on")
    begins = moments.select(pl.any_horizontal(pl.all().ne_missing(pl.all().shift(1)))).to_series()
    if frame.height < RUNS_FROM or begins.sum() > frame.height // RUN_ROWS:
        return _with_session(frame, calendar, is_listed=is_listed)
    # Quotes of one moment stand together: each is looked at once.
    begins = pl.concat([pl.Series(begins.name, [True]), begins.slice(1)])
    told = _with_session(moments.filter(begins), calendar, is_listed=is_listed)
    told = told[begins.cast(pl.UInt32).cum_sum() - 1]
    return frame.drop("quote_time", "#on").hstack(told)


def _with_session(frame: pl.DataFrame, calendar: TradingCalendar, *, is_listed: bool) -> pl.DataFrame:
    import polars as pl

    wall = pl.col("quote_time").dt.convert_time_zone(NEW_YORK if is_listed else "UTC").dt.date()
    frame = frame.with_columns(pl.coalesce(wall, "#on").alias("session_date"))
    if not is_listed:
        midnight = pl.col("#on").cast(_naive()).dt.replace_time_zone("UTC")
        return frame.with_columns(
            pl.coalesce("quote_time", midnight).alias("quote_time"),
            pl.lit(False).alias("#outside"),
            pl.lit(False).alias("#closed"),
        )
    days = frame["session_date"].drop_nulls().unique().to_list()
    closes = pl.DataFrame(
        {"session_date": days, "#close": [_close(calendar, on) for on in days]},
        schema={"session_date": pl.Date, "#close": _instant()},
    )
    frame = frame.join(closes, on="session_date", how="left", maintain_order="left")
    outside = ~pl.col("session_date").is_between(calendar.first_on, calendar.last_on)
    return frame.with_columns(
        pl.coalesce("quote_time", "#close").alias("quote_time"),
        outside.fill_null(False).alias("#outside"),
        (pl.col("session_date").is_not_null() & pl.col("#close").is_null() & ~outside).alias("#closed"),
    )


def _naive() -> pl.Datetime:
    import polars as pl

    return pl.Datetime("us")


def _close(calendar: TradingCalendar, on: date) -> datetime | None:
    if not calendar.first_on <= on <= calendar.last_on:
        return None
    session = calendar.session_on(on)
    return None if session is None else session.close_at.astimezone(UTC)
