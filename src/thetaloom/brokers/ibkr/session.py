"""The connection to TWS: kept open, paced, and able to say which of the lines behind it is down."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from ib_async.wrapper import RequestError

from thetaloom.brokers.ibkr.messages import BUSY, CLIENT_ID_TAKEN, FARM_MESSAGES, RESTORED, SUBSCRIPTIONS_LOST, Farm
from thetaloom.brokers.ibkr.portal import EVERY_SECONDS, Portal
from thetaloom.brokers.ibkr.settings import IbkrSettings
from thetaloom.brokers.ibkr.tws import Ears, Tws
from thetaloom.errors import BrokerUnavailable
from thetaloom.links.kept_stream import KeptStream
from thetaloom.links.network_words import words_of
from thetaloom.links.owner_loop import OwnerLoop
from thetaloom.links.request_budget import RequestBudget
from thetaloom.ports.broker_plugin import Use
from thetaloom.ports.clock import Clock
from thetaloom.ports.links import LinkStatus

PINGS_PER_SILENCE = 3
LOOK_SECONDS = 0.01
CLIENT_IDS_MAX = 8  # commands beside each other
ORDERS_RESERVE = 5  # messages a second that reads leave to orders
T = TypeVar("T")


class Session:
    """One owner of one connection; its coroutines run in the loop of the connection."""

    def __init__(
        self, settings: IbkrSettings, clock: Clock, loop: OwnerLoop, ears: Ears, use: Use = Use.SERVER
    ) -> None:
        self._settings = settings
        self.client_id = settings.client_id  # of the connection that is open
        self._client_ids = _client_ids(settings, use)
        self._clock = clock
        self._ears = ears
        self._tws: Tws | None = None
        self._portal: Portal | None = None
        self._is_open = asyncio.Event()
        self._budget = RequestBudget(
            max(1.0, settings.messages_per_second - ORDERS_RESERVE), settings.messages_per_second
        )
        self._farms: dict[Farm, LinkStatus] = {}
        self._broken: set[tuple[Farm, str]] = set()  # each of them by its own name
        self.account = ""  # once it is chosen, TWS must have it after each opening
        self._why = ""  # the last error that speaks of the connection itself
        self._is_id_taken = False  # by its number: the words are in the language of TWS
        self._on_restored: list[Callable[[bool], None]] = []
        self.stream = KeptStream(
            name="ibkr gateway",
            loop=loop,
            open_line=self._open,
            clock=clock,
            silence_seconds=settings.silence_seconds,
        )
        # The SDK logs each refusal as an error of its own; what people should know is told by us.
        logging.getLogger("ib_async").setLevel(logging.CRITICAL)

    @property
    def tws(self) -> Tws:
        """The connection that is open. Raises ``BrokerUnavailable`` where none is."""
        if self._tws is None or not self._tws.isConnected():
            raise BrokerUnavailable(f"TWS is not reachable: {self.stream.status().reason or 'not yet open'}")
        return self._tws

    @property
    def trading(self) -> Tws:
        """The connection, where TWS itself has its line to IBKR. Raises ``BrokerUnavailable`` where it has not."""
        tws, server = self.tws, self._farms.get(Farm.SERVER)
        if server is not None and not server.is_up:
            raise BrokerUnavailable(f"TWS has no line to IBKR: {server.reason}")
        return tws

    def on_restored(self, hook: Callable[[bool], None]) -> None:
        """Have ``hook`` called when TWS has its line to IBKR again; ``True``: its subscriptions are lost."""
        self._on_restored.append(hook)

    def links(self) -> Sequence[LinkStatus]:
        """Return how the connection and the lines behind it stand; what TWS never spoke of is not in it."""
        portal = [] if self._portal is None else [self._portal.status()]
        return [self.stream.status(), *self._farms.values(), *portal]

    async def watch_portal(self, portal: Portal) -> None:
        """Ask a Client Portal gateway for its login, again and again."""
        self._portal = portal
        while True:
            await asyncio.to_thread(portal.look)
            await asyncio.sleep(EVERY_SECONDS)

    async def ready(self) -> Tws:
        """Wait for the connection, no longer than an answer may take. Raises ``BrokerUnavailable`` where none comes."""
        if self._tws is None or not self._tws.isConnected():
            self._is_open.clear()
            with suppress(TimeoutError):  # the line says below why there is none
                await asyncio.wait_for(self._is_open.wait(), self._settings.request_timeout_seconds)
        return self.tws

    async def ask(self, request: Callable[[Tws], Awaitable[T]], *, weight: float = 1) -> T:
        """Send a request that changes nothing, within the budget, and wait for its answer.

        One whose line breaks meanwhile is asked once more on the next line.
        """
        try:
            return await self._ask_once(request, weight)
        except OSError:
            pass
        try:
            return await self._ask_once(request, weight)
        except OSError as error:
            raise BrokerUnavailable(f"the line to TWS broke: {words_of(error)}") from error

    async def _ask_once(self, request: Callable[[Tws], Awaitable[T]], weight: float) -> T:
        await self.ready()
        wait = self._budget.take(weight)
        if wait:
            await asyncio.sleep(wait)
        try:
            return await asyncio.wait_for(request(self.tws), self._settings.request_timeout_seconds)
        except TimeoutError:
            raise BrokerUnavailable("TWS did not answer in time") from None
        except RequestError as error:
            if error.code in BUSY:
                raise BrokerUnavailable(f"TWS is busy: {error.message}") from error
            raise

    async def pace(self) -> None:
        """Wait until the budget lets another message through."""
        wait = self._budget.take()
        if wait:
            await asyncio.sleep(wait)

    async def until(self, is_so: Callable[[], bool]) -> bool:
        """Wait for something that TWS tells by itself, no longer than an answer may take."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self._settings.request_timeout_seconds
        while not is_so() and loop.time() < end:
            await asyncio.sleep(LOOK_SECONDS)
        return is_so()

    @property
    def has_market_data(self) -> bool:
        """Whether TWS says nothing against its line to the market data."""
        farms = (self._farms.get(Farm.SERVER), self._farms.get(Farm.MARKET))
        return all(one is None or one.is_up for one in farms)

    def count_order(self) -> None:
        """Count a message that may not wait behind reads."""
        self._budget.take()

    def note(self, code: int, text: str) -> None:
        """Take note of a message about the lines."""
        if code == CLIENT_ID_TAKEN or code in {502, 503, 504, 507}:
            self._why, self._is_id_taken = text, code == CLIENT_ID_TAKEN
        if code not in FARM_MESSAGES:
            return
        farm, is_up = FARM_MESSAGES[code]
        (self._broken.discard if is_up else self._broken.add)((farm, _farm_name(farm, text)))
        self._note_farm(farm, not any(one is farm for one, _ in self._broken), text)
        if code in RESTORED:
            for hook in self._on_restored:
                hook(code == SUBSCRIPTIONS_LOST)

    def _note_farm(self, farm: Farm, is_up: bool, text: str) -> None:
        before = self._farms.get(farm) or LinkStatus(
            name=f"ibkr {farm.value}", is_up=is_up, since=self._clock.now(), heard_at=None, attempts=0
        )
        now = self._clock.now()
        self._farms[farm] = replace(
            before,
            is_up=is_up,
            since=now if is_up != before.is_up else before.since,
            heard_at=now,
            reason="" if is_up else text,
            drops=before.drops + (before.is_up and not is_up),
        )

    def hang_up(self) -> None:
        """End the connection that is open."""
        if self._tws is not None:
            self._tws.hang_up()

    async def _open(self, heard: Callable[[], None]) -> "_GatewayLine":
        for client_id in self._client_ids[:-1]:
            try:
                return await self._open_as(client_id, heard)
            except _ClientIdTakenError:
                continue
        return await self._open_as(self._client_ids[-1], heard)

    async def _open_as(self, client_id: int, heard: Callable[[], None]) -> "_GatewayLine":
        where = f"{self._settings.host}:{self._settings.port}"
        self._why, self._is_id_taken = "", False
        self._broken.clear()
        self._note_farm(Farm.SERVER, True, "")  # TWS says at once where it is not
        tws = Tws(self._ears, heard)
        try:
            await tws.open(
                self._settings.host,
                self._settings.port,
                client_id,
                self._settings.request_timeout_seconds,
            )
        except ConnectionRefusedError:
            raise BrokerUnavailable(
                f"the gateway is down: nothing listens at {where}",
                advice="Start TWS or IB Gateway, and enable its API (Configure, API, Settings).",
            ) from None
        except TimeoutError:
            tws.hang_up()
            raise BrokerUnavailable(
                f"{where} accepts connections, but TWS is not logged in",
                advice="Log in to TWS or IB Gateway; it may be waiting for the second factor, or for leave"
                " to take the connection.",
            ) from None
        except EOFError as error:
            tws.hang_up()
            kind = _ClientIdTakenError if self._is_id_taken else BrokerUnavailable
            raise kind(self._hung_up(where, str(error)), advice=self._hung_up_advice()) from None
        except OSError as error:
            tws.hang_up()
            raise BrokerUnavailable(f"{where} cannot be reached: {words_of(error)}") from error
        accounts = tws.managedAccounts()
        if self.account and self.account not in accounts:
            tws.hang_up()
            raise BrokerUnavailable(
                f"TWS is logged in to {', '.join(accounts)} now, and this connection is of {self.account}",
                advice=f"Log in to {self.account} again.",
            )
        self._tws, self.client_id = tws, client_id
        self._is_open.set()
        return _GatewayLine(tws, self._settings.silence_seconds / PINGS_PER_SILENCE)

    def _hung_up(self, where: str, text: str) -> str:
        if self._why:
            return f"TWS refused the connection: {self._why}"
        return f"{where} hung up during sign-in: {text}; its API may be disabled, or this address not trusted"

    def _hung_up_advice(self) -> str:
        if self._is_id_taken:
            return "Another program has this client_id; end it, or set another one."
        return "Enable the API in TWS (Configure, API, Settings) and trust this address."


