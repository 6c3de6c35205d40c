"""What Alpaca needs, what it can do, and how it is opened; the SDK is imported only when it is."""

from dataclasses import dataclass

from thetaloom.brokers.alpaca.settings import FIELDS, settings_of
from thetaloom.brokers.alpaca.tables import CAPABILITIES
from thetaloom.ports.broker import BrokerCapabilities
from thetaloom.ports.broker_plugin import BrokerSetup, ConnectedBroker, SetupField


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpacaPlugin:
    """Implements ``ports.broker_plugin.BrokerPlugin``."""

    name: str = "alpaca"
    title: str = "Alpaca"
    fields: tuple[SetupField, ...] = FIELDS
    capabilities: BrokerCapabilities = CAPABILITIES

    def connect(self, setup: BrokerSetup) -> ConnectedBroker:
        """Sign in and take up the account."""
        settings = settings_of(setup)
        from thetaloom.brokers.alpaca.connection import open_connection

        return open_connection(settings, setup)


PLUGIN = AlpacaPlugin()
