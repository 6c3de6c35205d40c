"""Scans in the engine: every pair has a place or a reason, the best start, a kill loses nothing, exits go first."""

import pickle
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import TriggerKind
from thetaloom.domain.run.scans import Scan, ScanPair, ScanStatus, funnel_of, ranked
from thetaloom.domain.values.ids import StrategyId
from thetaloom.engine.scan_judging import SymbolMarket, judge_symbol, read_symbol
from thetaloom.engine.scanner import AHEAD_MAX, finish_scan
from thetaloom.engine.schedule_commands import RunScan, SaveWatchlist
from thetaloom.errors import InvalidInput, MarketDataUnavailable, NotFound
from thetaloom.store.queries.scans import list_pairs, scan_of
from thetaloom.testing.desk import ANNA, PUT_CREDIT_QUOTES, STRATEGY, DeskBench, put_credit_spread
from thetaloom.testing.market import FixedMarket


class HeldAside:
    """A place beside the engine whose works are done, or lost, when the test says so."""

    def __init__(self) -> None:
        self.held: list[tuple[Future[Any], Callable[[Any], Any], Any]] = []
        self.is_closed = False

    def submit(self, work: Callable[[Any], Any], given: Any) -> Future[Any]:
        """Keep a work."""
        self.held.append((Future(), work, given))
        return self.held[-1][0]

    def on_done(self, tell: Callable[[], None]) -> None:
        """Tell nobody: who tests settles the engine itself."""

    def close(self) -> None:
        """Be closed."""
        self.is_closed = True

    def do_one(self, place: int = 0) -> None:
        """Do a work that is held."""
        answer, work, given = self.held.pop(place)
        answer.set_result(work(given))

    def die(self) -> None:
        """Lose all that is held."""
        for answer, _, _ in self.held:
            answer.set_exception(BrokenExecutor())
        self.held.clear()


@pytest.fixture
def aside(lite: DeskBench) -> HeldAside:
    """The place beside the desk's engine, on a market of five symbols."""
    market = FixedMarket(lite.clock, always_fresh=True)
    for symbol in ("SPY", "QQQ", "IWM", "DIA", "GLD"):
        market.set_spot(symbol, 575)
        market.set_quotes({text.replace("SPY", symbol): sides for text, sides in PUT_CREDIT_QUOTES.items()})
    made = HeldAside()
    lite.restart(market=market, aside=made)
    return made


def ask(bench: DeskBench, *symbols: str, best: int = 0, watchlist: str = "") -> Scan:
    """Ask for a scan."""
    asked = bench.engine.handle(RunScan(user_id=ANNA, symbols=symbols, watchlist=watchlist, best=best))
    assert isinstance(asked, Scan)
    return asked


def stored(bench: DeskBench, scan: Scan) -> Scan:
    """The scan as it stands."""
    return scan_of(bench.database, ANNA, scan.id)


def pair(symbol: str, strategy: str, score: int, *, reason: str = "") -> ScanPair:
    """A pair with its score."""
    return ScanPair(
        symbol=symbol, strategy_id=StrategyId(strategy), is_eligible=not reason, reason=reason, score=Decimal(score)
    )


def test_a_scan_keeps_each_pair_with_its_reason(bench: DeskBench) -> None:
    asked = ask(bench, "SPY", "nosuch")
    assert asked.status is ScanStatus.RUNNING

    bench.engine.settle()

    done = stored(bench, asked)
    pairs = list_pairs(bench.database, ANNA, asked.id).rows
    assert (done.status, done.pairs, done.eligible) == (ScanStatus.DONE, 2, 0)
    assert [(one.symbol, one.strategy_id, one.reason) for one in pairs] == [
        ("SPY", STRATEGY, "indicator_unknown"),  # it has no score of its own, and the bias is not known
        ("NOSUCH", None, "unknown_symbol"),
    ]
    assert {(row.reason, row.pairs) for row in done.funnel} == {("indicator_unknown", 1), ("unknown_symbol", 1)}
    assert bench.facts(EventKind.SCAN_COMPLETED)["pairs"] == "2"
    (screen,) = done.screens
    assert screen.total is None and "iv_rank" in screen.unknown


def test_a_scan_looks_at_one_pair_a_turn(lite: DeskBench) -> None:
    for number in range(5):
        lite.save(put_credit_spread(id=StrategyId(f"other-{number}")))
    asked = ask(lite, "SPY")

    turns = 0
    while stored(lite, asked).status is ScanStatus.RUNNING:
        assert lite.engine.turn()
        turns += 1

    assert turns == 1 + 6 + 1  # the market, the pairs, the end


def test_a_kill_in_the_middle_begins_the_scan_anew(lite: DeskBench) -> None:
    asked = ask(lite, "SPY", "QQQ")
    lite.engine.turn()
    lite.engine.turn()

    lite.restart()
    lite.engine.settle()

    done = stored(lite, asked)
    assert (done.status, done.pairs) == (ScanStatus.DONE, 2)
    assert list_pairs(lite.database, ANNA, asked.id).total == 2


def test_a_scan_ends_once_whoever_works_on_it(lite: DeskBench) -> None:
    asked = ask(lite, "SPY")
    first, second = lite.engine, lite.restart()
    for engine in (first, second, first, second, first, second, first, second):
        engine.turn()

    assert stored(lite, asked).pairs == 1
    assert lite.events().count(EventKind.SCAN_COMPLETED) == 1


