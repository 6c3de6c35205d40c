"""Receivers on loopback."""

from collections.abc import Iterator

import pytest

from thetaloom.testing.receivers import Hook, MailServer, hook, mail_server


@pytest.fixture
def receiver() -> Iterator[Hook]:
    """A webhook."""
    with hook() as made:
        yield made


@pytest.fixture
def mail() -> Iterator[MailServer]:
    """A mail server."""
    with mail_server() as made:
        yield made
