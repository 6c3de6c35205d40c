"""How fast quotes of a stream become a chain, measured."""

from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from thetaloom.cli.bench_figures import Figure, median_of, timed
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.links.instants import microseconds
from thetaloom.links.quote_board import QuoteBoard
from thetaloom.marketdata.clocks import SystemClock

CONTRACTS, BATCH, WATCHED = 20_000, 1_000, 1_000
EVENTS = 100_000
TURNS = 15
EXPIRES_ON = date(2035, 1, 19)


def quote_board() -> list[Figure]:
    """Quotes of 20,000 contracts written to a board in batches and one by one, and read as a chain and as changes."""
    clock = SystemClock()
    board = QuoteBoard(clock, "bench")
    contracts = _contracts()
    slots = board.list_chain("SPX", contracts)
    board.watch(contracts[:WATCHED])
    numbers = np.random.default_rng(1)
    some = slots[:BATCH]
    bids = numbers.uniform(1, 50, (EVENTS // BATCH, BATCH)).round(2)
    board.put_many(slots, 1.0, 1.2, 10, 10, microseconds(clock.now()))

    def many() -> None:
        for row in bids:
            board.put_many(some, row, row + 0.2, 10, 10, microseconds(clock.now()))

    def one_by_one() -> None:
        at = clock.now()
        for slot in range(CONTRACTS):
            board.put(slot, bid=1.0, ask=1.2, bid_size=10, ask_size=10, at=at)

    batch = median_of(many, 5) / len(bids)
    chain = median_of(lambda: board.chain("SPX", clock.now()), TURNS)
    single = median_of(one_by_one, 3) / CONTRACTS
    polled = sorted(_poll(board, some, numbers, clock) for _ in range(TURNS))[TURNS // 2]
    note = f"{CONTRACTS:,} contracts on the board; {EVENTS:,} quotes in batches of {BATCH:,}, {WATCHED:,} watched"
    return [
        Figure(name="1,000 quotes to the board", figure=batch, unit="ms", bar=1.0, note=note),
        Figure(name="one quote to the board", figure=single * 1000, unit="µs", note="one event at a time"),
        Figure(name="chain of the board", figure=chain, unit="ms", bar=10, note=f"{CONTRACTS:,} contracts"),
        Figure(name="poll of the board", figure=polled, unit="ms", note=f"{WATCHED:,} changed of those watched"),
    ]


def _poll(
    board: QuoteBoard,
    slots: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    numbers: np.random.Generator,
    clock: SystemClock,
) -> float:
    bids = numbers.uniform(1, 50, len(slots)).round(2)
    board.put_many(slots, bids, bids + 0.2, 10, 10, microseconds(clock.now()))
    return timed(board.poll)


def _contracts() -> list[OptionContract]:
    return [
        OptionContract(
            root="SPXW", expires_on=EXPIRES_ON + timedelta(days=day), right=right, strike=Decimal(3000 + 20 * step)
        )
        for day in range(50)
        for step in range(CONTRACTS // 100)
        for right in Right
    ]
