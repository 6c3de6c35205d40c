"""The registry of symbols: what is asked, what is remembered, what is served when nobody answers."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from thetaloom.domain.market.symbols import FoundSymbol, SymbolRecord, matching_symbols
from thetaloom.domain.values.ticks import CLASS_NAMES
from thetaloom.engine.schedule_commands import FindSymbols, LookUpSymbols
from thetaloom.errors import InvalidInput, MarketDataUnavailable, NotFound
from thetaloom.ports.market_data import Underlying
from thetaloom.ports.store import UnitOfWork
from thetaloom.store.queries.symbols import cache_statistics, search_symbols, symbol_by_conid
from thetaloom.store.symbol_seeds import completed, shipped_symbols
from thetaloom.testing.builders import NOW
from thetaloom.testing.desk import ANNA, DeskBench
from thetaloom.testing.market import FixedMarket


class AskedMarket(FixedMarket):
    """A market that counts how often it is asked for a symbol, and may not answer."""

    asked = 0
    is_silent = False

    def underlying(self, symbol: str) -> Underlying | None:
        """Return what is known of a symbol."""
        self.asked += 1
        if self.is_silent:
            raise MarketDataUnavailable("no line")
        return super().underlying(symbol)


@pytest.fixture
def market(lite: DeskBench) -> AskedMarket:
    """The market of the desk, which counts."""
    made = AskedMarket(lite.clock, always_fresh=True)
    made.set_spot("SPY", 575)
    lite.restart(market=made)
    return made


def ask(bench: DeskBench, *symbols: str) -> tuple[FoundSymbol, ...]:
    """Look symbols up."""
    found = bench.engine.handle(LookUpSymbols(user_id=ANNA, symbols=symbols))
    assert isinstance(found, tuple)
    return found


def keep(record: SymbolRecord, uow: UnitOfWork) -> None:
    """Write a record."""
    uow.symbols.save(record)


def test_a_symbol_is_asked_for_once_in_seven_days(lite: DeskBench, market: AskedMarket) -> None:
    for _ in range(20):
        assert [one.record.symbol for one in ask(lite, "spy")] == ["SPY"]
    assert market.asked == 1
    lite.clock.advance(days=7)

    ask(lite, "SPY")

    assert market.asked == 2
    stats = cache_statistics(lite.database, lite.clock.now())
    assert (stats.hits, stats.misses, stats.symbols, stats.fresh) == (19, 2, 1, 1)
    assert stats.hit_rate == pytest.approx(19 / 21)


def test_what_is_old_is_served_with_a_warning_when_nobody_answers(lite: DeskBench, market: AskedMarket) -> None:
    ask(lite, "SPY")
    lite.clock.advance(days=8)
    market.is_silent = True

    (found,) = ask(lite, "SPY")

    assert "no line" in found.warning and "2026-01-05" in found.warning
    assert ask(lite, "QQQ") == ()
    stats = cache_statistics(lite.database, lite.clock.now())
    assert (stats.stale_served, stats.errors, stats.stale) == (1, 1, 1)


def test_what_the_source_does_not_know_is_not_asked_for_again_within_the_hour(
    lite: DeskBench, market: AskedMarket
) -> None:
    for _ in range(5):
        assert ask(lite, "NOSUCH") == ()
    assert market.asked == 1
    lite.clock.advance(hours=1)

    ask(lite, "NOSUCH")

    assert market.asked == 2


class SearchedMarket(AskedMarket):
    """A market with a search, as that of IBKR."""

    def matching(self, query: str) -> list[str]:
        """Return what is named so."""
        if self.is_silent:
            raise MarketDataUnavailable("no line")
        return ["SPY", "SPY WI", "NOSUCH"] if query == "sp 500" else []


def test_what_a_source_finds_is_looked_up_and_kept(lite: DeskBench) -> None:
    market = SearchedMarket(lite.clock, always_fresh=True)
    market.set_spot("SPY", 575)
    lite.restart(market=market)

    found = lite.engine.handle(FindSymbols(user_id=ANNA, query="sp 500"))

    assert isinstance(found, tuple) and [one.record.symbol for one in found] == ["SPY"]
    assert [one.source for one in search_symbols(lite.database, "spy")] == [market.name]
    assert lite.engine.handle(FindSymbols(user_id=ANNA, query="what nobody has")) == ()
    market.is_silent = True
    assert lite.engine.handle(FindSymbols(user_id=ANNA, query="sp 500")) == ()
    known = lite.engine.handle(FindSymbols(user_id=ANNA, query="spy"))
    assert isinstance(known, tuple) and [one.record.symbol for one in known] == ["SPY"]


def test_a_source_without_a_search_is_asked_for_the_symbol_itself(lite: DeskBench, market: AskedMarket) -> None:
    found = lite.engine.handle(FindSymbols(user_id=ANNA, query=" spy "))

    assert isinstance(found, tuple) and [one.record.symbol for one in found] == ["SPY"]


@pytest.mark.parametrize("query", [" ", "x" * 61, "SPY\x000", "SPY\nQQQ"])
def test_a_search_that_no_wire_could_carry_is_refused(lite: DeskBench, query: str) -> None:
    with pytest.raises(InvalidInput, match="1 to 60 characters"):
        lite.engine.handle(FindSymbols(user_id=ANNA, query=query))


def test_a_shipped_symbol_is_known_but_does_not_stand_for_the_source(lite: DeskBench, market: AskedMarket) -> None:
    for record in shipped_symbols(NOW):
        lite.write(partial(keep, record))

    (spy, spx) = ask(lite, "SPY", "SPX")

    assert market.asked == 2
    assert (spy.record.source, spx.record.source) == (market.name, "shipped")
    assert spy.record.exchange == "ARCA"  # what the source does not say stays known
    run = lite.start_run("SPX")
    assert lite.run(run).reason == "unknown_symbol"


def test_the_runs_of_a_day_spare_nine_in_ten_look_ups(lite: DeskBench, market: AskedMarket) -> None:
    runs = [lite.start_run(forced=True) for _ in range(30)]

    stats = cache_statistics(lite.database, lite.clock.now())

    assert stats.hit_rate is not None and stats.hit_rate >= 0.9
    assert (stats.misses, stats.hits) == (1, 29)
    assert all(lite.replay(run).identical and not lite.faults(run) for run in runs)


def test_a_conid_belongs_to_one_symbol(lite: DeskBench) -> None:
    spy = SymbolRecord(symbol="SPY", name="SPDR", kind="etf", conid=756733, source="ibkr", refreshed_at=NOW)
    lite.write(lambda uow: uow.symbols.save(spy))
    assert symbol_by_conid(lite.database, 756733) == spy

    lite.write(lambda uow: uow.symbols.save(replace(spy, symbol="SPYX")))

    assert symbol_by_conid(lite.database, 756733).symbol == "SPYX"
    with pytest.raises(NotFound):
        symbol_by_conid(lite.database, 1)


def test_the_shipped_list_is_sound() -> None:
    shipped = shipped_symbols(NOW)

    assert len({one.symbol for one in shipped}) == len(shipped) == 51
    assert all(one.kind in {"index", "etf", "equity"} and one.roots for one in shipped)
    assert all((one.sector is None) == (one.kind != "equity") for one in shipped)
    conids = {one.symbol: one.conid for one in shipped if one.conid is not None}
    assert len(set(conids.values())) == len(conids) == 16
    assert (conids["SPY"], conids["AAPL"], conids["SPX"]) == (756733, 265598, 416904)
    assert all(one.tick_class is None or one.tick_class in CLASS_NAMES for one in shipped)
    by_symbol = {one.symbol: one for one in shipped}
    assert (by_symbol["SPX"].roots, by_symbol["SPX"].tick_class) == (("SPX", "SPXW"), "broad_index")
    assert (by_symbol["SPY"].tick_class, by_symbol["VIX"].tick_class) == ("pennies", "penny_program")
    assert by_symbol["XLE"].tick_class is None


def test_a_number_that_ships_completes_what_is_known_and_replaces_nothing() -> None:
    (spy,) = [one for one in shipped_symbols(NOW) if one.symbol == "SPY"]
    told = replace(spy, name="SPDR", source="recorded", conid=None)

    assert completed(None, spy) == spy
    assert completed(told, spy) == replace(told, conid=756733)
    assert completed(replace(told, conid=1), spy) is None
    assert completed(spy, replace(spy, conid=None)) is None


def test_a_search_finds_symbols_roots_and_words_the_nearest_first(lite: DeskBench) -> None:
    shipped = shipped_symbols(NOW)

    def found(query: str) -> list[str]:
        return [one.symbol for one in matching_symbols(shipped, query)]

    assert found("spy") == ["SPY"]
    assert found("SPXW") == ["SPX"]
    assert found("XL")[:3] == ["XLB", "XLE", "XLF"]
    assert found("gold") == ["GDX", "GLD"]
    assert found("ussell") == ["IWM", "RUT", "MRUT"]
    assert found("zzz") == []
    for wrong in ("", " ", "x" * 61):
        with pytest.raises(InvalidInput):
            search_symbols(lite.database, wrong)


def test_freshness_ends_after_seven_days_exactly() -> None:
    record = SymbolRecord(symbol="SPY", name="SPDR", kind="etf", source="x", refreshed_at=NOW)

    assert record.covers("x", NOW + timedelta(days=7) - timedelta(microseconds=1))
    assert not record.covers("x", NOW + timedelta(days=7))
    assert not record.covers("y", NOW)


def test_the_number_and_the_exchange_that_a_source_tells_are_kept_and_found(
    lite: DeskBench, market: AskedMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Underlying(symbol="ABCD", name="Abcd", kind="equity", exchange="NYSE", conid=4711)
    monkeypatch.setattr(market, "underlying", lambda symbol: told)
    ask(lite, "ABCD")
    monkeypatch.setattr(market, "underlying", lambda symbol: replace(told, exchange=None, conid=None))
    lite.clock.advance(days=8)

    ask(lite, "ABCD")  # another source, or one that does not say this time

    found = symbol_by_conid(lite.database, 4711)
    assert (found.symbol, found.exchange, found.conid) == ("ABCD", "NYSE", 4711)


def test_a_class_of_shares_is_one_symbol_however_it_is_typed(lite: DeskBench, market: AskedMarket) -> None:
    market.set_spot("BRKB", 500)

    assert [one.record.symbol for one in ask(lite, "brk/b", "BRK.B", "BRK B", "BRK-B", "brkb")] == ["BRKB"]
    found = lite.engine.handle(FindSymbols(user_id=ANNA, query="brk b"))
    assert isinstance(found, tuple) and [one.record.symbol for one in found] == ["BRKB"]
    started = lite.start_run("brk/b")
    with lite.store.reading() as uow:
        run = uow.runs.get(started)
    assert run is not None and run.symbol == "BRKB"


def test_a_run_on_what_is_no_underlying_is_refused_with_its_reason(lite: DeskBench) -> None:
    with pytest.raises(InvalidInput, match="SPXW is a root of SPX"):
        lite.start_run("spxw")
