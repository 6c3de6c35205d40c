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
from thetaloom.config import Settings
from thetaloom.dispatch.aside import AsideProcess
from thetaloom.dispatch.embedded import EmbeddedDispatch
from thetaloom.dispatch.kernels import Kernels
from thetaloom.dispatch.workers import is_gone, name_worker
from thetaloom.domain.market.indicators import IV_DAYS
from thetaloom.domain.strategy.ranking import MarketState
from thetaloom.domain.values.calendar import DAYS_PER_YEAR, TradingCalendar
from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.people import Role
from thetaloom.engine.desk import Desk, EngineSettings
from thetaloom.engine.engine import Engine
from thetaloom.engine.live_gates import refuse_shut_gates
from thetaloom.engine.loop import EngineLoop
from thetaloom.engine.trial import read_trial_market
from thetaloom.errors import InvariantError
from thetaloom.live_parts import SettingsSwitches
from thetaloom.llm_parts import analysts_of
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, load_calendar, read_table
from thetaloom.marketdata.clocks import PacedClock, SystemClock
from thetaloom.marketdata.recorded.looking import recorded_chains as recorded_chains
from thetaloom.marketdata.recorded.stored import Known, open_stored_chain
from thetaloom.paper_parts import PAPER_ACCOUNT as PAPER_ACCOUNT
from thetaloom.paper_parts import paper_books as paper_books
from thetaloom.ports.broker import Broker
from thetaloom.ports.clock import Clock
from thetaloom.ports.dispatch import Lane
from thetaloom.ports.market_data import MarketData, ReplayedMarket
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
from thetaloom.world_parts import CommitHook, Ground, World, clock_speed, vault_of, world_of
from thetaloom.world_parts import with_its_market as with_its_market

LOCAL_USER = UserId("local")  # the one user until accounts exist
PULSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Everything of one process, put together."""

    settings: Settings
    database: Database
    store: SqlStore
    broker: Broker
    market: MarketData
    clock: Clock
    desk: Desk
    engine: Engine
    user_id: UserId
    source_secrets: SourceSecrets
    world: World
    kernels: Kernels

    @property
    def paper(self) -> PaperBroker:
        """The paper broker, of a platform that was made with it."""
        if not isinstance(self.broker, PaperBroker):
            raise InvariantError(f"the broker is {self.broker.name}, and the paper broker was asked for")
        return self.broker

    @property
    def replayed(self) -> ReplayedMarket:
        """The market, of a platform whose market is replayed."""
        if not isinstance(self.market, ReplayedMarket):
            raise InvariantError(f"the {self.market.name} market runs by itself, and a replayed one was asked for")
        return self.market

    @property
    def speed(self) -> float:
        """How many times faster than real the market's clock runs."""
        return clock_speed(self.clock, self.settings)

    @property
    def destination_urls(self) -> DestinationUrls:
        """Where messages go: files of the owner's alone."""
        return DestinationUrls(self.settings.home_folder / URLS_FOLDER)

    @property
    def vault(self) -> Vault:
        """What is kept encrypted, under this home's keys."""
        return vault_of(self.settings)

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
        self.kernels.close()
        self.world.close()
        self.database.close()


def prepare_home(settings: Settings) -> None:
    """Make the folder that everything is written to, readable by its owner only."""
    settings.home_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    HaltFiles(settings.home_folder / FOLDER).prepare()
    os.environ.setdefault("_RJEM_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")  # polars gives memory back
    os.environ.setdefault("NUMBA_CACHE_DIR", str(settings.home_folder / f"kernels-{__version__}"))


def set_up(settings: Settings) -> None:
    """Make a home that is new: its folder, its database, its first rows; neither market nor broker is chosen yet."""
    prepare_home(settings)
    database = open_database(settings.database)
    try:
        upgrade(database)
        _first_rows(database, SystemClock().now(), None)
    finally:
        database.close()


@contextmanager
def open_platform(
    settings: Settings, *, chooses: bool = True, on_commit: CommitHook | None = None
) -> Iterator[Platform]:
    """Put a platform together for one command: its clock stands where the server's is, or where it was left.

    With ``chooses`` a home that has no market and no broker yet keeps those of the settings from now on.
    """
    prepare_home(settings)
    database = open_database(settings.database, on_commit)
    upgrade(database)
    pulse = read_pulse(database)
    settings = with_its_market(settings, pulse)
    start = pulse.now if pulse is not None else None
    platform = build(settings, database, start=start, clock_kind="virtual", on_commit=on_commit)
    try:
        yield platform
        if (pulse is None and chooses) or (pulse is not None and not pulse.is_fresh):
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
    pulse = read_pulse(database)
    ground = Ground(
        settings=settings,
        database=database,
        vault=vault_of(settings),
        user=LOCAL_USER,
        calendar=calendar,
        account="" if pulse is None else pulse.account,
        known_until=last_instant(database),
        is_served=pulse is not None and pulse.is_fresh,
    )
    world = world_of(
        ground, start=start, clock_kind=clock_kind, minutes_per_change=minutes_per_change, on_commit=on_commit
    )
    try:
        return _platform_of(settings, database, world, calendar, is_server=clock_kind == "paced")
    except BaseException:
        world.close()
        raise


