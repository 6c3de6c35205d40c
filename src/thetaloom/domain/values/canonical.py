"""Canonical JSON: one text for one value, so that equal values have equal digests.

Keys are sorted, decimals are strings exactly as they stand, instants are ISO 8601 in UTC, and a number
that is not finite is refused: what is unknown is ``None``.
"""

import hashlib
import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

import msgspec

from thetaloom.errors import InvalidInput

T = TypeVar("T")


def canonical_json(value: object, hook: Callable[[object], object] | None = None) -> bytes:
    """Return the one JSON text of ``value``; ``hook`` turns what is no plain data into plain data."""
    return msgspec.json.encode(_plain(value, hook), order="sorted")


def digest_of(content: bytes) -> str:
    """Return the content address: BLAKE2b with 32 bytes, in hexadecimal."""
    return hashlib.blake2b(content, digest_size=32).hexdigest()


def from_plain(plain: object, type_: type[T], hook: Callable[[type, object], object] | None = None) -> T:
    """Rebuild a value of ``type_`` from decoded JSON; ``InvalidInput`` names the field that does not fit."""

    def decode(wanted: type, given: object) -> object:
        if isinstance(wanted, type) and issubclass(wanted, Decimal):
            return wanted(str(given))
        if hook is not None:
            return hook(wanted, given)
        raise TypeError(f"no way to read a {wanted.__name__}")

    try:
        return msgspec.convert(plain, type=type_, dec_hook=decode, strict=True)
    except (msgspec.ValidationError, ValueError, TypeError, ArithmeticError) as error:
        raise InvalidInput(f"{type_.__name__}: {error}") from error


def from_json(text: bytes, type_: type[T], hook: Callable[[type, object], object] | None = None) -> T:
    """Rebuild a value from its canonical JSON."""
    try:
        plain = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"not JSON: {error}") from error
    return from_plain(plain, type_, hook)


def _plain(value: Any, hook: Callable[[object], object] | None) -> Any:
    match value:
        case None | bool() | int() | str() if not isinstance(value, Enum):
            return value
        case Enum():
            return value.value
        case Decimal():
            return format(value, "f") if value.is_finite() else _refuse(value)
        case float():
            return value if math.isfinite(value) else _refuse(value)
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case dict():
            return {str(_plain(key, hook)): _plain(entry, hook) for key, entry in value.items()}
        case list() | tuple():
            return [_plain(entry, hook) for entry in value]
        case set() | frozenset():
            return sorted(_plain(entry, hook) for entry in value)
    return _plain_record(value, hook)


def _plain_record(value: Any, hook: Callable[[object], object] | None) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if hook is not None:
        replaced = hook(value)
        if replaced is not value:
            return _plain(replaced, hook)
    fields = getattr(value, "__dataclass_fields__", None)
    if fields is None:
        raise TypeError(f"{type(value).__name__} has no canonical form")
    return {
        name: _plain(getattr(value, name), hook)
        for name, field in fields.items()
        if field.metadata.get("canonical", True)
    }


def _refuse(value: object) -> Any:
    raise InvalidInput(f"{value} is no number that can be recorded; what is unknown is None")
