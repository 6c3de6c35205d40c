"""Pictures and lists inside written pages, drawn from the tables that the code obeys."""

import tomllib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from thetaloom.domain.book import orders, refusals
from thetaloom.domain.run import runs
from thetaloom.engine.steps import PIPELINE

Status = TypeVar("Status", bound=StrEnum)
ROOT = Path(__file__).resolve().parents[2]


def order_picture() -> str:
    """Draw the life of an order, with the arrows that only a fill takes."""
    fills = [
        (status, orders.OrderStatus.FILLED, "last fill") for status in orders.OrderStatus if status in orders.FILLABLE
    ]
    moves = sorted(_moves(orders.SUCCESSORS) + fills, key=lambda move: list(orders.OrderStatus).index(move[0]))
    return _diagram(orders.OrderStatus.STAGED, moves)


def refusals_table() -> str:
    """List what a broker's refusals mean and what follows."""
    rows = (f"| `{one.value}` | `{one.reason.value}` | {one.action.value} | {one.text} |" for one in refusals.Refusal)
    return "\n".join(("| Refusal | Reason code | What Thetaloom does | Advice |", "|---|---|---|---|", *rows)) + "\n"


def run_picture() -> str:
    """Draw the life of a run without the ways aside, which the page states in words."""
    aside = {runs.RunStatus.PAUSED, runs.RunStatus.ERROR}
    plain = {status: after - aside for status, after in runs.SUCCESSORS.items() if status not in aside}
    moves = _moves(plain)
    return _diagram(runs.RunStatus.SCANNING, moves)


def layers() -> str:
    """Draw the layers of pyproject.toml, the highest first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    top, rooms = (contract for contract in contracts if contract["type"] == "layers")
    lines = [_layer(layer) for layer in top["layers"]]
    lines[lines.index("domain")] = "domain      " + " > ".join(rooms["layers"])
    return "```text\n" + "\n".join(line for line in lines if line) + "\n```\n"


def steps() -> str:
    """List the steps in the order of the pipeline."""
    return "\n".join(f"{number}. `{name.value}`" for number, name in enumerate(PIPELINE, start=1)) + "\n"


def _layer(layer: str) -> str:
    package = ROOT / "src" / "thetaloom"
    names = [name.strip(" ()") for name in layer.split("|")]
    return " | ".join(name for name in names if (package / name).exists() or (package / f"{name}.py").exists())


def _moves(successors: Mapping[Status, frozenset[Status]]) -> list[tuple[Status, Status, str]]:
    return [(before, after, "") for before, found in successors.items() for after in sorted(found)]


def _diagram(first: StrEnum, moves: Iterable[tuple[StrEnum, StrEnum, str]]) -> str:
    lines = [f"    {before} --> {after}" + (f": {word}" if word else "") for before, after, word in moves]
    return "\n".join(["```mermaid", "stateDiagram-v2", f"    [*] --> {first}", *lines, "```"]) + "\n"
