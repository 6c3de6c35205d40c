"""Messages from outside: each form is understood as it was meant, and nothing is made up."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from thetaloom.domain.run.signal_bodies import read_body, without_secrets
from thetaloom.domain.run.signal_faults import Fault, Problem
from thetaloom.domain.run.signal_reading import SYNONYMS, Reading, understand
from thetaloom.domain.run.signal_shapes import EVERY_SHAPE
from thetaloom.domain.run.signal_sources import SellMeaning, SignalSource, SourceAuth
from thetaloom.domain.run.signals import Direction, SignalAction
from thetaloom.domain.values.canonical import canonical_json
from thetaloom.domain.values.ids import UserId
from thetaloom.domain.values.reasons import Reason

RECORDINGS = Path(__file__).resolve().parents[2] / "recordings" / "signals"
TODAY = date(2026, 1, 5)
OPEN, CLOSE, OBSERVE = SignalAction.OPEN, SignalAction.CLOSE, SignalAction.OBSERVE
BULLISH, BEARISH, NEUTRAL = Direction.BULLISH, Direction.BEARISH, Direction.NEUTRAL
EXPECTED: dict[str, dict[str, Any]] = {
    "strat-engine.json": {
        "shape": "strat-engine", "action": OPEN, "direction": BULLISH, "timeframe": "15m", "points": 0,
        "confidence": Decimal("83.33"), "sent_at": datetime(2026, 1, 5, 15, 29, 30, tzinfo=UTC),
    },
    "saty-phase.json": {
        "shape": "saty-phase", "action": OPEN, "direction": BULLISH, "timeframe": "1h", "confidence": Decimal(72),
        "sent_at": datetime(2026, 1, 5, 15, 30, tzinfo=UTC),
    },
    "orb-bhch.json": {
        "shape": "orb-bhch", "action": OPEN, "direction": BULLISH, "timeframe": "5m", "price": Decimal("575.5"),
        "levels": {"level": Decimal("574.0")},
    },
    "mtf-trend-dots.json": {"shape": "mtf-trend-dots", "action": OBSERVE, "direction": BULLISH, "timeframe": None},
    "ultimate-option.json": {
        "shape": "ultimate-option", "action": OPEN, "direction": BULLISH, "timeframe": "30m", "points": 10,
        "confidence": Decimal("80.00"), "sent_at": datetime(2026, 1, 5, 15, 30, tzinfo=UTC),
        "levels": {"stop": Decimal("573.0"), "target_1": Decimal("578.0"), "target_2": Decimal("580.0")},
    },
    "tradingview.json": {
        "shape": "tradingview", "action": OPEN, "direction": BULLISH, "timeframe": "5m", "sender_id": "tv-000123",
        "price": Decimal("575.25"), "sent_at": datetime(2026, 1, 5, 15, 29, 58, tzinfo=UTC),
    },
    "generic.json": {
        "shape": "generic", "action": OPEN, "direction": BEARISH, "timeframe": "4h", "sender_id": "77",
        "levels": {"stop": Decimal(580), "target_1": Decimal(560)},
    },
    "text.txt": {
        "shape": "text", "action": OPEN, "direction": BULLISH, "timeframe": "5m", "price": Decimal("575.20"),
        "confidence": Decimal(80), "sender_id": "t-1",
    },
}  # fmt: skip


def source(**changes: Any) -> SignalSource:
    """Return a profile."""
    at = datetime(2026, 1, 5, tzinfo=UTC)
    given: dict[str, Any] = {"name": "a", "user_id": UserId("u"), "auth": SourceAuth.UNSIGNED, "saved_at": at}
    return SignalSource(**(given | changes))


def read(fields: dict[str, Any] | str | bytes, **profile: Any) -> Reading:
    """Understand a message."""
    body = json.dumps(fields) if isinstance(fields, dict) else fields
    return understand(body.encode() if isinstance(body, str) else body, source(**profile), TODAY)


def faults(reading: Reading) -> list[tuple[str, Fault]]:
    """Return what is wrong."""
    return [(problem.field, problem.fault) for problem in reading.problems]


@pytest.mark.parametrize("name", EXPECTED)
def test_each_recorded_form_is_understood(name: str) -> None:
    found = read((RECORDINGS / name).read_bytes())

    assert found.problems == () and found.symbol == "SPY"
    assert {field: getattr(found, field) for field in EXPECTED[name]} == EXPECTED[name]


def test_every_form_has_a_recording() -> None:
    assert {path.stem for path in RECORDINGS.iterdir()} == set(EVERY_SHAPE)


def test_a_context_update_is_about_the_market_and_starts_nothing() -> None:
    found = read((RECORDINGS / "context.json").read_bytes())

    assert (found.shape, found.symbol, found.action, found.direction) == ("context", "VIX", OBSERVE, NEUTRAL)
    assert found.facts == {"vix": "17.4", "trend": "up", "bias": "0.6", "gex_strength": "0.4"}


@pytest.mark.parametrize("name", [name for name in EXPECTED if name.endswith(".json")])
def test_what_is_stored_says_what_was_sent(name: str) -> None:
    plain = read_body((RECORDINGS / name).read_bytes())

    stored = canonical_json(without_secrets(plain, "a-secret-of-tradingview"))

    assert b"a-secret" not in stored
    assert understand(stored, source(), TODAY) == read((RECORDINGS / name).read_bytes())


@pytest.mark.parametrize(
    ("words", "profile", "expected"),
    [
        ({"action": "BUY"}, {}, (OPEN, BULLISH)),
        ({"action": "long"}, {}, (OPEN, BULLISH)),
        ({"action": "B", "type": "PUT"}, {}, (OPEN, BEARISH)),
        ({"action": "long", "type": "p"}, {}, (OPEN, BEARISH)),
        ({"action": "buy", "direction": "bearish"}, {}, (OPEN, BEARISH)),
        ({"action": "short"}, {}, (OPEN, BEARISH)),
        ({"action": "short", "type": "call"}, {}, (OPEN, BEARISH)),
        ({"action": "sell"}, {"sell": SellMeaning.CLOSE}, (CLOSE, NEUTRAL)),
        ({"action": "S", "direction": "CALL"}, {"sell": SellMeaning.CLOSE}, (CLOSE, BULLISH)),
        ({"action": "sell"}, {"sell": SellMeaning.BEARISH}, (OPEN, BEARISH)),
        ({"action": "flatten"}, {}, (CLOSE, NEUTRAL)),
        ({"action": "x", "type": "PUT"}, {}, (CLOSE, BEARISH)),
        ({"action": "open", "direction": "up"}, {}, (OPEN, BULLISH)),
        ({"action": "confirm", "direction": "down"}, {}, (OBSERVE, BEARISH)),
    ],
)
def test_words_become_an_intention(words: dict[str, str], profile: dict[str, Any], expected: tuple[Any, Any]) -> None:
    found = read({"symbol": "SPY", **words}, **profile)

    assert (found.action, found.direction) == expected and found.problems == ()


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [("symbol", Fault.MISSING), ("action", Fault.MISSING)]),
        ({"symbol": "SPY", "action": "SELL"}, [("action", Fault.AMBIGUOUS_SELL)]),
        ({"symbol": "SPY", "action": "short", "type": "put"}, [("action", Fault.AMBIGUOUS_SHORT)]),
        ({"symbol": "SPY", "action": "short", "direction": "up"}, [("direction", Fault.CONTRADICTION)]),
        ({"symbol": "SPY", "action": "long", "direction": "down"}, [("direction", Fault.CONTRADICTION)]),
        ({"symbol": "SPY", "action": "buy", "type": "put", "direction": "up"}, [("direction", Fault.CONTRADICTION)]),
        ({"symbol": "SPY", "action": "open"}, [("direction", Fault.MISSING)]),
        ({"symbol": "SPY", "ticker": "QQQ", "action": "buy"}, [("symbol", Fault.CONFLICT)]),
        ({"symbol": "{{ticker}}", "action": "buy"}, [("symbol", Fault.PLACEHOLDER)]),
        ({"symbol": "SPY'; DROP", "action": "buy"}, [("symbol", Fault.NOT_A_SYMBOL)]),
        ({"symbol": 5, "action": True}, [("symbol", Fault.NOT_A_SYMBOL), ("action", Fault.UNKNOWN_WORD)]),
        ({"symbol": "SPY", "action": "buy", "confidence": 0.8}, [("confidence", Fault.AMBIGUOUS_SCALE)]),
        ({"symbol": "SPY", "action": "buy", "confidence": "120%"}, [("confidence", Fault.OUT_OF_RANGE)]),
        ({"symbol": "SPY", "action": "buy", "interval": "1M"}, [("interval", Fault.UNKNOWN_WORD)]),
        ({"symbol": "SPY", "action": "buy", "interval": "7"}, [("interval", Fault.UNKNOWN_WORD)]),
        ({"symbol": "SPY", "action": "buy", "price": -1}, [("price", Fault.OUT_OF_RANGE)]),
        ({"symbol": "SPY", "action": "buy", "price": "NaN"}, [("price", Fault.NOT_A_NUMBER)]),
        ({"symbol": "SPY", "action": "buy", "qty": 1.5}, [("qty", Fault.OUT_OF_RANGE)]),
        ({"symbol": "SPY", "action": "buy", "expiry": "260102"}, [("expiry", Fault.EXPIRED)]),
        ({"symbol": "SPY", "action": "buy", "expiry": "soon"}, [("expiry", Fault.NOT_A_DATE)]),
        ({"symbol": "SPY", "action": "buy", "time": "2026-01-05T15:00:00"}, [("time", Fault.NO_ZONE)]),
        ({"symbol": "SPY", "action": "buy", "time": "now"}, [("time", Fault.NOT_A_TIME)]),
        ({"symbol": "SPY", "action": "buy", "order_type": "iceberg"}, [("order_type", Fault.UNKNOWN_WORD)]),
    ],
)
def test_what_is_incomplete_or_ambiguous_is_told_and_never_guessed(
    fields: dict[str, Any], expected: list[tuple[str, Fault]]
) -> None:
    assert faults(read(fields)) == expected


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"", Fault.EMPTY),
        (b" \n", Fault.EMPTY),
        (b"\xff\xfe{}", Fault.NOT_TEXT),
        (b'{"symbol": ', Fault.NOT_JSON),
        (b'{"price": NaN}', Fault.NOT_JSON),
        (b"[1]", Fault.NOT_AN_OBJECT),
        (b'{"symbol": "SPY", "Symbol": "SPY"}', Fault.REPEATED_KEY),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, Fault.TOO_DEEP),
        (b'{"a":' * 13 + b"1" + b"}" * 13, Fault.TOO_DEEP),
        (json.dumps({"a": list(range(2000))}).encode(), Fault.TOO_MANY),
        (b'{"price": ' + b"9" * 400 + b"}", Fault.OUT_OF_RANGE),
        (b"BUY SPY QQQ", Fault.UNKNOWN_TEXT),
    ],
)
def test_a_body_that_cannot_be_read_is_told_so(body: bytes, fault: Fault) -> None:
    assert fault in [problem.fault for problem in read(body).problems]


@pytest.mark.parametrize("name", [name for name, names in SYNONYMS.items() if len(names) > 1])
def test_each_name_of_a_field_says_the_same(name: str) -> None:
    words = {
        "action": "BUY", "symbol": "SPY", "option_type": "CALL", "timeframe": "5m", "price": "5", "sender_id": "9",
        "sent_at": "2026-01-05T15:00:00Z", "strategy": "one", "expiration": "Jan 16, 2026", "quantity": "2",
        "time_in_force": "gtc",
    }  # fmt: skip
    base = {"action": "BUY", "symbol": "SPY"}
    base.pop(name, None)

    found = [read({**base, synonym: words[name]}) for synonym in SYNONYMS[name]]

    assert all(one.problems == () and one.ignored == () for one in found)
    assert len({repr((one.understood, one.facts)) for one in found}) == 1


@pytest.mark.parametrize(
    ("word", "symbol"),
    [("nasdaq:aapl", "AAPL"), ("SPY.US", "SPY"), ("NYSE:BRK.B", "BRKB"), ("^SPX", "SPX"), (" qqq ", "QQQ")],
)
def test_an_exchange_is_no_part_of_the_symbol(word: str, symbol: str) -> None:
    assert read({"symbol": word, "action": "buy"}).symbol == symbol


@pytest.mark.parametrize(
    ("word", "timeframe"),
    [
        ("1", "1m"),
        ("5", "5m"),
        ("60", "1h"),
        ("240", "4h"),
        ("D", "1d"),
        ("1W", "1w"),
        ("30min", "30m"),
        ("daily", "1d"),
    ],
)
def test_timeframes_have_one_form(word: str, timeframe: str) -> None:
    assert read({"symbol": "SPY", "action": "buy", "interval": word}).timeframe == timeframe


def test_the_profile_says_what_the_sender_leaves_out() -> None:
    profile = {"mapping": {"Alert.sym": "symbol", "dir": "action"}, "fixed": {"timeframe": "15"}}

    found = read({"alert": {"sym": "SPY"}, "dir": "buy", "confidence": 4}, confidence_scale=Decimal(5), **profile)

    assert (found.symbol, found.action, found.timeframe, found.confidence) == ("SPY", OPEN, "15m", Decimal("80.00"))


@pytest.mark.parametrize(
    ("score", "session", "factor", "refusal"),
    [
        (1, "morning", "0.5", Reason.SIGNAL_TOO_WEAK),
        (2, "morning", "0.5", None),
        (3, "lunch", "0.40", None),
        (4, "lunch", "0.8", None),
        (6, "active", "1.25", None),
        (6, "morning", "1", None),
    ],
)
def test_the_rules_of_the_strat_engine(score: int, session: str, factor: str, refusal: Reason | None) -> None:
    plain = json.loads((RECORDINGS / "strat-engine.json").read_text())
    plain["signal"]["confidence"], plain["market"]["session"] = score, session

    found = read(plain)

    assert (found.size_factor, found.refusal) == (Decimal(factor), refusal)


@pytest.mark.parametrize(
    ("score", "met", "points", "factor", "refusal"),
    [
        (3.9, 4, 0, "1", Reason.SIGNAL_TOO_WEAK),
        (4, 4, 0, "1", None),
        (5.5, 4, 5, "1", None),
        (7, 4, 10, "1", None),
        (7, 3, 5, "1", None),
        (10.5, 1, 5, "0.5", None),
        (10.5, 0, 0, "0.5", None),
    ],
)
def test_the_rules_of_the_ultimate_option(
    score: float, met: int, points: int, factor: str, refusal: Reason | None
) -> None:
    plain = json.loads((RECORDINGS / "ultimate-option.json").read_text())
    names = ["mtf_alignment", "trend", "momentum", "volume"]
    plain |= {"score": score, "components": {name: index < met for index, name in enumerate(names)}}

    found = read(plain)

    assert (found.points, found.size_factor, found.refusal) == (points, Decimal(factor), refusal)


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    found = read(body)

    assert found.problems or (found.symbol and found.action and found.direction)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
NAMES = sorted({name for names in SYNONYMS.values() for name in names} | {"journal", "event", "score", "timeframes"})


@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=8))
@example({"signal": {}, "score": [0]})
@example({"action": 2.220446049250313e-16})
def test_no_json_breaks_the_reader_and_what_is_stored_reads_the_same(fields: dict[str, Any]) -> None:
    body = json.dumps(fields).encode()
    plain = read_body(body)
    if isinstance(plain, Problem):
        return

    assert understand(canonical_json(without_secrets(plain)), source(), TODAY) == read(body)


@given(st.text("abc-_", min_size=16, max_size=20), JSON)
def test_a_secret_is_stored_nowhere(secret: str, more: Any) -> None:
    clean = without_secrets(
        {"secret": secret, "note": f"a{secret}b", "more": {"passphrase": secret, "x": more}}, secret
    )

    assert clean["secret"] == clean["more"]["passphrase"] == "***"
    assert secret not in canonical_json(clean["note"]).decode()
