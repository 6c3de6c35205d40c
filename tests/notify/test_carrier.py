"""Messages go out by apprise, and no address ever comes back from it."""

import logging
import threading

import pytest

from thetaloom.domain.values.ids import UserId
from thetaloom.errors import InvalidInput
from thetaloom.notify.carrier import AppriseNotifier, read_service
from thetaloom.ports.notifier import Letter, NotSent
from thetaloom.testing.receivers import Hook, MailServer, hook

ANNA = UserId("anna")
PATIENCE = 300.0  # on a machine that has no time
DISCORD = ".".join(("discord", "com"))  # what people paste begins with it, and is translated
LETTER = Letter(id="msg-1", title="Filled: SPY", body="at 1.00")


def carry(url: str | None) -> NotSent | None:
    return AppriseNotifier(lambda user, name: url, answer_seconds=PATIENCE).send(ANNA, "phone", LETTER)


def test_a_webhook_gets_the_message_with_its_key(receiver: Hook) -> None:
    assert carry(receiver.url) is None

    ((headers, body),) = receiver.received
    assert (body["title"], headers["idempotency-key"]) == ("Filled: SPY", "msg-1")


def test_a_phone_is_reached_by_ntfy(receiver: Hook) -> None:
    assert carry(f"ntfy://127.0.0.1:{receiver.port}/planted-topic") is None

    ((_, body),) = receiver.received
    assert (body["topic"], body["title"], body["message"]) == ("planted-topic", "Filled: SPY", "at 1.00")


def test_mail_goes_by_smtp(mail: MailServer) -> None:
    assert carry(mail.url) is None

    (got,) = mail.received
    assert "Filled: SPY" in str(got["subject"]) and "anna@example.com" in str(got["to"])


def test_words_of_others_are_no_markup_of_a_mail(mail: MailServer) -> None:
    body = 'Denied: <a href="phish.example">look</a>\nBcc: eve@example.com\n  *indented*'
    letter = Letter(id="msg-2", title="Denied: SPY", body=body)

    assert AppriseNotifier(lambda user, name: mail.url, answer_seconds=PATIENCE).send(ANNA, "mail", letter) is None

    (got,) = mail.received
    assert got.get_content_type() == "text/plain" and got["bcc"] is None
    assert str(got.get_content()).replace("\r\n", "\n").strip() == body


@pytest.mark.parametrize(("status", "is_final"), [(500, False), (503, False), (429, False), (404, True), (401, True)])
def test_a_refusal_is_told_by_its_number_alone(
    receiver: Hook, caplog: pytest.LogCaptureFixture, status: int, is_final: bool
) -> None:
    receiver.statuses = [status]
    with caplog.at_level(logging.DEBUG):
        said = carry(receiver.url)

    assert said == NotSent(reason=f"JSON answered {status}", is_final=is_final)
    assert "planted" not in caplog.text


def test_what_one_service_answers_is_not_taken_for_what_another_says() -> None:
    with hook() as slow, hook() as strict:
        slow.gate.clear()
        slow.statuses, strict.statuses = [503], [404]
        told: list[NotSent | None] = []
        thread = threading.Thread(target=lambda: told.append(carry(slow.url)))
        thread.start()
        assert slow.came.acquire(timeout=PATIENCE)
        refused = carry(strict.url)
        slow.gate.set()
        thread.join(PATIENCE)

    assert told == [NotSent(reason="JSON answered 503")]
    assert refused == NotSent(reason="JSON answered 404", is_final=True)


def test_no_answer_is_not_mended_by_the_answer_of_another() -> None:
    with hook() as mute, hook() as strict:
        mute.gate.clear()
        strict.statuses = [404]
        told: list[NotSent | None] = []
        thread = threading.Thread(target=lambda: told.append(carry(mute.url)))
        thread.start()
        assert mute.came.acquire(timeout=PATIENCE)
        assert carry(strict.url) == NotSent(reason="JSON answered 404", is_final=True)
        mute.hang_up()
        thread.join(PATIENCE)

    assert told == [NotSent(reason="JSON did not take it or does not answer")]


def test_a_dead_receiver_is_one_to_be_asked_again() -> None:
    said = carry("json://user:planted-password@127.0.0.1:9/planted-path")

    assert said is not None and not said.is_final and "planted" not in said.reason


def test_a_missing_address_is_no_matter_of_trying_again() -> None:
    assert carry(None) == NotSent(reason="its address is missing", is_final=True)


@pytest.mark.parametrize(
    ("url", "name", "shown"),
    [
        ("https://hooks.example/planted", "JSON", "jsons://hooks.example"),
        ("json://me:planted@127.0.0.1:81/planted?planted=1", "JSON", "json://127.0.0.1:81"),
        ("mailto://me:planted@gmail.com", "E-Mail", "mailtos://gmail.com:587"),
        ("ntfy://planted", "ntfy", "ntfys://…"),
        ("tgram://123456789:plantedplantedplantedplantedplanted12/12315544", "Telegram", "tgram://…"),
        (f"https://{DISCORD}/api/webhooks/4174216298/planted-planted", "Discord", "discord://…"),
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
