"""The brokers that this installation has, by entry points; and the one of the settings, connected."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from thetaloom.config import SIMULATOR_URL, Settings
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import UserId
from thetaloom.errors import ConfigError, NotFound
from thetaloom.links.lowest_terms import LowestTerms
from thetaloom.links.report_book import ReportBook
from thetaloom.ports.broker import Broker
from thetaloom.ports.broker_plugin import PLUGINS, RIGS, BrokerPlugin, BrokerSetup, ConnectedBroker, SetupField, Use
from thetaloom.ports.clock import Clock
from thetaloom.ports.market_data import MarketData
from thetaloom.store.database import Database, open_database
from thetaloom.store.upgrading import schema_version
from thetaloom.store.vault import Vault, list_credentials, read_credential

PAPER = "paper"  # no plugin: it needs nobody's account
SHIPPED = {  # the same as in our own entry points, so that a checkout that is not installed has them, too
    "tastytrade": "thetaloom.brokers.tastytrade.plugin:PLUGIN",
    "alpaca": "thetaloom.brokers.alpaca.plugin:PLUGIN",
    "ibkr": "thetaloom.brokers.ibkr.plugin:PLUGIN",
}
SDKS = {"tastytrade": "tastytrade", "alpaca": "alpaca", "ibkr": "ib_async"}  # imported only when one connects
OWNER = "local"  # of the credentials
SHIPPED_RIGS = {
    "scripted": "thetaloom.testing.broker_contract.rigs:ScriptedRigs",
    PAPER: "thetaloom.testing.broker_contract.rigs:PaperRigs",
    **{name: f"thetaloom.testing.broker_contract.shipped_rigs:{name}" for name in SHIPPED},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One broker as it was found: its plugin, or why that cannot be used."""

    name: str
    place: str  # module and attribute
    package: str  # what brings it; empty: we do
    plugin: BrokerPlugin | None
    problem: str = ""


def found_brokers() -> Mapping[str, Found]:
    """Return all brokers by name, also those whose plugin cannot be loaded, in alphabetical order."""
    places = _places(PLUGINS, SHIPPED)
    return {name: _found(name, *places[name]) for name in sorted(places)}


def installed_brokers() -> dict[str, BrokerPlugin]:
    """Return the plugins of all brokers that can be used, by name."""
    return {name: found.plugin for name, found in found_brokers().items() if found.plugin is not None}


def broker_named(name: str) -> BrokerPlugin:
    """Return the plugin of one broker. Raises ``ConfigError`` with the names that there are."""
    found = found_brokers()
    if name not in found:
        raise ConfigError(f"no broker {name!r} is installed; there are {', '.join([PAPER, *found])}")
    one = found[name]
    if one.plugin is None:
        raise ConfigError(f"the broker {name!r} is there and cannot be used: {one.problem}")
    return one.plugin


def certifiable() -> tuple[str, ...]:
    """Return the names of all brokers that have a rig, in alphabetical order."""
    return tuple(sorted(_places(RIGS, SHIPPED_RIGS)))


def rig_of(name: str) -> Callable[[Path], Any]:
    """Return what makes the rigs of a broker in a folder, as ``thetaloom.testing.broker_contract`` takes them.

    Its type stays with the test kit, which shipped code does not know.
    """
    places = _places(RIGS, SHIPPED_RIGS)
    if name not in places:
        raise NotFound(f"no rig for {name!r}; there are {', '.join(sorted(places))}")
    place, _ = places[name]
    made: Callable[[Path], Any] = _loaded(place)
    return made


def connect_broker(
    settings: Settings,
    name: str,
    database: Database,
    vault: Vault,
    clock: Clock,
    calendar: TradingCalendar,
    *,
    user: UserId,
    use: Use = Use.SERVER,
) -> ConnectedBroker:
    """Sign in at a broker with what the vault and the settings hold.

    Raises ``ConfigError`` where something is missing, ``NotAllowed`` where the account is not of the mode's kind, and
    ``BrokerUnavailable`` where nobody answers.
    """
    plugin = broker_named(name)
    secrets = secrets_of(plugin, database, vault, user)
    setup = setup_of(settings, plugin, secrets, clock, calendar, use=use)
    connected = plugin.connect(setup)
    if not plugin.capabilities.reports_by_leg:
        return connected  # fills of parts of a structure could not be told in its own terms
    account = connected.broker.account_id
    return _InLowestTerms(connected, ReportBook(setup.books_url, f"{name} in lowest terms", account, clock))


