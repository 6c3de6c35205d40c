"""The scripted broker's troubles, each as our side sees it."""

import pytest

from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.book.reports import ReportKind
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import BrokerUnavailable, NotFound, OutcomeUnknown
from thetaloom.testing import builders as b
from thetaloom.testing.bench import followed, kinds_of
from thetaloom.testing.broker import ScriptedBroker, Trouble
from thetaloom.testing.clock import FakeClock

K = ReportKind
ORDER = b.order(quantity=4)
ID = ORDER.client_order_id


@pytest.fixture
def broker() -> ScriptedBroker:
    return ScriptedBroker(FakeClock())


def test_accepted_in_silence_is_in_the_books_and_not_in_the_reports(broker: ScriptedBroker) -> None:
    broker.plan(Trouble.ACCEPTED_IN_SILENCE)

    with pytest.raises(OutcomeUnknown):
        broker.submit(ORDER)

    assert broker.find(ID) is not None and broker.reports_since(0) == []
    broker.release()
    assert kinds_of(broker, ID) == [K.ACCEPTED]


@pytest.mark.parametrize(
    ("trouble", "error"), [(Trouble.LOST, OutcomeUnknown), (Trouble.UNAVAILABLE, BrokerUnavailable)]
)
def test_what_did_not_arrive_is_not_in_the_books(
    broker: ScriptedBroker, trouble: Trouble, error: type[Exception]
) -> None:
    broker.plan(None, trouble)
    broker.submit(b.order(client_order_id=ClientOrderId("tl-other")))

    with pytest.raises(error):
        broker.submit(ORDER)

    assert broker.find(ID) is None and kinds_of(broker, ID) == []
    assert broker.requests == [("submit", "tl-other"), ("submit", ID)]


def test_an_acknowledgement_can_come_after_the_fill(broker: ScriptedBroker) -> None:
    broker.plan(Trouble.UNREPORTED)
    broker.submit(ORDER)

    broker.fill(ID)
    broker.release()

    assert kinds_of(broker, ID) == [K.FILLED, K.ACCEPTED]
    assert followed(broker, ORDER).status is OrderStatus.FILLED


def test_fills_come_in_parts_and_after_a_cancel(broker: ScriptedBroker) -> None:
    broker.submit(ORDER)
    first = broker.fill(ID, 1)
    broker.cancel(ID)
    second = broker.fill(ID, 2, at="1.05")

    known = followed(broker, ORDER)

    assert (known.status, known.filled) == (OrderStatus.CANCELED, 3)
    assert first.fill_id != second.fill_id and second.price == Price("1.05")
    assert set(broker.holdings().values()) == {-3, 3}
    assert broker.account().cash == Money(100_000) + first.cash + second.cash + first.fees + second.fees


def test_a_repeated_report_has_a_new_sequence_and_the_same_fill(broker: ScriptedBroker) -> None:
    broker.submit(ORDER)
    broker.fill(ID, 1)

    broker.repeat(2)

    reports = broker.reports_since(0)
    assert [report.sequence for report in reports] == [1, 2, 3]
    assert reports[1].fill == reports[2].fill
    with pytest.raises(NotFound):
        broker.repeat(9)


def test_reports_can_come_last_first(broker: ScriptedBroker) -> None:
    broker.withhold()
    broker.submit(ORDER)
    broker.fill(ID)

    broker.release(reverse=True)
    broker.cancel(ID)

    assert kinds_of(broker, ID) == [K.FILLED, K.ACCEPTED, K.CANCEL_REFUSED]


def test_requests_can_be_refused(broker: ScriptedBroker) -> None:
    broker.plan(Trouble.REFUSED, None, Trouble.REFUSED, Trouble.REFUSED)
    other = b.order(client_order_id=ClientOrderId("tl-other"))

    broker.submit(ORDER)
    broker.submit(other)
    broker.replace(other.client_order_id, Price("1.10"), 1)
    broker.cancel(other.client_order_id)
    broker.reject(other.client_order_id, "on second thoughts")

    assert followed(broker, ORDER).status is OrderStatus.REJECTED
    assert kinds_of(broker, other.client_order_id) == [
        *(K.ACCEPTED, K.REPLACE_REFUSED, K.CANCEL_REFUSED, K.REJECTED),
    ]


def test_cancels_and_replaces_can_be_silent_too(broker: ScriptedBroker) -> None:
    broker.submit(ORDER)
    broker.plan(Trouble.ACCEPTED_IN_SILENCE, Trouble.UNREPORTED)

    with pytest.raises(OutcomeUnknown):
        broker.replace(ID, Price("1.10"), 1)
    broker.cancel(ID)

    found = broker.find(ID)
    assert found is not None and not found.is_open and found.limit_price == Price("1.10")
    assert kinds_of(broker, ID) == [K.ACCEPTED]


def test_a_broker_that_is_down_answers_nothing(broker: ScriptedBroker) -> None:
    broker.is_down = True

    for ask in (broker.account, broker.holdings, lambda: broker.find(ID), lambda: broker.reports_since(0)):
        with pytest.raises(BrokerUnavailable):
            ask()
    with pytest.raises(BrokerUnavailable):
        broker.submit(ORDER)
    with pytest.raises(NotFound):
        broker.fill(ID)


def test_it_can_fill_whatever_arrives() -> None:
    broker = ScriptedBroker(FakeClock(), fills_at_once=True, simulated=False)

    broker.submit(ORDER)

    assert kinds_of(broker, ID) == [K.ACCEPTED, K.FILLED]
    assert broker.account().is_live
