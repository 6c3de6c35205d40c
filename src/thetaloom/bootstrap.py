"""The only place that chooses real parts: which market, which broker, which clock, which database."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from sqlalchemy import func, select

from thetaloom import __version__
from thetaloom.brokers.paper.broker import PaperBroker
from thetaloom.brokers.paper.settings import read_shares
from thetaloom.charts.painter import AsidePainter, InlinePainter
from thetaloom.config import MarketSource, Settings
from thetaloom.dispatch.aside import AsideProcess
from thetaloom.dispatch.embedded import EmbeddedDispatch
from thetaloom.dispatch.workers import is_gone, name_worker
from thetaloom.domain.market.indicators import IV_DAYS
from thetaloom.domain.strategy.ranking import MarketState
from thetaloom.domain.values.calendar import DAYS_PER_YEAR
from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.people import Role
from thetaloom.engine.desk import Desk, EngineSettings
from thetaloom.engine.engine import Engine
from thetaloom.engine.loop import EngineLoop
from thetaloom.engine.trial import read_trial_market
from thetaloom.errors import ConfigError
from thetaloom.llm_parts import analysts_of
from thetaloom.market_parts import catch_up, market_clock, market_of
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, load_calendar, read_table
from thetaloom.marketdata.clocks import PacedClock, SystemClock
from thetaloom.marketdata.recorded.looking import recorded_chains as recorded_chains
from thetaloom.marketdata.recorded.stored import Known, open_stored_chain
from thetaloom.paper_parts import PAPER_ACCOUNT as PAPER_ACCOUNT
from thetaloom.paper_parts import paper_books as paper_books
from thetaloom.paper_parts import paper_settings, paper_url
from thetaloom.ports.clock import Clock
from thetaloom.ports.dispatch import Lane
from thetaloom.ports.market_data import ReplayedMarket
from thetaloom.pulses import Pulse as Pulse
from thetaloom.pulses import put_pulse
from thetaloom.pulses import read_pulse as read_pulse
from thetaloom.store.catalogue import load_catalogue
from thetaloom.store.database import Database, open_database
from thetaloom.store.destination_urls import FOLDER as URLS_FOLDER
from thetaloom.store.destination_urls import DestinationUrls
from thetaloom.store.evidence import ParquetChainCodec
from thetaloom.store.halt_files import FOLDER, HaltFiles
from thetaloom.store.prompt_catalogue import give_prompts
from thetaloom.store.schema import events, lineage, runs, users
from thetaloom.store.source_secrets import FOLDER as SECRETS_FOLDER
from thetaloom.store.source_secrets import SourceSecrets
from thetaloom.store.statements import insert_or_skip
from thetaloom.store.symbol_seeds import completed, shipped_symbols
from thetaloom.store.unit_of_work import SqlStore
from thetaloom.store.upgrading import upgrade
from thetaloom.store.vault import Vault

LOCAL_USER = UserId("local")  # the one user until accounts exist
PULSE_SECONDS = 5.0
CommitHook = Callable[[Literal["before", "after"]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Everything of one process, put together."""

    settings: Settings
    database: Database
    store: SqlStore
    broker: PaperBroker
    market: ReplayedMarket
    clock: Clock
    desk: Desk
    engine: Engine
    user_id: UserId
    source_secrets: SourceSecrets

    @property
    def destination_urls(self) -> DestinationUrls:
        """Where messages go: files of the owner's alone."""
        return DestinationUrls(self.settings.home_folder / URLS_FOLDER)

    @property
    def vault(self) -> Vault:
        """What is kept encrypted, under this home's keys."""
        keys = self.settings.secret_keys
        return Vault(self.settings.home_folder, None if keys is None else keys.get_secret_value())

    @property
    def wall(self) -> Clock:
        """The wall's clock, by whose days money is spent on models."""
        return SystemClock()

    def close(self) -> None:
        """Give the connections back."""
        if self.desk.painter is not None:
            self.desk.painter.close()
        if self.desk.aside is not None:
            self.desk.aside.close()
        self.broker.close()
        self.database.close()


def prepare_home(settings: Settings) -> None:
    """Make the folder that everything is written to, readable by its owner only."""
    settings.home_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    HaltFiles(settings.home_folder / FOLDER).prepare()
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")  # polars gives memory back
    os.environ.setdefault("NUMBA_CACHE_DIR", str(settings.home_folder / f"kernels-{__version__}"))


