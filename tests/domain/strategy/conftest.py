"""Builders for strategies as documents, for small chains written as text, and for chains to evaluate on."""

import re
from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from thetaloom.domain.market.chain import ARRAY_TYPES, OptionChain, from_date, from_strike
from thetaloom.domain.market.expirations import Expiration, list_expirations
from thetaloom.domain.strategy.documents import parse_strategy
from thetaloom.domain.strategy.evaluation import Evaluation, evaluate_structure
from thetaloom.domain.strategy.schema import strategy_schema
from thetaloom.domain.strategy.selection import Selection, select_structure
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.instruments import OptionContract, parse_option_symbol
from thetaloom.domain.values.money import Price
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table
from thetaloom.maths.black_scholes import chain_greeks
from thetaloom.store.catalogue import load_catalogue

SELECTED_AT = datetime(2026, 1, 15, 15, 30, tzinfo=UTC)  # a Thursday; monthlies in 1, 36 and 64 days

NOW = datetime(2025, 12, 17, 15, 0, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
GOOG_DAY = Path(__file__).parents[4] / "shared/data/lean_minute/GOOG_20151224_minute.parquet"

ChainMaker = Callable[..., OptionChain]

PUT_SPREAD: dict[str, Any] = {
    "id": "put-spread",
    "name": "Put spread",
    "expiration": {"dte_min": 25, "dte_max": 45, "dte_target": 36},
    "legs": [
        {
            "name": "short_put",
            "side": "sell",
            "right": "put",
            "select": {"by": "delta", "value": "-0.16", "unit": "delta"},
        },
        {
            "name": "long_put",
            "side": "buy",
            "right": "put",
            "select": {"by": "width", "of": "short_put", "value": 2, "unit": "strikes"},
        },
    ],
    "exits": [{"kind": "profit_target", "threshold": 50, "unit": "percent_of_premium"}],
}


@cache
def _calendar() -> TradingCalendar:
    return read_table(SHIPPED_TABLE)


@pytest.fixture
def calendar() -> TradingCalendar:
    return _calendar()


@pytest.fixture
def changed() -> Callable[..., dict[str, Any]]:
    """Return the put spread's document with some places changed: ``changed({"legs[0].side": "buy"})``."""

    def change(changes: dict[str, Any]) -> dict[str, Any]:
        document = deepcopy(PUT_SPREAD)
        for path, wanted in changes.items():
            *way, last = [int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", path)]
            place: Any = document
            for step in way:
                place = place[step] if isinstance(step, int) else place.setdefault(step, {})
            if wanted is ...:
                del place[last]
            else:
                place[last] = wanted
        return document

    return change


@pytest.fixture
def with_legs() -> Callable[..., Strategy]:
    """Return a strategy of legs in text: ``with_legs("short_put sell put delta -0.16 delta")``; then options."""

    def build(*legs: str, **expiration: Any) -> Strategy:
        document = deepcopy(PUT_SPREAD)
        document["expiration"] |= expiration
        document["legs"] = []
        for text in legs:
            name, side, right, by, value, unit, *options = text.split()
            select = {"by": by, "value": value, "unit": unit, **dict(option.split("=") for option in options)}
            document["legs"].append({"name": name, "side": side, "right": right, "select": select})
        return parse_strategy(document)

    return build


@pytest.fixture
def build_chain() -> Callable[..., OptionChain]:
    """Return a chain of lines like ``2026-02-20 P 95 1.00 1.10 -0.16``; a dash is unknown, delta may be left out."""

    def build(lines: str, *, spot: str | None = "100", root: str = "XYZ") -> OptionChain:
        rows = [line.split() for line in lines.strip().splitlines()]
        rows.sort(key=lambda row: (row[0], float(row[2]), row[1]))
        columns: dict[str, list[Any]] = {name: [np.nan] * len(rows) for name in ARRAY_TYPES}
        columns["root"] = [row[6] if len(row) > 6 else root for row in rows]
        columns["expires_on"] = [from_date(date.fromisoformat(row[0])) for row in rows]
        columns["is_call"] = [row[1] == "C" for row in rows]
        columns["strike"] = [from_strike(Price(row[2])) for row in rows]
        columns["quoted_at"] = [int(SELECTED_AT.timestamp() * 1_000_000)] * len(rows)
        for place, name in ((3, "bid"), (4, "ask"), (5, "delta")):
            columns[name] = [float(row[place]) if len(row) > place and row[place] != "-" else np.nan for row in rows]
        arrays = {name: np.array(column, dtype=ARRAY_TYPES[name]) for name, column in columns.items()}
        return OptionChain(
            underlying="XYZ",
            as_of=SELECTED_AT,
            spot=None if spot is None else Price(spot),
            source="test",
            synthetic=True,
            **arrays,
        )

    return build


@pytest.fixture
def priced_chain(build_chain: Callable[..., OptionChain]) -> Callable[..., OptionChain]:
    """Return a chain of calls and puts at all strikes and days, quoted a cent about what Black–Scholes says."""

    def build(strikes: Sequence[int | str], *days: str, spot: str = "100", iv: float = 0.25) -> OptionChain:
        lines = []
        for day in days or ("2026-02-20",):
            years = (date.fromisoformat(day) - SELECTED_AT.date()).days / 365
            numbers = [float(strike) for strike in strikes]
            for right in "CP":
                prices = chain_greeks(float(spot), numbers, years, right == "C", iv, 0.04, 0.0).price
                mids = [round(max(price, 0.02), 2) for price in prices]
                rows = zip(strikes, mids, strict=True)
                lines += [f"{day} {right} {strike} {mid - 0.01:.2f} {mid + 0.01:.2f}" for strike, mid in rows]
        return build_chain("\n".join(lines), spot=spot)

    return build


@pytest.fixture
def select() -> Callable[..., Selection]:
    """Run the selection with the expirations that the calendar lists."""

    def run(strategy: Strategy, chain: OptionChain, **known: Any) -> Selection:
        expirations = list_expirations(chain, _calendar(), SELECTED_AT) if len(chain) else ()
        market: dict[str, Any] = {"now": SELECTED_AT, "rate": 0.04, "dividend_yield": 0.0}
        return select_structure(strategy, chain, expirations, **market, **known)

    return run


@pytest.fixture
def schema_errors() -> Callable[[object], list[str]]:
    """Check a document against the schema, as far as the schema's own words go."""
    whole = strategy_schema()

    def errors(document: object, schema: dict[str, Any] = whole, path: str = "") -> list[str]:
        if "$ref" in schema:
            return errors(document, whole["$defs"][schema["$ref"].rpartition("/")[2]], path)
        found = []
        if "anyOf" in schema and all(errors(document, option, path) for option in schema["anyOf"]):
            found.append(f"{path}: fits no option")
        if "enum" in schema and document not in schema["enum"]:
            found.append(f"{path}: no word of {schema['enum']}")
        found += _type_errors(document, schema, path)
        if isinstance(document, dict):
            found += _table_errors(document, schema, path, errors)
        if isinstance(document, list) and "items" in schema:
            if not schema["minItems"] <= len(document) <= schema["maxItems"]:
                found.append(f"{path}: {len(document)} entries")
            for at, entry in enumerate(document):
                found += errors(entry, schema["items"], f"{path}[{at}]")
        return found

    return errors


def _table_errors(document: dict[str, Any], schema: dict[str, Any], path: str, errors: Any) -> list[str]:
    if "properties" not in schema:
        return []
    found = [f"{path}.{key} is missing" for key in schema.get("required", ()) if key not in document]
    for key, entry in document.items():
        if key in schema["properties"]:
            found += errors(entry, schema["properties"][key], f"{path}.{key}")
        elif schema.get("additionalProperties") is False:
            found.append(f"{path}.{key} is unknown")
    for rule in schema.get("allOf", ()):
        ((key, wanted),) = rule["if"]["properties"].items()
        if document.get(key) != wanted["const"]:
            continue
        found += [f"{path}.{missing} is missing" for missing in rule["then"]["required"] if missing not in document]
        if "unit" in document and document["unit"] not in rule["then"]["properties"]["unit"]["enum"]:
            found.append(f"{path}.unit does not fit")
    return found


def _type_errors(document: Any, schema: dict[str, Any], path: str) -> list[str]:
    if "type" not in schema:
        return []
    wanted = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    names = {bool: "boolean", int: "integer", float: "number", str: "string", dict: "object", list: "array"}
    name = names.get(type(document), "null")
    if name not in wanted and not (name == "integer" and "number" in wanted):
        return [f"{path}: a {name}, not {wanted}"]
    found = []
    if name in ("integer", "number"):
        found += [f"{path}: below minimum"] if document < schema.get("minimum", document) else []
        found += [f"{path}: above maximum"] if document > schema.get("maximum", document) else []
        if "exclusiveMinimum" in schema and document <= schema["exclusiveMinimum"]:
            found.append(f"{path}: not above")
    if name == "string":
        found += [f"{path}: too long"] if len(document) > schema.get("maxLength", 1000) else []
        found += [] if re.search(schema.get("pattern", ""), document) else [f"{path}: no match"]
    return found


@pytest.fixture(scope="session")
def catalogue() -> dict[str, Strategy]:
    return {strategy.id: strategy for strategy in load_catalogue()}


@pytest.fixture(scope="session")
def goog() -> Callable[[datetime], OptionChain]:
    """Return the recorded GOOG chain as it stood at an instant, each side of a quote carried forward."""
    if not GOOG_DAY.exists():
        pytest.skip(f"the recorded day is not here: {GOOG_DAY}")
    rows = pl.read_parquet(GOOG_DAY).sort("quote_time")

    def at(now: datetime) -> OptionChain:
        known = rows.filter(pl.col("quote_time") <= now)
        spot = known["underlying_price"].drop_nulls()[-1]
        sides = pl.col("bid", "ask", "bid_size", "ask_size", "open_interest").drop_nulls().last()
        last = known.group_by("expiration", "strike", "right").agg(sides, pl.col("quote_time").last())
        last = last.sort("expiration", "strike", "right")
        arrays: dict[str, Any] = {
            name: last[name].cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()
            for name in ("bid", "ask", "bid_size", "ask_size", "open_interest")
        }
        arrays |= {name: np.full(len(last), np.nan) for name in ("volume", "iv", "delta")}
        return OptionChain(
            underlying="GOOG",
            as_of=now,
            spot=Price(str(spot)),
            source="recorded",
            synthetic=False,
            root=np.full(len(last), "GOOG"),
            expires_on=last["expiration"].to_physical().to_numpy().copy(),
            strike=np.round(last["strike"].to_numpy() * 1000).astype(np.int64),
            is_call=(last["right"] == "C").to_numpy().copy(),
            quoted_at=last["quote_time"].cast(pl.Datetime("us", "UTC")).to_physical().to_numpy().copy(),
            **arrays,
        )

    return at


@pytest.fixture(scope="session")
def make_chain() -> ChainMaker:
    """Return a maker of chains from rows ``"SPY 2026-01-16 P 95": (bid, ask)``; NaN is no such side."""

    def make(
        rows: dict[str, tuple[float, float]],
        *,
        spot: str | None = "100",
        age: timedelta = timedelta(seconds=10),
        open_interest: float = 500,
        volume: float = 50,
    ) -> OptionChain:
        contracts: list[OptionContract] = [parse_option_symbol(text) for text in rows]
        quotes = np.array(list(rows.values()), dtype=np.float64).reshape(-1, 2)
        count = len(rows)
        quoted_at = (NOW - age - datetime.fromtimestamp(0, UTC)) // MICROSECOND
        return OptionChain(
            underlying="SPY",
            as_of=NOW,
            spot=None if spot is None else Price(Decimal(spot)),
            source="test",
            synthetic=True,
            root=np.array([contract.root for contract in contracts], dtype=np.str_),
            expires_on=np.array([from_date(contract.expires_on) for contract in contracts], dtype=np.int32),
            strike=np.array([from_strike(contract.strike) for contract in contracts], dtype=np.int64),
            is_call=np.array([contract.right.value == "C" for contract in contracts], dtype=np.bool_),
            bid=quotes[:, 0].copy(),
            ask=quotes[:, 1].copy(),
            bid_size=np.full(count, 10.0),
            ask_size=np.full(count, 10.0),
            volume=np.full(count, float(volume)),
            open_interest=np.full(count, float(open_interest)),
            iv=np.full(count, np.nan),
            delta=np.full(count, np.nan),
            quoted_at=np.full(count, quoted_at, dtype=np.int64),
        )

    return make


@pytest.fixture(scope="session")
def expirations() -> tuple[Expiration, ...]:
    """Thirty and sixty-five days from now, of SPY and of its adjusted twin."""
    return tuple(
        Expiration(
            expires_on=day,
            root=root,
            dte=(day - NOW.date()).days,
            years=(day - NOW.date()).days / 365,
            is_monthly=True,
            last_trading_at=datetime(day.year, day.month, day.day, 21, tzinfo=UTC),
        )
        for day in (date(2026, 1, 16), date(2026, 2, 20))
        for root in ("SPY", "SPY1", "XSP")
    )


@pytest.fixture(scope="session")
def evaluate_at(make_chain: ChainMaker, expirations: tuple[Expiration, ...]) -> Callable[..., Evaluation]:
    """Evaluate legs at quotes by contract, with spot at 100; what else is given goes to the evaluation."""

    def run(rows: dict[str, tuple[float, float]], *notations: str, **given: Any) -> Evaluation:
        return evaluate_structure(
            tuple(Leg.parse(text) for text in notations),
            make_chain(rows),
            now=NOW,
            expirations=expirations,
            rate=0.04,
            quote_age_max=timedelta(minutes=1),
            **{"dividend_yield": 0.01, **given},
        )

    return run


@pytest.fixture
def scored_by() -> Callable[..., Strategy]:
    """A put spread with a score of these terms, as a document has them."""

    def make(terms: list[dict[str, Any]], **score: Any) -> Strategy:
        return parse_strategy(PUT_SPREAD | {"score": {"terms": terms, **score}})

    return make


@pytest.fixture(scope="session")
def compiled() -> bool:
    """Whether numba compiles; without it, for coverage, tests take fewer cases."""
    import numba

    return not getattr(numba.config, "DISABLE_JIT", 0)
