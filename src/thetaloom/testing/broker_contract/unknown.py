"""Requests that end without an answer: the broker's books tell what became of them, and nothing is sent twice."""

from collections.abc import Callable
from functools import partial

from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Price
from thetaloom.errors import BrokerUnavailable, OutcomeUnknown
from thetaloom.testing import builders as b
from thetaloom.testing.broker_contract.abilities import Ability
from thetaloom.testing.broker_contract.rig import Rig, error_of
from thetaloom.testing.broker_contract.scenarios import Register
from thetaloom.testing.broker_contract.world import Break, Call

scenario = Register()
SECOND = ClientOrderId("tl-order-2")
TAKEN = {  # how an answer gets lost after the broker took the request
    Break.SILENT_AFTER_TAKING: "silence",
    Break.ERROR_AFTER_TAKING: "a_server_error",
    Break.CUT_AFTER_TAKING: "a_broken_line",
}
READS: dict[str, Callable[[Rig], object]] = {
    "an_order": lambda rig: rig.broker.find(ClientOrderId("tl-order-1")),
    "what_works": lambda rig: rig.broker.open_orders(),
    "holdings": lambda rig: rig.broker.holdings(),
    "balances": lambda rig: rig.broker.account(),
}


def resting(rig: Rig) -> Order:
    """Let an order work that the market does not take."""
    order = b.order(limit="1.50")
    rig.submit(order)
    return order


def limit_of(rig: Rig, order: Order) -> Price | None:
    """Return the limit of an order by the broker's books."""
    found = rig.broker.find(order.client_order_id)
    return None if found is None else found.limit_price


def submit_is_taken(trouble: Break, rig: Rig) -> None:
    """Take an order and lose the answer: the books have it once, and it is accepted as soon as anything tells."""
    order = b.order(limit="1.50")
    rig.line.plan(Call.SUBMIT, trouble)
    error = rig.attempt(order)
    assert isinstance(error, OutcomeUnknown), f"{error!r}"
    rig.line.arrive()
    rig.soon(lambda: rig.broker.find(order.client_order_id) is not None)
    found = rig.broker.find(order.client_order_id)
    assert found is not None and found.is_open and rig.line.taken(order.client_order_id) == 1
    rig.expect(order.client_order_id, K.ACCEPTED)


def submit_is_sent_again(trouble: Break, rig: Rig) -> None:
    """Send the same order again after its answer was lost: there is one."""
    order = b.order(limit="1.50")
    rig.line.plan(Call.SUBMIT, trouble)
    rig.attempt(order)
    rig.line.arrive()
    rig.attempt(order)
    rig.settle()
    assert len(rig.broker.open_orders()) == 1


def replace_is_taken(trouble: Break, rig: Rig) -> None:
    """Move a limit and lose the answer: one order works, at the new limit."""
    order = resting(rig)
    rig.line.plan(Call.REPLACE, trouble)
    error = error_of(partial(rig.broker.replace, order.client_order_id, Price("1.40"), 1))
    assert isinstance(error, OutcomeUnknown), f"{error!r}"
    rig.line.arrive()
    rig.soon(lambda: limit_of(rig, order) == Price("1.40"))
    assert len(rig.broker.open_orders()) == 1
    rig.soon(lambda: rig.followed(order).limit_price == Price("1.40"))


def cancel_is_taken(trouble: Break, rig: Rig) -> None:
    """Cancel and lose the answer: it is canceled, and that is told."""
    order = resting(rig)
    rig.line.plan(Call.CANCEL, trouble)
    error = error_of(partial(rig.broker.cancel, order.client_order_id))
    assert isinstance(error, OutcomeUnknown), f"{error!r}"
    rig.line.arrive()
    rig.soon(lambda: not rig.broker.open_orders())
    found = rig.broker.find(order.client_order_id)
    assert found is not None and found.status is OrderStatus.CANCELED
    rig.expect(order.client_order_id, K.ACCEPTED, K.CANCELED)


def down(read: Callable[[Rig], object], rig: Rig) -> None:
    """Ask while nobody answers: that is an error, never an empty answer."""
    rig.done(b.order(limit="0.90"))
    rig.line.go_down(True)
    error = error_of(partial(read, rig))
    rig.line.go_down(False)
    assert isinstance(error, BrokerUnavailable), f"{error!r}"
    rig.soon(lambda: error_of(partial(read, rig)) is None)


for _number, (_trouble, _words) in enumerate(TAKEN.items(), start=1):
    _at = f"with_{_words}_for_an_answer"
    scenario.add(
        f"UNK-{_number:03d}",
        f"an_order_taken_{_at}_is_found_and_accepted_once",
        partial(submit_is_taken, _trouble),
        breaks=((Call.SUBMIT, _trouble),),
        cites="field 3.2",
    )
    scenario.add(
        f"UNK-{_number + 10:03d}",
        f"an_order_sent_again_after_{_words}_is_no_second_order",
        partial(submit_is_sent_again, _trouble),
        breaks=((Call.SUBMIT, _trouble),),
        cites="LEAN#9292",
    )
    scenario.add(
        f"UNK-{_number + 20:03d}",
        f"a_replacement_taken_{_at}_leaves_one_order_at_the_new_limit",
        partial(replace_is_taken, _trouble),
        Ability.REPLACE,
        breaks=((Call.REPLACE, _trouble),),
        cites="Nautilus#4564",
    )
    scenario.add(
        f"UNK-{_number + 30:03d}",
        f"a_cancel_taken_{_at}_is_told",
        partial(cancel_is_taken, _trouble),
        breaks=((Call.CANCEL, _trouble),),
    )
