"""One connection of a client to the simulated TWS: its requests, one function each, and what is told by itself."""

import asyncio
from collections.abc import Callable

from thetaloom.testing.broker_servers.backend import Change, Changed, ServerTrouble
from thetaloom.testing.broker_servers.ibkr import telling
from thetaloom.testing.broker_servers.ibkr.desk import Desk
from thetaloom.testing.broker_servers.ibkr.placing import read_contract, read_legs
from thetaloom.testing.broker_servers.ibkr.quoting import Quoting
from thetaloom.testing.broker_servers.ibkr.shared import Shared
from thetaloom.testing.broker_servers.ibkr.wire import SERVER_VERSION, Fields, Malformed, framed, split

OVER = frozenset({"Filled", "Cancelled"})  # what is listed among the orders that are over
HANDSHAKE = b"API\0"
CLIENT_ID_TAKEN = 326
SUMMARIES_MAX = 2  # at a time
# What is said instead of answering a read.
INSTEAD: dict[ServerTrouble | None, tuple[int, str]] = {
    ServerTrouble.BUSY: (100, "Max rate of messages per second has been exceeded."),
    ServerTrouble.DOWN: (504, "Not connected"),
}


class Client(asyncio.Protocol):
    """Speaks TWS' protocol with one client."""

    def __init__(self, shared: Shared) -> None:
        self.shared = shared
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._has_shaken = False
        self.client_id: int | None = None
        self.quoting = Quoting(shared.backend, shared.listing)
        self.desk = Desk(shared, self)
        self._wants_positions = False
        self._summaries: set[int] = set()
        self._shares_told = len(shared.backend.transactions())
        self._requests: dict[int, Callable[[Fields], None]] = {
            1: self._market_data,
            2: self._cancel_market_data,
            3: self.desk.place,
            4: self.desk.cancel,
            5: self._open_orders,
            6: self._account_updates,
            7: self._executions,
            8: self._ids,
            9: self._contract_details,
            15: self._auto_open_orders,
            16: self._all_open_orders,
            20: self._history,
            25: self._nothing,
            49: self._time,
            58: self._global_cancel,
            59: self._nothing,
            61: self._positions,
            62: self._summary,
            63: self._cancel_summary,
            64: self._cancel_positions,
            78: self._option_parameters,
            81: self._matching_symbols,
            99: self._completed_orders,
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or hang up while the server is down."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self.shared.is_down:
            transport.abort()
            return
        self.shared.clients.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self in self.shared.clients:
            self.shared.clients.remove(self)

    def data_received(self, data: bytes) -> None:
        """Read whole messages; what is malformed is a fault of the client's, and the end."""
        self._buffer += data
        try:
            if not self._has_shaken:
                self._shake_hands()
            if self._has_shaken:
                for message in split(self._buffer):
                    self._take(message)
        except Malformed as error:
            self.shared.faults.append(str(error))
            self.cut()

    def cut(self) -> None:
        """Hang up at once."""
        if self._transport is not None:
            self._transport.abort()

    def say(self, *messages: bytes) -> None:
        """Send messages, unless the server is mute."""
        if self._transport is not None and not self.shared.is_mute:
            for message in messages:
                self._transport.write(message if self.shared.twist is None else self.shared.twist(message))

    def refuse(self, request_id: int, code: int, text: str) -> None:
        """Send an error."""
        self.say(telling.error(request_id, code, text))

    def tell(self, change: Change) -> None:
        """Tell of a change by itself."""
        if self.client_id is None:
            return
        if change.of is Changed.ORDER and change.broker_order_id is not None:
            self.desk.tell_order(change.broker_order_id)
        else:
            if change.execution is not None:
                self.desk.tell_execution(change.execution)
            else:
                self._tell_shares()
            if self._wants_positions:
                self._say_positions()

    def _tell_shares(self) -> None:
        fresh = self.shared.backend.transactions(self._shares_told)
        for one in fresh:
            self._shares_told = max(self._shares_told, one.sequence)
            if one.contract is None:
                self.desk.tell_execution(one)

    def tell_quotes(self) -> None:
        """Tell what changed on the lines of market data."""
        self.say(*self.quoting.news())

    def _shake_hands(self) -> None:
        if len(self._buffer) < len(HANDSHAKE):
            return
        if not self._buffer.startswith(HANDSHAKE):
            raise Malformed("no API handshake")
        del self._buffer[: len(HANDSHAKE)]
        self._has_shaken = True

    def _take(self, message: bytes) -> None:
        if message.startswith(b"v") and self.client_id is None and b"\0" not in message:
            lowest, _, highest = message[1:].split(b" ")[0].partition(b"..")
            if not int(lowest) <= SERVER_VERSION <= int(highest or lowest):
                raise Malformed(f"versions {message!r} without {SERVER_VERSION}")
            self.say(framed(SERVER_VERSION, telling.stamp(self.shared.backend.clock.now())))
            return
        fields = Fields(message)
        number = fields.whole()
        if number == 71:
            self._start(fields)
        elif self.client_id is None:
            raise Malformed(f"message {number} before startApi")
        elif number not in self._requests:
            raise Malformed(f"message {number} is unknown here")
        else:
            self._requests[number](fields)

    def _start(self, fields: Fields) -> None:
        fields.expect(version="2")
        client_id = fields.whole()
        fields.text()
        fields.end()
        if any(other.client_id == client_id for other in self.shared.clients):
            self.refuse(-1, CLIENT_ID_TAKEN, "Unable to connect as the client id is already in use.")
            if self._transport is not None:
                self._transport.close()
            return
        self.client_id = client_id
        if self.shared.is_logged_out:
            return  # TWS takes connections before somebody has logged in, and says nothing on them
        self.say(framed(15, 1, self.shared.accounts.number), framed(9, 1, self.shared.next_order_id(client_id)))
        for code, text in self.shared.farms:
            self.refuse(-1, code, text)

    def _trouble(self, request_id: int) -> bool:
        """Do what is planned to go wrong with a read; return whether it is over with that."""
        trouble = self.shared.backend.take_trouble("read")
        if trouble in {ServerTrouble.CUT_AFTER_TAKING, ServerTrouble.CUT_BEFORE_TAKING}:
            self.cut()
        elif trouble in INSTEAD:
            self.refuse(request_id, *INSTEAD[trouble])
        elif trouble is ServerTrouble.MAINTENANCE:  # TWS answers out of its own books when that is over
            self.refuse(-1, 1100, "Connectivity between IB and Trader Workstation has been lost.")
            self.refuse(-1, 1102, "Connectivity between IB and Trader Workstation has been restored - data maintained.")
            return False
        elif trouble in {None, ServerTrouble.TOKEN_EXPIRED, ServerTrouble.LATE, ServerTrouble.TWICE}:
            return False
        return True

    def _open_orders(self, fields: Fields) -> None:
        fields.expect(version="1")
        fields.end()
        if not self._trouble(-1):
            mine = [one for one in self.shared.accounts.orders() if one.client_id == self.client_id]
            self.desk.say_orders([one for one in mine if one.remaining])

    def _all_open_orders(self, fields: Fields) -> None:
        fields.expect(version="1")
        fields.end()
        if not self._trouble(-1):
            self.desk.say_orders([one for one in self.shared.accounts.orders() if one.remaining])

    def _global_cancel(self, fields: Fields) -> None:
        fields.expect(version="1")
        fields.end()
        self.desk.cancel_all()

    def _completed_orders(self, fields: Fields) -> None:
        fields.flag()
        fields.end()
        if self._trouble(-1):
            return
        over = [one for one in self.shared.accounts.orders() if one.status in OVER]
        self.say(*(telling.completed_order(one) for one in over), framed(102))

    def _auto_open_orders(self, fields: Fields) -> None:
        fields.expect(version="1")
        fields.flag()
        fields.end()
        if self.client_id != 0:
            self.refuse(-1, 321, "Error validating request.-'bR' : cause - Only client 0 may bind orders")

    def _executions(self, fields: Fields) -> None:
        fields.expect(version="3")
        request_id = fields.whole()
        wrong = fields.expect(clientId="0", account=f"|{self.shared.accounts.number}", time="", symbol="")
        wrong += fields.expect(secType="", exchange="", side="")
        fields.end()
        self.shared.fault("reqExecutions", wrong)
        if self._trouble(request_id):
            return
        told = self.shared.executions()
        self.say(*(telling.execution(one, request_id) for one in told), framed(55, 1, request_id))
        self.say(*(telling.commission(one) for one in told))

    def _ids(self, fields: Fields) -> None:
        fields.expect(version="1", count="1")
        fields.end()
        self.say(framed(9, 1, self.shared.next_order_id(self.client_id or 0)))

    def _time(self, fields: Fields) -> None:
        fields.expect(version="1")
        fields.end()
        self.say(framed(49, 1, telling.epoch(self.shared.backend.clock.now())))

    def _positions(self, fields: Fields) -> None:
        fields.expect(version="1")
        fields.end()
        self._wants_positions = True
        if not self._trouble(-1):
            self._say_positions()
            self.say(framed(62, 1))

    def _say_positions(self) -> None:
        number, held = self.shared.accounts.number, self.shared.accounts.positions()
        conids = {contract.conid for contract, _ in held}
        gone = [one for conid, one in self.shared.held.items() if conid not in conids]
        self.shared.held = {contract.conid: contract for contract, _ in held}
        self.say(*(telling.position(number, contract, quantity) for contract, quantity in held))
        self.say(*(telling.position(number, contract, 0) for contract in gone))

    def _cancel_positions(self, fields: Fields) -> None:
        self._wants_positions = False

    def _account_updates(self, fields: Fields) -> None:
        fields.expect(version="2")
        is_wanted, _ = fields.flag(), fields.text()
        fields.end()
        if is_wanted:
            number = self.shared.accounts.number
            values = self.shared.accounts.values().items()
            self.say(*(framed(6, 2, tag, value, "USD", number) for tag, value in values), framed(54, 1, number))

    def _summary(self, fields: Fields) -> None:
        fields.expect(version="1")
        request_id, group, tags = fields.whole(), fields.text(), fields.text().split(",")
        fields.end()
        self.shared.fault("reqAccountSummary", [] if group == "All" else [f"group={group}"])
        if len(self._summaries) >= SUMMARIES_MAX:
            self.refuse(request_id, 322, "Error processing request.-'cM' : cause - Maximum number of account summary")
            return
        self._summaries.add(request_id)
        if self._trouble(request_id):
            return
        told = {tag: one for tag, one in self.shared.accounts.values().items() if tag in tags}
        number, currency = self.shared.accounts.number, self.shared.accounts.currency
        head = (63, 1, request_id, number)
        rows = [framed(*head, tag, one, "" if tag == "AccountType" else currency) for tag, one in told.items()]
        self.say(*rows, framed(64, 1, request_id))

    def _cancel_summary(self, fields: Fields) -> None:
        fields.expect(version="1")
        self._summaries.discard(fields.whole())
        fields.end()

    def _contract_details(self, fields: Fields) -> None:
        fields.expect(version="8")
        request_id, asked = fields.whole(), read_contract(fields)
        self.shared.fault("reqContractDetails", fields.expect(expired="0", secIdType="", secId="", issuerId=""))
        fields.end()
        if self._trouble(request_id):
            return
        found = self.shared.listing.matching(asked)
        if not found:
            self.refuse(request_id, 200, "No security definition has been found for the request")
            return
        self.say(*(telling.contract_details(request_id, one) for one in found), framed(52, 1, request_id))

    def _matching_symbols(self, fields: Fields) -> None:
        request_id, pattern = fields.whole(), fields.text()
        fields.end()
        if not self._trouble(request_id):
            self.say(telling.symbol_samples(request_id, self.shared.listing.named(pattern)))

    def _option_parameters(self, fields: Fields) -> None:
        request_id, symbol = fields.whole(), fields.text()
        fields.expect(futFopExchange="", underlyingSecType="STK|IND")
        fields.whole()
        fields.end()
        if not self._trouble(request_id):
            rows = self.shared.listing.parameters(symbol)
            self.say(*(framed(75, request_id, *row) for row in rows), framed(76, request_id))

    def _market_data(self, fields: Fields) -> None:
        fields.expect(version="11")
        request_id, asked = fields.whole(), read_contract(fields)
        if asked.kind == "BAG":
            read_legs(fields)
        wrong = fields.expect(deltaNeutral="0")
        fields.text()  # generic ticks
        wrong += fields.expect(snapshot="0", regulatorySnapshot="0", options="")
        fields.end()
        self.shared.fault("reqMktData", wrong)
        found = self.shared.listing.matching(asked)
        if len(self.quoting.tickers) >= self.shared.lines_max:
            self.refuse(request_id, 101, "Max number of tickers has been reached")
        elif len(found) != 1:
            self.refuse(request_id, 200, "No security definition has been found for the request")
        else:
            self.say(*self.quoting.begin(request_id, found[0]))

    def _cancel_market_data(self, fields: Fields) -> None:
        fields.expect(version="2")
        self.quoting.tickers.pop(fields.whole(), None)
        fields.end()

    def _history(self, fields: Fields) -> None:
        request_id, asked = fields.whole(), read_contract(fields)
        wrong = fields.expect(expired="0", endDateTime="")
        size, duration = fields.text(), fields.text()
        fields.flag()
        what = fields.text()
        wrong += fields.expect(formatDate="1|2", keepUpToDate="0", options="")
        fields.end()
        self.shared.fault("reqHistoricalData", wrong)
        if self._trouble(request_id):
            return
        told = self.quoting.bars(request_id, asked.symbol, duration, what, size)
        if told is None:
            self.refuse(request_id, 162, "Historical Market Data Service error message:HMDS query returned no data")
        else:
            self.say(told)

    def _nothing(self, fields: Fields) -> None:
        """Take a request that needs no answer."""
