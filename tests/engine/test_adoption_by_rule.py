"""What the setting ``adopt`` makes of holdings from elsewhere: a position by rule, left alone, or a question."""

from typing import Any

import pytest

from thetaloom.domain.book.elsewhere import FindingKind, FindingStatus
from thetaloom.domain.book.orders import Effect
from thetaloom.domain.book.positions import Position
from thetaloom.domain.run.events import EventKind
from thetaloom.domain.run.runs import Outcome, RunStatus
from thetaloom.domain.strategy.strategies import ExitKind, ExitUnit
from thetaloom.domain.strategy.structures import Leg
from thetaloom.domain.values.money import NOTHING, Price
from thetaloom.engine.reconcile import find_drifts, reconcile
from thetaloom.engine.reconciliation.answers import Phase
from thetaloom.store.database import Database
from thetaloom.testing import builders
from thetaloom.testing.desk import STRATEGY, DeskBench, exit_rule, put_credit_spread

SHORT, LONG = builders.contract("SPY 2026-01-16 P 560"), builders.contract("SPY 2026-01-16 P 555")
SOLD = (Leg(contract=SHORT, ratio=-1), Leg(contract=LONG, ratio=1))
STRANGE = builders.contract("SPY 2026-01-16 C 600")
TARGET = exit_rule(ExitKind.PROFIT_TARGET, 50, ExitUnit.PERCENT_OF_PREMIUM)


def desk_of(database: Database, rule: str, **strategy: Any) -> DeskBench:
    """A desk with a rule for what comes from elsewhere, whose first look is behind it."""
    bench = DeskBench(database, settings={"adopt": rule})
    bench.save(put_credit_spread(**({"exits": (TARGET,)} | strategy)))
    reconcile(bench.desk)
    return bench


def adopted(bench: DeskBench) -> list[Position]:
    """The open positions of the account."""
    with bench.store.reading() as uow:
        return list(uow.positions.open_positions(bench.broker.account_id))


def test_a_trade_elsewhere_becomes_a_position_of_the_strategy_that_the_rule_names(database: Database) -> None:
    bench = desk_of(database, STRATEGY)
    bench.broker.trade_elsewhere(SOLD, 2, Price("1.10"))

    found = reconcile(bench.desk)
    again = reconcile(bench.desk)

    (position,) = adopted(bench)
    run = bench.run(position.run_id)
    assert (position.strategy_id, position.quantity, position.entry_price) == (STRATEGY, 2, Price("1.10"))
    assert run.status is RunStatus.MONITORING and bench.orders(run.id) == [] and bench.broker.requests == []
    assert found.phases[3].phase is Phase.POSITIONS and found.phases[3].errors == 0 and found.findings == ()
    assert bench.facts(EventKind.POSITION_ADOPTED)["by"] == "by rule"
    assert again.changed == 0 and find_drifts(bench.desk) == ()
    assert bench.faults(run.id) == [] and bench.replay(run.id).identical


def test_the_exits_of_the_rule_watch_what_was_adopted_to_its_end(database: Database) -> None:
    bench = desk_of(database, STRATEGY)
    bench.quote_spread(1.00, half_width=0.02)
    bench.broker.trade_elsewhere(SOLD, 1, Price("1.10"))
    bench.pass_time(seconds=12)  # nobody asks: the engine notices by itself
    (position,) = adopted(bench)
    bench.quote_spread(0.40, half_width=0.02)
    bench.pass_time(seconds=70)
    order = bench.order(position.run_id, Effect.CLOSE)
    bench.broker.fill(order.client_order_id)
    bench.engine.settle()

    run, closed = bench.run(position.run_id), bench.position(position.run_id)
    told = sum((one.cash + one.fees for one in bench.broker.transactions(0)), NOTHING)
    assert (run.outcome, run.reason) == (Outcome.CLOSED, "profit_target")
    assert closed is not None and not closed.is_open and closed.realized_pnl == told
    assert reconcile(bench.desk).findings == () and bench.replay(run.id).identical


@pytest.mark.parametrize(("rule", "status"), [("ask", FindingStatus.WAITING), ("ignore", FindingStatus.IGNORED)])
def test_any_other_rule_makes_no_position(database: Database, rule: str, status: FindingStatus) -> None:
    bench = desk_of(database, rule)
    bench.broker.trade_elsewhere(SOLD, 1, Price("1.10"))

    found = reconcile(bench.desk)

    assert [(one.kind, one.status) for one in found.findings] == [(FindingKind.UNKNOWN_HOLDING, status)]
    assert adopted(bench) == [] and (found.drifts == ()) == (rule == "ignore")
    assert reconcile(bench.desk).changed == 0


def test_a_rule_that_names_no_strategy_asks_and_books_the_rest(database: Database) -> None:
    bench = desk_of(database, "nowhere", exits=())
    run = bench.enter()
    bench.broker.trade_elsewhere(tuple(Leg(contract=leg.contract, ratio=-leg.ratio) for leg in SOLD), 1, Price("-0.40"))
    bench.broker.trade_elsewhere((Leg(contract=STRANGE, ratio=1),), 2, Price("-1.00"))

    found = reconcile(bench.desk)

    assert [one.kind for one in found.findings] == [FindingKind.UNKNOWN_HOLDING]
    assert found.phases[3].errors == 1 and "nowhere" in " ".join(found.phases[3].notes)
    assert bench.run(run).reason == "closed_elsewhere" and adopted(bench) == []


def test_a_holding_without_a_price_is_asked_about_whatever_the_rule_says(database: Database) -> None:
    bench = desk_of(database, STRATEGY)
    bench.broker.held[STRANGE] = 2
    for _ in range(3):
        reconcile(bench.desk)

    assert adopted(bench) == []
    with bench.store.reading() as uow:
        standing = uow.looks.standing(bench.broker.account_id)
    assert standing and {one.status for one in standing} == {FindingStatus.WAITING}


def test_a_kill_between_the_look_and_the_commit_adopts_once(database: Database) -> None:
    bench = desk_of(database, STRATEGY)
    bench.broker.trade_elsewhere(SOLD, 1, Price("1.10"))
    reconcile(bench.desk, dry_run=True)  # the same transaction, thrown away as a kill would
    bench.restart()
    bench.restart()

    (position,) = adopted(bench)
    assert position.quantity == 1 and find_drifts(bench.desk) == ()


def test_what_partly_closes_ours_and_opens_more_is_split_between_both(database: Database) -> None:
    bench = desk_of(database, STRATEGY, exits=())
    run = bench.enter()
    bench.broker.trade_elsewhere(tuple(Leg(contract=leg.contract, ratio=-leg.ratio) for leg in SOLD), 3, Price("-0.40"))

    reconcile(bench.desk)

    assert bench.run(run).reason == "closed_elsewhere"
    (position,) = adopted(bench)
    assert position.held == {SHORT: 2, LONG: -2} and position.entry_price == Price("-0.40")
    assert find_drifts(bench.desk) == ()
