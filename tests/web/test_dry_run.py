"""What the broker says of an entry stands beside our own numbers: on the pages, and on the command line."""

import json
import re
from dataclasses import replace
from decimal import Decimal

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from tests.web.conftest import DEMO, pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.cli.app import app
from thetaloom.domain.book.orders import Order
from thetaloom.domain.values.money import Money
from thetaloom.ports.broker import Preview

THEIRS = {"buying_power_effect": Decimal("412.34"), "fees": Decimal("-3.21")}
LEFT = Decimal("98765.43")


def say(platform: Platform, told: Preview) -> list[Order]:
    """Let the broker be one whose exchange is not ours, and say this of whatever it is asked."""
    asked: list[Order] = []

    def preview(order: Order) -> Preview:
        asked.append(order)
        return told

    platform.paper.simulated = False
    platform.paper.preview = preview  # type: ignore[method-assign]  # the answer of another broker
    return asked


def propose(platform: Platform, client: TestClient) -> dict[str, str]:
    """A proposal of the demo strategy."""
    client.post("/api/workflow/start", json={"symbols": ["GOOG"], "strategy_ids": [DEMO]})
    platform.engine.settle()
    (found,) = client.get("/api/workflow/pending").json()["items"]
    return dict(found)


@pytest.fixture
def shown(platform: Platform, client: TestClient) -> dict[str, str]:
    """A proposal whose broker said what it would do."""
    told = Preview(
        **{name: Money(amount) for name, amount in THEIRS.items()},  # type: ignore[arg-type]  # fields by name
        buying_power_after=Money(LEFT),
        message="margin <soon>",
    )
    (asked, found) = (say(platform, told), propose(platform, client))
    assert len(asked) == 1
    return found


def rows_of(page: str) -> dict[str, list[str]]:
    """The rows of the table of the dry run: name, and its three numbers."""
    table = page[page.index("The broker's numbers beside ours") :]
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', table[: table.index("</table>")], re.DOTALL)
    return {
        name: [re.sub(r"<.*?>", "", cell) for cell in re.findall(r"<td.*?>(.*?)</td>", cells)] for name, cells in rows
    }


def dollars(amount: Decimal, *, signed: bool = False) -> str:
    """Dollars as a page writes them, by hand."""
    sign = "−" if amount < 0 else "+" if signed and amount > 0 else ""
    return f"{sign}${abs(amount):,.2f}"


@pytest.mark.parametrize("path", ["/approvals/{id}", "/trading/?proposal={id}"])
def test_the_brokers_numbers_stand_beside_ours_with_their_difference(
    browser: TestClient, shown: dict[str, str], path: str
) -> None:
    page = browser.get(path.format(id=shown["id"])).text

    rows = rows_of(page)
    for name, ours, theirs in (
        ("buying power tied up", Decimal(shown["buying_power_effect"]), THEIRS["buying_power_effect"]),
        ("fees to enter", Decimal(shown["fees"]), THEIRS["fees"]),
    ):
        assert rows[name] == [dollars(ours), dollars(theirs), dollars(theirs - ours, signed=True)]
    assert dollars(LEFT) in page
    assert "margin &lt;soon&gt;" in page


def test_the_page_of_a_run_keeps_it_beside_the_orders(
    platform: Platform, client: TestClient, browser: TestClient, shown: dict[str, str]
) -> None:
    run = f"/runs/{shown['run_id']}"
    assert "What the broker said beforehand" not in browser.get(run).text
    platform.paper.simulated = True
    client.post(f"/api/workflow/approve/{shown['id']}")
    pass_minutes(platform, 5)

    page = browser.get(run).text

    assert "What the broker said beforehand" in page
    assert rows_of(page)["fees to enter"][1] == dollars(THEIRS["fees"])
    risk = next(
        row["seq"]
        for row in client.get(f"/api/lineage/execution/{shown['run_id']}").json()["steps"]
        if row["step"] == "check_risk"
    )
    assert "412.34" in browser.get(f"{run}/steps/{risk}").text


def test_a_broker_that_did_not_say_is_said_not_to_have(
    platform: Platform, client: TestClient, browser: TestClient
) -> None:
    say(platform, Preview(buying_power_effect=None, buying_power_after=None, fees=None))

    page = browser.get(f"/approvals/{propose(platform, client)['id']}").text

    assert rows_of(page)["buying power tied up"][1:] == ["not told", "unknown"]


def test_of_a_broker_without_a_dry_run_it_is_said_that_the_numbers_are_ours(
    platform: Platform, browser: TestClient, proposal_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    can = replace(platform.paper.capabilities, preview=False)
    monkeypatch.setattr(type(platform.paper), "capabilities", can)
    monkeypatch.setattr(platform.paper, "simulated", False)

    for path in (f"/approvals/{proposal_id}", f"/trading/?proposal={proposal_id}"):
        assert "This broker has no dry run" in browser.get(path).text


def test_a_broker_that_was_not_asked_is_not_spoken_of(browser: TestClient, proposal_id: str) -> None:
    assert "What the broker says" not in browser.get(f"/approvals/{proposal_id}").text


def test_the_command_line_tells_it_in_words_and_as_json(
    platform: Platform, shown: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THETALOOM_HOME", str(platform.settings.home_folder))
    monkeypatch.setenv("THETALOOM_MARKET", "recorded")

    told = json.loads(CliRunner().invoke(app, ["approval", "show", shown["id"], "--json"]).stdout)["dry_run"]
    text = CliRunner().invoke(app, ["approval", "show", shown["id"]], env={"COLUMNS": "120"}).stdout

    ours = {"buying_power_effect": Decimal(shown["buying_power_effect"]), "fees": Decimal(shown["fees"])}
    for name, theirs in THEIRS.items():
        assert Decimal(told[name]["ours"]) == ours[name]
        assert Decimal(told[name]["theirs"]) == theirs
        assert Decimal(told[name]["difference"]) == theirs - ours[name]
    assert (Decimal(told["buying_power_after"]), told["quantity"], told["silence"]) == (LEFT, 1, "")
    assert f"412.34 ({theirs_above(ours):+,.2f} to ours)" in text
    assert "98,765.43, by the broker" in text


def theirs_above(ours: dict[str, Decimal]) -> Decimal:
    """By how much the broker's effect is above ours."""
    return THEIRS["buying_power_effect"] - ours["buying_power_effect"]
