"""``doctor``: is this machine fit to trade, in plain words."""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from thetaloom import __version__
from thetaloom.broker_parts import is_new_home
from thetaloom.cli.access import lives
from thetaloom.cli.doctor_live import (
    Finding,
    connections,
    gate_findings,
    gates_before_settings,
    gates_before_signing_in,
    setup_findings,
)
from thetaloom.cli.output import EXIT_FAILED, JsonOption, emit, say, shown_instant, table
from thetaloom.cli.words import money_text
from thetaloom.config import PAPER_BROKER, MarketSource, Settings, load_settings
from thetaloom.domain.strategy.hard_stops import needs_bars, needs_events
from thetaloom.errors import ConfigError, NotAllowed, StoreUnavailable, ThetaloomError, Unavailable
from thetaloom.ports.market_data import ReplayedMarket
from thetaloom.store.halt_files import FOLDER, HaltFiles

if TYPE_CHECKING:
    from thetaloom.bootstrap import Platform

PYTHON_MIN = (3, 11)
PROBE = "SPY"  # every source of chains has it
DISK_BYTES_MIN = 500 * 2**20
CALENDAR_AHEAD = timedelta(days=365)


def doctor(as_json: JsonOption = False) -> None:
    """Check this installation: settings, disk, kernels, database, market, limits, broker; exit code 1 for a no."""
    findings = _findings()
    is_well = all(finding.is_well for finding in findings)
    if as_json:
        emit({"well": is_well, "version": __version__, "findings": findings})
    else:
        rows = ((each.name, "well" if each.is_well else "NOT WELL", each.found, each.advice) for each in findings)
        table(f"thetaloom {__version__}", ("what", "is", "found", "do"), rows)
        say("[green]all is well[/]" if is_well else "[bold red]something needs you[/], see the last column")
    if not is_well:
        raise typer.Exit(EXIT_FAILED)


def _findings() -> list[Finding]:
    findings = [_python()]
    try:
        settings = load_settings()
    except ThetaloomError as error:
        broken = Finding(name="settings", is_well=False, found=error.message, advice=error.advice)
        return [*findings, broken, *gates_before_settings(error)]
    findings += [
        Finding(name="settings", is_well=True, found=f"{settings.mode.value} mode, home {settings.home_folder}"),
        _asked("disk", lambda: _disk(settings)),
        _asked("kernels", lambda: _kernels(settings)),
    ]
    setup = setup_findings(settings)
    if not all(finding.is_well for finding in setup):
        return [*findings, *setup, _flags(settings), *gates_before_signing_in(settings)]
    return findings + setup + _of_platform(settings)


def _of_platform(settings: Settings) -> list[Finding]:
    from thetaloom.cli.access import opened

    try:
        with opened(chooses=False) as platform:
            looks: dict[str, Callable[[Platform], Finding]] = {
                "database": _database,
                "calendar": _calendar,
                "clock": _clock,
                "market": _market,
                "market facts": _market_facts,
                "halts": _halts,
                "risk limits": _risk_limits,
                "broker": _broker,
                "connections": connections,
                "first user": _first_user,
            }
            found = [_asked(name, lambda look=look: look(platform)) for name, look in looks.items()]  # type: ignore[misc]  # mypy does not infer a lambda with a default
            return found + gate_findings(platform)
    except ThetaloomError as error:
        broken = Finding(name=_who_fails(settings, error), is_well=False, found=error.message, advice=error.advice)
        return [broken, _flags(settings), *gates_before_signing_in(settings)]


def _who_fails(settings: Settings, error: ThetaloomError) -> str:
    is_told_by_broker = isinstance(error, ConfigError | NotAllowed | Unavailable) and not isinstance(
        error, StoreUnavailable
    )
    return "broker" if settings.broker != PAPER_BROKER and is_told_by_broker else "database"


def _flags(settings: Settings) -> Finding:
    if not (settings.home_folder / FOLDER).exists() and is_new_home(settings):
        return _halted({})  # the flags come with the first start
    flags = HaltFiles(settings.home_folder / FOLDER).raised()  # they need no database
    return _halted({scope: halt.reason for scope, halt in flags.items()})


def _first_user(platform: "Platform") -> Finding:
    from thetaloom.store.queries.people import has_password, list_people

    people = len(list_people(platform.database))
    if has_password(platform.database, platform.user_id):
        return Finding(name="first user", is_well=True, found=f"has a password; {people} in all")
    found = "has no password yet; `thetaloom up` prints the link to choose one"
    return Finding(name="first user", is_well=True, found=found)


def _asked(name: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except ThetaloomError as error:
        return Finding(name=name, is_well=False, found=error.message, advice=error.advice)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        name="python",
        is_well=sys.version_info >= PYTHON_MIN,
        found=version,
        advice="" if sys.version_info >= PYTHON_MIN else "Install Python 3.11 or newer.",
    )


def _disk(settings: Settings) -> Finding:
    settings.home_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    free = shutil.disk_usage(settings.home_folder).free
    is_enough = free >= DISK_BYTES_MIN
    return Finding(
        name="disk",
        is_well=is_enough,
        found=f"{free / 2**30:.1f} GB free",
        advice="" if is_enough else "Make room: a full disk stops new risk.",
    )


