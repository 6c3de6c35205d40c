"""What waits for a page: facts in order, quotes only as the newest, and a slow page alone falls behind."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping

import pytest

from thetaloom.bootstrap import Platform
from thetaloom.domain.values.ids import UserId
from thetaloom.errors import InvariantError
from thetaloom.web.wire.hub import Hub
from thetaloom.web.wire.messages import KINDS, frame
from thetaloom.web.wire.page import Page, Tick, batch_of

US = UserId("local")


class Counting:
    """A source whose every reading differs from the one before."""

    def __init__(self) -> None:
        self.reads = 0
        self.wake: Callable[[], None] = lambda: None

    def name(self, spelt: str) -> str | None:
        return spelt

    def read(self, symbols: Iterable[str]) -> Mapping[str, str]:
        self.reads += 1
        return {symbol: f'"symbol":"{symbol}","last":"{self.reads}"' for symbol in symbols}

    def on_change(self, wake: Callable[[], None]) -> None:
        self.wake = wake


def tick(seq: int, **lasts: str) -> Tick:
    """Return a tick of these symbols."""
    quotes = {symbol: f'"symbol":"{symbol}","last":"{last}"' for symbol, last in lasts.items()}
    return Tick(seq=seq, quotes=quotes, batch=batch_of(seq, quotes))


async def written(page: Page, taken: list[str]) -> list[dict[str, object]]:
    """Let a page write all that waits."""
    task = asyncio.ensure_future(page.write())
    for _ in range(50):
        await asyncio.sleep(0)
    task.cancel()
    return [json.loads(text) for text in taken]


def test_a_page_that_was_slow_gets_the_newest_quote_of_each_symbol_after_its_facts() -> None:
    async def play() -> None:
        taken: list[str] = []

        async def send(text: str) -> None:
            taken.append(text)

        page = Page(US, send)
        page.follow(frozenset({"A", "B"}), batch=True)
        page.put_tick(tick(1, A="1", B="1"))
        page.put_tick(tick(2, A="2"))
        page.put('{"type":"fact"}')
        page.put_tick(tick(3, A="3"))

        fact, batch = await written(page, taken)

        assert fact == {"type": "fact"}
        assert batch["seq"] == 3
        assert batch["quotes"] == [{"symbol": "A", "last": "3"}, {"symbol": "B", "last": "1"}]

    asyncio.run(play())


def test_one_by_one_each_symbol_comes_once_with_its_newest_quote() -> None:
    async def play() -> None:
        taken: list[str] = []

        async def send(text: str) -> None:
            taken.append(text)

        page = Page(US, send)
        page.put_tick(tick(1, A="1", B="1"))
        page.put_tick(tick(2, B="2"))

        found = await written(page, taken)

        assert [(one["symbol"], one["last"], one["seq"]) for one in found] == [("A", "1", 2), ("B", "2", 2)]
        assert {one["type"] for one in found} == {"quote_update"}

    asyncio.run(play())


def test_quotes_wait_until_a_page_that_came_back_has_its_facts() -> None:
    async def play() -> None:
        taken: list[str] = []

        async def send(text: str) -> None:
            taken.append(text)

        page = Page(US, send)
        page.hold()
        page.put('{"n":2}')
        page.put_tick(tick(2, A="1"))
        assert await written(page, taken) == []
        page.catch_up(['{"n":1}'])

        found = await written(page, taken)

        assert [one.get("n") for one in found] == [1, 2, None]

    asyncio.run(play())


def test_a_page_that_never_reads_slows_nobody_and_is_let_go(platform: Platform) -> None:
    async def play() -> None:
        got: list[str] = []
        stuck = asyncio.Event()

        async def send(text: str) -> None:
            got.append(text)

        async def never(_: str) -> None:
            await stuck.wait()

        quotes = Counting()
        hub = Hub(platform, quotes)
        quick, slow = Page(US, send), Page(US, never, facts_max=10)
        writing = [asyncio.ensure_future(page.write()) for page in (quick, slow)]
        for page in (quick, slow):
            await hub.join(page)
            hub.follow(page, ["A"], batch=True)
        async with asyncio.timeout(60):
            while sum("quote_batch" in text for text in got) < 5:
                quotes.wake()
                await asyncio.sleep(0)
        for number in range(20):
            slow.put(f'{{"n":{number}}}')
        stuck.set()
        async with asyncio.timeout(60):
            await writing[1]

        assert slow.is_overrun and not quick.is_overrun
        lasts = [json.loads(text)["quotes"][0]["last"] for text in got if "quote_batch" in text]
        assert lasts == sorted(set(lasts), key=int)
        hub.leave(slow)
        hub.leave(quick)
        writing[0].cancel()
        assert not hub.pages

    asyncio.run(play())


def test_a_page_whose_person_may_not_stay_is_ended() -> None:
    async def play() -> None:
        async def send(_: str) -> None:
            return None

        page = Page(US, send, may_stay=lambda: False)
        assert not page.may_stay()
        page.end()
        async with asyncio.timeout(60):
            await page.write()
        assert page.is_over and not page.is_overrun

    asyncio.run(play())


def test_a_message_has_exactly_the_fields_of_its_table() -> None:
    with pytest.raises(InvariantError):
        frame("pong", 1)
    with pytest.raises(InvariantError):
        frame("pong", 1, timestamp=1, more=2)
    assert frame("pong", 7, timestamp=1) == '{"type":"pong","seq":7,"timestamp":1}'
    assert len({(one.direction, one.name) for one in KINDS}) == len(KINDS)
