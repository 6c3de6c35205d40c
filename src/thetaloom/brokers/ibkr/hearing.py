"""What TWS tells by itself, handed to whoever it concerns, and looked into where it says too little."""

import asyncio

from ib_async import CommissionReport, Contract, Execution, OrderState
from ib_async import Order as TwsOrder

from thetaloom.brokers.ibkr.books import TwsBooks
from thetaloom.brokers.ibkr.desk import OrderDesk
from thetaloom.brokers.ibkr.executions import Executions
from thetaloom.brokers.ibkr.session import Session
from thetaloom.errors import BrokerUnavailable
from thetaloom.links.backoff import Backoff
from thetaloom.links.nonsense import NONSENSE

SETTLE_SECONDS = 0.02  # positions change leg by leg; what follows each other so closely is looked at once
AGAIN_SECONDS, AGAIN_SECONDS_MAX = 0.5, 30.0
ALL, EXECUTIONS, POSITIONS = "all", "executions", "positions"


class Hearing:
    """Implements ``tws.Ears`` for one account; all of it runs in the loop of the connection."""

    def __init__(self, *, session: Session, desk: OrderDesk, executions: Executions, books: TwsBooks) -> None:
        self._session = session
        self._desk = desk
        self._executions = executions
        self._books = books
        self._looking: asyncio.Task[None] | None = None
        self._wanted: set[str] = set()
        desk.on_behind(lambda: self._look(EXECUTIONS))
        desk.on_doubt(lambda: self._look(ALL))
        session.on_restored(lambda _: self._look(ALL))

    def order_told(self, contract: Contract, order: TwsOrder, state: OrderState) -> None:
        """Hear of an order."""
        self._desk.order_told(contract, order, state)

    def completed_told(self, contract: Contract, order: TwsOrder, state: OrderState) -> None:
        """Hear of an order that is over."""
        self._desk.completed_told(order, state)

    def status_told(self, client_id: int, order_id: int, perm_id: int, status: str, filled: float) -> None:
        """Hear how far an order is."""
        self._desk.status_told(client_id, order_id, perm_id, status, filled)

    def execution_told(self, contract: Contract, execution: Execution) -> None:
        """Hear of an execution."""
        self._executions.told(contract, execution)

    def commission_told(self, report: CommissionReport) -> None:
        """Hear what an execution cost."""
        self._executions.cost(report)

    def position_told(self) -> None:
        """Hear that a position changed."""
        self._look(POSITIONS)

    def unread(self) -> None:
        """Hear that something was told that cannot be read: it may have been of an order."""
        self._look(ALL)

    def error_told(self, request_id: int, code: int, text: str) -> None:
        """Hear an error: of an order, or of a line."""
        if request_id == -1:
            self._session.note(code, text)
        else:
            self._desk.error_told(request_id, code, text)

    def line_lost_or_back(self) -> None:
        """Hear that the connection ended, or is open again."""
        if not self._session.stream.status().is_up:
            self._desk.lose_line()

    def flush(self) -> None:
        """Write down what still waits; before the end."""
        self._executions.flush()

    def _look(self, at: str) -> None:
        self._wanted.add(at)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.get_running_loop().create_task(self._look_soon())

    async def _look_soon(self) -> None:
        pauses = Backoff(first_seconds=AGAIN_SECONDS, cap_seconds=AGAIN_SECONDS_MAX)
        while self._wanted:
            await asyncio.sleep(SETTLE_SECONDS)
            wanted, self._wanted = self._wanted, set()
            try:
                if ALL in wanted:
                    await self._books.catch_up()
                    continue
                if EXECUTIONS in wanted:
                    await self._books.executions()
                if POSITIONS in wanted:
                    await self._books.compare_positions()
            except (BrokerUnavailable, *NONSENSE):
                if not self._session.stream.status().is_up:
                    return  # the next opening of the line reads everything
                self._wanted |= wanted
                await asyncio.sleep(pauses.next_seconds())
