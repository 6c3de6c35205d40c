"""All that our books hold at one moment, read in one snapshot."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select

from thetaloom.domain.book.fills import Fill
from thetaloom.domain.book.orders import Effect, Order
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.proposals import Proposal
from thetaloom.domain.run.runs import WorkflowRun
from thetaloom.domain.values.ids import AccountId, ClientOrderId, RunId
from thetaloom.engine.desk import Desk
from thetaloom.engine.step import proposals_of
from thetaloom.store.database import Database
from thetaloom.store.schema import runs


@dataclass(frozen=True, slots=True, kw_only=True)
class RunBooks:
    """One run with everything that hangs on it."""

    run: WorkflowRun
    proposals: tuple[Proposal, ...]
    orders: tuple[Order, ...]
    fills: Mapping[ClientOrderId, tuple[Fill, ...]]
    position: Position | None

    @property
    def is_held(self) -> bool:
        """Whether the position still holds anything."""
        return self.position is not None and self.position.is_open

    @property
    def notation(self) -> str:
        """What the position holds, in words."""
        held = {} if self.position is None else self.position.held
        return ", ".join(f"{number:+d} {contract.notation}" for contract, number in held.items()) or "nothing"

    def orders_to(self, effect: Effect) -> list[Order]:
        """Return the orders that open, or those that close."""
        return [order for order in self.orders if order.effect is effect]


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Our books of one account."""

    runs: tuple[RunBooks, ...]
    report_cursor: int
    halts: Mapping[str, str]

    def run(self, run: RunId) -> RunBooks:
        """Return the books of one run."""
        return next(one for one in self.runs if one.run.id == run)


def run_ids(database: Database) -> list[RunId]:
    """Return the runs in the order they were made."""
    with database.connect() as connection:
        return [RunId(found) for found in connection.scalars(select(runs.c.id).order_by(runs.c.created_at, runs.c.id))]


def read_books(desk: Desk, database: Database, account: AccountId) -> Books:
    """Read our books."""
    ids = run_ids(database)
    with desk.store.reading() as uow:
        found = []
        for run_id in ids:
            run = uow.runs.get(run_id)
            if run is None:
                continue
            orders = tuple(uow.orders.of_run(run_id))
            fills = {order.client_order_id: tuple(uow.orders.fills_of(order.client_order_id)) for order in orders}
            found.append(
                RunBooks(
                    run=run,
                    proposals=tuple(proposals_of(uow, run_id)),
                    orders=orders,
                    fills=fills,
                    position=uow.positions.of_run(run_id),
                )
            )
        cursor, halts = uow.accounts.report_cursor(account), dict(uow.accounts.halts())
    return Books(runs=tuple(found), report_cursor=cursor, halts=halts)
