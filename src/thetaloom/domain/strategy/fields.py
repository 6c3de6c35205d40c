"""What a field of a strategy means and may hold, said once, beside its type: checks, parser and schema read it."""

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from decimal import Decimal
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from thetaloom.domain.values.instruments import Right

MAGNITUDE_MAX = 10**9  # no number of a strategy comes near it; a typing error does
DECIMALS_MAX = 9
SHOWN_MAX = 60
WORDS_MAX = 24  # more of them nobody reads in a sentence; the reference lists all

Problems = dict[str, str]  # what is wrong and what is expected, by the path of the field in a document


class Word(StrEnum):
    """A word of the strategy language together with what it means."""

    text: str

    def __new__(cls, word: str, text: str) -> "Word":
        member = str.__new__(cls, word)
        member._value_ = word
        member.text = text
        return member


@dataclass(frozen=True, slots=True)
class About:
    """What a field means and may hold; stands in the field's ``Annotated``."""

    text: str
    _: KW_ONLY
    key: str | None = None  # its name in documents where that differs from the field's
    unit: str = ""
    at_least: int | None = None
    above: int | None = None
    at_most: int | None = None
    pattern: str | None = None  # of the text, or of each text in a list
    good: str = ""  # an example that fits the pattern
    length_max: int = 100  # characters
    count_min: int = 0  # entries of a list
    count_max: int = 32
    sparse: bool = False  # left out of documents while it has its default


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a record as documents know it."""

    name: str
    key: str
    about: About
    kind: type[Any]  # of the value, or of each entry of a list
    is_list: bool
    is_optional: bool  # absent means unlimited or not applicable
    default: Any  # MISSING where the field must be given

    @property
    def is_required(self) -> bool:
        """Whether a document must name it."""
        return self.default is dataclasses.MISSING

    @property
    def is_record(self) -> bool:
        """Whether it holds a record of its own."""
        return dataclasses.is_dataclass(self.kind)


def fields_of(record: type) -> tuple[Field, ...]:
    """Return the fields of a record in the order of its definition."""
    return _fields_of(record)


@cache
def _fields_of(record: type) -> tuple[Field, ...]:
    hints = get_type_hints(record, include_extras=True)
    return tuple(_field(field, hints[field.name]) for field in dataclasses.fields(record))


@cache
def words_of(kind: type[StrEnum]) -> dict[str, StrEnum]:
    """Return the members of ``kind`` by the word that documents use."""
    if kind is Right:  # C and P are the wire's letters; people write call and put
        return {member.name.lower(): member for member in kind}
    return {member.value: member for member in kind}


def word_of(member: StrEnum) -> str:
    """Return the word that documents use for ``member``."""
    return member.name.lower() if isinstance(member, Right) else member.value


def expectation(field: Field) -> str:
    """Say in words what ``field`` may hold."""
    about = field.about
    one = expected_entry(field)
    if not field.is_list:
        return one
    least = f"{about.count_min} to " if about.count_min else "at most "
    return f"a list of {least}{about.count_max} entries, each {one}"


def bound_problems(field: Field, value: Any) -> dict[str, str]:
    """Return what is wrong with a value of the right type, by path from the field."""
    if value is None or isinstance(value, bool | StrEnum):
        return {}
    if not field.is_list:
        return {} if field.is_record or _keeps_bounds(field.about, value) else {"": wrong(field, value)}
    return _list_problems(field, value)


def wrong(field: Field, value: object) -> str:
    """Word the problem of a value that is not what its field expects."""
    return f"is {shown(value)}; expected {expectation(field)}"


def shown(value: object) -> str:
    """Print any value for a person, whatever its size or sort."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) > MAGNITUDE_MAX:
        return "an enormous number"  # printing it could take seconds
    if isinstance(value, dict | list | tuple):
        return "a table" if isinstance(value, dict) else f"a list of {len(value)}"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    text = text.encode("unicode_escape").decode() if not text.isprintable() else text
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


def _field(field: "dataclasses.Field[Any]", hint: Any) -> Field:
    kind, about = hint, None
    if get_args(hint) and hasattr(hint, "__metadata__"):
        kind, about = hint.__origin__, hint.__metadata__[0]
    assert isinstance(about, About), f"{field.name} says nothing about itself"
    arguments = get_args(kind)
    is_optional = get_origin(kind) in (UnionType, Union) and NoneType in arguments
    if is_optional:
        kind = next(argument for argument in arguments if argument is not NoneType)
    is_list = get_origin(kind) is tuple
    if is_list:
        kind = get_args(kind)[0]
    return Field(
        name=field.name,
        key=about.key or field.name,
        about=about,
        kind=getattr(kind, "__supertype__", kind),
        is_list=is_list,
        is_optional=is_optional,
        default=field.default,
    )


def expected_entry(field: Field) -> str:
    """Say in words what an entry of this field must be."""
    about, kind = field.about, field.kind
    if kind is bool:
        return "true or false"
    if issubclass(kind, StrEnum):
        words = list(words_of(kind))
        return f"one of {len(words)} words, {words[0]} to {words[-1]}" if len(words) > WORDS_MAX else _one_of(words)
    if field.is_record:
        return "a table with " + ", ".join(known.key for known in fields_of(kind))
    if kind is str:
        example = f' like "{about.good}"' if about.good else ""
        return (
            f"a text of 1 to {about.length_max} characters{example}"
            if about.pattern
            else (f"a text of at most {about.length_max} printable characters")
        )
    noun = "a whole number" if kind is int else "a number"
    unit = f" ({about.unit})" if about.unit else ""
    return f"{noun}{_range_words(about)}{unit}"


def _one_of(words: list[str]) -> str:
    return "one of " + ", ".join(words)


def _range_words(about: About) -> str:
    parts = []
    if about.above is not None:
        parts.append(f"above {about.above}")
    if about.at_least is not None:
        parts.append(f"at least {about.at_least}")
    if about.at_most is not None:
        parts.append(f"at most {about.at_most}")
    return " " + " and ".join(parts) if parts else ""


def _keeps_bounds(about: About, value: Any) -> bool:
    if isinstance(value, str):
        readable = all(character.isprintable() or character in "\n\t" for character in value)
        fits = about.pattern is None or re.fullmatch(about.pattern, value) is not None
        return readable and fits and len(value) <= about.length_max
    if isinstance(value, Decimal) and not _is_plain_number(value):
        return False
    if (about.above is not None and value <= about.above) or (about.at_least is not None and value < about.at_least):
        return False
    return bool(abs(value) <= (MAGNITUDE_MAX if about.at_most is None else about.at_most))


def _is_plain_number(value: Decimal) -> bool:
    if not value.is_finite():
        return False
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -DECIMALS_MAX and value.adjusted() <= DECIMALS_MAX


def _list_problems(field: Field, entries: Sequence[Any]) -> dict[str, str]:
    about, problems = field.about, {}
    if not about.count_min <= len(entries) <= about.count_max:
        problems[""] = wrong(field, entries)
    if field.is_record:
        return problems
    for at, entry in enumerate(entries):
        if isinstance(entry, str) and not isinstance(entry, StrEnum) and not _keeps_bounds(about, entry):
            problems[f"[{at}]"] = f"is {shown(entry)}; expected {expected_entry(field)}"
        elif entry in entries[:at]:
            problems[f"[{at}]"] = f"is {shown(entry)}, which stands in the list already"
    return problems
