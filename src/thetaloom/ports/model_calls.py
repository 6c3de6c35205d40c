"""The book of what was asked of language models: it holds the budget, and equal questions are answered from it."""

from typing import Protocol

from thetaloom.domain.run.model_calls import DailyBudget, ModelCall, Spent


class ModelCalls(Protocol):
    """A book that several workers share."""

    def answer_to(self, request: str) -> ModelCall | None:
        """Return the newest answered call with this digest."""
        ...

    def reserve(self, call: ModelCall, budget: DailyBudget) -> bool:
        """Write an attempt down if the day's budget allows all that it may use; in one transaction."""
        ...

    def settle(self, call: ModelCall) -> None:
        """Write what became of an attempt."""
        ...

    def spent(self, day: str) -> Spent: ...