@contextmanager
def open_platform(settings: Settings, *, on_commit: CommitHook | None = None) -> Iterator[Platform]:
    """Put a platform together for one command: its clock stands where the server's is, or where it was left."""
    prepare_home(settings)
    database = open_database(settings.database, on_commit)
    upgrade(database)
    pulse = read_pulse(database)
    settings = with_its_market(settings, pulse)
    start = pulse.now if pulse is not None else None
    platform = build(settings, database, start=start, clock_kind="virtual", on_commit=on_commit)
    try:
        yield platform
        if pulse is None or not pulse.is_fresh:
            write_pulse(platform, alive=False)
    finally:
        platform.close()


def build(
    settings: Settings,
    database: Database,
    *,
    start: datetime | None,
    clock_kind: Literal["virtual", "paced"],
    on_commit: CommitHook | None = None,
    minutes_per_change: int = 1,
) -> Platform:
    """Choose the parts. ``start`` is where the market's clock begins; ``None`` lets the market say.

    It never begins before the newest instant in the books: what happened stays in the past.
    """
    calendar = load_calendar(today=SystemClock().now().date(), cache_dir=settings.home_folder)
    clock = market_clock(settings, calendar, start, clock_kind, minutes_per_change)
    market = market_of(settings, calendar, clock, minutes_per_change)
    broker = PaperBroker(
        database_url=paper_url(settings),
        settings=paper_settings(settings),
        market=market,
        clock=clock,
        calendar=calendar,
        on_commit=on_commit,
    )
    catch_up(clock, last_instant(database, broker))
    store = SqlStore(database)
    caps = {Lane.EVALUATION: settings.evaluations_max, Lane.EXECUTION: settings.executions_max, Lane.CARE: None}
    desk = Desk(
        store=store,
        market=market,
        broker=broker,
        halts=HaltFiles(settings.home_folder / FOLDER),
        clock=clock,
        calendar=calendar,
        dispatch=EmbeddedDispatch(database, runs, owner=name_worker(), caps=caps, is_gone=is_gone),
        codec=ParquetChainCodec(),
        code_version=__version__,
        settings=_engine_settings(settings),
        analysts=analysts_of(settings, database, SystemClock(), aside=clock_kind == "paced"),
        painter=AsidePainter() if clock_kind == "paced" else InlinePainter(),
        aside=AsideProcess() if clock_kind == "paced" else None,
    )
    platform = Platform(
        settings=settings,
        database=database,
        store=store,
        broker=broker,
        market=market,
        clock=clock,
        desk=desk,
        engine=Engine(desk, broker),
        user_id=LOCAL_USER,
        source_secrets=SourceSecrets(settings.home_folder / SECRETS_FOLDER),
    )
    _first_rows(platform)
    return platform


def engine_loop(platform: Platform, on_failure: Callable[[], None] = lambda: None) -> EngineLoop:
    """Make the engine's thread for a server on a paced clock; ``on_failure`` is called if it ever ends by a fault."""
    keeper = _PulseKeeper(platform)
    _prepare_painter(platform)
    return EngineLoop(platform.engine, seconds_until=keeper.seconds_until, each_turn=keeper.keep, on_failure=on_failure)


def with_its_market(settings: Settings, pulse: Pulse | None) -> Settings:
    """Return the settings with the market that this home has lived in; a home never changes its world.

    Raises ``ConfigError`` when another market or seed is asked for by name.
    """
    if pulse is None:
        return settings
    lived_in = {"market": MarketSource(pulse.market), "seed": pulse.seed}
    asked = {name: getattr(settings, name) for name in lived_in if name in settings.model_fields_set}
    other = {name: wanted for name, wanted in asked.items() if wanted != lived_in[name]}
    if other:
        raise ConfigError(
            f"{settings.home_folder} has lived in the {pulse.market} market of seed {pulse.seed}, "
            f"and its positions belong there; asked for was {', '.join(f'{n} {w}' for n, w in other.items())}",
            advice="Set another THETALOOM_HOME for another market.",
            details={name: str(wanted) for name, wanted in other.items()},
        )
    return settings.model_copy(update=lived_in)


def last_instant(database: Database, broker: PaperBroker) -> datetime | None:
    """Return the newest instant that our books or the broker's know of; ``None`` while both are empty."""
    pulse = read_pulse(database)
    with database.connect() as connection:
        known = [
            connection.scalar(select(func.max(runs.c.updated_at))),
            connection.scalar(select(lineage.c.started_at).order_by(lineage.c.id.desc()).limit(1)),
            connection.scalar(select(events.c.happened_at).order_by(events.c.sequence.desc()).limit(1)),
        ]
    known += [broker.last_report_at(), None if pulse is None else pulse.at]
    return max((instant for instant in known if instant is not None), default=None)


