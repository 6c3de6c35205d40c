"""A simulated broker to practise on: its server, a market made by a seed, a clock at a pace, and a way to trouble it.

The routes of control are on a port of their own: ``GET /clock``, ``GET /books``, ``POST /clock {"at"}`` (forward
only), ``POST /trouble {"call", "trouble"}``, ``POST /streams/drop``, ``POST /tokens/expire``, ``POST /down {"on"}``,
``POST /mute {"on"}``, ``POST /bust {"contract"}`` and ``POST /correct {"contract", "quantity", "price"}``, which are
of the newest trade of a contract. Whoever lives by this clock asks ``GET /clock/follow`` and hears of a jump before
the market does: else it would hear of quotes and fills of a time that it has not come to.
"""

import json
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from http.server import BaseHTTPRequestHandler
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from thetaloom.domain.values.instruments import OptionContract, parse_option_symbol
from thetaloom.domain.values.money import Price
from thetaloom.errors import InvalidInput, NotFound
from thetaloom.marketdata.calendar_table import SHIPPED_TABLE, read_table
from thetaloom.marketdata.clocks import PacedClock, checked
from thetaloom.testing.broker_servers import BrokerServer
from thetaloom.testing.broker_servers.backend import Backend
from thetaloom.testing.broker_servers.standing import StandingMarket
from thetaloom.testing.broker_servers.troubles import ServerTrouble
from thetaloom.testing.loopback_http import LoopbackHttp, Quiet

SERVERS = "thetaloom.testing.broker_servers"
FIRST_DAY = date(2026, 1, 5)
TICK_SECONDS = 0.1  # of real time between two looks of its exchange at the market
FOLLOWED_SECONDS = 5.0  # after the last look of a follower it is thought gone; so long a jump waits for it at most
BODY_BYTES_MAX = 10_000
OF_TESTS = ("request_timeout_seconds", "silence_seconds", "heartbeat_seconds")  # theirs are short; a person's are not
CONTROL_ROUTES = (
    "/clock",
    "/books",
    "/trouble",
    "/streams/drop",
    "/mute",
    "/tokens/expire",
    "/down",
    "/bust",
    "/correct",
)
CALLS = ("submit", "replace", "cancel", "read", "stream")


class Practice:
    """A simulated broker that runs; ``run`` is its exchange, in the caller's thread."""

    def __init__(self, name: str, server: BrokerServer, clock: PacedClock, port: int) -> None:
        self.name, self.server, self.clock = name, server, clock
        self._ended = threading.Event()
        self._is_followed = threading.Condition()
        self._looked_at = -math.inf  # the newest look of a follower, by the real clock
        self._coming: datetime | None = None  # where the clock jumps to as soon as the follower knows
        self._knows: datetime | None = None  # of which jump it was told last
        self._control = LoopbackHttp(_handler(self), port=port)

    @property
    def backend(self) -> Backend:
        """Its exchange and books."""
        return self.server.backend

    @property
    def url(self) -> str:
        """Where its routes of control are."""
        return self._control.url

    @property
    def options(self) -> dict[str, str]:
        """What leads to it, with the times of waiting that the adapter has by itself."""
        return {name: text for name, text in self.server.options.items() if name not in OF_TESTS}

    def start(self) -> None:
        """Listen."""
        self.server.start()
        self._control.start()

    def run(self) -> None:
        """Let the exchange look at its market until ``stop`` is called."""
        while not self._ended.wait(TICK_SECONDS):
            self.backend.tick()

    def stop(self) -> None:
        """Hang up and end."""
        self._ended.set()
        self._control.stop()
        self.server.stop()
        self.backend.close()

    def told_clock(self) -> dict[str, object]:
        """Say where the clock stands and how fast it runs."""
        return {"now": self.clock.now().isoformat(), "speed": self.clock.speed}

    @contextmanager
    def told_follower(self) -> Iterator[dict[str, object]]:
        """Say the same to somebody who lives by it, a jump before it comes."""
        with self._is_followed:
            coming = self._coming
        yield {"now": max(self.clock.now(), coming or self.clock.now()).isoformat(), "speed": self.clock.speed}
        with self._is_followed:
            self._looked_at = time.monotonic()
            self._knows = coming
            self._is_followed.notify_all()

    def told_books(self) -> dict[str, object]:
        """Tell what the broker knows itself: orders, trades by the leg, holdings, cash, and what was done wrong."""
        backend = self.backend
        return {
            "orders": [
                {
                    "id": one.broker_order_id,
                    "client_order_id": one.client_order_id,
                    "status": one.status.value,
                    "is_open": one.is_open,
                    "filled": one.filled,
                    "limit_price": str(one.limit_price),
                    "legs": {leg.contract.compact: leg.ratio for leg in one.legs},
                }
                for one in backend.orders()
            ],
            "trades": [
                {
                    "order": one.broker_order_id,
                    "contract": one.contract.compact if one.contract else one.symbol,
                    "quantity": one.quantity,
                }
                for one in backend.executions()
            ],
            "holdings": {contract.compact: held for contract, held in backend.holdings().items() if held},
            "cash": str(backend.account().cash),
            "faults": list(self.server.faults),
        }

    def carry_out(self, path: str, asked: Mapping[str, Any]) -> dict[str, object]:
        """Do what a route of control asks. Raises ``NotFound`` and ``InvalidInput``."""
        deeds: dict[str, Callable[[], None]] = {
            "/clock": lambda: self._skip(asked),
            "/trouble": lambda: self._trouble(asked),
            "/streams/drop": self.server.drop_streams,
            "/tokens/expire": self.server.expire_tokens,
            "/down": lambda: self.server.go_down(asked.get("on") is True),
            "/mute": lambda: self.server.mute(asked.get("on") is True),
            "/bust": lambda: self.backend.world.bust(_contract(asked)),
            "/correct": lambda: self.backend.world.correct(_contract(asked), *_done(asked)),
        }
        if path not in deeds:
            raise NotFound(f"there is no {path}; there are {', '.join(deeds)}")
        deeds[path]()
        return {"done": path, **self.told_clock(), "faults": list(self.server.faults)}

    def _skip(self, asked: Mapping[str, Any]) -> None:
        try:
            at = checked(datetime.fromisoformat(str(asked.get("at"))))
        except ValueError as error:
            raise InvalidInput(f"{asked.get('at')!r} is no instant; a good one: 2026-01-05T14:30:00Z") from error
        if at < self.clock.now():
            raise InvalidInput(f"it is {self.clock.now().isoformat()} already; a clock never goes back")
        with self._is_followed:
            self._coming = at
            if time.monotonic() < self._looked_at + FOLLOWED_SECONDS:
                self._is_followed.wait_for(lambda: self._knows == at, FOLLOWED_SECONDS)
            self.clock.skip_to(at)
            self._coming = None
        self.backend.tick()

    def _trouble(self, asked: Mapping[str, Any]) -> None:
        call, trouble = str(asked.get("call")), str(asked.get("trouble"))
        if call not in CALLS or trouble not in set(ServerTrouble):
            raise InvalidInput(f"call is one of {', '.join(CALLS)}; trouble is one of {', '.join(ServerTrouble)}")
        self.backend.plan(call, ServerTrouble(trouble))


