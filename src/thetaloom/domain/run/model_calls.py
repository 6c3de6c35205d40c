"""What was asked of language models: every attempt with its tokens and cost, and the budget of a day."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.values.money import NOTHING, Money
from thetaloom.errors import InvalidInput

MILLION = Decimal(1_000_000)
TOKENS_PER_PICTURE = 3_000  # more than any known model counts for one of 1920 × 1080
ANSWER_MAX = 20_000  # characters


class CallStatus(StrEnum):
    """How far an attempt got."""

    ASKED = "asked"  # sent, and not answered yet; it counts in full, for it may have to be paid
    ANSWERED = "answered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPrices:
    """Dollars for a million tokens; ``None`` where nobody said."""

    input_usd: Decimal | None = None
    output_usd: Decimal | None = None

    def cost(self, input_tokens: int, output_tokens: int) -> Money | None:
        """Return what so many tokens cost; ``None`` where a price is not known."""
        if self.input_usd is None or self.output_usd is None:
            return None
        return Money((self.input_usd * input_tokens + self.output_usd * output_tokens) / MILLION)


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyBudget:
    """What may be spent in one day, UTC; without prices only tokens can be counted."""

    tokens_max: int
    cost_usd_max: Decimal

    def __post_init__(self) -> None:
        if self.tokens_max < 0 or self.cost_usd_max < 0:
            raise InvalidInput("a budget is zero or more")

    def allows(self, spent: "Spent", tokens: int, cost: Money | None) -> bool:
        """Whether so much more stays within the budget."""
        money = spent.cost + (NOTHING if cost is None else cost)
        return spent.tokens + tokens <= self.tokens_max and Decimal(money) <= self.cost_usd_max


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a day has cost so far; attempts without an answer count as if they had used all they might."""

    calls: int = 0
    tokens: int = 0
    cost: Money = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One attempt, written before it is sent."""

    id: str
    request: str  # digest of all that was asked: equal questions are answered once
    model: str
    prompt: str  # which templates; see ``prompts.reference_of``
    asked_at: datetime
    status: CallStatus = CallStatus.ASKED
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Money | None = None
    duration_ms: int = 0
    answer: str = ""
    failure: str = ""

    @property
    def day(self) -> str:
        """The day whose budget it is of, UTC."""
        return self.asked_at.date().isoformat()


def tokens_at_most(prompt: str, pictures: int) -> int:
    """Return how many tokens a question may be: no known tokenizer makes more than two of a character."""
    return 2 * len(prompt) + TOKENS_PER_PICTURE * pictures
