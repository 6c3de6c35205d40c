"""Strategies as TOML text that people like to read: scalars first, then tables, legs with their rule in one line."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from thetaloom.domain.strategy.documents import fields_document
from thetaloom.domain.strategy.strategies import Strategy

LINE_MAX = 110
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def strategy_toml(strategy: Strategy) -> str:
    """Write a strategy as TOML; reading it back gives an equal strategy."""
    return document_toml(fields_document(strategy))


def document_toml(fields: Mapping[str, Any]) -> str:
    """Write a document as TOML, also one that is no strategy yet."""
    # An empty list would bar the reader from adding the first [[table]] of it by hand.
    document = {key: part for key, part in fields.items() if part != []}
    tables = {key: part for key, part in document.items() if _is_table(part)}
    blocks = [_lines({key: part for key, part in document.items() if key not in tables})]
    for key, part in tables.items():
        blocks.extend(_table_blocks(f"[{key}]", part) if isinstance(part, dict) else _list_blocks(key, part))
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _table_blocks(head: str, table: dict[str, Any]) -> list[list[str]]:
    # Lists of tables too long for one line stand below their table, each entry under a head of its own.
    name = head.strip("[]")
    long = [key for key, part in table.items() if _is_list_of_tables(part) and len(_inline(part)) > LINE_MAX]
    blocks = [[head, *_lines({key: part for key, part in table.items() if key not in long and part != []})]]
    for key in long:
        blocks.extend(_list_blocks(f"{name}.{key}", table[key]))
    return blocks


def _list_blocks(name: str, entries: list[dict[str, Any]]) -> list[list[str]]:
    return [[f"[[{name}]]", *_lines({key: part for key, part in entry.items() if part != []})] for entry in entries]


def _is_table(part: Any) -> bool:
    return isinstance(part[0] if isinstance(part, list) else part, dict)


def _is_list_of_tables(part: Any) -> bool:
    return isinstance(part, list) and bool(part) and isinstance(part[0], dict)


def _lines(table: dict[str, Any]) -> list[str]:
    return [f"{key} = {_inline(part)}" for key, part in table.items()]


def _inline(part: Any) -> str:
    if isinstance(part, dict):
        return "{ " + ", ".join(_lines({key: entry for key, entry in part.items() if entry != []})) + " }"
    if isinstance(part, list):
        return "[" + ", ".join(_inline(entry) for entry in part) + "]"
    if isinstance(part, bool):
        return "true" if part else "false"
    if isinstance(part, str):
        return '"' + "".join(_ESCAPES.get(character, character) for character in part) + '"'
    return _number(part) if isinstance(part, Decimal) else str(part)


def _number(number: Decimal) -> str:
    text = format(number, "f")
    # Readers make a float of a bare number; one that a float cannot hold stands as text.
    return text if Decimal(repr(float(number))) == number else f'"{text}"'
