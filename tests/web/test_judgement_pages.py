"""The pages that show judgement: risk, the ranking, a strategy on the market, and what a proposal rests on."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import DEMO, pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.domain.risk.budget import RiskBudget, risk_budget
from thetaloom.domain.risk.limits import LIMITS, RiskLimits
from thetaloom.domain.risk.scenarios import ScenarioPosition
from thetaloom.domain.values.instruments import parse_option_symbol
from thetaloom.domain.values.money import Money
from thetaloom.engine.commands import SetLimit
from thetaloom.engine.risk_view import risk_view
from thetaloom.engine.stress import StressBook
from thetaloom.web.pages.budget_bar import budget_bar
from thetaloom.web.pages.filters import money
from thetaloom.web.pages.numbers import age, plain_number
from thetaloom.web.pages.risk import stress_shown

AT = datetime(2026, 1, 5, 15, tzinfo=UTC)
MARKUP = ("<script>", " style=", " onclick=")


def budget(power: int, in_use: int) -> RiskBudget:
    """A budget of so much buying power and risk."""
    return risk_budget(RiskLimits(), buying_power=Money(power), risk_in_use=Money(in_use), stress=None)


@pytest.fixture
def run_path(platform: Platform, browser: TestClient) -> str:
    """The path of a run whose proposal waits."""
    answer = browser.post("/runs", data={"symbol": "GOOG", "strategy_id": DEMO}, follow_redirects=False)
    platform.engine.settle()
    return answer.headers["location"].partition("?")[0]


def approve(platform: Platform, browser: TestClient, run_path: str) -> None:
    """Approve the run's proposal and let its order fill."""
    found = re.search(r'href="(/approvals/[^"]+)"', browser.get(run_path).text)
    assert found
    shown = re.search(r'name="content_hash" value="([^"]*)"', browser.get(found[1]).text)
    assert shown
    browser.post(f"{found[1]}/approval", data={"content_hash": shown[1]})
    pass_minutes(platform, 10)


@pytest.mark.parametrize("path", ["/risk", "/rank", "/rank?symbol=goog", f"/strategies/{DEMO}"])
def test_a_page_of_judgement_is_plain_markup(browser: TestClient, path: str) -> None:
    answer = browser.get(path)

    assert answer.status_code == 200
    assert "RECORDED MARKET" in answer.text
    assert not any(mark in answer.text for mark in MARKUP)


def test_the_risk_page_shows_every_limit_and_the_budget(platform: Platform, browser: TestClient) -> None:
    text = browser.get("/risk").text
    found = risk_view(platform.desk, platform.user_id).budget

    assert all(limit.name in text for limit in LIMITS)
    for amount in (found.tradeable_capital, found.strategy_power, found.risk_in_use, found.remaining):
        assert money(amount) in text
    assert "medium 65 %" in text
    assert "high 80 %" in text
    assert "Nothing is halted" in text
    assert "Nothing is held" in text
    assert "No limit has refused anything" in text


def test_the_risk_page_stresses_what_is_held(platform: Platform, browser: TestClient, run_path: str) -> None:
    approve(platform, browser, run_path)

    text = browser.get("/risk").text

    assert "Dollars gained or lost" in text
    assert "IV +100 %" in text
    assert '<th scope="row">−20 %</th>' in text
    assert money(risk_view(platform.desk, platform.user_id).budget.risk_in_use) in text


def test_stress_of_what_cannot_be_priced_is_unknown_and_not_zero() -> None:
    contract = parse_option_symbol("SPY 2026-01-16 P 560")
    leg = ScenarioPosition(
        label="pos-1", underlying="SPY", quantity=-1, contract=contract, spot=560.0, iv=None, years=0.1, group="pos-1"
    )

    shown = stress_shown(StressBook(as_of=AT, benchmark="SPY", positions=(leg,), returns={}))

    assert (shown.positions, shown.rows, shown.losses, shown.worst) == (0, [], [], "")
    assert shown.unknown == ["pos-1: implied volatility is not known"]


def test_the_risk_page_lists_what_a_limit_refused(platform: Platform, browser: TestClient) -> None:
    limit = SetLimit(user_id=platform.user_id, name="max_positions", limit=Decimal(0))
    platform.engine.handle(limit)
    started = browser.post("/runs", data={"symbol": "GOOG", "strategy_id": DEMO})
    platform.engine.settle()

    text = browser.get("/risk").text

    assert "1 to 1 of 1" in text
    assert "<code>max_positions</code>" in text
    assert started.url.path in text


