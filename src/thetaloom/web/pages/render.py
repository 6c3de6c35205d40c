"""Pages from templates: one typed view record in, HTML out."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from thetaloom import __version__
from thetaloom.errors import ThetaloomError
from thetaloom.web.asking import CSRF_FIELD
from thetaloom.web.front import the_front
from thetaloom.web.pages import filters, numbers
from thetaloom.web.pages.frame import Frame, frame_of

UTC_NAME = "UTC"


class View(Protocol):
    """What every page's view record has."""

    @property
    def frame(self) -> Frame | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorView:
    """An error, in the look of the other pages; without a frame when even that can't be read."""

    frame: Frame | None
    status: int
    code: str
    message: str
    advice: str
    details: Mapping[str, object]


def page(template: str, view: View, status: int = 200) -> HTMLResponse:
    """Render ``template``, which gets ``view`` and nothing else."""
    return HTMLResponse(_ENVIRONMENT.get_template(template).render(view=view), status)


def document(template: str, view: object) -> str:
    """Render a document that stands alone; its ``view`` says the ``zone`` of its times."""
    return _ENVIRONMENT.get_template(template).render(view=view)


def error_page(
    request: Request,
    status: int,
    code: str,
    message: str,
    advice: str,
    details: Mapping[str, object],
    headers: Mapping[str, str],
) -> HTMLResponse:
    """Render an error."""
    try:
        frame = frame_of(the_front(request), "")
    except ThetaloomError:
        frame = None
    view = ErrorView(frame=frame, status=status, code=code, message=message, advice=advice, details=details)
    answer = page("error.html", view, status)
    answer.headers.update(headers)
    return answer


def _money(amount: Decimal | None) -> str | Markup:
    return filters.private(filters.money(amount), amount)


def _signed(amount: Decimal | float | None) -> str | Markup:
    return filters.private(filters.signed(amount), amount)


@pass_context
def _when(context: Context, at: Any) -> str:
    view = context["view"]
    if view.frame is None:
        zone = getattr(view, "zone", UTC_NAME)
        return filters.when(at, zone, zone)
    return filters.when(at, view.frame.zone, view.frame.exchange_zone)


@pass_context
def _decider(context: Context, who: str) -> str:
    view = context["view"]
    return filters.decider(who, view.names if view.frame is None else view.frame.names)


@pass_context
def _csrf_field(context: Context) -> Markup:
    frame = context["view"].frame
    return Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, "" if frame is None else frame.csrf)


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent.parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(money=_money, signed=_signed, when=_when, decider=_decider)
    environment.filters.update(in_unit=numbers.number_with_unit, part=numbers.percent, percent=numbers.percent_of_whole)
    environment.globals.update(version=__version__, csrf_field=_csrf_field)
    return environment


_ENVIRONMENT = _environment()
