"""The tree under test, read once."""

import ast
import subprocess
from collections.abc import Mapping
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "thetaloom"


@pytest.fixture(scope="session")
def modules() -> Mapping[Path, ast.Module]:
    """Every shipped module as a syntax tree, by its path below the package."""
    return {path.relative_to(SOURCE): ast.parse(path.read_text()) for path in sorted(SOURCE.rglob("*.py"))}


@pytest.fixture(scope="session")
def imports() -> Mapping[str, frozenset[str]]:
    """What each module of the package imports directly from the package."""
    graph = grimp.build_graph("thetaloom", cache_dir=None)
    return {module: frozenset(graph.find_modules_directly_imported_by(module)) for module in graph.modules}


@pytest.fixture(scope="session")
def tracked_files() -> tuple[Path, ...]:
    """Every file of the repository, as git lists it; files not yet added count as well."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return tuple(path for name in listed if (path := ROOT / name).is_file())
