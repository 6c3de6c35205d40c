"""Column types that read back exactly what was written, alike on SQLite and PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Dialect, Text
from sqlalchemy.types import TypeDecorator

from thetaloom.domain.values.canonical import canonical_json, from_json

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

# Each column converts on its own and needs nothing from its database; hence the unused ``dialect`` arguments.


class Exact(TypeDecorator[Any]):
    """A decimal kept as its digits, trailing zeros included: SQLite has no exact number with a fraction."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: Callable[[str], Decimal]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return None if value is None else format(value, "f")

    def process_result_value(self, value: str | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else self.kind(value)


class Instant(TypeDecorator[datetime]):
    """An aware instant kept as microseconds since 1970-01-01 UTC: exact, sortable, without time zones."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - EPOCH) // MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + timedelta(microseconds=value)


class WallTime(TypeDecorator[time]):
    """A time on the wall of some zone, kept as ``HH:MM``."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: time | None, dialect: Dialect) -> str | None:
        return None if value is None else value.isoformat(timespec="minutes")

    def process_result_value(self, value: str | None, dialect: Dialect) -> time | None:
        return None if value is None else time.fromisoformat(value)


class Word(TypeDecorator[Any]):
    """A member of an enum kept as its value."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[Enum]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Enum | None, dialect: Dialect) -> Any:
        return None if value is None else value.value

    def process_result_value(self, value: str | None, dialect: Dialect) -> Enum | None:
        return None if value is None else self.kind(value)


class Structured(TypeDecorator[Any]):
    """Legs, lots, facts: what belongs to its row alone, kept as canonical JSON."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: object, dialect: Dialect) -> str | None:
        return None if value is None else canonical_json(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else _read(self.kind, value)


@lru_cache(maxsize=4096)
def _read(kind: Any, text: str) -> Any:
    # Values are immutable, and every step of a run reads the same strategy and legs again.
    return from_json(text.encode(), kind)
