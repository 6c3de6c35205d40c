"""The portfolio and the jobs: each number against one that is worked out otherwise."""

import csv
import io
import itertools
import re
from datetime import datetime
from decimal import Decimal
from math import exp, log, sqrt
from statistics import NormalDist
from zoneinfo import ZoneInfo

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import DEMO, pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.domain.values.instruments import parse_option_symbol


def traded(client: TestClient, platform: Platform, proposal_id: str, *, close: bool) -> dict[str, object]:
    """Have a proposal filled, and closed if asked for; return its position as the API tells it."""
    assert client.post(f"/api/workflow/approve/{proposal_id}", json={}).status_code == 200
    pass_minutes(platform, 13)
    (held,) = client.get("/api/positions").json()["items"]
    if close:
        assert client.post(f"/api/positions/{held['id']}/close", json={}).status_code == 200
        pass_minutes(platform, 20)
        (held,) = client.get("/api/positions").json()["items"]
        assert held["is_open"] is False
    return dict(held)


def put_delta(platform: Platform, occ_symbol: str) -> float:
    """Return a put's delta by the textbook, its volatility found by halving."""
    contract, now = parse_option_symbol(occ_symbol), platform.clock.now()
    quote, spot = platform.market.quotes([contract], now)[contract], platform.market.spot("GOOG", now)
    assert quote.mid is not None and spot is not None
    years, rate = platform.desk.calendar.year_fraction(now, contract), platform.settings.rate
    strike, normal = float(contract.strike), NormalDist()

    def priced(iv: float) -> tuple[float, float]:
        d1 = (log(float(spot) / strike) + (rate + iv * iv / 2) * years) / (iv * sqrt(years))
        below = normal.cdf(iv * sqrt(years) - d1)
        return strike * exp(-rate * years) * below - float(spot) * normal.cdf(-d1), -normal.cdf(-d1)

    low, high = 0.01, 3.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if priced(middle)[0] < float(quote.mid) else (low, middle)
    return priced(low)[1]


def test_an_empty_portfolio_says_what_to_do(browser: TestClient) -> None:
    page = browser.get("/portfolio").text

    assert page.count('class="empty"') == 6
    assert "$100,000.00" in page


def test_what_the_account_is_worth_is_noted_every_quarter_of_an_hour(
    client: TestClient, platform: Platform, proposal_id: str
) -> None:
    worth = {platform.broker.account().as_of: platform.broker.account().net_liquidating_value}
    traded(client, platform, proposal_id, close=False)
    for _ in range(30):
        pass_minutes(platform, 1)
        now = platform.broker.account()
        worth[now.as_of] = now.net_liquidating_value

    rows = list(csv.DictReader(io.StringIO(client.get("/portfolio/equity.csv").text)))

    page = client.get("/portfolio", headers={"accept": "text/html"}).text
    assert "/static/js/curve.js" in page and page.count("data-curve=") == 1
    noted = [datetime.fromisoformat(row["at"]) for row in rows]
    assert len(noted) >= 3 and noted == sorted(noted)
    assert {(later - earlier).total_seconds() for earlier, later in itertools.pairwise(noted)} == {900.0}
    known = [(at, Decimal(row["net_liquidating_value"])) for at, row in zip(noted, rows, strict=True) if at in worth]
    assert len(known) >= 2 and all(amount == worth[at] for at, amount in known)


def test_the_results_are_the_fills_less_the_fees(
    client: TestClient, browser: TestClient, platform: Platform, proposal_id: str
) -> None:
    held = traded(client, platform, proposal_id, close=True)
    orders = client.get("/api/orders").json()["items"]
    fees = sum(Decimal("0.65") * 2 * one["filled"] for one in orders)
    account = platform.broker.account()
    assert account.net_liquidating_value is not None
    made = Decimal(account.net_liquidating_value) - 100_000  # what the broker's own books say

    curve = list(csv.DictReader(io.StringIO(client.get("/portfolio/curve.csv").text)))
    results = list(csv.DictReader(io.StringIO(client.get("/portfolio/results.csv").text)))
    page = browser.get("/portfolio").text

    assert Decimal(str(held["realized_pnl"])) == made
    assert [Decimal(row["realized"]) for row in curve] == [made]
    assert [(row["by"], row["name"], row["positions"]) for row in results] == [
        ("strategy", DEMO, "1"),
        ("symbol", "GOOG", "1"),
    ]
    for row in results:
        assert Decimal(row["realized"]) == Decimal(row["best"]) == Decimal(row["worst"]) == made
        assert Decimal(row["fees"]) == -fees
        assert row["wins"] == ("1" if made > 0 else "0")
    drawn = re.search(r'data-curve="\[\[(\d+)\], \[([-\d.]+)\]\]"', page)
    assert drawn and Decimal(drawn[2]) == made
    assert "/static/vendor/uplot-1.6.32.iife.min.js" in page


def test_the_book_s_greeks_are_those_of_its_contracts_and_the_list_shows_them(
    client: TestClient, browser: TestClient, platform: Platform, proposal_id: str
) -> None:
    held = traded(client, platform, proposal_id, close=False)
    legs = held["legs"]
    assert isinstance(legs, list)
    expected = sum(100 * leg["ratio"] * put_delta(platform, leg["occ_symbol"]) for leg in legs)
    page, listed = browser.get("/portfolio").text, browser.get("/positions").text
    run = browser.get(f"/runs/{held['run_id']}").text

    shown = re.search(r"<dt>delta</dt><dd>([^<]+)</dd>", page)
    assert shown
    delta = Decimal(shown[1].replace("−", "-").replace("+", "").replace(",", ""))
    assert float(delta) == pytest.approx(expected, rel=0.03)  # ours may be exercised early, which is worth little
    assert shown[1] in listed and shown[1] in run
    assert f'data-position="{held["id"]}"' in listed and f'data-position="{held["id"]}"' in run
    assert "watched by us" in listed and 'data-live="decision">hold<' in listed
    assert page.count('<td class="number">') >= 25  # the grid of scenarios


def test_the_tables_for_a_spreadsheet_hold_no_formula(client: TestClient) -> None:
    answer = client.get("/portfolio/results.csv")

    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.text.splitlines() == ["by,name,positions,wins,realized,fees,best,worst"]


def test_jobs_tell_last_and_next_and_what_failed(client: TestClient, browser: TestClient, platform: Platform) -> None:
    every = {"strategy_id": DEMO, "symbols": ["GOOG"], "cron": "*/5 9-14 * * mon-fri"}
    assert client.post("/api/schedules", json=every).status_code == 200
    pass_minutes(platform, 11)
    fired = client.get("/api/schedules").json()["items"][0]
    page = browser.get("/jobs").text

    row = page[page.index("*/5 9-14 * * mon-fri") :]
    row = row[: row.index("</tr>")]
    assert re.search(r'data-label="Fired" class="number">2<', row), row
    assert re.search(r'data-label="Failed" class="number">0<', row)
    there = datetime.fromisoformat(fired["next_due_at"]).astimezone(ZoneInfo("America/New_York"))
    assert f"{there:%Y-%m-%d %H:%M:%S %Z}" in row
    assert "MB</dd>" in page and "due for evaluation" in page
    assert 'id="health"' in page and "Nothing has failed." in page
