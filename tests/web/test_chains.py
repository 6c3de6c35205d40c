"""The option chain, symbols and watchlists: what the source gives, greeks as `thetaloom price` has them."""

import csv
import io
import re
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import COOKIES, ORIGIN
from thetaloom.bootstrap import Platform
from thetaloom.cli.price import price_case
from thetaloom.config import MarketSource
from thetaloom.domain.market.chain import from_date, from_strike
from thetaloom.domain.values.instruments import parse_option_symbol
from thetaloom.errors import MarketDataUnavailable
from thetaloom.web.app import create_app


def test_a_chain_holds_every_contract_of_its_expiration_as_the_source_gives_it(
    platform: Platform, client: TestClient
) -> None:
    told = client.get("/api/chains/GOOG", params={"expiration": "2016-01-15"}).json()

    chain = platform.market.chain("GOOG", platform.clock.now())
    assert chain is not None
    cells = [cell for row in told["rows"] for cell in (row["call"], row["put"]) if cell is not None]
    listed = int((chain.expires_on == from_date(parse_option_symbol(cells[0]["occ_symbol"]).expires_on)).sum())
    assert len(cells) == listed and told["strikes_listed"] == len(told["rows"])
    assert [float(row["strike"]) for row in told["rows"]] == sorted(float(row["strike"]) for row in told["rows"])
    for cell in cells:
        contract = parse_option_symbol(cell["occ_symbol"])
        quote = chain.quote_of(contract)
        assert quote is not None
        assert (cell["bid"], cell["ask"]) == tuple(None if one is None else f"{one}" for one in (quote.bid, quote.ask))
        is_call, strike = contract.right.value == "C", from_strike(contract.strike) / 1000
        assert cell["in_the_money"] == (strike < float(told["spot"]) if is_call else strike > float(told["spot"]))


def test_greeks_of_a_chain_are_those_of_the_calculator(client: TestClient) -> None:
    told = client.get("/api/chains/GOOG?expiration=2016-01-15&strikes=12").json()

    priced = 0
    for row in told["rows"]:
        for right, cell in (("C", row["call"]), ("P", row["put"])):
            if cell is None or cell["iv"] is None:
                continue
            case = {name: told[name] for name in ("spot", "years", "rate", "dividend_yield")}
            found = price_case({**case, "right": right, "strike": row["strike"], "iv": cell["iv"], "style": "american"})
            assert float(cell["mid"]) == pytest.approx(found["price"], abs=2e-3)
            for name in ("delta", "gamma", "theta", "vega"):
                assert cell[name] == pytest.approx(found[name], rel=2e-3, abs=2e-4), (row["strike"], right, name)
            priced += 1
    assert priced >= 20
    assert len(told["rows"]) <= 24


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/chains/NOPE", 404),
        ("/api/chains/GOOG?expiration=2016-01-16", 404),
        ("/api/chains/GOOG?expiration=soon", 422),
        ("/api/chains/GOOG?root=goog", 422),
        ("/api/chains/GOOG?strikes=0", 422),
        ("/api/chains/%3Cscript%3E", 422),
        ("/chains/GOOG?expiration=2016-13-01", 422),
        ("/chains/GOOG?root=SPXW", 404),
        ("/chains/GOOG?strikes=-1", 422),
        ("/chains/GOOG/csv?expiration=2050-01-01", 404),
    ],
)
def test_what_is_not_listed_is_refused(client: TestClient, path: str, status: int) -> None:
    assert client.get(path).status_code == status