class _ClientIdTakenError(BrokerUnavailable):
    """Another connection has the number."""


def _farm_name(farm: Farm, text: str) -> str:
    """Return which of several farms a message is of: its last word, behind a colon or the dot of its sentence."""
    return "" if farm is Farm.SERVER else re.split(r"[:\s]|demand\.", text)[-1]


def _client_ids(settings: IbkrSettings, use: Use) -> tuple[int, ...]:
    """Return the numbers to connect under, the best first: what an order's own number cannot reach, few others can."""
    others = [settings.command_client_id + step for step in range(CLIENT_IDS_MAX)]
    match use:
        case Use.SERVER:
            return (settings.client_id,)
        case Use.COMMAND:
            return tuple(one for one in others if one != settings.client_id)
        case Use.HALT:
            return tuple(dict.fromkeys([settings.client_id, *others]))


class _GatewayLine:
    """Implements ``links.kept_stream.Line``: asks for the time, so that silence means something."""

    def __init__(self, tws: Tws, ping_seconds: float) -> None:
        self._tws = tws
        self._ping_seconds = ping_seconds

    async def subscribe(self, added: frozenset[str], removed: frozenset[str]) -> None:
        """Subscriptions are the market data's own business: they count against a limit of lines."""

    async def run(self) -> None:
        while not self._tws.ended.done():
            await asyncio.wait({self._tws.ended}, timeout=self._ping_seconds)
            if not self._tws.ended.done():
                self._tws.wire.reqCurrentTime()
        raise ConnectionError(self._tws.ended.result() or "the other side hung up")

    async def close(self) -> None:
        self._tws.hang_up()
