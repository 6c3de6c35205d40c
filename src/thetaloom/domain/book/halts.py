"""A halt of new risk: which scope, why, by whom; and the token that proves that somebody has read it."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from thetaloom.domain.book.reports import BrokerOrder
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.errors import InvalidInput

ALL = "all"
GUARD = "guard"  # who halts by rule; its halts are lifted only by somebody who has read the reason
UNKNOWN = "unknown"
SCOPE_LENGTH_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingHalt:
    """A halt in force."""

    scope: str  # all, account:<id> or strategy:<id>
    reason: str
    by: str = UNKNOWN  # a user, or ``GUARD``
    at: str = ""  # ISO instant, in the words of who halted

    @property
    def token(self) -> str:
        """What names exactly this halt; another reason is another halt."""
        return sha256(f"{self.scope}\n{self.reason}".encode()).hexdigest()[:8]

    @property
    def needs_token(self) -> bool:
        """Whether only somebody who has read the reason may lift it."""
        return self.by == GUARD


def check_scope(scope: str) -> None:
    """Refuse what is no scope."""
    kind, _, name = scope.partition(":")
    if len(scope) > SCOPE_LENGTH_MAX or (scope != ALL and not (kind in {"account", "strategy"} and name)):
        raise InvalidInput(f"{scope[:SCOPE_LENGTH_MAX]!r} is no scope; good ones: all, account:<id>, strategy:<id>")


def scopes_over(account_id: str, strategy_id: str) -> tuple[str, ...]:
    """Return the scopes whose halt covers an entry, the widest first."""
    return ALL, f"account:{account_id}", f"strategy:{strategy_id}"


def only_closes(order: BrokerOrder, held: Mapping[OptionContract, int]) -> bool:
    """Tell from a broker's own books whether what is left of an order only takes away from what is held."""
    left = order.quantity - order.filled
    return all(
        held.get(leg.contract, 0) * leg.ratio < 0 and abs(leg.ratio) * left <= abs(held.get(leg.contract, 0))
        for leg in order.legs
    )
