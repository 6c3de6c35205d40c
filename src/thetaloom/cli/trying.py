"""``strategy test``: what a strategy would select from a chain, expiration by expiration."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from thetaloom.cli.cases import as_instant, refuse, shown
from thetaloom.cli.output import emit, say, shown_instant, table, to_plain
from thetaloom.cli.words import legs_text, money_text, percent_text, price_text
from thetaloom.config import MarketSource, load_settings
from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration, list_expirations
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.reasons import Verdict
from thetaloom.errors import MarketDataUnavailable

if TYPE_CHECKING:
    from thetaloom.bootstrap import Platform

AFTER_OPEN = timedelta(minutes=35)  # the first half hour's quotes are too wide to tell anything


def try_strategy(strategy: Strategy, *, symbol: str | None, at: str | None, market: str | None, as_json: bool) -> None:
    """Try a strategy on the chain of one instant and print what it would do; nothing is stored."""
    with _market(market, at) as platform:
        name = (symbol or _any_symbol(strategy, platform)).upper()
        now = platform.clock.now()
        chain = platform.market.chain(name, now)
        if chain is None:
            raise MarketDataUnavailable(
                f"{platform.market.name} has no chain of {name} at {shown_instant(now)}",
                advice=f"It knows {', '.join(list(platform.market.symbols())[:10])}.",
            )
        expirations = list_expirations(chain, platform.desk.calendar, now)
        lines = [_line(platform, strategy, chain, expirations, each) for each in expirations]
    head = {"strategy": strategy.id, "symbol": name, "at": now, "spot": chain.spot, "synthetic": chain.synthetic}
    if as_json:
        emit({**head, "source": chain.source, "expirations": lines})
    else:
        _print(head, lines)


@contextmanager
def _market(market: str | None, at: str | None) -> "Iterator[Platform]":
    from thetaloom.bootstrap import open_demo

    asked = load_settings(market=market)
    start = None if at is None else as_instant("at", at)
    if start is not None and not isinstance(start, datetime):
        refuse("at", f"{shown(at)} has no time of day; write it like 2015-12-24T15:05:00Z")
    with TemporaryDirectory(prefix="thetaloom-test-") as home:
        own = {"database_url": f"sqlite:///{home}/thetaloom.db", "market": asked.market.value}
        settings = load_settings(**own)
        with open_demo(settings, start=start) as platform:
            if start is None:
                _pass_the_opening(platform)
            yield platform


def _pass_the_opening(platform: "Platform") -> None:
    from thetaloom.marketdata.clocks import VirtualClock

    if isinstance(platform.clock, VirtualClock):
        platform.clock.move_to(platform.clock.now() + AFTER_OPEN)


def _any_symbol(strategy: Strategy, platform: "Platform") -> str:
    known = platform.market.symbols()
    named = [symbol for symbol in strategy.symbols if symbol in known]
    is_recorded = platform.settings.market is MarketSource.RECORDED
    return named[0] if named else known[0] if is_recorded or not strategy.symbols else strategy.symbols[0]


def _line(
    platform: "Platform",
    strategy: Strategy,
    chain: OptionChain,
    expirations: tuple[Expiration, ...],
    expiration: Expiration,
) -> dict[str, Any]:
    from thetaloom.domain.strategy.selection import select_structure

    now, settings = platform.clock.now(), platform.desk.settings
    rate = settings.rates.at(expiration.years)
    selection = select_structure(
        strategy, chain, (expiration,), now=now, rate=rate, dividend_yield=settings.dividend_yield
    )
    line: dict[str, Any] = {
        "expiration": expiration.expires_on,
        "root": expiration.root,
        "dte": expiration.dte,
        "legs": [leg.contract.notation for leg in selection.legs],
        "legs_text": legs_text(selection.legs),
        "reasons": selection.reasons,
        "verdict": _verdict(selection.verdict),
        "checks": [],
    }
    if not selection.legs:
        # of one expiration alone: the leg that found no strike, or why the date itself does not do
        for refused in selection.rejections[:1]:
            line["verdict"] = {**_verdict(refused.verdict), "leg": refused.leg}
        return line
    return {**line, **_numbers(platform, strategy, chain, expirations, selection.legs)}


def _numbers(
    platform: "Platform", strategy: Strategy, chain: OptionChain, expirations: tuple[Expiration, ...], legs: Any
) -> dict[str, Any]:
    from thetaloom.domain.strategy.candidate_checks import check_candidate
    from thetaloom.domain.strategy.evaluation import evaluate_structure
    from thetaloom.engine.steps import compute_indicators

    now, settings = platform.clock.now(), platform.desk.settings
    held = {(leg.contract.root, leg.contract.expires_on) for leg in legs}
    lives = [one.years for one in expirations if (one.root, one.expires_on) in held]
    evaluation = evaluate_structure(
        legs,
        chain,
        now=now,
        expirations=expirations,
        rate=settings.rates.at(min(lives)),
        dividend_yield=settings.dividend_yield,
        quote_age_max=timedelta(seconds=strategy.liquidity.quote_age_seconds_max),
    )
    today = platform.desk.calendar.exchange_date(now)
    first_on = today - timedelta(days=compute_indicators.HISTORY_DAYS)
    bars = platform.market.history(chain.underlying, first_on, today)
    indicators = compute_indicators.decide(
        compute_indicators.Inputs(
            chain=chain,
            expirations=expirations,
            closes=tuple(round(bar.close, 6) for bar in bars),
            rate=settings.rates.at(compute_indicators.IV_DAYS / 365),
            dividend_yield=settings.dividend_yield,
            now=now,
        )
    )
    verdict, checks = check_candidate(evaluation, strategy, dict(indicators.metrics))
    return {
        "structure": evaluation.structure_name,
        "mid_price": evaluation.mid_price,
        "natural_price": evaluation.natural_price,
        "max_profit": evaluation.max_profit,
        "max_loss": evaluation.max_loss,
        "breakevens": evaluation.breakevens,
        "pop": evaluation.pop,
        "p50": evaluation.p50,
        "touches": [to_plain(touch) for touch in evaluation.touches],
        "expected_value": evaluation.expected_value,
        "net_delta": evaluation.net_delta,
        "verdict": _verdict(verdict),
        "checks": [to_plain(check) for check in checks],
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    reason = verdict.reason
    return {
        "answer": verdict.answer.value,
        "reason": reason.value if reason else None,
        "text": reason.text if reason else None,
        "facts": dict(verdict.facts),
    }


def _print(head: dict[str, Any], lines: list[dict[str, Any]]) -> None:
    made = " [yellow](synthetic: made by a seed)[/]" if head["synthetic"] else ""
    say(
        f"[bold]{escape(head['strategy'])}[/] on {escape(head['symbol'])} at {shown_instant(head['at'])}, "
        f"spot {head['spot']}{made}"
    )
    names = ("expiration", "DTE", "answer", "legs", "mid", "natural", "max loss", "POP", "why")
    rows = (
        (
            str(line["expiration"]),
            line["dte"],
            line["verdict"]["answer"],
            line["legs_text"],
            price_text(line["mid_price"]) if "mid_price" in line else None,
            price_text(line["natural_price"]) if "natural_price" in line else None,
            money_text(line["max_loss"], absent="unlimited") if "max_loss" in line else None,
            percent_text(line["pop"]) if "pop" in line else None,
            _why(line),
        )
        for line in lines
    )
    table("", names, rows)


def _why(line: dict[str, Any]) -> str:
    verdict = line["verdict"]
    if verdict["answer"] == "allow":
        return "\n".join(reason for reason in line["reasons"] if not reason.startswith("expiration:"))
    failed = [
        f"{check['name']}: {check['value']}, allowed {check['limit']}, {check['distance']} from a yes"
        for check in line["checks"]
        if check["verdict"]["answer"] != "allow"
    ]
    numbers = ", ".join(f"{name} {fact}" for name, fact in verdict["facts"].items())
    leg = f"{verdict['leg']}: " if verdict.get("leg") else ""
    return "\n".join(failed) or f"{leg}{verdict['reason']} ({numbers})"