def _kernels(settings: Settings) -> Finding:
    folder = Path(os.environ.get("NUMBA_CACHE_DIR", str(settings.home_folder / f"kernels-{__version__}")))
    if importlib.util.find_spec("numba") is None:
        return Finding(name="kernels", is_well=False, found="numba is not installed", advice="Run `make env`.")
    cached = len(list(folder.rglob("*.nbc"))) if folder.is_dir() else 0
    found = f"{cached} compiled in {folder}" if cached else "not compiled yet: the first price takes some seconds"
    return Finding(name="kernels", is_well=True, found=found)


def _risk_limits(platform: "Platform") -> Finding:
    from thetaloom.engine.limit_faults import unread_limits

    faults = unread_limits(platform.desk)
    return Finding(
        name="risk limits",
        is_well=not faults,
        found="; ".join(faults) or "every configured limit is read by a check",
        advice="Start the version of Thetaloom that set it: a limit that nothing reads protects nobody."
        if faults
        else "",
    )


def _database(platform: "Platform") -> Finding:
    from thetaloom.store.upgrading import revisions, schema_version

    version, newest = schema_version(platform.database), revisions()[-1]
    kind = "SQLite" if platform.database.is_sqlite else "PostgreSQL"
    return Finding(
        name="database",
        is_well=version == newest,
        found=f"{kind}, schema {version}",
        advice="" if version == newest else "Run `thetaloom db upgrade`.",
    )


def _calendar(platform: "Platform") -> Finding:
    calendar = platform.desk.calendar
    covers = platform.clock.now().date() + CALENDAR_AHEAD <= calendar.last_on
    return Finding(
        name="calendar",
        is_well=covers,
        found=f"{calendar.exchange} from {calendar.first_on} to {calendar.last_on}",
        advice="" if covers else "Upgrade Thetaloom: its calendar ends too soon.",
    )


def _clock(platform: "Platform") -> Finding:
    from thetaloom.bootstrap import read_pulse

    pulse = read_pulse(platform.database)
    now = shown_instant(platform.clock.now())
    if pulse is None:
        return Finding(name="clock", is_well=True, found=f"the market's clock is at {now}; no server ran yet")
    if lives(pulse):
        found = f"a server runs (process {pulse.process}, speed {pulse.speed:g}); the market's clock is at {now}"
    else:
        found = f"no server runs; the market's clock stands at {now}"
    return Finding(name="clock", is_well=True, found=found)


def _market(platform: "Platform") -> Finding:
    market, now = platform.market, platform.clock.now()
    symbols = market.symbols()
    if platform.settings.market is MarketSource.CBOE:
        market.spot(PROBE, now)  # raises where Cboe does not answer
    goes_on = not isinstance(market, ReplayedMarket) or market.next_change(now) is not None
    return Finding(
        name="market",
        is_well=goes_on and (bool(symbols) or not isinstance(market, ReplayedMarket)),
        found=f"{market.name}: {f'{len(symbols)} symbols' if symbols else 'symbols are asked for one by one'}, "
        f"{'quotes go on' if goes_on else 'no more quotes'}",
        advice="" if goes_on else "The recording has ended: use another one, or THETALOOM_MARKET=synthetic.",
    )


def _market_facts(platform: "Platform") -> Finding:
    with platform.store.reading() as uow:
        active = [stored.strategy for stored in uow.strategies.all_latest(platform.user_id) if stored.strategy.active]
    stops = [strategy.hard_stops for strategy in active if strategy.hard_stops is not None]
    settings = platform.settings
    missing = []
    bars = sum(needs_bars(each) for each in stops)
    events = sum(needs_events(each) for each in stops)
    if settings.market is MarketSource.RECORDED and bars and not settings.history_files:
        missing.append(f"history_files, which the hard stops of {bars} strategies need")
    # A broker tells the next dates of some symbols at best.
    if settings.market is not MarketSource.SYNTHETIC and events and not settings.events_file:
        missing.append(f"events_file, which the hard stops of {events} strategies need")
    return Finding(
        name="market facts",
        is_well=True,  # without them those strategies deny, and say so; nothing else suffers
        found=f"not set: {'; '.join(missing)}" if missing else "the source carries what hard stops look at",
        advice="Set them if those strategies shall trade: what is not known denies." if missing else "",
    )


def _halts(platform: "Platform") -> Finding:
    from thetaloom.engine.last_gate import halts_now

    with platform.store.unit_of_work() as uow:
        return _halted(halts_now(platform.desk, uow))


def _halted(halts: Mapping[str, str]) -> Finding:
    words = ", ".join(f"{scope} ({reason})" for scope, reason in halts.items())
    return Finding(
        name="halts",
        is_well=not halts,
        found=f"halted: {words}" if halts else "nothing is halted",
        advice="Lift it with `thetaloom resume` once the cause is gone." if halts else "",
    )


def _broker(platform: "Platform") -> Finding:
    from thetaloom.engine.reconcile import find_drifts

    drifts = find_drifts(platform.desk)
    account = platform.broker.account()
    books = "books agree" if not drifts else f"{len(drifts)} contracts differ"
    return Finding(
        name="broker",
        is_well=not drifts,
        found=f"{platform.broker.name}, account {account.account_id}, cash {money_text(account.cash)}, {books}",
        advice="Run `thetaloom reconcile`." if drifts else "",
    )
