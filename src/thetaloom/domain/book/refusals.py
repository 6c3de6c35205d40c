"""Why a broker refused a request, and what follows from it: adapters translate into these words, once."""

from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

from thetaloom.domain.values.money import Price
from thetaloom.domain.values.reasons import Reason

NICKEL, DIME = Decimal("0.05"), Decimal("0.10")


class NextAction(StrEnum):
    """What the engine does after a refusal; none of these is sending the same order again."""

    TELL = "tell"  # the run ends, and the user is told what is missing
    REGENERATE = "regenerate"  # the proposal no longer fits the market: select and evaluate anew
    QUEUE = "queue"  # wait for the open, then check everything again
    REPRICE = "reprice"  # the next valid price, once
    RECONCILE = "reconcile"  # look at what the broker holds before anything else
    LOOK = "look"  # only the broker's books can tell


class Refusal(StrEnum):
    """A broker's no in our words. ``text`` is the advice, ``action`` what the engine does, ``reason`` the run's."""

    text: str
    action: NextAction
    reason: Reason

    def __new__(cls, code: str, action: NextAction, reason: Reason, text: str) -> "Refusal":
        member = str.__new__(cls, code)
        member._value_ = code
        member.action = action
        member.reason = reason
        member.text = text
        return member

    INSUFFICIENT_BUYING_POWER = (
        "insufficient_buying_power",
        NextAction.TELL,
        Reason.INSUFFICIENT_BUYING_POWER,
        "The account lacks the buying power. Deposit money, close something, or trade smaller; then start again.",
    )
    STRIKE_GONE = (
        "strike_gone",
        NextAction.REGENERATE,
        Reason.STRIKE_GONE,
        "A contract of the order is not listed any more. The run selects and evaluates anew.",
    )
    MARKET_CLOSED = (
        "market_closed",
        NextAction.QUEUE,
        Reason.MARKET_CLOSED,
        "The exchange is closed. The order waits for the open, and everything is checked again then.",
    )
    BAD_PRICE = (
        "bad_price",
        NextAction.REPRICE,
        Reason.BAD_PRICE,
        "The limit is off the contract's tick or beyond what the broker allows. The next valid price is tried once.",
    )
    NOT_PERMITTED = (
        "not_permitted",
        NextAction.TELL,
        Reason.NOT_PERMITTED,
        "The account may not trade this. Ask the broker for the permission, or use another account or structure.",
    )
    TOO_MANY_LEGS = (
        "too_many_legs",
        NextAction.TELL,
        Reason.TOO_MANY_LEGS,
        "The broker takes fewer legs in one order. Use a structure with fewer legs.",
    )
    QUANTITY_CONFLICT = (
        "quantity_conflict",
        NextAction.RECONCILE,
        Reason.QUANTITY_CONFLICT,
        "The broker holds less than the order would trade, or another order has it. `thetaloom reconcile` compares.",
    )
    DUPLICATE = (
        "duplicate",
        NextAction.LOOK,
        Reason.ORDER_REJECTED,
        "The broker knows this client order id already; its books say what became of the first.",
    )
    BROKER_ERROR = (
        "broker_error",
        NextAction.TELL,
        Reason.BROKER_ERROR,
        "The broker failed while it took the order. Nothing is sent again by itself; look at the broker, then start.",
    )
    UNKNOWN = (
        "unknown",
        NextAction.TELL,
        Reason.ORDER_REJECTED,
        "The broker gave a reason that has no entry here; its message is kept with the order.",
    )


def next_valid_price(limit: Price) -> Price:
    """Return the next price on a coarser tick, rounded our way: a larger credit or a smaller debit."""
    tick = DIME if limit % NICKEL == 0 else NICKEL
    return Price((limit / tick).to_integral_value(rounding=ROUND_CEILING) * tick)
