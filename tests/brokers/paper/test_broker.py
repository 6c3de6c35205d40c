"""What the paper broker does beyond the contract of all brokers."""

from datetime import timedelta
from decimal import Decimal

import pytest

from thetaloom.brokers.paper.settings import Instruction, PaperSettings
from thetaloom.domain.book.orders import Order, OrderStatus, TimeInForce
from thetaloom.domain.book.refusals import Refusal
from thetaloom.domain.book.reports import ReportKind
from thetaloom.domain.values.ids import AccountId, ClientOrderId
from thetaloom.domain.values.money import Money, Price
from thetaloom.errors import ConfigError
from thetaloom.testing import builders as b
from thetaloom.testing.bench import PaperBench, followed

K = ReportKind
ID_2 = ClientOrderId("tl-order-2")
SHORT_PUT, LONG_PUT = "SPY 2026-01-16 P 560", "SPY 2026-01-16 P 555"


def test_an_order_fills_once_the_limit_reaches_the_fill_point(bench: PaperBench) -> None:
    bench.broker.submit(b.order(limit="0.95"))

    before = bench.tick()
    bench.market.set_quote(SHORT_PUT, "1.95", "2.15")
    after = bench.tick()

    assert (before, after) == ([], [K.FILLED])


def test_nothing_fills_while_the_market_is_shut(bench: PaperBench) -> None:
    bench.clock.move_to(b.new_york("2026-01-05 16:00"))
    order = b.order(limit="0.90")
    bench.broker.submit(order)

    evening = bench.tick()
    early = bench.tick(b.new_york("2026-01-06 09:29"))
    opening = bench.tick(b.new_york("2026-01-06 09:30"))

    assert (evening, early, opening) == ([], [], [K.FILLED])


def test_an_index_order_fills_until_a_quarter_past_four(bench: PaperBench) -> None:
    legs = ("-1 SPXW 2026-01-16 P 5600", "+1 SPXW 2026-01-16 P 5595")
    bench.market.set_quotes({text[3:]: (1, 1.1) for text in legs})
    bench.clock.move_to(b.new_york("2026-01-05 16:14"))
    bench.broker.submit(b.order(*legs, limit="-0.05"))

    assert bench.tick() == [K.FILLED]
    bench.broker.submit(b.order(*legs, limit="5.00", client_order_id=ID_2))
    assert bench.tick(b.new_york("2026-01-05 16:15")) == [K.EXPIRED]


def test_a_day_order_that_comes_after_the_close_works_the_next_day(bench: PaperBench) -> None:
    bench.clock.move_to(b.new_york("2026-01-09 17:00"))  # a Friday
    bench.broker.submit(b.order(limit="1.50"))

    assert bench.tick(b.new_york("2026-01-10 12:00")) == []
    assert bench.tick(b.new_york("2026-01-12 15:59")) == []
    assert bench.tick(b.new_york("2026-01-12 16:00")) == [K.EXPIRED]


def test_a_gtc_order_lives_until_its_contract_stops_trading(bench: PaperBench) -> None:
    bench.broker.submit(b.order(limit="1.50", time_in_force=TimeInForce.GTC))

    assert bench.tick(b.new_york("2026-01-05 16:00")) == []
    assert bench.tick(b.new_york("2026-01-16 15:59")) == []
    assert bench.tick(b.new_york("2026-01-16 16:00")) == [K.EXPIRED]


def test_a_stale_quote_does_not_fill(sqlite_books: str) -> None:
    bench = PaperBench(sqlite_books, quote_age_max=timedelta(seconds=30))
    bench.market.always_fresh = False
    bench.broker.submit(b.order(limit="0.90"))

    stale = bench.tick(b.NOW + timedelta(seconds=31))
    bench.market.set_quotes({SHORT_PUT: ("1.90", "2.10"), LONG_PUT: ("0.90", "1.10")})

    assert (stale, bench.tick()) == ([], [K.FILLED])
    bench.broker.close()


def test_fills_come_in_the_parts_that_were_scripted(bench: PaperBench) -> None:
    bench.broker.script(lambda order: order.quantity == 5, fills=(2, 1))
    order = b.order(limit="0.90", quantity=5)
    bench.broker.submit(order)

    first, same_instant = bench.tick(), bench.tick()
    rest = [bench.tick(bench.clock.advance(seconds=1)) for _ in range(3)]

    fills = [report.fill for report in bench.broker.reports_since(0) if report.fill]
    assert (first, same_instant, rest) == ([K.FILLED], [], [[K.FILLED], [K.FILLED], []])
    assert [fill.quantity for fill in fills] == [2, 1, 2]
    assert [fill.fill_id for fill in fills] == ["P-000001-1", "P-000001-2", "P-000001-3"]
    assert followed(bench.broker, order).status is OrderStatus.FILLED


