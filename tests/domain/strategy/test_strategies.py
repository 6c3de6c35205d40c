"""The tables of the strategy language are total."""

import dataclasses
from typing import Any

import pytest

from thetaloom.domain.strategy.checks import EXIT_MAX
from thetaloom.domain.strategy.fields import Word, fields_of
from thetaloom.domain.strategy.metrics import MARKET_METRICS, METRIC_MAX, SIGNED_METRICS, WORDS, Metric, WordMetric
from thetaloom.domain.strategy.strategies import (
    EXIT_UNITS,
    UNITS,
    ExitKind,
    ExitUnit,
    SelectBy,
    Strategy,
    Unit,
)
from thetaloom.testing.desk import put_credit_spread


def test_every_selector_exit_and_metric_has_its_row() -> None:
    assert set(UNITS) == set(SelectBy)
    assert set(EXIT_UNITS) == set(EXIT_MAX) == set(ExitKind)
    assert set(METRIC_MAX) == set(Metric)
    assert set(WORDS) == set(WordMetric)
    assert set(Metric) >= MARKET_METRICS | SIGNED_METRICS


def test_a_class_of_shares_stands_in_a_strategy_once_and_under_our_symbol() -> None:
    strategy = put_credit_spread(symbols=("BRK.B", "SPY", "BRK/B", "BRKB"))

    assert strategy.symbols == ("BRKB", "SPY")


def test_every_unit_is_used() -> None:
    assert frozenset[Unit]().union(*UNITS.values()) == set(Unit)
    assert frozenset[ExitUnit]().union(*EXIT_UNITS.values()) == set(ExitUnit)


def test_every_field_says_what_it_means_and_has_a_key_of_its_own() -> None:
    records: list[type[Any]] = [Strategy, *(field.kind for field in fields_of(Strategy) if field.is_record)]
    for record in records:
        fields = fields_of(record)
        assert len({field.key for field in fields}) == len(fields) == len(dataclasses.fields(record))
        assert all(field.about.text.endswith(".") for field in fields)


@pytest.mark.parametrize("kind", Word.__subclasses__())
def test_every_word_says_what_it_means(kind: type[Word]) -> None:
    assert all(word.text.endswith(".") for word in kind)
    assert all(word == word.value for word in kind)


def test_a_field_that_says_nothing_about_itself_is_found_at_once() -> None:
    @dataclasses.dataclass
    class Mute:
        number: int

    with pytest.raises(AssertionError, match="number says nothing about itself"):
        fields_of(Mute)
