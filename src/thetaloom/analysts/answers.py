"""What a language model may answer, and what it takes for the answer to be an opinion.

Nothing of it can name an order: there is no field for legs, sizes or limits, and an unknown field is refused.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from thetaloom.domain.market.opinions import REASON_LENGTH_MAX, AnalysisRequest, Opinion
from thetaloom.domain.market.words import MarketBias
from thetaloom.domain.run.model_calls import ANSWER_MAX
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvalidInput

NAME = "llm"
HIGH_FROM, MEDIUM_FROM = 80, 50
ENTRY_AWAY_MAX = Decimal("0.10")  # of the last price
LEVEL_AWAY_MAX = Decimal("0.50")
CENT = Decimal("0.01")
R_MIN = Decimal(1)
LEVELS_TEXT = "{name} {level} is more than {most:.0%} away from the last price {spot}"


class Failure(StrEnum):
    """Why a language model has no opinion; the words are part of the record."""

    NOT_SET_UP = "not_set_up"
    NO_PROMPT = "no_prompt"
    NO_PRICE = "no_price"
    BUDGET_SPENT = "budget_spent"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    CONNECTION_CUT = "connection_cut"
    REFUSED_BY_SERVER = "refused_by_server"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    REFUSED_BY_MODEL = "refused_by_model"
    CUT_OFF = "cut_off"
    TOO_LONG = "too_long"
    MALFORMED = "malformed"
    WRONG_SCHEMA = "wrong_schema"
    CONTRADICTORY = "contradictory"
    LEVELS_MISSING = "levels_missing"
    LEVELS_IMPLAUSIBLE = "levels_implausible"
    REWARD_TOO_SMALL = "reward_too_small"


class NoAnswer(Exception):
    """That a model's answer is no opinion, and why."""

    def __init__(self, failure: Failure, explanation: str = "") -> None:
        super().__init__(explanation)
        self.failure = failure
        self.explanation = explanation

    @property
    def reason(self) -> str:
        """The failure with what explains it."""
        return f"{self.failure.value}: {self.explanation}" if self.explanation else self.failure.value


def _refuse_other_kinds(found: object) -> object:
    # The library would read "100" and even true as a number.
    if isinstance(found, str | bool):
        raise ValueError("a level is a number")
    return found


Dollars = Annotated[Decimal, BeforeValidator(_refuse_other_kinds), Field(gt=0, le=10_000_000)]


class Answer(BaseModel):
    """The form that a model must fill in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    direction: Literal["bullish", "bearish", "neutral"]
    confidence: Annotated[int, Field(strict=True, ge=0, le=100, description="Percent; how often you would be right.")]
    confidence_label: Literal["HIGH", "MEDIUM", "LOW"]
    entry: Dollars | None
    stop: Dollars | None
    targets: Annotated[list[Dollars], Field(max_length=3)]
    reasons: Annotated[list[Annotated[str, Field(min_length=1, max_length=2000)]], Field(min_length=1, max_length=10)]


def answer_schema() -> dict[str, Any]:
    """Return the JSON schema that a model is told to keep; levels are numbers in it."""
    level = {"anyOf": [{"type": "number"}, {"type": "null"}]}
    properties = {
        "direction": {"type": "string", "enum": ["bullish", "bearish", "neutral"]},
        "confidence": {"type": "integer", "description": "0 to 100"},
        "confidence_label": {"type": "string", "enum": ["HIGH", "MEDIUM", "LOW"]},
        "entry": level,
        "stop": level,
        "targets": {"type": "array", "items": {"type": "number"}},
        "reasons": {"type": "array", "items": {"type": "string"}},
    }
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def label_of(confidence: int) -> str:
    """Return the label that a number from 0 to 100 must carry."""
    return "HIGH" if confidence >= HIGH_FROM else "MEDIUM" if confidence >= MEDIUM_FROM else "LOW"


def read_answer(text: str) -> Answer:
    """Read a model's words as the form, or say by ``NoAnswer`` what is wrong with them."""
    if len(text) > ANSWER_MAX:
        raise NoAnswer(Failure.TOO_LONG, f"{len(text)} characters")
    try:
        found = json.loads(
            _unfenced(text),
            parse_float=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_once_each,
        )
    except (ValueError, RecursionError) as error:
        raise NoAnswer(Failure.MALFORMED, type(error).__name__) from None
    try:
        return Answer.model_validate(found)
    except ValidationError as error:
        places = {".".join(map(str, one["loc"]))[:60] or "answer": one["type"] for one in error.errors()[:5]}
        raise NoAnswer(Failure.WRONG_SCHEMA, ", ".join(f"{name} {kind}" for name, kind in places.items())) from None


