"""The world of a home by its settings: its clock, its market and its broker, put together and taken apart as one."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from thetaloom.broker_parts import broker_named, connect_broker
from thetaloom.brokers.paper.broker import PaperBroker
from thetaloom.config import PAPER_BROKER, REPLAYED, SIMULATOR_URL, MarketSource, Settings
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import AccountId, UserId
from thetaloom.engine.errands import Errands
from thetaloom.errors import ConfigError, InvariantError
from thetaloom.late_broker import LateConnection
from thetaloom.links.patient_broker import PatientBroker
from thetaloom.market_parts import catch_up, cboe_market, market_clock, market_of
from thetaloom.marketdata.clocks import PacedClock, SystemClock, VirtualClock
from thetaloom.marketdata.event_files import EventTable
from thetaloom.marketdata.followed_clock import FollowedClock, read_clock_of
from thetaloom.marketdata.known_events import KnownEvents
from thetaloom.marketdata.preferred import PreferredMarket, parse_market_sources
from thetaloom.marketdata.remembered import RememberedMarket
from thetaloom.paper_parts import paper_settings, paper_url
from thetaloom.ports.broker import Broker, SimulatedBroker
from thetaloom.ports.broker_plugin import ConnectedBroker, Use
from thetaloom.ports.clock import Clock
from thetaloom.ports.market_data import MarketData
from thetaloom.pulses import Pulse
from thetaloom.store.database import Database
from thetaloom.store.vault import Vault

SECONDS = "%Y-%m-%d %H:%M:%SZ"
CLOCK_AHEAD_MAX = timedelta(minutes=1)  # by which the books may know more than the wall's clock
ClockKind = Literal["virtual", "paced"]
CommitHook = Callable[[Literal["before", "after"]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Clock, market and broker, and how they are let go of."""

    clock: Clock
    market: MarketData
    broker: Broker
    simulated: SimulatedBroker | None  # the broker, where its exchange is ours
    close: Callable[[], None]

    @property
    def errands(self) -> Errands:
        """How the broker is asked for what no turn may wait for: one of ours answers at once."""
        return Errands(aside=not self.broker.simulated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What a world stands on: the settings, where they are kept, and what this home remembers."""

    settings: Settings
    database: Database
    vault: Vault
    user: UserId
    calendar: TradingCalendar
    account: str = ""  # at the broker, as far as this home knows it
    known_until: datetime | None = None  # the newest instant in our books
    is_served: bool = False  # a server of this home trades now


def market_named(name: str) -> MarketSource | str:
    """Return a source by its name; what is none of the sources is the name of a broker."""
    return MarketSource(name) if name in set(MarketSource) else name


def vault_of(settings: Settings) -> Vault:
    """Return the vault of a home."""
    keys = settings.secret_keys
    return Vault(settings.home_folder, None if keys is None else keys.get_secret_value())


def world_of(
    ground: Ground,
    *,
    start: datetime | None,
    clock_kind: ClockKind,
    minutes_per_change: int = 1,
    on_commit: CommitHook | None = None,
) -> World:
    """Choose clock, market and broker by the settings; ``start`` is where a replayed market begins."""
    settings = ground.settings
    if settings.market in REPLAYED:
        clock = market_clock(settings, ground.calendar, start, clock_kind, minutes_per_change)
        market = market_of(settings, ground.calendar, clock, minutes_per_change)
        broker = _paper(ground, market, clock, on_commit)
        known = [ground.known_until, broker.last_report_at()]
        catch_up(clock, max((at for at in known if at is not None), default=None))
        return World(clock=clock, market=market, broker=broker, simulated=broker, close=broker.close)
    return _of_now(ground, is_late=clock_kind == "virtual", on_commit=on_commit)


def clock_speed(clock: Clock, settings: Settings) -> float:
    """Return how many times faster than real a clock runs."""
    if isinstance(clock, FollowedClock):
        return clock.speed
    return settings.speed if isinstance(clock, PacedClock | VirtualClock) else 1.0


def _of_now(ground: Ground, *, is_late: bool, on_commit: CommitHook | None) -> World:
    settings = ground.settings
    clock = clock_of_now(settings)
    _refuse_early_clock(clock, ground.known_until)
    closing: list[Callable[[], None]] = [partial(close_clock, clock)]
    try:
        name = settings.data_broker if settings.broker == PAPER_BROKER else settings.broker
        connected = None if name is None else _connected(ground, name, clock, is_late=is_late)
        if connected is not None:
            closing.append(connected.close)
        table = EventTable([settings.events_file] if settings.events_file else [])
        market = KnownEvents(_market_of_now(ground, clock, connected, closing), table, clock)
        if settings.broker != PAPER_BROKER:
            if connected is None:
                raise InvariantError("a broker was set and not connected")
            return World(
                clock=clock,
                market=market,
                broker=_patient(connected.broker, closing),
                simulated=None,
                close=lambda: _close_all(closing),
            )
        paper = _paper(ground, market, clock, on_commit)
        closing.append(paper.close)
        return World(clock=clock, market=market, broker=paper, simulated=paper, close=lambda: _close_all(closing))
    except BaseException:
        _close_all(closing)
        raise


def _patient(broker: Broker, closing: list[Callable[[], None]]) -> Broker:
    patient = PatientBroker(broker)
    closing.append(patient.close)
    return patient


def _close_all(closing: list[Callable[[], None]]) -> None:
    while closing:
        closing.pop()()


def clock_of_now(settings: Settings) -> Clock:
    """Return the wall's clock, or that of a simulated broker."""
    if not settings.is_simulated:
        return SystemClock()
    url = settings.broker_options[SIMULATOR_URL]
    return FollowedClock(lambda: read_clock_of(url))


def close_clock(clock: Clock) -> None:
    """Let a clock that follows another go; any other needs nothing."""
    if isinstance(clock, FollowedClock):
        clock.close()


def _refuse_early_clock(clock: Clock, known_until: datetime | None) -> None:
    now = clock.now()
    if known_until is not None and known_until - now > CLOCK_AHEAD_MAX:
        raise ConfigError(
            f"it is {now:{SECONDS}} by the clock, and the books know of {known_until:{SECONDS}} already",
            advice="Set another THETALOOM_HOME; or set the clock right, this computer's or the simulator's.",
        )


def _connected(ground: Ground, name: str, clock: Clock, *, is_late: bool) -> ConnectedBroker:
    def connect() -> ConnectedBroker:
        return connect_broker(
            ground.settings,
            name,
            ground.database,
            ground.vault,
            clock,
            ground.calendar,
            user=ground.user,
            use=Use.COMMAND if is_late and ground.is_served else Use.SERVER,
        )

    account = ground.account or ground.settings.broker_account
    if not is_late or not account:
        return connect()
    plugin = broker_named(name)
    return LateConnection(name, AccountId(account), plugin.capabilities, connect)


def _market_of_now(
    ground: Ground, clock: Clock, connected: ConnectedBroker | None, closing: list[Callable[[], None]]
) -> MarketData:
    settings = ground.settings

    def remembered(source: MarketData) -> MarketData:
        market = RememberedMarket(source, clock, ground.calendar)
        closing.append(market.close)
        return market

    def cboe() -> MarketData:
        source = cboe_market(settings, clock)
        closing.append(source.close)
        return remembered(source)

    def own() -> MarketData:
        return remembered(_own(settings, connected))

    if settings.market_sources:
        limits = parse_market_sources(settings.market_sources)
        names = {MarketSource.CBOE.value, settings.data_broker}
        strange = [limit.name for limit in limits if limit.name not in names]
        if strange:
            raise ConfigError(
                f"market_sources names {', '.join(strange)}, and here there are only "
                f"{', '.join(sorted(filter(None, names)))}",
                advice="A process is connected to one broker: name it, cboe, or both.",
            )
        named = {MarketSource.CBOE.value: cboe}
        chosen = [(named.get(one.name, own)(), one.age_max) for one in limits]
        return PreferredMarket(chosen, clock)
    return cboe() if settings.market is MarketSource.CBOE else own()


def _own(settings: Settings, connected: ConnectedBroker | None) -> MarketData:
    if connected is None or connected.market is None:
        raise ConfigError(
            f"{settings.data_broker} has no market data here", advice="Set THETALOOM_MARKET=cboe, or another source."
        )
    return connected.market


def _paper(ground: Ground, market: MarketData, clock: Clock, on_commit: CommitHook | None) -> PaperBroker:
    return PaperBroker(
        database_url=paper_url(ground.settings),
        settings=paper_settings(ground.settings),
        market=market,
        clock=clock,
        calendar=ground.calendar,
        on_commit=on_commit,
    )


def with_its_market(settings: Settings, pulse: Pulse | None) -> Settings:
    """Return the settings with the market and the broker that this home has lived with; it never changes its world.

    Raises ``ConfigError`` when another market, seed, broker or account is asked for by name.
    """
    if pulse is None:
        return settings
    market = market_named(pulse.market)
    lived_in = {"market": market, "seed": pulse.seed, "broker": pulse.broker}
    if pulse.account and pulse.broker != PAPER_BROKER:
        lived_in["broker_account"] = pulse.account
    asked = {name: getattr(settings, name) for name in lived_in if name in settings.model_fields_set}
    other = {name: wanted for name, wanted in asked.items() if wanted != lived_in[name]}
    if other:
        raise ConfigError(
            f"{settings.home_folder} has lived in the {pulse.market} market of seed {pulse.seed}{_at(pulse)}, "
            f"and its positions belong there; asked for was {', '.join(f'{n} {w}' for n, w in other.items())}",
            advice="Set another THETALOOM_HOME for another market or broker.",
            details={name: str(wanted) for name, wanted in other.items()},
        )
    return settings.model_copy(update=lived_in)


def _at(pulse: Pulse) -> str:
    if pulse.broker == PAPER_BROKER:
        return ""
    return f" at {pulse.broker}" + (f", account {pulse.account}" if pulse.account else "")
