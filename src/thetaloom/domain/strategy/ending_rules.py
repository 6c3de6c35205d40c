"""The words in which a strategy says what becomes of legs that stand alone, and of shares that are left."""

from dataclasses import dataclass
from typing import Annotated

from thetaloom.domain.strategy.fields import About, Word


class ImbalancePolicy(Word):
    """What is done about legs that stand alone."""

    BY_RISK = "by_risk", "Unwind a sold leg without cover, ask about the rest."
    ASK = "ask", "A person is asked; nothing is traded before."
    COMPLETE = "complete", "Order the missing legs, no worse than what was approved; else as by_risk."
    UNWIND = "unwind", "Take every leg that stands alone back."


class SharesPolicy(Word):
    """What is done about shares that an assignment or exercise has left."""

    ASK = "ask", "A person is asked."
    CLOSE = "close", "They are traded away at the market, as soon as it is open."
    KEEP = "keep", "They stay, and nobody is asked about them."


@dataclass(frozen=True, slots=True, kw_only=True)
class ImbalanceRule:
    """Legs that stand alone, in place of the setting."""

    policy: Annotated[ImbalancePolicy, About("What is done about legs that stand alone.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignmentRule:
    """Shares that contracts turned into, in place of the setting."""

    policy: Annotated[SharesPolicy, About("What is done about shares that an assignment or exercise left.")]
