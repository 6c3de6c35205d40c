"""The newest quotes of many contracts: what is kept, how old it counts as, and what a poll tells of it."""

import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thetaloom.domain.market.chain import OptionChain
from thetaloom.domain.values.instruments import OptionContract, Right
from thetaloom.domain.values.money import Price
from thetaloom.errors import InvalidInput
from thetaloom.links.instants import microseconds
from thetaloom.links.quote_board import QuoteBoard
from thetaloom.testing import builders
from thetaloom.testing.clock import FakeClock

NAN = float("nan")
SECOND = timedelta(seconds=1)
NAMES = ("SPX 2026-01-16 P 5600", "SPXW 2026-01-16 P 5600", "SPXW 2026-01-16 C 5600", "SPXW 2026-01-09 P 5500")
CONTRACTS = tuple(builders.contract(name) for name in NAMES)
IN_ORDER = [CONTRACTS[3], CONTRACTS[2], CONTRACTS[0], CONTRACTS[1]]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def board(clock: FakeClock) -> QuoteBoard:
    made = QuoteBoard(clock, "test")
    made.list_chain("SPX", CONTRACTS)
    return made


def chain_of(board: QuoteBoard, clock: FakeClock) -> OptionChain:
    chain = board.chain("SPX", clock.now())
    assert chain is not None
    return chain


def put(board: QuoteBoard, clock: FakeClock, contract: OptionContract, bid: float | None, ask: float | None) -> None:
    board.put(board.place(contract), bid=bid, ask=ask, bid_size=1, ask_size=2, at=clock.now())


def test_a_chain_is_sorted_as_every_chain_and_keeps_both_roots(board: QuoteBoard, clock: FakeClock) -> None:
    put(board, clock, CONTRACTS[0], 1.0, 1.2)

    chain = chain_of(board, clock)

    assert [chain.contract(index) for index in range(len(chain))] == IN_ORDER
    assert chain.source == "test"
    assert chain.synthetic is False


def test_a_board_that_was_told_nothing_has_no_chain(board: QuoteBoard, clock: FakeClock) -> None:
    assert board.chain("SPX", clock.now()) is None
    assert board.chain("QQQ", clock.now()) is None


def test_a_contract_nothing_was_said_of_is_listed_without_a_quote(board: QuoteBoard, clock: FakeClock) -> None:
    put(board, clock, CONTRACTS[0], 1.0, 1.2)

    chain = chain_of(board, clock)

    silent = chain.quote_of(CONTRACTS[1])
    assert silent is not None
    assert (silent.bid, silent.ask) == (None, None)
    assert board.quotes(CONTRACTS, clock.now()).keys() == {CONTRACTS[0]}


def test_expired_contracts_leave_the_chain(board: QuoteBoard, clock: FakeClock) -> None:
    put(board, clock, CONTRACTS[0], 1.0, 1.2)
    clock.move_to(datetime(2026, 1, 10, 15, tzinfo=UTC))

    assert chain_of(board, clock).expirations() == (date(2026, 1, 16),)


def test_what_is_known_of_open_interest_and_volume_stands_in_the_chain(clock: FakeClock) -> None:
    board = QuoteBoard(clock, "test")
    slots = board.list_chain("SPX", CONTRACTS, open_interest={CONTRACTS[1]: 7.0}, volume=[1, 2, 3, 4])
    board.put_counts(int(slots[0]), volume=9)
    board.put_counts_many(slots[2:3], open_interests=[5])
    put(board, clock, CONTRACTS[0], 1.0, 1.2)

    chain = chain_of(board, clock)

    assert chain.volume.tolist() == [4, 3, 9, 2]
    assert np.array_equal(chain.open_interest, [NAN, 5, NAN, 7], equal_nan=True)


def test_greeks_of_the_feed_stand_in_the_chain(board: QuoteBoard, clock: FakeClock) -> None:
    board.put_greeks(board.place(CONTRACTS[3]), iv=0.2, delta=-0.3)
    board.put_greeks_many([board.place(CONTRACTS[2])], [float("inf")], [0.5])
    put(board, clock, CONTRACTS[0], 1.0, 1.2)

    chain = chain_of(board, clock)

    assert np.array_equal(chain.iv[:2], [0.2, NAN], equal_nan=True)
    assert chain.delta[:2].tolist() == [-0.3, 0.5]


