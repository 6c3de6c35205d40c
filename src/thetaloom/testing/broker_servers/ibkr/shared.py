"""What all connections of one simulated TWS share."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from thetaloom.domain.values.ids import BrokerOrderId
from thetaloom.testing.broker_servers.backend import Backend
from thetaloom.testing.broker_servers.ibkr.accounts import Accounts
from thetaloom.testing.broker_servers.ibkr.listing import Listing
from thetaloom.testing.broker_servers.ibkr.telling import ToldContract, ToldExecution

if TYPE_CHECKING:
    from thetaloom.testing.broker_servers.ibkr.client import Client

FARMS_OK = (
    (2104, "Market data farm connection is OK:usopt"),
    (2106, "HMDS data farm connection is OK:ushmds"),
    (2158, "Sec-def data farm connection is OK:secdefnj"),
)


class Shared:
    """The state of the program that clients connect to."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.listing = Listing(backend)
        self.accounts = Accounts(backend, self.listing)
        self.clients: list[Client] = []
        self.faults: list[str] = []
        self.farms: tuple[tuple[int, str], ...] = FARMS_OK
        self.is_down = False
        self.is_mute = False
        self.is_logged_out = False
        self.twist: Callable[[bytes], bytes] | None = None  # what is told
        self.lines_max = 100
        self.held: dict[int, ToldContract] = {}
        self.ids: dict[tuple[int, int], BrokerOrderId] = {}  # (client, order id) -> the order
        self.silent: set[BrokerOrderId] = set()  # orders whose next change is not told
        self._order_ids: defaultdict[int, int] = defaultdict(lambda: 1)

    def next_order_id(self, client_id: int) -> int:
        """Return the smallest id that a client may use for a new order."""
        return self._order_ids[client_id]

    def used_order_id(self, client_id: int, order_id: int) -> None:
        """Note that an id is used up."""
        self._order_ids[client_id] = max(self._order_ids[client_id], order_id + 1)

    def forget_order_ids(self) -> None:
        """Begin with one again, as a TWS does whose settings were reset."""
        self._order_ids.clear()

    def executions(self) -> list[ToldExecution]:
        """Return all executions of the account."""
        everything = self.backend.transactions()
        gone = {one.corrects for one in everything}
        rows = [one for one in everything if one.transaction_id not in gone]
        told = (self.accounts.executions(one, one.sequence) for one in rows)
        return [one for one in told if one is not None]

    def fault(self, request: str, wrong: Iterable[str]) -> None:
        """Note fields that hold what this server does not know."""
        self.faults.extend(f"{request}: {one}" for one in wrong)
