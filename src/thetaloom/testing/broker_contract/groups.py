"""Orders that depend on each other at the broker: one cancels the other, or an entry brings such a pair with it."""

from functools import partial

from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Price
from thetaloom.errors import InvalidInput, NotFound, OutcomeUnknown
from thetaloom.ports.broker import Bracket
from thetaloom.testing import builders as b
from thetaloom.testing.broker_contract.abilities import Ability
from thetaloom.testing.broker_contract.rig import Rig, error_of
from thetaloom.testing.broker_contract.scenarios import Register
from thetaloom.testing.broker_contract.world import Break, Call

scenario = Register()
NO_GROUP = "987654321"


def entry_of(rig: Rig) -> Order:
    """Return an entry whose exits depend on each other."""
    return rig.ours(b.order(limit="0.90"))


def bracket_of(rig: Rig, entry: Order) -> Bracket:
    """Return a target and a stop for it."""
    return Bracket(
        target=rig.ours(b.closing(entry, limit="-0.30", client_order_id=ClientOrderId("tl-target"))),
        stop=rig.ours(b.closing(entry, limit="-2.00", client_order_id=ClientOrderId("tl-stop"))),
        stop_trigger=Price("1.80"),
    )


def paired(rig: Rig) -> Bracket:
    """Hold a position whose target and stop work as a pair."""
    entry = entry_of(rig)
    rig.done(entry)
    bracket = bracket_of(rig, entry)
    assert rig.groups.place_oco(bracket) is not None
    rig.settle()
    return bracket


def ends(rig: Rig, bracket: Bracket, how: K) -> None:
    """Check that the target ended so, that the stop was canceled by it, and that each is told once."""
    rig.expect(bracket.target.client_order_id, K.ACCEPTED, how)
    rig.expect(bracket.stop.client_order_id, K.ACCEPTED, K.CANCELED)
    assert rig.broker.open_orders() == []


@scenario("GRP-001", Ability.OCO)
def _of_a_pair_the_order_that_fills_ends_the_other(rig: Rig) -> None:
    bracket = paired(rig)
    rig.fill(bracket.target)
    ends(rig, bracket, K.FILLED)
    assert rig.broker.holdings() == {}


@scenario("GRP-002", Ability.OCO)
def _of_a_pair_the_order_that_is_canceled_ends_the_other(rig: Rig) -> None:
    bracket = paired(rig)
    rig.cancel(bracket.target.client_order_id)
    ends(rig, bracket, K.CANCELED)
    assert set(map(abs, rig.broker.holdings().values())) == {1}


@scenario("GRP-003", Ability.OCO, cites="Nautilus#5057")
def _a_pair_lives_on_over_a_restart(rig: Rig) -> None:
    bracket = paired(rig)
    rig.restart()
    rig.fill(bracket.target)
    ends(rig, bracket, K.FILLED)


@scenario("GRP-004", Ability.OCO, Ability.STREAMS, cites="Lean.IB#249")
def _an_order_that_ended_its_pair_while_the_stream_was_down_is_told_when_it_is_back(rig: Rig) -> None:
    bracket = paired(rig)
    rig.lines.drop()
    rig.fill(bracket.target)
    ends(rig, bracket, K.FILLED)


@scenario("GRP-005", Ability.OTOCO)
def _an_entry_that_fills_brings_its_pair_with_it(rig: Rig) -> None:
    entry = entry_of(rig)
    bracket = bracket_of(rig, entry)
    assert rig.groups.place_otoco(entry, bracket) is not None
    assert [one.client_order_id for one in rig.broker.open_orders() if one.is_open][:1] == [entry.client_order_id]
    rig.fill(entry)
    rig.expect(entry.client_order_id, K.ACCEPTED, K.FILLED)
    rig.fill(bracket.target)
    ends(rig, bracket, K.FILLED)
    assert rig.broker.holdings() == {}


@scenario("GRP-006", Ability.OTOCO)
def _an_entry_that_is_canceled_takes_its_pair_with_it(rig: Rig) -> None:
    entry = entry_of(rig)
    bracket = bracket_of(rig, entry)
    rig.groups.place_otoco(entry, bracket)
    rig.cancel(entry.client_order_id)
    rig.expect(entry.client_order_id, K.ACCEPTED, K.CANCELED)
    rig.soon(lambda: all(_is_over(rig, one) for one in (bracket.target, bracket.stop)))
    assert rig.broker.open_orders() == [] and rig.broker.holdings() == {}


@scenario("GRP-007", Ability.OTOCO)
def _a_group_is_canceled_as_one(rig: Rig) -> None:
    entry = entry_of(rig)
    bracket = bracket_of(rig, entry)
    group = rig.groups.place_otoco(entry, bracket)
    assert group is not None
    rig.groups.cancel_group(group)
    rig.soon(lambda: all(_is_over(rig, one) for one in (entry, bracket.target, bracket.stop)))
    assert rig.broker.open_orders() == []


@scenario("GRP-008", Ability.OCO)
def _a_group_that_is_not_there_cannot_be_canceled(rig: Rig) -> None:
    assert isinstance(error_of(partial(rig.groups.cancel_group, NO_GROUP)), NotFound)


@scenario("GRP-009", Ability.OTOCO, cites="LEAN#9292")
def _an_order_that_was_sent_is_not_sent_again_in_a_group(rig: Rig) -> None:
    entry = entry_of(rig)
    rig.submit(entry)
    error = error_of(partial(rig.groups.place_otoco, entry, bracket_of(rig, entry)))
    assert isinstance(error, InvalidInput), f"{error!r}"
    assert [one.client_order_id for one in rig.broker.open_orders()] == [entry.client_order_id]


@scenario("GRP-010", Ability.OTOCO, breaks=((Call.SUBMIT, Break.SILENT_AFTER_TAKING),), cites="field 3.2")
def _a_group_taken_with_silence_for_an_answer_is_found_order_by_order(rig: Rig) -> None:
    entry = entry_of(rig)
    bracket = bracket_of(rig, entry)
    rig.line.plan(Call.SUBMIT, Break.SILENT_AFTER_TAKING)
    error = error_of(partial(rig.groups.place_otoco, entry, bracket))
    assert isinstance(error, OutcomeUnknown), f"{error!r}"
    rig.line.arrive()
    for order in (entry, bracket.target, bracket.stop):
        rig.soon(partial(_is_found, rig, order))
    rig.expect(entry.client_order_id, K.ACCEPTED)


def _is_found(rig: Rig, order: Order) -> bool:
    return rig.broker.find(order.client_order_id) is not None


def _is_over(rig: Rig, order: Order) -> bool:
    found = rig.broker.find(order.client_order_id)
    return found is not None and found.status is OrderStatus.CANCELED


SCENARIOS = scenario.scenarios
