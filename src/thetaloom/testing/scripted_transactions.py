"""Transactions of the scripted broker's account, and what it says before an order."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from thetaloom.domain.book.fills import Fill, LegFill
from thetaloom.domain.book.leg_fills import LegExecution
from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.book.reports import AccountSnapshot
from thetaloom.domain.book.share_orders import ShareOrder
from thetaloom.domain.book.transactions import (
    Transaction,
    TransactionKind,
    cash_settled,
    corrected,
    exercised,
    trade_transactions,
)
from thetaloom.domain.risk.margin_bound import effect_bound
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import BrokerOrderId, ClientOrderId, FillId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvalidInput
from thetaloom.ports.broker import Preview
from thetaloom.testing import builders

SPOT = Price(0)  # the scripted broker has no market


def preview_of(order: Order, buying_power: Money | None) -> Preview:
    """Say what an order would tie up by itself; what closes ties up nothing."""
    fees = builders.FEE_PER_CONTRACT * (order.quantity * sum(abs(leg.ratio) for leg in order.legs))
    each = Money(0)
    if order.effect is Effect.OPEN:
        bound = effect_bound(order.legs, order.limit_price, spot=SPOT, is_cash_account=False)
        if bound is None:
            return Preview(buying_power_effect=None, buying_power_after=None, fees=fees)
        each = bound
    effect = each * order.quantity - fees
    after = None if buying_power is None else buying_power - effect
    return Preview(buying_power_effect=effect, buying_power_after=after, fees=fees)


def after(
    held: Mapping[OptionContract, int], balances: AccountSnapshot, happened: Transaction
) -> tuple[dict[OptionContract, int], AccountSnapshot]:
    """Return what is held and the balances after a transaction."""
    contracts, shares = dict(held), dict(balances.shares or {})
    if happened.contract is not None:
        contracts[happened.contract] = contracts.get(happened.contract, 0) + happened.quantity
    elif happened.quantity:
        shares[happened.symbol] = shares.get(happened.symbol, 0) + happened.quantity
        balances = replace(balances, shares={symbol: count for symbol, count in shares.items() if count})
    if balances.cash is not None:
        balances = replace(balances, cash=balances.cash + happened.cash + happened.fees)
    return {contract: count for contract, count in contracts.items() if count}, balances


def ended(
    held: Mapping[OptionContract, int],
    contract: OptionContract,
    quantity: int,
    spot: Price | None,
    at: datetime,
    name: str,
) -> tuple[Transaction, ...]:
    """Return what exercising or assigning contracts does; sold ones have a negative quantity."""
    there = held.get(contract, 0)
    if quantity == 0 or quantity * there <= 0 or abs(quantity) > abs(there):
        raise InvalidInput(f"{there} {contract.notation} are held, which {quantity} are not among")
    if not contract.is_index:
        return exercised(contract, quantity, at, name)
    if spot is None:
        raise InvalidInput(f"{contract.notation} settles in cash, for which it needs a spot")
    return cash_settled(contract, quantity, spot, at, name)


def traded(legs: Sequence[Leg], quantity: int, price: Price, at: datetime, name: str) -> tuple[Transaction, ...]:
    """Return a trade of another program."""
    fill = Fill(
        fill_id=FillId(name),
        client_order_id=ClientOrderId(name),
        quantity=quantity,
        price=price,
        fees=builders.FEE_PER_CONTRACT * (quantity * sum(abs(leg.ratio) for leg in legs)),
        filled_at=at,
        legs=tuple(
            LegFill(contract=leg.contract, quantity=leg.ratio * quantity, price=each)
            for leg, each in zip(legs, builders.leg_prices(tuple(legs), price), strict=True)
        ),
    )
    return trade_transactions(fill)


def executed(done: LegExecution, broker_order_id: BrokerOrderId) -> tuple[Transaction, ...]:
    """Return the transaction of one leg done by itself."""
    fill = Fill(
        fill_id=done.execution_id,
        client_order_id=done.client_order_id,
        quantity=abs(done.quantity),
        price=done.price * (-1 if done.quantity > 0 else 1),
        fees=done.fees,
        filled_at=done.executed_at,
        legs=(LegFill(contract=done.contract, quantity=done.quantity, price=done.price),),
    )
    return trade_transactions(fill, broker_order_id)


def after_correction(
    happened: Sequence[Transaction], contract: OptionContract, quantity: int, price: Price | None, at: datetime
) -> tuple[Transaction, ...]:
    """Return what lets the newest trade of a contract have been of so many contracts; of none, it is busted."""
    done = {one.corrects for one in happened}
    mine = [one for one in happened if one.contract == contract and one.kind is TransactionKind.TRADE]
    trade = next((one for one in reversed(mine) if not one.corrects and one.transaction_id not in done), None)
    if trade is None:
        raise InvalidInput(f"no trade of {contract.notation} stands that could be busted or corrected")
    signed = quantity if trade.quantity > 0 else -quantity
    paid = price or trade.price or Price(0)
    return corrected(trade, f"corrected:{trade.transaction_id}", at, quantity=signed, price=paid)


def shares_of(order: ShareOrder, price: Price, at: datetime) -> Transaction:
    """Return the trade of an order for shares."""
    name, cash = f"T-{order.client_order_id}", price.times(-order.quantity)
    done = moved(TransactionKind.TRADE, cash, at, name, symbol=order.symbol, shares=order.quantity)
    return replace(done, client_order_id=order.client_order_id)


def moved(
    kind: TransactionKind, cash: Money, at: datetime, name: str, *, symbol: str = "", shares: int = 0
) -> Transaction:
    """Return a movement of cash, and of shares beside it."""
    return Transaction(
        sequence=0,
        transaction_id=name,
        kind=kind,
        happened_at=at,
        symbol=symbol,
        contract=None,
        quantity=shares,
        price=Price(abs(cash / shares)) if shares else None,
        cash=cash,
    )
