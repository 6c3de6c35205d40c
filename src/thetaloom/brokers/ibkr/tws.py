"""The SDK with ears: every word of TWS as it comes, before the SDK makes up its own mind about it.

``ib_async`` drops words on orders it has not met, and takes some errors for the end of an order that lives on
(ib_async#191). So the words are passed on raw; requests, decoding and tickers are the SDK's.

It also leaves a message out that it cannot read, and calls the list whole that it was in. A book with a page torn out
proves nothing: such an answer is none here.
"""

import asyncio
import re
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import structlog
from ib_async import IB, CommissionReport, Contract, Execution, OrderState, StartupFetch, Ticker
from ib_async import Order as TwsOrder
from ib_async.client import Client
from ib_async.decoder import Decoder
from ib_async.wrapper import RequestError, Wrapper

from thetaloom.brokers.ibkr.messages import INVALID, NOT_TAKEN, QUOTES_ENDED, Meaning, meaning_of
from thetaloom.errors import BrokerUnavailable, ThetaloomError
from thetaloom.links.nonsense import NONSENSE

log = structlog.get_logger()

MESSAGE_BYTES_MAX = 32 << 20
POSITIONS = "positions"
LISTS = (POSITIONS, "openOrders", "completedOrders")  # which TWS answers without the number of a request
WORDS_MAX = 20  # of what is no number of a message
PRICE, EXECUTION = "1", "11"
_UTC = re.compile(r"(\d{8})-(\d{2}:\d{2}:\d{2})")
# Orders, executions, positions, balances, contracts and history, with their ends.
HEEDED = frozenset(map(str, (3, 4, 5, 9, 10, 11, 17, 52, 53, 55, 59, 61, 62, 63, 64, 75, 76, 101, 102)))
UNREADABLE = (ThetaloomError, *NONSENSE)
NOTHING = StartupFetch(0)  # what is read after connecting, and when, is our own business


class Ears(Protocol):
    """Whoever listens to TWS; called in the loop of the connection."""

    def order_told(self, contract: Contract, order: TwsOrder, state: OrderState) -> None:
        """Hear of an order that is in the books."""
        ...

    def completed_told(self, contract: Contract, order: TwsOrder, state: OrderState) -> None:
        """Hear of an order of today that is over."""
        ...

    def status_told(self, client_id: int, order_id: int, perm_id: int, status: str, filled: float) -> None:
        """Hear how far an order is."""
        ...

    def execution_told(self, contract: Contract, execution: Execution) -> None:
        """Hear of an execution."""
        ...

    def commission_told(self, report: CommissionReport) -> None:
        """Hear what an execution cost."""
        ...

    def error_told(self, request_id: int, code: int, text: str) -> None:
        """Hear an error, a warning or word of a line."""
        ...

    def position_told(self) -> None:
        """Hear that a position changed."""
        ...

    def unread(self) -> None:
        """Hear that something was told that cannot be read."""
        ...


