"""Reading what the socket did not tell: orders, executions and positions of TWS, after each opening and when asked."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar

from ib_async import Contract, ExecutionFilter, Fill, OrderState, Trade
from ib_async import Order as TwsOrder
from ib_async.wrapper import RequestError

from thetaloom.brokers.ibkr import parse
from thetaloom.brokers.ibkr.desk import INACTIVE, OVER, OrderDesk, ended_status, told_limit
from thetaloom.brokers.ibkr.executions import Executions
from thetaloom.brokers.ibkr.positions import MARK, Held, explained, is_explained, read_held
from thetaloom.brokers.ibkr.registry import Registry
from thetaloom.brokers.ibkr.render import CURRENCY
from thetaloom.brokers.ibkr.session import Session
from thetaloom.domain.book.orders import OrderStatus
from thetaloom.domain.book.reports import AccountSnapshot, BrokerOrder
from thetaloom.domain.book.transactions import Transaction
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.calendar import TradingCalendar
from thetaloom.domain.values.ids import AccountId, BrokerOrderId, ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.domain.values.symbols import canonical_symbol
from thetaloom.errors import BrokerUnavailable
from thetaloom.links.report_book import ReportBook, SentOrder
from thetaloom.ports.clock import Clock

K = TypeVar("K")
OURS = "tl-"  # how our ids begin: an order is ours by its own word, though our book may be an older copy
SUMMARY_TAGS = "AccountType,NetLiquidation,TotalCashValue,BuyingPower,AvailableFunds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Positions:
    """What TWS says is held."""

    contracts: Mapping[OptionContract, int]
    shares: Mapping[str, int]


class TwsBooks:
    """The books of TWS; its coroutines run in the loop of the connection."""

    def __init__(
        self,
        *,
        session: Session,
        registry: Registry,
        desk: OrderDesk,
        executions: Executions,
        book: ReportBook,
        clock: Clock,
        calendar: TradingCalendar,
        account: str,
        spot_of: Callable[[str], Price | None],
    ) -> None:
        self._session = session
        self._registry = registry
        self._desk = desk
        self._executions = executions
        self._book = book
        self._clock = clock
        self._calendar = calendar
        self._account = account
        self._spot_of = spot_of
        self._one_summary = asyncio.Lock()  # TWS takes two of these at a time, and refuses more
        self._one_at_a_time = asyncio.Lock()  # TWS answers lists of orders and positions without a request's number

    async def catch_up(self) -> None:
        """Read all that may have happened unheard, and write it down."""
        await self.executions()
        await self.working()
        await self.completed()
        self._end_what_is_past()
        await self.compare_positions(counts_cash=True)

    async def executions(self) -> list[Fill]:
        """Have all executions of today told again, and return them; those that are known change nothing."""
        chosen = ExecutionFilter(acctCode=self._account)
        return list(await self._ask(lambda tws: tws.reqExecutionsAsync(chosen)))

    async def working(self) -> list[Trade]:
        """Return the orders that work, of everybody."""
        return [one for one in await self.everything() if one.order.account in {"", self._account}]

    async def everything(self) -> list[Trade]:
        """Return the orders that work in all accounts of the login."""
        async with self._one_at_a_time:
            trades = await self._ask(lambda tws: tws.reqAllOpenOrdersAsync())
        # Among the answers stands what TWS told by itself meanwhile: the same order of the SDK a second time.
        told = list({id(one): one for one in trades}.values())
        over = [one for one in told if one.orderStatus.status in OVER and not one.orderStatus.whyHeld]
        for one in over:
            if one.orderStatus.status == INACTIVE:
                self._desk.completed_told(one.order, OrderState(status=INACTIVE))
        return [one for one in told if one not in over]

    async def completed(self) -> list[Trade]:
        """Return the orders of today that are over."""
        async with self._one_at_a_time:
            trades = await self._ask(lambda tws: tws.reqCompletedOrdersAsync(False))
        return [one for one in trades if one.order.account in {"", self._account}]

    async def positions(self) -> Positions:
        """Return what is held now."""
        async with self._one_at_a_time:
            told = await self._ask(lambda tws: tws.reqPositionsAsync())
        contracts: dict[OptionContract, int] = {}
        shares: dict[str, int] = {}
        for one in told:
            if one.account != self._account:
                continue
            option = self._registry.learn(one.contract)
            if option is not None:
                contracts[option] = _whole(one.position)  # a change that comes between is told after it, down to zero
            elif one.contract.secType == "OPT":
                raise BrokerUnavailable("a position of TWS cannot be read")  # what is left out would count as sold
            elif one.contract.secType == "STK":
                shares[canonical_symbol(one.contract.symbol)] = int(one.position)
        return Positions(contracts=_held(contracts), shares=_held(shares))

    async def account(self, positions: Positions) -> AccountSnapshot:
        """Return the balances as of now."""
        values = await self._summary()
        kind = values.get("AccountType", "")
        return AccountSnapshot(
            account_id=AccountId(self._account),
            as_of=self._clock.now(),
            cash=parse.money_of(values.get("TotalCashValue")),
            net_liquidating_value=parse.money_of(values.get("NetLiquidation")),
            buying_power=parse.money_of(values.get("AvailableFunds")),
            is_live=not parse.is_paper(self._account),
            is_cash_account="CASH" in kind.upper(),
            shares=positions.shares,
        )

    async def compare_positions(self, *, counts_cash: bool = False) -> None:
        """Write down what positions tell and nothing else: exercise, assignment, expiration.

        With ``counts_cash`` the cash is counted anew where they tell nothing: interest, fees and deposits, of which
        the socket says nothing, must not stand between the cash and its explanation for ever.
        """
        positions, kept = await self.positions(), self._book.mark(MARK)
        held = Held(contracts=positions.contracts, shares=positions.shares)
        if kept is None:
            cash = parse.money_of((await self._summary()).get("TotalCashValue"))
            happened = self._book.transactions(0)
            first = replace(held, cash=cash, sequence=happened[-1].sequence if happened else 0)
            self._book.put_mark(MARK, first.to_text())
            return
        known = read_held(kept)
        before = known.after(self._book.transactions(known.sequence))
        if not is_explained(before, held):
            # The balances are asked for only where they are needed: TWS computes the whole margin for them.
            cash = parse.money_of((await self._summary()).get("TotalCashValue"))
            steps = self._steps(before, replace(held, cash=cash)) or await self._busted(before, held)
            self._book.record(steps)
            before = known.after(self._book.transactions(known.sequence))
        elif counts_cash:
            before = replace(before, cash=parse.money_of((await self._summary()).get("TotalCashValue")))
        if is_explained(before, held) and before != known:
            self._book.put_mark(MARK, before.to_text())

    async def _busted(self, before: Held, now: Held) -> list[Transaction]:
        contracts = {*before.contracts, *now.contracts}
        differs = {one: now.contracts.get(one, 0) - before.contracts.get(one, 0) for one in contracts}
        told = frozenset(parse.execution_base(one.execution.execId)[0] for one in await self.executions())
        return self._executions.gone(told, {one: number for one, number in differs.items() if number})

    def _steps(self, before: Held, now: Held) -> list[Transaction]:
        spots = {one.underlying: self._spot_of(one.underlying) for one in before.contracts}
        known = {symbol: spot for symbol, spot in spots.items() if spot is not None}
        return explained(before, now, at=self._clock.now(), calendar=self._calendar, spots=known)

    async def find(self, client_order_id: ClientOrderId) -> BrokerOrder | None:
        """Look an order of ours up in the books; ``None`` where it is in none of them."""
        sent = self._book.sent(client_order_id)
        perm_ids = set() if sent is None else set(sent.broker_order_ids)
        for trades in (await self.working(), await self.completed()):
            for trade in trades:
                if trade.order.orderRef == client_order_id or str(trade.order.permId) in perm_ids:
                    told = await self.told(trade)
                    if told is None:  # it is there: that it cannot be read must not prove the opposite
                        raise BrokerUnavailable(f"what TWS has of {client_order_id} cannot be read")
                    return told
        sent = self._book.sent(client_order_id)
        # TWS forgets what is over with the day; that it once had the order is in our book.
        return None if sent is None or sent.broker_order_id is None else self._remembered(sent)

    async def told(self, trade: Trade) -> BrokerOrder | None:
        """Return an order of TWS in our words; ``None`` for one of something else than options, or not numbered yet."""
        reference = ClientOrderId(trade.order.orderRef)
        sent = self._book.sent(reference) if reference else None
        legs = await self._legs(trade.contract, trade.order) if sent is None else sent.order.legs
        limit = told_limit(trade.contract, trade.order, sent)
        if legs is None or limit is None or not trade.order.permId:
            return None
        ratio = abs(legs[0].ratio) if len(legs) == 1 else 1
        is_past = sent is not None and self._desk.is_past(sent.order, self._clock.now())
        status = ended_status(sent, is_past, trade.orderStatus.status)
        quantity = int(trade.order.totalQuantity) // ratio
        done = max(trade.orderStatus.filled, _set(float(trade.order.filledQuantity)))
        return BrokerOrder(
            client_order_id=reference if sent is not None or reference.startswith(OURS) else None,
            broker_order_id=BrokerOrderId(str(trade.order.permId)),
            is_open=status is OrderStatus.WORKING,
            filled=quantity if status is OrderStatus.FILLED else int(done) // ratio,
            limit_price=limit,
            legs=legs,
            quantity=quantity,
            status=status,
            placed_at=self._placed_at(reference),
        )

    def _end_what_is_past(self) -> None:
        # TWS forgets orders of earlier days; those that could not live on are over.
        now = self._clock.now()
        for sent in self._book.open_sent():
            if sent.broker_order_id is not None and self._desk.is_past(sent.order, now):
                self._desk.end(sent, "its day is over, and TWS has it no more")

    def _remembered(self, sent: SentOrder) -> BrokerOrder:
        return BrokerOrder(
            client_order_id=sent.client_order_id,
            broker_order_id=sent.broker_order_ids[-1],
            is_open=sent.is_open,
            filled=sent.filled,
            limit_price=sent.limit_price,
            legs=sent.order.legs,
            quantity=sent.order.quantity,
            status=OrderStatus.WORKING if sent.is_open else sent.status,
            placed_at=self._placed_at(sent.client_order_id),
        )

    def _placed_at(self, client_order_id: ClientOrderId) -> datetime:
        return self._desk.accepted_at(client_order_id) or self._clock.now()

    async def _legs(self, contract: Contract, order: TwsOrder) -> tuple[Leg, ...] | None:
        if contract.secType != "BAG":
            option = self._registry.learn(contract)
            return None if option is None else (Leg(contract=option, ratio=parse.sign_of(order.action)),)
        legs = []
        for leg in contract.comboLegs:
            option = await self._registry.contract_at(leg.conId)
            if option is None:
                return None
            legs.append((option, int(leg.ratio), leg.action))
        return parse.bag_legs(order.action, legs)

    async def _summary(self) -> dict[str, str]:
        def ask(tws: Any) -> Any:
            number = tws.client.getReqId()
            answer = tws.wrapper.startReq(number)
            tws.wrapper.acctSummary.clear()  # what is left out now must not be told as it was before
            tws.client.reqAccountSummary(number, "All", SUMMARY_TAGS)
            answer.add_done_callback(lambda _: tws.isConnected() and tws.client.cancelAccountSummary(number))
            return answer

        async with self._one_summary:
            await self._ask(ask)
            values = list(self._session.tws.wrapper.acctSummary.values())
        told = [one for one in values if one.account == self._account]
        foreign = {one.currency for one in told} - {"", CURRENCY}
        if foreign:
            raise BrokerUnavailable(
                f"TWS tells the balances of {self._account} in {', '.join(sorted(foreign))}, and here all money is in"
                f" {CURRENCY}",
                advice=f"Have the account's base currency set to {CURRENCY} at IBKR, or trade from one that has it.",
            )
        return {one.tag: one.value for one in told}

    async def _ask(self, request: Callable[[Any], Any]) -> Any:
        try:
            return await self._session.ask(request)
        except RequestError as error:
            raise BrokerUnavailable(f"TWS cannot answer: {error.message} (IBKR {error.code})") from error


def _held(counted: Mapping[K, int]) -> dict[K, int]:
    return {one: count for one, count in counted.items() if count}


def _whole(number: float) -> int:
    if number != int(number):
        raise ValueError(f"{number} contracts")  # neither more nor fewer may be told than there are
    return int(number)


def _set(number: float) -> float:
    return 0.0 if abs(number) >= 1e300 else number
