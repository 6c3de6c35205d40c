"""What Alpaca's books and messages tell: legs apart, what happens without us, and words that nobody expects."""

import pytest

from tests.brokers.alpaca.conftest import Desk
from tests.brokers.alpaca.waiting import until
from thetaloom.brokers.alpaca import books
from thetaloom.domain.book.leg_fills import assemble
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.book.transactions import TransactionKind as T
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import ConfigError, NotAllowed
from thetaloom.testing import builders as b

SHORT, LONG = (leg.contract for leg in b.legs())


def kinds(desk: Desk) -> list[T]:
    """Return the kinds of the account's transactions, fees left out."""
    return [one.kind for one in desk.broker.transactions(0) if one.kind is not T.FEE]


def test_legs_done_apart_are_told_as_they_come_and_make_one_structure(opened: Desk) -> None:
    order = b.order(limit="1.50")
    opened.broker.submit(order)
    number = opened.backend.by_client_id(order.client_order_id)[0].broker_order_id

    opened.backend.execute(number, LONG, 1, Price("0.60"))
    opened.await_kinds(order, K.ACCEPTED, K.LEG_FILLED)
    found = opened.broker.find(order.client_order_id)
    opened.backend.execute(number, SHORT, -1, Price("2.10"))
    opened.await_kinds(order, K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED)

    made = assemble(order.legs, [one.execution for one in opened.reports(order) if one.execution is not None])
    assert found is not None and found.is_open and found.filled == 0
    assert made.is_balanced and [fill.price for fill in made.fills] == [Price("1.50")]


def test_a_leg_that_alpaca_liquidates_is_a_transaction_and_no_report_of_ours(opened: Desk) -> None:
    order = b.order(limit="0.90")
    opened.broker.submit(order)
    opened.fill(order)
    opened.await_kinds(order, K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED)

    opened.backend.world.liquidate(LONG)

    until(lambda: kinds(opened) == [T.TRADE] * 3, lambda: str(kinds(opened)))
    last = [one for one in opened.broker.transactions(0) if one.kind is T.TRADE][-1]
    assert opened.broker.holdings() == {SHORT: -1} and last.client_order_id is None
    assert opened.kinds(order) == [K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED]


def test_an_assignment_takes_the_contract_and_brings_shares_at_the_strike(opened: Desk) -> None:
    order = b.order(limit="0.90")
    opened.broker.submit(order)
    opened.fill(order)
    opened.await_kinds(order, K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED)

    opened.backend.world.assign(SHORT)

    until(lambda: kinds(opened)[2:] == [T.ASSIGNMENT] * 2, lambda: str(kinds(opened)))
    gone, came = (one for one in opened.broker.transactions(0) if one.kind is T.ASSIGNMENT)
    assert (gone.contract, gone.quantity, gone.cash) == (SHORT, 1, Money(0))
    assert (came.symbol, came.quantity, came.price, came.cash) == ("SPY", 100, Price(560), Money(-56_000))
    assert opened.broker.account().shares == {"SPY": 100} and opened.broker.holdings() == {LONG: 1}


@pytest.mark.parametrize(
    "update",
    [
        {"event": "new", "order": {"id": "x", "legs": [{"asset_class": "us_option"}]}},
        {"event": "fill", "order": None},
        {"event": "a word of tomorrow"},
        {},
    ],
)
def test_a_message_that_cannot_be_read_ends_no_stream(opened: Desk, update: dict[str, object]) -> None:
    until(lambda: opened.broker.links()[0].is_up, lambda: "not up")
    order = b.order(limit="0.90")
    opened.broker.submit(order)

    opened.server.sockets.tell_trade(update)
    opened.fill(order)

    opened.await_kinds(order, K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED)
    assert opened.broker.links()[0].drops == 0


def test_an_order_told_without_its_legs_and_legs_told_alone_are_looked_up(opened: Desk) -> None:
    until(lambda: opened.broker.links()[0].is_up, lambda: "not up")
    opened.server.keeps_legs_back = True
    filled, ended = (b.order(limit="0.90", client_order_id=ClientOrderId(f"tl-{name}")) for name in ("one", "two"))
    opened.broker.submit(filled)
    opened.fill(filled)
    opened.await_kinds(filled, K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED)
    opened.market.set_quotes({"SPY 2026-01-16 P 560": (2.00, 2.10), "SPY 2026-01-16 P 555": (1.40, 1.50)})
    opened.broker.submit(ended)
    (working,) = opened.backend.by_client_id(ended.client_order_id)
    opened.backend.cancel(working.broker_order_id)  # which only the stream tells

    opened.await_kinds(ended, K.ACCEPTED, K.CANCELED)
    assert opened.broker.holdings() == {leg.contract: leg.ratio for leg in filled.legs}


def test_legs_of_somebody_elses_order_are_nothing_of_ours(opened: Desk) -> None:
    until(lambda: opened.broker.links()[0].is_up, lambda: "not up")
    opened.server.keeps_legs_back = True
    opened.backend.world.place_elsewhere(b.legs(), 2, Price("1.50"))
    order = b.order(limit="0.90")
    opened.broker.submit(order)
    opened.fill(order)

    opened.await_kinds(order, K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED)
    assert opened.broker.links()[0].drops == 0


