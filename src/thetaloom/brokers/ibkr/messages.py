"""What the numbered messages of TWS mean: for an order, for the lines, or only for the log.

The codes are those of IBKR's page "Message Codes"; ``ib_async`` takes some errors for the end of an order that lives
on (ib_async#191), so its own verdict is not used. A code that is not here never ends an order: only the books can.
"""

import re
from enum import StrEnum

from thetaloom.domain.book.refusals import Refusal


class Meaning(StrEnum):
    """What a message with the id of an order says of it."""

    REJECTED = "rejected"  # a new order was not taken; of a working one the change was not
    CANCELED = "canceled"
    CANCEL_REFUSED = "cancel_refused"
    WARNED = "warned"  # it lives on
    BUSY = "busy"  # nothing was taken; later it would be
    UNCLEAR = "unclear"  # only the books can tell


CANCELED = 202
NOT_TAKEN = frozenset({100, 504})  # too fast, or not connected
BUSY = NOT_TAKEN | {1100, 1300, 2110}  # or TWS has no line to IBKR: nothing was taken
INVALID = 321  # of no request's number: a list that TWS will not give, as where its API is read-only
CANCEL_REFUSED = frozenset({136, 161, 10147, 10148, 10149})
# What TWS only remarks. 399 tells, for one, that an order waits for the open; 2161 that its price is capped.
WARNINGS = frozenset({165, 399, 404, 10167, 10349, *range(2100, 2200)}) - BUSY
CLIENT_ID_TAKEN = 326
# Of a line of market data on which nothing more comes. 10090 and 10091 speak of a part: the rest of it comes on.
QUOTES_ENDED = frozenset({101, 200, 354, 10089, 10168, 10186, 10197, 10225})

# Of an order that is sent again: one of its id is there already, or was.
STANDS_THERE = frozenset({103, 104, 105})

REJECTIONS: dict[int, Refusal] = {
    103: Refusal.DUPLICATE,  # the order id was used before: what stands there, only the books know
    104: Refusal.QUANTITY_CONFLICT,  # it has filled already
    105: Refusal.UNKNOWN,  # the change does not fit the order
    106: Refusal.BROKER_ERROR,
    107: Refusal.BROKER_ERROR,
    109: Refusal.BAD_PRICE,  # beyond the precautionary settings
    110: Refusal.BAD_PRICE,  # off the tick
    111: Refusal.NOT_PERMITTED,
    113: Refusal.NOT_PERMITTED,
    116: Refusal.MARKET_CLOSED,  # dead exchange
    134: Refusal.UNKNOWN,
    135: Refusal.QUANTITY_CONFLICT,  # no order by that id
    140: Refusal.UNKNOWN,
    141: Refusal.UNKNOWN,
    144: Refusal.UNKNOWN,
    146: Refusal.UNKNOWN,
    147: Refusal.UNKNOWN,
    163: Refusal.BAD_PRICE,
    164: Refusal.BAD_PRICE,
    200: Refusal.STRIKE_GONE,
    201: Refusal.UNKNOWN,  # its text tells
    203: Refusal.NOT_PERMITTED,
    312: Refusal.NOT_PERMITTED,
    313: Refusal.NOT_PERMITTED,
    314: Refusal.NOT_PERMITTED,
    315: Refusal.NOT_PERMITTED,
    321: Refusal.UNKNOWN,  # its text tells
    328: Refusal.NOT_PERMITTED,
    329: Refusal.UNKNOWN,
    336: Refusal.UNKNOWN,
    355: Refusal.NOT_PERMITTED,
    382: Refusal.NOT_PERMITTED,
    383: Refusal.NOT_PERMITTED,
    387: Refusal.NOT_PERMITTED,
    388: Refusal.NOT_PERMITTED,
    391: Refusal.NOT_PERMITTED,
    412: Refusal.NOT_PERMITTED,
    426: Refusal.QUANTITY_CONFLICT,
    434: Refusal.UNKNOWN,
    435: Refusal.NOT_PERMITTED,
    436: Refusal.NOT_PERMITTED,
    460: Refusal.NOT_PERMITTED,
    10015: Refusal.NOT_PERMITTED,
    10043: Refusal.UNKNOWN,
    10052: Refusal.NOT_PERMITTED,
    10268: Refusal.BROKER_ERROR,
    10311: Refusal.NOT_PERMITTED,
    10318: Refusal.NOT_PERMITTED,
}

# The reasons that 201, 202 and 321 spell out; the first that matches counts.
TEXTS: tuple[tuple[str, Refusal], ...] = (
    (
        r"margin|buying power|available funds|equity with loan|insufficient (funds|cash)",
        Refusal.INSUFFICIENT_BUYING_POWER,
    ),
    (r"minimum price variation|price (is|was|does|exceed|violat)|limit price|aggressive|riskless", Refusal.BAD_PRICE),
    (r"(exchange|market|venue) is (closed|not open)|trading hours|not accepting orders", Refusal.MARKET_CLOSED),
    (r"both sides of the same|position|oversell|working on either", Refusal.QUANTITY_CONFLICT),
    (r"(many|number of|maximum|at most \d+).* legs", Refusal.TOO_MANY_LEGS),
    (r"duplicate order", Refusal.DUPLICATE),
    (r"no security definition|has expired|is expired|not listed|delisted", Refusal.STRIKE_GONE),
    (
        r"permission|permitted|not allowed|read-only|restricted|eligible|closing[ -]only|not available for",
        Refusal.NOT_PERMITTED,
    ),
)


def meaning_of(code: int) -> Meaning:
    """Say what a message means for the order whose id it bears."""
    if code == CANCELED:
        return Meaning.CANCELED
    if code in CANCEL_REFUSED:
        return Meaning.CANCEL_REFUSED
    if code in WARNINGS:
        return Meaning.WARNED
    if code in BUSY:
        return Meaning.BUSY
    return Meaning.REJECTED if code in REJECTIONS else Meaning.UNCLEAR


def refusal_of(code: int, text: str) -> Refusal:
    """Translate a rejection; the text decides where the code leaves it open."""
    known = REJECTIONS.get(code, Refusal.UNKNOWN)
    if known is not Refusal.UNKNOWN:
        return known
    lower = text.lower()
    return next((refusal for pattern, refusal in TEXTS if re.search(pattern, lower)), Refusal.UNKNOWN)


class Farm(StrEnum):
    """The lines behind TWS, each of which can fail while the socket stands."""

    SERVER = "server"  # TWS to IBKR: nothing goes through without it
    MARKET = "market data farm"
    HISTORY = "history farm"
    DEFINITIONS = "definitions farm"


# Message -> the line and whether it is up now. 2107 and 2108 are farms that rest until somebody asks: nothing is wrong.
FARM_MESSAGES: dict[int, tuple[Farm, bool]] = {
    1100: (Farm.SERVER, False),
    1101: (Farm.SERVER, True),
    1102: (Farm.SERVER, True),
    1300: (Farm.SERVER, False),
    2110: (Farm.SERVER, False),
    2103: (Farm.MARKET, False),
    2104: (Farm.MARKET, True),
    2105: (Farm.HISTORY, False),
    2106: (Farm.HISTORY, True),
    2107: (Farm.HISTORY, True),
    2108: (Farm.MARKET, True),
    2119: (Farm.MARKET, False),
    2157: (Farm.DEFINITIONS, False),
    2158: (Farm.DEFINITIONS, True),
}
RESTORED = frozenset({1101, 1102})  # the books are read again
SUBSCRIPTIONS_LOST = 1101  # the market data has to be asked for anew