def opinion_of(
    answer: Answer, request: AnalysisRequest, *, model: str, cost: Money | None, made_at: datetime
) -> Opinion:
    """Return the opinion that an answer stands for, with its levels held against the market; or ``NoAnswer``."""
    direction = MarketBias(answer.direction)
    if label_of(answer.confidence) != answer.confidence_label:
        raise NoAnswer(
            Failure.CONTRADICTORY,
            f"{answer.confidence} is {label_of(answer.confidence)}, not {answer.confidence_label}",
        )
    levels = _levels(answer, request) if direction is not MarketBias.NEUTRAL else {}
    try:
        opinion = Opinion(
            analyst=NAME,
            direction=direction,
            confidence=Decimal(answer.confidence).scaleb(-2),
            reasons=tuple(_shown(reason) for reason in answer.reasons),
            model=model,
            cost=cost,
            made_at=made_at,
            **levels,
        )
    except InvalidInput as error:
        raise NoAnswer(Failure.CONTRADICTORY, error.message) from None
    if opinion.r_multiple is not None and opinion.r_multiple < R_MIN:
        raise NoAnswer(Failure.REWARD_TOO_SMALL, f"R {opinion.r_multiple} is below {R_MIN}")
    return opinion


def _levels(answer: Answer, request: AnalysisRequest) -> dict[str, Any]:
    if answer.entry is None or answer.stop is None or not answer.targets:
        raise NoAnswer(Failure.LEVELS_MISSING, f"{answer.direction} without entry, stop or target")
    if request.spot is None or request.spot <= 0:
        raise NoAnswer(Failure.NO_PRICE, "the last price is not known, and levels need one to be held against")
    spot = Decimal(request.spot)
    for name, level, most in _bounds(answer):
        if abs(level - spot) > most * spot:
            text = LEVELS_TEXT.format(name=name, level=level, most=most, spot=spot)
            raise NoAnswer(Failure.LEVELS_IMPLAUSIBLE, text)
    return {
        "entry": Price(answer.entry.quantize(CENT)),
        "stop": Price(answer.stop.quantize(CENT)),
        "targets": tuple(Price(target.quantize(CENT)) for target in answer.targets),
    }


def _bounds(answer: Answer) -> Iterator[tuple[str, Decimal, Decimal]]:
    if answer.entry is not None:
        yield "entry", answer.entry, ENTRY_AWAY_MAX
    if answer.stop is not None:
        yield "stop", answer.stop, LEVEL_AWAY_MAX
    for target in answer.targets:
        yield "target", target, LEVEL_AWAY_MAX


def _shown(reason: str) -> str:
    printable = "".join(letter if letter.isprintable() else " " for letter in reason)
    return printable if len(printable) <= REASON_LENGTH_MAX else printable[: REASON_LENGTH_MAX - 1] + "…"


def _unfenced(text: str) -> str:
    # Many models put their JSON between fences whatever they are told; nothing else may stand around it.
    stripped = text.strip()
    if stripped.startswith("```") and stripped.endswith("```") and "\n" in stripped:
        first, _, rest = stripped.partition("\n")
        if first.strip() in ("```", "```json"):
            return rest[: -len("```")]
    return stripped


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is not a number")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found