def test_a_canceled_order_keeps_what_it_filled(bench: PaperBench) -> None:
    bench.broker.script(ClientOrderId("tl-order-1"), fills=(2,))
    order = b.order(limit="0.90", quantity=5)
    bench.broker.submit(order)
    bench.tick()

    bench.broker.cancel(order.client_order_id)

    known = followed(bench.broker, order)
    assert (known.status, known.filled) == (OrderStatus.CANCELED, 2)
    assert set(bench.broker.holdings().values()) == {2, -2}


def test_settings_can_script_rejects_for_one_order_or_for_all(sqlite_books: str) -> None:
    script = (
        Instruction(client_order_id=ClientOrderId("tl-order-1"), reject="no thank you"),
        Instruction(fills=(1,)),
    )
    bench = PaperBench(sqlite_books, script=script)

    bench.broker.submit(b.order(limit="0.90"))
    refused = bench.last()
    bench.broker.submit(b.order(limit="0.90", quantity=2, client_order_id=ID_2))
    bench.tick()

    assert (refused.kind, refused.message) == (K.REJECTED, "no thank you")
    last = bench.last().fill
    assert last is not None and last.quantity == 1
    bench.broker.close()


def test_random_partial_fills_repeat_with_the_seed(tmp_path_factory: pytest.TempPathFactory) -> None:
    runs = []
    for seed in (1, 1, 2):
        url = f"sqlite:///{tmp_path_factory.mktemp('run')}/paper.db"
        bench = PaperBench(url, seed=seed, partial_fill_probability=Decimal("0.8"))
        bench.broker.submit(b.order(limit="0.90", quantity=100))
        while bench.tick():
            bench.clock.advance(seconds=1)
        runs.append(bench.broker.reports_since(0))
        bench.broker.close()

    assert runs[0] == runs[1] != runs[2]
    assert sum(report.fill.quantity for report in runs[0] if report.fill) == 100


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (b.order(account_id=AccountId("OTHER")), "the order is for account OTHER, this is TEST-1"),
        (b.order("+1 SPY 2025-12-19 P 560", limit=-1), "a contract stopped trading at 2025-12-19 21:00 UTC"),
        (b.order("+1 SPY 2099-01-16 P 560", limit=-1), "calendar XNYS covers"),
        (b.order("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 560"), "a contract stands in two legs"),
        (b.order("-1 SPY 2026-01-16 P 560", "+1 QQQ 2026-01-16 P 560"), "not of one underlying"),
        (b.order("+1 SPY1 2026-01-16 P 560", limit=-1), "an adjusted contract"),
        (b.order("+3 SPY 2026-01-16 P 560", limit=-1), "ratios 3: no leg could carry"),
        (b.order(limit="0.90005"), "limit 0.90005 is finer than a cent per contract"),
        (b.order("-1 SPY 2026-01-16 P 560", limit="-0.01"), "pays for an order that only sells"),
        (b.order(limit="0.90", quantity=244), "the order needs 100357.20, 100000.00 is left"),
        (b.order("-1 QQQ 2026-01-16 C 600"), "what the order could cost is unknown"),
        (b.closing(b.order(), limit="-1.10"), "cannot close 1 SPY 2026-01-16 P 560: 0 held"),
    ],
)
def test_an_order_that_cannot_be_is_rejected_with_the_numbers(bench: PaperBench, order: Order, message: str) -> None:
    bench.broker.submit(order)

    report = bench.last()
    found = bench.broker.find(order.client_order_id)
    assert report.kind is K.REJECTED and message in report.message
    assert found is not None and not found.is_open
    assert bench.broker.account().buying_power == Money(100_000)


def test_working_orders_reserve_buying_power(bench: PaperBench) -> None:
    bench.broker.submit(b.order(limit="0.95", quantity=200))  # 406.30 each
    reserved = bench.broker.account()
    bench.broker.submit(b.order(limit="0.95", quantity=200, client_order_id=ID_2))
    second = bench.last()
    bench.broker.cancel(ClientOrderId("tl-order-1"))

    assert (reserved.cash, reserved.buying_power) == (Money(100_000), Money(100_000) - Money("81260.00"))
    assert second.kind is K.REJECTED and "needs 81260.00, 18740.00 is left" in second.message
    assert bench.broker.account().buying_power == Money(100_000)


def test_a_filled_spread_holds_back_its_width(bench: PaperBench) -> None:
    bench.broker.submit(b.order(limit="0.90"))
    working = bench.broker.account()
    bench.tick()

    account = bench.broker.account()

    assert account.cash == Money("100088.70")
    assert account.net_liquidating_value == Money("99988.70")  # to buy it back at mid costs 100
    assert account.buying_power == working.buying_power == Money("99588.70")


