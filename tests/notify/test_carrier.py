"""Messages go out by apprise, and no address ever comes back from it."""

import logging

import pytest

from thetaloom.domain.values.ids import UserId
from thetaloom.errors import InvalidInput
from thetaloom.notify.carrier import AppriseNotifier, read_service
from thetaloom.ports.notifier import Letter, NotSent
from thetaloom.testing.receivers import Hook, MailServer

ANNA = UserId("anna")
LETTER = Letter(id="msg-1", title="Filled: SPY", body="at 1.00")


def carry(url: str | None) -> NotSent | None:
    return AppriseNotifier(lambda user, name: url).send(ANNA, "phone", LETTER)


def test_a_webhook_gets_the_message_with_its_key(receiver: Hook) -> None:
    assert carry(receiver.url) is None

    ((headers, body),) = receiver.received
    assert (body["title"], headers["idempotency-key"]) == ("Filled: SPY", "msg-1")


def test_mail_goes_by_smtp(mail: MailServer) -> None:
    url = f"mailto://127.0.0.1:{mail.port}?from=desk@example.com&to=anna@example.com&mode=insecure"

    assert carry(url) is None

    (got,) = mail.received
    assert "Filled: SPY" in str(got["subject"]) and "anna@example.com" in str(got["to"])


@pytest.mark.parametrize(("status", "is_final"), [(500, False), (503, False), (429, False), (404, True), (401, True)])
def test_a_refusal_is_told_by_its_number_alone(
    receiver: Hook, caplog: pytest.LogCaptureFixture, status: int, is_final: bool
) -> None:
    receiver.statuses = [status]
    with caplog.at_level(logging.DEBUG):
        said = carry(receiver.url)

    assert said == NotSent(reason=f"JSON answered {status}", is_final=is_final)
    assert "planted" not in caplog.text


def test_a_dead_receiver_is_one_to_be_asked_again() -> None:
    said = carry("json://user:planted-password@127.0.0.1:9/planted-path")

    assert said is not None and not said.is_final and "planted" not in said.reason


def test_a_missing_address_is_no_matter_of_trying_again() -> None:
    assert carry(None) == NotSent(reason="its address is missing", is_final=True)


@pytest.mark.parametrize(
    ("url", "name", "shown"),
    [
        ("https://hooks.example.com/planted", "JSON", "jsons://hooks.example.com"),
        ("json://me:planted@127.0.0.1:81/planted?planted=1", "JSON", "json://127.0.0.1:81"),
        ("mailto://me:planted@gmail.com", "E-Mail", "mailtos://gmail.com:587"),
        ("ntfy://planted", "ntfy", "ntfys://…"),
        ("tgram://123456789:plantedplantedplantedplantedplanted12/12315544", "Telegram", "tgram://…"),
        ("https://discord.com/api/webhooks/4174216298/planted-planted", "Discord", "discord://…"),
    ],
)
def test_what_is_shown_of_an_address_holds_no_secret(url: str, name: str, shown: str) -> None:
    service = read_service(url)

    assert (service.name, service.shown) == (name, shown)


@pytest.mark.parametrize("url", ["", "planted", "bogus://planted", "syslog://", "file:///etc/passwd"])
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        read_service(url)

    assert "planted" not in str(refused.value)
