"""What Alpaca's noes mean in our words: by the text, since one code stands for many things, and then by the code."""

import re
from collections.abc import Sequence

from thetaloom.domain.book.refusals import Refusal

# The first row whose words stand in the message counts. 40310000 alone covers the first eight meanings.
BY_TEXT: Sequence[tuple[str, Refusal]] = (
    (r"client[_ ]order[_ ]id must be unique|duplicate client", Refusal.DUPLICATE),
    (r"insufficient (qty|quantity)|held for orders|position does not exist", Refusal.QUANTITY_CONFLICT),
    (r"potential wash trade|opposite side (market|limit)? ?order exists", Refusal.QUANTITY_CONFLICT),
    (r"position intent mismatch|cannot (open|close)", Refusal.QUANTITY_CONFLICT),
    (r"insufficient (\w+ )*(buying power|balance|collateral|funds)", Refusal.INSUFFICIENT_BUYING_POWER),
    (r"cost basis must be|margin requirement", Refusal.INSUFFICIENT_BUYING_POWER),
    (r"insufficient underlying|uncovered|covered call|cash.secured", Refusal.NOT_PERMITTED),
    (r"not (eligible|allowed|authorized|permitted|enabled)|level|restricted|blocked|suspended", Refusal.NOT_PERMITTED),
    (
        r"market (is )?(not open|closed)|outside (of )?(regular )?(market|trading) hours|after hours",
        Refusal.MARKET_CLOSED,
    ),
    (r"market hours|trading hours", Refusal.MARKET_CLOSED),
    (r"expir(es|ing|ed) (soon|today|contract)|contract (has )?expired", Refusal.STRIKE_GONE),
    (r"(asset|symbol|contract|leg).*(not (found|active|tradable)|inactive|invalid)", Refusal.STRIKE_GONE),
    (r"(could not find|invalid|unknown) (asset|symbol|contract|leg)", Refusal.STRIKE_GONE),
    (
        r"legs? (must|cannot|exceed)|too many legs|at most \d+ legs|number of legs|legs.*(<=|maximum)",
        Refusal.TOO_MANY_LEGS,
    ),
    (r"limit[_ ]price|sub-penny|increment|tick|price (must|band|too)|decimal", Refusal.BAD_PRICE),
    (r"internal (server )?error|unexpected|try again", Refusal.BROKER_ERROR),
)
BY_CODE: dict[int, Refusal] = {
    40010000: Refusal.UNKNOWN,  # the request is malformed
    40010001: Refusal.UNKNOWN,  # a parameter is
    40110000: Refusal.NOT_PERMITTED,  # the keys are not taken
    40310000: Refusal.NOT_PERMITTED,  # forbidden, for a reason that no row above knows
    40310100: Refusal.NOT_PERMITTED,  # day trades
    40410000: Refusal.STRIKE_GONE,  # what the order names is not there
    42210000: Refusal.UNKNOWN,  # cannot be processed
    50010000: Refusal.BROKER_ERROR,
}
BY_STATUS: dict[int, Refusal] = {
    400: Refusal.UNKNOWN,
    401: Refusal.NOT_PERMITTED,
    403: Refusal.NOT_PERMITTED,
    404: Refusal.STRIKE_GONE,
    422: Refusal.UNKNOWN,
}
_ROWS = tuple((re.compile(words, re.IGNORECASE), refusal) for words, refusal in BY_TEXT)


def refusal_of(message: str, code: int | None = None, status: int | None = None) -> Refusal:
    """Return our word for a no of Alpaca; what no row knows is ``UNKNOWN``, and its message is kept."""
    for words, refusal in _ROWS:
        if words.search(message):
            return refusal
    if code in BY_CODE:
        return BY_CODE[code]
    return BY_STATUS.get(status or 0, Refusal.UNKNOWN)
