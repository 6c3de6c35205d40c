"""Strategies as documents: read from decoded TOML or JSON with every problem named, and written back."""

import re
from collections.abc import Mapping
from decimal import Context, Decimal
from enum import StrEnum
from typing import Any

from thetaloom.domain.strategy.assembly_checks import assembly_problems, did_you_mean
from thetaloom.domain.strategy.checks import record_problems, reference_problems, refuse_problems
from thetaloom.domain.strategy.exit_checks import exit_window_problems, ladder_window_problems
from thetaloom.domain.strategy.fields import (
    MAGNITUDE_MAX,
    Field,
    bound_problems,
    expectation,
    expected_entry,
    fields_of,
    shown,
    word_of,
    words_of,
    wrong,
)
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.errors import InvalidInput

NUMBER_TEXT = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")
_WIDE = Context(prec=100)  # wider than any number that is let through
ASSEMBLED = ("expiration", "back", "legs", "width_table", "drops", "targets")  # checked against each other
_FAILED = object()  # stands for what could not be read; its problem is noted
_ABSENT = object()  # None would be JSON's null


def parse_strategy(document: object) -> Strategy:
    """Read a strategy from a decoded TOML or JSON document; ``InvalidInput`` names all problems by path."""
    if not isinstance(document, Mapping):
        raise InvalidInput(f"a strategy is a table, not {shown(document)}")
    reader = _Reader()
    parts = reader.read_fields(Strategy, document, "")
    reader.add("", reference_problems(_references(document)))
    if _FAILED not in (parts["expiration"], parts["exits"]):
        exits = [(at, rule) for at, rule in enumerate(parts["exits"]) if rule is not _FAILED]
        reader.add("", exit_window_problems(parts["expiration"], exits))
    if _FAILED not in (parts["expiration"], parts["ladder"]):
        reader.add("", ladder_window_problems(parts["expiration"], parts["ladder"]))
    assembled = {name: parts[name] for name in ASSEMBLED}
    if not any(_has_failed(part) for part in assembled.values()):
        reader.add("", assembly_problems(**assembled))
    refuse_problems(document.get("id"), reader.problems)
    return Strategy(**parts)


def strategy_document(strategy: Strategy) -> dict[str, Any]:
    """Return a strategy as plain data: decimals as exact text, whole ones as integers, absent fields left out."""
    return {key: exact_plain(part) for key, part in fields_document(strategy).items()}


def fields_document(record: Any) -> dict[str, Any]:
    """Return a record under the keys of documents, decimals still as decimals."""
    document = {}
    for field in fields_of(type(record)):
        entry = getattr(record, field.name)
        if entry is not None and not (field.about.sparse and entry == field.default):
            document[field.key] = [_plain(one) for one in entry] if field.is_list else _plain(entry)
    return document


def exact_plain(part: Any) -> Any:
    """Return plain data without decimals: whole ones as integers, the others as exact text."""
    if isinstance(part, dict):
        return {key: exact_plain(entry) for key, entry in part.items()}
    if isinstance(part, list):
        return [exact_plain(entry) for entry in part]
    if isinstance(part, Decimal):
        return int(part) if part == part.to_integral_value() else format(part, "f")
    return part


def _has_failed(part: Any) -> bool:
    return part is _FAILED or (isinstance(part, tuple) and _FAILED in part)


