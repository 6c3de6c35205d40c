"""Alerts: what a person should look at, how soon, and what to do about it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.values.ids import AccountId, PositionId, UserId
from thetaloom.domain.values.money import Price


class Priority(StrEnum):
    """How near the matter is; the bands of one alert."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Urgency(StrEnum):
    """By when a person should have acted."""

    IMMEDIATE = "IMMEDIATE"
    END_OF_DAY = "END_OF_DAY"
    NEXT_SESSION = "NEXT_SESSION"


RANKS: dict[Priority, int] = {priority: rank for rank, priority in enumerate(Priority)}  # 0 = worst


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One matter. While it stands there is one alert of each ``cause`` about each ``subject``."""

    id: str = ""  # given by ``raise_alert``
    user_id: UserId
    account_id: AccountId
    subject: str  # what it is about: the id of a position, an order or an account
    position_id: PositionId | None = None
    symbol: str = ""
    cause: str  # a word, such as stop_loss or pin_risk; with a rule's number where several have one word
    priority: Priority
    reason: str  # a reason code where there is one, else the cause
    details: str  # one sentence
    recommended_action: str
    urgency: Urgency
    current_value: Decimal | None = None
    threshold_value: Decimal | None = None
    unit: str = ""
    order_type: str = ""  # suggested; empty = no order is
    limit_price: Price | None = None  # suggested: net per share of one unit, credit positive
    raised_at: datetime
    changed_at: datetime | None = None  # when it came into its band; set by ``raise_alert``
    ended_at: datetime | None = None

    @property
    def is_standing(self) -> bool:
        """Whether it is not over."""
        return self.ended_at is None
