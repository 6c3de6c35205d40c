"""The forms in which indicators send: each is known by its shape, the most specific first, and told in our fields."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from thetaloom.domain.run.signal_bodies import flattened
from thetaloom.domain.run.signal_words import DIRECTIONS, percent_of, read_number
from thetaloom.domain.run.signals import WHOLE
from thetaloom.domain.values.reasons import Reason

STRAT_FULL, STRAT_LEAST, STRAT_HALF = Decimal(6), Decimal(2), Decimal(3)
ULTIMATE_FULL, ULTIMATE_LEAST = Decimal("10.5"), Decimal(4)
ULTIMATE_STRONG, ULTIMATE_MTF = Decimal(7), Decimal("5.5")
STRONG_COMPONENTS, WEAK_COMPONENTS = 4, 2  # of an ultimate-option message: so many or more, fewer than so many
STRONG_POINTS, MTF_POINTS = 10, 5
ZERO, HUNDRED, VIX_MOST = Decimal(0), Decimal(100), Decimal(1000)
HALF, ACTIVE, LUNCH = Decimal("0.5"), Decimal("1.25"), Decimal("0.8")
OPENING_EVENTS = frozenset({"regime_entry", "entry"})
PHASES = {"accumulation": "bullish", "markup": "bullish", "distribution": "bearish", "markdown": "bearish"}
ORB_INDICATORS = frozenset({"orb", "stretch", "bhch", "ema"})
TRADINGVIEW_NAMES = frozenset({"exchange", "interval", "timenow", "market_position", "bar_time", "syminfo"})
CONTEXT_NAMES = ("vix", "trend", "bias", "regime", "gex_strength")
CONTEXT_SYMBOL = "VIX"  # what a message about the market as a whole is about


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A number that a shape has beside our fields, and its bounds."""

    name: str
    entry: Any
    least: Decimal
    most: Decimal
    words: Mapping[str, Any] = field(default_factory=dict)  # that may stand for a number
    needed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A message in our fields: ``fields`` are read like those of a plain message."""

    shape: str
    fields: Mapping[str, Any]
    levels: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    confidence: Decimal | None = None  # where the shape says what its full confidence is
    points: int = 0
    size_factor: Decimal = WHOLE
    refusal: Reason | None = None  # by the shape's own rule
    parts: frozenset[str] = frozenset()  # its own, where elsewhere a word or a number stands
    checks: tuple[Check, ...] = ()  # numbers of its own


def tell(plain: Mapping[str, Any]) -> Told:
    """Return a message in our fields, by the first shape that it has."""
    for has_shape, translate in SHAPES:
        if has_shape(plain):
            return translate(plain)
    names = plain.keys()
    shape = "text" if plain.get("form") == "text" else "tradingview" if TRADINGVIEW_NAMES & names else "generic"
    return Told(shape=shape, fields={name: entry for name, entry in flattened(plain).items() if name != "form"})


def _strat_engine(plain: Mapping[str, Any]) -> Told:
    said, market, plan = plain["signal"], _part(plain, "market"), _part(plain, "trade_plan")
    score = _number(said.get("confidence"))
    factor = HALF if score is not None and score <= STRAT_HALF else WHOLE
    session = str(market.get("session", "")).lower()
    if score == STRAT_FULL and session == "active":
        factor *= ACTIVE
    if session == "lunch":
        factor *= LUNCH
    return Told(
        shape="strat-engine",
        fields=_common(plain, market) | {"action": said.get("side"), "timeframe": market.get("timeframe")},
        levels=_levels(plan, ("entry", "stop", "breakeven_trigger")),
        facts={
            "pattern": said.get("pattern"),
            "trend": said.get("type"),
            "session": market.get("session"),
            "score": said.get("confidence"),
            **{f"level.{name}": level for name, level in flattened(_part(plain, "key_levels")).items()},
            **{f"mtf.{name}": word for name, word in flattened(_part(plain, "mtf")).items()},
        },
        confidence=_percent(score, STRAT_FULL),
        parts=frozenset({"signal"}),
        checks=(
            Check(name="signal.confidence", entry=said.get("confidence"), least=ZERO, most=STRAT_FULL, needed=True),
        ),
        size_factor=factor,
        refusal=Reason.SIGNAL_TOO_WEAK if score is not None and score < STRAT_LEAST else None,
    )


def _saty_phase(plain: Mapping[str, Any]) -> Told:
    event, instrument, meta = _part(plain, "event"), _part(plain, "instrument"), _part(plain, "meta")
    kind = str(event.get("type") or event.get("name") or "").lower()
    phase = str(event.get("phase", "")).lower()
    return Told(
        shape="saty-phase",
        fields=_common(plain, instrument, meta)
        | {
            "action": "open" if kind in OPENING_EVENTS else "observe",
            "direction": PHASES.get(phase, event.get("phase")),
            "timeframe": plain.get("timeframe"),
            "confidence": _scalar(plain.get("confidence")),
        },
        facts={
            "phase": event.get("phase"),
            "event": event.get("type") or event.get("name"),
            **{f"regime.{name}": word for name, word in flattened(_part(plain, "regime_context")).items()},
            **{f"oscillator.{name}": word for name, word in flattened(_part(plain, "oscillator")).items()},
        },
    )


def _orb(plain: Mapping[str, Any]) -> Told:
    flat = {name: entry for name, entry in plain.items() if not isinstance(entry, Mapping | list)}
    price, level = _number(plain.get("price")), _number(plain.get("level"))
    distance = percent_of(abs(price - level), level) if price is not None and level else None
    own = {"indicator", "type", "level", "body_size"}
    return Told(
        shape="orb-bhch",
        fields={name: entry for name, entry in flat.items() if name not in own},
        levels={"level": plain["level"]} if "level" in plain else {},
        facts={
            "indicator": plain.get("indicator"),
            "type": plain.get("type"),
            "body_size": plain.get("body_size"),
            "strength": distance if distance is not None else plain.get("body_size"),
            **{f"ema.{name}": word for name, word in flattened(_part(plain, "emas")).items()},
        },
    )


def _mtf_dots(plain: Mapping[str, Any]) -> Told:
    frames = {name: _part(plain["timeframes"], name) for name in plain["timeframes"]}
    bias = plain.get("bias")
    return Told(
        shape="mtf-trend-dots",
        fields=_common(plain) | {"action": "observe", "direction": bias, "timeframe": plain.get("timeframe")},
        facts={
            "alignment": plain.get("alignment_score"),
            "event": plain.get("event"),
            **{f"dir.{name}": frame.get("dir") for name, frame in frames.items()},
        },
        checks=(
            Check(name="alignment_score", entry=plain.get("alignment_score"), least=ZERO, most=HUNDRED, needed=True),
        ),
    )


def _ultimate(plain: Mapping[str, Any]) -> Told:
    said, entry, risk = plain["signal"], _part(plain, "entry"), _part(plain, "risk")
    score = _number(plain.get("score"))
    strong = {name for name, part in _part(plain, "components").items() if _is_met(part)}
    points = 0
    if score is not None and score >= ULTIMATE_STRONG and len(strong) >= STRONG_COMPONENTS:
        points = STRONG_POINTS
    elif score is not None and score >= ULTIMATE_MTF and any("mtf" in name for name in strong):
        points = MTF_POINTS
    return Told(
        shape="ultimate-option",
        fields=_common(plain, said, _part(plain, "market_context"))
        | {
            "action": said.get("action") or said.get("side"),
            "direction": said.get("direction"),
            "option_type": said.get("type") or said.get("option_type"),
            "price": entry.get("price"),
            "timeframe": said.get("timeframe") or plain.get("timeframe"),
        },
        levels=_levels(entry, ("stop",)),
        facts={
            "trend": _scalar(plain.get("trend")),
            "score": plain.get("score"),
            "components": " ".join(sorted(strong)),
            **{f"risk.{name}": word for name, word in flattened(risk).items()},
        },
        confidence=_percent(score, ULTIMATE_FULL),
        parts=frozenset({"signal", "entry"}),
        checks=(Check(name="score", entry=plain.get("score"), least=ZERO, most=ULTIMATE_FULL, needed=True),),
        points=points,
        size_factor=HALF if len(strong) < WEAK_COMPONENTS else WHOLE,
        refusal=Reason.SIGNAL_TOO_WEAK if score is not None and score < ULTIMATE_LEAST else None,
    )


def _context(plain: Mapping[str, Any]) -> Told:
    fields = _common(plain) | {"action": "observe", "direction": _scalar(plain.get("direction"))}
    if not any(name in fields for name in ("symbol", "ticker", "underlying")):
        fields["symbol"] = CONTEXT_SYMBOL
    return Told(
        shape="context",
        fields=fields,
        facts={name: plain[name] for name in CONTEXT_NAMES if name in plain},
        checks=(
            Check(name="vix", entry=plain.get("vix"), least=ZERO, most=VIX_MOST),
            Check(name="bias", entry=plain.get("bias"), least=-WHOLE, most=WHOLE, words=DIRECTIONS),
            Check(name="gex_strength", entry=plain.get("gex_strength"), least=-WHOLE, most=WHOLE),
        ),
    )


Shape = tuple[Callable[[Mapping[str, Any]], bool], Callable[[Mapping[str, Any]], Told]]
SHAPES: tuple[Shape, ...] = (
    (lambda said: _has(said, "journal", "signal") and "side" in said["signal"], _strat_engine),
    (lambda said: _has(said, "event", "instrument") or _has(said, "event", "regime_context"), _saty_phase),
    (lambda said: _has(said, "timeframes") and "alignment_score" in said, _mtf_dots),
    (lambda said: _has(said, "signal") and "score" in said, _ultimate),
    (lambda said: str(said.get("indicator", "")).lower() in ORB_INDICATORS, _orb),
    (lambda said: _is_silent(said, "action", "side", "signal") and not _is_silent(said, *CONTEXT_NAMES), _context),
)
NAMES = ("strat-engine", "saty-phase", "mtf-trend-dots", "ultimate-option", "orb-bhch", "context")
EVERY_SHAPE = (*NAMES, "tradingview", "text", "generic")


def _has(plain: Mapping[str, Any], *names: str) -> bool:
    return all(isinstance(plain.get(name), Mapping) for name in names)


def _is_silent(plain: Mapping[str, Any], *names: str) -> bool:
    return all(plain.get(name) is None for name in names)


def _part(plain: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = plain.get(name)
    return found if isinstance(found, Mapping) else {}


_COMMON = ("symbol", "ticker", "underlying", "price", "timestamp", "time", "timenow", "sent_at", "id", "signal_id",
           "alert_id", "sender_id", "strategy", "strategy_id", "source")  # fmt: skip


def _common(plain: Mapping[str, Any], *parts: Mapping[str, Any]) -> dict[str, Any]:
    # What every message may say of itself, from its own part of the message where it is not said at the top.
    found: dict[str, Any] = {}
    for part in (*reversed(parts), plain):
        found |= {name: part[name] for name in _COMMON if not isinstance(part.get(name), Mapping | list | None)}
    return found


def _levels(part: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    levels = {name: part[name] for name in names if name in part}
    targets = part.get("targets")
    if isinstance(targets, list):
        levels |= {f"target_{number}": target for number, target in enumerate(targets, 1)}
    for name, entry in part.items():
        digits = name.removeprefix("target").removeprefix("_")
        if name.startswith("target") and digits.isdigit():
            levels[f"target_{digits}"] = entry
    return levels


def _number(word: Any) -> Decimal | None:
    found = read_number("", word) if word is not None else None
    return found if isinstance(found, Decimal) else None


def _percent(score: Decimal | None, whole: Decimal) -> Decimal | None:
    return None if score is None or not 0 <= score <= whole else percent_of(score, whole)


def _scalar(word: Any) -> Any:
    return None if isinstance(word, Mapping | list) else word


def _is_met(part: Any) -> bool:
    if isinstance(part, bool):
        return part
    number = _number(part)
    return number is not None and number > 0
