"""The law of the books: cash and holdings are the sum of transactions at every moment, through any kill."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from thetaloom.brokers.paper.books import Phase
from thetaloom.domain.book.transactions import balance_of
from thetaloom.domain.market.events import Dividend, Events
from thetaloom.domain.values.ids import ClientOrderId
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvalidInput
from thetaloom.testing import builders as b
from thetaloom.testing.bench import PaperBench

SHORT, LONG = (leg.contract for leg in b.legs())
STARTED = Money(100_000)


class Killed(BaseException):
    """The process ends here."""


class Killer:
    """Ends the process at the commits whose numbers it is told."""

    def __init__(self, kills: dict[int, Phase]) -> None:
        self.kills = kills
        self.passed = 0

    def __call__(self, phase: Phase) -> None:
        self.passed += phase == "before"
        if self.kills.get(self.passed) == phase:
            del self.kills[self.passed]
            raise Killed


def acts_of(bench: PaperBench, verb: str, number: int, quantity: int) -> Callable[[], object]:
    """Return one thing that may happen to the account."""
    opening = b.order(limit="0.90", quantity=quantity, client_order_id=ClientOrderId(f"tl-{number}"))
    acts: dict[str, Callable[[], object]] = {
        "open": lambda: bench.broker.submit(opening),
        "close": lambda: bench.broker.submit(
            b.closing(opening, limit="-1.13", client_order_id=ClientOrderId(f"tl-{number}-close"))
        ),
        "cancel": lambda: bench.broker.cancel(opening.client_order_id),
        "look": lambda: bench.tick(bench.clock.advance(minutes=7)),
        "night": lambda: bench.tick(bench.clock.advance(hours=24)),
        "assign": lambda: bench.broker.assign(SHORT, quantity),
        "exercise": lambda: bench.broker.exercise(LONG, quantity),
        "liquidate": lambda: bench.broker.liquidate(LONG, quantity),
        "shares": lambda: bench.broker.trade_shares_elsewhere("SPY", 10 * quantity - 25, Price("575.13")),
        "elsewhere": lambda: bench.broker.trade_elsewhere(b.legs(), quantity, Price("0.87")),
    }
    return acts[verb]


def check(bench: PaperBench) -> None:
    """Check that the transactions tell the whole account."""
    account, transactions = bench.broker.account(), bench.broker.transactions(0)
    balance = balance_of(STARTED, transactions)
    assert account.cash == balance.cash == balance.cash.to_cents()
    assert bench.broker.holdings() == balance.contracts and account.shares == balance.shares
    assert [one.sequence for one in transactions] == list(range(1, len(transactions) + 1))
    assert len({one.transaction_id for one in transactions}) == len(transactions)


verbs = st.sampled_from(
    ["open", "close", "cancel", "look", "look", "night", "assign", "exercise", "liquidate", "shares", "elsewhere"]
)


@settings(max_examples=40, deadline=None)
@given(
    story=st.lists(st.tuples(verbs, st.integers(1, 4), st.integers(1, 5)), max_size=25),
    kills=st.dictionaries(st.integers(1, 30), st.sampled_from(["before", "after"]), max_size=6),
)
def test_the_transactions_tell_the_whole_account_through_any_history_and_any_kill(
    story: list[tuple[str, int, int]], kills: dict[int, Phase]
) -> None:
    with TemporaryDirectory() as folder:
        bench = PaperBench(
            f"sqlite:///{Path(folder)}/paper.db", interest_rate=Decimal("0.05"), early_assignment=True, seed=5
        )
        dividends = tuple(Dividend(ex_on=date(2026, 1, day), amount=Decimal("1.77")) for day in (7, 9, 14))
        bench.market.set_events("SPY", Events(as_of=b.NOW, source="test", dividends=dividends))
        killer = Killer(dict(kills))
        bench.reopen(killer)
        for verb, number, quantity in [*story, *[("night", 1, 1)] * 13]:
            try:
                acts_of(bench, verb, number, quantity)()
            except InvalidInput:
                pass  # what is not held cannot be assigned
            except Killed:
                bench.reopen(killer)
            check(bench)
        bench.market.set_spot("SPY", "557.31", at=b.new_york("2026-01-16 16:00"))
        bench.reopen().tick()
        check(bench)
        assert bench.broker.holdings() == {}
        bench.broker.close()
