"""A broker that is busy, down, closed for maintenance or tired of our token: nothing is taken, and then it goes on."""

from functools import partial

from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import BrokerUnavailable, OutcomeUnknown, Unavailable
from thetaloom.testing import builders as b
from thetaloom.testing.broker_contract.abilities import Ability
from thetaloom.testing.broker_contract.rig import Rig, error_of
from thetaloom.testing.broker_contract.scenarios import Register
from thetaloom.testing.broker_contract.world import Break, Call

scenario = Register()
PRESSED = {Break.BUSY: "too_many_requests", Break.DOWN: "an_outage", Break.MAINTENANCE: "a_maintenance_window"}


def resting(rig: Rig) -> Order:
    """Let an order work that the market does not take."""
    order = b.order(limit="1.50")
    rig.submit(order)
    return order


def submit_is_refused_entry(trouble: Break, rig: Rig) -> None:
    """Turn an order away: nothing is taken, nothing follows by itself, and it may be sent again."""
    order = b.order(limit="1.50")
    rig.line.plan(Call.SUBMIT, trouble)
    error = rig.attempt(order)
    assert isinstance(error, (BrokerUnavailable, OutcomeUnknown)), f"{error!r}"
    assert rig.line.taken(order.client_order_id) == 0 and rig.broker.find(order.client_order_id) is None
    rig.submit(order)
    rig.expect(order.client_order_id, K.ACCEPTED)
    assert rig.line.taken(order.client_order_id) == 1


def cancel_is_refused_entry(trouble: Break, rig: Rig) -> None:
    """Turn a cancel away: the order works on, and may be canceled again."""
    order = resting(rig)
    rig.line.plan(Call.CANCEL, trouble)
    error = error_of(partial(rig.broker.cancel, order.client_order_id))
    assert isinstance(error, (BrokerUnavailable, OutcomeUnknown)), f"{error!r}"
    assert len(rig.broker.open_orders()) == 1 and rig.followed(order).status is OrderStatus.WORKING
    rig.cancel(order.client_order_id)
    rig.expect(order.client_order_id, K.ACCEPTED, K.CANCELED)


def replace_is_refused_entry(trouble: Break, rig: Rig) -> None:
    """Turn a replacement away: the old limit works on, alone."""
    order = resting(rig)
    rig.line.plan(Call.REPLACE, trouble)
    error = error_of(partial(rig.broker.replace, order.client_order_id, Price("1.40"), 1))
    assert isinstance(error, (BrokerUnavailable, OutcomeUnknown)), f"{error!r}"
    (told,) = rig.broker.open_orders()
    assert told.limit_price == Price("1.50")


def read_is_refused_entry(trouble: Break, rig: Rig) -> None:
    """Turn a read away: it is answered after a wait or ends in our error, and the next one is answered."""
    order = resting(rig)
    rig.line.plan(Call.READ, trouble)
    error = error_of(rig.broker.open_orders)
    assert error is None or isinstance(error, Unavailable), f"{error!r}"
    assert [one.client_order_id for one in rig.broker.open_orders()] == [order.client_order_id]


_steps = (
    (Call.SUBMIT, "an_order_turned_away_by", "is_not_taken_and_not_sent_again_by_itself", submit_is_refused_entry),
    (Call.CANCEL, "a_cancel_turned_away_by", "leaves_the_order_working", cancel_is_refused_entry),
    (Call.REPLACE, "a_replacement_turned_away_by", "leaves_the_old_limit", replace_is_refused_entry),
    (Call.READ, "a_read_turned_away_by", "is_no_wrong_answer", read_is_refused_entry),
)
for _place, (_call, _before, _after, _run) in enumerate(_steps):
    for _number, (_trouble, _words) in enumerate(PRESSED.items(), start=1):
        scenario.add(
            f"BSY-{10 * _place + _number:03d}",
            f"{_before}_{_words}_{_after}",
            partial(_run, _trouble),
            *((Ability.REPLACE,) if _call is Call.REPLACE else ()),
            breaks=((_call, _trouble),),
        )


