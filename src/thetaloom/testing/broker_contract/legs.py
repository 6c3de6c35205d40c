"""Brokers that do the legs of one order one by one: any order of them is one fill at the exact net price."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import permutations

from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.testing import builders as b
from thetaloom.testing.broker_contract.abilities import Ability
from thetaloom.testing.broker_contract.fills import STRUCTURES
from thetaloom.testing.broker_contract.rig import Rig
from thetaloom.testing.broker_contract.scenarios import Register
from thetaloom.testing.broker_contract.world import Break, Call

scenario = Register()
ZIGZAG = (0, 1, 3, 2)  # turned round, its steps are 1, 2 and 3: each leg follows each other one
Pieces = Iterable[tuple[int, int, str]]  # which leg, how many contracts, at what price


def resting(structure: str, quantity: int = 1, *, number: int = 1, limit: str | None = None) -> Order:
    """Return an order of a structure that fills leg by leg only."""
    texts, usual = STRUCTURES[structure]
    name = ClientOrderId(f"tl-legs-{number}")
    return b.order(*texts, limit=limit or usual, quantity=quantity, client_order_id=name)


def do(rig: Rig, order: Order, pieces: Pieces) -> None:
    """Let contracts of legs be done, one piece after the other."""
    for index, count, price in pieces:
        leg = order.legs[index]
        rig.do_leg(order, leg.contract, count if leg.ratio > 0 else -count, Price(price))


def sequences(count: int, *, every: bool) -> list[tuple[int, ...]]:
    """Return orders in which legs are done: every one there is, or so few that each leg is at each place once.

    Of four legs those few hold each leg right after each other one, too.
    """
    if every:
        return list(permutations(range(count)))
    first = ZIGZAG if count == len(ZIGZAG) else range(count)
    return [tuple((index + turn) % count for index in first) for turn in range(count)]


def each_order_of_legs(structure: str) -> Callable[[Rig], None]:
    """Return a scenario: the legs of a structure done in any order, a fresh order of ours each.

    Every sequence is tried where reports take no time; over a wire as many as make each leg the first and the last.
    """

    def run_on(rig: Rig) -> None:
        texts, _ = STRUCTURES[structure]
        for number, sequence in enumerate(sequences(len(texts), every=not rig.patience_seconds), start=1):
            order = resting(structure, number=number)
            rig.submit(order)
            prices = b.leg_prices(order.legs, order.limit_price)
            for index in sequence:
                assert rig.kinds(order.client_order_id) == [K.ACCEPTED]
                do(rig, order, [(index, abs(order.legs[index].ratio), str(prices[index]))])
            rig.expect(order.client_order_id, K.ACCEPTED, K.FILLED)
            fill = rig.reports(order.client_order_id)[-1].fill
            assert fill is not None and (fill.quantity, fill.price) == (1, order.limit_price)
            assert rig.followed(order).status is OrderStatus.FILLED
            assert rig.broker.holdings() == {leg.contract: number * leg.ratio for leg in order.legs}

    return run_on


def cash_of(rig: Rig, order: Order) -> Money:
    """Return what the fills of an order brought, fees left out."""
    fills = [one.fill for one in rig.reports(order.client_order_id) if one.fill is not None]
    return sum((fill.cash for fill in fills), NOTHING)


def filled(rig: Rig, order: Order) -> int:
    """Return how many whole structures are filled."""
    return rig.followed(order).filled


scenario.add(
    "LEG-001",
    "two_legs_in_either_order_are_one_fill",
    each_order_of_legs("a_put_credit_spread"),
    Ability.BY_LEG,
    cites="ib_insync#36",
)
scenario.add("LEG-002", "three_legs_in_any_order_are_one_fill", each_order_of_legs("a_butterfly"), Ability.BY_LEG)
scenario.add(
    "LEG-003",
    "four_legs_in_any_order_are_one_fill",
    each_order_of_legs("an_iron_condor"),
    Ability.BY_LEG,
)


@scenario("LEG-004", Ability.BY_LEG)
def _pieces_of_legs_that_take_turns_add_up(rig: Rig) -> None:
    order = resting("a_put_credit_spread", 3)
    rig.submit(order)
    do(rig, order, [(0, 1, "1.95"), (1, 2, "1.05"), (0, 2, "1.95"), (1, 1, "1.05")])
    rig.soon(lambda: filled(rig, order) == 3)
    assert cash_of(rig, order) == Money(270) and set(map(abs, rig.broker.holdings().values())) == {3}


@scenario("LEG-005", Ability.BY_LEG)
def _a_leg_of_ratio_two_needs_both_contracts_before_a_structure_is_whole(rig: Rig) -> None:
    order = resting("a_butterfly")
    rig.submit(order)
    do(rig, order, [(0, 1, "1.00"), (2, 1, "2.05"), (1, 1, "1.25")])
    assert rig.kinds(order.client_order_id) == [K.ACCEPTED] and rig.followed(order).status is OrderStatus.WORKING
    do(rig, order, [(1, 1, "1.25")])
    rig.expect(order.client_order_id, K.ACCEPTED, K.FILLED)
    assert cash_of(rig, order) == Money(-55)


@scenario("LEG-006", Ability.BY_LEG, cites="alpaca-py#774")
def _a_leg_done_alone_is_told_and_is_no_fill(rig: Rig) -> None:
    order = resting("a_put_credit_spread")
    rig.submit(order)
    do(rig, order, [(0, 1, "1.95")])
    rig.soon(lambda: rig.broker.holdings() == {order.legs[0].contract: -1})
    told = [one.execution for one in rig.broker.reports_since(0) if one.execution is not None]
    assert [(one.contract, one.quantity, one.price) for one in told] == [(order.legs[0].contract, -1, Price("1.95"))]
    assert rig.kinds(order.client_order_id) == [K.ACCEPTED] and filled(rig, order) == 0


@scenario("LEG-007", Ability.BY_LEG, cites="ib_insync#36")
def _legs_done_at_several_prices_are_booked_to_the_cent(rig: Rig) -> None:
    order = resting("a_put_credit_spread", 3, limit="0.80")
    rig.submit(order)
    do(rig, order, [(0, 2, "1.97"), (1, 1, "1.02"), (0, 1, "1.91"), (1, 2, "1.04")])
    rig.soon(lambda: filled(rig, order) == 3)
    assert cash_of(rig, order) == Money((197 * 2 + 191) - (102 + 104 * 2))


@scenario("LEG-008", Ability.BY_LEG)
def _a_cancel_with_one_leg_done_is_told_as_it_went_and_keeps_that_leg(rig: Rig) -> None:
    order = resting("a_put_credit_spread")
    rig.submit(order)
    do(rig, order, [(1, 1, "1.05")])
    rig.cancel(order.client_order_id)
    rig.soon(lambda: rig.kinds(order.client_order_id)[1:] in ([K.CANCELED], [K.CANCEL_REFUSED]))
    found = rig.broker.find(order.client_order_id)  # one broker counts such an order as filled and cancels it no more
    assert found is not None and found.filled == 0
    assert found.status is not OrderStatus.CANCELED or rig.kinds(order.client_order_id)[-1] is K.CANCELED
    assert rig.broker.holdings() == {order.legs[1].contract: 1}
    assert [one.contract for one in rig.moves(0)] == [order.legs[1].contract]


@scenario("LEG-009", Ability.BY_LEG)
def _each_leg_done_is_one_transaction_under_an_id_of_its_own(rig: Rig) -> None:
    order = resting("an_iron_condor", 2)
    rig.submit(order)
    prices = b.leg_prices(order.legs, order.limit_price)
    do(rig, order, [(index, 1, str(prices[index])) for index in (3, 0, 1, 2, 2, 1, 0, 3)])
    rig.soon(lambda: filled(rig, order) == 2)
    happened = rig.moves(0)
    assert len({one.transaction_id for one in happened}) == len(happened) == 8
    assert {one.client_order_id for one in happened} == {order.client_order_id}
    assert sum((one.cash for one in happened), NOTHING) == cash_of(rig, order) == Money(250)


@scenario("LEG-010", Ability.BY_LEG, cites="Lean.IB#249")
def _legs_done_on_both_sides_of_a_restart_are_one_fill(rig: Rig) -> None:
    order = resting("a_put_credit_spread", 2)
    rig.submit(order)
    do(rig, order, [(0, 2, "1.95")])
    rig.restart()
    do(rig, order, [(1, 2, "1.05")])
    rig.expect(order.client_order_id, K.ACCEPTED, K.FILLED)
    assert cash_of(rig, order) == Money(180)


@scenario("LEG-011", Ability.BY_LEG, breaks=((Call.STREAM, Break.TWICE),), cites="ib_insync#36")
def _a_leg_told_twice_counts_once(rig: Rig) -> None:
    order = resting("a_put_credit_spread", 2)
    rig.submit(order)
    rig.line.plan(Call.STREAM, Break.TWICE)
    do(rig, order, [(0, 1, "1.95"), (1, 2, "1.05")])
    assert filled(rig, order) == 1
    do(rig, order, [(0, 1, "1.95")])
    rig.soon(lambda: filled(rig, order) == 2)
    assert len(rig.moves(0)) == 3 and set(map(abs, rig.broker.holdings().values())) == {2}


@scenario("LEG-012", Ability.BY_LEG)
def _a_close_by_legs_takes_the_position_down(rig: Rig) -> None:
    opening = rig.done(b.order(limit="0.90", quantity=2))
    closing = replace(b.closing(opening, limit="-0.50"), client_order_id=ClientOrderId("tl-legs-close"))
    rig.submit(closing)
    do(rig, closing, [(1, 2, "0.60"), (0, 1, "1.10"), (0, 1, "1.10")])
    rig.soon(lambda: filled(rig, closing) == 2)
    assert rig.broker.holdings() == {} and cash_of(rig, closing) == Money(-100)


SCENARIOS = scenario.scenarios
