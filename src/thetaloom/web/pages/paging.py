"""Pages of long lists: which one this is, and the addresses of its neighbors."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from thetaloom.store.queries.paging import Page, Window

ROWS = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Pager:
    """Where in a list a page stands; addresses are empty where there is no neighbor."""

    first: int
    last: int
    total: int
    newer: str
    older: str


def window_of(number: int) -> Window:
    """Return the rows of the page with this number, counted from 1."""
    return Window(limit=ROWS, offset=(number - 1) * ROWS)


def pager_of(path: str, page: Page[Any], **filters: str) -> Pager:
    """Return the pager of ``page``; the filters stay in the addresses, so that they can be shared."""
    number = page.offset // page.limit + 1
    kept = {name: word for name, word in filters.items() if word}

    def address(wanted: int) -> str:
        return f"{path}?{urlencode({**kept, 'page': wanted})}"

    last = page.offset + len(page.rows)
    return Pager(
        first=min(page.offset + 1, last),
        last=last,
        total=page.total,
        newer=address(number - 1) if number > 1 else "",
        older=address(number + 1) if last < page.total else "",
    )
