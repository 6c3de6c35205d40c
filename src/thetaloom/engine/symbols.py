"""The registry of symbols: asks the market's source only for what nobody knows or what is older than seven days.

Reading and writing are apart, so that a step can look up while it gathers and remember while it acts.
"""

from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from thetaloom.domain.market.symbols import BATCH_MAX, NOTHING_LIFE, QUERY_MAX, FoundSymbol, SymbolRecord
from thetaloom.domain.market.volatility import BENCHMARK
from thetaloom.domain.run.watchlists import SYMBOL, clean_symbols
from thetaloom.domain.values.instruments import INDEX_ROOTS
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.domain.values.ticks import class_name
from thetaloom.engine.desk import Desk
from thetaloom.engine.schedule_commands import FindSymbols, LookUpSymbols
from thetaloom.errors import AnswerPending, InvalidInput, MarketDataUnavailable
from thetaloom.ports.market_data import SymbolSearch, Underlying
from thetaloom.ports.store import UnitOfWork

log = structlog.get_logger()
HIT, MISS, STALE, FAILED = "hits", "misses", "stale_served", "errors"


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUp:
    """How a look-up ended; ``record`` is ``None`` where neither registry nor source knows the symbol."""

    record: SymbolRecord | None
    counted: str
    warning: str = ""
    told: Underlying | None = None  # what the source said just now


def look_up(desk: Desk, symbol: str, now: datetime) -> LookUp:
    """Look a symbol up and write nothing. Raises ``MarketDataUnavailable`` where nobody answers and none is known.

    The registry is let go before the source is asked: no transaction waits for somebody outside.
    """
    with desk.store.reading() as uow:
        record = uow.symbols.get(symbol)
    source = desk.market.name
    if record is not None and record.covers(source, now):
        return LookUp(record=record, counted=HIT)
    asked_at = desk.unknown_symbols.get(symbol)
    if asked_at is not None and now - asked_at < NOTHING_LIFE:
        return LookUp(record=None, counted=HIT)
    try:
        told = desk.market.underlying(symbol)
    except MarketDataUnavailable as error:
        if record is None or record.source != source:
            raise
        warning = f"{source} does not answer ({error.message}); this is of {record.refreshed_at.isoformat()}"
        return LookUp(record=record, counted=STALE, warning=warning)
    if told is None:
        desk.unknown_symbols[symbol] = now
        return LookUp(record=None, counted=MISS)
    desk.unknown_symbols.pop(symbol, None)
    return LookUp(record=merged(record, told, source, now), counted=MISS, told=told)


def remember(uow: UnitOfWork, counted: str, told: Underlying | None, source: str, now: datetime) -> None:
    """Count a look-up, and keep what the source said."""
    uow.symbols.count(counted)
    if counted == MISS and told is not None:
        uow.symbols.save(merged(uow.symbols.get(told.symbol), told, source, now))


def merged(known: SymbolRecord | None, told: Underlying, source: str, now: datetime) -> SymbolRecord:
    """Return a record with what a source says; what it does not say stays as it was known."""
    roots = tuple(root for root, index in INDEX_ROOTS.items() if index.underlying == told.symbol) or (told.symbol,)
    base = known or SymbolRecord(
        symbol=told.symbol,
        name=told.name,
        kind=told.kind,
        tick_class=class_name(roots[0]),
        roots=roots,
        refreshed_at=now,
    )
    return replace(
        base,
        name=base.name if told.name == told.symbol else told.name,
        kind=base.kind if told.kind == "equity" else told.kind,  # which some sources say of funds, too
        currency=told.currency,
        sector=told.sector,
        benchmark=told.benchmark,
        exchange=told.exchange or base.exchange,
        conid=told.conid or base.conid,
        source=source,
        refreshed_at=now,
    )


def underlying_of(looked: LookUp) -> Underlying | None:
    """Return a look-up as the steps use it."""
    record = looked.record
    if looked.told is not None or record is None:
        return looked.told
    return Underlying(
        symbol=record.symbol,
        name=record.name,
        kind=record.kind,
        currency=record.currency,
        sector=record.sector,
        benchmark=record.benchmark or BENCHMARK,
    )


def look_up_symbols(desk: Desk, command: LookUpSymbols) -> tuple[FoundSymbol, ...]:
    """Look symbols up, remember what the source says, and return those that are known by anybody."""
    symbols = clean_symbols(command.symbols)
    if len(symbols) > BATCH_MAX:
        raise InvalidInput(f"{len(symbols)} symbols; {BATCH_MAX} at once", details={"part": "symbols"})
    now = desk.clock.now()
    looks = [_looked(desk, symbol, now) for symbol in symbols]
    found: list[FoundSymbol] = []
    with desk.store.unit_of_work() as uow:
        for symbol, looked in zip(symbols, looks, strict=True):
            # What ships is known, whether this source carries it or not.
            record = looked.record or uow.symbols.get(symbol)
            remember(uow, looked.counted, looked.told, desk.market.name, now)
            if record is not None:
                found.append(FoundSymbol(record=record, warning=looked.warning))
        uow.commit()
    return tuple(found)


def find_symbols(desk: Desk, command: FindSymbols) -> tuple[FoundSymbol, ...]:
    """Look up what a query may mean: the symbol that it is, and those that a source with a search finds."""
    query = command.query.strip()
    if not 0 < len(query) <= QUERY_MAX or not query.isprintable():  # what separates words on a wire stays off it
        raise InvalidInput(f"a search has 1 to {QUERY_MAX} characters that can be printed", details={"part": "query"})
    named = [canonical_symbol(query)]
    if isinstance(desk.market, SymbolSearch):
        try:
            named += desk.market.matching(query)
        except AnswerPending:  # the whole command is tried again when the answer is there
            raise
        except MarketDataUnavailable as error:
            log.warning("symbols_not_searched", source=desk.market.name, error=error.message)
    wanted = [symbol for symbol in dict.fromkeys(named) if SYMBOL.fullmatch(symbol)]
    return look_up_symbols(desk, LookUpSymbols(user_id=command.user_id, symbols=tuple(wanted))) if wanted else ()


def _looked(desk: Desk, symbol: str, now: datetime) -> LookUp:
    try:
        return look_up(desk, symbol, now)
    except AnswerPending:  # nothing was written: the whole command is tried again when the answer is there
        raise
    except MarketDataUnavailable as error:
        return LookUp(record=None, counted=FAILED, warning=error.message)
