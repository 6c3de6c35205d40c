"""tastytrade's answers in our words."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from math import gcd

from tastytrade.account import Account, AccountBalance, CurrentPosition
from tastytrade.account import Transaction as WireTransaction
from tastytrade.order import FeeCalculation, InstrumentType, PlacedOrder
from tastytrade.order import Leg as WireLeg
from tastytrade.order import OrderStatus as WireStatus

from thetaloom.domain.book.leg_fills import LegExecution
from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.book.reports import AccountSnapshot, BrokerOrder
from thetaloom.domain.book.transactions import Transaction, TransactionKind
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.ids import AccountId, BrokerOrderId, ClientOrderId, FillId
from thetaloom.domain.values.instruments import OptionContract, parse_option_symbol
from thetaloom.domain.values.money import NOTHING, Money, Price
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import InvalidInput

W, S, K = WireStatus, OrderStatus, TransactionKind
# What each word of tastytrade means. ``Filled`` is said when the first leg is done: only the legs' own fills count.
STATUSES: dict[WireStatus, OrderStatus] = {
    W.RECEIVED: S.WORKING,
    W.ROUTED: S.WORKING,
    W.IN_FLIGHT: S.WORKING,
    W.LIVE: S.WORKING,
    W.CONTINGENT: S.WORKING,
    W.CANCEL_REQUESTED: S.WORKING,
    W.REPLACE_REQUESTED: S.WORKING,
    W.FILLED: S.FILLED,
    W.CANCELLED: S.CANCELED,
    W.EXPIRED: S.EXPIRED,
    W.REJECTED: S.REJECTED,
    W.REMOVED: S.CANCELED,
    W.PARTIALLY_REMOVED: S.CANCELED,
}
NEVER_STOOD = frozenset({W.CONTINGENT, W.REJECTED, W.CANCELLED, W.REMOVED})  # of a replacement that did nothing
SUB_TYPES: dict[str, TransactionKind] = {
    "Assignment": K.ASSIGNMENT,
    "Cash Settled Assignment": K.CASH_SETTLEMENT,
    "Exercise": K.EXERCISE,
    "Cash Settled Exercise": K.CASH_SETTLEMENT,
    "Expiration": K.EXPIRATION,
    "Dividend": K.DIVIDEND,
    "Credit Interest": K.INTEREST,
    "Debit Interest": K.INTEREST,
    "Fee": K.FEE,
    "Balance Adjustment": K.FEE,
    "Deposit": K.TRANSFER,
    "Withdrawal": K.TRANSFER,
    "Transfer": K.TRANSFER,
}
TRADE, DELIVERY = "Trade", "Receive Deliver"  # the types of transactions that move contracts or shares
SIGNS = {"Long": 1, "Short": -1, "Zero": 0}
COUNT_MAX = 10_000_000
CONTRACTS_KEPT = 4_096
# What ends a contract is told without a side; only an expiration may be of either.
REMOVED = {"Assignment": 1, "Cash Settled Assignment": 1, "Exercise": -1, "Cash Settled Exercise": -1}


@lru_cache(maxsize=CONTRACTS_KEPT)  # every message of an order names its legs again
def contract_of(symbol: str) -> OptionContract | None:
    """Return the contract of an OCC symbol; ``None`` where it is something else."""
    try:
        return parse_option_symbol(symbol)
    except InvalidInput:
        return None


def status_of(order: PlacedOrder) -> OrderStatus:
    """Return where an order stands; one that calls itself filled works until the fills of all its legs are known."""
    status = STATUSES[order.status]
    return S.WORKING if status is S.FILLED and not is_told_whole(order) else status


def is_told_whole(order: PlacedOrder) -> bool:
    """Tell whether the fills of an order add up to what its legs say was done; what they say may be behind."""
    return all(_count(leg) >= _done(order, leg) for leg in order.legs)


def stood(order: PlacedOrder) -> bool:
    """Tell whether an order ever worked by itself: a replacement that came too late never did.

    When it went live is seldom told; what filled, or was replaced in its turn, has worked.
    """
    if order.replaces_order_id is None or order.live_at is not None or order.replacing_order_id is not None:
        return True
    return order.status not in NEVER_STOOD or any(leg.fills for leg in order.legs)


def broker_order(order: PlacedOrder, client_order_id: ClientOrderId | None) -> BrokerOrder | None:
    """Return an order as ours; ``None`` where it trades something that is no option."""
    legs = [(contract_of(leg.symbol), leg) for leg in order.legs]
    quantity = gcd(*(int(leg.quantity or 0) for leg in order.legs))
    if not quantity or any(contract is None for contract, _ in legs):
        return None
    ratios = {
        contract: leg.action.multiplier * int(leg.quantity or 0) // quantity for contract, leg in legs if contract
    }
    filled = min(_count(leg) * quantity // int(leg.quantity or 1) for _, leg in legs)
    status = status_of(order)
    if filled >= quantity:
        status = S.FILLED
    return BrokerOrder(
        client_order_id=client_order_id,
        broker_order_id=BrokerOrderId(str(order.id)),
        is_open=status is S.WORKING,
        filled=filled,
        limit_price=Price(order.price or Decimal(0)),
        legs=tuple(Leg(contract=contract, ratio=ratio) for contract, ratio in ratios.items()),
        quantity=quantity,
        status=status,
        placed_at=(order.received_at or order.updated_at).astimezone(UTC),
    )


def executions_of(order: PlacedOrder, client_order_id: ClientOrderId, fee: Money) -> list[LegExecution]:
    """Return what was done of an order, leg by leg; ``fee`` is what a contract costs."""
    found = []
    for leg in order.legs:
        contract = contract_of(leg.symbol)
        if contract is None:
            continue
        for fill in leg.fills or ():
            count = int(fill.quantity)
            found.append(
                LegExecution(
                    execution_id=FillId(f"{fill.fill_id}:{contract.compact}"),
                    client_order_id=client_order_id,
                    contract=contract,
                    quantity=leg.action.multiplier * count,
                    price=Price(fill.fill_price),
                    fees=(fee * count).to_cents(),
                    executed_at=fill.filled_at.astimezone(UTC),
                )
            )
    return sorted(found, key=lambda one: one.executed_at)


def fee_each(fees: FeeCalculation | None, order: PlacedOrder) -> Money:
    """Return what one contract of an order costs in fees, negative, as told when it was taken."""
    contracts = sum(int(leg.quantity or 0) for leg in order.legs)
    if fees is None or not contracts:
        return NOTHING
    return Money(-abs(fees.total_fees)) / contracts


def snapshot(
    balance: AccountBalance, positions: Iterable[CurrentPosition], account: Account, is_live: bool, at: datetime
) -> AccountSnapshot:
    """Return the balances."""
    shares: dict[str, int] = {}
    for one in positions:
        if one.instrument_type is InstrumentType.EQUITY and one.quantity:
            symbol = canonical_symbol(one.symbol)
            shares[symbol] = shares.get(symbol, 0) + _signed(one)
    return AccountSnapshot(
        account_id=AccountId(account.account_number),
        as_of=at,
        cash=Money(balance.cash_balance + balance.pending_cash),
        net_liquidating_value=Money(balance.net_liquidating_value),
        buying_power=Money(balance.derivative_buying_power),
        is_live=is_live,
        is_cash_account=account.margin_or_cash.lower() == "cash",
        shares=shares,
    )


def holdings_of(positions: Iterable[CurrentPosition]) -> dict[OptionContract, int]:
    """Return the contracts held, sold ones negative."""
    held: dict[OptionContract, int] = {}
    for one in positions:
        contract = contract_of(one.symbol) if one.instrument_type is InstrumentType.EQUITY_OPTION else None
        if contract is not None and one.quantity:
            held[contract] = held.get(contract, 0) + _signed(one)
    return {contract: count for contract, count in held.items() if count}


def transaction_of(
    one: WireTransaction, client_order_id: ClientOrderId | None, held: Mapping[OptionContract, int]
) -> Transaction | None:
    """Return a movement in our words; ``None`` where nothing moved. ``held`` is what the account held before it."""
    contract = contract_of(one.symbol or "") if one.instrument_type is InstrumentType.EQUITY_OPTION else None
    is_shares = one.instrument_type is InstrumentType.EQUITY and bool(one.quantity)
    quantity = 0
    if contract is not None:
        quantity = _moved(one, held.get(contract, 0))
    elif is_shares:
        quantity = _moved(one, 1 if one.value > 0 else -1)
    if not quantity and not one.net_value:
        return None
    kind = SUB_TYPES.get(one.transaction_sub_type, K.TRADE if one.transaction_type == TRADE else K.TRANSFER)
    fees = min(Money(one.net_value - one.value), NOTHING)  # every charge, whatever it is called
    return Transaction(
        sequence=0,
        transaction_id=str(one.id),
        kind=kind,
        happened_at=one.executed_at.astimezone(UTC),
        symbol=contract.underlying if contract else canonical_symbol(one.underlying_symbol or one.symbol or ""),
        contract=contract if quantity else None,
        quantity=quantity,
        # Beside a settlement in cash stands the strike; what was paid is the value.
        price=None if one.price is None or not quantity or kind is K.CASH_SETTLEMENT else Price(abs(one.price)),
        cash=Money(one.net_value) - fees,
        fees=fees,
        client_order_id=client_order_id,
        broker_order_id=None if one.order_id is None else BrokerOrderId(str(one.order_id)),
    )


def is_delivery(one: WireTransaction) -> bool:
    """Tell whether shares came of a contract that was assigned or exercised; they are told as bought or sold."""
    is_shares = one.transaction_type == DELIVERY and one.instrument_type is InstrumentType.EQUITY
    return is_shares and one.action is not None and one.transaction_sub_type == one.action.value


def _moved(one: WireTransaction, before: int) -> int:
    count = _whole(one.quantity or Decimal(0), is_option=one.instrument_type is InstrumentType.EQUITY_OPTION)
    if one.action is not None:
        return one.action.multiplier * count
    # What expires is removed without a word on the side: it takes away what was held.
    return REMOVED.get(one.transaction_sub_type, 1 if before < 0 else -1) * count


def _signed(one: CurrentPosition) -> int:
    if one.quantity_direction not in SIGNS:
        raise ValueError(f"a position is {one.quantity_direction}")  # neither held nor owed: nothing to guess
    return SIGNS[one.quantity_direction] * _whole(
        one.quantity, is_option=one.instrument_type is not InstrumentType.EQUITY
    )


def _whole(number: Decimal, *, is_option: bool) -> int:
    # Fractions there are of shares alone; they are left out.
    if abs(number) > COUNT_MAX or number < 0 or (is_option and number != number.to_integral_value()):
        raise ValueError(f"{number} is no count of contracts")
    return int(number)


def _count(leg: WireLeg) -> int:
    return sum(int(fill.quantity) for fill in leg.fills or ())


def _done(order: PlacedOrder, leg: WireLeg) -> int:
    if order.status is W.FILLED:
        return int(leg.quantity or 0)
    # A leg that does not say what remains has told all it has.
    return _count(leg) if leg.remaining_quantity is None else int((leg.quantity or 0) - leg.remaining_quantity)
