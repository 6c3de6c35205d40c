"""What expiration does to a position, against hand-made tables."""

from datetime import timedelta

import pytest

from thetaloom.domain.book.expiry import plan_expiry
from thetaloom.domain.strategy.strategies import ExitKind, ExitUnit
from thetaloom.domain.values.money import Price
from thetaloom.testing import builders
from thetaloom.testing.desk import exit_rule

ASSIGNED = "is assigned at 5900: buys 100 shares at 6000"
CALENDAR = builders.trading_calendar()


@pytest.mark.parametrize(
    ("contract", "settlement", "last", "settles", "nothing"),
    [
        ("SPX 2026-01-16 P 6000", "AM, cash, European", "01-15 16:15", "01-16 09:30", "costs 10000 in cash at 5900"),
        ("SPXW 2026-01-16 P 6000", "PM, cash, European", "01-16 16:00", "01-16 16:00", "costs 10000 in cash at 5900"),
        ("SPY 2026-01-16 P 6000", "PM, shares, American", "01-16 16:00", "01-16 16:00", ASSIGNED),
        ("SPY 2026-01-16 C 6000", "PM, shares, American", "01-16 16:00", "01-16 16:00", "expires worthless at 5900"),
        ("SPY 2026-11-27 P 6000", "PM, shares, American", "11-27 13:00", "11-27 13:00", ASSIGNED),
        ("SPXW 2026-11-27 P 6000", "PM, cash, European", "11-27 13:00", "11-27 13:00", "costs 10000 in cash at 5900"),
    ],
)
def test_a_contract_ends_as_its_kind_and_its_day_say(
    contract: str, settlement: str, last: str, settles: str, nothing: str
) -> None:
    position = builders.position(f"-1 {contract}")
    now = builders.new_york("2026-01-12 10:00")

    plan = plan_expiry(position, (), CALENDAR, now, Price(5900))

    (one,) = plan.contracts
    assert (one.settlement, one.if_nothing, one.quantity) == (settlement, nothing, -1)
    assert one.last_trade_at == builders.new_york(f"2026-{last}")
    assert one.settles_at == builders.new_york(f"2026-{settles}")
    assert one.is_near == contract.startswith(("SPX 2026-01", "SPXW 2026-01", "SPY 2026-01"))
    assert one.instruct_by is None
    assert plan.acts_first == "expiration: no rule acts by time before it"


def test_the_rule_that_acts_first_is_named() -> None:
    position = builders.position("-1 SPY 2026-01-16 P 560", "+1 SPY 2026-01-16 P 555")
    rules = (
        exit_rule(ExitKind.MINUTES_TO_CLOSE, 15, ExitUnit.MINUTES),
        exit_rule(ExitKind.DTE, 2, ExitUnit.DAYS),
    )

    plan = plan_expiry(position, rules, CALENDAR, builders.new_york("2026-01-12 10:00"), None)

    assert [turn.at for turn in plan.turns] == [
        builders.new_york("2026-01-12 15:45"),
        builders.new_york("2026-01-14 09:30"),
    ]
    assert plan.acts_first == "the rule minutes_to_close 15 closes it first"
    bought = next(one for one in plan.contracts if one.quantity > 0)
    assert bought.instruct_by == bought.settles_at + timedelta(minutes=90)
    assert all(one.if_nothing == "unknown: the underlying has no price now" for one in plan.contracts)


def test_after_the_last_trade_the_broker_has_the_word() -> None:
    position = builders.position("-1 SPX 2026-01-16 P 6000")

    plan = plan_expiry(position, (), CALENDAR, builders.new_york("2026-01-15 16:20"), Price(5900))

    assert plan.acts_first == "the broker tells what became of what has expired"
