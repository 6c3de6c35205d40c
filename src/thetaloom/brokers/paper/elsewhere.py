"""What happens to the paper account without an order of ours: assignment, exercise, liquidation, trades elsewhere."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from thetaloom.brokers.paper.admission import beyond_what_is_left
from thetaloom.brokers.paper.buying_power import fees_of
from thetaloom.brokers.paper.fill_model import read_market
from thetaloom.brokers.paper.hours import order_ends_at
from thetaloom.brokers.paper.ledger import Ledger
from thetaloom.brokers.paper.settlement import told
from thetaloom.brokers.paper.tables import BookedOrder
from thetaloom.brokers.paper.venue import Venue
from thetaloom.domain.book.fills import Fill, LegFill
from thetaloom.domain.book.orders import Effect, OrderStatus, TimeInForce
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import ReportKind
from thetaloom.domain.book.share_orders import ShareOrder, SharesAnswer
from thetaloom.domain.book.transactions import (
    Transaction,
    TransactionKind,
    cash_settled,
    exercised,
    trade_transactions,
)
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import ClientOrderId, FillId
from thetaloom.domain.values.instruments import ExerciseStyle, OptionContract
from thetaloom.domain.values.money import NOTHING, Price
from thetaloom.errors import InvalidInput

NOT_LEFT = "what it would close is no longer held"


def exercise_now(ledger: Ledger, venue: Venue, contract: OptionContract, quantity: int, now: datetime) -> None:
    """Turn contracts into shares, or an American index option into cash; sold ones have a negative quantity."""
    held = ledger.holdings().get(contract, 0)
    if quantity == 0 or held * quantity <= 0 or abs(quantity) > abs(held):
        raise InvalidInput(f"{held} {contract.notation} are held, which {quantity} are not among")
    if contract.exercise_style is ExerciseStyle.EUROPEAN or now >= venue.calendar.settles_at(contract):
        raise InvalidInput(f"{contract.notation} is not exercised before or after its expiration")
    name, spot = f"exercise-{ledger.next_transaction_number()}", venue.spot(contract.underlying, now)
    if not contract.is_index:
        happened = exercised(contract, quantity, now, name)
    elif spot is None:
        raise InvalidInput(f"{contract.underlying} has no price to settle {contract.notation} at")
    else:
        happened = cash_settled(contract, quantity, spot, now, name)
    ledger.settle(told(contract, quantity, spot, now, happened), happened)
    drop_closing_orders(ledger, now)


def trade_now(
    ledger: Ledger, venue: Venue, legs: Sequence[Leg], quantity: int, price: Price | None, now: datetime
) -> None:
    """Trade structures as if another program had, by default at the natural price."""
    quotes = venue.quotes((leg.contract for leg in legs), now)
    age_max = venue.settings.quote_age_max
    market = read_market(legs, quotes, now=now, fill_at=venue.settings.fill_at, age_max=age_max)
    if market is None and (price is None or len(legs) > 1):
        raise InvalidInput("without quotes of all legs only one contract at a given price can be traded")
    name = f"elsewhere-{ledger.next_transaction_number()}"
    net = Price(market.natural) if price is None and market is not None else price or Price(0)
    prices = (Price(abs(net / legs[0].ratio)),) if market is None else market.priced(net).leg_prices
    fill = Fill(
        fill_id=FillId(name),
        client_order_id=ClientOrderId(name),
        quantity=quantity,
        price=net,
        fees=-fees_of(legs, quantity, venue.settings.fee_per_contract),
        filled_at=now,
        legs=tuple(
            LegFill(contract=leg.contract, quantity=leg.ratio * quantity, price=each)
            for leg, each in zip(legs, prices, strict=True)
        ),
    )
    ledger.record(without_order(trade_transactions(fill)))
    drop_closing_orders(ledger, now)


def trade_shares_now(
    ledger: Ledger, venue: Venue, symbol: str, quantity: int, price: Price | None, now: datetime
) -> None:
    """Buy shares, or sell them when negative, by default at the price of the underlying."""
    paid = price or venue.spot(symbol, now)
    if paid is None or not quantity:
        raise InvalidInput(f"{quantity} shares of {symbol} at no known price cannot be traded")
    ledger.record([share_trade(f"elsewhere-{ledger.next_transaction_number()}", symbol, quantity, paid, now)])


def trade_shares_for(ledger: Ledger, venue: Venue, order: ShareOrder, now: datetime) -> SharesAnswer:
    """Trade shares that are held away, for an order of ours; one that is in the books already is no second one."""
    name = f"shares-{order.client_order_id}"
    if ledger.has_transaction(name):
        return SharesAnswer()
    held, paid = ledger.shares().get(order.symbol, 0), venue.spot(order.symbol, now)
    if held * order.quantity >= 0 or abs(order.quantity) > abs(held):
        message = f"{held} {order.symbol} shares are held, {order.quantity:+d} would be more than that away"
        return SharesAnswer(refusal=Refusal.QUANTITY_CONFLICT, message=message)
    if not venue.calendar.is_open(now):
        return SharesAnswer(refusal=Refusal.MARKET_CLOSED, message="the exchange is closed")
    if paid is None:
        return SharesAnswer(refusal=Refusal.BROKER_ERROR, message=f"{order.symbol} has no price now")
    done = share_trade(name, order.symbol, order.quantity, paid, now)
    ledger.record([replace(done, client_order_id=order.client_order_id)])
    return SharesAnswer()


def share_trade(name: str, symbol: str, quantity: int, price: Price, at: datetime) -> Transaction:
    """Return the transaction of a trade in shares, bought positive."""
    return Transaction(
        sequence=0,
        transaction_id=name,
        kind=TransactionKind.TRADE,
        happened_at=at,
        symbol=symbol,
        contract=None,
        quantity=quantity,
        price=price,
        cash=price.times(-quantity).to_cents(),
    )


def order_elsewhere(
    ledger: Ledger, venue: Venue, legs: Sequence[Leg], quantity: int, limit: Price, effect: Effect, now: datetime
) -> BookedOrder:
    """Enter an order that another program placed: it works and fills, and nothing is reported about it."""
    number = ledger.next_broker_order_id()
    contracts = [leg.contract for leg in legs]
    booked = BookedOrder(
        client_order_id=ClientOrderId(f"elsewhere-{number}"),
        broker_order_id=number,
        effect=effect,
        legs=tuple(legs),
        quantity=quantity,
        limit_price=limit,
        status=OrderStatus.WORKING,
        placed_at=now,
        ends_at=order_ends_at(venue.calendar, contracts, now, TimeInForce.GTC),
        reserve=NOTHING,
        is_ours=False,
    )
    ledger.insert_order(booked)
    return booked


def drop_closing_orders(ledger: Ledger, now: datetime) -> None:
    """Cancel the closing orders whose contracts are gone; otherwise they would open the other side."""
    for booked in beyond_what_is_left(ledger.open_orders(), ledger.holdings()):
        end(ledger, booked, OrderStatus.CANCELED, ReportKind.CANCELED, now, NOT_LEFT)


def end(
    ledger: Ledger, booked: BookedOrder, status: OrderStatus, kind: ReportKind, now: datetime, message: str = ""
) -> None:
    """End a working order, and report it where it is ours."""
    ledger.update_order(replace(booked, status=status))
    if booked.is_ours:
        ledger.report(kind, booked.client_order_id, booked.broker_order_id, now, message=message)


def without_order(happened: Iterable[Transaction]) -> list[Transaction]:
    """Return transactions that belong to no order we know."""
    return [replace(one, client_order_id=None, broker_order_id=None) for one in happened]
