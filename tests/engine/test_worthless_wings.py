"""A wing that nobody bids for any more must not keep its structure from being closed: seed 203 of the simulation."""

from datetime import timedelta

import pytest

from thetaloom.domain.book.orders import Effect
from thetaloom.domain.market.quotes import WORTHLESS_ASK_MAX, judge_quote
from thetaloom.domain.run.runs import RunStatus
from thetaloom.domain.strategy.strategies import ExitKind, ExitUnit
from thetaloom.domain.values.reasons import Reason
from thetaloom.testing import builders
from thetaloom.testing.desk import DeskBench, exit_rule, put_credit_spread

STOP = exit_rule(ExitKind.STOP_LOSS, 80, ExitUnit.PERCENT_OF_PREMIUM)
AGE = timedelta(minutes=5)


def test_a_stop_fires_and_closes_though_the_long_leg_has_no_bid(lite: DeskBench) -> None:
    run = lite.enter(put_credit_spread(exits=(STOP,)))

    lite.market.set_quotes({"SPY 2026-01-16 P 560": (2.90, 3.10), "SPY 2026-01-16 P 555": (0, 0.05)})
    lite.engine.settle()

    assert lite.run(run).status is RunStatus.CLOSING
    assert lite.order(run, Effect.CLOSE).legs == builders.legs("+1 SPY 2026-01-16 P 560", "-1 SPY 2026-01-16 P 555")


def test_a_stub_is_still_no_price_to_close_at(lite: DeskBench) -> None:
    run = lite.enter(put_credit_spread(exits=(STOP,)))

    lite.market.set_quotes({"SPY 2026-01-16 P 560": (2.90, 3.10), "SPY 2026-01-16 P 555": (0, 5)})
    lite.engine.settle()

    assert lite.run(run).status is RunStatus.MONITORING
    assert lite.orders(run, Effect.CLOSE) == []


@pytest.mark.parametrize(
    ("ask", "closes", "allowed"), [("0.10", True, True), ("0.11", True, False), ("0.10", False, False)]
)
def test_only_a_closing_order_sells_what_is_worth_nothing(ask: str, closes: bool, allowed: bool) -> None:
    verdict = judge_quote(builders.quote(0, ask), builders.NOW, AGE, to_sell=True, closes=closes)

    assert verdict.is_allowed == allowed
    assert allowed or verdict.reason is Reason.ONE_SIDED_QUOTE
    assert builders.price("0.10") == WORTHLESS_ASK_MAX
