"""Evaluate every strategy of the catalogue on recorded chains and say what each proposed, and why not.

python -m tools.real_data_report [--data FOLDER] [--every N] [--workers N] [--json]

Three counts for each strategy and symbol: *found*, the strikes were there; *tradeable*, the strategy's own rules
hold on the chain as well; *proposals*, hard stops and score say yes, too. What the recordings do not tell (IV rank,
the earnings of a company) is unknown, and an unknown denies. Dates of dividends are read from adjusted closes.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from thetaloom.domain.market.bars import Bars
from thetaloom.domain.market.chain import OptionChain, from_date
from thetaloom.domain.market.events import Dividend, EventKind, Events
from thetaloom.domain.market.expirations import Expiration, list_expirations
from thetaloom.domain.market.reading import MarketInputs, read_market
from thetaloom.domain.market.view import MarketView
from thetaloom.domain.strategy.evaluation import Evaluation, evaluate_structure
from thetaloom.domain.strategy.hard_stops import Moment, sells_american
from thetaloom.domain.strategy.judging import judge_candidate
from thetaloom.domain.strategy.metrics import Metric
from thetaloom.domain.strategy.selection import select_structure
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.money import Money
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table
from thetaloom.marketdata.clocks import VirtualClock
from thetaloom.marketdata.recorded.market import RecordedMarket
from thetaloom.store.catalogue import load_catalogue

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SYMBOLS = ("SPY", "SPX", "AAPL", "IWM", "DIA")
FOLDERS = ("cboe_snapshots_2026", "cboe_quotedata", "full_term_greeks_2026")
CAPITAL, SHARES_HELD = Money(60_000), 100  # an account that could trade any of them
LATE = datetime(2100, 1, 1, tzinfo=UTC)
BARS_MAX = 300  # sessions before the one that is looked at
STEP_OF_A_DIVIDEND = 2e-4  # of the ratio of adjusted to plain closes
NO_COMPANIES = frozenset({"SPY", "SPX", "IWM", "DIA"})
# Roughly what money and the dividends of each brought; only the chances and the greeks rest on them.
RATES = {2022: 0.003, 2023: 0.05, 2024: 0.053, 2026: 0.037}
YIELDS = {"SPY": 0.012, "SPX": 0.012, "AAPL": 0.004, "IWM": 0.011, "DIA": 0.015}
# Structures of verticals of one width: what they bring can never be more than that.
BOUNDED_BY_WIDTH = frozenset({"put_credit_spread", "call_credit_spread", "iron_condor", "iron_butterfly"})


@dataclass(slots=True)
class Tally:
    """What became of one strategy on one symbol."""

    looks: int = 0
    found: int = 0
    tradeable: int = 0
    proposals: int = 0
    first: Counter[str] = field(default_factory=Counter)  # the reason that ended it
    any: Counter[str] = field(default_factory=Counter)  # every reason that stood against it
    violations: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Take another tally in."""
        self.looks += other.looks
        self.found += other.found
        self.tradeable += other.tradeable
        self.proposals += other.proposals
        self.first += other.first
        self.any += other.any
        self.violations += other.violations


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Some moments of one symbol of one file."""

    file: Path
    symbol: str
    instants: tuple[datetime, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One moment as the strategies see it."""

    chain: OptionChain
    expirations: tuple[Expiration, ...]
    view: MarketView
    today: date
    rate: float
    dividend_yield: float


_METRICS = {metric.value: metric for metric in Metric}
Tallies = dict[tuple[str, str], Tally]  # by strategy and symbol


def moments_of(data: Path, every: int = 1) -> list[Moments]:
    """Return what there is to look at: each ``every``-th moment of each symbol of each file."""
    import polars as pl

    found = []
    for file in sorted(path for folder in FOLDERS for path in (data / folder).glob("*.parquet")):
        frame = pl.read_parquet(file, columns=["underlying", "quote_time"]).unique().sort("underlying", "quote_time")
        for symbol in SYMBOLS:
            instants = frame.filter(pl.col("underlying") == symbol)["quote_time"].to_list()[::every]
            if instants:
                found.append(
                    Moments(file=file, symbol=symbol, instants=tuple(instant.astimezone(UTC) for instant in instants))
                )
    return found


def report(data: Path, *, every: int = 1, workers: int = 1) -> Tallies:
    """Look at every moment with every strategy."""
    work = [(data, part) for moments in moments_of(data, every) for part in _parts(moments)]
    total: Tallies = {}
    if workers == 1:
        _take_in(total, map(_look, work))
    else:
        # A forked child would wait for ever for threads of the data frame library that only its parent has.
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            _take_in(total, pool.map(_look, work))
    return total


def _parts(moments: Moments, size: int = 7) -> Iterator[Moments]:
    for start in range(0, len(moments.instants), size):
        yield Moments(file=moments.file, symbol=moments.symbol, instants=moments.instants[start : start + size])