def write_pulse(platform: Platform, *, alive: bool = True) -> None:
    """Write where the market's clock stands, for other processes and for the next start."""
    put_pulse(platform.database, platform.settings, platform.clock.now(), alive=alive)


def _prepare_painter(platform: Platform) -> None:
    with platform.store.reading() as seen:
        saved = seen.strategies.all_latest(platform.user_id)
    is_wanted = any(one.strategy.active and one.strategy.analysis is not None for one in saved)
    if is_wanted and platform.desk.painter is not None:
        platform.desk.painter.prepare()


class _PulseKeeper:
    """Writes the pulse now and then, and lets closed hours of a replayed market pass at once."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._written: datetime | None = None

    def seconds_until(self, at: datetime) -> float:
        return (at - self._platform.clock.now()).total_seconds() / self._platform.settings.speed

    def keep(self) -> None:
        self._skip_closed_hours()
        wall = SystemClock().now()
        if self._written is None or (wall - self._written).total_seconds() >= PULSE_SECONDS:
            self._written = wall
            write_pulse(self._platform)

    def _skip_closed_hours(self) -> None:
        clock, desk = self._platform.clock, self._platform.desk
        if not isinstance(clock, PacedClock) or desk.calendar.is_open(clock.now()):
            return
        next_change = self._platform.market.next_change(clock.now())
        scheduled = self._platform.engine.scheduled_at  # what is due in closed hours is due on time
        if next_change is not None:
            clock.skip_to(next_change if scheduled is None else max(clock.now(), min(next_change, scheduled)))


def _engine_settings(settings: Settings) -> EngineSettings:
    return EngineSettings(
        rates=settings.rate_curve,
        dividend_yield=settings.dividend_yield,
        fee_per_contract=Money(settings.fee_per_contract),
        data_age_seconds_max=settings.data_age_seconds_max,
        approved_age_seconds_max=settings.approved_age_seconds_max,
        imbalance_policy=settings.imbalance_policy,
        assignment_policy=settings.assignment_policy,
        penny_classes=tuple(filter(None, settings.penny_classes.split(","))),
        adopt=settings.adopt,
        prompt_language=settings.llm_language,
    )


def _first_rows(platform: Platform) -> None:
    now = platform.clock.now()
    with platform.store.unit_of_work() as uow, platform.database.begin() as connection:  # one transaction
        known = connection.scalar(select(users.c.id).where(users.c.id == LOCAL_USER))
        if known is None:
            row = {"id": LOCAL_USER, "name": "local", "role": Role.ADMIN, "created_at": now}
            connection.execute(insert_or_skip(platform.database, users), row)
        uow.accounts.ensure(PAPER_ACCOUNT, LOCAL_USER, platform.broker.name, is_live=False)
        if known is None:  # once: a default that the user deleted or changed stays so
            for strategy in load_catalogue():
                uow.strategies.save(LOCAL_USER, strategy, now)
        give_prompts(uow, LOCAL_USER, now)
        stored = {record.symbol: record for record in uow.symbols.all()}
        for record in shipped_symbols(now):
            new = completed(stored.get(record.symbol), record)
            if new is not None and (new.conid is None or uow.symbols.by_conid(new.conid) is None):
                uow.symbols.save(new)
        uow.commit()


@contextmanager
def open_demo(settings: Settings, *, start: datetime | None = None, minutes_per_change: int = 1) -> Iterator[Platform]:
    """Put a platform together on a virtual clock, with a database whose ids depend on the seed alone."""
    prepare_home(settings)
    database = open_database(settings.database)
    upgrade(database, installation_id=f"demo-{settings.market.value}-{settings.seed}")
    platform = build(settings, database, start=start, clock_kind="virtual", minutes_per_change=minutes_per_change)
    try:
        yield platform
    finally:
        platform.close()


def read_stored_market(
    settings: Settings, path: Path, *, symbol: str | None, preferred: Sequence[str] = (), at: datetime | None = None
) -> MarketState:
    """Read a recorded file at one of its instants, without a database or a server; see ``open_stored_chain``."""
    calendar, own = read_table(SHIPPED_TABLE), _engine_settings(settings)
    rate = own.rates.at(IV_DAYS / DAYS_PER_YEAR)
    known = Known(settings.history_files, settings.events_file, rate, own.dividend_yield)
    stored = open_stored_chain(path, calendar, known, symbol=symbol, preferred=preferred, at=at)
    shares = read_shares(settings.paper_shares).get(stored.symbol, 0)
    capital = Money(settings.paper_cash)
    return read_trial_market(stored.market, calendar, own, stored.chain, capital=capital, shares_held=shares)
