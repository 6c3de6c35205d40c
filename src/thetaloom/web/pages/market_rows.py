"""What was known of a market as rows: numbers and words with their age and source, the unknown with its reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from thetaloom.domain.strategy.metrics import Metric, WordMetric
from thetaloom.store.queries.market_view import RecordedView
from thetaloom.web.pages.numbers import age, plain_number

MEANINGS = {word.value: word.text for word in (*Metric, *WordMetric)}


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRow:
    """One number or word."""

    name: str
    meaning: str
    value: str
    age: str  # when the run read it
    as_of: datetime
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownRow:
    """One number or word that is not known."""

    name: str
    meaning: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRows:
    """The market as a run read it."""

    read_at: datetime
    seq: int  # of the record
    known: Sequence[KnownRow]
    unknown: Sequence[UnknownRow]


def market_rows(found: RecordedView) -> MarketRows:
    """Return the rows of a reading."""
    view, read_at = found.view, found.read_at
    numbers = [
        _row(name, plain_number(one.number) + _remark(view.none.get(name)), one.as_of, one.source, read_at)
        for name, one in view.numbers.items()
    ]
    words = [_row(name, one.word.replace("_", " "), one.as_of, one.source, read_at) for name, one in view.words.items()]
    return MarketRows(
        read_at=read_at,
        seq=found.seq,
        known=[*words, *numbers],
        unknown=[UnknownRow(name=name, meaning=MEANINGS.get(name, ""), why=why) for name, why in view.unknown.items()],
    )


def _row(name: str, value: str, as_of: datetime, source: str, read_at: datetime) -> KnownRow:
    since = age((read_at - as_of).total_seconds())
    return KnownRow(name=name, meaning=MEANINGS.get(name, ""), value=value, age=since, as_of=as_of, source=source)


def _remark(none: str | None) -> str:
    return "" if none is None else f" ({none})"
