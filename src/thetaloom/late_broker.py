"""A broker that is connected when it is first needed: a command that only writes into our books never calls it."""

from collections.abc import Callable, Sequence
from typing import Any, cast

from thetaloom.domain.values.ids import AccountId
from thetaloom.ports.broker import Broker, BrokerCapabilities
from thetaloom.ports.broker_plugin import ConnectedBroker
from thetaloom.ports.links import LinkStatus
from thetaloom.ports.market_data import MarketData


class LateConnection:
    """Stands for a connection until somebody asks the broker or its market something."""

    def __init__(
        self,
        name: str,
        account_id: AccountId,
        capabilities: BrokerCapabilities,
        connect: Callable[[], ConnectedBroker],
    ) -> None:
        self._connect = connect
        self._connected: ConnectedBroker | None = None
        self._broker = _LateBroker(name, account_id, capabilities, self.connected)
        self._market = _LateMarket(name, self.connected)

    @property
    def broker(self) -> Broker:
        """Its orders and books."""
        return cast(Broker, self._broker)

    @property
    def market(self) -> MarketData | None:
        """Its market data; it says only when it is asked that there are none."""
        return cast(MarketData, self._market)

    def connected(self) -> ConnectedBroker:
        """Return the connection, made by the first who needs it."""
        if self._connected is None:
            self._connected = self._connect()
        return self._connected

    def close(self) -> None:
        """Give the connection back, if there ever was one."""
        if self._connected is not None:
            self._connected.close()


class _Late:
    """Has everything but what is known without a connection from the connection."""

    def links(self) -> Sequence[LinkStatus]:
        return ()


class _LateBroker(_Late):
    simulated = False

    def __init__(
        self,
        name: str,
        account_id: AccountId,
        capabilities: BrokerCapabilities,
        connected: Callable[[], ConnectedBroker],
    ) -> None:
        self.name, self.account_id, self.capabilities = name, account_id, capabilities
        self._connected = connected

    def on_report(self, wake: Callable[[], None]) -> None:
        """Wake nobody: a command that is over waits for no report."""

    def __getattr__(self, asked: str) -> Any:
        return getattr(self._connected().broker, asked)


class _LateMarket(_Late):
    synthetic = False

    def __init__(self, name: str, connected: Callable[[], ConnectedBroker]) -> None:
        self.name = name
        self._connected = connected

    def on_change(self, wake: Callable[[], None]) -> None:
        """Wake nobody: a command that is over waits for no quote."""

    def __getattr__(self, asked: str) -> Any:
        return getattr(self._connected().market, asked)
