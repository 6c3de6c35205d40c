"""What happens to a paper account without an order: assignment, nights, trades elsewhere."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from thetaloom.domain.book.orders import Effect, OrderStatus, TimeInForce
from thetaloom.domain.book.reports import ReportKind as K
from thetaloom.domain.book.transactions import TransactionKind, balance_of
from thetaloom.domain.market.events import Dividend, Events
from thetaloom.domain.values.ids import BrokerOrderId, ClientOrderId
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import InvalidInput, NotFound
from thetaloom.testing import builders as b
from thetaloom.testing.bench import PaperBench, followed

MakeBench = Callable[..., PaperBench]
SHORT, LONG = (leg.contract for leg in b.legs())
CALL = b.contract("SPY 2026-01-16 C 560")
EX_ON = date(2026, 1, 7)  # a Wednesday


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeBench]:
    """Makes paper brokers with settings of their own, SPY paying a dollar on the Wednesday."""
    made: list[PaperBench] = []

    def one(**settings: Any) -> PaperBench:
        bench = PaperBench(f"sqlite:///{tmp_path}/paper-{len(made)}.db", **settings)
        dividends = (Dividend(ex_on=EX_ON, amount=Decimal("1.25")),)
        bench.market.set_events("SPY", Events(as_of=b.NOW, source="test", dividends=dividends))
        made.append(bench)
        return bench

    yield one
    for bench in made:
        bench.broker.close()


def of_kind(bench: PaperBench, kind: TransactionKind) -> list[tuple[str, Money]]:
    """Return symbols and cash of the transactions of a kind."""
    return [(one.symbol, one.cash) for one in bench.broker.transactions(0) if one.kind is kind]


def open_call(bench: PaperBench) -> None:
    """Sell a call in the money, covered by a higher one."""
    bench.market.set_quotes({"SPY 2026-01-16 C 560": (15.5, 15.7), "SPY 2026-01-16 C 600": (0.1, 0.2)})
    bench.broker.submit(b.order("-1 SPY 2026-01-16 C 560", "+1 SPY 2026-01-16 C 600", limit="15.0"))
    assert bench.tick() == [K.FILLED]


def test_a_dividend_is_paid_once_to_whoever_held_shares_at_the_close_before(make: MakeBench) -> None:
    bench = make()
    bench.broker.trade_shares_elsewhere("SPY", 100, Price(575))
    for text in ("2026-01-06 15:59", "2026-01-06 16:00", "2026-01-06 18:00", "2026-01-07 10:00"):
        bench.tick(b.new_york(text))
    bench.broker.trade_shares_elsewhere("SPY", -100, Price(575))
    bench.reopen()
    bench.tick(b.new_york("2026-01-08 17:00"))

    assert of_kind(bench, TransactionKind.DIVIDEND) == [("SPY", Money(125))]


def test_shares_bought_on_the_ex_date_get_nothing_and_short_ones_pay(make: MakeBench) -> None:
    late, short = make(), make()
    late.tick(b.new_york("2026-01-07 10:00"))
    late.broker.trade_shares_elsewhere("SPY", 100, Price(575))
    late.tick(b.new_york("2026-01-08 17:00"))
    short.broker.trade_shares_elsewhere("SPY", -100, Price(575))
    short.tick(b.new_york("2026-01-08 17:00"))

    assert of_kind(late, TransactionKind.DIVIDEND) == []
    assert of_kind(short, TransactionKind.DIVIDEND) == [("SPY", Money(-125))]


def test_a_dividend_is_not_lost_while_the_market_does_not_answer_or_nobody_looks(make: MakeBench) -> None:
    bench = make(shares={"SPY": 200})
    bench.market.is_down = True
    bench.tick(b.new_york("2026-01-06 17:00"))
    bench.market.is_down = False
    bench.reopen()
    bench.tick(b.new_york("2026-01-12 12:00"))

    assert of_kind(bench, TransactionKind.DIVIDEND) == [("SPY", Money(250))]


def test_interest_is_off_and_accrues_by_the_day_when_it_is_on(make: MakeBench) -> None:
    off, on = make(), make(interest_rate=Decimal("0.0365"))
    for bench in (off, on):
        bench.tick(b.new_york("2026-01-05 16:00"))
        bench.tick(b.new_york("2026-01-09 17:00"))
        bench.reopen()
        bench.tick(b.new_york("2026-01-09 18:00"))

    interest = [cash for _, cash in of_kind(on, TransactionKind.INTEREST)]
    assert of_kind(off, TransactionKind.INTEREST) == []
    assert len(interest) == 5 and interest[0] == Money(10)  # a hundredth of a percent of 100,000
    assert interest[-1] == Money("30.01")  # a weekend, on what the days before had brought
    assert on.broker.account().cash == Money(100_000) + sum(interest, Money(0))


@pytest.mark.parametrize(("quote", "is_assigned"), [((16, 16.2), True), ((16.2, 16.4), False)])
def test_a_call_is_assigned_before_a_dividend_that_exceeds_its_time_value(
    make: MakeBench, quote: tuple[float, float], is_assigned: bool
) -> None:
    # In the money by 15: of 16.10 the time value is 1.10, less than the dividend of 1.25; of 16.30 it is more.
    bench = make(early_assignment=True)
    open_call(bench)
    bench.market.set_quotes({"SPY 2026-01-16 C 560": quote}, at=b.new_york("2026-01-06 15:00"))
    bench.tick(b.new_york("2026-01-05 17:00"))
    assert CALL in bench.broker.holdings()
    bench.tick(b.new_york("2026-01-06 17:00"))
    bench.reopen()
    bench.tick(b.new_york("2026-01-07 10:00"))

    assert (CALL not in bench.broker.holdings()) is is_assigned
    assert bench.broker.account().shares == ({"SPY": -100} if is_assigned else {})
    assert [one.outcome for one in bench.broker.settlements()] == (["assigned"] if is_assigned else [])


def test_nothing_is_assigned_early_unless_it_was_set(make: MakeBench) -> None:
    bench = make()
    open_call(bench)
    bench.market.set_quotes({"SPY 2026-01-16 C 560": (15, 15)}, at=b.new_york("2026-01-06 15:00"))
    bench.tick(b.new_york("2026-01-08 17:00"))

    assert CALL in bench.broker.holdings()


def test_without_time_value_a_drawn_night_brings_assignment_the_same_one_for_a_seed(make: MakeBench) -> None:
    nights = []
    for seed in (1, 1, 2, 3, 4):
        bench = make(assignment_probability=Decimal("0.3"), seed=seed)
        open_call(bench)
        bench.market.set_quotes({"SPY 2026-01-16 C 560": (15, 15)})
        bench.tick(b.new_york("2026-01-15 17:00"))
        nights.append([one.settled_at for one in bench.broker.settlements()])

    assert nights[0] == nights[1] and len({tuple(one) for one in nights}) > 1


def test_closing_orders_for_what_is_gone_are_canceled(make: MakeBench) -> None:
    bench = make()
    opening = b.order(limit="0.90", quantity=3)
    bench.broker.submit(opening)
    bench.tick()
    target = b.closing(opening, limit="-0.10", quantity=2, time_in_force=TimeInForce.GTC)
    other = b.closing(opening, limit="-0.10", quantity=1, client_order_id=ClientOrderId("tl-other"))
    bench.broker.submit(target)
    bench.broker.submit(other)

    bench.broker.assign(SHORT, 1)

    assert followed(bench.broker, target).status is OrderStatus.WORKING
    assert followed(bench.broker, other).status is OrderStatus.CANCELED
    assert "no longer held" in bench.last().message
    bench.broker.liquidate(SHORT, 1)
    assert bench.broker.open_orders() == []


def test_a_leg_is_liquidated_at_the_natural_price_with_its_fee(make: MakeBench) -> None:
    bench = make()
    bench.broker.submit(b.order(limit="0.90"))
    bench.tick()

    bench.broker.liquidate(SHORT)

    last = bench.broker.transactions(0)[-1]
    assert (last.price, last.cash, last.fees) == (Price("2.10"), Money(-210), Money("-0.65"))
    with pytest.raises(InvalidInput, match="cannot be closed"):
        bench.broker.liquidate(LONG, 2)


def test_an_order_from_elsewhere_fills_without_a_report(make: MakeBench) -> None:
    bench = make()
    theirs = bench.broker.place_elsewhere(b.legs(), 2, Price("0.90"))

    assert bench.tick() == [] and bench.broker.holdings() == {SHORT: -2, LONG: 2}
    assert bench.broker.open_orders() == [] and bench.broker.reports_since(0) == []
    with pytest.raises(NotFound):
        bench.broker.cancel_elsewhere(theirs)
    with pytest.raises(NotFound):
        bench.broker.cancel_elsewhere(BrokerOrderId("P-000099"))


def test_a_closing_order_from_elsewhere_takes_ours_with_it(make: MakeBench) -> None:
    bench = make()
    opening = b.order(limit="0.90")
    bench.broker.submit(opening)
    bench.tick()
    ours = b.closing(opening, limit="-0.10")
    bench.broker.submit(ours)
    bench.broker.place_elsewhere(ours.legs, 1, Price("-1.20"), Effect.CLOSE)
    bench.tick(bench.clock.advance(seconds=1))

    assert bench.broker.holdings() == {} and followed(bench.broker, ours).status is OrderStatus.CANCELED


def test_european_options_are_exercised_at_their_end_alone_and_those_of_oex_in_cash(make: MakeBench) -> None:
    bench = make()
    bench.market.set_spot("OEX", 3000)
    legs = ("+1 SPXW 2026-01-16 C 5600", "+1 OEX 2026-01-16 C 2990")
    bench.market.set_quotes({text[3:]: (20, 20) for text in legs})
    for number, text in enumerate(legs):
        bench.broker.submit(b.order(text, limit=-20, client_order_id=ClientOrderId(f"tl-{number}")))
        bench.tick(bench.clock.advance(seconds=1))
    european, american = (leg.contract for leg in b.legs(*legs))

    with pytest.raises(InvalidInput, match="is not exercised before"):
        bench.broker.exercise(european)
    bench.broker.exercise(american)

    last = bench.broker.transactions(0)[-1]
    assert (last.kind, last.cash) == (TransactionKind.CASH_SETTLEMENT, Money(1000))
    assert bench.broker.account().shares == {}
    bench.market.set_spot("OEX", None)
    with pytest.raises(InvalidInput, match="are held"):
        bench.broker.exercise(american)


def test_legs_of_a_calendar_settle_each_at_its_own_time(make: MakeBench) -> None:
    bench = make()
    texts = ("-1 SPX 2026-01-16 P 5600", "+1 SPXW 2026-01-16 P 5600")
    bench.market.set_quotes({text[3:]: (30, 30) for text in texts})
    bench.market.set_spot("SPX", 5700)
    bench.broker.submit(b.order(*texts, limit=0))
    bench.tick()
    bench.market.set_spot("SPX", 5590, at=b.new_york("2026-01-16 09:30"))
    bench.market.set_spot("SPX", 5580, at=b.new_york("2026-01-16 16:00"))

    bench.tick(b.new_york("2026-01-16 12:00"))
    morning = [one.contract.root for one in bench.broker.settlements()]
    bench.tick(b.new_york("2026-01-16 16:00"))

    assert morning == ["SPX"]
    assert [(one.contract.root, one.cash) for one in bench.broker.settlements()] == [
        ("SPX", Money(-1000)),
        ("SPXW", Money(2000)),
    ]


def test_what_is_held_after_assignment_is_margined_and_sold_again(make: MakeBench) -> None:
    bench = make()
    bench.broker.submit(b.order(limit="0.90"))
    bench.tick()
    bench.broker.assign(SHORT)
    account = bench.broker.account()

    # 100 shares at 575 need half of themselves; the long put beside them hedges and costs nothing at first.
    assert account.buying_power == (account.cash or Money(0)) + Money(28_750)
    bench.broker.trade_shares_elsewhere("SPY", -100)
    last = bench.broker.account()
    assert last.shares == {} and last.cash == Money("100088.70") + Money(1500)
    balance = balance_of(Money(100_000), bench.broker.transactions(0))
    assert (balance.cash, balance.contracts) == (last.cash, bench.broker.holdings())


def test_a_trade_elsewhere_of_several_legs_needs_their_quotes(make: MakeBench) -> None:
    bench = make()
    bench.market.drop_quote("SPY 2026-01-16 P 560")

    with pytest.raises(InvalidInput, match="without quotes"):
        bench.broker.trade_elsewhere(b.legs(), 1, Price("1.00"))
    with pytest.raises(InvalidInput, match="no known price"):
        bench.broker.trade_shares_elsewhere("QQQ", 1)

    bench.broker.trade_elsewhere(b.legs("-1 SPY 2026-01-16 P 560"), 1, Price("1.00"))
    assert bench.broker.holdings() == {SHORT: -1}
