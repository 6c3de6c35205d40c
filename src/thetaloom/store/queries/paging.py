"""Whose rows a query may see, and how many at a time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Table, func, select

from thetaloom.domain.values.ids import UserId
from thetaloom.errors import InvalidInput

T = TypeVar("T")
LIMIT_DEFAULT = 50
LIMIT_MAX = 1000
OFFSET_MAX = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """Some rows of many, newest first unless the query says otherwise."""

    rows: tuple[T, ...]
    total: int
    limit: int
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Which part of the rows to show."""

    limit: int = LIMIT_DEFAULT
    offset: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.limit <= LIMIT_MAX or not 0 <= self.offset <= OFFSET_MAX:
            raise InvalidInput(f"a page has 1 to {LIMIT_MAX} rows and starts at 0 to {OFFSET_MAX}")


FIRST_PAGE = Window()


def owned(table: Table, user: UserId) -> ColumnElement[bool]:
    """The one place that says whose rows a user sees: their own."""
    return table.c.user_id == user


def matching(column: ColumnElement[Any], wanted: object | None) -> list[ColumnElement[bool]]:
    """Return the condition that ``column`` equals what is wanted; none when nothing is wanted."""
    return [] if wanted is None else [column == wanted]


def since(column: ColumnElement[Any], start: datetime | None) -> list[ColumnElement[bool]]:
    """Return the condition that ``column`` is not before ``start``; none when there is no start."""
    return [] if start is None else [column >= start]


def page_of(connection: Connection, ordered: Select[Any], window: Window, read: Callable[[Any], T]) -> Page[T]:
    """Return the part of ``ordered`` that ``window`` shows, each row read by ``read``."""
    total = connection.scalar(select(func.count()).select_from(ordered.order_by(None).subquery())) or 0
    rows = connection.execute(ordered.limit(window.limit).offset(window.offset))
    return Page(rows=tuple(read(row) for row in rows), total=total, limit=window.limit, offset=window.offset)
