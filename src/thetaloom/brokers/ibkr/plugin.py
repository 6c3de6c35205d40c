"""Interactive Brokers as it is offered: what it needs, what it can do, and how it is opened."""

from typing import TYPE_CHECKING

from thetaloom.brokers.ibkr.capabilities import CAPABILITIES
from thetaloom.brokers.ibkr.settings import FIELDS, read_settings
from thetaloom.errors import BrokerUnavailable, ConfigError, NotAllowed
from thetaloom.ports.broker import Broker, BrokerCapabilities
from thetaloom.ports.broker_plugin import BrokerSetup, SetupField
from thetaloom.ports.market_data import MarketData

if TYPE_CHECKING:
    from thetaloom.brokers.ibkr.connecting import Connection


class ConnectedIbkr:
    """Implements ``ports.broker_plugin.ConnectedBroker``."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection

    @property
    def broker(self) -> Broker:
        """Its orders and books."""
        return self._connection.broker

    @property
    def market(self) -> MarketData | None:
        """Its market data."""
        return self._connection.market

    def close(self) -> None:
        """Hang up; orders work on."""
        self._connection.close()


class IbkrPlugin:
    """Implements ``ports.broker_plugin.BrokerPlugin``."""

    name = "ibkr"
    title = "Interactive Brokers"
    fields: tuple[SetupField, ...] = FIELDS
    capabilities: BrokerCapabilities = CAPABILITIES

    def connect(self, setup: BrokerSetup) -> ConnectedIbkr:
        """Connect to TWS or IB Gateway and take up the account."""
        settings = read_settings(setup.options, is_live=setup.is_live)
        try:
            from thetaloom.brokers.ibkr.connecting import Connection
        except ImportError as error:
            raise ConfigError(
                "the SDK of Interactive Brokers is not installed",
                advice="Install it: `make env`, or `pip install '.[ibkr]'` in Thetaloom's folder.",
            ) from error
        connection = Connection(setup, settings)
        try:
            connection.open()
        except (BrokerUnavailable, ConfigError, NotAllowed):
            connection.close()
            raise
        return ConnectedIbkr(connection)


PLUGIN = IbkrPlugin()
