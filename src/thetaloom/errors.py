"""Every error of Thetaloom, classed by what the program must do about it.

ThetaloomError
├── ConfigError            stop: a setting is missing, wrong or contradictory
├── InvariantError         stop: our own books contradict themselves
│   ├── IllegalTransitionError
│   ├── OverfillError
│   ├── StaleVersionError  (someone else moved the row first; read again)
│   └── StoreDamaged
├── DomainError            stop this run or refuse this input
│   ├── InvalidInput
│   └── NotFound
├── NotAllowed             tell the person: a rule refused
├── Unavailable            try again later
│   ├── BrokerUnavailable
│   ├── MarketDataUnavailable
│   ├── AnswerPending      (asked, and not answered yet; no attempt is counted)
│   │   ├── MarketDataPending  (also a MarketDataUnavailable)
│   │   └── BrokerPending      (also a BrokerUnavailable)
│   └── StoreUnavailable
└── OutcomeUnknown         ask the broker what happened; never resend
"""

from collections.abc import Mapping


class ThetaloomError(Exception):
    """Something went wrong that Thetaloom knows how to name."""

    code = "error"

    def __init__(self, message: str, *, advice: str = "", details: Mapping[str, object] | None = None) -> None:
        # Half a surrogate pair, which JSON may hold, can be neither printed nor stored.
        message = message.encode("utf-8", "backslashreplace").decode("utf-8")
        super().__init__(message)
        self.message = message
        self.advice = advice
        self.details = dict(details or {})


class ConfigError(ThetaloomError):
    """A setting is missing, malformed or contradicts another."""

    code = "config"


class InvariantError(ThetaloomError):
    """Our own books contradict themselves; continuing could cost money."""

    code = "invariant"


class IllegalTransitionError(InvariantError):
    """A move that the table of transitions does not allow."""

    code = "illegal_transition"

    def __init__(self, what: str, before: str, after: str) -> None:
        super().__init__(f"{what}: {before} may not become {after}", details={"from": before, "to": after})


class OverfillError(InvariantError):
    """A fill of more contracts than the order has left."""

    code = "overfill"

    def __init__(self, client_order_id: str, quantity: int, remaining: int) -> None:
        super().__init__(
            f"order {client_order_id}: a fill of {quantity} exceeds the {remaining} remaining",
            details={"quantity": quantity, "remaining": remaining},
        )


class StaleVersionError(InvariantError):
    """Another writer moved the row first; read it again and decide anew."""

    code = "stale_version"


class StoreDamaged(InvariantError):
    """The database file cannot be read or does not fit together; only a backup helps."""

    code = "store_damaged"


class DomainError(ThetaloomError):
    """This input or this run cannot go on."""

    code = "domain"


class InvalidInput(DomainError):
    """Input that is malformed; ``details`` names each field."""

    code = "invalid_input"


class NotFound(DomainError):
    """Nothing by that name or id."""

    code = "not_found"


class NotAllowed(ThetaloomError):
    """A rule refused; ``code`` is the reason code."""

    code = "not_allowed"

    def __init__(
        self, code: str, message: str, *, advice: str = "", details: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(message, advice=advice, details=details)
        self.code = code


class RoleTooLow(NotAllowed):
    """The person may not do this, whatever else is right; ``code`` says whether role or scope is too low."""


class Unavailable(ThetaloomError):
    """An outside system does not answer; a read may be tried again."""

    code = "unavailable"


class BrokerUnavailable(Unavailable):
    """The broker does not answer and nothing was sent."""

    code = "broker_unavailable"


class MarketDataUnavailable(Unavailable):
    """No market data for this request from this source."""

    code = "market_data_unavailable"


class AnswerPending(Unavailable):
    """Somebody outside was asked and has not answered yet; look again soon."""

    code = "answer_pending"


class MarketDataPending(MarketDataUnavailable, AnswerPending):
    """A source was asked and has not answered yet; what can do without it goes on, the rest looks again soon."""

    code = "answer_pending"


class BrokerPending(BrokerUnavailable, AnswerPending):
    """The broker's books were asked and have not answered yet; nothing was sent."""

    code = "answer_pending"


class StoreUnavailable(Unavailable):
    """The database does not take this now: busy, full, read-only or not reachable. Nothing was written."""

    code = "store_unavailable"


class OutcomeUnknown(ThetaloomError):
    """Something was sent and no answer came; only the broker's books can tell."""

    code = "outcome_unknown"
