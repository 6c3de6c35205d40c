"""The strategy builder without JavaScript, and the live parts that JavaScript asks for."""

from html.parser import HTMLParser
from pathlib import Path

from starlette.testclient import TestClient

from thetaloom.domain.strategy.documents import parse_strategy, strategy_document
from thetaloom.domain.strategy.strategies import Strategy
from thetaloom.domain.strategy.toml_text import strategy_toml
from thetaloom.store.catalogue import load_catalogue
from thetaloom.web.documents import decode_toml
from thetaloom.web.strategy_form import pairs_of

SHIPPED: dict[str, Strategy] = {one.id: one for one in load_catalogue()}
SPREAD = "put-credit-spread-30dte"
Posted = dict[str, list[str]]


class Controls(HTMLParser):
    """Collects what a browser would send with the builder's form."""

    def __init__(self) -> None:
        super().__init__()
        self.posted: Posted = {}
        self.labels: set[str] = set()
        self._inside = False
        self._select = self._area = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: text or "" for name, text in attrs}
        if tag == "form":
            self._inside = said.get("id") == "builder"
        if not self._inside:
            return
        if tag == "label":
            self.labels.add(said.get("for", ""))
        if tag == "select":
            self._select = said["name"]
        elif tag == "textarea":
            self._area = said["name"]
            self.posted[self._area] = [""]
        elif tag == "option" and self._select and (self._select not in self.posted or "selected" in said):
            self.posted[self._select] = [said["value"]]
        elif tag == "input" and (said.get("type") != "checkbox" or "checked" in said):
            self.posted.setdefault(said["name"], []).append(said.get("value", "on"))

    def handle_endtag(self, tag: str) -> None:
        if tag in {"select", "textarea"}:
            self._select = self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.posted[self._area][0] += data


def controls(page: str) -> Posted:
    """Return what the browser would send; it drops the first line break of a text area."""
    found = Controls()
    found.feed(page)
    return {name: [text.removeprefix("\n") for text in texts] for name, texts in found.posted.items()}


def test_somebody_builds_a_put_credit_spread_and_saves_it(browser: TestClient, client: TestClient) -> None:
    begun = controls(browser.get("/strategies/new").text)
    shown = browser.post("/strategies/builder", data=begun | {"do": "preview"})
    mine = controls(shown.text) | {"id": ["mine"], "name": ["Mine"], "legs[1].select.value": ["5"]}
    saved = browser.post("/strategies/builder", data=mine | {"do": "save"}, follow_redirects=False)

    assert "It is a strategy." in shown.text and 'class="payoff"' in shown.text and "put credit spread" in shown.text
    assert saved.status_code == 303 and saved.headers["location"] == "/strategies/mine?notice=strategy_saved"
    stored = client.get("/api/strategies/mine").json()
    assert stored["revision"] == 1 and stored["strategy"]["legs"][1]["select"]["value"] == 5
    page = browser.get("/strategies/mine?notice=strategy_saved").text
    assert "The strategy is saved." in page and 'href="/strategies/mine/edit"' in page


def test_what_the_page_of_a_strategy_posts_is_the_same_strategy(browser: TestClient) -> None:
    for strategy_id in ("senex-trident", "iron-condor-45dte", SPREAD, "call-calendar"):
        sent = controls(browser.get(f"/strategies/{strategy_id}/edit").text)
        expected: Posted = {}
        for name, text in pairs_of(SHIPPED[strategy_id]):
            expected.setdefault(name, []).append(text)

        assert {name: sorted(sent[name]) for name in expected} == {
            name: sorted(texts) for name, texts in expected.items()
        }
        assert sent["toml"] == [strategy_toml(SHIPPED[strategy_id])]


