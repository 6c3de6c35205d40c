"""Short files, short functions, a sentence for everything public, and few mocks."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.architecture.conftest import ROOT, SOURCE

Modules = Mapping[Path, ast.Module]
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
KERNEL_LINES_MAX = 90  # in maths: one formula from its source to its end, without calls in between
MOCK_LINES_PER_100_TESTS_MAX = 5
STEP_PARTS = {"gather", "decide", "act"}  # every step has these three, and engine.step says what they do
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def test_files_fit_in_the_head() -> None:
    files = [*SOURCE.rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "tools").rglob("*.py")]
    long = {str(path.relative_to(ROOT)): lines for path in files if (lines := len(path.read_text().splitlines())) > 400}

    shipped = {path: lines for path, lines in long.items() if path.startswith("src") and lines >= FILE_LINES_MAX}
    assert not shipped


def test_functions_fit_on_a_screen(modules: Modules) -> None:
    long = {
        f"{path}:{function.name}": lines
        for path, tree in modules.items()
        for function in functions(tree)
        if (lines := (function.end_lineno or 0) - function.lineno + 1)
        > (KERNEL_LINES_MAX if path.parts[0] == "maths" else FUNCTION_LINES_MAX)
    }

    assert not long


def test_modules_and_their_public_parts_say_what_they_are_for(modules: Modules) -> None:
    silent = {str(path) for path, tree in modules.items() if not ast.get_docstring(tree)} | {
        f"{path}:{node.name}"
        for path, tree in modules.items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and node.name not in STEP_PARTS
        and not ast.get_docstring(node)
    }

    assert not silent


def test_every_ignore_carries_its_reason() -> None:
    bare = re.compile(r"#\s*(?:type:\s*ignore(?:\[[\w, -]+\])?|noqa(?::\s*[A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*)?)\s*$")
    unexplained = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("src", "tests", "tools")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if bare.search(line)
    ]

    assert not unexplained


def test_nothing_shipped_is_left_for_later() -> None:
    later = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|NotImplemented" r"Error)\b")
    marks = [
        f"{path.relative_to(ROOT)}:{number}"
        for folder in ("src", "tests", "tools", "docs")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in {".py", ".md", ".html", ".js", ".css", ".toml"} and "vendor" not in path.parts
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if later.search(line)
    ]

    assert not marks


def test_fakes_are_preferred_to_mocks() -> None:
    mock = re.compile(r"\b(Mock|MagicMock|AsyncMock|unittest\.mock|mocker|monkeypatch)\b|@patch\b|\bpatch\(")
    lines = tests = 0
    for path in (ROOT / "tests").rglob("*.py"):
        text = path.read_text()
        tests += sum(function.name.startswith("test_") for function in functions(ast.parse(text)))
        if path != Path(__file__):
            lines += sum(bool(mock.search(line)) for line in text.splitlines())

    assert lines * 100 < tests * MOCK_LINES_PER_100_TESTS_MAX, f"{lines} lines of mocks in {tests} tests"
