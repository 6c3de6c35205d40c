"""Links lead somewhere, examples are well-formed, and the source keeps one sentence a line."""

import re
import shlex
import subprocess
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from tests.docs.conftest import ROOT, Block, pages
from thetaloom.domain.strategy.documents import parse_strategy

LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
LANGUAGES = {"console", "text", "toml", "mermaid", "json", "python"}
README_LINES_MAX = 60  # one screen
TWO_SENTENCES = re.compile(r"[a-z)`][.?!] [A-Z][a-z]")


def anchors(page: Path) -> set[str]:
    headings = HEADING.findall(page.read_text())
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    broken = []
    for link in LINK.findall(page.read_text()):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


def test_every_page_is_reached_from_the_index() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        links = (link.partition("#")[0] for link in LINK.findall(page.read_text()) if "://" not in link)
        waiting += [(page.parent / name).resolve() for name in links if name]

    assert [str(page.relative_to(ROOT)) for page in pages() if page not in seen] == []


def test_every_block_says_what_it_is(blocks: tuple[Block, ...]) -> None:
    assert {block.language for block in blocks} <= LANGUAGES


def test_strategies_in_the_pages_are_good_ones(blocks: tuple[Block, ...]) -> None:
    strategies = [block for block in blocks if block.language == "toml" and "[[legs]]" in block.text]

    assert strategies
    for block in strategies:
        parse_strategy(tomllib.loads(block.text, parse_float=Decimal))


def test_every_make_target_in_the_pages_exists(blocks: tuple[Block, ...]) -> None:
    typed = [shlex.split(command) for block in blocks for command in block.commands]
    targets = sorted({words[1] for words in typed if words[0] == "make"})
    listed = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True).stdout

    assert {"demo", "up"} <= set(targets)
    assert [target for target in targets if f"make {target} " not in listed] == []


def test_the_readme_fits_on_a_screen() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES_MAX


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "concepts").glob("*.md")), ids=lambda page: page.stem)
def test_concepts_have_one_sentence_a_line(page: Path) -> None:
    prose = [line for line in page.read_text().splitlines() if line and line[0] not in "|-1234567890#<`"]

    assert [line for line in prose if TWO_SENTENCES.search(line)] == []
