"""Prompts: the templates, one with its preview and versions, two side by side, and the record of their opinions."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Form, Query
from starlette.responses import Response

from thetaloom.domain.run.model_calls import Spent
from thetaloom.domain.run.prompt_values import NAMES
from thetaloom.domain.run.prompts import NAME_MAX, TEXT_MAX, Prompt, PromptKind, PromptLanguage, PromptVersion
from thetaloom.domain.values.ids import PromptId, StrategyId
from thetaloom.engine import prompts as work
from thetaloom.engine.commands import RemovePrompt, SavePrompt
from thetaloom.errors import InvalidInput, NotAllowed
from thetaloom.store.queries.track_records import spent_on
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.forms import Notice, Word, see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.render import page
from thetaloom.web.pages.track_records import RecordRow, WeightRow, record_rows, weight_rows

router = APIRouter(prefix="/prompts")
# A browser sends two characters for each new line; the engine counts one.
TemplateText = Annotated[str, Form(max_length=2 * TEXT_MAX)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptsView:
    """All templates, the records, and what models have used today."""

    frame: Frame
    prompts: Sequence[Prompt]
    records: Sequence[RecordRow]
    weights: Sequence[WeightRow]
    spent: Spent
    tokens_max: int
    cost_max: Decimal
    model: str
    kinds: Sequence[PromptKind]
    languages: Sequence[PromptLanguage]
    names: Sequence[tuple[str, str]]
    text_max: int
    name_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptView:
    """One template."""

    frame: Frame
    prompt: Prompt
    newest: int
    versions: Sequence[PromptVersion]
    preview: work.Preview | None
    problem: str
    records: Sequence[RecordRow]
    names: Sequence[tuple[str, str]]
    text_max: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonView:
    """Two templates side by side."""

    frame: Frame
    comparison: work.Comparison
    lines: Sequence[tuple[str, str]]  # the kind of a line, and the line


@router.get("")
def prompts(front: FrontDoor, notice: Notice = "") -> Response:
    """List the templates, newest record first."""
    settings = front.platform.settings
    with front.platform.store.reading() as uow:
        every = uow.prompts.all_of(front.user)
        stored = uow.strategies.all_latest(front.user)
    view = PromptsView(
        frame=frame_of(front, "prompts", notice),
        prompts=every,
        records=record_rows(front, None),
        weights=weight_rows(one.strategy for one in stored),
        spent=spent_on(front.database, front.platform.wall.now()),
        tokens_max=settings.llm_tokens_per_day,
        cost_max=settings.llm_cost_per_day,
        model=settings.llm_model,
        kinds=tuple(PromptKind),
        languages=tuple(PromptLanguage),
        names=tuple(NAMES.items()),
        text_max=TEXT_MAX,
        name_max=NAME_MAX,
    )
    return page("prompts.html", view)


@router.post("")
async def create(
    front: FrontDoor,
    prompt_id: Annotated[Word, Form(alias="id")],
    text: TemplateText,
    kind: Annotated[PromptKind, Form()] = PromptKind.ANALYSIS,
    language: Annotated[PromptLanguage, Form()] = PromptLanguage.ENGLISH,
    strategy: Word = "",
    is_default: Annotated[bool, Form(alias="default")] = False,
) -> Response:
    """Write a new template."""
    name = PromptId(prompt_id.strip())
    with front.platform.store.reading() as uow:
        if uow.prompts.get(front.user, name) is not None:
            raise NotAllowed(
                "prompt_exists", f"there is a prompt {name} already", advice=f"Change it at /prompts/{name}."
            )
    asked: dict[str, object] = {
        "kind": kind,
        "language": language,
        "is_default": is_default,
        "strategy_id": StrategyId(strategy.strip()) if strategy.strip() else None,
        "text": _lines(text),
    }
    wish = work.written(name, asked, None)
    saved = await front.ask(SavePrompt(user_id=front.user, prompt=wish), Prompt)
    return see(f"/prompts/{saved.id}", "prompt_saved")


@router.get("/compare")
def compare(
    front: FrontDoor,
    one: Annotated[str, Query(max_length=80)],
    other: Annotated[str, Query(max_length=80)],
) -> Response:
    """Show two templates side by side."""
    with front.platform.store.reading() as uow:
        found = work.compare(work.own_prompt(uow, front.user, one), work.own_prompt(uow, front.user, other))
    kinds = {"+": "added", "-": "removed"}
    lines = [(kinds.get(line[:1], "kept"), line) for line in found.difference]
    return page("prompt_compare.html", ComparisonView(frame=frame_of(front, "prompts"), comparison=found, lines=lines))


@router.get("/{prompt_id}")
def prompt(front: FrontDoor, prompt_id: str, notice: Notice = "") -> Response:
    """Show a template, filled in with an example market."""
    with front.platform.store.reading() as uow:
        found = work.own_prompt(uow, front.user, prompt_id)
        versions = uow.prompts.versions(front.user, found.id)
    preview, problem = _previewed(found)
    view = PromptView(
        frame=frame_of(front, "prompts", notice),
        prompt=found,
        newest=versions[-1].version,
        versions=versions[::-1],
        preview=preview,
        problem=problem,
        records=record_rows(front, found.id),
        names=tuple(NAMES.items()),
        text_max=TEXT_MAX,
    )
    return page("prompt.html", view)


@router.post("/{prompt_id}")
async def change(
    front: FrontDoor,
    prompt_id: str,
    text: TemplateText,
    is_default: Annotated[bool, Form(alias="default")] = False,
    is_active: Annotated[bool, Form(alias="active")] = False,
) -> Response:
    """Write the next version of a template."""
    with front.platform.store.reading() as uow:
        before = work.own_prompt(uow, front.user, prompt_id)
    asked: dict[str, object] = {"text": _lines(text), "is_default": is_default, "is_active": is_active}
    wish = work.written(before.id, asked, before)
    saved = await front.ask(SavePrompt(user_id=front.user, prompt=wish), Prompt)
    return see(f"/prompts/{saved.id}", "prompt_saved")


@router.post("/{prompt_id}/removal")
async def remove(front: FrontDoor, prompt_id: str) -> Response:
    """Take a template out of use."""
    await front.tell(RemovePrompt(user_id=front.user, prompt_id=PromptId(prompt_id)))
    return see("/prompts", "prompt_removed")


def _previewed(found: Prompt) -> tuple[work.Preview | None, str]:
    try:
        return work.preview(found), ""
    except InvalidInput as error:  # a template of an earlier version may use what this one refuses
        return None, error.message


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")
