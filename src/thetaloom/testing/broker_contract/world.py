"""What stands around a broker under test: the world outside, the wire to it, and the door through which one signs in.

A rig offers what it can; a scenario says what it needs.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Protocol, runtime_checkable

from thetaloom.domain.book.orders import Effect
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import BrokerOrderId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.ports.broker_plugin import BrokerPlugin, BrokerSetup, ConnectedBroker


class Call(StrEnum):
    """Which requests a trouble is planned for."""

    SUBMIT = "submit"
    REPLACE = "replace"
    CANCEL = "cancel"
    READ = "read"
    STREAM = "stream"


class Break(StrEnum):
    """How a request goes wrong on its way there or back; the names are those of ``ServerTrouble``."""

    SILENT_AFTER_TAKING = "silent_after_taking"  # it is in the broker's books, and no answer comes
    ERROR_AFTER_TAKING = "error_after_taking"  # it is in the broker's books, and the answer is a 5xx
    CUT_AFTER_TAKING = "cut_after_taking"  # it is in the broker's books, and the line breaks
    CUT_BEFORE_TAKING = "cut_before_taking"  # the line breaks, and nothing is in the broker's books
    REFUSED = "refused"
    BUSY = "busy"  # 429: too many requests; nothing taken
    DOWN = "down"  # 503: nothing taken
    MAINTENANCE = "maintenance"  # nothing taken, and it says so
    TOKEN_EXPIRED = "token_expired"  # 401 once; nothing taken
    LATE = "late"  # answered, and in books and stream only after ``arrive``
    TWICE = "twice"  # reported twice
    NOT_TOLD = "not_told"  # the stream never says; the books know


class Outside(Protocol):
    """What happens to an account without an order of ours."""

    def assign(self, contract: OptionContract, quantity: int | None = None) -> None:
        """Let sold contracts be exercised against the account."""
        ...

    def exercise(self, contract: OptionContract, quantity: int | None = None) -> None:
        """Exercise bought contracts."""
        ...

    def liquidate(self, contract: OptionContract, quantity: int | None = None, price: Price | None = None) -> None:
        """Let the broker close contracts by itself."""
        ...

    def trade_elsewhere(self, legs: Sequence[Leg], quantity: int = 1, price: Price | None = None) -> None:
        """Trade as another program."""
        ...

    def trade_shares_elsewhere(self, symbol: str, quantity: int, price: Price) -> None:
        """Trade shares as another program."""
        ...

    def place_elsewhere(
        self, legs: Sequence[Leg], quantity: int, limit_price: Price, effect: Effect = Effect.OPEN
    ) -> BrokerOrderId:
        """Place an order as another program."""
        ...

    def cancel_elsewhere(self, broker_order_id: BrokerOrderId) -> None:
        """Cancel an order as another program."""
        ...


@runtime_checkable
class Busts(Protocol):
    """An exchange that takes trades back or corrects them after they were reported."""

    def bust(self, contract: OptionContract) -> None:
        """Let the exchange take back the newest trade of a contract."""
        ...

    def correct(self, contract: OptionContract, quantity: int, price: Price) -> None:
        """Let the newest trade of a contract have been of so many contracts at another price."""
        ...


class Wire(Protocol):
    """What can break between us and the broker."""

    def why_not(self, call: Call, trouble: Break) -> str:
        """Say why no such request can go wrong so; nothing where it can."""
        ...

    def plan(self, call: Call, *troubles: Break) -> None:
        """Let the next such requests go wrong, one each."""
        ...

    def arrive(self) -> None:
        """Let what is late arrive."""
        ...

    def taken(self, client_order_id: ClientOrderId) -> int:
        """Return how many orders the broker made of one client order id."""
        ...

    def go_down(self, on: bool) -> None:
        """Answer no request at all until it is up again."""
        ...

    def faults(self) -> Sequence[str]:
        """Return what the adapter sent that the real broker would not understand."""
        ...


class Streams(Protocol):
    """The lines on which the broker speaks by itself, and what they are opened with."""

    def drop(self) -> None:
        """Cut every open stream."""
        ...

    def mute(self, on: bool) -> None:
        """Keep every stream open and say nothing on it, heartbeats included."""
        ...

    def expire_tokens(self) -> None:
        """Make every token that was given out worthless."""
        ...

    def skew(self, seconds: float) -> None:
        """Let the broker's clock be ahead of ours, or behind it where negative."""
        ...


class SignIn(Protocol):
    """Where one signs in: the plugin under test and a setup that works, to be changed for the worse."""

    @property
    def plugin(self) -> BrokerPlugin:
        """The plugin under test."""
        ...

    def setup(
        self,
        *,
        is_live: bool | None = None,
        account: str | None = None,
        secrets: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> BrokerSetup:
        """Return a setup with books of its own that works but for what is given."""
        ...

    def open(self, setup: BrokerSetup) -> ConnectedBroker:
        """Sign in; the rig closes what was opened when its scenario is over."""
        ...
