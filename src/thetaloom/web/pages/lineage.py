"""One lineage record: what the step was given, what it decided, readable and raw."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any

from fastapi import APIRouter, Path
from starlette.responses import Response

from thetaloom.domain.run.lineage import LineageRecord
from thetaloom.domain.values.ids import RunId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.engine.lineage import CHAIN_MARK
from thetaloom.store.queries.lineage import Evidence, step_record
from thetaloom.store.queries.runs import run_detail
from thetaloom.web.front import FrontDoor
from thetaloom.web.pages.frame import Frame, frame_of
from thetaloom.web.pages.render import page

router = APIRouter(prefix="/lineage")
DEPTH_MAX = 24  # deeper nesting is shown as JSON
ROWS_MIN = 2
CONTRACT_FIELDS = {field.name for field in fields(OptionContract)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One named value: a text, a table, or values of its own."""

    name: str
    text: str = ""
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    children: Sequence["Node"] = ()


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
    """Return decoded JSON as named values; legs, contracts and verdicts are said in a line."""
    content = _said_in_a_line(content)
    if isinstance(content, dict):
        return [_node(str(name), entry, depth) for name, entry in content.items()]
    if isinstance(content, list):
        return [_node(f"{number}", entry, depth) for number, entry in enumerate(content, start=1)]
    return [Node(name="", text=_text(content))]


def _node(name: str, entry: Any, depth: int) -> Node:
    entry = _said_in_a_line(entry)
    if not isinstance(entry, dict | list) or not entry or depth >= DEPTH_MAX:
        return Node(name=name, text=_text(entry))
    if isinstance(entry, list):
        plain = [_said_in_a_line(each) for each in entry]
        if all(not isinstance(each, dict | list) for each in plain):
            return Node(name=name, text="; ".join(_text(each) for each in plain))
        table = _table(name, plain)
        if table is not None:
            return table
    return Node(name=name, children=nodes_of(entry, depth + 1))


def _table(name: str, entries: list[Any]) -> Node | None:
    if len(entries) < ROWS_MIN or not all(isinstance(entry, dict) for entry in entries):
        return None
    rows = [{key: _said_in_a_line(cell) for key, cell in entry.items()} for entry in entries]
    columns = list(rows[0])
    fits = all(list(row) == columns for row in rows) and not any(
        isinstance(cell, dict | list) and cell for row in rows for cell in row.values()
    )
    if not fits:
        return None
    return Node(name=name, columns=columns, rows=[[_text(cell) for cell in row.values()] for row in rows])


def _said_in_a_line(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    names = set(entry)
    if names == CONTRACT_FIELDS:
        return f"{entry['root']} {entry['expires_on']} {entry['right']} {entry['strike']}"
    if names == {"contract", "ratio"}:
        return f"{entry['ratio']:+d} {_said_in_a_line(entry['contract'])}"
    if names == {"answer", "reason", "facts"}:
        facts = ", ".join(f"{name} {fact}" for name, fact in entry["facts"].items())
        return entry["answer"] + (f": {entry['reason']}" if entry["reason"] else "") + (f" ({facts})" if facts else "")
    if names == {CHAIN_MARK}:
        return f"option chain, as Parquet with digest {entry[CHAIN_MARK]}"
    return entry


def _text(entry: Any) -> str:
    match entry:
        case None:
            return "unknown"
        case True | False:
            return "yes" if entry else "no"
        case dict() | list():
            return json.dumps(entry) if entry else "none"
    return str(entry)


def _side(title: str, evidence: Evidence | None) -> Side:
    if evidence is None:
        return Side(title=title, digest="", size=0, nodes=(), raw="")
    content = evidence.content
    if title == "Inputs" and isinstance(content, dict) and "given" in content:
        content = content["given"]
    raw = json.dumps(evidence.content, indent=2, ensure_ascii=False)
    return Side(title=title, digest=evidence.digest, size=evidence.size, nodes=nodes_of(content), raw=raw)
