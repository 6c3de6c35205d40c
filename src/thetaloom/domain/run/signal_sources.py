"""Who may send signals, how they prove it, and what their words mean: a profile a source."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from ipaddress import ip_address, ip_network

from thetaloom.domain.values.ids import StrategyId, UserId
from thetaloom.errors import InvalidInput

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
WEIGHT_MAX = Decimal(10)
SECRET_LENGTH_MIN, SECRET_LENGTH_MAX = 16, 256
DAY_SECONDS = 86_400
# How much the word of a source counts where its profile does not say so.
WEIGHTS: Mapping[str, Decimal] = {
    "tradingview": Decimal("1.0"),
    "gex": Decimal("0.9"),
    "mtf": Decimal("0.85"),
    "mtf-trend-dots": Decimal("0.85"),
    "manual": Decimal("0.7"),
}
WEIGHT_DEFAULT = Decimal("1.0")


class SourceAuth(StrEnum):
    """How a source proves that a message is its own."""

    HMAC = "hmac"  # X-Signature: sha256=… over the raw body
    BODY = "body"  # the shared secret stands in the body, as TradingView must do it
    UNSIGNED = "unsigned"  # not at all; paper mode only


class SellMeaning(StrEnum):
    """What SELL means to a source; without an answer it is ambiguous and refused."""

    CLOSE = "close"
    BEARISH = "bearish"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSource:
    """The profile of one source."""

    name: str
    user_id: UserId
    auth: SourceAuth
    enabled: bool = True
    addresses: tuple[str, ...] = ()  # networks that may send; none = any
    mapping: Mapping[str, str] = field(default_factory=dict)  # a path in the payload → the field it stands for
    fixed: Mapping[str, str] = field(default_factory=dict)  # fields that the sender leaves out, said here once
    strategy_id: StrategyId | None = None  # for signals that name none
    sell: SellMeaning | None = None
    confidence_scale: Decimal | None = None  # what the sender's full confidence is; none: percent, with a sign
    weight: Decimal = WEIGHT_DEFAULT
    half_life_minutes: int = 10  # after which its word counts half
    vote_minutes_max: int = 20  # after which it counts no more
    age_seconds_max: int = 300  # between sending and receiving
    cooldown_seconds: int = 300  # between two openings of a symbol in a direction
    queues: bool = False  # what comes while the market is closed waits for the open
    confidence_min: int | None = None  # of the whole, 0 to 100; none: it is shown and denies nothing
    weighs_by_record: bool = False  # its weight grows and falls with how often it was right
    saved_at: datetime

    def __post_init__(self) -> None:
        problems = [text for is_wrong, text in self._faults() if is_wrong]
        if problems:
            raise InvalidInput(f"source {self.name!r}: {'; '.join(problems)}", details={"problems": len(problems)})

    def allows(self, address: str | None) -> bool:
        """Tell whether a message from this address is taken."""
        if not self.addresses:
            return True
        try:
            sender = ip_address(address or "")
        except ValueError:
            return False
        sender = getattr(sender, "ipv4_mapped", None) or sender
        return any(sender in ip_network(network, strict=False) for network in self.addresses)

    def _faults(self) -> tuple[tuple[bool, str], ...]:
        return (
            (NAME.fullmatch(self.name) is None, "a name has 1 to 40 of a-z, 0-9, '.', '_', '-'"),
            (not 0 <= self.weight <= WEIGHT_MAX, f"a weight lies within 0 to {WEIGHT_MAX}"),
            (self.confidence_scale is not None and self.confidence_scale <= 0, "a scale of confidence is positive"),
            (not 1 <= self.half_life_minutes <= 1440, "a half-life lies within 1 to 1440 minutes"),
            (not 1 <= self.vote_minutes_max <= 1440, "a vote lasts 1 to 1440 minutes"),
            (not 1 <= self.age_seconds_max <= DAY_SECONDS, "an age limit lies within 1 to 86400 seconds"),
            (not 0 <= self.cooldown_seconds <= DAY_SECONDS, "a cool-down lies within 0 to 86400 seconds"),
            (
                self.confidence_min is not None and not 0 <= self.confidence_min <= 100,
                "a least confidence lies within 0 to 100",
            ),
            (not all(map(_is_network, self.addresses)), "an address is like 52.89.214.238 or 10.0.0.0/8"),
        )


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True
