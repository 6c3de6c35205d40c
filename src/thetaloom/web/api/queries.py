"""Query parameters that several routes share."""

from typing import Annotated

from fastapi import Depends, Path, Query

from thetaloom.store.queries.paging import LIMIT_DEFAULT, LIMIT_MAX, OFFSET_MAX, Window

NO_NUL = r"^[^\x00]*$"  # PostgreSQL stores no text with a NUL, and nothing is named by one


def the_window(
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="How many at most.")] = LIMIT_DEFAULT,
    offset: Annotated[int, Query(ge=0, le=OFFSET_MAX, description="How many to leave out first.")] = 0,
) -> Window:
    """Return which part of a list is asked for."""
    return Window(limit=limit, offset=offset)


PageWindow = Annotated[Window, Depends(the_window)]
Id = Annotated[str, Path(min_length=1, max_length=128)]
