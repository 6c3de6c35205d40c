"""A stream that survives: what is subscribed, what silence means, and how long it waits."""

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from thetaloom.errors import BrokerUnavailable
from thetaloom.links.backoff import Backoff
from thetaloom.links.kept_stream import KeptStream, Line
from thetaloom.links.owner_loop import OwnerLoop
from thetaloom.testing.clock import FakeClock

PATIENCE_SECONDS = 20.0


class Wire:
    """The other side: lines that a test cuts, mutes and refuses."""

    def __init__(self) -> None:
        self.lines: list[WireLine] = []
        self.refusals = 0  # of the openings to come
        self.changed = threading.Condition()

    async def open(self, heard: Callable[[], None]) -> Line:
        if self.refusals:
            self.refusals -= 1
            raise BrokerUnavailable("nobody answers")
        line = WireLine(self, heard)
        self._add(line)
        return line

    def _add(self, line: "WireLine") -> None:
        with self.changed:
            self.lines.append(line)
            self.changed.notify_all()

    def wait_for(self, is_so: Callable[[], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(is_so, PATIENCE_SECONDS)


class WireLine:
    def __init__(self, wire: Wire, heard: Callable[[], None]) -> None:
        self.wire, self.heard = wire, heard
        self.symbols: frozenset[str] = frozenset()
        self.is_closed = False
        self.error: BaseException | None = None
        self.end = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    async def subscribe(self, added: frozenset[str], removed: frozenset[str]) -> None:
        with self.wire.changed:
            self.symbols = (self.symbols | added) - removed
            self.wire.changed.notify_all()

    async def run(self) -> None:
        await self.end.wait()
        if self.error is not None:
            raise self.error

    async def close(self) -> None:
        with self.wire.changed:
            self.is_closed = True
            self.wire.changed.notify_all()

    def cut(self, error: BaseException | None = None) -> None:
        self.error = error
        self.loop.call_soon_threadsafe(self.end.set)


@pytest.fixture
def loop() -> Iterator[OwnerLoop]:
    owner = OwnerLoop("wire")
    yield owner
    owner.stop()


def stream_over(wire: Wire, loop: OwnerLoop, *, silence_seconds: float = 60, cap_seconds: float = 0.01) -> KeptStream:
    backoff = Backoff(first_seconds=0.001, cap_seconds=cap_seconds)
    return KeptStream(
        name="wire",
        loop=loop,
        open_line=wire.open,
        clock=FakeClock(),
        silence_seconds=silence_seconds,
        backoff=backoff,
    )


def test_what_is_wanted_is_subscribed_again_on_every_line(loop: OwnerLoop) -> None:
    wire = Wire()
    stream = stream_over(wire, loop)
    stream.want(frozenset({"SPY", "QQQ"}))

    stream.start()
    wire.wait_for(lambda: bool(wire.lines) and wire.lines[0].symbols == {"SPY", "QQQ"})
    stream.want(frozenset({"SPY", "IWM"}))
    wire.wait_for(lambda: wire.lines[0].symbols == {"SPY", "IWM"})
    wire.lines[0].cut(ConnectionResetError("cut"))

    wire.wait_for(lambda: len(wire.lines) == 2 and wire.lines[1].symbols == {"SPY", "IWM"})
    assert wire.lines[0].is_closed


@pytest.mark.parametrize("error", [None, ConnectionResetError("cut"), BrokerUnavailable("token expired"), EOFError()])
def test_a_line_that_ends_in_any_way_is_opened_again(loop: OwnerLoop, error: Exception | None) -> None:
    wire = Wire()
    stream = stream_over(wire, loop)

    stream.start()
    wire.wait_for(lambda: len(wire.lines) == 1)
    wire.lines[0].cut(error)

    wire.wait_for(lambda: len(wire.lines) == 2)
    assert stream.wait_up(PATIENCE_SECONDS)
    assert stream.status().drops == 1 and stream.status().is_up


def test_a_fault_of_ours_in_reading_does_not_end_the_stream(loop: OwnerLoop) -> None:
    wire = Wire()
    stream = stream_over(wire, loop)

    stream.start()
    wire.wait_for(lambda: len(wire.lines) == 1)
    wire.lines[0].cut(KeyError("no such field"))

    wire.wait_for(lambda: len(wire.lines) == 2)


def test_silence_is_a_failure_and_a_heartbeat_is_not(loop: OwnerLoop) -> None:
    wire = Wire()
    stream = stream_over(wire, loop, silence_seconds=0.05)
    downs: list[str] = []
    stream.on_change(lambda: downs.append(stream.status().reason))

    stream.start()
    wire.wait_for(lambda: len(wire.lines) >= 2)

    assert "nothing heard for 0.05 seconds" in downs


def test_openings_that_fail_are_counted_and_tried_again(loop: OwnerLoop) -> None:
    wire = Wire()
    wire.refusals = 5
    stream = stream_over(wire, loop)

    stream.start()
    wire.wait_for(lambda: len(wire.lines) == 1)

    assert stream.wait_up(PATIENCE_SECONDS)
    assert wire.refusals == 0 and stream.status().attempts == 0


def test_a_line_can_be_dropped_for_another_with_a_fresh_token(loop: OwnerLoop) -> None:
    wire = Wire()
    stream = stream_over(wire, loop)

    stream.start()
    assert stream.wait_up(PATIENCE_SECONDS)
    stream.drop("the token ends soon")

    wire.wait_for(lambda: len(wire.lines) == 2)
    assert wire.lines[0].is_closed


def test_books_are_read_after_every_opening_and_again_until_that_succeeds(loop: OwnerLoop) -> None:
    wire = Wire()
    stream = stream_over(wire, loop)
    reads: list[int] = []

    async def read_books() -> None:
        with wire.changed:
            reads.append(len(wire.lines))
            wire.changed.notify_all()
        if len(reads) == 1:
            raise BrokerUnavailable("busy")

    stream.on_open(read_books)
    stream.start()
    wire.wait_for(lambda: len(reads) == 2)
    wire.lines[0].cut()

    wire.wait_for(lambda: reads[-1] == 2)


def test_after_its_stop_nothing_is_opened_any_more(loop: OwnerLoop) -> None:
    wire = Wire()
    stream = stream_over(wire, loop)

    stream.start()
    assert stream.wait_up(PATIENCE_SECONDS)
    stream.stop()
    wire.wait_for(lambda: wire.lines[0].is_closed)

    assert len(wire.lines) == 1


def test_pauses_grow_to_the_cap_and_begin_anew_after_a_success() -> None:
    backoff = Backoff()

    pauses = [backoff.next_seconds() for _ in range(100)]
    backoff.reset()

    assert pauses[:8] == [0.25, 0.5, 1, 2, 4, 8, 16, 30]
    assert max(pauses) == 30 and backoff.next_seconds() == 0.25
