"""Signing in at tastytrade: tokens, the choice of the account, and what may be traded in which mode."""

import logging
import subprocess
import sys

import pytest

from tests.brokers.tastytrade.conftest import Desk, until
from thetaloom.brokers.tastytrade.settings import settings_of
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.errors import BrokerUnavailable, ConfigError, NotAllowed
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.backend import ServerTrouble


def test_a_token_is_renewed_after_ten_of_its_fifteen_minutes(desk: Desk) -> None:
    desk.broker.account()
    before = desk.server.refreshes
    desk.clock.advance(minutes=9, seconds=59)
    desk.broker.account()
    assert desk.server.refreshes == before
    desk.clock.advance(seconds=1)
    desk.broker.account()

    assert desk.server.refreshes == before + 1


def test_a_read_with_a_worthless_token_is_asked_again_with_a_new_one(desk: Desk) -> None:
    desk.server.expire_tokens()

    assert desk.broker.account().cash is not None


def test_an_order_with_a_worthless_token_is_not_sent_again_by_itself(desk: Desk) -> None:
    desk.server.expire_tokens()
    order = b.order(limit="1.50")
    with pytest.raises(BrokerUnavailable):
        desk.broker.submit(order)

    assert desk.broker.find(order.client_order_id) is None
    desk.broker.submit(order)
    desk.expect(order, K.ACCEPTED)


def test_the_stream_outlives_its_token(desk: Desk) -> None:
    assert until(lambda: desk.server.account_socket.heartbeats > 0)  # what is read at the opening would renew the token
    desk.server.expire_tokens()
    beats = desk.server.account_socket.heartbeats
    assert until(lambda: desk.broker.links()[0].drops == 1 and desk.broker.links()[0].is_up)

    assert until(lambda: desk.server.account_socket.heartbeats > beats + 1)


def test_the_only_account_is_taken_and_of_several_one_must_be_chosen(clean_desk: Desk) -> None:
    assert clean_desk.connect().broker.account_id == "SIM0001"
    clean_desk.server.rest.extra_accounts.append("SIM0002")
    with pytest.raises(ConfigError, match="2 open accounts") as refused:
        clean_desk.connect()

    assert "SIM0001, SIM0002" in refused.value.advice
    assert clean_desk.connect(account="SIM0001").broker.account_id == "SIM0001"


def test_an_account_that_is_not_there_is_named_with_those_that_are(clean_desk: Desk) -> None:
    with pytest.raises(ConfigError, match="no open account X9") as refused:
        clean_desk.connect(account="X9")

    assert "SIM0001" in refused.value.advice


def test_real_money_is_refused_in_paper_mode(clean_desk: Desk) -> None:
    clean_desk.backend.is_live = True
    with pytest.raises(NotAllowed) as refused:
        clean_desk.connect()

    assert refused.value.code == "live_account_in_paper_mode"


def test_a_test_account_is_refused_in_live_mode(clean_desk: Desk) -> None:
    with pytest.raises(NotAllowed) as refused:
        clean_desk.connect(is_live=True)

    assert refused.value.code == "paper_account_in_live_mode"


def test_a_live_account_says_so(clean_desk: Desk) -> None:
    clean_desk.backend.is_live = True

    assert clean_desk.connect(is_live=True).broker.account().is_live


def test_wrong_secrets_say_what_to_do(clean_desk: Desk) -> None:
    secrets = clean_desk.server.secrets | {"refresh-token": "revoked"}
    with pytest.raises(ConfigError, match="does not accept") as refused:
        clean_desk.connect(secrets=secrets)

    assert "new grant" in refused.value.advice and "revoked" not in str(refused.value)


def test_nobody_there_is_unavailable(clean_desk: Desk) -> None:
    clean_desk.server.go_down(True)

    with pytest.raises(BrokerUnavailable):
        clean_desk.connect()


def test_two_sessions_in_one_process_never_cross(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> None:
    # The SDK keeps its addresses in its modules; ours stand on each session.
    from thetaloom.testing.broker_servers.backend import Backend
    from thetaloom.testing.broker_servers.tastytrade import TastytradeServer

    folder = tmp_path_factory.mktemp("other")
    other = Backend(desk.market, desk.clock, b.trading_calendar(), folder, account="OTHER1")
    server = TastytradeServer(other)
    server.start()
    try:
        second = desk.connect(options=server.options, books_url=f"sqlite:///{folder}/told.db")
        assert second.broker.account_id == "OTHER1"
        assert desk.opened[0].broker.account().account_id == "SIM0001"
        second.close()
    finally:
        server.stop()
        other.close()


@pytest.mark.parametrize("missing", ["client-secret", "refresh-token"])
def test_a_missing_secret_is_named_with_the_command_that_sets_it(clean_desk: Desk, missing: str) -> None:
    secrets = {name: text for name, text in clean_desk.server.secrets.items() if name != missing}
    with pytest.raises(ConfigError, match=missing) as refused:
        settings_of(clean_desk.setup(secrets=secrets))

    assert refused.value.advice == f"thetaloom secret set tastytrade {missing}"


@pytest.mark.parametrize("options", [{"colour": "red"}, {"silence_seconds": "soon"}, {"heartbeat_seconds": "90"}])
def test_an_option_that_is_unknown_or_out_of_range_is_refused(clean_desk: Desk, options: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        settings_of(clean_desk.setup(options=options))


def test_settings_never_show_their_secrets(clean_desk: Desk) -> None:
    shown = repr(settings_of(clean_desk.setup()))

    assert not [text for text in clean_desk.server.secrets.values() if text in shown]


def test_the_sdk_writes_no_token_into_a_log(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        desk.broker.account()
        desk.server.drop_streams()
        assert until(lambda: desk.broker.links()[0].drops == 1 and desk.broker.links()[0].is_up)

    ours = [one.getMessage() for one in caplog.records if one.name != "websockets.server"]  # that is the other side
    assert caplog.records and not [text for text in ours if "sim-token" in text or "sim-quote-token" in text]


def test_a_busy_or_broken_broker_is_unavailable_to_a_read(desk: Desk) -> None:
    for trouble in (ServerTrouble.BUSY, ServerTrouble.DOWN, ServerTrouble.MAINTENANCE):
        desk.backend.plan("read", trouble)
        with pytest.raises(BrokerUnavailable):
            desk.broker.holdings()


def test_a_second_close_changes_nothing(clean_desk: Desk) -> None:
    connection = clean_desk.connect()
    connection.close()
    connection.close()

    assert until(lambda: not connection.broker.links()[0].is_up)  # a close does not wait for its line for ever


def test_listing_the_plugin_does_not_import_the_sdk() -> None:
    code = "import sys, thetaloom.brokers.tastytrade.plugin; print('tastytrade' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "False"
