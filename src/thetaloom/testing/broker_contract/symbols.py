"""Underlyings that brokers write in ways of their own: all of them are one symbol here, that of their contracts."""

from thetaloom.domain.book.orders import Order, OrderStatus
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.values.money import Price
from thetaloom.ports.market_data import SymbolSearch
from thetaloom.testing import builders as b
from thetaloom.testing.broker_contract.abilities import Ability
from thetaloom.testing.broker_contract.market import bid_ask
from thetaloom.testing.broker_contract.rig import Rig
from thetaloom.testing.broker_contract.scenarios import Register

scenario = Register()
SPREAD = ("-1 BRKB 2026-01-16 P 480", "+1 BRKB 2026-01-16 P 475")
SHORT, LONG = (leg.contract for leg in b.legs(*SPREAD))
INDEX_ROOTS = ("NDX", "NDXP")


def spread(**changes: object) -> Order:
    """Return a put credit spread on class B of Berkshire."""
    return b.order(*SPREAD, **changes)  # type: ignore[arg-type]  # whatever the builder takes


@scenario("SYM-001", Ability.MARKET, cites="Lean.IB#85, robin_stocks#354")
def _a_class_of_shares_is_known_with_its_chain_by_the_root_of_its_options(rig: Rig) -> None:
    known, chain = rig.feed.underlying("BRKB"), rig.feed.chain("BRKB", rig.broker.account().as_of)
    assert known is not None and known.symbol == "BRKB"
    assert chain is not None and chain.underlying == "BRKB"
    assert chain.find(SHORT) is not None and chain.find(LONG) is not None


@scenario("SYM-002", Ability.MARKET)
def _a_class_of_shares_has_a_price_and_quotes_that_move(rig: Rig) -> None:
    rig.feed.watch([SHORT])
    rig.soon(lambda: rig.feed.spot("BRKB", rig.broker.account().as_of) == Price(500))
    rig.soon(lambda: bid_ask(rig, SHORT) == (Price("1.90"), Price("2.10")))
    rig.quote(SHORT, Price("1.95"), Price("2.15"))
    rig.soon(lambda: bid_ask(rig, SHORT) == (Price("1.95"), Price("2.15")))


@scenario("SYM-003", Ability.MARKET, Ability.SEARCH)
def _a_search_finds_a_class_of_shares_under_our_symbol(rig: Rig) -> None:
    feed = rig.feed
    assert isinstance(feed, SymbolSearch)
    assert "BRKB" in feed.matching("BRK")


@scenario("SYM-004", cites="Lean#5636")
def _an_order_on_a_class_of_shares_is_reported_and_held_under_our_symbol(rig: Rig) -> None:
    order = rig.done(spread(limit="0.90"))
    rig.expect(order.client_order_id, K.ACCEPTED, K.FILLED)
    assert rig.broker.holdings() == {SHORT: -1, LONG: 1}
    assert {one.symbol for one in rig.moves(0)} == {"BRKB"}


@scenario("SYM-005")
def _a_working_order_on_a_class_of_shares_is_found_after_a_restart_and_canceled(rig: Rig) -> None:
    order = spread(limit="1.50")
    rig.submit(order)
    (found,) = rig.restart().open_orders()
    assert (found.client_order_id, set(found.legs)) == (order.client_order_id, set(order.legs))
    rig.cancel(order.client_order_id)
    rig.soon(lambda: rig.followed(order).status is OrderStatus.CANCELED)


@scenario("SYM-006", Ability.OUTSIDE)
def _shares_of_a_class_are_told_under_the_symbol_of_their_contracts(rig: Rig) -> None:
    rig.world.trade_shares_elsewhere("BRKB", 100, Price(500))
    assert rig.broker.account().shares == {"BRKB": 100}
    assert [(one.symbol, one.quantity) for one in rig.moves(0)] == [("BRKB", 100)]


@scenario("SYM-007", Ability.OUTSIDE)
def _an_assignment_of_a_class_of_shares_delivers_shares_of_the_same_symbol(rig: Rig) -> None:
    rig.done(spread(limit="0.90"))
    rig.world.assign(SHORT)
    assert rig.broker.holdings() == {LONG: 1} and rig.broker.account().shares == {"BRKB": 100}
    gone, came = rig.moves(0)[-2:]
    assert (gone.contract, gone.kind) == (SHORT, came.kind) and gone.symbol == came.symbol == "BRKB"


@scenario("SYM-008", Ability.MARKET, cites="DiscordAlertsTrader#21")
def _two_roots_of_an_index_are_two_contracts_of_one_chain(rig: Rig) -> None:
    chain = rig.feed.chain("NDX", rig.broker.account().as_of)
    assert chain is not None and chain.underlying == "NDX"
    assert all(chain.find(b.contract(f"{root} 2026-01-16 P 21000")) is not None for root in INDEX_ROOTS)


SCENARIOS = scenario.scenarios
