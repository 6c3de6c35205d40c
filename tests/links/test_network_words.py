"""What a failing network says, in words for people."""

import errno
import socket
import urllib.error
import urllib.request

import pytest

from thetaloom.errors import BrokerUnavailable
from thetaloom.links.network_words import deepest, words_of


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "nothing listens there"),
        (
            OSError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 42693)"),
            "nothing listens there, at 127.0.0.1:42693",
        ),
        (OSError(errno.ENOTCONN, "not connected"), "not connected"),
        (TimeoutError(), "no answer in time"),
        (EOFError(), "EOFError"),
        (BrokerUnavailable("the broker is closed for maintenance"), "the broker is closed for maintenance"),
    ],
)
def test_no_number_of_the_operating_system_is_told(error: Exception, words: str) -> None:
    assert words_of(error) == words


def test_an_unknown_name_is_told_as_such() -> None:
    words = words_of(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))

    assert words.startswith("its name was not found")


def test_what_wraps_a_refused_connection_is_looked_through() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    with pytest.raises(urllib.error.URLError) as caught:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/clock", timeout=5)

    assert words_of(deepest(caught.value)) == "nothing listens there"
