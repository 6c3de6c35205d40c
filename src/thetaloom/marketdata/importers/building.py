"""Typed rows from a batch of text, by a layout; and for each row that cannot be right the reason.

Nothing is guessed and nothing is mended: what is missing is null, what is impossible goes aside with its reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thetaloom.domain.values.instruments import INDEX_ROOTS, ROOT_PATTERN
from thetaloom.marketdata.importers import cells
from thetaloom.marketdata.importers.instants import add_instants
from thetaloom.marketdata.importers.layouts import (
    COUNTS,
    GREEKS,
    NUMBERS,
    OUTPUT,
    PRICES,
    Facts,
    Layout,
)
from thetaloom.marketdata.importers.tables import LINE

if TYPE_CHECKING:
    import polars as pl

REASON, SIDE = "#reason", "#side"
PRICE_MAX = 200_000  # what a recording can hold, and more than any listed option ever cost
STRIKE_LIMIT = 100_000  # an OCC symbol has five digits before the point, and a recording no room for more
COUNT_MAX = 2**31 - 1
SENTINEL = 900.0  # greeks of -999, 999 or 9.99e37 say that there is none
IV_MIN = 1.1e-5  # Yahoo writes 1e-5 where it knows none
DELTA_MAX = 1.01  # some models overstep 1 a little
DAYS_NEAR, FRACTION_MOST, PERCENT_LEAST, PERCENT_MAX = 7, 3.0, 1.5, 10_000.0
IV_MAX = 100.0  # 10,000 %: expiring options do show thousands

REASONS = {
    "too_few_fields": "The line has fewer fields than the header: its cells may stand under wrong headers.",
    "too_many_fields": "The line has more fields than the header: its cells may stand under wrong headers.",
    "repeated_header": "The line is a header again, as where files were put one behind the other.",
    "other_header": "The line stands below a second header: of other columns, or of another page with its own moment.",
    "no_symbol": "No underlying is told, neither by the row nor by the file.",
    "bad_symbol": "The underlying or the root is no symbol of at most six letters and digits.",
    "no_time": "No date and no time of the quote is told.",
    "bad_time": "The date or time of the quote cannot be read.",
    "not_a_session": "The quote is dated on a day on which the exchange was closed.",
    "outside_calendar": "The quote is dated before the first or after the last session that the calendar knows.",
    "no_expiration": "The expiration is missing.",
    "bad_expiration": "The expiration cannot be read.",
    "expired": "The contract had expired before the session of the quote.",
    "no_strike": "The strike is missing.",
    "bad_strike": "The strike is not above zero, or not of whole thousandths.",
    "strike_too_large": "The strike is 100,000 or more: no contract's symbol and no recording can hold it.",
    "no_right": "Neither call nor put is told.",
    "bad_right": "What stands for call or put is neither.",
    "symbol_mismatch": "The contract's symbol names another strike, expiration or right than the row.",
    "bad_price": "The bid or the ask is text, infinite, or otherwise no number.",
    "negative_price": "The bid or the ask is below zero, -1 and -999 among them.",
    "price_too_large": "The bid or the ask is beyond any option's price, 9.99e+37 among them.",
    "bad_member": "The archive's member is not named as a contract of the format.",
    "bad_bar": "A price is missing or not above zero, or the high and the low do not hold the others.",
    "duplicate": "The contract stood at that instant before, in the file or in another recording of the folder.",
    "no_quote": "Open interest of a contract that was neither quoted nor traded in that session.",
    "bad_entry": "The entry is not what the format puts there.",
}
ROOT, UNDERLYING, OTHER_ROOT = range(3)
ADJUSTED = re.compile(r"[A-Z]+[1-9]")
STRIKE_STEP = 0.001
DOUBTS = ("unreadable_cells", "missing_markers", "vols_of_other_unit")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """The rows of one batch, good ones and others by ``REASON``; ``doubts`` counts cells that were let go."""

    frame: pl.DataFrame
    doubts: Mapping[str, int]


def build(batch: pl.DataFrame, layout: Layout, facts: Facts, torn: Mapping[int, str]) -> Built:
    """Type the rows of ``batch``; a row with a call and a put gives two."""
    import polars as pl

    sides = layout.sides or {"": {}}
    doubts = dict.fromkeys(DOUBTS, 0)
    frames = [_side(batch, layout, facts, side, own, doubts) for side, own in sides.items()]
    frame = pl.concat(frames, how="diagonal")
    if torn:
        marks = pl.DataFrame(
            {LINE: list(torn), "#torn": list(torn.values())}, schema={LINE: pl.Int64, "#torn": pl.String}
        )
        frame = frame.join(marks, on=LINE, how="left", maintain_order="left")
        frame = frame.with_columns(pl.coalesce("#torn", REASON).alias(REASON)).drop("#torn")
    return Built(frame=frame, doubts=doubts)


def has_vols_of_other_unit(frame: pl.DataFrame, *, in_percent: bool) -> bool:
    """Say whether the volatilities are percent where fractions were expected, or fractions where percent were.

    No market expects 300 % of the contracts that live for more than a week, and none 1.5 %.
    """
    import polars as pl

    if not {"implied_vol", "expiration", "session_date"} <= set(frame.columns):
        return False
    lives = (pl.col("expiration") - pl.col("session_date")).dt.total_days() > DAYS_NEAR
    told = pl.col("implied_vol").is_between(IV_MIN, PERCENT_MAX)
    middle = frame.select(pl.col("implied_vol").filter(lives & told).median()).item()
    return middle is not None and (middle < PERCENT_LEAST if in_percent else middle > FRACTION_MOST)


def _side(
    batch: pl.DataFrame,
    layout: Layout,
    facts: Facts,
    side: str,
    own: Mapping[str, Sequence[str]],
    doubts: dict[str, int],
) -> pl.DataFrame:
    import polars as pl

    text = _choose(batch, {**layout.columns, **own})
    faults: dict[str, pl.Series] = {}
    typed = {LINE: batch[LINE], SIDE: pl.Series([side] * batch.height, dtype=pl.String)}
    for name in NUMBERS:
        if name in text:
            typed[name], faults[name] = cells.numbers(
                _size_text(name, text[name]), comma_decimal=facts.is_comma_decimal
            )
    frame = pl.DataFrame(typed)
    frame = _add_contract(frame, text, layout, side)
    frame = _add_symbols(frame, text, facts)
    frame = add_instants(frame, text, layout, facts)
    frame = frame.with_columns(
        **{f"#{name}": faults.get(name, pl.Series([False] * frame.height)) for name in ("strike", *PRICES)}
    )
    for name, faulty in faults.items():
        if name not in ("strike", *PRICES):
            doubts["unreadable_cells"] += int(faulty.sum())
    frame = settle_numbers(_add_spot(frame, text, facts), layout, doubts)
    return with_reasons(frame)


def with_reasons(frame: pl.DataFrame) -> pl.DataFrame:
    """Add what is wrong with each row, and keep our columns alone."""
    import polars as pl

    flags = [f"#{name}" for name in ("strike", *PRICES, "bad_time", "mismatch")]
    frame = frame.with_columns(pl.lit(False).alias(name) for name in flags if name not in frame.columns)
    texts = [name for name in ("#expiration_text", "#right_text") if name not in frame.columns]
    frame = frame.with_columns(pl.lit(None, pl.String).alias(name) for name in texts)
    frame = frame.with_columns(_reasons(frame))
    kept = [name for name in OUTPUT if name in frame.columns]
    return frame.select(LINE, SIDE, REASON, *kept)


def _choose(batch: pl.DataFrame, wanted: Mapping[str, Sequence[str]]) -> dict[str, pl.Series]:
    chosen = {}
    for ours, names in wanted.items():
        found = next((name for name in names if name in batch.columns), None)
        if found is not None:
            chosen[ours] = batch[found].alias(ours)
    return chosen


def _size_text(name: str, column: pl.Series) -> pl.Series:
    return cells.size_part(column, name == "bid_size") if name in ("bid_size", "ask_size") else column


def _add_contract(frame: pl.DataFrame, text: Mapping[str, pl.Series], layout: Layout, side: str) -> pl.DataFrame:
    import polars as pl

    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
    given, right_text = text.get("expiration", nothing), text.get("right", nothing)
    right = cells.rights(right_text) if "right" in text else pl.lit(side or None, pl.String)
    expiration = cells.days(given)
    told = {"expiration": expiration, "right": right}
    if "strike" not in frame.columns:
        told["strike"] = pl.lit(None, pl.Float64)
    frame = frame.with_columns(**told)
    frame = frame.with_columns(
        pl.Series("#expiration_text", cells.stripped(given) if expiration.null_count() else nothing),
        pl.Series("#right_text", cells.stripped(right_text) if frame["right"].null_count() else nothing),
        pl.lit(False).alias("#mismatch"),
        pl.lit(None, pl.String).alias("#root"),
    )
    if "contract_symbol" not in text:
        return frame
    frame = frame.with_columns(cells.stripped(text["contract_symbol"]).alias("contract_symbol"))
    return _compare_symbol(frame) if layout.is_option_symbol else frame


def _compare_symbol(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    named = cells.contracts(frame["contract_symbol"])
    frame = frame.with_columns(named.rename(lambda name: f"{name}_named"))
    differs = (
        (pl.col("expiration_named") != pl.col("expiration")).fill_null(False)
        | (pl.col("right_named") != pl.col("right")).fill_null(False)
        | ((pl.col("strike_named") - pl.col("strike")).abs() > STRIKE_STEP / 2).fill_null(False)
    )
    # What was told and cannot be read is not mended by the symbol.
    expiration = pl.when(pl.col("#expiration_text").is_null()).then(pl.coalesce("expiration", "expiration_named"))
    right = pl.when(pl.col("#right_text").is_null()).then(pl.coalesce("right", "right_named"))
    return frame.with_columns(
        differs.alias("#mismatch"),
        pl.col("root_named").alias("#root"),
        expiration.otherwise("expiration").alias("expiration"),
        right.otherwise("right").alias("right"),
        pl.coalesce("strike", "strike_named").alias("strike"),
    )


def _add_symbols(frame: pl.DataFrame, text: Mapping[str, pl.Series], facts: Facts) -> pl.DataFrame:
    import polars as pl

    def read(column: pl.Series, part: int) -> pl.Series:
        return cells.each_once(column, lambda spelled: _symbol_parts(spelled)[part], pl.String)

    # A root that stands for the underlying: SPXW is SPX, AAPL1 is AAPL.
    told = frame["#root"]
    if told.null_count() and "root" in text:
        told = told.zip_with(told.is_not_null(), read(text["root"], ROOT))
    if "underlying" in text:
        underlying = read(text["underlying"], UNDERLYING)
        if told.null_count():
            told = told.zip_with(told.is_not_null(), read(text["underlying"], OTHER_ROOT))
    else:
        underlying = pl.Series([_symbol_parts(facts.symbol or "")[UNDERLYING]], dtype=pl.String)
        underlying = underlying.new_from_index(0, frame.height)
        if facts.symbol and told.null_count() == frame.height:
            told = pl.Series([_symbol_parts(facts.symbol)[OTHER_ROOT]], dtype=pl.String).new_from_index(0, frame.height)
    if underlying.null_count():
        underlying = underlying.zip_with(underlying.is_not_null(), read(told, UNDERLYING))
    frame = frame.with_columns(underlying.alias("underlying"), told.alias("root"))
    return frame.drop("root") if told.null_count() == frame.height else frame


def _symbol_parts(spelled: str) -> tuple[str | None, str | None, str | None]:
    plain = cells.plain_symbol(spelled)
    if plain is None:
        return None, None, None
    underlying = INDEX_ROOTS[plain].underlying if plain in INDEX_ROOTS else plain
    if ADJUSTED.fullmatch(plain):
        underlying = plain[:-1]
    return plain, underlying, plain if plain != underlying else None


def _add_spot(frame: pl.DataFrame, text: Mapping[str, pl.Series], facts: Facts) -> pl.DataFrame:
    import polars as pl

    if "spot_bid" in text and "spot_ask" in text:
        bid, ask = (
            cells.numbers(text[name], comma_decimal=facts.is_comma_decimal)[0] for name in ("spot_bid", "spot_ask")
        )
        frame = frame.with_columns(bid.alias("#spot_bid"), ask.alias("#spot_ask"))
        quoted = (pl.col("#spot_bid") > 0) & (pl.col("#spot_ask") >= pl.col("#spot_bid"))
        middle = pl.when(quoted).then((pl.col("#spot_bid") + pl.col("#spot_ask")) / 2)
        told = pl.col("underlying_price") if "underlying_price" in frame.columns else pl.lit(None, pl.Float64)
        frame = frame.with_columns(pl.coalesce(middle, told).alias("underlying_price"))
    if "underlying_price" not in frame.columns and facts.spot is not None:
        frame = frame.with_columns(pl.lit(facts.spot, pl.Float64).alias("underlying_price"))
    return frame


def settle_numbers(frame: pl.DataFrame, layout: Layout, doubts: dict[str, int]) -> pl.DataFrame:
    """Bring units to ours, and take what says that there is no number, or is impossible, as unknown."""
    import polars as pl

    columns = frame.columns
    is_other = has_vols_of_other_unit(frame, in_percent=layout.iv_in_percent)
    if is_other:
        doubts["vols_of_other_unit"] += frame["implied_vol"].count()
    if layout.iv_in_percent != is_other and "implied_vol" in columns:
        is_marker = pl.col("implied_vol") <= -SENTINEL
        frame = frame.with_columns(pl.when(~is_marker).then((pl.col("implied_vol") / 100).round(10)))
    limits = {
        "implied_vol": pl.col("implied_vol").is_between(IV_MIN, IV_MAX),
        "delta": pl.col("delta").is_between(-DELTA_MAX, DELTA_MAX),
        **{
            name: pl.col(name).abs() < SENTINEL if name in ("gamma",) else pl.col(name).abs() < 1e6
            for name in GREEKS[2:]
        },
        "last": pl.col("last").is_between(0, PRICE_MAX),
        "underlying_price": pl.col("underlying_price").is_between(0, 1e9, closed="none"),
        **{name: pl.col(name).is_between(0, COUNT_MAX) for name in COUNTS},
    }
    before = {name: frame[name].null_count() for name in limits if name in columns}
    zeros = int((frame["implied_vol"] == 0).sum()) if "implied_vol" in columns else 0
    greeks = [name for name in GREEKS[1:] if name in columns]
    no_greek = [pl.when(~pl.col(name).is_in([-999.0, 999.0, -99.99, -1e37])).then(pl.col(name)) for name in greeks]
    frame = frame.with_columns(no_greek)
    frame = frame.with_columns(pl.when(limits[name]).then(pl.col(name)).alias(name) for name in before)
    doubts["missing_markers"] += sum(frame[name].null_count() - count for name, count in before.items()) - zeros
    whole = [pl.col(name).round().cast(pl.Int64) for name in COUNTS if name in columns and layout.is_listed]
    return frame.with_columns(whole)


def _reasons(frame: pl.DataFrame) -> pl.Series:
    import polars as pl

    names = [name for name in ("underlying", "root") if name in frame.columns]
    frame = frame.with_columns(_no_symbols(frame[name]).alias(f"#no_{name}") for name in names)
    tests = _tests(frame)
    wrong = frame.select(pl.any_horizontal(test.fill_null(False) for _, test in tests)).to_series()
    none = pl.Series(REASON, [None], dtype=pl.String).new_from_index(0, frame.height)
    if not wrong.any():
        return none
    # The first reason counts; few rows have one.
    first = pl.coalesce(pl.when(test.fill_null(False)).then(pl.lit(reason)) for reason, test in tests)
    return none.scatter(wrong.arg_true(), frame.filter(wrong).select(first).to_series())


def _tests(frame: pl.DataFrame) -> list[tuple[str, pl.Expr]]:
    import polars as pl

    thousandths = pl.col("strike") * 1000
    prices = [pl.col(name) for name in PRICES if name in frame.columns]
    names = [name for name in ("underlying", "root") if name in frame.columns]
    return [
        ("no_symbol", pl.col("underlying").is_null()),
        *(("bad_symbol", pl.col(f"#no_{name}")) for name in names),
        ("bad_time", pl.col("#bad_time")),
        ("outside_calendar", pl.col("#outside")),
        ("not_a_session", pl.col("#closed")),
        ("no_time", pl.col("quote_time").is_null()),
        ("bad_expiration", pl.col("expiration").is_null() & pl.col("#expiration_text").is_not_null()),
        ("no_expiration", pl.col("expiration").is_null()),
        ("expired", pl.col("expiration") < pl.col("session_date")),
        ("bad_strike", pl.col("#strike")),
        ("no_strike", pl.col("strike").is_null()),
        ("strike_too_large", pl.col("strike") >= STRIKE_LIMIT),
        ("bad_strike", (pl.col("strike") <= 0) | ((thousandths - thousandths.round()).abs() > 1e-6)),
        ("bad_right", pl.col("right").is_null() & pl.col("#right_text").is_not_null()),
        ("no_right", pl.col("right").is_null()),
        ("symbol_mismatch", pl.col("#mismatch")),
        *(("bad_price", pl.col(f"#{name}")) for name in PRICES),
        *(("negative_price", price < 0) for price in prices),
        *(("price_too_large", price > PRICE_MAX) for price in prices),
    ]


def _no_symbols(column: pl.Series) -> pl.Series:
    import polars as pl

    return cells.each_once(column, lambda text: ROOT_PATTERN.fullmatch(text) is None, pl.Boolean)
