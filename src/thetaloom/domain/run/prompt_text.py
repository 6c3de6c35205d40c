"""From a template and values to the text that a model reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any

from jinja2 import meta
from jinja2.exceptions import TemplateError, UndefinedError

from thetaloom.domain.run.prompt_language import Sandbox, checked
from thetaloom.domain.run.prompts import TEXT_MAX
from thetaloom.errors import InvalidInput

RENDERED_MAX = 60_000  # characters
ENTRIES_MAX = 400  # of a list or mapping that a template is given
WORDS_MAX = 4_000  # characters of one text that a template is given
VALUES_DEPTH_MAX = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A rendered template, and what it asked for that was not there."""

    text: str
    missing: tuple[str, ...] = ()


def check_template(text: str) -> tuple[str, ...]:
    """Return the names that a template reads. Raises ``InvalidInput`` with the line for one that is not allowed."""
    _check_size(text)
    sandbox = Sandbox(strict=True)
    tree = checked(sandbox, text)
    _compiled(sandbox, tree)
    return tuple(sorted(meta.find_undeclared_variables(tree)))


def render(text: str, values: Mapping[str, object], *, strict: bool = True) -> Rendered:
    """Fill a template in. Strict refuses a missing value; otherwise it reads ``(unknown)`` and is listed."""
    _check_size(text)
    sandbox = Sandbox(strict=strict)
    template = _compiled(sandbox, checked(sandbox, text))
    given = {name: plain_value(name, value) for name, value in values.items()}
    try:
        written = _written(template.generate(given))
    except UndefinedError as error:
        raise InvalidInput(f"the template needs a value that is not there: {error.message}") from None
    except (TemplateError, ArithmeticError, TypeError, ValueError, LookupError, RecursionError) as error:
        raise InvalidInput(f"the template cannot be filled in: {error}") from None
    return Rendered(text=printable(written).strip(), missing=tuple(sandbox.missing))


def plain_value(name: str, value: object, depth: int = 0) -> object:
    """Return a value with nothing but data in it: no object of ours ever reaches a template."""
    if depth > VALUES_DEPTH_MAX:
        raise InvalidInput(f"{name}: nested more than {VALUES_DEPTH_MAX} deep")
    match value:
        case None | bool() | int() | datetime() | date():
            return value
        case Decimal() | float():
            return value if isfinite(value) else None
        case str():
            return _words(value)
        case Mapping():
            _check_entries(name, len(value))
            return {str(key): plain_value(f"{name}.{key}", entry, depth + 1) for key, entry in value.items()}
        case Sequence() if not isinstance(value, bytes | bytearray):
            _check_entries(name, len(value))
            return [plain_value(f"{name}[{place}]", entry, depth + 1) for place, entry in enumerate(value)]
    raise InvalidInput(f"{name}: a template cannot be given a {type(value).__name__}")


def printable(text: str) -> str:
    """Leave out control characters and marks of direction: they could hide from a person what a model reads."""
    return "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")


def _words(text: str) -> str:
    shown = printable(text)
    return shown if len(shown) <= WORDS_MAX else shown[:WORDS_MAX] + "…"


def _written(chunks: Any) -> str:
    parts, size = [], 0
    for chunk in chunks:
        size += len(chunk)
        if size > RENDERED_MAX:
            raise InvalidInput(f"the rendered prompt is longer than {RENDERED_MAX} characters")
        parts.append(chunk)
    return "".join(parts).strip()


def _compiled(sandbox: Sandbox, tree: Any) -> Any:
    try:
        return sandbox.template_class.from_code(sandbox, sandbox.compile(tree), {})
    except TemplateError as error:
        raise InvalidInput(f"the template cannot be read: {error}") from None
    except (SyntaxError, RecursionError, MemoryError, ValueError) as error:
        raise InvalidInput(f"the template cannot be read: {type(error).__name__}") from None


def _check_size(text: str) -> None:
    if not text.strip() or len(text) > TEXT_MAX:
        raise InvalidInput(f"a template has 1 to {TEXT_MAX} characters", details={"characters": len(text)})


def _check_entries(name: str, count: int) -> None:
    if count > ENTRIES_MAX:
        raise InvalidInput(f"{name}: more than {ENTRIES_MAX} entries")