@scenario("BSY-041", Ability.WIRE, cites="Lean.IB#242")
def _no_order_is_taken_while_nobody_answers_and_the_next_one_is(rig: Rig) -> None:
    order = b.order(limit="1.50")
    rig.line.go_down(True)
    error = rig.attempt(order)
    rig.line.go_down(False)
    assert isinstance(error, (BrokerUnavailable, OutcomeUnknown)), f"{error!r}"
    rig.soon(lambda: error_of(rig.broker.open_orders) is None)
    assert rig.broker.open_orders() == [] and rig.line.taken(order.client_order_id) == 0
    rig.submit(order)
    rig.expect(order.client_order_id, K.ACCEPTED)


@scenario("BSY-042", Ability.WIRE)
def _what_works_is_still_there_after_an_outage(rig: Rig) -> None:
    order = resting(rig)
    rig.line.go_down(True)
    rig.line.go_down(False)
    rig.soon(lambda: error_of(rig.broker.open_orders) is None)
    assert [one.client_order_id for one in rig.broker.open_orders()] == [order.client_order_id]
    rig.cancel(order.client_order_id)
    rig.expect(order.client_order_id, K.ACCEPTED, K.CANCELED)


@scenario("TOK-001", breaks=((Call.READ, Break.TOKEN_EXPIRED),))
def _a_read_with_an_expired_token_is_answered_with_a_fresh_one(rig: Rig) -> None:
    rig.line.plan(Call.READ, Break.TOKEN_EXPIRED)
    assert rig.broker.account().cash == Money(100_000)


@scenario("TOK-002", breaks=((Call.SUBMIT, Break.TOKEN_EXPIRED),))
def _an_order_sent_with_an_expired_token_is_taken_at_most_once(rig: Rig) -> None:
    order = b.order(limit="1.50")
    rig.line.plan(Call.SUBMIT, Break.TOKEN_EXPIRED)
    error = rig.attempt(order)
    # A 401 is nothing taken: it may be signed anew and sent, or given back as not sent; it is never in doubt.
    assert error is None or isinstance(error, BrokerUnavailable), f"{error!r}"
    assert rig.line.taken(order.client_order_id) == (1 if error is None else 0)
    rig.submit(order)
    rig.expect(order.client_order_id, K.ACCEPTED)
    assert rig.line.taken(order.client_order_id) == 1


@scenario("TOK-003", breaks=((Call.CANCEL, Break.TOKEN_EXPIRED),))
def _a_cancel_with_an_expired_token_ends_the_order_or_says_that_it_was_not_sent(rig: Rig) -> None:
    order = resting(rig)
    rig.line.plan(Call.CANCEL, Break.TOKEN_EXPIRED)
    error = error_of(partial(rig.broker.cancel, order.client_order_id))
    assert error is None or isinstance(error, BrokerUnavailable), f"{error!r}"
    if error is not None:
        rig.cancel(order.client_order_id)
    rig.expect(order.client_order_id, K.ACCEPTED, K.CANCELED)


@scenario("TOK-004", Ability.REPLACE, breaks=((Call.REPLACE, Break.TOKEN_EXPIRED),))
def _a_replacement_with_an_expired_token_leaves_one_order(rig: Rig) -> None:
    order = resting(rig)
    rig.line.plan(Call.REPLACE, Break.TOKEN_EXPIRED)
    error = error_of(partial(rig.broker.replace, order.client_order_id, Price("1.40"), 1))
    assert error is None or isinstance(error, BrokerUnavailable), f"{error!r}"
    rig.settle()
    (told,) = rig.broker.open_orders()
    assert told.limit_price == (Price("1.40") if error is None else Price("1.50"))


@scenario("TOK-005", Ability.STREAMS)
def _trading_goes_on_when_every_token_was_made_worthless(rig: Rig) -> None:
    order = resting(rig)
    rig.lines.expire_tokens()
    rig.soon(lambda: error_of(rig.broker.open_orders) is None)
    rig.soon(lambda: error_of(partial(rig.broker.cancel, order.client_order_id)) is None)
    rig.soon(lambda: K.CANCELED in rig.kinds(order.client_order_id))
    assert rig.broker.open_orders() == []


@scenario("TOK-006", Ability.STREAMS, cites="tastyware#339: silent stop after token expiry")
def _a_fill_after_every_token_was_made_worthless_is_told(rig: Rig) -> None:
    order = b.order(limit="0.90")
    rig.submit(order)
    rig.lines.expire_tokens()
    rig.lines.drop()
    rig.fill(order)
    rig.soon(lambda: rig.kinds(order.client_order_id) == [K.ACCEPTED, K.FILLED])


SCENARIOS = scenario.scenarios
