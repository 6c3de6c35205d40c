"""Why a run traded or did not: the last word on it, every check, the score, and what would change a no."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from thetaloom.domain.run.lineage import LineageRecord
from thetaloom.domain.run.runs import StepName, StepStatus, WorkflowRun
from thetaloom.domain.strategy.explanations import Blocking, CheckLine, blocking_reasons, meaning, recorded_line
from thetaloom.domain.strategy.hard_stops import is_hard_stop
from thetaloom.domain.values.reasons import NOTES

Said = Mapping[str, Any]  # a decoded decision; JSON has no narrower type

CHECKING = (StepName.EVALUATE, StepName.CHECK_RISK)
TRADED_FROM = (StepName.SUBMIT_ORDER, StepName.MANAGE_POSITION, StepName.CLOSE_POSITION)  # a no here bars no entry


@dataclass(frozen=True, slots=True, kw_only=True)
class TermShown:
    """One recorded term of a score as text; ``reading`` is ``None`` where it was not known."""

    name: str
    reading: str | None
    points: Decimal
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreShown:
    """A recorded score as text."""

    total: str
    label: str
    minimum: str
    base: str
    terms: tuple[TermShown, ...]
    reasons: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The last word on a run, and what it rests on."""

    reason: str
    step: StepName | None  # that said so
    facts: Mapping[str, str]
    error: str
    checks: tuple[CheckLine, ...]
    blocking: tuple[Blocking, ...]  # the few reasons that matter most, while the run ended before a trade
    score: ScoreShown | None
    rejections: tuple[Mapping[str, Any], ...]  # expirations that could not be used

    @property
    def text(self) -> str:
        """What the reason code means."""
        return meaning(self.reason)

    @property
    def hard_stops(self) -> tuple[CheckLine, ...]:
        """Those of the checks that bar an entry whatever the score."""
        return tuple(check for check in self.checks if is_hard_stop(check.name))


def explain_run(run: WorkflowRun, timeline: Sequence[LineageRecord], output: Callable[[LineageRecord], Said]) -> Why:
    """Explain a run from its records; ``output`` gives what a record's step decided, or nothing."""
    word = _last_word(run, timeline)
    said = {} if word is None else output(word)
    verdict = said.get("verdict") or {}
    outputs = [(record.step, output(record)) for record in _checked(timeline)]
    checks = tuple(recorded_line(one, step.value) for step, found in outputs for one in found.get("checks", ()))
    return Why(
        reason=run.reason or (word.reason if word is not None else ""),
        step=None if word is None else word.step,
        facts=verdict.get("facts") or {},
        error="" if word is None else word.error,
        checks=checks,
        blocking=() if word is None else _blocking(word, verdict, checks),
        score=next((_score(found["score"]) for _, found in outputs if found.get("score")), None),
        rejections=tuple(_rejection(entry) for entry in said.get("rejections", ())),
    )


def _last_word(run: WorkflowRun, timeline: Sequence[LineageRecord]) -> LineageRecord | None:
    spoken = [record for record in timeline if _speaks(record)]
    matching = [record for record in spoken if record.reason == run.reason]
    best = matching or spoken
    return best[-1] if best else None


def _speaks(record: LineageRecord) -> bool:
    has_word = bool(record.reason) and record.reason not in NOTES
    return record.status is StepStatus.FAILED or (has_word and record.status is not StepStatus.SKIPPED)


def _checked(timeline: Sequence[LineageRecord]) -> list[LineageRecord]:
    # A run that asked again was checked again; what an earlier attempt passed says nothing of the last one.
    last: dict[StepName, LineageRecord] = {}
    for record in timeline:
        if record.step is StepName.EVALUATE:
            last.clear()
        if record.step in CHECKING:
            last[record.step] = record
    return list(last.values())


def _blocking(word: LineageRecord, verdict: Said, checks: Sequence[CheckLine]) -> tuple[Blocking, ...]:
    if word.status is not StepStatus.DENIED or word.step in TRADED_FROM or not verdict:
        return ()
    found = blocking_reasons([check for check in checks if check.step == word.step.value], first=word.reason)
    if found:
        return found
    return blocking_reasons([recorded_line({"name": word.step.value, "verdict": verdict})])


def _score(score: Said) -> ScoreShown:
    return ScoreShown(
        total=score["total"],
        label=score["label"],
        minimum=score["minimum"],
        base=score["base"],
        terms=tuple(
            TermShown(name=term["name"], reading=term["reading"], points=Decimal(term["points"]), text=term["text"])
            for term in score["terms"]
        ),
        reasons=(f"{score['base']} to start with", *(term["text"] for term in score["terms"])),
        unknown=tuple(score["unknown"]),
    )


def _rejection(entry: Said) -> dict[str, Any]:
    verdict = entry["verdict"]
    return {
        "expires_on": entry["expires_on"],
        "leg": entry.get("leg"),
        "reason": verdict.get("reason"),
        "numbers": ", ".join(f"{name} {fact}" for name, fact in verdict["facts"].items()),
    }
