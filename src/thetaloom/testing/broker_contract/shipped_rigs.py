"""The rigs of the adapters that ship: each with the loopback server of its broker, and what its protocol cannot do."""

from pathlib import Path

from thetaloom.testing.broker_contract.server_rigs import ServerRigs
from thetaloom.testing.broker_contract.world import Break


def alpaca(folder: Path) -> ServerRigs:
    """Return the rigs of Alpaca."""
    from thetaloom.brokers.alpaca.plugin import PLUGIN
    from thetaloom.testing.broker_servers.alpaca.server import AlpacaServer

    cannot = {Break.TOKEN_EXPIRED: "Alpaca's keys do not expire"}
    return ServerRigs(folder, PLUGIN, AlpacaServer, account="PASIM0001", tells_fees=False, cannot=cannot)


def tastytrade(folder: Path) -> ServerRigs:
    """Return the rigs of tastytrade."""
    from thetaloom.brokers.tastytrade.plugin import PLUGIN
    from thetaloom.testing.broker_servers.tastytrade.server import TastytradeServer

    return ServerRigs(folder, PLUGIN, TastytradeServer, tells_fees=False)


def ibkr(folder: Path) -> ServerRigs:
    """Return the rigs of Interactive Brokers."""
    from thetaloom.brokers.ibkr.plugin import PLUGIN
    from thetaloom.testing.broker_servers.ibkr.server import IbkrServer

    return ServerRigs(
        folder,
        PLUGIN,
        IbkrServer,
        account="DU1234567",
        cannot={Break.TOKEN_EXPIRED: "whoever reaches TWS is signed in, without a token"},
        options={"commission_seconds": "0.2"},
    )
