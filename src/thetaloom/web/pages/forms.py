"""Fields of forms that several pages share, and the answer to a form: look at the page that shows what came of it."""

from typing import Annotated

from fastapi import Form, Query
from starlette.responses import RedirectResponse

Word = Annotated[str, Form(max_length=128)]
Words = Annotated[str, Form(max_length=500, pattern=r"^[^\x00]*$")]
Notice = Annotated[str, Query(max_length=40)]
PageNumber = Annotated[int, Query(ge=1, le=1_000_000)]


def see(path: str, notice: str = "") -> RedirectResponse:
    """Send the browser to ``path``, so that reloading sends nothing twice."""
    return RedirectResponse(f"{path}?notice={notice}" if notice else path, 303)
