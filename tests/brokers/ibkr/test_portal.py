"""The login of a Client Portal gateway is told apart: down, not logged in, taken by another, or fine."""

from collections.abc import Iterator

import pytest

from thetaloom.brokers.ibkr.portal import Portal
from thetaloom.testing.broker_servers.ibkr.portal import PortalServer
from thetaloom.testing.broker_servers.ibkr.rig import Bench
from thetaloom.testing.clock import FakeClock


@pytest.fixture
def gateway() -> Iterator[PortalServer]:
    """A gateway that is logged in."""
    made = PortalServer()
    made.start()
    yield made
    made.stop()


def test_a_login_that_is_alive_is_up_and_kept_alive_by_asking(gateway: PortalServer) -> None:
    status = Portal(gateway.url, FakeClock()).look()

    assert (status.is_up, status.reason) == (True, "")
    assert "/v1/api/tickle" in gateway.asked


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"authenticated": False}, "not logged in"),
        ({"competing": True}, "another login"),
        ({"connected": False}, "without a line"),
    ],
)
def test_each_trouble_of_a_login_has_words_of_its_own(gateway: PortalServer, told: dict[str, bool], words: str) -> None:
    gateway.told.update(told)

    status = Portal(gateway.url, FakeClock()).look()

    assert not status.is_up and words in status.reason


def test_a_gateway_that_refuses_to_answer_is_not_logged_in(gateway: PortalServer) -> None:
    gateway.http_status = 401

    assert "not logged in" in Portal(gateway.url, FakeClock()).look().reason


def test_a_gateway_that_is_gone_is_down() -> None:
    gateway = PortalServer()
    gateway.start()
    portal = Portal(gateway.url, FakeClock())
    portal.look()
    gateway.stop()

    status = portal.look()

    assert not status.is_up and "the gateway is down" in status.reason and status.drops == 1


def test_a_configured_gateway_is_one_of_the_links(bench: Bench, gateway: PortalServer) -> None:
    broker = bench.connect(client_portal_url=gateway.url)

    bench.soon(lambda: any(one.name == "ibkr client portal" and one.is_up for one in broker.links()))
