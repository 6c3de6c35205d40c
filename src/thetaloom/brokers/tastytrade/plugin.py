"""tastytrade as a plugin; the SDK is imported only when somebody connects."""

from typing import TYPE_CHECKING

from thetaloom.brokers.tastytrade.capabilities import CAPABILITIES
from thetaloom.brokers.tastytrade.settings import FIELDS, NAME
from thetaloom.errors import ConfigError
from thetaloom.ports.broker_plugin import BrokerSetup, ConnectedBroker, SetupField

if TYPE_CHECKING:
    from thetaloom.brokers.tastytrade.connection import TastytradeConnection


class TastytradePlugin:
    """tastytrade, live or on its test site."""

    name = NAME
    title = "tastytrade"
    fields: tuple[SetupField, ...] = FIELDS
    capabilities = CAPABILITIES

    def connect(self, setup: BrokerSetup) -> ConnectedBroker:
        """Sign in and take up the account."""
        return _connected(setup)


def _connected(setup: BrokerSetup) -> "TastytradeConnection":
    try:
        from thetaloom.brokers.tastytrade.connection import open_connection
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"tastytrade", "httpx2"}:
            raise
        raise ConfigError(
            "the SDK of tastytrade is not installed",
            advice="Install it: `make env`, or `pip install '.[tastytrade]'` in Thetaloom's folder.",
        ) from error
    return open_connection(setup)


PLUGIN = TastytradePlugin()