def test_an_edit_is_the_next_revision_and_none_is_lost_that_came_between(
    browser: TestClient, client: TestClient
) -> None:
    first = controls(browser.get(f"/strategies/{SPREAD}/edit").text)
    second = controls(browser.get(f"/strategies/{SPREAD}/edit").text)
    saved = browser.post(
        "/strategies/builder", data=first | {"open_runs_max": "3", "do": "save"}, follow_redirects=False
    )
    late = browser.post("/strategies/builder", data=second | {"open_runs_max": "4", "do": "save"})
    again = browser.post("/strategies/builder", data=controls(late.text) | {"do": "save"}, follow_redirects=False)

    assert saved.status_code == 303 and again.status_code == 303
    assert late.status_code == 422 and "revision 2 was saved meanwhile" in late.text
    stored = client.get(f"/api/strategies/{SPREAD}").json()
    assert (stored["revision"], stored["strategy"]["open_runs_max"]) == (3, 4)


def test_legs_are_added_and_removed_by_buttons(browser: TestClient) -> None:
    begun = controls(browser.get("/strategies/new").text)
    more = browser.post("/strategies/builder", data=begun | {"do": "add:legs"}).text
    less = browser.post("/strategies/builder", data=controls(more) | {"do": "remove:legs[0]"}).text
    back = browser.post("/strategies/builder", data=begun | {"do": "add:back"}).text

    assert 'name="legs[2].select.by"' in more and "leg_1" in more
    assert 'name="legs[2].select.by"' not in less and controls(less)["legs[0].name"] == ["long_put"]
    assert "1 thing to mend" in less and "short_put" in less  # the width is measured from a leg that is gone
    assert controls(back)["back.dte_min"] == ["50"] and controls(back)["back"] == ["yes"]
    refused = browser.post("/strategies/builder", data=begun | {"do": "add:nothing"})
    assert refused.status_code == 200 and "is no part of a strategy" in refused.text


def test_a_mistake_is_said_at_its_field(browser: TestClient) -> None:
    begun = controls(browser.get("/strategies/new").text)
    page = browser.post("/strategies/builder", data=begun | {"expiration.dte_min": "60", "id": "Bad Id", "do": "save"})

    assert page.status_code == 422
    assert '<a href="#f-id">id</a>' in page.text
    at = page.text.partition('<p class="field-error" id="f-id-error" data-path="id">')[2]
    assert at.startswith("is &#34;Bad Id&#34;; expected")
    assert 'value="Bad Id"' in page.text and 'aria-invalid="true"' in page.text
    assert browser.get("/strategies").text.count("Bad Id") == 0


def test_toml_is_read_into_the_form_and_a_slip_is_said_without_losing_the_form(browser: TestClient) -> None:
    begun = controls(browser.get("/strategies/new").text)
    wheel = strategy_toml(SHIPPED["iron-condor-45dte"]).replace('"iron-condor-45dte"', '"mine"')
    read = browser.post("/strategies/builder", data=begun | {"toml": wheel, "do": "toml"}).text
    slip = browser.post("/strategies/builder", data=begun | {"toml": "id = ", "do": "toml"}).text

    assert controls(read)["id"] == ["mine"] and len([name for name in controls(read) if name.endswith(".ratio")]) == 4
    assert "not well-formed TOML" in slip and '<a href="#toml">TOML</a>' in slip
    assert controls(slip)["id"] == begun["id"] and controls(slip)["toml"] == ["id = "]


def test_the_live_parts_follow_the_form_and_the_text(browser: TestClient) -> None:
    begun = controls(browser.get("/strategies/new").text)
    changed = browser.post("/strategies/builder/live", data=begun | {"expiration.dte_target": "22", "do": "preview"})
    typed = browser.post("/strategies/builder/live", data=begun | {"toml": 'name = "x"', "do": "toml"})
    never = browser.post("/strategies/builder/live", data=begun | {"id": "never", "do": "save"})

    text = changed.text.partition('<textarea id="toml">\n')[2].partition("</textarea>")[0]
    assert parse_strategy(decode_toml(text.replace("&#34;", '"'))).expiration.dte_target == 22
    assert "It is a strategy." in changed.text and "2016-01-15" in changed.text
    assert "is missing" in typed.text and 'id="builder-fields"' in typed.text
    assert never.status_code == 200 and browser.get("/strategies/never").status_code == 404