class _Reader:
    """Reads records field by field and remembers what is wrong."""

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}

    def add(self, path: str, problems: Mapping[str, str]) -> None:
        for tail, text in problems.items():
            self.problems.setdefault(_joined(path, tail), text)

    def read_fields(self, record: type, document: Mapping[str, object], path: str) -> dict[str, Any]:
        fields = {field.key: field for field in fields_of(record)}
        for key in document:
            if key not in fields:
                self.add(path, {shown(key).strip('"'): "is not a known key; " + did_you_mean(str(key), list(fields))})
        return {
            field.name: self._read_field(field, document.get(key, _ABSENT), _joined(path, key))
            for key, field in fields.items()
        }

    def _read_field(self, field: Field, given: object, path: str) -> Any:
        if given is _ABSENT and field.is_required:
            self.add(path, {"": f"is missing; expected {expectation(field)}"})
            return _FAILED
        if given is _ABSENT:
            return field.default
        if given is None and field.is_optional:
            return None
        part = self._read_list(field, given, path) if field.is_list else self._read_one(field, given, path)
        if part is not _FAILED:
            self.add(path, bound_problems(field, part))
        return part

    def _read_list(self, field: Field, given: object, path: str) -> Any:
        if isinstance(given, list | tuple):
            return tuple(self._read_one(field, one, f"{path}[{at}]") for at, one in enumerate(given))
        self.add(path, {"": wrong(field, given)})
        return _FAILED

    def _read_one(self, field: Field, given: object, path: str) -> Any:
        if field.is_record and isinstance(given, Mapping):
            return self._read_record(field.kind, given, path)
        part = _FAILED if field.is_record else _read_plain(field.kind, given)
        if part is _FAILED:
            self.add(path, {"": _not_read(field, given)})
        return part

    def _read_record(self, kind: type, document: Mapping[str, object], path: str) -> Any:
        parts = self.read_fields(kind, document, path)
        if any(part is _FAILED for part in parts.values()):
            return _FAILED
        record = kind(**parts)
        self.add(path, record_problems(record))
        return record


def _not_read(field: Field, given: object) -> str:
    text = f"is {shown(given)}; expected {expected_entry(field)}"
    if isinstance(given, str) and issubclass(field.kind, StrEnum):
        near = did_you_mean(given, list(words_of(field.kind)))
        return f"{text}; {near}" if near.startswith("did") else text
    return text


def _read_plain(kind: type, given: object) -> Any:
    if issubclass(kind, StrEnum):
        return words_of(kind).get(given, _FAILED) if isinstance(given, str) else _FAILED
    if issubclass(kind, Decimal):
        number = _read_number(given)
        return _FAILED if number is None else kind(number)
    # A bool is an int to Python, and no number to anyone else.
    return given if type(given) is kind else _FAILED


def _read_number(given: object) -> Decimal | None:
    if isinstance(given, bool) or (isinstance(given, int) and abs(given) > MAGNITUDE_MAX):
        return None
    text = repr(given) if isinstance(given, float) else str(given) if isinstance(given, int | str | Decimal) else ""
    if not isinstance(given, float | Decimal) and not NUMBER_TEXT.fullmatch(text):
        return None  # text with exponents, underscores or blanks is somebody's slip
    number = Decimal(text)
    if not number.is_finite() or number.copy_abs() > MAGNITUDE_MAX or number.adjusted() < -_WIDE.prec:
        return None
    plain = number.normalize(_WIDE)
    exponent = plain.as_tuple().exponent
    # One way to write a number, so that equal strategies have equal digests: 0.60 is 0.6 and 1E+2 is 100.
    return _WIDE.add(plain.quantize(1) if isinstance(exponent, int) and exponent > 0 else plain, 0)


def _references(document: Mapping[str, object]) -> list[tuple[str | None, str | None]]:
    legs = document.get("legs")
    references = []
    for leg in legs if isinstance(legs, list | tuple) else ():
        select = leg.get("select") if isinstance(leg, Mapping) else None
        name = leg.get("name") if isinstance(leg, Mapping) else None
        of = select.get("of") if isinstance(select, Mapping) else None
        references.append((name if isinstance(name, str) else None, of if isinstance(of, str) else None))
    return references


def _joined(path: str, tail: str) -> str:
    if not path or not tail or tail.startswith("["):
        return path + tail
    return f"{path}.{tail}"


def _plain(part: Any) -> Any:
    if isinstance(part, StrEnum):
        return word_of(part)
    return fields_document(part) if hasattr(part, "__dataclass_fields__") else part