def test_the_worth_is_unknown_when_a_held_leg_has_no_valid_quote(bench: PaperBench) -> None:
    bench.broker.submit(b.order(limit="0.90"))
    bench.tick()

    bench.market.drop_quote(LONG_PUT)

    account = bench.broker.account()
    assert account.net_liquidating_value is None
    assert (account.cash, account.buying_power) == (Money("100088.70"), Money("99588.70"))


def test_overnight_the_last_marks_of_the_day_stand(bench: PaperBench) -> None:
    bench.broker.submit(b.order(limit="0.90"))
    bench.tick()
    bench.market.always_fresh = False
    bench.market.set_quotes(
        {SHORT_PUT: ("1.80", "2.00"), LONG_PUT: ("0.90", "1.10")}, at=b.new_york("2026-01-05 15:59")
    )

    worths = []
    for text in ("2026-01-05 16:30", "2026-01-06 08:00", "2026-01-06 09:30"):
        bench.clock.move_to(b.new_york(text))
        worths.append(bench.broker.account().net_liquidating_value)

    assert worths == [Money("99998.70"), Money("99998.70"), None]


def test_what_has_no_mark_is_held_back_for_at_its_most_and_without_a_spot_is_unknown(bench: PaperBench) -> None:
    call = "SPY 2026-01-16 C 600"
    bench.market.set_quote(call, 1, "1.10")
    bench.broker.submit(b.order(f"-1 {call}", limit="1.02"))
    assert bench.tick() == [K.FILLED]

    bench.market.drop_quote(call)
    unmarked = bench.broker.account().buying_power
    bench.market.set_spot("SPY", None)
    bench.broker.submit(b.order(limit="0.90", client_order_id=ID_2))

    assert unmarked == Money("100101.35") - Money(100 * (575 + 90))
    assert bench.broker.account().buying_power is None
    assert "the buying power is unknown" in bench.last().message
    assert bench.last().refusal is Refusal.INSUFFICIENT_BUYING_POWER


def test_a_cash_account_secures_puts_and_sells_no_calls(sqlite_books: str) -> None:
    bench = PaperBench(sqlite_books, is_cash_account=True)
    bench.market.set_quotes({"SPY 2026-01-16 C 600": (1, "1.10")})

    bench.broker.submit(b.order("-1 SPY 2026-01-16 P 560", limit=2))
    put = bench.broker.account()
    bench.broker.submit(b.order("-1 SPY 2026-01-16 C 600", client_order_id=ID_2))

    assert put.is_cash_account and put.buying_power == Money("44199.35")
    assert bench.last().kind is K.REJECTED
    bench.broker.close()


def test_no_more_is_closed_than_is_held_and_not_yet_being_closed(bench: PaperBench) -> None:
    opening = b.order(limit="0.90", quantity=3)
    bench.broker.submit(opening)
    bench.tick()
    bench.broker.submit(b.closing(opening, limit="-0.10", quantity=2))
    bench.broker.submit(b.closing(opening, limit="-0.10", quantity=2, client_order_id=ID_2))
    second = bench.last()
    bench.broker.submit(b.closing(opening, limit="-0.10", quantity=1, client_order_id=ClientOrderId("tl-order-3")))

    assert second.kind is K.REJECTED
    assert second.message == "cannot close 2 SPY 2026-01-16 P 560: -3 held, 2 of them being closed"
    assert bench.last().kind is K.ACCEPTED


def test_no_order_opens_against_what_is_held_or_being_opened(bench: PaperBench) -> None:
    opening = b.order(limit="0.90")
    mirror = ("+1 SPY 2026-01-16 P 560", "-1 SPY 2026-01-16 P 550")
    bench.broker.submit(opening)
    bench.broker.submit(b.order(*mirror, limit=-2, client_order_id=ID_2))
    against_working = bench.last()
    bench.tick()
    bench.broker.submit(b.order(*mirror, limit=-2, client_order_id=ClientOrderId("tl-order-3")))

    for report in (against_working, bench.last()):
        assert report.kind is K.REJECTED
        assert report.message == "cannot open against -1 SPY 2026-01-16 P 560 held or being opened"


def test_closing_needs_no_buying_power(sqlite_books: str) -> None:
    bench = PaperBench(sqlite_books, starting_cash=Money(412))
    opening = b.order(limit="0.90")
    bench.broker.submit(opening)
    bench.tick()

    bench.broker.submit(b.closing(opening, limit=-5))

    assert bench.tick() == [K.FILLED]
    assert bench.broker.account().cash == Money("-0.60")
    bench.broker.close()


