"""The written and generated pages, and the code blocks in them."""

import re
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block of a page."""

    page: Path
    language: str
    text: str

    @property
    def commands(self) -> tuple[str, ...]:
        """What a console block tells the reader to type."""
        return tuple(line.removeprefix("$ ") for line in self.text.splitlines() if line.startswith("$ "))


def pages() -> tuple[Path, ...]:
    """Every page of documentation in the repository."""
    return (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))


def blocks_of(page: Path) -> tuple[Block, ...]:
    """Return the fenced blocks of a page, in their order."""
    return tuple(Block(page=page, language=found[1], text=found[2]) for found in FENCE.finditer(page.read_text()))


@pytest.fixture(scope="session")
def blocks() -> tuple[Block, ...]:
    """Every fenced block of every page."""
    return tuple(block for page in pages() for block in blocks_of(page))
