"""A broker's market data: chains, quotes, greeks, and that nothing old or unknown passes for a price."""

from functools import partial
from math import isnan, nan

from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import MarketDataUnavailable, Unavailable
from thetaloom.ports.market_data import SymbolSearch
from thetaloom.testing import builders as b
from thetaloom.testing.broker_contract.abilities import Ability
from thetaloom.testing.broker_contract.rig import Rig, error_of
from thetaloom.testing.broker_contract.scenarios import Register

scenario = Register()
SHORT, LONG = (leg.contract for leg in b.legs())
NOT_LISTED = b.contract("SPY 2026-01-16 P 123")


def bid_ask(rig: Rig, contract: OptionContract = SHORT) -> tuple[Price | None, Price | None] | None:
    """Return the sides of a contract as the feed has them now; nothing while there is no line to ask on."""
    try:
        known = rig.feed.quotes([contract], rig.broker.account().as_of).get(contract)
    except Unavailable:
        return None
    return None if known is None else (known.bid, known.ask)


def greeks(rig: Rig, contract: OptionContract) -> tuple[float, float]:
    """Return volatility and delta of a contract as the chain has them now."""
    chain = rig.feed.chain("SPY", rig.broker.account().as_of)
    row = None if chain is None else chain.find(contract)
    return (nan, nan) if chain is None or row is None else (float(chain.iv[row]), float(chain.delta[row]))


@scenario("CHN-001", Ability.MARKET, cites="tastyware#142")
def _a_chain_lists_what_can_be_traded(rig: Rig) -> None:
    chain = rig.feed.chain("SPY", rig.broker.account().as_of)
    assert chain is not None and chain.underlying == "SPY"
    assert chain.find(SHORT) is not None and chain.find(LONG) is not None and chain.find(NOT_LISTED) is None


@scenario("CHN-002", Ability.MARKET)
def _a_chain_says_its_source_its_time_and_whether_it_is_made_up(rig: Rig) -> None:
    at = rig.broker.account().as_of
    chain = rig.feed.chain("SPY", at)
    assert chain is not None and chain.source and chain.as_of <= at
    assert chain.synthetic is rig.feed.synthetic


@scenario("CHN-003", Ability.MARKET)
def _an_unknown_underlying_has_no_chain_and_no_price(rig: Rig) -> None:
    at = rig.broker.account().as_of
    for ask in (lambda: rig.feed.chain("ZZZZ", at), lambda: rig.feed.spot("ZZZZ", at)):
        assert isinstance(error_of(ask), (MarketDataUnavailable, type(None)))
        assert error_of(ask) is not None or ask() is None
    assert rig.feed.underlying("ZZZZ") is None


@scenario("CHN-004", Ability.MARKET)
def _an_underlying_has_a_price(rig: Rig) -> None:
    rig.feed.watch([SHORT])
    rig.soon(lambda: rig.feed.spot("SPY", rig.broker.account().as_of) == Price(575))


@scenario("CHN-005", Ability.MARKET)
def _an_underlying_is_known_by_its_symbol_and_kind(rig: Rig) -> None:
    known = rig.feed.underlying("SPY")
    assert known is not None and known.symbol == "SPY" and known.kind in {"equity", "etf", "index"}


@scenario("CHN-006", Ability.MARKET, Ability.SEARCH)
def _a_symbol_is_found_by_its_beginning_and_what_nobody_has_is_not(rig: Rig) -> None:
    feed = rig.feed
    assert isinstance(feed, SymbolSearch)
    assert feed.matching("SP")[0] == "SPY" and feed.underlying("SPY") is not None
    assert list(feed.matching("ZZZZ")) == []


@scenario("QTE-001", Ability.MARKET)
def _a_watched_contract_is_quoted_to_the_cent(rig: Rig) -> None:
    rig.feed.watch([SHORT, LONG])
    rig.soon(lambda: bid_ask(rig) == (Price("1.90"), Price("2.10")))


@scenario("QTE-002", Ability.MARKET)
def _a_quote_that_moves_is_told(rig: Rig) -> None:
    rig.feed.watch([SHORT])
    rig.soon(lambda: bid_ask(rig) is not None)
    rig.quote(SHORT, Price("1.95"), Price("2.15"))
    rig.soon(lambda: bid_ask(rig) == (Price("1.95"), Price("2.15")))


