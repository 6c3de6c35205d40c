"""tastytrade's words for a no, and ours."""

from collections.abc import Iterable

from thetaloom.domain.book.orders import Effect
from thetaloom.domain.book.refusals import Refusal

UMBRELLA = frozenset({"preflight_check_failure", "validation_error", "invalid_request"})  # the reason stands beside it
# By code of a preflight check or of an error. Sources: developer.tastytrade.com, tastyware/tastytrade issues and
# Lean.Brokerages.Tastytrade; a code that is not here is judged by its words.
CODES: dict[str, Refusal] = {
    "margin_check_failed": Refusal.INSUFFICIENT_BUYING_POWER,
    "insufficient_buying_power": Refusal.INSUFFICIENT_BUYING_POWER,
    "cash_account_insufficient_funds": Refusal.INSUFFICIENT_BUYING_POWER,
    "invalid_symbol": Refusal.STRIKE_GONE,
    "symbol_not_found": Refusal.STRIKE_GONE,
    "instrument_not_found": Refusal.STRIKE_GONE,
    "instrument_validation_error": Refusal.STRIKE_GONE,
    "instrument_expired": Refusal.STRIKE_GONE,
    "market_closed": Refusal.MARKET_CLOSED,
    "tif_next_valid_session": Refusal.MARKET_CLOSED,
    "tif_next_valid_sesssion": Refusal.MARKET_CLOSED,  # as it is spelled on the wire
    "session_not_open": Refusal.MARKET_CLOSED,
    "invalid_price_increment": Refusal.BAD_PRICE,
    "price_increment_invalid": Refusal.BAD_PRICE,
    "cant_buy_for_credit": Refusal.BAD_PRICE,
    "cant_sell_for_debit": Refusal.BAD_PRICE,
    "price_exceeds_spread_width": Refusal.BAD_PRICE,
    "limit_price_too_far": Refusal.BAD_PRICE,
    "not_permitted": Refusal.NOT_PERMITTED,
    "not_authorized": Refusal.NOT_PERMITTED,
    "permission_denied": Refusal.NOT_PERMITTED,
    "options_level_insufficient": Refusal.NOT_PERMITTED,
    "uncovered_options_not_approved": Refusal.NOT_PERMITTED,
    "account_is_closing_only": Refusal.NOT_PERMITTED,
    "account_is_frozen": Refusal.NOT_PERMITTED,
    "expiring_option_restricted": Refusal.NOT_PERMITTED,
    "too_close_to_expiration": Refusal.NOT_PERMITTED,
    "too_many_legs": Refusal.TOO_MANY_LEGS,
    "leg_count_exceeded": Refusal.TOO_MANY_LEGS,
    "closing_with_no_position": Refusal.QUANTITY_CONFLICT,
    "cannot_close_more_than_held": Refusal.QUANTITY_CONFLICT,
    "closing_more_than_held": Refusal.QUANTITY_CONFLICT,
    "insufficient_quantity": Refusal.QUANTITY_CONFLICT,
    "illegal_buy_and_sell_on_same_symbol": Refusal.QUANTITY_CONFLICT,
    "conflicting_orders": Refusal.QUANTITY_CONFLICT,
    "duplicate_external_identifier": Refusal.DUPLICATE,
    "internal_error": Refusal.BROKER_ERROR,
    "internal_server_error": Refusal.BROKER_ERROR,
}
# By words, in the order they are tried; the codes of many checks are published nowhere.
WORDS: tuple[tuple[str, Refusal], ...] = (
    ("buying power", Refusal.INSUFFICIENT_BUYING_POWER),
    ("insufficient funds", Refusal.INSUFFICIENT_BUYING_POWER),
    ("margin", Refusal.INSUFFICIENT_BUYING_POWER),
    ("uncovered", Refusal.NOT_PERMITTED),
    ("not approved", Refusal.NOT_PERMITTED),
    ("not permitted", Refusal.NOT_PERMITTED),
    ("closing only", Refusal.NOT_PERMITTED),
    ("on expiration day", Refusal.NOT_PERMITTED),
    ("more than", Refusal.QUANTITY_CONFLICT),
    ("existing position", Refusal.QUANTITY_CONFLICT),
    ("position effect", Refusal.QUANTITY_CONFLICT),
    ("already have an order", Refusal.QUANTITY_CONFLICT),
    ("increment", Refusal.BAD_PRICE),
    ("width", Refusal.BAD_PRICE),
    ("for a credit", Refusal.BAD_PRICE),
    ("for a debit", Refusal.BAD_PRICE),
    ("price", Refusal.BAD_PRICE),
    ("market is closed", Refusal.MARKET_CLOSED),
    ("market closed", Refusal.MARKET_CLOSED),
    ("legs", Refusal.TOO_MANY_LEGS),
    ("symbol", Refusal.STRIKE_GONE),
    ("instrument", Refusal.STRIKE_GONE),
    ("expired", Refusal.STRIKE_GONE),
)
# An order that closes is judged as one that opens where the broker does not see what it closes, as right after a fill.
AS_OPENING = ("uncovered", "to open order", "too_close_to_expiration")
BY_STATUS = {403: Refusal.NOT_PERMITTED}


def refusal_of(entries: Iterable[tuple[str, str]], status: int = 0, effect: Effect | None = None) -> Refusal:
    """Return what the checks that failed mean to us: the first that says anything."""
    pairs = [(code.lower().strip(), text.lower()) for code, text in entries]
    if effect is Effect.CLOSE and any(words in said for pair in pairs for said in pair for words in AS_OPENING):
        return Refusal.QUANTITY_CONFLICT
    found = next((CODES[code] for code, _ in pairs if code in CODES), None)
    found = found or next((_by_words(text) for code, text in pairs if code not in UMBRELLA and _by_words(text)), None)
    found = found or next((_by_words(text) for _, text in pairs if _by_words(text)), None)
    return found or BY_STATUS.get(status, Refusal.UNKNOWN)


def refusal_of_text(text: str, effect: Effect | None = None) -> Refusal:
    """Return what the reason of a rejected order means to us; it is a code or a sentence."""
    return refusal_of([(text.replace(" ", "_"), text)], effect=effect)


def _by_words(text: str) -> Refusal | None:
    return next((refusal for words, refusal in WORDS if words in text), None)