def test_a_guard_that_denies_says_when_it_lets_go(platform: Platform, browser: TestClient) -> None:
    platform.engine.handle(SetLimit(user_id=platform.user_id, name="max_trades_per_day", limit=Decimal(0)))

    text = browser.get("/risk").text

    assert "Lets go" in text
    assert "2015-12-28 09:30:00 EST" in text


def test_a_ranking_names_the_best_or_what_comes_nearest(browser: TestClient) -> None:
    empty, found = browser.get("/rank").text, browser.get("/rank?symbol=GOOG").text

    assert "May be entered" not in empty
    assert "May not be entered" in found
    assert "score" in found
    assert re.search(r"must rise by|must be known|wait until|needs ", found)


def test_a_ranking_of_what_nobody_knows_is_not_found(browser: TestClient) -> None:
    answer = browser.get("/rank?symbol=ZZZZ")

    assert answer.status_code == 404
    assert "does not know ZZZZ" in answer.text


def test_a_strategy_shows_its_weights_its_stops_and_what_it_would_open(browser: TestClient) -> None:
    text = browser.get("/strategies/senex-trident?symbol=GOOG").text

    for said in ("each point above 25: +0.5, at most 30", "the sum starts at 50", "earnings today or within 7 days"):
        assert said in text or said.capitalize() in text
    assert "On GOOG now" in text
    assert "put_spread_1" in text


def test_the_demo_strategy_has_a_picture_on_its_market(browser: TestClient) -> None:
    text = browser.get(f"/strategies/{DEMO}").text

    assert '<polyline class="payoff-curve"' in text
    assert "-1 GOOG 2016-01-15 P 712.5" in text


def test_strategies_are_grouped_with_a_person_s_own_first(browser: TestClient) -> None:
    document = browser.get(f"/api/strategies/{DEMO}").json()["strategy"]
    browser.post("/api/strategies", json={**document, "id": "mine", "name": "Mine"})

    titles = re.findall(r'<h2 id="[^"]+">([^<]+) <span', browser.get("/strategies").text)

    assert titles == ["Your own", "Bullish", "Bullish or neutral", "Neutral", "Bearish or neutral", "Bearish"]


def test_a_run_shows_its_score_and_the_market_with_age_and_source(browser: TestClient, run_path: str) -> None:
    text = browser.get(run_path).text

    assert "to start with" in text
    assert "market hours" in text
    assert "The market when it decided" in text
    assert "atm iv" in text
    assert "Unknown" in text


def test_a_proposal_shows_how_its_size_and_budget_came_about(browser: TestClient, run_path: str) -> None:
    found = re.search(r'href="(/approvals/[^"]+)"', browser.get(run_path).text)
    assert found
    text = browser.get(found[1]).text

    assert "<b>decides</b>" in text
    assert "buying power effect" in text
    assert "gamma" in text
    assert "Risk budget when it was judged" in text
    assert "$880.00" in text


@pytest.mark.parametrize(("in_use", "level"), [(0, "calm"), (26_500, "medium"), (33_000, "high"), (90_000, "high")])
def test_the_bar_is_as_full_as_the_budget_and_never_fuller(in_use: int, level: str) -> None:
    found = budget(100_000 - in_use, in_use)
    bar = budget_bar(found)

    assert bar is not None
    assert found.utilization_percent is not None
    assert bar.level == level
    assert bar.filled == pytest.approx(bar.width * min(1.0, float(found.utilization_percent) / 100))


def test_a_budget_without_end_has_no_bar() -> None:
    limits = RiskLimits(tolerance_percent=None)

    assert budget_bar(risk_budget(limits, buying_power=Money(1), risk_in_use=Money(0), stress=None)) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (59.9, "59 s"), (61, "1 min 1 s"), (7260, "2 h 1 min"), (90_000, "1 d 1 h")],
)
def test_an_age_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("number", "text"), [("48942223", "48,942,223"), ("-2.13845924", "−2.1385"), ("0.00001", "0"), ("10", "10")]
)
def test_a_plain_number_has_at_most_four_places(number: str, text: str) -> None:
    assert plain_number(Decimal(number)) == text
