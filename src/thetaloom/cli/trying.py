"""``strategy test``: what a strategy would select from a chain, expiration by expiration."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from thetaloom.cli.cases import as_instant, refuse, shown
from thetaloom.cli.output import emit, say, shown_instant, table, to_plain
from thetaloom.cli.words import legs_text, money_text, percent_text, price_text
from thetaloom.config import MarketSource, load_settings
from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.market.expirations import Expiration, list_expirations
from thetaloom.domain.market.rates import RateCurve
from thetaloom.domain.market.view import MarketView
from thetaloom.domain.strategy.hard_stops import Moment, sells_american
from thetaloom.domain.strategy.metrics import Metric
from thetaloom.domain.strategy.ranking import readings_of
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.reasons import Verdict
from thetaloom.errors import MarketDataUnavailable

if TYPE_CHECKING:
    from thetaloom.bootstrap import Platform
    from thetaloom.domain.strategy.selection import Selection

AFTER_OPEN = timedelta(minutes=35)  # the first half hour's quotes are too wide to tell anything


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trial:
    """What a strategy is tried on."""

    strategy: Strategy
    chain: OptionChain
    expirations: tuple[Expiration, ...]
    now: datetime
    rates: RateCurve
    dividend_yield: float
    view: MarketView
    readings: Mapping[Metric, Decimal]
    moment: Moment
    capital: Money | None
    shares_held: int | None
    relaxed: bool


def try_strategy(
    strategy: Strategy,
    *,
    symbol: str | None,
    at: str | None,
    market: str | None,
    capital: str | None,
    relaxed: bool,
    as_json: bool,
) -> None:
    """Try a strategy on the chain of one instant and print what it would do; nothing is stored."""
    with trial_market(market, at) as platform:
        name = (symbol or _any_symbol(strategy, platform)).upper()
        now = platform.clock.now()
        chain = platform.market.chain(name, now)
        if chain is None:
            raise MarketDataUnavailable(
                f"{platform.market.name} has no chain of {name} at {shown_instant(now)}",
                advice=f"It knows {', '.join(list(platform.market.symbols())[:10])}.",
            )
        trial = _trial(platform, strategy, chain, capital=capital, relaxed=relaxed)
        lines = [_line(trial, each) for each in trial.expirations]
    head = {"strategy": strategy.id, "symbol": name, "at": now, "spot": chain.spot, "synthetic": chain.synthetic}
    if as_json:
        emit({**head, "source": chain.source, "expirations": lines})
    else:
        _print(head, lines)


@contextmanager
def trial_market(market: str | None, at: str | None) -> "Iterator[Platform]":
    """Open a market of its own to try strategies on; nothing of it is kept."""
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


def _trial(
    platform: "Platform", strategy: Strategy, chain: OptionChain, *, capital: str | None, relaxed: bool
) -> _Trial:
    now, settings = platform.clock.now(), platform.desk.settings
    account = platform.desk.broker.account()
    expirations = list_expirations(chain, platform.desk.calendar, now)
    view = _view(platform, chain, expirations)
    today = platform.desk.calendar.exchange_date(now)
    return _Trial(
        strategy=strategy,
        chain=chain,
        expirations=expirations,
        now=now,
        rates=settings.rates,
        dividend_yield=settings.dividend_yield,
        view=view,
        readings=readings_of(view),
        # Whether the exchange is open does not matter to a trial, and its data are of its moment.
        moment=Moment(symbol=chain.underlying, today=today, has_short_american=False),
        capital=account.buying_power if capital is None else _money("capital", capital),
        shares_held=None if account.shares is None else account.shares.get(chain.underlying, 0),
        relaxed=relaxed,
    )


def _money(name: str, given: str) -> Money:
    try:
        return Money(given)
    except ValueError:
        refuse(name, f"{shown(given)} is no amount of dollars; write it like 25000")


def _view(platform: "Platform", chain: OptionChain, expirations: tuple[Expiration, ...]) -> MarketView:
    from thetaloom.engine.steps import compute_indicators

    desk, now = platform.desk, platform.clock.now()
    given = compute_indicators.inputs_of(platform.market, desk.calendar, desk.settings, chain, expirations, now)
    return compute_indicators.decide(given).view


def _line(trial: _Trial, expiration: Expiration) -> dict[str, Any]:
    from thetaloom.domain.strategy.selection import select_structure

    selection = select_structure(
        trial.strategy,
        trial.chain,
        trial.expirations,
        now=trial.now,
        rate=trial.rates.at(expiration.years),
        dividend_yield=trial.dividend_yield,
        tradeable_capital=trial.capital,
        readings=trial.readings,
        relaxed=trial.relaxed,
        front=expiration,
    )
    line: dict[str, Any] = {
        "expiration": expiration.expires_on,
        "root": expiration.root,
        "dte": expiration.dte,
        "legs": [leg.contract.notation for leg in selection.legs],
        "leg_names": selection.leg_names,
        "legs_text": legs_text(selection.legs),
        "reasons": selection.reasons,
        "verdict": _verdict(selection.verdict),
        "checks": [],
        "targets": [],
        "warnings": [],
    }
    if not selection.legs:
        # of one expiration alone: the leg that found no strike, or why the date itself does not do
        for refused in selection.rejections[:1]:
            line["verdict"] = {**_verdict(refused.verdict), "leg": refused.leg}
        return line
    return {**line, **_numbers(trial, selection, expiration)}


def _numbers(trial: _Trial, selection: "Selection", front: Expiration) -> dict[str, Any]:
    from thetaloom.domain.book.targets import target_orders, target_text
    from thetaloom.domain.strategy.cautions import cautions
    from thetaloom.domain.strategy.evaluation import evaluate_structure
    from thetaloom.domain.strategy.judging import judge_candidate

    strategy = trial.strategy
    evaluation = evaluate_structure(
        selection.legs,
        trial.chain,
        now=trial.now,
        expirations=trial.expirations,
        rate=trial.rates.at(front.years),
        dividend_yield=trial.dividend_yield,
        quote_age_max=timedelta(seconds=strategy.liquidity.quote_age_seconds_max),
        names=selection.leg_names,
        shares=strategy.shares,
    )
    judged = judge_candidate(
        strategy,
        evaluation,
        trial.view,
        replace(trial.moment, has_short_american=sells_american(selection.legs)),
        trial.readings,
        shares_held=trial.shares_held,
        forced=trial.relaxed,
    )
    targets = target_orders(evaluation, strategy)
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
        "reasons": (*selection.reasons, *map(target_text, targets)),
        "targets": [
            {
                "name": target.name,
                "legs": [leg.notation for leg in target.legs],
                "quantity": target.quantity,
                "percent": target.percent,
                "entry_credit": target.entry_credit,
                "limit_price": target.limit_price,
            }
            for target in targets
        ],
        "verdict": _verdict(judged.verdict),
        "checks": [to_plain(check) for check in judged.checks],
        "score": judged.score,
        "warnings": cautions(strategy, evaluation, front),
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
        reasons = [reason for reason in line["reasons"] if not reason.startswith("expiration:")]
        return "\n".join([*reasons, *(f"warning: {warning}" for warning in line["warnings"])])
    failed = [
        f"{check['name']}: {check['value']}, allowed {check['limit']}, {check['distance']} from a yes"
        for check in line["checks"]
        if check["verdict"]["answer"] != "allow"
    ]
    numbers = ", ".join(f"{name} {fact}" for name, fact in verdict["facts"].items())
    leg = f"{verdict['leg']}: " if verdict.get("leg") else ""
    return "\n".join(failed) or f"{leg}{verdict['reason']} ({numbers})"
