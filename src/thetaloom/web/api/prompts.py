"""Prompts of language models: templates with versions, trying and comparing them, and how their opinions came out."""

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Body, Query, Response
from pydantic import Field

from thetaloom.domain.market.words import MarketBias
from thetaloom.domain.run.prompt_values import EXAMPLE, NAMES
from thetaloom.domain.run.prompts import (
    NAME_MAX,
    NOTES_MAX,
    TAGS_MAX,
    TEXT_MAX,
    Prompt,
    PromptKind,
    PromptLanguage,
)
from thetaloom.domain.values.ids import PromptId, StrategyId
from thetaloom.engine import prompts as work
from thetaloom.engine.commands import RemovePrompt, SavePrompt
from thetaloom.errors import NotAllowed
from thetaloom.store.queries.track_records import list_scores, records_of, spent_on
from thetaloom.web.api.queries import Id, PageWindow
from thetaloom.web.api.records import Exact, Page, Record, paged
from thetaloom.web.api.workflow import Asked
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.problems import COMMANDED, documented

router = APIRouter(prefix="/prompts", tags=["prompts"])
NO_NULL = r"^[^\x00]*$"


class PromptWish(Asked):
    """A template to store. What is left out is kept as it was, or takes its usual value."""

    name: str | None = Field(default=None, max_length=NAME_MAX, pattern=NO_NULL)
    kind: PromptKind | None = Field(default=None, description="Which part of the prompt; analysis when new.")
    language: PromptLanguage | None = Field(default=None, description="en when new.")
    strategy_id: str | None = Field(default=None, max_length=64, description="Of this strategy alone; null: all.")
    is_active: bool | None = None
    is_default: bool | None = Field(default=None, description="Used where a strategy has none of its own.")
    description: str | None = Field(default=None, max_length=NOTES_MAX, pattern=NO_NULL)
    tags: list[str] | None = Field(default=None, max_length=TAGS_MAX)
    notes: str | None = Field(default=None, max_length=NOTES_MAX, pattern=NO_NULL)
    text: str = Field(
        max_length=TEXT_MAX, description="The template.", examples=["{{ symbol }} at {{ current_price }}"]
    )


class NewPrompt(PromptWish):
    """A new template."""

    id: str = Field(max_length=64, examples=["daily-mine"])


class PromptSummary(Record):
    """A template in a list."""

    id: str
    name: str
    kind: PromptKind
    language: PromptLanguage
    strategy_id: str | None
    is_active: bool
    is_default: bool
    description: str
    tags: list[str]
    notes: str
    version: int = Field(description="Of the text in use.")


class VersionRecord(Record):
    """One text that a template has had."""

    version: int
    text: str
    saved_at: datetime
    saved_by: str


class PromptRecord(PromptSummary):
    """A template in full."""

    text: str
    versions: list[VersionRecord] = Field(description="Oldest first.")


class Trial(Asked):
    """Values to fill a template in with."""

    values: dict[str, Any] | None = Field(default=None, description="null: an example market.")
    strict: bool = Field(default=False, description="Refuse a missing value, instead of writing `(unknown)`.")


class TextTrial(Trial):
    """A template that is not stored, and values for it."""

    text: str = Field(max_length=TEXT_MAX)


class PreviewRecord(Record):
    """A template filled in."""

    reference: str = Field(examples=["daily-en@3"])
    text: str
    reads: list[str] = Field(description="The names that the template reads.")
    missing: list[str] = Field(description="What it asks for and nothing supplies.")


class ComparisonRecord(Record):
    """Two templates side by side."""

    one: PreviewRecord
    other: PreviewRecord
    difference: list[str] = Field(description="Of the templates, as diff writes it.")


class PromptValidation(Record):
    """Whether a template is allowed."""

    valid: bool
    error: str
    reads: list[str]


class MeasuredRecord(Record):
    """A number with the interval that holds it in 95 of 100 cases; null where there are too few."""

    estimate: Exact
    low: Exact | None
    high: Exact | None
    excludes_zero: bool


class BinRecord(Record):
    """Opinions of like confidence."""

    least: Exact
    most: Exact
    count: int
    said: Exact = Field(description="Mean confidence.")
    came_true: MeasuredRecord


