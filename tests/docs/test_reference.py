"""The generated pages are current and leave nothing out."""

from pathlib import Path

import pytest

from tests.docs.conftest import ROOT
from thetaloom import errors
from thetaloom.config import Settings
from thetaloom.domain.risk.limits import LIMITS
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome
from thetaloom.domain.values.reasons import Reason
from thetaloom.store.schema import metadata
from tools import make_docs
from tools.docs.domain_pages import EVENTS

ERRORS = [error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, Exception)]


def test_every_generated_page_is_current() -> None:
    assert make_docs.outdated() == [], "run make docs"


def test_every_marked_part_is_one_that_is_generated() -> None:
    texts = [path.read_text() for path in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))]

    names = {found["name"] for text in texts for found in make_docs.MARKED.finditer(text)}

    assert names == set(make_docs.PARTS)


def test_writing_the_pages_again_changes_nothing(tmp_path: Path) -> None:
    once = make_docs.with_parts("<!-- begin steps, generated -->\nold\n<!-- end -->\n")

    assert make_docs.with_parts(once) == once


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("reference/reason-codes.md", [reason.value for reason in Reason]),
        ("reference/settings.md", list(Settings.model_fields)),
        ("reference/risk-limits.md", [limit.name for limit in LIMITS]),
        ("reference/events.md", [kind.value for kind in EventKind]),
        ("reference/errors.md", [error.__name__ for error in ERRORS]),
        ("concepts/outcomes-and-reconciliation.md", [outcome.value for outcome in Outcome]),
    ],
)
def test_every_word_of_the_interface_is_on_its_page(page: str, words: list[str]) -> None:
    text = (ROOT / "docs" / page).read_text()

    assert [word for word in words if f"`{word}`" not in text] == []


def test_every_table_of_the_database_is_on_its_page() -> None:
    text = (ROOT / "docs" / "reference" / "database.md").read_text()

    assert [name for name in metadata.tables if f"## {name}\n" not in text] == []


def test_every_event_says_what_is_true() -> None:
    assert set(EVENTS) == set(EventKind)
