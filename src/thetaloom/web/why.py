"""Why a run traded or did not: the last word, the numbers behind it, and every check on the way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thetaloom.domain.run.lineage import LineageRecord
from thetaloom.domain.run.runs import StepName, StepStatus
from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.reasons import Reason
from thetaloom.store.database import Database
from thetaloom.store.queries.lineage import step_record
from thetaloom.store.queries.runs import RunDetail

CHECKING = (StepName.EVALUATE, StepName.CHECK_RISK)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """One check as it was recorded; all numbers are text, absent ones ``None``."""

    step: StepName
    name: str
    answer: str  # allow, deny or unknown
    reason: str
    facts: Mapping[str, str]
    found: str | None
    limit: str | None
    distance: str | None
    unit: str | None

    @property
    def text(self) -> str:
        """What the reason code means."""
        return meaning(self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Why:
    """The last word on a run and all its checks."""

    reason: str
    step: StepName | None  # that said so
    facts: Mapping[str, str]
    error: str
    checks: tuple[CheckLine, ...]

    @property
    def text(self) -> str:
        """What the reason code means."""
        return meaning(self.reason)


def meaning(code: str) -> str:
    """Return what a reason code means; empty for none, and for codes of another version."""
    return Reason.of(code).text if code in Reason._value2member_map_ else ""


def why_of(database: Database, user: UserId, detail: RunDetail) -> Why:
    """Return the last word on a run, with the numbers behind it."""
    said = _last_word(detail)
    facts: Mapping[str, str] = {}
    if said is not None:
        facts = _verdict(_output(database, user, said)).get("facts", {})
    last = {record.step: record for record in detail.timeline if record.step in CHECKING}
    lines = [line for record in last.values() for line in _lines(record.step, _output(database, user, record))]
    return Why(
        reason=detail.run.reason or (said.reason if said is not None else ""),
        step=None if said is None else said.step,
        facts=facts,
        error="" if said is None else said.error,
        checks=tuple(lines),
    )


def _last_word(detail: RunDetail) -> LineageRecord | None:
    spoken = [record for record in detail.timeline if record.reason and record.status is not StepStatus.SKIPPED]
    matching = [record for record in spoken if record.reason == detail.run.reason]
    best = matching or spoken
    return best[-1] if best else None


def _output(database: Database, user: UserId, record: LineageRecord) -> Mapping[str, Any]:
    found = step_record(database, user, record.run_id, seq=record.seq).output
    return found.content if found is not None and isinstance(found.content, dict) else {}


def _verdict(output: Mapping[str, Any]) -> Mapping[str, Any]:
    verdict = output.get("verdict")
    return verdict if isinstance(verdict, dict) else {}


def _lines(step: StepName, output: Mapping[str, Any]) -> list[CheckLine]:
    return [
        CheckLine(
            step=step,
            name=check["name"],
            answer=check["verdict"]["answer"],
            reason=check["verdict"]["reason"] or "",
            facts=check["verdict"]["facts"],
            found=check.get("value"),
            limit=check.get("limit"),
            distance=check.get("distance") or check["verdict"]["facts"].get("over_by"),
            unit=check.get("unit"),
        )
        for check in output.get("checks", ())
    ]
