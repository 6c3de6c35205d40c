"""Write the reference pages from the code, or say which of them are out of date.

python -m tools.make_docs [--check]
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

from tools.docs import (
    broker_pages,
    commands,
    domain_pages,
    import_tables,
    pictures,
    routes,
    signals_page,
    strategy_pages,
    tables,
    wire_page,
)

ROOT = Path(__file__).resolve().parents[1]


PAGES: dict[str, Callable[[], str]] = {
    "docs/reference/cli.md": commands.cli_page,
    "docs/reference/http.md": routes.http_page,
    "docs/reference/settings.md": domain_pages.settings_page,
    "docs/reference/risk-limits.md": domain_pages.limits_page,
    "docs/reference/reason-codes.md": domain_pages.reasons_page,
    "docs/reference/events.md": domain_pages.events_page,
    "docs/reference/errors.md": domain_pages.errors_page,
    "docs/reference/database.md": tables.database_page,
    "docs/reference/live-wire.md": wire_page.wire_page,
    "docs/reference/signals.md": signals_page.signals_page,
    "docs/reference/strategies.md": domain_pages.strategies_page,
    "docs/reference/strategy.schema.json": domain_pages.strategy_schema_file,
    **strategy_pages.strategy_files(),
    **broker_pages.broker_files(),
}
# Parts of written pages: what stands between the two marks of that name.
PARTS: dict[str, Callable[[], str]] = {
    "import formats": import_tables.formats_table,
    "import rejections": import_tables.rejections_table,
    "order statuses": pictures.order_picture,
    "refusals": pictures.refusals_table,
    "run statuses": pictures.run_picture,
    "layers": pictures.layers,
    "steps": pictures.steps,
    "strategy count": strategy_pages.strategy_count,
}
MARKED = re.compile(r"(<!-- begin (?P<name>[a-z ]+), generated -->\n).*?(<!-- end -->\n)", re.DOTALL)


def rendered() -> dict[Path, str]:
    """Return every generated page as it should be, and every written page with its generated parts renewed."""
    pages = {ROOT / name: render() for name, render in PAGES.items()}
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        if path not in pages and MARKED.search(text := path.read_text()):
            pages[path] = with_parts(text)
    return pages


def with_parts(text: str) -> str:
    """Return a page with its marked parts written anew."""
    return MARKED.sub(lambda found: f"{found[1]}{PARTS[found['name']]()}{found[3]}", text)


def outdated() -> list[Path]:
    """Return the pages that are not what the code says now."""
    return [path for path, text in rendered().items() if not path.exists() or path.read_text() != text]


def main(arguments: list[str]) -> int:
    """Write the pages, or with ``--check`` only compare; return the exit code."""
    old = outdated()
    if "--check" in arguments:
        for path in old:
            print(f"{path.relative_to(ROOT)} is out of date: run make docs")
        return 1 if old else 0
    pages = rendered()
    for path in old:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages[path])
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