def test_the_reason_of_a_refusal_that_comes_later_is_told(opened: Desk) -> None:
    until(lambda: opened.broker.links()[0].is_up, lambda: "not up")
    order = b.order(limit="1.50")
    opened.broker.submit(order)
    (working,) = opened.backend.by_client_id(order.client_order_id)
    shown = opened.server.shelf.shown(working.broker_order_id)
    assert shown is not None
    update = {"event": "order_cancel_rejected", "reason": "TOO_LATE_TO_CANCEL", "order": shown.record(nested=False)}
    opened.server.sockets.tell_trade(update)

    opened.await_kinds(order, K.ACCEPTED, K.CANCEL_REFUSED)
    assert opened.reports(order)[-1].message == "alpaca: TOO_LATE_TO_CANCEL"


# Every event that the documentation names, with the status that its order has then; none of them ends it.
WORKING = {
    "accepted": "accepted",
    "pending_new": "pending_new",
    "new": "new",
    "held": "held",
    "stopped": "stopped",
    "suspended": "suspended",
    "pending_cancel": "pending_cancel",
    "order_cancel_rejected": "new",
    "pending_replace": "pending_replace",
    "order_replace_rejected": "new",
    "calculated": "calculated",
    "done_for_day": "done_for_day",
    "restated": "new",
    "trade_bust": "new",
    "trade_correct": "new",
}
OVER = {"canceled": K.CANCELED, "expired": K.EXPIRED, "rejected": K.REJECTED}


@pytest.mark.parametrize("last", OVER)
def test_every_event_of_an_order_is_read_and_only_an_end_ends_it(opened: Desk, last: str) -> None:
    until(lambda: opened.broker.links()[0].is_up, lambda: "not up")
    order = b.order(limit="1.50")
    opened.broker.submit(order)
    (working,) = opened.backend.by_client_id(order.client_order_id)
    shown = opened.server.shelf.shown(working.broker_order_id)
    assert shown is not None
    for event, status in WORKING.items():
        opened.server.sockets.tell_trade({"event": event, "order": shown.record() | {"status": status}})
    opened.await_kinds(order, K.ACCEPTED, K.CANCEL_REFUSED, K.REPLACE_REFUSED)
    opened.server.sockets.tell_trade({"event": last, "order": shown.record() | {"status": last}, "reason": "WHY"})

    opened.await_kinds(order, K.ACCEPTED, K.CANCEL_REFUSED, K.REPLACE_REFUSED, OVER[last])
    assert opened.reports(order)[-1].message == "WHY" and opened.broker.links()[0].drops == 0


@pytest.mark.parametrize("page", [3, 6, 500])
def test_no_order_is_lost_between_two_pages(opened: Desk, page: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(books, "ORDERS_PAGE", page)
    placed = []
    for seconds in (0, 0, 1, 0, 1, 1):  # some at the same instant
        opened.clock.advance(seconds=seconds)
        placed.append(opened.backend.world.place_elsewhere(b.legs(), 1, Price("1.50")))

    assert {one.broker_order_id for one in opened.broker.open_orders()} == set(placed)


def test_orders_of_somebody_else_are_shown_and_can_be_canceled(opened: Desk) -> None:
    theirs = opened.backend.world.place_elsewhere(b.legs(), 2, Price("1.50"))

    (shown,) = opened.broker.open_orders()
    opened.broker.cancel_orphan(shown.broker_order_id)

    assert (shown.client_order_id, shown.broker_order_id, shown.quantity) == (None, theirs, 2)
    assert opened.broker.open_orders() == []


def test_keys_of_a_live_account_are_refused_in_paper_mode_before_anything_is_asked(desk: Desk) -> None:
    with pytest.raises(NotAllowed) as refused:
        desk.connect(secrets={"key-id": "AKLIVE", "secret-key": "s"})

    assert refused.value.code == "live_account_in_paper_mode" and desk.server.http.requests == []


def test_a_live_account_behind_keys_that_say_nothing_is_refused_in_paper_mode(desk: Desk) -> None:
    desk.server.http.keys = ("CKOTHER", "simulated")

    with pytest.raises(NotAllowed) as refused:
        desk.connect(secrets={"key-id": "CKOTHER", "secret-key": "simulated"})

    assert refused.value.code == "live_account_in_paper_mode"


def test_a_paper_account_is_refused_in_live_mode(desk: Desk) -> None:
    with pytest.raises(NotAllowed) as refused:
        desk.connect(is_live=True)

    assert refused.value.code == "paper_account_in_live_mode"


def test_what_is_missing_or_wrong_is_said_at_the_start(desk: Desk) -> None:
    wrong: list[dict[str, object]] = [
        {"secrets": {"key-id": "PKSIM"}},
        {"secrets": {"key-id": "PKSIM", "secret-key": "another"}},
        {"account": "PA123"},
        {"options": desk.server.options | {"option_feed": "fast"}},
        {"options": desk.server.options | {"colour": "red"}},
        {"options": desk.server.options | {"silence_seconds": "-1"}},
    ]

    for one in wrong:
        with pytest.raises(ConfigError):
            desk.connect(**one)
