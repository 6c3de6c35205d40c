"""One lineage record: what the step was given, what it decided, readable and raw."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from thetaloom.domain.run.lineage import LineageRecord
from thetaloom.domain.values.ids import RunId
from thetaloom.store.queries.lineage import Evidence, step_record
from thetaloom.store.queries.runs import run_detail
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.render import page

router = APIRouter(prefix="/lineage")
DEPTH_MAX = 24  # deeper nesting is shown as JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One named value: a text, or values of its own."""

    name: str
    text: str
    children: Sequence["Node"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """Inputs or output of a step."""

    title: str
    digest: str
    size: int
    nodes: Sequence[Node]
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordView:
    """One record and its neighbors; a neighbor is 0 where there is none."""

    frame: Frame
    record: LineageRecord
    sides: Sequence[Side]
    before: int
    after: int


@router.get("/{run_id}/{seq}")
def record(front: FrontDoor, run_id: str, seq: Annotated[int, Path(ge=1, le=1_000_000_000)]) -> Response:
    """Show one record."""
    found = step_record(front.database, front.user, RunId(run_id), seq=seq)
    last = run_detail(front.database, front.user, RunId(run_id)).run.seq
    view = RecordView(
        frame=frame_of(front, "runs"),
        record=found.record,
        sides=[_side("Inputs", found.input), _side("Output", found.output)],
        before=seq - 1,
        after=seq + 1 if seq < last else 0,
    )
    return page("record.html", view)


def nodes_of(content: Any, depth: int = 0) -> list[Node]:
    """Return decoded JSON as named values."""
    if isinstance(content, dict):
        return [_node(str(name), entry, depth) for name, entry in content.items()]
    if isinstance(content, list):
        return [_node(f"{number}", entry, depth) for number, entry in enumerate(content, start=1)]
    return [_node("", content, depth)]


def _node(name: str, entry: Any, depth: int) -> Node:
    if isinstance(entry, dict | list) and entry and depth < DEPTH_MAX:
        return Node(name=name, text="", children=nodes_of(entry, depth + 1))
    return Node(name=name, text=_text(entry), children=())


def _text(entry: Any) -> str:
    match entry:
        case None:
            return "unknown"
        case True | False:
            return "yes" if entry else "no"
        case []:
            return "none"
        case {}:
            return "nothing" if not entry else json.dumps(entry)
        case list():
            return json.dumps(entry)
    return str(entry)


def _side(title: str, evidence: Evidence | None) -> Side:
    if evidence is None:
        return Side(title=title, digest="", size=0, nodes=(), raw="")
    content = evidence.content
    if title == "Inputs" and isinstance(content, dict) and "given" in content:
        content = content["given"]
    raw = json.dumps(evidence.content, indent=2, ensure_ascii=False)
    return Side(title=title, digest=evidence.digest, size=evidence.size, nodes=nodes_of(content), raw=raw)
