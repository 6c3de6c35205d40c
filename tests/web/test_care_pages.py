"""What pages show of alerts, the journal, chains, protection, plans, refusals and doubt; and the forms that act."""

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.web.conftest import START, pass_minutes
from thetaloom.bootstrap import Platform
from thetaloom.domain.book.alerts import Alert, Priority, Urgency
from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.positions import Position
from thetaloom.domain.book.refusals import NextAction, Refusal
from thetaloom.domain.book.spreads import Loose, ShareLot
from thetaloom.domain.values.ids import ClientOrderId, PositionId, RunId
from thetaloom.domain.values.money import Price
from thetaloom.engine.alerts import end_alerts, raise_alert
from thetaloom.errors import InvalidInput
from thetaloom.store.queries.alerts import list_alerts
from thetaloom.web.pages.forms import count_of, day_of
from thetaloom.web.pages.order_notes import ACTIONS

HOSTILE = "<script>alert(1)</script>\"'>"


@pytest.fixture
def position(platform: Platform, client: TestClient, proposal_id: str) -> Position:
    """A position just opened."""
    client.post(f"/api/workflow/approve/{proposal_id}")
    pass_minutes(platform, 10)
    found = client.get("/api/positions", params={"open": True}).json()["items"][0]["id"]
    return stored(platform, found)


def stored(platform: Platform, position: str) -> Position:
    """The position as the books have it."""
    with platform.store.reading() as uow:
        found = uow.positions.get(PositionId(position))
    assert found is not None
    return found


def alert_about(platform: Platform, position: Position, **changes: object) -> Alert:
    """An alert about the position, which stands."""
    alert = Alert(
        user_id=position.user_id,
        account_id=position.account_id,
        subject=position.id,
        position_id=position.id,
        symbol=position.symbol,
        cause="stop_loss:1",
        priority=Priority.CRITICAL,
        reason="stop_loss",
        details="The loss is 92 % of the way to its stop.",
        recommended_action="Close it, or be sure that the stop does.",
        urgency=Urgency.IMMEDIATE,
        current_value=Decimal("184.256"),
        threshold_value=Decimal(200),
        unit="percent_of_premium",
        order_type="LIMIT",
        limit_price=Price("-2.35"),
        raised_at=platform.clock.now(),
    )
    with platform.store.unit_of_work() as uow:
        raised = raise_alert(uow, replace(alert, **changes))  # type: ignore[arg-type]  # fields by name
        uow.commit()
    return raised


def sent(platform: Platform, client: TestClient, proposal: str, **changes: object) -> Order:
    """The order of an approved proposal, with what a broker's answer would have given it."""
    client.post(f"/api/workflow/approve/{proposal}")
    platform.engine.settle()
    found = client.get("/api/pending-orders").json()["items"][0]["client_order_id"]
    with platform.store.unit_of_work() as uow:
        order = uow.orders.get(ClientOrderId(found))
        assert order is not None
        changed = replace(order, **changes)  # type: ignore[arg-type]  # fields by name
        uow.orders.save(changed)
        uow.commit()
    return changed


@pytest.mark.parametrize("path", ["/alerts", "/alerts?show=over", "/journal", "/journal?held=open&symbol=goog"])
def test_an_empty_house_says_so(browser: TestClient, path: str) -> None:
    answer = browser.get(path)

    assert answer.status_code == 200
    assert 'class="empty"' in answer.text
    assert "<script>" not in answer.text


def test_an_alert_says_how_soon_how_near_and_what_to_do(
    platform: Platform, browser: TestClient, position: Position
) -> None:
    alert_about(platform, position)

    text = browser.get("/alerts").text

    for words in ("at once", "critical", 'href="/reasons#stop_loss"', "184.26 % of premium", "200 % of premium"):
        assert words in text
    assert "Close it, or be sure that the stop does." in text
    assert "limit order at −2.35" in text
    assert f'href="/positions/{position.id}"' in text
    standing = list_alerts(platform.database, platform.user_id).total
    assert f'<span class="count">{standing}<span class="visually-hidden"> standing' in browser.get("/").text


