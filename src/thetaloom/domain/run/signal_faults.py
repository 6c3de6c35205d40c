"""Every fault that a message from outside can have, and how it is told."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from thetaloom.domain.values.canonical import canonical_json

SEEN_MAX = 60  # characters of what was sent that an answer repeats


class Fault(StrEnum):
    """Why a message was not understood. The code is API; the text is documentation."""

    text: str

    def __new__(cls, code: str, text: str) -> "Fault":
        member = str.__new__(cls, code)
        member._value_ = code
        member.text = text
        return member

    @classmethod
    def of(cls, code: str) -> "Fault":
        """Return the fault with this code."""
        return cls(code)  # type: ignore[call-arg]  # mypy reads __new__, not the enum's look-up by value

    EMPTY = "empty", "The body is empty."
    NOT_TEXT = "not_text", "The body is not UTF-8."
    NOT_JSON = "not_json", "The body begins like JSON and cannot be read as such."
    NOT_AN_OBJECT = "not_an_object", "The JSON is a list, a number or a single word; send one object."
    REPEATED_KEY = "repeated_key", "A key stands twice in one object; which of the two is meant is not known."
    TOO_DEEP = "too_deep", "The JSON is nested more than 12 deep."
    TOO_MANY = "too_many", "The JSON holds more than 1,000 entries."
    MISSING = "missing", "A field that the signal needs is not there."
    PLACEHOLDER = "placeholder", "A placeholder such as {{ticker}} was not filled in by the sender."
    CONFLICT = "conflict", "Two names of one field say different things."
    UNKNOWN_WORD = "unknown_word", "The word is none of those that this field knows."
    WRONG_TYPE = "wrong_type", "A word or a number is expected here, and a list or an object was sent."
    NOT_AN_ID = "not_an_id", "An id is a line of text or a whole number."
    NOT_A_NUMBER = "not_a_number", "A number is expected."
    OUT_OF_RANGE = "out_of_range", "The number lies outside of what is possible."
    NOT_A_SYMBOL = "not_a_symbol", "This is no symbol of an underlying."
    NOT_A_DATE = "not_a_date", "This is no date; write YYYY-MM-DD, M/D/YYYY or YYMMDD."
    EXPIRED = "expired", "The expiration is in the past."
    NOT_A_TIME = "not_a_time", "This is no instant; write ISO 8601 with a zone, or seconds since 1970."
    NO_ZONE = "no_zone", "The time names no zone; append Z or +00:00."
    AMBIGUOUS_SELL = (
        "ambiguous_sell",
        "SELL can mean to close or to bet on a fall; the source's profile must say which: --sell close or bearish.",
    )
    AMBIGUOUS_SHORT = "ambiguous_short", "To be short a put is bullish; say the direction in its own word."
    CONTRADICTION = "contradiction", "The action and the direction contradict each other."
    AMBIGUOUS_SCALE = (
        "ambiguous_scale",
        "A confidence without a percent sign can be of 1, of 10 or of 100; the source's profile must say which: "
        "--confidence-scale.",
    )
    UNKNOWN_TEXT = "unknown_text", "More than one word of the text is unknown, so none can be taken for the symbol."
    NO_STRATEGY = "no_strategy", "The signal names no strategy and the source's profile has none."
    STRATEGY_NOT_FOUND = "strategy_not_found", "No strategy has this id."
    REPLAYABLE = "replayable", "Nothing tells a signed message from its copy; send a timestamp or an id."


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a message."""

    field: str
    fault: Fault
    detail: str = ""  # what was seen, what is known

    @property
    def message(self) -> str:
        """Say it in one sentence with its facts."""
        return f"{self.field}: {self.fault.text}" + (f" ({self.detail})" if self.detail else "")


def written(word: object) -> str:
    """Return what was sent as text; a list or an object as its canonical JSON, a number as it is stored."""
    if isinstance(word, Decimal):
        return format(word, "f")  # 1E-7 is stored as 0.0000001, and both must be told in the same words
    return canonical_json(word).decode() if isinstance(word, list | dict) else str(word)


def seen(word: object) -> str:
    """Return what was sent, short enough to repeat."""
    text = written(word)
    return repr(text if len(text) <= SEEN_MAX else text[: SEEN_MAX - 1] + "…")