def _contract(asked: Mapping[str, Any]) -> OptionContract:
    return parse_option_symbol(str(asked.get("contract")))


def _done(asked: Mapping[str, Any]) -> tuple[int, Price]:
    try:
        quantity, price = int(asked.get("quantity", 0)), Price(str(asked.get("price")))
    except (ValueError, TypeError, ArithmeticError) as error:
        raise InvalidInput("a correction is to a quantity and a price; a good one: 1 and 1.95") from error
    if quantity < 1 or price < 0:
        raise InvalidInput("a correction is to one contract or more, at no price below zero")
    return quantity, price


@contextmanager
def open_practice(
    name: str, folder: Path, *, seed: int = 1, start: datetime | None = None, speed: float = 1.0, port: int = 0
) -> Iterator[Practice]:
    """Run a broker's server over a made market; without ``start`` its clock begins at the first open."""
    calendar = read_table(SHIPPED_TABLE)
    begins = calendar.next_session(FIRST_DAY).open_at if start is None else start
    clock = PacedClock(begins, speed)
    market = StandingMarket(
        seed=seed, start_on=min(FIRST_DAY, begins.date()), calendar=calendar, clock=clock, minutes_per_change=1
    )
    server = server_class(name)(Backend(market, clock, calendar, folder, seed=seed))
    market.chain(market.symbols()[0], begins)  # what it is made with loads now, and not while somebody waits
    practice = Practice(name, server, clock, port)
    practice.start()
    try:
        yield practice
    finally:
        practice.stop()


def has_server(name: str) -> bool:
    """Tell whether a broker can be practised on."""
    return find_spec(f"{SERVERS}.{name}") is not None


def server_class(name: str) -> Callable[[Backend], BrokerServer]:
    """Return the class of a broker's server, as ``AlpacaServer`` of alpaca. Raises ``NotFound``."""
    if not has_server(name):
        raise NotFound(f"there is no simulated {name}", advice=f"`thetaloom broker list {name}` tells how to connect.")
    place = f"{SERVERS}.{name}.server"
    module = import_module(place)
    wanted = f"{name}server"
    found = next((made for known, made in vars(module).items() if known.lower() == wanted), None)
    if found is None:
        raise NotFound(f"{place} has no server of {name}")
    made: Callable[[Backend], BrokerServer] = found
    return made


def _handler(practice: Practice) -> type[BaseHTTPRequestHandler]:
    class Control(Quiet, BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/clock/follow":
                with practice.told_follower() as told:
                    self._answer(200, told)
                return
            tell = {"/clock": practice.told_clock, "/books": practice.told_books}.get(self.path)
            if tell is not None:
                self._answer(200, tell())
            else:
                self._answer(404, {"message": f"there is no {self.path}"})

        def do_POST(self) -> None:
            try:
                text = self.rfile.read(min(int(self.headers.get("content-length") or 0), BODY_BYTES_MAX))
                asked = json.loads(text or b"{}")
                self._answer(200, practice.carry_out(self.path, asked if isinstance(asked, dict) else {}))
            except NotFound as error:
                self._answer(404, {"message": error.message})
            except (InvalidInput, ValueError) as error:
                self._answer(422, {"message": str(error)})

        def _answer(self, status: int, content: Mapping[str, object]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Control
