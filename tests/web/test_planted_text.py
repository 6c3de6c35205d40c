"""One hostile text through every door that keeps words: no page and no file takes it for anything but words."""

import csv
import hmac
import io
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.web.conftest import COOKIES, CSRF, DEMO, ORIGIN, START, open_home, pass_minutes
from tests.web.test_isolation import routes
from thetaloom.bootstrap import Platform
from thetaloom.domain.run.signal_sources import SignalSource, SourceAuth
from thetaloom.domain.values.ids import StrategyId
from thetaloom.engine.commands import SaveSignalSource
from thetaloom.store.people import open_session
from thetaloom.web.app import create_app
from thetaloom.web.pages.csv_files import FORMULA, PLAIN_NUMBER

MARK = "planted"
TEXT = f"=1+1|{MARK}\"'><script>x</script><img src=x onerror=1>{{{{7*7}}}}${{7*7}}'"
NAME = f"=2+5|{MARK}\"'><svg onload=1>{{{{7*7}}}}"  # where a name may have 40 characters
COMPUTED = re.compile(r"(onerror=1|onload=1)(>|&gt;)(49|\$49|\$\{49)")
SECRET = "a-secret-of-this-test"
AS_BROWSER = {"accept": "text/html", "origin": ORIGIN, "sec-fetch-site": "same-origin"}


class Page(HTMLParser):
    """What of a page is code: elements, attributes that run or lead somewhere, and scripts within it."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.faults: list[str] = []
        self._in: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Find what runs, and what leads to somewhere that nobody chose."""
        given = dict(attrs)
        if tag == "script" and "src" not in given:
            self.faults.append("a script within the page")
        for name, value in given.items():
            if name.startswith("on") or name in {"style", "srcdoc"} or MARK in name:
                self.faults.append(f"<{tag} {name}>")
            if name in {"href", "src", "action", "formaction", "hx-get", "hx-post"} and not is_own(value or ""):
                self.faults.append(f"<{tag} {name}={value}>")
        if tag in {"script", "style", "iframe", "object", "embed", "base"}:
            self._in.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        if self._in and self._in[-1] == tag:
            self._in.pop()

    def handle_data(self, data: str) -> None:
        """Find the text where a browser would run it."""
        if self._in and MARK in data:
            self.faults.append(f"the text within <{self._in[-1]}>")


def is_own(address: str) -> bool:
    """Whether an address leads to this server."""
    return not address or (address[0] in "/?#" and not address.startswith(("//", "/\\")))


