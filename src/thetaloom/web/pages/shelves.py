"""Short lists that lie whole in memory, asked in the same words as those of the store."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from thetaloom.store.queries.listing import USUAL, Wish, answer_of, sort_of
from thetaloom.store.queries.paging import Page, Window

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf(Generic[T]):
    """What may be asked of a list in memory."""

    sorts: Mapping[str, Callable[[T], Any]]
    texts: Callable[[T], Sequence[object]]
    choices: Mapping[str, Mapping[str, Callable[[T], bool]]] = field(default_factory=dict)
    words: Mapping[str, Callable[[T], str]] = field(default_factory=dict)

    def chosen(self, rows: Sequence[T], wish: Wish = USUAL) -> list[T]:
        """Return the rows that fit, in their order. Raises ``InvalidInput`` as a list of the store does."""
        found = [row for row in rows if self._fits(row, wish)]
        if wish.sort:
            by = sort_of(self.sorts, wish.sort)
            known = [row for row in found if by(row) is not None]
            unknown = [row for row in found if by(row) is None]
            found = [*sorted(known, key=by, reverse=wish.sort.startswith("-")), *unknown]
        return found

    def page(self, rows: Sequence[T], wish: Wish, window: Window) -> Page[T]:
        """Return some of the rows that fit."""
        found = self.chosen(rows, wish)
        shown = tuple(found[window.offset : window.offset + window.limit])
        return Page(rows=shown, total=len(found), limit=window.limit, offset=window.offset)

    def _fits(self, row: T, wish: Wish) -> bool:
        for name, answer in wish.filters.items():
            if name in self.words:
                if self.words[name](row) != answer:
                    return False
            elif not answer_of(self.choices, name, answer)(row):
                return False
        search = wish.search.casefold()
        return not search or any(search in str(text).casefold() for text in self.texts(row) if text is not None)
