"""The page of HTTP routes, from the OpenAPI description that the application itself gives."""

from collections.abc import Iterator, Mapping
from tempfile import TemporaryDirectory
from typing import Any

from thetaloom.bootstrap import open_platform
from thetaloom.config import load_settings
from thetaloom.web.app import create_app
from tools.docs.markdown import code, page, sentences, table

METHODS = ("get", "post", "put", "patch", "delete")


def http_page() -> str:
    """Return the page of routes."""
    document = openapi()
    groups: dict[str, list[str]] = {}
    for path, method, operation in operations(document):
        groups.setdefault(_group(path), []).append(_operation(document, path, method, operation))
    parts = [f"## {name}\n\n" + "\n\n".join(found) for name, found in sorted(groups.items())]
    intro = "The running server gives the same as an OpenAPI document at `/openapi.json`."
    return page("HTTP routes", intro, *parts)


def openapi() -> Mapping[str, Any]:
    """Return the OpenAPI document of an application over an empty database."""
    with TemporaryDirectory() as home, open_platform(load_settings(home=home)) as platform:
        document: Mapping[str, Any] = create_app(platform).openapi()
        return document


def operations(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Give every operation of an OpenAPI document with its path and method."""
    for path, methods in sorted(document["paths"].items()):
        for method in METHODS:
            if method in methods:
                yield path, method, methods[method]


def _group(path: str) -> str:
    words = [word for word in path.split("/") if word and not word.startswith("{")]
    return "/" + "/".join(words[:2] if words[:1] == ["api"] else words[:1])


def _operation(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> str:
    text = operation.get("description") or operation.get("summary", "")
    rows = [
        (code(given["name"]), given["in"], "required" if given.get("required") else "", given.get("description", ""))
        for given in operation.get("parameters", [])
    ]
    rows += _body_rows(document, operation)
    answers = ", ".join(code(status) for status in sorted(operation.get("responses", {})))
    parts = [f"### `{method.upper()} {path}`", sentences(text), f"Answers {answers}."]
    if rows:
        parts.append(table(("Name", "In", "Needed", "Meaning"), rows))
    return "\n\n".join(part for part in parts if part)


def _body_rows(document: Mapping[str, Any], operation: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    content = operation.get("requestBody", {}).get("content", {})
    schema: Mapping[str, Any] = next((form["schema"] for form in content.values() if "schema" in form), {})
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    required = set(schema.get("required", []))
    return [
        (code(name), "body", "required" if name in required else "", field.get("description", ""))
        for name, field in schema.get("properties", {}).items()
    ]