def test_the_page_has_calls_left_puts_right_and_a_line_at_the_money(client: TestClient, browser: TestClient) -> None:
    page = browser.get("/chains/GOOG?expiration=2016-01-15&strikes=10").text
    told = client.get("/api/chains/GOOG?expiration=2016-01-15&strikes=10").json()

    strikes = re.findall(r'<th scope="row" class="number strike">([\d.]+)', page)
    assert [float(one) for one in strikes] == [float(row["strike"]) for row in told["rows"]]
    below = page.partition('class="spot-line"')[0]
    assert below.count('<th scope="row"') == sum(float(row["strike"]) <= float(told["spot"]) for row in told["rows"])
    assert page.count('class="spot-line"') == 1 and f"GOOG at ${float(told['spot']):,.2f}" in page
    assert page.count('class="number itm') == 11 * sum(
        bool(cell and cell["in_the_money"]) for row in told["rows"] for cell in (row["call"], row["put"])
    )
    assert 'aria-current="true">2016-01-15' in page and ">2016-01-22" in page
    assert browser.get("/chains?symbol=goog", follow_redirects=False).headers["location"] == "/chains/GOOG"


def test_the_file_has_the_same_numbers_and_nothing_for_the_unknown(client: TestClient, browser: TestClient) -> None:
    answer = browser.get("/chains/GOOG/csv?expiration=2016-01-15")
    told = client.get("/api/chains/GOOG?expiration=2016-01-15").json()

    rows = {row["occ_symbol"]: row for row in csv.DictReader(io.StringIO(answer.text))}
    assert answer.headers["content-disposition"] == 'attachment; filename="goog-2016-01-15.csv"'
    assert answer.headers["content-type"].startswith("text/csv")
    cells = [cell for row in told["rows"] for cell in (row["call"], row["put"]) if cell is not None]
    assert set(rows) == {cell["occ_symbol"] for cell in cells}
    for cell in cells:
        row = rows[cell["occ_symbol"]]
        assert row["bid"] == (cell["bid"] or "") and row["delta"] == (
            "" if cell["delta"] is None else str(cell["delta"])
        )


def test_symbols_are_found_by_letters_and_names_with_the_ways_to_go_on(browser: TestClient) -> None:
    carried, found = browser.get("/symbols").text, browser.get("/symbols?query=alphabet").text

    assert "In this market" in carried and '<th scope="row">GOOG</th>' in carried
    assert 'href="/chains/GOOG"' in found and 'href="/rank?symbol=GOOG"' in found and 'href="/charts/GOOG"' in found
    assert "Start a run" in found and 'value="GOOG"' in found
    assert "Nobody knows &lt;b&gt;" in browser.get("/symbols?query=%3Cb%3E").text
    assert browser.get("/symbols?query=ZZZQ").status_code == 200
    assert browser.get("/symbols?query=a%00").status_code == 422


def test_symbols_are_found_while_the_market_cannot_be_asked(
    platform: Platform, browser: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object) -> None:
        raise MarketDataUnavailable("this computer is offline")

    monkeypatch.setattr(platform.market, "underlying", offline)

    found = browser.get("/symbols?query=alphabet")

    assert found.status_code == 200
    assert 'href="/chains/GOOG"' in found.text and '<span class="unknown">unknown</span>' in found.text


def test_delayed_quotes_are_marked_as_such(platform: Platform) -> None:
    settings = platform.settings.model_copy(update={"market": MarketSource.CBOE})
    app = create_app(replace(platform, settings=settings))

    assert "DELAYED MARKET" in TestClient(app, base_url=ORIGIN, cookies=COOKIES).get("/symbols").text


def test_a_watchlist_is_added_changed_and_removed(browser: TestClient) -> None:
    added = browser.post("/watchlists", data={"name": "tech", "symbols": "goog, aapl"}, follow_redirects=False)
    browser.post("/watchlists", data={"name": "tech", "symbols": "MSFT", "digest": "yes"})
    changed = browser.get("/watchlists").text
    browser.post("/watchlists/tech/removal")

    assert added.status_code == 303 and added.headers["location"] == "/watchlists?notice=listed#tech"
    assert ">MSFT</textarea>" in changed and "in the daily mail" in changed and ">GOOG</a>" not in changed
    assert 'id="tech"' not in browser.get("/watchlists").text
    assert browser.post("/watchlists", data={"name": "Bad Name", "symbols": "GOOG"}).status_code == 422
    assert browser.post("/watchlists", data={"name": "x", "symbols": "<script>"}).status_code == 422
