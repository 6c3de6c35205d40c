"""A strategy as the fields of a form: what a browser posts becomes the document, which the one parser reads.

The form is made from the strategy language itself, so whatever a document can say the form can. Names of fields are
paths, such as ``legs[1].select.by``; parts that may be left out, and entries of lists, stand in the form once added.
"""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from decimal import Decimal
from enum import StrEnum
from typing import Any

from thetaloom.domain.strategy.documents import NUMBER_TEXT, strategy_document
from thetaloom.domain.strategy.fields import Field, fields_of, word_of
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.errors import InvalidInput

Form = Mapping[str, Sequence[str]]  # what was posted, by name
Document = dict[str, Any]
YES, NO = "yes", "no"
WHOLE = re.compile(r"-?[0-9]{1,9}")
STEP = re.compile(r"([a-z_0-9]+)((?:\[[0-9]{1,3}\])?)")
PATH_MAX = 120
ENTRIES_MAX = 100

# How a part begins its life when it is added; whatever is missing is asked for at its field.
STARTS: Mapping[str, Document] = {
    "legs": {"side": "sell", "right": "put", "select": {"by": "delta", "value": "-0.16", "unit": "delta"}},
    "exits": {"kind": "profit_target", "threshold": "50", "unit": "percent_of_premium"},
    "conditions": {"metric": "iv_rank", "comparison": ">=", "threshold": "30"},
    "back": {"dte_min": 50, "dte_max": 90, "dte_target": 60},
    "width_table": {"by": "spot", "steps": [{"width": 5}]},
    "targets": {"name": "target_1", "legs": [], "percent": "50"},
    "score": {"terms": [{"metric": "iv_rank", "bands": [{"at_least": 50, "points": 10}]}]},
    "guard": {"level": "support"},
}


def document_of(form: Form) -> Document:
    """Return the document that a form says; numbers that are none stay text, for the parser to refuse by name."""
    return _record_of(Strategy, form, "")


def pairs_of(strategy: Strategy) -> list[tuple[str, str]]:
    """Return a strategy as a browser would post it from its form."""
    return list(_pairs(Strategy, strategy_document(strategy), ""))


def text_of(raw: Any) -> str:
    """Write a value of a document as the text of its field."""
    if raw is None:
        return ""
    if isinstance(raw, bool):
        return YES if raw else NO
    if isinstance(raw, StrEnum):
        return word_of(raw)
    if isinstance(raw, Decimal):
        return format(raw, "f")
    if isinstance(raw, list | tuple):
        return ", ".join(text_of(one) for one in raw)
    return "" if isinstance(raw, dict) else str(raw)


def shown_of(field: Field, document: Mapping[str, Any]) -> Any:
    """Return what a field holds, or what it means where the document leaves it out."""
    if field.key in document:
        return document[field.key]
    return None if field.is_required else field.default


def add_part(document: Document, path: str) -> Document:
    """Return the document with the part at ``path`` added, or one more entry of the list there."""
    changed = deepcopy(document)
    field, holder = _found(changed, path)
    start = deepcopy(STARTS.get(field.key, {}))
    if not field.is_list:
        holder.setdefault(field.key, start)
        return changed
    entries = holder.setdefault(field.key, [])
    if not isinstance(entries, list) or len(entries) >= min(field.about.count_max, ENTRIES_MAX):
        raise InvalidInput(f"{path} holds {field.about.count_max} entries at most", details={path: "is full"})
    if field.key == "legs" and field.is_record:
        taken = {entry.get("name") for entry in entries if isinstance(entry, dict)}
        number = next(number for number in range(1, ENTRIES_MAX) if f"leg_{number}" not in taken)
        start = {"name": f"leg_{number}", **start}
    entries.append(start)
    return changed


def remove_part(document: Document, path: str) -> Document:
    """Return the document without the part or the entry at ``path``; one that is not there changes nothing."""
    changed = deepcopy(document)
    parent, _, last = path.rpartition("[") if path.endswith("]") else (path, "", "")
    field, holder = _found(changed, parent)
    if not last:
        holder.pop(field.key, None)
        return changed
    entries, at = holder.get(field.key), last.rstrip("]")
    if isinstance(entries, list) and at.isdecimal() and int(at) < len(entries):
        del entries[int(at)]
    return changed


def _record_of(record: type, form: Form, prefix: str) -> Document:
    document: Document = {}
    for field in fields_of(record):
        path = f"{prefix}{field.key}"
        if field.is_record and field.is_list:
            entries = [_record_of(field.kind, form, f"{path}[{at}].") for at in _indices(form, path)]
            if entries:
                document[field.key] = entries
        elif field.is_record:
            if not field.is_optional or YES in form.get(path, ()):
                part = _record_of(field.kind, form, f"{path}.")
                if part or field.is_optional or field.is_required:
                    document[field.key] = part
        elif path in form:
            _take(document, field, form[path])
    return document


def _take(document: Document, field: Field, given: Sequence[str]) -> None:
    if field.is_list and issubclass(field.kind, StrEnum):
        document[field.key] = [word for word in given if word]
    elif field.is_list:
        document[field.key] = [word for word in re.split(r"[\s,]+", " ".join(given)) if word]
    elif (text := given[-1]).strip() or (field.kind is str and text):
        document[field.key] = _scalar(field, text)


def _scalar(field: Field, text: str) -> Any:
    if field.kind is str:
        return text.replace("\r\n", "\n")
    plain = text.strip()
    if field.kind is bool:
        return {YES: True, NO: False}.get(plain, plain)
    if field.kind is int and WHOLE.fullmatch(plain):
        return int(plain)
    return Decimal(plain) if issubclass(field.kind, Decimal) and NUMBER_TEXT.fullmatch(plain) else plain


def _indices(form: Form, path: str) -> list[int]:
    start = f"{path}["
    found = {name[len(start) :].partition("]")[0] for name in form if name.startswith(start)}
    return sorted({int(one) for one in found if one.isdecimal() and len(one) <= 3})[:ENTRIES_MAX]


def _pairs(record: type, document: Mapping[str, Any], prefix: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for field in fields_of(record):
        path, raw = f"{prefix}{field.key}", shown_of(field, document)
        if field.is_record and field.is_list:
            for at, entry in enumerate(raw or ()):
                pairs += _pairs(field.kind, entry, f"{path}[{at}].")
        elif field.is_record:
            part = document.get(field.key)
            if field.is_optional and part is None:
                continue
            pairs += [(path, YES)] if field.is_optional else []
            pairs += _pairs(field.kind, part or {}, f"{path}.")
        elif field.is_list and issubclass(field.kind, StrEnum):
            pairs += [(path, ""), *((path, text_of(one)) for one in raw or ())]
        else:
            pairs.append((path, text_of(raw)))
    return pairs


def _found(document: Document, path: str) -> tuple[Field, Document]:
    """Find the field at a path and the table that holds it; refuses a path that the language does not have."""
    record: type = Strategy
    holder: Any = document
    steps = path.split(".") if len(path) <= PATH_MAX else []
    for number, step in enumerate(steps):
        match = STEP.fullmatch(step)
        field = None if match is None else next((one for one in fields_of(record) if one.key == match[1]), None)
        if match is None or field is None or not field.is_record or not isinstance(holder, dict):
            break
        if number == len(steps) - 1 and not match[2]:
            return field, holder
        holder = holder.get(field.key)
        if match[2]:
            at = int(match[2][1:-1])
            holder = holder[at] if isinstance(holder, list) and at < len(holder) else None
        record = field.kind
    raise InvalidInput(f"{path[:PATH_MAX]!r} is no part of a strategy", details={"do": "names no part"})
