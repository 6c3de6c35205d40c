"""Strategies as people send them: a JSON document, or TOML text."""

import tomllib
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from thetaloom.domain.strategy.documents import parse_strategy
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.errors import InvalidInput

TOML_KEY = "toml"


def read_document(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the document itself: ``{"toml": "…"}`` is decoded, anything else is the document."""
    if set(body) != {TOML_KEY}:
        return body
    text = body[TOML_KEY]
    if not isinstance(text, str):
        raise InvalidInput("toml is the text of a strategy", details={TOML_KEY: "is not a text"})
    return decode_toml(text)


def decode_toml(text: str) -> Mapping[str, Any]:
    """Decode TOML; numbers come as exact decimals."""
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"not well-formed TOML: {error}", details={TOML_KEY: str(error)}) from error
    except RecursionError as error:
        raise InvalidInput("too deeply nested", details={TOML_KEY: "is nested too deeply"}) from error
    except ArithmeticError as error:
        raise InvalidInput("a number is out of range", details={TOML_KEY: "holds a number out of range"}) from error


def read_strategy(body: Mapping[str, Any], strategy_id: str | None = None) -> Strategy:
    """Read a strategy; ``strategy_id`` is the one that the address names, which the document may leave out."""
    document = dict(read_document(body))
    if strategy_id is not None and document.setdefault("id", strategy_id) != strategy_id:
        raise InvalidInput(
            f"the address says {strategy_id!r}, the document {document['id']!r}",
            advice="A strategy keeps its id; POST /api/strategies makes another.",
            details={"id": "is not the one in the address"},
        )
    return parse_strategy(document)