def test_a_replace_beyond_the_buying_power_is_refused(sqlite_books: str) -> None:
    bench = PaperBench(sqlite_books, starting_cash=Money(400))
    order = b.order(limit="1.50")
    bench.broker.submit(order)

    bench.broker.replace(order.client_order_id, Price("1.00"), 1)
    refused = bench.last()
    bench.broker.replace(order.client_order_id, Price("1.000001"), 2)
    too_fine = bench.last()
    bench.broker.replace(order.client_order_id, Price("1.02"), 3)

    assert (refused.kind, too_fine.kind, bench.last().kind) == (K.REPLACE_REFUSED, K.REPLACE_REFUSED, K.REPLACED)
    assert "needs 401.30, 400.00 is left" in refused.message and "finer than a cent" in too_fine.message
    assert bench.broker.account().buying_power == Money("0.70")


@pytest.mark.parametrize(
    ("legs", "spot", "outcomes", "cash", "shares"),
    [
        (("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555"), "558.25", ["expired", "assigned"], -56_000, 100),
        (("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555"), "550", ["exercised", "assigned"], -500, 0),
        (("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555"), "560", ["expired", "expired"], 0, 0),
        (("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555"), "559.99", ["expired", "assigned"], -56_000, 100),
        (("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555"), "559.995", ["expired", "expired"], 0, 0),
        (("+1 SPY 2026-01-16 P 560",), "550", ["exercised"], 56_000, -100),
        (("+1 SPY 2026-01-16 C 560",), "570", ["exercised"], -56_000, 100),
        (("-1 SPY 2026-01-16 C 560", "+1 SPY 2026-01-16 C 600"), "570", ["assigned", "expired"], 56_000, -100),
        (("+1 SPXW 2026-01-16 C 5600", "-1 SPXW 2026-01-16 C 5605"), "5602.15", ["cash_settled", "expired"], 215, 0),
    ],
)
def test_what_expires_turns_into_cash_or_shares(
    bench: PaperBench, legs: tuple[str, ...], spot: str, outcomes: list[str], cash: int, shares: int
) -> None:
    contracts = [leg.contract for leg in b.legs(*legs)]
    bench.market.set_quotes({contract.notation: (1, 1) for contract in contracts})
    limit = 0 if len(contracts) > 1 else -1
    bench.broker.submit(b.order(*legs, limit=limit))
    assert bench.tick() == [K.FILLED]
    before = bench.broker.account().cash
    close = b.new_york("2026-01-16 16:00")
    wakes: list[bool] = []
    bench.broker.on_report(lambda: wakes.append(True))

    bench.market.set_spot(contracts[0].underlying, None)
    bench.tick(close)
    unknown = bench.broker.holdings()
    bench.market.set_spot(contracts[0].underlying, spot, at=close)
    bench.tick(close + timedelta(hours=1))
    bench.tick(close + timedelta(hours=2))

    after = bench.broker.account().cash
    assert len(unknown) == len(legs) and bench.broker.holdings() == {}
    assert before is not None and after is not None and after - before == Money(cash)
    assert [settled.outcome for settled in bench.broker.settlements()] == outcomes
    assert bench.broker.account().shares == ({contracts[0].underlying: shares} if shares else {})
    assert wakes == [True]


def test_a_morning_settled_contract_settles_at_the_opening_price(bench: PaperBench) -> None:
    put = "SPX 2026-01-16 P 5600"
    bench.market.set_quote(put, 10, 10)
    bench.broker.submit(b.order(f"+1 {put}", limit=-10))
    bench.tick()
    bench.market.set_spot("SPX", 5700, at=b.new_york("2026-01-15 16:00"))
    bench.market.set_spot("SPX", 5590, at=b.new_york("2026-01-16 09:30"))
    bench.market.set_spot("SPX", 5650, at=b.new_york("2026-01-16 16:00"))

    bench.tick(b.new_york("2026-01-17 12:00"))

    assert [(one.spot, one.cash) for one in bench.broker.settlements()] == [(Price(5590), Money(1000))]


def test_a_market_that_does_not_answer_fills_and_values_nothing(bench: PaperBench) -> None:
    bench.broker.submit(b.order(limit="0.90"))
    bench.tick()
    bench.broker.submit(b.order(limit="0.90", client_order_id=ID_2))

    bench.market.is_down = True

    assert bench.tick(bench.clock.advance(seconds=1)) == []
    assert bench.broker.account().net_liquidating_value is None
    assert bench.tick(b.new_york("2026-01-16 16:00")) == [K.EXPIRED]
    assert len(bench.broker.holdings()) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"account_id": ""},
        {"fill_at": Decimal("1.5")},
        {"partial_fill_probability": Decimal(-1)},
        {"fee_per_contract": Money(-1)},
        {"starting_cash": Money("0.001")},
        {"quote_age_max": timedelta(0)},
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        PaperSettings(**changes)  # type: ignore[arg-type]  # wrong on purpose


def test_a_scripted_fill_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="positive"):
        Instruction(fills=(1, 0))
