"""Messages of the TWS socket: four bytes of length, then fields of text that each end in a zero byte."""

import struct
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

SERVER_VERSION = 178  # the newest that ib_async 2.1.0 asks for; TWS would offer more
MESSAGE_BYTES_MAX = 1 << 20


class Malformed(Exception):
    """What came is not what the protocol says."""


def framed(*fields: object) -> bytes:
    """Return one message."""
    body = "".join(f"{text_of(field)}\0" for field in fields).encode()
    return struct.pack(">I", len(body)) + body


def text_of(field: object) -> str:
    """Return a field as TWS writes it."""
    if field is None:
        return ""
    if isinstance(field, bool):
        return "1" if field else "0"
    return str(field)


def split(buffer: bytearray) -> Iterator[bytes]:
    """Take the whole messages off the front of a buffer."""
    while len(buffer) >= 4:
        length = struct.unpack(">I", buffer[:4])[0]
        if length > MESSAGE_BYTES_MAX:
            raise Malformed(f"a message of {length} bytes")
        if len(buffer) < 4 + length:
            return
        yield bytes(buffer[4 : 4 + length])
        del buffer[: 4 + length]


class Fields:
    """The fields of one message from the client, read in order and to the end."""

    def __init__(self, message: bytes) -> None:
        try:
            text = message.decode()
        except UnicodeDecodeError as error:
            raise Malformed("a message that is not UTF-8") from error
        if not text.endswith("\0"):
            raise Malformed("a message whose last field does not end")
        self._fields = text[:-1].split("\0")
        self._at = 0

    def text(self) -> str:
        """Take the next field."""
        if self._at >= len(self._fields):
            raise Malformed(f"message {self._fields[0]} ends after {self._at} fields")
        self._at += 1
        return self._fields[self._at - 1]

    def whole(self) -> int:
        """Take a whole number; empty is zero."""
        text = self.text()
        try:
            return int(text or 0)
        except ValueError as error:
            raise Malformed(f'field {self._at} of message {self._fields[0]} is "{text}", no whole number') from error

    def number(self) -> Decimal | None:
        """Take a number; empty is ``None``."""
        text = self.text()
        if not text:
            return None
        try:
            return Decimal(text)
        except InvalidOperation as error:
            raise Malformed(f'field {self._at} of message {self._fields[0]} is "{text}", no number') from error

    def flag(self) -> bool:
        """Take a yes or no."""
        text = self.text()
        if text not in {"", "0", "1"}:
            raise Malformed(f'field {self._at} of message {self._fields[0]} is "{text}", neither 0 nor 1')
        return text == "1"

    def expect(self, **fields: str) -> list[str]:
        """Take fields that must have given texts; return which have others (several are split by ``|``)."""
        wrong = []
        for name, texts in fields.items():
            found = self.text()
            if found not in texts.split("|"):
                wrong.append(f"{name}={found!r}")
        return wrong

    def end(self) -> None:
        """Refuse fields that nobody asked for."""
        if self._at != len(self._fields):
            raise Malformed(f"message {self._fields[0]} has {len(self._fields) - self._at} fields too many")
