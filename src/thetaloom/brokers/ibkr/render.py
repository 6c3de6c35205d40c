"""From our orders into the words of TWS.

A structure is bought as the combination that it is: its bought legs are legs to buy, its sold legs are legs to sell,
and the price is what we pay. Buying a combination whose net is a credit therefore has a NEGATIVE price
(Lean.Brokerages.InteractiveBrokers#213, LEAN#9287). A single leg is no combination: its price is always positive.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from ib_async import ComboLeg, Contract, Index, Option, Stock
from ib_async import Order as TwsOrder

from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.values.instruments import INDEX_ROOTS, OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.errors import InvalidInput

SMART, CURRENCY = "SMART", "USD"
CLASS_MARK = " "  # before a class of shares: BRKB is BRK B to TWS
# Where the indices themselves are quoted; their options are routed by SMART as all others.
INDEX_EXCHANGES = {"NDX": "NASDAQ", "XND": "NASDAQ", "RUT": "RUSSELL", "MRUT": "RUSSELL"}


def underlying_of(symbol: str) -> Contract:
    """Return what is asked for to find an underlying."""
    if symbol in {root.underlying for root in INDEX_ROOTS.values()}:
        return Index(symbol=symbol, exchange=INDEX_EXCHANGES.get(symbol, "CBOE"), currency=CURRENCY)
    return Stock(symbol=symbol, exchange=SMART, currency=CURRENCY)


def option_at(conid: int, symbol: str) -> Contract:
    """Return an option whose id is known: the id says all, and a day beside it could only contradict it."""
    return Contract(secType="OPT", conId=conid, symbol=symbol, exchange=SMART, currency=CURRENCY)


def option_of(contract: OptionContract, last_trade_on: date, symbol: str) -> Contract:
    """Return an option as it is searched for; the trading class keeps SPX and SPXW apart."""
    return Option(
        symbol=symbol,
        lastTradeDateOrContractMonth=f"{last_trade_on:%Y%m%d}",
        strike=float(contract.strike),
        right=contract.right.value,
        multiplier=str(contract.multiplier),
        exchange=SMART,
        currency=CURRENCY,
        tradingClass=contract.root,
    )


def contract_of(order: Order, listed: Mapping[OptionContract, Contract]) -> Contract:
    """Return what an order trades: an option, or a combination of them."""
    if len(order.legs) == 1:
        return listed[order.legs[0].contract]
    underlyings = {listed[leg.contract].symbol for leg in order.legs}
    if len(underlyings) != 1:
        raise InvalidInput(f"order {order.client_order_id} is on several underlyings: {', '.join(sorted(underlyings))}")
    legs = [
        ComboLeg(
            conId=listed[leg.contract].conId,
            ratio=abs(leg.ratio),
            action="BUY" if leg.ratio > 0 else "SELL",
            exchange=SMART,
        )
        for leg in order.legs
    ]
    return Contract(secType="BAG", symbol=underlyings.pop(), exchange=SMART, currency=CURRENCY, comboLegs=legs)


def order_of(order: Order, account: str, order_id: int, limit_price: Price | None = None) -> TwsOrder:
    """Return an order with our id as its reference; with ``limit_price`` it stands at another limit."""
    limit = order.limit_price if limit_price is None else limit_price
    ratio = order.legs[0].ratio if len(order.legs) == 1 else 1
    is_sold = len(order.legs) == 1 and ratio < 0
    if len(order.legs) == 1:
        limit = Price(Decimal(limit) / abs(ratio))
    price = Decimal(limit) if is_sold else -Decimal(limit)
    return TwsOrder(
        orderId=order_id,
        action="SELL" if is_sold else "BUY",
        totalQuantity=float(order.quantity * abs(ratio)),
        orderType="LMT",
        lmtPrice=float(price) + 0.0,  # minus zero would be sent as -0.0
        tif=order.time_in_force.value,
        account=account,
        openClose="O" if order.effect is Effect.OPEN else "C",
        orderRef=order.client_order_id,
        transmit=True,
    )