@pytest.mark.parametrize(
    ("bid", "ask", "known"),
    [
        (2.1, 2.0, ("2.1", "2")),
        (2.0, 2.0, ("2", "2")),
        (0.0, 0.05, ("0", "0.05")),
        (-0.5, 0.05, ("-0.5", "0.05")),
        (NAN, 0.05, (None, "0.05")),
        (None, None, (None, None)),
        (float("-inf"), float("inf"), (None, None)),
    ],
)
def test_an_odd_quote_is_kept_as_what_it_is(
    board: QuoteBoard, clock: FakeClock, bid: float | None, ask: float | None, known: tuple[str | None, str | None]
) -> None:
    put(board, clock, CONTRACTS[0], bid, ask)

    quote = chain_of(board, clock).quote_of(CONTRACTS[0])

    assert quote is not None
    assert (quote.bid, quote.ask) == tuple(None if side is None else Price(side) for side in known)


@pytest.mark.parametrize("size", [-5.0, float("inf"), NAN])
def test_an_impossible_size_is_unknown(board: QuoteBoard, clock: FakeClock, size: float) -> None:
    slots = [board.place(one) for one in CONTRACTS[:2]]
    board.put(slots[0], bid=1.0, ask=1.1, bid_size=size, ask_size=3, at=clock.now())
    board.put_many(slots[1:], 1.0, 1.1, size, 3, microseconds(clock.now()))

    sizes = {(quote.bid_size, quote.ask_size) for quote in board.quotes(CONTRACTS, clock.now()).values()}

    assert sizes == {(None, 3)}


def test_a_quote_from_the_future_counts_as_said_now_and_is_counted(board: QuoteBoard, clock: FakeClock) -> None:
    board.put(0, bid=1.0, ask=1.1, at=clock.now() + SECOND)
    board.put_many([1], 1.0, 1.1, 1, 1, microseconds(clock.now() + SECOND))
    board.put_spot("SPX", 5600, clock.now() + SECOND)

    chain = chain_of(board, clock)

    assert chain.as_of == clock.now()
    assert chain.quoted_at.max() == microseconds(clock.now())
    assert board.counts().future == 3


def test_an_older_quote_never_replaces_a_newer_one(board: QuoteBoard, clock: FakeClock) -> None:
    now = clock.now()
    board.put(0, bid=1.0, ask=1.1, at=now)
    board.put(0, bid=5.0, ask=5.1, at=now - SECOND)
    board.put_many([0, 1, 1], [6, 7, 8], [6, 7, 8], 1, 1, [microseconds(now - SECOND * back) for back in (2, 3, 4)])
    board.put_spot("SPX", 5600, now)
    board.put_spot("SPX", 5500, now - SECOND)

    quotes = board.quotes(CONTRACTS, now)

    assert {contract: quote.bid for contract, quote in quotes.items()} == {
        CONTRACTS[0]: Price("1"),
        CONTRACTS[1]: Price("7"),
    }
    assert board.spot("SPX", now) == Price("5600")
    assert board.counts().late == 3


def test_after_the_clock_was_set_back_quotes_are_taken_again(board: QuoteBoard, clock: FakeClock) -> None:
    board.put(0, bid=1.0, ask=1.1, at=clock.now())
    earlier = FakeClock(clock.now() - timedelta(hours=1))
    board._clock = earlier  # the system's clock was wrong and is right again
    board.put(0, bid=2.0, ask=2.1, at=earlier.now())

    quote = board.quotes(CONTRACTS, earlier.now())[CONTRACTS[0]]

    assert (quote.bid, quote.quoted_at) == (Price("2"), earlier.now())


def test_silence_confirms_what_the_line_said_only_as_far_as_it_was_heard(board: QuoteBoard, clock: FakeClock) -> None:
    said_at = clock.now()
    put(board, clock, CONTRACTS[0], 1.0, 1.2)
    heard_at = clock.advance(seconds=30)
    board.confirm(heard_at)
    clock.advance(seconds=60)

    quote = board.quotes(CONTRACTS, clock.now())[CONTRACTS[0]]

    assert quote.quoted_at == heard_at > said_at
    assert chain_of(board, clock).as_of == heard_at


def test_after_a_drop_nothing_is_confirmed_until_it_is_said_again(board: QuoteBoard, clock: FakeClock) -> None:
    put(board, clock, CONTRACTS[0], 1.0, 1.2)
    put(board, clock, CONTRACTS[1], 1.0, 1.2)
    heard_at = clock.advance(seconds=5)
    board.confirm(heard_at)
    board.lost(clock.advance(seconds=40))
    put(board, clock, CONTRACTS[1], 1.0, 1.2)
    board.confirm(clock.advance(seconds=10))

    quotes = board.quotes(CONTRACTS, clock.now())

    assert quotes[CONTRACTS[0]].quoted_at == heard_at
    assert quotes[CONTRACTS[1]].quoted_at == clock.now()