def test_the_order_is_score_then_priority_then_names() -> None:
    pairs = [
        pair("B", "x", 50),
        pair("A", "y", 50),
        pair("A", "x", 50),
        pair("C", "x", 70),
        pair("D", "z", 90, reason="no"),
    ]

    placed = ranked(pairs, {StrategyId("y"): 1, StrategyId("x"): 2})

    assert [(one.symbol, one.strategy_id) for one in placed] == [
        *(("C", "x"), ("A", "y"), ("A", "x"), ("B", "x"), ("D", "z"))
    ]
    assert [row.reason for row in funnel_of(placed)] == ["no"]


def test_the_best_eligible_pairs_start_as_runs_of_a_scan(lite: DeskBench) -> None:

    asked = ask(lite, "SPY", best=1)
    eligible = [pair("SPY", STRATEGY, 60), pair("QQQ", STRATEGY, 50), pair("IWM", STRATEGY, 99, reason="no_quote")]

    done = finish_scan(lite.desk, asked, eligible, [])
    lite.engine.settle()

    assert done is not None
    (run,) = done.run_ids
    assert (lite.run(run).symbol, lite.run(run).trigger) == ("SPY", TriggerKind.SCAN)
    assert [one.rank for one in list_pairs(lite.database, ANNA, asked.id).rows] == [1, 2, None]
    assert finish_scan(lite.desk, asked, eligible, []) is None
    assert lite.replay(run).identical


def test_a_scan_of_a_watchlist_takes_its_symbols_of_that_moment(lite: DeskBench) -> None:
    lite.engine.handle(SaveWatchlist(user_id=ANNA, name="mine", symbols=("spy", "qqq")))

    asked = ask(lite, watchlist="mine")

    assert asked.symbols == ("SPY", "QQQ")
    with pytest.raises(NotFound):
        ask(lite, watchlist="nope")
    for wrong in ({"best": 21}, {"watchlist": "mine"}):
        with pytest.raises(InvalidInput):
            ask(lite, "SPY", **wrong)
    with pytest.raises(InvalidInput):
        ask(lite)


def test_a_symbol_whose_market_is_silent_or_broken_takes_out_no_other(lite: DeskBench) -> None:
    class Broken(FixedMarket):
        """A market that breaks on some symbols."""

        def chain(self, underlying: str, at: datetime) -> OptionChain | None:
            """Return the chain, or break."""
            if underlying == "QQQ":
                raise MarketDataUnavailable("no line")
            if underlying == "IWM":
                raise ValueError("a bad row")
            return super().chain(underlying, at)

    market = Broken(lite.clock, always_fresh=True)
    for symbol in ("SPY", "QQQ", "IWM"):
        market.set_spot(symbol, 575)
    market.set_quotes(PUT_CREDIT_QUOTES)
    lite.restart(market=market)

    asked = ask(lite, "IWM", "QQQ", "SPY")
    lite.engine.settle()

    reasons = {one.symbol: one.reason for one in list_pairs(lite.database, ANNA, asked.id).rows}
    assert reasons == {"IWM": "step_failed", "QQQ": "no_market_data", "SPY": "indicator_unknown"}


def test_a_server_reads_a_few_symbols_ahead_and_judges_none_itself(lite: DeskBench, aside: HeldAside) -> None:
    asked = ask(lite, "SPY", "QQQ", "IWM", "DIA", "GLD")

    lite.engine.settle()

    assert [given.symbol for _, _, given in aside.held] == ["SPY", "QQQ", "IWM"][:AHEAD_MAX]
    assert not lite.engine.turn()  # it waits for an answer and for nothing else
    assert stored(lite, asked).status is ScanStatus.RUNNING
    aside.do_one()
    lite.engine.settle()
    assert [given.symbol for _, _, given in aside.held] == ["QQQ", "IWM", "DIA"]


@pytest.mark.parametrize("order", [0, -1])
def test_a_scan_beside_the_engine_comes_to_the_same_as_one_within(
    lite: DeskBench, aside: HeldAside, order: int
) -> None:
    symbols = ("SPY", "QQQ", "NOSUCH", "IWM", "DIA", "GLD")
    beside = ask(lite, *symbols)
    while stored(lite, beside).status is ScanStatus.RUNNING:
        lite.engine.settle()
        if aside.held:
            aside.do_one(order)
    lite.restart(aside=None)

    within = ask(lite, *symbols)
    lite.engine.settle()

    assert aside.is_closed
    ours, theirs = stored(lite, beside), stored(lite, within)
    assert (ours.pairs, ours.eligible, ours.funnel, ours.screens) == (
        *(theirs.pairs, theirs.eligible, theirs.funnel, theirs.screens),
    )
    found, wanted = (list_pairs(lite.database, ANNA, one.id).rows for one in (beside, within))
    assert len(found) == 6
    assert found == wanted


def test_what_a_dead_process_had_is_judged_by_the_engine(lite: DeskBench, aside: HeldAside) -> None:
    asked = ask(lite, "SPY", "QQQ")
    lite.engine.settle()

    aside.die()
    lite.engine.settle()

    assert (stored(lite, asked).status, stored(lite, asked).pairs) == (ScanStatus.DONE, 2)


def test_what_a_process_is_given_survives_the_way_there(bench: DeskBench) -> None:
    read = read_symbol(bench.desk, ANNA, "SPY", bench.clock.now())
    assert isinstance(read, SymbolMarket)
    strategies = [put_credit_spread()]

    there = pickle.loads(pickle.dumps(read))

    assert judge_symbol(strategies, there) == judge_symbol(strategies, read)