for _number, (_words, _read) in enumerate(READS.items(), start=51):
    scenario.add(
        f"UNK-{_number:03d}",
        f"asking_for_{_words}_where_nobody_answers_is_an_error_and_not_an_empty_answer",
        partial(down, _read),
        Ability.WIRE,
        cites="Nautilus#4970",
    )


@scenario("UNK-041", breaks=((Call.SUBMIT, Break.CUT_BEFORE_TAKING),))
def _an_order_lost_on_its_way_is_proved_absent_and_may_be_sent_again(rig: Rig) -> None:
    order = b.order(limit="1.50")
    rig.line.plan(Call.SUBMIT, Break.CUT_BEFORE_TAKING)
    error = rig.attempt(order)
    assert isinstance(error, (OutcomeUnknown, BrokerUnavailable)), f"{error!r}"
    assert rig.broker.find(order.client_order_id) is None and rig.line.taken(order.client_order_id) == 0
    rig.submit(order)
    rig.expect(order.client_order_id, K.ACCEPTED)
    assert rig.line.taken(order.client_order_id) == 1


@scenario(
    "UNK-042",
    Ability.REPLACE,
    breaks=((Call.REPLACE, Break.CUT_BEFORE_TAKING),),
    cites="Nautilus#4564: two live orders",
)
def _a_replacement_lost_on_its_way_leaves_one_order_at_the_old_limit(rig: Rig) -> None:
    order = resting(rig)
    rig.line.plan(Call.REPLACE, Break.CUT_BEFORE_TAKING)
    error = error_of(partial(rig.broker.replace, order.client_order_id, Price("1.40"), 1))
    assert isinstance(error, (OutcomeUnknown, BrokerUnavailable)), f"{error!r}"
    assert limit_of(rig, order) == Price("1.50") and len(rig.broker.open_orders()) == 1


@scenario("UNK-043", breaks=((Call.CANCEL, Break.CUT_BEFORE_TAKING),))
def _a_cancel_lost_on_its_way_leaves_the_order_working_and_may_be_sent_again(rig: Rig) -> None:
    order = resting(rig)
    rig.line.plan(Call.CANCEL, Break.CUT_BEFORE_TAKING)
    error = error_of(partial(rig.broker.cancel, order.client_order_id))
    assert isinstance(error, (OutcomeUnknown, BrokerUnavailable)), f"{error!r}"
    assert len(rig.broker.open_orders()) == 1
    rig.cancel(order.client_order_id)
    rig.expect(order.client_order_id, K.ACCEPTED, K.CANCELED)


@scenario("UNK-044", breaks=((Call.SUBMIT, Break.SILENT_AFTER_TAKING),), cites="LEAN#9292")
def _an_order_in_doubt_that_fills_is_reported_filled_once(rig: Rig) -> None:
    order = b.order(limit="0.90", quantity=2)
    rig.line.plan(Call.SUBMIT, Break.SILENT_AFTER_TAKING)
    rig.attempt(order)
    rig.line.arrive()
    rig.fill(order)
    rig.expect(order.client_order_id, K.ACCEPTED, K.FILLED)
    assert set(map(abs, rig.broker.holdings().values())) == {2}


@scenario("UNK-045", breaks=((Call.SUBMIT, Break.SILENT_AFTER_TAKING),), cites="Nautilus#5057")
def _an_order_in_doubt_is_found_by_its_id_after_a_restart(rig: Rig) -> None:
    order = b.order(limit="1.50")
    rig.line.plan(Call.SUBMIT, Break.SILENT_AFTER_TAKING)
    rig.attempt(order)
    again = rig.restart()
    rig.line.arrive()
    rig.soon(lambda: again.find(order.client_order_id) is not None)
    (told,) = again.open_orders()
    assert told.client_order_id == order.client_order_id
    rig.cancel(order.client_order_id)
    assert not again.open_orders()


@scenario("UNK-046", breaks=((Call.SUBMIT, Break.SILENT_AFTER_TAKING),), cites="field 6.3")
def _one_submission_is_one_request_and_nothing_sends_it_again(rig: Rig) -> None:
    first, second = b.order(limit="1.50"), b.order(limit="1.50", client_order_id=SECOND)
    rig.line.plan(Call.SUBMIT, Break.SILENT_AFTER_TAKING, Break.SILENT_AFTER_TAKING)
    assert isinstance(rig.attempt(first), OutcomeUnknown)
    # A retry inside would have used the second silence up, and this one would be answered.
    assert isinstance(rig.attempt(second), OutcomeUnknown)
    rig.line.arrive()
    assert rig.line.taken(first.client_order_id) == rig.line.taken(SECOND) == 1


@scenario("UNK-047", breaks=((Call.SUBMIT, Break.LATE),), cites="field 6.4")
def _an_order_that_turns_up_late_is_accepted_once(rig: Rig) -> None:
    order = b.order(limit="1.50")
    rig.line.plan(Call.SUBMIT, Break.LATE)
    rig.attempt(order)
    rig.line.arrive()
    rig.soon(lambda: rig.broker.find(order.client_order_id) is not None)
    rig.expect(order.client_order_id, K.ACCEPTED)
    assert len(rig.broker.open_orders()) == 1


SCENARIOS = scenario.scenarios