def _take_in(total: Tallies, parts: Iterable[Tallies]) -> None:
    for part in parts:
        for key, tally in part.items():
            total.setdefault(key, Tally()).add(tally)


def _look(work: tuple[Path, Moments]) -> Tallies:
    data, moments = work
    tallies: Tallies = {}
    for instant in moments.instants:
        seen = _see(data, moments.file, moments.symbol, instant)
        for strategy in _catalogue():
            _judge(strategy, seen, tallies.setdefault((strategy.id, moments.symbol), Tally()))
    return tallies


def _judge(strategy: Strategy, seen: Seen, tally: Tally) -> None:
    tally.looks += 1
    readings = {_METRICS[name]: measured.number for name, measured in seen.view.numbers.items()}
    selection = select_structure(
        strategy,
        seen.chain,
        seen.expirations,
        now=seen.chain.as_of,
        rate=seen.rate,
        dividend_yield=seen.dividend_yield,
        tradeable_capital=CAPITAL,
        readings=readings,
    )
    if not selection.legs:
        reason = selection.verdict.reason
        legs = {one.verdict.reason for one in selection.rejections if one.leg is not None}
        tally.first[str(reason)] += 1
        tally.any.update({str(one) for one in {reason, *legs}})
        return
    tally.found += 1
    evaluation = evaluate_structure(
        selection.legs,
        seen.chain,
        now=seen.chain.as_of,
        expirations=seen.expirations,
        rate=seen.rate,
        dividend_yield=seen.dividend_yield,
        quote_age_max=timedelta(seconds=strategy.liquidity.quote_age_seconds_max),
        names=selection.leg_names,
        shares=strategy.shares,
    )
    moment = Moment(symbol=seen.chain.underlying, today=seen.today, has_short_american=sells_american(selection.legs))
    judged = judge_candidate(strategy, evaluation, seen.view, moment, readings, shares_held=SHARES_HELD)
    own = judge_candidate(_rules_alone(strategy), evaluation, seen.view, moment, readings, shares_held=SHARES_HELD)
    if own.verdict.is_allowed:
        tally.tradeable += 1
        tally.violations += violations_of(strategy, evaluation, seen.chain)
    if judged.verdict.is_allowed:
        tally.proposals += 1
    else:
        tally.first[str(judged.verdict.reason)] += 1
        tally.any.update({str(check.verdict.reason) for check in judged.checks if not check.verdict.is_allowed})


def violations_of(strategy: Strategy, evaluation: Evaluation, chain: OptionChain) -> Iterator[str]:
    """Say what a proposal breaks: a leg without a market, a credit above its width or one that is free."""
    where = f"{strategy.id} on {chain.underlying} at {chain.as_of:%Y-%m-%d %H:%M}"
    for leg in (one.leg for one in evaluation.legs):
        quote = chain.quote_of(leg.contract)
        bid, ask = (None, None) if quote is None else (quote.bid, quote.ask)
        if ask is None or ask <= 0 or (leg.ratio < 0 and not bid) or (bid or 0) > ask:
            yield f"{where}: {leg.notation} has no market ({bid} / {ask})"
    mid, width = evaluation.mid_price, evaluation.width
    if mid is None:
        yield f"{where}: proposed without a price"
    elif evaluation.structure_name in BOUNDED_BY_WIDTH and (width is None or mid > width):
        yield f"{where}: a credit of {mid} exceeds the width of {width}"
    elif evaluation.structure_name in BOUNDED_BY_WIDTH | {"senex_trident"} and not evaluation.max_loss:
        yield f"{where}: a credit of {mid} that nothing can take back"


def _see(data: Path, file: Path, symbol: str, instant: datetime) -> Seen:
    chain = _market(file).chain(symbol, instant)
    assert chain is not None, f"{file} has no chain of {symbol} at {instant}"
    calendar = _calendar()
    today = calendar.exchange_date(instant)
    expirations = list_expirations(chain, calendar, instant)
    rate, dividend_yield = RATES[today.year], YIELDS[symbol]
    view = read_market(
        MarketInputs(
            symbol=symbol,
            chain=chain,
            expirations=expirations,
            bars=_bars(data, symbol, today),
            bars_as_of=instant - timedelta(days=1),
            rate=rate,
            dividend_yield=dividend_yield,
            today=today,
            now=instant,
            events=_events(data, symbol, instant),
        )
    )
    return Seen(chain=chain, expirations=expirations, view=view, today=today, rate=rate, dividend_yield=dividend_yield)


def _bars(data: Path, symbol: str, today: date) -> Bars:
    rows = [row for row in _daily(data, symbol) if row["date"] < today][-BARS_MAX:]
    if not rows or (today - rows[-1]["date"]).days > 5:  # the daily bars do not reach this session
        return Bars()
    return Bars(
        days=tuple(from_date(row["date"]) for row in rows),
        highs=tuple(round(row["high"], 6) for row in rows),
        lows=tuple(round(row["low"], 6) for row in rows),
        closes=tuple(round(row["close"], 6) for row in rows),
        volumes=tuple(float(row["volume"]) for row in rows) if "volume" in rows[0] else (),
    )