def test_the_most_urgent_alert_comes_first_and_one_that_is_over_moves(
    platform: Platform, browser: TestClient, position: Position
) -> None:
    alert_about(platform, position, cause="a", details="The smaller matter.", priority=Priority.LOW)
    alert_about(platform, position, cause="b", details="The larger matter.", priority=Priority.HIGH)
    text = browser.get("/alerts").text
    assert text.index("The larger matter.") < text.index("The smaller matter.")

    with platform.store.unit_of_work() as uow:
        end_alerts(uow, position.user_id, position.id, platform.clock.now())
        uow.commit()

    assert "matter" not in browser.get("/alerts").text.partition("<section")[2]
    assert "The larger matter." in browser.get("/alerts?show=over").text


def test_the_words_of_an_alert_never_become_markup(platform: Platform, browser: TestClient, position: Position) -> None:
    alert_about(platform, position, details=HOSTILE, recommended_action=HOSTILE, reason=HOSTILE)

    assert "<script>" not in browser.get("/alerts").text
    assert "<script>" not in browser.get(f"/runs/{position.run_id}").text


def test_the_address_of_a_position_leads_to_its_run(browser: TestClient, position: Position) -> None:
    answer = browser.get(f"/positions/{position.id}", follow_redirects=False)

    assert (answer.status_code, answer.headers["location"]) == (303, f"/runs/{position.run_id}#position")
    assert browser.get("/positions/none").status_code == 404


def test_a_note_is_written_changed_and_taken_out_by_the_form(browser: TestClient, position: Position) -> None:
    address = f"/journal/{position.id}"
    assert address in browser.get("/journal").text

    written = browser.post(f"{address}/note", data={"note": f"first\r\nsecond {HOSTILE}"})
    assert "The note is in the journal." in written.text
    assert "first\nsecond &lt;script&gt;" in written.text
    assert "<script>" not in browser.get("/journal").text

    emptied = browser.post(f"{address}/note", data={"note": ""})
    assert "The note was taken out." in emptied.text
    assert "second" not in emptied.text


def test_nobody_writes_a_note_through_a_foreign_page(browser: TestClient, position: Position) -> None:
    foreign = {"origin": "http://evil.example", "sec-fetch-site": "cross-site"}

    refused = browser.post(f"/journal/{position.id}/note", data={"note": "not mine"}, headers=foreign)

    assert refused.status_code == 403
    assert "not mine" not in browser.get(f"/journal/{position.id}").text


def test_a_note_that_is_too_long_is_refused_whole(browser: TestClient, position: Position) -> None:
    assert browser.post(f"/journal/{position.id}/note", data={"note": "x" * 4001}).status_code == 422
    assert "xxx" not in browser.get(f"/journal/{position.id}").text
    assert browser.get("/journal/none").status_code == 404
    assert browser.post("/journal/none/note", data={"note": "x"}).status_code == 404


def test_the_journal_lists_what_is_held_apart_from_what_is_over(browser: TestClient, position: Position) -> None:
    address = f"/journal/{position.id}"

    assert address in browser.get("/journal?held=open").text
    assert address not in browser.get("/journal?held=closed").text
    assert address not in browser.get("/journal?symbol=SPY").text


def test_the_page_of_a_held_position_says_who_protects_it_and_what_time_does(
    browser: TestClient, position: Position
) -> None:
    text = browser.get(f"/runs/{position.run_id}").text

    assert re.search(r"<dt>protected</dt><dd>(by our own watch|by orders at the broker|by nobody)", text)
    for words in ("unprotected so far", "highest profit", "lowest profit", "Until expiration", "closes it first"):
        assert words in text
    assert "GOOG  160115P00712500" in text
    assert "expires worthless at 7" in text
    assert "PM, shares, American" in text
    assert "2016-01-15 16:00:00 EST" in text  # the last trade
    assert "2016-01-15 17:30:00 EST" in text  # until when the broker takes instructions
    assert "Chain of rolls" not in text  # it is no link of one


def test_loose_legs_and_shares_are_shown_with_their_cause(
    platform: Platform, browser: TestClient, position: Position
) -> None:
    contract = position.legs[0].contract
    loose = Loose(contract=contract, quantity=-3, price=Price("1.25"), since=START, cause="left_alone")
    shares = ShareLot(symbol="GOOG", quantity=100, price=Price("712.5"), since=START, cause="assignment")
    with platform.store.unit_of_work() as uow:
        uow.positions.save(replace(position, loose=(loose,), shares=(shares,)))
        uow.commit()

    text = browser.get(f"/runs/{position.run_id}").text

    assert "Outside of its spreads" in text
    assert "left alone" in text
    assert "GOOG shares" in text
    assert "$712.50" in text


