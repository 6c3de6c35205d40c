"""Earnings and dividends from files of facts: ``symbol,kind,date,amount``.

``kind`` is earnings, dividend, earnings_known_until or dividends_known_until. The last two say up to which day
the dates of that kind are complete; without one they are complete up to the last date listed.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from importlib.resources import files
from pathlib import Path
from typing import NoReturn

from thetaloom.domain.market.events import Dividend, EventKind, Events
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import InvalidInput
from thetaloom.marketdata.symbols import describe

COLUMNS = ("symbol", "kind", "date", "amount")
KINDS = ("earnings", "dividend", "earnings_known_until", "dividends_known_until")
# What never comes: a fund reports no earnings, and an index neither reports nor pays.
NOT_APPLICABLE: Mapping[str, frozenset[EventKind]] = {
    "equity": frozenset(),
    "etf": frozenset({EventKind.EARNINGS}),
    "index": frozenset({EventKind.EARNINGS, EventKind.DIVIDEND}),
}


@dataclass(slots=True)
class _Facts:
    earnings: set[date] = field(default_factory=set)
    dividends: dict[date, Decimal | None] = field(default_factory=dict)
    earnings_until: date | None = None
    dividends_until: date | None = None


class EventTable:
    """The facts of some files, by symbol."""

    def __init__(self, paths: Iterable[Path | str] = (), *, packaged: bool = True) -> None:
        """Read the files, after the few facts that the package ships for its recorded day."""
        self._facts: dict[str, _Facts] = {}
        if packaged:
            shipped = files("thetaloom.marketdata") / "events.csv"
            self._read("events.csv", shipped.read_text(encoding="utf-8").splitlines())
        for path in paths:
            try:
                lines = Path(path).read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise InvalidInput(f"{path}: cannot be read: {error}", details={"file": str(path)}) from error
            self._read(str(path), lines)

    def events(self, symbol: str, first: date, last: date, *, now: datetime, source: str) -> Events | None:
        """Return what is known of ``symbol`` from ``first`` to ``last``; ``None`` when that is nothing."""
        facts = self._facts.get(symbol, _Facts())
        never = NOT_APPLICABLE[describe(symbol).kind]
        if symbol not in self._facts and not never:
            return None
        return Events(
            as_of=now,
            source=source,
            earnings=tuple(sorted(day for day in facts.earnings if first <= day <= last)),
            dividends=tuple(
                Dividend(ex_on=day, amount=amount)
                for day, amount in sorted(facts.dividends.items())
                if first <= day <= last
            ),
            earnings_known_until=_earlier(last, facts.earnings_until),
            dividends_known_until=_earlier(last, facts.dividends_until),
            not_applicable=never,
        )

    def _read(self, name: str, lines: list[str]) -> None:
        rows = csv.reader(line for line in lines if not line.startswith("#"))
        if tuple(next(rows, ())) != COLUMNS:
            raise InvalidInput(f"{name}: expected the heading {','.join(COLUMNS)}", details={"file": name})
        for number, row in enumerate(rows, 2):
            if row:
                self._take(name, number, row)

    def _take(self, name: str, number: int, row: list[str]) -> None:
        if len(row) not in (3, 4) or not row[0]:
            _refuse(name, number, f"{','.join(row)} is not symbol,kind,date,amount")
        symbol, kind, day = canonical_symbol(row[0]), row[1].strip(), _day(name, number, row[2].strip())
        facts = self._facts.setdefault(symbol, _Facts())
        amount = _amount(name, number, row[3].strip() if len(row) > 3 else "")
        match kind:
            case "earnings":
                facts.earnings.add(day)
                facts.earnings_until = max(day, facts.earnings_until or day)
            case "dividend":
                facts.dividends[day] = amount
                facts.dividends_until = max(day, facts.dividends_until or day)
            case "earnings_known_until":
                facts.earnings_until = max(day, facts.earnings_until or day)
            case "dividends_known_until":
                facts.dividends_until = max(day, facts.dividends_until or day)
            case _:
                _refuse(name, number, f"kind {kind!r} is none of {', '.join(KINDS)}")


def _day(name: str, number: int, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        _refuse(name, number, f"{text!r} is no date such as 2026-01-31")


def _amount(name: str, number: int, text: str) -> Decimal | None:
    if not text:
        return None
    try:
        amount = Decimal(text)
    except InvalidOperation:
        _refuse(name, number, f"{text!r} is no amount in dollars")
    if not amount.is_finite() or amount <= 0:
        _refuse(name, number, f"{text} is no amount above 0")
    return amount


def _earlier(last: date, known: date | None) -> date | None:
    return None if known is None else min(last, known)


def _refuse(name: str, number: int, problem: str) -> NoReturn:
    raise InvalidInput(f"{name} row {number}: {problem}", details={"file": name, "row": number, "problem": problem})
