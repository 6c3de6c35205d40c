"""The rigs of brokers behind a wire: the real adapter with its real SDK, against a loopback server of the broker."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path

from thetaloom.domain.book.orders import Order
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.instruments import OptionContract
from thetaloom.domain.values.money import Price
from thetaloom.ports.broker import Broker
from thetaloom.ports.broker_plugin import BrokerPlugin, BrokerSetup, ConnectedBroker
from thetaloom.testing import builders as b
from thetaloom.testing.broker_contract.abilities import Ability
from thetaloom.testing.broker_contract.rig import Rig
from thetaloom.testing.broker_contract.rigs import quick_folder
from thetaloom.testing.broker_contract.scenarios import Scenario
from thetaloom.testing.broker_contract.venues import ToldWorld, Venue, warm_up
from thetaloom.testing.broker_contract.world import Break, Call
from thetaloom.testing.broker_servers import BrokerServer
from thetaloom.testing.broker_servers.backend import Backend, ServerTrouble

PATIENCE_SECONDS = 20.0  # only a scenario that fails waits so long
OPTIONS = {"request_timeout_seconds": "15", "silence_seconds": "15"}
ANSWER_SECONDS, SILENCE_SECONDS = 0.8, 1.0  # where answers never come and lines fall silent, on a quiet machine
OPENINGS = 8  # an answer takes less than so many times what signing in took: waits grow with a machine's load
KEEPS = 0.5  # of a slow sign-in, with each one after it
WAIT_MAX = 12.0
# A stream has no requests: it is told twice, or not at all.
OF_STREAMS = frozenset({Break.TWICE, Break.NOT_TOLD})
OF_READS = frozenset({Break.BUSY, Break.DOWN, Break.MAINTENANCE, Break.TOKEN_EXPIRED})
DEAF = frozenset({Break.NOT_TOLD, Break.LATE})


class ServerWire:
    """Breaks what lies between an adapter and its server."""

    def __init__(self, server: BrokerServer, venue: Venue, cannot: Mapping[Break, str]) -> None:
        self.server, self.venue, self._cannot = server, venue, cannot
        self._deaf_by: set[str] = set()  # why our side cannot have heard everything: nobody waits for that then

    @property
    def is_deaf(self) -> bool:
        """Whether our side cannot hear everything now."""
        return bool(self._deaf_by)

    def hears(self, why: str, is_so: bool) -> None:
        """Remember that our side hears again what it missed for a reason, or misses it from now on."""
        (self._deaf_by.discard if is_so else self._deaf_by.add)(why)

    def why_not(self, call: Call, trouble: Break) -> str:
        """Say why this protocol cannot break so."""
        if trouble in self._cannot:
            return self._cannot[trouble]
        if call is Call.STREAM:
            can = trouble in OF_STREAMS
        elif call is Call.READ:
            can = trouble in OF_READS
        else:
            can = trouble not in OF_STREAMS and (trouble is not Break.LATE or call is Call.SUBMIT)
        return "" if can else f"no server plays a {trouble.value.replace('_', ' ')} of a {call.value}"

    def plan(self, call: Call, *troubles: Break) -> None:
        """Let the next such requests go wrong."""
        self.hears("left out", not any(one in DEAF for one in troubles))
        self.server.backend.plan(call.value, *(ServerTrouble(one.value) for one in troubles))

    def arrive(self) -> None:
        """Let what is late arrive."""
        self.server.backend.arrive()
        self.hears("left out", True)

    def taken(self, client_order_id: ClientOrderId) -> int:
        """Return how many orders the broker made of an id of ours; a replacement is the same order."""
        backend = self.server.backend
        found = backend.by_client_id(client_order_id)
        return sum(backend.replaces(one.broker_order_id) is None for one in found)

    def go_down(self, on: bool) -> None:
        """Answer nobody, or come back."""
        self.hears("down", not on)
        self.server.go_down(on)

    def faults(self) -> Sequence[str]:
        """Return what the adapter sent that the protocol does not allow."""
        return tuple(self.server.faults)


class ServerStreams:
    """Cuts, mutes and ages what the server speaks on."""

    def __init__(self, wire: ServerWire) -> None:
        self._wire = wire

    def drop(self) -> None:
        """Cut every open line; what was left out before is read again with the next one."""
        self._wire.server.drop_streams()
        self._wire.hears("left out", True)

    def mute(self, on: bool) -> None:
        """Keep the lines open and say nothing."""
        self._wire.hears("mute", not on)
        self._wire.server.mute(on)

    def expire_tokens(self) -> None:
        """Make every token worthless."""
        self._wire.server.expire_tokens()

    def skew(self, seconds: float) -> None:
        """Let the broker's clock be other than ours."""
        self._wire.venue.theirs.skew(seconds)


