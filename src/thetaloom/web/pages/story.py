"""A run as a story: cards joined by arrows, one step in full by the view of its kind, and the proof of all of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from thetaloom.domain.run.lineage import LineageRecord
from thetaloom.domain.run.runs import StepName, StepStatus, WorkflowRun
from thetaloom.domain.values.ids import RunId, StrategyId
from thetaloom.engine.lineage import ReplayReport
from thetaloom.store.queries.lineage import Evidence, StepRecord, step_record
from thetaloom.store.queries.paging import Window
from thetaloom.store.queries.run_evidence import RunEvidence, run_evidence
from thetaloom.store.queries.runs import list_runs, run_detail
from thetaloom.store.queries.story import tell_step
from thetaloom.web.charts import charts_of_run
from thetaloom.web.front import Front, FrontDoor
from thetaloom.web.pages.chart_choice import ChartChoice, ChartOfPage, Choosing, chart_of_page
from thetaloom.web.pages.dashboard import Choice, choices
from thetaloom.web.pages.forms import see
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.market_step_views import given_of
from thetaloom.web.pages.numbers import span
from thetaloom.web.pages.render import page
from thetaloom.web.pages.shown import Form, Shown, json_tokens, written
from thetaloom.web.pages.step_views import ORDERS, order_of, strategy_in, view_of
from thetaloom.web.pages.timeline import timeline_of
from thetaloom.web.proof import Verified, replay, verify
from thetaloom.web.report_words import STEP_WORDS

router = APIRouter()
NO_NUL = r"^[^\x00]*$"
RUNS_SHOWN = 100
INPUTS_SHOWN = 4
TOKENS_MAX = 60_000  # characters; longer evidence is shown without colors
UNTOLD = frozenset({"now", "user_id", "account_id", "run_id", "content_hash"})
Seq = Annotated[int, Path(ge=1, le=1_000_000_000)]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryCard:
    """One step of the story, or several looks of one step at the same thing."""

    record: LineageRecord
    first_seq: int
    count: int
    title: str
    view: str  # the kind of view that shows it in full
    duration: str
    given: str
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryView:
    """The choice of a strategy and one of its runs, and the story of the run that was chosen."""

    frame: Frame
    strategies: Sequence[Choice]
    strategy: str
    runs: Sequence[WorkflowRun]
    run: WorkflowRun | None
    cards: Sequence[StoryCard]
    verified: Verified | None
    replayed: ReplayReport | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RawSide:
    """What a step was given or decided, as JSON cut into colored pieces."""

    title: str
    digest: str
    size: int
    tokens: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPage:
    """One step in full."""

    frame: Frame
    run: WorkflowRun
    record: LineageRecord
    title: str
    purpose: str
    duration: str
    shown: Shown
    chart: ChartOfPage | None
    sides: Sequence[RawSide]
    before: int
    after: int
    pictures: Sequence[tuple[str, str]] = field(default=())  # timeframe and address of each chart


@router.get("/lineage/story")
def choose(
    front: FrontDoor,
    strategy: Annotated[str, Query(max_length=128, pattern=NO_NUL)] = "",
    run: Annotated[str, Query(max_length=128, pattern=NO_NUL)] = "",
) -> Response:
    """Choose a strategy, then one of its runs."""
    if run.strip():
        return see(f"/runs/{quote(run.strip(), safe='')}/story")
    return _story(front, None, strategy.strip())


@router.get("/runs/{run_id}/story")
def story(front: FrontDoor, run_id: str) -> Response:
    """Tell a run from its first step to its last."""
    return _story(front, run_id)


@router.post("/runs/{run_id}/story/verification")
def verification(front: FrontDoor, run_id: str) -> Response:
    """Check that the run's records are intact, and say so beside the story."""
    return _story(front, run_id, verified=verify(front, [run_detail(front.database, front.user, RunId(run_id)).run]))


@router.post("/runs/{run_id}/story/replay")
def replaying(front: FrontDoor, run_id: str) -> Response:
    """Take the run's decisions again, and say beside the story whether they came out the same."""
    return _story(front, run_id, replayed=replay(front, RunId(run_id)))