def _events(data: Path, symbol: str, instant: datetime) -> Events:
    rows = _daily(data, symbol)
    never = {EventKind.EARNINGS} if symbol in NO_COMPANIES else set()
    if symbol == "SPX":
        return Events(as_of=instant, source="none", not_applicable=frozenset(EventKind))
    ratios = [(row["date"], row["adj_close"] / row["close"]) for row in rows]
    ex_dates = [day for (_, before), (day, ratio) in pairwise(ratios) if abs(ratio / before - 1) > STEP_OF_A_DIVIDEND]
    first = ratios[0][0]
    return Events(
        as_of=instant,
        source="adjusted closes",
        dividends=tuple(Dividend(ex_on=day) for day in ex_dates) if instant.date() > first else (),
        dividends_known_until=ratios[-1][0] if instant.date() > first else None,
        not_applicable=frozenset(never),
    )


@cache
def _daily(data: Path, symbol: str) -> list[dict[str, Any]]:
    import polars as pl

    names = (f"{symbol}_daily_2024_2026.parquet", f"{symbol}_daily.parquet")
    path = next(data / "underlying" / name for name in names if (data / "underlying" / name).exists())
    return pl.read_parquet(path).sort("date").drop_nulls(["high", "low", "close"]).to_dicts()


@cache
def _market(file: Path) -> RecordedMarket:
    return RecordedMarket(file, VirtualClock(LATE), snapshots=True)


@cache
def _calendar() -> TradingCalendar:
    return read_table(SHIPPED_TABLE)


@cache
def _catalogue() -> tuple[Strategy, ...]:
    return load_catalogue()


@cache
def _rules_alone(strategy: Strategy) -> Strategy:
    return replace(strategy, score=None, hard_stops=None)


def as_markdown(tallies: Tallies) -> str:
    """Return the counts as tables: one row per strategy, then the reasons."""
    symbols = [symbol for symbol in SYMBOLS if any(key[1] == symbol for key in tallies)]
    names = sorted({strategy for strategy, _ in tallies})
    looks = {symbol: max(tally.looks for key, tally in tallies.items() if key[1] == symbol) for symbol in symbols}
    heads = [f"{symbol} ({looks[symbol]})" for symbol in symbols]
    lines = [_row(["Strategy", *heads, "First reasons of a no"]), "|" + "---|" * (len(heads) + 2)]
    for name in names:
        of = {symbol: tallies.get((name, symbol), Tally()) for symbol in symbols}
        reasons = sum((tally.first for tally in of.values()), Counter[str]())
        cells = [f"{tally.found} / {tally.tradeable} / {tally.proposals}" for tally in of.values()]
        lines.append(_row([f"`{name}`", *cells, _counted(reasons, 3)]))
    everything = Tally()
    for tally in tallies.values():
        everything.add(tally)
    lines += ["", _row(["Reason", "First", "Any"]), "|---|---|---|"]
    lines += [
        _row([f"`{reason}`", str(everything.first[reason]), str(count)])
        for reason, count in everything.any.most_common()
    ]
    summary = (
        f"{everything.looks} looks: {everything.found} found, {everything.tradeable} tradeable, "
        f"{everything.proposals} proposals, {len(everything.violations)} violations of an invariant."
    )
    return "\n".join([summary, "", *lines]) + "\n"


def as_record(tallies: Tallies) -> list[dict[str, object]]:
    """Return the counts as programs get them."""
    return [
        {
            "strategy": strategy,
            "symbol": symbol,
            "looks": tally.looks,
            "found": tally.found,
            "tradeable": tally.tradeable,
            "proposals": tally.proposals,
            "first": dict(tally.first.most_common()),
            "any": dict(tally.any.most_common()),
            "violations": tally.violations,
        }
        for (strategy, symbol), tally in sorted(tallies.items())
    ]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _counted(reasons: Counter[str], most: int) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in reasons.most_common(most))


def main(arguments: Sequence[str]) -> int:
    """Print the report; the exit code is 1 when an invariant was broken, 2 when the data is not there."""
    parser = argparse.ArgumentParser(prog="python -m tools.real_data_report", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--every", type=int, default=1, help="look at each Nth moment only")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    if not options.data.is_dir():
        print(f"no recorded data at {options.data}", file=sys.stderr)
        return 2
    tallies = report(options.data, every=options.every, workers=options.workers)
    print(json.dumps(as_record(tallies), indent=2) if options.json else as_markdown(tallies), end="")
    violations = [one for tally in tallies.values() for one in tally.violations]
    for violation in violations:
        print(violation, file=sys.stderr)
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
