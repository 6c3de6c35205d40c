"""The strategy builder: a form and its TOML beside each other, with what is wrong, a sample trade and its payoff."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from starlette.responses import HTMLResponse, Response

from thetaloom.domain.strategy.documents import parse_strategy, strategy_document
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.strategy.toml_text import document_toml, strategy_toml
from thetaloom.domain.values.ids import StrategyId
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.engine.commands import DeleteStrategy, SaveStrategy
from thetaloom.errors import InvalidInput, NotFound
from thetaloom.ports.store import StoredStrategy
from thetaloom.web.documents import decode_toml
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.pages.dashboard import Choice
from thetaloom.web.pages.forms import see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.looks import usual_symbol
from thetaloom.web.pages.render import document, page
from thetaloom.web.pages.samples import SampleShown, sample_of
from thetaloom.web.pages.widgets import Group, Option, groups_of, id_of, placed, suggested_words
from thetaloom.web.strategy_form import Document, add_part, document_of, remove_part

router = APIRouter(prefix="/strategies")
FIELDS_MAX = 5000
RESERVED = frozenset({"new", "builder"})  # addresses of our own
NO_NUL = r"^[^\x00]*$"
BLANK: Document = {
    "id": "my-put-credit-spread",
    "name": "My put credit spread",
    "biases": ["bullish", "neutral"],
    "expiration": {"dte_min": 18, "dte_max": 45, "dte_target": 30, "prefer": "monthly"},
    "legs": [
        {
            "name": "short_put",
            "side": "sell",
            "right": "put",
            "select": {"by": "delta", "value": "-0.16", "unit": "delta"},
        },
        {
            "name": "long_put",
            "side": "buy",
            "right": "put",
            "select": {"by": "width", "of": "short_put", "value": 10, "unit": "dollars"},
        },
    ],
    "exits": [
        {"kind": "profit_target", "threshold": 50, "unit": "percent_of_premium"},
        {"kind": "stop_loss", "threshold": 200, "unit": "percent_of_premium"},
        {"kind": "dte", "threshold": 7, "unit": "days", "priority": 2},
    ],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong, and where: the path of its field and its id, or nothing where the form has none."""

    path: str
    text: str
    field: str
    anchor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A strategy while it is built: the document, its text, and the strategy once nothing is wrong."""

    document: Document
    toml: str
    strategy: Strategy | None = None
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuilderView:
    """The builder; ``editing`` is the strategy that is changed, or nothing where another is made."""

    frame: Frame | None
    zone: str
    editing: str
    revision: int
    groups: Sequence[Group]
    toml: str
    problems: Sequence[Problem]
    valid: bool
    sample: SampleShown | None
    sample_symbol: str
    symbols: Sequence[str]
    templates: Sequence[Choice]
    words: Mapping[str, Sequence[Option]]


@router.get("/new")
def new(front: FrontDoor, template: Annotated[str, Query(max_length=64, pattern=NO_NUL)] = "") -> Response:
    """Begin a strategy, from a put credit spread or from any stored strategy."""
    if not template:
        return page("builder.html", _view(front, _checked(BLANK), "", 0, "", framed=True))
    stored = _stored(front, template)
    copied = strategy_document(stored.strategy)
    # Room for the ending within the bounds of an id and a name.
    begun = {**copied, "id": f"{stored.strategy.id[:58]}-copy", "name": f"{stored.strategy.name[:94]}, copy"}
    return page("builder.html", _view(front, _checked(begun), "", 0, "", framed=True))


@router.get("/{strategy_id}/edit")
def edit(front: FrontDoor, strategy_id: str) -> Response:
    """Change a strategy; what is saved becomes its next revision."""
    stored = _stored(front, strategy_id)
    draft = _checked(strategy_document(stored.strategy))
    return page("builder.html", _view(front, draft, stored.strategy.id, stored.revision, "", framed=True))


@router.post("/builder")
async def build(front: FrontDoor, request: Request) -> Response:
    """Take a form as it was sent: add or remove a part, read the TOML, show what it would do, or save it."""
    posted = await _posted(request)
    wish = _last(posted, "do")
    draft, revision = await front.read(lambda: _asked(front, posted, wish))
    if wish == "save" and draft.strategy is not None:
        await front.ask(SaveStrategy(user_id=front.user, strategy=draft.strategy), StoredStrategy)
        return see(f"/strategies/{draft.strategy.id}", "strategy_saved")
    view = await front.read(lambda: _view_of(front, posted, draft, revision, framed=True))
    return page("builder.html", view, 422 if wish == "save" else 200)


@router.post("/builder/live")
async def live(front: FrontDoor, request: Request) -> Response:
    """Give the parts of the page that follow what is typed; nothing is stored."""
    posted = await _posted(request)
    wish = _last(posted, "do")
    draft, revision = await front.read(lambda: _asked(front, posted, "" if wish == "save" else wish))
    view = await front.read(lambda: _view_of(front, posted, draft, revision, framed=False))
    return HTMLResponse(document("builder_live.html", view))


@router.post("/{strategy_id}/activation")
async def activation(
    front: FrontDoor, strategy_id: str, active: Annotated[str, Form(pattern="^(yes|no)$")]
) -> Response:
    """Let runs of a strategy start, or no longer."""
    stored = await front.read(lambda: _stored(front, strategy_id))
    changed = replace(stored.strategy, active=active == "yes")
    await front.ask(SaveStrategy(user_id=front.user, strategy=changed), StoredStrategy)
    return see(f"/strategies/{changed.id}", "strategy_on" if changed.active else "strategy_off")


@router.post("/{strategy_id}/removal")
async def removal(front: FrontDoor, strategy_id: str) -> Response:
    """Take a strategy out of the lists."""
    await front.tell(DeleteStrategy(user_id=front.user, strategy_id=StrategyId(strategy_id)))
    return see("/strategies", "strategy_removed")


async def _posted(request: Request) -> dict[str, list[str]]:
    posted: dict[str, list[str]] = {}
    async with request.form(max_files=0, max_fields=FIELDS_MAX) as form:
        for name, text in form.multi_items():
            if isinstance(text, str) and "\x00" not in text:
                posted.setdefault(name, []).append(text)
    return posted


def _asked(front: Front, posted: Mapping[str, Sequence[str]], wish: str) -> tuple[Draft, int]:
    """Return the draft that a form asks for, and the revision that it rests on."""
    revision = _last(posted, "revision")
    based_on = int(revision) if revision.isdecimal() and len(revision) < 10 else 0
    draft = _drafted(posted, wish)
    if wish != "save" or draft.strategy is None:
        return draft, based_on
    refusal, newest = _refusal(front, draft.strategy.id, _last(posted, "editing"), based_on)
    return (replace(draft, strategy=None, errors=refusal) if refusal else draft), newest


def _drafted(posted: Mapping[str, Sequence[str]], wish: str) -> Draft:
    text = _last(posted, "toml").replace("\r\n", "\n")
    if wish == "toml":
        try:
            return replace(_checked(dict(decode_toml(text))), toml=text)
        except InvalidInput as error:
            return Draft(document=document_of(posted), toml=text, errors={"toml": error.message})
    begun, problem = document_of(posted), {}
    verb, _, path = wish.partition(":")
    try:
        begun = {"add": add_part, "remove": remove_part}[verb](begun, path) if verb in {"add", "remove"} else begun
    except InvalidInput as error:
        problem = {"": error.message}
    draft = _checked(begun)
    return replace(draft, errors={**draft.errors, **problem}) if problem else draft


def _checked(begun: Document) -> Draft:
    try:
        strategy = parse_strategy(begun)
    except InvalidInput as error:
        errors = {path: str(said) for path, said in error.details.items()} or {"": error.message}
        return Draft(document=begun, toml=document_toml(begun), errors=errors)
    return Draft(document=begun, toml=strategy_toml(strategy), strategy=strategy)


def _refusal(front: Front, strategy_id: str, editing: str, based_on: int) -> tuple[dict[str, str], int]:
    with front.platform.store.reading() as seen:
        there = seen.strategies.latest(front.user, StrategyId(strategy_id))
    newest = 0 if there is None else there.revision
    if editing and strategy_id != editing:
        return {"id": f"a strategy keeps its id, {editing}; duplicate it to make another"}, based_on
    if not editing and (there is not None or strategy_id in RESERVED):
        return {"id": f"there is a strategy {strategy_id} already; choose another id"}, 0
    if editing and newest != based_on:
        said = f"revision {newest} was saved meanwhile; save again to put yours above it"
        return {"": said if newest else "the strategy was deleted meanwhile; duplicate it under another id"}, newest
    return {}, newest


def _view_of(
    front: Front, posted: Mapping[str, Sequence[str]], draft: Draft, revision: int, *, framed: bool
) -> BuilderView:
    symbol = canonical_symbol(_last(posted, "sample_symbol"))[:12]
    return _view(front, draft, _last(posted, "editing")[:64], revision, symbol, framed=framed)


def _view(front: Front, draft: Draft, editing: str, revision: int, symbol: str, *, framed: bool) -> BuilderView:
    groups = groups_of(draft.document, draft.errors)
    fields = placed(groups)
    wanted = symbol or usual_symbol(front, draft.strategy)
    with front.platform.store.reading() as seen:
        every = seen.strategies.all_latest(front.user)
    return BuilderView(
        frame=frame_of(front, "strategies") if framed else None,
        zone=front.platform.desk.calendar.zone_name,
        editing=editing,
        revision=revision,
        groups=groups,
        toml=draft.toml,
        problems=[_problem(path, said, fields) for path, said in draft.errors.items()],
        valid=draft.strategy is not None,
        sample=None if draft.strategy is None else sample_of(front, draft.strategy, wanted),
        sample_symbol=wanted,
        symbols=tuple(front.platform.market.symbols())[:500],
        templates=[Choice(id=one.strategy.id, name=one.strategy.name) for one in every],
        words=suggested_words(),
    )


def _problem(path: str, said: str, fields: set[str]) -> Problem:
    """Say where a problem stands: at its own field, or at the nearest part around it that has one."""
    at = path
    while at and at not in fields:
        at = max(at.rpartition(".")[0], at.rpartition("[")[0], key=len)
    anchor = "toml" if path == "toml" else id_of(at) if at else ""
    return Problem(path=path, text=said, field=at, anchor=anchor)


def _stored(front: Front, strategy_id: str) -> StoredStrategy:
    with front.platform.store.reading() as seen:
        stored = seen.strategies.latest(front.user, StrategyId(strategy_id))
    if stored is None:
        raise NotFound(f"there is no strategy {strategy_id!r}", advice="The list of strategies shows those there are.")
    return stored


def _last(posted: Mapping[str, Sequence[Any]], name: str) -> str:
    return str(posted[name][-1]) if posted.get(name) else ""
