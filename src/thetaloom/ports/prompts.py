"""What is stored of prompts, and of how the opinions that they led to came out."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from thetaloom.domain.run.opinion_scores import OpinionScore
from thetaloom.domain.run.prompts import Prompt, PromptVersion
from thetaloom.domain.values.ids import PromptId, UserId


class Prompts(Protocol):
    """Prompt templates with every text they have had."""

    def get(self, user: UserId, prompt: PromptId) -> Prompt | None: ...
    def all_of(self, user: UserId) -> Sequence[Prompt]: ...
    def is_new_to(self, user: UserId) -> bool: ...
    def versions(self, user: UserId, prompt: PromptId) -> Sequence[PromptVersion]: ...
    def save(self, user: UserId, prompt: Prompt, now: datetime) -> Prompt:
        """Write a template; another text becomes the next version. Return it with its version."""
        ...

    def hide(self, user: UserId, prompt: PromptId, now: datetime) -> None: ...


class Scores(Protocol):
    """How opinions came out."""

    def add(self, score: OpinionScore) -> None: ...
    def due(self, on: date, limit: int) -> Sequence[OpinionScore]:
        """Return scores not judged yet that are due on a day or before, the longest due first."""
        ...

    def recent(
        self, user: UserId, symbol: str, analyst: str, *, before: datetime, limit: int
    ) -> Sequence[OpinionScore]:
        """Return an analyst's latest opinions on a symbol made before an instant, oldest first."""
        ...

    def save(self, score: OpinionScore) -> None: ...