class _Listening(Wrapper):
    """Passes on what comes, then lets the SDK have it."""

    tws: "Tws"

    def __init__(self, tws: "Tws") -> None:
        super().__init__(tws)
        self.tws = tws
        self._torn: set[Any] = set()  # questions to whose answers something belongs that cannot be read
        self.has_read = False  # a message since it was last heard

    def startReq(self, key: Any, contract: Contract | None = None, container: Any = None) -> Any:  # noqa: N802  the SDK's name
        if isinstance(key, str) and key in self._futures:
            # Lists bear no number: the rest of an answer that came late would pass for the whole of the next.
            self.tws.give_up("TWS left a question open")
            raise BrokerUnavailable("TWS has not answered the last question of this kind")
        return super().startReq(key, contract, container)  # type: ignore[no-untyped-call]  # the SDK types it not

    def _endReq(self, key: Any, result: Any = None, success: bool = True) -> None:  # noqa: N802  the SDK's name
        if key in self._torn:
            self._torn.remove(key)
            result, success = BrokerUnavailable("a part of what TWS answered cannot be read"), False
        super()._endReq(key, result, success)  # type: ignore[no-untyped-call]  # the SDK types it not

    def misread(self) -> None:
        """Let everything that is being answered come to nothing: one of these answers has a hole."""
        self._torn |= self._futures.keys()
        self.tws.ears.unread()

    def tcpDataProcessed(self) -> None:  # noqa: N802  the SDK's name
        # Bytes alone are no word: a message whose length is wrong swallows all that comes after it.
        waiting = bytes(self.tws.wire._data[:4])
        if len(waiting) == 4 and int.from_bytes(waiting) > MESSAGE_BYTES_MAX:
            self.tws.give_up("it sends what is no message of TWS")
        super().tcpDataProcessed()  # type: ignore[no-untyped-call]  # the SDK types it not
        if self.has_read:  # and the quotes that were in it are on the board: what they left out stands
            self.has_read = False
            self.tws.heard()

    def nextValidId(self, reqId: int) -> None:  # noqa: N802, N803  the SDK's names
        self.tws.next_valid_id = max(self.tws.next_valid_id, reqId)
        super().nextValidId(reqId)

    def openOrder(self, orderId: int, contract: Contract, order: TwsOrder, orderState: OrderState) -> None:  # noqa: N802, N803  the SDK's names
        super().openOrder(orderId, contract, order, orderState)
        if not order.whatIf:
            self.tws.ears.order_told(contract, order, orderState)

    def completedOrder(self, contract: Contract, order: TwsOrder, orderState: OrderState) -> None:  # noqa: N802, N803  the SDK's names
        super().completedOrder(contract, order, orderState)
        self.tws.ears.completed_told(contract, order, orderState)

    def orderStatus(  # noqa: N802  the SDK's name
        self,
        orderId: int,  # noqa: N803  the SDK's names
        status: str,
        filled: float,
        remaining: float,
        avgFillPrice: float,  # noqa: N803  the SDK's names
        permId: int,  # noqa: N803  the SDK's names
        parentId: int,  # noqa: N803  the SDK's names
        lastFillPrice: float,  # noqa: N803  the SDK's names
        clientId: int,  # noqa: N803  the SDK's names
        *more: Any,
    ) -> None:
        told = (filled, remaining, avgFillPrice, permId, parentId, lastFillPrice, clientId)
        super().orderStatus(orderId, status, *told, *more)
        self.tws.ears.status_told(clientId, orderId, permId, status, filled)

    def execDetails(self, reqId: int, contract: Contract, execution: Execution) -> None:  # noqa: N802, N803  the SDK's names
        super().execDetails(reqId, contract, execution)
        self.tws.ears.execution_told(contract, execution)

    def commissionReport(self, commissionReport: CommissionReport) -> None:  # noqa: N802, N803  the SDK's names
        super().commissionReport(commissionReport)
        self.tws.ears.commission_told(commissionReport)

    def position(self, account: str, contract: Contract, posSize: float, avgCost: float) -> None:  # noqa: N803  the SDK's names
        asked = self._futures.get(POSITIONS)
        is_asked = asked is not None and not asked.done()
        super().position(account, contract, posSize, avgCost)
        if not is_asked:
            self.tws.ears.position_told()

    def error(self, reqId: int, errorCode: int, errorString: str, advancedOrderRejectJson: str) -> None:  # noqa: N803  the SDK's names
        ticker = self.reqId2Ticker.get(reqId)
        if meaning_of(errorCode) is not Meaning.WARNED:  # the SDK would take some of these for the end of a request
            super().error(reqId, errorCode, errorString, advancedOrderRejectJson)
        if ticker is not None and errorCode in QUOTES_ENDED:
            self.tws.quotes_ended(ticker)
        if reqId == -1 and errorCode in NOT_TAKEN | {INVALID}:
            for name in LISTS:  # no answer to it will come, and no error could name it
                self._endReq(name, RequestError(reqId, errorCode, errorString), success=False)
        self.tws.ears.error_told(reqId, errorCode, errorString)


