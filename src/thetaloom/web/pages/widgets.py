"""The form of a strategy as widgets: each field of the language with its value, its meaning and what is wrong."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from thetaloom.domain.strategy.fields import WORDS_MAX, Field, expected_entry, fields_of, word_of, words_of
from thetaloom.domain.strategy.metrics import Metric, WordMetric
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.web.strategy_form import NO, YES, shown_of, text_of

LONG_TEXT = 120  # characters; longer ones get several lines

# Of entries, what stands in sight even where it was left as it is.
ALWAYS = frozenset({"value", "unit", "of", "threshold", "priority", "ratio", "comparison", "points"})

# Where a word of the language says too little beside an empty field.
LABELS = {
    "select": "Strike",
    "by": "Found by",
    "of": "Measured from leg",
    "miss_max": "May miss by",
    "back": "Later expiration",
    "drops": "Legs left out",
    "allow_undefined_risk": "Allow an unlimited loss",
    "guard": "Guard",
    "prefer": "Weekly or monthly",
    "dte_min": "Fewest days",
    "dte_max": "Most days",
    "dte_target": "Wished days",
}

# The groups of the form, in the order of a run: title, what it is about, its fields, and whether it starts open.
GROUPS: Sequence[tuple[str, str, Sequence[str], bool]] = (
    ("What it is", "Its name, and when it suits.", ("id", "name", "description", "active", "symbols", "biases"), True),
    ("Expiration", "How far away it trades, in calendar days.", ("expiration", "back"), True),
    (
        "Legs",
        "What is bought and sold, and how each finds its strike.",
        ("legs", "width_table", "drops", "shares"),
        True,
    ),
    ("Leave when", "The first rule that is met closes the position.", ("exits", "targets", "ladder"), True),
    (
        "Enter only when",
        "All must hold; what is not known denies.",
        (
            *("conditions", "liquidity", "score", "hard_stops", "analysis", "entry_minutes_before_close_min"),
            *("open_runs_max", "positions_max", "capital_percent_max"),
        ),
        False,
    ),
    ("Size", "How many structures, and what may be lost.", ("size", "allow_undefined_risk"), False),
    ("Order", "How the limit walks from mid toward natural.", ("order",), False),
    ("Approval", "Who decides, and for how long a proposal stands.", ("approval",), False),
    (
        "Seldom needed",
        "Bad quotes, lone legs, assignments and restarts.",
        ("guard", "imbalance", "assignment", "restart"),
        False,
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One word to choose."""

    word: str
    meaning: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Widget:
    """One field of the form, or a part with fields of its own."""

    path: str
    label: str
    kind: str  # text, area, number, choice, choices, record or entries
    about: str
    unit: str = ""
    text: str = ""
    expected: str = ""
    error: str = ""
    required: bool = False
    optional: bool = False  # a part that may be left out
    present: bool = True
    suggestions: str = ""  # the list of words that a text field offers
    options: Sequence[Option] = ()
    children: Sequence["Widget"] = ()  # fields of a record; of entries, one record each
    can_add: bool = False
    spare: bool = False  # of an entry, and as it is when nobody touches it: behind "more"

    @property
    def id(self) -> str:
        """Its id within the page."""
        return id_of(self.path)

    def everything(self) -> Iterator["Widget"]:
        """Return this widget and all below it."""
        yield self
        for child in self.children:
            yield from child.everything()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Widgets that belong together."""

    title: str
    about: str
    anchor: str
    open: bool
    errors: int
    widgets: Sequence[Widget]


def id_of(path: str) -> str:
    """Return the id of the field at a path."""
    return "f-" + path.replace("].", "-").replace("[", "-").replace("]", "").replace(".", "-")


def groups_of(document: Mapping[str, Any], errors: Mapping[str, str]) -> list[Group]:
    """Return the form of a document, each problem at its field."""
    every = {widget.path: widget for widget in _widgets(Strategy, document, errors, "")}
    groups = []
    for title, about, names, starts_open in GROUPS:
        widgets = [every[name] for name in names]
        wrong = sum(bool(one.error) for widget in widgets for one in widget.everything())
        groups.append(
            Group(
                title=title,
                about=about,
                anchor=title.lower().replace(" ", "-"),
                open=starts_open or wrong > 0,
                errors=wrong,
                widgets=widgets,
            )
        )
    return groups


def suggested_words() -> dict[str, Sequence[Option]]:
    """Return the long lists of words, each of which stands in a page once."""
    return {
        kind.__name__: [Option(word=one.value, meaning=one.text, chosen=False) for one in kind]
        for kind in (Metric, WordMetric)
    }


def placed(groups: Sequence[Group]) -> set[str]:
    """Return the paths that have a field in the form."""
    return {one.path for group in groups for widget in group.widgets for one in widget.everything()}


def _widgets(record: type, document: Mapping[str, Any], errors: Mapping[str, str], prefix: str) -> list[Widget]:
    return [_widget(field, document, errors, f"{prefix}{field.key}") for field in fields_of(record)]


def _widget(field: Field, document: Mapping[str, Any], errors: Mapping[str, str], path: str) -> Widget:
    if field.is_record:
        return _entries(field, document, errors, path) if field.is_list else _record(field, document, errors, path)
    raw = shown_of(field, document)
    options, about, error = _options(field, raw), field.about.text.replace("`", ""), _error_of(field, errors, path)
    return Widget(
        path=path,
        label=_label(field),
        kind=_kind(field),
        about=about if field.is_list else _meaning(options, about),
        unit=field.about.unit,
        text=text_of(raw),
        expected=expected_entry(field),
        error=error,
        required=field.is_required,
        spare=_is_within_entry(path) and field.key not in ALWAYS and not error and _is_untouched(field, raw),
        suggestions=field.kind.__name__ if _is_long(field.kind) else "",
        options=options,
    )


def _record(field: Field, document: Mapping[str, Any], errors: Mapping[str, str], path: str) -> Widget:
    part = document.get(field.key)
    present = not field.is_optional or part is not None
    inner = part if isinstance(part, Mapping) else {}
    return Widget(
        path=path,
        label=_label(field),
        kind="record",
        about=field.about.text,
        error=errors.get(path, ""),
        optional=field.is_optional,
        present=present,
        spare=not present and _is_within_entry(path) and path not in errors,
        children=_widgets(field.kind, inner, errors, f"{path}.") if present else (),
    )


def _entries(field: Field, document: Mapping[str, Any], errors: Mapping[str, str], path: str) -> Widget:
    found = document.get(field.key)
    entries = found[: field.about.count_max] if isinstance(found, list | tuple) else ()
    children = [
        Widget(
            path=f"{path}[{at}]",
            label=_entry_label(field, at, entry),
            kind="record",
            about="",
            error=errors.get(f"{path}[{at}]", ""),
            optional=True,
            children=_widgets(field.kind, entry if isinstance(entry, Mapping) else {}, errors, f"{path}[{at}]."),
        )
        for at, entry in enumerate(entries)
    ]
    return Widget(
        path=path,
        label=_label(field),
        kind="entries",
        about=field.about.text,
        error=errors.get(path, ""),
        children=children,
        can_add=len(entries) < field.about.count_max,
    )


def _meaning(options: Sequence[Option], about: str) -> str:
    return next((one.meaning for one in options if one.chosen and one.word and one.meaning), about)


def _entry_label(field: Field, at: int, entry: Any) -> str:
    named = entry.get("name") or entry.get("kind") or entry.get("metric") if isinstance(entry, Mapping) else ""
    noun = field.key.rstrip("s").replace("_", " ")
    return f"{noun} {at + 1}" + (f": {str(named)[:40].replace('_', ' ')}" if named else "")


def _label(field: Field) -> str:
    return LABELS.get(field.key, field.key.replace("_", " ").capitalize())


def _kind(field: Field) -> str:
    if field.kind is bool:
        return "choice"
    if issubclass(field.kind, StrEnum):
        if field.is_list:
            return "choices"
        return "text" if len(words_of(field.kind)) > WORDS_MAX else "choice"
    if field.kind is str:
        return "area" if field.about.pattern is None and not field.is_list else "text"
    return "number"


def _options(field: Field, raw: Any) -> list[Option]:
    if field.kind is bool:
        return [Option(word=word, meaning="", chosen=text_of(raw) == word) for word in (YES, NO)]
    if not issubclass(field.kind, StrEnum) or len(words_of(field.kind)) > WORDS_MAX:
        return []
    chosen = {text_of(one) for one in raw or ()} if field.is_list else {text_of(raw)}
    options = [
        Option(word=word_of(one), meaning=getattr(one, "text", ""), chosen=word_of(one) in chosen)
        for one in words_of(field.kind).values()
    ]
    if not field.is_list and (field.is_optional or not any(one.chosen for one in options)):
        options.insert(0, Option(word="", meaning="not set", chosen=not any(one.chosen for one in options)))
    return options


def _is_long(kind: type[Any]) -> bool:
    return issubclass(kind, StrEnum) and len(words_of(kind)) > WORDS_MAX


def _is_within_entry(path: str) -> bool:
    return "]." in path


def _is_untouched(field: Field, raw: Any) -> bool:
    return not field.is_required and text_of(raw) == text_of(field.default)


def _error_of(field: Field, errors: Mapping[str, str], path: str) -> str:
    # A list in one text field has no fields for its entries, so what is wrong with one is said of the list.
    return "; ".join(said for at, said in errors.items() if at == path or (field.is_list and at.startswith(f"{path}[")))
