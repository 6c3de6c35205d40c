"""Why there is no trade: the few reasons that matter most, how far each is from a yes, and what would change it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from thetaloom.domain.strategy.one_check import NO_DISTANCE, UNKNOWN, Check, number_text
from thetaloom.domain.values.reasons import Answer, Reason, Verdict

TOP = 3
SHORT_WORDS = frozenset({"iv", "hv", "rsi", "adx", "atr", "atm", "dte", "sma", "macd", "pop", "vix", "obv"})
STRICT = "more than "
LONG = re.compile(r"-?\d+\.\d{5,}")  # of a number that nobody reads to its end, as of a quotient
ONCE = Decimal(1)

# What no better price can change comes first, and what a person cannot wait for comes last.
HARD_STOPS = frozenset(
    {
        Reason.HALTED,
        Reason.MARKET_CLOSED,
        Reason.STALE_MARKET_DATA,
        Reason.HISTORY_TOO_SHORT,
        Reason.EARNINGS_NEAR,
        Reason.EARNINGS_UNKNOWN,
        Reason.EX_DIVIDEND_NEAR,
        Reason.EX_DIVIDEND_UNKNOWN,
        Reason.RANGE_BOUND,
        Reason.BLOCKED_BY_METRIC,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """One check as it was made or recorded; all numbers are text, absent ones ``None``."""

    name: str
    answer: str  # allow, deny or unknown
    reason: str = ""
    facts: Mapping[str, str]
    value: str | None = None
    limit: str | None = None
    distance: str | None = None
    unit: str = ""
    step: str = ""

    @property
    def text(self) -> str:
        """What the reason code means."""
        return meaning(self.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocking:
    """One reason for a no: how far it is from a yes, and what would change it in plain words."""

    name: str
    reason: str
    text: str
    value: str | None
    limit: str | None
    distance: str | None
    change: str


def meaning(code: str) -> str:
    """Return what a reason code means; empty for none, and for codes of another version."""
    return Reason.of(code).text if code in Reason._value2member_map_ else ""


def line_of(check: Check) -> CheckLine:
    """Return a check as text."""
    return CheckLine(
        name=check.name,
        answer=check.verdict.answer.value,
        reason=check.verdict.reason.value if check.verdict.reason else "",
        facts=check.verdict.facts,
        value=check.value,
        limit=check.limit,
        distance=check.distance,
    )


def recorded_line(check: Mapping[str, Any], step: str = "") -> CheckLine:
    """Return a check as it stands in the evidence, one of a candidate or one of a risk limit."""
    verdict = check["verdict"]
    value, limit = _text(check.get("value")), _text(check.get("limit"))
    is_allowed = verdict["answer"] == Answer.ALLOW.value
    distance = _text(check.get("distance") or verdict["facts"].get("over_by"))
    return CheckLine(
        step=step,
        name=check["name"],
        answer=verdict["answer"],
        reason=verdict.get("reason") or "",
        facts=verdict["facts"],
        value=value,
        limit=limit,
        distance=NO_DISTANCE if is_allowed else distance or _difference(value, limit),
        unit=check.get("unit") or "",
    )


def verdict_line(name: str, verdict: Verdict) -> CheckLine:
    """Return a step's own answer as a line, for steps that say no without a list of checks."""
    reason = verdict.reason.value if verdict.reason else ""
    return CheckLine(name=name, answer=verdict.answer.value, reason=reason, facts=verdict.facts)


def blocking_reasons(lines: Sequence[CheckLine], *, first: str = "", most: int = TOP) -> tuple[Blocking, ...]:
    """Return the reasons that matter most: the one that decided, hard stops, then what is nearest to a yes."""
    against = [line for line in lines if line.answer != Answer.ALLOW.value]
    ordered = sorted(against, key=lambda line: (line.reason != first, _class(line), _relative_gap(line)))
    seen: dict[str, Blocking] = {}
    for line in ordered:
        # Two legs refused for the same thing are one reason to the reader, not two of three.
        seen.setdefault(f"{line.reason} {_subject(line)}", _blocking(line))
    return tuple(seen.values())[:most]