@pytest.fixture(scope="module")
def planted(prepared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A platform that holds the text wherever somebody may leave words."""
    home = shutil.copytree(prepared_home, tmp_path_factory.mktemp("planted") / "home")
    platform = open_home(home, START)
    platform.engine.start()
    open_session(platform.database, platform.user_id, TEXT, platform.wall.now())
    yield platform
    platform.close()


@pytest.fixture(scope="module")
def browser(planted: Platform) -> Iterator[TestClient]:
    """The browser of the person whose platform it is."""
    headers = AS_BROWSER | CSRF | {"user-agent": TEXT}
    with TestClient(create_app(planted), base_url=ORIGIN, headers=headers, cookies=COOKIES) as made:
        yield made


@pytest.fixture(scope="module")
def taken(planted: Platform, browser: TestClient) -> Mapping[str, int]:
    """How each door answered to the text."""
    return plant(planted, browser)


Send = Callable[..., object]


def plant(platform: Platform, browser: TestClient) -> dict[str, int]:
    """Leave the text everywhere; return the status of each answer."""
    told: dict[str, int] = {}

    def send(what: str, method: str, path: str, **sent: Any) -> None:
        told[what] = browser.request(method, path, follow_redirects=False, **sent).status_code

    plant_in_trade(platform, browser, send)
    plant_in_names(browser, send)
    plant_in_signals(platform, send)
    platform.engine.settle()
    return told


def plant_in_trade(platform: Platform, browser: TestClient, send: Send) -> None:
    """Leave the text in decisions and notes."""

    def proposal() -> str:
        browser.post("/api/workflow/start", json={"symbols": ["GOOG"], "strategy_ids": [DEMO], "force": True})
        platform.engine.settle()
        return str(browser.get("/api/workflow/pending").json()["items"][0]["id"])

    send("rejection", "POST", f"/api/workflow/reject/{proposal()}", json={"reason": TEXT})
    send("rejection by form", "POST", f"/approvals/{proposal()}/rejection", data={"reason": TEXT})
    send("approval", "POST", f"/api/workflow/approve/{proposal()}", json={"note": TEXT})
    pass_minutes(platform, 13)
    held = browser.get("/api/positions").json()["items"][0]["id"]
    send("note", "POST", f"/journal/{held}/note", data={"note": TEXT})


def plant_in_names(browser: TestClient, send: Send) -> None:
    """Leave the text wherever something is named, described or asked for."""
    strategy = browser.get(f"/api/strategies/{DEMO}").json()["strategy"]
    send("strategy", "POST", "/api/strategies", json=strategy | {"id": "named", "name": TEXT, "description": TEXT})
    send("id of a strategy", "POST", "/api/strategies", json=strategy | {"id": NAME})
    words = {"name": TEXT, "text": TEXT, "description": TEXT, "notes": TEXT}
    send("prompt", "POST", "/api/prompts", json={"id": "tainted", **words})
    send("prompt that is a template", "POST", "/api/prompts", json={"id": "second", **words, "text": MARK})
    send("id of a prompt", "POST", "/api/prompts", json={"id": NAME, "text": MARK})
    send("watchlist", "PUT", "/api/watchlists/x", json={"symbols": ["GOOG"]})
    send("name of a watchlist", "POST", "/watchlists", data={"name": NAME, "symbols": "GOOG"})
    send("symbols of a watchlist", "POST", "/watchlists", data={"name": "bad", "symbols": TEXT})
    every = {"strategy_id": DEMO, "symbols": ["GOOG"], "cron": "*/15 10-14 * * mon-fri"}
    for field in ("strategy_id", "cron", "zone", "watchlist"):
        send(f"{field} of a schedule", "POST", "/api/schedules", json=every | {field: TEXT})
    send("schedule", "POST", "/api/schedules", json=every)
    send("scan", "POST", "/api/scans", json={"symbols": [TEXT]})
    send("run", "POST", "/api/workflow/start", json={"symbols": [TEXT], "strategy_ids": [TEXT]})
    url = f"json://{MARK}@127.0.0.1:9/x"
    send("destination", "PUT", "/api/notifications/destinations/good", json={"url": url})
    send("name of a destination", "POST", "/notifications", data={"name": NAME, "url": url})
    send("address of a destination", "POST", "/notifications", data={"name": "bad", "url": TEXT})
    send("name of a token", "POST", "/account/tokens", data={"name": NAME, "scopes": ["read"], "days": "1"})
    send("person", "POST", "/users", data={"name": NAME, "role": "viewer"})
    send("zone", "POST", "/account/preferences", data={"zone": TEXT})
    send("limit", "POST", "/settings/limits", data={NAME: TEXT})
    send("halt", "POST", "/halts", data={"scope": "strategy:named", "note": TEXT})
    send("scope of a halt", "POST", "/halts", data={"scope": f"strategy:{NAME}", "note": TEXT})
    send("signing in", "POST", "/login", data={"name": TEXT, "password": TEXT, "next": f"/{TEXT}"})


def plant_in_signals(platform: Platform, send: Send) -> None:
    """Leave the text in messages of a sender who knows the secret."""
    source = SignalSource(
        name="tv",
        user_id=platform.user_id,
        auth=SourceAuth.HMAC,
        strategy_id=StrategyId(DEMO),
        saved_at=platform.clock.now(),
    )
    platform.engine.handle(SaveSignalSource(source=source))
    platform.source_secrets.put("tv", SECRET)
    observed = {"indicator": "ORB", "action": "observe", "direction": "bullish", "symbol": "GOOG"}
    for what, body in {
        "signal": {**observed, "type": TEXT, "body_size": TEXT, "emas": {"news": TEXT}, "comment": TEXT, "id": "1"},
        "order of a signal": {"symbol": "GOOG", "action": "buy", "id": "2", "comment": TEXT},
        "id of a signal": {"symbol": "GOOG", "action": "buy", "id": NAME},
        "symbol of a signal": {"symbol": TEXT, "action": "buy"},
    }.items():
        sent = json.dumps(body).encode()
        signature = hmac.new(SECRET.encode(), sent, sha256).hexdigest()
        send(what, "POST", "/webhook/tv", content=sent, headers={"X-Signature": f"sha256={signature}"})


KEPT = {
    "prompt that is a template",
    "rejection",
    "rejection by form",
    "approval",
    "note",
    "strategy",
    "signal",
    "order of a signal",
    "halt",
}


def test_every_door_takes_the_text_as_words_or_refuses_it(taken: Mapping[str, int]) -> None:
    assert {what: status for what, status in taken.items() if status >= 500} == {}
    assert {what: taken[what] for what in KEPT if taken[what] >= 400} == {}


def ids_of(browser: TestClient) -> dict[str, str]:
    """What things are called, by the names that addresses have for them."""

    def first(path: str, key: str = "id") -> str:
        answer = browser.get(path).json()
        return str((answer["items"] if isinstance(answer, dict) else answer)[0][key])

    return {
        "run_id": first("/api/workflow/list"),
        "proposal_id": browser.get("/api/suggestions").json()["items"][0]["id"],
        "suggestion_id": browser.get("/api/suggestions").json()["items"][0]["id"],
        "strategy": "named",
        "strategy_id": "named",
        "position_id": first("/api/positions"),
        "order_id": first("/api/orders", "client_order_id"),
        "schedule_id": "none",
        "scan_id": "none",
        "signal_id": first("/api/signals"),
        "finding_id": "none",
        "prompt_id": "second",
        "name": "x",
        "step": "8",
        "seq": "8",
        "timeframe": "1d",
        "conid": "1",
        "symbol": "GOOG",
        "source": "tv",
        "user": "local",
    }


def addresses(browser: TestClient) -> Iterator[str]:
    """Every address that answers with something to see: by the right names, and by the text in their place."""
    ids = ids_of(browser)
    evil = dict.fromkeys(ids, "%22%27%3E%3Cscript%3Ex%3C%2Fscript%3E%7B%7B7*7%7D%7Dplanted")
    for method, path in routes(browser.app):
        if method == "GET":
            yield path.format_map(ids)
            if "{" in path:
                yield path.format_map(evil)


def test_no_page_and_no_file_takes_the_text_for_anything_but_words(
    browser: TestClient, taken: Mapping[str, int]
) -> None:
    shown, faults = set(), []
    for address in addresses(browser):
        for suffix in ("", "?format=csv", f"?q={MARK}&sort={MARK}&notice={MARK}%3Cscript%3Ex%3C/script%3E&next=//x"):
            if suffix and address.startswith("/api/"):
                continue
            answer = browser.get(address + suffix, follow_redirects=False)
            assert answer.status_code < 500, address + suffix
            kind = answer.headers.get("content-type", "")
            if MARK in answer.text:
                shown.add(address)
            if COMPUTED.search(answer.text):
                faults.append((address, "computed"))
            if kind.startswith("text/html"):
                faults += [(address + suffix, fault) for fault in Page(answer.text).faults]
                if "<script>x" in answer.text or "<img src=x" in answer.text or "<svg onload" in answer.text:
                    faults.append((address, "an element"))
            elif kind.startswith("text/csv"):
                cells = [cell for row in csv.reader(io.StringIO(answer.text)) for cell in row]
                faults += [
                    (address, cell) for cell in cells if cell.startswith(FORMULA) and not PLAIN_NUMBER.fullmatch(cell)
                ]
            elif kind:
                assert kind.startswith(("application/json", "image/", "text/plain", "application/zip")), (address, kind)
                assert answer.headers["x-content-type-options"] == "nosniff"
    assert faults == []
    assert len(shown) > 20
