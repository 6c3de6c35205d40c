"""Settings of the paper broker, and what it can be told to do to an order."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.values.ids import AccountId, ClientOrderId
from thetaloom.domain.values.money import Money
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import ConfigError

ACCOUNT = AccountId("PAPER")
FEE_PER_CONTRACT = Money("0.65")
STARTING_CASH = Money(100_000)
QUOTE_AGE_MAX = timedelta(minutes=2)  # two bars of minute data; widen it for a source that is delayed


def read_shares(text: str) -> dict[str, int]:
    """Read shares by symbol from text like ``AAPL=100,SPY=-200``."""
    shares: dict[str, int] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        found = re.fullmatch(r"([A-Z][A-Z0-9./]{0,9})=(-?[0-9]{1,7})", part)
        symbol = "" if found is None else canonical_symbol(found[1])
        if found is None or symbol in shares:
            raise ConfigError(
                f'paper_shares: "{part[:40]}" is not a symbol and its shares, each symbol once',
                advice="Write it like AAPL=100,SPY=200.",
            )
        shares[symbol] = int(found[2])
    return shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """What to do to the orders it matches when they arrive; the first that matches an order counts."""

    client_order_id: ClientOrderId | None = None  # None matches every order
    reject: str = ""  # the message to reject with; empty accepts
    fills: tuple[int, ...] = ()  # structures of the first fills, one at a time; the rest fills at once after them

    def __post_init__(self) -> None:
        if any(quantity <= 0 for quantity in self.fills):
            raise ConfigError("paper broker: a scripted fill needs a positive quantity")


class FillModel(StrEnum):
    """How an order that the market has reached is filled."""

    AT = "at"  # at once, at its limit
    IMPROVE = "improve"  # at once, better than its limit by a drawn share of what there is
    QUEUE = "queue"  # at its limit, after a drawn time at that price or when the market crosses it


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSettings:
    """How the paper account starts and how its orders fill."""

    account_id: AccountId = ACCOUNT
    seed: int = 0  # of the random partial fills
    fill_at: Decimal = Decimal("0.5")  # the fill point's place between mid (0) and natural (1)
    fee_per_contract: Money = FEE_PER_CONTRACT  # positive; charged when opening and when closing
    starting_cash: Money = STARTING_CASH  # counts when the account is created, and never again
    is_cash_account: bool = False
    shares: Mapping[str, int] = field(default_factory=dict)  # held since the account was opened, beside all others
    quote_age_max: timedelta = QUOTE_AGE_MAX
    partial_fill_probability: Decimal = Decimal(0)  # that a fill of more than one structure is only a part
    fill_model: FillModel = FillModel.AT
    queue_seconds_max: int = 600  # the longest that the queue model lets an order stand at its price
    latency: timedelta = timedelta(0)  # until an order, or a moved limit, reaches the market
    interest_rate: Decimal = Decimal(0)  # a year, on cash of either sign; 0 = none
    early_assignment: bool = False  # of calls sold before a dividend that exceeds what time is left in them
    assignment_probability: Decimal = Decimal(0)  # a night, of a sold contract with no time value left
    script: tuple[Instruction, ...] = ()

    def __post_init__(self) -> None:
        if not self.account_id:
            raise ConfigError("paper broker: the account needs an id")
        for name in ("fill_at", "partial_fill_probability", "assignment_probability"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"paper broker: {name} is {getattr(self, name)}, not within 0 to 1")
        if self.fee_per_contract < Money(0) or self.starting_cash < Money(0):
            raise ConfigError("paper broker: fees and starting cash are not negative")
        if self.starting_cash != self.starting_cash.to_cents():
            raise ConfigError("paper broker: the starting cash has parts of a cent")
        if self.queue_seconds_max < 0 or self.latency < timedelta(0):
            raise ConfigError("paper broker: queue and latency take no negative time")
        if not -1 < self.interest_rate < 1:
            raise ConfigError(f"paper broker: an interest rate of {self.interest_rate} a year, not within -1 to 1")
        if self.quote_age_max <= timedelta(0):
            raise ConfigError("paper broker: quote_age_max must be positive")