def test_a_line_not_to_be_believed_confirmed_nothing_at_all(board: QuoteBoard, clock: FakeClock) -> None:
    said_at = clock.now()
    put(board, clock, CONTRACTS[0], 1.0, 1.2)
    board.confirm(clock.advance(seconds=5))
    board.forget()
    board.confirm(clock.advance(seconds=5))

    assert board.quotes(CONTRACTS, clock.now())[CONTRACTS[0]].quoted_at == said_at


def test_what_was_read_once_or_is_no_longer_subscribed_is_not_confirmed(board: QuoteBoard, clock: FakeClock) -> None:
    read_at = clock.now()
    slots = board.list_chain("SPX", CONTRACTS)
    board.put_many(slots[:2], 1.0, 1.2, 1, 1, microseconds(read_at), is_streamed=False)
    board.put(int(slots[2]), bid=1.0, ask=1.2, at=read_at)
    board.put(int(slots[3]), bid=1.0, ask=1.2, at=read_at)
    released_at = clock.advance(seconds=5)
    board.confirm(released_at)
    board.release(slots[2:3])
    board.confirm(clock.advance(seconds=5))

    quotes = board.quotes(CONTRACTS, clock.now())

    assert [quotes[one].quoted_at for one in CONTRACTS] == [read_at, read_at, released_at, clock.now()]


def test_a_poll_tells_each_changed_watched_contract_once(board: QuoteBoard, clock: FakeClock) -> None:
    board.watch(CONTRACTS[:2])
    for bid in (1.0, 1.1, 1.2):
        put(board, clock, CONTRACTS[0], bid, 1.5)
    put(board, clock, CONTRACTS[2], 3.0, 3.1)
    board.put_spot("SPX", 5600.5, clock.now())
    board.put_spot("QQQ", 500, clock.now())

    batch = board.poll()

    assert batch is not None
    assert {contract: quote.bid for contract, quote in batch.quotes.items()} == {CONTRACTS[0]: Price("1.2")}
    assert batch.spots == {"SPX": Price("5600.5")}
    assert batch.as_of == clock.now()
    assert board.poll() is None


def test_a_quote_that_says_the_same_again_is_no_change_unless_the_line_is_new(
    board: QuoteBoard, clock: FakeClock
) -> None:
    board.watch(CONTRACTS[:1])
    put(board, clock, CONTRACTS[0], None, 1.5)
    board.poll()
    clock.advance(seconds=1)
    put(board, clock, CONTRACTS[0], None, 1.5)
    said_again = board.poll()
    board.lost(clock.now())
    put(board, clock, CONTRACTS[0], None, 1.5)

    after_the_drop = board.poll()

    assert said_again is None
    assert after_the_drop is not None
    assert after_the_drop.quotes[CONTRACTS[0]].quoted_at == clock.now()


def test_a_side_that_is_gone_is_told(board: QuoteBoard, clock: FakeClock) -> None:
    board.watch(CONTRACTS[:1])
    put(board, clock, CONTRACTS[0], 1.0, 1.5)
    board.poll()
    put(board, clock, CONTRACTS[0], None, None)

    batch = board.poll()

    assert batch is not None
    assert (batch.quotes[CONTRACTS[0]].bid, batch.quotes[CONTRACTS[0]].ask) == (None, None)
    assert board.quotes(CONTRACTS, clock.now()) == {}


def test_after_watching_anew_a_poll_tells_all_that_is_known(board: QuoteBoard, clock: FakeClock) -> None:
    put(board, clock, CONTRACTS[0], 1.0, 1.5)
    board.put_spot("SPX", 5600, clock.now())
    board.watch(CONTRACTS)
    board.poll()
    board.watch(CONTRACTS)

    batch = board.poll()

    assert batch is not None
    assert (list(batch.quotes), list(batch.spots)) == ([CONTRACTS[0]], ["SPX"])


def test_one_waits_for_a_watched_change_and_is_woken_once_until_it_polls(board: QuoteBoard, clock: FakeClock) -> None:
    woken: list[int] = []
    board.on_change(lambda: woken.append(1))
    board.watch(CONTRACTS[:1])
    put(board, clock, CONTRACTS[1], 1.0, 1.5)
    unwatched = len(woken)
    for bid in (1.0, 1.1):
        put(board, clock, CONTRACTS[0], bid, 1.5)
    before_the_poll = len(woken)
    board.poll()
    put(board, clock, CONTRACTS[0], 1.2, 1.5)

    assert (unwatched, before_the_poll, len(woken)) == (0, 1, 2)


def test_a_price_that_is_none_leaves_the_spot_known_before(board: QuoteBoard, clock: FakeClock) -> None:
    board.put_spot("SPX", Decimal("5600.25"), clock.now())
    for odd in (0, -1, NAN, float("inf")):
        board.put_spot("SPX", odd, clock.now())

    assert board.spot("SPX", clock.now()) == Price("5600.25")
    assert board.spot_at("SPX") == clock.now()
    assert (board.spot("QQQ", clock.now()), board.spot_at("QQQ")) == (None, None)


