"""Lists that a person sorts, searches and filters: which columns may, in one table a noun; no text becomes SQL."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Numeric, Select, Table, Text, cast, or_, select, type_coerce

from thetaloom.domain.values.ids import UserId
from thetaloom.errors import InvalidInput
from thetaloom.store.columns import Exact
from thetaloom.store.database import Database
from thetaloom.store.queries.paging import FIRST_PAGE, Page, Window, owned, page_of
from thetaloom.store.statements import columns_of, value_of

T = TypeVar("T")
EXPORT_MAX = 100_000  # rows of one export
CHUNK = 500
Condition = ColumnElement[bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How a person wants to see a list: by which column, with which words in it, and which rows."""

    sort: str = ""  # a column; with a minus before it, the greatest first; empty = as the list usually is
    search: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)  # only those that are set


USUAL = Wish()


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[T]):
    """What may be asked of the list of one noun."""

    table: Table
    kind: type[T]
    usual: Sequence[ColumnElement[Any]]  # its order when none is wished; ends with what no two rows share
    sorts: Mapping[str, ColumnElement[Any]]
    texts: Sequence[ColumnElement[Any]] = ()  # what a search looks in
    choices: Mapping[str, Mapping[str, Condition]] = field(default_factory=dict)  # filters with a few answers
    words: Mapping[str, ColumnElement[Any]] = field(default_factory=dict)  # filters that take any word

    def page(
        self,
        database: Database,
        user: UserId,
        *wanted: Condition,
        wish: Wish = USUAL,
        window: Window = FIRST_PAGE,
    ) -> Page[T]:
        """Return some of the user's rows. Raises ``InvalidInput`` for a column or an answer that there is not."""
        chosen = self.statement(user, *wanted, wish=wish)
        with database.connect() as connection:
            return page_of(connection, chosen, window, lambda row: value_of(self.kind, row))

    def every(self, database: Database, user: UserId, *wanted: Condition, wish: Wish = USUAL) -> Iterator[T]:
        """Yield all of the user's rows that fit, as they are at one moment, up to ``EXPORT_MAX``."""
        chosen = self.statement(user, *wanted, wish=wish).limit(EXPORT_MAX)
        with database.connect() as connection:
            for row in connection.execution_options(yield_per=CHUNK).execute(chosen):
                yield value_of(self.kind, row)

    def statement(self, user: UserId, *wanted: Condition, wish: Wish = USUAL) -> Select[Any]:
        """Return the statement that finds the rows in their order."""
        conditions = [owned(self.table, user), *wanted, *self._filtered(wish.filters)]
        if wish.search:
            conditions.append(
                or_(*(type_coerce(text, Text).icontains(wish.search, autoescape=True) for text in self.texts))
            )
        return select(*columns_of(self.table, self.kind)).where(*conditions).order_by(*self._order(wish.sort))

    def _filtered(self, filters: Mapping[str, str]) -> Iterator[Condition]:
        for name, answer in filters.items():
            if name in self.words:
                yield self.words[name] == answer
            else:
                yield answer_of(self.choices, name, answer)

    def _order(self, sort: str) -> Sequence[ColumnElement[Any]]:
        if not sort:
            return self.usual
        column = sort_of(self.sorts, sort)
        order = column.desc() if sort.startswith("-") else column.asc()
        return (column.is_(None), order, *self.usual)  # what is unknown stands last, whichever way it goes


C = TypeVar("C")


def sort_of(sorts: Mapping[str, C], sort: str) -> C:
    """Return what a list is sorted by. Raises ``InvalidInput`` for a column that it has not."""
    found = sorts.get(sort.removeprefix("-"))
    if found is None:
        good = ", ".join(sorts)
        raise InvalidInput(f"nothing sorts by {sort[:40]!r}; good ones: {good}", details={"field": "sort"})
    return found


def answer_of(choices: Mapping[str, Mapping[str, C]], name: str, answer: str) -> C:
    """Return what an answer to a filter means. Raises ``InvalidInput`` for one that there is not."""
    good = choices.get(name)
    if good is None:
        raise InvalidInput(f"nothing is filtered by {name[:40]!r}", details={"field": name[:40]})
    if answer not in good:
        raise InvalidInput(f"{answer[:40]!r} is no {name}; good ones: {', '.join(good)}", details={"field": name})
    return good[answer]


def exactly(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return a column to sort by: one that keeps the digits of a decimal goes by its number, not by its text."""
    return cast(column, Numeric) if isinstance(column.type, Exact) else column


def each_of(column: ColumnElement[Any], kind: type[Enum]) -> Mapping[str, Condition]:
    """Return a choice for each member of an enum."""
    return {str(member.value): column == member for member in kind}


def sortable(table: Table, *names: str) -> Mapping[str, ColumnElement[Any]]:
    """Return columns by their names, to sort by."""
    return {name: exactly(table.c[name]) for name in names}