@router.get("/runs/{run_id}/steps/{seq}")
def step(front: FrontDoor, run_id: str, seq: Seq, choice: Choosing) -> Response:
    """Show one step by the view of its kind."""
    found = step_record(front.database, front.user, RunId(run_id), seq=seq)
    detail = run_detail(front.database, front.user, RunId(run_id))
    shown = _shown_alone(front, found)
    title, purpose = STEP_WORDS[found.record.step]
    chart = _chart(front, found, choice) if shown.kind == "charts" else None
    view = StepPage(
        frame=frame_of(front, "lineage"),
        run=detail.run,
        record=found.record,
        title=title,
        purpose=purpose,
        duration=span(found.record.duration_us),
        shown=shown,
        chart=chart,
        sides=[_side("Input", found.input), _side("Output", found.output)],
        before=seq - 1,
        after=seq + 1 if seq < detail.run.seq else 0,
        pictures=_pictures(front, found, choice) if chart is not None else (),
    )
    return page("step.html", view)


def _story(
    front: Front,
    run_id: str | None,
    strategy: str = "",
    *,
    verified: Verified | None = None,
    replayed: ReplayReport | None = None,
) -> Response:
    run, cards = None, []
    if run_id is not None:
        run = run_detail(front.database, front.user, RunId(run_id)).run
        strategy = run.strategy_id
        cards = _cards(run_evidence(front.database, front.user, run.id), run_detail(
            front.database, front.user, run.id).timeline)  # fmt: skip
    runs: Sequence[WorkflowRun] = ()
    if strategy:
        asked = Window(limit=RUNS_SHOWN)
        runs = list_runs(front.database, front.user, strategy=StrategyId(strategy), window=asked).rows
    view = StoryView(
        frame=frame_of(front, "lineage"),
        strategies=choices(front),
        strategy=strategy,
        runs=runs,
        run=run,
        cards=cards,
        verified=verified,
        replayed=replayed,
    )
    return page("story.html", view)


def _cards(evidence: RunEvidence, records: Sequence[LineageRecord]) -> list[StoryCard]:
    entries = timeline_of(records, lambda record: _told(evidence, record))
    return [
        StoryCard(
            record=entry.record,
            first_seq=entry.first_seq,
            count=entry.count,
            title=STEP_WORDS[entry.record.step][0],
            view="generic"
            if entry.record.seq not in evidence.steps
            else view_of(evidence.steps[entry.record.seq]).kind,
            duration=entry.duration,
            given=_short_input(evidence.steps.get(entry.record.seq)),
            told=entry.told,
        )
        for entry in entries
    ]


def _told(evidence: RunEvidence, record: LineageRecord) -> str:
    found = evidence.steps.get(record.seq)
    if record.status is StepStatus.SKIPPED:
        return "Not asked for by this strategy."
    if record.status is StepStatus.FAILED:
        return record.error
    return "What it decided is gone." if found is None or found.output is None else tell_step(found)


def _short_input(found: StepRecord | None) -> str:
    if found is None:
        return ""
    plain = [
        (name, raw)
        for name, raw in given_of(found).items()
        if isinstance(raw, str | int | float) and raw != "" and name not in UNTOLD
    ]
    return ", ".join(f"{name.replace('_', ' ')} {written(raw, Form.PLAIN)}" for name, raw in plain[:INPUTS_SHOWN])


def _shown_alone(front: Front, found: StepRecord) -> Shown:
    # Only these views look beyond their own record, and only they pay for reading the others.
    if found.record.step is not StepName.TRIGGER and found.record.step not in ORDERS:
        return view_of(found)
    evidence = run_evidence(front.database, front.user, found.record.run_id)
    steps = list(evidence.steps.values())
    of = order_of(found)
    walk = [one for one in steps if of and order_of(one) == of and one.record.seq <= found.record.seq]
    return view_of(found, strategy_in(steps), walk)


def _chart(front: Front, found: StepRecord, choice: ChartChoice) -> ChartOfPage | None:
    charts = charts_of_run(front, found.record.run_id)
    path = f"/runs/{found.record.run_id}/steps/{found.record.seq}"
    return None if charts is None else chart_of_page(charts, choice, path)


def _pictures(front: Front, found: StepRecord, choice: ChartChoice) -> list[tuple[str, str]]:
    charts = charts_of_run(front, found.record.run_id)
    shown = () if charts is None else charts.charts
    return [(one.timeframe.name.lower(), one.pictures[choice.theme]) for one in shown]


def _side(title: str, evidence: Evidence | None) -> RawSide:
    if evidence is None:
        return RawSide(title=title, digest="", size=0, tokens=())
    text = json.dumps(evidence.content, indent=2, ensure_ascii=False)
    tokens = json_tokens(text) if len(text) <= TOKENS_MAX else [("", text)]
    return RawSide(title=title, digest=evidence.digest, size=evidence.size, tokens=tokens)
