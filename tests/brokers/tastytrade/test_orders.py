"""The life of an order at tastytrade."""

import threading
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import Connection, event

from tests.brokers.tastytrade.conftest import Desk, until
from thetaloom.domain.book.orders import Order
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.book.transactions import TransactionKind
from thetaloom.domain.values.ids import BrokerOrderId, ClientOrderId
from thetaloom.domain.values.money import Price
from thetaloom.errors import NotFound, OutcomeUnknown
from thetaloom.testing import builders as b
from thetaloom.testing.broker_servers.backend import ServerTrouble, WireOrder
from thetaloom.testing.broker_servers.tastytrade.wire import Asked, Told


def test_an_order_is_accepted_works_and_fills(desk: Desk) -> None:
    order = b.order(limit="1.50")
    desk.broker.submit(order)
    desk.expect(order, K.ACCEPTED)
    found = desk.broker.find(order.client_order_id)
    desk.fill(order)

    desk.expect(order, K.ACCEPTED, K.FILLED)
    assert found is not None and found.is_open and found.limit_price == Price("1.50")
    assert desk.broker.holdings() == {leg.contract: leg.ratio for leg in order.legs}


def test_an_order_is_written_down_before_it_is_sent_and_costs_two_transactions_at_most(desk: Desk) -> None:
    first, second = (b.order(limit="1.50", client_order_id=ClientOrderId(f"tl-{number}")) for number in "12")
    desk.broker.submit(first)  # it notes what a contract costs, which the second need not
    story: list[str] = []
    me = threading.get_ident()

    def tell(what: str, _: Connection) -> None:
        if threading.get_ident() == me:
            story.append(what)

    for what in ("begin", "commit"):
        event.listen(desk.broker._book._engine, what, partial(tell, what))
    place = desk.server.rest.answer

    def placed(asked: Asked, *, late: bool = False) -> Told:
        if asked.method == "POST":
            story.append("sent")
        return place(asked, late=late)

    desk.server.rest.answer = placed  # type: ignore[method-assign]  # the wire as the server sees it
    desk.broker.submit(second)

    # What the stream told sooner need not be written by the answer once more.
    written = ["begin", "commit"]
    assert story in ([*written, "sent", *written], [*written, "sent"])


def test_a_conditional_order_of_the_app_hides_no_other_order(desk: Desk) -> None:
    theirs = int(desk.backend.world.place_elsewhere(b.legs(), 2, Price("1.50")))
    order = b.order(limit="1.50")
    desk.broker.submit(order)
    condition = {"id": "1", "action": "cancel", "symbol": "SPY", "indicator": "last", "comparator": "lte"}
    desk.server.rest.desk.placed[theirs].rule = {"order-conditions": [condition | {"threshold": "540.0"}]}
    drops = desk.broker.links()[0].drops
    desk.server.in_thread(partial(desk.server.account_socket.tell_order, theirs))
    desk.broker.cancel(order.client_order_id)

    desk.expect(order, K.ACCEPTED, K.CANCELED)
    assert [int(one.broker_order_id) for one in desk.broker.open_orders()] == [theirs]
    assert desk.broker.links()[0].drops == drops


def test_an_order_that_closes_what_is_gone_is_refused_and_opens_nothing(desk: Desk) -> None:
    # By default tastytrade turns it into one that opens, and only warns.
    closing = b.closing(b.order(limit="1.50"), limit="-0.30")
    preview = desk.broker.preview(closing)
    desk.broker.submit(closing)

    desk.expect(closing, K.REJECTED)
    assert preview.refusal is desk.reports(closing)[-1].refusal is Refusal.QUANTITY_CONFLICT
    assert not desk.server.rest.desk.placed


def test_an_order_that_closes_is_moved_and_stays_one_that_closes(desk: Desk) -> None:
    opening = b.order(limit="1.50")
    desk.broker.submit(opening)
    desk.fill(opening)
    desk.expect(opening, K.ACCEPTED, K.FILLED)
    closing = b.closing(opening, limit="-0.30")
    desk.broker.submit(closing)
    desk.broker.replace(closing.client_order_id, Price("-0.40"), 1)

    desk.expect(closing, K.ACCEPTED, K.REPLACED)
    desk.fill(replace(closing, limit_price=Price("-0.40")))
    desk.expect(closing, K.ACCEPTED, K.REPLACED, K.FILLED)
    assert not desk.broker.holdings()


def test_a_cancel_ends_a_working_order(desk: Desk) -> None:
    order = b.order(limit="1.50")
    desk.broker.submit(order)
    desk.broker.cancel(order.client_order_id)

    desk.expect(order, K.ACCEPTED, K.CANCELED)
    assert not desk.broker.open_orders()


def test_a_replacement_has_an_id_of_its_own_and_is_the_same_order_to_us(desk: Desk) -> None:
    order = b.order(limit="1.50")
    desk.broker.submit(order)
    before = desk.number(order.client_order_id)
    desk.broker.replace(order.client_order_id, Price("1.40"), 1)

    desk.expect(order, K.ACCEPTED, K.REPLACED)
    after = desk.broker.find(order.client_order_id)
    assert after is not None and int(after.broker_order_id) != before and after.limit_price == Price("1.40")
    assert [one.client_order_id for one in desk.broker.open_orders()] == [order.client_order_id]


def test_an_order_is_whole_only_when_the_fills_of_all_its_legs_are_told(desk: Desk) -> None:
    # "Filled" is said when the first leg is processed, and the first message lacks the fills of the others.
    desk.server.account_socket.keeps_legs_back = True
    order = b.order(limit="1.50")
    desk.broker.submit(order)
    desk.fill(order)

    desk.expect(order, K.ACCEPTED, K.FILLED)


