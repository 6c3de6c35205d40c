"""Trades that an exchange busts or corrects after they were reported: told once each, and never as another trade."""

from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Price
from thetaloom.testing import builders as b
from thetaloom.testing.broker_contract.abilities import Ability
from thetaloom.testing.broker_contract.books import LONG, SHORT, agrees, opened
from thetaloom.testing.broker_contract.rig import Rig
from thetaloom.testing.broker_contract.scenarios import Register

scenario = Register()
AS_A_FILL = "a bust is told with the side, quantity and order of its trade: read as a fill it doubles what it undoes"


def trade_of(rig: Rig, corrected: Transaction) -> Transaction:
    """Return the trade that a transaction takes back, or stands in the place of."""
    return next(one for one in rig.moves(0) if one.transaction_id == corrected.corrects)


@scenario("BST-001", Ability.BUSTS, cites=AS_A_FILL)
def _a_busted_trade_is_taken_back_by_a_transaction_that_names_it(rig: Rig) -> None:
    opened(rig)
    rig.exchange.bust(SHORT)
    back = rig.moves(0)[-1]
    trade = trade_of(rig, back)
    assert (trade.contract, trade.quantity, back.contract, back.quantity) == (SHORT, -2, SHORT, 2)
    assert (back.price, back.cash) == (trade.price, -trade.cash)
    assert rig.broker.holdings() == {LONG: 2}
    agrees(rig)


@scenario("BST-002", Ability.BUSTS, cites=AS_A_FILL)
def _a_bust_is_no_fill_of_its_order_and_bears_no_id_of_ours(rig: Rig) -> None:
    order = opened(rig)
    told = rig.kinds(order.client_order_id)
    rig.exchange.bust(SHORT)
    assert rig.kinds(order.client_order_id) == told
    assert rig.moves(0)[-1].client_order_id is None


@scenario("BST-003", Ability.BUSTS)
def _an_entry_busted_whole_leaves_nothing(rig: Rig) -> None:
    opened(rig)
    rig.exchange.bust(SHORT)
    rig.exchange.bust(LONG)
    assert rig.broker.holdings() == {} and len(rig.moves(0)) == 4
    agrees(rig)


@scenario("BST-004", Ability.BUSTS)
def _a_close_that_is_busted_brings_its_contracts_back(rig: Rig) -> None:
    opening = opened(rig)
    rig.done(b.closing(opening, limit="-0.40", client_order_id=ClientOrderId("tl-close")))
    rig.exchange.bust(SHORT)
    rig.exchange.bust(LONG)
    assert rig.broker.holdings() == {SHORT: -2, LONG: 2}
    agrees(rig)


@scenario("BST-005", Ability.BUSTS)
def _a_corrected_price_takes_the_trade_back_and_stands_in_its_place(rig: Rig) -> None:
    opened(rig)
    rig.exchange.correct(SHORT, 2, Price("1.95"))
    back, now = rig.moves(0)[-2:]
    assert (back.quantity, now.quantity, now.price) == (2, -2, Price("1.95"))
    assert back.corrects == now.corrects == trade_of(rig, now).transaction_id
    assert rig.broker.holdings() == {SHORT: -2, LONG: 2}
    agrees(rig)


@scenario("BST-006", Ability.BUSTS)
def _a_trade_corrected_to_fewer_contracts_leaves_those(rig: Rig) -> None:
    order = opened(rig)
    told = rig.kinds(order.client_order_id)
    rig.exchange.correct(LONG, 1, Price("1.10"))
    assert rig.broker.holdings() == {SHORT: -2, LONG: 1}
    assert rig.kinds(order.client_order_id) == told
    agrees(rig)


@scenario("BST-007", Ability.BUSTS)
def _busts_and_corrections_are_told_once_over_a_restart(rig: Rig) -> None:
    opened(rig)
    rig.exchange.correct(SHORT, 2, Price("1.95"))
    rig.exchange.bust(LONG)
    before = rig.moves(0)
    assert rig.restart().holdings() == {SHORT: -2}
    assert rig.moves(0) == before


@scenario("BST-008", Ability.BUSTS)
def _what_is_busted_wakes_whoever_listens(rig: Rig) -> None:
    opened(rig)
    wakes: list[int] = []
    rig.broker.on_report(lambda: wakes.append(len(rig.moves(0))))
    rig.exchange.bust(SHORT)
    rig.soon(lambda: bool(wakes) and wakes[-1] == 3)


SCENARIOS = scenario.scenarios