class TrackRecordRecord(Record):
    """The record of one analyst with one model and one prompt."""

    analyst: str
    model: str
    prompt: str = Field(description="The templates with their versions.", examples=["daily-en@3+weekly-en@1"])
    opinions: int
    judged: int
    blocks: int = Field(description="Of symbol and four weeks; as many as there are independent looks.")
    hit_rate: MeasuredRecord | None
    brier: MeasuredRecord | None = Field(description="0 is perfect; always saying one half gets 0.25.")
    skill: MeasuredRecord | None = Field(description="Share of the base rate's Brier score that is saved.")
    edge: MeasuredRecord | None = Field(description="Hit rate less that of always saying bullish.")
    has_edge: bool | None = Field(description="Whether an edge above zero is shown; null: too little to say.")
    overconfidence: MeasuredRecord | None
    bullish_bias: MeasuredRecord | None
    calibration: list[BinRecord]
    calibration_error: Exact | None
    wins: int
    losses: int
    breakeven: int
    r_average: MeasuredRecord | None
    r_best: Exact | None
    r_worst: Exact | None


class ScoreRecord(Record):
    """One opinion, and how it came out."""

    id: str
    run_id: str
    strategy_id: str
    symbol: str
    analyst: str
    model: str
    prompt: str
    synthetic: bool
    made_at: datetime
    due_on: date
    direction: MarketBias
    confidence: Exact
    start: Exact
    entry: Exact | None
    stop: Exact | None
    target: Exact | None
    judged_at: datetime | None
    end: Exact | None
    move: Exact | None
    is_right: bool | None
    brier: Exact | None
    r_result: Exact | None


class SpentRecord(Record):
    """What models have used today, UTC, against the settings."""

    calls: int
    tokens: int
    cost: Exact
    tokens_per_day: int
    cost_per_day: Exact


@router.get("", responses=documented())
def list_prompts(
    front: FrontDoor,
    window: PageWindow,
    kind: PromptKind | None = None,
    language: PromptLanguage | None = None,
    strategy: Annotated[str | None, Query(max_length=64)] = None,
) -> Page[PromptSummary]:
    """List the templates, by id."""
    with front.platform.store.reading() as uow:
        every = uow.prompts.all_of(front.user)
    found = [
        one
        for one in every
        if kind in (None, one.kind) and language in (None, one.language) and strategy in (None, one.strategy_id)
    ]
    items = [PromptSummary.model_validate(one) for one in found[window.offset : window.offset + window.limit]]
    return Page(items=items, total=len(found), limit=window.limit, offset=window.offset)


@router.post("", status_code=201, responses=COMMANDED)
async def create_prompt(front: FrontDoor, wish: NewPrompt, response: Response) -> PromptRecord:
    """Store a new template."""
    if await front.read(lambda: _find(front, wish.id)) is not None:
        raise NotAllowed("prompt_exists", f"there is a prompt {wish.id} already", advice=f"PUT /api/prompts/{wish.id}")
    response.headers["Location"] = f"/api/prompts/{quote(wish.id, safe='')}"
    return await _saved(front, written(wish.id, wish.model_dump(exclude={"id"}, exclude_unset=True), None))


@router.get("/names", responses=documented())
def read_names() -> dict[str, str]:
    """Return the names that a template can read, and what each means."""
    return dict(NAMES)


@router.post("/validate", responses=documented(400, 413))
def validate_prompt(trial: TextTrial) -> PromptValidation:
    """Say whether a template is allowed; nothing is stored."""
    found = work.validation(trial.text)
    return PromptValidation(valid=not found.error, error=found.error, reads=list(found.reads))


@router.post("/render", responses=documented(400, 413))
def render_text(trial: TextTrial) -> PreviewRecord:
    """Fill in a template that is not stored."""
    shown = work.preview_text(trial.text, EXAMPLE if trial.values is None else trial.values, strict=trial.strict)
    return PreviewRecord.model_validate(shown)


@router.get("/compare", responses=documented(404))
def compare_prompts(
    front: FrontDoor,
    one: Annotated[str, Query(max_length=80, description="A prompt; `daily-en@2` is its second text.")],
    other: Annotated[str, Query(max_length=80)],
) -> ComparisonRecord:
    """Put two templates, or two versions of one, side by side."""
    with front.platform.store.reading() as uow:
        found = work.compare(work.own_prompt(uow, front.user, one), work.own_prompt(uow, front.user, other))
    return ComparisonRecord.model_validate(found)


