"""Every message of the live wire, in a table that the code, the reference page and the tests share."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from thetaloom.errors import InvariantError
from thetaloom.marketdata.instants import to_microseconds

SYMBOLS_MAX = 500  # that one page may follow
FRAME_BYTES_MAX = 64 * 1024  # of a message that a page sends
TICK_SECONDS = 0.1  # between two looks at the quotes: 10 Hz
HEARTBEAT_SECONDS = 15.0


class Direction(StrEnum):
    """Who sends a message."""

    IN = "in"
    OUT = "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageKind:
    """One kind of message: its fields in their order, and what it says."""

    name: str
    direction: Direction
    fields: Mapping[str, str]  # what each holds; "?" after the name: may be left out
    meaning: str
    is_fact: bool = False  # is replayed to a page that comes back


def _in(name: str, meaning: str, **fields: str) -> MessageKind:
    return MessageKind(name=name, direction=Direction.IN, fields=_named(fields), meaning=meaning)


def _out(name: str, meaning: str, *, is_fact: bool = False, **fields: str) -> MessageKind:
    return MessageKind(name=name, direction=Direction.OUT, fields=_named(fields), meaning=meaning, is_fact=is_fact)


def _named(fields: dict[str, str]) -> dict[str, str]:
    # What may be left out cannot be spelt with a "?" as a name of Python.
    return {name.replace("_maybe", "?"): text for name, text in fields.items()}


AT = "milliseconds since 1970, by the market's clock"
WHOSE_RUN = "id of the run"

KINDS: tuple[MessageKind, ...] = (
    _in(
        "subscribe_quotes",
        "Follow these symbols and no others; answered by `subscribed`, then by one quote of each.",
        symbols=f"underlyings (`SPY`) and contracts (OCC symbols), at most {SYMBOLS_MAX}",
        batch_maybe="true: one `quote_batch` a tick instead of one `quote_update` a symbol",
    ),
    _in(
        "generate_suggestion",
        "Have a strategy propose a trade now; answered by `suggestion_update`.",
        symbol="the underlying",
        strategy="id of the strategy",
    ),
    _in(
        "execute_order",
        "Approve what was suggested and send its order; answered by `order.status`.",
        suggestion_id="id of the suggestion",
        custom_credit_maybe='net price per share to ask for, as `"1.20"`',
    ),
    _in("ping", "Ask for a sign of life; answered by `pong`."),
    _in(
        "resume",
        "Have the facts after this number told again, as `?since=` on connecting does.",
        seq="the `seq` of the last message that came",
    ),
    _out(
        "subscribed",
        "What is followed from now on.",
        symbols="those known, in the spelling that quotes carry",
        unknown="those that the market does not know, as they were spelt",
    ),
    _out(
        "quote_update",
        "The newest quote of a symbol; at most ten a second, what lies between them is left out.",
        symbol="as in `subscribed`",
        bid="what is bid; null: unknown, as for an underlying whose source tells its price alone",
        ask="what is asked",
        last="price of an underlying; null for a contract",
        timestamp=f"when it was quoted, {AT}",
    ),
    _out(
        "quote_batch",
        "All quotes of one tick that changed, for a page that asked for `batch`.",
        quotes="objects with the fields of `quote_update`",
    ),
    _out(
        "suggestion_update",
        "A suggestion, new or changed.",
        suggestion="the object that `POST /api/suggestions/{strategy}/generate` answers",
    ),
    _out(
        "order.status",
        "What became of an order.",
        is_fact=True,
        trade_id="the client order id",
        run_id=WHOSE_RUN,
        symbol="the underlying",
        status="see the table of order statuses",
        fill_price="net price of this fill; null for anything but a fill",
        timestamp=AT,
    ),
    _out(
        "balance_update",
        "The account's balances, whenever they moved; at most once a second.",
        balance="net liquidating value",
        buying_power="what may yet be used",
        timestamp=AT,
    ),
    _out(
        "position_update",
        "An open position at the market's prices, whenever its numbers moved; at most once a second.",
        position_id="id of the position",
        run_id=WHOSE_RUN,
        symbol="the underlying",
        quantity="structures held",
        close_price="what closing one structure would bring, at mid; a debit is negative",
        unrealized_pnl="profit and loss at mid",
        delta="of all that is held, in shares",
        gamma="likewise, a dollar of the underlying",
        theta="of all that is held, dollars a calendar day",
        vega="of all that is held, dollars a point of volatility",
        dte="days to the nearest expiration",
        decision="what the exit rules say: hold, close or unknown",
        reason="of the rule that is met; empty: none is",
        protection="who protects it",
        timestamp=AT,
    ),
    _out(
        "run_update",
        "Something happened to a run.",
        is_fact=True,
        run_id=WHOSE_RUN,
        event="the event, such as `ProposalCreated`",
        symbol="its underlying",
        strategy_id="id of its strategy",
        status="its status now",
        outcome="how it ended; null while it goes on",
        position_id="of the position that the event names, or null",
        timestamp=AT,
    ),
    _out(
        "alert",
        "An alert was raised, changed or is over.",
        is_fact=True,
        alert="its facts by name",
        event="`AlertRaised` or `AlertEnded`",
        timestamp=AT,
    ),
    _out(
        "notice",
        "What a person should hear of, in the words that notifications use.",
        is_fact=True,
        topic="as in notifications: approval, fill, exit, denied, alert, ...",
        title="one line",
        body="its facts",
        link="page to look at",
        urgent="whether it cannot wait",
        timestamp=AT,
    ),
    _out(
        "heartbeat",
        f"A sign of life on connecting and every {HEARTBEAT_SECONDS:.0f} s.",
        timestamp="milliseconds since 1970, by the wall's clock",
        market_time=AT,
        is_open="whether the exchange is open; null: unknown",
    ),
    _out("pong", "The answer to `ping`.", timestamp="milliseconds since 1970, by the wall's clock"),
    _out(
        "resync",
        "More was missed than is told again: reload the page. A page that reads too slowly is closed with 1013 then.",
        reason="too_far, too_slow or unknown_seq",
    ),
    _out(
        "error",
        "A message was refused; the connection stays. After 20 of them it is closed with 1008.",
        code="a reason code or the name of the error",
        message="what is wrong, in one sentence",
        advice="what to do about it; may be empty",
    ),
)
BY_NAME: Mapping[tuple[Direction, str], MessageKind] = {(one.direction, one.name): one for one in KINDS}


def frame(kind: str, seq: int, **fields: object) -> str:
    """Return a message as text; its fields are those of the table, in their order."""
    known = BY_NAME[Direction.OUT, kind].fields
    if fields.keys() != known.keys():
        raise InvariantError(f"{kind} has the fields {', '.join(known)}; given were {', '.join(fields)}")
    return json.dumps({"type": kind, "seq": seq, **fields}, separators=(",", ":"), default=_plain)


def milliseconds(at: datetime) -> int:
    """Return an instant as messages carry it."""
    return to_microseconds(at) // 1000


def _plain(entry: object) -> object:
    if isinstance(entry, Decimal):
        return f"{entry:f}"
    raise InvariantError(f"a message cannot carry a {type(entry).__name__}")