class ServerGate:
    """Signs in to the server of a rig, and closes what was opened."""

    def __init__(self, plugin: BrokerPlugin, server: BrokerServer, venue: Venue, folder: Path, account: str) -> None:
        self.plugin = plugin
        self._server, self._venue, self._folder, self._account = server, venue, folder, account
        self._number = count(1)
        self._opened = ExitStack()

    def setup(
        self,
        *,
        is_live: bool | None = None,
        account: str | None = None,
        secrets: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> BrokerSetup:
        """Return a setup with books of its own that works but for what is given."""
        return BrokerSetup(
            is_live=bool(is_live),
            account=self._account if account is None else account,
            secrets=self._server.secrets if secrets is None else secrets,
            options=self._server.options | OPTIONS | dict(options or {}),
            books_url=f"sqlite:///{self._folder}/books-{next(self._number)}.db",
            clock=self._venue.clock,
            calendar=b.trading_calendar(),
        )

    def open(self, setup: BrokerSetup) -> ConnectedBroker:
        """Sign in."""
        opened = self.plugin.connect(setup)
        self._opened.callback(opened.close)
        return opened

    def close(self) -> None:
        """Close what was opened, the last first."""
        self._opened.close()


class ServerRigs:
    """The rigs of one broker: a server, an exchange and an adapter of its own for each scenario."""

    def __init__(
        self,
        folder: Path,
        plugin: BrokerPlugin,
        server_of: Callable[[Backend], BrokerServer],
        *,
        account: str = str(b.ACCOUNT),
        charges_fees: bool = True,
        tells_fees: bool = True,
        fills_by_leg: bool = True,
        cannot: Mapping[Break, str] | None = None,  # what never happens at this broker, and why
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._folder, self._plugin, self._server_of, self._account = folder, plugin, server_of, account
        self._charges_fees, self._tells_fees = charges_fees, tells_fees
        self._fills_by_leg, self._cannot = fills_by_leg, dict(cannot or {})
        self._options = dict(options or {})
        self._last = ExitStack()
        self._has_opened = False
        self._pace = 0.0  # seconds that signing in takes just now
        warm_up(folder / "warm")

    def fresh(self, scenario: Scenario) -> Rig:
        """Return a rig on a server of its own; the one before is stopped."""
        self._last.close()
        folder = Path(self._last.enter_context(quick_folder(self._folder)))
        venue = Venue(folder, self._account)
        self._last.callback(venue.backend.close)
        server = self._server_of(venue.backend)
        server.start()
        self._last.callback(server.stop)
        gate = ServerGate(self._plugin, server, venue, folder, self._account)
        self._last.callback(gate.close)
        return self._rig(venue, ServerWire(server, venue, self._cannot), gate, self._hurry(scenario))

    def close(self) -> None:
        """Stop the last server."""
        self._last.close()

    def _hurry(self, scenario: Scenario) -> Mapping[str, str]:
        """Return shorter waits for a scenario that breaks something: there is nothing to wait for then."""
        if not scenario.breaks and not scenario.needs & {Ability.WIRE, Ability.STREAMS}:
            return {}
        load = min(WAIT_MAX, self._pace * OPENINGS)
        hurry = {"request_timeout_seconds": f"{max(ANSWER_SECONDS, load):.2f}"}
        if Ability.STREAMS in scenario.needs:
            hurry["silence_seconds"] = f"{max(SILENCE_SECONDS, load):.2f}"
        return hurry

    def _open(self, gate: ServerGate, setup: BrokerSetup) -> ConnectedBroker:
        began = time.monotonic()
        opened = gate.open(setup)
        if self._has_opened:  # the first imports the SDK, which says nothing of the load
            self._pace = max(time.monotonic() - began, self._pace * KEEPS)
        self._has_opened = True
        return opened

    def _rig(self, venue: Venue, wire: ServerWire, gate: ServerGate, options: Mapping[str, str]) -> Rig:
        mine = gate.setup(options=self._options | dict(options))
        opened = [self._open(gate, mine)]

        def reopen() -> Broker:
            opened.pop().close()
            wire.hears("left out", True)
            opened.append(gate.open(mine))
            return opened[0].broker

        rig = Rig(
            broker=opened[0].broker,
            plan_parts=venue.plan_parts,
            fill=lambda order: _then_settle(rig, lambda: venue.meet(order)),
            expire=lambda _: _then_settle(rig, venue.end_day),
            reopen=reopen,
            next_session=lambda: _then_settle(rig, venue.pass_night),
            close_market=lambda: _then_settle(rig, venue.wait_for_evening),
            outside=ToldWorld(venue.backend.world, lambda: rig, venue.number_of),
            judges=True,
            execute=_by_leg(venue) if self._fills_by_leg else None,
            wire=wire,
            streams=ServerStreams(wire),
            sign_in=gate,
            market=opened[0].market,
            set_quote=venue.quote,
            set_greeks=venue.market.set_greeks,
            charges_fees=self._charges_fees,
            tells_fees=self._tells_fees,
            pass_time=lambda: venue.clock.advance(seconds=1),
            settle=lambda: _settle(rig, venue, wire),
            close=self._last.close,
            patience_seconds=PATIENCE_SECONDS,
        )
        return rig


def _by_leg(venue: Venue) -> Callable[[Order, OptionContract, int, Price], object]:
    return venue.execute


def _then_settle(rig: Rig, act: Callable[[], object]) -> None:
    act()
    rig.settle()


def _settle(rig: Rig, venue: Venue, wire: ServerWire) -> None:
    if wire.is_deaf:
        return
    assert rig.wait_for(lambda: not venue.untold(rig)), f"never told: {venue.untold(rig)}"
