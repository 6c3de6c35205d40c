"""Canonical JSON: one text for one value, so that what is stored has one digest wherever it is read again.

Keys are sorted, decimals are strings with the places they have (1.20 is not 1.2: a digest covers what was shown),
instants are ISO 8601 in UTC, and a number that is not finite is refused: what is unknown is ``None``.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar

import msgspec

from thetaloom.errors import InvalidInput

T = TypeVar("T")

PLAIN_TYPES = frozenset({str, int, bool, type(None)})


def canonical_json(value: object, hook: Callable[[object], object] | None = None) -> bytes:
    """Return the one JSON text of ``value``; ``hook`` turns what is no plain data into plain data."""
    return _encoded(_plain(value, hook))


def digest_of(content: bytes) -> str:
    """Return the content address: BLAKE2b with 32 bytes, in hexadecimal."""
    return hashlib.blake2b(content, digest_size=32).hexdigest()


def from_plain(plain: object, type_: type[T], hook: Callable[[type, object], object] | None = None) -> T:
    """Rebuild a value of ``type_`` from decoded JSON; ``InvalidInput`` names the field that does not fit."""

    def decode(wanted: type, given: object) -> object:
        if isinstance(wanted, type) and issubclass(wanted, Decimal):
            return _decimal(wanted, given)
        if hook is not None:
            return hook(wanted, given)
        raise TypeError(f"no way to read a {wanted.__name__}")

    try:
        value = msgspec.convert(plain, type=type_, dec_hook=decode, strict=True, str_keys=True)
    except (ValueError, TypeError) as error:
        raise InvalidInput(f"{getattr(type_, '__name__', type_)}: {error}") from error
    _check_finite(value)
    return value


def from_json(text: bytes, type_: type[T], hook: Callable[[type, object], object] | None = None) -> T:
    """Rebuild a value from its canonical JSON."""
    try:
        plain = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput(f"not JSON: {error}") from error
    return from_plain(plain, type_, hook)


def _plain(value: Any, hook: Callable[[object], object] | None) -> Any:
    # The usual kinds first: a proposal's evidence has thousands of values.
    if type(value) in PLAIN_TYPES:
        return value
    kind: Any = type(value)
    names = _recorded_fields(kind)
    if names is not None:
        return _plain_record(value, names, hook)
    return _plain_value(value, hook)


def _plain_value(value: Any, hook: Callable[[object], object] | None) -> Any:
    kind = type(value)
    if kind is tuple or kind is dict:  # before the question what else it may be, which costs more than the answer
        return _plain_list(value, hook) if kind is tuple else _plain_mapping(value, hook)
    match value:
        case int() | str() if not isinstance(value, Enum):
            return value
        case Enum():
            return _plain(value.value, hook)
        case Decimal():
            return format(value, "f") if value.is_finite() else _refuse(value)
        case float():
            return value if math.isfinite(value) else _refuse(value)
        case datetime():
            return _instant(value)
        case Mapping():
            return _plain_mapping(value, hook)
        case list() | tuple():
            return _plain_list(value, hook)
        case set() | frozenset():
            return sorted((_plain(entry, hook) for entry in value), key=_encoded)
    return _plain_other(value, hook)


def _plain_list(value: Sequence[Any], hook: Callable[[object], object] | None) -> list[Any]:
    if set(map(type, value)) == {float} and all(map(math.isfinite, value)):  # a year of bars is long
        return list(value)
    return [_plain(entry, hook) for entry in value]


def _decimal(wanted: type[Decimal], given: object) -> Decimal:
    try:
        return wanted(str(given))
    except ArithmeticError as error:  # the decoder adds the place to a ValueError only
        raise ValueError(f"{str(given)[:40]!r} is no number") from error


def _instant(at: datetime) -> str:
    if at.tzinfo is None:
        raise InvalidInput(f"{at} names no zone; an instant is aware")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _plain_mapping(value: Mapping[Any, Any], hook: Callable[[object], object] | None) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, entry in value.items():
        name = _plain(key, hook)
        if isinstance(name, bool) or not isinstance(name, str | int):
            raise TypeError(f"{key!r} can't be a key of canonical JSON")
        if str(name) in plain:
            raise InvalidInput(f'two keys would both be written "{name}"')
        plain[str(name)] = _plain(entry, hook)
    return plain


def _plain_record(value: Any, names: tuple[str, ...], hook: Callable[[object], object] | None) -> Any:
    if hook is not None:
        replaced = hook(value)
        if replaced is not value:
            return _plain(replaced, hook)
    return {name: _plain(getattr(value, name), hook) for name in names}


@cache
def _recorded_fields(type_: type) -> tuple[str, ...] | None:
    found: Mapping[str, Field[Any]] | None = getattr(type_, "__dataclass_fields__", None)
    if found is None or issubclass(type_, Enum):
        return None
    return tuple(name for name, field in found.items() if field.metadata.get("canonical", True))


def _plain_other(value: Any, hook: Callable[[object], object] | None) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    replaced = value if hook is None else hook(value)
    if replaced is not value:
        return _plain(replaced, hook)
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _encoded(plain: object) -> bytes:
    try:
        return msgspec.json.encode(plain, order="sorted")
    except UnicodeEncodeError as error:
        raise InvalidInput(f"a text holds what is no character: {error}") from error


def _check_finite(value: Any) -> None:
    # The decoder lets a plain Decimal be "NaN"; such a threshold would break the first comparison made with it.
    if type(value) in PLAIN_TYPES:
        return
    match value:
        case Decimal() if not value.is_finite():
            _refuse(value)
        case Mapping():
            _check_finite([*value.keys(), *value.values()])
        case list() | tuple() | set() | frozenset():
            for entry in value:
                _check_finite(entry)
        case _:
            for name in getattr(value, "__dataclass_fields__", ()):
                _check_finite(getattr(value, name))


def _refuse(value: object) -> Any:
    raise InvalidInput(f"{value} is no number that can be recorded; what is unknown is None")