def test_a_strategy_is_duplicated_set_aside_and_deleted(browser: TestClient, client: TestClient) -> None:
    copied = controls(browser.get(f"/strategies/new?template={SPREAD}").text)
    off = browser.post(f"/strategies/{SPREAD}/activation", data={"active": "no"}, follow_redirects=False)
    gone = browser.post(f"/strategies/{SPREAD}/removal", follow_redirects=False)

    assert copied["id"] == [f"{SPREAD}-copy"] and copied["editing"] == [""]
    assert off.headers["location"] == f"/strategies/{SPREAD}?notice=strategy_off"
    assert gone.headers["location"] == "/strategies?notice=strategy_removed"
    assert client.get(f"/api/strategies/{SPREAD}").status_code == 404
    assert browser.get("/strategies/new?template=nobody").status_code == 404
    assert browser.post(f"/strategies/{SPREAD}/activation", data={"active": "maybe"}).status_code == 422
    assert browser.post("/strategies/nobody/activation", data={"active": "no"}).status_code == 404


def test_an_id_that_is_taken_or_ours_is_refused(browser: TestClient) -> None:
    begun = controls(browser.get("/strategies/new").text)
    taken = browser.post("/strategies/builder", data=begun | {"id": SPREAD, "do": "save"})
    ours = browser.post("/strategies/builder", data=begun | {"id": "new", "do": "save"})
    moved = controls(browser.get(f"/strategies/{SPREAD}/edit").text) | {"id": ["other"], "do": ["save"]}

    assert taken.status_code == 422 and "choose another id" in taken.text
    assert ours.status_code == 422 and "choose another id" in ours.text
    assert "a strategy keeps its id" in browser.post("/strategies/builder", data=moved).text


def test_bad_input_is_shown_and_never_breaks_the_page(browser: TestClient) -> None:
    tries: list[dict[str, str]] = [
        {},
        {"do": "save"},
        {"legs[999].name": "x", "legs[x].name": "y", "do": "preview"},
        {"revision": "x" * 50, "editing": "\x00", "toml": "\x00", "do": "toml"},
        {"do": "toml", "toml": "legs = 5\nexits = [1, 2]\nexpiration = 'x'\nname = 2020-01-01"},
        {"do": "toml", "toml": "id = '''<script>alert(1)</script>'''"},
        {"do": "add:" + "legs[0]." * 200, "sample_symbol": "<b>"},
    ]
    for data in tries:
        for path in ("/strategies/builder", "/strategies/builder/live"):
            answer = browser.post(path, data=data)

            assert answer.status_code in {200, 422} and "<script>alert" not in answer.text, data
            assert "to mend" in answer.text, data


def test_programs_convert_between_toml_and_document(client: TestClient) -> None:
    spread = SHIPPED[SPREAD]
    from_text = client.post("/api/strategies/convert", json={"toml": strategy_toml(spread)})
    from_document = client.post("/api/strategies/convert", json=strategy_document(spread))
    bad = client.post("/api/strategies/convert", json={"toml": "id = 1"})

    assert from_text.json() == from_document.json()
    assert from_text.json() == {"strategy": strategy_document(spread), "toml": strategy_toml(spread)}
    assert bad.status_code == 422 and "id" in bad.json()["details"]


def test_the_strategy_of_the_how_to_page_is_the_one_that_the_form_begins_with(browser: TestClient) -> None:
    text = (Path(__file__).parents[2] / "docs/how-to/build-a-strategy.md").read_text()
    block = text.split("```toml\n")[1].split("```")[0]
    begun = controls(browser.get("/strategies/new").text)["toml"][0]

    assert parse_strategy(decode_toml(block)) == parse_strategy(decode_toml(begun))