def _platform_of(
    settings: Settings, database: Database, world: World, calendar: TradingCalendar, *, is_server: bool
) -> Platform:
    store = SqlStore(database)
    kernels = Kernels(Path(os.environ["NUMBA_CACHE_DIR"]))
    caps = {Lane.EVALUATION: settings.evaluations_max, Lane.EXECUTION: settings.executions_max, Lane.CARE: None}
    desk = Desk(
        store=store,
        market=world.market,
        broker=world.broker,
        halts=HaltFiles(settings.home_folder / FOLDER),
        clock=world.clock,
        calendar=calendar,
        dispatch=EmbeddedDispatch(database, runs, owner=name_worker(), caps=caps, is_gone=is_gone),
        codec=ParquetChainCodec(),
        code_version=__version__,
        settings=_engine_settings(settings),
        switches=SettingsSwitches(settings),
        analysts=analysts_of(settings, database, SystemClock(), aside=is_server),
        painter=AsidePainter() if is_server else InlinePainter(),
        aside=AsideProcess() if is_server else None,
        errands=world.errands,
        may_compute=kernels.is_ready,
    )
    platform = Platform(
        settings=settings,
        database=database,
        store=store,
        broker=world.broker,
        market=world.market,
        clock=world.clock,
        desk=desk,
        engine=Engine(desk, world.simulated),
        user_id=LOCAL_USER,
        source_secrets=SourceSecrets(settings.home_folder / SECRETS_FOLDER),
        world=world,
        kernels=kernels,
    )
    _first_rows(database, world.clock.now(), world.broker)
    if is_server:
        refuse_shut_gates(desk)
        kernels.start()
    return platform


def engine_loop(platform: Platform, on_failure: Callable[[], None] = lambda: None) -> EngineLoop:
    """Make the engine's thread for a server on a paced clock; ``on_failure`` is called if it ever ends by a fault."""
    keeper = _PulseKeeper(platform)
    _prepare_painter(platform)
    return EngineLoop(platform.engine, seconds_until=keeper.seconds_until, each_turn=keeper.keep, on_failure=on_failure)


def last_instant(database: Database) -> datetime | None:
    """Return the newest instant that our books know of; ``None`` while they are empty."""
    pulse = read_pulse(database)
    with database.connect() as connection:
        known = [
            connection.scalar(select(func.max(runs.c.updated_at))),
            connection.scalar(select(lineage.c.started_at).order_by(lineage.c.id.desc()).limit(1)),
            connection.scalar(select(events.c.happened_at).order_by(events.c.sequence.desc()).limit(1)),
        ]
    known += [None if pulse is None else pulse.at]
    return max((instant for instant in known if instant is not None), default=None)


def write_pulse(platform: Platform, *, alive: bool = True) -> None:
    """Write where the market's clock stands, for other processes and for the next start."""
    put_pulse(
        platform.database,
        platform.settings,
        platform.clock.now(),
        account=platform.broker.account_id,
        speed=platform.speed,
        alive=alive,
    )


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
        return (at - self._platform.clock.now()).total_seconds() / self._platform.speed

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
        next_change = self._platform.replayed.next_change(clock.now())
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
        preview_tolerance=settings.preview_tolerance,
        imbalance_policy=settings.imbalance_policy,
        assignment_policy=settings.assignment_policy,
        penny_classes=tuple(filter(None, settings.penny_classes.split(","))),
        adopt=settings.adopt,
        prompt_language=settings.llm_language,
    )


def _first_rows(database: Database, now: datetime, broker: Broker | None) -> None:
    store = SqlStore(database)
    with store.unit_of_work() as uow, database.begin() as connection:  # one transaction
        known = connection.scalar(select(users.c.id).where(users.c.id == LOCAL_USER))
        if known is None:
            row = {"id": LOCAL_USER, "name": "local", "role": Role.ADMIN, "created_at": now}
            connection.execute(insert_or_skip(database, users), row)
        if broker is not None:
            is_live = uow.accounts.is_live(broker.account_id)  # set by `thetaloom broker allow-live`, and nothing else
            uow.accounts.ensure(broker.account_id, LOCAL_USER, broker.name, is_live=bool(is_live))
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
    upgrade(database, installation_id=f"demo-{settings.market}-{settings.seed}")
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
