"""Tables: the address is the whole state, every column sorts, every filter filters, and a CSV computes nothing."""

import csv
import io
import re
import shutil
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import COOKIES, CSRF, DEMO, ORIGIN, START, open_home
from thetaloom.bootstrap import LOCAL_USER, Platform
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.values.people import Person, Role
from thetaloom.web.app import create_app
from thetaloom.web.pages import log_rules, table_rules
from thetaloom.web.pages import navigation as places
from thetaloom.web.pages.csv_files import cell_text
from thetaloom.web.pages.navigation import NAVIGATION, served
from thetaloom.web.pages.tables import TableRules

EVERY = [*vars(table_rules).values(), *vars(log_rules).values()]
TABLES = {rules.path: rules for rules in EVERY if isinstance(rules, TableRules) and not rules.prefix}


@pytest.fixture(scope="module")
def busy(prepared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A house, read by all tests here, with thirty runs that found nothing and one that waits for a decision."""
    made = open_home(Path(shutil.copytree(prepared_home, tmp_path_factory.mktemp("busy") / "home")), START)
    made.engine.start()
    headers = {"accept": "text/html", "origin": ORIGIN, "sec-fetch-site": "same-origin"}
    with TestClient(create_app(made), base_url=ORIGIN, headers=headers | CSRF, cookies=COOKIES) as client:
        wish = {"symbols": ["ZZZZ"], "strategy_ids": [DEMO], "force": True}
        for _ in range(30):
            client.post("/api/workflow/start", json=wish)
        client.post("/api/workflow/start", json={"symbols": ["GOOG"], "strategy_ids": [DEMO]})
        made.engine.settle()
        yield client
    made.close()


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("path", TABLES)
def test_every_head_that_sorts_answers_both_ways(busy: TestClient, path: str) -> None:
    rules = TABLES[path]

    answers = [
        busy.get(path, params={"sort": f"{way}{head.sort}"}) for head in rules.heads if head.sort for way in ("", "-")
    ]

    assert answers
    assert {answer.status_code for answer in answers} == {200}
    assert {head.sort for head in rules.heads if head.sort} <= set(rules.listing.sorts)


@pytest.mark.parametrize("path", TABLES)
def test_every_answer_of_every_filter_is_known(busy: TestClient, path: str) -> None:
    rules = TABLES[path]

    answers = [busy.get(path, params={name: answer}) for name, good in rules.listing.choices.items() for answer in good]

    assert {answer.status_code for answer in answers} <= {200}
    assert busy.get(path, params={"q": "100%_'\"<script>"}).status_code == 200


@pytest.mark.parametrize("path", TABLES)
def test_what_a_table_does_not_know_is_one_clear_error(busy: TestClient, path: str) -> None:
    wrong = ("sort=nothing", "sort=--id", "sort=id;drop", "page=0", "page=x", "format=xlsx", "q=%00", f"q={'x' * 129}")

    answers = {query: busy.get(f"{path}?{query}") for query in wrong}

    assert {query for query, answer in answers.items() if answer.status_code != 422} == set()
    assert all("RECORDED MARKET" in answer.text for answer in answers.values())


@pytest.mark.parametrize("path", TABLES)
def test_an_unknown_answer_to_a_filter_names_the_good_ones(busy: TestClient, path: str) -> None:
    for name, good in TABLES[path].listing.choices.items():
        answer = busy.get(path, params={name: "nonsense"})
        assert answer.status_code == 422
        assert next(iter(good)) in answer.text


@pytest.mark.parametrize("path", TABLES)
def test_every_table_is_saved_as_csv_with_its_columns(busy: TestClient, path: str) -> None:
    answer = busy.get(path, params={"format": "csv"})

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'attachment; filename="' in answer.headers["content-disposition"]
    assert answer.text.splitlines()[0].split(",") == list(TABLES[path].cells)


def test_sorting_filtering_and_searching_happen_over_all_rows(busy: TestClient) -> None:
    up, down = busy.get("/runs?sort=symbol").text, busy.get("/runs?sort=-symbol").text
    found = busy.get("/runs?q=zzz").text

    assert '<th scope="col" aria-sort="ascending"><a class="sort" id="sort-runs-symbol"' in up
    assert 'href="/runs?sort=-symbol"' in up
    assert 'aria-sort="descending"' in down
    assert "GOOG" in up
    assert "GOOG" not in down.split("<tbody>")[1]
    assert "1 to 25 of 30" in found
    assert 'href="/runs?q=zzz&amp;sort=symbol"' in found
    assert 'href="/runs?q=zzz&amp;page=2"' in found


def test_a_search_takes_wildcards_for_themselves(busy: TestClient) -> None:
    assert "There are no such runs" in busy.get("/runs?q=%25").text
    assert "There are no such runs" in busy.get("/runs?q=G__G").text


def test_a_csv_holds_every_row_that_fits_and_no_other(busy: TestClient) -> None:
    every = rows_of(busy.get("/runs?format=csv").text)
    some = rows_of(busy.get("/runs?format=csv&symbol=zzzz&sort=id&page=2").text)

    assert len(every) == 31
    assert [row["id"] for row in some] == sorted(row["id"] for row in every if row["symbol"] == "ZZZZ")
    assert {row["status"] for row in every} <= {status.value for status in RunStatus}
    assert all(re.fullmatch(r"2015-12-24T\d\d:\d\d:\d\d\+00:00", row["created_at"]) for row in every)


def test_a_csv_leads_back_to_the_rows_that_were_shown(busy: TestClient) -> None:
    link = re.search(r'href="(/runs\?[^"]*format=csv)"', busy.get("/runs?symbol=ZZZZ&sort=id&page=2").text)

    assert link
    assert link[1].replace("&amp;", "&") == "/runs?symbol=ZZZZ&sort=id&format=csv"


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        ("-1 GOOG 2016-01-15 P 712.5", "'-1 GOOG 2016-01-15 P 712.5"),
        ("-1\n", "'-1\n"),
        ("-٣", "'-٣"),
        (Decimal("-880.00"), "-880.00"),
        ("+1.5", "+1.5"),
        ("a=1", "a=1"),
        (None, ""),
        (True, "yes"),
        (("A", "B"), "A; B"),
        (RunStatus.MONITORING, "MONITORING"),
    ],
)
def test_no_cell_of_a_csv_is_a_formula(cell: object, written: str) -> None:
    assert cell_text(cell) == written


def test_words_of_strangers_are_no_formula_in_a_csv(platform: Platform, browser: TestClient, proposal_id: str) -> None:
    browser.post(f"/approvals/{proposal_id}/rejection", data={"reason": "=HYPERLINK(1)"})

    row = rows_of(browser.get("/approvals?format=csv").text)[0]

    assert row["decision_note"] == "'=HYPERLINK(1)"
    assert row["max_loss"] == "880.00"
    assert row["mid_price"] == "1.20"


def test_the_navigation_shows_what_is_served_and_nothing_else(busy: TestClient) -> None:
    text = busy.get("/").text
    shown = set(re.findall(r'<li><a href="([^"]+)"', text.split("</header>")[0]))
    known = {place.path for group in NAVIGATION for place in group.places}

    answers = {path: busy.get(path).status_code for path in known}

    assert {path for path, status in answers.items() if status == 200} == shown
    assert {status for path, status in answers.items() if path not in shown} <= {404}


def test_every_page_of_the_navigation_lights_its_own_entry(busy: TestClient) -> None:
    for group in places.navigation(Person(id=LOCAL_USER, name="all", role=Role.ADMIN, books=LOCAL_USER)):
        for place in group.places:
            lit = re.findall(r'<a href="([^"]+)" aria-current="page"', busy.get(place.path).text)
            assert lit == [place.path] * 2, place.path  # in the bar, and in the menu of a phone


def test_no_two_places_share_a_key_and_a_group_without_places_is_gone() -> None:
    keys = [place.key for group in NAVIGATION for place in group.places if place.key]

    assert len(keys) == len(set(keys))
    assert [group.title for group in served({"/risk", "/runs"})] == ["Understand", "Guard"]
