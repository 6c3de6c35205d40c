"""One page at the other end of a socket: what waits for it, and the one task that sends it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from thetaloom.domain.values.ids import UserId
from thetaloom.web.front import Front

FACTS_MAX = 1000  # that may wait for a page before it counts as too slow
NO_SYMBOLS: frozenset[str] = frozenset()
Sender = Callable[[str], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tick:
    """What one tick brings to all pages that follow the same symbols: built once, shared."""

    seq: int
    quotes: Mapping[str, str]  # the inside of a quote's object, by symbol
    batch: str  # the same as one message


def batch_of(seq: int, quotes: Mapping[str, str]) -> str:
    """Return quotes as one message."""
    return f'{{"type":"quote_batch","seq":{seq},"quotes":[{{{"},{".join(quotes.values())}}}]}}' if quotes else ""


class Page:
    """Facts are kept in order, quotes only as the newest of each symbol; so a slow page falls behind alone."""

    def __init__(
        self,
        user: UserId,
        send: Sender,
        *,
        front: Front | None = None,
        may_stay: Callable[[], bool] = lambda: True,
        facts_max: int = FACTS_MAX,
    ) -> None:
        self.user = user
        self.front = front  # to read marks with; without one it is sent none
        self.may_stay = may_stay  # whether who signed in still may see all this
        self.symbols: frozenset[str] = NO_SYMBOLS
        self.batch = False
        self.is_overrun = False
        self.is_over = False
        self.is_gone = False  # it hung up
        self._send = send
        self._facts_max = facts_max
        self._facts: deque[str] = deque()
        self._held: deque[str] | None = None  # facts that came while older ones were read
        self._tick: Tick | None = None
        self._merged: dict[str, str] = {}  # of ticks that could not be sent one by one
        self._seq = 0
        self._news = asyncio.Event()

    def put(self, message: str) -> None:
        """Have a fact or an answer sent, after all that waits."""
        waiting = self._facts if self._held is None else self._held
        if len(waiting) >= self._facts_max:
            self.is_overrun = True
        else:
            waiting.append(message)
        self._news.set()

    def put_tick(self, tick: Tick) -> None:
        """Have the newest quotes sent, in the place of older ones that still wait."""
        if self._tick is not None:
            self._merged |= self._tick.quotes
            self._tick = None
        if self._merged:
            self._merged |= tick.quotes
        else:
            self._tick = tick
        self._seq = tick.seq
        self._news.set()

    def follow(self, symbols: frozenset[str], *, batch: bool) -> None:
        """Replace what is followed; what waits of other symbols is dropped."""
        self.symbols, self.batch = symbols, batch
        self._tick, self._merged = None, {}

    def hold(self) -> None:
        """Keep new facts back until ``catch_up`` brought the older ones."""
        self._held = deque()

    def catch_up(self, missed: Sequence[str]) -> None:
        """Have older facts sent, then those that were kept back."""
        held, self._held = self._held or (), None
        for message in (*missed, *held):
            self.put(message)

    def end(self) -> None:
        """Have the writing end: who signed in is not welcome any more."""
        self.is_over = True
        self._news.set()

    async def write(self) -> None:
        """Send what waits until the page is too slow for its facts, or is over."""
        while not (self.is_overrun or self.is_over):
            await self._news.wait()
            self._news.clear()
            while self._has_more and not (self.is_overrun or self.is_over):
                if self._facts:
                    await self._send(self._facts.popleft())
                else:
                    await self._send_quotes()

    @property
    def _has_more(self) -> bool:
        # A quote's number says that all facts up to it were sent, so quotes wait for those that are held back.
        return bool(self._facts) or (self._held is None and (self._tick is not None or bool(self._merged)))

    async def _send_quotes(self) -> None:
        if self.batch:
            tick, merged = self._tick, self._merged
            self._tick, self._merged = None, {}
            await self._send(tick.batch if tick is not None else batch_of(self._seq, merged))
            return
        if self._tick is not None:
            self._merged, self._tick = dict(self._tick.quotes), None
        symbol = next(iter(self._merged))
        await self._send(f'{{"type":"quote_update","seq":{self._seq},{self._merged.pop(symbol)}}}')
