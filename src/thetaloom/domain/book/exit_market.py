"""The market as it was when a position had just closed, kept for the journal."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from thetaloom.domain.values.ids import PositionId, UserId
from thetaloom.domain.values.money import Price


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitMarket:
    """What was known of the underlying's market; ``None`` is unknown. Numbers are in the units of their metrics."""

    position_id: PositionId
    user_id: UserId
    taken_at: datetime
    spot: Price | None = None
    atm_iv: Decimal | None = None  # percent
    iv_rank: Decimal | None = None  # 0 to 100
    vix: Decimal | None = None
    regime: str | None = None
