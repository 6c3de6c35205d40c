"""Understands a message: every field read strictly, each problem told, and nothing made up."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from thetaloom.domain.run.signal_bodies import flattened, name_of, read_body
from thetaloom.domain.run.signal_faults import Fault, Problem, seen, written
from thetaloom.domain.run.signal_shapes import Told, tell
from thetaloom.domain.run.signal_sources import SellMeaning, SignalSource
from thetaloom.domain.run.signal_words import (
    ACTIONS,
    DIRECTIONS,
    ORDER_TYPES,
    RIGHTS,
    TIMES_IN_FORCE,
    read_confidence,
    read_date,
    read_instant,
    read_number,
    read_positive,
    read_quantity,
    read_symbol,
    read_timeframe,
    read_word,
)
from thetaloom.domain.run.signals import WHOLE, Direction, SignalAction
from thetaloom.domain.values.reasons import Reason

# Every name a field is known by; the first is ours.
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "action": ("action", "side", "signal"),
    "symbol": ("symbol", "ticker", "underlying"),
    "direction": ("direction",),
    "option_type": ("option_type", "type"),
    "timeframe": ("timeframe", "interval", "tf"),
    "price": ("price", "limit_price"),
    "confidence": ("confidence",),
    "sent_at": ("timestamp", "time", "timenow", "sent_at"),
    "sender_id": ("id", "signal_id", "alert_id", "sender_id"),
    "strategy": ("strategy", "strategy_id"),
    "source": ("source",),
    "strike": ("strike",),
    "expiration": ("expiration", "expiry", "exp"),
    "quantity": ("quantity", "qty", "contracts", "size"),
    "order_type": ("order_type",),
    "time_in_force": ("time_in_force", "tif"),
}
LEVELS: Mapping[str, str] = {
    "stop": "stop", "stop_loss": "stop", "sl": "stop", "entry": "entry",
    "target": "target_1", "take_profit": "target_1", "tp": "target_1",
    "target_1": "target_1", "target_2": "target_2", "target_3": "target_3",
}  # fmt: skip
# Read and kept as evidence; the strategy alone decides on legs, quantity and order.
KEPT = ("strike", "expiration", "quantity", "order_type", "time_in_force", "option_type")
TEXT_MAX, FACTS_MAX = 200, 60
_FRACTION = re.compile(r"[+-]?[0-9]*\.[0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a message says, as far as it was understood."""

    shape: str = ""
    action: SignalAction | None = None
    direction: Direction | None = None
    symbol: str | None = None
    timeframe: str | None = None
    price: Decimal | None = None
    confidence: Decimal | None = None
    sent_at: datetime | None = None
    sender_id: str | None = None
    strategy: str | None = None
    levels: Mapping[str, Decimal] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    points: int = 0
    size_factor: Decimal = WHOLE
    refusal: Reason | None = None
    understood: Mapping[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def understand(body: bytes, source: SignalSource, today: date) -> Reading:
    """Read a message of ``source``, whose profile says what its words mean."""
    plain = read_body(body)
    if isinstance(plain, Problem):
        return Reading(problems=(plain,))
    mapped = _mapped(plain, source)
    nested = frozenset(name for name, entry in mapped.items() if isinstance(entry, Mapping | list))
    return read_fields(tell(mapped), source, today, nested)


def read_fields(told: Told, source: SignalSource, today: date, nested: frozenset[str] = frozenset()) -> Reading:
    """Read the fields of a message that was told in our names; ``nested`` are those that hold more than one word."""
    reader = _Reader(told, source, nested)
    confidence = told.confidence
    if confidence is None:
        confidence = reader.read("confidence", partial(read_confidence, scale=source.confidence_scale))
    symbol = reader.read("symbol", read_symbol, needed=True)
    action, direction = _meaning(reader, source)
    found = {
        "timeframe": reader.read("timeframe", read_timeframe),
        "price": reader.read("price", read_positive),
        "sent_at": reader.read("sent_at", read_instant),
        "sender_id": reader.read("sender_id", _read_id),
        "strategy": reader.read("strategy", _read_text),
    }
    reader.read("source", _read_text)
    kept = {
        "strike": reader.read("strike", read_positive),
        "expiration": reader.read("expiration", partial(read_date, today=today)),
        "quantity": reader.read("quantity", read_quantity),
        "order_type": reader.read("order_type", partial(read_word, known=ORDER_TYPES)),
        "time_in_force": reader.read("time_in_force", partial(read_word, known=TIMES_IN_FORCE)),
    }
    levels = reader.read_levels()
    facts = {name: str(entry) for name, entry in kept.items() if entry is not None}
    facts |= {name: written(entry)[:TEXT_MAX] for name, entry in told.facts.items() if entry not in (None, "")}
    known = {"symbol": symbol, "action": action, "direction": direction, "confidence": confidence, **found, **kept}
    reader.check_numbers()
    reader.check_rest()
    return Reading(
        shape=told.shape,
        action=action,
        direction=direction,
        symbol=symbol,
        confidence=confidence,
        levels=levels,
        facts=dict(list(facts.items())[:FACTS_MAX]),
        points=told.points,
        size_factor=told.size_factor,
        refusal=told.refusal,
        understood={name: _shown(entry) for name, entry in {**known, **levels}.items() if entry is not None},
        ignored=reader.ignored(),
        problems=tuple(reader.problems),
        **found,
    )


class _Reader:
    """Looks each field up under all its names and collects what is wrong."""

    def __init__(self, told: Told, source: SignalSource, nested: frozenset[str]) -> None:
        self._told = told
        self._fields = {name: entry for name, entry in told.fields.items() if entry is not None}
        self._fixed = source.fixed
        # What the profile maps from within is meant to be an object.
        self._nested = nested - told.parts - {path.partition(".")[0] for path in source.mapping}
        self._used: set[str] = set()
        self.problems: list[Problem] = []

    def read(self, name: str, read: Callable[[str, Any], Any], *, needed: bool = False) -> Any:
        said = {one: self._fields[one] for one in SYNONYMS[name] if one in self._fields}
        self._used |= said.keys()
        wrong = [one for one in SYNONYMS[name] if one in self._nested]
        for one in wrong:
            self._tell(one, Fault.WRONG_TYPE, "")
        if wrong:
            return None
        if not said and name in self._fixed:
            said = {name: self._fixed[name]}
        blank = [one for one, entry in said.items() if isinstance(entry, str) and not entry.strip()]
        said = {one: entry for one, entry in said.items() if one not in blank}
        if not said:
            if needed:
                self._tell(name, Fault.MISSING, f"also known as {', '.join(SYNONYMS[name])}")
            return None
        found = [self._read_one(one, entry, read) for one, entry in said.items()]
        if any(isinstance(one, Problem) for one in found):
            self.problems += [one for one in found if isinstance(one, Problem)]
            return None
        if any(one != found[0] for one in found):
            self._tell(name, Fault.CONFLICT, ", ".join(f"{one}={seen(entry)}" for one, entry in said.items()))
            return None
        return found[0]

    def read_levels(self) -> dict[str, Decimal]:
        said: dict[str, Any] = {level: entry for level, entry in self._told.levels.items() if entry is not None}
        for name, level in LEVELS.items():
            if name in self._nested:
                self._tell(name, Fault.WRONG_TYPE, "")
            if name in self._fields:
                self._used.add(name)
                said.setdefault(level, self._fields[name])
        levels = {}
        for level, entry in said.items():
            found = self._read_one(level, entry, read_positive)
            if isinstance(found, Problem):
                self.problems.append(found)
            else:
                levels[level] = found
        return levels

    def check_numbers(self) -> None:
        for check in self._told.checks:
            word, known = check.entry, {one.lower() for one in check.words}
            if word is None and check.needed:
                self._tell(check.name, Fault.MISSING, f"{check.least} to {check.most}")
            elif isinstance(word, Mapping | list):
                self._tell(check.name, Fault.WRONG_TYPE, "")
            elif word is not None and not (isinstance(word, str) and word.strip().lower() in known):
                found = read_number(check.name, word, least=check.least, most=check.most)
                self.problems += [found] if isinstance(found, Problem) else []

    def check_rest(self) -> None:
        if "words" in self._fields:
            self._tell("body", Fault.UNKNOWN_TEXT, seen(self._fields["words"]))
        if "doubled" in self._fields:
            self._tell("body", Fault.CONFLICT, str(self._fields["doubled"]))

    def ignored(self) -> tuple[str, ...]:
        own = {"words", "doubled", "secret", "passphrase"}
        return tuple(sorted(self._fields.keys() - self._used - own))[:FACTS_MAX]

    def _tell(self, name: str, fault: Fault, detail: str) -> None:
        self.problems.append(Problem(field=name, fault=fault, detail=detail))

    @staticmethod
    def _read_one(name: str, entry: Any, read: Callable[[str, Any], Any]) -> Any:
        if isinstance(entry, str) and "{{" in entry:
            return Problem(field=name, fault=Fault.PLACEHOLDER, detail=seen(entry))
        return read(name, entry)


def _mapped(plain: Mapping[str, Any], source: SignalSource) -> Mapping[str, Any]:
    if not source.mapping:
        return plain
    flat = flattened(plain)
    paths = {".".join(map(name_of, theirs.split("."))): ours for theirs, ours in source.mapping.items()}
    renamed = {ours: flat[theirs] for theirs, ours in paths.items() if theirs in flat}
    known = paths.keys() & plain.keys()
    return {name: entry for name, entry in plain.items() if name not in known} | renamed


def _meaning(reader: _Reader, source: SignalSource) -> tuple[SignalAction | None, Direction | None]:
    """Return what is to be done, and which way: the one place where words become an intention."""
    word = reader.read("action", partial(read_word, known={**ACTIONS, "OPEN": "OPEN"}), needed=True)
    said = reader.read("direction", partial(read_word, known=DIRECTIONS))
    right = reader.read("option_type", partial(read_word, known=RIGHTS))
    if word is None:
        return None, said
    if word == "SELL":
        if source.sell is None:
            reader.problems.append(Problem(field="action", fault=Fault.AMBIGUOUS_SELL))
            return None, said
        word = "CLOSE" if source.sell is SellMeaning.CLOSE else "SHORT"
    of_right = {"CALL": Direction.BULLISH, "PUT": Direction.BEARISH}.get(right or "")
    if word in ("CLOSE", "OBSERVE"):
        action = SignalAction.CLOSE if word == "CLOSE" else SignalAction.OBSERVE
        return action, _one_of(reader, said, of_right) or Direction.NEUTRAL
    return SignalAction.OPEN, _opening(reader, word, said, right, of_right)


def _opening(
    reader: _Reader, word: str, said: Direction | None, right: str | None, of_right: Direction | None
) -> Direction | None:
    if word == "SHORT":
        if right == "PUT":
            reader.problems.append(Problem(field="action", fault=Fault.AMBIGUOUS_SHORT))
            return None
        return _one_of(reader, Direction.BEARISH, said)
    if word == "OPEN":
        found = _one_of(reader, said, of_right)
        unread = any(one.field in ("direction", "option_type", "type") for one in reader.problems)
        if found is Direction.NEUTRAL or (found is None and not unread):
            reader.problems.append(Problem(field="direction", fault=Fault.MISSING, detail="bullish or bearish"))
        return found
    if right is None and said is None:
        return Direction.BULLISH  # to buy, or to be long, says so
    if word == "LONG" and right is None:
        return _one_of(reader, Direction.BULLISH, said)
    return _one_of(reader, said, of_right)  # whoever buys a put is bearish


def _one_of(reader: _Reader, *said: Direction | None) -> Direction | None:
    found = {one for one in said if one is not None}
    if len(found) > 1:
        words = " and ".join(sorted(one.value for one in found))
        reader.problems.append(Problem(field="direction", fault=Fault.CONTRADICTION, detail=words))
        return None
    return found.pop() if found else None


def _read_id(name: str, entry: Any) -> str | Problem:
    text = _read_text(name, entry)
    # A number with a fraction has gone through a sender's float, which keeps no long id.
    if isinstance(text, Problem) or _FRACTION.fullmatch(text):
        return Problem(field=name, fault=Fault.NOT_AN_ID, detail=f"{seen(entry)}, of 1 to {TEXT_MAX} signs")
    return text


def _read_text(name: str, entry: Any) -> str | Problem:
    if isinstance(entry, Decimal):
        entry = format(entry, "f")
    if not isinstance(entry, str) or not entry.strip().isprintable() or len(entry) > TEXT_MAX:
        return Problem(
            field=name, fault=Fault.UNKNOWN_WORD, detail=f"{seen(entry)} is no line of 1 to {TEXT_MAX} signs"
        )
    return entry.strip()


def _shown(entry: Any) -> str:
    return entry.isoformat() if isinstance(entry, date | datetime) else str(getattr(entry, "value", entry))