def test_a_roll_is_proposed_by_its_form_and_the_chain_shows_both_links(
    platform: Platform, browser: TestClient, position: Position
) -> None:
    proposed = browser.post(f"/positions/{position.id}/rolling", data={"dte": "29", "strikes": "same", "quantity": ""})
    platform.engine.settle()

    assert "The roll was asked for." in proposed.text
    successor = RunId(proposed.url.path.removeprefix("/runs/"))
    assert successor != position.run_id
    assert stored(platform, position.id).quantity == position.quantity  # nothing is traded before the approval

    with platform.store.unit_of_work() as uow:  # as a filled roll leaves it
        other = replace(
            position, id=PositionId("pos-next"), run_id=successor, rolled_from=position.id, chain_id=position.chain_id
        )
        uow.positions.add(other)
        uow.commit()
    text = browser.get(f"/runs/{position.run_id}").text
    assert "Chain of rolls" in text
    assert "this one" in text
    assert "pos-next" in text
    assert "all of it" in text


@pytest.mark.parametrize(
    "wrong",
    [{"dte": "soon"}, {"quantity": "1.5"}, {"strikes": "higher"}, {"expiration": "15.01.2016"}, {"quantity": "0"}],
)
def test_a_roll_that_is_not_understood_starts_nothing(
    browser: TestClient, client: TestClient, position: Position, wrong: dict[str, str]
) -> None:
    before = client.get("/api/workflow/list").json()["total"]

    assert browser.post(f"/positions/{position.id}/rolling", data=wrong).status_code == 422
    assert client.get("/api/workflow/list").json()["total"] == before


@pytest.mark.parametrize("quantity", ["1.5", "one", "-1", "²", "1" * 7])
def test_a_quantity_that_is_not_understood_never_closes_everything(
    platform: Platform, browser: TestClient, position: Position, quantity: str
) -> None:
    answer = browser.post(f"/positions/{position.id}/closing", data={"quantity": quantity})
    platform.engine.settle()

    assert answer.status_code == 422
    with platform.store.reading() as uow:
        assert len(uow.orders.of_run(position.run_id)) == 1  # the one that opened it


@given(st.text(max_size=12))
def test_only_an_empty_field_means_all(text: str) -> None:
    try:
        count = count_of(text, "quantity")
    except InvalidInput:
        assert text.strip()
        return
    assert (count is None) == (not text.strip())
    assert count is None or count == int(text)


@given(st.dates())
def test_a_date_is_read_as_browsers_send_it(day: date) -> None:
    assert day_of(day.isoformat(), "expiration") == day
    assert day_of("", "expiration") is None


@pytest.mark.parametrize("refusal", list(Refusal))
def test_a_refused_order_says_why_and_what_happens_next(
    platform: Platform, browser: TestClient, client: TestClient, proposal_id: str, refusal: Refusal
) -> None:
    order = sent(platform, client, proposal_id, status=OrderStatus.REJECTED, refusal=refusal)

    for path in ("/orders", f"/runs/{order.run_id}"):
        text = browser.get(path).text.replace("&#39;", "'")
        assert refusal.value.replace("_", " ") in text
        assert refusal.text in text
        assert f"What happens next: {ACTIONS[refusal.action]}" in text


def test_every_next_action_has_words() -> None:
    assert set(ACTIONS) == set(NextAction)


def test_an_order_without_an_answer_says_what_happens_next(
    platform: Platform, browser: TestClient, client: TestClient, proposal_id: str
) -> None:
    now = platform.clock.now()
    doubt = {"status": OrderStatus.SUBMITTED, "unresolved_since": now, "absent_since": now - timedelta(seconds=1)}
    sent(platform, client, proposal_id, **doubt)

    text = browser.get("/orders").text

    assert "unresolved" in text
    assert "that proves that it never arrived" in text


def test_the_orders_page_says_what_the_fills_were_worth(browser: TestClient, position: Position) -> None:
    text = browser.get("/orders").text

    assert "given up to mid on arrival" in text
    assert "the newest 1 with a fill" in text
