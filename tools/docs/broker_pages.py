"""The pages of the brokers: what each can do, what it does differently, and how it kept the contract."""

import json
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from thetaloom.broker_parts import PAPER, installed_brokers
from thetaloom.brokers.paper.broker import CAPABILITIES as PAPER_CAPABILITIES
from thetaloom.ports.broker import BrokerCapabilities
from thetaloom.ports.broker_plugin import SetupField
from thetaloom.testing.broker import CAPABILITIES as SCRIPTED_CAPABILITIES
from thetaloom.testing.broker_contract import GROUPS, SCENARIOS
from tools.docs.markdown import code, page, table

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "brokers"
RESULTS = FOLDER / "results.json"
PASSED, LEFT_OUT = "passed", "left out: "
WITHOUT_PLUGIN = {
    PAPER: ("The paper broker", PAPER_CAPABILITIES),
    "scripted": ("The scripted broker of the test kit", SCRIPTED_CAPABILITIES),
}
# What each field of the capabilities means to a person.
WORDS: Mapping[str, str] = {
    "legs_max": "legs of one order, at most",
    "legs_min": "legs of a combination, at least",
    "ratio_max": "largest ratio of a leg",
    "gtc": "orders of several legs rest until canceled",
    "market_orders": "market orders of several legs",
    "replace": "a working order's limit is moved without a gap",
    "keeps_id_on_replace": "a replaced order keeps its number",
    "replace_keeps_place": "parts filled before count against a replacement's quantity",
    "reports_by_leg": "executions come leg by leg",
    "native_oco": "one order cancels the other (OCO)",
    "native_otoco": "an entry triggers such a pair (OTOCO)",
    "refuses_known_ids": "an id of ours that was seen before is refused or answered",
    "client_order_id_length_max": "length of an id of ours, at most",
    "preview": "dry run before an order",
    "shares": "trades shares for us",
    "exact_books": "a call that is over is in its books or never will be",
    "absence_seconds": "seconds until an order that is not found is proved absent",
    "orders_per_second": "requests a second without being refused",
    "cancels_per_second": "cancels a second in an emergency",
    "working_orders_max": "working orders a contract and side, at most",
}


def broker_files() -> dict[str, Callable[[], str]]:
    """Return the pages of all brokers of this checkout by path, and what writes each."""
    names = [*WITHOUT_PLUGIN, *(name for name in recorded() if name not in WITHOUT_PLUGIN)]
    pages: dict[str, Callable[[], str]] = {f"docs/brokers/{name}.md": _page_of(name) for name in names}
    return {"docs/brokers/README.md": overview_page, **pages}


def recorded() -> dict[str, dict[str, str]]:
    """Return the table of results: what came of each scenario, by broker and number."""
    known: dict[str, dict[str, str]] = json.loads(RESULTS.read_text())
    return known


def overview_page() -> str:
    """Return the page that lists the brokers and the whole conformance table."""
    results = recorded()
    names = sorted(results)
    brokers = [(f"[{_title(name)}]({name}.md)", code(name), _counted(results[name])) for name in names]
    groups = "\n\n".join(_group(prefix, title, names, results) for prefix, title in GROUPS.items() if _numbers(prefix))
    return page(
        "Brokers",
        "Every broker keeps one contract, which is a list of numbered scenarios.\n"
        "A scenario that cannot be tried at a broker is left out for a reason, and the broker's own page says it.\n"
        "To bring another broker, see [Add a broker](../how-to/add-a-broker.md).",
        table(("broker", "name", "scenarios"), brokers),
        "All of this runs offline, against loopback servers that speak the brokers' own protocols:",
        "```console\n$ thetaloom broker certify paper\n```",
        "## Scenarios",
        "✓ is passed, – is left out.\nA source in brackets says where this went wrong for others.",
        groups,
    )


def broker_page(name: str) -> str:
    """Return the page of one broker."""
    title, can, asked = _about(name)
    results = recorded()[name]
    by_reason: dict[str, list[str]] = {}
    for number, told in results.items():
        if told != PASSED:
            by_reason.setdefault(told.removeprefix(LEFT_OUT), []).append(number)
    notes = [(note.topic, note.text, note.source) for note in can.notes]
    return page(
        title,
        f"Its name in commands and settings is {code(name)}.",
        "## What it needs\n\n" + table(("name", "kept in", "what it is"), map(_field, asked)) if asked else "",
        "## What it can do",
        table(("what", "how"), [(WORDS[one.name], _shown(getattr(can, one.name))) for one in _facts()]),
        "## What it does differently\n\n" + table(("about", "what", "source"), notes) if notes else "",
        "## How it kept the contract",
        f"{_counted(results).capitalize()}.\nThe scenarios are listed on [the page of all brokers](README.md).",
        table(
            ("left out because", "scenarios"),
            [(reason.capitalize(), ", ".join(by_reason[reason])) for reason in sorted(by_reason)],
        )
        if by_reason
        else "",
    )


def _page_of(name: str) -> Callable[[], str]:
    return lambda: broker_page(name)


def _about(name: str) -> tuple[str, BrokerCapabilities, tuple[SetupField, ...]]:
    if name in WITHOUT_PLUGIN:
        return *WITHOUT_PLUGIN[name], ()
    plugin = installed_brokers()[name]
    return plugin.title, plugin.capabilities, plugin.fields


def _title(name: str) -> str:
    return _about(name)[0]


def _facts() -> list[Field[Any]]:
    return [one for one in fields(BrokerCapabilities) if one.name != "notes"]


def _numbers(prefix: str) -> list[str]:
    return [one.number for one in SCENARIOS if one.number.startswith(f"{prefix}-")]


def _group(prefix: str, title: str, names: list[str], results: Mapping[str, Mapping[str, str]]) -> str:
    mine = [one for one in SCENARIOS if one.number.startswith(f"{prefix}-")]
    rows = [
        (
            one.number,
            one.sentence + (f" ({one.cites})" if one.cites else ""),
            *("✓" if results[name].get(one.number) == PASSED else "–" for name in names),
        )
        for one in mine
    ]
    return f"### {title}\n\n" + table(("number", "scenario", *names), rows)


def _counted(results: Mapping[str, str]) -> str:
    passed = sum(told == PASSED for told in results.values())
    return f"{passed} of {len(results)} scenarios passed, {len(results) - passed} left out"


def _shown(fact: object) -> str:
    if isinstance(fact, bool):
        return "yes" if fact else "no"
    return "no limit known" if fact is None else str(fact)


def _field(one: SetupField) -> tuple[str, str, str]:
    place = "vault" if one.is_secret else "setting `broker_options`"
    needed = "" if one.is_needed else f" (may be left out{f'; {one.default} by default' if one.default else ''})"
    return code(one.name), place, one.text + needed
