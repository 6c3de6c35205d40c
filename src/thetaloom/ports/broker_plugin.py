"""What a broker's adapter brings so that Thetaloom can offer it: its name, what it needs, and how it is opened.

An adapter in another package registers its plugin under the entry point group ``thetaloom.brokers``, and the rig on
which it is certified under ``thetaloom.broker_rigs``, both by the broker's name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.ports.broker import Broker, BrokerCapabilities
from thetaloom.ports.clock import Clock
from thetaloom.ports.market_data import MarketData

PLUGINS = "thetaloom.brokers"  # entry points of plugins
RIGS = "thetaloom.broker_rigs"  # entry points of rigs, see thetaloom.testing.broker_contract


class Use(StrEnum):
    """What a connection is for."""

    SERVER = "server"  # the one that trades
    COMMAND = "command"  # to look, beside a server that trades
    HALT = "halt"  # to see and cancel what works, fast: no stream is opened for it, and no book caught up with


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupField:
    """One thing that a person has to give, or may."""

    name: str  # as in ``thetaloom secret set BROKER NAME`` or in the setting broker_options
    text: str  # what it is and where to find it
    is_secret: bool = False  # kept in the vault; else an option of the settings
    is_needed: bool = True
    default: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSetup:
    """Everything an adapter may know of where it runs."""

    is_live: bool  # real money is wanted; False: the broker's own paper account or test site
    account: str  # the broker's number of the account; empty: the only one there is
    secrets: Mapping[str, str]
    options: Mapping[str, str]
    books_url: str  # database in which it keeps what the broker told
    clock: Clock
    calendar: TradingCalendar
    penny_classes: frozenset[str] = frozenset()
    use: Use = Use.SERVER


class ConnectedBroker(Protocol):
    """An adapter that is open. It stays so through every loss of the line until it is closed."""

    @property
    def broker(self) -> Broker:
        """Its orders and books."""
        ...

    @property
    def market(self) -> MarketData | None:
        """Its market data; ``None`` where it has none."""
        ...

    def close(self) -> None:
        """Give the connections back; nothing at the broker is changed."""
        ...


class BrokerPlugin(Protocol):
    """One broker that Thetaloom can trade at."""

    @property
    def name(self) -> str:
        """Its name in lower case, as in ``thetaloom up --broker NAME``."""
        ...

    @property
    def title(self) -> str:
        """Its name for people."""
        ...

    @property
    def fields(self) -> tuple[SetupField, ...]:
        """What a person has to give, or may."""
        ...

    @property
    def capabilities(self) -> BrokerCapabilities:
        """What the broker can do."""
        ...

    def connect(self, setup: BrokerSetup) -> ConnectedBroker:
        """Sign in and take up the account.

        Raises ``ConfigError`` where something is missing or wrong, ``NotAllowed`` where the account is not of the kind
        that ``setup.is_live`` says, and ``BrokerUnavailable`` where nobody answers.
        """
        ...