class _InLowestTerms:
    """A connection whose orders go out as brokers count them."""

    def __init__(self, connected: ConnectedBroker, book: ReportBook) -> None:
        self._connected, self._book = connected, book
        self._broker = cast(Broker, LowestTerms(connected.broker, book))

    @property
    def broker(self) -> Broker:
        """Its orders and books."""
        return self._broker

    @property
    def market(self) -> MarketData | None:
        """Its market data."""
        return self._connected.market

    def close(self) -> None:
        """Give the connections back."""
        self._connected.close()
        self._book.close()


def setup_of(
    settings: Settings,
    plugin: BrokerPlugin,
    secrets: Mapping[str, str],
    clock: Clock,
    calendar: TradingCalendar,
    *,
    use: Use,
) -> BrokerSetup:
    """Return what an adapter is told. Raises ``ConfigError`` for a secret among the options."""
    options = {one.name: one.default for one in plugin.fields if not one.is_secret and one.default}
    return BrokerSetup(
        is_live=settings.wants_live,
        account=settings.broker_account,
        secrets=secrets,
        options=options | _checked_options(plugin, settings.broker_options),
        books_url=settings.books_url(plugin.name),
        clock=clock,
        calendar=calendar,
        penny_classes=frozenset(filter(None, settings.penny_classes.split(","))),
        use=use,
    )


def secrets_of(plugin: BrokerPlugin, database: Database, vault: Vault, user: UserId) -> dict[str, str]:
    """Return a broker's secrets by name. Raises ``ConfigError`` where one is missing that it needs."""
    wanted = [field for field in plugin.fields if field.is_secret]
    kept = {one.name: read_credential(database, vault, user, plugin.name, one.name) for one in wanted}
    missing = [one for one in wanted if one.is_needed and kept[one.name] is None]
    if missing:
        raise ConfigError(
            f"{plugin.title} needs {', '.join(one.name for one in missing)}, which {_is_or_are(missing)} not kept here",
            advice=" ".join(
                f"`thetaloom secret set {plugin.name} {one.name}`: {sentence(one.text)}" for one in missing
            ),
            details={"broker": plugin.name, "missing": [one.name for one in missing]},
        )
    return {name: secret for name, secret in kept.items() if secret is not None}


def sentence(text: str) -> str:
    """Return what a field is, as a sentence, whether its adapter ends it with a full stop or not."""
    return text if text.endswith(".") else f"{text}."


def is_new_home(settings: Settings) -> bool:
    """Say whether nothing was ever kept here."""
    database = open_database(settings.database)
    try:
        return schema_version(database) is None
    finally:
        database.close()


def kept_secrets(settings: Settings, name: str) -> frozenset[str]:
    """Return the names of the secrets that are kept for a broker, never what they are."""
    if is_new_home(settings):
        return frozenset()
    database = open_database(settings.database)
    try:
        return frozenset(one.name for one in list_credentials(database, OWNER) if one.broker == name)
    finally:
        database.close()


def missing_sdk(name: str) -> str | None:
    """Return the module that a shipped adapter needs and that is not installed; ``None`` where nothing is missing."""
    module = SDKS.get(name)
    return None if module is None or find_spec(module) is not None else module


def _checked_options(plugin: BrokerPlugin, given: Mapping[str, str]) -> dict[str, str]:
    secret = sorted(one.name for one in plugin.fields if one.is_secret and one.name in given)
    if secret:
        raise ConfigError(
            f"{', '.join(secret)} of {plugin.title} stands in broker_options, where it can be read",
            advice=f"Take it out, and keep it encrypted: `thetaloom secret set {plugin.name} {secret[0]}`.",
        )
    return {option: text for option, text in given.items() if option != SIMULATOR_URL}  # no adapter knows of it


def _is_or_are(fields: list[SetupField]) -> str:
    return "is" if len(fields) == 1 else "are"


def _places(group: str, shipped: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    # Ours win: no other package can take the place of a broker that ships.
    others = {
        one.name: (one.value, one.dist.name if one.dist is not None else "")
        for one in entry_points(group=group)
        if one.name not in shipped
    }
    return others | {name: (place, "") for name, place in shipped.items() if _is_there(place)}


def _is_there(place: str) -> bool:
    try:
        return find_spec(place.partition(":")[0]) is not None
    except ModuleNotFoundError:
        return False


def _found(name: str, place: str, package: str) -> Found:
    try:
        plugin = _loaded(place)
    except (ImportError, AttributeError) as error:
        return Found(name=name, place=place, package=package, plugin=None, problem=str(error))
    if plugin.name != name:
        problem = f"its plugin calls itself {plugin.name!r}"
        return Found(name=name, place=place, package=package, plugin=None, problem=problem)
    return Found(name=name, place=place, package=package, plugin=plugin)


def _loaded(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
