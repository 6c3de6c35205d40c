"""Two homes at one account: each sees what the other does as what it is, an order and trades that are not its own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from thetaloom.broker_parts import broker_named
from thetaloom.ports.broker import Broker
from thetaloom.ports.broker_plugin import BrokerSetup, ConnectedBroker
from thetaloom.testing import builders as b
from thetaloom.testing.broker_contract.venues import Venue
from thetaloom.testing.broker_servers.practice import server_class

ACCOUNTS = {"tastytrade": "SIM0001", "alpaca": "PASIM0001", "ibkr": "DU1234567"}
LOOKS = 400  # of a twentieth of a second
Homes = tuple[Venue, Broker, Broker]


@pytest.fixture(params=ACCOUNTS)
def homes(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Homes]:
    """Connect two homes to one account."""
    name: str = request.param
    (tmp_path / "venue").mkdir()
    venue = Venue(tmp_path / "venue", ACCOUNTS[name])
    server = server_class(name)(venue.backend)
    server.start()
    opened: list[ConnectedBroker] = []
    for number in range(2):
        options = server.options | {"request_timeout_seconds": "10"}
        setup = BrokerSetup(
            is_live=False,
            account=ACCOUNTS[name],
            secrets=server.secrets,
            options=options | ({"client_id": str(10 * number)} if name == "ibkr" else {}),
            books_url=f"sqlite:///{tmp_path}/home-{number}.db",
            clock=venue.clock,
            calendar=b.trading_calendar(),
        )
        opened.append(broker_named(name).connect(setup))
    yield venue, opened[0].broker, opened[1].broker
    for one in opened:
        one.close()
    faults = list(server.faults)
    server.stop()
    venue.backend.close()
    assert faults == []


def until(is_so: Callable[[], bool]) -> bool:
    """Wait for something, and tell whether it came."""
    pause = Event()  # never set: a wait with an end
    return any(is_so() or pause.wait(0.05) for _ in range(LOOKS))


def test_what_another_home_trades_is_told_and_is_nobodys_order_of_ours(homes: Homes) -> None:
    venue, first, second = homes
    order = b.order(limit="0.90", account_id=first.account_id)
    first.submit(b.sent(order))

    assert until(lambda: [one.client_order_id for one in second.open_orders()] == [order.client_order_id])
    venue.meet(order)

    assert until(lambda: len([one for one in second.transactions(0) if one.quantity]) == 2)
    assert until(lambda: len([one for one in first.transactions(0) if one.quantity]) == 2)
    assert {one.client_order_id for one in second.transactions(0)} == {None}  # a finding, and no position
    assert {one.client_order_id for one in first.transactions(0) if one.quantity} == {order.client_order_id}
    assert second.reports_since(0) == [] and second.holdings() == first.holdings() != {}
