"""Prompt templates: what they are, which one a strategy uses, and how several become one prompt."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from thetaloom.domain.values.canonical import digest_of
from thetaloom.domain.values.ids import PromptId, StrategyId
from thetaloom.errors import InvalidInput

TEXT_MAX = 20_000  # characters of a template
NAME_MAX = 80
NOTES_MAX = 2_000
TAGS_MAX = 12
ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
# Words that stand at an id's place in an address: a template of such a name could be written and never be read.
RESERVED = frozenset({"compare", "names", "performance", "render", "scores", "spent", "validate"})
TAG = re.compile(r"[\w-]{1,30}")


class PromptKind(StrEnum):
    """Which part of the prompt a template is; the parts stand in this order."""

    SYSTEM = "system"  # who reads, and what counts
    ANALYSIS = "analysis"  # the daily chart
    WEEKLY = "weekly"  # the weekly chart
    CONSOLIDATION = "consolidation"  # how both become one opinion


class PromptLanguage(StrEnum):
    """The language a template is written in."""

    ENGLISH = "en"
    CHINESE = "zh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A template, with the version of its text that is in use."""

    id: PromptId
    name: str
    kind: PromptKind
    language: PromptLanguage
    strategy_id: StrategyId | None = None  # of this strategy alone; ``None`` serves all
    is_active: bool = True
    is_default: bool = False  # among those that serve all
    description: str = ""
    tags: tuple[str, ...] = ()
    notes: str = ""
    version: int = 1
    text: str

    def __post_init__(self) -> None:
        problems = dict(_problems(self))
        if problems:
            listed = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
            raise InvalidInput(listed, advice="See docs/how-to/write-a-prompt.md.", details=problems)

    @property
    def reference(self) -> str:
        """The name under which opinions remember the text, such as ``daily-en@3``."""
        return f"{self.id}@{self.version}"

    @property
    def digest(self) -> str:
        """What tells one text from another."""
        return digest_of(self.text.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVersion:
    """One text a template has had; it never changes."""

    prompt_id: PromptId
    version: int
    text: str
    saved_at: datetime
    saved_by: str

    @property
    def reference(self) -> str:
        """The name under which opinions remember the text."""
        return f"{self.prompt_id}@{self.version}"


def choose(
    prompts: Iterable[Prompt], kind: PromptKind, language: PromptLanguage, strategy: StrategyId | None
) -> Prompt | None:
    """Return the active template of the strategy, else the default that serves all; ``None`` where there is neither.

    Of several the one that comes first by id is taken, so that the choice never depends on the order of rows.
    """
    fitting = sorted(
        (one for one in prompts if one.is_active and one.kind is kind and one.language is language),
        key=lambda one: one.id,
    )
    own = [one for one in fitting if strategy is not None and one.strategy_id == strategy]
    return next(iter(own or [one for one in fitting if one.strategy_id is None and one.is_default]), None)


def parts_of(prompts: Sequence[Prompt], language: PromptLanguage, strategy: StrategyId | None) -> tuple[Prompt, ...]:
    """Return the templates that make up a strategy's prompt, in order; English stands in for a missing translation."""
    found = []
    for kind in PromptKind:
        chosen = choose(prompts, kind, language, strategy) or choose(prompts, kind, PromptLanguage.ENGLISH, strategy)
        if chosen is not None:
            found.append(chosen)
    return tuple(found)


def reference_of(parts: Iterable[Prompt]) -> str:
    """Return the name of a prompt put together of several templates."""
    return "+".join(part.reference for part in parts)


def _problems(prompt: Prompt) -> Iterable[tuple[str, str]]:
    if not ID.fullmatch(prompt.id):
        yield "id", "lower-case letters, digits and dashes, at most 64, such as daily-en"
    if prompt.id in RESERVED:
        yield "id", f"any but {', '.join(sorted(RESERVED))}, which are addresses of their own"
    if not prompt.name.strip() or len(prompt.name) > NAME_MAX:
        yield "name", f"1 to {NAME_MAX} characters"
    if not prompt.text.strip() or len(prompt.text) > TEXT_MAX:
        yield "text", f"1 to {TEXT_MAX} characters"
    if len(prompt.notes) > NOTES_MAX or len(prompt.description) > NOTES_MAX:
        yield "notes", f"notes and description have at most {NOTES_MAX} characters each"
    if len(prompt.tags) > TAGS_MAX or not all(TAG.fullmatch(tag) for tag in prompt.tags):
        yield "tags", f"at most {TAGS_MAX} words of letters, digits and dashes"
    if prompt.is_default and prompt.strategy_id is not None:
        yield "is_default", "a default serves all strategies; this one belongs to one"
    if any("\x00" in text for text in (prompt.text, prompt.name, prompt.notes, prompt.description)):
        yield "text", "holds a null character"
