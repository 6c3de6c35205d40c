"""``strategy test``: what a strategy would select from a chain, expiration by expiration or for wished DTE."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from thetaloom.cli.cases import as_instant, refuse, shown
from thetaloom.cli.output import emit, say, shown_instant
from thetaloom.config import MarketSource, Settings, load_settings
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import MarketDataUnavailable

if TYPE_CHECKING:
    from thetaloom.bootstrap import Platform
    from thetaloom.domain.strategy.ranking import MarketState
    from thetaloom.engine.trial import Trial

AFTER_OPEN = timedelta(minutes=35)  # the first half hour's quotes are too wide to tell anything
DTE_LIST = re.compile(r"\d{1,4}(,\d{1,4})*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a strategy is to be tried on, as the command line says it."""

    symbol: str | None
    at: str | None
    market: str | None
    chain: Path | None
    dte: str | None
    capital: str | None
    relaxed: bool


def try_strategy(strategy: Strategy, asked: Asked, *, as_json: bool) -> None:
    """Try a strategy on the chain of one instant and print what it would do; nothing is stored."""
    from thetaloom.cli.trials_text import print_trials
    from thetaloom.engine.trial import trial_record, try_expirations, try_wishes

    wishes = None if asked.dte is None else _wishes(asked.dte)
    with _opened(strategy, asked) as state:
        if asked.capital is not None:
            state = replace(state, tradeable_capital=_money("capital", asked.capital))
        if wishes is None:
            trials = try_expirations(strategy, state, relaxed=asked.relaxed)
        else:
            trials = try_wishes(strategy, state, wishes, relaxed=asked.relaxed)
    if as_json:
        head = _head(strategy, state)
        records = [trial_record(trial) for trial in trials]
        emit({**head, "summary": _summary(trials), "expirations" if wishes is None else "samples": records})
        return
    made = " [yellow](synthetic: made by a seed)[/]" if state.chain.synthetic else ""
    name, symbol = strategy.id, state.chain.underlying
    say(f"[bold]{name}[/] on {symbol} at {shown_instant(state.now)}, spot {state.chain.spot or 'unknown'}{made}")
    print_trials(strategy, trials)


def _head(strategy: Strategy, state: "MarketState") -> dict[str, Any]:
    chain = state.chain
    return {
        "strategy": strategy.id,
        "symbol": chain.underlying,
        "at": state.now,
        "spot": chain.spot,
        "synthetic": chain.synthetic,
        "source": chain.source,
    }


def _summary(trials: "Sequence[Trial]") -> dict[str, Any]:
    valid = [trial for trial in trials if trial.is_valid]
    return {
        "tried": len(trials),
        "valid": len(valid),
        "valid_dte": [trial.front.dte if trial.wish is None and trial.front else trial.wish for trial in valid],
    }


@contextmanager
def _opened(strategy: Strategy, asked: Asked) -> "Iterator[MarketState]":
    if asked.chain is not None:
        if asked.market is not None:
            refuse("market", "stands beside --chain, which is a market of its own; give one of the two")
        from thetaloom.bootstrap import read_stored_market

        symbol = canonical_symbol(asked.symbol) if asked.symbol else None
        at = _instant(asked.at)
        yield read_stored_market(load_settings(), asked.chain, symbol=symbol, preferred=strategy.symbols, at=at)
        return
    from thetaloom.engine.trial import read_desk

    with trial_market(asked.market, asked.at) as platform:
        name = canonical_symbol(asked.symbol or _any_symbol(strategy, platform))
        if platform.market.chain(name, platform.clock.now()) is None:
            raise MarketDataUnavailable(
                f"{platform.market.name} has no chain of {name} at {shown_instant(platform.clock.now())}",
                advice=f"It knows {', '.join(list(platform.market.symbols())[:10])}.",
            )
        yield read_desk(platform.desk, platform.user_id, name)


@contextmanager
def trial_market(market: str | None, at: str | None) -> "Iterator[Platform]":
    """Open a market of its own to try strategies on; nothing of it is kept."""
    from thetaloom.bootstrap import open_demo

    asked, start = load_settings(market=market), _instant(at)
    with TemporaryDirectory(prefix="thetaloom-test-") as home, open_demo(_own(asked, home), start=start) as platform:
        if start is None:
            _pass_the_opening(platform)
        yield platform


def _own(asked: Settings, home: str) -> Settings:
    return load_settings(database_url=f"sqlite:///{home}/thetaloom.db", market=asked.market)


def _instant(at: str | None) -> datetime | None:
    start = None if at is None else as_instant("at", at)
    if start is not None and not isinstance(start, datetime):
        refuse("at", f"{shown(at)} has no time of day; write it like 2015-12-24T15:05:00Z")
    return start


def _pass_the_opening(platform: "Platform") -> None:
    from thetaloom.marketdata.clocks import VirtualClock

    now = platform.clock.now()
    session = platform.desk.calendar.session_at(now)
    if isinstance(platform.clock, VirtualClock) and session is not None and now < session.open_at + AFTER_OPEN:
        platform.clock.move_to(now + AFTER_OPEN)


def _any_symbol(strategy: Strategy, platform: "Platform") -> str:
    known = platform.market.symbols()
    named = [symbol for symbol in strategy.symbols if symbol in known]
    is_recorded = platform.settings.market is MarketSource.RECORDED
    return named[0] if named else known[0] if is_recorded or not strategy.symbols else strategy.symbols[0]


def _money(name: str, given: str) -> Money:
    try:
        return Money(Decimal(given))
    except (ArithmeticError, ValueError):
        refuse(name, f"{shown(given)} is no amount of dollars; write it like 25000")


def _wishes(given: str) -> list[int]:
    from thetaloom.engine.trial import WISHES, refuse_wishes

    if given.strip().lower() == "all":
        return list(WISHES)
    text = given.replace(" ", "")
    if not DTE_LIST.fullmatch(text):
        refuse("dte", f"{shown(given)} is no list of days like 0,7,14,21,30,45,60")
    wishes = [int(part) for part in text.split(",")]
    refuse_wishes(wishes)
    return wishes
