"""The JSON Schema of strategy documents, derived from the records, so that editors can complete and explain."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from thetaloom.domain.strategy.documents import exact_plain, fields_document
from thetaloom.domain.strategy.exit_rules import BY_THE_CLOCK, MAY_BE_ZERO
from thetaloom.domain.strategy.fields import MAGNITUDE_MAX, Field, Word, fields_of, word_of, words_of
from thetaloom.domain.strategy.strategies import (
    EXIT_UNITS,
    UNITS,
    ExitKind,
    ExitRule,
    ExitUnit,
    Strategy,
    StrikeRule,
    Unit,
)

DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Which units fit depends on another field of the same record.
UNIT_TABLES: dict[type, tuple[str, Mapping[Any, frozenset[Any]]]] = {
    StrikeRule: ("by", UNITS),
    ExitRule: ("kind", EXIT_UNITS),
}
NUMBER_PATTERN = r"^-?[0-9]+(\.[0-9]+)?$"


def strategy_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) that strategy documents keep to."""
    definitions: dict[str, Any] = {}
    schema = _record_schema(Strategy, definitions)
    return {"$schema": DIALECT, "title": "Thetaloom strategy", **schema, "$defs": definitions}


def _record_schema(record: type, definitions: dict[str, Any]) -> dict[str, Any]:
    fields = fields_of(record)
    schema: dict[str, Any] = {
        "type": "object",
        "description": (record.__doc__ or "").strip(),
        "additionalProperties": False,
        "required": [field.key for field in fields if field.is_required],
        "properties": {field.key: _field_schema(field, definitions) for field in fields},
    }
    if record in UNIT_TABLES:
        key, table = UNIT_TABLES[record]
        schema["allOf"] = [
            {
                "if": {"properties": {key: {"const": word_of(chosen)}}},
                "then": {
                    "properties": {"unit": {"enum": sorted(word_of(unit) for unit in allowed)}},
                    "required": _needed(chosen, allowed),
                },
            }
            for chosen, allowed in table.items()
        ]
    return schema


def _needed(chosen: Any, allowed: frozenset[Any]) -> list[str]:
    if isinstance(chosen, ExitKind):
        if ExitUnit.NONE not in allowed:
            return ["unit"] if chosen in MAY_BE_ZERO else ["threshold", "unit"]
        return ["at"] if chosen in BY_THE_CLOCK else []
    return [] if Unit.NONE in allowed else ["unit"]


def _field_schema(field: Field, definitions: dict[str, Any]) -> dict[str, Any]:
    about = field.about
    unit = f" Unit: {about.unit}." if about.unit else ""
    schema: dict[str, Any] = {"description": about.text + unit}
    one = _one_schema(field, definitions)
    if field.is_list:
        schema |= {"type": "array", "minItems": about.count_min, "maxItems": about.count_max, "items": one}
        if not field.is_record:
            schema["uniqueItems"] = True
    elif field.is_optional:
        schema["anyOf"] = [one, {"type": "null"}]
    else:
        schema |= one
    if about.unit:
        schema["x-unit"] = about.unit
    if not field.is_required and field.default is not None:
        schema["default"] = _default(field.default)
    return schema


def _one_schema(field: Field, definitions: dict[str, Any]) -> dict[str, Any]:
    kind = field.kind
    if field.is_record:
        definitions[kind.__name__] = _record_schema(kind, definitions)
        return {"$ref": f"#/$defs/{kind.__name__}"}
    if kind is bool:
        return {"type": "boolean"}
    if issubclass(kind, StrEnum):
        words = words_of(kind)
        texts = [member.text for member in words.values() if isinstance(member, Word)]
        return {"enum": list(words), **({"enumDescriptions": texts} if texts else {})}
    return _text_schema(field) if kind is str else _number_schema(field)


def _text_schema(field: Field) -> dict[str, Any]:
    about = field.about
    schema: dict[str, Any] = {"type": "string", "maxLength": about.length_max}
    if about.pattern is not None:
        schema["pattern"] = f"^(?:{about.pattern})$"
    if about.good:
        schema["examples"] = [about.good]
    return schema


def _number_schema(field: Field) -> dict[str, Any]:
    about = field.about
    schema: dict[str, Any] = {"type": "integer"} if field.kind is int else {"type": ["number", "string"]}
    if issubclass(field.kind, Decimal):
        schema["pattern"] = NUMBER_PATTERN  # exact decimals may be written as text
    if about.above is not None:
        schema["exclusiveMinimum"] = about.above
    else:
        schema["minimum"] = -MAGNITUDE_MAX if about.at_least is None else about.at_least
    schema["maximum"] = MAGNITUDE_MAX if about.at_most is None else about.at_most
    return schema


def _default(default: Any) -> Any:
    if isinstance(default, tuple):
        return [_default(entry) for entry in default]
    if isinstance(default, StrEnum):
        return word_of(default)
    return exact_plain(fields_document(default) if hasattr(default, "__dataclass_fields__") else default)