@router.get("/performance", responses=documented())
def read_performance(
    front: FrontDoor,
    analyst: Annotated[str | None, Query(max_length=40)] = None,
    prompt: Annotated[str | None, Query(max_length=80, description="A template that took part.")] = None,
    days: Annotated[int, Query(ge=1, le=3650, description="How far back.")] = 365,
    synthetic: Annotated[bool | None, Query(description="Made markets only, or none of them.")] = None,
) -> list[TrackRecordRecord]:
    """Return how the opinions of each analyst, model and prompt came out."""
    start = front.now - timedelta(days=days)
    found = records_of(front.database, front.user, analyst=analyst, prompt=prompt, start=start, synthetic=synthetic)
    return [TrackRecordRecord.model_validate(one) for one in found]


@router.get("/scores", responses=documented())
def read_scores(
    front: FrontDoor, window: PageWindow, analyst: Annotated[str | None, Query(max_length=40)] = None
) -> Page[ScoreRecord]:
    """List opinions with how they came out, newest first."""
    return paged(list_scores(front.database, front.user, analyst=analyst, window=window), ScoreRecord)


@router.get("/spent", responses=documented())
def read_spent(front: FrontDoor) -> SpentRecord:
    """Return what models have used today."""
    settings = front.platform.settings
    spent = spent_on(front.database, front.platform.wall.now())
    return SpentRecord(
        calls=spent.calls,
        tokens=spent.tokens,
        cost=spent.cost,
        tokens_per_day=settings.llm_tokens_per_day,
        cost_per_day=settings.llm_cost_per_day,
    )


@router.get("/{prompt_id}", responses=documented(404))
def read_prompt(front: FrontDoor, prompt_id: Id) -> PromptRecord:
    """Return a template with every text it has had."""
    with front.platform.store.reading() as uow:
        return _record(front, work.own_prompt(uow, front.user, prompt_id))


@router.put("/{prompt_id}", responses=COMMANDED)
async def change_prompt(front: FrontDoor, prompt_id: Id, wish: PromptWish) -> PromptRecord:
    """Change a template; another text becomes its next version."""
    with front.platform.store.reading() as uow:
        before = work.own_prompt(uow, front.user, prompt_id)
    return await _saved(front, written(prompt_id, wish.model_dump(exclude_unset=True), before))


@router.delete("/{prompt_id}", status_code=204, responses=COMMANDED)
async def remove_prompt(front: FrontDoor, prompt_id: Id) -> None:
    """Take a template out of use; its texts stay for the opinions that name them."""
    await front.tell(RemovePrompt(user_id=front.user, prompt_id=PromptId(prompt_id)))


@router.post("/{prompt_id}/render", responses=documented(400, 404, 413))
def render_prompt(front: FrontDoor, prompt_id: Id, trial: Annotated[Trial | None, Body()] = None) -> PreviewRecord:
    """Fill a template in, with an example market or with values; nothing is sent."""
    asked = trial or Trial()
    with front.platform.store.reading() as uow:
        found = work.own_prompt(uow, front.user, prompt_id)
    values = EXAMPLE if asked.values is None else asked.values
    return PreviewRecord.model_validate(work.preview(found, values, strict=asked.strict))


def written(prompt: str, wish: dict[str, Any], before: Prompt | None) -> Prompt:
    """Return the template that a wish makes of the one before, or anew."""
    # Null is a wish only for the strategy, where it means all of them.
    asked = {name: entry for name, entry in wish.items() if entry is not None or name == "strategy_id"}
    if "tags" in asked:
        asked["tags"] = tuple(asked["tags"])
    if asked.get("strategy_id") is not None:
        asked["strategy_id"] = StrategyId(asked["strategy_id"])
    return work.written(PromptId(prompt), asked, before)


async def _saved(front: Front, prompt: Prompt) -> PromptRecord:
    return _record(front, await front.ask(SavePrompt(user_id=front.user, prompt=prompt), Prompt))


def _find(front: Front, prompt: str) -> Prompt | None:
    with front.platform.store.reading() as uow:
        return uow.prompts.get(front.user, PromptId(prompt))


def _record(front: Front, prompt: Prompt) -> PromptRecord:
    with front.platform.store.reading() as uow:
        versions = uow.prompts.versions(front.user, prompt.id)
    summary = PromptSummary.model_validate(prompt).model_dump()
    return PromptRecord(**summary, text=prompt.text, versions=[VersionRecord.model_validate(one) for one in versions])
