"""Which part of a list a command shows."""

from typing import Annotated, Any

import typer

from thetaloom.store.queries.paging import LIMIT_MAX, OFFSET_MAX, Page, Window

LimitOption = Annotated[int, typer.Option("--limit", min=1, max=LIMIT_MAX, help="Rows to show.")]
OffsetOption = Annotated[
    int, typer.Option("--offset", min=0, max=OFFSET_MAX, help="Rows to leave out before the first.")
]


def window(limit: int, offset: int) -> Window:
    """Return the part of a list that the options ask for."""
    return Window(limit=limit, offset=offset)


def shown_of(page: Page[Any], noun: str) -> str:
    """Say how many of how many are shown."""
    many = f"{noun}s" if page.total != 1 else noun
    return f"{page.total} {many}" if len(page.rows) == page.total else f"{len(page.rows)} of {page.total} {many}"
