"""The strategies that ship with the package, read from their TOML files."""

import tomllib
from decimal import Decimal
from functools import cache
from importlib.resources import files

from thetaloom.domain.strategy.documents import parse_strategy
from thetaloom.domain.strategy.strategies import Strategy

CATALOGUE = files("thetaloom.domain.strategy") / "catalogue"


@cache
def load_catalogue() -> tuple[Strategy, ...]:
    """Return the shipped strategies, ordered by id."""
    texts = (file.read_text(encoding="utf-8") for file in CATALOGUE.iterdir() if file.name.endswith(".toml"))
    # Decimals straight from the text, so that no float ever stands between.
    strategies = (parse_strategy(tomllib.loads(text, parse_float=Decimal)) for text in texts)
    return tuple(sorted(strategies, key=lambda strategy: strategy.id))
