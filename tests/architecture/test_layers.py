"""Who may know whom: the contracts of pyproject.toml, and the rules that need more than a list of layers."""

import tomllib
from collections.abc import Mapping

from importlinter.cli import lint_imports

from tests.architecture.conftest import ROOT
from thetaloom.domain.run.runs import StepName

Imports = Mapping[str, frozenset[str]]
VENDORS = ("thetaloom.brokers.", "thetaloom.marketdata.")
# Vendors know themselves, config holds their settings, bootstrap and its parts choose them, and testing offers them.
# The simulation and the broker contract are parts of the test kit that have commands of their own, and benches measure
# on worlds of the kit.
SIMULATE, CERTIFY = "thetaloom.cli.simulate", "thetaloom.cli.broker"
BENCHES = "thetaloom.cli.bench_"
KNOW_VENDORS = {"brokers", "marketdata", "config", "bootstrap", "testing", "backtest"}
KNOW_VENDORS |= {"broker_parts", "market_parts", "paper_parts", "world_parts"}
# What reads no vendor's feed but a file that ships with the package: the table of trading sessions, and clocks.
VENDOR_FREE = {"thetaloom.marketdata.calendar_table", "thetaloom.marketdata.clocks", "thetaloom.marketdata.instants"}
# The queries; the database as a whole: to open it, bring it to this version and copy it; the flags, which need none;
# and people, their audit and their secrets, which belong to no engine: one module each writes them.
AS_A_WHOLE = ("database", "upgrading", "backup", "halt_files")
READABLE = tuple(
    f"thetaloom.store.{name}" for name in ("queries", *AS_A_WHOLE, "people", "audit", "vault", "second_factor")
)


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_the_contracts_of_import_linter_are_kept() -> None:
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_the_independence_of_steps_covers_every_step() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

    steps = next(contract for contract in contracts if contract["name"] == "Steps do not know each other")

    assert sorted(steps["modules"]) == sorted(f"thetaloom.engine.steps.{step.value}" for step in StepName)


def test_only_bootstrap_and_config_name_a_vendor(imports: Imports) -> None:
    strangers = {
        f"{module} -> {imported}"
        for module, found in imports.items()
        for imported in found - VENDOR_FREE
        if imported.startswith(VENDORS) and room_of(module) not in KNOW_VENDORS
    }

    assert not strangers


def test_pages_and_commands_read_through_the_queries(imports: Imports) -> None:
    strangers = {
        f"{module} -> {imported}"
        for module, found in imports.items()
        for imported in found
        if room_of(module) in {"web", "cli"}
        and imported.startswith("thetaloom.store.")
        and not imported.startswith(READABLE)
    }

    assert not strangers


def test_shipped_code_never_leans_on_the_test_kit(imports: Imports) -> None:
    strangers = {
        f"{module} -> {imported}"
        for module, found in imports.items()
        for imported in found
        if room_of(imported) == "testing"
        and room_of(module) != "testing"
        and not module.startswith((SIMULATE, CERTIFY, BENCHES))
    }

    assert not strangers


def test_a_model_mark_is_for_the_eye_and_no_order_or_exit_can_see_it(imports: Imports) -> None:
    def who(name: str) -> set[str]:
        return {module for module, found in imports.items() if any(one.startswith(name) for one in found)}

    assert who("thetaloom.engine.shown_marks") == {"thetaloom.cli.position", "thetaloom.web.marked"}
    texts = {path: path.read_text() for path in (ROOT / "src" / "thetaloom").rglob("*.py")}
    assert {path.stem for path, text in texts.items() if "model_mark(" in text} == {"surface", "shown_marks"}