def test_an_instant_without_a_zone_is_refused(board: QuoteBoard, clock: FakeClock) -> None:
    with pytest.raises(InvalidInput, match="no time zone"):
        board.put(0, bid=1.0, ask=1.1, at=clock.now().replace(tzinfo=None))


def test_more_contracts_than_there_were_slots_for_keep_what_was_said(clock: FakeClock) -> None:
    board = QuoteBoard(clock, "test", synthetic=True)
    strikes = [
        OptionContract(root="SPY", expires_on=date(2026, 1, 16), right=Right.PUT, strike=Decimal(strike))
        for strike in range(1, 3000)
    ]
    board.put(board.place(strikes[0]), bid=0.5, ask=0.6, at=clock.now())
    slots = board.list_chain("SPY", strikes)
    board.put_many(slots[1:], 1.0, 1.2, 3, 4, microseconds(clock.now()))

    chain = board.chain("SPY", clock.now())

    assert chain is not None
    assert chain.synthetic
    assert chain.bid.tolist() == [0.5] + [1.0] * 2998
    assert board.listed("SPY") == strikes
    assert board.contract(int(slots[5])) == strikes[5]
    assert board.symbols() == ("SPY",)


def test_an_empty_batch_changes_nothing(board: QuoteBoard) -> None:
    board.put_many([], [], [], [], [], [])

    assert board.counts().quotes == 0


def test_a_reader_never_sees_half_a_quote(board: QuoteBoard, clock: FakeClock) -> None:
    slots = board.list_chain("SPX", CONTRACTS)
    at_us = microseconds(clock.now())
    ended = threading.Event()

    def write() -> None:
        for number in range(1, 2000):
            board.put_many(slots, number, number + 0.5, number, number, at_us)
        ended.set()

    board.put_many(slots, 0, 0.5, 0, 0, at_us)
    writer = threading.Thread(target=write)
    writer.start()
    torn = 0
    while not ended.is_set():
        chain = chain_of(board, clock)
        torn += len({*chain.bid.tolist(), *(chain.ask - 0.5).tolist(), *chain.bid_size.tolist()}) != 1
    writer.join()

    assert torn == 0


sides = st.one_of(st.none(), st.sampled_from([0.0, 0.05, 1.0, 2.5, -1.0]))
puts = st.lists(st.tuples(st.integers(0, 3), sides, sides, st.integers(-3, 3), st.booleans()), min_size=1, max_size=12)


@given(rounds=st.lists(st.tuples(puts, st.booleans()), max_size=8))
def test_any_interleaving_of_puts_gives_the_chain_a_dictionary_would(
    rounds: list[tuple[list[tuple[int, float | None, float | None, int, bool]], bool]],
) -> None:
    clock = FakeClock()
    board = QuoteBoard(clock, "test")
    slots = board.list_chain("SPX", CONTRACTS)
    board.watch(CONTRACTS)
    board.put_spot("SPX", 5600, clock.now())
    known: dict[int, tuple[datetime, float | None, float | None]] = {}
    polled: dict[OptionContract, tuple[Price | None, Price | None]] = {}
    for said, together in rounds:
        now = clock.advance(seconds=2)
        stamped = [
            (slot, bid, ask, min(now + SECOND * shift, now), now + SECOND * shift) for slot, bid, ask, shift, _ in said
        ]
        if together:
            board.put_many(
                [int(slots[slot]) for slot, *_ in stamped],
                np.array([bid for _, bid, *_ in stamped], np.float64),
                np.array([ask for _, _, ask, *_ in stamped], np.float64),
                1,
                1,
                [microseconds(at) for *_, at in stamped],
            )
        else:
            for slot, bid, ask, _, at in stamped:
                board.put(int(slots[slot]), bid=bid, ask=ask, bid_size=1, ask_size=1, at=at)
        for slot, bid, ask, at, _ in stamped:
            if slot not in known or at >= known[slot][0]:
                known[slot] = (at, bid, ask)
        batch = board.poll()
        polled |= {one: (quote.bid, quote.ask) for one, quote in batch.quotes.items()} if batch else {}

    chain = chain_of(board, clock)

    found = {slot: chain.quote_of(CONTRACTS[slot]) for slot in known}
    wanted = {slot: builders.quote(bid, ask, at=at, bid_size=1, ask_size=1) for slot, (at, bid, ask) in known.items()}
    assert found == wanted
    assert polled == {CONTRACTS[slot]: (quote.bid, quote.ask) for slot, quote in wanted.items()}