def what_would_change(line: CheckLine) -> str:
    """Say in plain words what must happen for a yes."""
    facts = line.facts
    if "wait_until" in facts:
        days = facts["days"]
        what = line.name.replace("ex-dividend", "the ex-dividend date")
        verb = "are" if line.name == "earnings" else "is"
        return f"wait until {facts['wait_until']}: {what} {verb} {days} {'day' if days == '1' else 'days'} away"
    if facts.get("next_open"):
        return f"wait until the exchange opens: {datetime.fromisoformat(facts['next_open']):%Y-%m-%d %H:%M} UTC"
    if line.answer == Answer.UNKNOWN.value:
        return _once_known(line)
    if line.reason == Reason.NO_EXPIRATION.value and "nearest_below" in facts:
        return (
            f"an expiration of {facts['window']} must be listed; the nearest are {facts['nearest_below']} "
            f"and {facts['nearest_above']} DTE"
        )
    moved = _moved(line)
    if moved:
        return moved
    if line.distance and line.distance not in (NO_DISTANCE, UNKNOWN):
        return f"{shown_name(line.name)} needs {line.distance}"
    numbers = ", ".join(f"{shown_name(name)} {fact}" for name, fact in facts.items())
    return f"{line.text}{f' ({numbers})' if numbers else ''}"


def shown_name(name: str) -> str:
    """Print the name of a check as people write it: ``iv_rank`` is IV rank."""
    words = name.replace("_", " ").split(" ")
    if len(words) == 2 and words[0] in SHORT_WORDS and words[1].isdigit():
        words.pop()  # RSI 14 71 would be hard to read, and the market has but one RSI
    return " ".join(word.upper() if word in SHORT_WORDS else word for word in words)


def _blocking(line: CheckLine) -> Blocking:
    return Blocking(
        name=line.name,
        reason=line.reason,
        text=line.text,
        value=line.value,
        limit=line.limit,
        distance=line.distance,
        change=what_would_change(line),
    )


def _once_known(line: CheckLine) -> str:
    facts = line.facts
    what = facts.get("unknown") or shown_name(facts.get("needed", line.name))
    why = f" ({facts['why']})" if facts.get("why") else ""
    advice = f": {facts['advice']}" if facts.get("advice") else ""
    return f"{what} must be known{why}{advice}"


def _moved(line: CheckLine) -> str:
    gap, limit = _number((line.distance or "").removeprefix(STRICT)), _bound(line.limit)
    if gap is None or limit is None:
        return ""
    is_strict = (line.distance or "").startswith(STRICT)
    if gap == 0:
        way = "rise above" if (line.limit or "").startswith(">") else "fall below"
        return f"{shown_name(line.name)} {line.value} must {way} {number_text(limit)}" if is_strict else ""
    verb = "rise" if gap > 0 else "fall"
    by = f"{STRICT if is_strict else ''}{number_text(abs(gap))}"
    goal = ("above" if gap > 0 else "below") if is_strict else "to"
    unit = f" {line.unit}" if line.unit else ""
    found = f" {line.value}" if line.value is not None else ""
    comma = "," if is_strict else ""
    against = f": {line.facts['against']}" if line.facts.get("against") else ""
    return f"{shown_name(line.name)}{found}{unit} must {verb} by {by}{comma} {goal} {number_text(limit)}{against}"


def _class(line: CheckLine) -> int:
    if line.reason in HARD_STOPS:
        return 0
    return 2 if line.reason == Reason.SCORE_TOO_LOW.value else 1


def _relative_gap(line: CheckLine) -> Decimal:
    gap, limit = _number((line.distance or "").removeprefix(STRICT)), _bound(line.limit)
    if gap is None:
        return ONCE  # a word, or unknown: as far as a number that must double
    return abs(gap) / max(abs(limit), ONCE) if limit is not None else ONCE


def _subject(line: CheckLine) -> str:
    # Lines about a leg end with its notation, and say before it what they are about.
    return re.split(r" [+-]\d+ ", line.name, maxsplit=1)[0]


def _bound(limit: str | None) -> Decimal | None:
    found = re.search(r"-?\d+(\.\d+)?", limit or "")
    return None if found is None else Decimal(found[0])


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _difference(value: str | None, limit: str | None) -> str:
    found, bound = _number(value or ""), _number(limit or "")
    return UNKNOWN if found is None or bound is None else format(bound - found, "f")


def _text(number: object) -> str | None:
    if number is None:
        return None
    text = str(number)
    return number_text(Decimal(text)) if LONG.fullmatch(text) else text
