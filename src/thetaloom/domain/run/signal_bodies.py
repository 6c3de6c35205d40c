"""From the bytes of a message to plain fields: strict JSON, or a line of text; the secret taken out."""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from thetaloom.domain.run.signal_faults import Fault, Problem, seen
from thetaloom.domain.run.signal_words import ACTIONS, DIRECTIONS, read_timeframe
from thetaloom.errors import InvalidInput

DEPTH_MAX, ENTRIES_MAX, DIGITS_MAX = 12, 1000, 30
SECRET_NAMES = ("secret", "passphrase")
STARS = "***"
BARE = ("null", "true", "false")  # JSON, and not a text that could name a symbol
_BARE_NUMBER = re.compile(r"[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# A colon pairs only with a space behind it: NASDAQ:SPY is a symbol.
_PAIR = re.compile(r"([A-Za-z][\w.]*)(?:\s*=\s*|:\s+)(\"[^\"]*\"|[^\s,;&]+)")


def read_body(body: bytes) -> dict[str, Any] | Problem:
    """Return the fields of a message, numbers exact, names in one spelling; JSON where it begins with a bracket."""
    try:
        text = body.decode("utf-8-sig").strip()
        if not text:
            _refuse(Fault.EMPTY)
        if text in BARE or _BARE_NUMBER.fullmatch(text):
            _refuse(Fault.NOT_AN_OBJECT)
        if text[0] not in '{["':
            return read_text(text)
        plain: Any = json.loads(
            text,
            object_pairs_hook=_object,
            parse_float=_number,
            parse_int=_number,
            parse_constant=lambda word: _refuse(Fault.NOT_JSON, word),
        )
        if not isinstance(plain, dict):
            return Problem(field="body", fault=Fault.NOT_AN_OBJECT)
        _check_size(plain)
    except UnicodeError:
        return Problem(field="body", fault=Fault.NOT_TEXT)
    except InvalidInput as error:
        return Problem(field="body", fault=Fault.of(error.message), detail=str(error.details["seen"]))
    except json.JSONDecodeError as error:
        return Problem(field="body", fault=Fault.NOT_JSON, detail=f"{error.msg}, line {error.lineno}")
    except RecursionError:
        return Problem(field="body", fault=Fault.TOO_DEEP)
    return plain


def read_text(text: str) -> dict[str, Any]:
    """Return the fields of a line such as ``BUY SPY CALL 5m @ 575.20`` or ``action=buy, symbol=SPY``.

    Words that are none of ours are kept under ``words``: one of them is the symbol, two are a problem.
    """
    found: dict[str, Any] = {}
    doubled: list[str] = []
    for name, word in _PAIR.findall(text):
        key = name_of(name)
        if key in found and found[key] != word.strip('"'):
            doubled.append(key)
        found[key] = word.strip('"')
    left = re.sub(r"@\s*", "@", _PAIR.sub(" ", text))
    unknown = [word for word in re.split(r"[\s,;&]+", left) if word and not _place(found, word)]
    if len(unknown) == 1 and "symbol" not in found:
        found["symbol"] = unknown.pop()
    if unknown:
        found["words"] = " ".join(unknown)
    if doubled:
        found["doubled"] = " ".join(doubled)
    return found | {"form": "text"}


def name_of(key: str) -> str:
    """Return a key in the one spelling: ``orderType``, ``Order-Type`` and ``order_type`` are one; ``1M`` is not 1m."""
    if key[:1].isdigit():
        return key
    return _CAMEL.sub("_", key.strip()).lower().replace("-", "_").replace(" ", "_")


def secret_of(plain: Mapping[str, Any]) -> str | None:
    """Return the shared secret that a message carries at its top."""
    found = next((plain[name] for name in SECRET_NAMES if name in plain), None)
    return found if isinstance(found, str) else None


def without_secrets(plain: Any, secret: str | None = None) -> Any:
    """Return a message as it may be stored and shown: no secret under its name, none in any text."""
    match plain:
        case Mapping():
            return {
                _starred(str(name), secret): STARS if name in SECRET_NAMES else without_secrets(entry, secret)
                for name, entry in plain.items()
            }
        case str():
            return _starred(plain, secret)
        case Sequence():
            return [without_secrets(entry, secret) for entry in plain]
    return plain


def flattened(plain: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return every entry under its path, such as ``signal.side`` or ``targets.0``."""
    flat: dict[str, Any] = {}
    for name, entry in plain.items():
        path = f"{before}{name}"
        if isinstance(entry, list):
            entry = {str(index): one for index, one in enumerate(entry)}
        if isinstance(entry, Mapping):
            flat |= flattened(entry, f"{path}.")
        else:
            flat[path] = entry
    return flat


def _starred(text: str, secret: str | None) -> str:
    return text.replace(secret, STARS) if secret else text


def _place(found: dict[str, Any], word: str) -> bool:
    upper = word.upper()
    if word.startswith("@") and len(word) > 1:
        found.setdefault("price", word[1:])
    elif upper in ACTIONS and "action" not in found:
        found["action"] = word
    elif upper in DIRECTIONS and len(upper) > 1 and "direction" not in found:
        found["direction"] = word
    elif not word.isdigit() and "timeframe" not in found and isinstance(read_timeframe("", word), str):
        found["timeframe"] = word
    else:
        return False
    return True


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, entry in pairs:
        name = name_of(key)
        if name in found:
            _refuse(Fault.REPEATED_KEY, key)
        found[name] = entry
    return found


def _number(digits: str) -> Decimal:
    if len(digits) > DIGITS_MAX:
        _refuse(Fault.OUT_OF_RANGE, digits)
    number = Decimal(digits)
    if number and abs(number.adjusted()) > DIGITS_MAX:
        _refuse(Fault.OUT_OF_RANGE, digits)
    return Decimal(format(number, "f")) if number else Decimal(0)  # 1e3 and 1000 are stored alike


def _refuse(fault: Fault, word: str = "") -> Any:
    # The hooks of the JSON reader can stop it by an exception alone.
    raise InvalidInput(fault.value, details={"seen": seen(word) if word else ""})


def _check_size(plain: Any) -> None:
    level, entries = [plain], 0
    for _ in range(DEPTH_MAX):
        below: list[Any] = []
        for one in level:
            if isinstance(one, str):
                one.encode()  # half of a pair of surrogates is a legal escape, and no text
            elif isinstance(one, dict):
                "".join(one).encode()
                below += one.values()
            elif isinstance(one, list):
                below += one
        entries += len(below)
        if entries > ENTRIES_MAX:
            _refuse(Fault.TOO_MANY)
        if not below:
            return
        level = below
    _refuse(Fault.TOO_DEEP)
