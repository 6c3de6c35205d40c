"""Messages of tastytrade in the shape in which accounts recorded them: what they say of an order of ours.

Neither an answer nor a message says when an order went live, and an order that was edited in an app has no id of ours.
"""

from decimal import Decimal
from typing import Any

import pytest
from tastytrade.order import PlacedOrder

from thetaloom.brokers.tastytrade.parse import is_told_whole, stood
from thetaloom.brokers.tastytrade.told import Teller
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.ids import BrokerOrderId
from thetaloom.domain.values.money import Price
from thetaloom.links.report_book import ReportBook
from thetaloom.testing import builders as b
from thetaloom.testing.clock import FakeClock

ORDER = b.order(quantity=2, limit="1.50")
FIRST, SECOND, THIRD = 507341323, 507341331, 507341344
EDITED: dict[str, Any] = {"source": "WB2;0.174.2", "external-identifier": None}  # in the web app
AT = FakeClock().now()


@pytest.fixture
def book(book: ReportBook) -> ReportBook:
    """The book of the account, in which one order was sent."""
    book.note_sent(ORDER)
    return book


def told(number: int, status: str, *, price: str = "1.50", done: int = 0, **more: Any) -> PlacedOrder:
    """Return an order of ours as a message has it, ``done`` structures of it filled."""
    legs = [
        {
            "action": f"{'Buy' if leg.ratio > 0 else 'Sell'} to Open",
            "instrument-type": "Equity Option",
            "quantity": 2,
            "remaining-quantity": 2 - done,
            "symbol": leg.contract.occ_symbol,
            "fills": [
                {
                    "destination-venue": "SUSQUEHANNA_OPTIONS_B",
                    "fill-id": f"2609179990014993{number}",
                    "fill-price": str(paid),
                    "filled-at": AT.isoformat(timespec="milliseconds"),
                    "quantity": done,
                }
            ][:done],
        }
        for leg, paid in zip(ORDER.legs, b.leg_prices(ORDER.legs, Price(price)), strict=True)
    ]
    common: dict[str, Any] = {
        "id": number,
        "account-number": b.ACCOUNT,
        "cancellable": status == "Live",
        "editable": status == "Live",
        "edited": "replacing-order-id" in more,
        "external-identifier": str(ORDER.client_order_id),
        "global-request-id": "557a4da46ce078bd97aa9cd37166863b",
        "leg-count": 2,
        "order-type": "Limit",
        "price": price,
        "price-effect": "Credit",
        "received-at": AT.isoformat(timespec="milliseconds"),
        "size": 2,
        "source": "thetaloom",
        "status": status,
        "time-in-force": "GTC",
        "underlying-instrument-type": "Equity",
        "underlying-symbol": "SPY",
        "updated-at": int(AT.timestamp() * 1000),
        "legs": legs,
    }
    return PlacedOrder(**common | {name.replace("_", "-"): one for name, one in more.items()})


def reported(book: ReportBook, *orders: PlacedOrder) -> list[K]:
    """Take messages in their order and return what they made known."""
    teller = Teller(book, FakeClock())
    for order in orders:
        teller.take(order)
    return [one.kind for one in book.reports_since(0)]


def test_a_limit_is_moved_in_the_order_in_which_the_messages_came(book: ReportBook) -> None:
    kinds = reported(
        book,
        told(FIRST, "Live"),
        told(FIRST, "Cancelled", replacing_order_id=SECOND),
        told(SECOND, "Routed", price="1.40", replaces_order_id=FIRST),
        told(SECOND, "Live", price="1.40", replaces_order_id=FIRST),
    )

    assert kinds == [K.ACCEPTED, K.REPLACED]
    assert book.reports_since(0)[-1].limit_price == Price("1.40")


def test_an_order_that_somebody_edits_in_the_app_stays_ours(book: ReportBook) -> None:
    kinds = reported(
        book,
        told(FIRST, "Live"),
        told(FIRST, "Cancelled", replacing_order_id=SECOND),
        told(SECOND, "Live", price="1.40", replaces_order_id=FIRST, **EDITED),
        told(SECOND, "Cancelled", price="1.40", replacing_order_id=THIRD, replaces_order_id=FIRST, **EDITED),
        told(THIRD, "Live", price="1.35", replaces_order_id=SECOND, **EDITED),
        told(THIRD, "Filled", price="1.35", done=2, replaces_order_id=SECOND, **EDITED),
    )

    assert kinds == [K.ACCEPTED, K.REPLACED, K.REPLACED, K.LEG_FILLED, K.LEG_FILLED]


def test_an_order_that_was_replaced_twice_while_nobody_listened_is_not_canceled(book: ReportBook) -> None:
    reported(book, told(FIRST, "Live"))
    books = (  # as they are read afterwards, by number
        told(FIRST, "Cancelled", replacing_order_id=SECOND),
        told(SECOND, "Cancelled", price="1.40", replaces_order_id=FIRST, replacing_order_id=THIRD, **EDITED),
        told(THIRD, "Live", price="1.35", replaces_order_id=SECOND, **EDITED),
    )

    assert reported(book, *books, *books) == [K.ACCEPTED, K.REPLACED, K.REPLACED]
    sent = book.sent(ORDER.client_order_id)
    assert sent is not None and (sent.limit_price, sent.broker_order_id) == (Price("1.35"), BrokerOrderId(str(THIRD)))


def test_a_replacement_that_came_too_late_is_refused_and_the_order_stands(book: ReportBook) -> None:
    kinds = reported(
        book,
        told(FIRST, "Live", replacing_order_id=SECOND),
        told(SECOND, "Contingent", price="1.40", replaces_order_id=FIRST, contingent_status="Pending Order"),
        told(SECOND, "Cancelled", price="1.40", replaces_order_id=FIRST),
        told(FIRST, "Filled", done=2, replacing_order_id=SECOND),
    )

    assert kinds == [K.ACCEPTED, K.REPLACE_REFUSED, K.LEG_FILLED, K.LEG_FILLED]


def test_what_a_replacement_did_before_it_was_canceled_counts(book: ReportBook) -> None:
    canceled = told(SECOND, "Cancelled", price="1.40", done=1, replaces_order_id=FIRST)
    kinds = reported(book, told(FIRST, "Live"), told(FIRST, "Cancelled", replacing_order_id=SECOND), canceled)

    assert stood(canceled) and not stood(told(SECOND, "Cancelled", replaces_order_id=FIRST))
    assert kinds == [K.ACCEPTED, K.REPLACED, K.LEG_FILLED, K.LEG_FILLED, K.CANCELED]


def test_fills_are_counted_by_themselves_where_what_remains_lags_behind(book: ReportBook) -> None:
    lagging, ahead = told(FIRST, "Live", done=1), told(FIRST, "Live")
    for leg in lagging.legs:
        leg.remaining_quantity = Decimal(2)  # told with the fill already
    for leg in ahead.legs:
        leg.remaining_quantity = Decimal(1)  # told before its fill

    assert is_told_whole(lagging) and not is_told_whole(ahead)
    assert reported(book, ahead, lagging) == [K.ACCEPTED, K.LEG_FILLED, K.LEG_FILLED]