def test_filled_with_one_leg_done_is_an_order_that_works(desk: Desk) -> None:
    order = b.order(limit="1.50")
    desk.broker.submit(order)
    number = desk.number(order.client_order_id)
    sold, bought = order.legs
    desk.backend.execute(BrokerOrderId(str(number)), sold.contract, -1, Price("2.50"))
    found = desk.broker.find(order.client_order_id)
    assert desk.server.rest.desk.placed[number].status == "Filled"
    assert found is not None and found.is_open and found.filled == 0
    desk.backend.execute(BrokerOrderId(str(number)), bought.contract, 1, Price("1.00"))

    desk.expect(order, K.ACCEPTED, K.FILLED)
    assert desk.reports(order)[-1].fill is not None


def test_the_same_fill_by_stream_answer_and_book_counts_once(desk: Desk) -> None:
    order = b.order(limit="1.50", quantity=3)
    desk.broker.submit(order)
    desk.fill(order)
    desk.expect(order, K.ACCEPTED, K.FILLED)
    desk.server.drop_streams()
    assert until(lambda: desk.broker.links()[0].drops == 1 and desk.broker.links()[0].is_up)
    desk.broker.find(order.client_order_id)
    executions = [one.execution for one in desk.broker.reports_since(0) if one.execution is not None]

    assert len(executions) == len({one.execution_id for one in executions}) == 2


def test_a_dry_run_tells_what_an_order_ties_up_and_places_nothing(desk: Desk) -> None:
    order = b.order(limit="1.50")
    told = desk.broker.preview(order)
    ours = desk.backend.preview(wire_of(order))

    assert (told.buying_power_effect, told.fees) == (ours.buying_power_effect, ours.fees)
    assert told.refusal is None and not desk.broker.open_orders()


def test_a_dry_run_says_why_an_order_would_be_refused(desk: Desk) -> None:
    told = desk.broker.preview(b.order(limit="1.50", quantity=1000))

    assert told.refusal is Refusal.INSUFFICIENT_BUYING_POWER and told.message


def test_a_refused_order_is_reported_with_its_reason(desk: Desk) -> None:
    order = b.order(limit="1.50", quantity=1000)
    desk.broker.submit(order)

    desk.expect(order, K.REJECTED)
    assert desk.reports(order)[0].refusal is Refusal.INSUFFICIENT_BUYING_POWER


@pytest.mark.parametrize(
    "trouble",
    [ServerTrouble.SILENT_AFTER_TAKING, ServerTrouble.ERROR_AFTER_TAKING, ServerTrouble.CUT_AFTER_TAKING],
)
def test_an_order_without_an_answer_is_in_doubt_and_is_found_not_sent_again(
    hurried_desk: Desk, trouble: ServerTrouble
) -> None:
    hurried_desk.backend.plan("submit", trouble)
    order = b.order(limit="1.50")
    with pytest.raises(OutcomeUnknown):
        hurried_desk.broker.submit(order)
    hurried_desk.broker.submit(order)

    found = hurried_desk.broker.find(order.client_order_id)
    assert found is not None and found.is_open
    assert len(hurried_desk.server.rest.desk.placed) == 1
    hurried_desk.expect(order, K.ACCEPTED)


def test_heartbeats_are_said_and_answered(desk: Desk) -> None:
    # tastyware#339 and PR#242: without them the streamer ends a line in silence.
    assert until(lambda: desk.server.account_socket.heartbeats >= 2)
    assert desk.broker.links()[0].drops == 0


def test_a_stream_that_falls_silent_is_opened_anew_and_the_books_are_read(hurried_desk: Desk) -> None:
    # tastyware#229 and #338: it stopped without a word after the token had ended.
    order = b.order(limit="1.50")
    hurried_desk.broker.submit(order)
    hurried_desk.server.mute(True)
    hurried_desk.fill(order)
    assert until(lambda: not hurried_desk.broker.links()[0].is_up)
    hurried_desk.server.mute(False)

    hurried_desk.expect(order, K.ACCEPTED, K.FILLED)


def test_orders_from_elsewhere_are_told_and_can_be_canceled(desk: Desk) -> None:
    number = desk.backend.world.place_elsewhere(b.legs(), 1, Price("1.50"))
    assert [(one.broker_order_id, one.client_order_id) for one in desk.broker.open_orders()] == [(number, None)]
    desk.broker.cancel_orphan(number)

    assert until(lambda: not desk.broker.open_orders())
    with pytest.raises(NotFound):
        desk.broker.cancel_orphan(number)


def test_what_expires_leaves_the_account_though_nobody_says_on_which_side(desk: Desk) -> None:
    order = b.order(limit="1.50")
    desk.broker.submit(order)
    desk.fill(order)
    desk.expect(order, K.ACCEPTED, K.FILLED)
    desk.backend.world.assign(order.legs[0].contract)
    moved = {
        one.contract: one.quantity for one in desk.broker.transactions(0) if one.kind is TransactionKind.ASSIGNMENT
    }

    assert moved[order.legs[0].contract] == 1
    assert sum(one.quantity for one in desk.broker.transactions(0) if one.contract == order.legs[0].contract) == 0
    assert desk.backend.account().shares == {"SPY": 100}  # the first look at shares loads what margins them
    assert desk.broker.account().shares == {"SPY": 100}


def test_a_line_is_named_for_people_and_says_since_when(desk: Desk) -> None:
    (status,) = desk.broker.links()

    assert status.name == "tastytrade account stream" and status.is_up and status.since == desk.clock.now()


def wire_of(order: Order) -> WireOrder:
    return WireOrder(legs=order.legs, quantity=order.quantity, limit_price=order.limit_price, effect=order.effect)
