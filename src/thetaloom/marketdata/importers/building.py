"""Typed rows from a batch of text, by a layout; and for each row that cannot be right the reason.

Nothing is guessed and nothing is mended: what is missing is null, what is impossible goes aside with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from thetaloom.domain.values.instruments import ROOT_PATTERN
from thetaloom.marketdata.importers import cells
from thetaloom.marketdata.importers.instants import add_instants
from thetaloom.marketdata.importers.layouts import (
    COUNTS,
    GREEKS,
    NUMBERS,
    OUTPUT,
    PRICES,
    REGULAR,
    Facts,
    Layout,
    Told,
)
from thetaloom.marketdata.importers.shared import add_symbols, read_shared
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
GREEK_MAX = 1e6
NO_GREEKS = (-999.0, 999.0, -99.99, -1e37)
DAYS_NEAR, FRACTION_MOST, PERCENT_LEAST, PERCENT_MAX = 7, 3.0, 1.5, 10_000.0
IV_MAX = 100.0  # 10,000 %: expiring options do show thousands

REASONS = {
    "too_few_fields": "The line has fewer fields than the header: its cells may stand under wrong headers.",
    "too_many_fields": "The line has more fields than the header: its cells may stand under wrong headers.",
    "repeated_header": "The line is a header again, as where files were put one behind the other.",
    "other_header": "The line stands below a second header: of other columns, or of another page with its own moment.",
    "no_symbol": "No underlying is told, neither by the row nor by the file: --symbol can tell it.",
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
    "other_underlying": "The contract is of another underlying than the document that lists it.",
    "odd_deliverable": "The contract delivers something else than a hundred shares, and its root does not show it.",
    "bad_price": "The bid or the ask is text, infinite, or otherwise no number.",
    "negative_price": "The bid or the ask is below zero, -1 and -999 among them.",
    "price_too_large": "The bid or the ask is beyond any option's price, 9.99e+37 among them.",
    "bad_member": "The archive's member is not named as a contract of the format.",
    "bad_bar": "A price is missing or not above zero, or the high and the low do not hold the others.",
    "duplicate": "The contract stood at that instant before, in the file or in another recording of the folder.",
    "no_quote": "Open interest of a contract that was neither quoted nor traded in that session.",
    "bad_entry": "The entry is not what the format puts there.",
}
STRIKE_STEP = 0.001
SPOT_PLACES = 6
DECIDING = frozenset(f"#{name}" for name in ("strike", *PRICES))  # without these cells a row is none
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
    shared = read_shared(batch, _choose(batch, layout.columns), layout, facts)
    is_whole = ~batch[LINE].is_in(list(torn)) if torn else None
    frames = [_side(batch, layout, facts, side, shared, doubts, is_whole) for side in sides]
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
    shared: pl.DataFrame,
    doubts: dict[str, int],
    is_whole: pl.Series | None,
) -> pl.DataFrame:
    import polars as pl

    chosen = _choose(batch, {**layout.columns, **layout.sides.get(side, {})})
    text = {ours: batch[theirs] for ours, theirs in chosen.items()}
    typed, faults = _numbers(text, facts)
    frame = pl.DataFrame([batch[LINE], *typed, *faults]).hstack(shared)
    frame = _add_contract(frame.with_columns(pl.lit(side).alias(SIDE)), text, layout, side)
    frame = add_symbols(frame, facts.symbol, is_of_one=facts.is_of_one)
    if layout.told is Told.BY_NEWEST_TRADE:
        frame = add_instants(frame, text, layout, facts)
    doubtful = [one if is_whole is None else one & is_whole for one in faults if one.name not in DECIDING]
    doubts["unreadable_cells"] += sum(int(one.sum()) for one in doubtful)
    return with_reasons(settle_numbers(_add_spot(frame, text, facts), layout, doubts))


def _numbers(text: Mapping[str, pl.Series], facts: Facts) -> tuple[list[pl.Series], list[pl.Series]]:
    columns = {name: _size_text(name, text[name]) for name in NUMBERS if name in text}
    finite = cells.finite_columns(columns)
    typed, faults = [], []
    for name, column in columns.items():
        if name in finite:
            typed.append(column.alias(name))
            continue
        found, faulty = cells.numbers(column, comma_decimal=facts.is_comma_decimal)
        typed.append(found.alias(name))
        faults.append(faulty.alias(f"#{name}"))
    return typed, faults


def with_reasons(frame: pl.DataFrame) -> pl.DataFrame:
    """Add what is wrong with each row, and keep our columns alone."""
    frame = frame.with_columns(_reasons(frame))
    kept = [name for name in OUTPUT if name in frame.columns]
    return frame.select(LINE, SIDE, REASON, *kept)


def _choose(batch: pl.DataFrame, wanted: Mapping[str, Sequence[str]]) -> dict[str, str]:
    columns = frozenset(batch.columns)
    chosen = {ours: next((name for name in names if name in columns), None) for ours, names in wanted.items()}
    return {ours: found for ours, found in chosen.items() if found is not None}


def _size_text(name: str, column: pl.Series) -> pl.Series:
    return cells.size_part(column, name == "bid_size") if name in ("bid_size", "ask_size") else column


def _add_contract(frame: pl.DataFrame, text: Mapping[str, pl.Series], layout: Layout, side: str) -> pl.DataFrame:
    import polars as pl

    right = cells.rights(text["right"]) if "right" in text else pl.lit(side or None, pl.String)
    frame = frame.with_columns(right.alias("right"), pl.lit(None, pl.String).alias("#root"))
    if "right" in text and frame["right"].null_count():
        unread = frame["right"].is_null() & cells.stripped(text["right"]).is_not_null()
        frame = frame.with_columns(unread.alias("#unread_right"))
    if "strike" not in frame.columns:
        frame = frame.with_columns(pl.lit(None, pl.Float64).alias("strike"))
    if "contract_symbol" not in text:
        return frame
    frame = frame.with_columns(cells.stripped(text["contract_symbol"]).alias("contract_symbol"))
    return _compare_symbol(frame, text, layout)


def _compare_symbol(frame: pl.DataFrame, text: Mapping[str, pl.Series], layout: Layout) -> pl.DataFrame:
    import polars as pl

    named = layout.read_contracts(frame["contract_symbol"])
    frame = frame.with_columns(named.rename(lambda name: f"{name}_named"))
    differs = (
        (pl.col("expiration_named") != pl.col("expiration")).fill_null(False)
        | (pl.col("right_named") != pl.col("right")).fill_null(False)
        | ((pl.col("strike_named") - pl.col("strike")).abs() > STRIKE_STEP / 2).fill_null(False)
    )
    mended = [differs.alias("#mismatch"), pl.col("root_named").alias("#root")]
    if "deliverable" in text:
        # A root with a figure at its end shows by itself that the contract was adjusted.
        is_odd = (cells.stripped(text["deliverable"]).str.to_uppercase() != REGULAR).fill_null(False)
        is_hidden = ~pl.col("root_named").str.contains(r"\d$").fill_null(False)
        mended.append((is_odd & is_hidden).alias("#odd_deliverable"))
    for name in (one for one in ("expiration", "right", "strike") if frame[one].null_count()):
        # What was told and cannot be read is not mended by the symbol.
        unread = pl.col(f"#unread_{name}") if f"#unread_{name}" in frame.columns else pl.lit(False)
        mended.append(pl.when(unread).then(name).otherwise(pl.coalesce(name, f"{name}_named")).alias(name))
    return frame.with_columns(mended)


def _add_spot(frame: pl.DataFrame, text: Mapping[str, pl.Series], facts: Facts) -> pl.DataFrame:
    import polars as pl

    if "spot_bid" in text and "spot_ask" in text:
        bid, ask = (
            cells.numbers(text[name], comma_decimal=facts.is_comma_decimal)[0] for name in ("spot_bid", "spot_ask")
        )
        frame = frame.with_columns(bid.alias("#spot_bid"), ask.alias("#spot_ask"))
        quoted = (pl.col("#spot_bid") > 0) & (pl.col("#spot_ask") >= pl.col("#spot_bid"))
        middle = pl.when(quoted).then(((pl.col("#spot_bid") + pl.col("#spot_ask")) / 2).round(SPOT_PLACES))
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
    impossible = _impossible(frame)
    counts = frame.select(
        pl.len().alias("#rows"),
        *(test.sum().alias(name) for name, test in impossible.items()),
        *((pl.col("implied_vol") == 0).sum().alias("#zeros") for _ in range("implied_vol" in columns)),
    ).row(0, named=True)
    doubts["missing_markers"] += sum(counts[name] for name in impossible) - counts.get("#zeros", 0)
    known: dict[str, pl.Expr] = {
        name: pl.when(~test).then(pl.col(name)) for name, test in impossible.items() if counts[name]
    }
    if layout.is_listed:
        known |= {name: known.get(name, pl.col(name)).round().cast(pl.Int64) for name in COUNTS if name in columns}
    return frame.with_columns(expression.alias(name) for name, expression in known.items())


def _impossible(frame: pl.DataFrame) -> dict[str, pl.Expr]:
    import polars as pl

    limits = {
        "implied_vol": pl.col("implied_vol").is_between(IV_MIN, IV_MAX),
        "delta": pl.col("delta").is_between(-DELTA_MAX, DELTA_MAX),
        "gamma": pl.col("gamma").abs() < SENTINEL,
        **{name: pl.col(name).abs() < GREEK_MAX for name in GREEKS[3:]},
        "last": pl.col("last").is_between(0, PRICE_MAX),
        "underlying_price": pl.col("underlying_price").is_between(0, 1e9, closed="none"),
        **{name: pl.col(name).is_between(0, COUNT_MAX) for name in COUNTS},
    }
    markers = {name: pl.col(name).is_in(NO_GREEKS) for name in GREEKS[1:]}
    return {
        name: ~limit | markers[name] if name in markers else ~limit
        for name, limit in limits.items()
        if name in frame.columns
    }


def _reasons(frame: pl.DataFrame) -> pl.Series:
    import polars as pl

    frame = _mark_symbols(frame)
    tests = _tests(frame)
    wrong = frame.select(pl.any_horizontal(test for _, test in tests).fill_null(False)).to_series()
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
    tests: list[tuple[str, pl.Expr | str]] = [
        ("no_symbol", pl.col("underlying").is_null()),
        *(("bad_symbol", f"#no_{name}") for name in ("underlying", "root")),
        ("bad_time", "#bad_time"),
        ("outside_calendar", "#outside"),
        ("not_a_session", "#closed"),
        ("no_time", pl.col("quote_time").is_null()),
        ("bad_expiration", "#unread_expiration"),
        ("no_expiration", pl.col("expiration").is_null()),
        ("expired", pl.col("expiration") < pl.col("session_date")),
        ("bad_strike", "#strike"),
        ("no_strike", pl.col("strike").is_null()),
        ("strike_too_large", pl.col("strike") >= STRIKE_LIMIT),
        ("bad_strike", (pl.col("strike") <= 0) | ((thousandths - thousandths.round()).abs() > 1e-6)),
        ("bad_right", "#unread_right"),
        ("no_right", pl.col("right").is_null()),
        ("symbol_mismatch", "#mismatch"),
        ("other_underlying", "#other_underlying"),
        ("odd_deliverable", "#odd_deliverable"),
        *(("bad_price", f"#{name}") for name in PRICES),
        *(("negative_price", price < 0) for price in prices),
        *(("price_too_large", price > PRICE_MAX) for price in prices),
    ]
    # A flag stands where there was something to tell.
    return [
        (reason, pl.col(test) if isinstance(test, str) else test)
        for reason, test in tests
        if not isinstance(test, str) or test in frame.columns
    ]


def _mark_symbols(frame: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    marks = []
    for name in ("underlying", "root"):
        different = frame[name].unique().drop_nulls().to_list() if name in frame.columns else []
        bad = [text for text in different if ROOT_PATTERN.fullmatch(text) is None]
        if bad:
            marks.append(pl.col(name).is_in(bad).alias(f"#no_{name}"))
    return frame.with_columns(marks)