class _Reading(Decoder):
    """The SDK's decoder; what it cannot read it does not keep to itself."""

    wrapper: _Listening

    def __init__(self, wrapper: _Listening) -> None:
        super().__init__(wrapper, 0)
        self._handlers = {str(number): handler for number, handler in self.handlers.items()}

    def wrap(self, methodName: str, types: Sequence[type], skip: int = 2) -> Callable[[list[str]], None]:  # noqa: N803  the SDK's name
        def handle(fields: list[str]) -> None:
            method = getattr(self.wrapper, methodName, None)
            if method is not None:
                method(*(_field(kind, text) for kind, text in zip(types, fields[skip:], strict=False)))

        return handle

    def interpret(self, fields: list[str]) -> None:
        number = fields[0] if fields else ""
        if number == EXECUTION:
            fields = [_with_zone(one) for one in fields]
        handle = self._handlers.get(number)
        if handle is None:
            log.warning("ibkr_message_unknown", message=number[:WORDS_MAX])
            return
        try:
            handle(fields)
            self.wrapper.has_read = True
        except AssertionError:  # a kind of tick that is newer than the SDK
            log.debug("ibkr_tick_unknown", message=number)
        except UNREADABLE as error:
            log.warning("ibkr_message_unreadable", message=number, error=type(error).__name__)
            if number == PRICE:  # the price before it must not count as good any longer
                self.wrapper.tws.give_up("a price cannot be read")
            elif number in HEEDED:
                self.wrapper.misread()
        except BaseException:
            self.wrapper.tws.give_up("a fault of ours")  # which the SDK would only log; the next line reads all anew
            raise


def _with_zone(text: str) -> str:
    """Name the zone of an instant that TWS tells in UTC, as it can be set to; the SDK would read it as local time."""
    found = _UTC.fullmatch(text)
    return text if found is None else f"{found[1]} {found[2]} UTC"


def _ignored(_: Ticker) -> None:
    pass


def _field(kind: type, text: str) -> Any:
    return text if kind is str else kind(int(text or 0)) if kind is bool else kind(text or 0)


class Tws(IB):
    """One connection to TWS, from its handshake to its end; a new one needs a new object."""

    RaiseRequestErrors = True

    def __init__(self, ears: Ears, heard: Any) -> None:
        super().__init__()
        self.ears = ears
        self.heard = heard
        self.next_valid_id = 0
        self.quotes_ended: Callable[[Ticker], None] = _ignored  # called when TWS says that no more comes on a line
        listening = _Listening(self)
        self.wrapper = listening
        self.client = Client(listening)  # type: ignore[no-untyped-call]  # the SDK types it not
        self.client.decoder = _Reading(listening)
        self.wire: Any = self.client  # whose requests the SDK types not
        self.client.MaxRequests = 0  # the budget is ours: the SDK's queue would let orders wait behind reads
        self.client.apiEnd += self.disconnectedEvent
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.client.apiError += self._failed
        self.client.apiEnd += self._failed
        self.client.conn.disconnected += self._failed  # of a line that ends before its sign-in the SDK says nothing

    async def open(self, host: str, port: int, client_id: int, timeout_seconds: float) -> None:
        """Connect and sign in. Raises ``OSError`` where nobody listens, ``TimeoutError`` or ``EOFError`` later."""
        opening: Coroutine[Any, Any, Any] = self.connectAsync(
            host, port, client_id, timeout=timeout_seconds, fetchFields=NOTHING, raiseSyncErrors=True
        )
        task = asyncio.ensure_future(opening)
        await asyncio.wait({task, self.ended}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise EOFError(self.ended.result())
        task.result()

    def cancel_quotes(self, ticker: Ticker) -> None:
        """Close a line of market data."""
        number = self.forget_quotes(ticker)
        if number:
            self.wire.cancelMktData(number)

    def forget_quotes(self, ticker: Ticker) -> int:
        """Forget a line of market data and return its number, 0 where it had none.

        The SDK would give the next line on the same contract what this one said, as if that line had said it.
        """
        number: int = self.wrapper.endTicker(ticker, "mktData")
        self.wrapper.reqId2Ticker.pop(number, None)
        self.wrapper.tickers.pop(hash(ticker.contract), None)
        return number

    def give_up(self, why: str) -> None:
        """End the connection for a reason of ours; whoever keeps it opens another."""
        self._failed(why)

    def hang_up(self) -> None:
        """End the connection; whoever waits for an answer hears of it."""
        self._failed("closed by us")
        waiting = [future for future in self.wrapper._futures.values() if not future.done()]
        for future in waiting:
            future.set_exception(ConnectionError("the line was closed"))
        self.disconnect()
        self.wire.disconnect()

    def _failed(self, why: str = "") -> None:
        if not self.ended.done():
            self.ended.set_result(why or "the other side hung up")

    def _onError(self, *_: Any) -> None:  # noqa: N802  the SDK's name
        """Leave out that the SDK asks for an account summary after 1102: whoever needs one asks."""
