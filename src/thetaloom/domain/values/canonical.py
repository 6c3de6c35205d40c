"""Canonical JSON: one text for one value, so that what is stored has one digest wherever it is read again.

Keys are sorted, decimals are strings with the places they have (1.20 is not 1.2: a digest covers what was shown),
instants are ISO 8601 in UTC, and a number that is not finite is refused: what is unknown is ``None``.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import Field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from functools import cache, partial
from typing import Any, TypeVar

import msgspec

from thetaloom.errors import InvalidInput

T = TypeVar("T")
_Hook = Callable[[object], object] | None  # turns what is no plain data into plain data

WHEN_SET = {"canonical": "when set"}  # of a field added later: left out at ``None``, so that older records stay equal
PLAIN_TYPES = frozenset({str, int, bool, type(None)})


def canonical_json(value: object, hook: _Hook = None) -> bytes:
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


def _plain(value: Any, hook: _Hook) -> Any:
    kind: Any = type(value)
    return _writer_of(kind)(value, hook)


@cache
def _writer_of(kind: type) -> Callable[[Any, _Hook], Any]:
    # Asked once for each kind: a proposal's evidence has thousands of values, and the question costs more than its
    # answer.
    if kind in PLAIN_TYPES:
        return _as_it_is
    names = _recorded_fields(kind)
    if names is not None:
        return partial(_plain_record, names, _spared_fields(kind))
    return next((write for base, write in _WRITERS if issubclass(kind, base)), _plain_other)


def _as_it_is(value: Any, hook: _Hook) -> Any:
    return value


def _plain_member(value: Enum, hook: _Hook) -> Any:
    return _plain(value.value, hook)


def _plain_decimal(value: Decimal, hook: _Hook) -> str:
    return format(value, "f") if value.is_finite() else _refuse(value)


def _plain_float(value: float, hook: _Hook) -> float:
    return value if math.isfinite(value) else _refuse(value)


def _plain_set(value: Set[Any], hook: _Hook) -> list[Any]:
    return sorted((_plain(entry, hook) for entry in value), key=_encoded)


def _plain_list(value: Sequence[Any], hook: _Hook) -> list[Any]:
    if set(map(type, value)) == {float} and all(map(math.isfinite, value)):  # a year of bars is long
        return list(value)
    return [_plain(entry, hook) for entry in value]


def _decimal(wanted: type[Decimal], given: object) -> Decimal:
    try:
        return wanted(str(given))
    except ArithmeticError as error:  # the decoder adds the place to a ValueError only
        raise ValueError(f"{str(given)[:40]!r} is no number") from error


def _instant(at: datetime, hook: _Hook) -> str:
    if at.tzinfo is None:
        raise InvalidInput(f"{at} names no zone; an instant is aware")
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _plain_mapping(value: Mapping[Any, Any], hook: _Hook) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, entry in value.items():
        name = _plain(key, hook)
        if isinstance(name, bool) or not isinstance(name, str | int):
            raise TypeError(f"{key!r} can't be a key of canonical JSON")
        if str(name) in plain:
            raise InvalidInput(f'two keys would both be written "{name}"')
        plain[str(name)] = _plain(entry, hook)
    return plain


def _plain_record(names: tuple[str, ...], spared: tuple[str, ...], value: Any, hook: _Hook) -> Any:
    if hook is not None:
        replaced = hook(value)
        if replaced is not value:
            return _plain(replaced, hook)
    plain = {name: _plain(getattr(value, name), hook) for name in names}
    for name in spared:
        if (entry := getattr(value, name)) is not None:
            plain[name] = _plain(entry, hook)
    return plain


@cache
def _recorded_fields(type_: type) -> tuple[str, ...] | None:
    found: Mapping[str, Field[Any]] | None = getattr(type_, "__dataclass_fields__", None)
    if found is None or issubclass(type_, Enum):
        return None
    return tuple(name for name, field in found.items() if field.metadata.get("canonical", True) is True)


def _spared_fields(type_: type) -> tuple[str, ...]:
    found: Mapping[str, Field[Any]] = getattr(type_, "__dataclass_fields__", {})
    return tuple(name for name, field in found.items() if field.metadata.get("canonical") == WHEN_SET["canonical"])


def _plain_other(value: Any, hook: _Hook) -> Any:
    if hasattr(value, "isoformat"):
        return value.isoformat()
    replaced = value if hook is None else hook(value)
    if replaced is not value:
        return _plain(replaced, hook)
    raise TypeError(f"{type(value).__name__} has no canonical form")


_WRITERS: tuple[tuple[type, Callable[[Any, _Hook], Any]], ...] = (
    (Enum, _plain_member),  # before what its members may be besides
    (int, _as_it_is),
    (str, _as_it_is),
    (Decimal, _plain_decimal),
    (float, _plain_float),
    (datetime, _instant),
    (Mapping, _plain_mapping),
    (list, _plain_list),
    (tuple, _plain_list),
    (set, _plain_set),
    (frozenset, _plain_set),
)


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
