"""Strategies as TOML text that people like to read: scalars first, then tables, legs with their rule in one line."""

from decimal import Decimal
from typing import Any

from thetaloom.domain.strategy.documents import fields_document
from thetaloom.domain.strategy.strategies import Strategy

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}


def strategy_toml(strategy: Strategy) -> str:
    """Write a strategy as TOML; reading it back gives an equal strategy."""
    # An empty list would bar the reader from adding the first [[table]] of it by hand.
    document = {key: part for key, part in fields_document(strategy).items() if part != []}
    tables = {key: part for key, part in document.items() if _is_table(part)}
    blocks = [_lines({key: part for key, part in document.items() if key not in tables})]
    for key, part in tables.items():
        if isinstance(part, dict):
            blocks.append([f"[{key}]", *_lines(part)])
        else:
            blocks.extend([f"[[{key}]]", *_lines(entry)] for entry in part)
    return "\n\n".join("\n".join(block) for block in blocks) + "\n"


def _is_table(part: Any) -> bool:
    return isinstance(part[0] if isinstance(part, list) else part, dict)


def _lines(table: dict[str, Any]) -> list[str]:
    return [f"{key} = {_inline(part)}" for key, part in table.items()]


def _inline(part: Any) -> str:
    if isinstance(part, dict):
        return "{ " + ", ".join(_lines(part)) + " }"
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