@scenario("QTE-003", Ability.MARKET)
def _a_quote_that_moves_wakes_whoever_listens(rig: Rig) -> None:
    wakes: list[int] = []
    rig.feed.watch([SHORT])
    rig.soon(lambda: bid_ask(rig) is not None)
    while rig.feed.poll() is not None:
        pass  # whoever has not looked yet is woken once, not again for each change
    rig.feed.on_change(lambda: wakes.append(1))
    rig.quote(SHORT, Price("1.96"), Price("2.16"))
    rig.soon(lambda: bool(wakes))
    told: set[OptionContract] = set()

    def is_told() -> bool:
        batch = rig.feed.poll()
        told.update(() if batch is None else batch.quotes)
        return SHORT in told

    rig.soon(is_told)


@scenario("QTE-004", Ability.MARKET)
def _a_missing_side_is_unknown_and_no_zero(rig: Rig) -> None:
    rig.feed.watch([SHORT])
    rig.soon(lambda: bid_ask(rig) is not None)
    rig.quote(SHORT, None, Price("0.05"))
    rig.soon(lambda: bid_ask(rig) in {(None, Price("0.05")), (Price(0), Price("0.05"))})


@scenario("QTE-005", Ability.MARKET)
def _what_is_not_listed_has_no_quote(rig: Rig) -> None:
    assert rig.feed.quotes([NOT_LISTED], rig.broker.account().as_of) == {}


@scenario("QTE-006", Ability.MARKET)
def _no_quote_is_of_a_later_time_than_it_was_asked_for(rig: Rig) -> None:
    rig.feed.watch([SHORT])
    rig.soon(lambda: bid_ask(rig) is not None)
    at = rig.broker.account().as_of
    known = rig.feed.quotes([SHORT], at)[SHORT]
    assert known.quoted_at <= at


@scenario("QTE-007", Ability.MARKET, Ability.STREAMS, cites="tastyware#229")
def _what_is_watched_is_watched_again_after_a_break(rig: Rig) -> None:
    rig.feed.watch([SHORT, LONG])
    rig.soon(lambda: bid_ask(rig) is not None)
    rig.lines.drop()
    rig.quote(SHORT, Price("1.80"), Price("2.00"))
    rig.soon(lambda: bid_ask(rig) == (Price("1.80"), Price("2.00")))


@scenario("QTE-008", Ability.MARKET, Ability.STREAMS)
def _what_is_watched_over_two_breaks_is_told_still(rig: Rig) -> None:
    rig.feed.watch([SHORT])
    for ask in (Price("2.01"), Price("2.02")):
        rig.soon(lambda: bid_ask(rig) is not None)
        rig.lines.drop()
        rig.quote(SHORT, Price("1.90"), ask)
        rig.soon(partial(_is_quoted, rig, Price("1.90"), ask))


@scenario("QTE-009", Ability.MARKET)
def _the_chain_carries_the_newest_quotes_and_known_greeks_only(rig: Rig) -> None:
    rig.feed.watch([SHORT, LONG])
    rig.soon(lambda: bid_ask(rig) == (Price("1.90"), Price("2.10")))
    chain = rig.feed.chain("SPY", rig.broker.account().as_of)
    row = None if chain is None else chain.find(SHORT)
    assert chain is not None and row is not None
    assert (chain.bid[row], chain.ask[row]) == (1.90, 2.10)
    # Unknown is NaN, which is unlike itself; a put's delta is never above zero.
    assert not chain.delta[row] > 0 and not chain.iv[row] <= 0


@scenario("QTE-010", Ability.MARKET)
def _an_order_is_placed_at_what_is_quoted(rig: Rig) -> None:
    rig.feed.watch([SHORT, LONG])
    rig.soon(lambda: bid_ask(rig) == (Price("1.90"), Price("2.10")))
    order = b.order(limit="0.80", client_order_id=ClientOrderId("tl-quoted"))
    rig.submit(order)
    rig.fill(order)
    assert set(map(abs, rig.broker.holdings().values())) == {1}


@scenario("QTE-011", Ability.MARKET, Ability.GREEKS)
def _greeks_are_told_as_the_broker_has_them_and_are_unknown_where_it_has_none(rig: Rig) -> None:
    rig.tell_greeks(SHORT, 0.21, -0.3)
    rig.feed.watch([SHORT, LONG])
    rig.soon(lambda: greeks(rig, SHORT) == (0.21, -0.3))
    iv, delta = greeks(rig, LONG)
    assert isnan(iv) and isnan(delta)


def _is_quoted(rig: Rig, bid: Price, ask: Price) -> bool:
    return bid_ask(rig) == (bid, ask)


SCENARIOS = scenario.scenarios
