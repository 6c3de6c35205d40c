"""Open positions and balances at the market's prices, as the live wire tells them when their numbers moved."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.protection import ProtectionShown
from thetaloom.engine.portfolio_greeks import Greeks
from thetaloom.store.queries.paging import Window
from thetaloom.store.queries.positions import list_positions
from thetaloom.web.api.records import exact_text
from thetaloom.web.front import Front
from thetaloom.web.marked import MarkedReview, account_of, greeks_of, protections, reviews_of
from thetaloom.web.wire.messages import frame, milliseconds

MARK_SECONDS = 1.0  # between two looks at the positions
POSITIONS_MAX = 200  # marked live; a page of more shows the rest as it was loaded
Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What is known of a person's positions and account at one instant."""

    at: datetime
    known: Mapping[tuple[str, str], Fields]  # by kind of message and id

    def messages(self, seq: int, but: "Marked | None" = None) -> Iterator[str]:
        """Return the messages of what differs from ``but``."""
        before = {} if but is None else but.known
        for key, fields in self.known.items():
            if before.get(key) != fields:
                yield frame(key[0], seq, **fields, timestamp=milliseconds(self.at))


def marked(front: Front) -> Marked:
    """Return the marks of the person's open positions, and the account's balances where the account is theirs."""
    at = front.now
    known: dict[tuple[str, str], Fields] = {}
    held = list_positions(front.database, front.user, is_open=True, window=Window(limit=POSITIONS_MAX)).rows
    reviews, guards = reviews_of(front, held), protections(front, held)
    for position in held:
        review = reviews.get(position.id)
        greeks = greeks_of(front, position, at)
        known["position_update", position.id] = _position(position, review, greeks, guards.get(position.id))
    snapshot = account_of(front)
    if snapshot is not None:
        known["balance_update", ""] = {
            "balance": _exact(snapshot.net_liquidating_value),
            "buying_power": _exact(snapshot.buying_power),
        }
    return Marked(at=at, known=known)


def _position(position: Position, review: MarkedReview | None, greeks: Greeks, guard: ProtectionShown | None) -> Fields:
    decision = None if review is None else review.decision
    return {
        "position_id": position.id,
        "run_id": position.run_id,
        "symbol": position.symbol,
        "quantity": position.quantity,
        "close_price": None if review is None else _exact(review.marks.close_price),
        "unrealized_pnl": None if review is None else _exact(review.unrealized_pnl),
        "delta": _exact(greeks.delta),
        "gamma": _exact(greeks.gamma),
        "theta": _exact(greeks.theta),
        "vega": _exact(greeks.vega),
        "dte": None if review is None else review.marks.dte,
        "decision": None if decision is None else decision.answer.value,
        "reason": "" if decision is None or decision.reason is None else decision.reason.value,
        "protection": None if guard is None else guard.state.value,
    }


def _exact(number: Decimal | None) -> str | None:
    return None if number is None else exact_text(number)
