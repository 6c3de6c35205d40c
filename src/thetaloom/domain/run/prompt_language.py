"""The language of prompt templates: the part of Jinja that can only read the values it is given, and must end.

A template is data from a person, and its values come from outside. So the sandbox is made of what is allowed, not of
what is forbidden: no calls, no attributes of anything but mappings, no assignment, no macros, no other templates.
What it may do is counted, so that no loop runs for long.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from jinja2 import StrictUndefined, Undefined, nodes
from jinja2.exceptions import TemplateSyntaxError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS
from jinja2.visitor import NodeTransformer

from thetaloom.errors import InvalidInput

WORK_MAX = 100_000  # nodes that one rendering may evaluate inside loops
LOOP_DEPTH_MAX = 2
DEPTH_MAX = 60  # of expressions in each other
HEAVY = 20  # what a comparison or a filter counts, which may look at whole lists
DIGITS_MAX = 12
UNKNOWN = "(unknown)"
INSTANTS = ("now", "today")  # may also be written as calls
LOOP_WORDS = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length"})
TEST_NAMES = ("defined", "undefined", "none", "number", "string", "boolean", "mapping", "sequence", "odd", "even")
ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Slice,
    nodes.Filter,
    nodes.Test,
    nodes.If,
    nodes.For,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Neg,
    nodes.Pos,
    nodes.Concat,
    nodes.List,
    nodes.Tuple,
    nodes.Keyword,
)
WORDS = {
    nodes.Call: "a call",
    nodes.Assign: "set",
    nodes.AssignBlock: "set",
    nodes.Macro: "a macro",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Include: "include",
    nodes.Extends: "extends",
    nodes.Block: "a block",
    nodes.FilterBlock: "a filter block",
    nodes.Pow: "a power",
    nodes.Dict: "a dictionary",
}


class Sandbox(ImmutableSandboxedEnvironment):
    """One rendering: its own environment, its own count of work, and a list of what was missing."""

    intercepted_binops = frozenset(["+", "-", "*", "/", "//", "%", "**"])

    def __init__(self, *, strict: bool) -> None:
        self.missing: list[str] = []
        super().__init__(
            undefined=StrictUndefined if strict else _collecting(self.missing),
            autoescape=False,
            optimized=False,  # nothing of a template is worked out while it is only checked
            trim_blocks=True,
            lstrip_blocks=True,
            cache_size=0,
        )
        self.globals.clear()
        self.filters = dict(FILTERS) | {"counted": self.counted}
        self.tests = {name: TESTS[name] for name in TEST_NAMES}
        self._work = 0

    def counted(self, entries: object, weight: int) -> Iterator[object]:
        """Go through a loop's entries, each for the work that its body costs."""
        if isinstance(entries, Undefined):
            entries = list(entries)  # a strict one says what is missing
        if not isinstance(entries, Mapping | list | tuple):
            raise InvalidInput(f"a loop goes over a list or a mapping, not over {entries!r:.40}")
        for entry in entries:
            self._work += weight
            if self._work > WORK_MAX:
                raise InvalidInput("the template's loops do too much", details={"work_max": WORK_MAX})
            yield entry

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Look a name up in a mapping; nothing else has attributes here."""
        if isinstance(obj, LoopContext) and attribute in LOOP_WORDS:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Look up a name in a mapping, or a place or a slice in a list."""
        if isinstance(obj, Mapping) and isinstance(argument, str) and argument in obj:
            return obj[argument]
        if isinstance(obj, list | tuple) and isinstance(argument, int | slice):
            try:
                return obj[argument]
            except IndexError:
                return self.undefined(obj=obj, name=str(argument))
        if isinstance(obj, Undefined):
            return self.undefined(name=f"{obj._undefined_name}.{argument}")
        return self.undefined(obj=obj, name=str(argument))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Work with numbers only; text times a million is how templates eat memory."""
        if not _is_number(left) or not _is_number(right):
            raise InvalidInput(f"{operator} needs two numbers; ~ puts texts together")
        if isinstance(left, Decimal) != isinstance(right, Decimal):  # a float and a decimal do not mix by themselves
            left, right = Decimal(str(left)), Decimal(str(right))
        return self.binop_table[operator](left, right)


def checked(sandbox: Sandbox, text: str) -> nodes.Template:
    """Parse a template and refuse whatever could reach beyond its values or run for long. Raises ``InvalidInput``."""
    try:
        tree = sandbox.parse(text)
    except TemplateSyntaxError as error:
        raise InvalidInput(f"line {error.lineno}: {error.message}", details={"line": error.lineno}) from None
    except (RecursionError, ValueError, OverflowError) as error:  # nested too deeply, or a number of too many digits
        raise InvalidInput(f"cannot be read: {type(error).__name__}") from None
    _Instants().visit(tree)
    _refuse(sandbox, tree, depth=0, loops=0)
    _weigh(tree)
    return tree


def weight_of(node: nodes.Node) -> int:
    """Return what evaluating a node once costs, loops inside it apart."""
    own = HEAVY if isinstance(node, nodes.Compare | nodes.Filter) else 1
    return own + sum(weight_of(child) for child in node.iter_child_nodes())


class _Instants(NodeTransformer):
    """Lets ``now()`` and ``today()`` be written for the values ``now`` and ``today``; no other call is known."""

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802  # the visitor finds it by the node's name
        named = isinstance(node.node, nodes.Name) and node.node.name in INSTANTS
        if named and not (node.args or node.kwargs or node.dyn_args or node.dyn_kwargs):
            return node.node
        return node


def _refuse(sandbox: Sandbox, node: nodes.Node, *, depth: int, loops: int) -> None:
    line = getattr(node, "lineno", 0)
    if depth > DEPTH_MAX:
        raise InvalidInput(f"line {line}: nested more than {DEPTH_MAX} deep", details={"line": line})
    problem = _problem(sandbox, node)
    loops += isinstance(node, nodes.For)
    if loops > LOOP_DEPTH_MAX:
        problem = f"more than {LOOP_DEPTH_MAX} loops in each other"
    if problem:
        raise InvalidInput(f"line {line}: {problem}", details={"line": line})
    for child in node.iter_child_nodes():
        _refuse(sandbox, child, depth=depth + 1, loops=loops)


def _problem(sandbox: Sandbox, node: nodes.Node) -> str:
    match node:
        case nodes.Name(name=name) if name.startswith("_") or name in ("self", "super", "caller", "varargs", "kwargs"):
            return f"{name} is no value of a prompt"
        case nodes.Getattr(attr=word) | nodes.Getitem(arg=nodes.Const(value=str() as word)) if word.startswith("_"):
            return f"{word} cannot be reached"
        case nodes.Filter(name=name) if name not in FILTERS or node.dyn_args or node.dyn_kwargs:
            return f"there is no filter {name}; there are {', '.join(sorted(FILTERS))}"
        case nodes.Test(name=name) if name not in sandbox.tests:
            return f"there is no test {name}; there are {', '.join(TEST_NAMES)}"
        case nodes.For(recursive=True):
            return "a recursive loop is not allowed in a prompt"
        case nodes.For(iter=nodes.List() | nodes.Tuple() | nodes.Const()):
            return "a loop goes over a value that is given"
    if isinstance(node, ALLOWED):
        return ""
    return f"{WORDS.get(type(node), type(node).__name__.lower())} is not allowed in a prompt"


def _weigh(tree: nodes.Template) -> None:
    for loop in list(tree.find_all(nodes.For)):
        body = sum(weight_of(node) for node in (*loop.body, *loop.else_))
        body += weight_of(loop.test) if loop.test is not None else 0
        weight = nodes.Const(body + 1, lineno=loop.lineno)
        loop.iter = nodes.Filter(loop.iter, "counted", [weight], [], None, None, lineno=loop.lineno)


def _collecting(missing: list[str]) -> type[Undefined]:
    class Missing(Undefined):
        """Reads as unknown, and remembers that it was asked for."""

        def _note(self) -> None:
            name = str(self._undefined_name)
            if name not in missing:
                missing.append(name)

        def __str__(self) -> str:
            self._note()
            return UNKNOWN

        def __iter__(self) -> Iterator[Any]:
            self._note()
            return iter(())

        def __bool__(self) -> bool:
            self._note()
            return False

    return Missing


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _number(value: object, filter_: str) -> Decimal:
    if isinstance(value, Undefined):
        str(value)  # a strict one says what is missing; another remembers it
    if not _is_number(value):
        raise InvalidInput(f"{filter_} needs a number, not {value!r:.40}")
    return Decimal(str(value))


def _digits(digits: object) -> int:
    if isinstance(digits, bool) or not isinstance(digits, int) or not 0 <= digits <= DIGITS_MAX:
        raise InvalidInput(f"digits: 0 to {DIGITS_MAX}")
    return digits


def _maybe(value: object) -> bool:
    return value is None or (isinstance(value, Undefined) and not isinstance(value, StrictUndefined))


def round_decimal(value: object, digits: int = 2) -> str:
    """Round half to even; what is unknown stays unknown."""
    if _maybe(value):
        return _unknown(value)
    exponent = Decimal(1).scaleb(-_digits(digits))
    return f"{_number(value, 'round_decimal').quantize(exponent, rounding=ROUND_HALF_EVEN):f}"


def format_percent(value: object, digits: int = 2) -> str:
    """Write a fraction as percent: 0.0525 is 5.25%."""
    if _maybe(value):
        return _unknown(value)
    return f"{round_decimal(_number(value, 'format_percent') * 100, digits)}%"


def format_currency(value: object, symbol: str = "$", digits: int = 2) -> str:
    """Write an amount of money: -1234.5 is -$1,234.50."""
    if _maybe(value):
        return _unknown(value)
    amount = Decimal(round_decimal(value, digits))
    sign = "-" if amount < 0 else ""
    return f"{sign}{str(symbol)[:3]}{abs(amount):,f}"


def datetimeformat(value: object, form: str = "%Y-%m-%d %H:%M %Z") -> str:
    """Write an instant; ``form`` is that of strftime."""
    return _time(value, form, datetime)


def dateformat(value: object, form: str = "%Y-%m-%d") -> str:
    """Write a day."""
    return _time(value, form, date)


def _time(value: object, form: str, kind: type) -> str:
    if _maybe(value):
        return _unknown(value)
    if not isinstance(value, kind) or not isinstance(value, date) or len(str(form)) > 40:
        raise InvalidInput(f"{value!r:.40} is no {kind.__name__}, or its form is longer than 40 characters")
    return value.strftime(str(form))


def _unknown(value: object) -> str:
    if isinstance(value, Undefined):
        str(value)  # remembers what was missing
    return UNKNOWN


def default_if_none(value: object, instead: object = "") -> object:
    """Put something in the place of ``None`` or of a value that is not there."""
    return instead if value is None or isinstance(value, Undefined) else value


def absolute(value: object) -> object:
    """Return a number without its sign."""
    return _unknown(value) if _maybe(value) else abs(_number(value, "abs"))


def length(value: object) -> int:
    """Count the entries of a list or a mapping, or the characters of a text."""
    if not isinstance(value, str | Mapping | Sequence):
        raise InvalidInput(f"length needs a list or a text, not {value!r:.40}")
    return len(value)


def joined(value: object, separator: str = ", ") -> str:
    """Put the entries of a list together."""
    if not isinstance(value, list | tuple):
        raise InvalidInput(f"join needs a list, not {value!r:.40}")
    return str(separator)[:20].join(str(entry) for entry in value)


def items(value: object) -> list[tuple[str, object]]:
    """Return the names and values of a mapping."""
    if not isinstance(value, Mapping):
        raise InvalidInput(f"items needs a mapping, not {value!r:.40}")
    return list(value.items())


FILTERS: dict[str, Callable[..., Any]] = {
    "round_decimal": round_decimal,
    "format_percent": format_percent,
    "format_currency": format_currency,
    "datetimeformat": datetimeformat,
    "dateformat": dateformat,
    "default_if_none": default_if_none,
    "default": default_if_none,
    "abs": absolute,
    "length": length,
    "join": joined,
    "items": items,
    "upper": lambda text: str(text).upper(),
    "lower": lambda text: str(text).lower(),
}
